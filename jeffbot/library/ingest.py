"""A file of unknown origin becomes a sound of the library, or a refusal that says what to do.

Cost: O(bytes) for staging, beside the check; O(files of the folder) for a free name. All of it blocks: for threads.
"""

import contextlib
import dataclasses
import errno
import hashlib
import itertools
import logging
import os
import re
import secrets
import shutil
import stat
import threading
import time
import unicodedata
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from io import BufferedReader
from pathlib import Path
from typing import NamedTuple

from ..errors import ErrorCode, SoundboardError
from ..files import open_regular, sync
from ..models import GuildId, Seconds
from .folder import SoundsFolder
from .names import EXTENSIONS, MAX_NAME_CHARS, fold

logger = logging.getLogger(__name__)

UNFINISHED = ".jeffbot-"
"""What the names of files begin with that are not sounds yet."""
MAX_AGE: Seconds = 3600.0
"""Nothing takes so long to become a sound: such a file that is older was left behind."""
MAX_FOLDER_AGE: Seconds = 86_400.0
"""Nor does it take so long to take in what was unpacked into such a folder."""
MAX_CHARS = 100
"""Of a file's name, so that a choice of Discord's can be it (Application Commands, "Choice Structure")."""
MAX_BYTES = 240
"""Of a file's name in UTF-8; Linux's file systems end at 255 (``NAME_MAX``)."""
ENDINGS = {
    "aac": (".aac",),
    "aiff": (".aiff", ".aif"),
    "flac": (".flac",),
    "matroska": (".mka", ".webm"),
    "mov": (".m4a", ".mp4", ".m4b"),
    "mp3": (".mp3",),
    "ogg": (".ogg", ".oga", ".opus"),
    "wav": (".wav",),
}
"""The extensions that tell the truth by container, as ``jeffbot.audio.formats`` names it; the usual one first."""
READABLE = ", ".join(endings[0][1:] for endings in ENDINGS.values())
"""What may be sent instead of what is no sound."""

_PIECE_BYTES = 1 << 20
_FORBIDDEN = frozenset('<>:"|?*')
"""Not in names on Windows (Microsoft: "Naming Files, Paths, and Namespaces"); so are the names below."""
_RESERVED = re.compile(r"con|prn|aux|nul|conin\$|conout\$|(com|lpt)[0-9¹²³]", re.IGNORECASE)

type Sniff = Callable[[Path], str | None]
"""The container of a file by its bytes; None: they do not tell."""


class IngestError(SoundboardError):
    """A file cannot become a sound; the sentence says why and what to do."""

    code: ErrorCode | None = ErrorCode.UNSUPPORTED_MEDIA


class TooLargeError(IngestError):
    """A file is larger, or a sound longer, than may be added."""

    code = ErrorCode.TOO_LARGE


class Checked(NamedTuple):
    """What decoding a whole file has shown."""

    duration: Seconds
    loudness: float | None
    """LUFS, before levelling."""


@dataclass(frozen=True, slots=True, kw_only=True)
class IngestLimits:
    """What a sound may be at most."""

    max_bytes: int
    max_seconds: Seconds


@dataclass(frozen=True, slots=True)
class Staged:
    """A checked file under a hidden name in the folder it is for: commit or discard it."""

    temp: Path
    path: Path
    """Where it will be, if that is still free then."""
    size: int
    """Bytes."""
    modified_ns: int
    """Time of last change, nanoseconds since the epoch; it stays."""
    sha256: str
    """In hexadecimal."""
    checked: Checked
    wanted: str
    """The clean name, before a free one was looked for."""
    moving: threading.Lock = field(repr=False, compare=False)
    """Held while a name is found and taken, so that names that differ in case alone do not come up side by side."""

    def placed(self) -> "Staged":
        """It with a name that is free now.

        Raises:
            IngestError: The folder cannot be read.
        """
        with refusing_in_words():
            return dataclasses.replace(self, path=_free(self.path.parent, self.wanted, first=self.path.name))

    def commit(self) -> Path:
        """Give the file its name, or the next free one; durable when it returns.

        Returns:
            Where it is now.

        Raises:
            IngestError: It cannot be put there; nothing is left of it.
        """
        try:
            with self.moving, refusing_in_words():
                while True:
                    path = _free(self.path.parent, self.wanted, first=self.path.name)
                    with contextlib.suppress(FileExistsError):  # by someone else, since we looked
                        _name(self.temp, path)
                        return path
        finally:
            self.discard()

    def discard(self) -> None:
        """Remove the hidden file; once it is committed or discarded nothing happens."""
        remove(self.temp)


