"""Boards of EXP Soundboard and of what reads its files."""

from collections.abc import Iterator
from typing import Any

from .arrivals import Claim, items, text
from .format import Format
from .source import read_json


def _claims(board: dict[str, Any]) -> Iterator[Claim]:
    r"""One board: ``{"soundboardEntries": [{"file": "C:\…", "activationKeysNumbers": […]}]}``.

    As ``Soundboard.java`` and ``SoundboardEntry.java`` of EXP Soundboard wrote it, and ``Soundboard.kt`` of
    esotericenderman/exp-soundboard does: ``{"entries": [{"file": {"path": "C:\…"}, "activationKeys": […]}]}``.
    """
    for entry in _entries(board):
        file = entry["file"]
        yield Claim(file=text(file.get("path") if isinstance(file, dict) else file))


def _entries(board: dict[str, Any]) -> list[dict[str, Any]]:
    return [entry for key in ("soundboardEntries", "entries") for entry in items(board.get(key)) if "file" in entry]


EXP = Format(
    name="EXP Soundboard",
    extensions=frozenset({".json"}),
    load=read_json,
    fits=lambda board: isinstance(board, dict) and bool(_entries(board)),
    claims=_claims,
)
