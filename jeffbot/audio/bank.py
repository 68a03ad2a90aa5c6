"""Every sound as Opus packets, ready to send.

A sound is encoded once, kept on disk under the hash of its content, and held in memory while it is in use. Cost:
memory grows with the encoded bytes up to its budget, disk with the distinct contents; a packet costs ~33 bytes beyond
its own.
"""

import asyncio
import contextlib
import hashlib
import logging
import os
import tempfile
import time
from collections import OrderedDict
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import NamedTuple, Self

from ..errors import UnplayableSoundError, printable
from ..models import PACKET_SECONDS, Seconds, Sound, duration_of
from .ffmpeg import PROFILE, FFmpeg, FFmpegError, FFmpegInputError
from .opus import OggError, read_packets

logger = logging.getLogger(__name__)

type Packets = tuple[bytes, ...]
type _Version = tuple[str, int, int]

GONE = "the file is gone"
LOOK_TIMEOUT: Seconds = 0.05
"""How long a press waits to learn whether its file is still there."""
_UNFINISHED = ".new-"
_UNFINISHED_GRACE: Seconds = 60.0
_PACKET_OVERHEAD = 33 + 8  # CPython's bytes object and the tuple's reference to it


class _BadContentError(UnplayableSoundError):
    """The file itself is at fault, and stays so until it changes."""


class _FileState(NamedTuple):
    size: int
    modified_ns: int
    inode: int


class SoundBank:
    """The packets of all sounds. Use it as an async context manager: leaving it ends every encoding."""

    def __init__(self, ffmpeg: FFmpeg, folder: Path, *, encoders: int, memory_bytes: int, max_seconds: Seconds) -> None:
        self._ffmpeg = ffmpeg
        self._folder = folder
        self._encoders = encoders
        self._max_seconds = max_seconds
        self._memory_bytes = memory_bytes
        self.version = 0
        self._held: OrderedDict[_Version, Packets] = OrderedDict()
        self._held_bytes = 0
        self._closed = False
        self._durations: dict[_Version, Seconds] = {}
        self._refused: dict[_Version, UnplayableSoundError] = {}
        self._fetching: dict[_Version, asyncio.Task[Packets]] = {}
        self._pool = ThreadPoolExecutor(encoders + 1, "jeffbot-encoder")  # one is always left for a press
        self._looker = ThreadPoolExecutor(1, "jeffbot-looker")

    async def __aenter__(self) -> Self:
        await asyncio.get_running_loop().run_in_executor(self._pool, _remove_unfinished, self._folder)
        return self

    async def __aexit__(self, *_: object) -> None:
        self._closed = True
        self._ffmpeg.close()  # so that every fetch under way ends at once
        try:
            await asyncio.gather(*self._fetching.values(), return_exceptions=True)
        finally:
            self._pool.shutdown()
            self._looker.shutdown(wait=False)

    async def check_ffmpeg(self) -> str:
        """The version of the ffmpeg in use.

        Raises:
            FFmpegMissingError: It cannot be used.
        """
        return await asyncio.get_running_loop().run_in_executor(self._pool, self._ffmpeg.check)

    def duration(self, sound: Sound) -> Seconds | None:
        """How long a sound is; None while it has not been encoded."""
        return self._durations.get(_version(sound))

    def ready(self, sound: Sound) -> Packets | None:
        """The packets if they are in memory."""
        version = _version(sound)
        packets = self._held.get(version)
        if packets is not None:
            self._held.move_to_end(version)
        return packets

    async def packets(self, sound: Sound) -> Packets:
        """The sound as Discord wants it: one Opus packet per 20 ms, 48 kHz, stereo.

        Takes one ffmpeg run for a sound never met before. Cancelling it lets the encoding go on for others.

        Raises:
            UnplayableSoundError: The file gives no audio, is too long or is gone.
        """
        if self._closed:
            raise UnplayableSoundError(sound.name, "shutting down")
        if refused := self._refused.get(_version(sound)):
            raise UnplayableSoundError(sound.name, refused.reason)
        packets = self.ready(sound)
        if packets is None:
            return await asyncio.shield(self._fetch(sound))
        await self._look_for(sound)
        return packets

    async def _look_for(self, sound: Sound) -> None:
        """Refuse a sound whose file is gone, though the library has not noticed yet; a slow disk is not waited for."""
        looking = asyncio.get_running_loop().run_in_executor(self._looker, sound.file.exists)
        done, _ = await asyncio.wait([looking], timeout=LOOK_TIMEOUT)
        if done and not looking.result():
            raise UnplayableSoundError(sound.name, GONE)

    async def prepare(self, sounds: Iterable[Sound]) -> None:
        """Encode ahead all sounds not yet encoded, ``encoders`` at a time, and hold as many as memory allows.

        A sound that cannot be encoded is logged and left. What is known of sounds other than these is forgotten.
        """
        versions = {_version(sound): sound for sound in sounds}
        self._durations = {version: length for version, length in self._durations.items() if version in versions}
        self._refused = {version: error for version, error in self._refused.items() if version in versions}
        known = self._durations.keys() | self._refused.keys()
        wanted = iter([sound for version, sound in versions.items() if version not in known])
        await asyncio.gather(*(self._prepare_each(wanted) for _ in range(self._encoders)))

    async def _prepare_each(self, sounds: Iterable[Sound]) -> None:
        for sound in sounds:
            try:
                await self.packets(sound)
            except UnplayableSoundError as error:
                logger.warning("%s", error)
            except Exception:  # a boundary: one odd file must not end the soundboard
                logger.exception("trouble with %s", printable(sound.name))

    def _fetch(self, sound: Sound) -> "asyncio.Task[Packets]":
        version = _version(sound)
        task = self._fetching.get(version)
        if task is None:
            task = asyncio.create_task(self._load(sound), name=f"jeffbot fetch {sound.name}")
            self._fetching[version] = task
            task.add_done_callback(lambda done: self._fetched(version, done))
        return task

    def _fetched(self, version: _Version, task: "asyncio.Task[Packets]") -> None:
        del self._fetching[version]
        if not task.cancelled():
            task.exception()  # seen: whoever awaited it has it too

    async def _load(self, sound: Sound) -> Packets:
        version = _version(sound)
        loop = asyncio.get_running_loop()
        try:
            packets = await loop.run_in_executor(self._pool, self._read_or_encode, sound)
        except _BadContentError as error:
            self._refused[version] = error
            raise
        if version not in self._durations:
            self._durations[version] = duration_of(packets)
            self.version += 1
        self._hold(version, packets)
        return packets

    def _hold(self, version: _Version, packets: Packets) -> None:
        self._held[version] = packets
        self._held_bytes += _cost(packets)
        while self._held_bytes > self._memory_bytes and len(self._held) > 1:
            _, dropped = self._held.popitem(last=False)
            self._held_bytes -= _cost(dropped)

    def _read_or_encode(self, sound: Sound) -> Packets:
        """Runs in the pool."""
        try:
            before = _state(sound.file)
            with sound.file.open("rb") as file:
                digest = hashlib.file_digest(file, "sha256").hexdigest()
            if before.size == 0:
                raise _BadContentError(sound.name, "the file is empty")
        except FileNotFoundError:
            raise UnplayableSoundError(sound.name, GONE) from None
        except OSError as error:
            raise UnplayableSoundError(sound.name, f"the file cannot be read ({error.strerror})") from error
        kept = self._folder / f"{digest}.{PROFILE}.opus"
        packets = _read(kept)
        if packets is None:
            stream, packets = self._encode(sound)
            try:
                if _state(sound.file) == before:  # else what was encoded may not be what was hashed
                    _write(kept, stream)
            except OSError as error:
                logger.warning("an encoded sound could not be kept on disk: %s", error)
        return packets

    def _encode(self, sound: Sound) -> tuple[bytes, Packets]:
        try:
            stream = self._ffmpeg.encode(sound.file)
            packets = read_packets(stream)
        except FFmpegInputError as error:
            raise _BadContentError(sound.name, str(error)) from error
        except FFmpegError as error:
            raise UnplayableSoundError(sound.name, str(error)) from error
        except OggError as error:
            raise _BadContentError(sound.name, "it has no audio in it") from error
        if not packets:
            raise _BadContentError(sound.name, "it has no audio in it")
        if duration_of(packets) > self._max_seconds + PACKET_SECONDS:
            raise _BadContentError(sound.name, f"it is longer than {self._max_seconds:g} s")
        return stream, packets


