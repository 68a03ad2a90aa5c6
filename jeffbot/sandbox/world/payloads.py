"""The world's objects as Discord's JSON; ids are strings (Discord: Reference, "ID Serialization")."""

import datetime as dt
import re
from collections.abc import Callable, Iterable, Sequence
from typing import Any

from .guild import Guild
from .values import (
    Channel,
    ChannelType,
    DirectChannel,
    Member,
    Message,
    Place,
    Role,
    SoundboardSound,
    StageInstance,
    User,
    VoiceState,
)

type Json = dict[str, Any]

_JOINED_AT = "2024-01-01T00:00:00.000000+00:00"
_EMPTY: Json = {"content": "", "embeds": [], "attachments": [], "components": []}
"""What is to be seen of a message that one may not read (Gateway, "Message Content Intent"); polls are left out."""
_MENTION = re.compile(r"<@!?(\d{1,20})>")


def iso(seconds: float) -> str:
    """A time, in seconds since 1970, as Discord writes it."""
    return dt.datetime.fromtimestamp(seconds, dt.UTC).isoformat()


def user_json(user: User) -> Json:
    """Discord: Resources, User."""
    return {
        "id": str(user.id),
        "username": user.name,
        "global_name": user.name,
        "discriminator": "0",
        "avatar": None,
        "banner": None,
        "accent_color": None,
        "avatar_decoration_data": None,
        "clan": None,
        "primary_guild": None,
        "collectibles": None,
        "bot": user.bot,
        "public_flags": 0,
        "flags": 0,
    }


def own_user_json(user: User) -> Json:
    """A user as they see themselves: READY and ``/users/@me``."""
    return user_json(user) | {"mfa_enabled": False, "email": None, "verified": True, "locale": user.locale, "bio": ""}


def member_json(member: Member) -> Json:
    """Discord: Resources, Guild, "Guild Member Object"."""
    return {
        "user": user_json(member.user),
        "nick": member.nick,
        "avatar": None,
        "banner": None,
        "roles": [str(role.id) for role in member.roles],
        "joined_at": _JOINED_AT,
        "premium_since": None,
        "deaf": member.deaf,
        "mute": member.mute,
        "flags": 0,
        "pending": False,
        "communication_disabled_until": member.timeout_until,
        "avatar_decoration_data": None,
    }


def bare_member_json(member: Member) -> Json:
    """A member without its user, as beside a message's author."""
    return {key: value for key, value in member_json(member).items() if key != "user"}


def role_json(role: Role, position: int) -> Json:
    """Discord: Topics, Permissions, "Role Object"."""
    return {
        "id": str(role.id),
        "name": role.name,
        "color": role.color,
        "colors": {"primary_color": role.color, "secondary_color": None, "tertiary_color": None},
        "hoist": role.hoist,
        "icon": None,
        "unicode_emoji": None,
        "position": position,
        "permissions": str(int(role.permissions)),
        "managed": role.managed,
        "mentionable": role.mentionable,
        "flags": 0,
    }


def channel_json(channel: Place) -> Json:
    """Discord: Resources, Channel."""
    if isinstance(channel, DirectChannel):
        return _direct_json(channel)
    assert isinstance(channel, Channel)  # noqa: S101 - there is no third kind of place
    payload: Json = {
        "id": str(channel.id),
        "guild_id": str(channel.guild.id),
        "type": int(channel.kind),
        "name": channel.name,
        "position": channel.guild.channels.index(channel) if channel in channel.guild.channels else 0,
        "permission_overwrites": [
            {
                "id": str(target),
                "type": int(overwrite.is_member),
                "allow": str(int(overwrite.allow)),
                "deny": str(int(overwrite.deny)),
            }
            for target, overwrite in channel.overwrites.items()
        ],
        "parent_id": str(channel.parent_id) if channel.parent_id else None,
        "nsfw": channel.nsfw,
        "rate_limit_per_user": channel.rate_limit_per_user,
        "last_message_id": str(channel.messages[-1].id) if channel.messages else None,
        "flags": 0,
    }
    if channel.is_vocal:
        payload |= {
            "bitrate": channel.bitrate,
            "user_limit": channel.user_limit,
            "rtc_region": channel.rtc_region,
            "video_quality_mode": 1,
        }
    if channel.kind is ChannelType.TEXT:
        payload["default_auto_archive_duration"] = 1440
    return payload | {"topic": channel.topic} | channel.extra


