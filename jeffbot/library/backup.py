"""Everything in one zip: the database, and every file of the sounds folder and the bin. All of it blocks: O(bytes)."""

import contextlib
import itertools
import os
import re
import shutil
import sqlite3
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path, PurePath, PurePosixPath
from typing import NamedTuple

from ..errors import StoreError
from ..files import open_regular, sync
from ..store.store import FILE_NAME as DATABASE
from .archive import MAX_RATIO, UNREADABLE
from .bin import Bin
from .folder import SoundsFolder, is_sound
from .ingest import disk_trouble, remove, unfinished
from .layouts import CollectionError

SOUNDS = "sounds/"
BIN = "bin/"
"""What the names of files in a backup begin with."""
_PIECE_BYTES = 1 << 20
_FREE_BYTES = 64 << 20
"""What is left free on the disk."""
_ROOM_BYTES = 64 << 20
"""What a backup may unpack to whatever its size, beside ``MAX_RATIO`` bytes for each of its own."""
_IN_BIN = re.compile(rf"{BIN}[1-9][0-9]{{0,18}}\.[a-z0-9]+")
"""A sound's number, as SQLite has them in 64 bits, and the file's extension."""
type Tell = Callable[[int, int], object]
"""Told how many of how many files are done."""


class Places(NamedTuple):
    """Where what a backup holds is on this machine."""

    sounds: Path
    """The sounds folder."""
    bin: Bin
    database: Path
    """A copy of the database, or where one is put."""

    def file(self, name: str) -> Path:
        """Where what has a name in a backup belongs."""
        folder, _, place = name.partition("/")
        return Path(self.bin.folder if f"{folder}/" == BIN else self.sounds, place)

    def live(self) -> dict[str, Path]:
        """The files of the sounds folder, by their names in a backup.

        Raises:
            CollectionError: It cannot be read.
        """
        try:
            files = [*SoundsFolder(self.sounds).walk()]
        except OSError as error:
            raise CollectionError(f"The sounds folder cannot be read ({error.strerror})") from error
        return {name: self.file(name) for name in (SOUNDS + _place(file.guild_id, file.path) for file in files)}

    def deleted(self) -> dict[str, Path]:
        """The files of the bin, by their names in a backup.

        Raises:
            StoreError: It cannot be read.
        """
        return {BIN + file.name: file for file in self.bin.ids().values()}


def pack(destination: Path, places: Places, tell: Tell = lambda *_: None) -> int:
    """Write a backup; it is there, whole, when this returns, or not at all.

    Args:
        destination: Where; a file there is replaced.
        places: What to write; nobody changes that database.
        tell: Told how far it is.

    Returns:
        How many files of sounds it has, beside those in the bin.

    Raises:
        CollectionError: It cannot be written, or the sounds folder not be read.
        StoreError: The bin cannot be read.
    """
    staged = unfinished(destination.parent)
    try:
        with _in_words("backup's folder"):
            with zipfile.ZipFile(staged, "x", zipfile.ZIP_STORED, strict_timestamps=False) as archive:
                archive.write(places.database, DATABASE, zipfile.ZIP_DEFLATED)
                written = _pack_files(archive, places, tell)
            sync(staged)
            staged.replace(destination)
            sync(destination.parent)
    finally:
        remove(staged)
    return sum(name.startswith(SOUNDS) for name in written)


def _pack_files(archive: zipfile.ZipFile, places: Places, tell: Tell) -> set[str]:
    """Write files into a backup; the bin twice, so that what is restored or deleted meanwhile is not missed."""
    written: set[str] = set()
    total, steps = 0, itertools.count(1)
    for find in (places.deleted, places.live, places.deleted):
        files = {name: file for name, file in find().items() if name not in written}
        total += len(files)
        for name, file in files.items():
            with contextlib.suppress(FileNotFoundError):  # gone meanwhile
                archive.write(file, name)
                written.add(name)
            tell(next(steps), total)
    return written


class _Change(NamedTuple):
    """A file that is brought back."""

    temp: Path
    """All of it, under a hidden name."""
    file: Path
    before: Path
    """What it takes the place of, if that is there: of a file in the bin, whatever has its number."""
    modified_ns: int | None


def unpack(source: Path, places: Places, aside: Path, tell: Tell = lambda *_: None) -> int:
    """Bring back a backup's files. All is written beside first: what fails before the last step changes nothing.

    Args:
        source: The backup.
        places: Where to; what has come since stays. There must be no database yet.
        aside: The folder into which files are put that are now otherwise than they were; those of the bin beside it.
        tell: Told how far it is.

    Returns:
        How many files of sounds came back, beside those in the bin.

    Raises:
        CollectionError: It is no backup, or cannot be read or written.
        StoreError: The bin cannot be read.
    """
    with _opened(source) as archive:
        entries = _checked(archive, source.stat().st_size)
        _write(archive, archive.getinfo(DATABASE), places.database)
        times = _times(places.database)
        steps = itertools.count(1)
        changed = {}
        for name, entry in entries.items():
            if not _is_same(archive, entry, places.file(name)):
                changed[name] = entry
            tell(next(steps), len(entries) + len(changed))
        needed = sum(entry.file_size for entry in changed.values())
        if needed > _free(places.database.parent, places.sounds):
            raise CollectionError(f"The backup takes {needed >> 20} MiB, which the disk does not have: make room")
        with contextlib.ExitStack() as unused, contextlib.ExitStack() as failed:
            asides = Places(aside, Bin(aside.with_name(f"{aside.name}-bin")), places.database)
            for folder in (asides.sounds, asides.bin.folder):
                failed.callback(shutil.rmtree, folder, ignore_errors=True)
            in_bin = places.bin.ids()
            changes: list[_Change] = []
            for name, entry in changed.items():
                file = places.file(name)
                before = in_bin.get(int(file.stem), file) if name.startswith(BIN) else file
                change = _Change(unfinished(file.parent), file, before, times.get(name))
                unused.callback(remove, change.temp)
                changes.append(change)
                _write(archive, entry, change.temp)
                _put_aside(before, asides.file(name).with_suffix(before.suffix))
                tell(next(steps), len(entries) + len(changed))
            failed.pop_all()
            _carry_out(changes)
    return sum(name.startswith(SOUNDS) for name in changed)


