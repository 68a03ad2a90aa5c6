"""The store of the event loop: units of work, writing behind, troubles and their ends."""

import asyncio
import logging
import resource
import sqlite3
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from sqlalchemy import event
from sqlalchemy.pool import Pool

from jeffbot.community import GuildSettings
from jeffbot.errors import StoreError
from jeffbot.models import GuildId, UserId
from jeffbot.store import store as store_module
from jeffbot.store.database import Database
from jeffbot.store.records import Records
from jeffbot.store.store import DAY, FILE_NAME, Store, Work
from jeffbot.store.values import Deed, Played
from store.keeping import GUILD, add_sounds

PATIENCE = 10.0
BEGUN = time.time()
LOUD = GuildSettings(volume=150.0)
QUIET = GuildSettings(volume=50.0)


@pytest.fixture(autouse=True)
def _no_waiting(monkeypatch: pytest.MonkeyPatch) -> None:
    """What is tried again after seconds is tried again at once."""
    monkeypatch.setattr(store_module, "TRY_AGAIN", 0.02)


def actions(records: Records) -> list[str]:
    """What the deeds were, the first first."""
    return [deed.action for deed in reversed(records.audit.latest(1_000_000))]


def settings(records: Records) -> dict[GuildId, GuildSettings]:
    return records.guilds.all()


def set_to(value: GuildSettings, guild_id: GuildId = GUILD) -> Work[None]:
    return lambda records: records.guilds.set(guild_id, value)


def deed(action: str, after: float = 0.0, target: str = "") -> Deed:
    """A deed of some seconds after the tests began."""
    return Deed(BEGUN + after, action, "ok", target=target)


async def until[T](store: Store, work: Work[T], expected: T) -> None:
    """Read again and again until it is as expected."""
    async with asyncio.timeout(PATIENCE):
        while await store.read(work) != expected:
            await asyncio.sleep(0.01)


async def trouble_of(store: Store) -> str:
    """Wait for the store to be in trouble; what it says."""
    async with asyncio.timeout(PATIENCE):
        while store.trouble is None:
            await asyncio.sleep(0.01)
    return store.trouble.reason


class Told:
    """A listener."""

    def __init__(self, store: Store) -> None:
        self._told = asyncio.Event()
        store.subscribe(self._told.set)

    async def again(self, within: float = PATIENCE) -> None:
        """Wait until it is told."""
        async with asyncio.timeout(within):
            await self._told.wait()
        self._told.clear()

    @property
    def is_told(self) -> bool:
        return self._told.is_set()


# Units of work


async def test_new_folder(tmp_path: Path) -> None:
    """A folder that is not there is made, for its owner alone, with a database in it; listeners are told."""
    folder = tmp_path / "to" / "be made"
    async with Store(folder) as store:
        told = Told(store)
        await told.again()

        assert await store.read(settings) == {}
        assert store.trouble is None
    assert folder.stat().st_mode & 0o777 == 0o700


@pytest.mark.parametrize("name", ["what?mode=ro", "100%20", "#1", "schön 'n\" gut"])
async def test_any_name_of_a_folder(tmp_path: Path, name: str) -> None:
    """The folder may be called anything, also what would mean something in a URL."""
    async with Store(tmp_path / name) as store:
        await store.write(set_to(LOUD))
    assert (tmp_path / name / FILE_NAME).is_file()


async def test_written_is_read_and_kept(folder: Path) -> None:
    """What was written is there at once, and after the end."""
    async with Store(folder) as store:
        await store.write(set_to(LOUD))
        assert await store.read(settings) == {GUILD: LOUD}

    async with Store(folder) as store:
        assert await store.read(settings) == {GUILD: LOUD}


async def test_write_is_all_or_nothing(folder: Path) -> None:
    """Of a unit of work that raises nothing stays; what it raises is what its caller sees."""

    def work(records: Records) -> None:
        records.guilds.set(GUILD, LOUD)
        raise ZeroDivisionError

    async with Store(folder) as store:
        with pytest.raises(ZeroDivisionError):
            await store.write(work)
        assert await store.read(settings) == {}

        await store.write(set_to(QUIET))
        assert await store.read(settings) == {GUILD: QUIET}


