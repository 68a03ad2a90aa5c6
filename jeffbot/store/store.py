"""What is kept, for the event loop: units of work run in threads, one writer and a few readers.

``await store.read(lambda records: records.people.favourites(user_id))``. A store that cannot be opened refuses each
unit of work with the reason, and tries again. What nobody waits for is written behind, in batches.
"""

import asyncio
import contextlib
import logging
import time
from collections import deque
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING, Self

from ..errors import StoreError
from ..events import EventHub
from ..models import Seconds
from ..steadiness import Clock
from .values import Line

if TYPE_CHECKING:
    from filelock import BaseFileLock

    from .database import Database
    from .records import Records

logger = logging.getLogger(__name__)

FILE_NAME = "jeffbot.db"
LOCK_NAME = "serving.lock"
READERS = 2
GATHER: Seconds = 0.25
"""How long what is written behind is gathered: so much of it is lost when the process is killed."""
LOOK: Seconds = 1.0
"""How often it is looked whether another process changed something."""
TRY_AGAIN: Seconds = 5.0
"""How long after trouble opening or writing is tried again."""
MAX_BATCH = 5_000
"""How many lines one transaction writes, so that others get their turn."""
MAX_WAITING = 100_000
"""How many lines wait for a database that cannot be written, some 20 MiB; the newest are then dropped, and counted."""
CLEAN: Seconds = 3600.0
"""How often what is too old is removed."""
DAY: Seconds = 86_400.0

type Work[T] = Callable[["Records"], T]


