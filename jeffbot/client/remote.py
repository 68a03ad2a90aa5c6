"""The client: a connection that is kept up, and all that is done over it."""

import asyncio
import contextlib
import hashlib
import inspect
import logging
import ssl as tls
from collections.abc import Awaitable, Callable, Mapping
from pathlib import Path
from typing import Self, Unpack

import aiohttp
import msgspec

from ..models import Seconds
from ..ws.replies import AuthSuccess, Refreshed, SoundInfo, Uploaded, UploadTicket, Welcome
from .actions import Actions, UploadOptions
from .errors import ConnectionEndedError, RemoteError, TokenRefusedError
from .events import ALL, Events, Hub
from .returning import Backoff, Jitter, full_jitter, is_final
from .wire import Wire

logger = logging.getLogger(__name__)

DEFAULT_URL = "ws://localhost:8765"
ANSWER_TIMEOUT: Seconds = 30.0
RENEW_AFTER = 0.8
"""The part of a token's life after which it is renewed."""
MIN_RENEWAL: Seconds = 5.0
"""Tokens are renewed no more often."""
RENEW_AGAIN: Seconds = 30.0
"""After how long renewing is tried again."""
_PASSING = (aiohttp.ClientError, OSError, TimeoutError)
"""What goes wrong with networks."""

type Token = str | Callable[[], str | Awaitable[str]]
"""A token, or what gives a fresh one."""


