"""One library's sounds: which are there, what they are called, and that changes leave no trace."""

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from jeffbot.library import search as search_module
from jeffbot.library.index import Index
from jeffbot.library.names import MAX_NAME_CHARS
from jeffbot.models import Details, Sound


def sound(path: str, number: int = 0, size: int = 1, details: Details | None = None) -> Sound:
    """A sound at this path."""
    return Sound(path.rpartition("/")[2], path, "/sounds", size, 1, id=number, details=details or Details())


def index_of(*paths: str) -> Index:
    return Index(map(sound, paths))


def path_of(index: Index, name: str) -> str | None:
    """Where the sound lies that is called this."""
    found = index.find(name)
    return found.path if found else None


# What is there


def test_sounds_are_sorted() -> None:
    """Sounds are listed by name, and listed anew after a change."""
    index = index_of("b.mp3", "x/a.mp3")
    before = index.sounds
    index.add(sound("x/ab.mp3"))

    assert [each.name for each in before] == ["a.mp3", "b.mp3"]
    assert [each.name for each in index.sounds] == ["a.mp3", "ab.mp3", "b.mp3"]
    assert index.sounds is index.sounds
    assert len(index) == 3


def test_sound_of_a_path() -> None:
    """A sound is had by its exact path, also where another has the same file name."""
    index = index_of("boom.mp3", "x/boom.mp3", "x/only.mp3")

    for path in ("boom.mp3", "x/boom.mp3", "x/only.mp3"):
        found = index.get(path)
        assert found is not None
        assert found.path == path
    assert index.get("only.mp3") is index.get("boom") is index.get("y/boom.mp3") is None


def test_sound_of_a_number() -> None:
    """A sound is had by its number, unless the store does not know it yet."""
    index = Index([sound("a.mp3", 4), sound("b.mp3")])

    assert index.by_id(4) == sound("a.mp3", 4)
    assert index.by_id(0) is index.by_id(5) is None


def test_sound_that_changed() -> None:
    """What is added takes the place of what was at its path, with all it was called by."""
    index = Index([sound("a.mp3", 1, details=Details(title="Old"))])
    index.add(sound("a.mp3", 2, details=Details(title="New")))

    assert (len(index), path_of(index, "new"), path_of(index, "old")) == (1, "a.mp3", None)
    assert index.by_id(1) is None
    assert [match.sound.id for match in index.search("new", 5)] == [2]
    assert not index.search("old", 5)


def test_removing() -> None:
    """What is removed is returned, and gone; what is not there is no matter."""
    index = index_of("a.mp3", "b.mp3")

    assert index.remove("a.mp3") == sound("a.mp3")
    assert index.remove("a.mp3") is None
    assert (path_of(index, "a"), index.search("a", 5), len(index)) == (None, [], 1)


# What they are called


def test_names_of_twins() -> None:
    """Files of one name are called by their paths, which the one at the top has for a name."""
    index = index_of("x/boom.mp3", "boom.mp3", "y/boom.mp3", "y/only.mp3")

    assert [each.name for each in index.sounds] == ["boom.mp3", "only.mp3", "x/boom.mp3", "y/boom.mp3"]


def test_twin_that_comes_and_goes() -> None:
    """A sound is called by its path while it has a twin."""
    index = index_of("x/boom.mp3")
    names = [[each.name for each in index.sounds]]
    for change in (index.add, lambda twin: index.remove(twin.path)):
        change(sound("y/boom.mp3"))
        names.append([each.name for each in index.sounds])

    assert names == [["boom.mp3"], ["x/boom.mp3", "y/boom.mp3"], ["boom.mp3"]]
    assert path_of(index, "boom.mp3") == "x/boom.mp3"


@pytest.mark.parametrize(
    ("name", "path"),
    [
        ("Boom.mp3", "Boom.mp3"),
        ("boom.mp3", "x/boom.mp3"),
        ("x/boom.mp3", "x/boom.mp3"),
        ("Boom", "Boom.mp3"),
        ("BOOM.MP3", "Boom.mp3"),
        ("BOOM.WAV", "boom.wav"),
        ("X/BOOM.mp3", "x/boom.mp3"),
        ("X/BOOM", "x/boom.mp3"),
        ("boom.ogg", None),
        ("y/boom.mp3", None),
        ("GROSSE", "große.mp3"),
        ("gro\u0308ße", "größe.mp3"),
        ("a.b", "a.b.mp3"),
        ("", None),
    ],
)
def test_find(name: str, path: str | None) -> None:
    """A sound is found by its name, exactly if it can be, else without extension, case and Unicode form."""
    index = index_of("Boom.mp3", "x/boom.mp3", "boom.wav", "größe.mp3", "große.mp3", "a.b.mp3", "a.mp3")

    assert path_of(index, name) == path


