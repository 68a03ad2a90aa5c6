"""From a request to its answer: who asks, whether it is too much, what it says, and how that is answered."""

import asyncio
import logging
import re
from collections.abc import Awaitable, Callable, Iterable
from typing import Any, NamedTuple

import msgspec
from aiohttp import web

from ..errors import ApiError
from ..findings import Kind, legible
from ..interactions.applications import Application
from .body import Body, read_body
from .call import Call, Client, Rooms
from .faults import TOO_MANY_REQUESTS, Fault, Faults
from .limits import Bucket, Limits
from .refusals import INVALID_VERSION, TOO_LARGE, UNAUTHORIZED
from .schema import Field, check

logger = logging.getLogger(__name__)

BASES = ("/api/v10", "/api/v9", "/api")
"""Of the API; without a version, requests are taken for the first of these."""
_USER_AGENT = re.compile(r"DiscordBot \([^\s,()]+,? [^\s()]+\)")
"""Reference, "User Agent"; the widespread form without a comma is taken for one."""
_BASE = re.compile(r"/api(/v[0-9]+)?")
_RESOURCES = {
    "channels": ("channel_id",),
    "guilds": ("guild_id",),
    "webhooks": ("webhook_id", "webhook_token"),
    "interactions": ("interaction_token",),
}
"""The variables that name the top-level resource, by the first part of the path (Rate Limits)."""
type RequestHandler = Callable[[web.Request], Awaitable[web.StreamResponse]]


class Access(NamedTuple):
    """Who may use a route."""

    bot: bool = True
    scope: str | None = None
    """A bearer token with this scope will do, too; an empty one: any bearer token."""
    anyone: bool = False
    """No authorization is asked for: there is none, or it is in the path or the body."""

    def admits(self, client: Client | None) -> bool:
        """Whether this client may."""
        if self.anyone or client is None:
            return self.anyone
        if client.grant is None:
            return self.bot
        return self.scope is not None and self.scope in ("", *client.grant.permit.scopes)


BOT = Access()
ANYONE = Access(bot=False, anyone=True)


def bot_or(scope: str) -> Access:
    """A bot, or an application with a grant of this scope."""
    return Access(scope=scope)


def only(scope: str) -> Access:
    """An application with a grant of this scope."""
    return Access(bot=False, scope=scope)


class Created(NamedTuple):
    """What a handler returns in place of plain JSON when the status is 201."""

    data: Any


class Route(NamedTuple):
    """One line of the table of contents."""

    method: str
    path: str
    handler: Callable[[Call], Any]
    """Returns the JSON of the answer, None for 204, ``Created``, or a whole response."""
    form: Field | Callable[[Call], Field] | None = None
    """What the body must be; None: it is not read."""
    query: Field | None = None
    """What the query string must be; None: it is not looked at."""
    access: Access = BOT
    read: Callable[[web.Request], Awaitable[Body]] = read_body


