"""Members of guilds, and bans (Discord: Resources, Guild)."""

from typing import Any

from ..gateway.intents import Intents
from ..world.guild import Guild
from ..world.payloads import Json, member_json
from ..world.permissions import Permission
from ..world.values import Member, Role, User, VoiceState
from .call import Call
from .forms.fields import Flag, Snowflake, Text, Whole
from .refusals import (
    BANNED,
    INVALID_ACCESS_TOKEN,
    INVALID_ROLE,
    MISSING_ACCESS,
    MISSING_PERMISSIONS,
    MISSING_SCOPE,
    NOT_IN_VOICE,
    UNKNOWN_CHANNEL,
    WRONG_CHANNEL_TYPE,
)
from .schema import Form, ListOf, Required
from .serving import Created

LIST_QUERY = Form(limit=Whole(1, 1000), after=Snowflake())
SEARCH_QUERY = Form(query=Required(Text(1, 100)), limit=Whole(1, 1000))
JOIN_FORM = Form(
    access_token=Required(Text()), nick=Text(0, 32), roles=ListOf(Snowflake(), unique=True), mute=Flag(), deaf=Flag()
)
"""Add Guild Member."""


def get(call: Call) -> Json:
    """Get Guild Member."""
    return member_json(call.member())


def everyone(call: Call) -> list[Json]:
    """List Guild Members, by user id; for applications with the GUILD_MEMBERS intent."""
    guild = call.guild()
    if Intents.GUILD_MEMBERS not in call.application.privileged:
        raise MISSING_ACCESS.error()
    after = int(call.query.get("after") or 0)
    found = sorted(user_id for user_id in guild.members if user_id > after)
    return [member_json(guild.members[user_id]) for user_id in found[: call.query.get("limit") or 1]]


def search(call: Call) -> list[Json]:
    """Search Guild Members: whose name or nickname begins so."""
    start = call.query["query"].casefold()
    found = [
        member
        for member in call.guild().members.values()
        if any(name.casefold().startswith(start) for name in (member.user.name, member.nick or ""))
    ]
    return [member_json(member) for member in found[: call.query.get("limit") or 1]]


def join(call: Call) -> Created | None:
    """Add Guild Member: a person who has granted ``guilds.join``; nothing happens to one who is there."""
    guild, user = call.guild(), call.find_user(call.id("user_id"))
    call.need(Permission.CREATE_INSTANT_INVITE, guild)
    grant = call.rooms.grants.find(call.body["access_token"])
    permit = grant.permit if grant else None
    if permit is None or permit.application is not call.application or permit.user is not user:
        raise INVALID_ACCESS_TOKEN.error()
    if "guilds.join" not in permit.scopes:
        raise MISSING_SCOPE.error()
    if user.id in guild.bans:
        raise BANNED.error()
    if user.id in guild.members:
        return None
    fields = _own_fields(call, guild, Member(user))
    member = guild.add_member(user, roles=tuple(fields.pop("roles", ())))
    if fields:
        guild.change_member(user, **fields)
    return Created(member_json(member))


# Changes


def change(call: Call) -> Json:
    """Modify Guild Member: everything is allowed or nothing is done."""
    guild, member, body = call.guild(), call.member(), call.body
    fields = _own_fields(call, guild, member)
    if body.keys() & {"mute", "deaf", "channel_id"}:
        _check_voice(call, guild, member.user)
    if fields:
        guild.change_member(member.user, **fields)
    if "channel_id" in body:
        _move(call, guild.voice_states[member.user.id], body["channel_id"])
    return member_json(member)


def _move(call: Call, state: VoiceState, target: str | None) -> None:
    """Into another voice channel, muted and deafened as they are, or out of voice."""
    channel = call.world.channels[int(target)] if target else None
    guild = call.guild()
    guild.set_voice(state.user, channel, self_mute=state.self_mute, self_deaf=state.self_deaf)


