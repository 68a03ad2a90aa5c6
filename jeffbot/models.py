"""The values that travel between the rooms: frozen, and free of Nextcord, aiohttp and files."""

import enum
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple, NewType

import msgspec

UserId = NewType("UserId", int)
GuildId = NewType("GuildId", int)
ChannelId = NewType("ChannelId", int)
Seconds = float

SOMEONE = UserId(0)
"""Stands for who brought a sound and is not known, or had themselves erased since: managers can delete it."""

PACKET_SECONDS: Seconds = 0.02
"""What one Opus packet lasts (Discord: Voice Connections, "Encrypting and Sending Voice")."""


def duration_of(packets: Sequence[bytes]) -> Seconds:
    """How long a run of Opus packets lasts."""
    return round(len(packets) * PACKET_SECONDS, 2)


class Standing(enum.IntEnum):
    """What someone may do beyond what everybody may."""

    MEMBER = 0
    """Play, and look after what is their own."""
    MANAGER = 1
    """Look after a guild's own sounds, its settings and its members' entrances."""
    OPERATOR = 2
    """All that, in every guild, and the shared sounds: who runs the bot, and its other cogs."""


@dataclass(frozen=True, slots=True)
class Caller:
    """Who asks, and what their token or interaction lets them reach."""

    user_id: UserId
    guild_id: GuildId | None = None
    """The one guild they may act on; None: whichever they are in voice in."""
    standing: Standing = Standing.MEMBER
    channel_id: ChannelId | None = None
    """The voice channel of that guild they want to be heard in; None: the one they are in."""
    token_id: str | None = None
    """The ``jti`` of the token they came with; None: it has none, or they came by Discord. For the audit."""
    address: str | None = None
    """The network address they came from, likewise."""


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


class Trim(NamedTuple):
    """Which part of a file is played."""

    start: Seconds
    end: Seconds | None
    """Counted from the file's beginning, too; None: all the rest."""


WHOLE = Trim(0.0, None)


class Details(msgspec.Struct, frozen=True, gc=False, kw_only=True):
    """What people say of a sound; :func:`jeffbot.library.details.check` says what is allowed."""

    title: str = ""
    """What people are shown; empty: the file's name."""
    aliases: tuple[str, ...] = ()
    """Other names it is found by."""
    emoji: str = ""
    """One Unicode emoji, or one of Discord's (``<:name:id>``)."""
    colour: int | None = None
    """0xRRGGBB."""
    tags: tuple[str, ...] = ()
    """Beside those it has from the folders it lies in."""
    gain: float = 0.0
    """Decibels it is played louder or softer."""
    trim_start: Seconds = 0.0
    """What is left out of its beginning."""
    trim_end: Seconds | None = None
    """Where it ends, counted from the file's beginning; None: where the file does."""
    retrigger: Retrigger | None = None
    """None: as the guild has it."""

    @property
    def trim(self) -> Trim:
        """Which part of the file is played."""
        return Trim(self.trim_start, self.trim_end)


_PLAIN = Details()


