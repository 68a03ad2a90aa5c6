"""The libraries of all guilds and the one they share, as each guild sees them."""

import heapq
import itertools
from collections.abc import Collection, Iterable, Mapping, Sequence

from ..errors import SoundNotFoundError
from ..models import GuildId, Sound
from ..store.values import SHARED, Kept, Key
from .index import Index
from .names import base_name
from .view import View

type Outcome = Mapping[Key, Kept | None]
"""What became of files; None: they are gone."""


class Libraries:
    """Which sounds there are. Read in the event loop; changed there, or in a thread that replaces them as a whole."""

    def __init__(self) -> None:
        self._libraries: dict[int, Index] = {SHARED: Index()}
        self._hidden: dict[Key, Kept] = {}
        """Sounds that were merged into others."""
        self._views: dict[GuildId | None, View] = {}

    @property
    def all_sounds(self) -> Iterable[Sound]:
        """The sounds of all libraries."""
        return itertools.chain.from_iterable(index.sounds for index in self._libraries.values())

    def sounds(self, guild_id: GuildId | None = None) -> Sequence[Sound]:
        """What a guild sees, by name: its own sounds and the shared ones; without a guild the shared ones."""
        own = self._libraries.get(guild_id or SHARED)
        shared = self._libraries[SHARED]
        if own is None or own is shared or not len(own):
            return shared.sounds
        if not len(shared):
            return own.sounds
        view = self._views.get(guild_id)
        if view is None:
            view = self._views[guild_id] = View(own, shared)
        return view

    def count(self, guild_id: GuildId | None = None) -> int:
        """How many sounds a guild sees."""
        return len(self.sounds(guild_id))

    def find(self, name: str, guild_id: GuildId | None = None) -> Sound:
        """The sound of this name that a guild sees; its own before the shared ones.

        Of each: the exact name, then without extension, then both without regard to case and Unicode form, then by
        title or alias.

        Raises:
            SoundNotFoundError: There is none.
        """
        sound = self.named(name, guild_id)
        if sound is None:
            raise SoundNotFoundError(name)
        return sound

    def pick(self, sound: str | int, guild_id: GuildId | None = None) -> Sound:
        """The sound of a name, as :meth:`find`, or of a number, that a guild sees.

        Raises:
            SoundNotFoundError: There is none.
        """
        if isinstance(sound, str):
            return self.find(sound, guild_id)
        found = self.by_id(sound, guild_id)
        if found is None:
            raise SoundNotFoundError(str(sound))
        return found

    def named(self, name: str, guild_id: GuildId | None = None) -> Sound | None:
        """As :meth:`find`; None: there is none."""
        return next((sound for index in self._visible(guild_id) if (sound := index.find(name))), None)

    def merged_into(self, sound_id: int) -> tuple[int, ...]:
        """The numbers of the sounds that are not shown, for this one stands for them."""
        return tuple(item.sound.id for item in self._hidden.values() if item.merged_into == sound_id)

    def at(self, guild_id: GuildId | None, path: str) -> Sound | None:
        """The sound of a place in a library."""
        index = self._libraries.get(guild_id or SHARED)
        return index.get(path) if index else None

    def by_id(self, sound_id: int, guild_id: GuildId | None = None) -> Sound | None:
        """The sound of this number that a guild sees."""
        return next((sound for index in self._visible(guild_id) if (sound := index.by_id(sound_id))), None)

    def search(
        self, text: str, limit: int, guild_id: GuildId | None = None, preferred: Collection[int] = ()
    ) -> list[Sound]:
        """At most ``limit`` sounds that a guild sees and whose name, title, alias or tag is like the text, best first.

        Of those that fit as well as one another the preferred ones, given by their numbers, come first.
        """
        found = [index.search(text, limit, preferred) for index in self._visible(guild_id)]
        if len(found) == 1:
            return [match.sound for match in found[0]]
        own = self._libraries[guild_id or SHARED]
        merged = (match.sound for match in heapq.merge(*found))
        return list(itertools.islice((sound for sound in merged if not _is_shadowed(sound, own)), limit))

    def _visible(self, guild_id: GuildId | None) -> Iterable[Index]:
        if guild_id is not None and (own := self._libraries.get(guild_id)):
            yield own
        yield self._libraries[SHARED]

    # For who keeps them up to date

    def alone(self, guild_id: GuildId | None, path: str) -> Sound | None:
        """The sound of a library that is called just what the file of this path is, be it another; O(namesakes)."""
        index, name = self._libraries.get(guild_id or SHARED), base_name(path)
        sound = index.find(name) if index else None
        return sound if sound and sound.name == name else None

    def known(self, key: Key) -> Sound | None:
        """The sound of a file, shown or not."""
        index = self._libraries.get(key[0])
        hidden = self._hidden.get(key)
        return (index.get(key[1]) if index else None) or (hidden.sound if hidden else None)

    def known_sounds(self) -> Iterable[Sound]:
        """All sounds, shown or not."""
        return itertools.chain(self.all_sounds, (item.sound for item in self._hidden.values()))

    def lost(self, gone: Iterable[Key]) -> tuple[Kept, ...]:
        """The sounds that stand for themselves again when these are gone."""
        ids = {sound.id for key in gone if (sound := self.known(key))}
        return tuple(item._replace(merged_into=None) for item in self._hidden.values() if item.merged_into in ids)

    def put(self, outcome: Outcome) -> None:
        """Take in what became of some files; a few at a time, for each moves a pointer a sound."""
        for library, path in outcome:
            if index := self._libraries.get(library):
                index.remove(path)
        for sound in _shown(outcome):
            self._libraries.setdefault(sound.guild_id or SHARED, Index()).add(sound)
        self._hide(outcome)

    def replace(self, outcome: Outcome) -> None:
        """The same for many: what remains is indexed anew; O(sounds), for a thread."""
        others = (sound for sound in self.all_sounds if key_of(sound) not in outcome)
        self._libraries = _indexes([*others, *_shown(outcome)])
        self._hide(outcome)

    def begin_with(self, kept: Iterable[Kept]) -> None:
        """Have these and no others, save those that have no number yet; O(sounds), for a thread."""
        unknown = {key_of(sound): sound for sound in self.all_sounds if not sound.id}
        hidden: dict[Key, Kept] = {}
        shown: list[Sound] = []
        for item in kept:
            if item.merged_into:
                hidden[key_of(item.sound)] = item
            else:
                shown.append(item.sound)
            if unknown:
                unknown.pop(key_of(item.sound), None)
        self._libraries, self._hidden = _indexes([*shown, *unknown.values()]), hidden

    @property
    def is_searchable(self) -> bool:
        """Whether there is nothing to be made searchable; O(libraries)."""
        return all(index.is_searchable for index in self._libraries.values())

    def make_searchable(self) -> None:
        """Make what searching takes of what was indexed anew or has gathered; O(sounds), for a thread."""
        for index in tuple(self._libraries.values()):
            index.make_searchable()

    def show_changes(self) -> None:
        """What guilds see is put together anew when it is next asked for."""
        self._views.clear()

    def _hide(self, outcome: Outcome) -> None:
        hidden = self._hidden.copy()
        for key, item in outcome.items():
            hidden.pop(key, None)
            if item and item.merged_into:
                hidden[key] = item
        self._hidden = hidden


def _shown(outcome: Outcome) -> Iterable[Sound]:
    return (item.sound for item in outcome.values() if item and not item.merged_into)


def _is_shadowed(sound: Sound, own: Index) -> bool:
    """Whether a guild has a sound of its own in the place of a shared one."""
    return sound.guild_id is None and (mine := own.find(sound.name)) is not None and mine.name == sound.name


def key_of(sound: Sound) -> Key:
    """What tells a sound's file from the others."""
    return sound.guild_id or SHARED, sound.path


def _indexes(sounds: Iterable[Sound]) -> dict[int, Index]:
    by_library: dict[int, list[Sound]] = {SHARED: []}
    for sound in sounds:
        by_library.setdefault(sound.guild_id or SHARED, []).append(sound)
    return {library: Index(mine, searchable=False) for library, mine in by_library.items()}
