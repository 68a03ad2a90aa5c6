"""What is known and said of sounds.

A row outlives its file: one whose file went away has its story kept, and the file, should it come back under whatever
name, gets it again. Cost: :meth:`Sounds.load` O(sounds); the others O(sounds they are about), by index.
"""

import functools
import itertools
import math
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any

import msgspec
from sqlalchemy import Connection, Row, bindparam, delete, func, insert, select, update

from ..models import Details, GuildId, Retrigger, Sound
from .schema import entrances, favourites, plays, sounds
from .values import SHARED, Deleted, File, Kept, Key, Measured, Story

CHUNK = 500
"""How many values a query lists; SQLite takes 999 in its oldest builds."""

_there = sounds.c.missing_since.is_(None) & sounds.c.deleted_at.is_(None)


type FolderOf = Callable[[GuildId | None], str]
"""Where the files of a library lie."""


class Sounds:
    """The table of sounds, in a transaction."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def load(self, folder_of: FolderOf) -> Iterator[Kept]:
        """All sounds whose files are there, as far as is known; to be gone through within the unit of work."""
        targets = select(sounds.c.merged_into).where(sounds.c.merged_into.is_not(None))
        there = set(self._connection.execute(select(sounds.c.id).where(_there, sounds.c.id.in_(targets))).scalars())
        made: dict[int, str] = {}
        # in the table's own order: by the index that the condition suggests it takes twice as long
        statement = select(sounds).where(_there).order_by(sounds.c.id)
        for row in self._connection.execute(statement):
            kept = _kept(row, folder_of, made)
            yield kept if kept.merged_into is None or kept.merged_into in there else kept._replace(merged_into=None)

    def get(self, ids: Iterable[int], folder_of: FolderOf) -> list[Kept]:
        """The sounds of these ids, their files there or not."""
        rows = self._rows(sounds.c.id, ids)
        return [_kept(row, folder_of, {}) for row in rows]

    # Files

    def take_in(
        self,
        files: Sequence[File],
        gone: Iterable[Key],
        *,
        hash_of: Callable[[File], str | None],
        folder_of: FolderOf,
        now: float,
    ) -> list[Kept]:
        """Note which files are there, and which are not any more.

        A file that is new gets the story of one that went: of the same place, or of the same content in the same
        library.

        Args:
            files: Files that are there, new or changed.
            gone: Files that are not.
            hash_of: The SHA-256 of a file; None: it cannot be read.
            folder_of: Where the files of a library lie.
            now: Seconds since the epoch.

        Returns:
            The sounds of the files, in any order.
        """
        self._note_gone(gone, now)
        known = {(row.guild_id, row.path): row for row in self._at({file.key for file in files}, _there)}
        there = {file: known[file.key] for file in files if file.key in known}
        back = self._match([file for file in files if file not in there], hash_of)
        changed = [
            (row.id, file)
            for file, row in (there | back).items()
            if row.path == file.path and (row.size, row.modified_ns) != (file.size, file.modified_ns)
        ]
        self._place([(row.id, file) for file, row in back.items()], missing_since=None)
        self._place(changed, content_hash=None, length=None, loudness=None)
        made = self._insert([file for file in files if file not in there and file not in back], now)
        return self.get([*made, *(row.id for row in (there | back).values())], folder_of)

    def expect(self, file: File, *, details: Details, now: float, **columns: object) -> int:
        """Note a file that is about to appear: should it not, it is only a story without one.

        Args:
            file: What it will be.
            details: What is said of it.
            now: Seconds since the epoch.
            columns: What else is known of it, by columns of the table.

        Returns:
            The sound's id.
        """
        values = _columns(details) | {
            "guild_id": file.guild_id or SHARED,
            "path": file.path,
            "size": file.size,
            "modified_ns": file.modified_ns,
            "created_at": now,
            "missing_since": self._missed_last(file, now),
            **columns,
        }
        return int(self._connection.execute(insert(sounds).values(values).returning(sounds.c.id)).scalar_one())

    def _missed_last(self, file: File, now: float) -> float:
        """Now, or after all that was missed at a place before, should the clock have been put back since."""
        mine = sounds.c.guild_id == (file.guild_id or SHARED), sounds.c.path == file.path
        latest = select(func.max(sounds.c.missing_since)).where(*mine, sounds.c.missing_since.is_not(None))
        return max(now, math.nextafter(self._connection.execute(latest).scalar() or 0.0, math.inf))

    def _note_gone(self, gone: Iterable[Key], now: float) -> None:
        keys = [{"guild": guild_id, "file": path} for guild_id, path in gone]
        if keys:
            statement = (
                update(sounds)
                .where(sounds.c.guild_id == bindparam("guild"), sounds.c.path == bindparam("file"), _there)
                .values(missing_since=now)
            )
            self._connection.execute(statement, keys)

    def _match(self, files: Sequence[File], hash_of: Callable[[File], str | None]) -> dict[File, Row[Any]]:
        """Which of the missing sounds these files are."""
        hash_of = functools.cache(hash_of)
        is_missing = sounds.c.missing_since.is_not(None) & sounds.c.deleted_at.is_(None)
        by_size: dict[tuple[int, int], list[Row[Any]]] = {}
        by_place: dict[Key, list[Row[Any]]] = {}
        missing = self._rows(sounds.c.size, {file.size for file in files}, is_missing)
        for row in sorted(missing, key=lambda row: row.missing_since, reverse=True):
            by_size.setdefault((row.guild_id, row.size), []).append(row)
        for row in self._at({file.key for file in files}, is_missing):
            by_place.setdefault((row.guild_id, row.path), []).append(row)
        taken: set[int] = set()
        found: dict[File, Row[Any]] = {}
        for file in files:
            same_place = max(by_place.get(file.key, ()), key=lambda row: row.missing_since, default=None)
            candidates = [same_place] if same_place else by_size.get((file.key[0], file.size), [])
            same = (row for row in candidates if row.id not in taken and _is(row, file, same_place, hash_of))
            if match := next(same, None):
                taken.add(match.id)
                found[file] = match
        return found

    def _place(self, placed: Sequence[tuple[int, File]], **values: object) -> None:
        if placed:
            statement = (
                update(sounds)
                .where(sounds.c.id == bindparam("row"))
                .values(path=bindparam("file"), size=bindparam("bytes"), modified_ns=bindparam("time"), **values)
            )
            self._connection.execute(
                statement,
                [
                    {"row": sound_id, "file": file.path, "bytes": file.size, "time": file.modified_ns}
                    for sound_id, file in placed
                ],
            )

    def _insert(self, files: Sequence[File], now: float) -> list[int]:
        if not files:
            return []
        rows = [
            {
                "guild_id": file.guild_id or SHARED,
                "path": file.path,
                "size": file.size,
                "modified_ns": file.modified_ns,
                "created_at": now,
            }
            for file in files
        ]
        return list(self._connection.execute(insert(sounds).returning(sounds.c.id), rows).scalars())

    # What is known and said

    def measure(self, measured: Iterable[Measured]) -> None:
        """Note what became known of contents; of a file that has changed since, nothing."""
        statement = (
            update(sounds)
            .where(
                sounds.c.id == bindparam("sound_id"),
                sounds.c.size == bindparam("bytes"),
                sounds.c.modified_ns == bindparam("time"),
            )
            .values(content_hash=bindparam("hash"), length=bindparam("seconds"), loudness=bindparam("lufs"))
        )
        names = "sound_id", "bytes", "time", "hash", "seconds", "lufs"
        self._connection.execute(statement, [dict(zip(names, item, strict=True)) for item in measured])

    def edit(self, sound_id: int, details: Details) -> None:
        """Note what people say of a sound."""
        self._update(sound_id, **_columns(details))

    def story(self, sound_id: int) -> Story:
        """The numbers of one sound."""
        row = self._connection.execute(select(sounds).where(sounds.c.id == sound_id)).one()
        return Story(row.plays, row.first_played_at, row.last_played_at, row.content_hash, row.length, row.loudness)

    def missing_sizes(self, sizes: Iterable[int]) -> set[int]:
        """Which of these sizes sounds have whose files went away."""
        is_missing = sounds.c.missing_since.is_not(None) & sounds.c.deleted_at.is_(None)
        return {row.size for row in self._rows(sounds.c.size, sizes, is_missing)}

    def plays(self, ids: Iterable[int]) -> dict[int, int]:
        """How often sounds were played."""
        return {row.id: row.plays for row in self._rows(sounds.c.id, ids)}

    def most_played(self) -> list[int]:
        """The ids of all sounds that were played, the most often played first."""
        statement = select(sounds.c.id).where(_there, sounds.c.plays > 0).order_by(sounds.c.plays.desc(), sounds.c.id)
        return list(self._connection.execute(statement).scalars())

    # Duplicates

    def duplicates(self, guild_id: GuildId | None) -> list[list[int]]:
        """The ids of sounds of one library that have the same content, the oldest of each first."""
        mine = sounds.c.guild_id == (guild_id or SHARED)
        alone = sounds.c.merged_into.is_(None)
        several = (
            select(sounds.c.content_hash)
            .where(_there, mine, alone, sounds.c.content_hash.is_not(None))
            .group_by(sounds.c.content_hash)
            .having(func.count() > 1)
        )
        statement = (
            select(sounds.c.content_hash, sounds.c.id)
            .where(_there, mine, alone, sounds.c.content_hash.in_(several))
            .order_by(sounds.c.content_hash, sounds.c.created_at, sounds.c.id)
        )
        rows = self._connection.execute(statement).all()
        return [[row.id for row in same] for _, same in itertools.groupby(rows, lambda row: row.content_hash)]

    def same_content(self, content_hash: str, guild_id: GuildId | None) -> list[int]:
        """The ids of the sounds of this content that a guild sees."""
        visible = sounds.c.guild_id.in_({SHARED, guild_id or SHARED})
        statement = select(sounds.c.id).where(sounds.c.content_hash == content_hash, _there, visible)
        return list(self._connection.execute(statement.order_by(sounds.c.id)).scalars())

    def merge(self, sound_id: int, into: int) -> None:
        """Let one sound stand for another, too: with its plays, favourites and entrances."""
        there = select(favourites.c.user_id).where(favourites.c.sound_id == into)
        both = favourites.c.user_id.in_(there.scalar_subquery())
        self._connection.execute(delete(favourites).where(favourites.c.sound_id == sound_id, both))
        for table in (favourites, entrances, plays):
            self._connection.execute(update(table).where(table.c.sound_id == sound_id).values(sound_id=into))
        one = self.story(sound_id)
        other = self.story(into)
        self._update(
            into,
            plays=one.plays + other.plays,
            first_played_at=min(filter(None, (one.first_played_at, other.first_played_at)), default=None),
            last_played_at=max(filter(None, (one.last_played_at, other.last_played_at)), default=None),
        )
        self._update(sound_id, merged_into=into, plays=0, first_played_at=None, last_played_at=None)
        self._connection.execute(update(sounds).where(sounds.c.merged_into == sound_id).values(merged_into=into))

    # Deleting

    def delete(self, sound_id: int, at: float) -> None:
        """Take a sound out; its file goes to the bin."""
        self._update(sound_id, deleted_at=at)
        self._connection.execute(update(sounds).where(sounds.c.merged_into == sound_id).values(merged_into=None))

    def deleted(self) -> list[Deleted]:
        """What was deleted and still has its file in the bin, the latest first."""
        statement = (
            select(sounds)
            .where(sounds.c.deleted_at.is_not(None), sounds.c.missing_since.is_(None))
            .order_by(sounds.c.deleted_at.desc())
        )
        rows = self._connection.execute(statement)
        return [
            Deleted(row.id, _guild(row.guild_id), row.path, row.size, row.modified_ns, row.deleted_at) for row in rows
        ]

    def undelete(self, sound_id: int, file: File, now: float) -> None:
        """Bring a deleted sound back: its file is about to appear at this place."""
        self._place([(sound_id, file)], deleted_at=None, missing_since=self._missed_last(file, now))

    def bury(self, sound_ids: Iterable[int], at: float) -> None:
        """Note that deleted sounds have no file any more."""
        for sound_id in sound_ids:
            self._update(sound_id, missing_since=at)

    def _update(self, sound_id: int, **values: object) -> None:
        self._connection.execute(update(sounds).where(sounds.c.id == sound_id).values(**values))

    def _at(self, keys: Iterable[Key], condition: Any) -> list[Row[Any]]:
        paths: dict[int, list[str]] = {}
        for guild_id, path in keys:
            paths.setdefault(guild_id, []).append(path)
        return [
            row
            for guild_id, mine in paths.items()
            for row in self._rows(sounds.c.path, mine, sounds.c.guild_id == guild_id, condition)
        ]

    def _rows(self, column: Any, values: Iterable[Any], *conditions: Any) -> list[Row[Any]]:
        found: list[Row[Any]] = []
        for chunk in itertools.batched(values, CHUNK):
            found += self._connection.execute(select(sounds).where(column.in_(chunk), *conditions))
        return found


def _is(row: Row[Any], file: File, same_place: Row[Any] | None, hash_of: Callable[[File], str | None]) -> bool:
    """Whether a file is that of a missing sound."""
    if row is same_place:
        return True
    if row.content_hash is None:
        return bool(row.modified_ns == file.modified_ns)
    return bool(row.content_hash == hash_of(file))


def _kept(row: Sequence[Any], folder_of: FolderOf, folders: dict[int, str]) -> Kept:
    (
        number, guild, path, size, modified_ns, content_hash, length, loudness, title, aliases, emoji, colour, tags,
        gain, trim_start, trim_end, retrigger, uploader_id, created_at, *_, merged_into, native_id,
    ) = row  # fmt: skip
    guild_id = _guild(guild)
    folder = folders.get(guild)
    if folder is None:
        folder = folders[guild] = folder_of(guild_id)
    said = (title, aliases, emoji, colour, tags, gain, trim_start, trim_end, retrigger)
    details = _PLAIN if said == _NOTHING_SAID else Details(
        title=title,
        aliases=_names(aliases),
        emoji=emoji,
        colour=colour,
        tags=_names(tags),
        gain=gain,
        trim_start=trim_start,
        trim_end=trim_end,
        retrigger=None if retrigger is None else Retrigger(retrigger),
    )  # fmt: skip
    sound = Sound(
        path.rpartition("/")[2],
        path,
        folder,
        size,
        modified_ns,
        guild_id,
        number,
        details,
        uploader_id,
        created_at,
        native_id,
    )
    return Kept(sound, content_hash, length, loudness, merged_into)


def _guild(number: int) -> GuildId | None:
    return GuildId(number) if number else None


def _columns(details: Details) -> dict[str, Any]:
    columns = msgspec.structs.asdict(details)
    columns["aliases"] = _text(details.aliases)
    columns["tags"] = _text(details.tags)
    return columns


def _text(names: tuple[str, ...]) -> str:
    return msgspec.json.encode(names).decode() if names else ""


def _names(text: str) -> tuple[str, ...]:
    return msgspec.json.decode(text, type=tuple[str, ...]) if text else ()


_PLAIN = Details()
_NOTHING_SAID = ("", "", "", None, "", 0.0, 0.0, None, None)
