"""Where the documents are served, and the page at ``/docs`` that tries them out."""

import asyncio
import functools
from collections.abc import Awaitable, Callable
from importlib import resources

import msgspec
from aiohttp import hdrs, web

from .. import web as pages
from .asyncapi import asyncapi
from .openapi import openapi

PAGE_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self' ws: wss:; img-src 'self' data:; "
    "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)
"""Content Security Policy Level 3: what the page may load, and whom it may talk to."""
_PAGES = {
    "/docs": ("docs.html", "text/html"),
    "/docs/docs.css": ("docs.css", "text/css"),
    "/docs/docs.mjs": ("docs.mjs", "text/javascript"),
    "/jeffbot.mjs": ("jeffbot.mjs", "text/javascript"),
}
"""By path: a file of the package, and its kind."""


def documents_routes() -> list[web.AbstractRouteDef]:
    """The routes of all that describes the API; none needs a token."""
    return [
        web.get("/asyncapi.json", _document(asyncapi)),
        web.get("/openapi.json", _document(openapi)),
        *(web.get(path, _page) for path in _PAGES),
    ]


def _document(make: Callable[[], object]) -> Callable[[web.Request], Awaitable[web.StreamResponse]]:
    @functools.cache
    def encoded() -> bytes:
        return msgspec.json.encode(make())

    async def serve(_request: web.Request) -> web.Response:
        body = await asyncio.to_thread(encoded)
        return web.Response(body=body, content_type="application/json")

    return serve


async def _page(request: web.Request) -> web.Response:
    name, kind = _PAGES[request.path]
    text = await asyncio.to_thread(_read, name)
    headers = {"Content-Security-Policy": PAGE_POLICY, hdrs.CACHE_CONTROL: "no-cache"}
    return web.Response(text=text, content_type=kind, headers=headers)


@functools.cache
def _read(name: str) -> str:
    return resources.files(pages).joinpath(name).read_text("utf-8")
