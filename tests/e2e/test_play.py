"""From a press, by either door, to what a listener hears."""

import pytest

from jeffbot.client import RemoteClient
from jeffbot.sandbox.ears import Recording
from staging import TONES, Stage

pytestmark = pytest.mark.play


async def heard(stage: Stage, packets: int = 40) -> Recording:
    """What a listener hears from now on, without silence."""
    ear = stage.ear
    start = len(ear.packets)
    await stage.discord.until(lambda: len(ear.packets) >= start + packets, timeout=5)
    return Recording(ear.packets[start:]).without_silence


@pytest.mark.parametrize("name", TONES)
async def test_remote_play_is_heard(stage: Stage, remote: RemoteClient, name: str) -> None:
    """A press over the WebSocket arrives in the voice channel as that sound."""
    playing = await remote.play(name)

    assert (playing.title, playing.channel) == (name, "General")
    recording = await heard(stage)
    assert recording.strongest_frequency_hz == pytest.approx(TONES[name], abs=5)
