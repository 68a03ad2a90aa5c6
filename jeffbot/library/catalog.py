"""Which sounds exist: one folder, scanned, watched and looked up by name.

Cost: a scan is O(files) and runs in a thread; :meth:`Catalog.find` is O(1); :meth:`Catalog.search` is O(sounds).
"""

import asyncio
import functools
import heapq
import logging
import os
import shutil
import tempfile
import threading
import unicodedata
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from types import MappingProxyType
from typing import Any, Self

from ..errors import SoundNotFoundError, UnloadedError, printable
from ..models import Seconds, Sound
from ..tasks import start_now

logger = logging.getLogger(__name__)

EXTENSIONS = frozenset(
    ".aac .aif .aiff .flac .m4a .m4b .mka .mp3 .mp4 .oga .ogg .opus .wav .webm".split()  # noqa: SIM905 - reads better
)
"""Files with these extensions are sounds; whether they hold audio is found out when they are encoded."""

SETTLE: Seconds = 0.25
"""Changes that come within this time of one another are taken in by one scan."""
LOOK_AGAIN: Seconds = 5.0
"""How often the folder itself is checked for having been replaced, which no watch reports."""
_MISSING_FOLDER_RETRY: Seconds = 1.0


MAX_NAME_CHARS = 1024
"""Names longer than this are not looked for: Unicode normalisation takes time that grows with their square."""


def fold(name: str) -> str:
    """The form in which names that differ only in case or Unicode form are equal (Unicode 15, D145)."""
    return unicodedata.normalize("NFC", unicodedata.normalize("NFD", name).casefold())


def _stem(name: str) -> str:
    return str(PurePosixPath(name).with_suffix(""))


@dataclass(frozen=True, slots=True)
class Index:
    """An immutable picture of the library, replaced as a whole by each scan."""

    sounds: tuple[Sound, ...]
    """Sorted by name."""
    folded: tuple[str, ...]
    """Their names, folded."""
    lookups: tuple[MappingProxyType[str, Sound], ...]
    """Exact names, exact stems, folded names, folded stems: the first that knows a name wins."""

    @classmethod
    def of(cls, sounds: Iterable[Sound]) -> "Index":
        """The index of these sounds; of several that share a key the first by name has it."""
        ordered = tuple(sorted(sounds, key=lambda sound: sound.name))
        keys: tuple[Callable[[str], str], ...] = (str, _stem, fold, lambda name: fold(_stem(name)))
        lookups = []
        for key in keys:
            table: dict[str, Sound] = {}
            for sound in ordered:
                table.setdefault(key(sound.name), sound)
            for sound in ordered:
                table.setdefault(key(sound.path), sound)
                table.setdefault(key(PurePosixPath(sound.path).name), sound)
            lookups.append(MappingProxyType(table))
        return cls(ordered, tuple(fold(sound.name) for sound in ordered), tuple(lookups))


