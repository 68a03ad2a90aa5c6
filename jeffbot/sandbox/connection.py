"""One WebSocket of a client: messages leave through a queue in order, and enter through one callback."""

import asyncio
import logging
from collections.abc import Callable
from typing import Any, NamedTuple

import msgspec
from aiohttp import WSMsgType, web

from .errors import ProtocolError

logger = logging.getLogger(__name__)

CLOSE_SECONDS = 0.5
"""How long a client has to answer a close frame."""
MAX_WAITING = 1 << 14
"""A client that reads so slowly that more messages wait for it is cut off; Discord names no number."""
NORMAL_CLOSURE, GOING_AWAY, NO_STATUS, ABNORMAL_CLOSURE = 1000, 1001, 1005, 1006
UNSENDABLE = frozenset({1004, NO_STATUS, ABNORMAL_CLOSURE, 1015})
"""RFC 6455, section 7.4.1: what no close frame may say."""
UNKNOWN_ERROR, UNKNOWN_OPCODE, DECODE_ERROR, NOT_AUTHENTICATED = 4000, 4001, 4002, 4003
AUTHENTICATION_FAILED, ALREADY_AUTHENTICATED, SESSION_INVALID = 4004, 4005, 4006


class Message(msgspec.Struct):
    """What both gateways receive."""

    op: int
    d: Any = None


class _Close(NamedTuple):
    """The last thing to be sent."""

    code: int
    reason: str


class Connection:
    """Sends from anywhere without waiting, and lives as long as ``serve``."""

    def __init__(self) -> None:
        self.encode: Callable[[bytes], str | bytes] = bytes.decode
        """Makes a text or a binary message of JSON; called once for each, in order."""
        self.close_code: int | None = None
        """What either side has closed with; None while open."""
        self.closed_by_client = False
        self._socket = web.WebSocketResponse(timeout=CLOSE_SECONDS)
        self._outgoing: asyncio.Queue[str | bytes | _Close] = asyncio.Queue()
        self._transport: asyncio.Transport | None = None
        self._closing = False

    @property
    def closing(self) -> bool:
        """Whether either side has closed, or begun to."""
        return self._closing

    def send(self, payload: Any) -> None:
        """Send as JSON; forgotten if the connection is closing."""
        self.send_json(msgspec.json.encode(payload))

    def send_json(self, data: bytes) -> None:
        """Send what is JSON already; forgotten if the connection is closing."""
        if not self._closing:
            self.send_raw(self.encode(data))

    def send_raw(self, message: str | bytes) -> None:
        """Send a whole message as it is; forgotten if the connection is closing."""
        if self._closing:
            return
        if self._outgoing.qsize() >= MAX_WAITING:
            self.abort()
        else:
            self._outgoing.put_nowait(message)

    def close(self, code: int, reason: str = "") -> None:
        """Close after what was sent before; returns at once.

        Raises:
            ValueError: No close frame may say this code.
        """
        if code in UNSENDABLE:
            raise ValueError(f"{code} cannot be sent (RFC 6455, section 7.4.1)")
        if not self._closing:
            self._closing = True
            self.close_code = code
            self._outgoing.put_nowait(_Close(code, reason))

    def abort(self) -> None:
        """Cut the TCP connection without a close frame: 1006 for both sides (RFC 6455, section 7.1.5)."""
        if self.closed_by_client:
            return
        self._closing = True
        self.close_code = ABNORMAL_CLOSURE
        if self._transport:
            self._transport.abort()

    async def serve(self, request: web.Request, receive: Callable[[str | bytes], None]) -> web.WebSocketResponse:
        """Carry messages until either side has closed; text is handed over as ``str``, binary as ``bytes``."""
        await self._socket.prepare(request)
        self._transport = request.transport
        if self.close_code == ABNORMAL_CLOSURE:
            self.abort()
        reader = asyncio.create_task(self._read(receive), name="sandbox connection reader")
        writer = asyncio.create_task(self._write(), name="sandbox connection writer")
        try:
            await asyncio.wait([reader, writer], return_when=asyncio.FIRST_COMPLETED)
        finally:
            if not self._closing:
                self._closing = self.closed_by_client = True
                self.close_code = reader.result() if reader.done() else ABNORMAL_CLOSURE
            for task in (reader, writer):
                task.cancel()
            await asyncio.wait([reader, writer])
        if not writer.cancelled() and (last := writer.result()):
            await self._socket.close(code=last.code, message=last.reason.encode())  # nobody else reads: it may answer
        return self._socket

    async def _read(self, receive: Callable[[str | bytes], None]) -> int:
        """The code that the client closes with, 1006 if it goes without a word."""
        try:
            while (message := await self._socket.receive()).type in (WSMsgType.TEXT, WSMsgType.BINARY):
                if not self._closing:
                    self._receive(message.data, receive)
        except ConnectionError:  # in the answer to a ping
            return ABNORMAL_CLOSURE
        return message.data or NO_STATUS if message.type is WSMsgType.CLOSE else ABNORMAL_CLOSURE

    def _receive(self, data: str | bytes, receive: Callable[[str | bytes], None]) -> None:
        try:
            receive(data)
        except ProtocolError as error:
            self.close(error.close_code, error.reason)
        except (msgspec.MsgspecError, RecursionError):
            self.close(DECODE_ERROR, "Decode error.")
        except Exception:  # the boundary: a bug of ours ends one connection, never the server
            logger.exception("a message could not be handled")
            self.close(UNKNOWN_ERROR)

    async def _write(self) -> _Close | None:
        """Send until it is time to close; None if the client is gone before."""
        try:
            while not isinstance(message := await self._outgoing.get(), _Close):
                if isinstance(message, str):
                    await self._socket.send_str(message)
                else:
                    await self._socket.send_bytes(message)
        except ConnectionError:
            logger.debug("the client is gone")
            return None
        return message
