"""A soundboard is killed at random moments, again and again on the same folders: nothing that was done is lost."""

import asyncio
import collections
import contextlib
import itertools
import json
import os
import random
import signal
import sqlite3
import subprocess
import sys
import time
import zipfile
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import msgspec
import pytest

from jeffbot.files import hash_of
from jeffbot.store.store import FILE_NAME
from service.home import at_home
from store.program import Fact, Facts, facts

LONG = bool(os.environ.get("JEFFBOT_TEST_LONG"))
KILLS = 200 if LONG else 20
MOST_KILLS = 2 * KILLS
"""It goes on beyond those until at least half of all came into an open write or a file on its way; up to so many."""
SEED = int(os.environ.get("JEFFBOT_KILLS_SEED", "2026"))
TASKS = (
    "add",
    "delete",
    "take in a folder",
    "edit",
    "restore",
    "replace",
    "merge",
    "take in an export",
    "back up",
    "migrate",
    "export",
)
SHORT = 0.004
"""Seconds that a kill comes at most after the begin of what it is to interrupt."""
LEFTOVERS = 60
"""Files under hidden names that a kill may leave at most: those of restoring one backup."""
TESTS = Path(__file__).parent.parent


@dataclass
class Doing:
    """What was under way."""

    sets: dict[int, Fact | None] = field(default_factory=dict)
    """What is so of sounds afterwards; None: otherwise than before."""
    adds: list[Fact] = field(default_factory=list)
    backup: str = ""
    replaces: str = ""


class Judge:
    """Knows what was acknowledged, and what must therefore be so."""

    def __init__(self) -> None:
        self.known: Facts = {}
        self.contents: set[str | None] = set()
        """Of all files that ever came."""
        self.backups: dict[str, Facts] = {}
        self.refusals: list[str] = []

    def begin(self, doing: Doing) -> None:
        """Something is about to be done."""
        self.contents |= {add.content for add in doing.adds}
        if doing.backup:
            self.backups[doing.backup] = _kept(self.known)

    def acknowledge(self, doing: Doing, done: Mapping[str, Any]) -> None:
        """It was done."""
        if "refused" in done:
            self.refusals.append(done["refused"])
            return
        self.known |= {i: fact for i, fact in doing.sets.items() if fact}
        self.known |= msgspec.convert(done.get("sets", {}), Facts.__value__, strict=False)
        self.known |= {i: fact for i, fact in zip(done.get("ids", ()), doing.adds, strict=False) if i}
        if doing.replaces:
            now = msgspec.convert(done["all"], Facts.__value__, strict=False)
            assert self._not_as_then(doing, now) == []
            self.known = _kept(now)

    def judge(self, doing: Doing | None, now: Facts, aside: set[str]) -> None:
        """Compare with what is so after a kill; that is known then."""
        doing = doing or Doing()
        if doing.replaces:
            then, before = self._not_as_then(doing, now), self._not_as_before(now, aside)
            assert not (then and before), "\n".join(["half replaced", *then, "or", *before])
        else:
            self._compare(doing, now)
        taken_out = {i for i, fact in doing.sets.items() if fact and fact.state == "gone"}
        needed = {fact.content for i, fact in self.known.items() if i not in taken_out}
        assert needed <= {fact.content for fact in now.values()} | aside | {None}, "files are lost"
        self.known = _kept(now)

    def _compare(self, doing: Doing, now: Facts) -> None:
        others = {i: fact for i, fact in self.known.items() if i not in doing.sets}
        assert {i: now.get(i) for i in others} == others
        changed = [_is_so(now[i], fact, self.known[i]) for i, fact in doing.sets.items()]
        same = [now[i] == self.known[i] for i in doing.sets]
        assert all(changed) or all(same), f"half done: {doing.sets}"
        came = collections.Counter(fact for i, fact in _kept(now).items() if i not in self.known)
        assert came <= collections.Counter(doing.adds), f"came {came}"

    def _not_as_then(self, doing: Doing, now: Facts) -> list[str]:
        """What is not so again as it was; a file that was in the bin then may be at its place since."""
        buried = {i for i, fact in now.items() if fact.state == "gone"}
        return _differences(self.backups[doing.replaces], now, lambda i, then: i in buried and then.state == "deleted")

    def _not_as_before(self, now: Facts, aside: set[str]) -> list[str]:
        """What is not as before; but a file may have been put aside for what was at its place then."""
        return _differences(self.known, now, lambda i, before: i in now and before.content in aside)


