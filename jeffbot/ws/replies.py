"""What remote clients are answered. Keys are only ever added.

Times are in seconds, those of the day since the epoch; ids of guilds, channels and users are strings.
"""

from typing import Literal

import msgspec
from msgspec import UNSET, Raw, Struct, UnsetType

from ..errors import ErrorCode
from ..models import Mode, Retrigger, VoiceReport

MAX_MESSAGE_BYTES = 65_536
PROTOCOL_VERSION = 1

type RequestId = str | int


class Reply(Struct, tag_field="action"):
    """What answers a request; ``id`` repeats the request's where it had one."""

    id: RequestId | UnsetType = msgspec.field(default=UNSET, name="id")


class Welcome(Reply, tag="welcome", kw_only=True):
    """Sent once, when a client has connected."""

    message: str = "Connected to Jeff Bot WebSocket server"
    timestamp: float
    protocol: int = PROTOCOL_VERSION
    min_protocol: int = PROTOCOL_VERSION
    auth_timeout: float
    max_message_bytes: int = MAX_MESSAGE_BYTES


class ServerInfo(Struct):
    """Who serves."""

    name: str
    version: str


class AuthSuccess(Reply, tag="auth_success", kw_only=True):
    """The token is good."""

    message: str = "Authentication successful"
    user_id: str
    expires_at: float
    protocol: int = PROTOCOL_VERSION
    scopes: tuple[str, ...] = ()
    features: tuple[str, ...] = ()
    server: ServerInfo


class SoundInfo(Struct, omit_defaults=True):
    """One sound; what is not set is left out."""

    name: str
    """Unique among those the user sees: what ``play`` takes."""
    path: str
    """Its place below the folder of its library."""
    duration: float | None
    """None while it has not been encoded."""
    tags: tuple[str, ...]
    id: int = 0
    title: str = ""
    """Left out where it is the name."""
    aliases: tuple[str, ...] = ()
    emoji: str = ""
    colour: int | None = None
    gain: float | UnsetType = UNSET
    trim_start: float | UnsetType = UNSET
    trim_end: float | None = None
    retrigger: Retrigger | None = None
    guild_id: str | None = None
    """Whose library it is in; left out: the one that all guilds share."""
    uploader_id: str | None = None
    """Who brought it; left out: it was put into the folder."""


class Listing(Reply, tag="list", kw_only=True):
    """The sounds; ``total`` and ``cursor`` where a page was asked for and more follow."""

    count: int
    """How many are in this reply."""
    total: int | UnsetType = UNSET
    cursor: str | UnsetType = UNSET
    sounds: Raw
    """An array of :class:`SoundInfo`; the last field, see :mod:`.listings`."""


class Found(Reply, tag="search", kw_only=True):
    """Sounds, the likeliest first."""

    sounds: tuple[SoundInfo, ...]
    count: int
    cursor: str | UnsetType = UNSET
    """Where more follow."""


class Playing(Reply, tag="playing", kw_only=True):
    """A sound has begun: its first packet has left; or it waits."""

    filename: str
    title: str
    channel: str
    playback_id: str
    duration: float | None
    queued: bool | UnsetType = UNSET
    position: int | UnsetType = UNSET
    """Where it waits, 1 being next."""
    random: bool | UnsetType = UNSET


class Stopped(Reply, tag="stopped", kw_only=True):
    """Nothing plays any more; or not what was to be stopped."""

    message: str = "Audio playback stopped"


class Skipped(Reply, tag="skip", kw_only=True):
    """What sounded has ended; ``next`` is what goes on."""

    skipped: bool = True
    next: str | None = None
    """Playback id."""


class NowPlaying(Struct):
    """What is being heard."""

    title: str
    filename: str
    user_id: str
    playback_id: str
    started_at: float
    position: float
    duration: float | None


class EncodingProgress(Struct):
    """How many of so many sounds have been encoded ahead."""

    done: int
    total: int


class StatusReport(Reply, tag="status", kw_only=True):
    """What the bot does in the caller's guild."""

    connected: bool
    playing: bool
    now_playing: NowPlaying | None
    sound_count: int
    server_time: float
    channel: str | None
    paused: bool
    encoding: EncodingProgress | None
    voice: VoiceReport
    guild_id: str | None = None


type PlayerStateName = Literal["idle", "joining", "playing", "paused", "recovering"]


class PlayerState(Struct):
    """How a guild's player is."""

    guild_id: str | None
    """None: the user is in no voice channel, and the bot in several guilds."""
    channel: str | None
    state: PlayerStateName
    title: str | None
    filename: str | None
    playback_id: str | None
    user_id: str | None
    position: float | None
    duration: float | None
    volume: float


class PlayerReply(Reply, tag="player", kw_only=True):
    """How the player is, after the change where one was asked for."""

    player: PlayerState


class QueuedSound(Struct):
    """What waits."""

    playback_id: str
    filename: str
    title: str
    user_id: str
    duration: float | None


class QueueReply(Reply, tag="queue", kw_only=True):
    """What waits, the next one first."""

    queue: tuple[QueuedSound, ...]