class Sound(msgspec.Struct, frozen=True, gc=False):
    """A sound file of the library; not looked at by the garbage collector, which 100 000 of them would keep busy."""

    name: str
    """File name with extension, unique in its library; the path where two files of one name would clash."""
    path: str
    """Place below the folder of its library, with forward slashes."""
    folder: str
    """Path of that folder on this machine; never shown to anyone."""
    size: int
    """Bytes."""
    modified_ns: int
    """Time of last change, nanoseconds since the epoch."""
    guild_id: GuildId | None = None
    """Whose library it is in; None: the one that all guilds share."""
    id: int = 0
    """Its number in the store, which stays when the file is renamed; 0: the store does not know it yet."""
    details: Details = _PLAIN
    uploader_id: UserId | None = None
    """Who brought it; SOMEONE: that is not known; None: it was put into the folder."""
    created_at: float = 0.0
    """When it was first seen, seconds since the epoch."""
    native_id: int | None = None
    """Its id on the guild's own soundboard, Discord's, where it came from; None: it is not there."""

    @property
    def file(self) -> Path:
        """Its place on this machine."""
        return Path(self.folder, self.path)

    @property
    def title(self) -> str:
        """What people are shown."""
        return self.details.title or self.name

    @property
    def tags(self) -> tuple[str, ...]:
        """The subfolders it lies in, outermost first, and what people call its kind."""
        *folders, _ = self.path.split("/")
        return *folders, *(tag for tag in self.details.tags if tag not in folders)


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
    counted: bool = True
    """Whether it is counted as played, as presses are."""

    def __post_init__(self) -> None:
        if not 0 <= self.volume <= MAX_VOLUME:
            raise ValueError(f"volume must be 0 to {MAX_VOLUME:g} percent")
        if not -MAX_GAIN <= self.gain <= MAX_GAIN:
            raise ValueError(f"gain must be -{MAX_GAIN:g} to {MAX_GAIN:g} dB")

    @property
    def factor(self) -> float:
        """What samples are multiplied with."""
        return self.volume / 100 * 10 ** (self.gain / 20)


class NativeSound(NamedTuple):
    """A sound of Discord's own soundboard."""

    id: int
    name: str
    volume: float = 1.0
    """0 to 1."""
    emoji: str = ""
    """As it is written in a message: ``🔊`` or ``<:name:id>``; empty: none."""
    available: bool = True
    """Whether it can be played; not where the guild has lost the boosts it takes."""
    guild_id: GuildId | None = None
    """None: everybody has it."""


class Moved(enum.StrEnum):
    """What to do when a moderator moves the bot."""

    FOLLOW = "follow"
    """Stay where it was put."""
    RETURN = "return"
    """Go back to where it was asked to play."""


class TakeAway(enum.StrEnum):
    """Whether a press takes the bot out of a channel where others listen, into another."""

    ALWAYS = "always"
    IDLE = "idle"
    """When nothing plays there."""
    NEVER = "never"


@dataclass(frozen=True, slots=True, kw_only=True)
class Manners:
    """How the bot behaves in voice channels."""

    alone_seconds: Seconds = 60.0
    """After how long alone in a channel it leaves; 0: never."""
    idle_seconds: Seconds = 300.0
    """After how long without a sound it leaves; 0: never."""
    moved: Moved = Moved.FOLLOW
    take_away: TakeAway = TakeAway.IDLE
    deaf: bool = True
    """Whether it deafens itself; Discord's own soundboard cannot be used by who is deafened."""


class LinkState(enum.StrEnum):
    """What the bot's voice connection in a guild does."""

    IDLE = "idle"
    """There is none."""
    JOINING = "joining"
    READY = "ready"
    PLAYING = "playing"
    RECOVERING = "recovering"
    """It broke, and is joined anew."""
    GONE = "gone"
    """There will be none any more: the soundboard is being unloaded."""


@dataclass(frozen=True, slots=True, kw_only=True)
class VoiceReport:
    """How the bot's voice connection in a guild is."""

    state: LinkState
    channel: str | None = None
    """The name of the voice channel."""
    cipher: str | None = None
    """What packets are encrypted with on their way to Discord (Discord: Voice, "Transport Encryption Modes")."""
    encrypted: bool = False
    """Whether they are end-to-end encrypted (DAVE), too."""
    decryptable: bool = True
    """Whether listeners have the key; False while one is being agreed on."""
    epoch: int = 0
    """How many keys of end-to-end encryption there have been in this stay."""
    listeners: int = 0
    """How many others are in the channel."""
    last_close: str | None = None
    """Why voice was last closed, in words."""
    packets_leave: bool = True
    """Whether the machine's network takes packets."""
    packets_sent: int = 0
    packets_late: int = 0
    """Those that left more than 20 ms after they were due."""


class EndReason(enum.StrEnum):
    """Why a playback ended."""

    FINISHED = "finished"
    STOPPED = "stopped"
    SKIPPED = "skipped"
    REPLACED = "replaced"
    FAILED = "failed"
    LEFT = "left"