def _direct_json(channel: DirectChannel) -> Json:
    return {
        "id": str(channel.id),
        "type": int(channel.kind),
        "last_message_id": str(channel.messages[-1].id) if channel.messages else None,
        "recipients": [user_json(user) for user in channel.users if not user.bot],
        "flags": 0,
    }


def voice_state_json(state: VoiceState) -> Json:
    """Discord: Resources, Voice, "Voice State Object", as in GUILD_CREATE: without guild and member."""
    return {
        "channel_id": str(state.channel.id) if state.channel else None,
        "user_id": str(state.user.id),
        "session_id": state.session_id,
        "deaf": state.deaf,
        "mute": state.mute,
        "self_deaf": state.self_deaf,
        "self_mute": state.self_mute,
        "self_video": False,
        "self_stream": False,
        "suppress": state.suppress,
        "request_to_speak_timestamp": state.request_to_speak,
    }


def presence_json(user: User) -> Json:
    """Discord: Gateway Events, "Presence Update", as in GUILD_CREATE: without guild."""
    status = user.presence.get("status", "online")
    return {
        "user": {"id": str(user.id)},
        "status": "offline" if status == "invisible" else status,
        "activities": user.presence.get("activities") or [],
        "client_status": {} if status in ("offline", "invisible") else {"web": status},
    }


def stage_json(channel: Channel, stage: StageInstance) -> Json:
    """Discord: Resources, Stage Instance."""
    return {
        "id": str(stage.id),
        "guild_id": str(channel.guild.id),
        "channel_id": str(channel.id),
        "topic": stage.topic,
        "privacy_level": 2,
        "discoverable_disabled": True,
        "guild_scheduled_event_id": None,
    }


def sound_json(sound: SoundboardSound, guild: Guild | None) -> Json:
    """Discord: Resources, Soundboard, "Soundboard Sound Object"."""
    payload: Json = {
        "sound_id": str(sound.id),
        "name": sound.name,
        "volume": sound.volume,
        "emoji_id": None,
        "emoji_name": sound.emoji_name,
        "available": sound.available,
    }
    if guild is None:
        return payload
    return payload | {"guild_id": str(guild.id), "user": user_json(sound.user or guild.owner)}


def effect_json(sound: SoundboardSound) -> Json:
    """What is told of a sound that is played (Discord: Gateway Events, "Voice Channel Effect Send")."""
    emoji = {"id": None, "name": sound.emoji_name} if sound.emoji_name else None
    return {"sound_id": str(sound.id), "sound_volume": sound.volume, "emoji": emoji}


def guild_json(guild: Guild) -> Json:
    """Discord: Resources, Guild, "Guild Object"."""
    return {
        "id": str(guild.id),
        "name": guild.name,
        "icon": None,
        "icon_hash": None,
        "splash": None,
        "discovery_splash": None,
        "owner_id": str(guild.owner.id),
        "region": "deprecated",
        "afk_channel_id": None,
        "afk_timeout": 300,
        "widget_enabled": False,
        "widget_channel_id": None,
        "verification_level": 0,
        "default_message_notifications": 0,
        "explicit_content_filter": 0,
        "roles": [role_json(role, position) for position, role in enumerate(guild.roles)],
        "emojis": [],
        "stickers": [],
        "features": ["SOUNDBOARD"],
        "mfa_level": 0,
        "application_id": None,
        "system_channel_id": None,
        "system_channel_flags": 0,
        "rules_channel_id": None,
        "max_presences": None,
        "max_members": 500_000,
        "max_video_channel_users": 25,
        "max_stage_video_channel_users": 50,
        "vanity_url_code": None,
        "description": None,
        "banner": None,
        "premium_tier": 0,
        "premium_subscription_count": 0,
        "preferred_locale": "en-US",
        "public_updates_channel_id": None,
        "nsfw": False,
        "nsfw_level": 0,
        "premium_progress_bar_enabled": False,
        "safety_alerts_channel_id": None,
        "latest_onboarding_question_id": None,
        "home_header": None,
        "hub_type": None,
        "incidents_data": None,
        "inventory_settings": None,
    } | guild.extra


