"""One connection to a soundboard, from its welcome to its end: requests out, replies and events in."""

import asyncio
import contextlib
import itertools
from collections.abc import Callable, Mapping
from typing import Any

import aiohttp
import msgspec

from ..models import Seconds
from ..ws.replies import MAX_MESSAGE_BYTES, Welcome
from .errors import ConnectionEndedError, RemoteError

HEARTBEAT: Seconds = 25.0
"""How often the server is pinged; when it has not answered half that time later, the connection has ended."""
CLOSE_TIMEOUT: Seconds = 2.0
"""How long the server has to agree to a close."""
MAX_AT_ONCE = 8
"""So many requests a server carries out at once for one connection; further ones wait here."""
IMMEDIATE = frozenset({"ping", "stop", "status", "diagnose"})
"""Actions that are not counted among those."""

type Hear = Callable[[str, str], None]
"""Is given every message: its action, and all of it."""


class _Head(msgspec.Struct):
    """As much of a message as says what it is."""

    action: str
    id: Any = None


class Wire:
    """One connection. It has to be closed."""

    def __init__(self, socket: aiohttp.ClientWebSocketResponse, hear: Hear) -> None:
        loop = asyncio.get_running_loop()
        self._socket = socket
        self._hear = hear
        self._ids = itertools.count(1)
        self._room = asyncio.Semaphore(MAX_AT_ONCE)
        self._waiting: dict[int, asyncio.Future[str]] = {}
        self._welcome: asyncio.Future[str] = loop.create_future()
        self._clock: Callable[[], Seconds] = loop.time
        self._ahead: Seconds = 0.0
        self.ended: asyncio.Future[ConnectionEndedError] = loop.create_future()
        """Done when the connection has ended, with why."""
        self._reader = asyncio.create_task(self._read(), name="jeffbot client reader")

    @classmethod
    async def open(cls, session: aiohttp.ClientSession, url: str, hear: Hear) -> "Wire":
        """Connect, and wait for the welcome.

        Raises:
            aiohttp.ClientError: The server cannot be reached.
            ConnectionEndedError: It closed the connection at once.
        """
        socket = await session.ws_connect(url, max_msg_size=0, heartbeat=HEARTBEAT)
        wire = cls(socket, hear)
        try:
            wire.welcome = msgspec.json.decode(await wire._welcome, type=Welcome)
        except BaseException:
            await wire.close()
            raise
        wire._ahead = wire.welcome.timestamp - wire._clock()
        return wire

    welcome: Welcome

    def server_time(self) -> Seconds:
        """The server's time, seconds since the epoch; from when it said it in its welcome."""
        return self._clock() + self._ahead

    async def ask(self, action: str, fields: Mapping[str, object]) -> str:
        """Send a request; its reply.

        Raises:
            RemoteError: The server refused it.
            ConnectionEndedError: The connection ended first.
            ValueError: It is longer than the server takes.
        """
        number = next(self._ids)
        text = msgspec.json.encode({"action": action, **fields, "id": number})
        if len(text) > MAX_MESSAGE_BYTES:
            raise ValueError(f"a message has at most {MAX_MESSAGE_BYTES} bytes")
        if action in IMMEDIATE:
            return await self._exchange(number, text.decode())
        async with self._room:
            return await self._exchange(number, text.decode())

    async def _exchange(self, number: int, text: str) -> str:
        if self.ended.done():
            raise self.ended.result().again()
        answer = self._waiting[number] = asyncio.get_running_loop().create_future()
        try:
            with contextlib.suppress(aiohttp.ClientError, ConnectionError):  # the reader sees it, too, and knows why
                await self._socket.send_str(text)
            reply: str = await answer
        finally:
            del self._waiting[number]
        if msgspec.json.decode(reply, type=_Head).action == "error":
            raise RemoteError.read(reply)
        return reply

    async def close(self) -> None:
        """End the connection."""
        self._reader.cancel()
        await asyncio.wait([self._reader])
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(CLOSE_TIMEOUT):
                await self._socket.close()

    async def _read(self) -> None:
        code, reason = None, "closed from here"
        try:
            while (message := await self._socket.receive()).type is aiohttp.WSMsgType.TEXT:
                self._take(message.data)
            code = self._socket.close_code
            said = message.extra if message.type is aiohttp.WSMsgType.CLOSE else None
            reason = said or "the connection broke"
        except msgspec.MsgspecError:
            reason = "what answers there does not speak the language of the soundboard"
        finally:
            self._end(code, reason)

    def _take(self, text: str) -> None:
        head = msgspec.json.decode(text, type=_Head)
        self._hear(head.action, text)
        waiting = self._welcome if head.action == "welcome" else self._waiting.get(head.id)
        if waiting and not waiting.done():
            waiting.set_result(text)

    def _end(self, code: int | None, reason: str) -> None:
        error = ConnectionEndedError(code, reason)
        self.ended.set_result(error)
        for waiting in (self._welcome, *self._waiting.values()):
            if not waiting.done():
                waiting.set_exception(error.again())
        if self._welcome.done() and not self._welcome.cancelled():
            self._welcome.exception()  # perhaps nobody waits for it any more
