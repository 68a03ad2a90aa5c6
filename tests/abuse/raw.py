"""Clients that send what they like: bytes over TCP, and frames that no library would send."""

import asyncio
import json
import struct
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

from wsproto import ConnectionType, WSConnection
from wsproto.events import (
    AcceptConnection,
    BytesMessage,
    CloseConnection,
    Event,
    Ping,
    Pong,
    Request,
    TextMessage,
)

from staging import PATIENCE

CONTINUATION, TEXT, BINARY, CLOSE, PING, PONG = 0, 1, 2, 8, 9, 10
"""RFC 6455, section 11.8."""
KEY = "dGhlIHNhbXBsZSBub25jZQ=="
"""RFC 6455, section 1.3."""
ABORTED = 1006
"""RFC 6455, section 7.4.1: there was no close frame."""


@dataclass
class Response:
    """An HTTP response."""

    status: int
    headers: list[tuple[str, str]]
    body: bytes

    def header(self, name: str) -> str:
        """The values of a header, or "" where it has none."""
        return ", ".join(value for key, value in self.headers if key.lower() == name.lower())

    @property
    def json(self) -> dict[str, Any]:
        """The body."""
        value: dict[str, Any] = json.loads(self.body)
        return value


class Line:
    """A TCP connection."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader = reader
        self.writer = writer

    async def send(self, data: bytes) -> None:
        """Send bytes; a connection that the server has ended is no error."""
        self.writer.write(data)
        try:
            async with asyncio.timeout(PATIENCE):
                await self.writer.drain()
        except ConnectionError:
            pass

    async def response(self, *, head: bool = False) -> Response:
        """The next HTTP response; ``head``: it has no body."""
        async with asyncio.timeout(PATIENCE):
            start, *lines = (await self.reader.readuntil(b"\r\n\r\n")).decode("latin-1").rstrip("\r\n").split("\r\n")
            headers = [(line.partition(":")[0], line.partition(":")[2].strip()) for line in lines]
            response = Response(int(start.split()[1]), headers, b"")
            if not head and (length := response.header("Content-Length")):
                response.body = await self.reader.readexactly(int(length))
            return response

    async def ended(self, within: float = PATIENCE) -> bytes:
        """What comes until the server ends the connection."""
        async with asyncio.timeout(within):
            try:
                return await self.reader.read()
            except ConnectionError:
                return b""


@asynccontextmanager
async def line(port: int, **options: Any) -> AsyncIterator[Line]:
    """A TCP connection to the server."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port, limit=1 << 20, **options)
    try:
        yield Line(reader, writer)
    finally:
        writer.transport.abort()
        await asyncio.sleep(0)  # it closes its socket then


def handshake(port: int, *more: str, start: str = "GET / HTTP/1.1", **changed: str | None) -> bytes:
    """A handshake, with header lines more, others (``sec_websocket_key="…"``), or without some (None)."""
    headers: dict[str, str | None] = {
        "host": f"127.0.0.1:{port}",
        "upgrade": "websocket",
        "connection": "Upgrade",
        "sec_websocket_key": KEY,
        "sec_websocket_version": "13",
        **changed,
    }
    lines = [f"{name.replace('_', '-')}: {value}" for name, value in headers.items() if value is not None]
    return "\r\n".join([start, *lines, *more, "", ""]).encode("latin-1")


def frame(
    opcode: int,
    payload: bytes = b"",
    *,
    fin: bool = True,
    reserved: int = 0,
    masked: bool = True,
    length: int | None = None,
    wide: int = 0,
) -> bytes:
    """A frame (RFC 6455, section 5.2), masked with zeros.

    Args:
        opcode: Its kind.
        payload: What is in it.
        fin: Whether it ends its message.
        reserved: The three reserved bits.
        masked: Whether it is masked, as those of clients must be.
        length: What its head says of its length, where that is a lie.
        wide: The least number of bytes the length is written in: 0, 2 or 8.
    """
    said = len(payload) if length is None else length
    first, mask = fin << 7 | reserved << 4 | opcode, masked << 7
    if wide == 8 or said > 0xFFFF:
        head = struct.pack(">BBQ", first, mask | 127, said)
    elif wide == 2 or said > 125:
        head = struct.pack(">BBH", first, mask | 126, said)
    else:
        head = bytes([first, mask | said])
    return head + (bytes(4) if masked else b"") + payload


def close(code: int, reason: bytes = b"") -> bytes:
    """A close frame."""
    return frame(CLOSE, struct.pack(">H", code) + reason)


def text(message: object) -> bytes:
    """A message in one frame; what is no text or bytes, as JSON."""
    if isinstance(message, bytes):
        return frame(TEXT, message)
    return frame(TEXT, (message if isinstance(message, str) else json.dumps(message)).encode())


@dataclass
class Peer:
    """A WebSocket client that sends raw frames, and reads with wsproto."""

    line: Line
    connection: WSConnection
    events: list[Event] = field(default_factory=list)

    async def send(self, data: bytes) -> None:
        """Send bytes, such as those of :func:`frame`."""
        await self.line.send(data)

    async def event(self) -> Event | None:
        """What comes next of the server; None: it has ended the connection without a word."""
        while not self.events:
            async with asyncio.timeout(PATIENCE):
                try:
                    data = await self.line.reader.read(1 << 16)
                except ConnectionError:
                    return None
            if not data:
                return None
            self.connection.receive_data(data)
            self.events += self.connection.events()
        return self.events.pop(0)

    async def reply(self) -> dict[str, Any]:
        """The next message; pings and pongs are passed over."""
        reply = await self.reply_or_code()
        assert isinstance(reply, dict), reply
        return reply

    async def reply_or_code(self) -> dict[str, Any] | int:
        """The next message, or the code with which the server has closed."""
        whole = ""
        while True:
            event = await self.event()
            if isinstance(event, TextMessage):
                whole += event.data
                if event.message_finished:
                    reply: dict[str, Any] = json.loads(whole)
                    return reply
            elif not isinstance(event, Ping | Pong):
                return _code_of(event)

    async def ask(self, message: object) -> dict[str, Any]:
        """Send a message; the next one that comes."""
        await self.send(text(message))
        return await self.reply()

    async def pong(self) -> bytes:
        """What the next pong holds."""
        event = await self.event()
        assert isinstance(event, Pong), event
        return bytes(event.payload)

    async def closed(self) -> int:
        """The code of the server's close frame, or ABORTED; messages before it are passed over."""
        while isinstance(event := await self.event(), TextMessage | BytesMessage | Ping | Pong):
            pass
        return _code_of(event)

    async def is_alive(self) -> bool:
        """Whether the server still answers."""
        return bool((await self.ask({"action": "ping"}))["action"] == "pong")


def _code_of(event: Event | None) -> int:
    if event is None:
        return ABORTED
    assert isinstance(event, CloseConnection), event
    return int(event.code)


@asynccontextmanager
async def peer(port: int, *, welcome: bool = True) -> AsyncIterator[Peer]:
    """A WebSocket client; it has been welcomed, unless it is not to be."""
    async with line(port) as tcp:
        connection = WSConnection(ConnectionType.CLIENT)
        self = Peer(tcp, connection)
        await self.send(connection.send(Request(host=f"127.0.0.1:{port}", target="/")))
        assert isinstance(await self.event(), AcceptConnection)
        if welcome:
            assert (await self.reply())["action"] == "welcome"
        yield self
