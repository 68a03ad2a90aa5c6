"""The server of the remote control: an aiohttp application on a port of its own."""

import asyncio
import contextlib
import itertools
from collections import Counter, defaultdict
from collections.abc import Coroutine
from dataclasses import dataclass, field
from typing import Any, Self

from aiohttp import hdrs, web

from ..models import Seconds, UserId
from ..service.targets import Targets
from ..tasks import start_now
from . import closes, handshake, replies
from .actions import Answer
from .addresses import Proxies, bucket_of
from .auth import Tokens
from .bulletins import Bulletins
from .connection import Connection, logger
from .desk import Desk
from .dispatch import Dispatcher
from .documents.routes import documents_routes
from .feed import Feed
from .http import Http, Visitor
from .limits import LimitRules, Limits
from .listener import add_headers, listen
from .origins import Origins, Tally
from .previews import Previews
from .tls import CHECK_INTERVAL, Tls

HEARTBEAT: Seconds = 25.0
"""How often a client is pinged; one that has not answered half that time later is gone."""
CLOSE_TIMEOUT: Seconds = 0.5
"""How long clients have at shutdown to agree to the close."""
WRITE_BUFFER = 32_768
"""Bytes the transport takes before a writer waits."""


@dataclass(frozen=True, kw_only=True)
class Gate:
    """Who may connect, from where, and how many."""

    host: str
    port: int
    auth_timeout: Seconds = 30.0
    limits: LimitRules = field(default_factory=LimitRules)
    proxies: Proxies = field(default_factory=Proxies)
    origins: Origins = field(default_factory=Origins)
    public_url: str = ""
    """Where clients reach the server; empty: as they say themselves."""
    connections: int = 12_000
    """At once; 0: any number, as the next two."""
    connections_per_user: int = 10
    connections_per_address: int = 1000
    tls: Tls | None = None


