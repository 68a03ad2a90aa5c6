"""Draws what ``press.py`` and ``pacing.py`` wrote as JSON.

python benchmarks/plot.py FILE.json FILE.svg
"""

import json
import sys
from pathlib import Path
from typing import Any

from curves import Curve, Panel, draw

PRESS_AXIS = "milliseconds from the press to the first packet's arrival"
LATE_AXIS = "milliseconds late"


def press_panels(measured: dict[str, Any]) -> list[Panel]:
    """Presses while nothing plays, and while another sound does."""
    titles = {"warm": "Press to first packet: nothing plays", "replace": "Press to first packet: another sound plays"}
    return [Panel(title, PRESS_AXIS, _figures(measured["figures"], kind), 0.5, 200) for kind, title in titles.items()]


def pacing_panels(measured: dict[str, Any]) -> list[Panel]:
    """How late packets are, by the number of guilds, in end-to-end encrypted calls; and the peers."""
    rows = [row for row in measured["rows"] if row["call"] == "DAVE"]
    ours = [Curve(f"{row['guilds']} guilds", row["curve"]) for row in rows if row["bot"] == "jeffbot"]
    peers = [row for row in rows if row["guilds"] in {100, 200}]
    beside = [Curve(f"{row['bot']}, {row['guilds']}", row["curve"]) for row in peers]
    return [
        Panel("jeffbot: how late packets are", LATE_AXIS, ours, 0.01, 1000),
        Panel("Beside others, guilds at once", LATE_AXIS, beside, 0.01, 1000),
    ]


def _figures(figures: dict[str, Any], kind: str) -> list[Curve]:
    return [Curve(name, [1000 * value for value in each[kind]]) for name, each in figures.items() if each[kind]]


PANELS = {"press": press_panels, "pacing": pacing_panels}


def main() -> None:
    """Read, draw, write."""
    source, target = map(Path, sys.argv[1:3])
    measured = json.loads(source.read_text())
    target.write_text(draw(PANELS[measured["benchmark"]](measured), measured["machine"]))


if __name__ == "__main__":
    main()