class Rest:
    """The HTTP API.

    Args:
        rooms: What the handlers work with.
        bot: Finds the application that a bot token belongs to.
        routes: All there are; the first that matches is taken.
    """

    def __init__(self, rooms: Rooms, bot: Callable[[str], Application | None], routes: Iterable[Route]) -> None:
        self.unknown_routes: list[str] = []
        """Method and path of every request that no route took."""
        self.faults = Faults()
        self._rooms = rooms
        self._bot = bot
        self._routes = tuple(routes)
        self._limits = Limits(rooms.options)

    def mount(self, app: web.Application) -> None:
        """Serve the API at each of ``BASES``, and refuse other versions."""
        for base in BASES:
            api = self._application()
            api.router.add_route("*", "/{version:v[0-9]+}{rest:(?:/.*)?}", _invalid_version)
            app.add_subapp(base, api)

    def _application(self) -> web.Application:
        app = web.Application()
        for route in self._routes:
            app.router.add_route(route.method, route.path, self._handler(route))
        return app

    def answering[R: web.BaseRequest](
        self, handler: Callable[[R], Awaitable[web.StreamResponse]]
    ) -> Callable[[R], Awaitable[web.StreamResponse]]:
        """A handler of all requests that answers errors as Discord does, and notes routes that there are not."""

        async def answer(request: R) -> web.StreamResponse:
            try:
                return await handler(request)
            except ApiError as error:
                return reply(error.body, error.status)
            except web.HTTPRequestEntityTooLarge:
                return reply(TOO_LARGE.error().body, TOO_LARGE.status)
            except (web.HTTPNotFound, web.HTTPMethodNotAllowed) as error:
                self.unknown_routes.append(legible(f"{request.method} {request.path}"))
                return reply({"message": f"{error.status}: {error.reason}", "code": 0}, error.status)
            except web.HTTPException as error:
                return reply({"message": error.reason, "code": 0}, error.status)
            except Exception:  # the boundary: a bug of ours fails one request, never the server
                logger.exception("%s %s could not be answered", request.method, request.path)
                return reply({"message": "500: Internal Server Error", "code": 0}, 500)

        return answer

    def _handler(self, route: Route) -> RequestHandler:
        name = f"{route.method} {route.path}"
        resource = _RESOURCES.get(route.path.split("/")[1], ())

        async def handle(request: web.Request) -> web.StreamResponse:
            client = self._client(request)
            self._look_at_user_agent(request, client)
            bucket = Bucket(_identity(request, client), name, "/".join(request.match_info[part] for part in resource))
            fault = self.faults.take(request.method, _BASE.sub("", request.path, 1)) if self.faults else None
            if fault and fault.status == TOO_MANY_REQUESTS:
                self._limits.close(bucket, fault.retry_after, is_global=fault.is_global)
            elif fault:
                return _fail(request, fault)
            headers, refusal, ignored = self._limits.take(
                bucket, request.transport or request, bound_globally=not route.access.anyone
            )
            if ignored:
                self._note(Kind.RATE_LIMIT_IGNORED, request, client, name)
            if refusal is None:
                response = await self._answer(route, request, client)
            else:
                response = reply(fault.body if fault and fault.body else refusal, TOO_MANY_REQUESTS)
            response.headers.update(headers)
            return response

        return handle

    async def _answer(self, route: Route, request: web.Request, client: Client | None) -> web.StreamResponse:
        if self._rooms.options.rest_delay:
            await asyncio.sleep(self._rooms.options.rest_delay)
        try:
            return _response(await self._ask(route, request, client))
        except ApiError as error:
            return reply(error.body, error.status)

    async def _ask(self, route: Route, request: web.Request, client: Client | None) -> Any:
        if not route.access.admits(client):
            raise UNAUTHORIZED.error()
        call = Call(self._rooms, client, request.match_info, request.headers)
        noted: list[tuple[Kind, str]] = []
        if route.query is not None:
            call.query, odd = check(route.query, dict(request.query))
            noted += [finding for finding in odd if finding[0] is not Kind.COERCED_VALUE]
        if route.form is not None:
            data, call.files = await route.read(request)
            form = route.form(call) if callable(route.form) else route.form
            call.body, odd = check(form, data, call.files)
            noted += odd
        for kind, text in noted:
            self._note(kind, request, client, f"{route.method} {route.path}: {text}")
        return route.handler(call)

    def _client(self, request: web.Request) -> Client | None:
        scheme, _, token = request.headers.get("Authorization", "").partition(" ")
        if scheme == "Bot":
            application = self._bot(token)
            return Client(application, application.user) if application else None
        grant = self._rooms.grants.find(token) if scheme == "Bearer" else None
        return Client(grant.permit.application, grant.permit.user, grant) if grant else None

    def _look_at_user_agent(self, request: web.Request, client: Client | None) -> None:
        agent = request.headers.get("User-Agent", "")
        if not _USER_AGENT.match(agent):
            self._note(Kind.NO_USER_AGENT, request, client, agent[:100] or "none")

    def _note(self, kind: Kind, request: web.Request, client: Client | None, text: str) -> None:
        self._rooms.findings.note(kind, client.application.user.name if client else request.remote or "unknown", text)


def reply(data: Any, status: int = 200) -> web.Response:
    """JSON without a charset in its content type: Discord names none, and Nextcord takes no other."""
    return web.Response(body=msgspec.json.encode(data), status=status, content_type="application/json")


def _response(returned: Any) -> web.StreamResponse:
    match returned:
        case None:
            return web.Response(status=204)
        case web.StreamResponse():
            return returned
        case Created(data):
            return reply(data, 201)
    return reply(returned)


def _identity(request: web.Request, client: Client | None) -> object:
    """Who is counted: a bot, a person with an application, or an address (Rate Limits)."""
    if client is None:
        return request.remote
    return (client.application.id, client.user.id)


def _fail(request: web.Request, fault: Fault) -> web.StreamResponse:
    if fault.status is None:
        if request.transport:
            request.transport.abort()
        return web.Response()
    return reply(fault.answer, fault.status)


async def _invalid_version(_: web.Request) -> web.StreamResponse:
    raise INVALID_VERSION.error()
