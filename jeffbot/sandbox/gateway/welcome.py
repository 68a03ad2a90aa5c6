"""What a session is told first, and when a guild comes: READY and GUILD_CREATE."""

from collections.abc import Iterable

import msgspec

from ..world.guild import Guild
from ..world.payloads import Json, guild_create_json, own_user_json
from ..world.values import Member
from .forms import Identify
from .intents import Intents, needed
from .session import Session

LAZY_MEMBERS = 75_000
"""Guilds with more members list only few of them (Discord: Gateway Events, "Guild Create")."""


def welcome(session: Session, identify: Identify, guilds: Iterable[Guild], url: str, version: int) -> None:
    """Send READY, then the guilds (Discord: Gateway Events, "Ready").

    Args:
        session: It has just begun.
        identify: What it began with.
        guilds: All there are.
        url: Where to resume.
        version: Of the gateway.
    """
    own = [guild for guild in guilds if session.belongs(guild)]
    application = session.application
    ready: Json = {
        "v": version,
        "user_settings": {},
        "user": own_user_json(application.user),
        "session_type": "normal",
        "session_id": session.id,
        "resume_gateway_url": url,
        "relationships": [],
        "private_channels": [],
        "presences": [],
        "guilds": [{"id": str(guild.id), "unavailable": True} for guild in own],
        "geo_ordered_rtc_regions": [],
        "auth": {},
        "application": {"id": str(application.id), "flags": application.flags},
        "_trace": [],
    }
    if identify.shard:
        ready["shard"] = list(session.shard)
    session.dispatch("READY", msgspec.json.encode(ready))
    for guild in own:
        show(session, guild, known=True)


def show(session: Session, guild: Guild, *, known: bool) -> None:
    """Send GUILD_CREATE if it is asked for; during an outage, GUILD_DELETE.

    Args:
        session: Who is told.
        guild: The guild.
        known: It was announced as unavailable before, rather than being new to the bot.
    """
    if not session.wants(needed("GUILD_CREATE", direct=False)):
        return
    if guild.unavailable:
        session.dispatch("GUILD_DELETE", msgspec.json.encode({"id": str(guild.id), "unavailable": True}))
        return
    payload = guild_create_json(
        guild,
        _shown_members(session, guild),
        presences=session.wants(Intents.GUILD_PRESENCES),
        voice=session.wants(Intents.GUILD_VOICE_STATES),
        large=len(guild.members) > session.large_threshold,
    )
    if known:
        payload["unavailable"] = False
    session.dispatch("GUILD_CREATE", msgspec.json.encode(payload))


def _shown_members(session: Session, guild: Guild) -> list[Member]:
    """Discord: Gateway Events, "Request Guild Members"."""
    members = guild.members.values()
    if not session.wants(Intents.GUILD_PRESENCES) or len(members) > LAZY_MEMBERS:
        return [member for member in members if _is_always_shown(session, guild, member)]
    if len(members) <= session.large_threshold:
        return list(members)
    return [
        member
        for member in members
        if member.user.is_online or member.roles or member.nick or _is_always_shown(session, guild, member)
    ]


def _is_always_shown(session: Session, guild: Guild, member: Member) -> bool:
    return member.user is session.user or member.user.id in guild.voice_states
