"""The sound lists of Soundpad."""

from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple
from xml.parsers import expat

from .arrivals import Claim, Known, details
from .format import Format
from .source import UnreadableError, read_text


class _SoundList(NamedTuple):
    sounds: list[dict[str, str]]
    """The attributes of each."""
    tags: defaultdict[int, list[str]]
    """The names of the categories that a sound is in, by its place in the list."""


class _Reader:
    """Takes in a list, element by element."""

    def __init__(self) -> None:
        self.found = _SoundList([], defaultdict(list))
        self._above: list[tuple[str, str]] = []
        """The elements that are open: their kind and name."""

    def start(self, kind: str, attributes: dict[str, str]) -> None:
        if not self._above and kind != "Soundlist":
            raise UnreadableError("is no sound list")
        if kind == "Sound" and len(self._above) == 1:
            self.found.sounds.append(attributes)
        elif kind == "Sound" and self._above[-1][0] == "Category" and attributes.get("id", "").isdecimal():
            categories = [name for above, name in self._above if above == "Category" and name]
            self.found.tags[int(attributes["id"][:9])] += categories
        name = "" if "type" in attributes else attributes.get("name", "")
        self._above.append((kind, name))

    def end(self, _kind: str) -> None:
        self._above.pop()


def _load(file: Path) -> _SoundList:
    """A sound list, without document type and entities (Python: "XML vulnerabilities").

    Raises:
        UnreadableError: It is none.
    """
    reader, parser = _Reader(), expat.ParserCreate("utf-8")
    parser.StartDoctypeDeclHandler = _refuse
    parser.StartElementHandler, parser.EndElementHandler = reader.start, reader.end
    try:
        parser.Parse(read_text(file).encode("utf-8", "replace"), True)  # noqa: FBT003 - it takes no name
    except expat.ExpatError as error:
        raise UnreadableError("is no XML that can be read") from error
    return reader.found


def _refuse(*_: object) -> None:
    raise UnreadableError("has a document type, which sound lists do not have")


def _claims(found: _SoundList) -> Iterator[Claim]:
    r"""Leppsoft Soundpad's ``soundlist.spl``, and what it writes beside the files that it exports.

    ``<Soundlist rel="C:\…"><Sound url="C:\…" title="…" customTag="…"/><Categories><Category name="…"><Sound id="0"/>``:
    ids count the sounds of the list from 0, categories nest, and those with a ``type`` are Soundpad's own. What people
    called a sound is in ``customTag``. (Its manual, "Sound lists", for where the files are; public readers of them for
    what is in them.)
    """
    for at, sound in enumerate(found.sounds):
        made = details(title=sound.get("customTag") or sound.get("title"), tags=found.tags.get(at, ()))
        yield Claim(file=sound.get("url", ""), known=Known(details=made))


SOUNDPAD = Format(
    name="Soundpad", extensions=frozenset({".spl"}), load=_load, fits=lambda found: bool(found.sounds), claims=_claims
)
