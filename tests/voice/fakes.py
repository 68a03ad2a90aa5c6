"""Fakes that voice clients, Nextcord's and ours, are connected to."""

import asyncio
import struct
import threading
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from types import SimpleNamespace
from typing import Any

import aiohttp
import dave
import nextcord
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from nextcord.gateway import DiscordVoiceWebSocket
from nextcord.voice_client import E2EEState

from jeffbot.voice.client import SoundVoiceClient
from jeffbot.voice.connector import VoiceConnector
from jeffbot.voice.gateway import SoundVoiceWebSocket

GUILD_ID = 81
CHANNEL_ID = 810
LISTENER = 900
"""Who else is in the channel."""
EXTERNAL_SENDER, KEY_PACKAGE, PROPOSALS, COMMIT_WELCOME, ANNOUNCE_COMMIT, WELCOME = range(25, 31)
"""The opcodes of binary messages (Discord: Voice Connections, "DAVE Protocol")."""


class FakeGuild:
    """Records what would be sent over the main gateway, which may be stuck or broken."""

    id = GUILD_ID

    def __init__(self) -> None:
        self.voice_states: list[dict[str, Any]] = []
        self.stuck = False
        self.broken: Exception | None = None
        self._voice_states = {LISTENER: SimpleNamespace(channel=SimpleNamespace(id=CHANNEL_ID))}
        """As Nextcord keeps them: someone is in the channel."""

    def get_channel(self, _channel_id: int) -> None:
        """Nextcord has lost sight of every other channel."""

    async def change_voice_state(self, **state: Any) -> None:
        self.voice_states.append(state)
        if self.stuck:
            await asyncio.Event().wait()
        if self.broken:
            raise self.broken


class FakeSocket:
    """Records what would be sent over the voice gateway; ``incoming`` is what it receives."""

    def __init__(self) -> None:
        self.binary: list[bytes] = []
        self.incoming: asyncio.Queue[aiohttp.WSMessage] = asyncio.Queue()
        self.closes = 0
        self.close_code = 4022

    async def send_str(self, _text: str) -> None:
        """Nobody looks at the text messages."""

    async def send_bytes(self, data: bytes) -> None:
        self.binary.append(data)

    async def receive(self) -> aiohttp.WSMessage:
        return await self.incoming.get()

    async def close(self, *, code: int) -> None:  # noqa: ARG002 - Nextcord names it
        self.closes += 1


class FakeUdp:
    """Records what would be sent to the voice server."""

    def __init__(self) -> None:
        self.sent: list[bytes] = []
        self.broken = False

    def connect(self, address: tuple[str, int]) -> None:
        self.address = address

    def send(self, packet: bytes) -> None:
        if self.broken:
            raise OSError(101, "Network is unreachable")
        self.sent.append(packet)

    def close(self) -> None:
        """Nothing to close."""


class Connection:
    """A voice client, Nextcord's or ours, connected to fakes."""

    def __init__(self, client: nextcord.VoiceClient, ws: DiscordVoiceWebSocket, guild: FakeGuild) -> None:
        self.client, self.ws, self.guild = client, ws, guild
        self.socket = FakeSocket()
        self.state = client._state
        ws.ws = self.socket  # type: ignore[assignment]
        ws._connection = client
        client.ws = ws
        client.ssrc = 7
        client.socket = FakeUdp()
        client.endpoint_ip, client.voice_port = "127.0.0.1", 9
        client.server_id = GUILD_ID
        client._connected.set()
        self.state._add_voice_client(GUILD_ID, client)

    async def describe_session(self, dave_version: int) -> None:
        """Receive op 4."""
        description = {
            "mode": "aead_xchacha20_poly1305_rtpsize",
            "secret_key": [0] * 32,
            "dave_protocol_version": dave_version,
        }
        await self.ws.received_message({"op": 4, "d": description})

    async def greet(self) -> None:
        """Receive op 8, which starts the heartbeat's thread."""
        self.ws.thread_id, self.ws._max_heartbeat_timeout = threading.get_ident(), 60.0
        await self.ws.received_message({"op": 8, "d": {"heartbeat_interval": 13_750}})

    async def prepare_epoch(self) -> None:
        """Receive op 24: a new MLS group."""
        await self.ws.received_message({"op": 24, "seq": 9, "d": {"protocol_version": 1, "epoch": 1}})

    async def receive(self, opcode: int, payload: bytes) -> None:
        """Receive a binary message."""
        await self.ws.received_message_binary(bytes([0, 9, opcode]) + payload)

    @property
    def key_packages(self) -> int:
        """How many were sent."""
        return sum(data[0] == KEY_PACKAGE and len(data) > 100 for data in self.socket.binary)

    @property
    def registered(self) -> nextcord.VoiceProtocol | None:
        """What Nextcord holds for the guild's voice client."""
        return self.state._get_voice_client(GUILD_ID)

    @property
    def e2ee(self) -> E2EEState:
        """The state of end-to-end encryption."""
        assert self.client.e2ee_state is not None
        return self.client.e2ee_state


@asynccontextmanager
async def logged_in_bot() -> AsyncIterator[nextcord.Client]:
    """A bot that is logged in as far as voice looks."""
    bot = nextcord.Client()
    data: Any = {"id": "1", "username": "jeff", "discriminator": "0", "avatar": None}
    bot._connection.user = nextcord.ClientUser(state=bot._connection, data=data)
    yield bot
    await bot.close()