async def test_cancelled_write(folder: Path) -> None:
    """A write whose caller is cancelled is carried out whole, begun or not."""
    begun, go_on = threading.Event(), threading.Event()

    def slow(records: Records) -> None:
        records.guilds.set(GUILD, LOUD)
        begun.set()
        assert go_on.wait(PATIENCE)
        records.guilds.set(GuildId(71), LOUD)

    async with Store(folder) as store:
        await store.read(settings)
        writes = [asyncio.create_task(store.write(work)) for work in (slow, set_to(QUIET, GuildId(72)))]
        await asyncio.to_thread(begun.wait, PATIENCE)
        for task in writes:
            task.cancel()
        await asyncio.wait(writes)
        go_on.set()
        await store.flush()

        assert [task.cancelled() for task in writes] == [True, True]
        assert await store.read(settings) == {GUILD: LOUD, GuildId(71): LOUD, GuildId(72): QUIET}


async def test_reading_does_not_wait_for_writing(folder: Path) -> None:
    """While something is being written others read what was there before."""
    begun, go_on = threading.Event(), threading.Event()

    def slow(records: Records) -> None:
        records.guilds.set(GUILD, LOUD)
        begun.set()
        assert go_on.wait(PATIENCE)

    async with Store(folder) as store:
        await store.read(settings)
        write = asyncio.create_task(store.write(slow))
        await asyncio.to_thread(begun.wait, PATIENCE)
        try:
            async with asyncio.timeout(PATIENCE):
                assert await store.read(settings) == {}
        finally:
            go_on.set()
        await write


# Writing behind


async def test_later_within_a_second(folder: Path) -> None:
    """What is written behind is on disk within a second, though nobody asks for it."""
    async with Store(folder) as store:
        await store.read(settings)
        begun = time.monotonic()
        store.later(deed("a"))
        store.later(deed("b"))

        await until(store, actions, ["a", "b"])
        assert time.monotonic() - begun < 1


async def test_later_and_flush(folder: Path) -> None:
    """After a flush it is on disk."""
    async with Store(folder) as store:
        store.later(deed("a"))
        await store.flush()
        assert await store.read(actions) == ["a"]


async def test_later_and_the_end(folder: Path) -> None:
    """The end writes what waits, even where the store had no time to be opened."""
    async with Store(folder) as store:
        await store.read(settings)
        store.later(deed("a"))

    assert await _read_once(folder, actions) == ["a"]


async def test_more_plays_than_a_query_lists(folder: Path, database: Database) -> None:
    """Plays of more sounds than a query may list are counted, all of them."""
    ids = add_sounds(database, *map(str, range(1_200)))
    async with Store(folder) as store:
        for sound_id in ids:
            store.later(Played(sound_id, GUILD, None, 1.0))
        await store.flush()

        assert len(await store.read(lambda records: records.sounds.most_played())) == len(ids)


async def test_play_of_a_sound_there_is_not(folder: Path) -> None:
    """It is left out, and holds up nothing else."""
    async with Store(folder) as store:
        store.later(Played(999, GUILD, UserId(1), 1.0))
        store.later(deed("a"))
        await store.flush()
        assert await store.read(actions) == ["a"]


async def _read_once[T](folder: Path, work: Work[T]) -> T:
    async with Store(folder, serving=False) as store:
        return await store.read(work)


# The end


async def test_after_the_end(folder: Path) -> None:
    """A store that has been closed says so."""
    async with Store(folder) as store:
        await store.read(settings)

    for work in (store.read(settings), store.write(set_to(LOUD)), store.flush()):
        with pytest.raises(StoreError, match="it has been closed"):
            await work


async def test_end_before_it_was_opened(folder: Path) -> None:
    """Who waits for a store that ends before it could be opened waits no longer."""
    async with Store(folder) as store:
        waiting = asyncio.create_task(store.read(settings))

    async with asyncio.timeout(PATIENCE):
        with pytest.raises(StoreError, match="it has been closed"):
            await waiting


# Other processes


