"""One sound's packets from disk, from ffmpeg, or streamed: all that blocks, for threads."""

import hashlib
import logging
import os
from collections.abc import Callable
from typing import NamedTuple

from ..errors import UnplayableSoundError, printable
from ..files import open_regular
from ..models import WHOLE, Sound, Trim
from .cache import Cache, Entry
from .clip import AbandonedError, GrowingClip
from .encoder import Encoder
from .ffmpeg import FFmpegError, FFmpegInputError, FFmpegTimeoutError

logger = logging.getLogger(__name__)

GONE = "the file is gone"


class BadContentError(UnplayableSoundError):
    """The file itself is at fault, and stays so until it changes."""


class TooSlowError(UnplayableSoundError):
    """Encoding it ahead takes longer than it may; what comes of it in time can still be streamed."""


class FileState(NamedTuple):
    """What tells one content of a file from another."""

    size: int
    modified_ns: int
    inode: int


class Found(NamedTuple):
    """What there is of a sound."""

    content_hash: str
    """SHA-256 of the file, in hexadecimal."""
    state: FileState
    """Of the file, when it was hashed."""
    entry: Entry | None
    """What is kept."""


class Supply:
    """Where packets come from: the cache, else the encoder. Its methods block.

    Args:
        cache: What is on disk.
        encoder: What makes the rest.
        max_bytes: The largest file that is taken.
    """

    def __init__(self, cache: Cache, encoder: Encoder, *, max_bytes: int) -> None:
        self._cache = cache
        self._encoder = encoder
        self._max_bytes = max_bytes

    def find(self, sound: Sound) -> Found:
        """Read a sound's file for its hash, and what is kept of it.

        Raises:
            UnplayableSoundError: The file cannot be read, or is not taken.
        """
        try:
            with open_regular(sound.file) as file:
                state = _state(os.fstat(file.fileno()))
                if state.size == 0:
                    raise BadContentError(sound.name, "the file is empty")
                if state.size > self._max_bytes:
                    raise BadContentError(sound.name, f"the file is larger than {self._max_bytes >> 20} MiB")
                content_hash = hashlib.file_digest(file, "sha256").hexdigest()
        except FileNotFoundError:
            raise UnplayableSoundError(sound.name, GONE) from None
        except OSError as error:
            raise UnplayableSoundError(sound.name, f"the file cannot be read ({error.strerror})") from error
        return Found(content_hash, state, self._cache.read(key_of(content_hash, sound.details.trim)))

    def recall(self, sound: Sound, content_hash: str) -> Entry | None:
        """What is kept of a sound whose content is known; None: it has changed, or nothing is kept.

        Raises:
            UnplayableSoundError: The file is gone.
        """
        try:
            stat = sound.file.stat()
        except OSError:
            raise UnplayableSoundError(sound.name, GONE) from None
        if (stat.st_size, stat.st_mtime_ns) != (sound.size, sound.modified_ns):
            return None
        return self._cache.read(key_of(content_hash, sound.details.trim))

    def encode(self, sound: Sound, found: Found) -> Entry:
        """Encode a sound and keep it on disk.

        Raises:
            UnplayableSoundError: It cannot be encoded.
        """
        try:
            entry = self._encoder.encode(sound.file, sound.details.trim)
        except FFmpegInputError as error:
            raise BadContentError(sound.name, str(error)) from error
        except FFmpegTimeoutError as error:
            raise TooSlowError(sound.name, str(error)) from error
        except FFmpegError as error:
            raise UnplayableSoundError(sound.name, str(error)) from error
        try:
            if _state(sound.file.stat()) == found.state:  # else what was encoded may not be what was hashed
                self._cache.write(key_of(found.content_hash, sound.details.trim), entry)
        except OSError as error:
            logger.warning("an encoded sound could not be kept on disk: %s", error)
        return entry

    def stream(self, sound: Sound, clip: GrowingClip, begun: Callable[[], object]) -> None:
        """Fill a clip with what ffmpeg hands on, until it is abandoned, and say when it has begun.

        Raises:
            UnplayableSoundError: It has not begun.
        """

        def add(packet: bytes) -> None:
            clip.add(packet)
            if len(clip.packets) == 1:
                begun()

        try:
            if clip.abandoned:  # before its turn
                return
            self._encoder.stream(sound.file, add, sound.details.trim)
            clip.finish()
        except AbandonedError:
            logger.debug("%s is streamed no further", printable(sound.name))
        except FFmpegError as error:
            if not clip.packets:
                raise UnplayableSoundError(sound.name, str(error)) from error
            logger.warning("%s ends early: %s", printable(sound.name), error)
        finally:
            if not clip.complete:
                clip.finish(failed=True)


def key_of(content_hash: str, trim: Trim) -> str:
    """What packets are kept under: by content, and by what of it is played."""
    start, end = trim
    if trim == WHOLE:
        return content_hash
    return f"{content_hash}-{start * 1000:.0f}-" + ("" if end is None else f"{end * 1000:.0f}")


def _state(stat: os.stat_result) -> FileState:
    return FileState(stat.st_size, stat.st_mtime_ns, stat.st_ino)
