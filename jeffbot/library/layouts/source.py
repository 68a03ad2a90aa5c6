"""A folder of unknown origin: its sounds, found by what somebody else calls them, and its other files, read safely.

Cost: O(files) to walk it, O(1) to find one. No link is followed.
"""

import os
from collections.abc import Iterator, Mapping
from pathlib import Path

import msgspec

from ...errors import SoundboardError
from ...files import open_regular
from ..archive import MAX_METADATA_BYTES, METADATA, portable
from ..names import EXTENSIONS, fold, stem

MAX_NAME_CHARS = 4096
"""Of the place of a file; Linux ends there (``PATH_MAX``)."""
MAX_ALIKE = 8
"""Names of a place that are compared, counted from its end."""


class CollectionError(SoundboardError):
    """A collection cannot be read at all; the sentence says why and what to do."""


class UnreadableError(Exception):
    """A file does not say what files of its kind do; the sentence goes on after the file's name."""


class Source:
    """The files of a folder.

    Raises:
        CollectionError: The folder cannot be read.
    """

    def __init__(self, folder: Path) -> None:
        self.sounds: dict[str, Path] = {}
        """By their places below the folder, with forward slashes; in order."""
        self.metadata: dict[str, Path] = {}
        """Files that may say something of sounds, likewise."""
        try:
            places = sorted(_walk(os.fspath(folder)))
        except OSError as error:
            raise CollectionError(f"The collection's folder cannot be read ({error.strerror})") from error
        for place in places:
            (self.sounds if _extension(place) in EXTENSIONS else self.metadata)[place] = folder / place
        self._by_key = {fold(portable(place)): place for place in self.sounds}
        self._by_end = _by_end(self._by_key)
        self._by_stem_end = _by_end({stem(key): place for key, place in self._by_key.items()})

    def find(self, file: str) -> str | None:
        """The place of the sound that somebody else calls so: of those of its name the one in the most alike folders.

        Args:
            file: Its place, on whatever machine, with or without its extension.

        Returns:
            None: there is none, or several are as alike.
        """
        wanted = fold(portable(file[-MAX_NAME_CHARS:]))
        if place := self._by_key.get(wanted):
            return place
        for known in (self._by_end, self._by_stem_end):
            for end in _ends(wanted):
                if end in known:
                    return known[end]
        return None


def _by_end(places: Mapping[str, str]) -> dict[str, str | None]:
    """Places by what their keys end with; None where several do."""
    found: dict[str, str | None] = {}
    for key, place in places.items():
        for end in _ends(key):
            found[end] = None if end in found else place
    return found


def _ends(key: str) -> Iterator[str]:
    """What a key ends with, in whole names, the most of it first."""
    names = key.split("/")[-MAX_ALIKE:]
    return ("/".join(names[at:]) for at in range(len(names)))


def _walk(folder: str) -> Iterator[str]:
    """The places of all files with a known extension; neither hidden ones nor links.

    Raises:
        OSError: The outermost folder cannot be read.
    """
    waiting = [""]
    while waiting:
        below = waiting.pop()
        try:
            with os.scandir(os.path.join(folder, below)) as entries:  # noqa: PTH118 - it is text
                found = [entry for entry in entries if not entry.name.startswith(".")]
        except OSError:
            if not below:
                raise
            continue
        waiting += (f"{below}{entry.name}/" for entry in found if entry.is_dir(follow_symlinks=False))
        files = (below + entry.name for entry in found if entry.is_file(follow_symlinks=False))
        yield from (place for place in files if _extension(place) in EXTENSIONS | METADATA and _is_text(place))


def _extension(name: str) -> str:
    return os.path.splitext(name)[1].lower()  # noqa: PTH122 - it is text


def _is_text(place: str) -> bool:
    try:
        place.encode()
    except UnicodeEncodeError:
        return False
    return True


def read_text(file: Path) -> str:
    """A small text, in UTF-8, UTF-16 with its mark, or what Windows wrote before.

    Raises:
        UnreadableError: It is too large, or cannot be read.
    """
    try:
        with open_regular(file) as opened:
            content = opened.read(MAX_METADATA_BYTES + 1)
    except OSError as error:
        raise UnreadableError(f"cannot be read ({error.strerror})") from error
    if len(content) > MAX_METADATA_BYTES:
        raise UnreadableError("is too large")
    encoding = "utf-16" if content[:2] in {b"\xff\xfe", b"\xfe\xff"} else "utf-8-sig"
    try:
        return content.decode(encoding)
    except UnicodeDecodeError:
        return content.decode("cp1252", "replace")


def read_json(file: Path) -> object:
    """A small JSON document (RFC 8259).

    Raises:
        UnreadableError: It is none, or too deep.
    """
    try:
        return msgspec.json.decode(read_text(file))
    except (msgspec.DecodeError, RecursionError, UnicodeError) as error:
        raise UnreadableError("is no JSON that can be read") from error
