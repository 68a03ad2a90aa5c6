"""The parts of ``docs/api.md`` that are made of the code and of captured exchanges."""

from collections.abc import Callable, Iterator
from typing import Any

import msgspec
from msgspec import UNSET

from .. import closes, replies
from ..actions import ACTIONS, Action
from ..events import EVENTS
from ..feed import Event
from ..statuses import STATUS
from . import codes, exchanges, shapes, sources
from .markdown import kind, meaning, references, shown, table, target
from .shapes import Schema

TARGET = ("guild_id", "channel_id")
"""Fields of most actions, told of once."""
_NOT_TOLD = {"action", "id", *TARGET}


def exchange(name: str) -> str:
    """A request and its reply."""
    seen = exchanges.captured()["actions"][name]
    return shown(seen["request"], seen["reply"])


def failure(code: str) -> str:
    """A request and why it was refused."""
    seen = exchanges.captured()["errors"][code]
    return shown(seen["request"], seen["reply"])


def welcome() -> str:
    """What the server says first."""
    return shown(exchanges.captured()["welcome"])


def upload() -> str:
    """What answers a file."""
    return shown(exchanges.captured()["http"]["upload"]["reply"])


def actions() -> str:
    """All actions: what they do, take and answer, and how that looks."""
    return "\n\n".join(map(_action, ACTIONS.values()))


def _action(action: Action) -> str:
    parts = [f"### `{action.name}`", sources.plain(action.description), _rights(action)]
    if rows := [*_fields(action)]:
        parts.append(table(("field", "type", "default", "meaning"), rows))
    parts.append(f"Answers `{action.reply.__struct_config__.tag}`: {sources.summary(action.reply)}")
    if keys := [*_keys(shapes.schemas()[action.reply.__name__])]:
        parts.append(table(("key", "type", "meaning"), keys))
    parts.append("Errors: " + ", ".join(f"`{code}`" for code in codes.of_action(action)) + ".")
    parts += [exchange(name) for name in exchanges.captured()["actions"] if name.partition(".")[0] == action.name]
    return "\n\n".join(parts)


def _rights(action: Action) -> str:
    scope = f"Scope `{action.scope}`" if action.scope else "No scope: it comes before signing in, too"
    change = f", for changes `{action.change_scope}`" if action.change_scope else ""
    target = " Takes a [target](#which-guild)." if TARGET[0] in shapes.request(action)["properties"] else ""
    alone = "" if action.handler else " WebSocket only."
    return f"{scope}{change}.{target}{alone}"


def _fields(action: Action) -> Iterator[tuple[str, ...]]:
    schema = shapes.request(action)
    defaults = {field.encode_name: field.default for field in msgspec.structs.fields(action.request)}
    for name, field in schema["properties"].items():
        if name not in _NOT_TOLD:
            default = "needed" if name in schema["required"] else _default(field)
            yield f"`{name}`", kind(field, nullable=defaults[name] is UNSET), default, meaning(field)


def _default(field: Schema) -> str:
    default = field.get("default")
    return "" if default in (None, "", []) else f"`{msgspec.json.encode(default).decode()}`"


def _keys(schema: Schema) -> Iterator[tuple[str, ...]]:
    is_message = "const" in schema["properties"].get("action", {})
    for name, field in schema["properties"].items():
        if not is_message or name not in {"action", "id"}:
            missing = "" if name in schema["required"] else "not always; "
            yield f"`{name}`", missing + kind(field), meaning(field)


def objects() -> str:
    """What is in replies and events: each kind of object."""
    kinds = [(action.request, action.reply) for action in ACTIONS.values()]
    whole = [shapes.ref(one) for pair in kinds for one in pair] + [shapes.ref(event.data) for event in EVENTS.values()]
    messages = set(map(target, whole))
    names = [name for name in dict.fromkeys(references(whole)) if name not in messages]
    return "\n\n".join(
        _object(name, shapes.schemas()[name]) for name in names if "properties" in shapes.schemas()[name]
    )


def _object(name: str, schema: Schema) -> str:
    return "\n\n".join((f"### {name}", schema["description"], table(("key", "type", "meaning"), _keys(schema))))


def events() -> str:
    """All kinds of events, each as it came."""
    return "\n\n".join(map(_event, EVENTS))


def _event(name: str) -> str:
    data = shapes.schemas()[EVENTS[name].data.__name__]
    parts = [f"### `{name}`", f"Topic `{EVENTS[name].topic}`. {data['description']}"]
    if keys := [*_keys(data)]:
        parts.append(table(("key of `data`", "type", "meaning"), keys))
    parts.append(shown(exchanges.captured()["events"][name]))
    return "\n\n".join(parts)


def event_keys() -> str:
    """What every event has."""
    return table(("key", "type", "meaning"), _keys(shapes.schemas()[Event.__name__]))


def errors() -> str:
    """All codes."""
    rows = [(f"`{code}`", said.situation, said.advice, str(STATUS[code])) for code, said in codes.HELP.items()]
    return table(("code", "situation", "what to do", "HTTP"), rows)


def error_keys() -> str:
    """What every error has."""
    schema = shapes.schemas()[replies.ErrorReply.__name__]
    return table(("key", "type", "meaning"), _keys(schema))


def refusals() -> str:
    """Each code as it came: what was sent, and the answer."""
    return "\n\n".join(f"**`{code}`**\n\n{_refusal(seen)}" for code, seen in exchanges.captured()["errors"].items())


def _refusal(seen: dict[str, Any]) -> str:
    request = seen["request"]
    if not isinstance(request, str):
        return shown(request, seen["reply"])
    head = f"`{request}`" + (f" → {seen['status']}" if "status" in seen else "")
    return f"{head}\n\n{shown(seen['reply'])}"


def close_codes() -> str:
    """All codes that connections end with."""
    rows = [(str(close.code), close.reason, close.advice) for close in (*closes.OURS, *_FRAMES)]
    return table(("code", "reason", "the client should"), sorted(rows))


_FRAMES = (
    closes.Close(1002, "broken WebSocket frames", "mend itself, and not loop"),
    closes.Close(1007, "a text frame that is not UTF-8", "mend itself, and not loop"),
    closes.Close(1009, f"a message of more than {replies.MAX_MESSAGE_BYTES} bytes", "send less, and not loop"),
    closes.Close(1011, "a fault of the server", "connect again, ever more slowly"),
)
"""Those that come from the WebSocket protocol itself (RFC 6455, section 7.4.1)."""

BLOCKS: dict[str, Callable[..., str]] = {
    made.__name__.replace("_", "-"): made
    for made in (
        *(welcome, exchange, failure, upload, actions, objects, events, event_keys),
        *(errors, error_keys, refusals, close_codes),
    )
}
"""By the name that a page has them by."""
