"""Users who are kept out of guilds (Discord: Resources, Guild)."""

import time
from urllib.parse import unquote

from ..world.guild import Guild
from ..world.payloads import Json, user_json
from ..world.permissions import Permission
from ..world.values import User
from .call import Call
from .forms.fields import Snowflake, Whole
from .refusals import FAILED_TO_BAN, UNKNOWN_BAN
from .schema import Form

QUERY = Form(limit=Whole(1, 1000), before=Snowflake(), after=Snowflake())


def everything(call: Call) -> list[Json]:
    """Get Guild Bans, by user id."""
    guild = _guild(call)
    found = sorted(guild.bans)
    limit = call.query.get("limit") or 1000
    if before := call.query.get("before"):
        found = [user_id for user_id in found if user_id < int(before)][-limit:]
    else:
        found = [user_id for user_id in found if user_id > int(call.query.get("after") or 0)][:limit]
    return [_json(guild, user_id) for user_id in found]


def get(call: Call) -> Json:
    """Get Guild Ban."""
    guild, user_id = _guild(call), call.id("user_id")
    if user_id not in guild.bans:
        raise UNKNOWN_BAN.error()
    return _json(guild, user_id)


def add(call: Call) -> None:
    """Create Guild Ban."""
    guild, user = _guild(call), call.find_user(call.id("user_id"))
    call.outrank(guild, user)
    _ban(call, guild, user)


def remove(call: Call) -> None:
    """Remove Guild Ban."""
    guild, user_id = _guild(call), call.id("user_id")
    if user_id not in guild.bans:
        raise UNKNOWN_BAN.error()
    guild.unban(guild.bans[user_id][0])


def add_many(call: Call) -> Json:
    """Bulk Guild Ban."""
    guild = _guild(call)
    call.need(Permission.MANAGE_GUILD, guild)
    banned: list[str] = []
    for user_id in call.body["user_ids"]:
        user = call.world.users.get(int(user_id))
        if user and int(user_id) not in guild.bans and _is_below(call, guild, user):
            _ban(call, guild, user)
            banned.append(user_id)
    if not banned:
        raise FAILED_TO_BAN.error()
    return {"banned_users": banned, "failed_users": [each for each in call.body["user_ids"] if each not in banned]}


def _is_below(call: Call, guild: Guild, user: User) -> bool:
    return user.id not in guild.members or guild.rank(user) < guild.rank(call.user)


def _guild(call: Call) -> Guild:
    guild = call.guild()
    call.need(Permission.BAN_MEMBERS, guild)
    return guild


def _ban(call: Call, guild: Guild, user: User) -> None:
    """Ban, and delete what they wrote in the last so many seconds."""
    seconds = call.body.get("delete_message_seconds") or (call.body.get("delete_message_days") or 0) * 86_400
    since = time.time() - seconds
    reason = call.headers.get("X-Audit-Log-Reason")
    guild.ban(user, unquote(reason) if reason else None)
    for channel in guild.channels if seconds else ():
        written = tuple(each for each in channel.messages if each.author is user and each.created >= since)
        if written:
            call.world.delete_messages(channel, written)


def _json(guild: Guild, user_id: int) -> Json:
    user, reason = guild.bans[user_id]
    return {"reason": reason, "user": user_json(user)}