def guild_create_json(guild: Guild, members: Sequence[Member], *, presences: bool, voice: bool, large: bool) -> Json:
    """Discord: Gateway Events, "Guild Create".

    Args:
        guild: The guild.
        members: Those that are listed.
        presences: List who of them is online and what they do (the GUILD_PRESENCES intent).
        voice: List who is in voice (the GUILD_VOICE_STATES intent).
        large: It has more members than the bot's ``large_threshold``.
    """
    return guild_json(guild) | {
        "joined_at": _JOINED_AT,
        "large": large,
        "member_count": len(guild.members),
        "members": [member_json(member) for member in members],
        "channels": [channel_json(channel) for channel in guild.channels],
        "voice_states": [voice_state_json(state) for state in guild.voice_states.values()] if voice else [],
        "threads": [],
        "presences": [presence_json(member.user) for member in members if member.user.is_online] if presences else [],
        "stage_instances": [stage_json(channel, channel.stage) for channel in guild.channels if channel.stage],
        "guild_scheduled_events": [],
        "soundboard_sounds": [sound_json(sound, guild) for sound in guild.sounds.values()],
        "embedded_activities": [],
    }


def message_json(message: Message, *, may_read: Callable[[Message], bool] = lambda _: True) -> Json:
    """Discord: Resources, Message.

    Args:
        message: The message.
        may_read: Whether the reader sees what a message says, this one or the one that it replies to.
    """
    payload = _one_message_json(message, content=may_read(message))
    if quoted := message.quoted:
        is_there = quoted.is_there
        payload["referenced_message"] = _one_message_json(quoted, content=may_read(quoted)) if is_there else None
    return payload


def reads(user: User, message: Message, *, intent: bool) -> bool:
    """Whether a bot sees what a message says (Gateway, "Message Content Intent").

    Args:
        user: The bot.
        message: The message.
        intent: It has the MESSAGE_CONTENT intent.
    """
    mine = message.author is user or isinstance(message.place, DirectChannel)
    return intent or mine or user in mentioned(message)


def _one_message_json(message: Message, *, content: bool) -> Json:
    """Without the message that it replies to."""
    place = message.place
    payload: Json = {
        "id": str(message.id),
        "channel_id": str(place.id),
        "author": user_json(message.author),
        "content": message.content,
        "timestamp": iso(message.created),
        "edited_timestamp": None if message.edited is None else iso(message.edited),
        "tts": False,
        "mention_everyone": False,
        "mentions": [user_json(user) for user in mentioned(message)],
        "mention_roles": [],
        "attachments": message.attachments,
        "embeds": message.embeds,
        "components": message.components,
        "flags": message.flags,
        "pinned": message.pinned,
        "type": message.kind,
        "channel_type": int(place.kind) if isinstance(place, Channel | DirectChannel) else 0,
    }
    if message.reactions:
        payload["reactions"] = [_reaction_json(emoji, users) for emoji, users in message.reactions.items()]
    payload |= message.extra
    return payload if content else _unread(payload)


def _unread(payload: Json) -> Json:
    """A message without what it says, also in what it forwards."""
    seen = {name: value for name, value in payload.items() if name != "poll"} | _EMPTY
    if snapshots := payload.get("message_snapshots"):
        seen["message_snapshots"] = [{"message": snapshot["message"] | _EMPTY} for snapshot in snapshots]
    return seen


def _reaction_json(emoji: str, users: Iterable[User]) -> Json:
    count = len(list(users))
    return {
        "emoji": emoji_json(emoji),
        "count": count,
        "count_details": {"burst": 0, "normal": count},
        "me": False,
        "me_burst": False,
        "burst_colors": [],
    }


def emoji_json(emoji: str) -> Json:
    """An emoji as reactions name it: itself, or ``name:id`` if it is a guild's own (Discord: Resources, Emoji)."""
    name, _, emoji_id = emoji.partition(":")
    return {"id": emoji_id or None, "name": name}


def mentioned(message: Message) -> list[User]:
    """The users whom a message mentions, of those in its text all that its author has allowed."""
    return users_in(message.place, message.content) if message.mentions is None else message.mentions


def users_in(place: Place, content: str) -> list[User]:
    """The users whom a text names by ``<@id>`` (Discord: Reference, "Message Formatting")."""
    known: dict[int, User] = {}
    if isinstance(place, Channel):
        known = place.guild.world.users
    elif isinstance(place, DirectChannel):
        known = {user.id: user for user in place.users}
    found = [known.get(int(digits)) for digits in _MENTION.findall(content)]
    return [user for user in dict.fromkeys(found) if user]
