"""Which sounds are meant by what was typed: ranked, with room for typing errors.

Cost: a search looks at some thousand sounds at the most, however many there are; adding one is O(log n) on average.
"""

import enum
from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from functools import partial
from itertools import islice
from typing import NamedTuple

from ..models import Sound
from .grams import MAX_SIMILAR, MIN_SIMILAR_CHARS, Grams
from .names import search_text, stem

FRESH = 128
"""So many added sounds are searched by what is made anew after each change."""
FULL = 4096
"""What is put together from smaller parts is at most twice as large, for the event loop waits for it."""
MAX_CANDIDATES = 800
"""So many sounds are looked at for several misspelt words."""
FEW = 5
"""Other spellings are looked for where fewer are found as it was typed."""
MAX_MISSPELT_CHARS = 64
"""What is longer is not looked for with other spellings."""


class Rank(enum.IntEnum):
    """How well a sound fits, best first."""

    EXACT = 0
    """It is called what was typed: by its title, its file's name or an alias."""
    PREFIX = 1
    """One of these begins with it."""
    WORD = 2
    """A word of them, or a tag, does."""
    INSIDE = 3
    """It is anywhere inside; not asked for a single character."""
    WORDS = 4
    """All words are, in any order."""
    MISSPELT = 5
    """Likewise, or what resembles them."""


class Match(NamedTuple):
    """A sound that was found; the best sorts first, also among those of several libraries."""

    rank: Rank
    passed_over: bool
    """Not among the preferred."""
    difference: float
    """How far it is misspelt, 0 to 1."""
    length: int
    """Of what people are shown."""
    text: str
    """What it is searched by, which begins with what people are shown."""
    name: str
    library: int
    """The guild's id; 0: the shared one."""
    sound: Sound


class Part:
    """Sounds that are searched as one, in the order in which equals rank."""

    def __init__(self, sounds: Iterable[Sound]) -> None:
        named = sorted(sounds, key=_name)
        texts = [search_text(sound) for sound in named]
        by_length: defaultdict[int, list[int]] = defaultdict(list)
        for place, text in enumerate(texts):
            by_length[_length(text)].append(place)
        order = [place for length in sorted(by_length) for place in sorted(by_length[length], key=texts.__getitem__)]
        self.sounds = tuple([named[place] for place in order])
        self.grams = Grams([texts[place] for place in order])


class Spelling(NamedTuple):
    """A way to write a word of what was typed."""

    needle: str
    """A text with this has it."""
    difference: float = 0.0


type Measure = Callable[[str], float | None]
"""How far a text is from what was typed; None: it does not fit."""
type Spellings = Sequence[Sequence[Spelling]]
"""Those of each word, the closest first."""


