"""The shapes of messages as JSON Schema (2020-12), named and described."""

import enum
import functools
from typing import Any

import msgspec
from msgspec import UNSET

from ... import community, models
from ...errors import ErrorCode
from .. import events, feed, replies, requests
from ..actions import ACTIONS, Action
from ..events import EVENTS
from . import sources
from .glossary import GLOSSARY

type Schema = dict[str, Any]

REF = "#/components/schemas/{name}"
_SOUNDS: Schema = {"type": "array", "items": {"$ref": REF.format(name="SoundInfo")}}
_OPAQUE: dict[tuple[str, str], Schema] = {
    ("Listing", "sounds"): _SOUNDS,
    ("LibraryNow", "added"): _SOUNDS,
    ("LibraryNow", "changed"): _SOUNDS,
}
"""Fields that are encoded beforehand, so that their types do not say what is in them."""
_RELATED: dict[type, type] = {
    replies.SoundInfo: models.Details,
    replies.SettingsInfo: community.GuildSettings,
    requests.Settings: community.GuildSettings,
    requests.Edit: models.Details,
    requests.Upload: models.Details,
}
"""Where more is said of the same fields."""
_ID: Schema = {
    "description": "Any; the reply repeats it.",
    "anyOf": [
        {"type": "string", "minLength": 1, "maxLength": 64},
        {"type": "integer", "minimum": -(2**53), "maximum": 2**53},
    ],
}
_CLASSES = {
    name: kind
    for module in (models, community, feed, replies, requests, events)
    for name, kind in vars(module).items()
    if isinstance(kind, type)
} | {"ErrorCode": ErrorCode}
"""By the name of its schema."""


@functools.cache
def schemas() -> dict[str, Schema]:
    """All shapes by name."""
    kinds = [
        *(action.request for action in ACTIONS.values()),
        *(action.reply for action in ACTIONS.values()),
        *(kind.data for kind in EVENTS.values()),
        *(replies.Welcome, replies.ErrorReply, replies.Uploaded, replies.SoundInfo, feed.Event),
    ]
    _, components = msgspec.json.schema_components(kinds, ref_template=REF)
    return {name: _described(name, schema) for name, schema in components.items()}


def ref(kind: type) -> Schema:
    """A reference to the shape of a class."""
    return {"$ref": REF.format(name=kind.__name__)}


def request(action: Action) -> Schema:
    """A request as a whole message."""
    fields = schemas()[action.request.__name__]
    return {
        **fields,
        "properties": {"action": _text(action.name), "id": _ID, **fields["properties"]},
        "required": ["action", *fields["required"]],
    }


def event(name: str) -> Schema:
    """An event of this name as a whole message."""
    kind, fields = EVENTS[name], schemas()["Event"]
    own = {"topic": _text(kind.topic), "event": _text(name), "data": ref(kind.data)}
    return {
        **fields,
        "title": name,
        "description": sources.plain(kind.summary),
        "properties": {**fields["properties"], **own},
    }


def _text(value: str) -> Schema:
    return {"type": "string", "const": value}


def _described(name: str, schema: Schema) -> Schema:
    schema = _tidy(schema)
    kind = _CLASSES[name]
    if issubclass(kind, enum.Enum):
        return {**schema, "enum": [member.value for member in kind], "description": _of_choices(schema, kind)}
    if kind.__module__ != requests.__name__:
        schema["required"] = _always_there(kind, schema)
    said = GLOSSARY | sources.fields(_RELATED.get(kind, object)) | sources.fields(kind)
    for key, field in schema["properties"].items():
        field.update(_OPAQUE.get((name, key), {}))
        if key in said and not _is_tag(key, field):
            field["description"] = said[key]
    return schema


def _is_tag(key: str, field: Schema) -> bool:
    return key == "action" and "const" in field


def _always_there(kind: type, schema: Schema) -> list[str]:
    """The fields that every one sent has, also those with a default."""
    if not issubclass(kind, msgspec.Struct):
        return [*schema["properties"]]
    optional = {
        field.encode_name
        for field in msgspec.structs.fields(kind)
        if field.default is UNSET or (kind.__struct_config__.omit_defaults and not field.required)
    }
    return [key for key in schema["properties"] if key not in optional]


def _of_choices(schema: Schema, kind: type[enum.Enum]) -> str:
    return " ".join(filter(None, (schema.get("description", ""), sources.choices(kind))))


def _tidy(schema: Any) -> Any:
    """The same in fewer words: alternatives in one list, descriptions in Markdown, one value as ``const``."""
    if isinstance(schema, list):
        return [_tidy(item) for item in schema]
    if not isinstance(schema, dict):
        return schema
    tidied = {key: _tidy(value) for key, value in schema.items()}
    if isinstance(description := tidied.get("description"), str):
        tidied["description"] = sources.plain(description)
    if isinstance(options := tidied.get("anyOf"), list):
        tidied["anyOf"] = [inner for option in options for inner in option.get("anyOf", [option])]
    if isinstance(values := tidied.get("enum"), list) and len(values) == 1:
        tidied["const"] = tidied.pop("enum")[0]
    if isinstance(options := tidied.get("enum", [tidied.get("const")]), list) and isinstance(options[0], str):
        tidied["type"] = "string"
    if "default" in tidied and tidied["default"] is None:
        del tidied["default"]
    return tidied
