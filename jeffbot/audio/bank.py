"""Every sound as a clip of Opus packets, ready to send.

A sound is encoded once, kept on disk under the hash of its content, and held in memory while it is in use. Cost:
memory grows with the encoded bytes up to its budget, disk with the distinct contents.
"""

import asyncio
import contextlib
import itertools
import logging
import time
from collections.abc import Callable, Iterable, Mapping
from collections.abc import Set as AbstractSet
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple, Self

import msgspec

from ..errors import UnplayableSoundError, printable
from ..events import EventHub
from ..models import Seconds, Sound, Trim, duration_of
from ..settings import Settings
from .cache import DAY, Cache, Entry
from .clip import Clip
from .encoder import Encoder
from .ffmpeg import FFmpeg, find_ffmpeg
from .loudness import Level
from .memory import Memory
from .progress import Progress
from .streams import Stream, Streams, either
from .supply import BadContentError, Supply, TooSlowError, key_of

logger = logging.getLogger(__name__)

type _Version = tuple[str, str, int, int, Seconds, Seconds | None]


class _Known(msgspec.Struct, frozen=True, gc=False):
    content_hash: str
    duration: Seconds
    level: Level | None
    """None: it was encoded by an earlier process."""


@dataclass(eq=False)
class _Job:
    """Getting one sound's clip, from disk or by encoding; all who press it meanwhile share it."""

    missed: "asyncio.Future[None]"
    """Done when it turns out that the sound has to be encoded."""
    clip: "asyncio.Task[Clip]"
    pressed: bool = False
    """Whether someone wants to hear it now."""
    stream: Stream | None = None
    """What is heard meanwhile."""


