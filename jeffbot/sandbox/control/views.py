"""What is shown of things that are not in Discord's own JSON."""

import base64
from typing import Any

from ..findings import Finding
from ..interactions.applications import Application
from ..interactions.interaction import Modal, Reply
from ..voice.call import Call
from ..voice.connections import VoiceConnection
from ..voice.rtp import Packet
from ..world.guild import Guild
from ..world.payloads import guild_create_json, message_json

type Json = dict[str, Any]


def application_view(application: Application) -> Json:
    """What its owner knows, and which commands it has registered."""
    return {
        "id": str(application.id),
        "name": application.user.name,
        "token": application.token,
        "client_secret": application.client_secret,
        "redirect_uris": application.redirect_uris,
        "public_client": application.public_client,
        "commands": sorted(application.commands.names()),
    }


def guild_view(guild: Guild) -> Json:
    """GUILD_CREATE, with all members and presences, and who is in voice."""
    return guild_create_json(guild, list(guild.members.values()), presences=True, voice=True, large=False)


def reply_view(number: int, reply: Reply) -> Json:
    """What a person sees of an answer now."""
    return {
        "reply": str(number),
        "deferred": reply.deferred,
        "ephemeral": reply.ephemeral,
        "content": reply.content,
        "message": message_json(reply.message) if reply.message else None,
        "followups": [message_json(message) for message in reply.followups],
        "modal": _modal_view(reply.modal) if reply.modal else None,
    }


def _modal_view(modal: Modal) -> Json:
    return {"custom_id": modal.custom_id, "title": modal.title, "components": modal.components}


def finding_view(finding: Finding) -> Json:
    """What Discord tolerates."""
    return {"kind": finding.kind, "client": finding.client, "text": finding.text}


def voice_view(voice: VoiceConnection, call: Call | None) -> Json:
    """A voice connection; ``dave`` is None once it has left the call."""
    group = call.group if call and call.connections.get(voice.user_id) is voice else None
    return {
        "channel_id": str(voice.channel.id),
        "connected": voice.connected,
        "ended": voice.ended,
        "close_code": voice.close_code,
        "mode": voice.mode,
        "ssrc": voice.ssrc,
        "speaking": voice.speaking,
        "seq_ack": voice.seq_ack,
        "resumes": voice.resumes,
        "packets": len(voice.packets),
        "dave": group
        and {
            "version": group.version,
            "epoch": group.epoch,
            "settled": group.settled,
            "members": [str(user_id) for user_id in group.member_ids],
        },
    }


def packet_view(packet: Packet) -> Json:
    """A packet as it arrived; ``opus`` is in base64, null if nobody heard it."""
    opus = None if packet.opus is None else base64.b64encode(packet.opus).decode()
    return packet._asdict() | {"opus": opus}
