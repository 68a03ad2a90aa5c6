"""What tests of the store share: files that are taken in, and rows as they are in the tables."""

from collections.abc import Callable, Iterable, Sequence
from typing import Any

from sqlalchemy import Connection, Table, insert, select, types

from jeffbot.models import GuildId
from jeffbot.store.database import Database
from jeffbot.store.records import Records
from jeffbot.store.schema import metadata
from jeffbot.store.values import File, Kept, Key

NOW = 1_800_000_000.0
GUILD = GuildId(70)


def place(guild_id: GuildId | None) -> str:
    """Where the files of a library lie."""
    return f"/sounds/{guild_id}"


def unreadable(_: File) -> None:
    """The hash of a file that cannot be read."""


def take_in(
    records: Records,
    files: Sequence[File] = (),
    gone: Iterable[Key] = (),
    *,
    hash_of: Callable[[File], str | None] = unreadable,
    now: float = NOW,
) -> dict[str, Kept]:
    """The sounds of files, by their paths."""
    kept = records.sounds.take_in(files, gone, hash_of=hash_of, folder_of=place, now=now)
    return {item.sound.path: item for item in kept}


def add_sounds(database: Database, *names: str, guild_id: GuildId | None = None, now: float = NOW) -> list[int]:
    """Take in new files, each of its own size; their numbers."""
    with database.writing() as records:
        kept = take_in(records, [File(guild_id, name, 1000 + i, 1) for i, name in enumerate(names)], now=now)
    return [kept[name].sound.id for name in names]


def loaded(records: Records) -> dict[tuple[GuildId | None, str], Kept]:
    """The sounds that are there, by library and path."""
    return {(item.sound.guild_id, item.sound.path): item for item in records.sounds.load(place)}


def a_row(table: Table, number: int) -> dict[str, Any]:
    """A value for each column of a table, by its type; foreign keys point at row 1."""
    return {column.name: 1 if column.foreign_keys else _value(column.type, number) for column in table.columns}


def _value(kind: types.TypeEngine[Any], number: int) -> Any:
    if isinstance(kind, types.Boolean):
        return bool(number % 2)
    if isinstance(kind, types.Integer):
        return number
    if isinstance(kind, types.Float):
        return number + 0.5
    assert isinstance(kind, types.String), f"a value for {kind} is to be thought of"
    return f"ä'{number}"[: kind.length]


def fill(connection: Connection, tables: Iterable[Table] = metadata.sorted_tables, rows: int = 3) -> None:
    """Put rows into every table."""
    for table in tables:
        numbers = range(1, rows + 1)
        connection.execute(insert(table).prefix_with("OR REPLACE"), [a_row(table, number) for number in numbers])


def everything(connection: Connection) -> dict[str, list[dict[str, Any]]]:
    """All rows of all tables."""
    return {
        table.name: [row._asdict() for row in connection.execute(select(table).order_by(*table.primary_key))]
        for table in metadata.sorted_tables
    }
