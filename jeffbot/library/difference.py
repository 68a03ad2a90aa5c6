"""What a change of the libraries comes to, for those who are told of it.

Cost: O(files that changed), whatever the size of the libraries; nothing where too many did to be named.
"""

from collections import defaultdict
from collections.abc import Iterable, Iterator

from ..models import GuildId, Sound
from ..news import MAX_NAMED, LibraryChanged
from ..store.values import Key
from .libraries import Libraries

EVERYTHING = LibraryChanged(None, many=True)
"""All libraries were read anew."""

type _Shown = dict[str, Sound | None]
"""By path, what files of one library are shown as; None: they are not."""


class Difference:
    """Made before a change, asked after it.

    Args:
        libraries: What is going to change.
        keys: The files that will have come, changed or gone.
    """

    def __init__(self, libraries: Libraries, keys: Iterable[Key]) -> None:
        self._libraries = libraries
        paths = defaultdict[GuildId | None, list[str]](list)
        for library, path in keys:
            paths[GuildId(library) if library else None].append(path)
        self._before = {
            guild_id: self._shown(guild_id, mine) if len(mine) <= MAX_NAMED else None
            for guild_id, mine in paths.items()
        }

    def news(self) -> Iterator[LibraryChanged]:
        """What is different now, by library."""
        for guild_id, before in self._before.items():
            if before is None:
                yield LibraryChanged(guild_id, many=True)
            elif news := _compared(guild_id, before, self._shown(guild_id, before)):
                yield news

    def _shown(self, guild_id: GuildId | None, paths: Iterable[str]) -> _Shown:
        """What these files are shown as, and others that alone have the name of one: company renames them."""
        shown = {path: self._libraries.at(guild_id, path) for path in paths}
        for path in tuple(shown):
            if sound := self._libraries.alone(guild_id, path):
                shown[sound.path] = sound
        return shown


def _compared(guild_id: GuildId | None, before: _Shown, after: _Shown) -> LibraryChanged | None:
    """What became of them; None: nothing. Who only now is alone with a name was there before, by another."""
    added: list[Sound] = []
    changed: list[Sound] = []
    removed: list[Sound] = []
    for path, sound in after.items():
        was = before.get(path)
        if sound is None:
            removed.extend([was] if was else ())
        elif was is None and path in before:
            added.append(sound)
        elif was != sound:
            changed.append(sound)
    count = len(added) + len(changed) + len(removed)
    if count > MAX_NAMED:
        return LibraryChanged(guild_id, many=True)
    return LibraryChanged(guild_id, tuple(added), tuple(changed), tuple(removed)) if count else None
