"""A soundboard to be killed: it does one thing after another to its library, and tells of each before the next begins.

    python -m store.program SOUNDS DATA DESK

Each line of its input, a seed and a task, has one forked off that works until it is killed, with the clock it is told.
It writes lines of JSON: ``doing`` and ``done`` around each task, ``open`` and ``shut`` around each transaction (write),
each move of a file (move), each file in the making (file) and each database that is put in place (replace).
"""

import asyncio
import contextlib
import functools
import json
import os
import random
import shutil
import sys
import threading
import time
import traceback
import wave
from collections.abc import Awaitable, Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

import sqlalchemy
from alembic import command
from sqlalchemy import event, select

from jeffbot.errors import SoundboardError
from jeffbot.files import hash_of
from jeffbot.library.bin import Bin
from jeffbot.library.ingest import Ingest, Staged
from jeffbot.library.layouts import Writer
from jeffbot.models import Caller, Details, GuildId, Sound, Standing
from jeffbot.service import collections
from jeffbot.store import schema
from jeffbot.store.database import Database
from service.home import ADMIN, CAVE, TOWER, Home, at_home

NAMES = "horn", "Horn", "goat", "bär", "tada"
MANY = 24
"""Sounds, from which on some are deleted rather than added."""
PAUSE = 0.002
"""Seconds that each statement and each sync takes at most beside its own time, so that a kill finds it under way."""


type Targets = tuple[tuple[Any, str], ...]

_telling = threading.Lock()


class Fact(NamedTuple):
    """What is so of one sound."""

    state: str
    """There, deleted, merged, or gone: without a file."""
    content: str | None
    """The SHA-256 of its file."""
    title: str
    aliases: tuple[str, ...]
    tags: tuple[str, ...]
    gain: float


def fact(state: str, content: str | None, details: Details) -> Fact:
    """What is so of a sound with these details."""
    return Fact(state, content, details.title, details.aliases, details.tags, details.gain)


type Facts = dict[int, Fact]


async def facts(home: Home) -> Facts:
    """What is so of every sound there ever was, by the store and by the files."""
    table = schema.sounds.c
    statement = select(table.id, table.missing_since, table.deleted_at, table.merged_into)
    rows = await home.store.read(lambda records: records.connection.execute(statement).all())
    ids = [row.id for row in rows]
    kept = await home.store.read(lambda records: records.sounds.get(ids, home.catalog.folder.of))
    sounds = {item.sound.id: item.sound for item in kept}
    waiting = home.bin.ids()
    found = {}
    for row in rows:
        sound = sounds[row.id]
        if row.missing_since:
            found[row.id] = fact("gone", None, sound.details)
        elif row.deleted_at:
            found[row.id] = fact("deleted", hash_of(waiting[row.id]), sound.details)
        else:
            found[row.id] = fact("merged" if row.merged_into else "there", hash_of(sound.file), sound.details)
    return found


def tell(**line: object) -> None:
    """Write a line; a kill may cut a long one in two (POSIX, ``write``), so each begins on a line of its own."""
    with _telling:
        os.write(1, b"\n" + json.dumps(line).encode() + b"\n")


def pause(*_: object, **__: object) -> None:
    """Take a little time, or none."""
    time.sleep(random.choice((0.0, random.uniform(0, PAUSE))))


@contextlib.contextmanager
def told(kind: str) -> Iterator[None]:
    """Tell when something begins and when it has ended."""
    tell(open=kind)
    try:
        yield
    finally:
        tell(shut=kind)


def tell_of(owner: Any, name: str, kind: str) -> None:
    """Tell of each call of a function."""
    function = getattr(owner, name)

    @functools.wraps(function)
    def called(*args: Any, **kwargs: Any) -> Any:
        with told(kind):
            return function(*args, **kwargs)

    setattr(owner, name, called)


def tell_of_everything() -> None:
    """Tell of what must not be seen half done, and have it take its time."""
    writing, fsync = Database.writing, os.fsync

    @contextlib.contextmanager
    def telling(database: Database) -> Iterator[Any]:
        with told("write"), writing(database) as records:
            yield records

    def slow(descriptor: Any) -> None:
        pause()
        fsync(descriptor)
        pause()

    Database.writing = telling  # type: ignore[assignment,method-assign]
    os.fsync = slow  # type: ignore[assignment]
    event.listen(sqlalchemy.Engine, "after_cursor_execute", pause)
    moves: Targets = ((Staged, "commit"), (Bin, "put"), (Bin, "take"), (Bin, "remove"))
    files: Targets = ((Ingest, "stage"), (collections, "pack"), (Writer, "add"), (Writer, "__exit__"))
    for owner, name in moves:
        tell_of(owner, name, "move")
    for owner, name in files:
        tell_of(owner, name, "file")
    tell_of(command, "upgrade", "write")
    tell_of(collections, "unpack", "replace")
    tell_of(Database, "replace_with", "replace")


