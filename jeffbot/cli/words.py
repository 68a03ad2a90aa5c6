"""What is typed, as a request of the action table: ``play airhorn volume=50``, ``favourites add airhorn``."""

from collections.abc import Sequence
from typing import Any, NamedTuple

import msgspec

from ..ws import requests
from ..ws.actions import ACTIONS
from ..ws.protocol import explain

COMMANDS = tuple(name for name, action in ACTIONS.items() if action.handler and name != "refresh")
"""The actions that can be typed."""
TEXT_FIELD = {
    "play": "filename",
    "random": "tag",
    "stop": "playback_id",
    "search": "query",
    "upload": "filename",
    "edit": "filename",
    "delete": "filename",
}
"""By action, the field that free text is for; those of other actions begin with the name of a field."""
NAMES_FIELDS = frozenset({"add", "remove", "aliases", "tags"})
"""Fields that take several names: with commas between them after ``=``."""


class Typed(NamedTuple):
    """A request."""

    action: str
    fields: dict[str, Any]


def parse(words: Sequence[str]) -> Typed:
    """Read a request: an action, text, and ``field=value`` anywhere after the action.

    Raises:
        ValueError: It is none; in words for people.
    """
    action, *rest = words
    if action not in COMMANDS:
        raise ValueError(f"there is no {action!r}; there are {', '.join(COMMANDS)}")
    kind = ACTIONS[action].request
    given: dict[str, Any] = {}
    text: list[str] = []
    for word in rest:
        name, equals, value = word.partition("=")
        if equals and name in kind.__struct_fields__:
            given[name] = _value(name, value)
        else:
            text.append(word)
    if text:
        given |= _text(action, kind, text)
    return Typed(action, _checked(action, kind, given))


def _text(action: str, kind: type[requests.Request], words: list[str]) -> dict[str, Any]:
    if action in TEXT_FIELD:
        return {TEXT_FIELD[action]: " ".join(words)}
    name, *rest = words
    if name not in kind.__struct_fields__:
        fields = ", ".join(kind.__struct_fields__) or "nothing"
        raise ValueError(f"{action} does not take {name!r}; it takes {fields}")
    value = " ".join(rest) or "true"
    return {name: [value] if name in NAMES_FIELDS else _value(name, value)}


def _value(name: str, value: str) -> Any:
    if value == "null":
        return None
    return value.split(",") if name in NAMES_FIELDS else value


def _checked(action: str, kind: type[requests.Request], given: dict[str, Any]) -> dict[str, Any]:
    """The fields as their types have them."""
    unsaid = {"size": 1} if action == "upload" else {}
    try:
        request = msgspec.convert(unsaid | given, kind, strict=False)
    except msgspec.ValidationError as error:
        raise ValueError(f"{action}: {explain(error)[1]}") from None
    return {name: value for name in given if (value := getattr(request, name)) is not msgspec.UNSET}
