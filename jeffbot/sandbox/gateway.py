"""The main gateway, version 10 (Discord: Events, Gateway): sessions of bots, and the events they are sent."""

import asyncio
import secrets
from collections.abc import Callable

import msgspec
from aiohttp import web

from .applications import Application
from .connection import (
    ALREADY_AUTHENTICATED,
    AUTHENTICATION_FAILED,
    DECODE_ERROR,
    GOING_AWAY,
    NOT_AUTHENTICATED,
    UNKNOWN_OPCODE,
    Connection,
    Message,
)
from .errors import ProtocolError
from .options import Options
from .payloads import (
    Json,
    channel_json,
    guild_create_json,
    member_json,
    user_json,
    voice_state_json,
)
from .world import VOICE_CHANNEL, ChannelCreated, Event, Guild, MemberJoined, User, VoiceStateChanged, World

GUILDS, GUILD_MEMBERS, GUILD_VOICE_STATES, GUILD_PRESENCES = 1 << 0, 1 << 1, 1 << 7, 1 << 8
MAX_MESSAGE_BYTES = 4096
"""Longer messages from a client are not decoded (Gateway, "Sending Events")."""
DISPATCH, HEARTBEAT, IDENTIFY, PRESENCE_UPDATE, VOICE_STATE_UPDATE = range(5)
RESUME, RECONNECT, REQUEST_GUILD_MEMBERS, INVALID_SESSION, HELLO, HEARTBEAT_ACK = range(6, 12)
INVALID_SHARD, INVALID_INTENTS = 4010, 4013


class Identify(msgspec.Struct):
    """Gateway Events, "Identify"; only what the sandbox looks at."""

    token: str
    intents: int
    shard: tuple[int, int] = (0, 1)


class VoiceStateRequest(msgspec.Struct):
    """Gateway Events, "Update Voice State"."""

    guild_id: int
    channel_id: int | None
    self_mute: bool = False
    self_deaf: bool = False


class MembersRequest(msgspec.Struct):
    """Gateway Events, "Request Guild Members"."""

    guild_id: int
    query: str | None = None
    limit: int = 0
    user_ids: int | list[int] = []
    nonce: str | None = None


class Session:
    """One bot's connection; it has an application once it has identified."""

    def __init__(self, gateway: "Gateway", connection: Connection) -> None:
        self.id = secrets.token_hex(16)
        self.application: Application | None = None
        self._gateway = gateway
        self._connection = connection
        self._intents = 0
        self._shard = (0, 1)
        self._sequence = 0
        self._joins: dict[int, asyncio.TimerHandle] = {}
        self._send(HELLO, {"heartbeat_interval": round(gateway.options.gateway_heartbeat * 1000), "_trace": []})

    def dispatch(self, event: str, data: Json) -> None:
        """Send an event; what intents it needs is asked with ``wants``."""
        self._sequence += 1
        self._connection.send({"op": DISPATCH, "d": data, "s": self._sequence, "t": event})

    def wants(self, intent: int) -> bool:
        """Whether the bot asked for these events."""
        return bool(self._intents & intent)

    def sees(self, guild: Guild) -> bool:
        """Whether the bot is a member and this shard is the guild's (Gateway, "Sharding")."""
        number, count = self._shard
        is_member = self.application is not None and self.application.id in guild.members
        return is_member and (guild.id >> 22) % count == number

    def show(self, guild: Guild, *, joined: bool) -> None:
        """Send GUILD_CREATE, if the bot wants it.

        Args:
            guild: The guild.
            joined: It is new to the bot, rather than one of those that READY announced as unavailable.
        """
        if self.application and self.wants(GUILDS):
            everyone, voice = self.wants(GUILD_PRESENCES), self.wants(GUILD_VOICE_STATES)
            payload = guild_create_json(guild, self.application.user, everyone=everyone, voice=voice)
            self.dispatch("GUILD_CREATE", payload if joined else payload | {"unavailable": False})

    def close(self, code: int) -> None:
        """Close the connection."""
        self._connection.close(code)

    def end(self) -> None:
        """The connection is gone: a bot that was in voice through it is not any more."""
        for timer in self._joins.values():
            timer.cancel()
        for guild in self._gateway.world.guilds.values():
            state = guild.voice_states.get(self.application.id) if self.application else None
            if state and state.session_id == self.id:
                self._gateway.world.set_voice(guild, state.user, None)

    def receive(self, data: str | bytes) -> None:
        """Handle one message of the client.

        Raises:
            ProtocolError: The connection is to be closed.
            msgspec.MsgspecError: Likewise, with 4002.
        """
        if len(data) > MAX_MESSAGE_BYTES:
            raise ProtocolError(DECODE_ERROR)
        message = msgspec.json.decode(data, type=Message)
        if message.op == HEARTBEAT:
            self._send(HEARTBEAT_ACK)
        elif message.op == IDENTIFY:
            self._identify(msgspec.convert(message.d, Identify))
        elif message.op == RESUME:
            self._send(INVALID_SESSION, d=False)
        elif self.application is None:
            raise ProtocolError(NOT_AUTHENTICATED)
        elif message.op == VOICE_STATE_UPDATE:
            self._voice_state(self.application.user, msgspec.convert(message.d, VoiceStateRequest, strict=False))
        elif message.op == REQUEST_GUILD_MEMBERS:
            self._request_members(msgspec.convert(message.d, MembersRequest, strict=False))
        elif message.op != PRESENCE_UPDATE:
            raise ProtocolError(UNKNOWN_OPCODE)

    def _send(self, op: int, d: object = None) -> None:
        self._connection.send({"op": op, "d": d, "s": None, "t": None})

    def _identify(self, identify: Identify) -> None:
        if self.application is not None:
            raise ProtocolError(ALREADY_AUTHENTICATED)
        application = self._gateway.application_of(identify.token)
        if application is None:
            raise ProtocolError(AUTHENTICATION_FAILED)
        number, count = identify.shard
        if not 0 <= number < count:
            raise ProtocolError(INVALID_SHARD)
        if not 0 <= identify.intents < 1 << 26:
            raise ProtocolError(INVALID_INTENTS)
        self._intents, self._shard = identify.intents, identify.shard
        self.application = application
        guilds = [guild for guild in self._gateway.world.guilds.values() if self.sees(guild)]
        self.dispatch("READY", self._ready(application, guilds))
        for guild in guilds:
            self.show(guild, joined=False)
        self._gateway.world.touch()

    def _ready(self, application: Application, guilds: list[Guild]) -> Json:
        return {
            "v": 10,
            "user": user_json(application.user) | {"email": None, "verified": True, "mfa_enabled": False},
            "guilds": [{"id": str(guild.id), "unavailable": True} for guild in guilds],
            "session_id": self.id,
            "resume_gateway_url": self._gateway.url,
            "shard": list(self._shard),
            "application": {"id": str(application.id), "flags": 0},
            "private_channels": [],
            "_trace": [],
        }

    def _voice_state(self, user: User, request: VoiceStateRequest) -> None:
        """Join, move or leave; a wish that cannot be met stays unanswered (Voice, "Retrieving Voice Server ...")."""
        guild = self._gateway.world.guilds.get(request.guild_id)
        if guild is None or not self.sees(guild):
            return
        if pending := self._joins.pop(guild.id, None):
            pending.cancel()
        if request.channel_id is None:
            self._gateway.world.set_voice(guild, user, None)
            return
        delay, loop = self._gateway.options.join_delay, asyncio.get_running_loop()
        self._joins[guild.id] = loop.call_later(delay, self._join, user, guild, request)

    def _join(self, user: User, guild: Guild, request: VoiceStateRequest) -> None:
        self._joins.pop(guild.id, None)
        channel = next((c for c in guild.channels if c.id == request.channel_id), None)
        if channel and channel.kind == VOICE_CHANNEL and guild.may_join(user, channel):
            mute, deaf = request.self_mute, request.self_deaf
            self._gateway.world.set_voice(guild, user, channel, session_id=self.id, self_mute=mute, self_deaf=deaf)

    def _request_members(self, request: MembersRequest) -> None:
        guild = self._gateway.world.guilds.get(request.guild_id)
        if guild is None or not self.sees(guild):
            return
        wanted = request.user_ids if isinstance(request.user_ids, list) else [request.user_ids]
        if wanted:
            found = [guild.members[user_id] for user_id in wanted if user_id in guild.members]
        else:
            start = (request.query or "").casefold()
            found = [m for m in guild.members.values() if m.user.name.casefold().startswith(start)]
            found = found[: request.limit or None]
        chunk: Json = {
            "guild_id": str(guild.id),
            "members": [member_json(member) for member in found],
            "chunk_index": 0,
            "chunk_count": 1,
            "not_found": [str(user_id) for user_id in wanted if user_id not in guild.members],
        }
        self.dispatch("GUILD_MEMBERS_CHUNK", chunk | ({"nonce": request.nonce} if request.nonce else {}))


