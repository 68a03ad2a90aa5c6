"""Everything in one zip: the database, and every file of the sounds folder. All of it blocks: O(bytes)."""

import contextlib
import itertools
import os
import shutil
import sqlite3
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path, PurePath, PurePosixPath

from ..errors import StoreError
from ..files import open_regular, sync
from ..store.store import FILE_NAME as DATABASE
from .archive import MAX_RATIO, UNREADABLE
from .folder import SoundsFolder, is_sound
from .ingest import disk_trouble, remove, unfinished
from .layouts import CollectionError

SOUNDS = "sounds/"
_PIECE_BYTES = 1 << 20
_FREE_BYTES = 64 << 20
"""What is left free on the disk."""
_ROOM_BYTES = 64 << 20
"""What a backup may unpack to whatever its size, beside ``MAX_RATIO`` bytes for each of its own."""
type Tell = Callable[[int, int], object]
"""Told how many of how many files are done."""


def pack(destination: Path, sounds: Path, database: Path, tell: Tell = lambda *_: None) -> int:
    """Write a backup; it is there, whole, when this returns, or not at all.

    Args:
        destination: Where; a file there is replaced.
        sounds: The sounds folder.
        database: A copy of the database that nobody changes.
        tell: Told how far it is.

    Returns:
        How many files of sounds it has.

    Raises:
        CollectionError: It cannot be written, or the sounds folder not be read.
    """
    try:
        files = [*SoundsFolder(sounds).walk()]
    except OSError as error:
        raise CollectionError(f"The sounds folder cannot be read ({error.strerror})") from error
    staged = unfinished(destination.parent)
    count = 0
    try:
        with _in_words("backup's folder"):
            with zipfile.ZipFile(staged, "x", zipfile.ZIP_STORED, strict_timestamps=False) as archive:
                archive.write(database, DATABASE, zipfile.ZIP_DEFLATED)
                for number, file in enumerate(files, 1):
                    place = _place(file.guild_id, file.path)
                    with contextlib.suppress(FileNotFoundError):  # gone meanwhile
                        archive.write(sounds / place, SOUNDS + place)
                        count += 1
                    tell(number, len(files))
            sync(staged)
            staged.replace(destination)
            sync(destination.parent)
    finally:
        remove(staged)
    return count


def unpack(source: Path, sounds: Path, database: Path, aside: Path, tell: Tell = lambda *_: None) -> int:
    """Bring back a backup's files. All is written beside first: what fails before the last step changes nothing.

    Args:
        source: The backup.
        sounds: The sounds folder; what has come since stays.
        database: Where its database is put.
        aside: The folder into which files are put that are now otherwise than they were.
        tell: Told how far it is.

    Returns:
        How many files of sounds came back.

    Raises:
        CollectionError: It is no backup, or cannot be read or written.
    """
    with _opened(source) as archive:
        entries = _checked(archive, source.stat().st_size)
        _write(archive, archive.getinfo(DATABASE), database)
        times = _times(database)
        steps = itertools.count(1)
        changed = {}
        for place, entry in entries.items():
            if not _is_same(archive, entry, sounds / place):
                changed[place] = entry
            tell(next(steps), len(entries) + len(changed))
        needed = sum(entry.file_size for entry in changed.values())
        if needed > _free(database.parent, sounds):
            raise CollectionError(f"The backup takes {needed >> 20} MiB, which the disk does not have: make room")
        with contextlib.ExitStack() as unused, contextlib.ExitStack() as failed:
            failed.callback(shutil.rmtree, aside, ignore_errors=True)
            staged: dict[Path, Path] = {}
            for place, entry in changed.items():
                file = sounds / place
                temp = staged[file] = unfinished(file.parent)
                unused.callback(remove, temp)
                _stage(archive, entry, temp, times.get(place))
                _put_aside(file, aside / place)
                tell(next(steps), len(entries) + len(changed))
            failed.pop_all()
            _rename(staged)
    return len(changed)


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
    """The sounds of a backup by their place; made by us, but perhaps not left as it was."""
    archive.getinfo(DATABASE)
    if sum(entry.file_size for entry in archive.infolist()) > size * MAX_RATIO + _ROOM_BYTES:
        raise CollectionError("This backup unpacks to far more than it is, as none does: take another")
    entries = {}
    for entry in archive.infolist():
        if entry.filename == DATABASE or entry.is_dir():
            continue
        place = entry.filename.removeprefix(SOUNDS)
        if place == entry.filename or not _is_safe(place):
            raise CollectionError("This backup has files in it that are none of a backup's: take another")
        entries[place] = entry
    return entries


def _is_safe(place: str) -> bool:
    """Whether a place is one below the sounds folder; names may have what only other systems forbid."""
    parts = place.split("/")
    below = PurePath(place)
    return (
        is_sound(parts[-1])
        and not any(part == "" or part.startswith(".") or "\0" in part for part in parts)
        and not below.is_absolute()
        and below.parts == PurePosixPath(place).parts
    )


def _times(database: Path) -> dict[str, int]:
    """When files were changed last, as the database has it, nanoseconds since the epoch; by their place.

    Raises:
        CollectionError: The database cannot be used.
    """
    from ..store.database import Database  # noqa: PLC0415 - SQLAlchemy: a tenth of a second

    try:
        with contextlib.closing(sqlite3.connect(database)) as opened:
            rows = opened.execute(
                "SELECT guild_id, path, modified_ns FROM sounds WHERE missing_since IS NULL AND deleted_at IS NULL"
            ).fetchall()
    except sqlite3.Error as error:
        raise CollectionError("The database in this backup is damaged: take another") from error
    try:
        Database(database).close()  # of this version, or brought to it
    except StoreError as error:
        raise CollectionError(f"The backup cannot be used: {error.reason}") from error
    return {_place(guild_id, path): modified for guild_id, path, modified in rows}


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


def _stage(archive: zipfile.ZipFile, entry: zipfile.ZipInfo, temp: Path, modified_ns: int | None) -> None:
    """Write what a file was under a hidden name."""
    temp.parent.mkdir(parents=True, exist_ok=True)
    _write(archive, entry, temp)
    if modified_ns is not None:
        os.utime(temp, ns=(modified_ns, modified_ns))


def _rename(staged: dict[Path, Path]) -> None:
    """Give files their names."""
    for file, temp in staged.items():
        temp.replace(file)
    for folder in {file.parent for file in staged}:
        sync(folder)


def _put_aside(file: Path, aside: Path) -> None:
    if file.exists():
        aside.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy2(file, aside)
        sync(aside)


def _write(archive: zipfile.ZipFile, entry: zipfile.ZipInfo, to: Path) -> None:
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
