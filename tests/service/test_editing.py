"""What people say of sounds."""

import asyncio
from pathlib import Path
from typing import Any

import pytest

from jeffbot.errors import BadDetailsError, ForbiddenError, SoundNotFoundError
from jeffbot.models import Details, Retrigger
from service.home import ADMIN, MEMBER, OPERATOR, Home, at_home

SAID = Details(
    title="Air Horn",
    aliases=("Tröt", "honk"),
    emoji="📯",
    colour=0xFF8800,
    tags=("loud",),
    gain=-3.5,
    trim_start=0.5,
    trim_end=1.5,
    retrigger=Retrigger.OVERLAP,
)
FIELDS = [(name, getattr(SAID, name)) for name in Details.__struct_fields__]


@pytest.mark.parametrize(("field", "value"), FIELDS)
async def test_each_field(home: Home, field: str, value: Any) -> None:
    """A change comes back, is in the catalog at once, and leaves the other fields as they were."""
    await home.drop("horn.wav")

    edited = await home.service.library.edit(ADMIN, "horn.wav", **{field: value})

    assert getattr(edited.details, field) == value
    assert edited.details == Details(**{field: value})
    assert home.catalog.find("horn.wav") == home.catalog.by_id(edited.id) == edited
    assert home.catalog.sounds() == (edited,)


@pytest.mark.parametrize("name", ["Air Horn", "air horn", "TRÖT", "honk", "horn", "horn.wav"])
async def test_found_by_what_was_said(home: Home, name: str) -> None:
    """A sound is found by its title, aliases and file name, in any case, as soon as they were said."""
    await home.drop("horn.wav")
    edited = await home.service.library.edit(ADMIN, "horn.wav", title=SAID.title, aliases=SAID.aliases)

    assert home.service.library.find(MEMBER, name) == edited


@pytest.mark.parametrize("typed", ["air", "trö", "hon", "loud", "horn"])
async def test_searched_by_what_was_said(home: Home, typed: str) -> None:
    """A search finds it by title, alias and tag."""
    await home.drop("horn.wav")
    edited = await home.service.library.edit(ADMIN, "horn.wav", title="Air Horn", aliases=SAID.aliases, tags=SAID.tags)

    assert home.service.sounds(typed, 5, caller=MEMBER) == [edited]


async def test_forgotten_name(home: Home) -> None:
    """By a title that was changed it is found no more."""
    await home.drop("horn.wav")
    await home.service.library.edit(ADMIN, "horn.wav", title="Before")
    await home.service.library.edit(ADMIN, "Before", title="After")

    with pytest.raises(SoundNotFoundError):
        home.service.library.find(MEMBER, "Before")
    assert home.service.sounds("Before", 5) == []


async def test_file_stays(home: Home) -> None:
    """A new title leaves the file alone."""
    sound = await home.drop("memes/horn.wav")

    edited = await home.service.library.edit(ADMIN, sound.id, title="../../elsewhere.wav")

    assert home.files == ["memes/horn.wav"]
    assert (edited.path, edited.name, edited.size, edited.modified_ns) == (
        "memes/horn.wav",
        "horn.wav",
        sound.size,
        sound.modified_ns,
    )


async def test_restart(sounds: Path, data: Path) -> None:
    """What was said is there after a restart, with the same number."""
    async with at_home(sounds, data) as home:
        sound = await home.drop("horn.wav")
        await home.service.library.edit(ADMIN, sound.id, **{name: getattr(SAID, name) for name, _ in FIELDS})

    async with at_home(sounds, data) as home:
        assert home.service.library.find(MEMBER, "honk").details == SAID
        assert home.service.library.find(MEMBER, "honk").id == sound.id


