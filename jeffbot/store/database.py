"""The database itself: how it is opened, migrated, and what its troubles are called. All of it blocks.

Imports SQLAlchemy, a tenth of a second: only threads import this module.
"""

import contextlib
import logging
import shutil
import sqlite3
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import sqlalchemy
from sqlalchemy import Connection, Engine, event, exc

from ..errors import StoreError
from ..models import Seconds
from .records import Records

BUSY_TIMEOUT: Seconds = 10.0
"""How long another process may hold up a transaction."""
_WRITES = "jeffbot_writes"
_HAS_VERSION = "SELECT count(*) FROM sqlite_master WHERE name = 'alembic_version'"
_MIGRATIONS = Path(__file__).parent / "migrations"
VERSIONS = ("base", *sorted(file.name.partition("_")[0] for file in _MIGRATIONS.glob("versions/[0-9]*.py")))
"""Of the schema, in their order: the names of the migrations begin with them."""
HEAD = VERSIONS[-1]
_one_at_a_time = threading.Lock()
"""Held in migrating: Alembic has one context for the whole process."""


class Database:
    """One SQLite file.

    Raises:
        StoreError: It cannot be opened, or was written by a newer version.
    """

    def __init__(self, file: Path) -> None:
        self._engine = _engine(file)
        with contextlib.ExitStack() as failed:
            failed.callback(self._engine.dispose)
            with _troubles(file), self._engine.connect() as connection:
                migrate(connection)
            failed.pop_all()
        self._file = file

    def close(self) -> None:
        """Close every connection."""
        self._engine.dispose()

    @contextlib.contextmanager
    def reading(self) -> Iterator[Records]:
        """One picture of everything, whatever is written meanwhile.

        Raises:
            StoreError: It cannot be read.
        """
        with _troubles(self._file), self._engine.connect() as connection:
            yield Records(connection)

    @contextlib.contextmanager
    def writing(self) -> Iterator[Records]:
        """One transaction, on disk when this ends; of an exception nothing stays.

        Raises:
            StoreError: It cannot be written.
        """
        with (
            _troubles(self._file),
            self._engine.connect() as connection,
            connection.execution_options(**{_WRITES: True}).begin(),
        ):
            yield Records(connection)

    def copy_to(self, destination: Path) -> None:
        """Copy everything as it is at one moment, while others go on reading and writing.

        Raises:
            StoreError: It cannot be copied.
        """
        with _troubles(self._file), self._engine.connect() as connection, _plain(destination) as target:
            _sqlite(connection).backup(target)

    def replace_with(self, source: Path) -> None:
        """Put a copy in the place of everything, at one moment; who has the database open sees that as a change.

        Raises:
            StoreError: It is no database of ours, or this one cannot be written. Nothing has changed then.
        """
        if not source.is_file():
            raise StoreError(f"{source.name} is not there")
        with _troubles(source), _plain(source) as copy:
            if not copy.execute(_HAS_VERSION).fetchone()[0]:
                raise StoreError(f"{source.name} is no database of jeffbot")
        Database(source).close()  # whole, and of this version
        with self.reading() as records:
            revision = records.revision
        with _troubles(self._file), _plain(source) as copy:
            copy.execute("UPDATE revision SET value = ?", (revision + 1,)).close()
            copy.commit()
            with self._engine.connect() as connection:
                copy.backup(_sqlite(connection))


def _sqlite(connection: Connection) -> sqlite3.Connection:
    plain: Any = connection.connection.dbapi_connection
    assert isinstance(plain, sqlite3.Connection)  # noqa: S101 - the engine below makes no other
    return plain


def _plain(file: Path) -> contextlib.closing[sqlite3.Connection]:
    return contextlib.closing(sqlite3.connect(file))


