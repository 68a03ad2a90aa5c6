"""Encoded sounds on disk: one file per content and profile, whole or not at all."""

import contextlib
import logging
import os
import tempfile
import time
import zlib
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


class Entry(msgspec.Struct, frozen=True):
    """An encoded sound."""

    packets: tuple[bytes, ...]
    """Opus packets of 20 ms, 48 kHz, stereo."""
    level: Level


class Cache:
    """The encoded sounds of a folder. Several processes may use one folder: a file is written aside, then renamed."""

    def __init__(self, folder: Path, profile: str) -> None:
        self.folder = folder
        self._profile = profile

    def read(self, digest: str) -> Entry | None:
        """What is kept for a content; None when there is nothing, or nothing whole."""
        try:
            return _parse(self._file(digest).read_bytes())
        except FileNotFoundError:
            return None
        except (OSError, ValueError) as error:
            logger.warning("a kept sound is damaged and is encoded anew: %s", error)
            return None

    def write(self, digest: str, entry: Entry) -> None:
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
            temporary.replace(self._file(digest))
        finally:
            temporary.unlink(missing_ok=True)  # it has its own name by now, or is half-written

    def remove_unfinished(self) -> None:
        """Remove what a crash left of files being written, with an hour's grace for other processes."""
        for file in self.folder.glob(f"{_UNFINISHED}*"):
            with contextlib.suppress(FileNotFoundError):
                if time.time() - file.stat().st_mtime > _UNFINISHED_GRACE:
                    file.unlink()

    def _file(self, digest: str) -> Path:
        return self.folder / f"{digest}.{self._profile}.clip"


def _parse(content: bytes) -> Entry:
    start = len(_MAGIC) + _CHECKSUM_BYTES
    packed = memoryview(content)[start:]
    if content[:start] != _MAGIC + _checksum(packed):
        raise ValueError("its checksum is wrong")
    return msgspec.msgpack.decode(packed, type=Entry)


def _checksum(content: bytes | memoryview) -> bytes:
    return zlib.crc32(content).to_bytes(_CHECKSUM_BYTES, "little")
