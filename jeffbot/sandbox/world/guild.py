"""A guild, what may be done in it, and what is done: every change is told to the world."""

import datetime as dt
import secrets
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from ..errors import NotAllowedError
from .events import (
    BanChanged,
    Change,
    ChannelChanged,
    GuildChanged,
    GuildOutage,
    MemberChanged,
    RoleChanged,
    SoundboardChanged,
    StageChanged,
    VoiceStateChanged,
    VoiceStatusChanged,
)
from .permissions import ALL_PERMISSIONS, NO_PERMISSIONS, WHEN_TIMED_OUT, Permission
from .values import (
    Channel,
    ChannelType,
    Member,
    Overwrite,
    Role,
    SoundboardSound,
    StageInstance,
    User,
    VoiceState,
)

if TYPE_CHECKING:
    from .world import World


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
    bans: dict[int, tuple[User, str | None]] = field(default_factory=dict)
    """By user id, with the reason given."""
    sounds: dict[int, SoundboardSound] = field(default_factory=dict)
    """Its part of Discord's own soundboard."""
    unavailable: bool = False
    """Discord has lost sight of it."""
    extra: dict[str, Any] = field(default_factory=dict)
    """Further fields of its JSON, such as ``verification_level``."""

    # What may be done

    @property
    def everyone(self) -> Role:
        """The role of all members."""
        return self.roles[0]

    @property
    def text_channel(self) -> Channel:
        """The guild's first text channel.

        Raises:
            NotAllowedError: It has none.
        """
        for channel in self.channels:
            if channel.kind is ChannelType.TEXT:
                return channel
        raise NotAllowedError(f"{self.name} has no text channel")

    def permissions_of(self, user: User, channel: Channel | None = None) -> int:
        """A member's permissions, in a channel if one is given (Discord: Permissions, "Permission Overwrites")."""
        member = self.members[user.id]
        granted = self.everyone.permissions
        for role in member.roles:
            granted |= role.permissions
        if user is self.owner or granted & Permission.ADMINISTRATOR:
            return ALL_PERMISSIONS
        if channel is None:
            return granted & WHEN_TIMED_OUT if member.timed_out else granted
        granted = _overwritten(granted, [channel.overwrites.get(self.id)])
        granted = _overwritten(granted, [channel.overwrites.get(role.id) for role in member.roles])
        granted = _overwritten(granted, [channel.overwrites.get(user.id)])
        if not granted & Permission.VIEW_CHANNEL or (channel.is_vocal and not granted & Permission.CONNECT):
            return granted & Permission.VIEW_CHANNEL
        return granted & WHEN_TIMED_OUT if member.timed_out else granted

    def may(self, user: User, needed: Permission, channel: Channel | None = None) -> bool:
        """Whether a user is a member and holds all of these permissions."""
        return user.id in self.members and self.permissions_of(user, channel) & needed == needed

    def may_join(self, user: User, channel: Channel) -> bool:
        """Whether Discord lets this member into a voice channel now."""
        if not channel.is_vocal:
            return False
        others = sum(occupant is not user for occupant in channel.occupants)
        full = 0 < channel.user_limit <= others and not self.may(user, Permission.MOVE_MEMBERS, channel)
        return not full and self.may(user, Permission.VIEW_CHANNEL | Permission.CONNECT, channel)

    # Channels and roles

    def add_voice_channel(self, name: str, *, user_limit: int = 0, denied: Permission = NO_PERMISSIONS) -> Channel:
        """Add a voice channel that ``user_limit`` may join (0: any number), without ``denied`` for @everyone."""
        return self.add_channel(name, ChannelType.VOICE, user_limit=user_limit, denied=denied)

    def add_stage_channel(self, name: str, *, denied: Permission = NO_PERMISSIONS) -> Channel:
        """Add a stage channel: who joins is in the audience, suppressed."""
        return self.add_channel(name, ChannelType.STAGE, denied=denied)

    def add_text_channel(self, name: str, *, denied: Permission = NO_PERMISSIONS) -> Channel:
        """Add a text channel; commands are used in the guild's first."""
        return self.add_channel(name, ChannelType.TEXT, denied=denied)

    def add_channel(
        self, name: str, kind: ChannelType, *, denied: Permission = NO_PERMISSIONS, **fields: Any
    ) -> Channel:
        """Add a channel of any kind; ``fields`` are those of ``Channel``."""
        channel = Channel(self.world.next_id(), self, name, kind, **fields)
        if denied:
            channel.overwrites[self.id] = Overwrite(deny=denied)
        self.channels.append(channel)
        self.world.channels[channel.id] = channel
        self.world.publish(ChannelChanged(channel, Change.CREATED))
        return channel

    def change_channel(self, channel: Channel, **fields: Any) -> None:
        """Change fields of a channel, by their names in ``Channel``."""
        for name, value in fields.items():
            setattr(channel, name, value)
        self.world.publish(ChannelChanged(channel, Change.UPDATED))
        self._suppress_anew()

    def overwrite(
        self,
        channel: Channel,
        target: Role | User,
        *,
        allow: Permission = NO_PERMISSIONS,
        deny: Permission = NO_PERMISSIONS,
    ) -> None:
        """Allow and deny permissions to a role or a member in a channel; in place of what was said before."""
        channel.overwrites[target.id] = Overwrite(allow, deny, isinstance(target, User))
        self.change_channel(channel)

    def move_channels(self, places: dict[Channel, int]) -> None:
        """Put channels at these positions in the guild's list; all whose place changes are told of."""
        before = list(self.channels)
        _move(self.channels, places)
        for channel, previous in zip(self.channels, before, strict=True):
            if channel is not previous:
                self.world.publish(ChannelChanged(channel, Change.UPDATED))

    def set_voice_status(self, channel: Channel, status: str | None) -> None:
        """Say what is going on in a voice channel."""
        channel.status = status
        self.world.publish(VoiceStatusChanged(channel))

    def remove_channel(self, channel: Channel) -> None:
        """Delete a channel; who is in it is out of voice."""
        self.channels.remove(channel)
        del self.world.channels[channel.id]
        self.world.publish(ChannelChanged(channel, Change.DELETED))
        for user in channel.occupants:
            self.set_voice(user, None)

    def add_role(self, name: str, permissions: Permission = NO_PERMISSIONS) -> Role:
        """Add a role; give it with ``add_member`` or ``give_role``."""
        role = Role(self.world.next_id(), name, permissions)
        self.roles.append(role)
        self.world.publish(RoleChanged(self, role, Change.CREATED))
        return role

    def change_role(self, role: Role, **fields: Any) -> None:
        """Change fields of a role, by their names in ``Role``."""
        for name, value in fields.items():
            setattr(role, name, value)
        self.world.publish(RoleChanged(self, role, Change.UPDATED))
        self._suppress_anew()

    def move_roles(self, places: dict[Role, int]) -> None:
        """Put roles at these positions, the highest being the most powerful; @everyone stays at 0."""
        before = list(self.roles)
        _move(self.roles, places)
        for role, previous in zip(self.roles, before, strict=True):
            if role is not previous:
                self.world.publish(RoleChanged(self, role, Change.UPDATED))

    def rank(self, user: User) -> int:
        """Position of a member's highest role; the owner is above all (Permissions, "Permission Hierarchy")."""
        if user is self.owner:
            return len(self.roles)
        return max((self.roles.index(role) for role in self.members[user.id].roles), default=0)

    def remove_role(self, role: Role) -> None:
        """Delete a role; members lose it."""
        self.roles.remove(role)
        for member in self.members.values():
            if role in member.roles:
                self.take_role(member.user, role)
        self.world.publish(RoleChanged(self, role, Change.DELETED))

    # Members

    def add_member(self, user: User, *, roles: tuple[Role, ...] = ()) -> Member:
        """Let a user in."""
        member = self.members[user.id] = Member(user, list(roles))
        self.world.publish(MemberChanged(self, member, Change.CREATED))
        return member

    def change_member(self, user: User, **fields: Any) -> None:
        """Change fields of a member, by their names in ``Member``; ``mute`` and ``deaf`` reach their voice state."""
        member = self.members[user.id]
        for name, value in fields.items():
            setattr(member, name, value)
        self.world.publish(MemberChanged(self, member, Change.UPDATED))
        if state := self.voice_states.get(user.id):
            if fields.keys() & {"mute", "deaf"}:
                state.mute, state.deaf = member.mute, member.deaf
                self.world.publish(VoiceStateChanged(self, state, state.channel))
            self._suppress_anew()

    def give_role(self, user: User, role: Role) -> None:
        """Give a member a role."""
        self.change_member(user, roles=[*self.members[user.id].roles, role])

    def take_role(self, user: User, role: Role) -> None:
        """Take a role from a member."""
        self.change_member(user, roles=[held for held in self.members[user.id].roles if held is not role])

    def remove_member(self, user: User) -> None:
        """A member leaves or is kicked; out of voice, too."""
        self.set_voice(user, None)
        member = self.members.pop(user.id)
        self.world.publish(MemberChanged(self, member, Change.DELETED))

    def ban(self, user: User, reason: str | None = None) -> None:
        """Ban a user, who is a member no more."""
        self.bans[user.id] = (user, reason)
        self.world.publish(BanChanged(self, user, banned=True))
        if user.id in self.members:
            self.remove_member(user)

    def unban(self, user: User) -> None:
        """Take a ban back."""
        del self.bans[user.id]
        self.world.publish(BanChanged(self, user, banned=False))

    # Voice

    def set_voice(
        self,
        user: User,
        channel: Channel | None,
        *,
        session_id: str | None = None,
        self_mute: bool = False,
        self_deaf: bool = False,
    ) -> None:
        """Put a member into a voice channel, or out of voice with None; says nothing about whether they may."""
        before = self.voice_states.pop(user.id, None)
        if before is None and channel is None:
            return
        session = session_id or (before.session_id if before else secrets.token_hex(16))
        member = self.members[user.id]
        state = VoiceState(user, channel, session, self_mute, self_deaf, member.mute, member.deaf)
        if channel:
            stays = before is not None and before.channel is channel
            state.suppress = before.suppress if before and stays else self._suppressed(user, channel)
            self.voice_states[user.id] = state
        self.world.publish(VoiceStateChanged(self, state, before.channel if before else None))

    def change_voice(self, user: User, **fields: Any) -> None:
        """Change fields of a voice state in place, such as ``suppress``, by their names in ``VoiceState``."""
        state = self.voice_states[user.id]
        for name, value in fields.items():
            setattr(state, name, value)
        self.world.publish(VoiceStateChanged(self, state, state.channel))

    def raise_hand(self, user: User) -> None:
        """Request to speak in a stage channel."""
        self.change_voice(user, request_to_speak=dt.datetime.now(dt.UTC).isoformat())

    def _suppressed(self, user: User, channel: Channel) -> bool:
        return channel.kind is ChannelType.STAGE or not self.may(user, Permission.SPEAK, channel)

    def _suppress_anew(self) -> None:
        """After a change of permissions: who may no longer speak is suppressed, who may again is not."""
        for state in list(self.voice_states.values()):
            if state.channel is None or state.channel.kind is ChannelType.STAGE:
                continue
            suppressed = self._suppressed(state.user, state.channel)
            if suppressed != state.suppress:
                self.change_voice(state.user, suppress=suppressed)

    # The rest

    def rename(self, name: str) -> None:
        """Give the guild another name."""
        self.change(name=name)

    def change(self, *, name: str | None = None, **extra: Any) -> None:
        """Change its name, and further fields of its JSON."""
        self.name = name or self.name
        self.extra |= extra
        self.world.publish(GuildChanged(self))

    def set_unavailable(self, unavailable: bool) -> None:  # noqa: FBT001 - the word is in the name
        """Have Discord lose sight of the guild, or find it again: what an outage looks like."""
        self.unavailable = unavailable
        self.world.publish(GuildOutage(self, unavailable))

    def open_stage(self, channel: Channel, topic: str) -> StageInstance:
        """Go live in a stage channel."""
        stage = channel.stage = StageInstance(self.world.next_id(), topic)
        self.world.publish(StageChanged(channel, stage, Change.CREATED))
        return stage

    def change_stage(self, channel: Channel, topic: str) -> None:
        """Change the topic of a stage that is live."""
        if stage := channel.stage:
            stage.topic = topic
            self.world.publish(StageChanged(channel, stage, Change.UPDATED))

    def close_stage(self, channel: Channel) -> None:
        """End a stage."""
        if stage := channel.stage:
            channel.stage = None
            self.world.publish(StageChanged(channel, stage, Change.DELETED))

    def add_sound(self, name: str, data: bytes = b"", **fields: Any) -> SoundboardSound:
        """Add a sound to the guild's part of Discord's own soundboard."""
        sound = SoundboardSound(self.world.next_id(), name, data=data, **fields)
        self.sounds[sound.id] = sound
        self.world.publish(SoundboardChanged(self, sound, Change.CREATED))
        return sound

    def change_sound(self, sound: SoundboardSound, **fields: Any) -> None:
        """Change fields of a sound, by their names in ``SoundboardSound``."""
        for name, value in fields.items():
            setattr(sound, name, value)
        self.world.publish(SoundboardChanged(self, sound, Change.UPDATED))

    def remove_sound(self, sound: SoundboardSound) -> None:
        """Delete a sound."""
        del self.sounds[sound.id]
        self.world.publish(SoundboardChanged(self, sound, Change.DELETED))


def _move[T](things: list[T], places: dict[T, int]) -> None:
    """Order a list in place: those that are named go to their places, the others keep their order around them."""
    others = [thing for thing in things if thing not in places]
    for thing in sorted(places, key=lambda thing: places[thing]):
        others.insert(places[thing], thing)
    things[:] = others


def _overwritten(granted: int, overwrites: list[Overwrite | None]) -> int:
    """Permissions after the overwrites of one level: all denials first, then all that is allowed."""
    said = [overwrite for overwrite in overwrites if overwrite]
    for overwrite in said:
        granted &= ~overwrite.deny
    for overwrite in said:
        granted |= overwrite.allow
    return granted