class Searcher:
    """The sounds of a library, ready to be searched; :class:`jeffbot.library.index.Index` tells it of changes.

    Sounds that are gone stay in their part, unseen, until they outnumber the others.
    """

    def __init__(self, sounds: Sequence[Sound], current: Callable[[str], Sound | None]) -> None:
        self._current = current
        self._parts = [Part(sounds)] if sounds else []
        self._fresh: dict[str, Sound] = {}
        self._fresh_part: Part | None = None
        self._gone = 0

    def begin_with(self, sounds: Sequence[Sound]) -> None:
        """Take in what the library began with; some of it may be gone again."""
        self._parts.insert(0, Part(sounds))

    def add(self, sound: Sound) -> None:
        """Take in a sound that the library has from now on."""
        self._fresh[sound.path] = sound
        self._fresh_part = None

    def discard(self, sound: Sound) -> None:
        """Take notice that the library no longer has this very sound."""
        if self._fresh.pop(sound.path, None):
            return
        self._gone += 1

    @property
    def is_tidy(self) -> bool:
        """Whether little was added and little is gone since the parts were made."""
        return len(self._fresh) < FRESH and not self._many_gone

    def tidy(self) -> None:
        """Make parts of what was added, and without what is gone, where it is much; a thread may, while others search.

        Sounds are in two parts for a moment, never in none.
        """
        if len(self._fresh) >= FRESH:
            parts = [*self._parts, Part(self._fresh.values())]
            while len(parts) > 1 and len(parts[-2].sounds) <= min(len(parts[-1].sounds), FULL):
                parts[-2:] = self._joined(parts[-2:])
            self._parts = parts
            self._fresh, self._fresh_part = {}, None
        if self._many_gone:
            self._parts = self._joined(self._parts)
            self._gone = 0

    def search(self, text: str, limit: int, preferred: Iterable[Sound], called: Sound | None) -> list[Match]:
        """At most ``limit`` sounds that fit, best first.

        Args:
            text: What was typed, as :func:`jeffbot.library.names.words` has it.
            limit: How many are wanted.
            preferred: Those that come first among equals.
            called: The one that is called what was typed.
        """
        search = _Search(self._all_parts(), self._current, limit, preferred)
        typed = text.split()
        if typed and (len(text) == 1 or search.has(text)):
            search.whole(Rank.EXACT, f"\n{text}\n")
            search.whole(Rank.PREFIX, f"\n{text}")
            search.whole(Rank.WORD, f" {text}")
            if len(text) > 1:
                search.whole(Rank.INSIDE, text)
        if len(typed) > 1:
            search.spelt(Rank.WORDS, [_as_typed(word) for word in typed])
        if MIN_SIMILAR_CHARS <= len(text) <= MAX_MISSPELT_CHARS and len(search.found) < FEW:
            alone = len(typed) == 1
            search.spelt(Rank.MISSPELT, [search.spellings(word, even_if_known=alone) for word in typed])
        if called:
            search.add(called)
        return sorted(search.found.values())[:limit]

    @property
    def _many_gone(self) -> bool:
        return self._gone > max(FULL, sum(len(part.sounds) for part in self._parts) // 2)

    def _all_parts(self) -> list[Part]:
        fresh, part = self._fresh, self._fresh_part
        if fresh and part is None:
            part = self._fresh_part = Part(fresh.values())
        return [*self._parts, *filter(None, [part])]

    def _joined(self, parts: Iterable[Part]) -> list[Part]:
        """One of several parts, without what is gone."""
        joined = [sound for part in parts for sound in part.sounds if self._current(sound.path) is sound]
        return [Part(joined)] if joined else []


class _Search:
    """One search: what it has found so far, by path. Ranks are asked for in their order."""

    def __init__(
        self,
        parts: Sequence[Part],
        current: Callable[[str], Sound | None],
        limit: int,
        preferred: Iterable[Sound],
    ) -> None:
        self._parts = parts
        self._current = current
        self._limit = limit
        self._preferred = [(search_text(sound), sound) for sound in preferred]
        self.found: dict[str, Match] = {}

    def has(self, *needles: str) -> bool:
        """Whether any sound has one of these in its text."""
        return any(
            self._current(sound.path) is sound
            for part in self._parts
            for needle in needles
            for sound in map(part.sounds.__getitem__, part.grams.containing(needle))
        )

    def spellings(self, word: str, *, even_if_known: bool) -> Sequence[Spelling]:
        """The word as typed, and what resembles it; where it is known, only if that is asked for."""
        starts = f"\n{word}", f" {word}"
        if len(word) < MIN_SIMILAR_CHARS or (not even_if_known and self.has(*starts)):
            return _as_typed(word)
        similar = sorted({found for part in self._parts for found in part.grams.similar(word)})[:MAX_SIMILAR]
        others = (Spelling(start + other, by) for by, other in similar for start in ("\n", " "))
        return [*_as_typed(word), *others]

    def add(self, sound: Sound) -> None:
        """Add one that fits exactly."""
        preferred = any(other is sound for _, other in self._preferred)
        match = _match(Rank.EXACT, search_text(sound), sound, passed_over=not preferred, difference=0.0)
        self.found[sound.path] = match

    def whole(self, rank: Rank, needle: str) -> None:
        """Add those with this in their text."""
        if len(self.found) < self._limit:
            self._take_preferred(rank, lambda text: 0.0 if needle in text else None)
            for part in self._parts:
                self._take(rank, part, part.grams.containing(needle), lambda _: 0.0, self._limit)

    def spelt(self, rank: Rank, spellings: Spellings) -> None:
        """Add those with all words in their text, each in one of its spellings."""
        if len(self.found) >= self._limit:
            return

        difference = partial(_difference, spellings)
        self._take_preferred(rank, difference)
        unsure = [ways for ways in spellings if len(ways) > 2]
        sure = [way.needle for way, *others in spellings if not others]
        to_look_at = MAX_CANDIDATES
        for part in self._parts:
            rarest = min(spellings, key=lambda ways: sum(part.grams.count(way.needle) for way in ways))
            for way in rarest:
                positions = part.grams.containing(way.needle, sure)
                if unsure and unsure != [rarest]:  # later ones may fit better
                    looked_at = list(islice(positions, to_look_at))
                    to_look_at -= len(looked_at)
                    self._take(rank, part, looked_at, difference, MAX_CANDIDATES)
                else:
                    self._take(rank, part, positions, difference, self._limit)

    def _take_preferred(self, rank: Rank, difference: Measure) -> None:
        for text, sound in self._preferred:
            if sound.path not in self.found and (by := difference(text)) is not None:
                self.found[sound.path] = _match(rank, text, sound, passed_over=False, difference=by)

    def _take(self, rank: Rank, part: Part, positions: Iterable[int], difference: Measure, room: int) -> None:
        """Add the first of these, as many as there is room for."""
        for position in positions:
            sound, text = part.sounds[position], part.grams.texts[position]
            if sound.path in self.found or (by := difference(text)) is None or self._current(sound.path) is not sound:
                continue
            self.found[sound.path] = _match(rank, text, sound, passed_over=True, difference=by)
            room -= 1
            if not room:
                return


def _match(rank: Rank, text: str, sound: Sound, *, passed_over: bool, difference: float) -> Match:
    return Match(rank, passed_over, difference, _length(text), text, sound.name, sound.guild_id or 0, sound)


def plain_match(name: str, text: str, sound: Sound, *, passed_over: bool) -> Match:
    """How a text that is somewhere in a folded name fits, without regard to words."""
    start = name.startswith(text)
    rank = Rank.EXACT if start and text in {name, stem(name)} else Rank.PREFIX if start else Rank.INSIDE
    return _match(rank, search_text(sound), sound, passed_over=passed_over, difference=0.0)


def in_order_of_names(sounds: Iterable[Sound], *, passed_over: bool) -> list[Match]:
    """What is found where nothing was typed."""
    return [
        Match(Rank.EXACT, passed_over, 0.0, 0, "", sound.name, sound.guild_id or 0, sound)
        for sound in sorted(sounds, key=lambda sound: sound.name)
    ]


def _name(sound: Sound) -> str:
    return sound.name


def _length(text: str) -> int:
    return text.index("\n", 1) - 1


def _as_typed(word: str) -> list[Spelling]:
    return [Spelling(word)] if len(word) > 1 else [Spelling(f"\n{word}"), Spelling(f" {word}")]


def _difference(spellings: Spellings, text: str) -> float | None:
    """How far the words are misspelt, on average; None where one of them is missing."""
    total = 0.0
    for ways in spellings:
        for needle, by in ways:
            if needle in text:
                total += by
                break
        else:
            return None
    return total / len(spellings)
