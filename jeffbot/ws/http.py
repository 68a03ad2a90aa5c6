"""The same API over plain HTTP: one request, one reply. And the files that come and go."""

import asyncio
import json
import logging
import math
from collections.abc import Callable
from dataclasses import dataclass

from aiohttp import hdrs, web

from ..errors import ErrorCode, RateLimitedError, SoundboardError, printable
from ..models import Seconds
from . import protocol, replies
from .actions import ACTIONS
from .auth import Identity, TokenError, Tokens
from .dispatch import Asker, Dispatcher, encoded
from .limits import Limits
from .listings import WholeListing
from .previews import Previews
from .protocol import Message, RefusedError
from .scopes import Scope
from .statuses import STATUS

logger = logging.getLogger("discord.ws_server")

BODY_TIMEOUT: Seconds = 10.0
"""Within how long a request's body has to come."""
BEARER = "bearer "
"""RFC 6750, section 2.1; the scheme is case-insensitive (RFC 9110, section 11.1)."""


@dataclass(frozen=True, slots=True)
class Visitor:
    """From where a request came, and where this server is for them."""

    address: str
    base_url: str


type Meet = Callable[[web.Request], Visitor]


class Http:
    """Answers the API's HTTP requests."""

    def __init__(self, dispatcher: Dispatcher, tokens: Tokens, limits: Limits, previews: Previews, meet: Meet) -> None:
        self._dispatcher = dispatcher
        self._tokens = tokens
        self._limits = limits
        self._previews = previews
        self._meet = meet
        self.is_closing = False
        """Whether the server is shutting down."""

    def routes(self) -> list[web.AbstractRouteDef]:
        """Where requests go."""
        return [
            web.route("*", "/api/{action}", self.act),
            web.route("*", "/upload/{ticket}", self.upload),
            web.get("/sounds/{name:.+}.ogg", self.preview),
        ]

    async def act(self, request: web.Request) -> web.Response:
        """``POST /api/{action}``: the fields as a JSON object; the same reply as over the WebSocket."""
        message = _message(request.match_info["action"])
        try:
            if self.is_closing:
                raise RefusedError(ErrorCode.SHUTTING_DOWN, "The bot is shutting down; try again in a moment")
            if request.method != hdrs.METH_POST:
                raise _NotAllowedError("POST")
            asker = self._asker(request)
            message = await _read(request)
            job = self._dispatcher.check(message, asker)
            if job.action.handler is None:
                raise RefusedError(ErrorCode.UNKNOWN_ACTION, f'"{job.action.name}" is for the WebSocket alone')
            answer = await self._dispatcher.run(job)
        except protocol.ProtocolError as error:
            answer = protocol.error(error.code, str(error), message.action)
        except _NotAllowedError as error:
            response = respond(refused := self._dispatcher.refuse(error, message), protocol.encode(refused))
            response.set_status(405)
            response.headers[hdrs.ALLOW] = error.allowed
            return response
        except SoundboardError as error:
            answer = self._dispatcher.refuse(error, message)
        reply = answer.reply if isinstance(answer, WholeListing) else answer
        return respond(reply, await encoded(answer))

    async def upload(self, request: web.Request) -> web.Response:
        """``PUT /upload/{ticket}``: the ticket is leave enough."""
        desk = self._dispatcher.desk
        return await desk.uploads.handle(request, desk.describe)

    async def preview(self, request: web.Request) -> web.Response:
        """``GET /sounds/{name}.ogg``: what the voice channel would hear."""
        message = _message("preview")
        service = self._dispatcher.desk.service
        try:
            asker = self._asker(request)
            assert asker.identity is not None  # noqa: S101 - else it was refused
            if Scope.READ not in asker.identity.scopes:
                raise RefusedError(
                    ErrorCode.FORBIDDEN,
                    f'This token may not do that: it lacks the scope "{Scope.READ}"',
                    {"required_scope": str(Scope.READ)},
                )
            if (wait := asker.admit(asker.identity.user_id, ACTIONS["list"].cost)) is not None:
                raise RateLimitedError(wait)
            await service.wait_ready()
            caller = self._dispatcher.caller(asker.identity, asker.address)
            caller = await self._dispatcher.of_guild(caller, request.query.get("guild_id"))
            sound = service.library.find(caller, request.match_info["name"])
            return await self._previews.respond(request, sound)
        except SoundboardError as error:
            reply = protocol.refusal(error, ErrorCode.ACTION_ERROR, message)
            return respond(reply, protocol.encode(reply))

    def _asker(self, request: web.Request) -> Asker:
        """Who sends a request.

        Raises:
            SoundboardError: They have no good token.
        """
        visitor = self._meet(request)
        identity = self._identity(request, visitor.address)
        return Asker(
            f"HTTP client {printable(visitor.address)}",
            identity,
            visitor.address,
            visitor.base_url,
            lambda user_id, cost: None if user_id is None else self._limits.admit_user(user_id, cost),
        )

    def _identity(self, request: web.Request, address: str) -> Identity:
        given = request.headers.getall(hdrs.AUTHORIZATION, [])
        if len(given) != 1 or not given[0].lower().startswith(BEARER):
            raise RefusedError(
                ErrorCode.NOT_AUTHENTICATED, 'Authentication required: send the header "Authorization: Bearer <token>"'
            )
        try:
            return self._tokens.check(given[0][len(BEARER) :].strip())
        except TokenError as error:
            wait = self._limits.failed(address)
            level = logging.INFO if wait is None else logging.DEBUG
            logger.log(level, "HTTP client %s: authentication failed: %s (%s)", printable(address), error, error.reason)
            if wait is not None:
                raise RateLimitedError(wait, "failed authentications") from None
            raise RefusedError(
                ErrorCode.TOKEN_REVOKED if error.revoked else ErrorCode.AUTH_FAILED, str(error)
            ) from None


