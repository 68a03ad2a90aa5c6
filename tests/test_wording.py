"""What members are told of states that pass quickly."""

from typing import Any

import pytest

from jeffbot.cogs import wording
from jeffbot.models import ChannelId, GuildId, LinkState, Sound, UserId, VoicePlace, VoiceReport
from jeffbot.playback import Encoding, Playback, Status

CAVE = VoicePlace(GuildId(81), ChannelId(810), "the_cave")
DRUMS = Playback(Sound("drums.mp3", "drums.mp3", "/nowhere", 1, 1), UserId(1), CAVE)
IDLE: dict[str, Any] = {
    "guild_id": None,
    "volume": 100.0,
    "connected": True,
    "channel": "the_cave",
    "now_playing": None,
    "queue": (),
    "paused": False,
    "encoding": None,
    "sound_count": 12,
    "server_time": 0.0,
    "voice": VoiceReport(state=LinkState.IDLE),
}


def voice(state: LinkState, last_close: str | None = None) -> dict[str, VoiceReport]:
    """A change of how voice is."""
    return {"voice": VoiceReport(state=state, last_close=last_close)}


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({}, r"In **the\_cave**, playing nothing. 12 sounds in the library."),
        ({"encoding": Encoding(3, 5)}, "12 sounds in the library; 3 of 5 prepared so far."),
        ({"now_playing": DRUMS, "queue": (DRUMS,)}, "playing **drums.mp3** (0.0 of ? s); 1 more wait."),
        ({"now_playing": DRUMS, "paused": True}, "paused in **drums.mp3**"),
        ({"connected": False, "channel": None}, "In no voice channel"),
        (voice(LinkState.JOINING), "It is joining a voice channel."),
        (voice(LinkState.RECOVERING, "it crashed"), "being made anew.\nLast trouble with voice: it crashed."),
        (voice(LinkState.GONE), "It is being unloaded."),
        (voice(LinkState.READY), "Voice: 0 listening, not end-to-end encrypted, 0 packets sent"),
    ],
)
def test_status(changes: dict[str, Any], words: str) -> None:
    """Each state is told in words, other people's names as they are."""
    assert words in wording.told(Status(**{**IDLE, **changes}))