def _version(sound: Sound) -> _Version:
    return sound.path, sound.size, sound.modified_ns


def _state(file: Path) -> _FileState:
    stat = file.stat()
    return _FileState(stat.st_size, stat.st_mtime_ns, stat.st_ino)


def _cost(packets: Packets) -> int:
    return sum(len(packet) + _PACKET_OVERHEAD for packet in packets)


def _read(kept: Path) -> Packets | None:
    """What is kept on disk; None when there is nothing, or nothing whole."""
    try:
        return read_packets(kept.read_bytes()) or None
    except FileNotFoundError:
        return None
    except (OSError, OggError) as error:
        logger.warning("a kept sound is damaged and is encoded anew: %s", error)
        return None


def _remove_unfinished(folder: Path) -> None:
    """What a crash left of files being written; a minute's grace for another process that is writing one."""
    for file in folder.glob(f"{_UNFINISHED}*"):
        with contextlib.suppress(FileNotFoundError):
            if time.time() - file.stat().st_mtime > _UNFINISHED_GRACE:
                file.unlink()


def _write(kept: Path, stream: bytes) -> None:
    kept.parent.mkdir(parents=True, exist_ok=True)
    handle, name = tempfile.mkstemp(prefix=_UNFINISHED, dir=kept.parent)
    temporary = Path(name)
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(stream)
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(kept)
    except BaseException:  # whatever it was, no half-written file stays; raised on
        temporary.unlink(missing_ok=True)
        raise