class Ingest:
    """Takes files into the libraries. Its methods block: call them in threads.

    Args:
        sounds: The sounds folder.
        sniff: Tells the container by a file's bytes.
        check: Decodes a whole file, within bounds of its own; raises :class:`IngestError` for what is no sound.
        limits: What a sound may be at most.
    """

    def __init__(
        self, sounds: SoundsFolder, *, sniff: Sniff, check: Callable[[Path], Checked], limits: IngestLimits
    ) -> None:
        self._sounds = sounds
        self._sniff = sniff
        self._check = check
        self._limits = limits
        self._moving = threading.Lock()

    def stage(self, file: Path, name: str, guild_id: GuildId | None = None, below: str = "") -> Staged:
        """Copy a file to where it will be, under a hidden name, and check the copy; the file itself is left alone.

        Args:
            file: What was uploaded or downloaded.
            name: What it shall be called; see :func:`clean_name`.
            guild_id: Whose library it is for, whose folder is made if it is missing; None: the shared one.
            below: The folder of that library that it is for, with forward slashes; it is made, too.

        Raises:
            IngestError: It is no sound, or breaks a limit, or cannot be written; nothing is left of it.
        """
        folder = Path(self._sounds.of(guild_id), *clean_folders(below))
        temp = unfinished(folder)
        try:
            source = open_regular(file)
        except OSError as error:
            raise IngestError("The file that came cannot be read any more: send it again") from error
        with contextlib.ExitStack() as failed:
            failed.callback(remove, temp)
            with source, refusing_in_words():
                self._sounds.root.stat()  # where all is gone, nothing is made anew
                folder.mkdir(parents=True, exist_ok=True)
                sha256 = self._copy(source, temp)
                container, status = self._sniff(temp), temp.stat()
            if container is None:
                raise IngestError(f"This is no sound file that can be read: send one of {READABLE}")
            checked = self._check(temp)
            if checked.duration > self._limits.max_seconds:
                raise TooLargeError(f"It is longer than {self._limits.max_seconds:g} s: send a shorter part of it")
            wanted = clean_name(name, container)
            with refusing_in_words():
                path = _free(folder, wanted, first=wanted)
            failed.pop_all()
        return Staged(temp, path, status.st_size, status.st_mtime_ns, sha256, checked, wanted, self._moving)

    def _copy(self, source: BufferedReader, temp: Path) -> str:
        """Copy a file, within the limit; its SHA-256."""
        digest, size = hashlib.sha256(), 0
        with temp.open("xb") as out:
            while piece := source.read(_PIECE_BYTES):
                size += len(piece)
                if size > self._limits.max_bytes:
                    raise TooLargeError(f"It is larger than {megabytes(self._limits.max_bytes)}: send a smaller file")
                digest.update(piece)
                out.write(piece)
            if size == 0:
                raise IngestError("The file is empty: send it again")
            out.flush()
            os.fsync(out.fileno())
        return digest.hexdigest()


def remove_unfinished(folder: Path) -> None:
    """Remove what was left behind under hidden names, files after an hour, folders after a day.

    What cannot be removed is logged.
    """
    now = time.time()
    for file in folder.glob(f"{UNFINISHED}*"):
        with contextlib.suppress(FileNotFoundError):  # it has just become a sound
            status = file.lstat()
            if stat.S_ISREG(status.st_mode) and status.st_mtime < now - MAX_AGE:
                remove(file)
            elif stat.S_ISDIR(status.st_mode) and status.st_mtime < now - MAX_FOLDER_AGE:
                shutil.rmtree(file, onexc=lambda _, place, error: logger.warning("%s stays: %s", place, error))


def clean_name(name: str, container: str) -> str:
    """A file name that every system takes and whose extension tells the truth; cleaning it again changes nothing.

    Of a path the last part, in NFC, without what is invisible, turns the direction of writing, or is not in names on
    Windows; at most ``MAX_CHARS`` characters and ``MAX_BYTES`` bytes of UTF-8. What is left empty is called "sound".

    Args:
        name: Any text.
        container: One of :data:`ENDINGS`.
    """
    parts = [_visible(part) for part in re.split(r"[/\\]", name)]
    last = next((part for part in reversed(parts) if part.strip(" .")), "")
    stem, _, extension = last.rpartition(".")
    ending = f".{extension.lower()}"
    if ending not in EXTENSIONS:
        stem = last
    if ending not in ENDINGS[container]:
        ending = ENDINGS[container][0]
    return _fit(_portable(stem) or "sound", ending)