class FavouritesReply(Reply, tag="favourites", kw_only=True):
    """The user's favourites of the sounds they see, in the order they were chosen."""

    favourites: tuple[SoundInfo, ...]


class PersonInfo(Struct):
    """Someone in a voice channel."""

    user_id: str
    name: str


class ChannelInfo(Struct):
    """A voice channel that the user may join."""

    id: str
    name: str
    members: tuple[PersonInfo, ...]


class GuildInfo(Struct):
    """A guild that the user shares with the bot."""

    id: str
    name: str
    icon: str | None
    """URL of its picture."""
    manages: bool
    """Whether the user manages it."""
    channels: tuple[ChannelInfo, ...]


class GuildsReply(Reply, tag="guilds", kw_only=True):
    """The guilds that the user shares with the bot, and who is where."""

    guilds: tuple[GuildInfo, ...]


class UploadTicket(Reply, tag="upload", kw_only=True):
    """Where the file goes: its body alone, by PUT."""

    url: str
    method: Literal["PUT"] = "PUT"
    expires_at: float


class Uploaded(Reply, tag="upload", kw_only=True):
    """What answers the PUT."""

    sound: SoundInfo


class Edited(Reply, tag="edit", kw_only=True):
    """The sound as it is now."""

    sound: SoundInfo


class Deleted(Reply, tag="delete", kw_only=True):
    """The sound is gone, and can be restored until then."""

    filename: str
    restorable_until: float


class HeardSound(Struct):
    """A sound that was played."""

    filename: str | None
    """What ``play`` takes; None: it is not there any more."""
    title: str
    user_id: str | None
    """None: someone who does not want to be named."""
    at: float


class RecentReply(Reply, tag="recent", kw_only=True):
    """What was played last, each sound once."""

    mine: tuple[HeardSound, ...]
    guild: tuple[HeardSound, ...]


class CountedSound(Struct):
    """How often a sound was played."""

    filename: str | None
    title: str
    plays: int
    last_played: float | None


class CountedPerson(Struct):
    """How often someone played sounds."""

    user_id: str | None
    plays: int


class StatsReply(Reply, tag="stats", kw_only=True):
    """What was played in the guild."""

    since: float | None
    plays: int
    sounds: tuple[CountedSound, ...]
    people: tuple[CountedPerson, ...]
    hours: tuple[tuple[int, ...], ...]
    """Plays by weekday (Monday first) and hour of the guild's day, 7 by 24."""
    first: tuple[CountedSound, ...]
    """Played for the first time, the latest first."""
    forgotten: tuple[CountedSound, ...]
    """Not played for three months."""


class EntranceReply(Reply, tag="entrance", kw_only=True):
    """The user's own entrance and exit sounds in the guild; null: none."""

    guild_id: str
    entrance: SoundInfo | None
    exit: SoundInfo | None
    greeted: bool
    enabled: bool
    """Whether the guild has any played."""


class SettingsInfo(Struct):
    """What a guild remembers; null: as the operator has it."""

    mode: Mode | None
    retrigger: Retrigger | None
    volume: float | None
    native: bool
    entrances: bool
    entrance_on_move: bool
    entrance_cooldown: float
    time_zone: str


class SettingsReply(Reply, tag="settings", kw_only=True):
    """The guild's settings as they are now."""

    guild_id: str
    settings: SettingsInfo


class Refreshed(Reply, tag="refresh", kw_only=True):
    """A new token for the same user; the old one stays good until it expires."""

    token: str
    expires_at: float


class ActionInfo(Struct):
    """One action."""

    action: str
    scope: str | None
    """What the token has to carry; null: none is needed."""
    change_scope: str | None
    """What it has to carry for changing something, where that is more."""
    description: str


class Description(Reply, tag="describe", kw_only=True):
    """What this server can do."""

    protocol: int = PROTOCOL_VERSION
    min_protocol: int = PROTOCOL_VERSION
    server: ServerInfo
    actions: tuple[ActionInfo, ...]
    topics: tuple[str, ...]
    features: tuple[str, ...]
    asyncapi: str
    openapi: str


class Diagnosis(Reply, tag="diagnose", kw_only=True):
    """Why the caller hears nothing: sentences, the most likely cause first."""

    findings: tuple[str, ...]


class Pong(Reply, tag="pong", kw_only=True):
    """The answer to ``ping``."""

    server_time: float


class Subscribed(Reply, tag="subscribe", kw_only=True):
    """All topics that are heard of now; what was missed follows, then what happens."""

    topics: tuple[str, ...]
    epoch: str
    seq: int
    resync: bool
    """Too much was missed: read again what matters."""


class Unsubscribed(Reply, tag="unsubscribe", kw_only=True):
    """All topics that are heard of still."""

    topics: tuple[str, ...]


class ErrorReply(Reply, tag="error", kw_only=True):
    """A request was not carried out."""

    error_code: ErrorCode
    error_message: str
    timestamp: float
    request: str | UnsetType = UNSET
    """The action."""
    retry_after: float | UnsetType = UNSET
    """Seconds."""
    details: dict[str, str] | UnsetType = UNSET
