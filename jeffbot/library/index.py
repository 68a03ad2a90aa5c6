"""The sounds of one library: by name, by number, and by what was typed.

Cost: made in O(n log n), some 10 us a sound; a change moves at most a pointer a sound; :meth:`Index.find` is O(1).
"""

import heapq
from bisect import bisect_left
from collections import Counter
from collections.abc import Collection, Iterable, KeysView, Sequence
from itertools import islice

import msgspec

from ..models import Sound
from .names import MAX_NAME_CHARS, base_name, fold, stem, words
from .search import MAX_CANDIDATES, Match, Searcher, in_order_of_names, plain_match


class Index:
    """One library. Of several sounds that are meant by a name, the first by name is found.

    A sound's name is that of its file; where several files have the same, its path. For one thread at a time.

    Args:
        sounds: What it begins with.
        searchable: Whether it is to be searched at once; otherwise only plainly, until :meth:`make_searchable`.
    """

    def __init__(self, sounds: Iterable[Sound] = (), *, searchable: bool = True) -> None:
        by_path = {sound.path: sound for sound in sounds}
        counts = Counter(map(base_name, by_path))
        named = [_named(sound, alone=counts[base_name(path)] == 1) for path, sound in by_path.items()]
        named.sort(key=_name)
        self._ordered = named
        self._names = [sound.name for sound in named]
        self._by_name = dict(zip(self._names, named, strict=True))
        self._by_id = {sound.id: sound for sound in named if sound.id}
        self._keys = _Groups()
        for sound in named:
            for key in _keys(sound):
                self._keys.add(key, sound)
        self._sounds: tuple[Sound, ...] | None = None
        self._searcher = Searcher((), self.get)
        self._unsearchable: Sequence[Sound] = tuple(named)
        """What it began with, until that can be searched."""
        if searchable:
            self.make_searchable()

    @property
    def is_searchable(self) -> bool:
        """Whether :meth:`make_searchable` has nothing to do."""
        return not self._unsearchable and self._searcher.is_tidy

    def make_searchable(self) -> None:
        """Make what searching takes, two thirds of all the work; a thread may, while others read the index.

        To be called again when changes have gathered, for each makes searching a little slower.
        """
        if self._unsearchable:
            self._searcher.begin_with(self._unsearchable)
            self._unsearchable = ()
        self._searcher.tidy()

    def __len__(self) -> int:
        return len(self._names)

    @property
    def sounds(self) -> tuple[Sound, ...]:
        """Every sound, sorted by name; after a change O(n), a pointer each."""
        if self._sounds is None:
            self._sounds = tuple(self._ordered)
        return self._sounds

    @property
    def names(self) -> KeysView[str]:
        """The names of its sounds."""
        return self._by_name.keys()

    def get(self, path: str) -> Sound | None:
        """The sound of exactly this path."""
        for name in (path, base_name(path)):
            sound = self._by_name.get(name)
            if sound is not None and sound.path == path:
                return sound
        return None

    def by_id(self, sound_id: int) -> Sound | None:
        """The sound of this number."""
        return self._by_id.get(sound_id)

    def add(self, sound: Sound) -> None:
        """Take in a sound, in place of the one of the same path."""
        self.remove(sound.path)
        twins = self._twins(sound)
        if len(twins) == 1:
            self._take_out(twins[0])
            self._put_in(_named(twins[0], alone=False))
        self._put_in(_named(sound, alone=not twins))

    def remove(self, path: str) -> Sound | None:
        """Let go of the sound of this path, and return it."""
        sound = self.get(path)
        if sound is None:
            return None
        self._take_out(sound)
        twins = self._twins(sound)
        if len(twins) == 1:
            self._take_out(twins[0])
            self._put_in(_named(twins[0], alone=True))
        return sound

    def find(self, name: str) -> Sound | None:
        """The sound that is called this: by its name, path or file name, exactly; by these without their extension.

        Then both without regard to case and Unicode form, and at last by its title or an alias.
        """
        if len(name) > MAX_NAME_CHARS:
            return None
        exact = self._by_name.get(name)
        if exact is not None:
            return exact
        folded = fold(name)
        base = base_name(folded)
        best = min(
            (
                (closeness, sound.name, sound)
                for key in {folded, stem(folded), base, stem(base)}
                for sound in self._keys.get(key)
                if (closeness := _closeness(sound, name, folded)) is not None
            ),
            default=None,
        )
        return best and best[2]

    def search(self, text: str, limit: int, preferred: Collection[int] = ()) -> list[Match]:
        """At most ``limit`` sounds that ``text`` may mean, best first; see :class:`jeffbot.library.search.Rank`.

        Args:
            text: What was typed; where that is nothing, all sounds fit.
            limit: How many are wanted.
            preferred: The ids of those that come first among equals.
        """
        if len(text) > MAX_NAME_CHARS or limit < 1:
            return []
        preferred = set(preferred)
        liked = [sound for sound_id in preferred if (sound := self._by_id.get(sound_id))]
        if not text.strip():
            rest = islice((sound for sound in self._ordered if sound.id not in preferred), limit)
            return [*in_order_of_names(liked, passed_over=False), *in_order_of_names(rest, passed_over=True)][:limit]
        if self._unsearchable:
            return self._search_plainly(fold(text.strip()), limit, preferred)
        return self._searcher.search(words(text), limit, liked, self.find(text.strip()))

    def _search_plainly(self, text: str, limit: int, preferred: Collection[int]) -> list[Match]:
        """What has the text in what people are shown of it; O(n), some 20 ms for 100 000."""
        shown = ((fold(sound.title), sound) for sound in self._by_name.values())
        found = (
            plain_match(name, text, sound, passed_over=sound.id not in preferred)
            for name, sound in shown
            if text in name
        )
        return heapq.nsmallest(limit, islice(found, MAX_CANDIDATES))

    def _put_in(self, sound: Sound) -> None:
        self._by_name[sound.name] = sound
        place = bisect_left(self._names, sound.name)
        self._names.insert(place, sound.name)
        self._ordered.insert(place, sound)
        if sound.id:
            self._by_id[sound.id] = sound
        for key in _keys(sound):
            self._keys.add(key, sound)
        self._searcher.add(sound)
        self._sounds = None

    def _take_out(self, sound: Sound) -> None:
        del self._by_name[sound.name]
        place = bisect_left(self._names, sound.name)
        del self._names[place], self._ordered[place]
        self._by_id.pop(sound.id, None)
        for key in _keys(sound):
            self._keys.discard(key, sound)
        self._searcher.discard(sound)
        self._sounds = None

    def _twins(self, sound: Sound) -> list[Sound]:
        """The other sounds with the same file name."""
        base = base_name(sound.path)
        return [other for other in self._keys.get(fold(stem(base))) if base_name(other.path) == base]


