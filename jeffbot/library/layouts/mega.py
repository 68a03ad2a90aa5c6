"""The boards of Mega Soundboard."""

from collections.abc import Iterator
from typing import Any

from .arrivals import Claim, Known, decibels, details, items, number, text
from .format import Format
from .source import read_json


def _claims(saved: dict[str, Any]) -> Iterator[Claim]:
    """``Soundboards.json`` of Tom4nt/Mega-Soundboard (``soundboard.ts``, ``group.ts``, ``sound.ts``).

    ``{"soundboards": [{"name", "volume", "sounds": [{"name", "volume", "path"} or {"name", "volume", "playables",
    "mode"}]}]}``. Names of boards and groups become tags. Volumes are 0 to 1, in older files 0 to 100, multiply down
    the tree, and samples are multiplied with their square (``audioInstance.ts``).
    """
    waiting: list[tuple[dict[str, Any], tuple[str, ...], float]] = [
        (board, (), 1.0) for board in reversed(items(saved["soundboards"]))
    ]
    while waiting:
        item, tags, volume = waiting.pop()
        volume *= _volume(item.get("volume"))
        inside = items(item.get("playables")) or items(item.get("sounds"))
        if file := text(item.get("path")) or text(item.get("url")):
            made = details(title=item.get("name"), tags=tags, gain=decibels(volume, power=2))
            yield Claim(file=file, known=Known(details=made))
        waiting += [(one, (*tags, text(item.get("name"))), volume) for one in reversed(inside)]


def _volume(value: object) -> float:
    given = number(value)
    if given is None or given < 0:
        return 1.0
    return given / 100 if given > 1 else given


MEGA = Format(
    name="Mega Soundboard",
    extensions=frozenset({".json"}),
    load=read_json,
    fits=lambda saved: isinstance(saved, dict) and bool(items(saved.get("soundboards"))),
    claims=_claims,
)
