"""Every version of the schema leads to the next and back, whoever runs it and whatever interrupts it."""

import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from alembic.autogenerate import compare_metadata
from alembic.operations import Operations
from alembic.runtime.migration import MigrationContext
from sqlalchemy import Connection, MetaData, create_engine, event

from jeffbot.errors import StoreError
from jeffbot.store.database import HEAD, VERSIONS, Database, migrate
from jeffbot.store.schema import metadata
from store.keeping import everything, fill


@contextmanager
def connected(file: Path) -> Iterator[Connection]:
    """A connection such as migrations are given: SQLAlchemy begins its transactions, and foreign keys are looked at."""
    engine = create_engine(f"sqlite:///{file}", connect_args={"isolation_level": None})
    event.listen(engine, "connect", lambda dbapi, _: dbapi.execute("PRAGMA foreign_keys=ON").close())
    event.listen(engine, "begin", lambda connection: connection.exec_driver_sql("BEGIN"))
    with engine.connect() as connection:
        yield connection
    engine.dispose()


def reflected(connection: Connection) -> MetaData:
    """The tables that are there now, without what Alembic keeps for itself."""
    there = MetaData()
    there.reflect(connection, only=lambda name, _: name != "alembic_version")
    return there


def counts(connection: Connection) -> dict[str, int]:
    """How many rows each table has."""
    return {
        table.name: connection.exec_driver_sql(f'SELECT count(*) FROM "{table.name}"').scalar_one()
        for table in reflected(connection).sorted_tables
    }


@pytest.mark.parametrize(("before", "after"), [*pairwise(VERSIONS)])
def test_up_and_down_with_data(tmp_path: Path, before: str, after: str) -> None:
    """A migration goes up, down and up again with rows in every table, and loses none of a table that stays."""
    with connected(tmp_path / "x.db") as connection:
        migrate(connection, before)
        fill(connection, reflected(connection).sorted_tables)
        connection.commit()
        full = counts(connection)
        connection.rollback()

        for to in (after, before, after):
            migrate(connection, to)
            now = counts(connection)
            assert {name: now[name] for name in full.keys() & now.keys()} == full
            assert connection.exec_driver_sql("PRAGMA foreign_key_check").all() == []
            assert connection.exec_driver_sql("PRAGMA integrity_check").scalar_one() == "ok"
            connection.rollback()


def test_down_to_nothing_with_data(tmp_path: Path) -> None:
    """The newest version can be taken back to an empty database, and be made again."""
    with connected(tmp_path / "x.db") as connection:
        migrate(connection)
        fill(connection)
        connection.commit()

        migrate(connection, VERSIONS[0])
        assert counts(connection) == {}
        connection.rollback()

        migrate(connection)
        assert everything(connection)["sounds"] == []


def test_head_is_the_schema(tmp_path: Path) -> None:
    """The migrations lead to the tables that the code has: Alembic would change nothing."""
    with connected(tmp_path / "x.db") as connection:
        migrate(connection)
        assert compare_metadata(MigrationContext.configure(connection), metadata) == []


def test_defaults_and_conditions_are_the_schema(tmp_path: Path) -> None:
    """So are columns' defaults and the conditions of indexes, which Alembic does not compare."""

    def described(name: str, make: Callable[[Connection], object]) -> dict[str, Any]:
        with connected(tmp_path / name) as connection:
            make(connection)
            indexes = connection.exec_driver_sql("SELECT name, sql FROM sqlite_master WHERE sql LIKE 'CREATE%INDEX%'")
            found: dict[str, Any] = {row.name: row.sql.replace("sounds.", "") for row in indexes}
            for table in metadata.tables:
                columns = connection.exec_driver_sql(f"PRAGMA table_info({table})").mappings()
                found[table] = {
                    row["name"]: (row["type"], row["notnull"], row["dflt_value"], row["pk"]) for row in columns
                }
            return found

    assert described("migrated", migrate) == described("made", metadata.create_all)


def test_newer_version(tmp_path: Path) -> None:
    """A database of a newer version is refused with what to do, and left as it was."""
    file = tmp_path / "x.db"
    Database(file).close()
    with connected(file) as connection:
        connection.exec_driver_sql("UPDATE alembic_version SET version_num = '9999'")
        connection.commit()
    before = file.read_bytes()

    with pytest.raises(StoreError, match="newer version of jeffbot; upgrade this one, or restore a backup"):
        Database(file)

    assert file.read_bytes() == before


def child(program: str, file: Path) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-c", program, str(file)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )


OPENS_WHEN_TOLD = """
import pathlib, sys
from alembic import command
from jeffbot.store.database import Database
print("ready", flush=True)
sys.stdin.readline()
Database(pathlib.Path(sys.argv[1])).close()
print("opened", flush=True)
"""


def test_two_processes_at_once(tmp_path: Path) -> None:
    """Two processes that find no database make one together."""
    file = tmp_path / "x.db"
    children = [child(OPENS_WHEN_TOLD, file) for _ in range(2)]
    for process in children:
        assert process.stdout
        assert process.stdout.readline() == "ready\n"

    for process in children:
        assert process.stdin
        process.stdin.write("go\n")
        process.stdin.flush()

    assert [process.communicate(timeout=20)[0] for process in children] == ["opened\n", "opened\n"]
    with connected(file) as connection:
        assert everything(connection)["revision"] == [{"id": 1, "value": 0}]


def test_two_bots_of_one_process_at_once(tmp_path: Path) -> None:
    """Databases are made in several threads of one process at once, as bots that share one have theirs made."""
    with ThreadPoolExecutor(3) as pool:
        for database in pool.map(Database, [tmp_path / f"{number}.db" for number in range(3)]):
            database.close()


def test_tables_with_rows_that_are_pointed_at_can_be_made_anew(tmp_path: Path) -> None:
    """A migration may make a table anew that others point at, which SQLite needs for most changes of columns."""
    with connected(tmp_path / "x.db") as connection:
        migrate(connection)
        fill(connection)
        connection.commit()
        before = everything(connection)
        connection.rollback()

        def remake(_: object, __: str) -> None:
            with Operations(MigrationContext.configure(connection)).batch_alter_table("sounds", recreate="always"):
                pass

        with pytest.MonkeyPatch.context() as patched:
            patched.setattr("alembic.command.downgrade", remake)
            migrate(connection, VERSIONS[-2])

        assert everything(connection) == before
        assert connection.exec_driver_sql("PRAGMA foreign_keys").scalar_one() == 1


STOPS_IN_THE_MIDDLE = """
import pathlib, sys
from sqlalchemy import Engine, event
from jeffbot.store.database import Database

@event.listens_for(Engine, "after_cursor_execute")
def executed(connection, cursor, statement, *rest):
    if statement.lstrip().startswith("CREATE TABLE sounds"):
        print("in the middle", flush=True)
        sys.stdin.readline()

Database(pathlib.Path(sys.argv[1]))
"""


def test_killed_in_mid_migration(tmp_path: Path) -> None:
    """A process that is killed while it migrates leaves a database that the next one migrates."""
    file = tmp_path / "x.db"
    with child(STOPS_IN_THE_MIDDLE, file) as process:
        assert process.stdout
        assert process.stdout.readline() == "in the middle\n"
        process.kill()
    assert process.returncode == -signal.SIGKILL

    Database(file).close()

    with connected(file) as connection:
        assert connection.exec_driver_sql("SELECT version_num FROM alembic_version").scalar_one() == HEAD
        assert compare_metadata(MigrationContext.configure(connection), metadata) == []