def _own_fields(call: Call, guild: Guild, member: Member) -> dict[str, Any]:
    """What the body changes of the member itself."""
    body, fields = call.body, dict[str, Any]()
    if "nick" in body:
        itself = member.user is call.user
        call.need(Permission.CHANGE_NICKNAME if itself else Permission.MANAGE_NICKNAMES, guild)
        if not itself:
            call.outrank(guild, member.user)
        fields["nick"] = body["nick"] or None
    if "roles" in body:
        fields["roles"] = _roles(call, guild, member, [int(role) for role in body["roles"] or [] if role])
    for name, needed in (("mute", Permission.MUTE_MEMBERS), ("deaf", Permission.DEAFEN_MEMBERS)):
        if body.get(name) is not None:
            call.need(needed, guild)
            fields[name] = body[name]
    if "communication_disabled_until" in body:
        fields["timeout_until"] = _timeout(call, guild, member)
    return fields


def _roles(call: Call, guild: Guild, member: Member, wanted: list[int]) -> list[Role]:
    call.need(Permission.MANAGE_ROLES, guild)
    known = {role.id: role for role in guild.roles[1:]}
    if any(role_id not in known for role_id in wanted):
        raise INVALID_ROLE.error()
    roles = [known[role_id] for role_id in wanted]
    for role in set(roles) ^ set(member.roles):
        _may_give(call, guild, role)
    return sorted(roles, key=guild.roles.index)


def _may_give(call: Call, guild: Guild, role: Role) -> None:
    """A role below the asker's highest that is nobody's own (Permissions, "Permission Hierarchy")."""
    if role.managed or role is guild.everyone or guild.roles.index(role) >= guild.rank(call.user):
        raise MISSING_PERMISSIONS.error()


def _timeout(call: Call, guild: Guild, member: Member) -> str | None:
    call.need(Permission.MODERATE_MEMBERS, guild)
    call.outrank(guild, member.user)
    if member.user is call.user or guild.may(member.user, Permission.ADMINISTRATOR):
        raise MISSING_PERMISSIONS.error()
    until: str | None = call.body["communication_disabled_until"]
    return until


def _check_voice(call: Call, guild: Guild, user: User) -> None:
    """They are in voice; if they are to be moved, both they and the asker could be there."""
    if user.id not in guild.voice_states:
        raise NOT_IN_VOICE.error()
    if "channel_id" not in call.body:
        return
    call.need(Permission.MOVE_MEMBERS, guild)
    if (target := call.body["channel_id"]) is None:
        return
    channel = call.world.channels.get(int(target))
    if channel is None or channel.guild is not guild:
        raise UNKNOWN_CHANNEL.error()
    if not channel.is_vocal:
        raise WRONG_CHANNEL_TYPE.error()
    call.need(Permission.CONNECT | Permission.MOVE_MEMBERS, channel)


def change_me(call: Call) -> Json:
    """Modify Current Member; pictures and biography are taken and not shown."""
    guild = call.guild()
    member = guild.members[call.user.id]
    if "nick" in call.body:
        call.need(Permission.CHANGE_NICKNAME, guild)
        guild.change_member(call.user, nick=call.body["nick"] or None)
    return member_json(member)


def change_my_nick(call: Call) -> Json:
    """Modify Current User Nick."""
    return {"nick": change_me(call)["nick"]}


def give_role(call: Call) -> None:
    """Add Guild Member Role."""
    guild, member, role = _role_change(call)
    if role not in member.roles:
        guild.give_role(member.user, role)


def take_role(call: Call) -> None:
    """Remove Guild Member Role."""
    guild, member, role = _role_change(call)
    if role in member.roles:
        guild.take_role(member.user, role)


def _role_change(call: Call) -> tuple[Guild, Member, Role]:
    guild, member, role = call.guild(), call.member(), call.role()
    call.need(Permission.MANAGE_ROLES, guild)
    _may_give(call, guild, role)
    return guild, member, role


def kick(call: Call) -> None:
    """Remove Guild Member."""
    guild, member = call.guild(), call.member()
    call.need(Permission.KICK_MEMBERS, guild)
    call.outrank(guild, member.user)
    guild.remove_member(member.user)