@contextlib.contextmanager
def _opened(source: Path) -> Iterator[zipfile.ZipFile]:
    try:
        file = open_regular(source)
    except OSError as error:
        raise CollectionError(f"The backup cannot be read ({error.strerror})") from error
    try:
        with file, _in_words("sounds folder"), zipfile.ZipFile(file) as archive:
            yield archive
    except (*UNREADABLE, KeyError) as error:  # KeyError: there is no database in it
        raise CollectionError("This is no backup of jeffbot's, or it is damaged: take another") from error


def _checked(archive: zipfile.ZipFile, size: int) -> dict[str, zipfile.ZipInfo]:
    """A backup's files by their names; made by us, but perhaps not left as it was."""
    archive.getinfo(DATABASE)
    if sum(entry.file_size for entry in archive.infolist()) > size * MAX_RATIO + _ROOM_BYTES:
        raise CollectionError("This backup unpacks to far more than it is, as none does: take another")
    entries = {}
    for entry in archive.infolist():
        if entry.filename == DATABASE or entry.is_dir():
            continue
        if not _is_safe(entry.filename):
            raise CollectionError("This backup has files in it that are none of a backup's: take another")
        entries[entry.filename] = entry
    return entries


def _is_safe(name: str) -> bool:
    """Whether a file is one of the bin, or below the sounds folder; names may have what only other systems forbid."""
    place = name.removeprefix(SOUNDS)
    if place == name:
        return _IN_BIN.fullmatch(name) is not None and is_sound(name)
    parts = place.split("/")
    below = PurePath(place)
    return (
        is_sound(parts[-1])
        and not any(part == "" or part.startswith(".") or "\0" in part for part in parts)
        and not below.is_absolute()
        and below.parts == PurePosixPath(place).parts
    )


def _times(database: Path) -> dict[str, int]:
    """When files were changed last, as the database has it, nanoseconds since the epoch; by their names in a backup.

    Raises:
        CollectionError: The database cannot be used.
    """
    from ..store.database import Database  # noqa: PLC0415 - SQLAlchemy: a tenth of a second

    try:
        with contextlib.closing(sqlite3.connect(database)) as opened:
            rows = opened.execute(
                "SELECT id, guild_id, path, modified_ns, deleted_at IS NULL FROM sounds WHERE missing_since IS NULL"
            ).fetchall()
    except sqlite3.Error as error:
        raise CollectionError("The database in this backup is damaged: take another") from error
    try:
        Database(database).close()  # of this version, or brought to it
    except StoreError as error:
        raise CollectionError(f"The backup cannot be used: {error.reason}") from error
    return {
        SOUNDS + _place(guild_id, path) if is_live else f"{BIN}{sound_id}{PurePosixPath(path).suffix.lower()}": modified
        for sound_id, guild_id, path, modified, is_live in rows
    }


def _place(guild_id: int | None, path: str) -> str:
    """The place of a library's file in the sounds folder."""
    return f"guild-{guild_id}/{path}" if guild_id else path


def _is_same(archive: zipfile.ZipFile, entry: zipfile.ZipInfo, file: Path) -> bool:
    """Whether a file is as it was; the entry is read to its end, so that what is damaged is found."""
    with archive.open(entry) as was, contextlib.ExitStack() as stack:
        is_same = file.is_file() and file.stat().st_size == entry.file_size
        now = stack.enter_context(open_regular(file)) if is_same else None
        while piece := was.read(_PIECE_BYTES):
            is_same = is_same and now is not None and now.read(len(piece)) == piece
    return is_same


def _carry_out(changes: list[_Change]) -> None:
    """Give files their times, not before lest they be taken for left behind, and their names."""
    for temp, file, before, modified_ns in changes:
        if modified_ns is not None:
            os.utime(temp, ns=(modified_ns, modified_ns))
        temp.replace(file)
        if before != file:
            before.unlink(missing_ok=True)
    for folder in {change.file.parent for change in changes}:
        sync(folder)


def _put_aside(file: Path, aside: Path) -> None:
    if file.exists():
        aside.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy2(file, aside)
        sync(aside)


def _write(archive: zipfile.ZipFile, entry: zipfile.ZipInfo, to: Path) -> None:
    to.parent.mkdir(parents=True, exist_ok=True)
    with archive.open(entry) as source, to.open("xb") as out:
        shutil.copyfileobj(source, out, _PIECE_BYTES)
        out.flush()
        os.fsync(out.fileno())


def _free(*folders: Path) -> int:
    return min(shutil.disk_usage(folder).free for folder in folders if folder.exists()) - _FREE_BYTES


@contextlib.contextmanager
def _in_words(place: str) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise CollectionError(disk_trouble(error, place)) from error
