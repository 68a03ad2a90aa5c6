"""The voice gateway, version 8 (Discord: Topics, Voice): what bots say before and while they send sound."""

import msgspec
from aiohttp import web

from .connection import (
    ALREADY_AUTHENTICATED,
    GOING_AWAY,
    NOT_AUTHENTICATED,
    SESSION_INVALID,
    UNKNOWN_OPCODE,
    Connection,
    Message,
)
from .errors import ProtocolError
from .options import Options
from .voice import VoiceConnection, VoiceServer

IDENTIFY, SELECT_PROTOCOL, READY, HEARTBEAT = range(4)
SPEAKING, HEARTBEAT_ACK, RESUME, HELLO = range(5, 9)
UNKNOWN_PROTOCOL, UNKNOWN_ENCRYPTION_MODE = 4012, 4016


class Identify(msgspec.Struct):
    """Voice, "Establishing a Voice Websocket Connection"."""

    server_id: int
    user_id: int
    session_id: str
    token: str


class UdpAddress(msgspec.Struct):
    """Where the client believes to be reached, and how it wants to encrypt."""

    address: str
    port: int
    mode: str


class SelectProtocol(msgspec.Struct):
    """Voice, "Establishing a Voice UDP Connection"."""

    protocol: str
    data: UdpAddress


class Heartbeat(msgspec.Struct):
    """Voice, "Heartbeating", since version 8."""

    t: int
    seq_ack: int | None = -1


class Speaking(msgspec.Struct):
    """Voice, "Speaking"."""

    speaking: int
    ssrc: int = 0
    delay: int = 0


class VoiceClient:
    """One WebSocket of a bot, from HELLO on; it has a ``VoiceConnection`` once it has identified."""

    def __init__(self, server: VoiceServer, options: Options, connection: Connection) -> None:
        self._server = server
        self._options = options
        self._connection = connection
        self._voice: VoiceConnection | None = None
        interval = round(options.voice_heartbeat * 1000)
        connection.send({"op": HELLO, "d": {"v": 8, "heartbeat_interval": interval}})

    def receive(self, data: str | bytes) -> None:
        """Handle one message of the client.

        Raises:
            ProtocolError: The connection is to be closed.
            msgspec.MsgspecError: Likewise, with 4002.
        """
        message = msgspec.json.decode(data, type=Message)
        if message.op == HEARTBEAT:
            self._heartbeat(msgspec.convert(message.d, Heartbeat, strict=False))
        elif message.op == IDENTIFY:
            self._identify(msgspec.convert(message.d, Identify, strict=False))
        elif message.op == RESUME:
            raise ProtocolError(SESSION_INVALID)
        elif self._voice is None:
            raise ProtocolError(NOT_AUTHENTICATED)
        elif message.op == SELECT_PROTOCOL:
            self._select(self._voice, msgspec.convert(message.d, SelectProtocol, strict=False))
        elif message.op == SPEAKING:
            self._speak(self._voice, msgspec.convert(message.d, Speaking, strict=False))
        else:
            raise ProtocolError(UNKNOWN_OPCODE)

    def _heartbeat(self, heartbeat: Heartbeat) -> None:
        self._connection.send({"op": HEARTBEAT_ACK, "d": {"t": heartbeat.t}})
        if self._voice:
            self._voice.seq_ack = -1 if heartbeat.seq_ack is None else heartbeat.seq_ack

    def _identify(self, identify: Identify) -> None:
        if self._voice:
            raise ProtocolError(ALREADY_AUTHENTICATED)
        self._voice = voice = self._server.admit(
            identify.server_id, identify.user_id, identify.session_id, identify.token, self._connection
        )
        voice.send(
            READY,
            {
                "ssrc": voice.ssrc,
                "ip": "127.0.0.1",
                "port": self._server.udp_port,
                "modes": list(self._options.voice_modes),
                "experiments": [],
                "streams": [],
            },
        )

    def _select(self, voice: VoiceConnection, select: SelectProtocol) -> None:
        if select.protocol != "udp":
            raise ProtocolError(UNKNOWN_PROTOCOL)
        if select.data.mode not in self._options.voice_modes:
            raise ProtocolError(UNKNOWN_ENCRYPTION_MODE)
        voice.describe(select.data.mode, voice.channel.occupants)
        self._server.world.touch()

    def _speak(self, voice: VoiceConnection, speaking: Speaking) -> None:
        voice.speaking = speaking.speaking
        voice.speaking_history.append(speaking.speaking)
        self._server.world.touch()


class VoiceGateway:
    """The WebSockets of one voice server.

    Args:
        server: Lets clients in.
        options: Times and modes.
    """

    def __init__(self, server: VoiceServer, options: Options) -> None:
        self._server = server
        self._options = options
        self._connections: list[Connection] = []

    async def serve(self, request: web.Request) -> web.WebSocketResponse:
        """A client connects."""
        connection = Connection()
        client = VoiceClient(self._server, self._options, connection)
        self._connections.append(connection)
        try:
            return await connection.serve(request, client.receive)
        finally:
            self._connections.remove(connection)
            self._server.world.touch()

    def disconnect_all(self) -> None:
        """Close every connection: Discord goes away."""
        for connection in self._connections:
            connection.close(GOING_AWAY)
