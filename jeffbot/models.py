"""The values that travel between the rooms: frozen, and free of Nextcord, aiohttp and files."""

import enum
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import NewType

UserId = NewType("UserId", int)
GuildId = NewType("GuildId", int)
ChannelId = NewType("ChannelId", int)
Seconds = float

PACKET_SECONDS: Seconds = 0.02
"""What one Opus packet lasts (Discord: Voice Connections, "Encrypting and Sending Voice")."""


def duration_of(packets: Sequence[bytes]) -> Seconds:
    """How long a run of Opus packets lasts."""
    return round(len(packets) * PACKET_SECONDS, 2)


@dataclass(frozen=True, slots=True)
class Sound:
    """A sound file of the library."""

    name: str
    """File name with extension, unique in the library; the path where two files of one name would clash."""
    path: str
    """Place below the library folder, with forward slashes."""
    file: Path
    """Place on this machine; never shown to anyone."""
    size: int
    """Bytes."""
    modified_ns: int
    """Time of last change, nanoseconds since the epoch."""

    @property
    def title(self) -> str:
        """What people are shown."""
        return self.name

    @property
    def tags(self) -> tuple[str, ...]:
        """The subfolders it lies in, outermost first."""
        return PurePosixPath(self.path).parts[:-1]


@dataclass(frozen=True, slots=True)
class Caller:
    """Who asks, and what their token or interaction lets them reach."""

    user_id: UserId
    guild_id: GuildId | None = None
    """The one guild they may act on; None: whichever they are in voice in."""


@dataclass(frozen=True, slots=True)
class VoicePlace:
    """A voice channel someone is in."""

    guild_id: GuildId
    channel_id: ChannelId
    channel: str
    """The channel's name."""


class EndReason(enum.StrEnum):
    """Why a playback ended."""

    FINISHED = "finished"
    STOPPED = "stopped"
    REPLACED = "replaced"
    FAILED = "failed"
    LEFT = "left"


@dataclass(frozen=True, slots=True)
class Playback:
    """One sound on its way to one voice channel."""

    id: str
    sound: Sound
    user_id: UserId
    place: VoicePlace
    duration: Seconds
    started_at: float
    """When its first packet left, seconds since the epoch."""

    @property
    def position(self) -> Seconds:
        """How much of it has been heard by now."""
        return min(max(0.0, time.time() - self.started_at), self.duration)


@dataclass(frozen=True, slots=True)
class Status:
    """What the bot does in the caller's guild."""

    connected: bool
    channel: str | None
    now_playing: Playback | None
    sound_count: int
    server_time: float
    """Seconds since the epoch."""

    @property
    def playing(self) -> bool:
        """Whether a sound is being heard."""
        return self.now_playing is not None