class Gateway:
    """All sessions.

    Args:
        world: What the sessions are told about.
        options: Times.
        application_of: Finds the application that a bot token belongs to.
    """

    def __init__(self, world: World, options: Options, application_of: Callable[[str], Application | None]) -> None:
        self.world = world
        self.options = options
        self.application_of = application_of
        self.url = ""
        self.sessions: list[Session] = []
        world.subscribe(self._tell)

    async def serve(self, request: web.Request) -> web.WebSocketResponse:
        """A client connects."""
        connection = Connection(compress=request.query.get("compress") == "zlib-stream")
        session = Session(self, connection)
        self.sessions.append(session)
        try:
            return await connection.serve(request, session.receive)
        finally:
            self.sessions.remove(session)
            session.end()
            self.world.touch()

    def sessions_of(self, application: Application) -> list[Session]:
        """The sessions in which this application has identified."""
        return [session for session in self.sessions if session.application is application]

    def dispatch(self, application: Application, guild: Guild, event: str, data: Json) -> None:
        """Send an event that needs no intent to this application's sessions that see the guild."""
        for session in self.sessions_of(application):
            if session.sees(guild):
                session.dispatch(event, data)

    def disconnect_all(self) -> None:
        """Close every connection: Discord goes away."""
        for session in self.sessions:
            session.close(GOING_AWAY)

    def _tell(self, event: Event) -> None:
        match event:
            case ChannelCreated(channel):
                self._broadcast(channel.guild, GUILDS, "CHANNEL_CREATE", channel_json(channel))
            case MemberJoined(guild, member):
                payload = member_json(member) | {"guild_id": str(guild.id)}
                self._broadcast(guild, GUILD_MEMBERS, "GUILD_MEMBER_ADD", payload, unless=member.user.id)
                for session in self.sessions:
                    if session.application and session.application.id == member.user.id and session.sees(guild):
                        session.show(guild, joined=True)
            case VoiceStateChanged(guild, state):
                member_payload = member_json(guild.members[state.user.id])
                payload = voice_state_json(state) | {"guild_id": str(guild.id), "member": member_payload}
                self._broadcast(guild, GUILD_VOICE_STATES, "VOICE_STATE_UPDATE", payload)

    def _broadcast(self, guild: Guild, intent: int, event: str, payload: Json, *, unless: int | None = None) -> None:
        for session in self.sessions:
            is_told = session.sees(guild) and session.wants(intent)
            if is_told and session.application and session.application.id != unless:
                session.dispatch(event, payload)
