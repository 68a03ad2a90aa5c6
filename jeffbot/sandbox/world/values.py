"""What there is in the world: users, roles, members, channels, messages, voice states. The guild changes them."""

import datetime as dt
import enum
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from .permissions import NO_PERMISSIONS, Permission

if TYPE_CHECKING:
    from .guild import Guild


class ChannelType(enum.IntEnum):
    """Discord: Resources, Channel, "Channel Types"."""

    TEXT = 0
    DIRECT = 1
    VOICE = 2
    CATEGORY = 4
    STAGE = 13


VOCAL = frozenset({ChannelType.VOICE, ChannelType.STAGE})
"""Channels that one can be in."""
TEXTUAL = frozenset({ChannelType.TEXT, ChannelType.DIRECT, *VOCAL})
"""Channels that messages can be posted in; voice channels have their chat."""


@dataclass(eq=False)
class User:
    """An account, a person's or a bot's."""

    id: int
    name: str
    bot: bool = False
    locale: str = "en-US"
    """The language of their Discord client (Discord: Reference, "Locales")."""
    presence: dict[str, Any] = field(default_factory=lambda: {"status": "offline", "activities": []})
    """As the account's own client last said (Discord: Gateway Events, "Update Presence")."""

    @property
    def is_online(self) -> bool:
        """Whether others see it online."""
        return self.presence.get("status") not in ("offline", "invisible")


@dataclass(eq=False)
class Role:
    """A named set of permissions; the one with the guild's own id is @everyone."""

    id: int
    name: str
    permissions: int
    color: int = 0
    hoist: bool = False
    mentionable: bool = False
    managed: bool = False


@dataclass(eq=False)
class Member:
    """A user in a guild."""

    user: User
    roles: list[Role] = field(default_factory=list)
    nick: str | None = None
    mute: bool = False
    """Muted in voice by a moderator: nobody hears them."""
    deaf: bool = False
    """Deafened in voice by a moderator."""
    timeout_until: str | None = None
    """ISO 8601, with a zone; until then they may neither write nor speak."""

    @property
    def timed_out(self) -> bool:
        """Whether a moderator has timed them out until later than now."""
        if self.timeout_until is None:
            return False
        return dt.datetime.fromisoformat(self.timeout_until) > dt.datetime.now(dt.UTC)


@dataclass
class Overwrite:
    """What a channel allows and denies to a role or a member beyond the guild's roles."""

    allow: Permission = NO_PERMISSIONS
    deny: Permission = NO_PERMISSIONS
    is_member: bool = False


EPHEMERAL, LOADING = 1 << 6, 1 << 7
"""Discord: Resources, Message, "Message Flags"."""


@dataclass(eq=False)
class Message:
    """A message in a channel, or an answer to an interaction."""

    id: int
    place: "Place"
    author: User
    content: str = ""
    embeds: list[dict[str, Any]] = field(default_factory=list)
    components: list[dict[str, Any]] = field(default_factory=list)
    attachments: list[dict[str, Any]] = field(default_factory=list)
    flags: int = 0
    kind: int = 0
    """Discord: Resources, Message, "Message Types"."""
    extra: dict[str, Any] = field(default_factory=dict)
    """Further fields of its JSON, such as ``message_reference`` or ``interaction_metadata``."""
    created: float = field(default_factory=time.time)
    """Seconds since 1970."""
    edited: float | None = None
    pinned: bool = False
    pinned_at: float | None = None
    """Seconds since 1970."""
    reactions: dict[str, list[User]] = field(default_factory=dict)
    """Who reacted with which emoji, in order."""
    quoted: "Message | None" = None
    """What it replies to."""
    mentions: list[User] | None = None
    """Whom it mentions, of those whom its text names; None: all of them."""

    @property
    def ephemeral(self) -> bool:
        """Whether it is for one person's eyes."""
        return bool(self.flags & EPHEMERAL)

    @property
    def beside(self) -> "list[Message]":
        """The messages among which it is in its place."""
        return self.place.hidden if self.ephemeral else self.place.messages

    @property
    def is_there(self) -> bool:
        """Whether it was posted and has not been deleted."""
        return self in self.beside


@dataclass(eq=False)
class Place:
    """Where messages are."""

    id: int
    messages: list[Message] = field(default_factory=list, init=False)
    """Oldest first; answers to commands among them, save those for one person's eyes."""
    hidden: list[Message] = field(default_factory=list, init=False)
    """Those for one person's eyes."""


@dataclass(eq=False)
class DirectChannel(Place):
    """The private channel of a bot and a person."""

    users: tuple[User, User]
    kind: ChannelType = field(default=ChannelType.DIRECT, init=False)


@dataclass(eq=False)
class Channel(Place):
    """A channel of a guild."""

    guild: "Guild" = field(repr=False)
    name: str
    kind: ChannelType
    user_limit: int = 0
    """How many may be in a voice channel; 0: any number."""
    bitrate: int = 64_000
    """Bits per second."""
    topic: str | None = None
    parent_id: int | None = None
    nsfw: bool = False
    rate_limit_per_user: int = 0
    """Seconds between messages of one member."""
    rtc_region: str | None = None
    overwrites: dict[int, Overwrite] = field(default_factory=dict)
    """By the role's or the member's id; @everyone has the guild's id."""
    stage: "StageInstance | None" = None
    status: str | None = None
    """What a voice channel says is going on in it."""
    extra: dict[str, Any] = field(default_factory=dict)
    """Further fields of its JSON, such as ``video_quality_mode``."""

    @property
    def is_vocal(self) -> bool:
        """Whether one can be in it."""
        return self.kind in VOCAL

    @property
    def occupants(self) -> list[User]:
        """Who is in this voice channel now."""
        return [state.user for state in self.guild.voice_states.values() if state.channel is self]


@dataclass(eq=False)
class StageInstance:
    """A stage that is live."""

    id: int
    topic: str


@dataclass(eq=False)
class SoundboardSound:
    """A sound of Discord's own soundboard."""

    id: int
    name: str
    volume: float = 1.0
    emoji_name: str | None = None
    available: bool = True
    data: bytes = field(default=b"", repr=False)
    """The file that was uploaded."""
    user: User | None = None
    """Who made it; None: the guild's owner."""


@dataclass(eq=False)
class VoiceState:
    """Where a member is in voice. ``channel`` None: they have just left."""

    user: User
    channel: Channel | None
    session_id: str
    self_mute: bool = False
    self_deaf: bool = False
    mute: bool = False
    deaf: bool = False
    suppress: bool = False
    """They may not speak: in the audience of a stage, or without the permission."""
    request_to_speak: str | None = None
    """ISO 8601, when they raised their hand in a stage channel."""
