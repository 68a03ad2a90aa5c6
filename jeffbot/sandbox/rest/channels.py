"""Channels and their overwrites (Discord: Resources, Channel; Guild)."""

from typing import Any

from ..world.guild import Guild
from ..world.payloads import Json, channel_json
from ..world.permissions import Permission
from ..world.values import Channel, ChannelType, Overwrite
from .call import Call
from .forms import guilds as forms
from .refusals import (
    MISSING_ACCESS,
    MISSING_PERMISSIONS,
    ONE_PARENT_ONLY,
    TOO_MANY_CHANNELS,
    UNKNOWN_CHANNEL,
    UNKNOWN_OVERWRITE,
    WRONG_CHANNEL_TYPE,
)
from .schema import Field, invalid_form
from .serving import Created

MOST_CHANNELS = 500
"""Error 30013."""
_OWN = ("name", "topic", "nsfw", "rate_limit_per_user", "bitrate", "user_limit", "rtc_region")
"""Fields of ``Channel`` that are as in the JSON."""
_EXTRA = ("video_quality_mode", "default_auto_archive_duration", "default_thread_rate_limit_per_user", "flags")


def of_guild(call: Call) -> list[Json]:
    """Get Guild Channels; also those that the asker cannot see."""
    return [channel_json(channel) for channel in call.guild().channels]


def get(call: Call) -> Json:
    """Get Channel."""
    return channel_json(call.place())


def make(call: Call) -> Created:
    """Create Guild Channel."""
    guild, body = call.guild(), call.body
    call.need(Permission.MANAGE_CHANNELS, guild)
    if len(guild.channels) >= MOST_CHANNELS:
        raise TOO_MANY_CHANNELS.error()
    if body["type"] not in ChannelType:
        raise WRONG_CHANNEL_TYPE.error()
    fields = _fields(call, guild, None)
    channel = guild.add_channel(fields.pop("name"), ChannelType(body["type"]), **fields)
    if body.get("position") is not None:
        guild.move_channels({channel: body["position"]})
    return Created(channel_json(channel))


def form_of_change(call: Call) -> Field:
    """It depends on the channel's type."""
    return forms.channel_modify(int(call.channel().kind))


def change(call: Call) -> Json:
    """Modify Channel."""
    channel, body = call.channel(), call.body
    guild = channel.guild
    call.need(Permission.MANAGE_CHANNELS, channel)
    if body.get("type") not in (None, channel.kind):
        raise WRONG_CHANNEL_TYPE.error()
    guild.change_channel(channel, **_fields(call, guild, channel))
    if body.get("position") is not None:
        guild.move_channels({channel: body["position"]})
    return channel_json(channel)


def move(call: Call) -> None:
    """Modify Guild Channel Positions."""
    guild, body = call.guild(), call.body
    call.need(Permission.MANAGE_CHANNELS, guild)
    known = {str(channel.id): channel for channel in guild.channels}
    if any(entry["id"] not in known for entry in body):
        raise UNKNOWN_CHANNEL.error()
    moved = [entry for entry in body if _changes_parent(entry, known[entry["id"]])]
    if len(moved) > 1:
        raise ONE_PARENT_ONLY.error()
    for entry in moved:
        channel = known[entry["id"]]
        if not call.may(Permission.VIEW_CHANNEL | Permission.MANAGE_CHANNELS, channel):
            raise MISSING_ACCESS.error()
        guild.change_channel(channel, parent_id=_parent(guild, entry["parent_id"]))
    guild.move_channels({known[entry["id"]]: entry["position"] for entry in body if entry.get("position") is not None})


def _changes_parent(entry: Json, channel: Channel) -> bool:
    return "parent_id" in entry and entry["parent_id"] != (str(channel.parent_id) if channel.parent_id else None)


def remove(call: Call) -> Json:
    """Delete/Close Channel; the channels of a category stay, without it."""
    place = call.place()
    if isinstance(place, Channel):
        call.need(Permission.MANAGE_CHANNELS, place)
        for child in place.guild.channels:
            if child.parent_id == place.id:
                place.guild.change_channel(child, parent_id=None)
        shown = channel_json(place)
        place.guild.remove_channel(place)
        return shown
    return channel_json(place)


def type_in(call: Call) -> None:
    """Trigger Typing Indicator."""
    place = call.place()
    call.need(Permission.SEND_MESSAGES, place)
    call.world.type(place, call.user)


def _fields(call: Call, guild: Guild, channel: Channel | None) -> dict[str, Any]:
    """What the body sets of a channel, by the names in ``Channel``."""
    body = call.body
    nullable = ("topic", "rtc_region")
    fields = {name: body[name] for name in _OWN if name in body and (body[name] is not None or name in nullable)}
    if extra := {name: body[name] for name in _EXTRA if body.get(name) is not None}:
        fields["extra"] = (channel.extra if channel else {}) | extra
    if "parent_id" in body:
        fields["parent_id"] = _parent(guild, body["parent_id"])
    if body.get("permission_overwrites") is not None:
        fields["overwrites"] = _overwrites(call, guild, channel)
    return fields


def _parent(guild: Guild, parent_id: str | None) -> int | None:
    if parent_id is None:
        return None
    parent = guild.world.channels.get(int(parent_id))
    if parent is None or parent.guild is not guild or parent.kind is not ChannelType.CATEGORY:
        raise invalid_form([(("parent_id",), "CHANNEL_PARENT_INVALID", "Category does not exist")])
    return parent.id


# Overwrites


def _overwrites(call: Call, guild: Guild, channel: Channel | None) -> dict[int, Overwrite]:
    call.need(Permission.MANAGE_ROLES, channel or guild)
    found: dict[int, Overwrite] = {}
    for entry in call.body["permission_overwrites"]:
        target = int(entry["id"])
        is_member = entry.get("type") == 1 or (entry.get("type") is None and target in guild.members)
        found[target] = _overwrite(call, guild, entry, is_member=is_member)
    return found


def _overwrite(call: Call, guild: Guild, entry: Json, *, is_member: bool) -> Overwrite:
    """One of them; only what the asker holds can be allowed or denied (Channel, "Edit Channel Permissions")."""
    allow, deny = (Permission(int(entry.get(name) or 0)) for name in ("allow", "deny"))
    if (allow | deny) & ~guild.permissions_of(call.user):
        raise MISSING_PERMISSIONS.error()
    return Overwrite(allow, deny, is_member)


def overwrite(call: Call) -> None:
    """Edit Channel Permissions."""
    channel, target = call.channel(), call.id("overwrite_id")
    call.need(Permission.MANAGE_ROLES, channel)
    is_member = call.body.get("type") == 1
    known = channel.guild.members if is_member else {role.id for role in channel.guild.roles}
    if target not in known and target not in channel.overwrites:
        raise UNKNOWN_OVERWRITE.error()
    entry = _overwrite(call, channel.guild, call.body, is_member=is_member)
    channel.guild.change_channel(channel, overwrites=channel.overwrites | {target: entry})


def remove_overwrite(call: Call) -> None:
    """Delete Channel Permission."""
    channel, target = call.channel(), call.id("overwrite_id")
    call.need(Permission.MANAGE_ROLES, channel)
    if target not in channel.overwrites:
        raise UNKNOWN_OVERWRITE.error()
    kept = {key: entry for key, entry in channel.overwrites.items() if key != target}
    channel.guild.change_channel(channel, overwrites=kept)
