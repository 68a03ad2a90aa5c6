"""The WebSocket API as AsyncAPI 3.1 has it."""

import functools
from collections.abc import Iterable
from typing import Any

from ... import __version__
from .. import closes, replies
from ..actions import ACTIONS, Action
from ..events import EVENTS
from . import codes, exchanges, shapes, sources

DESCRIPTION = (
    "A soundboard for Discord voice channels. One JSON object a message; every request gets exactly one reply. Keys "
    "are only ever added to replies: pass over those you do not know. Connect, be welcomed, send `authenticate` with "
    "your token, then ask."
)
_JSON = {"contentType": "application/json"}


@functools.cache
def asyncapi() -> dict[str, Any]:
    """The document. It takes a tenth of a second: call it in a thread."""
    messages = _messages()
    return {
        "asyncapi": "3.1.0",
        "info": {
            "title": "jeffbot",
            "version": __version__,
            "description": DESCRIPTION,
            "license": {"name": "MIT"},
            "tags": [{"name": scope} for scope in ("read", "play", "manage")],
            "x-protocol": replies.PROTOCOL_VERSION,
            "x-close-codes": [
                {"code": close.code, "reason": close.reason, "advice": close.advice} for close in closes.OURS
            ],
        },
        "defaultContentType": "application/json",
        "servers": {
            "bot": {
                "host": "{host}",
                "protocol": "ws",
                "description": "Where the bot runs; `wss` where it has a certificate, or a reverse proxy has.",
                "variables": {"host": {"default": "localhost:8765"}},
            }
        },
        "channels": {
            "api": {
                "address": "/",
                "description": "Any path is the API.",
                "messages": {name: {"$ref": f"#/components/messages/{name}"} for name in messages},
                "bindings": {"ws": {"method": "GET", "bindingVersion": "0.1.0"}},
            }
        },
        "operations": _operations(),
        "components": {"messages": messages, "schemas": shapes.schemas()},
    }


def request_name(action: Action) -> str:
    """What an action's request is called in the document."""
    return f"{action.name}.request"


def _tag(reply: type[replies.Reply]) -> str:
    return str(reply.__struct_config__.tag)


def _messages() -> dict[str, Any]:
    captured = exchanges.captured()
    messages: dict[str, Any] = {
        "welcome": _message(
            sources.summary(replies.Welcome), shapes.ref(replies.Welcome), {"welcome": captured["welcome"]}
        )
    }
    for action in ACTIONS.values():
        found = {name: seen for name, seen in captured["actions"].items() if seen["request"]["action"] == action.name}
        asked = {name: seen["request"] for name, seen in found.items()}
        messages[request_name(action)] = _message(sources.plain(action.description), shapes.request(action), asked)
        reply = messages.setdefault(
            _tag(action.reply), _message(sources.summary(action.reply), shapes.ref(action.reply), {})
        )
        _add_examples(reply, {name: seen["reply"] for name, seen in found.items()})
    errors = {name: seen["reply"] for name, seen in captured["errors"].items()}
    messages["error"] = _message(sources.summary(replies.ErrorReply), shapes.ref(replies.ErrorReply), errors)
    for name in EVENTS:
        event = shapes.event(name)
        messages[name] = _message(event["description"], event, {name: captured["events"][name]})
    return messages


def _message(summary: str, payload: dict[str, Any], examples: dict[str, Any]) -> dict[str, Any]:
    message = {**_JSON, "summary": summary, "payload": payload, "examples": []}
    _add_examples(message, examples)
    return message


def _add_examples(message: dict[str, Any], examples: dict[str, Any]) -> None:
    message["examples"] += [{"name": name, "payload": payload} for name, payload in examples.items()]


def _operations() -> dict[str, Any]:
    operations = {action.name: _operation(action) for action in ACTIONS.values()}
    operations["welcome"] = {
        "action": "send",
        "summary": sources.summary(replies.Welcome),
        **_of_channel(["welcome"]),
    }
    operations["events"] = {
        "action": "send",
        "summary": "What happens, for who has subscribed to its topic.",
        **_of_channel(EVENTS),
    }
    return operations


def _operation(action: Action) -> dict[str, Any]:
    operation = {
        "action": "receive",
        "summary": sources.plain(action.description),
        **_of_channel([request_name(action)]),
        "reply": _of_channel([_tag(action.reply), "error"]),
        "x-errors": codes.of_action(action),
    }
    if action.scope is not None:
        operation["x-scope"] = action.scope
    if action.change_scope is not None:
        operation["x-change-scope"] = action.change_scope
    return operation


def _of_channel(messages: Iterable[str]) -> dict[str, Any]:
    return {
        "channel": {"$ref": "#/channels/api"},
        "messages": [{"$ref": f"#/channels/api/messages/{name}"} for name in messages],
    }
