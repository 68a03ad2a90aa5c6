"""Voice channels as bots are in them: who may connect, who is connected, and all that was ever heard."""

import asyncio
import itertools
import secrets
from collections.abc import Callable, Iterable
from dataclasses import dataclass

from .connection import AUTHENTICATION_FAILED, SESSION_INVALID, Connection
from .errors import ProtocolError
from .payloads import Json
from .rtp import CIPHERS, Cipher, Packet, UdpServer, open_packet
from .world import Channel, Event, Guild, User, VoiceState, VoiceStateChanged, World

SESSION_DESCRIPTION, CLIENTS_CONNECT, CLIENT_DISCONNECT = 4, 11, 13
DISCONNECTED = 4014


@dataclass(frozen=True)
class Grant:
    """What VOICE_SERVER_UPDATE hands to a bot: the right to connect for this stay in this channel."""

    guild: Guild
    channel: Channel
    user: User
    session_id: str
    token: str


class VoiceConnection:
    """What came from one bot in one stay in a voice channel; lives on after it has ended."""

    def __init__(self, grant: Grant, ssrc: int, connection: Connection) -> None:
        self.guild = grant.guild
        self.channel = grant.channel
        self.user = grant.user
        self.token = grant.token
        self.ssrc = ssrc
        self.mode: str | None = None
        self.speaking = 0
        """Flags of the latest Speaking message; 1 is microphone."""
        self.speaking_history: list[int] = []
        self.seq_ack = -1
        """The last numbered message that a heartbeat of the client said it has."""
        self._connection = connection
        self._sequence = itertools.count()
        self._cipher: Cipher | None = None
        self._sealed: list[tuple[float, bytes, Cipher | None]] = []
        self._packets: list[Packet] = []

    @property
    def packets(self) -> list[Packet]:
        """All packets so far in order of arrival; decrypted when first asked for."""
        if self._sealed:
            self._packets += [open_packet(*sealed) for sealed in self._sealed]
            self._sealed.clear()
        return self._packets

    @property
    def self_deaf(self) -> bool:
        """Whether the bot is in voice with itself deafened."""
        state = self.guild.voice_states.get(self.user.id)
        return state is not None and state.self_deaf

    @property
    def connected(self) -> bool:
        """Whether the voice WebSocket is open."""
        return not self._connection.closing

    @property
    def close_code(self) -> int | None:
        """What the voice WebSocket was closed with, by either side; None while open."""
        return self._connection.close_code

    def send(self, op: int, data: Json) -> None:
        """Send a numbered message (Voice, "Buffered Resume")."""
        self._connection.send({"op": op, "d": data, "seq": next(self._sequence)})

    def close(self, code: int) -> None:
        """Close the voice WebSocket."""
        self._connection.close(code)

    def describe(self, mode: str, present: Iterable[User]) -> None:
        """Settle on a mode, make a key, and name who else is there."""
        key = secrets.token_bytes(32)
        self.mode, self._cipher = mode, CIPHERS[mode](key)
        self.send(SESSION_DESCRIPTION, {"mode": mode, "secret_key": list(key), "dave_protocol_version": 0})
        if user_ids := [str(user.id) for user in present if user is not self.user]:
            self.send(CLIENTS_CONNECT, {"user_ids": user_ids})

    def record(self, arrived: float, datagram: bytes) -> None:
        """Keep a packet of this connection's SSRC."""
        self._sealed.append((arrived, datagram, self._cipher))


class VoiceServer:
    """Follows the world's voice states, and receives RTP.

    Args:
        world: Whose voice states decide.
        announce: Sends VOICE_SERVER_UPDATE to a bot.
    """

    def __init__(self, world: World, announce: Callable[[Guild, User, Json], None]) -> None:
        self.world = world
        self.endpoint = ""
        self.history: list[VoiceConnection] = []
        self._announce = announce
        self._grants: dict[tuple[int, int], Grant] = {}
        self._by_ssrc: dict[int, VoiceConnection] = {}
        self._ssrcs = itertools.count(1000)
        self._udp = UdpServer(self._on_rtp)
        world.subscribe(self._follow)

    @property
    def udp_port(self) -> int:
        """Where RTP is received."""
        return self._udp.port

    async def open(self) -> None:
        """Begin to receive RTP."""
        await self._udp.open()

    def close(self) -> None:
        """Free the UDP port."""
        self._udp.close()

    def connections(self, guild: Guild, user: User) -> list[VoiceConnection]:
        """All connections of a bot in a guild, oldest first, ended ones included."""
        return [voice for voice in self.history if voice.guild is guild and voice.user is user]

    def admit(
        self, guild_id: int, user_id: int, session_id: str, token: str, connection: Connection
    ) -> VoiceConnection:
        """Let a client in.

        Raises:
            ProtocolError: 4006 if there is no such stay in voice (any more), 4004 for a wrong token.
        """
        grant = self._grants.get((guild_id, user_id))
        if grant is None or grant.session_id != session_id:
            raise ProtocolError(SESSION_INVALID)
        if not secrets.compare_digest(grant.token.encode(), token.encode()):
            raise ProtocolError(AUTHENTICATION_FAILED)
        voice = VoiceConnection(grant, next(self._ssrcs), connection)
        self._disconnect(grant.guild, grant.user)
        self._by_ssrc[voice.ssrc] = voice
        self.history.append(voice)
        self.world.touch()
        return voice

    def _follow(self, event: Event) -> None:
        match event:
            case VoiceStateChanged(guild, state, previous):
                if previous is not state.channel:
                    self._tell_others(guild, state, previous)
                if state.user.bot:
                    self._grant(guild, state, previous)

    def _tell_others(self, guild: Guild, state: VoiceState, previous: Channel | None) -> None:
        for voice in self._by_ssrc.values():
            if voice.guild is not guild or voice.user is state.user or not voice.connected:
                continue
            if voice.channel is previous:
                voice.send(CLIENT_DISCONNECT, {"user_id": str(state.user.id)})
            elif voice.channel is state.channel:
                voice.send(CLIENTS_CONNECT, {"user_ids": [str(state.user.id)]})

    def _grant(self, guild: Guild, state: VoiceState, previous: Channel | None) -> None:
        """End the old stay if the bot left or moved, and offer a new one if it has none.

        The offer waits for the next turn of the loop, so that the old connection's close frame leaves first.
        """
        if state.channel is not previous:
            self._grants.pop((guild.id, state.user.id), None)
            self._disconnect(guild, state.user)
        if state.channel is None or any(voice.connected for voice in self._live(guild, state.user)):
            return
        token = secrets.token_hex(8)
        grant = Grant(guild, state.channel, state.user, state.session_id, token)
        self._grants[guild.id, state.user.id] = grant
        payload = {"token": token, "guild_id": str(guild.id), "endpoint": self.endpoint}
        asyncio.get_running_loop().call_soon(self._announce, guild, state.user, payload)

    def _live(self, guild: Guild, user: User) -> list[VoiceConnection]:
        return [voice for voice in self._by_ssrc.values() if voice.guild is guild and voice.user is user]

    def _disconnect(self, guild: Guild, user: User) -> None:
        for voice in self._live(guild, user):
            voice.close(DISCONNECTED)
            del self._by_ssrc[voice.ssrc]

    def _on_rtp(self, arrived: float, ssrc: int, datagram: bytes) -> None:
        if voice := self._by_ssrc.get(ssrc):
            voice.record(arrived, datagram)
            self.world.touch()
