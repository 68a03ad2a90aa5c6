"""Which sounds there are: the files of the sounds folder, with what the store says of them.

Cost: a scan is O(files) and runs in a thread; so does building the indexes anew, after a start or great changes. A file
that comes or goes costs O(1), finding a sound too.
"""

import asyncio
import contextlib
import functools
import itertools
import logging
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, NamedTuple, Self

from ..errors import StoreError, UnloadedError
from ..events import EventHub
from ..files import hash_of
from ..news import LibraryChanged
from ..store.store import Store
from ..store.values import SHARED, File, Kept, Key
from ..tasks import start_now
from .difference import EVERYTHING, Difference
from .folder import SoundsFolder, fill_if_missing
from .libraries import Libraries, key_of
from .watching import watch

logger = logging.getLogger(__name__)

REBUILD = 1_000
"""More changes than this at once are taken in by building the indexes anew, in a thread."""
AT_ONCE = 32
"""So many changes at once are taken in by the event loop: some 2 ms."""

type Recall = Callable[[Kept], object]
"""Told, in a thread, what is known of a sound from before."""


class _Scanned(NamedTuple):
    total: int
    """How many files there are."""
    trouble: str
    """Why the folder cannot be read; empty: it can."""
    found: list[File]
    """Those that are new or have changed, or that the store does not know."""
    gone: list[Key]


