"""aiohttp's HTTP, made fit for strangers: what it leaves unbounded has bounds, and it tells nothing of itself."""

import asyncio
import logging

from aiohttp import web

from ..models import Seconds
from .tls import Tls

KEEP_ALIVE: Seconds = 10.0
"""How long a connection may be silent before and between HTTP requests, or take for the head of one."""
TLS_HANDSHAKE: Seconds = 10.0
"""How long a client may take for TLS before that, and to agree to its end."""
UNREAD: Seconds = 30.0
"""How long a client may leave unread what the system does not take for it."""
SPARE = 500
"""Connections beyond those of WebSockets, for HTTP and for what has yet to say what it is."""
LINGER: Seconds = 2.0
"""How long the rest of a refused body is read, so that its client sees why."""
SERVER_NAME = "jeffbot"
"""What stands in the place of aiohttp's name and version."""
SECURITY_HEADERS = {
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Content-Security-Policy": "default-src 'none'; frame-ancestors 'none'",
    "Cross-Origin-Opener-Policy": "same-origin",
}
"""Of every response, unless its page needs others."""
HSTS = "max-age=31536000"
"""RFC 6797, section 6.1; a year."""


def add_headers(request: web.BaseRequest, response: web.StreamResponse) -> None:
    """Give a response what all of ours have."""
    response.headers["Server"] = SERVER_NAME
    for name, value in SECURITY_HEADERS.items():
        response.headers.setdefault(name, value)
    if request.secure:
        response.headers["Strict-Transport-Security"] = HSTS


async def listen(
    app: web.Application, host: str, port: int, tls: Tls | None, *, patience: Seconds, websockets: int
) -> web.AppRunner:
    """Serve an application; what this returns has to be cleaned up.

    Args:
        app: What answers.
        host: Where to listen.
        port: Likewise; 0: any free one.
        tls: The certificate, where there is one.
        patience: How long requests have at the end.
        websockets: How many there may be at once; 0: any number.

    Raises:
        OSError: The port is in use, or the address is not this machine's.
    """
    runner = _Runner(
        app,
        access_log=None,
        logger=_logger,
        keepalive_timeout=KEEP_ALIVE,
        lingering_time=LINGER,
        shutdown_timeout=patience,
    )
    try:
        await runner.setup()
        if websockets and isinstance(runner.server, _Connections):
            runner.server.most = websockets + SPARE
        await _Site(runner, host, port, ssl_context=tls.context if tls else None).start()
    except BaseException:
        await runner.cleanup()
        raise
    return runner


def _quieten(record: logging.LogRecord) -> bool:
    """Turn what aiohttp logs of a stranger's bad HTTP, with traceback, into a line at DEBUG that repeats none of it.

    What is repeated might be a token.
    """
    error = record.exc_info[1] if record.exc_info else None
    if not _is_bad_request(error):
        return True
    _logger.debug("bad HTTP request: %s", type(error).__name__)
    return False


def _is_bad_request(error: BaseException | None) -> bool:
    return isinstance(error, web.RequestPayloadError) or type(error).__module__ == "aiohttp.http_exceptions"


_logger = logging.getLogger("jeffbot.http")
_logger.addFilter(_quieten)


class _Handler(web.RequestHandler):
    """One HTTP connection; bad HTTP is answered without repeating it, and who does not read is dropped."""

    __slots__ = ("_unread",)
    _unread: asyncio.TimerHandle | None

    def handle_error(
        self, request: web.BaseRequest, status: int = 500, exc: BaseException | None = None, message: str | None = None
    ) -> web.StreamResponse:
        response = super().handle_error(request, status, exc, message and "Bad request")
        add_headers(request, response)
        return response

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._unread = None
        if isinstance(transport, asyncio.WriteTransport):
            is_tls = transport.get_extra_info("sslcontext") is not None  # where asyncio takes 0 for "always paused"
            transport.set_write_buffer_limits(high=int(is_tls))  # so that we are told of whatever stays unsent
        super().connection_made(transport)

    def pause_writing(self) -> None:
        super().pause_writing()
        if self.transport is not None:
            self._unread = self._loop.call_later(UNREAD, self.transport.abort)

    def resume_writing(self) -> None:
        super().resume_writing()
        self._cancel_unread()

    def connection_lost(self, exc: BaseException | None) -> None:
        self._cancel_unread()
        super().connection_lost(exc)

    def _cancel_unread(self) -> None:
        if self._unread is not None:
            self._unread.cancel()
            self._unread = None


class _Connections(web.Server):
    """Makes our handlers; aiohttp has no other door to what answers bad HTTP."""

    most = 0
    """How many connections there may be at once; 0: any number."""

    def connection_made(self, handler: web.RequestHandler, transport: asyncio.Transport) -> None:
        super().connection_made(handler, transport)
        if 0 < self.most < len(self._connections):
            transport.abort()

    def __call__(self) -> web.RequestHandler:
        return _Handler(self, loop=self._loop, **self._kwargs)


class _Runner(web.AppRunner):
    async def _make_server(self) -> web.Server:
        server = await super()._make_server()
        server.__class__ = _Connections
        return server


class _Site(web.TCPSite):
    """A port; aiohttp's own has asyncio's minute for a client that connects and does not begin with TLS."""

    async def start(self) -> None:
        await web.BaseSite.start(self)
        server = self._runner.server
        assert server is not None  # noqa: S101 - the runner has been set up
        limit = TLS_HANDSHAKE if self._ssl_context else None
        self._server = await asyncio.get_running_loop().create_server(
            server,
            self._host,
            self._port,
            ssl=self._ssl_context,
            ssl_handshake_timeout=limit,
            ssl_shutdown_timeout=limit,
        )