class Catalog:
    """The sounds of one folder. Use it as an async context manager around scanning and watching."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._pool = ThreadPoolExecutor(2, "jeffbot-catalog")  # one watches, one scans
        self._work: set[asyncio.Future[Any]] = set()
        self._closing = threading.Event()
        self._index = Index.of(())
        self.version = 0
        self._scanned = asyncio.Event()
        self._trouble = ""
        self._listeners: list[Callable[[], None]] = []

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        self._closing.set()
        self._scanned.set()
        if self._work:
            await asyncio.wait(self._work)  # a scan of a slow disk may take its time; the event loop may not
        self._pool.shutdown()

    async def wait_scanned(self) -> None:
        """Wait until the first scan is done.

        Raises:
            UnloadedError: The catalog has been closed.
        """
        await self._scanned.wait()
        if self._closing.is_set():
            raise UnloadedError

    def subscribe(self, listener: Callable[[], None]) -> None:
        """Call ``listener`` in the event loop after each scan that changed something."""
        self._listeners.append(listener)

    @property
    def sounds(self) -> tuple[Sound, ...]:
        """Every sound, sorted by name."""
        return self._index.sounds

    def find(self, name: str) -> Sound:
        """The sound of this name: exact, then without extension, then both without regard to case and Unicode form.

        Raises:
            SoundNotFoundError: There is none.
        """
        if len(name) > MAX_NAME_CHARS:
            raise SoundNotFoundError(name)
        exact, exact_stem, folded, folded_stem = self._index.lookups
        key = fold(name)
        sound = exact.get(name) or exact_stem.get(name) or folded.get(key) or folded_stem.get(key)
        if sound is None:
            raise SoundNotFoundError(name)
        return sound

    def search(self, text: str, limit: int) -> list[Sound]:
        """At most ``limit`` sounds with ``text`` in their name: those that begin with it first, then words that do."""
        if len(text) > MAX_NAME_CHARS:
            return []
        wanted = fold(text.strip())
        ranked = []
        for place, name in enumerate(self._index.folded):
            at = name.find(wanted)
            if at >= 0:
                rank = 0 if at == 0 else 1 if not name[at - 1].isalnum() else 2
                ranked.append((rank, place))
        return [self._index.sounds[place] for _, place in heapq.nsmallest(limit, ranked)]

    async def scan(self) -> None:
        """Take in what the folder holds now; a folder that cannot be read counts as empty and is logged."""
        index, trouble = await self._in_pool(_scan, self._folder)
        if trouble and trouble != self._trouble:
            logger.warning("the sounds folder %s cannot be read: %s", self._folder, trouble)
        self._trouble = trouble
        changed = index.sounds != self._index.sounds
        self._index = index
        first = not self._scanned.is_set()
        self._scanned.set()
        if first or changed:
            self.version += 1
            logger.info("%d sounds in the library", len(index.sounds))
            for listener in self._listeners:
                listener()

    async def open(self) -> None:
        """Make the folder if it is missing, with the shipped sounds in it, and take in what it holds."""
        try:
            await self._in_pool(fill_if_missing, self._folder)
        except OSError as error:
            logger.error("the sounds folder %s cannot be made (JEFFBOT_SOUNDS_DIR): %s", self._folder, error)
        await self.scan()

    async def watch(self) -> None:
        """Scan after every change of the folder, until cancelled."""
        loop = asyncio.get_running_loop()
        changed = asyncio.Event()
        watching = start_now(
            self._in_pool(self._watch, lambda: loop.call_soon_threadsafe(changed.set)), "jeffbot watch"
        )
        try:
            while True:
                await changed.wait()
                changed.clear()
                await self.scan()
        finally:
            self._closing.set()
            await watching

    async def _in_pool[**P, T](self, work: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        """Run something that reads the disk; it runs to its end also when nobody waits for it any more."""
        running = asyncio.get_running_loop().run_in_executor(self._pool, functools.partial(work, *args, **kwargs))
        self._work.add(running)
        running.add_done_callback(self._work.discard)
        return await asyncio.shield(running)

    def _watch(self, report: Callable[[], object]) -> None:
        """Report bursts of changes; runs in the pool. Looks again for a folder that is gone or was replaced."""
        trouble = ""
        while not self._closing.is_set():
            try:
                self._watch_one(report)
                trouble = ""
            except FileNotFoundError:
                self._closing.wait(_MISSING_FOLDER_RETRY)
            except (OSError, RuntimeError) as error:  # RuntimeError: watchfiles' own
                if str(error) != trouble:
                    logger.warning("the sounds folder cannot be watched, but is looked at every few s: %s", error)
                trouble = str(error)
                self._closing.wait(LOOK_AGAIN)
            report()

    def _watch_one(self, report: Callable[[], object]) -> None:
        import watchfiles  # noqa: PLC0415 - ten milliseconds that only this thread needs to wait for

        logging.getLogger("watchfiles.main").setLevel(logging.WARNING)  # at INFO it tells the host of every change
        identity = _identity(self._folder)
        begun = False
        for burst in watchfiles.watch(
            self._folder,
            watch_filter=None,
            debounce=int(SETTLE * 1000),
            stop_event=self._closing,
            rust_timeout=int(LOOK_AGAIN * 1000),
            yield_on_timeout=True,
        ):
            if burst or not begun:  # the first time: what came before the watch began
                begun = True
                report()
            if _identity(self._folder) != identity:
                return


def _identity(folder: Path) -> tuple[int, int]:
    stat = folder.stat()
    return stat.st_dev, stat.st_ino


def fill_if_missing(folder: Path) -> None:
    """Make the sounds folder with the shipped sounds in it where there is none; an existing one is left alone.

    Raises:
        OSError: The folder cannot be made.
    """
    if folder.exists():
        return
    folder.parent.mkdir(parents=True, exist_ok=True)
    staging = Path(tempfile.mkdtemp(prefix=f".{folder.name}-", dir=folder.parent))
    try:
        staging.chmod(0o755)
        for sound in sorted(shipped_sounds().iterdir()):
            if sound.suffix in EXTENSIONS:
                shutil.copyfile(sound, staging / sound.name)
        staging.rename(folder)
    finally:
        shutil.rmtree(staging, ignore_errors=True)  # it has its own name by now, or is half-filled
    logger.info("made the sounds folder %s with the shipped sounds in it", folder)


def shipped_sounds() -> Path:
    """The folder of the sounds that come with the package: beside the code when installed, above it in a checkout."""
    package = Path(__file__).parents[1]
    installed = package / "shipped_sounds"
    return installed if installed.is_dir() else package.parent / "sounds"


def _scan(folder: Path) -> tuple[Index, str]:
    """What the folder holds, and why it could not be read."""
    files: list[tuple[str, str, os.stat_result]] = []
    trouble = ""
    try:
        files.extend(_walk(folder, "", frozenset()))
    except OSError as error:
        trouble = error.strerror or str(error)
    counts: dict[str, int] = {}
    for path, _, _ in files:
        base = PurePosixPath(path).name
        counts[base] = counts.get(base, 0) + 1
    sounds = (
        Sound(
            name=base if counts[base := PurePosixPath(path).name] == 1 else path,
            path=path,
            location=location,
            size=stat.st_size,
            modified_ns=stat.st_mtime_ns,
        )
        for path, location, stat in files
    )
    return Index.of(sounds), trouble


def _walk(folder: Path, below: str, seen: frozenset[str]) -> Iterator[tuple[str, str, os.stat_result]]:
    real = os.path.realpath(folder)
    if real in seen:  # a link that leads back to a folder above
        return
    with os.scandir(folder) as entries:
        for entry in entries:
            if entry.name.startswith("."):
                continue
            path = below + entry.name
            try:
                path.encode()
                if entry.is_dir():
                    yield from _walk(Path(entry.path), path + "/", seen | {real})
                elif Path(entry.name).suffix.lower() in EXTENSIONS and entry.is_file():
                    yield path, entry.path, entry.stat()
            except UnicodeEncodeError:
                logger.warning("a file name is not UTF-8 and is left out: %r", os.fsencode(path))
            except OSError as error:
                logger.warning("left out %s: %s", printable(path), error.strerror)
