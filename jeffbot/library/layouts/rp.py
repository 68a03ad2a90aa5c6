"""The boards of RP Soundboard, of TeamSpeak."""

import re
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path

from .arrivals import Claim, Known, details
from .format import Format
from .source import read_text

type _Buttons = dict[tuple[str, int], dict[str, str]]
"""Settings of buttons, by board and number."""

_SECTION = re.compile(r"\[(.*)\]")
_SETTING = re.compile(r"([0-9]{1,6})\\(\w+)=(.*)")
_ESCAPE = re.compile(r"\\(?:x([0-9A-Fa-f]{1,6})|(.))")
_LETTERS = {"a": "\a", "b": "\b", "f": "\f", "n": "\n", "r": "\r", "t": "\t", "v": "\v", "0": "\0"}
_ARGB = re.compile(r"[0-9A-Fa-f]{1,8}")
_INTEGER = re.compile(r"-?[0-9]{1,9}")
_UNITS = {"0": 0.001, "1": 1.0}
"""Seconds, by ``getTimeUnitFactor`` of ``SoundInfo.cpp``."""
_STOP_AT = "1"


def _load(file: Path) -> _Buttons:
    """What a QSettings file has of arrays named ``files``, ``files2`` and so on (Qt: QSettings, "IniFormat").

    Raises:
        UnreadableError: It cannot be read.
    """
    buttons: _Buttons = defaultdict(dict)
    board = ""
    for line in read_text(file).splitlines():
        if section := _SECTION.fullmatch(line.strip()):
            board = section[1]
        elif board.startswith("files") and (setting := _SETTING.fullmatch(line)):
            buttons[board, int(setting[1])][setting[2]] = _unescaped(setting[3])
    return {place: settings for place, settings in buttons.items() if settings.get("path")}


def _unescaped(value: str) -> str:
    value = value[1:-1] if len(value) > 1 and value[0] == value[-1] == '"' else value
    return _ESCAPE.sub(_character, value)


def _character(escape: re.Match[str]) -> str:
    if escape[1] is None:
        return _LETTERS.get(escape[2], escape[2])
    code = int(escape[1], 16)
    return chr(code) if code <= 0x10FFFF else ""


def _claims(buttons: _Buttons) -> Iterator[Claim]:
    r"""``rp_soundboard.ini`` of MGraefe/RP-Soundboard (``SoundInfo.cpp``, ``ConfigModel.cpp``).

    ``[files]``, then for each button ``1\path``, ``1\customText``, ``1\customColor`` (AARRGGBB; a clear one is none),
    ``1\volume`` (dB) and ``1\crop…``: where it starts, and how long after that, or when, it stops.
    """
    for settings in buttons.values():
        made = details(
            title=settings.get("customText"),
            gain=_integer(settings.get("volume")),
            trim=_trim(settings),
            colour=_colour(settings.get("customColor", "")),
        )
        yield Claim(file=settings["path"], known=Known(details=made))


def _trim(settings: dict[str, str]) -> tuple[float, float | None]:
    if settings.get("cropEnabled") != "true":
        return 0.0, None
    start = _integer(settings.get("cropStartValue", "1")) * _UNITS.get(settings.get("cropStartUnit", "1"), 1.0)
    stop = _integer(settings.get("cropStopValue")) * _UNITS.get(settings.get("cropStopUnit", "1"), 1.0)
    end = stop if settings.get("cropStopAfterAt") == _STOP_AT else start + stop
    return start, end if end > start else None


def _colour(argb: str) -> int | None:
    value = int(argb, 16) if _ARGB.fullmatch(argb) else 0
    return value & 0xFFFFFF if value >> 24 else None


def _integer(value: str | None) -> int:
    return int(value) if value and _INTEGER.fullmatch(value) else 0


RP = Format(name="RP Soundboard", extensions=frozenset({".ini"}), load=_load, fits=bool, claims=_claims)
