"""Our own export: a zip of sounds, not compressed, with ``jeffbot.json`` at its end. Cost: O(bytes)."""

import contextlib
import zipfile
from collections.abc import Iterator
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import msgspec

from ...errors import printable
from ...files import open_regular, sync
from ...models import Details
from ..archive import MAX_METADATA_BYTES, portable
from ..ingest import disk_trouble, remove, unfinished
from ..names import EXTENSIONS, fold
from .arrivals import Arrival, Claim, Known, count, details, moment, people, person
from .format import Format
from .source import CollectionError, UnreadableError, read_json

VERSION = 1
NAME = "jeffbot.json"
_PIECE_BYTES = 1 << 20
_MODE = 0o100644 << 16
"""A file that all may read (APPNOTE.TXT, section 4.4.15; POSIX, ``sys/stat.h``)."""


class _Record(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    path: str
    details: Details = Details()
    plays: int = 0
    uploader_id: str = ""
    """Ids are text, as with Discord: in JSON, numbers above 2^53 are not safe (RFC 8259, section 6)."""
    created_at: float | None = None
    favourite_of: tuple[str, ...] = ()
    entrance_of: tuple[str, ...] = ()
    exit_of: tuple[str, ...] = ()


class _Export(msgspec.Struct, frozen=True, kw_only=True):
    jeffbot: int
    """The version of this format."""
    sounds: list[_Record]


class Writer:
    """Writes an export. Use it as a context manager: the file is there, whole and durable, once that is left.

    Args:
        destination: Where it will be; a file there is replaced.

    Raises:
        CollectionError: It cannot be written; nothing is left of it.
    """

    def __init__(self, destination: Path) -> None:
        self._destination = destination
        self._temp = unfinished(destination.parent)
        self._records: list[_Record] = []
        self._taken = {NAME}
        self._is_whole = True

    def __enter__(self) -> Self:
        with _in_words():
            self._zip = zipfile.ZipFile(self._temp, "x", zipfile.ZIP_STORED)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        try:
            with _in_words():
                if done := kind is None and self._is_whole:
                    self._write_records()
                self._zip.close()
                if done:
                    sync(self._temp)
                    self._temp.replace(self._destination)
                    sync(self._destination.parent)
        finally:
            self._zip.close()
            remove(self._temp)
        if kind is None and not self._is_whole:
            raise CollectionError("The export has a sound of which a part is missing: make it anew")

    def add(self, arrival: Arrival) -> None:
        """Add a sound, at the path it says.

        Raises:
            CollectionError: Its file cannot be read, another sound has its path, or the export cannot be written.
        """
        path = arrival.path
        if portable(path) != path or Path(path).suffix.lower() not in EXTENSIONS or fold(path) in self._taken:
            raise CollectionError(f'"{printable(path)}" is no path that one sound of an export can have')
        entry = zipfile.ZipInfo(path)
        entry.external_attr = _MODE
        try:
            source = open_regular(arrival.file)
        except OSError as error:
            raise CollectionError(f'The file of "{printable(path)}" cannot be read ({error.strerror})') from error
        self._is_whole = False
        with _in_words(), source, self._zip.open(entry, "w", force_zip64=True) as to:
            while piece := source.read(_PIECE_BYTES):
                to.write(piece)
        self._is_whole = True
        self._taken.add(fold(path))
        self._records.append(_record_of(arrival))

    def _write_records(self) -> None:
        entry = zipfile.ZipInfo(NAME)
        entry.external_attr = _MODE
        entry.compress_type = zipfile.ZIP_DEFLATED
        records = msgspec.json.encode(_Export(jeffbot=VERSION, sounds=self._records))
        if len(records) > MAX_METADATA_BYTES:
            raise CollectionError("There are too many sounds for one export: make several")
        self._zip.writestr(entry, records)


def _record_of(arrival: Arrival) -> _Record:
    return _Record(
        path=arrival.path,
        details=arrival.details,
        plays=arrival.plays,
        uploader_id=str(arrival.uploader_id or ""),
        created_at=arrival.created_at,
        favourite_of=tuple(map(str, arrival.favourite_of)),
        entrance_of=tuple(map(str, arrival.entrance_of)),
        exit_of=tuple(map(str, arrival.exit_of)),
    )


@contextlib.contextmanager
def _in_words() -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise CollectionError(disk_trouble(error, "export's folder")) from error


def _load(file: Path) -> Any:
    """The records of an export; None: it is none.

    Raises:
        CollectionError: It is of a version that is not known here.
        UnreadableError: It is no JSON, or its records are not what records are.
    """
    raw = read_json(file)
    if file.name != NAME or not isinstance(raw, dict) or "jeffbot" not in raw:
        return None
    if raw["jeffbot"] != VERSION:
        raise CollectionError(
            f"This export is of a version that this jeffbot does not know (it knows {VERSION}): update jeffbot"
        )
    try:
        return msgspec.convert(raw, _Export).sounds
    except (msgspec.ValidationError, RecursionError) as error:
        raise UnreadableError("does not say what the file of an export does") from error


def _claims(records: list[_Record]) -> Iterator[Claim]:
    for record in records:
        said = record.details
        known = Known(
            details=details(
                **{name: getattr(said, name) for name in said.__struct_fields__ if not name.startswith("trim")},
                trim=said.trim,
            ),
            plays=count(record.plays),
            uploader_id=person(record.uploader_id),
            created_at=moment(record.created_at),
            favourite_of=people(record.favourite_of),
            entrance_of=people(record.entrance_of),
            exit_of=people(record.exit_of),
        )
        yield Claim(file=record.path, path=record.path, known=known)


OWN = Format(
    name="jeffbot",
    extensions=frozenset({".json"}),
    load=_load,
    fits=lambda records: records is not None,
    claims=_claims,
)
