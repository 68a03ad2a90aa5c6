"""Remote clients that cost their own process so little that thousands of them are not what is measured.

Each is a WebSocket client (RFC 6455) that does no more than the benchmarks need: whole text messages, pongs, the close.
"""

import asyncio
import base64
import json
import os
from collections import deque
from collections.abc import Callable
from typing import Self, cast

TEXT, CLOSE, PING, PONG = 1, 8, 9, 10
"""Opcodes (RFC 6455, section 11.8)."""
FIN = 0x80
MASK = bytes(4)
"""Masks a payload with itself; a client of strangers' pages would have to draw it (RFC 6455, section 5.3)."""
ABNORMAL = 1006
"""The close code of a connection that ended without one (RFC 6455, section 7.4.1)."""
EVENT = b'{"action":"event"'


def frame(opcode: int, payload: bytes) -> bytes:
    """One whole frame from a client (RFC 6455, section 5.2)."""
    length = len(payload)
    if length < 126:
        return bytes((FIN | opcode, FIN | length)) + MASK + payload
    return bytes((FIN | opcode, FIN | 126)) + length.to_bytes(2) + MASK + payload


def message(action: str, **fields: object) -> bytes:
    """A request, ready to be sent."""
    return frame(TEXT, json.dumps({"action": action, **fields}).encode())


class Client(asyncio.Protocol):
    """One client. Replies are taken to come in the order of the requests."""

    def __init__(self) -> None:
        loop = asyncio.get_running_loop()
        self.hear: Callable[[bytes], object] = len
        """Takes each event, as it came."""
        self.closed: asyncio.Future[tuple[int, float]] = loop.create_future()
        """Done when the connection ended or began to be closed: the code, and when (``time.monotonic()``)."""
        self._buffer = bytearray()
        self._is_open = False
        self._waiting: deque[asyncio.Future[bytes]] = deque([loop.create_future()])

    @classmethod
    async def connect(cls, port: int, token: str | None = None, **options: object) -> Self:
        """Connect, and sign in where there is a token.

        Raises:
            ConnectionError: The server closed the connection, or refused the token.
        """
        loop = asyncio.get_running_loop()
        address = () if "sock" in options else ("127.0.0.1", port)
        _, client = await loop.create_connection(cls, *address, **options)  # type: ignore[call-overload]
        await client._waiting[0]
        if token is not None:
            await client.authenticate(token)
        return cast("Self", client)

    async def authenticate(self, token: str) -> None:
        """Sign in.

        Raises:
            ConnectionError: The token is refused.
        """
        reply = await self.ask(message("authenticate", token=token))
        if b'"auth_success"' not in reply:
            raise ConnectionError(reply.decode())

    async def ask(self, request: bytes) -> bytes:
        """Send a request, made by :func:`message`; its reply.

        Raises:
            ConnectionError: The connection ended first.
        """
        waiting: asyncio.Future[bytes] = asyncio.get_running_loop().create_future()
        self._waiting.append(waiting)
        self.transport.write(request)
        return await waiting

    def leave(self, *, politely: bool = True) -> None:
        """End the connection."""
        if politely:
            self.transport.write(frame(CLOSE, (1000).to_bytes(2)))
        else:
            self.transport.abort()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Shake hands (RFC 6455, section 4.1)."""
        self.transport = cast("asyncio.Transport", transport)
        key = base64.b64encode(os.urandom(16))
        lines = (
            *(b"GET / HTTP/1.1", b"Host: 127.0.0.1", b"Upgrade: websocket", b"Connection: Upgrade"),
            *(b"Sec-WebSocket-Version: 13", b"Sec-WebSocket-Key: " + key, b"", b""),
        )
        self.transport.write(b"\r\n".join(lines))

    def data_received(self, data: bytes) -> None:
        """Take what came, as far as it is whole."""
        buffer, at = self._buffer, 0
        buffer += data
        if not self._is_open:
            at = buffer.find(b"\r\n\r\n") + 4
            if at < 4:
                return
            self._is_open = True
        while len(buffer) - at >= 2:
            length, start = buffer[at + 1], at + 2
            if length == 126:
                length, start = int.from_bytes(buffer[at + 2 : at + 4]), at + 4
            elif length == 127:
                length, start = int.from_bytes(buffer[at + 2 : at + 10]), at + 10
            if len(buffer) < start + length:
                break
            self._take(buffer[at] & 15, bytes(buffer[start : start + length]))
            at = start + length
        del buffer[:at]

    def connection_lost(self, _exc: Exception | None) -> None:
        """Nobody waits any more."""
        self._end(ABNORMAL)
        for waiting in self._waiting:
            if not waiting.done():
                waiting.set_exception(ConnectionResetError("the connection ended"))
                waiting.exception()

    def _take(self, opcode: int, payload: bytes) -> None:
        if opcode == PING:
            self.transport.write(frame(PONG, payload))
        elif opcode == CLOSE:
            self._end(int.from_bytes(payload[:2]))
            self.transport.write(frame(CLOSE, payload[:2]))
            self.transport.close()
        elif payload.startswith(EVENT):
            self.hear(payload)
        else:
            waiting = self._waiting.popleft()
            if not waiting.done():
                waiting.set_result(payload)

    def _end(self, code: int) -> None:
        if not self.closed.done():
            self.closed.set_result((code, asyncio.get_running_loop().time()))
