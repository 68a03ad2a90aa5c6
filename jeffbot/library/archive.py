"""Zip files of unknown origin, unpacked within bounds: sounds, and small files that say something of sounds.

Cost: O(bytes written), within the bounds whatever the headers say; memory for a directory of 8 MiB. All of it blocks.
"""

import io
import os
import re
import shutil
import stat
import struct
import zipfile
import zlib
from collections.abc import Iterator
from pathlib import Path, PurePosixPath

from ..errors import SoundboardError, printable
from ..files import open_regular
from .ingest import ENDINGS, clean_folders, clean_name, disk_trouble, megabytes, unfinished
from .names import EXTENSIONS, fold

METADATA = frozenset({".db", ".ini", ".json", ".spl", ".sqlite", ".sqlite3"})
"""Extensions of files in which soundboards keep what they know of sounds."""
MAX_METADATA_BYTES = 8 << 20
MAX_DIRECTORY_BYTES = 8 << 20
"""Of a zip's directory: some 180 000 entries at 46 bytes and more (APPNOTE.TXT, section 4.3.12)."""
MAX_DEPTH = 16
"""Folders within folders."""
MAX_RATIO = 100
"""Bytes written for each of the zip, beside the first 32 MiB; sounds hardly shrink, text by some 20."""

_CONTAINERS = {ending: container for container, endings in ENDINGS.items() for ending in endings}
_UNSAFE = re.compile(r"\\|\0|\A[A-Za-z]:")
"""Separators of other systems, what ends a name early, drives."""
_SLASHES = re.compile(r"[/\\]")
_FREE_BYTES = 32 << 20
_PIECE_BYTES = 1 << 16
_ENCRYPTED = 0x1 | 0x40
"""APPNOTE.TXT, section 4.4.4: bits 0 and 6."""
_LOCAL_HEADER_BYTES = 30
"""APPNOTE.TXT, section 4.3.7."""
_METHODS = frozenset({zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED})
"""The memory that others take is for the zip to say."""
UNREADABLE = (
    *(zipfile.BadZipFile, zlib.error, struct.error),
    *(EOFError, NotImplementedError, OverflowError, RuntimeError, ValueError),
)
"""What the standard library raises for zips that are none."""


class ArchiveError(SoundboardError):
    """A zip file is not unpacked; the sentence says why and what to do."""


def portable(path: str) -> str:
    """A path whose parts every system takes as names; none leads up, is hidden, or into the library of a guild.

    Args:
        path: Any text; both kinds of slashes part it.

    Returns:
        It with forward slashes, in NFC; the same after a second time. Of what is left empty, "_" or "sound" is made.
    """
    *folders, name = [part for part in _SLASHES.split(path) if part not in {"", ".", ".."}] or ["_"]
    stem, extension = os.path.splitext(name)  # noqa: PTH122 - it is text
    extension = extension.lower()
    if extension in _CONTAINERS:
        name = clean_name(name, _CONTAINERS[extension])
    else:
        name = _portable(stem) + extension if extension in METADATA else _portable(name)
    return "/".join((*map(_portable, folders), name))


def unpack(source: Path, into: Path, *, max_bytes: int, max_files: int, max_file_bytes: int) -> list[str]:
    """Unpack the sounds of a zip, and what says something of them; other files are left where they are.

    Args:
        source: The zip.
        into: The folder that will be there afterwards; nothing is there yet, and its parent is.
        max_bytes: Of all that is unpacked, together.
        max_files: How many files are unpacked.
        max_file_bytes: Of one sound; larger ones are left out.

    Returns:
        What was left out and why, in sentences.

    Raises:
        ArchiveError: It is no zip that can be trusted, or breaks a bound; nothing is left of it.
        FileExistsError: Something is there already.
    """
    if into.exists():
        raise FileExistsError(into.name)
    try:
        with _Bounded(source) as opened, zipfile.ZipFile(opened) as archive:
            entries = _chosen(archive, max_files)
            room = min(max_bytes, opened.size * MAX_RATIO + _FREE_BYTES)
            return _Unpacking(archive, room, max_file_bytes).write(entries, into)
    except UNREADABLE as error:
        raise ArchiveError("This zip is damaged or is none: make it anew with an ordinary zip program") from error
    except OSError as error:
        raise ArchiveError(disk_trouble(error, "folder it is unpacked in")) from error


class _Bounded(io.FileIO):
    """A zip of which little is read at once; its directory is."""

    def __init__(self, source: Path) -> None:
        try:
            with open_regular(source) as opened:
                super().__init__(os.dup(opened.fileno()))
        except OSError as error:
            raise ArchiveError(f"The zip cannot be read ({error.strerror}): give another") from error
        self.size = os.fstat(self.fileno()).st_size

    def read(self, size: int | None = -1, /) -> bytes:
        """Read as a file does, within the bound."""
        wanted = max(self.size - self.tell(), 0) if size is None or size < 0 else size
        if wanted > MAX_DIRECTORY_BYTES:
            raise ArchiveError("This zip holds too many files: make several smaller ones")
        return super().read(wanted) or b""


