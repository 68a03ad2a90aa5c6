"""What the server sends, held against what its documents say it does.

Cost: a message of a shape that was seen before takes some ten microseconds, one of a new shape some milliseconds.
"""

import functools
import json
from typing import Any

import jsonschema
import msgspec
import referencing
from referencing.jsonschema import DRAFT202012

from jeffbot.ws import replies
from jeffbot.ws.actions import ACTIONS
from jeffbot.ws.documents import shapes
from jeffbot.ws.documents.asyncapi import asyncapi
from jeffbot.ws.events import EVENTS

LARGE = 1 << 16
"""Bytes from which on of several messages of one length one is looked at: long lists."""
_TOLD = frozenset({"action", "error_code", "event", "topic", "state", "reason", "mode", "retrigger", "method"})
"""Keys whose values are of a few."""
_DOCUMENT = "urn:asyncapi"

type Json = Any


class Validator:
    """Knows all messages there are."""

    def __init__(self) -> None:
        self._seen: set[object] = set()
        document = strict(json.loads(msgspec.json.encode(asyncapi())))
        document["components"]["messages"]["uploaded"] = {"payload": shapes.ref(replies.Uploaded)}
        resource = DRAFT202012.create_resource(document)
        self._registry: Any = referencing.Registry().with_resource(_DOCUMENT, resource)

    def check(self, data: bytes) -> str | None:
        """What is wrong with a message as it is sent, or None."""
        if len(data) > LARGE and not self._is_new((len(data), data[:100])):
            return None
        message = msgspec.json.decode(data)
        return self.check_message(message) if self._is_new(_shape(message)) else None

    def check_message(self, message: Json) -> str | None:
        """Likewise, read already."""
        names = _names(message) if isinstance(message, dict) else []
        problems = [self._problem(name, message) for name in names]
        if None in problems:
            return None
        return f"{'; '.join(map(str, problems)) or 'no such message'}: {str(message)[:500]}"

    def _problem(self, name: str, message: Json) -> str | None:
        error = jsonschema.exceptions.best_match(self._of(name).iter_errors(message))
        return error.message if error else None

    @functools.cache  # noqa: B019 - there is one
    def _of(self, name: str) -> jsonschema.Draft202012Validator:
        schema = {"$ref": f"{_DOCUMENT}#/components/messages/{name}/payload"}
        return jsonschema.Draft202012Validator(schema, registry=self._registry)

    def _is_new(self, shape: object) -> bool:
        is_new = shape not in self._seen
        self._seen.add(shape)
        return is_new


def strict(schema: Json) -> Json:
    """The same, in which an object has no other keys than those described."""
    if isinstance(schema, list):
        return [strict(item) for item in schema]
    if not isinstance(schema, dict):
        return schema
    closed = {key: strict(value) for key, value in schema.items()}
    if schema.get("type") == "object":
        closed.setdefault("additionalProperties", False)
    return closed


def _names(message: dict[str, Json]) -> list[str]:
    """The messages of the document that it may be."""
    action = message.get("action")
    if action == "event":
        return [message["event"]] if message.get("event") in EVENTS else []
    tags = {action.reply.__struct_config__.tag for action in ACTIONS.values()} | {"welcome", "error"}
    if action not in tags:
        return []
    return [action, "uploaded"] if action == "upload" else [str(action)]


def _shape(value: Json, key: str = "") -> object:
    """The same for messages that only differ in what no schema looks at."""
    if isinstance(value, dict):
        return tuple((name, _shape(item, name)) for name, item in value.items())
    if isinstance(value, list):
        return frozenset(map(_shape, value))
    return value if key in _TOLD else type(value)
