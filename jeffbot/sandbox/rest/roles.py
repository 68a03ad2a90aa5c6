"""Roles (Discord: Resources, Guild; Topics, Permissions)."""

from typing import Any

from ..world.guild import Guild
from ..world.payloads import Json, role_json
from ..world.permissions import Permission
from ..world.values import Role
from .call import Call
from .refusals import INVALID_ROLE, MISSING_PERMISSIONS, TOO_MANY_ROLES, UNKNOWN_ROLE

MOST_ROLES = 250
"""Error 30005."""
_SETTABLE = ("name", "hoist", "mentionable")


def everything(call: Call) -> list[Json]:
    """Get Guild Roles."""
    return [role_json(role, position) for position, role in enumerate(call.guild().roles)]


def get(call: Call) -> Json:
    """Get Guild Role."""
    return _json(call.guild(), call.role())


def counts(call: Call) -> dict[str, int]:
    """Get Guild Role Member Counts."""
    guild = call.guild()
    return {str(role.id): sum(role in member.roles for member in guild.members.values()) for role in guild.roles[1:]}


def make(call: Call) -> Json:
    """Create Guild Role; it is the lowest after @everyone."""
    guild = _guild(call)
    if len(guild.roles) >= MOST_ROLES:
        raise TOO_MANY_ROLES.error()
    fields = _fields(call, guild)
    fields.setdefault("permissions", guild.everyone.permissions)
    role = guild.add_role(fields.pop("name", "new role"), Permission(fields.pop("permissions")))
    if fields:
        guild.change_role(role, **fields)
    if len(guild.roles) > 2:
        guild.move_roles({role: 1})
    return _json(guild, role)


def change(call: Call) -> Json:
    """Modify Guild Role."""
    guild, role = _guild(call), call.role()
    _below(call, guild, role)
    guild.change_role(role, **_fields(call, guild))
    return _json(guild, role)


def move(call: Call) -> list[Json]:
    """Modify Guild Role Positions."""
    guild = _guild(call)
    known = {str(role.id): role for role in guild.roles[1:]}
    places: dict[Role, int] = {}
    for entry in call.body:
        if entry["id"] not in known:
            raise UNKNOWN_ROLE.error()
        position = entry.get("position")
        if position is not None:
            _below(call, guild, known[entry["id"]])
            places[known[entry["id"]]] = min(max(position, 1), len(guild.roles) - 1)
    if places and max(places.values()) >= guild.rank(call.user):
        raise MISSING_PERMISSIONS.error()
    guild.move_roles(places)
    return everything(call)


def remove(call: Call) -> None:
    """Delete Guild Role; @everyone stays."""
    guild, role = _guild(call), call.role()
    if role is guild.everyone or role.managed:
        raise INVALID_ROLE.error()
    _below(call, guild, role)
    guild.remove_role(role)


def _guild(call: Call) -> Guild:
    guild = call.guild()
    call.need(Permission.MANAGE_ROLES, guild)
    return guild


def _below(call: Call, guild: Guild, role: Role) -> None:
    if guild.roles.index(role) >= guild.rank(call.user):
        raise MISSING_PERMISSIONS.error()


def _fields(call: Call, guild: Guild) -> dict[str, Any]:
    """What the body sets; permissions that the asker does not hold cannot be granted (Permission Hierarchy)."""
    body = call.body
    fields = {name: body[name] for name in _SETTABLE if body.get(name) is not None}
    if body.get("permissions") is not None:
        fields["permissions"] = int(body["permissions"])
        if fields["permissions"] & ~guild.permissions_of(call.user):
            raise MISSING_PERMISSIONS.error()
    colours = body.get("colors") or {"primary_color": body.get("color")}
    if colours.get("primary_color") is not None:
        fields["color"] = colours["primary_color"]
    return fields


def _json(guild: Guild, role: Role) -> Json:
    return role_json(role, guild.roles.index(role))
