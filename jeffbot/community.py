"""What a community keeps beside its sounds: settings, entrances, numbers. Frozen values."""

import enum
from typing import Any, NamedTuple

import msgspec

from .models import ChannelId, GuildId, Mode, Retrigger, Seconds, UserId

DAYS = 7
HOURS = 24


class GuildSettings(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What a guild remembers; None: as the operator's settings have it."""

    mode: Mode | None = None
    retrigger: Retrigger | None = None
    volume: float | None = None
    """Percent of amplitude, 0 to 200."""
    native: bool = False
    """Whether sounds that Discord's own soundboard has are played by it."""
    entrances: bool = True
    """Whether entrance and exit sounds are played at all."""
    entrance_on_move: bool = False
    """Whether they are also played for who comes from another voice channel of the guild."""
    entrance_cooldown: Seconds = 60.0
    """How long after someone's entrance or exit sound they get none."""
    time_zone: str = "UTC"
    """Of the heat map, as IANA names it."""


class Moment(enum.StrEnum):
    """When a sound is played for somebody."""

    ENTRANCE = "entrance"
    """They come into the voice channel."""
    EXIT = "exit"
    """They leave it."""


class Audience(enum.StrEnum):
    """For whom such a sound is."""

    USER = "user"
    ROLE = "role"
    """Whoever has a role and no sound of their own."""
    EVERYONE = "everyone"
    """Whoever else comes."""


class Entrance(NamedTuple):
    """One entrance or exit sound of a guild."""

    guild_id: GuildId
    audience: Audience
    subject_id: int
    """The user's or role's id; 0 for everyone."""
    moment: Moment
    sound_id: int


class Choices(NamedTuple):
    """What someone lets be done about them."""

    counted: bool = True
    """Whether what they play is counted by name."""
    greeted: bool = True
    """Whether entrance and exit sounds are played for them."""


class Privacy(msgspec.Struct, frozen=True, kw_only=True):
    """Everything that is kept about someone; rows are as the tables of :mod:`jeffbot.store.schema` have them."""

    user_id: str
    choices: Choices
    favourites: tuple[int, ...]
    """Ids of sounds."""
    entrances: tuple[Entrance, ...]
    uploads: tuple[dict[str, Any], ...]
    plays: tuple[dict[str, Any], ...]
    audit: tuple[dict[str, Any], ...]
    revocations: tuple[dict[str, Any], ...]


class SoundCount(NamedTuple):
    """How often a sound was played."""

    sound_id: int
    title: str
    plays: int
    last_played: float | None
    """Seconds since the epoch; None: never."""


class PersonCount(NamedTuple):
    """How often someone played sounds."""

    user_id: UserId | None
    """None: those who do not want to be counted by name, together."""
    plays: int


class Numbers(NamedTuple):
    """What was played in a guild."""

    since: float | None
    """From when on, seconds since the epoch; None: ever."""
    plays: int
    sounds: tuple[SoundCount, ...]
    """The most played, most often first."""
    people: tuple[PersonCount, ...]
    """Who played most, most often first."""
    hours: tuple[tuple[int, ...], ...]
    """Plays by weekday (Monday first) and hour of the day, 7 by 24."""
    first: tuple[SoundCount, ...]
    """Sounds that were played for the first time, the latest first."""
    forgotten: tuple[SoundCount, ...]
    """Sounds that were not played for three months, those longest ago first; never played ones among them."""


class Heard(NamedTuple):
    """One sound that was played."""

    sound_id: int
    title: str
    user_id: UserId | None
    at: float
    """Seconds since the epoch."""


class Membership(NamedTuple):
    """What someone may do in a guild they are a member of."""

    guild_id: GuildId
    manages: bool
    """Whether they own it, or hold Administrator or Manage Server (Discord: Permissions)."""
    role_ids: frozenset[int]
    """Without that of everyone."""


class Person(NamedTuple):
    """Someone in a voice channel."""

    user_id: UserId
    name: str
    """As it is shown in that guild."""


class ChannelView(NamedTuple):
    """A voice or stage channel that someone may see and connect to."""

    id: ChannelId
    name: str
    members: tuple[Person, ...]
    """Who is in it, the bot included, by name."""


class GuildView(NamedTuple):
    """A guild that someone shares with the bot."""

    id: GuildId
    name: str
    icon: str | None
    """The URL of its picture; None: it has none."""
    membership: Membership
    channels: tuple[ChannelView, ...]
    """In Discord's order."""