class Store:
    """What is kept in one data folder. Use it as an async context manager: leaving it writes what waits.

    Args:
        folder: The data folder.
        serving: Whether this is the one process that serves; others work beside it, and only for a moment.
        audit_days: How long deeds are kept; 0: for ever.
        plays_days: How long single plays are kept; 0: for ever.
    """

    def __init__(self, folder: Path, *, serving: bool = True, audit_days: float = 90, plays_days: float = 0) -> None:
        self._folder = folder
        self._serving = serving
        self._audit_days = audit_days
        self._plays_days = plays_days
        self._writer = ThreadPoolExecutor(1, "jeffbot-store-writer")
        self._readers = ThreadPoolExecutor(READERS, "jeffbot-store-reader")
        self._database: Database | None = None
        self._lock: BaseFileLock | None = None
        self._trouble: StoreError | None = None
        self._tried = asyncio.Event()
        self._closed = False
        self._waiting: deque[Line] = deque()
        self._something_waits = asyncio.Event()
        self._dropped = 0
        self._clock = Clock()
        self._seen = 0
        """The last revision that is known to our listeners."""
        self._news = EventHub[()]()
        self._keeping: asyncio.Task[None] | None = None

    async def __aenter__(self) -> Self:
        """Begin to open it; that goes on behind."""
        self._keeping = asyncio.create_task(self._keep(), name="jeffbot store")
        return self

    async def __aexit__(self, *_: object) -> None:
        if self._keeping:
            self._keeping.cancel()
        ending = self._in(self._writer, self._end)  # goes on also when this is cancelled
        self._closed = True
        self._tried.set()
        self._writer.shutdown(wait=False)
        await asyncio.shield(ending)
        if self._keeping:
            await asyncio.wait([self._keeping])

    @property
    def trouble(self) -> StoreError | None:
        """Why it cannot be used now; None: it can, or is being opened."""
        return self._trouble

    def subscribe(self, listener: Callable[[], object]) -> Callable[[], None]:
        """Call ``listener`` in the event loop when it has been opened, and when another process changed something.

        What comes back ends that.
        """
        return self._news.subscribe(listener)

    async def wait_tried(self) -> None:
        """Wait until it has been opened, or it is known why it cannot be."""
        await self._tried.wait()

    async def read[T](self, work: Work[T]) -> T:
        """Run a unit of work that only looks.

        Raises:
            StoreError: The database cannot be read now; or what the work raises.
        """
        await self._tried.wait()
        return await self._in(self._readers, self._read, work)

    async def write[T](self, work: Work[T]) -> T:
        """Run a unit of work that changes something: on disk, all of it, when this returns.

        Cancelling does not take it back.

        Raises:
            StoreError: The database cannot be written now; or what the work raises. Nothing has changed then.
        """
        await self._tried.wait()
        return await asyncio.shield(self._in(self._writer, self._write, work))

    def later(self, line: Line) -> None:
        """Have something written within a second; nothing waits for it."""
        if len(self._waiting) >= MAX_WAITING:
            if not self._dropped:
                logger.error("the store has not been writable for so long that counts and entries are dropped now")
            self._dropped += 1
            return
        self._waiting.append(line)
        self._something_waits.set()

    async def flush(self) -> None:
        """Write now what waits.

        Raises:
            StoreError: It cannot be written.
        """
        await self._tried.wait()
        await self._in(self._writer, self._flush, MAX_WAITING)

    async def catch_up(self) -> None:
        """Write now what waits, if it can be written; for who reads what is written behind."""
        with contextlib.suppress(StoreError):  # what cannot be read either is told by reading it
            await self.flush()

    async def copy_to(self, destination: Path) -> None:
        """Copy the database, as it is at one moment, into a new file.

        Raises:
            StoreError: It cannot be copied.
        """
        await self.flush()
        await self._in(self._readers, lambda: self._opened().copy_to(destination))

    async def replace_with(self, source: Path) -> None:
        """Put a copy in the place of everything; whoever has the store open sees it afterwards.

        Raises:
            StoreError: It cannot be read, or not be written. Nothing has changed then.
        """
        await self._tried.wait()
        await self._in(self._writer, lambda: self._opened().replace_with(source))

    # In the background

    async def _keep(self) -> None:
        cleaned = float("-inf")
        while True:
            try:
                if self._database is None:
                    await self._in(self._writer, self._open)
                    self._open_again()
                await self._in(self._writer, self._flush, MAX_BATCH)
                if time.monotonic() - cleaned >= CLEAN and self._clock.is_steady:
                    cleaned = time.monotonic()
                    await self._in(self._writer, self._clean)
                await self._look()
            except StoreError as error:
                self._note(error)
                await asyncio.sleep(TRY_AGAIN)
            except Exception:  # a boundary: who reads and writes would wait for ever
                logger.exception("trouble with the store")
                self._note(StoreError("a fault of the soundboard; its log says more"))
                await asyncio.sleep(TRY_AGAIN)
            else:
                if not self._waiting:
                    self._something_waits.clear()
                    with contextlib.suppress(TimeoutError):
                        await asyncio.wait_for(self._something_waits.wait(), LOOK)
                await asyncio.sleep(GATHER)

    def _note(self, error: StoreError) -> None:
        if self._trouble is None or self._trouble.reason != error.reason:
            logger.error("%s. Sounds play all the same", error)
        self._trouble = error
        self._tried.set()

    def _open_again(self) -> None:
        if self._trouble:
            logger.info("what is kept can be used again")
        self._trouble = None
        self._tried.set()
        self._news.publish()

    async def _look(self) -> None:
        is_news = await self._in(self._writer, self._is_news)
        if self._trouble:
            self._open_again()
        if is_news:
            self._news.publish()

    # In threads

    def _open(self) -> None:
        from .database import Database  # noqa: PLC0415 - SQLAlchemy: a tenth of a second

        try:
            self._folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        except OSError as error:
            raise StoreError(f"the data folder (JEFFBOT_DATA_DIR) cannot be made: {error.strerror}") from error
        if self._serving and self._lock is None:
            self._lock = _locked(self._folder / LOCK_NAME)
        database = Database(self._folder / FILE_NAME)
        with database.reading() as records:
            self._seen = records.revision
        self._database = database

    def _end(self) -> None:
        """Write what waits, and close the database once nothing is read any more."""
        with contextlib.suppress(StoreError):  # told when it came up
            self._flush(MAX_WAITING)
        if self._waiting:
            logger.error("the store could not write %d counts and entries before the end", len(self._waiting))
        self._readers.shutdown()
        if self._database:
            self._database.close()
            self._database = None
        if self._lock:
            self._lock.release()
            self._lock = None

    def _opened(self) -> "Database":
        if self._database is None:
            raise StoreError(self._trouble.reason) if self._trouble else _closed()
        return self._database

    def _read[T](self, work: Work[T]) -> T:
        with self._opened().reading() as records:
            return work(records)

    def _write[T](self, work: Work[T]) -> T:
        with self._opened().writing() as records:
            before = records.revision
            result = work(records)
            now = records.count_revision()
        if before == self._seen:
            self._seen = now
        return result

    def _is_news(self) -> bool:
        """Whether another process changed something; in the writer's thread, between our own changes."""
        before = self._seen
        self._seen = self._read(lambda records: records.revision)
        return self._seen != before

    def _flush(self, most: int) -> None:
        if not self._waiting:
            return
        lines = [self._waiting.popleft() for _ in range(min(most, len(self._waiting)))]
        with contextlib.ExitStack() as failed:
            failed.callback(self._waiting.extendleft, lines[::-1])
            with self._opened().writing() as records:
                records.add(lines)
            failed.pop_all()
        if self._dropped:
            logger.warning("counts and entries lost while the store could not be written: %d", self._dropped)
            self._dropped = 0

    def _clean(self) -> None:
        with self._opened().writing() as records:
            now = time.time()
            records.revocations.forget_before(now)
            if self._audit_days:
                records.audit.forget_before(now - self._audit_days * DAY)
            if self._plays_days:
                records.plays.forget_before(now - self._plays_days * DAY)

    def _in[*Args, T](
        self, pool: ThreadPoolExecutor, function: Callable[[*Args], T], *args: *Args
    ) -> "asyncio.Future[T]":
        if self._closed:
            raise _closed()
        return asyncio.get_running_loop().run_in_executor(pool, function, *args)


def _closed() -> StoreError:
    return StoreError("it has been closed")


def _locked(file: Path) -> "BaseFileLock":
    import filelock  # noqa: PLC0415

    lock = filelock.FileLock(file, thread_local=False)
    try:
        lock.acquire(blocking=False)
    except filelock.Timeout:
        raise StoreError(
            "another bot uses the data folder; end that one, or give this one a folder of its own (JEFFBOT_DATA_DIR)"
        ) from None
    except (OSError, NotImplementedError) as error:
        raise StoreError(f"the data folder (JEFFBOT_DATA_DIR) cannot be locked: {error}") from error
    return lock
