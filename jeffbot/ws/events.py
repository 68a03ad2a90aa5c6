"""What happens, as remote clients are told of it: the ``data`` of each kind of event. All ids are strings."""

from typing import Any, NamedTuple

from msgspec import Struct

from ..community import GuildSettings
from ..models import EndReason, LinkState
from .feed import Topic


class PlaybackStarted(Struct, frozen=True, kw_only=True):
    """The first packet of a sound has left. ``user_id`` of the event pressed it."""

    playback_id: str
    filename: str
    title: str
    channel: str
    channel_id: str
    duration: float | None
    """Seconds; None: not known yet."""
    position: float
    """Seconds of it that have been sent."""


class PlaybackEnded(PlaybackStarted, frozen=True, kw_only=True):
    """A sound is over; it was not necessarily heard, for it may have waited."""

    reason: EndReason


class PlaybackPaused(Struct, frozen=True):
    """What plays in the guild stands still."""


class PlaybackResumed(Struct, frozen=True):
    """What plays in the guild goes on; or it has ended while it stood still."""


class VolumeChanged(Struct, frozen=True):
    """How loud the bot is in the guild."""

    volume: float
    """Percent of amplitude, 0 to 200."""


class Queued(Struct, frozen=True, kw_only=True):
    """One sound that waits."""

    playback_id: str
    filename: str
    title: str
    user_id: str
    """Who pressed it."""
    duration: float | None
    """Seconds; None: not known yet."""


class QueueNow(Struct, frozen=True):
    """What waits in the guild."""

    queue: tuple[Queued, ...]
    """All of it, the next one first."""


class VoiceNow(Struct, frozen=True, kw_only=True):
    """How the bot's voice connection in the guild is."""

    state: LinkState
    channel: str | None
    """The name of the channel it is connected to."""
    channel_id: str | None
    encrypted: bool
    """Whether what it sends is end-to-end encrypted."""
    decryptable: bool
    """Whether listeners have the key."""
    listeners: int
    """How many others were in the channel then."""


class RemovedSound(Struct, frozen=True):
    """A sound that is there no more."""

    name: str
    path: str


class LibraryNow(Struct, frozen=True, kw_only=True):
    """Sounds came, look different, or are gone: the guild's own, or, without a ``guild_id``, those all guilds share."""

    added: tuple[Any, ...]
    """As a sound of ``list``."""
    changed: tuple[Any, ...]
    """Likewise, as they are now; a sound may be called otherwise than before, its ``path`` stays."""
    removed: tuple[RemovedSound, ...]
    many: bool
    """Too many changed to be named: ``list`` has them."""
    total: int
    """How many sounds the guild sees; without a ``guild_id``, how many are shared."""


class FavouritesNow(Struct, frozen=True):
    """Your favourites are others than before."""


class EntranceNow(Struct, frozen=True):
    """Someone has another entrance or exit sound in the guild; without a ``user_id`` a role has, or everyone."""


class FullSettings(GuildSettings, frozen=True, kw_only=True, omit_defaults=False):
    """What a guild remembers; null: as the operator's settings have it."""


class SettingsNow(Struct, frozen=True):
    """The guild's settings are others than before."""

    settings: FullSettings
    """All of them."""


class PlaybackProgress(Struct, frozen=True, kw_only=True):
    """How far the sound is that began last of those that are heard in the guild; once a second."""

    playback_id: str
    position: float
    """Seconds."""
    duration: float | None
    """Seconds; None: not known yet."""


class EncodingNow(Struct, frozen=True):
    """How far encoding the library ahead is."""

    done: int
    total: int


class Kind(NamedTuple):
    """One kind of event."""

    topic: Topic
    data: type[Struct]
    summary: str


def _kind(topic: Topic, data: type[Struct]) -> Kind:
    return Kind(topic, data, data.__doc__ or "")


EVENTS: dict[str, Kind] = {
    "playback.started": _kind(Topic.PLAYBACK, PlaybackStarted),
    "playback.ended": _kind(Topic.PLAYBACK, PlaybackEnded),
    "playback.paused": _kind(Topic.PLAYBACK, PlaybackPaused),
    "playback.resumed": _kind(Topic.PLAYBACK, PlaybackResumed),
    "playback.volume": _kind(Topic.PLAYBACK, VolumeChanged),
    "queue.changed": _kind(Topic.QUEUE, QueueNow),
    "library.changed": _kind(Topic.LIBRARY, LibraryNow),
    "voice.changed": _kind(Topic.VOICE, VoiceNow),
    "settings.changed": _kind(Topic.SETTINGS, SettingsNow),
    "entrance.changed": _kind(Topic.SETTINGS, EntranceNow),
    "favourites.changed": _kind(Topic.FAVOURITES, FavouritesNow),
    "playback.progress": _kind(Topic.PROGRESS, PlaybackProgress),
    "library.encoding": _kind(Topic.PROGRESS, EncodingNow),
}
"""All there are, by name."""
NAMES = {kind.data: name for name, kind in EVENTS.items()}
"""The name of each, by what it says."""
