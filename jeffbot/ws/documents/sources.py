"""What the code says of fields and of the members of enumerations, where classes cannot say it: the text under each."""

import ast
import enum
import functools
import inspect
import re
import sys
from collections.abc import Iterator

_ROLE = re.compile(r":\w+:`~?\.?(?:[\w.]+\.)?(\w+)`")
_JSON = {"None": "null", "True": "true", "False": "false"}


def plain(text: str) -> str:
    """A docstring's text in one line, in Markdown, with the values as JSON has them."""
    text = " ".join(_ROLE.sub(r"`\1`", text).replace("``", "`").split())
    return re.sub(r"\b(None|True|False)\b", lambda found: _JSON[found[0]], text)


def summary(documented: object) -> str:
    """The docstring of a class or function."""
    return plain(documented.__doc__ or "")


def fields(kind: type) -> dict[str, str]:
    """What is said of each field or member, its own or inherited."""
    said: dict[str, str] = {}
    for base in reversed(kind.__mro__):
        said |= _module(base.__module__).get(base.__name__, {})
    return said


def choices(kind: type[enum.Enum]) -> str:
    """The members of an enumeration with what is said of them; empty where nothing is."""
    said = fields(kind)
    told = [f"`{member.value}`: {said[name].rstrip('.')}" for name, member in kind.__members__.items() if name in said]
    return "; ".join(told) + "." if told else ""


@functools.cache
def _module(name: str) -> dict[str, dict[str, str]]:
    module = sys.modules[name]
    if not getattr(module, "__file__", None) or not name.startswith(__name__.partition(".")[0]):
        return {}
    tree = ast.parse(inspect.getsource(module))
    return {node.name: dict(_said(node)) for node in ast.walk(tree) if isinstance(node, ast.ClassDef)}


def _said(node: ast.ClassDef) -> Iterator[tuple[str, str]]:
    for named, text in zip(node.body, node.body[1:], strict=False):
        match named, text:
            case (
                ast.AnnAssign(target=ast.Name(id=name)) | ast.Assign(targets=[ast.Name(id=name)]),
                ast.Expr(value=ast.Constant(value=str(said))),
            ):
                yield name, plain(said)