def _chosen(archive: zipfile.ZipFile, max_files: int) -> dict[str, zipfile.ZipInfo]:
    """What to unpack, by where it goes.

    Raises:
        ArchiveError: An entry is not what an honest zip has, or there are too many.
    """
    _check_apart(archive.infolist())
    chosen: dict[str, zipfile.ZipInfo] = {}
    files: set[str] = set()
    folders: set[str] = set()
    for entry in archive.infolist():
        _check(entry)
        if entry.is_dir() or not _is_wanted(entry.filename):
            continue
        path = portable(entry.filename)
        above = {fold(str(folder)) for folder in PurePosixPath(path).parents}
        if fold(path) in files or fold(path) in folders or not files.isdisjoint(above):
            raise ArchiveError(f'This zip has two files that would both be "{printable(path)}": rename one of them')
        files.add(fold(path))
        folders |= above
        chosen[path] = entry
        if len(chosen) > max_files:
            raise ArchiveError(f"This zip holds more than {max_files} files: make several smaller ones")
    return chosen


def _check(entry: zipfile.ZipInfo) -> None:
    for name in (entry.filename, entry.orig_filename):
        parts = name.removesuffix("/").split("/")
        if not {"", ".", ".."}.isdisjoint(parts) or len(parts) > MAX_DEPTH or _UNSAFE.search(name):
            raise ArchiveError(f'This zip has the file name "{printable(name)}", which is not safe: make it anew')
    kind = stat.S_IFMT(entry.external_attr >> 16)
    if kind not in {0, stat.S_IFREG, stat.S_IFDIR}:
        raise ArchiveError(f'"{printable(entry.filename)}" in this zip is a link or no file: make it without links')
    if entry.flag_bits & _ENCRYPTED:
        raise ArchiveError("This zip is protected by a password: make it without one")
    if entry.compress_type not in _METHODS:
        raise ArchiveError("This zip is compressed in a way that few programs can read: make it an ordinary one")


def _check_apart(entries: list[zipfile.ZipInfo]) -> None:
    """Refuse entries that share bytes, as in zips that unpack to a thousand times what they are."""
    end = 0
    for entry in sorted(entries, key=lambda entry: entry.header_offset):
        if entry.header_offset < end:
            raise zipfile.BadZipFile
        end = entry.header_offset + _LOCAL_HEADER_BYTES + entry.compress_size


def _is_wanted(name: str) -> bool:
    parts = name.split("/")
    hidden = any(part.startswith(".") or part == "__MACOSX" for part in parts)
    return not hidden and PurePosixPath(name).suffix.lower() in EXTENSIONS | METADATA


class _Unpacking:
    """Counts what is written."""

    def __init__(self, archive: zipfile.ZipFile, room: int, max_file_bytes: int) -> None:
        self._archive = archive
        self._room = room
        self._max_file_bytes = max_file_bytes

    def write(self, entries: dict[str, zipfile.ZipInfo], into: Path) -> list[str]:
        """Write the files under a hidden name, then give it the wanted one; what was left out, in sentences."""
        temp = unfinished(into.parent)
        temp.mkdir(mode=0o700)
        try:
            left_out = [sentence for path, entry in entries.items() if (sentence := self._file(entry, temp / path))]
            temp.rename(into)
        finally:
            shutil.rmtree(temp, ignore_errors=True)  # it has its own name by now, or is half-filled
        return left_out

    def _file(self, entry: zipfile.ZipInfo, to: Path) -> str:
        limit = self._max_file_bytes if to.suffix in EXTENSIONS else MAX_METADATA_BYTES
        to.parent.mkdir(parents=True, exist_ok=True)
        with to.open("xb") as file:
            for piece in self._pieces(entry):
                if file.tell() + len(piece) > limit:
                    break
                file.write(piece)
            else:
                return ""
        to.unlink()
        return f'"{printable(entry.filename)}" is larger than {megabytes(limit)} and was left out'

    def _pieces(self, entry: zipfile.ZipInfo) -> Iterator[bytes]:
        with self._archive.open(entry) as packed:
            while piece := packed.read(_PIECE_BYTES):
                self._room -= len(piece)
                if self._room < 0:
                    raise ArchiveError("This zip unpacks to more than is taken: make several smaller ones")
                yield piece


def _portable(part: str) -> str:
    return (clean_folders(part) or clean_folders(f"_{part}") or ["_"])[0]