class Catalog(Libraries):
    """The libraries of one folder, kept up to date. Use it as an async context manager around opening and watching.

    Args:
        root: The sounds folder.
        store: Where it is kept what people say of sounds; without one there are only files.
        recall: Told what was kept, before the sounds are there to be played.
    """

    def __init__(self, root: Path, store: Store | None = None, recall: Recall = lambda _: None) -> None:
        super().__init__()
        self.folder = SoundsFolder(root)
        self._store = store
        self._recall = recall
        self._pool = ThreadPoolExecutor(2, "jeffbot-catalog")  # one watches, one scans
        self._work: set[asyncio.Future[Any]] = set()
        self._closing = threading.Event()
        self._changing = asyncio.Lock()
        """Held by who changes the libraries, in the event loop or in a thread."""
        self._changed = asyncio.Event()
        self._changed_paths: set[str] | None = set()
        """What to look at; None: everything."""
        self._reload = False
        """Whether to read the store anew."""
        self._ready = asyncio.Event()
        self._scanned = False
        self._trouble = ""
        self._news = EventHub[()]()
        self.changes = EventHub[LibraryChanged]()
        """What has changed, told after that something has; nothing of what there is at the start."""
        self.version = 0
        if store:
            store.subscribe(self._store_changed)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        self._closing.set()
        self._ready.set()
        if self._work:
            await asyncio.wait(self._work)  # a scan of a slow disk may take its time; the event loop may not
        self._pool.shutdown()

    async def wait_ready(self) -> None:
        """Wait until the sounds are known, from the last time or by a first scan.

        Raises:
            UnloadedError: The catalog has been closed.
        """
        await self._ready.wait()
        if self._closing.is_set():
            raise UnloadedError

    def subscribe(self, listener: Callable[[], object]) -> Callable[[], None]:
        """Call ``listener`` in the event loop after each change of the sounds; what comes back ends that."""
        return self._news.subscribe(listener)

    async def open(self) -> None:
        """Make the folder if it is missing, with the shipped sounds in it, and take in what is known and there."""
        try:
            await self._in_pool(fill_if_missing, self.folder.root)
        except OSError as error:
            logger.error("the sounds folder %s cannot be made (JEFFBOT_SOUNDS_DIR): %s", self.folder.root, error)
        await self.load()

    async def load(self) -> None:
        """Take in what is known from before, and what is there."""
        await self._load()
        await self.scan()

    async def scan(self) -> None:
        """Take in what the folder holds now; a folder that cannot be read counts as empty and is logged."""
        async with self._changing:
            scanned = await self._in_pool(self._scan)
            if scanned.trouble and scanned.trouble != self._trouble:
                logger.warning("the sounds folder %s cannot be read: %s", self.folder.root, scanned.trouble)
            self._trouble = scanned.trouble
            await self._take_in(scanned.found, scanned.gone)
            if not self._scanned:
                self._scanned = True
                logger.info("%d sounds in the library", scanned.total)
            if not self._ready.is_set():
                self._tell()

    async def look(self, paths: Iterable[str]) -> None:
        """Take in what became of some paths on this machine."""
        async with self._changing:
            looked = await self._in_pool(self.folder.look, paths)
            if looked:
                await self._take_in(*self._differing(looked.files, looked.gone))
        if looked is None:
            await self.scan()

    async def refresh(self, sound_ids: Iterable[int]) -> None:
        """Read anew what the store says of some sounds, of those whose files are there.

        Raises:
            StoreError: It cannot be read.
        """
        if self._store is None:
            return
        ids = tuple(sound_ids)
        async with self._changing:
            read = await self._store.read(lambda records: records.sounds.get(ids, self.folder.of))
            kept = [item for item in read if (known := self.known(key_of(item.sound))) and known.id == item.sound.id]
            await self._put(kept)

    async def watch(self) -> None:
        """Take in every change of the folder and of the store, until cancelled."""
        loop = asyncio.get_running_loop()
        watching = start_now(
            self._in_pool(
                watch, self.folder.root, lambda paths: loop.call_soon_threadsafe(self._note, paths), self._closing
            ),
            "jeffbot watch",
        )
        try:
            while True:
                await self._changed.wait()
                self._changed.clear()
                paths, self._changed_paths = self._changed_paths, set()
                if self._reload:
                    self._reload = False
                    await self._load()
                    paths = None
                await (self.scan() if paths is None else self.look(paths))
        finally:
            self._closing.set()
            await watching

    def _note(self, paths: set[str] | None) -> None:
        if paths is None or self._changed_paths is None:
            self._changed_paths = None
        else:
            self._changed_paths |= paths
        self._changed.set()

    def _store_changed(self) -> None:
        self._reload = True
        self._changed.set()

    async def _load(self) -> None:
        """Take in what the store has from before, if it can be read."""
        if self._store is None:
            return
        try:
            async with self._changing:
                await self._store.wait_tried()
                self._reload = False  # this is what it was opened for
                await self._store.read(
                    lambda records: self.begin_with(self._recalled(records.sounds.load(self.folder.of)))
                )
                if self._ready.is_set() or any(True for _ in self.known_sounds()):
                    self._tell([EVERYTHING])
                await self._in_pool(self.make_searchable)
        except StoreError:
            return  # the store has told of it, and tells when it can be used again

    def _tell(self, changes: Iterable[LibraryChanged] = ()) -> None:
        was_ready = self._ready.is_set()
        self._ready.set()
        self.show_changes()
        self.version += 1
        self._news.publish()
        for change in changes if was_ready else ():
            self.changes.publish(change)

    def _scan(self) -> "_Scanned":
        """What of the folder is news; what is not leaves nothing behind."""
        gone: dict[int, set[str]] = {}
        for sound in self.known_sounds():
            gone.setdefault(sound.guild_id or SHARED, set()).add(sound.path)
        count = 0

        def seen() -> Iterator[File]:
            nonlocal count
            for file in self.folder.walk():
                count += 1
                library, path = file.key
                if library in gone:
                    gone[library].discard(path)
                yield file

        trouble = ""
        try:
            found, _ = self._differing(seen(), ())
        except OSError as error:
            found, trouble = [], error.strerror or str(error)
        return _Scanned(count, trouble, found, [(library, path) for library, paths in gone.items() for path in paths])

    def _differing(self, files: Iterable[File], gone: Iterable[Key]) -> tuple[list[File], list[Key]]:
        """The files that are new or have changed, or that the store does not know; and those that are gone."""
        stored = self._store is not None and self._store.trouble is None
        found = []
        for file in files:
            sound = self.known(file.key)
            same = sound and (sound.size, sound.modified_ns) == (file.size, file.modified_ns)
            if not same or (stored and sound and not sound.id):
                found.append(file)
        return found, [key for key in gone if self.known(key)]

    async def _take_in(self, found: Sequence[File], gone: Sequence[Key]) -> None:
        if found or gone:
            await self._put(await self._ask_store(found, gone), gone)

    async def _ask_store(self, found: Sequence[File], gone: Sequence[Key]) -> Sequence[Kept]:
        """The sounds of files that came or changed; without a store what the files tell."""
        folder_of = self.folder.of
        if self._store:
            try:
                hashes = await self._hashes(self._store, found, gone)
                return await self._store.write(
                    lambda records: records.sounds.take_in(
                        found, gone, hash_of=hashes.get, folder_of=folder_of, now=time.time()
                    )
                )
            except StoreError as error:
                logger.warning("%d sounds are without what people say of them: %s", len(found), error.reason)
        return [Kept.of(file, folder_of(file.guild_id)) for file in found]

    async def _hashes(self, store: Store, found: Sequence[File], gone: Sequence[Key]) -> dict[File, str]:
        """The SHA-256 of those files that may be sounds that went: before the store is written, for it takes time."""
        new = [file for file in found if self.known(file.key) is None]
        if not new:
            return {}
        sizes = {sound.size for key in gone if (sound := self.known(key))}
        sizes |= await store.read(lambda records: records.sounds.missing_sizes({file.size for file in new}))
        return await self._in_pool(self._hash, [file for file in new if file.size in sizes])

    def _hash(self, files: Iterable[File]) -> dict[File, str]:
        hashes = {}
        for file in files:
            with contextlib.suppress(OSError):  # gone again, or not to be read: the next scan says so
                hashes[file] = hash_of(Path(self.folder.of(file.guild_id), file.path))
        return hashes

    async def _put(self, kept: Sequence[Kept], gone: Sequence[Key] = ()) -> None:
        """Have sounds in the place of what was there, and others no more; and tell of it."""
        outcome: dict[Key, Kept | None] = dict.fromkeys(gone)
        outcome |= {key_of(item.sound): item for item in (*kept, *self.lost(gone))}
        difference = Difference(self, outcome)
        if len(outcome) > REBUILD:
            await self._in_pool(self.replace, outcome)
            await self._in_pool(self.make_searchable)
        else:
            for some in itertools.batched(outcome.items(), AT_ONCE):
                await self._give_way()
                self.put(dict(some))
        self._tell(difference.news())

    async def _give_way(self) -> None:
        """Let the event loop go on, and a thread do what must not hold it up."""
        if self.is_searchable:
            await asyncio.sleep(0)
        else:
            await self._in_pool(self.make_searchable)

    def _recalled(self, kept: Iterable[Kept]) -> Iterator[Kept]:
        for item in kept:
            self._recall(item)
            yield item

    async def _in_pool[**P, T](self, work: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        """Run something that takes its time; it runs to its end also when nobody waits for it any more."""
        running = asyncio.get_running_loop().run_in_executor(self._pool, functools.partial(work, *args, **kwargs))
        self._work.add(running)
        running.add_done_callback(self._work.discard)
        return await asyncio.shield(running)