def clean_folders(below: str) -> list[str]:
    """The names of folders that a sound may be put into, of what someone wanted, outermost first."""
    wanted = (_portable(_visible(part)) for part in re.split(r"[/\\]", below))
    return [_fit(part, "") for part in wanted if part and not fold(part).startswith("guild-")]


def free_place(file: Path) -> Path:
    """A place beside a file's, or its own, where there is nothing.

    Raises:
        OSError: The folder cannot be read.
    """
    return _free(file.parent, file.name, first=file.name) if file.parent.is_dir() else file


def unfinished(folder: Path) -> Path:
    """A new hidden name for a file that is not a sound yet."""
    return folder / f"{UNFINISHED}{secrets.token_hex(8)}"


@contextlib.contextmanager
def refusing_in_words() -> Iterator[None]:
    """Say what the disk refuses, and who can mend it.

    Raises:
        IngestError: In place of an OSError.
    """
    try:
        yield
    except OSError as error:
        refusal = IngestError(disk_trouble(error, "sounds folder"))
        refusal.code = None  # the file is well
        raise refusal from error


def disk_trouble(error: OSError, place: str) -> str:
    """Why a folder does not take a file and who can mend it, without its path."""
    match error.errno:
        case errno.ENOSPC | errno.EDQUOT | errno.EFBIG:
            return f"The disk of the {place} is full: remove what nobody needs, or tell whoever runs the bot"
        case errno.EACCES | errno.EPERM | errno.EROFS:
            return f"The bot may not write into the {place}: whoever runs the bot has to allow it"
        case errno.ENOENT | errno.ENOTDIR:
            return f"The {place} is gone: whoever runs the bot has to bring it back"
    return f"The {place} cannot be written to ({error.strerror}): tell whoever runs the bot"


def megabytes(size: int) -> str:
    """A size in words."""
    return f"{size / (1 << 20):.4g} MiB"


def _visible(text: str) -> str:
    """Text without what is invisible (Unicode's categories C*), and with single spaces for what separates."""
    spaced = (" " if char.isspace() or char in _FORBIDDEN else char for char in text)
    return " ".join("".join(char for char in spaced if unicodedata.category(char)[0] != "C").split())


def _portable(stem: str) -> str:
    """In NFC, without what hides a file or gets lost at its end, and no device of Windows."""
    stem = unicodedata.normalize("NFC", stem[:MAX_NAME_CHARS]).strip(" .")
    return f"_{stem}" if _RESERVED.fullmatch(stem.partition(".")[0].rstrip()) else stem


def _fit(stem: str, ending: str) -> str:
    """A name that is not too long; what is cut is the end of its stem."""
    room = MAX_BYTES - len(ending.encode())
    cut = stem[: MAX_CHARS - len(ending)].encode()[:room].decode(errors="ignore")
    return cut.rstrip(" .") + ending


def _free(folder: Path, wanted: str, *, first: str) -> Path:
    """The first of ``first``, wanted, wanted (2) and so on that nothing in the folder has, in whatever case."""
    taken = {fold(name) for name in os.listdir(folder)}  # noqa: PTH208 - names are all that is needed
    stem, _, extension = wanted.rpartition(".")
    numbered = (_fit(stem, f" ({number}).{extension}") for number in itertools.count(2))
    return folder / next(name for name in itertools.chain((first, wanted), numbered) if fold(name) not in taken)


def _name(temp: Path, path: Path) -> None:
    """Give a file a name that nothing has, for good; the hidden one is left.

    Raises:
        FileExistsError: Something has it.
        OSError: It cannot be given; nothing has it.
    """
    try:
        os.link(temp, path)
    except OSError:  # taken, or a file system without hard links, or something that shows here, too
        path.open("xb").close()
    try:
        temp.replace(path)  # does nothing where both are the same file (POSIX, ``rename``)
        sync(path.parent)
    except OSError:
        path.unlink()
        raise


def remove(temp: Path) -> None:
    """Remove a hidden file, if it is there; what hinders is logged."""
    try:
        temp.unlink(missing_ok=True)
    except OSError as error:
        logger.warning("an unfinished file cannot be removed: %s", error.strerror)