def _differences(expected: Facts, now: Facts, may_be: Callable[[int, Fact], bool]) -> list[str]:
    return [
        f"{i}: {fact} is {now.get(i)}" for i, fact in expected.items() if now.get(i) != fact and not may_be(i, fact)
    ]


def _kept(now: Facts) -> Facts:
    return {i: fact for i, fact in now.items() if fact.state != "gone"}


def _is_so(now: Fact, after: Fact | None, before: Fact) -> bool:
    return now != before if after is None else now == after


class Soundboard:
    """A soundboard that is killed, and what is left of it."""

    def __init__(self, folder: Path, chance: random.Random) -> None:
        self.sounds, self.data, self.desk = folder / "sounds", folder / "data", folder / "desk"
        for made in (self.sounds, self.data, self.desk):
            made.mkdir()
        self._chance = chance
        self.judge = Judge()
        self.killed: collections.Counter[str] = collections.Counter()
        """How many kills came into what."""
        self._program = subprocess.Popen(
            [sys.executable, "-m", "store.program", self.sounds, self.data, self.desk],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            env={**os.environ, "PYTHONPATH": f"{TESTS}:{TESTS.parent}", "OPENBLAS_NUM_THREADS": "1"},
        )

    def close(self) -> None:
        """End the program."""
        self._program.communicate()

    def kill_once(self, seed: int, task: str) -> None:
        """Let it work, kill it, and look what is left."""
        assert self._program.stdin
        self._program.stdin.write(f"{seed} {task}\n")
        self._program.stdin.flush()
        doing, under_way = self._work_until_killed(self._moment(task))
        for kind in under_way or {"nothing"}:
            self.killed[kind] += 1
        if under_way & {"write", "move"}:
            self.killed["inside"] += 1
        asyncio.run(self._look(doing))

    def _moment(self, task: str) -> Callable[[dict[str, Any], str], bool]:
        """Tells by a line, and what is being done, whether it is time to kill it."""
        how = self._chance.choice(("task", "task", "task", "any", "ready"))
        left = self._chance.randint(1, 8 if how == "task" else 40)
        most = 150
        wait = self._chance.uniform(0, SHORT if how != "ready" else 0.2)

        def is_time(line: dict[str, Any], now: str) -> bool:
            nonlocal left, most
            most -= "open" in line
            if how == "ready":
                left = 0 if "ready" in line else left
            elif "open" in line:
                left -= now == task if how == "task" else line["open"] in {"write", "move"}
            if left > 0 and most > 0:
                return False
            time.sleep(wait)
            return True

        return is_time

    def _work_until_killed(self, is_time: Callable[[dict[str, Any], str], bool]) -> tuple[Doing | None, set[str]]:
        """What was being done, and what was open."""
        pid = 0
        doing: Doing | None = None
        now = ""
        opened: collections.Counter[str] = collections.Counter()
        for line in self._lines():
            pid = line.get("pid", pid)
            if "doing" in line:
                doing, now = msgspec.convert(line["doing"], Doing, strict=False), line["task"]
                self.judge.begin(doing)
            elif "done" in line and doing:
                self.judge.acknowledge(doing, line["done"])
                doing = None
            elif "ended" in line:
                assert line["ended"] == signal.SIGKILL, "it ended by itself"
                return doing, set(+opened)
            opened.update([line["open"]] if "open" in line else ())
            opened.subtract([line["shut"]] if "shut" in line else ())
            if pid and is_time(line, now):
                os.kill(pid, signal.SIGKILL)
                pid = 0
        raise AssertionError("the program ended by itself")

    def _lines(self) -> Iterator[dict[str, Any]]:
        assert self._program.stdout
        for line in self._program.stdout:
            with contextlib.suppress(json.JSONDecodeError):  # what a kill has cut in two
                if line.strip():
                    yield json.loads(line)

    async def _look(self, doing: Doing | None) -> None:
        """Begin anew on what is left, and compare."""
        self._databases_are_whole()
        left = self._leftovers()
        assert len(left) <= LEFTOVERS, left
        old = time.time() - 2 * 86_400
        for file in left:
            os.utime(file, (old, old))
        async with at_home(self.sounds, self.data) as home:
            await home.service.bin.settle()
            await home.catalog.load()
            now = await facts(home)
            shown = {sound.id: sound.file for sound in home.catalog.all_sounds}
            hidden = {sound.id for sound in home.catalog.known_sounds()} - set(shown)
            waiting = home.bin.ids()
        self._files_are_the_sounds(now, set(shown), hidden, set(waiting))
        assert [file for file in self._leftovers() if self.desk not in file.parents] == []
        self._archives_are_whole()
        aside = {hash_of(file) for file in self.data.glob("replaced-*/**/*.wav")}
        self.judge.judge(doing, now, aside)

    def _files_are_the_sounds(self, now: Facts, shown: set[int], hidden: set[int], waiting: set[int]) -> None:
        """Each file is one sound's, whole, and each sound has one."""
        there, merged, deleted = (
            {i for i, fact in now.items() if fact.state == state} for state in ("there", "merged", "deleted")
        )
        assert (shown | hidden, waiting) == (there | merged, deleted)
        assert hidden <= merged
        files = [file for file in self.sounds.rglob("*") if file.is_file()]
        assert len(files) == len(shown | hidden)
        assert {hash_of(file) for file in files} <= self.judge.contents
        assert {fact.content for fact in now.values()} <= self.judge.contents | {None}

    def _leftovers(self) -> list[Path]:
        return [file for place in (self.sounds, self.data, self.desk) for file in place.rglob(".jeffbot-*")]

    def _databases_are_whole(self) -> None:
        for file in (self.data / FILE_NAME, *self.desk.glob("migrated-?.db")):
            with contextlib.closing(sqlite3.connect(file)) as database:
                assert database.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
                assert database.execute("PRAGMA foreign_key_check").fetchall() == []

    def _archives_are_whole(self) -> None:
        for file in self.desk.glob("*.zip"):
            with zipfile.ZipFile(file) as archive:
                assert archive.testzip() is None
                assert {"jeffbot.json", "jeffbot.db"} & {*archive.namelist()}


@pytest.mark.skipif(sys.platform == "win32", reason="it has no fork")
def test_kills(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    """What was acknowledged is there, what was under way is there whole or not at all, and no file is without a row."""
    chance = random.Random(SEED)
    board = Soundboard(tmp_path, chance)
    kills = 0
    try:
        for number in itertools.count():
            if number >= KILLS and (2 * board.killed["inside"] >= number or number >= MOST_KILLS):
                break
            kills += 1
            seed, task = chance.randrange(1 << 32), TASKS[number % len(TASKS)]
            try:
                board.kill_once(seed, task)
            except AssertionError as error:
                error.add_note(f"kill {number} of seed {SEED}, while it was to {task}; {board.judge.refusals[-3:]}")
                raise
    finally:
        board.close()
    with capfd.disabled():
        print(f"\n{kills} kills of seed {SEED}: {dict(board.killed)}")  # noqa: T201 - the figures
    assert board.killed["inside"] >= kills / 2
