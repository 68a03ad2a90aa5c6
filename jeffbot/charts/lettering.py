"""Writing in a picture, with Pillow's own font, which has hardly more than ASCII, and those of the system."""

import math
import unicodedata
from bisect import bisect_right
from collections.abc import Sequence
from contextlib import suppress
from functools import cache, lru_cache
from itertools import groupby
from typing import cast

from PIL import Image, ImageDraw, ImageFont, features

Colour = tuple[int, int, int]
Piece = tuple[ImageFont.FreeTypeFont, str]

NAME_LIMIT = 120
"""Characters of a name that are looked at; no column is as wide."""
_SYSTEM_FONTS = (
    "NotoSans-Regular.ttf",
    "DejaVuSans.ttf",
    "segoeui.ttf",
    "Arial Unicode.ttf",
    "NotoSansCJK-Regular.ttc",
    "YuGothR.ttc",
    "malgun.ttf",
    "Hiragino Sans GB.ttc",
    "NotoSansArabic-Regular.ttf",
    "NotoSansHebrew-Regular.ttf",
    "NotoSansThai-Regular.ttf",
    "NotoSansDevanagari-Regular.ttf",
    "NotoEmoji-Regular.ttf",
    "seguiemj.ttf",
)
_PROBE = 16
"""Size at which fonts are asked what they have, pixels."""
_BOTH_WAYS = bool(features.check("raqm") and features.check("fribidi"))
"""Whether Pillow can order what is written from right to left."""


def write(
    pen: ImageDraw.ImageDraw,
    at: tuple[float, float],
    text: str,
    size: int,
    colour: Colour,
    *,
    width: float = math.inf,
    align: float = 0,
) -> float:
    """Write a line on its baseline, cut to ``width`` pixels, ``align`` of it left of ``at``; returns its length."""
    pieces = _fit(text, size, width)
    length = _length(pieces)
    x, y = at[0] - length * align, at[1]
    for font, piece in pieces:
        pen.text((x, y), piece, colour, font, anchor="ls")
        x += font.getlength(piece)
    return length


def _fit(text: str, size: int, width: float) -> list[Piece]:
    readable = _readable(text)
    pieces = _pieces(readable, size)
    if _length(pieces) <= width:
        return pieces
    cuts = range(1, len(readable))
    kept = bisect_right(cuts, width, key=lambda cut: _length(_pieces(_cut(readable, cut), size)))
    return _pieces(_cut(readable, kept), size)


def _cut(text: str, kept: int) -> str:
    return text[:kept].rstrip() + "…"


def _length(pieces: Sequence[Piece]) -> float:
    return sum(font.getlength(piece) for font, piece in pieces)


def _pieces(text: str, size: int) -> list[Piece]:
    """A text by the fonts that draw it: the one that has most of it, and for what that lacks the first that has it."""
    fonts = range(len(_fonts(size)))
    main = max(fonts, key=lambda font: sum(_has(font, char) for char in text))
    runs = groupby(text, lambda char: next((font for font in (main, *fonts) if _has(font, char)), main))
    return [(_fonts(size)[font], "".join(run)) for font, run in runs]


def _readable(text: str) -> str:
    """A name in what can be drawn: accents go, symbols are spelled (``:trumpet:``), other runs become one ellipsis."""
    shown: list[str] = []
    for char in " ".join(text[:NAME_LIMIT].split()):
        if unicodedata.category(char)[0] == "C":
            continue
        plain = char if _drawable(char) else _escape(char)
        if plain != "…" or shown[-1:] != ["…"]:
            shown.append(plain)
    return "".join(shown)


def _escape(char: str) -> str:
    if simpler := "".join(filter(_drawable, unicodedata.normalize("NFKD", char))):
        return simpler
    match unicodedata.category(char):
        case "So":
            return f":{unicodedata.name(char, '…').lower().replace(' ', '_')}:"
        case "Mn" | "Me" | "Sk":
            return ""
        case _:
            return "…"


def _drawable(char: str) -> bool:
    return any(_has(font, char) for font in range(len(_fonts(_PROBE))))


@lru_cache(8192)
def _has(font: int, char: str) -> bool:
    if not _BOTH_WAYS and unicodedata.bidirectional(char) in {"R", "AL"}:
        return False
    drawn, missing = (_glyph(_fonts(_PROBE, ImageFont.Layout.BASIC)[font], each) for each in (char, "\uffff"))
    return char == " " or (any(drawn) and drawn != missing)


def _glyph(font: ImageFont.FreeTypeFont, char: str) -> bytes:
    image = Image.new("L", (4 * _PROBE, 3 * _PROBE))
    ImageDraw.Draw(image).text((_PROBE, 2 * _PROBE), char, 255, font, anchor="ls")
    return image.tobytes()


@cache
def _fonts(size: int, layout: ImageFont.Layout | None = None) -> list[ImageFont.FreeTypeFont]:
    """Pillow's own font, then those of the system that are there."""
    own = cast("ImageFont.FreeTypeFont", ImageFont.load_default(size))
    found = [own.font_variant(layout_engine=layout)]
    for name in _SYSTEM_FONTS:
        with suppress(OSError):
            found.append(ImageFont.truetype(name, size, layout_engine=layout))
    return found