class _Groups:
    """Sounds by key, several to a key; where there is only one, which is most often, it costs one dictionary entry."""

    def __init__(self) -> None:
        self._single: dict[str, Sound] = {}
        self._several: dict[str, dict[str, Sound]] = {}

    def get(self, key: str) -> Iterable[Sound]:
        single = self._single.get(key)
        return (single,) if single is not None else self._several.get(key, _NONE).values()

    def add(self, key: str, sound: Sound) -> None:
        several = self._several.get(key)
        if several is not None:
            several[sound.path] = sound
        elif (single := self._single.setdefault(key, sound)) is not sound:
            self._several[key] = {single.path: single, sound.path: sound}
            del self._single[key]

    def discard(self, key: str, sound: Sound) -> None:
        several = self._several.get(key)
        if several is None:
            self._single.pop(key, None)
            return
        del several[sound.path]
        if len(several) == 1:
            (self._single[key],) = several.values()
            del self._several[key]


_NONE: dict[str, Sound] = {}


def _name(sound: Sound) -> str:
    return sound.name


def _named(sound: Sound, *, alone: bool) -> Sound:
    """The sound with the name it has alone, or among others with the same file name."""
    name = base_name(sound.path) if alone else sound.path
    return sound if sound.name == name else msgspec.structs.replace(sound, name=name)


def _keys(sound: Sound) -> Iterable[str]:
    """What each way to call it leads to: the file's name, title and aliases."""
    key, details = fold(stem(base_name(sound.path))), sound.details
    if not (details.title or details.aliases):
        return (key,)
    return {key, *map(fold, filter(None, (details.title, *details.aliases)))}


def _closeness(sound: Sound, name: str, folded: str) -> int | None:
    """How exactly it is called this, 0 the most; None: not at all."""
    own, other = sound.name, sound.path if "/" in name else base_name(sound.path)
    if name in {own, other}:
        return 0 if name == own else 1
    if name in {stem(own), stem(other)}:
        return 2 if name == stem(own) else 3
    own = fold(own)
    other = own if other == sound.name else fold(other)
    if folded in {own, other}:
        return 4 if folded == own else 5
    if folded in {stem(own), stem(other)}:
        return 6 if folded == stem(own) else 7
    said = {*map(fold, (sound.details.title, *sound.details.aliases))}
    return 8 if folded in said else 9 if stem(folded) in said else None