class _NotAllowedError(SoundboardError):
    """The method is another than this path takes."""

    code = ErrorCode.UNKNOWN_ACTION

    def __init__(self, allowed: str) -> None:
        super().__init__(f"Use {allowed} here")
        self.allowed = allowed


def respond(reply: replies.Reply, body: bytes) -> web.Response:
    """A reply as an HTTP response."""
    response = web.Response(body=body, content_type="application/json")
    response.headers[hdrs.CACHE_CONTROL] = "no-store"
    if isinstance(reply, replies.ErrorReply):
        response.set_status(STATUS[reply.error_code])
        if response.status == 401:
            response.headers[hdrs.WWW_AUTHENTICATE] = 'Bearer realm="jeffbot"'
        if isinstance(reply.retry_after, float):
            response.headers[hdrs.RETRY_AFTER] = str(math.ceil(reply.retry_after))
    return response


def _message(action: str) -> Message:
    return protocol.parse(json.dumps({"action": action}))


async def _read(request: web.Request) -> Message:
    """The body's fields, and the path's action.

    Raises:
        ProtocolError: It is not JSON, or no object.
        RefusedError: It is too large, or does not come, or not as HTTP has it.
    """
    try:
        async with asyncio.timeout(BODY_TIMEOUT):
            body = await request.read()
    except TimeoutError:
        raise RefusedError(ErrorCode.TIMEOUT, f"The request did not come within {BODY_TIMEOUT:g} s") from None
    except web.HTTPRequestEntityTooLarge:
        raise RefusedError(ErrorCode.TOO_LARGE, f"A request has at most {replies.MAX_MESSAGE_BYTES} bytes") from None
    except (ConnectionError, web.RequestPayloadError):  # aiohttp's; perhaps nobody is there to hear of it
        raise RefusedError(ErrorCode.INVALID_JSON, "The request breaks off, or is not sent as HTTP has it") from None
    message = protocol.parse(body or b"{}")
    message.action = request.match_info["action"]
    return message
