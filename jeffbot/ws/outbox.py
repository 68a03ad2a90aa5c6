"""What is on its way to one client: a bounded queue, and a writer while there is something to write."""

import asyncio
import logging
import socket
from typing import NamedTuple

import aiohttp
from aiohttp import web

from ..models import Seconds
from ..tasks import start_now
from .closes import NOT_READING, Close

logger = logging.getLogger("discord.ws_server")

MAX_WAITING = 256
"""Messages that may wait for the client to read; as many events, beside the replies."""
MAX_WAITING_BYTES = 1 << 20
"""Likewise, together; a single message may be longer."""
UNSENT_BYTES = 32_768
"""What the system takes beyond what the client has room for, where it can be told; some MiB else (Linux: tcp(7),
``tcp_wmem``), so that it is noticed late that nobody reads."""
SEND_TIMEOUT: Seconds = 5.0
"""How long a client may take to read one message, and to agree to a close."""
LAST_WORD: Seconds = 0.5
"""How long a client that did not read has to read why it is dropped."""


class _Item(NamedTuple):
    data: bytes
    is_event: bool


class Room:
    """Tells those who wait for room when there may be some. It holds nothing while nobody waits."""

    __slots__ = ("_event",)

    def __init__(self) -> None:
        self._event: asyncio.Event | None = None

    async def wait(self) -> None:
        """Wait until that is told."""
        if self._event is None:
            self._event = asyncio.Event()
        await self._event.wait()

    def tell(self) -> None:
        """Have all who wait look again."""
        if self._event is not None:
            self._event.set()
            self._event = None


