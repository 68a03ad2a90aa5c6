"""Users, their guilds and private channels (Discord: Resources, User)."""

from typing import Any

from ..world.guild import Guild
from ..world.payloads import Json, channel_json, guild_json, member_json, own_user_json, user_json
from .call import Call
from .forms.fields import Flag, Snowflake, Whole
from .refusals import INVALID_GUILD, INVALID_RECIPIENTS
from .schema import Form

GUILDS_QUERY = Form(before=Snowflake(), after=Snowflake(), limit=Whole(1, 200), with_counts=Flag())
_OWN_GUILD_FIELDS = ("id", "name", "icon", "banner", "features")


def me(call: Call) -> Json:
    """Get Current User; of a person, what the scopes allow."""
    if call.client is None or call.client.grant is None:
        return own_user_json(call.user)
    person = user_json(call.user) | {"mfa_enabled": True, "locale": "en-US", "premium_type": 0}
    if "email" in call.grant.permit.scopes:
        person |= {"email": f"{call.user.id}@example.com", "verified": True}
    return person


def change_me(call: Call) -> Json:
    """Modify Current User; pictures are taken and not shown."""
    if name := call.body.get("username"):
        call.world.rename(call.user, name)
    return own_user_json(call.user)


def get(call: Call) -> Json:
    """Get User."""
    return user_json(call.find_user(call.id("user_id")))


def guilds(call: Call) -> list[Json]:
    """Get Current User Guilds, in the order of their ids."""
    query = call.query
    found = sorted(call.world.guilds_of(call.user), key=lambda guild: guild.id)
    if before := query.get("before"):
        found = [guild for guild in found if guild.id < int(before)]
    found = [guild for guild in found if guild.id > int(query.get("after") or 0)]
    limit = query.get("limit") or 200
    chosen = found[-limit:] if before else found[:limit]
    return [_own_guild(call, guild) for guild in chosen]


def _own_guild(call: Call, guild: Guild) -> Json:
    whole = guild_json(guild)
    partial: Json = {name: whole[name] for name in _OWN_GUILD_FIELDS}
    partial |= {"owner": guild.owner is call.user, "permissions": str(int(guild.permissions_of(call.user)))}
    return partial | (counts(guild) if call.query.get("with_counts") else {})


def counts(guild: Guild) -> Json:
    """What ``with_counts`` adds to a guild."""
    online = sum(
        member.user.presence.get("status") not in ("offline", "invisible") for member in guild.members.values()
    )
    return {"approximate_member_count": len(guild.members), "approximate_presence_count": online}


def own_member(call: Call) -> Json:
    """Get Current User Guild Member."""
    return member_json(call.guild().members[call.user.id])


def leave(call: Call) -> None:
    """Leave Guild; an owner cannot."""
    guild = call.guild()
    if guild.owner is call.user:
        raise INVALID_GUILD.error()
    guild.remove_member(call.user)


def open_direct(call: Call) -> Json:
    """Create DM; bots have none with each other or themselves."""
    person = call.find_user(int(call.body["recipient_id"]))
    if person.bot:
        raise INVALID_RECIPIENTS.error()
    return channel_json(call.world.direct_channel(call.user, person))


def connections(_: Call) -> list[Any]:
    """Get Current User Connections: nobody here has any."""
    return []
