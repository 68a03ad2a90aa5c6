"""What joining, playing, leaving and reloading leave behind: nothing, however often."""

import asyncio
import contextlib
import os
import re
import sys
import threading
from pathlib import Path
from typing import NamedTuple

import pytest

from jeffbot.store.store import FILE_NAME, READERS
from jeffbot.voice import joiner
from staging import EXTENSION, PATIENCE, MakeStage, Stage

LONG = bool(os.environ.get("JEFFBOT_TEST_LONG"))
CYCLES = 1000 if LONG else 10
RELOADS = 100 if LONG else 3
KEPT_FILES = 3 * (1 + READERS)
"""What the database opens as there is need: itself, its log and the log's index, for each who writes or reads."""
SETTLED = 0.3
"""Seconds without a change after which nothing is taken to be under way any more."""


class Held(NamedTuple):
    """What the process holds."""

    files: int
    """Open files and sockets."""
    threads: int
    tasks: int
    children: int

    @classmethod
    def now(cls) -> "Held":
        children = 0
        for file in Path("/proc/self/task").glob("*/children"):
            with contextlib.suppress(FileNotFoundError):  # that thread has ended meanwhile
                children += len(file.read_text().split())
        opened = [_target(number) for number in os.listdir("/proc/self/fd")]  # noqa: PTH208 - iterdir would open one
        kept = sum(FILE_NAME in name for name in opened)
        files = len(opened) - kept + max(kept, KEPT_FILES)
        return cls(files, len(cls.thread_names()), len(asyncio.all_tasks()), children)

    @staticmethod
    def thread_names() -> list[str]:
        """Threads but those of pools, which grow to their bounds as there is need."""
        names = (thread.name for thread in threading.enumerate())
        return sorted(name for name in names if not re.search(r"_\d+$", name))


pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="counts what /proc shows")


def _target(number: str) -> str:
    try:
        return str(Path("/proc/self/fd", number).readlink())
    except FileNotFoundError:  # closed meanwhile
        return ""


async def settled() -> Held:
    """What is held once that has not changed for a while."""
    held, since = Held.now(), asyncio.get_running_loop().time()
    async with asyncio.timeout(PATIENCE):
        while asyncio.get_running_loop().time() - since < SETTLED:
            await asyncio.sleep(0.01)  # nothing tells of it
            if (now := Held.now()) != held:
                held, since = now, asyncio.get_running_loop().time()
    return held


async def no_more_than(before: Held) -> None:
    """Wait until no more is held than before."""
    try:
        async with asyncio.timeout(PATIENCE):
            while any(now > then for now, then in zip(Held.now(), before, strict=True)):
                await asyncio.sleep(0.01)  # nothing tells of it
    except TimeoutError:
        names = sorted(task.get_name() for task in asyncio.all_tasks())
        pytest.fail(f"{before} have become {Held.now()}: {names}, {Held.thread_names()}")


async def cycle(stage: Stage) -> None:
    """Join, play, and be put out."""
    await stage.service.play(stage.alice.id, "low")
    ear = stage.ear
    await stage.app.kick_from_voice(stage.guild)
    await stage.discord.until(lambda: not ear.connected, timeout=PATIENCE)
    async with asyncio.timeout(PATIENCE):
        while stage.service.status(stage.alice.id).connected:
            await asyncio.sleep(0)


@pytest.mark.discord(gateway_rate_limit=100_000)
async def test_join_play_leave(make_stage: MakeStage, monkeypatch: pytest.MonkeyPatch) -> None:
    """Joining, playing and leaving again and again holds no more than doing it twice."""
    monkeypatch.setattr(joiner, "JOINS_WINDOW", 0.0)
    async with make_stage() as stage:
        monkeypatch.setattr(stage.bot.ws._rate_limiter, "get_delay", lambda: 0.0)
        await stage.service.wait_ready()
        await stage.soundboard.wait_serving()
        for _ in range(2):
            await cycle(stage)
        before = await settled()
        for _ in range(CYCLES):
            await cycle(stage)

        await no_more_than(before)


@pytest.mark.discord(gateway_rate_limit=100_000)
async def test_reload(make_stage: MakeStage, monkeypatch: pytest.MonkeyPatch) -> None:
    """Reloading in mid-play again and again holds no more than doing it twice."""
    async with make_stage() as stage:
        monkeypatch.setattr(stage.bot.ws._rate_limiter, "get_delay", lambda: 0.0)

        async def reload() -> None:
            await stage.service.wait_ready()
            await stage.soundboard.wait_serving()
            await stage.service.play(stage.alice.id, "low")
            stage.bot.reload_extension(EXTENSION)
            await stage.soundboard.wait_serving()

        for _ in range(2):
            await reload()
        before = await settled()
        for _ in range(RELOADS):
            await reload()

        await no_more_than(before)
