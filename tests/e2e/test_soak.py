"""A soundboard in a process of its own, with clients that come, press, subscribe and leave, long or longer."""

import asyncio
import json
import os
import sys
from pathlib import Path
from typing import Any

import pytest

SECONDS = 3600.0 if os.environ.get("JEFFBOT_TEST_LONG") else 10.0
REMOTE = Path(__file__).parents[2] / "benchmarks" / "remote.py"
START_SECONDS = 60.0
SETTLED_SECONDS = 600.0
"""What a shorter soak shows of memory is mostly what has yet to be there for the first time."""

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="counts what /proc shows")


async def soak(folder: Path, seconds: float) -> list[dict[str, Any]]:
    """What ``benchmarks/remote.py`` measured in so many seconds."""
    figures = folder / "figures.json"
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, REMOTE, "--quick", "--only", "soak", "--soak", str(seconds), "--json", figures),
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    try:
        async with asyncio.timeout(seconds + START_SECONDS):
            output, _ = await process.communicate()
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
    assert process.returncode == 0, output.decode()
    measured: list[dict[str, Any]] = json.loads(figures.read_text())["figures"]
    return measured


async def test_soak(tmp_path: Path) -> None:
    """Hundreds of clients lose no connection, and leave no memory, task, socket or file behind."""
    figures = {figure["what"]: figure for figure in await soak(tmp_path, SECONDS)}

    kept = {what for what, figure in figures.items() if figure["most"] is not None}
    assert kept >= {"connections lost", "tasks more than before", "files more than before", "clients more than before"}
    assert figures["connections"]["value"] > 1
    missed = {
        what: figure["value"]
        for what, figure in figures.items()
        if figure["most"] is not None
        and figure["value"] > figure["most"]
        and not what.startswith("voice")
        and (SECONDS >= SETTLED_SECONDS or not what.startswith("memory"))
    }
    assert missed == {}
