"""A server of the remote control with nothing real behind it, for tests of the server alone."""

import asyncio
import tempfile
from collections.abc import Callable, Collection, Sequence
from pathlib import Path
from typing import Any

from jeffbot.models import Caller, ChannelId, GuildId, LinkState, Sound, UserId, VoicePlace, VoiceReport
from jeffbot.playback import Playback, Status
from jeffbot.service.targets import Targets
from jeffbot.ws.auth import Tokens
from jeffbot.ws.desk import Desk
from jeffbot.ws.feed import Feed
from jeffbot.ws.limits import LimitRules, Rate
from jeffbot.ws.previews import Previews
from jeffbot.ws.server import Gate, Server
from jeffbot.ws.uploads import Uploads
from staging import PATIENCE, SECRET

GENERAL = VoicePlace(GuildId(81), ChannelId(810), "General")
SOUNDS = tuple(Sound(name, name, name, 1, 1) for name in (f"{number:04}.mp3" for number in range(3000)))
NO_LIMITS = LimitRules(requests=Rate(0, 1), presses=Rate(0, 1), failures=Rate(0, 1))


class FakeService:
    """A soundboard with many sounds, none of which begins before ``begin`` is set."""

    library_version = 1
    encoding = None

    def __init__(self) -> None:
        self.begin = asyncio.Event()
        self.audit = self.members = self.revocations = self
        self.notes: list[tuple[object, ...]] = []

    async def wait_ready(self) -> None:
        """The sounds are known."""

    def subscribe(self, _listener: Callable[..., object]) -> Callable[[], None]:
        return lambda: None

    def note(self, *what: object, **_more: object) -> None:
        self.notes.append(what)

    def place_of(self, _user_id: UserId, _guild_id: GuildId | None) -> None:
        return None

    def only_guild(self) -> None:
        return None

    def count(self, _guild_id: GuildId | None) -> int:
        return len(SOUNDS)

    def sounds(self, caller: Caller) -> Sequence[Sound]:  # noqa: ARG002
        return SOUNDS

    def duration(self, _sound: Sound) -> float:
        return 1.0

    async def play(self, caller: Caller, _filename: str, **_options: object) -> Playback:
        await self.begin.wait()
        playback = Playback(SOUNDS[0], caller.user_id, GENERAL)
        playback.begin()
        return playback

    async def random(self, caller: Caller, **_options: object) -> Playback:
        return await self.play(caller, "")

    def status(self, _caller: Caller) -> Status:
        return Status(
            guild_id=None,
            connected=False,
            channel=None,
            now_playing=None,
            queue=(),
            paused=False,
            encoding=None,
            sound_count=3000,
            server_time=0.0,
            volume=100.0,
            voice=VoiceReport(state=LinkState.IDLE),
        )


class FakeSight:
    """Nobody is anywhere."""

    def users_in(self, _guild_id: GuildId) -> Collection[UserId]:
        return ()

    def guild_of(self, _user_id: UserId) -> GuildId | None:
        return None

    def only_guild(self) -> GuildId | None:
        return None


def make_server(service: Any, scratch: Path | None = None, **gate: Any) -> Server:
    """A server on a free port, without limits."""
    folder = scratch or Path(tempfile.mkdtemp())
    desk = Desk(
        service=service,
        tokens=Tokens(SECRET, hours=1),
        uploads=Uploads(service, folder / "uploads", max_bytes=1 << 20),
    )
    settings: dict[str, Any] = {"host": "127.0.0.1", "port": 0, "auth_timeout": PATIENCE, "limits": NO_LIMITS} | gate
    feed, targets = Feed(FakeSight()), Targets(service)
    return Server(desk, targets, feed, Previews(service.play), Gate(**settings))
