"""The server of the remote control: an aiohttp application on a port of its own."""

import asyncio
import itertools
import logging
from collections.abc import Coroutine
from typing import Any, Self

from aiohttp import web

from ..models import Seconds
from ..tasks import start_now
from . import protocol
from .actions import Actions
from .connection import SHUTTING_DOWN, Connection, TokenChecker, logger

HEARTBEAT: Seconds = 25.0
"""How often a client is pinged; one that has not answered half that time later is gone."""
CLOSE_TIMEOUT: Seconds = 0.5
"""How long clients have at shutdown to agree to the close."""
KEEP_ALIVE: Seconds = 10.0
"""How long a connection may be silent before and between HTTP requests."""
SERVER_NAME = "jeffbot"
"""What stands in the place of aiohttp's name and version."""
WRITE_BUFFER = 32_768
"""Bytes the transport takes before a writer waits."""


def _quieten(record: logging.LogRecord) -> bool:
    """Turn what aiohttp logs of a stranger's bad HTTP, an error with its traceback, into a line at DEBUG."""
    if record.levelno >= logging.ERROR and record.exc_info and _is_bad_request(record.exc_info[1]):
        _http_logger.debug("bad HTTP request: %s", record.exc_info[1])
        return False
    return True


def _is_bad_request(error: BaseException | None) -> bool:
    return isinstance(error, web.RequestPayloadError) or type(error).__module__ == "aiohttp.http_exceptions"


_http_logger = logging.getLogger("jeffbot.http")
_http_logger.addFilter(_quieten)


class _Handler(web.RequestHandler):
    """One HTTP connection, as aiohttp serves it; bad HTTP is answered without telling versions or repeating it."""

    __slots__ = ()

    def handle_error(
        self, request: web.BaseRequest, status: int = 500, exc: BaseException | None = None, message: str | None = None
    ) -> web.StreamResponse:
        response = super().handle_error(request, status, exc, message and "Bad request")
        response.headers["Server"] = SERVER_NAME
        return response


class _Connections(web.Server):
    """Makes our handlers; aiohttp has no other door to what answers bad HTTP."""

    def __call__(self) -> web.RequestHandler:
        handler = super().__call__()
        handler.__class__ = _Handler
        return handler


class _Runner(web.AppRunner):
    async def _make_server(self) -> web.Server:
        server = await super()._make_server()
        server.__class__ = _Connections
        return server


class Server:
    """Serves remote clients. Use it as an async context manager: leaving it closes all and frees the port."""

    def __init__(self, actions: Actions, tokens: TokenChecker, *, host: str, port: int, auth_timeout: Seconds) -> None:
        self._actions = actions
        self._tokens = tokens
        self._host = host
        self._port = port
        self._auth_timeout = auth_timeout
        self._numbers = itertools.count(1)
        self._connections: dict[Connection, asyncio.Task[Any] | None] = {}
        self._work: set[asyncio.Task[protocol.Reply]] = set()
        self._runner: web.AppRunner | None = None

    @property
    def port(self) -> int:
        """The port it listens on; the one asked for until it does."""
        addresses = self._runner.addresses if self._runner else []
        return int(addresses[0][1]) if addresses else self._port

    async def __aenter__(self) -> Self:
        """Listen.

        Raises:
            OSError: The port is in use, or the address is not this machine's.
        """
        app = web.Application(client_max_size=protocol.MAX_MESSAGE_BYTES)
        app.router.add_route("*", "/{path:.*}", self._connect)
        app.on_response_prepare.append(_hide_versions)
        app.on_shutdown.append(self._close_connections)
        self._runner = _Runner(
            app,
            access_log=None,
            logger=_http_logger,
            keepalive_timeout=KEEP_ALIVE,
            shutdown_timeout=CLOSE_TIMEOUT,
        )
        await self._runner.setup()
        try:
            await web.TCPSite(self._runner, self._host, self._port).start()
        except BaseException:  # cancelled, too: __aexit__ does not come after a failed __aenter__; raised on
            await self._runner.cleanup()
            raise
        logger.info("serving the remote control on %s port %d", self._host, self.port)
        return self

    async def __aexit__(self, *_: object) -> None:
        if self._runner:
            await self._runner.cleanup()
        for task in self._work:
            task.cancel()
        await asyncio.gather(*self._work, return_exceptions=True)
        logger.info("the remote control has stopped")

    async def _connect(self, request: web.Request) -> web.StreamResponse:
        socket = web.WebSocketResponse(
            heartbeat=HEARTBEAT,
            compress=False,
            max_msg_size=protocol.MAX_MESSAGE_BYTES + 1,  # aiohttp refuses this size itself
            writer_limit=WRITE_BUFFER,
            timeout=CLOSE_TIMEOUT,
        )
        if not socket.can_prepare(request):
            return web.Response(
                status=426,
                headers={"Upgrade": "websocket"},
                text="This is a WebSocket API: connect with ws:// here.\n",
            )
        await socket.prepare(request)
        connection = Connection(
            socket,
            request,
            number=next(self._numbers),
            actions=self._actions,
            tokens=self._tokens,
            spawn=self._spawn,
            auth_timeout=self._auth_timeout,
        )
        self._connections[connection] = asyncio.current_task()
        try:
            await connection.serve()
        finally:
            del self._connections[connection]
        return socket

    def _spawn(self, work: Coroutine[Any, Any, protocol.Reply]) -> "asyncio.Task[protocol.Reply]":
        """Run an action to its end, also when its client does not wait for it."""
        task = start_now(work, "jeffbot action")
        self._work.add(task)
        task.add_done_callback(self._work.discard)
        return task

    async def _close_connections(self, _app: web.Application) -> None:
        for connection in self._connections:
            connection.close(SHUTTING_DOWN)
        serving = [task for task in self._connections.values() if task]
        if serving:
            await asyncio.wait(serving, timeout=CLOSE_TIMEOUT)
        for connection in self._connections:
            connection.abort()


async def _hide_versions(_request: web.Request, response: web.StreamResponse) -> None:
    response.headers["Server"] = SERVER_NAME