async def test_second_bot_on_one_folder(folder: Path) -> None:
    """The second says what to do, and begins to work when the first has ended."""
    first = Store(folder)
    async with Store(folder, serving=False) as beside:
        await first.__aenter__()
        await first.write(set_to(LOUD))
        assert await beside.read(settings) == {GUILD: LOUD}  # a command is no second bot

        async with Store(folder) as second:
            told = Told(second)
            with pytest.raises(StoreError, match="another bot uses the data folder; end that one, or give this one"):
                await second.read(settings)

            await first.__aexit__(None, None, None)
            await told.again()
            assert await second.read(settings) == {GUILD: LOUD}
            assert second.trouble is None


CHANGES = """
import asyncio, pathlib, sys
from jeffbot.community import GuildSettings
from jeffbot.store.store import Store

async def main():
    async with Store(pathlib.Path(sys.argv[1]), serving=False) as store:
        await store.write(lambda records: records.guilds.set(70, GuildSettings(volume=50.0)))

asyncio.run(main())
"""


async def test_change_of_another_process(folder: Path) -> None:
    """Listeners are told within three seconds that another process changed something; not of what we changed."""
    async with Store(folder) as store:
        told = Told(store)
        await told.again()
        await store.write(set_to(LOUD))
        child = await asyncio.create_subprocess_exec(sys.executable, "-c", CHANGES, str(folder))
        assert await child.wait() == 0

        await told.again(within=3.0)
        assert await store.read(settings) == {GUILD: QUIET}


