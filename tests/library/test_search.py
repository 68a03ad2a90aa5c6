"""What is found by what was typed, and in which order."""

import heapq
from collections.abc import Iterable

import pytest

from jeffbot.library.grams import Grams
from jeffbot.library.index import Index
from jeffbot.library.names import MAX_NAME_CHARS, search_text, stem, words
from jeffbot.library.search import Rank
from jeffbot.models import Details, GuildId, Sound


def sound(path: str, number: int = 0, guild: int | None = None, **said: object) -> Sound:
    """A sound of which this is said."""
    details = Details(**said)  # type: ignore[arg-type]
    name = path.rpartition("/")[2]
    return Sound(name, path, "/sounds", 1, 1, GuildId(guild) if guild else None, id=number, details=details)


def found(text: str, *paths: str, limit: int = 25) -> list[str]:
    """The paths found among these, in their order."""
    return [match.sound.path for match in Index(map(sound, paths)).search(text, limit)]


def ranks(text: str, sounds: Iterable[Sound]) -> dict[str, Rank]:
    return {match.sound.path: match.rank for match in Index(sounds).search(text, 25)}


# Order


def test_ranks() -> None:
    """Whole names come first, then beginnings, beginnings of words, insides, and words in another order."""
    paths = ["loud horns.mp3", "shornt.mp3", "loud horn.mp3", "horn loud long.mp3", "horn.mp3", "my horn loud.mp3"]

    assert found("horn loud", *paths) == ["horn loud long.mp3", "my horn loud.mp3", "loud horn.mp3", "loud horns.mp3"]
    assert found("horn", *paths) == [
        "horn.mp3",
        "horn loud long.mp3",
        "loud horn.mp3",
        "loud horns.mp3",
        "my horn loud.mp3",
        "shornt.mp3",
    ]


def test_shorter_then_alphabetical() -> None:
    """Among equals the shorter comes first, then the alphabet decides."""
    assert found("a", "abc.mp3", "ab.mp3", "aB.wav", "aa.mp3") == ["aa.mp3", "aB.wav", "ab.mp3", "abc.mp3"]


def test_preferred_come_first_within_a_rank() -> None:
    """A preferred sound passes its equals, but not what fits better; where there is no room for all it is there."""
    index = Index(sound(path, number) for number, path in enumerate(["horn.mp3", "horn a.mp3", "horn bcd.mp3"], 1))

    assert [match.sound.id for match in index.search("horn", 2, {3})] == [1, 3]
    assert [match.sound.id for match in index.search("horn", 3, [3, 99, 0])] == [1, 3, 2]
    assert [match.sound.id for match in index.search("hron", 1, {3})] == [3]


def test_nothing_typed() -> None:
    """All sounds fit: the preferred first, each by name."""
    index = Index(sound(path, number) for number, path in enumerate(["c.mp3", "a.mp3", "b.mp3", "longer.mp3"], 1))

    assert [match.sound.name for match in index.search(" ", 3, [4, 1])] == ["c.mp3", "longer.mp3", "a.mp3"]


@pytest.mark.parametrize("text", ["horn", "hron", "", "horn lo"])
def test_matches_of_two_libraries_merge(text: str) -> None:
    """Matches are in the order in which they compare, so those of two libraries merge; even where all else is equal."""
    paths = ["horn.mp3", "horn loud.mp3", "loud horn.mp3", "x/horn.mp3"]
    shared, own = (Index(sound(path, n, guild) for n, path in enumerate(paths, 1)) for guild in (None, 7))
    matches = [index.search(text, 25, {3}) for index in (shared, own)]

    assert all(rows == sorted(rows) for rows in matches)
    assert [match.library for match in heapq.merge(*matches)] == [0, 7] * len(matches[0])
    assert len(matches[0]) >= 2


# What is searched


def test_what_is_said_of_a_sound() -> None:
    """A sound is found by its title, its file's name, an alias, a tag and the folder it lies in."""
    one = sound("Horns/f1.mp3", title="Big Trumpet", aliases=("tröt", "honk it"), tags=("Party",))

    assert {
        text: ranks(text, [one]).get(one.path) for text in ("big trumpet", "F1", "TRÖT", "it", "party", "horns")
    } == {
        "big trumpet": Rank.EXACT,
        "F1": Rank.EXACT,
        "TRÖT": Rank.EXACT,
        "it": Rank.WORD,
        "party": Rank.WORD,
        "horns": Rank.WORD,
    }


def test_full_name_with_extension() -> None:
    """Who types, or picks, a whole file name or path finds just that sound first."""
    assert found("horn.mp3", "horn.wav", "horn.mp3")[0] == "horn.mp3"
    assert found("x/horn.mp3", "horn.mp3", "x/horn.mp3") == ["x/horn.mp3"]
    assert found("!!!.mp3", "!!!.mp3", "a.mp3") == found("!!!", "!!!.mp3", "a.mp3") == ["!!!.mp3"]
    assert found("???", "!!!.mp3", "a.mp3") == []


@pytest.mark.parametrize(
    ("text", "path"),
    [
        ("air horn", "Air_Horn-2.mp3"),
        ("GRÖSSE", "größe.mp3"),
        ("gro\u0308ße", "GRÖSSE.mp3"),
        ("笑い", "いい笑い声.mp3"),
        ("🎺", "🎺 horn.mp3"),
        ("it's", "what it's.mp3"),
        ("  ho   rn ", "ho rn.mp3"),
        ("n b", "horn bass.mp3"),
        ("loud h", "h loud.mp3"),
    ],
)
def test_spelling_that_counts_as_the_same(text: str, path: str) -> None:
    """Case, Unicode form, punctuation and white space make no difference; every script is searched alike."""
    assert found(text, "other.mp3", path) == [path]