async def test_at_the_same_time(home: Home) -> None:
    """Changes of several people to one sound are all kept."""
    await home.drop("horn.wav")
    edit = home.service.library.edit

    await asyncio.gather(edit(ADMIN, "horn.wav", title="Air Horn"), edit(ADMIN, "horn.wav", aliases=["honk"]))

    assert home.catalog.find("horn.wav").details == Details(title="Air Horn", aliases=("honk",))


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"name": "x"}, "has no name; it has title, aliases"),
        ({"title": 7}, "Expected `str`"),
        ({"title": "x" * 101}, "1 to 100"),
        ({"title": "\u200b"}, "1 to 100"),
        ({"aliases": "one"}, "Expected `array`"),
        ({"aliases": ["x"] * 21}, "20 aliases"),
        ({"emoji": "horn"}, "no emoji"),
        ({"colour": 0x1000000}, "FFFFFF"),
        ({"colour": -1}, "FFFFFF"),
        ({"tags": ["x" * 33]}, "1 to 32"),
        ({"gain": 24.5}, "-24 to 24"),
        ({"gain": float("nan")}, "-24 to 24"),
        ({"gain": "loud"}, "Expected `float`"),
        ({"trim_start": -0.1}, "0 s or more"),
        ({"trim_start": 1.0, "trim_end": 0.5}, r"at least 0\.02 s after it"),
        ({"trim_end": float("inf")}, r"at least 0\.02 s after it"),
        ({"retrigger": "sometimes"}, "sometimes"),
    ],
)
async def test_refused(home: Home, changes: dict[str, Any], reason: str) -> None:
    """What cannot be said is refused with what can, and nothing changes."""
    sound = await home.drop("horn.wav")

    with pytest.raises(BadDetailsError, match=reason):
        await home.service.library.edit(ADMIN, "horn.wav", **changes)

    assert home.catalog.sounds() == (sound,)


@pytest.mark.parametrize("changes", [{"title": "Bell"}, {"aliases": ["bell.wav"]}, {"aliases": ["BIMMEL"]}])
async def test_name_of_another(home: Home, changes: dict[str, Any]) -> None:
    """A title or alias by which another sound is found is refused, and the other one named."""
    await home.drop("horn.wav", 330)
    await home.drop("bell.wav", 550)
    await home.service.library.edit(ADMIN, "bell.wav", aliases=["bimmel"])

    with pytest.raises(BadDetailsError, match=r"a name of another sound, bell\.wav"):
        await home.service.library.edit(ADMIN, "horn.wav", **changes)


async def test_own_name(home: Home) -> None:
    """Its own names are no one else's: they may be said again."""
    await home.drop("horn.wav")
    await home.service.library.edit(ADMIN, "horn.wav", title="Horn", aliases=["honk"])

    edited = await home.service.library.edit(ADMIN, "horn.wav", title="honk", aliases=["Horn", "horn.wav"])

    assert edited.details == Details(title="honk", aliases=("Horn", "horn.wav"))


async def test_others(home: Home) -> None:
    """A member does not change what others brought."""
    await home.drop("horn.wav")

    with pytest.raises(ForbiddenError, match="whoever runs the bot"):
        await home.service.library.edit(MEMBER, "horn.wav", title="Mine")
    assert home.catalog.find("horn.wav").title == "horn.wav"


async def test_unknown(home: Home) -> None:
    """A sound there is not cannot be changed, by name or number."""
    for sound in ("nope", 17):
        with pytest.raises(SoundNotFoundError):
            await home.service.library.edit(OPERATOR, sound, title="Mine")


async def test_listeners(home: Home) -> None:
    """Who wants to know of changes is told of each, until they do not want to any more; one that fails harms nobody."""
    heard: list[tuple[str, ...]] = []

    def fails() -> None:
        raise RuntimeError("a listener's own trouble")

    home.service.library.subscribe(fails)
    end = home.service.library.subscribe(lambda: heard.append(tuple(home.names)))
    await home.add(MEMBER, "horn")
    await home.service.bin.delete(MEMBER, "horn")
    end()
    await home.add(MEMBER, "bell")

    assert ("horn.wav",) in heard
    assert heard[-1] == ()
