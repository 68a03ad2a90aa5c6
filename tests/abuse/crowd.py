"""Clients of the remote control that are cheap enough for hundreds, and can stop reading.

They take the server at its word that it sends whole messages in single frames (RFC 6455, section 5.2).
"""

import asyncio
import json
import resource
import socket
import struct
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Self

from abuse.raw import CLOSE, PING, PONG, TEXT, frame
from jeffbot.models import Caller, GuildId, UserId
from serving import FakeService
from staging import PATIENCE
from town import make_token

HANDSHAKE = (
    b"GET / HTTP/1.1\r\nHost: localhost\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
    b"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n"
)
SMALL = 4096
"""Bytes that the system receives for a client that is not to read."""
type Json = dict[str, Any]


def request(action: str, **fields: Any) -> bytes:
    """A request as it is sent."""
    return frame(TEXT, json.dumps({"action": action, **fields}).encode())


class Service(FakeService):
    """A soundboard that can be stopped."""

    def __init__(self) -> None:
        super().__init__()
        self.stops = 0

    def place_of(self, _user_id: UserId, _guild_id: GuildId | None) -> None:
        """Nobody is anywhere."""

    def only_guild(self) -> None:
        """The bot is in several."""

    async def stop(self, _caller: Caller, _playback_id: str | None = None, *, mine: bool = False) -> None:  # noqa: ARG002
        self.stops += 1
        self.begin.set()


class Client:
    """One of a crowd."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader = reader
        self._writer = writer
        self.send = writer.write
        self.drain = writer.drain
        self.code: int | None = None
        """With which the server has closed; None: it has not, or without a word."""

    @classmethod
    async def connect(cls, port: int, *, receives: int | None = None) -> Self:
        """A client that was welcomed; ``receives``: how many bytes the system takes for it."""
        peer = socket.socket()
        peer.settimeout(0)
        if receives:
            peer.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receives)  # before connecting: it bounds the window
        await asyncio.get_running_loop().sock_connect(peer, ("127.0.0.1", port))
        client = cls(*await asyncio.open_connection(sock=peer, limit=1 << 22 if receives is None else receives))
        client.send(HANDSHAKE)
        assert b" 101 " in await client._reader.readuntil(b"\r\n\r\n")
        assert (await client.receive())["action"] == "welcome"
        return client

    async def sign_in(self, user_id: int, scope: str = "play") -> None:
        """Authenticate as this user."""
        reply = await self.ask("authenticate", token=make_token(user_id, scope))
        assert reply["action"] == "auth_success", reply

    async def ask(self, action: str, **fields: Any) -> Json:
        """Send a request; the next message that comes."""
        self.send(request(action, **fields))
        return await self.receive()

    async def receive(self) -> Json:
        """The next message.

        Raises:
            EOFError: The server has closed.
        """
        async with asyncio.timeout(PATIENCE):
            while True:
                opcode, payload = await self._frame()
                if opcode == TEXT:
                    message: Json = json.loads(payload)
                    return message
                if opcode == CLOSE:
                    self.code = struct.unpack(">H", payload[:2])[0]
                    raise EOFError(self.code)
                if opcode == PING:
                    self.send(frame(PONG, payload))

    async def rest(self) -> list[Json]:
        """All that comes until the server closes."""
        messages = []
        try:
            while True:
                messages.append(await self.receive())
        except (EOFError, ConnectionError):
            self.hang_up()
        return messages

    async def closed(self) -> int | None:
        """Wait for the server to close; messages before that are passed over. The code; None: without a word."""
        await self.rest()
        return self.code

    def stop_reading(self) -> None:
        """Read no more, as a process that hangs does."""
        self._writer.transport.pause_reading()  # type: ignore[attr-defined]

    def read_on(self) -> None:
        """Read again."""
        self._writer.transport.resume_reading()  # type: ignore[attr-defined]

    def hang_up(self) -> None:
        """End the connection without a word."""
        self._writer.transport.abort()

    async def _frame(self) -> tuple[int, bytes]:
        first, size = await self._reader.readexactly(2)
        if size == 126:
            (size,) = struct.unpack(">H", await self._reader.readexactly(2))
        elif size == 127:
            (size,) = struct.unpack(">Q", await self._reader.readexactly(8))
        return first & 0xF, await self._reader.readexactly(size)


@contextmanager
def many_files(count: int) -> Iterator[None]:
    """Let the process have so many files open."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft < count:
        resource.setrlimit(resource.RLIMIT_NOFILE, (min(count, hard), hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
