"""What remote clients may ask for, as msgspec reads it. Keys that are not here are passed over.

Times are in seconds, those of the day since the epoch; volumes in percent of amplitude; gains in decibels.
"""

from typing import Annotated, Literal

from msgspec import UNSET, Meta, Raw, Struct, UnsetType

from ..models import MAX_GAIN, MAX_VOLUME, Mode, Retrigger

MAX_PAGE = 1000
"""The most sounds of one page of ``list``."""
MAX_FOUND = 100
"""The most sounds of one page of ``search``."""
MAX_ITEMS = 500
"""The most things that one request names."""

type Snowflake = (
    Annotated[str, Meta(pattern="^[0-9]{1,20}$", description="A Discord id.", examples=["81384788765712384"])]
    | Annotated[int, Meta(ge=1, le=2**63 - 1)]
)
"""A Discord id (Discord: Reference, "Snowflakes"); in replies they are strings, for they pass 2^53."""
type Volume = Annotated[float, Meta(ge=0, le=MAX_VOLUME)]
type Gain = Annotated[float, Meta(ge=-MAX_GAIN, le=MAX_GAIN)]
type Text = Annotated[str, Meta(max_length=1000)]
type Names = Annotated[tuple[Text, ...], Meta(max_length=MAX_ITEMS)]


class Request(Struct, kw_only=True):
    """A request without fields of its own."""

    @property
    def changes(self) -> bool:
        """Whether it wants something changed, where its action can also just read."""
        return False


class Targeted(Request, kw_only=True):
    """A request about a guild: without either, the one in whose voice channel the user is."""

    guild_id: Snowflake | None = None
    channel_id: Snowflake | None = None
    """A voice channel of that guild."""


class Authenticate(Request, kw_only=True):
    """Sign in, or renew the token."""

    token: Annotated[Raw, Meta(extra_json_schema={"type": "string"})] | UnsetType = UNSET
    protocol: int = 1
    """Which protocol the client speaks; one that is not supported closes the connection with 4012."""


class List(Targeted, kw_only=True):
    """All sounds, or a page of them."""

    limit: Annotated[int, Meta(ge=1)] | None = None
    """At most so many, and never more than 1 000."""
    cursor: Text | None = None
    """The ``cursor`` of the page before."""


class Random(Targeted, kw_only=True):
    """How any sound is to be played."""

    mode: Mode | None = None
    volume: Volume | None = None
    tag: Text | None = None
    """Only sounds with this tag."""


class Play(Targeted, kw_only=True):
    """What is to be played, and how."""

    filename: str
    mode: Mode | None = None
    retrigger: Retrigger | None = None
    volume: Volume | None = None


class Stop(Targeted, kw_only=True):
    """End all that plays and waits, or a part of it."""

    playback_id: Text | None = None
    """Just this one."""
    mine: bool = False
    """Just what the user pressed."""


class Player(Targeted, kw_only=True):
    """Read what plays, or change how."""

    paused: bool | Literal["toggle"] | UnsetType = UNSET
    volume: Volume | UnsetType = UNSET

    @property
    def changes(self) -> bool:
        """Whether something is to change."""
        return self.paused is not UNSET or self.volume is not UNSET


class Queue(Targeted, kw_only=True):
    """Read what waits, or take out of it."""

    remove: Names = ()
    """Playback ids; those that wait no longer are passed over."""
    clear: bool = False

    @property
    def changes(self) -> bool:
        """Whether something is to be taken out."""
        return bool(self.remove) or self.clear


class Search(Targeted, kw_only=True):
    """Find sounds."""

    query: Text = ""
    """Part of a name, title, alias or tag; slips are forgiven. Empty: all, by name."""
    tags: Names = ()
    """Only sounds that have all of these."""
    limit: Annotated[int, Meta(ge=1, le=MAX_FOUND)] = 25
    cursor: Text | None = None


class Favourites(Targeted, kw_only=True):
    """Read or change the user's favourites."""

    add: Names = ()
    """Names of sounds."""
    remove: Names = ()

    @property
    def changes(self) -> bool:
        """Whether something is to change."""
        return bool(self.add) or bool(self.remove)


