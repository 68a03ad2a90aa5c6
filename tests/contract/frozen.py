"""The contract as it was promised, and what would break it. ``make contract`` takes additions in."""

import copy
import json
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec

from jeffbot.errors import ErrorCode
from jeffbot.ws import closes, replies
from jeffbot.ws.actions import ACTIONS
from jeffbot.ws.documents import shapes
from jeffbot.ws.events import EVENTS
from jeffbot.ws.feed import Topic
from jeffbot.ws.scopes import SEED_SCOPES, Scope, implied
from jeffbot.ws.statuses import STATUS

FILE = Path(__file__).with_name("frozen.json")
_WORDS = {"title", "description", "examples"}
_LOWER = ("minimum", "minLength", "minItems", "exclusiveMinimum")
_UPPER = ("maximum", "maxLength", "maxItems", "exclusiveMaximum")

type Json = Any


def contract() -> dict[str, Json]:
    """What the server promises now."""
    promised = {
        "protocol": replies.PROTOCOL_VERSION,
        "actions": {
            action.name: {
                "scope": action.scope,
                "change_scope": action.change_scope,
                "over_http": action.handler is not None,
                "request": shapes.request(action),
                "reply": shapes.ref(action.reply),
            }
            for action in ACTIONS.values()
        },
        "messages": {
            "welcome": shapes.ref(replies.Welcome),
            "error": shapes.ref(replies.ErrorReply),
            "uploaded": shapes.ref(replies.Uploaded),
            **{name: shapes.event(name) for name in EVENTS},
        },
        "codes": {code: STATUS[code] for code in ErrorCode},
        "closes": sorted({close.code for close in closes.OURS}),
        "topics": [*Topic],
        "scopes": {scope: sorted(implied([scope])) for scope in Scope},
        "scopes_of_the_seed": sorted(SEED_SCOPES),
        "schemas": shapes.schemas(),
    }
    return {name: _bare(value) for name, value in json.loads(msgspec.json.encode(promised)).items()}


def frozen() -> dict[str, Json]:
    """What it promised when that was last taken down."""
    promised: dict[str, Json] = json.loads(FILE.read_text("utf-8"))
    return promised


def _bare(value: Json, *, are_names: bool = False) -> Json:
    """The same without words for people."""
    if isinstance(value, list):
        return [_bare(item) for item in value]
    if not isinstance(value, dict):
        return value
    kept = value.items() if are_names else ((key, item) for key, item in value.items() if key not in _WORDS)
    return {key: _bare(item, are_names=key == "properties") for key, item in kept}