class Server:
    """Serves remote clients. Use it as an async context manager: leaving it closes all and frees the port."""

    def __init__(self, desk: Desk, targets: Targets, feed: Feed, previews: Previews, gate: Gate) -> None:
        self._gate = gate
        self._desk = desk
        self._stack = contextlib.AsyncExitStack()
        self.tokens: Tokens = desk.tokens
        self.dispatcher = Dispatcher(desk, targets)
        self.limits = Limits(gate.limits)
        self.feed = feed
        self.auth_timeout = gate.auth_timeout
        self._http = Http(self.dispatcher, desk.tokens, self.limits, previews, self._meet)
        self._tally = Tally()
        self._numbers = itertools.count(1)
        self._connections: dict[Connection, asyncio.Task[Any] | None] = {}
        self._by_user: defaultdict[UserId, set[Connection]] = defaultdict(set)
        self._users: dict[Connection, UserId] = {}
        self._addresses: Counter[str] = Counter()
        self._work: set[asyncio.Task[Any]] = set()
        self._runner: web.AppRunner | None = None

    @property
    def port(self) -> int:
        """The port it listens on; the one asked for until it does."""
        addresses = self._runner.addresses if self._runner else []
        return int(addresses[0][1]) if addresses else self._gate.port

    async def __aenter__(self) -> Self:
        """Listen.

        Raises:
            OSError: The port is in use, or the address is not this machine's.
        """
        async with self._stack as stack:
            await stack.enter_async_context(self._desk.uploads)
            stack.callback(self._tally.flush)
            stack.push_async_callback(self._end_work)
            service = self._desk.service
            bulletins = Bulletins(
                service.subscribe,
                self.feed,
                describe=self._desk.describe,
                total=service.count,
                encoding=lambda: service.encoding,
            )
            stack.callback(bulletins.close)
            self._runner = await self._listen(stack)
            stack.callback(service.revocations.subscribe(self.check_tokens))
            if tls := self._gate.tls:
                watching = asyncio.create_task(self._watch_certificate(tls), name="jeffbot tls")
                stack.callback(watching.cancel)
            self._stack = stack.pop_all()
        scheme = "with TLS " if self._gate.tls else ""
        logger.info("serving the remote control %son %s port %d", scheme, self._gate.host, self.port)
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._stack.aclose()
        logger.info("the remote control has stopped")

    async def _listen(self, stack: contextlib.AsyncExitStack) -> web.AppRunner:
        app = web.Application(client_max_size=replies.MAX_MESSAGE_BYTES, middlewares=[self._admit])
        app.router.add_routes(self._http.routes())
        app.router.add_routes(documents_routes())
        app.router.add_route("*", "/{path:.*}", self._elsewhere)
        app.on_response_prepare.append(self._add_headers)
        app.on_shutdown.append(self._close_connections)
        gate = self._gate
        runner = await listen(app, gate.host, gate.port, gate.tls, patience=CLOSE_TIMEOUT, websockets=gate.connections)
        stack.push_async_callback(runner.cleanup)
        return runner

    async def _end_work(self) -> None:
        for task in self._work:
            task.cancel()
        await asyncio.gather(*self._work, return_exceptions=True)

    # What connections need of it

    def spawn(self, work: Coroutine[Any, Any, Answer]) -> "asyncio.Task[Answer]":
        """Run an action to its end, also when its client does not wait for it."""
        task = start_now(work, "jeffbot action")
        self._work.add(task)
        task.add_done_callback(self._work.discard)
        return task

    def sign_in(self, connection: Connection, user_id: UserId) -> bool:
        """Note whose connection it is now; False: they have too many."""
        others = self._by_user[user_id] - {connection}
        if 0 < self._gate.connections_per_user <= len(others):
            return False
        self._sign_out(connection)
        self._by_user[user_id].add(connection)
        self._users[connection] = user_id
        return True

    def check_tokens(self) -> None:
        """Close the connections whose tokens are good no more."""
        for connection in tuple(self._connections):
            connection.check_token()

    def _sign_out(self, connection: Connection) -> None:
        user_id = self._users.pop(connection, None)
        if user_id is not None:
            self._by_user[user_id].discard(connection)
            if not self._by_user[user_id]:
                del self._by_user[user_id]

    # Requests

    def _meet(self, request: web.Request) -> Visitor:
        """From where a request came, and how the server is reached from there."""
        peer, proxies, headers = request.remote, self._gate.proxies, request.headers
        address = proxies.client_of(peer, headers.getall(hdrs.X_FORWARDED_FOR, []))
        if self._gate.public_url:
            return Visitor(address, self._gate.public_url.rstrip("/"))
        scheme = proxies.scheme_of(peer, headers.getall(hdrs.X_FORWARDED_PROTO, []), secure=request.secure)
        host = proxies.host_of(peer, headers.getall(hdrs.X_FORWARDED_HOST, []), headers.get(hdrs.HOST))
        return Visitor(address, f"{scheme}://{host or f'localhost:{self.port}'}")

    @web.middleware
    async def _admit(self, request: web.Request, handler: Any) -> web.StreamResponse:
        """Keep out pages of other sites."""
        origins = request.headers.getall(hdrs.ORIGIN, [])
        visitor = self._meet(request)
        scheme, _, host = visitor.base_url.partition("://")
        objection = self._gate.origins.check(origins, host.partition("/")[0], "https" if scheme == "https" else "http")
        if objection is not None:
            self._tally.refused(objection)
            return web.Response(status=403, text="This page may not use this server: its origin is not allowed.\n")
        if handshake.asks_for_websocket(request):
            return await self._connect(request, visitor)
        if request.method == hdrs.METH_OPTIONS and origins:
            return _with_cors(web.Response(status=204), origins[0])
        response: web.StreamResponse = await handler(request)
        return _with_cors(response, origins[0]) if origins and not response.prepared else response

    async def _elsewhere(self, request: web.Request) -> web.Response:
        """What is no path of ours."""
        if request.path in {"/", "/ws"}:
            return web.Response(
                status=426,
                headers={"Upgrade": "websocket"},
                text="This is a WebSocket API: connect with ws:// here. What it can do is at /docs.\n",
            )
        return web.Response(status=404, text="There is nothing here. What this server can do is at /docs.\n")

    async def _connect(self, request: web.Request, visitor: Visitor) -> web.StreamResponse:
        if (refusal := handshake.objection(request)) is not None:
            return refusal
        socket = web.WebSocketResponse(
            heartbeat=HEARTBEAT,
            autoping=False,
            compress=False,
            max_msg_size=replies.MAX_MESSAGE_BYTES + 1,  # aiohttp refuses this size itself
            writer_limit=WRITE_BUFFER,
            timeout=CLOSE_TIMEOUT,
        )
        await socket.prepare(handshake.without_protocols(request))
        bucket = bucket_of(visitor.address)
        if full := self._full(bucket):
            await socket.close(code=full.code, message=full.message)
            return socket
        connection = Connection(
            socket,
            request.transport,
            number=next(self._numbers),
            address=visitor.address,
            base_url=visitor.base_url,
            host=self,
        )
        self._connections[connection] = asyncio.current_task()
        self._addresses[bucket] += 1
        try:
            await connection.serve()
        finally:
            del self._connections[connection]
            self._sign_out(connection)
            self._addresses[bucket] -= 1
            if not self._addresses[bucket]:
                del self._addresses[bucket]
        return socket

    def _full(self, bucket: str) -> closes.Close | None:
        """Why there is no room for another connection."""
        if 0 < self._gate.connections <= len(self._connections):
            return closes.SERVER_FULL
        if 0 < self._gate.connections_per_address <= self._addresses[bucket]:
            return closes.ADDRESS_FULL
        return None

    async def _add_headers(self, request: web.Request, response: web.StreamResponse) -> None:
        add_headers(request, response)

    async def _watch_certificate(self, tls: Tls) -> None:
        while True:
            await asyncio.sleep(CHECK_INTERVAL)
            await asyncio.to_thread(tls.reload)

    async def _close_connections(self, _app: web.Application) -> None:
        self._http.is_closing = True
        for connection in tuple(self._connections):
            connection.close(closes.SHUTTING_DOWN)
        serving = [task for task in self._connections.values() if task]
        if serving:
            await asyncio.wait(serving, timeout=CLOSE_TIMEOUT)
        for connection in tuple(self._connections):
            connection.abort()
        if serving:
            await asyncio.wait(serving, timeout=CLOSE_TIMEOUT)  # they see the abort before aiohttp closes them, too


def _with_cors(response: web.StreamResponse, origin: str) -> web.StreamResponse:
    """Let a page of an allowed origin read the response (Fetch, section 3.2, "CORS protocol")."""
    response.headers[hdrs.ACCESS_CONTROL_ALLOW_ORIGIN] = origin
    response.headers[hdrs.ACCESS_CONTROL_ALLOW_HEADERS] = "Authorization, Content-Type"
    response.headers[hdrs.ACCESS_CONTROL_ALLOW_METHODS] = "GET, POST, PUT"
    response.headers[hdrs.ACCESS_CONTROL_MAX_AGE] = "600"
    response.headers.add(hdrs.VARY, "Origin")
    return response
