"""What a guild sees of two libraries."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jeffbot.library.index import Index
from jeffbot.library.view import View
from jeffbot.models import GuildId, Sound

GUILD = GuildId(7)
NAMES = st.sets(st.text("abc", min_size=1, max_size=3))


def library(names: set[str], guild_id: GuildId | None = None) -> Index:
    """A library of these sounds."""
    return Index(Sound(name, name, "/sounds", 1, 1, guild_id) for name in names)


@given(own=NAMES, shared=NAMES, start=st.integers(-50, 50), stop=st.integers(-50, 50), step=st.sampled_from([1, 2, -1]))
def test_as_the_tuple_it_stands_for(own: set[str], shared: set[str], start: int, stop: int, step: int) -> None:
    """It is by name what both have, of one name the guild's own: one by one, by place, from the end and in slices."""
    view = View(library(own, GUILD), library(shared))
    wanted = [(name, GUILD if name in own else None) for name in sorted(own | shared)]

    assert [(sound.name, sound.guild_id) for sound in view] == wanted
    assert [(view[place].name, view[place].guild_id) for place in range(-len(view), len(view))] == wanted * 2
    assert [(sound.name, sound.guild_id) for sound in view[start:stop:step]] == wanted[start:stop:step]
    assert len(view) == len(wanted)


def test_no_such_place() -> None:
    """A place beyond its end is none."""
    view = View(library({"a"}, GUILD), library({"b"}))

    for place in (2, -3):
        with pytest.raises(IndexError):
            view[place]


def test_stays_as_it_was() -> None:
    """What changes afterwards does not change it."""
    own, shared = library({"a", "c"}, GUILD), library({"b", "c"})
    view = View(own, shared)
    own.remove("c")
    shared.add(Sound("d", "d", "/sounds", 1, 1))

    assert [(sound.name, sound.guild_id) for sound in view] == [("a", GUILD), ("b", None), ("c", GUILD)]
