"""The sounds of Soundbored, from its SQLite database."""

import contextlib
import sqlite3
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from .arrivals import Claim, Known, count, decibels, details, moment, people, person, text
from .format import Format
from .source import UnreadableError

type _Row = dict[str, Any]
type _Tables = dict[str, list[_Row]]

_TABLES = {
    "sounds": ("id", "filename", "storage_key", "source_type", "volume", "user_id", "inserted_at"),
    "tags": ("id", "name"),
    "sound_tags": ("sound_id", "tag_id"),
    "users": ("id", "discord_id"),
    "plays": ("sound_id", "sound_name", "played_filename"),
    "favorites": ("user_id", "sound_id"),
    "user_sound_settings": ("user_id", "sound_id", "is_join_sound", "is_leave_sound"),
}
"""What is read; older databases lack some of it."""
_MAX_ROWS = 1_000_000
_MAX_VALUE_BYTES = 1 << 16


def _load(file: Path) -> _Tables:
    """The rows of the tables, from a database that may be hostile (SQLite: "Defense Against The Dark Arts").

    Raises:
        UnreadableError: It is no database.
    """
    if Path(f"{file}-wal").exists() and Path(f"{file}-wal").stat().st_size:
        raise UnreadableError("was copied while Soundbored ran: stop that and copy it again")
    try:
        with contextlib.closing(
            sqlite3.connect(f"{file.absolute().as_uri()}?mode=ro&immutable=1", uri=True)
        ) as database:
            database.setlimit(sqlite3.SQLITE_LIMIT_LENGTH, _MAX_VALUE_BYTES)
            database.execute("PRAGMA trusted_schema=OFF")
            database.execute("PRAGMA cell_size_check=ON")
            database.text_factory = lambda value: value.decode("utf-8", "replace")
            return {table: _rows(database, table, columns) for table, columns in _TABLES.items()}
    except (sqlite3.Error, OverflowError) as error:
        raise UnreadableError("is no database that can be read") from error


def _rows(database: sqlite3.Connection, table: str, columns: tuple[str, ...]) -> list[_Row]:
    """What is there of a table; nothing of a view, nor of what is computed."""
    is_table = "SELECT 1 FROM sqlite_schema WHERE name = ? AND sql LIKE 'CREATE TABLE %'"
    if database.execute(is_table, (table,)).fetchone() is None:
        return []
    there = {row[1] for row in database.execute(f"PRAGMA table_info({table})")}
    names = [column for column in columns if column in there]
    if not names:
        return []
    query = f"SELECT {', '.join(names)} FROM {table} LIMIT {_MAX_ROWS}"  # noqa: S608 - names of ours
    return [dict(zip(names, row, strict=True)) for row in database.execute(query)]


def _claims(tables: _Tables) -> Iterator[Claim]:
    """``soundboard_prod.db`` of christomitov/soundbored (``priv/repo/migrations``, ``sound.ex``, ``source.ex``).

    Files are in ``priv/static/uploads``, called by ``storage_key``, before 2026 by ``filename``. Sounds of the source
    type ``url`` are links, not files. Volume is a factor of amplitude, 0 to 1.5. Whose entrance or exit a sound is, is
    in ``user_sound_settings``.
    """
    person_of = {row.get("id"): row.get("discord_id") for row in tables["users"]}
    tag_of = {row.get("id"): row.get("name") for row in tables["tags"]}

    def user(row: _Row) -> object:
        return person_of.get(row.get("user_id"))

    tags = _grouped(tables["sound_tags"], lambda row: tag_of.get(row.get("tag_id")))
    favourites = _grouped(tables["favorites"], user)
    joins = _grouped([row for row in tables["user_sound_settings"] if row.get("is_join_sound")], user)
    leaves = _grouped([row for row in tables["user_sound_settings"] if row.get("is_leave_sound")], user)
    plays = Counter(map(_played, tables["plays"]))
    for sound in tables["sounds"]:
        key, name = sound.get("id"), text(sound.get("filename"))
        known = Known(
            details=details(tags=tags[key], gain=decibels(sound.get("volume"))),
            plays=count(plays[key] + plays[name]),
            uploader_id=person(user(sound)),
            created_at=_moment(sound.get("inserted_at")),
            favourite_of=people(favourites[key]),
            entrance_of=people(joins[key]),
            exit_of=people(leaves[key]),
        )
        file = "" if sound.get("source_type") == "url" else text(sound.get("storage_key")) or name
        yield Claim(file=file, known=known, path=name)


def _grouped(rows: list[_Row], value: Callable[[_Row], object]) -> defaultdict[object, list[object]]:
    """A value of each row, by its sound."""
    groups: defaultdict[object, list[object]] = defaultdict(list)
    for row in rows:
        groups[row.get("sound_id")].append(value(row))
    return groups


def _played(play: _Row) -> object:
    """Which sound: by its id, before 2026 and where that is gone by its name."""
    sound_id = play.get("sound_id")
    return (play.get("played_filename") or play.get("sound_name")) if sound_id is None else sound_id


def _moment(value: object) -> float | None:
    """A time as Ecto writes it: ISO 8601, in UTC."""
    try:
        written = datetime.fromisoformat(text(value))
        return moment((written if written.tzinfo else written.replace(tzinfo=UTC)).timestamp())
    except (ValueError, OverflowError):
        return None


SOUNDBORED = Format(
    name="Soundbored",
    extensions=frozenset({".db", ".sqlite", ".sqlite3"}),
    load=_load,
    fits=lambda tables: any("filename" in sound for sound in tables["sounds"]),
    claims=_claims,
)
