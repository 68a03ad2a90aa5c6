"""Encoded sounds on disk: one file per content and profile, whole or not at all."""

import contextlib
import logging
import os
import tempfile
import time
import zlib
from collections.abc import Set as AbstractSet
from pathlib import Path

import msgspec

from ..models import Seconds
from .loudness import Level

logger = logging.getLogger(__name__)

_MAGIC = b"jeffbot clip 1\n"
"""What a file begins with; then come the CRC-32 of the rest (4 bytes, little endian) and the entry as MessagePack."""
_CHECKSUM_BYTES = 4
_UNFINISHED = ".new-"
_UNFINISHED_GRACE: Seconds = 3600.0
_SUFFIX = ".clip"
DAY: Seconds = 86_400.0
KEPT_UNUSED: Seconds = 30 * DAY
"""How long a sound is kept after its last use."""


class Entry(msgspec.Struct, frozen=True):
    """An encoded sound."""

    packets: tuple[bytes, ...]
    """Opus packets of 20 ms, 48 kHz, stereo."""
    level: Level


class Cache:
    """The encoded sounds of a folder. Several processes may use one folder: a file is written aside, then renamed.

    A file's time of change says when it was last used, to the day.
    """

    def __init__(self, folder: Path, profile: str) -> None:
        self.folder = folder
        self._profile = profile

    def read(self, key: str) -> Entry | None:
        """What is kept under a key; None when there is nothing, or nothing whole."""
        file = self._file(key)
        try:
            entry = _parse(file.read_bytes())
            _mark_used(file)
        except FileNotFoundError:
            return None
        except (OSError, ValueError) as error:
            logger.warning("a kept sound is damaged and is encoded anew: %s", error)
            return None
        return entry

    def keys(self) -> set[str]:
        """What there is something kept for; empty where the folder cannot be read.

        Cost: one look at the folder, some 100 ms for 100 000 sounds.
        """
        suffix = f".{self._profile}{_SUFFIX}"
        try:
            with os.scandir(self.folder) as files:
                return {file.name.removesuffix(suffix) for file in files if file.name.endswith(suffix)}
        except OSError:
            return set()

    def write(self, key: str, entry: Entry) -> None:
        """Keep a sound; it is there after a crash, or not at all.

        Raises:
            OSError: It cannot be kept.
        """
        content = msgspec.msgpack.encode(entry)
        self.folder.mkdir(parents=True, exist_ok=True)
        handle, name = tempfile.mkstemp(prefix=_UNFINISHED, dir=self.folder)
        temporary = Path(name)
        try:
            with os.fdopen(handle, "wb") as file:
                file.write(_MAGIC + _checksum(content) + content)
                file.flush()
                os.fsync(file.fileno())
            temporary.replace(self._file(key))
        finally:
            temporary.unlink(missing_ok=True)  # it has its own name by now, or is half-written

    def remove_unfinished(self) -> None:
        """Remove what a crash left of files being written, with an hour's grace for other processes."""
        for file in self.folder.glob(f"{_UNFINISHED}*"):
            with contextlib.suppress(FileNotFoundError):
                if time.time() - file.stat().st_mtime > _UNFINISHED_GRACE:
                    file.unlink()

    def remove_unused(self, used: AbstractSet[str]) -> None:
        """Remove the sounds, of this profile and others, that were not used for 30 days.

        Beside what was read or written, what has these keys in this profile counts as used now.

        Cost: one look at each file of the folder.
        """
        removed = 0
        troubles: list[OSError] = []
        try:
            with os.scandir(self.folder) as files:  # one by one, so that other threads are not kept waiting
                for file in files:
                    removed += self._removed(file, used, troubles)
        except FileNotFoundError:
            return  # nothing was ever kept
        except OSError as error:
            troubles.append(error)
        if removed:
            logger.info("kept sounds removed, not used for 30 days: %d", removed)
        if troubles:
            logger.warning("kept sounds that are not used any more could not all be removed: %s", troubles[0])

    def _removed(self, file: "os.DirEntry[str]", used: AbstractSet[str], troubles: list[OSError]) -> bool:
        key, _, kind = file.name.partition(".")
        if key in used and kind == self._profile + _SUFFIX:
            _mark_used(file)
        elif file.name.endswith(_SUFFIX):
            try:
                if _unused_for(file) > KEPT_UNUSED:
                    Path(file).unlink()
                    return True
            except FileNotFoundError:
                return False  # another process was faster
            except OSError as error:
                troubles.append(error)
        return False

    def _file(self, key: str) -> Path:
        return self.folder / f"{key}.{self._profile}{_SUFFIX}"


def _unused_for(file: "Path | os.DirEntry[str]") -> Seconds:
    return time.time() - file.stat().st_mtime


def _mark_used(file: "Path | os.DirEntry[str]") -> None:
    with contextlib.suppress(OSError):  # what cannot be marked cannot be removed either
        if _unused_for(file) > DAY:
            os.utime(file)


def _parse(content: bytes) -> Entry:
    start = len(_MAGIC) + _CHECKSUM_BYTES
    packed = memoryview(content)[start:]
    if content[:start] != _MAGIC + _checksum(packed):
        raise ValueError("its checksum is wrong")
    return msgspec.msgpack.decode(packed, type=Entry)


def _checksum(content: bytes | memoryview) -> bytes:
    return zlib.crc32(content).to_bytes(_CHECKSUM_BYTES, "little")