class Described(Targeted, kw_only=True):
    """What is said of a sound; what is left out stays."""

    title: str | UnsetType = UNSET
    aliases: Names | UnsetType = UNSET
    emoji: str | UnsetType = UNSET
    """One Unicode emoji or one of Discord's (``<:name:id>``); empty: none."""
    colour: Annotated[int, Meta(ge=0, le=16777215)] | UnsetType | None = UNSET
    """0xRRGGBB."""
    tags: Names | UnsetType = UNSET
    gain: Gain | UnsetType = UNSET
    trim_start: Annotated[float, Meta(ge=0)] | UnsetType = UNSET
    """What is left out of its beginning."""
    trim_end: Annotated[float, Meta(ge=0)] | UnsetType | None = UNSET
    """Where it ends, counted from the file's beginning."""
    retrigger: Retrigger | UnsetType | None = UNSET


DETAILS = ("title", "aliases", "emoji", "colour", "tags", "gain", "trim_start", "trim_end", "retrigger")
"""The fields that :class:`Described` adds."""


class Upload(Described, kw_only=True):
    """Announce a file; it follows over HTTP."""

    filename: Annotated[str, Meta(min_length=1, max_length=255)]
    size: Annotated[int, Meta(ge=1)]
    """Bytes."""
    sha256: Annotated[str, Meta(pattern="^[0-9a-fA-F]{64}$")] | None = None
    """Of the file, hexadecimal; checked where it is given."""
    shared: bool = False
    """Into the library that all guilds share."""


class Edit(Described, kw_only=True):
    """Change what is said of a sound; the file stays as it is."""

    filename: Text


class Delete(Targeted, kw_only=True):
    """Take out an uploaded sound."""

    filename: Text


class Recent(Targeted, kw_only=True):
    """What was played last."""

    limit: Annotated[int, Meta(ge=1, le=100)] = 25


class Stats(Targeted, kw_only=True):
    """What was played how often."""

    since: Annotated[float, Meta(ge=0)] | None = None
    """From when on; none: ever."""
    top: Annotated[int, Meta(ge=1, le=100)] = 10
    """How many of each."""


class Entrance(Targeted, kw_only=True):
    """Read or choose the user's own entrance and exit sounds; null takes one back."""

    entrance: Text | UnsetType | None = UNSET
    exit: Text | UnsetType | None = UNSET
    greeted: bool | UnsetType = UNSET
    """Whether any are played for the user at all, in every guild."""

    @property
    def changes(self) -> bool:
        """Whether something is to change."""
        return any(value is not UNSET for value in (self.entrance, self.exit, self.greeted))


class Settings(Targeted, kw_only=True):
    """Read or change what a guild remembers; null: as the operator has it."""

    mode: Mode | UnsetType | None = UNSET
    retrigger: Retrigger | UnsetType | None = UNSET
    volume: Volume | UnsetType | None = UNSET
    native: bool | UnsetType = UNSET
    entrances: bool | UnsetType = UNSET
    entrance_on_move: bool | UnsetType = UNSET
    entrance_cooldown: Annotated[float, Meta(ge=0, le=86_400)] | UnsetType = UNSET
    time_zone: Text | UnsetType = UNSET

    @property
    def changes(self) -> bool:
        """Whether something is to change."""
        return any(getattr(self, name) is not UNSET for name in SETTINGS)


SETTINGS = ("mode", "retrigger", "volume", "native", "entrances", "entrance_on_move", "entrance_cooldown", "time_zone")
"""The fields of :class:`Settings` that are settings."""


class Since(Struct, forbid_unknown_fields=False):
    """Where the client stopped hearing."""

    epoch: Annotated[str, Meta(max_length=64)]
    seq: Annotated[int, Meta(ge=0, le=2**53)]


class Subscribe(Request, kw_only=True):
    """Hear of topics from now on, or from where the client stopped."""

    topics: Annotated[tuple[Annotated[str, Meta(max_length=64)], ...], Meta(max_length=64)]
    since: Since | None = None


class Unsubscribe(Request, kw_only=True):
    """Hear of topics no more."""

    topics: Annotated[tuple[Annotated[str, Meta(max_length=64)], ...], Meta(max_length=64)] = ("*",)
