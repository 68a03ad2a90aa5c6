"""The door: verbs, their manuals and downloads over HTTP, for programs on this machine alone."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any
from urllib.parse import urlsplit

import msgspec
from aiohttp import hdrs, web

from ..errors import ApiError, SandboxError
from ..interactions.applications import Application
from ..world.guild import Guild
from .arguments import Snowflake, found
from .control import Control
from .downloads import listen, recording
from .refusals import RefusedError, not_there, refused
from .table import VERBS
from .verbs import Verb

PATH = "/control"
LOOPBACK = frozenset({"localhost", "127.0.0.1", "::1"})
"""Names of this machine. A request for another name was meant for a website that claims this address."""
type Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


class Door:
    """Serves a control.

    Args:
        control: What requests are about.
    """

    def __init__(self, control: Control) -> None:
        self._control = control
        self._tasks: set[asyncio.Task[Any]] = set()

    def mount(self, app: web.Application) -> None:
        """Serve it below ``/control/``."""
        control = web.Application()
        for path in ("", "/"):
            control.router.add_get(path, self._guarded(self._manuals))
        control.router.add_get("/{verb}", self._guarded(self._manual))
        control.router.add_post("/{verb}", self._guarded(self._call))
        control.router.add_get("/voice/{guild}/{application}/recording.wav", self._guarded(self._recording))
        control.router.add_get("/voice/{guild}/{application}/listen.ogg", self._guarded(self._listen))
        control.router.add_route("*", "/{rest:.*}", self._guarded(_nothing))
        app.add_subapp(PATH, control)

    def close(self) -> None:
        """End what still waits or streams."""
        for task in self._tasks:
            task.cancel()

    def _guarded(self, handler: Handler) -> Handler:
        """A handler that looks at who asks, and answers what is refused."""

        async def handle(request: web.Request) -> web.StreamResponse:
            task = asyncio.current_task()
            assert task is not None  # noqa: S101 - handlers are run by tasks
            self._tasks.add(task)
            try:
                _check_sender(request)
                return await handler(request)
            except RefusedError as error:
                return _reply(error.body, error.status)
            except web.HTTPRequestEntityTooLarge as error:
                return _reply({"code": "too_large", "message": str(error), "help": "send less"}, error.status)
            finally:
                self._tasks.discard(task)

        return handle

    async def _manuals(self, _: web.Request) -> web.StreamResponse:
        return _reply({"verbs": [verb.manual for verb in VERBS.values()]})

    async def _manual(self, request: web.Request) -> web.StreamResponse:
        return _reply(_verb(request).manual)

    async def _call(self, request: web.Request) -> web.StreamResponse:
        verb = _verb(request)
        asked = _decoded(await request.read())
        try:
            return _reply(await verb.call(self._control, asked))
        except (msgspec.MsgspecError, SandboxError, ApiError, TimeoutError) as error:
            raise refused(error, verb.name) from error

    async def _recording(self, request: web.Request) -> web.StreamResponse:
        guild, application = self._named(request, Guild), self._named(request, Application)
        try:
            return await recording(self._control, guild, application)
        except SandboxError as error:
            raise refused(error, "heard") from error

    async def _listen(self, request: web.Request) -> web.StreamResponse:
        guild, application = self._named(request, Guild), self._named(request, Application)
        return await listen(self._control, guild, application, request)

    def _named[T: (Guild, Application)](self, request: web.Request, kind: type[T]) -> T:
        try:
            number = msgspec.convert(request.match_info[kind.__name__.lower()], Snowflake)
        except msgspec.ValidationError as error:
            raise not_there(str(error)) from error
        thing: T = found(self._control, kind, number)
        return thing


def _check_sender(request: web.Request) -> None:
    """Refuse websites, which could otherwise reach a server on this machine through a person's browser."""
    if _hostname(f"//{request.host}") not in LOOPBACK:
        raise RefusedError(403, "foreign_host", "this is no name of this machine", "ask https://127.0.0.1")
    origin = request.headers.get(hdrs.ORIGIN)
    if origin is not None and origin != f"https://{request.host}":
        raise RefusedError(403, "foreign_origin", "websites may not control the sandbox", "send no Origin header")


def _hostname(url: str) -> str | None:
    try:
        return urlsplit(url).hostname
    except ValueError:
        return None


def _verb(request: web.Request) -> Verb:
    name = request.match_info["verb"]
    if verb := VERBS.get(name):
        return verb
    raise RefusedError(404, "unknown_verb", f"there is no verb {name}", f"GET {PATH}/ lists all verbs")


def _decoded(body: bytes) -> Any:
    try:
        return msgspec.json.decode(body or b"{}")
    except (msgspec.DecodeError, UnicodeError, RecursionError) as error:
        raise RefusedError(400, "invalid_json", str(error), "send one JSON object") from error


def _reply(data: Any, status: int = 200) -> web.Response:
    return web.Response(body=msgspec.json.encode(data), status=status, content_type="application/json")


async def _nothing(request: web.Request) -> web.StreamResponse:
    raise RefusedError(404, "unknown_path", f"there is no {request.method} {request.path}", f"GET {PATH}/ lists all")