def test_bare_name_of_twins() -> None:
    """The bare name of files that are only in folders finds the first of them; the one at the top goes before them."""
    assert path_of(index_of("y/boom.mp3", "x/boom.mp3"), "BOOM") == "x/boom.mp3"
    for name in ("boom", "BOOM", "BOOM.MP3"):
        assert path_of(index_of("a/boom.mp3", "boom.mp3"), name) == "boom.mp3"


def test_title_and_aliases() -> None:
    """Titles and aliases find what is not called so by its file, in any case."""
    titled = sound("f1.mp3", details=Details(title="Große Hupe", aliases=("Honk/2", "f2")))
    index = Index([titled, sound("f2.mp3")])

    assert {name: path_of(index, name) for name in ("GROSSE HUPE", "große hupe", "honk/2", "F2")} == {
        "GROSSE HUPE": "f1.mp3",
        "große hupe": "f1.mp3",
        "honk/2": "f1.mp3",
        "F2": "f2.mp3",
    }


def test_name_that_is_too_long() -> None:
    """A name longer than any is not looked for."""
    assert index_of("a" * (MAX_NAME_CHARS + 1)).find("a" * (MAX_NAME_CHARS + 1)) is None


# Changes leave no trace

PATHS = st.builds(
    "{}{}.{}".format,
    st.sampled_from(["", "x/", "y/", "x/z/"]),
    st.sampled_from(
        ["boom", "Boom", "bomo", "horn loud", "loud horn", "hron", "größe", "GRÖSSE", "雷", "a b", "!", "x"]
    ),
    st.sampled_from(["mp3", "wav"]),
)
DETAILS = st.builds(
    Details,
    title=st.sampled_from(["", "", "Boom", "big horn", "x/boom"]),
    aliases=st.sampled_from([(), ("horn",), ("a.b", "Größe")]),
    tags=st.sampled_from([(), ("loud",)]),
)
CHANGES = st.lists(st.tuples(st.booleans(), PATHS, DETAILS, st.integers(1, 9)), max_size=40)
NAMES = ["boom", "BOOM.mp3", "x/boom", "boom.wav", "horn", "a.b", "grösse", "x/z/boom.wav", "!", "loud horn.mp3"]
TEXTS = [
    "",
    "b",
    "bo",
    "boom",
    "horn",
    "horn loud",
    "loud",
    "bomo",
    "gröse",
    "lodu hron",
    "x",
    "雷",
    "mobo",
    "a b",
    "rn",
]


@pytest.mark.parametrize(("fresh", "full"), [(1, 0), (2, 3), (3, 100), (1000, 1000)])
@given(changes=CHANGES, begun=st.integers(0, 20), searched=st.booleans())
@settings(max_examples=60, deadline=None)
def test_changes_leave_no_trace(
    changes: list[tuple[bool, str, Details, int]], *, fresh: int, full: int, begun: int, searched: bool
) -> None:
    """Whatever came and went, all is as in an index made of what is left, however the parts of it are put together."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(search_module, "FRESH", fresh)
        patch.setattr(search_module, "FULL", full)
        left: dict[str, Sound] = {}
        for number, (_, path, details, size) in enumerate(changes[:begun], 1):
            left[path] = sound(path, number, size, details)
        index = Index(left.values())
        for number, (added, path, details, size) in enumerate(changes[begun:], begun + 1):
            if added:
                left[path] = sound(path, number, size, details)
                index.add(left[path])
            else:
                gone, removed = left.pop(path, None), index.remove(path)
                assert (removed and msgspec.structs.replace(removed, name="")) == (
                    gone and msgspec.structs.replace(gone, name="")
                )
            if searched:
                index.search("boom", 3)
            if not index.is_searchable:
                index.make_searchable()
                assert index.is_searchable
        made = Index(left.values())

        assert index.sounds == made.sounds
        assert [index.find(name) for name in NAMES] == [made.find(name) for name in NAMES]
        assert [index.find(each.title) for each in made.sounds] == [made.find(each.title) for each in made.sounds]
        for limit in (2, 25):
            for text in TEXTS:
                assert index.search(text, limit, {2, 5}) == made.search(text, limit, {2, 5}), (text, limit)
