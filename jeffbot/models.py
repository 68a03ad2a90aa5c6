"""The values that travel between the rooms: frozen, and free of Nextcord, aiohttp and files."""

import enum
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


class Mode(enum.StrEnum):
    """What a press does to what plays already."""

    REPLACE = "replace"
    """It takes its place."""
    OVERLAP = "overlap"
    """It is heard with it."""
    QUEUE = "queue"
    """It waits for its end, behind what waits already."""
    NEXT = "next"
    """It waits for its end, ahead of what waits already."""


class Retrigger(enum.StrEnum):
    """What a press does where the very same sound plays."""

    RESTART = "restart"
    """It begins anew."""
    OVERLAP = "overlap"
    """It is heard once more, over itself."""
    IGNORE = "ignore"
    """It goes on; the press is taken for the one before."""


MAX_VOLUME = 200.0
"""Percent."""
MAX_GAIN = 24.0
"""Decibels, up or down."""


@dataclass(frozen=True, slots=True)
class PlayOptions:
    """How a sound is to be played.

    Raises:
        ValueError: Volume or gain is out of bounds.
    """

    mode: Mode = Mode.REPLACE
    retrigger: Retrigger = Retrigger.RESTART
    volume: float = 100.0
    """Percent of amplitude, 0 to 200."""
    gain: float = 0.0
    """Decibels beside it, -24 to 24."""

    def __post_init__(self) -> None:
        if not 0 <= self.volume <= MAX_VOLUME:
            raise ValueError(f"volume must be 0 to {MAX_VOLUME:g} percent")
        if not -MAX_GAIN <= self.gain <= MAX_GAIN:
            raise ValueError(f"gain must be -{MAX_GAIN:g} to {MAX_GAIN:g} dB")

    @property
    def factor(self) -> float:
        """What samples are multiplied with."""
        return self.volume / 100 * 10 ** (self.gain / 20)


class EndReason(enum.StrEnum):
    """Why a playback ended."""

    FINISHED = "finished"
    STOPPED = "stopped"
    SKIPPED = "skipped"
    REPLACED = "replaced"
    FAILED = "failed"
    LEFT = "left"
