"""The REST API, version 10, as far as a bot with commands and voice uses it."""

import logging
import re
from collections.abc import Awaitable, Callable, Mapping
from typing import Any

import msgspec
from aiohttp import web

from .answers import Answers
from .applications import Application
from .errors import ApiError
from .gateway import Gateway
from .messages import attach, check_message, new_message
from .payloads import Json, channel_json, guild_json, member_json, user_json
from .world import Channel, Guild, World

logger = logging.getLogger(__name__)

MAX_BODY_BYTES = 32 << 20
"""Room for a few attachments of 10 MiB (Discord: Reference, "Uploading Files")."""
type Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]
type AuthorizedHandler = Callable[[web.Request, Application], Awaitable[web.StreamResponse]]


class Rest:
    """Routes and their handlers.

    Args:
        world: What is asked about.
        gateway: Its URL is told.
        answers: What is done to interactions.
        application_of: Finds the application that a bot token belongs to.
    """

    def __init__(
        self,
        world: World,
        gateway: Gateway,
        answers: Answers,
        application_of: Callable[[str], Application | None],
    ) -> None:
        self.unknown_routes: list[str] = []
        """Method and path of every request that no route took."""
        self._world = world
        self._gateway = gateway
        self._answers = answers
        self._application_of = application_of

    def application(self) -> web.Application:
        """The web application to be mounted at ``/api/v10``."""
        commands = "/applications/{application_id}/commands"
        guild_commands = "/applications/{application_id}/guilds/{guild_id}/commands"
        webhook = "/webhooks/{application_id}/{token}"
        app = web.Application()
        for method, path, authorized in (
            ("GET", "/users/@me", self._me),
            ("GET", "/oauth2/applications/@me", self._application),
            ("GET", "/applications/@me", self._application),
            ("GET", "/gateway/bot", self._gateway_bot),
            ("GET", "/guilds/{guild_id}", self._guild),
            ("GET", "/guilds/{guild_id}/channels", self._guild_channels),
            ("GET", "/guilds/{guild_id}/members/{user_id}", self._member),
            ("GET", "/channels/{channel_id}", self._channel),
            ("POST", "/channels/{channel_id}/messages", self._send_message),
            *(
                (method, base + rest, handler)
                for base in (commands, guild_commands)
                for method, rest, handler in (
                    ("GET", "", self._commands),
                    ("POST", "", self._make_command),
                    ("PUT", "", self._replace_commands),
                    ("GET", "/{command_id}", self._command),
                    ("PATCH", "/{command_id}", self._edit_command),
                    ("DELETE", "/{command_id}", self._delete_command),
                )
            ),
        ):
            app.router.add_route(method, _pattern(path), self._authorized(authorized))
        for method, path, handler in (
            ("GET", "/gateway", self._gateway_url),
            ("POST", "/interactions/{interaction_id}/{token}/callback", self._answer),
            ("POST", webhook, self._follow_up),
            ("GET", webhook + "/messages/{message}", self._answer_message),
            ("PATCH", webhook + "/messages/{message}", self._edit_answer),
            ("DELETE", webhook + "/messages/{message}", self._delete_answer),
        ):
            app.router.add_route(method, _pattern(path), handler)
        return app

    @web.middleware
    async def errors(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        """Answer errors as Discord does, and note routes that there are not."""
        try:
            return await handler(request)
        except ApiError as error:
            return _reply(error.body, status=error.status)
        except (web.HTTPNotFound, web.HTTPMethodNotAllowed) as error:
            self.unknown_routes.append(f"{request.method} {request.path}")
            return _reply({"message": f"{error.status}: {error.reason}", "code": 0}, status=error.status)
        except web.HTTPException as error:
            return _reply({"message": error.reason, "code": 0}, status=error.status)
        except Exception:  # the boundary: a bug of ours fails one request, never the server
            logger.exception("%s %s could not be answered", request.method, request.path)
            return _reply({"message": "500: Internal Server Error", "code": 0}, status=500)

    def _authorized(self, handler: AuthorizedHandler) -> Handler:
        async def check(request: web.Request) -> web.StreamResponse:
            scheme, _, token = request.headers.get("Authorization", "").partition(" ")
            application = self._application_of(token) if scheme == "Bot" else None
            if application is None:
                raise ApiError(401, 0, "401: Unauthorized")
            return await handler(request, application)

        return check

    # What a bot asks about itself and its surroundings

    async def _me(self, _: web.Request, application: Application) -> web.Response:
        return _reply(user_json(application.user) | {"mfa_enabled": False, "email": None, "verified": True})

    async def _application(self, _: web.Request, application: Application) -> web.Response:
        owner = next((user for user in self._world.users.values() if not user.bot), application.user)
        return _reply(
            {
                "id": str(application.id),
                "name": application.user.name,
                "icon": None,
                "description": "",
                "rpc_origins": [],
                "bot_public": True,
                "bot_require_code_grant": False,
                "bot": user_json(application.user),
                "owner": user_json(owner),
                "verify_key": "0" * 64,
                "team": None,
                "flags": 0,
                "approximate_guild_count": sum(application.id in g.members for g in self._world.guilds.values()),
            }
        )

    async def _gateway_url(self, _: web.Request) -> web.Response:
        return _reply({"url": self._gateway.url})

    async def _gateway_bot(self, _: web.Request, __: Application) -> web.Response:
        limit = {"total": 1000, "remaining": 1000, "reset_after": 0, "max_concurrency": 1}
        return _reply({"url": self._gateway.url, "shards": 1, "session_start_limit": limit})

    async def _guild(self, request: web.Request, application: Application) -> web.Response:
        return _reply(guild_json(self._guild_of(request, application)))

    async def _guild_channels(self, request: web.Request, application: Application) -> web.Response:
        guild = self._guild_of(request, application)
        return _reply([channel_json(channel) for channel in guild.channels])

    async def _member(self, request: web.Request, application: Application) -> web.Response:
        member = self._guild_of(request, application).members.get(_id(request, "user_id"))
        if member is None:
            raise ApiError(404, 10007, "Unknown Member")
        return _reply(member_json(member))

    async def _channel(self, request: web.Request, application: Application) -> web.Response:
        return _reply(channel_json(self._channel_of(request, application)))

    async def _send_message(self, request: web.Request, application: Application) -> web.Response:
        channel = self._channel_of(request, application)
        body = await _body(request)
        check_message(body)
        message = new_message(self._world.next_id(), channel, application.user, body)
        channel.messages.append(message)
        self._world.touch()
        return _reply(message)

    def _guild_of(self, request: web.Request, application: Application) -> Guild:
        guild = self._world.guilds.get(_id(request, "guild_id"))
        if guild is None or application.id not in guild.members:
            raise ApiError(404, 10004, "Unknown Guild")
        return guild

    def _channel_of(self, request: web.Request, application: Application) -> Channel:
        channel_id = _id(request, "channel_id")
        for guild in self._world.guilds.values():
            for channel in guild.channels:
                if channel.id == channel_id and application.id in guild.members:
                    return channel
        raise ApiError(404, 10003, "Unknown Channel")

    # Application commands

    async def _commands(self, request: web.Request, application: Application) -> web.Response:
        return _reply(application.commands.in_scope(self._scope(request, application)))

    async def _command(self, request: web.Request, application: Application) -> web.Response:
        scope, command_id = self._scope(request, application), _id(request, "command_id")
        return _reply(application.commands.get(scope, command_id))

    async def _make_command(self, request: web.Request, application: Application) -> web.Response:
        scope = self._scope(request, application)
        command, new = application.commands.upsert(scope, await _body(request))
        return _reply(command, status=201 if new else 200)

    async def _replace_commands(self, request: web.Request, application: Application) -> web.Response:
        scope = self._scope(request, application)
        return _reply(application.commands.replace(scope, await _list_body(request)))

    async def _edit_command(self, request: web.Request, application: Application) -> web.Response:
        scope, command_id = self._scope(request, application), _id(request, "command_id")
        return _reply(application.commands.edit(scope, command_id, await _body(request)))

    async def _delete_command(self, request: web.Request, application: Application) -> web.Response:
        scope, command_id = self._scope(request, application), _id(request, "command_id")
        application.commands.remove(scope, command_id)
        return web.Response(status=204)

    def _scope(self, request: web.Request, application: Application) -> int | None:
        if _id(request, "application_id") != application.id:
            raise ApiError(403, 20012, "You are not authorized to perform this action on this application")
        return self._guild_of(request, application).id if "guild_id" in request.match_info else None

    # Answers to interactions: their token is the authorization

    async def _answer(self, request: web.Request) -> web.Response:
        interaction_id, token = _id(request, "interaction_id"), request.match_info["token"]
        self._answers.answer(interaction_id, token, await _body(request))
        return web.Response(status=204)

    async def _follow_up(self, request: web.Request) -> web.Response:
        return _reply(self._answers.follow_up(*_webhook(request), await _body(request)))

    async def _answer_message(self, request: web.Request) -> web.Response:
        message = self._answers.message(*_webhook(request), request.match_info["message"])
        return _reply(message)

    async def _edit_answer(self, request: web.Request) -> web.Response:
        message_id, body = request.match_info["message"], await _body(request)
        return _reply(self._answers.edit(*_webhook(request), message_id, body))

    async def _delete_answer(self, request: web.Request) -> web.Response:
        self._answers.delete(*_webhook(request), request.match_info["message"])
        return web.Response(status=204)


def _reply(data: Any, status: int = 200) -> web.Response:
    """JSON without a charset in its content type: Discord names none, and Nextcord takes no other."""
    return web.Response(body=msgspec.json.encode(data), status=status, content_type="application/json")


def _pattern(path: str) -> str:
    """A path as aiohttp wants it, whose ids are numbers."""
    return re.sub(r"\{(\w+_id)\}", r"{\1:\\d{1,20}}", path)


def _id(request: web.Request, name: str) -> int:
    return int(request.match_info[name])


def _webhook(request: web.Request) -> tuple[int, str]:
    return _id(request, "application_id"), request.match_info["token"]


async def _json(request: web.Request) -> Any:
    """The request's JSON; of a multipart request, ``payload_json`` (Discord: Reference, "Uploading Files")."""
    try:
        if request.content_type == "multipart/form-data":
            return _with_files(await request.post())
        return msgspec.json.decode(await request.read())
    except (TypeError, ValueError, KeyError, AttributeError, RecursionError) as error:
        raise ApiError(400, 50109, "The request body contains invalid JSON.") from error


def _with_files(form: Mapping[str, Any]) -> Any:
    body = msgspec.json.decode(form["payload_json"])
    if files := [part for part in form.values() if isinstance(part, web.FileField)]:
        attach(body, files)
    return body


async def _body(request: web.Request) -> Json:
    body = await _json(request)
    if not isinstance(body, dict):
        raise ApiError(400, 50109, "The request body contains invalid JSON.")
    return body


async def _list_body(request: web.Request) -> list[Json]:
    body = await _json(request)
    if not isinstance(body, list):
        raise ApiError(400, 50109, "The request body contains invalid JSON.")
    return body