class RemoteClient(Actions):
    """A client of a soundboard; requests may run side by side.

    ::

        async with RemoteClient("ws://localhost:8765", token) as client:
            await client.play("airhorn")
            async for event in client.events("playback"):
                print(event.name)

    Entering connects and signs in. When the connection ends it connects again, signs in, and goes on with the events
    where they stopped, until that cannot help (a revoked token, say); ``ended`` is done then, and what waits raises.

    Args:
        url: Where the remote control is, ``ws://`` or ``wss://``.
        token: A token, or a function, perhaps async, that gives a fresh one whenever one is needed. None: sign in with
            :meth:`authenticate`. A token that can be renewed is renewed before it expires.
        reconnect: Whether to connect again.
        timeout: How long a request may take, a wait for the connection included.
        ssl: Verifies the server, where its certificate is of a CA of your own.
        jitter: Picks a pause before connecting again, from none to its argument, seconds.
    """

    def __init__(
        self,
        url: str = DEFAULT_URL,
        token: Token | None = None,
        *,
        reconnect: bool = True,
        timeout: Seconds = ANSWER_TIMEOUT,
        ssl: tls.SSLContext | None = None,
        jitter: Jitter = full_jitter,
    ) -> None:
        self._url = url
        self._token = token
        self._reconnect = reconnect
        self._timeout = timeout
        self._ssl = ssl
        self._backoff = Backoff(jitter)
        self._hub = Hub(self.send)
        self._up = asyncio.Event()
        """Set while there is a connection, or there will be none."""
        self._renew_at: Seconds | None = None
        self._stack = contextlib.AsyncExitStack()
        self.signed_in: AuthSuccess | None = None
        """What the server said to the token."""

    ended: "asyncio.Future[ConnectionEndedError | RemoteError]"
    """Done when there is no connection any more and none will be made, with why."""
    _session: aiohttp.ClientSession
    _wire: Wire

    async def __aenter__(self) -> Self:
        """Connect, and sign in where there is a token.

        Raises:
            RemoteError: The token is refused.
            ConnectionEndedError: The server closed the connection.
            aiohttp.ClientError: The server cannot be reached.
            TimeoutError: It does not answer.
        """
        async with self._stack as stack:
            connector = aiohttp.TCPConnector(ssl=self._ssl or True)
            self._session = await stack.enter_async_context(aiohttp.ClientSession(connector=connector))
            self.ended = asyncio.get_running_loop().create_future()
            self._wire = await self._connect()
            stack.push_async_callback(self._hang_up)
            self._up.set()
            living = asyncio.create_task(self._live(), name="jeffbot client")
            living.add_done_callback(self._outlived)
            stack.push_async_callback(_cancel, living)
            self._stack = stack.pop_all()
        return self

    async def __aexit__(self, *_: object) -> None:
        self._finish(ConnectionEndedError(None, "closed from here"), None)
        await self._stack.aclose()

    @property
    def welcome(self) -> Welcome:
        """What the server said first."""
        return self._wire.welcome

    # Asking

    async def send(self, action: str, fields: Mapping[str, object]) -> str:
        """Send a request; its reply, as JSON. :meth:`request` says what it raises."""
        try:
            async with asyncio.timeout(self._timeout):
                return await (await self._connected()).ask(action, fields)
        except TimeoutError:
            if self._up.is_set():
                raise
            raise ConnectionEndedError(None, f"there was none again within {self._timeout:g} s") from None

    async def authenticate(self, token: str) -> AuthSuccess:
        """Sign in as whom the token speaks for, from now on."""
        before = self.signed_in
        async with asyncio.timeout(self._timeout):
            signed_in = await self._sign_in(await self._connected(), token)
        self._token = token
        if before and before.user_id != signed_in.user_id and (topics := self._hub.resumption(as_another=True)):
            await self.send("subscribe", topics)
        return signed_in

    def events(self, *topics: str) -> Events:
        """What happens from now on; several may be read at once.

        Yields :class:`Event`, and :class:`Resync` where some were missed for good.

        Args:
            topics: ``playback queue library voice settings favourites``, ``*`` for all these, or ``progress``.
        """
        return Events(topics or (ALL,), self._hub)

    async def upload(self, path: Path | str, **options: Unpack[UploadOptions]) -> SoundInfo:
        """Add a sound: announce it, send the file over HTTP; the sound. Needs the scope ``manage``.

        Args:
            path: The file.
            options: ``filename`` where it is to be called otherwise; ``shared``: for all guilds; and what
                :meth:`edit` takes.

        Raises:
            OSError: The file cannot be read.
            aiohttp.ClientError: It could not be sent.
        """
        file = Path(path)
        with await asyncio.to_thread(file.open, "rb") as body:
            digest = await asyncio.to_thread(hashlib.file_digest, body, "sha256")
            announced = {"filename": file.name, "size": body.tell(), "sha256": digest.hexdigest(), **options}
            ticket = await self._ask(UploadTicket, "upload", announced)
            body.seek(0)
            async with self._session.put(ticket.url, data=body) as response:
                answer = await response.read()
                if not response.ok and response.content_type == "application/json":
                    raise RemoteError.read(answer)
                response.raise_for_status()
        return msgspec.json.decode(answer, type=Uploaded).sound

    # Staying connected

    async def _hang_up(self) -> None:
        await self._wire.close()

    async def _connected(self) -> Wire:
        while True:
            await self._up.wait()
            if self.ended.done():
                raise self.ended.result()
            if not self._wire.ended.done():
                return self._wire
            self._up.clear()

    async def _connect(self) -> Wire:
        """A connection that is signed in and subscribed, as the one before was."""
        async with asyncio.timeout(self._timeout):
            wire = await Wire.open(self._session, self._url, self._hub.hear)
            try:
                if self._token is not None:
                    await self._sign_in(wire, await self._fresh_token(self._token))
                if topics := self._hub.resumption():
                    await wire.ask("subscribe", topics)
            except BaseException:
                await wire.close()
                raise
        return wire

    async def _live(self) -> None:
        while True:
            began = asyncio.get_running_loop().time()
            error = await self._until_ended(self._wire)
            self._hub.broke()
            self._backoff.lasted(asyncio.get_running_loop().time() - began)
            await self._wire.close()
            logger.debug("%s: %s", self._url, error)
            try:
                wire = await self._return(error)
            except (ConnectionEndedError, TokenRefusedError) as final:
                self._finish(final, final)
                return
            self._wire = wire
            self._up.set()

    async def _return(self, error: ConnectionEndedError) -> Wire:
        """Connect again, as often as it takes.

        Raises:
            ConnectionEndedError: It would not help.
            TokenRefusedError: The token is good no more.
        """
        while self._reconnect and not is_final(error, has_new_tokens=callable(self._token)):
            await asyncio.sleep(self._backoff.pause(error.code))
            try:
                return await self._connect()
            except ConnectionEndedError as again:
                error = again
            except TokenRefusedError:
                raise
            except (RemoteError, *_PASSING) as passing:
                error = ConnectionEndedError(None, str(passing) or "it does not answer")
            logger.debug("%s: %s", self._url, error)
        raise error

    async def _until_ended(self, wire: Wire) -> ConnectionEndedError:
        """Wait for its end; renew the token meanwhile."""
        while not wire.ended.done():
            loop = asyncio.get_running_loop()
            left = None if self._renew_at is None else max(self._renew_at - loop.time(), 0.0)
            await asyncio.wait([wire.ended], timeout=left)
            if not wire.ended.done():
                await self._renew(wire)
        return wire.ended.result()

    def _finish(self, error: ConnectionEndedError | RemoteError, told: Exception | None) -> None:
        """There will be no connection any more."""
        if not self.ended.done():
            self.ended.set_result(error)
            self._hub.end(told)
            self._up.set()

    def _outlived(self, living: "asyncio.Task[None]") -> None:
        """The function that gives tokens failed: that ends all, and ``__cause__`` says why."""
        if not living.cancelled() and (cause := living.exception()):
            error = ConnectionEndedError(None, f"there is no fresh token: {cause}")
            error.__cause__ = cause
            self._finish(error, error)

    # Signing in

    async def _fresh_token(self, token: Token) -> str:
        if isinstance(token, str):
            return token
        given = token()
        return await given if inspect.isawaitable(given) else given

    async def _sign_in(self, wire: Wire, token: str) -> AuthSuccess:
        reply = await wire.ask("authenticate", {"token": token})
        self.signed_in = signed_in = msgspec.json.decode(reply, type=AuthSuccess)
        left = (signed_in.expires_at - wire.server_time()) * RENEW_AFTER
        self._renew_at = asyncio.get_running_loop().time() + max(left, MIN_RENEWAL)
        return signed_in

    async def _renew(self, wire: Wire) -> None:
        """Sign in with a new token in good time."""
        self._renew_at = asyncio.get_running_loop().time() + RENEW_AGAIN
        try:
            async with asyncio.timeout(self._timeout):
                if callable(self._token):
                    token = await self._fresh_token(self._token)
                else:
                    token = msgspec.json.decode(await wire.ask("refresh", {}), type=Refreshed).token
                    self._token = token
                await self._sign_in(wire, token)
        except (ConnectionEndedError, RemoteError, *_PASSING) as error:
            logger.debug("%s: the token is not renewed: %s", self._url, error)
            if isinstance(error, RemoteError) and error.code == "forbidden":
                self._renew_at = None  # such a token cannot be renewed


async def _cancel(task: "asyncio.Task[None]") -> None:
    task.cancel()
    await asyncio.wait([task])
