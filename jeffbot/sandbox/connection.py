"""One WebSocket of a client: messages leave through a queue in order, and enter through one callback."""

import asyncio
import logging
import zlib
from collections.abc import Callable
from typing import Any

import msgspec
from aiohttp import WSMsgType, web

from .errors import ProtocolError

logger = logging.getLogger(__name__)

CLOSE_SECONDS = 0.5
"""How long a client has to answer a close frame."""
GOING_AWAY = 1001
"""RFC 6455, section 7.4.1."""
UNKNOWN_ERROR, UNKNOWN_OPCODE, DECODE_ERROR, NOT_AUTHENTICATED = 4000, 4001, 4002, 4003
AUTHENTICATION_FAILED, ALREADY_AUTHENTICATED, SESSION_INVALID = 4004, 4005, 4006


class Message(msgspec.Struct):
    """What both gateways receive."""

    op: int
    d: Any = None


class Connection:
    """Sends from anywhere without waiting, and lives as long as ``serve``.

    Args:
        compress: Send as one zlib stream, flushed after each message (Discord: Gateway, "zlib-stream").
    """

    def __init__(self, *, compress: bool = False) -> None:
        self._socket = web.WebSocketResponse(timeout=CLOSE_SECONDS)
        self._outgoing: asyncio.Queue[str | bytes | int] = asyncio.Queue()
        self._deflate = zlib.compressobj() if compress else None
        self._closing = False
        self.close_code: int | None = None

    @property
    def closing(self) -> bool:
        """Whether either side has closed, or begun to."""
        return self._closing

    def send(self, payload: Any) -> None:
        """Send as JSON; forgotten if the connection is closing."""
        if self._closing:
            return
        data = msgspec.json.encode(payload)
        if self._deflate:
            self._outgoing.put_nowait(self._deflate.compress(data) + self._deflate.flush(zlib.Z_SYNC_FLUSH))
        else:
            self._outgoing.put_nowait(data.decode())

    def close(self, code: int) -> None:
        """Close after what was sent before; returns at once."""
        if not self._closing:
            self._closing = True
            self.close_code = code
            self._outgoing.put_nowait(code)

    async def serve(self, request: web.Request, receive: Callable[[str | bytes], None]) -> web.WebSocketResponse:
        """Carry messages until either side has closed."""
        await self._socket.prepare(request)
        writer = asyncio.create_task(self._write(), name="sandbox connection writer")
        try:
            async for message in self._socket:
                if message.type in (WSMsgType.TEXT, WSMsgType.BINARY) and not self._closing:
                    self._receive(message.data, receive)
        finally:
            if not self._closing:
                self._closing = True
                self.close_code = self._socket.close_code
                writer.cancel()
            await asyncio.wait([writer])
        return self._socket

    def _receive(self, data: str | bytes, receive: Callable[[str | bytes], None]) -> None:
        try:
            receive(data)
        except ProtocolError as error:
            self.close(error.close_code)
        except (msgspec.MsgspecError, RecursionError):
            self.close(DECODE_ERROR)
        except Exception:  # the boundary: a bug of ours ends one connection, never the server
            logger.exception("a message could not be handled")
            self.close(UNKNOWN_ERROR)

    async def _write(self) -> None:
        try:
            while not isinstance(message := await self._outgoing.get(), int):
                if isinstance(message, str):
                    await self._socket.send_str(message)
                else:
                    await self._socket.send_bytes(message)
            await self._socket.close(code=message)
        except ConnectionError:
            logger.debug("the client is gone")