class SoundBank:
    """The clips of all sounds. Use it as an async context manager: leaving it ends every encoding."""

    def __init__(
        self,
        ffmpeg: FFmpeg,
        folder: Path,
        *,
        encoders: int,
        memory_bytes: int,
        max_seconds: Seconds,
        max_bytes: int = 256 << 20,
        loudness: float = -16.0,
        bitrate: int = 96,
    ) -> None:
        self._ffmpeg = ffmpeg
        encoder = Encoder(ffmpeg, folder, max_seconds=max_seconds, loudness=loudness, bitrate=bitrate)
        self._cache = Cache(folder, encoder.profile)
        self._supply = Supply(self._cache, encoder, max_bytes=max_bytes)
        self._memory: Memory[_Version] = Memory(memory_bytes)
        self._encoders = encoders
        self.version = 0
        """Grows with every duration that becomes known."""
        self.encoding = Progress()
        """How far the sounds of the last :meth:`prepare` are."""
        self._known: dict[_Version, _Known] = {}
        self._recalled = False
        """Whether some of that is from before, and may not be on disk any more."""
        self._news = EventHub[Sound, str, Seconds, Level | None]()
        self._refused: dict[_Version, UnplayableSoundError] = {}
        """What is not to be encoded again, and why."""
        self._jobs: dict[_Version, _Job] = {}
        self._streams = Streams(self._supply)
        self._closed = False
        self._clean_again_at: Seconds = 0.0
        self._readers = ThreadPoolExecutor(encoders + 1, "jeffbot-reader")  # one is always left for a press
        self._workers = ThreadPoolExecutor(encoders, "jeffbot-encoder")

    @classmethod
    def of(cls, settings: Settings) -> Self:
        """The bank that the settings describe.

        Raises:
            FFmpegMissingError: There is no ffmpeg on this machine.
        """
        longest = settings.max_sound_seconds
        return cls(
            FFmpeg(find_ffmpeg(settings.ffmpeg), timeout=settings.encode_timeout, max_seconds=longest),
            settings.data_dir / "opus",
            encoders=settings.encoders,
            memory_bytes=settings.memory_mib << 20,
            max_seconds=longest,
            max_bytes=settings.max_sound_mib << 20,
            loudness=settings.loudness,
            bitrate=settings.bitrate,
        )

    async def __aenter__(self) -> Self:
        await self._in(self._readers, self._cache.remove_unfinished)
        return self

    async def __aexit__(self, *_: object) -> None:
        self._closed = True
        self._ffmpeg.close()  # so that every run under way ends at once
        try:
            jobs = [job.clip for job in self._jobs.values()]
            await asyncio.gather(*jobs, *self._streams.running, return_exceptions=True)
        finally:
            self._readers.shutdown()
            self._workers.shutdown()
            self._streams.close()

    def subscribe(self, listener: Callable[[Sound, str, Seconds, Level | None], object]) -> Callable[[], None]:
        """Call a listener in the event loop when a sound's content becomes known; what comes back ends that.

        It is told the sound, the SHA-256 of its file, how long it plays, and how loud it was.
        """
        return self._news.subscribe(listener)

    def recall(self, sound: Sound, content_hash: str, length: Seconds) -> None:
        """Take in what was known of a sound before: the SHA-256 of its file, and how long it plays.

        So it need not be read, hashed and encoded again, as long as it is kept on disk. May be called in a thread.
        """
        self._known.setdefault(_version(sound), _Known(content_hash, length, None))
        self._recalled = True

    async def check_ffmpeg(self) -> str:
        """The version of the ffmpeg in use.

        Raises:
            FFmpegMissingError: It cannot be used.
        """
        return await self._in(self._readers, self._ffmpeg.check)

    def check(self, file: Path) -> tuple[Seconds, Level]:
        """How long a file would play that is no sound yet, and how loud it was; blocks while it is encoded, for good.

        Raises:
            UnplayableSoundError: It cannot be played.
        """
        stat = file.stat()
        sound = Sound(file.name, file.name, str(file.parent), stat.st_size, stat.st_mtime_ns)
        found = self._supply.find(sound)
        entry = found.entry or self._supply.encode(sound, found)
        return duration_of(entry.packets), entry.level

    def duration(self, sound: Sound) -> Seconds | None:
        """How long a sound is; None while it has not been encoded."""
        known = self._known.get(_version(sound))
        return known.duration if known else None

    def level(self, sound: Sound) -> Level | None:
        """How loud a sound was and what was done about it; None while this process has not encoded or read it."""
        known = self._known.get(_version(sound))
        return known.level if known else None

    async def clip(self, sound: Sound) -> Clip:
        """The sound's clip, as soon as it can be played.

        From memory or disk it is complete. A sound never encoded comes as ffmpeg hands it on, not levelled, once its
        first packet is there; it is encoded beside that, so that a later press gets the levelled clip. Who is given a
        clip calls :meth:`Clip.abandon` when they play it no more: a stream ends with the last of those who share it.
        Cancelling a call takes nothing from others.

        Raises:
            UnplayableSoundError: The file gives no audio, is too long or is gone.
        """
        return self._held(sound) or await self._soonest(self._job(sound), sound)

    async def whole(self, sound: Sound) -> Clip:
        """The sound's complete clip; one that has to be encoded is waited for. Cancelling takes nothing from others.

        Raises:
            UnplayableSoundError: As for :meth:`clip`.
        """
        held = self._held(sound)
        return held if held and held.complete else await asyncio.shield(self._job(sound).clip)

    async def prepare(self, sounds: Iterable[Sound]) -> Progress:
        """Encode ahead all sounds not yet encoded, ``encoders`` at a time, and hold as many as memory allows, in order.

        A sound that cannot be encoded is logged and left; where that is the file's fault, or took too long, it is not
        tried again until the file changes. What is known of sounds other than these is forgotten. What is kept on disk
        and was not used for 30 days is removed afterwards, once a day and whenever sounds have gone: at a cost of one
        look at each kept sound.

        Returns:
            What came of it: :attr:`encoding` until the next call.
        """
        kept = await self._in(self._readers, self._cache.keys) if self._recalled else None
        self._recalled = False
        plan = await self._in(self._readers, _plan, sounds, self._known.copy(), self._refused.copy(), kept)
        for version in plan.outdated:
            self._known.pop(version, None)
            self._refused.pop(version, None)
        self._memory.keep(plan.versions)
        wanted = plan.wanted
        progress = self.encoding = Progress(len(wanted))
        if wanted:
            logger.info("sounds to prepare: %d", len(wanted))
        left = iter(wanted)
        await asyncio.gather(*(self._prepare_each(left, progress) for _ in range(self._encoders)))
        await self._fill(plan.versions)
        if wanted:
            logger.info("prepared in %.1f s: %s", time.monotonic() - progress.began, progress)
        if plan.versions and not self._closed:  # no sounds: more likely a folder that is not there now
            await self._remove_unused(plan)
        return progress

    async def _remove_unused(self, plan: "_Plan") -> None:
        if plan.outdated or time.monotonic() >= self._clean_again_at:
            self._clean_again_at = time.monotonic() + DAY
            await self._in(self._readers, self._cache.remove_unused, plan.used)

    async def _prepare_each(self, sounds: Iterable[Sound], progress: Progress) -> None:
        for sound in sounds:
            try:
                self._check(sound)
                job = self._job(sound)
                await asyncio.shield(job.clip)
            except UnplayableSoundError as error:
                logger.warning("%s", error)
                progress.refused.append(error)
            except Exception:  # a boundary: one odd file must not end the soundboard
                logger.exception("trouble with %s", printable(sound.name))
                progress.refused.append(
                    UnplayableSoundError(sound.name, "a fault of the soundboard; its log says more")
                )
            else:
                if job.missed.done():
                    progress.encoded += 1
                else:
                    progress.cached += 1
            progress.tell()

    async def _fill(self, versions: Mapping[_Version, Sound]) -> None:
        """Hold what is known, as long as there is room."""
        for version, sound in versions.items():
            if self._closed:
                return
            if version in self._memory or version not in self._known:
                continue
            with contextlib.suppress(UnplayableSoundError):  # told when it is pressed
                entry = await self._in(self._readers, self._supply.recall, sound, self._known[version].content_hash)
                if entry and not self._memory.add(version, Clip(entry.packets)):
                    return

    def _check(self, sound: Sound) -> None:
        if self._closed:
            raise UnplayableSoundError(sound.name, "shutting down")
        refused = self._refused.get(_version(sound))
        if refused and not isinstance(refused, TooSlowError):
            raise UnplayableSoundError(sound.name, refused.reason)

    def _held(self, sound: Sound) -> Clip | None:
        """The clip from memory, for a press."""
        self._check(sound)
        version = _version(sound)
        clip = self._memory.get(version)
        if clip:
            self._memory.play(version, clip)
        return clip

    async def _soonest(self, job: _Job, sound: Sound) -> Clip:
        """The clip of a job, or the stream of a sound that has to be encoded: whichever is there first."""
        job.pressed = True
        await either(job.clip, job.missed)
        if not job.missed.done():
            return job.clip.result()
        if job.stream is None or job.stream.clip.abandoned:
            job.stream = self._streams.start(sound)
        return await job.stream.unless(job.clip)

    def _job(self, sound: Sound) -> _Job:
        version = _version(sound)
        job = self._jobs.get(version)
        if job is None:
            missed = asyncio.get_running_loop().create_future()
            task = asyncio.create_task(self._load(sound, missed), name=f"jeffbot encode {sound.name}")
            job = self._jobs[version] = _Job(missed, task)
            task.add_done_callback(lambda done: self._job_ended(version, done))
        return job

    def _job_ended(self, version: _Version, task: "asyncio.Task[Clip]") -> None:
        del self._jobs[version]
        if not task.cancelled():
            task.exception()  # seen: whoever awaited it has it too

    async def _load(self, sound: Sound, missed: "asyncio.Future[None]") -> Clip:
        version = _version(sound)
        try:
            if known := self._known.get(version):
                entry = await self._in(self._readers, self._supply.recall, sound, known.content_hash)
                if entry:
                    return self._hold(version, entry)
            found = await self._in(self._readers, self._supply.find, sound)
            entry = found.entry
            if entry is None:
                missed.set_result(None)
                if slow := self._refused.get(version):
                    raise TooSlowError(sound.name, slow.reason)
                entry = await self._in(self._workers, self._supply.encode, sound, found)
        except (BadContentError, TooSlowError) as error:
            self._refused[version] = error
            raise
        self._know(sound, _Known(found.content_hash, duration_of(entry.packets), entry.level))
        return self._hold(version, entry)

    def _know(self, sound: Sound, known: _Known) -> None:
        if self._known.get(_version(sound)) == known:
            return
        self._known[_version(sound)] = known
        self.version += 1
        self._news.publish(sound, known.content_hash, known.duration, known.level)

    def _hold(self, version: _Version, entry: Entry) -> Clip:
        clip = Clip(entry.packets)
        hold = self._memory.play if self._jobs[version].pressed else self._memory.add
        hold(version, clip)
        return clip

    @staticmethod
    def _in[*Args, Result](
        pool: ThreadPoolExecutor, function: Callable[[*Args], Result], *args: *Args
    ) -> "asyncio.Future[Result]":
        return asyncio.get_running_loop().run_in_executor(pool, function, *args)


