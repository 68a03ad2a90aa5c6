"""Verbs that look: at the world, at what bots did, and at what is heard of them."""

import asyncio
from dataclasses import asdict
from typing import Annotated

import msgspec

from ..ears import Recording
from ..interactions.applications import Application
from ..people import Where
from ..voice.rtp import Packet
from ..world.guild import Guild
from ..world.payloads import message_json, user_json
from .arguments import Count
from .control import Control
from .views import Json, application_view, finding_view, guild_view, packet_view, voice_view

MOST_PACKETS = 10_000
"""In one answer."""


def state(control: Control) -> Json:
    """All there is.

    Returns:
        The users, guilds and applications; users and guilds are Discord's own objects.
    """
    world = control.discord.world
    return {
        "applications": [application_view(application) for application in control.discord.applications],
        "users": [user_json(user) for user in world.users.values()],
        "guilds": [guild_view(guild) for guild in world.guilds.values()],
    }


def messages(control: Control, where: Where) -> Json:
    """What can be read in a channel, or in all channels of a guild.

    Returns:
        The messages, Discord's own objects, oldest first.
    """
    posted = control.discord.messages(where) if isinstance(where, Guild) else where.messages
    return {"messages": [message_json(message) for message in posted]}


def findings(control: Control) -> Json:
    """What bots did that Discord tolerates, but good bots do not do.

    Returns:
        The findings, each with its kind, the client and a text, oldest first.
    """
    return {"findings": [finding_view(finding) for finding in control.discord.findings]}


def unknown_routes(control: Control) -> Json:
    """What bots asked for that the sandbox does not know.

    Returns:
        The routes, method and path of each request.
    """
    return {"routes": control.discord.unknown_routes}


def sessions(control: Control, application: Application) -> Json:
    """A bot's sessions at the main gateway, connected or resumable.

    Returns:
        The sessions, oldest first.
    """
    return {
        "sessions": [
            {
                "id": session.id,
                "connected": session.connected,
                "shard": session.shard,
                "intents": int(session.intents),
                "resumes": session.resumes,
            }
            for session in control.discord.sessions(application)
        ]
    }


def voice(control: Control, guild: Guild, application: Application) -> Json:
    """A bot's voice connections in a guild, ended ones included.

    Returns:
        The connections, oldest first, with close codes and the state of end-to-end encryption (DAVE).
    """
    history = control.discord.history(guild, application)
    return {"connections": [voice_view(voice, control.discord.call(voice.channel)) for voice in history]}


async def heard(control: Control, guild: Guild, application: Application, since: Count = 0) -> Json:
    """What people in voice have heard of a bot in a guild, from the packet on that has the number since.

    Returns:
        How many packets came, what became of them by protection, and what they sound like: loudness, the strongest
        frequency, the longest gap between packets, and which sounds of the folder given at the start were recognised.
    """
    packets = packets_of(control, guild, application)[since:]
    fingerprints = control.fingerprints
    summary = await asyncio.to_thread(lambda: Recording(packets).without_silence.summary(fingerprints))
    protections = [packet.protection for packet in packets]
    return {
        "packets": len(packets),
        "protections": {protection: protections.count(protection) for protection in sorted(set(protections))},
        "sound": asdict(summary),
    }


def packets(
    control: Control,
    guild: Guild,
    application: Application,
    since: Count = 0,
    limit: Annotated[int, msgspec.Meta(ge=1, le=MOST_PACKETS)] = 1000,
) -> Json:
    """The voice packets of a bot in a guild over all connections, from the one on that has the number since.

    Returns:
        The packets with time of arrival on the sandbox's monotonic clock, RTP sequence and timestamp, protection, and
        the Opus packet in base64 if anybody heard it; total says how many there are.
    """
    all_packets = packets_of(control, guild, application)
    return {
        "packets": [packet_view(packet) for packet in all_packets[since : since + limit]],
        "total": len(all_packets),
    }


def packets_of(control: Control, guild: Guild, application: Application) -> list[Packet]:
    """All that came from a bot in a guild, over all its connections."""
    return [packet for voice in control.discord.history(guild, application) for packet in voice.packets]