def test_single_character() -> None:
    """One character is looked for where words begin only."""
    assert found("x", "box.mp3", "a x.mp3", "xa.mp3", "x.mp3") == ["x.mp3", "xa.mp3", "a x.mp3"]


@pytest.mark.parametrize("text", ["rn", "or", "ho", "12"])
def test_two_characters(text: str) -> None:
    """They are found wherever they are, also at the end of a word and of a name."""
    assert found(text, "horn 12.mp3", "oh.wav") == ["horn 12.mp3"]


# Misspelt


@pytest.mark.parametrize(
    "text", ["airhron", "arihorn", "aihorn", "airrhorn", "airhirn", "airhr", "remix airhron", "lodu airhrn"]
)
def test_misspelt(text: str) -> None:
    """A letter left out, doubled, wrong or swapped with the next is forgiven, in one or several words, in any order."""
    paths = ["airhorn loud remix.mp3", "hair loss.mp3", "other.mp3", "remix.mp3"]

    assert found(text, *paths)[:1] == ["airhorn loud remix.mp3"]


def test_nearest_spelling_comes_first() -> None:
    """What differs less comes before what differs more, whatever its length."""
    assert found("airhron", "airborn.mp3", "airhorn long name.mp3") == ["airhorn long name.mp3", "airborn.mp3"]


def test_what_is_too_different() -> None:
    """Two letters of four, or one of three, are another word."""
    assert found("hoax", "horn.mp3", "hat.mp3") == found("hut", "hat.mp3") == []


def test_words_that_are_known_are_taken_as_typed() -> None:
    """Of several words only those that begin no word at all are looked for in other spellings."""
    assert found("horn load", "horn loud.mp3", "load.mp3") == []
    assert found("horn lokd", "horn loud.mp3", "load.mp3") == ["horn loud.mp3"]


def test_words_of_what_is_gone_are_not_known() -> None:
    """A word is looked for in other spellings once the sounds that had it are gone."""
    index = Index(map(sound, ["horn loud.mp3", "load.mp3"]))
    index.remove("load.mp3")

    assert [match.sound.path for match in index.search("horn load", 5)] == ["horn loud.mp3"]


def test_nearest_of_several_misspelt_words() -> None:
    """Also of several misspelt words the nearest come first, whatever their length, and where few are wanted."""
    paths = ["airborn lead.mp3", "airhorn loud and long.mp3"]

    assert found("airhron loud", *paths, limit=1) == found("lodu airhron", *paths, limit=1) == paths[1:]


def test_enough_as_typed_leaves_out_other_spellings() -> None:
    """Where there are several with what was typed in them, nothing else is shown."""
    typed = [f"hate {number}.mp3" for number in range(10, 15)]

    assert found("hate", "hats.mp3", *typed) == typed
    assert found("hate", "hats.mp3", *typed[1:]) == [*typed[1:], "hats.mp3"]


# Bounds


def test_limit() -> None:
    """No more than asked for are found, and none where none are wanted."""
    paths = [f"horn {number}.mp3" for number in range(10, 60)]

    assert found("horn", *paths, limit=7) == paths[:7]
    assert found("horn", *paths, limit=0) == []


def test_too_long() -> None:
    """What is longer than any name finds nothing."""
    assert found("a" * (MAX_NAME_CHARS + 1), "a.mp3") == []
    assert found("a" * MAX_NAME_CHARS, "a.mp3") == []
    assert found(" ".join("ab" * 300), "ab.mp3") == []


def test_empty_library() -> None:
    """Nothing is found where there is nothing."""
    assert found("horn") == found("") == []


def test_many_words_of_one_beginning() -> None:
    """With more words than are compared one by one a misspelt one is still found by its first or second letter."""
    sounds = [sound(f"{first}{number:05}x{number % 7}z.mp3") for number in range(3000) for first in "ab"]

    assert next(iter(ranks("abirhorn", [*sounds, sound("abairhorn.mp3")]))) == "abairhorn.mp3"
    assert next(iter(ranks("irhorn", [*sounds, sound("rihorn.mp3")]))) == "rihorn.mp3"


# What names are compared by


@pytest.mark.parametrize(
    ("name", "without"),
    [
        ("a.mp3", "a"),
        ("a.b.mp3", "a.b"),
        ("x.y/a", "x.y/a"),
        ("x/a.mp3", "x/a"),
        (".mp3", ".mp3"),
        ("x/.mp3", "x/.mp3"),
        ("", ""),
    ],
)
def test_stem(name: str, without: str) -> None:
    """Only the extension of the last part goes."""
    assert stem(name) == without


def test_search_text() -> None:
    """Names stand between line feeds, tags behind blanks, and nothing twice."""
    said = sound("a b/x.mp3", title="X!", aliases=("Y-y",), tags=("T", "a b"))

    assert search_text(said) == "\nx\ny y\n a b t\n"
    assert search_text(sound("!.mp3")) == "\n\n"
    assert words("  Ä--b\u3000C\0d ") == "ä b c d"


def test_grams_find_what_texts_contain() -> None:
    """Whatever two or three characters a text has, it is found by them, and no other is."""
    texts = ["\nhorn loud\n", "\na\nb c\n tag\n", "\n\n", "\n雷 1\n"]
    grams = Grams(texts)
    needles = {text[at : at + size] for text in texts for size in (2, 3, 4) for at in range(len(text) - size + 1)}

    for needle in (needle for needle in needles if needle[1] not in " \n"):
        assert set(grams.containing(needle)) == {at for at, text in enumerate(texts) if needle in text}, needle
