"""What bots are told of an event in the world, and which of them (Discord: Gateway Events, "Receive Events")."""

import functools
import itertools
import time
from collections.abc import Iterator

from ..world.events import (
    BanChanged,
    Change,
    ChannelChanged,
    Event,
    GuildChanged,
    GuildOutage,
    MemberChanged,
    MessageChanged,
    MessagesDeleted,
    PinsChanged,
    PresenceChanged,
    ReactionChanged,
    ReactionsCleared,
    RoleChanged,
    SoundboardChanged,
    SoundboardPlayed,
    StageChanged,
    TypingStarted,
    UserChanged,
    VoiceStateChanged,
    VoiceStatusChanged,
)
from ..world.guild import Guild
from ..world.payloads import (
    Json,
    bare_member_json,
    channel_json,
    emoji_json,
    guild_json,
    iso,
    member_json,
    mentioned,
    message_json,
    own_user_json,
    presence_json,
    reads,
    role_json,
    sound_json,
    stage_json,
    user_json,
    voice_state_json,
)
from ..world.permissions import Permission
from ..world.values import Channel, Member, Message, Place, User
from .dispatch import Audience, Dispatch, all_but, only, viewers
from .intents import Intents
from .session import Session


@functools.singledispatch
def dispatches(event: Event) -> Iterator[Dispatch]:
    """All that is sent because of an event, save what guilds look like to the bots whose guilds they become."""
    raise NotImplementedError(event)


# Guilds


@dispatches.register
def _(event: GuildChanged) -> Iterator[Dispatch]:
    yield Dispatch("GUILD_UPDATE", lambda: guild_json(event.guild), event.guild)


@dispatches.register
def _(event: GuildOutage) -> Iterator[Dispatch]:  # noqa: ARG001 - its bots lose the guild or see it anew
    yield from ()


@dispatches.register
def _(event: MemberChanged) -> Iterator[Dispatch]:
    guild, member = event.guild, event.member
    match event.change:
        case Change.CREATED:
            yield Dispatch("GUILD_MEMBER_ADD", lambda: _in(guild, member_json(member)), guild, all_but(member.user))
        case Change.UPDATED:
            yield from _member_update(guild, member)
        case Change.DELETED:
            yield Dispatch("GUILD_MEMBER_REMOVE", lambda: _in(guild, {"user": user_json(member.user)}), guild)


def _member_update(guild: Guild, member: Member) -> Iterator[Dispatch]:
    """The bot itself is told without the intent (Gateway, "Caveats")."""
    event = "GUILD_MEMBER_UPDATE"
    yield Dispatch(event, lambda: _in(guild, member_json(member)), guild, all_but(member.user))
    yield Dispatch(event, lambda: _in(guild, member_json(member)), guild, only(member.user), always=True)


@dispatches.register
def _(event: BanChanged) -> Iterator[Dispatch]:
    guild = event.guild
    entitled = Permission.BAN_MEMBERS, Permission.VIEW_AUDIT_LOG
    yield Dispatch(
        "GUILD_BAN_ADD" if event.banned else "GUILD_BAN_REMOVE",
        lambda: _in(guild, {"user": user_json(event.user)}),
        guild,
        lambda session: any(guild.may(session.user, permission) for permission in entitled),
    )


@dispatches.register
def _(event: RoleChanged) -> Iterator[Dispatch]:
    guild, role = event.guild, event.role
    if event.change is Change.DELETED:
        yield Dispatch("GUILD_ROLE_DELETE", lambda: _in(guild, {"role_id": str(role.id)}), guild)
    else:
        position = guild.roles.index(role)
        yield Dispatch(f"GUILD_ROLE_{event.change}", lambda: _in(guild, {"role": role_json(role, position)}), guild)


@dispatches.register
def _(event: SoundboardChanged) -> Iterator[Dispatch]:
    guild, sound = event.guild, event.sound
    name = f"GUILD_SOUNDBOARD_SOUND_{event.change}"
    if event.change is Change.DELETED:
        yield Dispatch(name, lambda: _in(guild, {"sound_id": str(sound.id)}), guild)
    else:
        yield Dispatch(name, lambda: sound_json(sound, guild), guild)


# Channels and voice


@dispatches.register
def _(event: ChannelChanged) -> Iterator[Dispatch]:
    channel = event.channel
    yield Dispatch(f"CHANNEL_{event.change}", lambda: channel_json(channel), channel.guild)


@dispatches.register
def _(event: VoiceStatusChanged) -> Iterator[Dispatch]:
    guild, channel = event.channel.guild, event.channel
    data: Json = {"id": str(channel.id), "status": channel.status}
    yield Dispatch("VOICE_CHANNEL_STATUS_UPDATE", lambda: _in(guild, data), guild)


@dispatches.register
def _(event: StageChanged) -> Iterator[Dispatch]:
    channel, stage = event.channel, event.stage
    yield Dispatch(f"STAGE_INSTANCE_{event.change}", lambda: stage_json(channel, stage), channel.guild)


@dispatches.register
def _(event: VoiceStateChanged) -> Iterator[Dispatch]:
    guild, state = event.guild, event.state
    member = guild.members[state.user.id]
    yield Dispatch(
        "VOICE_STATE_UPDATE", lambda: _in(guild, voice_state_json(state) | {"member": member_json(member)}), guild
    )


