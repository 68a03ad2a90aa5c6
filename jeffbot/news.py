"""What the soundboard tells of itself, as it happens. Frozen values; nothing here grows."""

from collections.abc import Callable
from dataclasses import dataclass

from .community import GuildSettings
from .models import GuildId, Sound, UserId, VoicePlace, VoiceReport
from .playback import Playback, PlaybackEvent

MAX_NAMED = 100
"""Where more sounds than this change at once, they are not told one by one."""


@dataclass(frozen=True, slots=True)
class PlayerChanged:
    """A guild's sounds stand still, or go on, or are louder or softer than before."""

    guild_id: GuildId
    paused: bool
    volume: float
    """Percent of amplitude, 0 to 200."""


@dataclass(frozen=True, slots=True)
class QueueChanged:
    """Other sounds wait in a guild than before, or in another order."""

    guild_id: GuildId
    queue: tuple[Playback, ...]
    """What waits, the next one first."""


@dataclass(frozen=True, slots=True)
class VoiceChanged:
    """The bot joins or joined a voice channel, left it, was moved, lost its connection or has it again.

    Also told when encryption begins or ends; not when a sound does, nor when listeners come and go.
    """

    guild_id: GuildId
    report: VoiceReport
    place: VoicePlace | None
    """The channel it is connected to."""


@dataclass(frozen=True, slots=True)
class LibraryChanged:
    """Sounds of one library came, look different or are gone. One of them may be told though it looks the same."""

    guild_id: GuildId | None
    """Whose library; None: the one that all guilds share."""
    added: tuple[Sound, ...] = ()
    changed: tuple[Sound, ...] = ()
    """As they are now."""
    removed: tuple[Sound, ...] = ()
    """As they were."""
    many: bool = False
    """More than MAX_NAMED at once: none are named. Of the shared library it may mean those of guilds, too."""


@dataclass(frozen=True, slots=True)
class FavouritesChanged:
    """Someone has other favourites."""

    user_id: UserId


@dataclass(frozen=True, slots=True)
class EntrancesChanged:
    """A guild has other entrance or exit sounds."""

    guild_id: GuildId
    user_id: UserId | None
    """Whose; None: a role's, or everyone's."""


@dataclass(frozen=True, slots=True)
class SettingsChanged:
    """A guild has other settings."""

    guild_id: GuildId
    settings: GuildSettings
    """All of them, as they are now."""


@dataclass(frozen=True, slots=True)
class GuildLeft:
    """The bot is no longer a member of a guild."""

    guild_id: GuildId


type News = (
    PlaybackEvent
    | PlayerChanged
    | QueueChanged
    | VoiceChanged
    | LibraryChanged
    | FavouritesChanged
    | EntrancesChanged
    | SettingsChanged
    | GuildLeft
)
"""Whatever is told, with what begins and ends among it."""
type Publish = Callable[[News], object]