class Hands:
    """What people do to a library, at random.

    Args:
        home: The soundboard.
        desk: A folder for what comes and what is taken along.
        chance: What is random.
    """

    def __init__(self, home: Home, desk: Path, chance: random.Random) -> None:
        self._home = home
        self._desk = desk
        self._chance = chance
        self._task = ""
        self._library = home.service.library
        self._collections = home.service.collections
        self._tasks: dict[str, Callable[[], Awaitable[dict[str, Any] | None]]] = {
            "add": self._add,
            "edit": self._edit,
            "delete": self._delete,
            "restore": self._restore,
            "merge": self._merge,
            "take in a folder": self._take_in_folder,
            "take in an export": self._take_in_export,
            "export": self._export,
            "back up": self._back_up,
            "replace": self._replace,
            "migrate": self._migrate,
        }

    async def do(self, task: str) -> None:
        """Do something and tell of it; nothing where there is nothing to do it to."""
        self._task = task
        try:
            done = await self._tasks[task]()
        except SoundboardError as error:
            tell(done={"refused": f"{type(error).__name__}: {error}"})
        else:
            if done is not None:
                tell(done=done)

    async def _add(self) -> dict[str, Any]:
        twin = self._chance.random() < 0.3 and self._some("there")
        guild_id = twin.guild_id if twin else self._chance.choice((CAVE, TOWER, None))
        file, details = self._desk / "came.wav", self._said()
        if twin:
            shutil.copy(twin.file, file)
        else:
            self._record(file)
        self._tell({"adds": [fact("there", hash_of(file), details)]})
        sound = await self._library.add(
            _operator(guild_id),
            file,
            self._chance.choice(NAMES),
            below=self._chance.choice(("", "memes")),
            shared=guild_id is None,
            details=details,
            twin=True,
        )
        return {"ids": [sound.id]}

    async def _edit(self) -> dict[str, Any] | None:
        sound = self._some("there")
        if sound is None:
            return None
        said, now = self._said(), (await facts(self._home))[sound.id]
        self._tell({"sets": {sound.id: fact(now.state, now.content, said)}})
        changes = {"title": said.title, "aliases": said.aliases, "tags": said.tags, "gain": said.gain}
        await self._library.edit(_operator(sound.guild_id), sound.id, **changes)
        return {}

    async def _delete(self) -> dict[str, Any] | None:
        sound = self._some("added")
        if sound is None:
            return await self._take_out()
        now = (await facts(self._home))[sound.id]
        self._tell({"sets": await self._alone(sound) | {sound.id: now._replace(state="deleted")}})
        await self._home.service.bin.delete(_operator(sound.guild_id), sound.id)
        return {}

    async def _take_out(self) -> dict[str, Any] | None:
        """Do as whoever runs the bot does with a file that they put into the folder."""
        sound = self._some("there")
        if sound is None:
            return None
        self._tell({"sets": {sound.id: fact("gone", None, sound.details)}})
        sound.file.unlink()
        await self._home.catalog.look([str(sound.file)])
        return {}

    async def _alone(self, sound: Sound) -> Facts:
        """The sounds that it stands for, as they are without it."""
        statement = select(schema.sounds.c.id).where(schema.sounds.c.merged_into == sound.id)
        merged = await self._home.store.read(lambda records: records.connection.execute(statement).scalars().all())
        now = await facts(self._home)
        return {i: now[i]._replace(state="there") if now[i].state == "merged" else now[i] for i in merged}

    async def _restore(self) -> dict[str, Any] | None:
        guild_id = self._chance.choice((CAVE, TOWER))
        deleted = await self._home.service.bin.deleted(_operator(guild_id))
        if not deleted:
            return None
        sound_id = self._chance.choice(deleted).sound_id
        now = (await facts(self._home))[sound_id]
        (kept,) = await self._home.store.read(lambda records: records.sounds.get([sound_id], str))
        state = "merged" if kept.merged_into else "there"  # into one whose file went: it was shown again, and deleted
        self._tell({"sets": {sound_id: now._replace(state=state)}})
        await self._home.service.bin.restore(_operator(guild_id), sound_id)
        return {}

    async def _merge(self) -> dict[str, Any] | None:
        guild_id = self._chance.choice((CAVE, TOWER, None))
        same = await self._library.duplicates(_operator(guild_id))
        if not same:
            return None
        keep, *others = self._chance.choice(same)
        now = await facts(self._home)
        sets = {sound.id: now[sound.id]._replace(state="merged") for sound in others}
        self._tell({"sets": sets | {keep.id: None}})  # it gets their names and tags
        await self._library.merge(_operator(keep.guild_id), keep.id, [sound.id for sound in others])
        return {"sets": {keep.id: (await facts(self._home))[keep.id]}}

    async def _take_in_folder(self) -> dict[str, Any]:
        folder = self._desk / "collection"
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir()
        files = [self._record(folder / f"{name}.wav") for name in self._chance.sample(NAMES, 2)]
        return await self._take_in(folder, None, [fact("there", hash_of(file), Details()) for file in files])

    async def _take_in_export(self) -> dict[str, Any] | None:
        export = self._desk / "export.zip"
        own = [sound for sound in self._home.catalog.all_sounds if sound.guild_id == CAVE]
        if not own:
            return None
        await self._collections.export(export, guild_id=CAVE)
        return await self._take_in(export, TOWER, [fact("there", hash_of(sound.file), sound.details) for sound in own])

    async def _take_in(self, source: Path, guild_id: GuildId | None, adds: list[Fact]) -> dict[str, Any]:
        self._tell({"adds": adds})
        came = await self._collections.take_in(source, guild_id=guild_id)
        ids = {fact("there", hash_of(sound.file), sound.details): sound.id for sound in came.added}
        return {"ids": [ids.get(add) for add in adds]}  # of two of one content one came

    async def _export(self) -> dict[str, Any]:
        file = self._desk / f"export-{self._chance.randrange(3)}.zip"
        self._tell({})
        await self._collections.export(file, guild_id=self._chance.choice((CAVE, None)))
        return {}

    async def _back_up(self) -> dict[str, Any]:
        file = self._desk / f"backup-{time.time_ns()}.zip"
        self._tell({"backup": file.name})
        await self._collections.back_up(file)
        return {}

    async def _replace(self) -> dict[str, Any]:
        backups = sorted(self._desk.glob("backup-*.zip"))
        if not backups:
            return await self._back_up()
        file = backups[-1]
        self._tell({"replaces": file.name})
        await self._collections.restore(file)
        await self._home.catalog.load()
        await self._home.service.bin.settle()
        return {"all": await facts(self._home)}

    async def _migrate(self) -> dict[str, Any]:
        file = self._desk / f"migrated-{self._chance.randrange(3)}.db"
        self._tell({})
        for old in self._desk.glob(f"{file.name}*"):
            old.unlink()
        await asyncio.to_thread(lambda: Database(file).close())
        return {}

    def _tell(self, doing: dict[str, Any]) -> None:
        tell(task=self._task, doing=doing)

    def _some(self, which: str) -> Sound | None:
        """A sound that is there; or one of those that someone added."""
        sounds = [sound for sound in self._home.catalog.all_sounds if which == "there" or sound.uploader_id]
        return self._chance.choice(sounds) if sounds else None

    def _said(self) -> Details:
        word = f"{self._chance.randrange(1 << 40):x}"
        return Details(title=f"t{word}", aliases=(f"a{word}",), tags=(f"g{word}",), gain=self._chance.randrange(1, 20))

    def _record(self, file: Path) -> Path:
        with wave.open(str(file), "wb") as out:
            out.setparams((1, 2, 48_000, 0, "NONE", ""))
            out.writeframes(self._chance.randbytes(2_000))
        return file

    def choose(self) -> str:
        """What to do next."""
        if len([*self._home.catalog.all_sounds]) > MANY:
            return "delete"
        return self._chance.choice(("add", "add", "add", "edit", "delete", "restore", "merge"))


def _operator(guild_id: GuildId | None) -> Caller:
    return Caller(ADMIN, guild_id or CAVE, Standing.OPERATOR)


async def work(sounds: Path, data: Path, desk: Path, seed: int, task: str) -> None:
    """Do the task again and again, and others between, until killed."""
    random.seed(seed)
    async with at_home(sounds, data) as home:
        hands = Hands(home, desk, random.Random(seed))
        await home.service.bin.settle()
        tell(ready=True)
        while True:
            await hands.do(hands.choose())
            await hands.do(task)


def main(*folders: str) -> None:
    """Fork one off for each line."""
    tell_of_everything()
    for line in sys.stdin:
        seed, _, task = line.strip().partition(" ")
        child = os.fork()
        if child == 0:
            tell(pid=os.getpid())
            sounds, data, desk = map(Path, folders)
            try:
                asyncio.run(work(sounds, data, desk, int(seed), task))
            finally:
                traceback.print_exc()
                os._exit(1)
        _, status = os.waitpid(child, 0)
        tell(ended=status)


if __name__ == "__main__":
    main(*sys.argv[1:])
