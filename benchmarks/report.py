"""What all benchmarks say: the machine, percentiles, tables, JSON."""

import json
import os
import platform
import subprocess
from collections.abc import Mapping, Sequence
from importlib.metadata import version
from pathlib import Path
from typing import Any

PACKAGES = ("jeffbot", "nextcord", "aiohttp", "dave.py", "cryptography")


def machine() -> str:
    """What it ran on, in a line."""
    model = platform.processor() or platform.machine()
    info = Path("/proc/cpuinfo")
    if info.exists():
        model = next(
            (line.split(":")[1].strip() for line in info.read_text().splitlines() if "model name" in line), model
        )
    packages = " ".join(f"{name} {version(name)}" for name in PACKAGES)
    system = f"{platform.system()} {platform.release()}"
    return f"{os.cpu_count()} x {model}, {system}, Python {platform.python_version()}; {packages}"


def load() -> str:
    """How busy the machine was with other things, where the system tells."""
    if not hasattr(os, "getloadavg"):
        return "load unknown"
    return f"load of the last minute {os.getloadavg()[0]:.2f} of {os.cpu_count()} cores"


def percentile(ordered: Sequence[float], share: float) -> float:
    """The value that this share of the sorted values does not exceed (nearest rank)."""
    return ordered[min(len(ordered) - 1, round(share * (len(ordered) - 1)))]


def spread(values: Sequence[float]) -> dict[str, float]:
    """Smallest, median, 99th percentile and largest of some values."""
    ordered = sorted(values)
    return {
        "min": ordered[0],
        "median": percentile(ordered, 0.5),
        "p99": percentile(ordered, 0.99),
        "max": ordered[-1],
    }


def table(rows: Sequence[Mapping[str, Any]]) -> str:
    """Rows with the same keys, aligned: text to the left, numbers to the right."""
    if not rows:
        return "(nothing was measured)"
    cells = [list(rows[0]), *([cell(value) for value in row.values()] for row in rows)]
    widths = [max(len(cell) for cell in column) for column in zip(*cells, strict=True)]
    texts = [isinstance(value, str) for value in rows[0].values()]
    return "\n".join(
        "  ".join(
            cell.ljust(width) if text else cell.rjust(width)
            for cell, width, text in zip(line, widths, texts, strict=True)
        ).rstrip()
        for line in cells
    )


def cell(value: object) -> str:
    """How a table shows a value."""
    return f"{value:.2f}" if isinstance(value, float) else str(value)


def write(file: Path | None, benchmark: str, method: str, **results: object) -> None:
    """Write what was measured, and where and how, as JSON; nothing without a file."""
    if file is not None:
        facts = {"benchmark": benchmark, "machine": machine(), "load": load(), "method": method, **results}
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(json.dumps(facts, indent=1))


def make_sound(ffmpeg: str | Path, file: Path, source: str, seconds: float) -> Path:
    """Have ffmpeg synthesise a stereo sound by a source of its ``lavfi``; its format is as the file's name says."""
    shape = ["-t", str(seconds), "-ac", "2", "-ar", "48000", "-b:a", "96k"]
    codec = ["-c:a", "libopus", "-frame_duration", "20"] if file.suffix == ".ogg" else []
    command = [ffmpeg, "-v", "error", "-nostdin", "-f", "lavfi", "-i", source, *shape, *codec, "-y", file]
    subprocess.run(command, check=True, stdin=subprocess.DEVNULL)
    return file