def make_channel(bot: nextcord.Client, guild: Any) -> nextcord.VoiceChannel:
    data: Any = {"id": str(CHANNEL_ID), "type": 2, "name": "General", "position": 0, "permission_overwrites": []}
    return nextcord.VoiceChannel(state=bot._connection, guild=guild, data=data)


def _itself(udp: Any) -> Any:
    """A fake socket is its own sender."""
    return udp


def make_ours(bot: nextcord.Client, connector: VoiceConnector) -> Connection:
    guild = FakeGuild()
    client = SoundVoiceClient(bot, make_channel(bot, guild), connector=connector)
    client.open_sender = _itself  # type: ignore[assignment]
    return Connection(client, SoundVoiceWebSocket(None, loop=bot.loop), guild)  # type: ignore[arg-type]


def make_stock(bot: nextcord.Client, _connector: VoiceConnector) -> Connection:
    guild = FakeGuild()
    client = nextcord.VoiceClient(bot, make_channel(bot, guild))
    return Connection(client, DiscordVoiceWebSocket(None, loop=bot.loop), guild)  # type: ignore[arg-type]


def ours_of(connection: Connection) -> SoundVoiceClient:
    assert isinstance(connection.client, SoundVoiceClient)
    return connection.client


class FakeEncryptor:
    """Has a key, or none."""

    def __init__(self, *, key: bool) -> None:
        self._key = key

    def has_key_ratchet(self) -> bool:
        return self._key


def set_key(connection: Connection, *, key: bool) -> None:
    """Come to have a key, as after the group's commit, or lose it."""
    connection.e2ee._encryptor = FakeEncryptor(key=key)  # type: ignore[assignment]
    ours_of(connection).note_encryption()


class ExternalSender:
    """The voice gateway's part in an MLS group (RFC 9420): it proposes who joins, and the members commit."""

    def __init__(self) -> None:
        self._key = ec.generate_private_key(ec.SECP256R1())
        public = self._key.public_key().public_bytes(Encoding.X962, PublicFormat.UncompressedPoint)
        self.package = _vector(public) + b"\0\1" + _vector(b"gateway")
        """``ExternalSender`` with a basic credential (section 12.1.8.1)."""

    def add(self, key_package: bytes) -> bytes:
        """Op 27: append an ``Add`` (section 12.1.1) to the proposals of epoch 0, in a ``PublicMessage`` (section 6)."""
        sender = b"\2" + bytes(4)  # external, the first of them
        framed = _vector(struct.pack(">Q", CHANNEL_ID)) + bytes(8) + sender + _vector(b"") + b"\2\0\1" + key_package
        message = b"\0\1\0\1" + framed
        labelled = _vector(b"MLS 1.0 FramedContentTBS") + _vector(message)  # section 5.1.2
        return b"\0" + _vector(message + _vector(self._key.sign(labelled, ec.ECDSA(hashes.SHA256()))))


def _vector(data: bytes) -> bytes:
    """A vector of variable size (RFC 9420, section 2.1.2)."""
    size = len(data)
    return (bytes([size]) if size < 64 else struct.pack(">H", 0x4000 | size)) + data


def _after_vector(data: bytes, at: int) -> int:
    """Where the vector that begins here ends; -1 where it does not."""
    if not 0 <= at < len(data) - 1:
        return -1
    size, start = (data[at], at + 1) if data[at] < 64 else (int.from_bytes(data[at : at + 2]) & 0x3FFF, at + 2)
    return start + size


def _commit_of(commit_welcome: bytes) -> bytes:
    """Op 28 without its ``Welcome``: cipher suite 2, then two vectors to the end (RFC 9420, section 12.4.3.1)."""
    for at in range(len(commit_welcome)):
        ends = _after_vector(commit_welcome, _after_vector(commit_welcome, at + 2)) == len(commit_welcome)
        if ends and commit_welcome[at : at + 2] == b"\0\2":
            return commit_welcome[:at]
    return commit_welcome


async def propose_listener(connection: Connection) -> bytes:
    """Be told of LISTENER, who is to join the pending MLS group; gives back the commit that the client answers with."""
    gateway, listener = ExternalSender(), dave.Session(lambda *_: None)
    listener.init(1, CHANNEL_ID, str(LISTENER), dave.SignatureKeyPair.generate(1))
    key_package = listener.get_marshalled_key_package()
    assert key_package is not None
    await connection.ws.received_message({"op": 11, "d": {"user_ids": [str(LISTENER)]}})
    await connection.receive(EXTERNAL_SENDER, gateway.package)
    await connection.receive(PROPOSALS, gateway.add(key_package))
    answer = connection.socket.binary[-1]
    assert answer[0] == COMMIT_WELCOME
    return _commit_of(answer[1:])


async def establish_group(connection: Connection) -> None:
    """Come into an MLS group with LISTENER, and have its key."""
    await connection.describe_session(dave_version=1)
    await connection.receive(ANNOUNCE_COMMIT, b"\0\1" + await propose_listener(connection))
    await connection.ws.received_message({"op": 22, "d": {"transition_id": 1}})
    assert connection.e2ee.can_encrypt()
