"""The same API over HTTP as OpenAPI 3.1 has it."""

import functools
from collections.abc import Iterable
from typing import Any

from ... import __version__
from ...errors import ErrorCode
from .. import replies
from ..actions import ACTIONS, Action
from ..statuses import STATUS
from . import codes, exchanges, shapes, sources

DESCRIPTION = (
    "A soundboard for Discord voice channels. `POST /api/{action}` takes the fields of an action as a JSON object and "
    "gives the same reply as the WebSocket, for which see `/asyncapi.json`. Keys are only ever added to replies."
)
BEARER = "bearer"


@functools.cache
def openapi() -> dict[str, Any]:
    """The document. It takes a tenth of a second: call it in a thread."""
    paths = {f"/api/{action.name}": {"post": _post(action)} for action in ACTIONS.values() if action.handler}
    paths["/upload/{ticket}"] = {"put": _upload()}
    paths["/sounds/{name}.ogg"] = {"get": _preview()}
    schemas = shapes.schemas()
    return {
        "openapi": "3.1.0",
        "info": {"title": "jeffbot", "version": __version__, "description": DESCRIPTION, "license": {"name": "MIT"}},
        "servers": [{"url": "/", "description": "The bot that this document comes from."}],
        "paths": paths,
        "components": {
            "schemas": schemas,
            "securitySchemes": {
                BEARER: {
                    "type": "http",
                    "scheme": "bearer",
                    "bearerFormat": "JWT",
                    "description": "A token; `/remote` in Discord gives one, and `jeffbot token` on the bot's machine.",
                }
            },
        },
    }


def _post(action: Action) -> dict[str, Any]:
    found = {
        name: seen for name, seen in exchanges.captured()["actions"].items() if seen["request"]["action"] == action.name
    }
    asked = {name: _fields(seen["request"]) for name, seen in found.items()}
    failures = (*codes.of_action(action), *codes.OF_HTTP)
    operation: dict[str, Any] = {
        "operationId": action.name,
        "summary": sources.plain(action.description),
        "security": [{BEARER: [action.scope] if action.scope else []}],
        "requestBody": {
            "required": bool(shapes.schemas()[action.request.__name__]["required"]),
            "content": {"application/json": _media(shapes.ref(action.request), asked)},
        },
        "responses": {
            "200": {
                "description": sources.summary(action.reply),
                "content": {
                    "application/json": _media(
                        shapes.ref(action.reply), {name: seen["reply"] for name, seen in found.items()}
                    )
                },
            },
            **_failures(failures, action.name),
        },
    }
    if action.change_scope:
        operation["x-change-scope"] = action.change_scope
    return operation


def _fields(request: dict[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in request.items() if key != "action"}


def _upload() -> dict[str, Any]:
    seen = exchanges.captured()["http"]["upload"]
    return {
        "operationId": "put-upload",
        "summary": "Send the file that `upload` announced: its bytes as they are. The ticket is leave enough.",
        "security": [],
        "parameters": [
            _parameter("ticket", "The end of the `url` that `upload` answered; good for one file and 60 s.")
        ],
        "requestBody": {"required": True, "content": {"application/octet-stream": {}}},
        "responses": {
            "201": {
                "description": sources.summary(replies.Uploaded),
                "content": {"application/json": _media(shapes.ref(replies.Uploaded), {"upload": seen["reply"]})},
            },
            **_failures(codes.UPLOADING, "upload"),
        },
    }


def _preview() -> dict[str, Any]:
    return {
        "operationId": "get-preview",
        "summary": "A sound as the voice channel would hear it. Ranges and ETags are understood.",
        "security": [{BEARER: ["read"]}],
        "parameters": [_parameter("name", "As `play` takes it.")],
        "responses": {
            "200": {"description": "All of it.", "content": {"audio/ogg": {}}},
            "206": {"description": "The range that was asked for.", "content": {"audio/ogg": {}}},
            "304": {"description": "It is the one that is known already."},
            "416": {"description": "It has no such range."},
            **_failures(codes.PREVIEWING, "preview"),
        },
    }


def _parameter(name: str, description: str) -> dict[str, Any]:
    return {"name": name, "in": "path", "required": True, "description": description, "schema": {"type": "string"}}


def _failures(failures: Iterable[ErrorCode], request: str) -> dict[str, Any]:
    """What may go wrong, by status."""
    by_status: dict[int, list[ErrorCode]] = {}
    for code in dict.fromkeys(failures):
        by_status.setdefault(STATUS[code], []).append(code)
    return {str(status): _failure(by_status[status], request) for status in sorted(by_status)}


def _failure(failures: list[ErrorCode], request: str) -> dict[str, Any]:
    seen = exchanges.captured()["errors"]
    examples = {str(code): seen[code]["reply"] for code in failures if _is_of(seen.get(code), request)}
    return {
        "description": " ".join(f"`{code}`: {codes.HELP[code].situation}" for code in failures),
        "content": {"application/json": _media(shapes.ref(replies.ErrorReply), examples)},
    }


def _is_of(exchange: dict[str, Any] | None, request: str) -> bool:
    return exchange is not None and exchange["reply"].get("request") == request


def _media(schema: dict[str, Any], examples: dict[str, Any]) -> dict[str, Any]:
    named = {name: {"value": value} for name, value in examples.items()}
    return {"schema": schema, "examples": named} if named else {"schema": schema}
