"""Verbs that change what there is: guilds, channels, roles, members, stages and soundboards."""

import datetime as dt
from typing import Annotated

import msgspec

from ..world.guild import Guild
from ..world.payloads import channel_json, member_json, role_json, sound_json, stage_json, user_json
from ..world.permissions import Permission
from ..world.values import Channel, ChannelType, Role, SoundboardSound, User
from .arguments import Count, Locale, Name
from .building import member_of, own_role_of, role_of
from .control import Control
from .refusals import RefusedError, not_there
from .views import Json

Nick = Annotated[str, msgspec.Meta(min_length=1, max_length=32)]
Timeout = Annotated[float, msgspec.Meta(ge=0, le=28 * 24 * 3600, description="seconds")]
"""Guild, "Modify Guild Member"."""
Topic = Annotated[str, msgspec.Meta(min_length=1, max_length=120)]
"""Stage Instance, "Create Stage Instance"."""
Status = Annotated[str, msgspec.Meta(max_length=500)]
"""Channel, "Set Voice Channel Status"."""
Volume = Annotated[float, msgspec.Meta(ge=0, le=1)]
"""Soundboard, "Soundboard Sound Object"."""
AUTOMATIC = "automatic"


# Guilds and channels


def rename(guild: Guild, name: Name) -> None:
    """Give a guild another name."""
    guild.rename(name)


def change_channel(
    channel: Channel, name: Name | None = None, user_limit: Count | None = None, rtc_region: Name | None = None
) -> Json:
    """Change a channel; what is left out stays. The rtc_region "automatic" leaves the voice region to Discord.

    Returns:
        Discord's channel object.
    """
    fields = _given(name=name, user_limit=user_limit, rtc_region=rtc_region)
    if rtc_region == AUTOMATIC:
        fields["rtc_region"] = None
    channel.guild.change_channel(channel, **fields)
    return channel_json(channel)


def set_voice_status(channel: Channel, status: Status | None = None) -> None:
    """Say what is going on in a voice channel, or without a status nothing."""
    _need(channel, ChannelType.VOICE)
    channel.guild.set_voice_status(channel, status or None)


# Roles and members


def change_role(
    guild: Guild,
    role: Role,
    name: Name | None = None,
    permissions: Permission | None = None,
    *,
    mentionable: bool | None = None,
) -> Json:
    """Change a role, @everyone too; what is left out stays.

    Returns:
        Discord's role object.
    """
    fields = _given(name=name, permissions=permissions, mentionable=mentionable)
    guild.change_role(role_of(guild, role), **fields)
    return role_json(role, guild.roles.index(role))


def move_roles(guild: Guild, roles: tuple[Role, ...]) -> Json:
    """Put roles above all others, the last one highest.

    Returns:
        Discord's role objects, all of the guild, the lowest first.
    """
    moved = list(dict.fromkeys(own_role_of(guild, role) for role in roles))
    lowest = len(guild.roles) - len(moved)
    guild.move_roles({role: lowest + index for index, role in enumerate(moved)})
    return {"roles": [role_json(role, position) for position, role in enumerate(guild.roles)]}


def remove_role(guild: Guild, role: Role) -> None:
    """Delete a role; members lose it."""
    guild.remove_role(own_role_of(guild, role))


def set_nickname(guild: Guild, user: User, nickname: Nick | None = None) -> Json:
    """Give a member a name of their own in a guild, or without a nickname take it away.

    Returns:
        Discord's member object.
    """
    member = member_of(guild, user)
    guild.change_member(user, nick=nickname)
    return member_json(member)


def timeout(guild: Guild, user: User, seconds: Timeout | None = None) -> Json:
    """A moderator times a member out, or without seconds takes it back.

    Returns:
        Discord's member object.
    """
    member = member_of(guild, user)
    until = None if seconds is None else dt.datetime.now(dt.UTC) + dt.timedelta(seconds=seconds)
    guild.change_member(user, timeout_until=until and until.isoformat())
    return member_json(member)


def change_user(control: Control, user: User, name: Name | None = None, locale: Locale | None = None) -> Json:
    """Change an account's name, and the language of its Discord client; what is left out stays.

    Returns:
        Discord's user object.
    """
    user.locale = locale or user.locale
    if name is not None:
        control.discord.world.rename(user, name)
    return user_json(user)


# Stages and soundboards


def open_stage(channel: Channel, topic: Topic) -> Json:
    """Go live in a stage channel.

    Returns:
        Discord's stage instance object.
    """
    _need(channel, ChannelType.STAGE)
    if channel.stage:
        raise RefusedError(409, "taken", f"{channel.name} is live already", "change_stage changes the topic")
    return stage_json(channel, channel.guild.open_stage(channel, topic))


def change_stage(channel: Channel, topic: Topic) -> None:
    """Change the topic of a stage that is live."""
    _need_stage(channel)
    channel.guild.change_stage(channel, topic)


def close_stage(channel: Channel) -> None:
    """End a stage."""
    _need_stage(channel)
    channel.guild.close_stage(channel)


def add_sound(guild: Guild, name: Nick, emoji_name: Nick | None = None, volume: Volume = 1.0) -> Json:
    """Add a sound to a guild's part of Discord's own soundboard.

    Returns:
        Discord's soundboard sound object.
    """
    return sound_json(guild.add_sound(name, emoji_name=emoji_name, volume=volume), guild)


def change_sound(guild: Guild, sound: SoundboardSound, name: Nick | None = None, volume: Volume | None = None) -> Json:
    """Change a sound of a guild; what is left out stays.

    Returns:
        Discord's soundboard sound object.
    """
    guild.change_sound(_sound_of(guild, sound), **_given(name=name, volume=volume))
    return sound_json(sound, guild)


def remove_sound(guild: Guild, sound: SoundboardSound) -> None:
    """Delete a sound of a guild."""
    guild.remove_sound(_sound_of(guild, sound))


def _given(**fields: object) -> dict[str, object]:
    return {name: value for name, value in fields.items() if value is not None}


def _need(channel: Channel, kind: ChannelType) -> None:
    if channel.kind is not kind:
        message = f"{channel.name} is no {kind.name.lower()} channel"
        raise RefusedError(409, "not_allowed", message, "name a channel of that kind")


def _need_stage(channel: Channel) -> None:
    if channel.stage is None:
        raise not_there(f"{channel.name} is not live")


def _sound_of(guild: Guild, sound: SoundboardSound) -> SoundboardSound:
    if sound.id in guild.sounds:
        return sound
    raise not_there(f"{guild.name} has no sound {sound.id}")
