"""Which of many texts contain a string, by trigrams; and which words they have that resemble one.

Cost: making it is O(characters), some 4 us a text; what is found comes in order, so whoever wants few asks for few.
"""

import heapq
from array import array
from bisect import bisect_left, bisect_right
from collections import defaultdict
from collections.abc import Iterator, Sequence
from functools import partial
from itertools import pairwise

from .names import MAX_NAME_CHARS

_BREAKS = " \n"
"""Between words, and between parts."""
_LAST = chr(0x10FFFF)
_MAX_COMPARED = 4000
"""With more words than this only those that begin with one of the first two letters are compared."""
_SLICE = 10_000
"""So many texts at a time, for what that takes beside is then small, and no other thread waits for it."""
MAX_SIMILAR = 16
MIN_SIMILARITY = 0.7
"""One letter of four wrong, two of seven (1 - distance / length; optimal string alignment, so a swap counts once)."""
MIN_SIMILAR_CHARS = 3


class Grams:
    """Texts as :func:`jeffbot.library.names.search_text` makes them, found by position, ascending, a few of them twice.

    Tuples of strings and two arrays hold it all, so that the garbage collector has next to nothing to visit.
    """

    def __init__(self, texts: Sequence[str]) -> None:
        import rapidfuzz.process  # noqa: F401, PLC0415 - thirty milliseconds, here where a thread pays for them

        self.texts = tuple(texts)
        postings: defaultdict[str, array[int]] = defaultdict(partial(array, "I"))
        words: set[str] = set()
        for start in range(0, len(self.texts), _SLICE):
            tokens = _tokens(self.texts[start : start + _SLICE], start)
            words.update(word for token in tokens if _can_resemble(word := token[1:-1]))
            for gram, positions in _postings(tokens).items():
                postings[gram].fromlist(sorted(positions))
        self._letters = int(len(words) > _MAX_COMPARED)
        by_start: defaultdict[str, list[str]] = defaultdict(list)
        for word in sorted(sorted(words), key=len):
            by_start[word[: self._letters]].append(word)
        self._words = {start: tuple(alike) for start, alike in by_start.items()}
        self._grams = tuple(sorted(postings))
        self._starts = array("I", [0])
        self._postings = array("I")
        for gram in self._grams:
            self._postings += postings.pop(gram)
            self._starts.append(len(self._postings))

    def count(self, needle: str) -> int:
        """At most how many texts contain it: how many have its rarest trigram."""
        first, last = self._narrow(needle)
        return self._starts[last] - self._starts[first]

    def containing(self, needle: str, also: Sequence[str] = ()) -> Iterator[int]:
        """The positions of the texts with this and also those in them.

        Args:
            needle: Two characters or more, of which the second is no break.
            also: Any strings.
        """
        first, last = self._narrow(needle)
        view, texts = memoryview(self._postings), self.texts
        parts = [view[start:end] for start, end in pairwise(self._starts[first : last + 1])]
        positions: Iterator[int] = iter(parts[0]) if len(parts) == 1 else heapq.merge(*parts)
        for other in (needle, *also):
            positions = _with(texts, other, positions)
        return positions

    def similar(self, word: str) -> list[tuple[float, str]]:
        """The words that resemble it, or begin with what does, and how far they are from it (0 to 1); nearest first."""
        from rapidfuzz import process  # noqa: PLC0415 - loaded when this was made
        from rapidfuzz.distance import OSA  # noqa: PLC0415 - likewise

        length = len(word)
        similar = self._of_lengths(word, int(length * MIN_SIMILARITY), int(length / MIN_SIMILARITY) + 1)
        longer = self._of_lengths(word, length + 1, MAX_NAME_CHARS)
        best: dict[str, float] = {}
        for words, choices in ((similar, similar), (longer, [other[:length] for other in longer])):
            for _, similarity, at in process.extract(
                word, choices, scorer=OSA.normalized_similarity, score_cutoff=MIN_SIMILARITY, limit=MAX_SIMILAR
            ):
                best[words[at]] = max(similarity, best.get(words[at], 0.0))
        return heapq.nsmallest(MAX_SIMILAR, ((1 - similarity, other) for other, similarity in best.items()))

    def _of_lengths(self, word: str, least: int, most: int) -> list[str]:
        """The words of these lengths that are compared with it."""
        found: list[str] = []
        for start in dict.fromkeys(letter[: self._letters] for letter in word[:2]):
            words = self._words.get(start, ())
            found += words[bisect_left(words, least, key=len) : bisect_right(words, most, key=len)]
        return found

    def _narrow(self, needle: str) -> tuple[int, int]:
        """The range of trigrams of which each text with this needle has one."""
        ranges = [
            (at, at + (self._grams[at : at + 1] == (gram,)))
            for gram in (needle[start : start + 3] for start in range(len(needle) - 2))
            if gram[1] not in _BREAKS
            for at in (bisect_left(self._grams, gram),)
        ] or [
            (bisect_left(self._grams, pair), bisect_left(self._grams, pair + _LAST))
            for pair in (needle[start : start + 2] for start in range(len(needle) - 1))
            if pair[1] not in _BREAKS
        ]
        return min(ranges, key=lambda found: self._starts[found[1]] - self._starts[found[0]])


def _tokens(texts: Sequence[str], start: int) -> dict[str, list[int]]:
    """The positions of each word, counted from the first one's, with what is before and behind it."""
    tokens: defaultdict[str, list[int]] = defaultdict(list)
    for position, text in enumerate(texts, start):
        for token in text.replace(" ", " \0 ").replace("\n", "\n\0\n").split("\0")[1:-1]:
            tokens[token].append(position)
    return tokens


def _postings(tokens: dict[str, list[int]]) -> dict[str, list[int]]:
    """The positions of each trigram, unsorted."""
    postings: defaultdict[str, list[int]] = defaultdict(list)
    for token, positions in tokens.items():
        for at in range(len(token) - 2):
            postings[token[at : at + 3]] += positions
    return postings


def _with(texts: Sequence[str], needle: str, positions: Iterator[int]) -> Iterator[int]:
    return (at for at in positions if needle in texts[at])


def _can_resemble(word: str) -> bool:
    return len(word) >= MIN_SIMILAR_CHARS and not word.isdigit()
