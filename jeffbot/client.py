"""A typed asyncio client of the remote control."""

import asyncio
import contextlib
import itertools
from collections.abc import Sequence
from typing import Any, Self

import aiohttp
import msgspec

from .models import Seconds
from .ws.protocol import MAX_MESSAGE_BYTES, ListedSound, Playing, StatusReport

DEFAULT_URL = "ws://localhost:8765"
ANSWER_TIMEOUT: Seconds = 30.0


class RemoteError(Exception):
    """The server refused a request; ``code`` is one of ``docs/api.md``."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code


class ConnectionEndedError(Exception):
    """The server closed the connection, or is gone."""

    def __init__(self, code: int | None) -> None:
        super().__init__(f"the connection has ended (code {code})")
        self.code = code


class RemoteClient:
    """One connection to a soundboard; requests may run side by side.

    ::

        async with RemoteClient("ws://localhost:8765", token) as client:
            await client.play("airhorn")
    """

    def __init__(self, url: str = DEFAULT_URL, token: str | None = None) -> None:
        self._url = url
        self._token = token
        self._ids = itertools.count(1)
        self._waiting: dict[int, asyncio.Future[dict[str, Any]]] = {}
        self._stack = contextlib.AsyncExitStack()
        self.ended: asyncio.Future[ConnectionEndedError] | None = None
        """Done when the connection has ended, with why."""

    async def __aenter__(self) -> Self:
        """Connect, and sign in where there is a token.

        Raises:
            RemoteError: The token is refused.
            aiohttp.ClientError: The server cannot be reached.
        """
        async with self._stack as stack:
            session = await stack.enter_async_context(aiohttp.ClientSession())
            self._socket = await stack.enter_async_context(session.ws_connect(self._url, max_msg_size=0))
            self.ended = asyncio.get_running_loop().create_future()
            self.welcome: dict[str, Any] = await self._socket.receive_json(timeout=ANSWER_TIMEOUT)
            reader = asyncio.create_task(self._read(self.ended), name="jeffbot client")
            stack.callback(reader.cancel)
            if self._token is not None:
                await self.authenticate(self._token)
            self._stack = stack.pop_all()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._stack.aclose()

    async def request(self, action: str, **fields: object) -> dict[str, Any]:
        """Send a request and wait for its reply.

        Raises:
            RemoteError: The server refused it.
            ConnectionEndedError: The connection ended first.
            TimeoutError: No reply came within ANSWER_TIMEOUT.
            ValueError: It is longer than the server takes.
        """
        number = next(self._ids)
        text = msgspec.json.encode({"action": action, **fields, "id": number}).decode()
        if len(text.encode()) > MAX_MESSAGE_BYTES:
            raise ValueError(f"a message has at most {MAX_MESSAGE_BYTES} bytes")
        if self.ended is not None and self.ended.done():
            raise self.ended.result()
        answer = self._waiting[number] = asyncio.get_running_loop().create_future()
        try:
            await self._socket.send_str(text)
            async with asyncio.timeout(ANSWER_TIMEOUT):
                reply: dict[str, Any] = await answer
        finally:
            del self._waiting[number]
        if reply["action"] == "error":
            raise RemoteError(reply["error_code"], reply["error_message"])
        return reply

    async def authenticate(self, token: str) -> str:
        """Sign in; the id of the user the token speaks for."""
        return str((await self.request("authenticate", token=token))["user_id"])

    async def sounds(self) -> Sequence[ListedSound]:
        """All sounds by name."""
        return msgspec.convert((await self.request("list"))["sounds"], list[ListedSound])

    async def play(self, filename: str, **options: Any) -> Playing:
        """Play a sound where the user is; returns when it has begun, or waits.

        Args:
            filename: Its name.
            options: ``mode``, ``retrigger``, ``volume``, as in ``docs/api.md``.
        """
        return msgspec.convert(await self.request("play", filename=filename, **options), Playing)

    async def random(self, **options: Any) -> Playing:
        """Play any sound where the user is; options are as of :meth:`play`, without ``retrigger``."""
        return msgspec.convert(await self.request("random", **options), Playing)

    async def stop(self, playback_id: str | None = None) -> None:
        """End what plays where the user is, or one sound alone."""
        await self.request("stop", **({} if playback_id is None else {"playback_id": playback_id}))

    async def status(self) -> StatusReport:
        """What the bot does where the user is."""
        return msgspec.convert(await self.request("status"), StatusReport)

    async def diagnose(self) -> Sequence[str]:
        """Why the user hears nothing: sentences, the likeliest cause first."""
        return msgspec.convert((await self.request("diagnose"))["findings"], list[str])

    async def ping(self) -> float:
        """The server's time, seconds since the epoch."""
        return float((await self.request("ping"))["server_time"])

    async def _read(self, ended: "asyncio.Future[ConnectionEndedError]") -> None:
        async for message in self._socket:
            if message.type is aiohttp.WSMsgType.TEXT:
                reply = msgspec.json.decode(message.data)
                waiting = self._waiting.get(reply.get("id"))
                if waiting and not waiting.done():
                    waiting.set_result(reply)
        error = ConnectionEndedError(self._socket.close_code)
        ended.set_result(error)
        for waiting in self._waiting.values():
            if not waiting.done():
                waiting.set_exception(error)