def migrate(connection: Connection, to: str = HEAD) -> None:
    """Bring the schema to a version, in one transaction that no other process can come into.

    Args:
        connection: Not in a transaction.
        to: A version's number; ``base`` is an empty database.

    Raises:
        StoreError: A newer version of the program made it.
    """
    if _version(connection) == to:
        return
    connection.rollback()
    logging.getLogger("alembic").setLevel(logging.WARNING)  # at INFO it tells the host of its plugins
    from alembic import command  # noqa: PLC0415 - a third of a second, and hardly ever needed
    from alembic.config import Config  # noqa: PLC0415

    config = Config()
    config.set_main_option("script_location", str(_MIGRATIONS))
    config.attributes["connection"] = connection
    with (
        _one_at_a_time,
        _free_of_foreign_keys(_sqlite(connection)),
        connection.execution_options(**{_WRITES: True}).begin(),
    ):
        now = _version(connection)  # another process may have been faster
        if now not in VERSIONS:
            raise StoreError(
                "the database was written by a newer version of jeffbot; upgrade this one, or restore a backup"
            )
        if now != to:
            is_later = VERSIONS.index(to) > VERSIONS.index(now)
            (command.upgrade if is_later else command.downgrade)(config, to)


@contextlib.contextmanager
def _free_of_foreign_keys(plain: sqlite3.Connection) -> Iterator[None]:
    """Let tables be made anew, which drops the old ones; inside a transaction this cannot be switched."""
    plain.execute("PRAGMA foreign_keys=OFF").close()
    try:
        yield
    finally:
        plain.execute("PRAGMA foreign_keys=ON").close()


def _version(connection: Connection) -> str:
    if not connection.exec_driver_sql(_HAS_VERSION).scalar_one():
        return VERSIONS[0]
    return str(connection.exec_driver_sql("SELECT version_num FROM alembic_version").scalar() or VERSIONS[0])


def _engine(file: Path) -> Engine:
    engine = sqlalchemy.create_engine(
        sqlalchemy.URL.create("sqlite", database=str(file)),
        connect_args={"timeout": BUSY_TIMEOUT, "check_same_thread": False, "isolation_level": None},
    )

    @event.listens_for(engine, "connect")
    def connected(dbapi: Any, _record: object) -> None:
        _begin_wal(dbapi)
        for pragma in ("synchronous=FULL", "foreign_keys=ON", "temp_store=MEMORY"):
            dbapi.execute(f"PRAGMA {pragma}").close()

    @event.listens_for(engine, "begin")
    def begins(connection: Connection) -> None:
        writes = connection.get_execution_options().get(_WRITES)
        connection.exec_driver_sql("BEGIN IMMEDIATE" if writes else "BEGIN")

    return engine


def _begin_wal(plain: sqlite3.Connection) -> None:
    """Have readers and the writer not wait for each other; who begins it at once with another is refused unwaited."""
    give_up = time.monotonic() + BUSY_TIMEOUT
    while True:
        try:
            plain.execute("PRAGMA journal_mode=WAL").close()
        except sqlite3.OperationalError as error:
            if "locked" not in str(error) or time.monotonic() >= give_up:
                raise
            time.sleep(0.01)
        else:
            return


@contextlib.contextmanager
def _troubles(file: Path) -> Iterator[None]:
    try:
        yield
    except exc.DBAPIError as error:
        raise StoreError(_said(file, error.orig or error)) from error
    except (sqlite3.Error, OSError) as error:
        raise StoreError(_said(file, error)) from error


def _said(file: Path, error: BaseException) -> str:
    said = str(error)
    if "full" in said:
        free = shutil.disk_usage(file.parent).free >> 20
        return f"the disk of the data folder is full ({free} MiB free): make room"
    if "disk I/O" in said:
        return f"the disk of the data folder fails ({said}): look after its health, its free space and quotas"
    if "locked" in said:
        return "another program holds the database locked; end it, or try again"
    if "readonly" in said or "read-only" in said or "unable to open" in said:
        return "the data folder (JEFFBOT_DATA_DIR) cannot be written: mend its permissions"
    if "malformed" in said or "not a database" in said:
        return f"{file.name} in the data folder is damaged: restore a backup (jeffbot restore), or move it away"
    return f"the database cannot be used ({said})"