@dispatches.register
def _(event: SoundboardPlayed) -> Iterator[Dispatch]:
    """To those in the channel."""
    guild, channel = event.channel.guild, event.channel
    data: Json = {"channel_id": str(channel.id), "user_id": str(event.user.id), **event.effect}
    yield Dispatch(
        "VOICE_CHANNEL_EFFECT_SEND",
        lambda: _in(guild, data),
        guild,
        lambda session: session.user in channel.occupants,
    )


# Messages


@dispatches.register
def _(event: MessageChanged) -> Iterator[Dispatch]:
    """Those for one person's eyes go to their author alone, as if in a direct channel (Gateway Events, "Messages")."""
    message, name = event.message, f"MESSAGE_{event.change}"
    place = message.place
    guild, audience = _guild_of(place), viewers(place)
    if message.ephemeral:
        guild, audience = None, only(message.author)
    if event.change is Change.DELETED:
        yield Dispatch(name, lambda: _in(guild, {"id": str(message.id), "channel_id": str(place.id)}), guild, audience)
        return
    shown = [message, message.quoted] if message.quoted else [message]
    for combination in itertools.product((True, False), repeat=len(shown)):
        read = set(itertools.compress(shown, combination))
        data = functools.partial(_message_json, message, guild, read)
        yield Dispatch(name, data, guild, _readers(audience, shown, read))


def _readers(audience: Audience, shown: list[Message], read: set[Message]) -> Audience:
    """Of an audience, those who see what these messages say, and not what the others that are shown do."""

    def belongs(session: Session) -> bool:
        intent = session.wants(Intents.MESSAGE_CONTENT)
        return audience(session) and read == {each for each in shown if reads(session.user, each, intent=intent)}

    return belongs


def _message_json(message: Message, guild: Guild | None, read: set[Message]) -> Json:
    payload = message_json(message, may_read=read.__contains__)
    if guild is None:
        return payload
    for mention, user in zip(payload["mentions"], mentioned(message), strict=True):
        if member := guild.members.get(user.id):
            mention["member"] = bare_member_json(member)
    if member := guild.members.get(message.author.id):
        payload["member"] = bare_member_json(member)
    return _in(guild, payload)


@dispatches.register
def _(event: MessagesDeleted) -> Iterator[Dispatch]:
    guild, place = _guild_of(event.place), event.place
    data: Json = {"ids": [str(message.id) for message in event.messages], "channel_id": str(place.id)}
    yield Dispatch("MESSAGE_DELETE_BULK", lambda: _in(guild, data), guild, viewers(place))


@dispatches.register
def _(event: PinsChanged) -> Iterator[Dispatch]:
    guild, place = _guild_of(event.place), event.place
    latest = max((message.pinned_at for message in place.messages if message.pinned_at is not None), default=None)
    data: Json = {"channel_id": str(place.id), "last_pin_timestamp": None if latest is None else iso(latest)}
    yield Dispatch("CHANNEL_PINS_UPDATE", lambda: _in(guild, data), guild, viewers(place))


@dispatches.register
def _(event: ReactionChanged) -> Iterator[Dispatch]:
    message, user = event.message, event.user
    guild = _guild_of(message.place)
    data = _of(message) | {"user_id": str(user.id), "emoji": emoji_json(event.emoji), "burst": False, "type": 0}
    if event.added:
        data |= {"message_author_id": str(message.author.id), "burst_colors": []} | _member_in(guild, user)
    name = "MESSAGE_REACTION_ADD" if event.added else "MESSAGE_REACTION_REMOVE"
    yield Dispatch(name, lambda: _in(guild, data), guild, viewers(message.place))


@dispatches.register
def _(event: ReactionsCleared) -> Iterator[Dispatch]:
    guild, data = _guild_of(event.message.place), _of(event.message)
    name = "MESSAGE_REACTION_REMOVE_ALL"
    if event.emoji is not None:
        name = "MESSAGE_REACTION_REMOVE_EMOJI"
        data["emoji"] = emoji_json(event.emoji)
    yield Dispatch(name, lambda: _in(guild, data), guild, viewers(event.message.place))


@dispatches.register
def _(event: TypingStarted) -> Iterator[Dispatch]:
    guild, place = _guild_of(event.place), event.place
    data: Json = {"channel_id": str(place.id), "user_id": str(event.user.id), "timestamp": int(time.time())}
    data |= _member_in(guild, event.user)
    yield Dispatch("TYPING_START", lambda: _in(guild, data), guild, viewers(place))


# Accounts


@dispatches.register
def _(event: PresenceChanged) -> Iterator[Dispatch]:
    for guild in event.guilds:
        yield _presence(guild, presence_json(event.user))


@dispatches.register
def _(event: UserChanged) -> Iterator[Dispatch]:
    user = event.user
    yield Dispatch("USER_UPDATE", lambda: own_user_json(user), audience=only(user))
    for guild in event.guilds:
        yield from _member_update(guild, guild.members[user.id])
        yield _presence(guild, presence_json(user) | {"user": user_json(user)})


def _presence(guild: Guild, payload: Json) -> Dispatch:
    return Dispatch("PRESENCE_UPDATE", lambda: _in(guild, payload), guild)


# Places and people


def _in(guild: Guild | None, data: Json) -> Json:
    return data if guild is None else data | {"guild_id": str(guild.id)}


def _of(message: Message) -> Json:
    return {"channel_id": str(message.place.id), "message_id": str(message.id)}


def _member_in(guild: Guild | None, user: User) -> Json:
    member = guild.members.get(user.id) if guild else None
    return {"member": member_json(member)} if member else {}


def _guild_of(place: Place) -> Guild | None:
    return place.guild if isinstance(place, Channel) else None
