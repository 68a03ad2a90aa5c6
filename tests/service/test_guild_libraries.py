"""What a guild sees: its own sounds and the shared ones, and of other guilds nothing."""

import pytest

from jeffbot.errors import SoundNotFoundError
from jeffbot.models import Caller
from service.home import ADMIN, ALICE, CAVE, LOFT, MANAGER, MEMBER, OPERATOR, TOWER, Home

CALLERS = [MEMBER, MANAGER, OPERATOR]
THERE = Caller(ALICE, TOWER)


@pytest.fixture
async def home(home: Home) -> Home:
    """A shared sound, one of the Cave, one of the Tower, and one name that all have."""
    for i, path in enumerate(
        ("shared.wav", "guild-81/cave.wav", "guild-82/tower.wav", "both.wav", "guild-81/both.wav", "guild-82/both.wav")
    ):
        sound = await home.drop(path, 300 + i * 100)
        await home.service.library.edit(_anywhere(path), sound.id, aliases=[f"alias {i}"], tags=[f"tag {i}"])
    return home


def _anywhere(path: str) -> Caller:
    """Who runs the bot, where a file is."""
    return Caller(ADMIN, TOWER if path.startswith("guild-82") else CAVE, OPERATOR.standing)


def test_list(home: Home) -> None:
    """A guild is listed its own sounds among the shared ones, and where both have a name its own."""
    both = home.catalog.sounds(CAVE)[0]

    assert [sound.name for sound in home.service.sounds(caller=MEMBER)] == ["both.wav", "cave.wav", "shared.wav"]
    assert [sound.name for sound in home.service.sounds(caller=THERE)] == ["both.wav", "shared.wav", "tower.wav"]
    assert [sound.name for sound in home.service.sounds()] == ["both.wav", "shared.wav"]
    assert both.guild_id == CAVE


@pytest.mark.parametrize("name", ["both", "both.wav", "BOTH"])
def test_own_wins(home: Home, name: str) -> None:
    """By a name that several have a guild's own sound is found."""
    assert home.service.library.find(MEMBER, name).guild_id == CAVE
    assert home.service.library.find(THERE, name).guild_id == TOWER
    assert home.catalog.find(name).guild_id is None


def test_shadowed(home: Home) -> None:
    """A shared sound whose name a guild's own has is found by its number and alias there."""
    shared = home.catalog.find("both")

    assert home.service.library.find(MEMBER, shared.id) == home.service.library.find(MEMBER, "alias 3") == shared


@pytest.mark.parametrize("caller", CALLERS)
@pytest.mark.parametrize("name", ["tower", "tower.wav", "alias 2", "guild-82/tower.wav", "../guild-82/tower.wav"])
def test_found_by_name(home: Home, caller: Caller, name: str) -> None:
    """Another guild's sounds are not found, by whatever name, whoever asks."""
    with pytest.raises(SoundNotFoundError):
        home.service.library.find(caller, name)


@pytest.mark.parametrize("caller", CALLERS)
async def test_used_by_number(home: Home, caller: Caller) -> None:
    """Nor by number, whatever is to be done with it."""
    theirs = home.catalog.find("tower", TOWER)
    library, people = home.service.library, home.service.people

    for use in (
        library.story(caller, theirs.id),
        library.edit(caller, theirs.id, title="Mine"),
        home.service.bin.delete(caller, theirs.id),
        library.merge(caller, "cave", [theirs.id]),
        people.change_favourites(caller, add=[theirs.id]),
        home.service.entrances.set(caller, theirs.id),
    ):
        with pytest.raises(SoundNotFoundError):
            await use
    assert home.catalog.find("tower", TOWER) == theirs


@pytest.mark.parametrize("typed", ["tower", "tow", "alias", "tag", "", "towre"])
def test_search(home: Home, typed: str) -> None:
    """A search tells nothing of another guild's sounds."""
    found = home.service.sounds(typed, 25, caller=MEMBER)

    assert {sound.guild_id for sound in found} <= {CAVE, None}


def test_search_shows_each_name_once(home: Home) -> None:
    """Where a guild's own sound has the name of a shared one a search tells of its own alone."""
    assert [sound.guild_id for sound in home.service.sounds("both", 25, caller=MEMBER)] == [CAVE]


async def test_random(home: Home) -> None:
    """What is played by chance is the guild's own or shared."""
    played = [(await home.service.random(MEMBER)).sound for _ in range(40)]

    assert {(sound.guild_id, sound.name) for sound in played} == {
        (CAVE, "both.wav"),
        (CAVE, "cave.wav"),
        (None, "shared.wav"),
    }


async def test_favourites(home: Home) -> None:
    """A favourite is shown where it is heard: in its own guild, and everywhere if it is shared."""
    home.voice.places = {}
    await home.service.people.change_favourites(THERE, add=["tower", "shared"])

    assert [sound.name for sound in await home.service.people.favourites(MEMBER)] == ["shared.wav"]
    assert {sound.name for sound in await home.service.people.favourites(THERE)} == {"shared.wav", "tower.wav"}


async def test_duplicates(home: Home) -> None:
    """Duplicates in another guild's library are not told, nor what two guilds have alike."""
    for path in ("guild-82/x.wav", "guild-82/y.wav", "guild-81/z.wav"):
        await home.drop(path, 1500)

    assert await home.service.library.duplicates(OPERATOR) == []


async def test_where_they_are(home: Home) -> None:
    """Who may act in any guild sees the library of the one whose voice channel they are in."""
    home.voice.places[ADMIN] = LOFT

    assert home.service.library.find(ADMIN, "tower").guild_id == TOWER
    with pytest.raises(SoundNotFoundError):
        home.service.library.find(ADMIN, "cave")


async def test_in_no_guild(home: Home) -> None:
    """Who is in no guild that can be told sees the shared sounds."""
    home.voice.places = {}

    assert home.service.library.find(ADMIN, "both").guild_id is None
    with pytest.raises(SoundNotFoundError):
        home.service.library.find(ADMIN, "cave")


async def test_only_guild(home: Home) -> None:
    """Of a bot in one guild everybody sees that one's library, in voice or not."""
    home.voice.places = {}
    home.voice.member_of = [CAVE]

    assert home.service.library.find(ADMIN, "cave").guild_id == CAVE
