"""The voice gateway, version 8 (Discord: Topics, Voice): what bots say before and while they send sound."""

import asyncio

import msgspec
from aiohttp import web

from ..connection import (
    ALREADY_AUTHENTICATED,
    DECODE_ERROR,
    GOING_AWAY,
    NOT_AUTHENTICATED,
    UNKNOWN_OPCODE,
    Connection,
    Message,
)
from ..errors import ProtocolError
from ..findings import Findings, Kind
from ..options import Options
from .connections import VoiceConnection
from .dave import parse_binary, parse_text
from .messages import Heartbeat, Identify, Resume, SelectProtocol, Speaking
from .opcodes import Op
from .server import VoiceServer

VERSION = 8
"""The recommended one (Voice, "Voice Gateway Versioning"); those from 4 on, which Discord still takes, are refused."""
SESSION_TIMEOUT, UNKNOWN_PROTOCOL, UNKNOWN_ENCRYPTION_MODE = 4009, 4012, 4016
MISSED_HEARTBEATS = 1.5
"""After so many intervals without a heartbeat the session has timed out; Discord names no number."""
MAX_MESSAGE_BYTES = 1 << 16
"""Longer messages are not decoded; Discord names no number, a commit of a large group has a few KiB."""


class VoiceClient:
    """One WebSocket of a bot, from HELLO on; it has a ``VoiceConnection`` once it has identified."""

    def __init__(self, server: VoiceServer, options: Options, findings: Findings, connection: Connection) -> None:
        self._server = server
        self._options = options
        self._findings = findings
        self._connection = connection
        self.voice: VoiceConnection | None = None
        self._deadline: asyncio.TimerHandle | None = None
        connection.send(
            {"op": Op.HELLO, "d": {"v": VERSION, "heartbeat_interval": round(options.voice_heartbeat * 1000)}}
        )
        self._expect_heartbeat()

    def receive(self, data: str | bytes) -> None:
        """Handle one message of the client.

        Raises:
            ProtocolError: The connection is to be closed.
            msgspec.MsgspecError: Likewise, with 4002.
        """
        if len(data) > MAX_MESSAGE_BYTES:
            raise ProtocolError(DECODE_ERROR)
        if isinstance(data, bytes):
            self._receive_binary(data)
            return
        message = msgspec.json.decode(data, type=Message)
        match message.op:
            case Op.HEARTBEAT:
                self._heartbeat(msgspec.convert(message.d, Heartbeat, strict=False))
            case Op.IDENTIFY:
                self._identify(msgspec.convert(message.d, Identify, strict=False))
            case Op.RESUME:
                self._resume(msgspec.convert(message.d, Resume, strict=False))
            case _ if self.voice:
                self._go_on(self.voice, message)
            case _:
                raise ProtocolError(NOT_AUTHENTICATED)

    def end(self) -> None:
        """The WebSocket is closed."""
        if self._deadline:
            self._deadline.cancel()
        if self.voice:
            self._server.lost(self.voice)

    def _go_on(self, voice: VoiceConnection, message: Message) -> None:
        match message.op:
            case Op.SELECT_PROTOCOL:
                self._select(voice, msgspec.convert(message.d, SelectProtocol, strict=False))
            case Op.SPEAKING:
                self._speak(voice, msgspec.convert(message.d, Speaking, strict=False))
            case Op.DAVE_TRANSITION_READY | Op.DAVE_INVALID_COMMIT_WELCOME:
                if call := self._server.call(voice.channel):
                    call.group.receive(voice.user_id, message.op, message.d)
                else:
                    parse_text(message.op, message.d)
            case _:
                raise ProtocolError(UNKNOWN_OPCODE)

    def _receive_binary(self, data: bytes) -> None:
        if self.voice is None:
            raise ProtocolError(NOT_AUTHENTICATED)
        if not data:
            raise ProtocolError(DECODE_ERROR)
        if call := self._server.call(self.voice.channel):
            call.group.receive_binary(self.voice.user_id, data[0], data[1:])
        else:
            parse_binary(self.voice.user_id, data[0], data[1:], lambda _, text: self._note(Kind.DAVE, text))

    def _heartbeat(self, heartbeat: Heartbeat) -> None:
        self._expect_heartbeat()
        if self._options.voice_acks:
            self._connection.send({"op": Op.HEARTBEAT_ACK, "d": {"t": heartbeat.t}})
        if self.voice and not self.voice.acknowledge(heartbeat.seq_ack):
            if heartbeat.seq_ack is None:
                self._note(Kind.SEQ_ACK_MISSING, "a voice heartbeat without seq_ack")
            else:
                self._note(Kind.SEQ_ACK_STALE, f"a voice heartbeat acknowledges {heartbeat.seq_ack}, which cannot be")
        self._server.world.touch()

    def _expect_heartbeat(self) -> None:
        if self._deadline:
            self._deadline.cancel()
        wait = self._options.voice_heartbeat * MISSED_HEARTBEATS
        self._deadline = asyncio.get_running_loop().call_later(wait, self._connection.close, SESSION_TIMEOUT)

    def _identify(self, identify: Identify) -> None:
        if self.voice:
            raise ProtocolError(ALREADY_AUTHENTICATED)
        self.voice = voice = self._server.admit(identify, self._connection)
        voice.send(
            Op.READY,
            {
                "ssrc": voice.ssrc,
                "ip": "127.0.0.1",
                "port": self._server.udp_port,
                "modes": list(self._options.voice_modes),
                "experiments": [],
                "streams": [],
            },
        )

    def _resume(self, resume: Resume) -> None:
        if self.voice:
            raise ProtocolError(ALREADY_AUTHENTICATED)
        self.voice = self._server.resume(resume, self._connection)
        if resume.seq_ack is None:
            self._note(Kind.SEQ_ACK_MISSING, "a voice resume without seq_ack")

    def _select(self, voice: VoiceConnection, select: SelectProtocol) -> None:
        if select.protocol != "udp":
            raise ProtocolError(UNKNOWN_PROTOCOL)
        if select.data.mode not in self._options.voice_modes:
            raise ProtocolError(UNKNOWN_ENCRYPTION_MODE)
        self._server.describe(voice, select.data.mode)

    def _speak(self, voice: VoiceConnection, speaking: Speaking) -> None:
        if speaking.ssrc not in (None, voice.ssrc):
            self._note(Kind.INVALID_SSRC, "a Speaking message with another SSRC than its own")
        if speaking.delay:
            self._note(Kind.SPEAKING_DELAY, "a Speaking message with a delay that is not 0")
        self._server.speak(voice, speaking.speaking)

    def _note(self, kind: Kind, text: str) -> None:
        if self.voice:
            self._findings.note(kind, self.voice.user.name, text)


class VoiceGateway:
    """The WebSockets of one voice server.

    Args:
        server: Lets clients in.
        options: Times and modes.
        findings: Told what clients should not do.
    """

    def __init__(self, server: VoiceServer, options: Options, findings: Findings) -> None:
        self._server = server
        self._options = options
        self._findings = findings
        self._connections: list[Connection] = []

    async def serve(self, request: web.Request) -> web.WebSocketResponse:
        """A client connects.

        Raises:
            web.HTTPBadRequest: It asks for another version than is spoken; Discord names no code for that.
        """
        if request.query.get("v") != str(VERSION):
            raise web.HTTPBadRequest(reason=f"only version {VERSION} of the voice gateway is spoken: ?v={VERSION}")
        connection = Connection()
        client = VoiceClient(self._server, self._options, self._findings, connection)
        self._connections.append(connection)
        try:
            return await connection.serve(request, client.receive)
        finally:
            self._connections.remove(connection)
            client.end()
            self._server.world.touch()

    def disconnect_all(self) -> None:
        """Close every connection: Discord goes away."""
        for connection in self._connections:
            connection.close(GOING_AWAY)
