"""Which soundboard a folder or a zip is of, and what arrives with it."""

import contextlib
import dataclasses
import functools
import shutil
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple

from ...errors import printable
from ..archive import portable, unpack
from ..ingest import unfinished
from ..names import base_name, fold
from .arrivals import Arrival, Claim, Known
from .exp import EXP
from .format import Format
from .jefflite import JEFF_BOT_LITE
from .mega import MEGA
from .own import OWN
from .rp import RP
from .soundbored import SOUNDBORED
from .soundbot import SOUNDBOT
from .soundpad import SOUNDPAD
from .soundux import SOUNDUX
from .source import CollectionError, Source, UnreadableError

FORMATS = (OWN, SOUNDBORED, SOUNDBOT, JEFF_BOT_LITE, SOUNDUX, MEGA, EXP, SOUNDPAD, RP)
"""In the order in which they are looked for."""
PLAIN = "a plain folder"
MAX_FOLDERS = 8
"""That a sound lies in, each in the other; what is deeper comes up."""
MAX_CLAIMS = 50_000
"""That one file makes."""
MAX_TROUBLES = 100
"""Sentences; more are counted."""

_WRAPPERS = frozenset({"bot", "data", "priv", "sounds", "static", "uploads"})
"""Folders in which soundboards keep all their sounds: they say nothing of them."""


class Limits(NamedTuple):
    """What is unpacked of a zip at most."""

    max_bytes: int = 4 << 30
    max_files: int = 20_000
    max_file_bytes: int = 64 << 20


@dataclass(frozen=True, slots=True)
class Collection:
    """What was found."""

    layout: str
    """Whose it is, for people."""
    arrivals: tuple[Arrival, ...]
    troubles: tuple[str, ...]
    """What does not come along and why, in sentences."""


@dataclass(frozen=True, slots=True)
class Layout:
    """How a folder is laid out."""

    name: str
    """The soundboard's, for people."""
    documents: tuple[tuple[Format, Any], ...] = field(default=(), repr=False)
    """What says something of the sounds, read."""

    def arrivals(self, folder: Path) -> Iterator[Arrival]:
        """All sounds of a folder of this layout, with what is known of them.

        Raises:
            CollectionError: The folder cannot be read.
        """
        return iter(_arrivals(Source(folder), self, [], ""))


def recognise(folder: Path) -> Layout | None:
    """Whose collection a folder is; None: there is no more to it than files.

    Raises:
        CollectionError: It cannot be read, or is an export of a version that is not known here.
    """
    layout = _recognise(Source(folder), [])
    return layout if layout.documents else None


def read(folder: Path, name: str = "") -> Collection:
    """All sounds of a folder, whoever filled it. Files in it count, whatever is said elsewhere; no other is opened.

    Args:
        folder: Where the collection is.
        name: That of the zip it was in, without its extension.

    Raises:
        CollectionError: It cannot be read, or is an export of a version that is not known here.
    """
    source = Source(folder)
    troubles: list[str] = []
    layout = _recognise(source, troubles)
    arrivals = _arrivals(source, layout, troubles, name)
    if len(troubles) > MAX_TROUBLES:
        troubles[MAX_TROUBLES:] = [f"And {len(troubles) - MAX_TROUBLES} more like these."]
    return Collection(layout.name, tuple(arrivals), tuple(troubles))


@contextlib.contextmanager
def opened(source: Path, scratch: Path, limits: Limits = Limits()) -> Iterator[Collection]:  # noqa: B008 - frozen
    """A collection that is a folder, or a zip of one; what is unpacked of it is removed in the end.

    Args:
        source: The folder or zip.
        scratch: The folder in which a zip is unpacked.
        limits: What is unpacked at most.

    Raises:
        ArchiveError: It is a zip that is not unpacked.
        CollectionError: It cannot be read, or is an export of a version that is not known here.
    """
    if source.is_dir():
        yield read(source)
        return
    if not source.exists():
        raise CollectionError("There is no such folder or file")
    unpacked = unfinished(scratch)
    try:
        left_out = unpack(source, unpacked, **limits._asdict())
        collection = read(unpacked, source.stem)
        yield Collection(collection.layout, collection.arrivals, (*left_out, *collection.troubles))
    finally:
        shutil.rmtree(unpacked, ignore_errors=True)


def _recognise(source: Source, troubles: list[str]) -> Layout:
    broken: dict[str, str] = {}
    load = functools.cache(lambda form_load, file: form_load(file))
    for form in FORMATS:
        documents: list[tuple[Format, Any]] = []
        for place, file in source.metadata.items():
            if file.suffix.lower() not in form.extensions:
                continue
            try:
                document = load(form.load, file)
            except UnreadableError as error:
                broken[place] = f"{printable(place)} {error}: the sounds come without what it says"
            else:
                if form.fits(document):
                    documents.append((form, document))
        if documents:
            troubles += broken.values()
            return Layout(form.name, tuple(documents))
    troubles += broken.values()
    return Layout(PLAIN)


def _arrivals(source: Source, layout: Layout, troubles: list[str], name: str) -> list[Arrival]:
    said: dict[str, Claim] = {}
    for form, document in layout.documents:
        for number, claim in enumerate(form.claims(document)):
            if number == MAX_CLAIMS:
                troubles.append(f"Only the first {MAX_CLAIMS} entries of what {layout.name} says of sounds are read.")
                break
            place = source.find(claim.file) if claim.file else None
            if place is None:
                troubles.append(_missing(claim))
            elif earlier := said.get(place):
                said[place] = dataclasses.replace(earlier, known=earlier.known.and_also(claim.known))
            else:
                said[place] = claim
    wrapped = _wrapped([*source.sounds], name)
    nothing = Claim(file="")
    return [_arrival(file, said.get(place, nothing), place[wrapped:]) for place, file in source.sounds.items()]


def _arrival(file: Path, claim: Claim, place: str) -> Arrival:
    path = claim.path or place
    if Path(path).suffix.lower() != file.suffix.lower():
        path += file.suffix
    *folders, base = portable(path).split("/")
    known = {name.name: getattr(claim.known, name.name) for name in dataclasses.fields(Known)}
    return Arrival(file=file, path="/".join((*folders[:MAX_FOLDERS], base)), **known)


def _missing(claim: Claim) -> str:
    called = printable(
        claim.known.details.title or claim.path or base_name(claim.file.replace("\\", "/")) or "a sound without a name"
    )
    if not claim.file:
        return f'"{called}" is no file of this collection, perhaps a link, and does not come along'
    return f'"{called}" does not come along: its file is not in this collection, or is there more than once'


def _wrapped(places: list[str], name: str) -> int:
    """How many characters all places begin with that say nothing: folders that hold everything, or are the zip's."""
    folders = [place.split("/")[:-1] for place in places]
    size = 0
    for first, *others in zip(*folders, strict=False):
        if fold(first) not in {*_WRAPPERS, fold(name)} or any(folder != first for folder in others):
            break
        size += len(first) + 1
    return size