async def test_own_change_is_no_news(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Listeners are not told of what was changed through their own store, but of what others change in between."""
    monkeypatch.setattr(store_module, "LOOK", 0.0)
    monkeypatch.setattr(store_module, "GATHER", 0.0)
    async with Store(folder) as store, Store(folder, serving=False) as other:
        told, other_told = Told(store), Told(other)
        await told.again()
        await other_told.again()
        for _ in range(10):
            await store.write(set_to(LOUD))
            await other_told.again()
        assert not told.is_told

        await other.write(set_to(QUIET))
        await told.again()
        assert not other_told.is_told


# Troubles


def _damaged(folder: Path) -> Callable[[], object]:
    (folder / FILE_NAME).write_bytes(b"no database at all " * 1000)
    return (folder / FILE_NAME).unlink


def _folder_for_file(folder: Path) -> Callable[[], object]:
    (folder / FILE_NAME).unlink()
    (folder / FILE_NAME).mkdir()
    return (folder / FILE_NAME).rmdir


def _file_for_folder(folder: Path) -> Callable[[], object]:
    (folder / FILE_NAME).unlink()
    folder.rmdir()
    folder.touch()
    return folder.unlink


@pytest.mark.parametrize(
    ("spoil", "words"),
    [
        (_damaged, r"jeffbot.db in the data folder is damaged: restore a backup \(jeffbot restore\), or move it away"),
        (_folder_for_file, r"the data folder \(JEFFBOT_DATA_DIR\) cannot be written"),
        (_file_for_folder, r"the data folder \(JEFFBOT_DATA_DIR\) cannot be made: File exists"),
    ],
)
async def test_trouble_and_its_end(
    folder: Path, spoil: Callable[[Path], Callable[[], object]], words: str, caplog: pytest.LogCaptureFixture
) -> None:
    """Work is refused with what is wrong, said once; when it has been mended, what waited is written."""
    caplog.set_level(logging.INFO, store_module.__name__)
    mend = spoil(folder)
    async with Store(folder) as store:
        told = Told(store)
        store.later(deed("waits"))
        for work in (store.read(settings), store.write(set_to(LOUD)), store.flush()):
            with pytest.raises(StoreError, match=f"What is kept cannot be used now: {words}"):
                await work
        assert not told.is_told

        mend()
        await told.again()
        assert store.trouble is None
        await until(store, actions, ["waits"])
    assert [record.levelname for record in caplog.records if record.name == store_module.__name__] == ["ERROR", "INFO"]


async def test_end_in_trouble(folder: Path, caplog: pytest.LogCaptureFixture) -> None:
    """A store that could not be used until its end says what it could not write."""
    _damaged(folder)
    async with Store(folder) as store:
        await trouble_of(store)
        store.later(deed("a"))
    assert "the store could not write 1 counts and entries before the end" in caplog.text


async def test_too_much_waits(folder: Path, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch) -> None:
    """Of what waits for too long the newest are dropped: said once at the first, and counted at the end."""
    monkeypatch.setattr(store_module, "MAX_WAITING", 3)
    mend = _damaged(folder)
    async with Store(folder) as store:
        await trouble_of(store)
        for number in range(5):
            store.later(deed(str(number)))
        mend()

        await until(_opened(store), actions, ["0", "1", "2"])
    assert caplog.text.count("counts and entries are dropped now") == 1
    assert "lost while the store could not be written: 2" in caplog.text


class _opened(Store):  # noqa: N801 - reads as what it does
    """A store whose refusals are waited out."""

    def __init__(self, store: Store) -> None:
        self._store = store

    async def read[T](self, work: Work[T]) -> T | None:  # type: ignore[override]
        try:
            return await self._store.read(work)
        except StoreError:
            return None


class Disk:
    """How much more the database may grow."""

    def __init__(self) -> None:
        self.pages = 1_000_000

    def limit(self, dbapi: sqlite3.Connection, *_: object) -> None:
        dbapi.execute(f"PRAGMA max_page_count={self.pages}").close()


@pytest.fixture
def disk() -> Iterator[Disk]:
    """A disk that can be full: SQLite says of its own limit what it says of the system's."""
    disk = Disk()
    event.listen(Pool, "checkout", disk.limit)
    yield disk
    event.remove(Pool, "checkout", disk.limit)


async def test_full_disk(folder: Path, disk: Disk, monkeypatch: pytest.MonkeyPatch) -> None:
    """On a full disk is read all the same; what waits is written, in its order, when there is room again."""
    monkeypatch.setattr(store_module, "MAX_BATCH", 2)
    async with Store(folder) as store:
        told = Told(store)
        await told.again()
        disk.pages = 1  # no page more than there is
        for number in range(3):
            store.later(deed(f"large {number}", target="x" * 200_000))
        assert "the disk of the data folder is full" in await trouble_of(store)
        store.later(deed("small"))

        with pytest.raises(StoreError, match=r"full \(\d+ MiB free\): make room"):
            await store.write(lambda records: records.audit.add([deed("now", target="x" * 200_000)]))
        assert await store.read(actions) == []

        disk.pages = 1_000_000
        await told.again()
        await until(store, actions, ["large 0", "large 1", "large 2", "small"])
        assert store.trouble is None


FILLS_ITS_DISK = """
import asyncio, pathlib, resource, sys
from jeffbot.errors import StoreError
from jeffbot.store.store import Store
from jeffbot.store.values import Deed

async def main():
    async with Store(pathlib.Path(sys.argv[1])) as store:
        work = lambda records: records.audit.add([Deed(1.0, "a", "ok", target="x" * 4_000_000)])
        await store.read(lambda records: records.revision)
        resource.setrlimit(resource.RLIMIT_FSIZE, (1_000_000, resource.getrlimit(resource.RLIMIT_FSIZE)[1]))
        try:
            await store.write(work)
        except StoreError as error:
            print(error.reason)
        resource.setrlimit(resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
        await store.write(work)
        print(len(await store.read(lambda records: records.audit.latest())))

asyncio.run(main())
"""


@pytest.mark.skipif(
    resource.getrlimit(resource.RLIMIT_FSIZE)[1] != resource.RLIM_INFINITY, reason="files are limited here"
)
def test_limit_of_files(folder: Path) -> None:
    """A system that lets no file grow is told of, too, and once it does, writing goes on."""
    done = subprocess.run([sys.executable, "-c", FILLS_ITS_DISK, folder], capture_output=True, text=True, check=True)

    said, rows = done.stdout.splitlines()
    assert said.startswith("the disk of the data folder ")
    assert rows == "1"


# Copies


def pair(number: int) -> Work[None]:
    """Two deeds, which are there both or not at all."""
    return lambda records: records.audit.add([deed(f"{number} a", number), deed(f"{number} b", number)])


async def test_copy_while_others_write(folder: Path, tmp_path: Path) -> None:
    """A copy is whole: of one moment, with what was written behind before."""
    copy = tmp_path / "copy" / FILE_NAME
    copy.parent.mkdir()
    async with Store(folder) as store:
        store.later(deed("before"))
        async with asyncio.TaskGroup() as group:
            for number in range(20):
                group.create_task(store.write(pair(number)))
                if number == 10:
                    group.create_task(store.copy_to(copy))
                group.create_task(store.read(actions))

    copied = await _read_once(copy.parent, actions)
    assert copied[0] == "before"
    assert len(copied) % 2 == 1


async def test_replace_while_others_work(folder: Path, tmp_path: Path) -> None:
    """A copy takes the place of everything at one moment; who has the store open is told, and goes on."""
    copy = tmp_path / "copy.db"
    async with Store(folder) as store, Store(folder, serving=False) as other:
        await store.write(set_to(LOUD))
        await store.copy_to(copy)
        await store.write(set_to(QUIET))
        await store.write(pair(0))
        await other.read(settings)
        tolds = [Told(one) for one in (store, other)]

        async with asyncio.TaskGroup() as group:
            for number in range(1, 10):
                group.create_task(store.write(pair(number)))
                group.create_task(store.read(actions))
                if number == 5:
                    group.create_task(store.replace_with(copy))
        for told in tolds:
            await told.again()

        for one in (store, other):
            assert await one.read(settings) == {GUILD: LOUD}
            left = await one.read(actions)
            assert "0 a" not in left
            assert len(left) % 2 == 0


@pytest.mark.parametrize("what", ["nothing", "garbage", "another program's"])
async def test_replace_with_what_is_no_copy(folder: Path, tmp_path: Path, what: str) -> None:
    """What is no database of ours is refused, and nothing has changed."""
    source = tmp_path / "copy.db"
    if what == "garbage":
        source.write_bytes(b"garbage " * 1000)
    elif what == "another program's":
        connection = sqlite3.connect(source)
        connection.execute("CREATE TABLE bookmarks (id INTEGER)").close()
        connection.close()

    async with Store(folder) as store:
        await store.write(set_to(LOUD))
        with pytest.raises(StoreError, match=r"copy\.db"):
            await store.replace_with(source)
        assert await store.read(settings) == {GUILD: LOUD}
    assert source.exists() == (what != "nothing")


# Keeping order


@pytest.mark.parametrize(
    ("audit_days", "plays_days", "left"), [(90, 0, (["new"], 2)), (0, 10, (["old", "new"], 1)), (90, 10, (["new"], 1))]
)
async def test_what_is_too_old_goes(
    folder: Path, database: Database, audit_days: float, plays_days: float, left: object
) -> None:
    """Deeds and single plays go after their days, or never; how often a sound was played stays."""
    (sound_id,) = add_sounds(database, "horn")
    with database.writing() as records:
        records.audit.add([deed("old", -91 * DAY), deed("new", -89 * DAY)])
        records.plays.add([Played(sound_id, GUILD, None, BEGUN - days * DAY) for days in (11, 9)])

    def there(records: Records) -> object:
        return actions(records), records.plays.numbers(GUILD).plays

    async with Store(folder, audit_days=audit_days, plays_days=plays_days) as store:
        await until(store, there, left)
        assert (await store.read(lambda records: records.sounds.story(sound_id))).plays == 2


def test_light_import() -> None:
    """Importing the store brings neither SQLAlchemy nor Alembic: its threads do."""
    program = "import sys, jeffbot.store.store; print({'sqlalchemy', 'alembic', 'filelock'} & {*sys.modules})"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout == "set()\n"


def test_logger(caplog: pytest.LogCaptureFixture, tmp_path: Path) -> None:
    """Migrating tells the host's log nothing of Alembic's own."""
    with caplog.at_level(logging.INFO):
        Database(tmp_path / "x.db").close()
    assert [record for record in caplog.records if record.name.startswith("alembic")] == []
