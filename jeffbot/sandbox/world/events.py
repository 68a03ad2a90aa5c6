"""What happens in the world, as those are told who subscribe to it."""

import enum
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from .values import Channel, Member, Message, Place, Role, SoundboardSound, StageInstance, User, VoiceState

if TYPE_CHECKING:
    from .guild import Guild


class Change(enum.StrEnum):
    """What became of something."""

    CREATED = "CREATE"
    UPDATED = "UPDATE"
    DELETED = "DELETE"


@dataclass(frozen=True)
class GuildChanged:
    """A guild's own fields changed."""

    guild: "Guild"


@dataclass(frozen=True)
class GuildOutage:
    """Discord lost sight of a guild, or has it back."""

    guild: "Guild"
    unavailable: bool


@dataclass(frozen=True)
class MemberChanged:
    """A user became a member, changed or is one no more; for a bot this is its guild coming and going."""

    guild: "Guild"
    member: Member
    change: Change


@dataclass(frozen=True)
class BanChanged:
    """A user was banned, or is so no more."""

    guild: "Guild"
    user: User
    banned: bool


@dataclass(frozen=True)
class ChannelChanged:
    """A channel of a guild came, changed or went."""

    channel: Channel
    change: Change


@dataclass(frozen=True)
class RoleChanged:
    """A role came, changed or went."""

    guild: "Guild"
    role: Role
    change: Change


@dataclass(frozen=True)
class VoiceStateChanged:
    """A member joined, moved, left, or changed how they listen or speak."""

    guild: "Guild"
    state: VoiceState
    previous: Channel | None


@dataclass(frozen=True)
class MessageChanged:
    """A message was posted, edited or deleted."""

    message: Message
    change: Change


@dataclass(frozen=True)
class MessagesDeleted:
    """Several messages of one place were deleted at once."""

    place: Place
    messages: tuple[Message, ...]


@dataclass(frozen=True)
class PinsChanged:
    """A message was pinned, or is so no more."""

    place: Place


@dataclass(frozen=True)
class ReactionChanged:
    """Someone reacted to a message, or took it back."""

    message: Message
    user: User
    emoji: str
    added: bool


@dataclass(frozen=True)
class ReactionsCleared:
    """All reactions to a message were taken away, or all with one emoji."""

    message: Message
    emoji: str | None


@dataclass(frozen=True)
class TypingStarted:
    """Someone types."""

    place: Place
    user: User


@dataclass(frozen=True)
class PresenceChanged:
    """An account came online, went, or does something else."""

    user: User
    guilds: "tuple[Guild, ...]"
    """Where it is a member."""


@dataclass(frozen=True)
class UserChanged:
    """An account changed its name."""

    user: User
    guilds: "tuple[Guild, ...]"
    """Where it is a member."""


@dataclass(frozen=True)
class VoiceStatusChanged:
    """A voice channel says something else about what is going on in it."""

    channel: Channel


@dataclass(frozen=True)
class StageChanged:
    """A stage went live, changed its topic, or ended."""

    channel: Channel
    stage: StageInstance
    change: Change


@dataclass(frozen=True)
class SoundboardChanged:
    """A sound of a guild's own soundboard came, changed or went."""

    guild: "Guild"
    sound: SoundboardSound
    change: Change


@dataclass(frozen=True)
class SoundboardPlayed:
    """A sound of Discord's own soundboard was sent to a voice channel."""

    channel: Channel
    user: User
    effect: dict[str, Any]


type Event = (
    GuildChanged
    | GuildOutage
    | MemberChanged
    | BanChanged
    | ChannelChanged
    | RoleChanged
    | VoiceStateChanged
    | MessageChanged
    | MessagesDeleted
    | PinsChanged
    | ReactionChanged
    | ReactionsCleared
    | TypingStarted
    | PresenceChanged
    | UserChanged
    | VoiceStatusChanged
    | StageChanged
    | SoundboardChanged
    | SoundboardPlayed
)
