"""One press's sound, from the press to its end, and the news of it."""

import asyncio
import time
import uuid
from collections.abc import Callable
from dataclasses import dataclass

from .models import EndReason, GuildId, Seconds, Sound, UserId, VoicePlace, VoiceReport


class Playback:
    """One sound on its way to one voice channel. It is read and awaited in the event loop.

    It begins once and then ends once, or ends without having begun.
    """

    def __init__(self, sound: Sound, user_id: UserId, place: VoicePlace, *, counted: bool = True) -> None:
        self.id = uuid.uuid4().hex
        self.sound = sound
        self.user_id = user_id
        """Who pressed."""
        self.place = place
        self.counted = counted
        """Whether it is a press that someone wants counted: entrances are not."""
        self.started_at: float | None = None
        """When its first packet left, seconds since the epoch; None while it waits."""
        self.reason: EndReason | None = None
        """Why it ended; None until then."""
        self._duration: Callable[[], Seconds | None] = lambda: None
        self._position: Callable[[], Seconds] = lambda: 0.0
        self._ended: asyncio.Event = asyncio.Event()

    @property
    def title(self) -> str:
        """What people are shown of the sound."""
        return self.sound.title

    @property
    def duration(self) -> Seconds | None:
        """How long it is; None while that is not known, as of a sound that is still being encoded."""
        return self._duration()

    @property
    def position(self) -> Seconds:
        """How much of it has been sent by now."""
        return self._position()

    async def wait_ended(self) -> EndReason:
        """Wait until it has ended; why."""
        await self._ended.wait()
        assert self.reason is not None  # noqa: S101 - set before the event
        return self.reason

    # For those who play it

    def measure(self, duration: Callable[[], Seconds | None], position: Callable[[], Seconds]) -> None:
        """Say where its length and position are read."""
        self._duration, self._position = duration, position

    def begin(self) -> None:
        """Its first packet has left."""
        self.started_at = time.time()

    def end(self, reason: EndReason) -> None:
        """It is over."""
        self.reason = reason
        self._ended.set()


@dataclass(frozen=True, slots=True)
class Encoding:
    """How many of so many sounds have been seen to."""

    done: int
    total: int


@dataclass(frozen=True, slots=True)
class Status:
    """What the bot does in the caller's guild."""

    guild_id: GuildId | None
    """None: it cannot be told."""
    connected: bool
    channel: str | None
    now_playing: Playback | None
    """What began last of all that is being heard."""
    queue: tuple[Playback, ...]
    """What waits, the next one first."""
    paused: bool
    encoding: Encoding | None
    """How far encoding ahead is; None when all that can be has been encoded."""
    sound_count: int
    server_time: float
    """Seconds since the epoch."""
    volume: float
    """How loud all is, percent."""
    voice: VoiceReport
    """How the voice connection is."""

    @property
    def playing(self) -> bool:
        """Whether a sound is being heard."""
        return self.now_playing is not None


@dataclass(frozen=True, slots=True)
class SoundStarted:
    """The first packet of a sound has left."""

    playback: Playback


@dataclass(frozen=True, slots=True)
class SoundEnded:
    """A sound is over; ``playback.reason`` says why. It was not necessarily heard: ``started_at`` tells."""

    playback: Playback


type PlaybackEvent = SoundStarted | SoundEnded
