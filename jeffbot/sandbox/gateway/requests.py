"""What an identified client asks for: members, sounds, a presence, voice (Discord: Gateway Events, "Send Events")."""

import asyncio
from collections.abc import Callable
from typing import Any

import msgspec

from ..interactions.applications import Application
from ..options import Options
from ..world.guild import Guild
from ..world.payloads import Json, member_json, presence_json, sound_json
from ..world.values import Member
from ..world.world import World
from .forms import ChannelInfoRequest, MembersRequest, PresenceUpdate, SoundsRequest, VoiceStateUpdate
from .intents import Intents
from .opcodes import CloseCode, Op
from .presence import presence_of
from .session import Session

CHUNK_MEMBERS = 1000
FOUND_MEMBERS = 100
"""How many one GUILD_MEMBERS_CHUNK holds, and a request by name or id finds ("Request Guild Members")."""
ALL_MEMBERS_SECONDS = 30.0
"""All members of a guild may be asked for once in so long (Discord: Change Log, August 14, 2025)."""
NONCE_BYTES = 32
"""A longer nonce is ignored ("Request Guild Members")."""


class Requests:
    """Answers and carries out; what concerns guilds that the session does not see is ignored.

    Args:
        world: What is asked about.
        options: How long Discord takes.
    """

    def __init__(self, world: World, options: Options) -> None:
        self._world = world
        self._options = options
        self._listed: dict[tuple[Application, Guild], float] = {}
        self._handlers: dict[int, Callable[[Session, Any], None]] = {
            Op.PRESENCE_UPDATE: self._update_presence,
            Op.VOICE_STATE_UPDATE: self._update_voice_state,
            Op.REQUEST_GUILD_MEMBERS: self._send_members,
            Op.REQUEST_SOUNDBOARD_SOUNDS: self._send_sounds,
            Op.REQUEST_CHANNEL_INFO: self._send_channel_info,
        }

    def knows(self, op: int) -> bool:
        """Whether there is such a request."""
        return op in self._handlers

    def handle(self, session: Session, op: int, data: Any) -> None:
        """Do what is asked.

        Raises:
            ProtocolError: 4002, the request makes no sense.
            msgspec.ValidationError: Likewise.
        """
        self._handlers[op](session, data)

    def _guild(self, session: Session, guild_id: int) -> Guild | None:
        guild = self._world.guilds.get(guild_id)
        return guild if guild and session.sees(guild) else None

    def _update_presence(self, session: Session, data: Any) -> None:
        self._world.set_presence(session.user, presence_of(msgspec.convert(data, PresenceUpdate)))

    # Voice

    def _update_voice_state(self, session: Session, data: Any) -> None:
        """Join, move, leave or change; a wish that cannot be met stays unanswered (Discord: Topics, Voice)."""
        wish = msgspec.convert(data, VoiceStateUpdate, strict=False)
        guild = self._guild(session, wish.guild_id)
        if guild is None:
            return
        if pending := session.joins.pop(guild.id, None):
            pending.cancel()
        if wish.channel_id is None:
            guild.set_voice(session.user, None)
        elif self._options.join_delay:
            later = asyncio.get_running_loop().call_later
            session.joins[guild.id] = later(self._options.join_delay, self._join, session, guild, wish)
        else:
            self._join(session, guild, wish)

    def _join(self, session: Session, guild: Guild, wish: VoiceStateUpdate) -> None:
        session.joins.pop(guild.id, None)
        user, channel = session.user, self._world.channels.get(wish.channel_id or 0)
        if channel is None or channel.guild is not guild or not channel.is_vocal:
            return
        if user in channel.occupants or guild.may_join(user, channel):
            guild.set_voice(user, channel, session_id=session.id, self_mute=wish.self_mute, self_deaf=wish.self_deaf)

    # Members

    def _send_members(self, session: Session, data: Any) -> None:
        request = msgspec.convert(data, MembersRequest, strict=False)
        if request.user_ids is None and (request.query is None or request.limit is None):
            raise CloseCode.DECODE_ERROR.error()
        nonce = request.nonce
        named: Json = {"nonce": nonce} if isinstance(nonce, str) and len(nonce.encode()) <= NONCE_BYTES else {}
        guild = self._guild(session, request.guild_id)
        if guild is None:
            return
        if request.user_ids is not None:
            wanted = request.user_ids if isinstance(request.user_ids, list) else [request.user_ids]
            named["not_found"] = [str(user_id) for user_id in wanted if user_id not in guild.members]
            found = [guild.members[user_id] for user_id in wanted if user_id in guild.members][:FOUND_MEMBERS]
        elif request.query:
            found = _named(guild, request.query)[: min(request.limit or FOUND_MEMBERS, FOUND_MEMBERS)]
        elif not session.wants(Intents.GUILD_MEMBERS) or self._too_soon(session, guild, named, request.limit):
            return
        else:
            found = list(guild.members.values())[: request.limit or None]
        presences = bool(request.presences) and session.wants(Intents.GUILD_PRESENCES)
        _send_chunks(session, guild, found, named, presences=presences)

    def _too_soon(self, session: Session, guild: Guild, named: Json, limit: int | None) -> bool:
        """Tell a bot off that asks for all members again (Discord: Gateway Events, "Rate Limited")."""
        if limit:
            return False
        now, key = asyncio.get_running_loop().time(), (session.application, guild)
        wait = self._listed.get(key, -ALL_MEMBERS_SECONDS) + ALL_MEMBERS_SECONDS - now
        if wait <= 0:
            self._listed[key] = now
            return False
        meta = {"guild_id": str(guild.id), **named}
        _dispatch(
            session, "RATE_LIMITED", {"opcode": Op.REQUEST_GUILD_MEMBERS, "retry_after": round(wait, 3), "meta": meta}
        )
        return True

    # Sounds and channels

    def _send_sounds(self, session: Session, data: Any) -> None:
        for guild_id in msgspec.convert(data, SoundsRequest, strict=False).guild_ids:
            if guild := self._guild(session, guild_id):
                sounds = [sound_json(sound, guild) for sound in guild.sounds.values()]
                _dispatch(session, "SOUNDBOARD_SOUNDS", {"guild_id": str(guild.id), "soundboard_sounds": sounds})

    def _send_channel_info(self, session: Session, data: Any) -> None:
        """What is asked for of voice channels; when their calls began is not known here."""
        request = msgspec.convert(data, ChannelInfoRequest, strict=False)
        guild = self._guild(session, request.guild_id)
        if guild is None:
            return
        known = {"status", "voice_start_time"}.intersection(request.fields)
        channels = [
            {"id": str(channel.id)} | {field: getattr(channel, field, None) for field in known}
            for channel in guild.channels
            if channel.is_vocal
        ]
        _dispatch(session, "CHANNEL_INFO", {"guild_id": str(guild.id), "channels": channels})


def _named(guild: Guild, beginning: str) -> list[Member]:
    start = beginning.casefold()
    return [member for member in guild.members.values() if member.user.name.casefold().startswith(start)]


def _send_chunks(session: Session, guild: Guild, members: list[Member], named: Json, *, presences: bool) -> None:
    """Send what was found; if that is nothing, too (Discord: Gateway Events, "Guild Members Chunk")."""
    starts = range(0, max(1, len(members)), CHUNK_MEMBERS)
    for index, start in enumerate(starts):
        shown = members[start : start + CHUNK_MEMBERS]
        chunk: Json = {
            "guild_id": str(guild.id),
            "members": [member_json(member) for member in shown],
            "chunk_index": index,
            "chunk_count": len(starts),
            **named,
        }
        if presences:
            chunk["presences"] = [presence_json(member.user) for member in shown]
        _dispatch(session, "GUILD_MEMBERS_CHUNK", chunk)


def _dispatch(session: Session, event: str, data: Json) -> None:
    session.dispatch(event, msgspec.json.encode(data))