class Outbox:
    """Sends in order. Replies make who reads requests wait (:meth:`until_room`); events drop who does not read them."""

    def __init__(self, ws: web.WebSocketResponse, transport: asyncio.Transport | None, name: str) -> None:
        self._socket = ws
        self._transport = transport
        self._peer: socket.socket | None = transport.get_extra_info("socket") if transport is not None else None
        if self._peer is not None:
            _bound_unsent(self._peer)
        self._name = name
        self._items: list[_Item] = []  # few, and an empty deque would take 0.7 KiB of every client
        self._reply_bytes = 0
        self._events = 0
        self._event_bytes = 0
        self._room = Room()
        self._pong: bytes | None = None
        self._close: Close | None = None
        self._writer: asyncio.Task[None] | None = None
        self._progress_at: Seconds = 0.0
        self._watch: asyncio.TimerHandle | None = None
        self.is_over = False
        """Whether nothing more can be sent."""

    @property
    def is_closing(self) -> bool:
        """Whether the connection is being closed, or is."""
        return self._close is not None or self.is_over

    def send(self, data: bytes) -> None:
        """Send a reply."""
        self._reply_bytes += len(data)
        self._put(_Item(data, is_event=False))

    def deliver(self, data: bytes) -> None:
        """Send an event; a client that has left too many unread is dropped."""
        if self.is_closing:
            return
        if self._events >= MAX_WAITING or self._event_bytes >= MAX_WAITING_BYTES:
            self._drop()
            return
        self._events += 1
        self._event_bytes += len(data)
        self._put(_Item(data, is_event=True))

    def pong(self, data: bytes) -> None:
        """Answer a ping; of those that come while nothing can be sent, the last (RFC 6455, section 5.5.3)."""
        if not self.is_closing:
            self._pong = data
            self._wake()

    def close(self, close: Close) -> None:
        """Send what waits, then close; at once, without waiting for it."""
        if self._close is None:
            self._close = close
            self._wake()

    def abort(self) -> None:
        """Drop the connection without a word."""
        self.end()
        is_gone = self._peer is not None and self._peer.fileno() < 0  # asyncio's abort can fail then (Python 3.12)
        if self._transport is not None and not is_gone:
            self._transport.abort()

    def end(self) -> None:
        """Send nothing more."""
        self.is_over = True
        self._items.clear()
        self._pong = None
        self._room.tell()

    def has_room(self) -> bool:
        """Whether another reply may come."""
        return len(self._items) - self._events < MAX_WAITING and self._reply_bytes < MAX_WAITING_BYTES

    async def until_room(self) -> None:
        """Wait while the client does not read its replies."""
        while not self.is_over and not self.has_room():
            await self._room.wait()

    async def wait_closed(self) -> None:
        """Wait until what waited was sent and the close agreed on; at most SEND_TIMEOUT."""
        if self._writer is not None:
            await asyncio.wait([self._writer], timeout=SEND_TIMEOUT)
        self.end()

    def _put(self, item: _Item) -> None:
        if not self.is_over and self._close is None:
            self._items.append(item)
            self._wake()

    def _wake(self) -> None:
        if self._writer is not None or self.is_over:
            return
        loop = asyncio.get_running_loop()
        self._progress_at = loop.time()
        writer = start_now(self._write(), "jeffbot writer")
        if not writer.done():
            self._writer = writer
            writer.add_done_callback(self._written)
            self._watch = loop.call_later(SEND_TIMEOUT, self._look)

    def _written(self, _writer: "asyncio.Task[None]") -> None:
        self._writer = None
        if self._watch is not None:
            self._watch.cancel()
        if not self.is_over and (self._items or self._close or self._pong is not None):
            self._wake()

    async def _write(self) -> None:
        try:
            while (self._items or self._pong is not None) and not self.is_over:
                if self._pong is not None:
                    data, self._pong = self._pong, None
                    await self._socket.pong(data)
                    self._progress_at = asyncio.get_running_loop().time()
                    continue
                item = self._items[0]
                await self._socket.send_frame(item.data, aiohttp.WSMsgType.TEXT)
                self._progress_at = asyncio.get_running_loop().time()
                self._sent(item)
            if self._close is not None and not self.is_over:
                await self._socket.close(code=self._close.code, message=self._close.message)
                self.end()
        except (ConnectionError, aiohttp.ClientError) as error:
            logger.debug("%s: could not be answered: %r", self._name, error)
            self.end()

    def _sent(self, item: _Item) -> None:
        if not self._items:  # dropped meanwhile
            return
        del self._items[0]
        if item.is_event:
            self._events -= 1
            self._event_bytes -= len(item.data)
        else:
            self._reply_bytes -= len(item.data)
        self._room.tell()

    def _look(self) -> None:
        """Drop a client that has not read for too long."""
        loop = asyncio.get_running_loop()
        left = self._progress_at + SEND_TIMEOUT - loop.time()
        if left > 0:
            self._watch = loop.call_later(left, self._look)
        else:
            self._drop()

    def _drop(self) -> None:
        """Say why, in case the client reads after all; then no more."""
        if self.is_over:
            return
        logger.info("%s does not read what it is sent and is dropped", self._name)
        loop = asyncio.get_running_loop()
        self.end()
        if self._writer is not None:
            self._writer.cancel()
        last_word = start_now(self._say(NOT_READING), "jeffbot last word")
        loop.call_later(LAST_WORD, self._give_up, last_word)

    async def _say(self, close: Close) -> None:
        try:
            await self._socket.close(code=close.code, message=close.message)
        except (ConnectionError, aiohttp.ClientError) as error:
            logger.debug("%s: could not be told: %r", self._name, error)

    def _give_up(self, last_word: "asyncio.Task[None]") -> None:
        last_word.cancel()
        self.abort()


def _bound_unsent(sock: socket.socket) -> None:
    """Have the system take little more than the client has room for."""
    option = getattr(socket, "TCP_NOTSENT_LOWAT", None)
    if option is not None and sock.family in {socket.AF_INET, socket.AF_INET6}:
        sock.setsockopt(socket.IPPROTO_TCP, option, UNSENT_BYTES)
