"""The world's objects as Discord's JSON; ids are strings (Discord: Reference, "ID Serialization")."""

import datetime as dt
from typing import Any

from .permissions import NO_PERMISSIONS
from .world import VOICE_CHANNEL, Channel, Guild, Member, Role, User, VoiceState

type Json = dict[str, Any]

_JOINED_AT = "2024-01-01T00:00:00.000000+00:00"


def now() -> str:
    """The current time as Discord writes it."""
    return dt.datetime.now(dt.UTC).isoformat()


def user_json(user: User) -> Json:
    """Discord: Resources, User."""
    return {
        "id": str(user.id),
        "username": user.name,
        "global_name": user.name,
        "discriminator": "0",
        "avatar": None,
        "bot": user.bot,
        "public_flags": 0,
    }


def member_json(member: Member) -> Json:
    """Discord: Resources, Guild, "Guild Member Object"."""
    return {
        "user": user_json(member.user),
        "nick": None,
        "avatar": None,
        "roles": [str(role.id) for role in member.roles],
        "joined_at": _JOINED_AT,
        "premium_since": None,
        "deaf": False,
        "mute": False,
        "flags": 0,
        "pending": False,
        "communication_disabled_until": None,
    }


def role_json(role: Role, position: int) -> Json:
    """Discord: Topics, Permissions, "Role Object"."""
    return {
        "id": str(role.id),
        "name": role.name,
        "color": 0,
        "colors": {"primary_color": 0, "secondary_color": None, "tertiary_color": None},
        "hoist": False,
        "position": position,
        "permissions": str(int(role.permissions)),
        "managed": False,
        "mentionable": False,
        "flags": 0,
    }


def channel_json(channel: Channel) -> Json:
    """Discord: Resources, Channel."""
    overwrite = {"id": str(channel.guild.id), "type": 0, "allow": "0", "deny": str(int(channel.denied))}
    payload: Json = {
        "id": str(channel.id),
        "guild_id": str(channel.guild.id),
        "type": channel.kind,
        "name": channel.name,
        "position": channel.guild.channels.index(channel),
        "permission_overwrites": [overwrite] if channel.denied != NO_PERMISSIONS else [],
        "parent_id": None,
        "nsfw": False,
        "rate_limit_per_user": 0,
        "last_message_id": None,
        "flags": 0,
    }
    if channel.kind == VOICE_CHANNEL:
        return payload | {"bitrate": 64000, "user_limit": channel.user_limit, "rtc_region": None}
    return payload | {"topic": None}


def voice_state_json(state: VoiceState) -> Json:
    """Discord: Resources, Voice, "Voice State Object", as in GUILD_CREATE: without guild and member."""
    return {
        "channel_id": str(state.channel.id) if state.channel else None,
        "user_id": str(state.user.id),
        "session_id": state.session_id,
        "deaf": False,
        "mute": False,
        "self_deaf": state.self_deaf,
        "self_mute": state.self_mute,
        "self_video": False,
        "suppress": False,
        "request_to_speak_timestamp": None,
    }


def guild_json(guild: Guild) -> Json:
    """Discord: Resources, Guild, "Guild Object"."""
    return {
        "id": str(guild.id),
        "name": guild.name,
        "icon": None,
        "splash": None,
        "discovery_splash": None,
        "owner_id": str(guild.owner.id),
        "afk_channel_id": None,
        "afk_timeout": 300,
        "verification_level": 0,
        "default_message_notifications": 0,
        "explicit_content_filter": 0,
        "roles": [role_json(role, position) for position, role in enumerate(guild.roles)],
        "emojis": [],
        "stickers": [],
        "features": [],
        "mfa_level": 0,
        "application_id": None,
        "system_channel_id": None,
        "system_channel_flags": 0,
        "rules_channel_id": None,
        "vanity_url_code": None,
        "description": None,
        "banner": None,
        "premium_tier": 0,
        "preferred_locale": "en-US",
        "public_updates_channel_id": None,
        "nsfw_level": 0,
        "premium_progress_bar_enabled": False,
        "safety_alerts_channel_id": None,
    }


def guild_create_json(guild: Guild, viewer: User, *, everyone: bool, voice: bool) -> Json:
    """Discord: Gateway Events, "Guild Create".

    Args:
        guild: The guild.
        viewer: The bot that is told.
        everyone: List all members (GUILD_PRESENCES), not only the bot and who is in voice.
        voice: List voice states (GUILD_VOICE_STATES).
    """
    shown = (
        member
        for member in guild.members.values()
        if everyone or member.user is viewer or member.user.id in guild.voice_states
    )
    return guild_json(guild) | {
        "joined_at": _JOINED_AT,
        "large": False,
        "member_count": len(guild.members),
        "members": [member_json(member) for member in shown],
        "channels": [channel_json(channel) for channel in guild.channels],
        "voice_states": [voice_state_json(state) for state in guild.voice_states.values()] if voice else [],
        "threads": [],
        "presences": [],
        "stage_instances": [],
        "guild_scheduled_events": [],
        "soundboard_sounds": [],
    }
