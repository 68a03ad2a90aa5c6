"""Curves as SVG, drawn by hand: shares of what was measured over a logarithmic axis of milliseconds."""

import math
from collections.abc import Sequence
from html import escape
from typing import NamedTuple

WIDTH, PANEL_HEIGHT = 760, 300
LEFT, RIGHT, TOP, BOTTOM = 60, 230, 40, 45
COLOURS = ("#5865f2", "#d9534f", "#e69138", "#3c9d5d", "#8e5bb5", "#5b6b7b", "#17a2b8", "#b8860b")
FONT = 'font-family="sans-serif" font-size="12" fill="#24292f"'
SHARES = (0, 25, 50, 75, 99)


class Curve(NamedTuple):
    """Values, milliseconds, and what they are of."""

    name: str
    values: Sequence[float]


class Panel(NamedTuple):
    """Some curves over one axis, from ``low`` to ``high`` milliseconds."""

    title: str
    axis: str
    curves: Sequence[Curve]
    low: float
    high: float


def draw(panels: Sequence[Panel], facts: str) -> str:
    """The panels one above the other, and in a last line what they were measured on."""
    height = PANEL_HEIGHT * len(panels) + 24
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height}" {FONT}>',
        f'<rect width="{WIDTH}" height="{height}" fill="#ffffff"/>',
    ]
    for number, panel in enumerate(panels):
        parts += [f'<g transform="translate(0 {number * PANEL_HEIGHT})">', *_panel(panel), "</g>"]
    parts += [_text(LEFT, height - 8, facts, size=9, colour="#57606a"), "</svg>"]
    return "\n".join(parts) + "\n"


def _panel(panel: Panel) -> list[str]:
    parts = [_text(LEFT, 24, panel.title, size=14)]
    bottom, right = PANEL_HEIGHT - BOTTOM, WIDTH - RIGHT
    for share in SHARES:
        y = _y(share / 100)
        parts += [_line(LEFT, y, right, y), _text(LEFT - 8, y + 4, f"{share} %", anchor="end")]
    for tick in _ticks(panel.low, panel.high):
        x = _x(panel, tick)
        parts += [_line(x, TOP, x, bottom), _text(x, bottom + 16, f"{tick:g}", anchor="middle")]
    parts.append(_text((LEFT + right) / 2, bottom + 34, panel.axis, anchor="middle"))
    for curve, colour, row in zip(panel.curves, COLOURS * 9, range(99), strict=False):
        parts.append(f'<polyline fill="none" stroke="{colour}" stroke-width="2" points="{_points(panel, curve)}"/>')
        parts.append(_text(right + 12, TOP + 12 + 18 * row, curve.name, colour=colour))
    return parts


def _points(panel: Panel, curve: Curve) -> str:
    ordered = sorted(curve.values)
    last = max(1, len(ordered) - 1)
    places = [(_x(panel, value), _y(n / last)) for n, value in enumerate(ordered)]
    return " ".join(f"{x:.1f},{y:.1f}" for x, y in places)


def _x(panel: Panel, value: float) -> float:
    low, high = math.log(panel.low), math.log(panel.high)
    share = (math.log(min(max(value, panel.low), panel.high)) - low) / (high - low)
    return LEFT + share * (WIDTH - RIGHT - LEFT)


def _y(share: float) -> float:
    return PANEL_HEIGHT - BOTTOM - share * (PANEL_HEIGHT - BOTTOM - TOP)


def _ticks(low: float, high: float) -> list[float]:
    decades = range(math.floor(math.log10(low)), math.ceil(math.log10(high)) + 1)
    ticks = [digit * 10.0**decade for decade in decades for digit in (1, 2, 5)]
    return [tick for tick in ticks if low <= tick <= high]


def _line(x1: float, y1: float, x2: float, y2: float) -> str:
    return f'<line x1="{x1:.1f}" y1="{y1:.1f}" x2="{x2:.1f}" y2="{y2:.1f}" stroke="#e3e6ea"/>'


def _text(x: float, y: float, text: str, *, anchor: str = "start", size: int = 12, colour: str = "#24292f") -> str:
    return (
        f'<text x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}" font-size="{size}" fill="{colour}">{escape(text)}</text>'
    )