class Comparison:
    """Finds what in a later contract would break a client of an earlier one."""

    def __init__(self, old: dict[str, Json], new: dict[str, Json]) -> None:
        self._old = old
        self._new = new

    def breaks(self) -> list[str]:
        """All there is, in words."""
        return [*self._breaks()]

    def _breaks(self) -> Iterator[str]:
        old, new = self._old, self._new
        for key in ("protocol", "scopes_of_the_seed"):
            if old[key] != new[key]:
                yield f"{key} is another"
        for key in ("closes", "topics"):
            yield from (f"{key}: {value} is gone" for value in old[key] if value not in new[key])
        for key in ("codes", "scopes"):
            yield from (f"{key}: {name} is another" for name, value in old[key].items() if new[key].get(name) != value)
        for name, message in old["messages"].items():
            yield from self._sent(name, message, new["messages"].get(name))
        for name, action in old["actions"].items():
            yield from self._of_action(name, action, new["actions"].get(name))

    def _of_action(self, name: str, old: Json, new: Json) -> Iterator[str]:
        if new is None:
            yield f"{name} is gone"
            return
        yield from (f"{name}: {key} is another" for key in ("scope", "change_scope") if old[key] != new[key])
        if old["over_http"] and not new["over_http"]:
            yield f"{name} is not there over HTTP any more"
        yield from self._taken(f"{name} request", old["request"], new["request"])
        yield from self._sent(f"{name} reply", old["reply"], new["reply"])

    def _taken(self, path: str, old: Json, new: Json) -> Iterator[str]:
        """What clients send has to be taken as before."""
        if new is None:
            yield f"{path} is gone"
            return
        if old.get("default") != new.get("default"):
            yield f"{path}: its default is another"
        wide = _alternatives(self._new, new)
        for narrow in _alternatives(self._old, old):
            found = [[*self._is_taken(path, narrow, one)] for one in wide]
            if all(found):
                yield from min(found, key=len)

    def _is_taken(self, path: str, old: Json, new: Json) -> Iterator[str]:
        if not _is_of(old, new):
            yield f"{path}: {old.get('type', 'a value')} is not taken any more"
        if _values(new) and not (_values(old) and _values(old) <= _values(new)):
            yield f"{path}: {', '.join(sorted(_values(old) - _values(new))) or 'any text'} is not taken any more"
        yield from (f"{path}: {key} is higher" for key in _LOWER if _exceeds(new, old, key, 1))
        yield from (f"{path}: {key} is lower" for key in _UPPER if _exceeds(new, old, key, -1))
        if new.get("pattern") not in {None, old.get("pattern")}:
            yield f"{path}: its pattern is another"
        if "items" in old:
            yield from self._taken(f"{path}[]", old["items"], new.get("items", {}))
        for name, field in old.get("properties", {}).items():
            yield from self._taken(f"{path}.{name}", field, new.get("properties", {}).get(name))
        needed = {*new.get("required", ())} - {*old.get("required", ())}
        yield from (f"{path}.{name} is required now" for name in sorted(needed))

    def _sent(self, path: str, old: Json, new: Json) -> Iterator[str]:
        """What clients are sent has to be readable as before: new values may come, new types not."""
        if new is None:
            yield f"{path} is gone"
            return
        known = _alternatives(self._old, old)
        for sent in _alternatives(self._new, new):
            found = [[*self._is_readable(path, one, sent)] for one in known]
            if all(found):
                yield from min(found, key=len)

    def _is_readable(self, path: str, old: Json, new: Json) -> Iterator[str]:
        if not _is_of(new, old):
            yield f"{path}: {new.get('type', 'a value')} was not sent before"
        if "const" in old and old["const"] != new.get("const"):
            yield f"{path}: it was {old['const']}"
        if "items" in old:
            yield from self._sent(f"{path}[]", old["items"], new.get("items"))
        for name, field in old.get("properties", {}).items():
            yield from self._sent(f"{path}.{name}", field, new.get("properties", {}).get(name))
        missing = {*old.get("required", ())} - {*new.get("required", ())}
        yield from (f"{path}.{name} may be missing now" for name in sorted(missing))


def _alternatives(where: dict[str, Json], schema: Json) -> list[Json]:
    """The schemas, without references, of which one holds."""
    if "$ref" in schema:
        return _alternatives(where, where["schemas"][schema["$ref"].rpartition("/")[2]])
    if "anyOf" in schema:
        return [one for option in schema["anyOf"] for one in _alternatives(where, option)]
    return [schema]


def _is_of(narrow: Json, wide: Json) -> bool:
    """Whether a type is the other, or a part of it."""
    types = narrow.get("type"), wide.get("type")
    return types[1] is None or types[0] == types[1] or types == ("integer", "number")


def _values(schema: Json) -> set[Json]:
    return {schema["const"]} if "const" in schema else {*schema.get("enum", ())}


def _exceeds(new: Json, old: Json, key: str, sign: int) -> bool:
    return key in new and (key not in old or sign * new[key] > sign * old[key])


def write(*, even_breaking: bool = False) -> list[str]:
    """Take down what is promised now, unless that breaks what was; what it breaks."""
    now = contract()
    broken = Comparison(frozen(), now).breaks() if FILE.exists() else []
    if even_breaking or not broken:
        FILE.write_text(_written(now), "utf-8")
    return broken


def _written(promised: dict[str, Json]) -> str:
    """As JSON with a line for each thing promised."""
    parts = {
        name: "{\n" + ",\n".join(f"  {json.dumps(key)}: {json.dumps(item)}" for key, item in value.items()) + "\n }"
        if isinstance(value, dict)
        else json.dumps(value)
        for name, value in promised.items()
    }
    return "{\n" + ",\n".join(f" {json.dumps(name)}: {text}" for name, text in parts.items()) + "\n}\n"


def copied() -> dict[str, Json]:
    """The contract, to be changed by who tries what happens then."""
    return copy.deepcopy(contract())


if __name__ == "__main__":
    found = write(even_breaking="--even-breaking" in sys.argv)
    sys.exit("\n".join(("this breaks the contract with everyone who has a client:", *found)) if found else 0)
