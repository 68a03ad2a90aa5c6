"""The world as plain objects: users, guilds, channels, members, voice states; and news of its changes."""

import asyncio
import itertools
import secrets
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from .permissions import ALL_PERMISSIONS, EVERYONE, NO_PERMISSIONS, Permission

DISCORD_EPOCH_MS = 1_420_070_400_000
"""First millisecond of 2015, from which snowflakes count (Discord: Reference, "Snowflakes")."""
TEXT_CHANNEL, VOICE_CHANNEL = 0, 2


@dataclass(eq=False)
class User:
    """An account, a person's or a bot's."""

    id: int
    name: str
    bot: bool = False


@dataclass(eq=False)
class Role:
    """A named set of permissions; the one with the guild's own id is @everyone."""

    id: int
    name: str
    permissions: int


@dataclass(eq=False)
class Member:
    """A user in a guild."""

    user: User
    roles: list[Role] = field(default_factory=list)


@dataclass(eq=False)
class Channel:
    """A text or voice channel."""

    id: int
    guild: "Guild"
    name: str
    kind: int
    user_limit: int = 0
    """How many may be in a voice channel; 0: any number."""
    denied: Permission = NO_PERMISSIONS
    """What the channel's overwrite takes from @everyone."""
    messages: list[dict[str, Any]] = field(default_factory=list)
    """What bots have posted, oldest first; not what they answered to commands."""

    @property
    def occupants(self) -> list[User]:
        """Who is in this voice channel now."""
        return [state.user for state in self.guild.voice_states.values() if state.channel is self]


@dataclass(eq=False)
class VoiceState:
    """Where a member is in voice. ``channel`` None: they have just left."""

    user: User
    channel: Channel | None
    session_id: str
    self_mute: bool = False
    self_deaf: bool = False


@dataclass(eq=False)
class Guild:
    """What people call a server."""

    id: int
    name: str
    world: "World" = field(repr=False)
    owner: User
    roles: list[Role] = field(default_factory=list)
    channels: list[Channel] = field(default_factory=list)
    members: dict[int, Member] = field(default_factory=dict)
    voice_states: dict[int, VoiceState] = field(default_factory=dict)

    def add_voice_channel(self, name: str, *, user_limit: int = 0, denied: Permission = NO_PERMISSIONS) -> Channel:
        """Add a voice channel that ``user_limit`` may join (0: any number), without ``denied`` for @everyone."""
        return self._add_channel(Channel(self.world.next_id(), self, name, VOICE_CHANNEL, user_limit, denied))

    def add_text_channel(self, name: str) -> Channel:
        """Add a text channel; commands are used in the guild's first."""
        return self._add_channel(Channel(self.world.next_id(), self, name, TEXT_CHANNEL))

    def add_role(self, name: str, permissions: Permission = NO_PERMISSIONS) -> Role:
        """Add a role, to be given with ``add_member`` before bots learn of it by their next login."""
        role = Role(self.world.next_id(), name, permissions)
        self.roles.append(role)
        return role

    def add_member(self, user: User, *, roles: tuple[Role, ...] = ()) -> Member:
        """Let a user in."""
        member = self.members[user.id] = Member(user, list(roles))
        self.world.publish(MemberJoined(self, member))
        return member

    @property
    def text_channel(self) -> Channel:
        """The guild's first text channel."""
        return next(channel for channel in self.channels if channel.kind == TEXT_CHANNEL)

    def permissions_of(self, user: User, channel: Channel | None = None) -> int:
        """The member's permissions, in a channel if one is given (Discord: Permissions, "Permission Hierarchy")."""
        member = self.members[user.id]
        granted = self.roles[0].permissions
        for role in member.roles:
            granted |= role.permissions
        if user is self.owner or granted & Permission.ADMINISTRATOR:
            return ALL_PERMISSIONS
        return granted & ~channel.denied if channel else granted

    def may_join(self, user: User, channel: Channel) -> bool:
        """Whether Discord lets this member into a voice channel now."""
        permissions = self.permissions_of(user, channel)
        needed = Permission.VIEW_CHANNEL | Permission.CONNECT
        others = sum(occupant is not user for occupant in channel.occupants)
        full = 0 < channel.user_limit <= others and not permissions & Permission.MOVE_MEMBERS
        return permissions & needed == needed and not full

    def _add_channel(self, channel: Channel) -> Channel:
        self.channels.append(channel)
        self.world.publish(ChannelCreated(channel))
        return channel


@dataclass(frozen=True)
class MemberJoined:
    """A user became a member; for a bot this is its guild becoming visible."""

    guild: Guild
    member: Member


@dataclass(frozen=True)
class ChannelCreated:
    """A channel was added to a guild."""

    channel: Channel


@dataclass(frozen=True)
class VoiceStateChanged:
    """A member joined, moved, left, or changed how they listen or speak."""

    guild: Guild
    state: VoiceState
    previous: Channel | None


type Event = MemberJoined | ChannelCreated | VoiceStateChanged


class World:
    """All there is, and the one place where it changes.

    Subscribers are called at once and in the order they subscribed.
    """

    def __init__(self) -> None:
        self.users: dict[int, User] = {}
        self.guilds: dict[int, Guild] = {}
        self._counter = itertools.count()
        self._subscribers: list[Callable[[Event], None]] = []
        self._change: asyncio.Future[None] | None = None

    def next_id(self) -> int:
        """A new snowflake."""
        milliseconds = time.time_ns() // 1_000_000 - DISCORD_EPOCH_MS
        return milliseconds << 22 | next(self._counter) & 0x3FFFFF

    def add_guild(self, name: str, owner: User) -> Guild:
        """A new guild with its @everyone role and a text channel."""
        guild = Guild(self.next_id(), name, self, owner)
        guild.roles.append(Role(guild.id, "@everyone", EVERYONE))
        guild.channels.append(Channel(self.next_id(), guild, "chat", TEXT_CHANNEL))
        self.guilds[guild.id] = guild
        return guild

    def set_voice(
        self,
        guild: Guild,
        user: User,
        channel: Channel | None,
        *,
        session_id: str | None = None,
        self_mute: bool = False,
        self_deaf: bool = False,
    ) -> None:
        """Put a member into a voice channel, or out of voice with None; says nothing about whether they may."""
        before = guild.voice_states.pop(user.id, None)
        if before is None and channel is None:
            return
        session = session_id or (before.session_id if before else secrets.token_hex(16))
        state = VoiceState(user, channel, session, self_mute, self_deaf)
        if channel:
            guild.voice_states[user.id] = state
        self.publish(VoiceStateChanged(guild, state, before.channel if before else None))

    def subscribe(self, subscriber: Callable[[Event], None]) -> None:
        """Have every event told from now on."""
        self._subscribers.append(subscriber)

    def publish(self, event: Event) -> None:
        """Tell subscribers, and wake whoever waits in ``until``."""
        for subscriber in self._subscribers:
            subscriber(event)
        self.touch()

    def touch(self) -> None:
        """Wake whoever waits in ``until``: something they may look at has changed."""
        if self._change is not None:
            if not self._change.done():
                self._change.set_result(None)
            self._change = None

    async def until[T](self, condition: Callable[[], T], timeout: float) -> T:  # noqa: ASYNC109 - the public name
        """Wait until the condition holds; it is asked again at every change, never by the clock.

        Returns:
            What the condition returned.

        Raises:
            TimeoutError: It did not hold within ``timeout`` seconds.
        """
        async with asyncio.timeout(timeout):
            while not (outcome := condition()):
                if self._change is None:
                    self._change = asyncio.get_running_loop().create_future()
                await asyncio.shield(self._change)
        return outcome