class _Plan(NamedTuple):
    versions: dict[_Version, Sound]
    """What there is."""
    wanted: list[Sound]
    """Those to encode, or to read what is kept of them."""
    outdated: list[_Version]
    """What is known, or was refused, of what there is not any more; or is not kept."""
    used: set[str]
    """The keys of what is known."""


def _plan(
    sounds: Iterable[Sound],
    known: dict[_Version, _Known],
    refused: dict[_Version, UnplayableSoundError],
    kept: AbstractSet[str] | None,
) -> _Plan:
    """What is to be done; a quarter of a second for 100 000 sounds, in a thread.

    Args:
        sounds: Those there are.
        known: What is known.
        refused: What is not to be encoded again.
        kept: The keys of what is on disk; None: all that is known.
    """
    versions = {_version(sound): sound for sound in sounds}
    keys = {version: key_of(item.content_hash, Trim(*version[-2:])) for version, item in known.items()}
    lost = {version for version, key in keys.items() if kept is not None and key not in kept}
    outdated = [version for version in itertools.chain(known, refused) if version not in versions or version in lost]
    wanted = [sound for version, sound in versions.items() if version not in known and version not in refused]
    wanted += (sound for version, sound in versions.items() if version in lost)
    return _Plan(versions, wanted, outdated, set(keys.values()))


def _version(sound: Sound) -> _Version:
    details = sound.details
    return sound.folder, sound.path, sound.size, sound.modified_ns, details.trim_start, details.trim_end
