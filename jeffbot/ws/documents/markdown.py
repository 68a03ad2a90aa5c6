"""Schemas and messages as Markdown."""

import json
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

from .shapes import Schema, schemas

WIDTH = 110
"""Characters of a line of an example."""
MOST = 3
"""So many items of a list are shown."""
LONG = 1000
"""Characters of a text from which on its bound is no news to anybody."""
_WORDS = {"string": "text", "boolean": "true or false", "null": "null", "object": "object"}


def table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """A table."""
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join("| " + " | ".join(cell.replace("|", "\\|") for cell in line) + " |" for line in lines)


def shown(*messages: Any) -> str:
    """Messages as a block of code, with long lists cut."""
    return "\n".join(("```json", *(_json(message, 0) for message in messages), "```"))


def _json(value: Any, indent: int) -> str:
    whole = _inline(value)
    if len(whole) + indent <= WIDTH or not isinstance(value, dict | list):
        return whole
    if isinstance(value, dict):
        pairs = [f"{json.dumps(key)}: {_json(item, indent + 1)}" for key, item in value.items()]
        return f"{{{_filled(pairs, indent + 1)}}}"
    items = [_json(item, indent + 1) for item in value[:MOST]]
    return f"[{_filled([*items, '…'] if len(value) > MOST else items, indent + 1)}]"


def _inline(value: Any) -> str:
    if isinstance(value, dict):
        return "{" + ", ".join(f"{json.dumps(key)}: {_inline(item)}" for key, item in value.items()) + "}"
    if isinstance(value, list):
        cut = ["…"] if len(value) > MOST and not isinstance(value[0], str) else []
        kept = value[:MOST] if cut else value
        return "[" + ", ".join([*map(_inline, kept), *cut]) + "]"
    return json.dumps(value, ensure_ascii=False)


def _filled(parts: Sequence[str], indent: int) -> str:
    """The parts, as many in a line as there is room for."""
    lines: list[str] = []
    for part in parts:
        if lines and "\n" not in lines[-1] + part and indent + len(lines[-1]) + len(part) + 2 <= WIDTH:
            lines[-1] += f", {part}"
        else:
            lines.append(part)
    return (",\n" + " " * indent).join(lines)


def kind(schema: Schema, *, nullable: bool = True) -> str:
    """What a value may be, in words."""
    options = [option for option in schema.get("anyOf", [schema]) if nullable or option.get("type") != "null"]
    patterns = [option for option in options if option.get("pattern") == "^[0-9]{1,20}$"]
    if patterns:
        options = [option for option in options if option.get("type") != "integer" and option not in patterns]
        return " or ".join(["Discord id", *map(_one, options)])
    return " or ".join(dict.fromkeys(map(_one, options)))


def _one(schema: Schema) -> str:
    if "$ref" in schema:
        name = target(schema)
        values = schemas()[name].get("enum")
        return _choices(values) if values else f"[`{name}`](#{name.lower()})"
    if "const" in schema or "enum" in schema:
        return _choices([schema["const"]] if "const" in schema else schema["enum"])
    if schema.get("type") == "array":
        most = f", at most {schema['maxItems']}" if "maxItems" in schema else ""
        return f"list of {kind(schema['items'])}{most}"
    name = str(schema.get("type", "anything"))
    return " ".join(filter(None, (_WORDS.get(name, name), _bounds(schema))))


def _choices(values: Sequence[str]) -> str:
    return ", ".join(f"`{value}`" for value in values) if len(values) <= 8 else "text"


def _bounds(schema: Schema) -> str:
    if "pattern" in schema:
        return f"like `{schema['pattern']}`"
    low, high = (schema.get(name) for name in ("minimum", "maximum"))
    if low is not None:
        return f"from {_number(low)} to {_number(high)}" if high is not None else f"from {_number(low)} on"
    most = schema.get("maxLength", LONG)
    return f"of at most {most} characters" if most < LONG else ""


def _number(value: float) -> str:
    return f"{value:,.10g}".replace(",", " ")


def target(schema: Schema) -> str:
    """The name of the schema that a reference is to."""
    return str(schema["$ref"]).rpartition("/")[2]


def meaning(schema: Schema) -> str:
    """What is said of a field; where nothing is, of the values it can have."""
    if "description" in schema:
        return str(schema["description"])
    for option in schema.get("anyOf", [schema]):
        if "$ref" in option and "enum" in (choice := schemas()[target(option)]):
            return str(choice.get("description", ""))
    return ""


def references(schema: Any) -> Iterator[str]:
    """The names of all objects that a schema refers to, the nearest first."""
    if isinstance(schema, dict):
        if "$ref" in schema:
            yield target(schema)
            yield from references(schemas()[target(schema)])
        else:
            for item in schema.values():
                yield from references(item)
    elif isinstance(schema, list):
        for item in schema:
            yield from references(item)
