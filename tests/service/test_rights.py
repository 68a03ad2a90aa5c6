"""Who may do what to which sounds, and to guilds."""

import itertools

import pytest

from jeffbot.errors import ForbiddenError, SoundboardError, SoundNotFoundError
from jeffbot.models import Caller, Sound, Standing
from service.home import ALICE, BOB, CAVE, TOWER, Home

MEMBER, MANAGER, OPERATOR = Standing
OK, NO, NONE = None, ForbiddenError, SoundNotFoundError

type Outcome = type[SoundboardError] | None

TABLE: dict[tuple[Standing, str, str], tuple[Outcome, Outcome]] = {
    # who, whose sound, where: what becomes of it where the bot is in one guild, and in several
    (MEMBER, "own", "cave"): (OK, OK),
    (MEMBER, "own", "shared"): (OK, OK),
    (MEMBER, "own", "tower"): (NONE, NONE),
    (MEMBER, "another's", "cave"): (NO, NO),
    (MEMBER, "another's", "shared"): (NO, NO),
    (MEMBER, "another's", "tower"): (NONE, NONE),
    (MANAGER, "own", "cave"): (OK, OK),
    (MANAGER, "own", "shared"): (OK, OK),
    (MANAGER, "own", "tower"): (NONE, NONE),
    (MANAGER, "another's", "cave"): (OK, OK),
    (MANAGER, "another's", "shared"): (OK, NO),
    (MANAGER, "another's", "tower"): (NONE, NONE),
    (OPERATOR, "own", "cave"): (OK, OK),
    (OPERATOR, "own", "shared"): (OK, OK),
    (OPERATOR, "own", "tower"): (NONE, NONE),
    (OPERATOR, "another's", "cave"): (OK, OK),
    (OPERATOR, "another's", "shared"): (OK, OK),
    (OPERATOR, "another's", "tower"): (NONE, NONE),
}


async def sound_of(home: Home, whose: str, where: str) -> Sound:
    """A sound that someone brought, who might do that then."""
    brought_by = ALICE if whose == "own" else BOB
    guild_id = TOWER if where == "tower" else CAVE
    return await home.add(Caller(brought_by, guild_id, OPERATOR), "horn", shared=where == "shared")


async def outcome(home: Home, caller: Caller, sound: Sound, action: str) -> Outcome:
    library = home.service.library
    try:
        match action:
            case "edit":
                await library.edit(caller, sound.id, title="New")
            case "delete":
                await home.service.bin.delete(caller, sound.id)
            case _:
                await home.service.bin.restore(caller, sound.id)
    except SoundboardError as error:
        return type(error)
    return None


@pytest.mark.parametrize("several", [False, True])
@pytest.mark.parametrize(("standing", "whose", "where"), TABLE)
async def test_rights(home: Home, standing: Standing, whose: str, where: str, *, several: bool) -> None:
    """Each may edit, delete and restore the sounds that the table says."""
    sound = await sound_of(home, whose, where)
    home.voice.member_of = [CAVE, TOWER] if several else [CAVE]
    caller, expected = Caller(ALICE, CAVE, standing), TABLE[standing, whose, where][several]

    assert await outcome(home, caller, sound, "edit") == expected
    assert await outcome(home, caller, sound, "delete") == expected
    if expected:
        await home.service.bin.delete(Caller(BOB, sound.guild_id or CAVE, OPERATOR), sound.id)
    assert await outcome(home, caller, sound, "restore") == expected


def test_table_is_whole() -> None:
    """The table has a row for everything there is."""
    whole = itertools.product(Standing, ("own", "another's"), ("cave", "shared", "tower"))

    assert set(TABLE) == set(whole)


@pytest.mark.parametrize(("standing", "several"), list(itertools.product(Standing, (False, True))))
async def test_adding_shared_sounds(home: Home, standing: Standing, *, several: bool) -> None:
    """Who runs the bot adds shared sounds; who manages its only guild does so, too."""
    home.voice.member_of = [CAVE, TOWER] if several else [CAVE]
    may = standing is OPERATOR or (standing is MANAGER and not several)

    try:
        await home.add(Caller(ALICE, CAVE, standing), "horn", shared=True)
    except ForbiddenError:
        assert not may
    else:
        assert may


@pytest.mark.parametrize(("standing", "may"), [(MEMBER, False), (MANAGER, True), (OPERATOR, True)])
async def test_settings(home: Home, standing: Standing, *, may: bool) -> None:
    """Who manages a guild changes its settings."""
    try:
        await home.service.guilds.change(Caller(ALICE, CAVE, standing), volume=50)
    except ForbiddenError:
        assert not may
    assert home.service.guilds.settings(CAVE).volume == (50 if may else None)


async def test_manager_elsewhere(home: Home) -> None:
    """Who manages one guild manages no other, also while in its voice channel."""
    manager = Caller(BOB, TOWER, MANAGER)
    sound = await sound_of(home, "own", "cave")

    assert await outcome(home, manager, sound, "edit") is NONE
    await home.service.guilds.change(manager, volume=50)
    assert home.service.guilds.settings(CAVE).volume is None


async def test_bare_id(home: Home) -> None:
    """A bare user id, as other cogs of the bot give it, may do everything."""
    sound = await sound_of(home, "another's", "shared")

    assert (await home.service.library.edit(77, sound.id, title="New")).title == "New"


async def test_shared_sounds_of_managers_without_a_guild(home: Home) -> None:
    """Who manages no guild that can be told manages the shared sounds of several guilds no more than others do."""
    sound = await sound_of(home, "another's", "shared")

    assert await outcome(home, Caller(ALICE, None, MANAGER), sound, "edit") is NO


async def test_shared_sounds_of_another_guilds_manager(home: Home) -> None:
    """Who manages a guild that the bot has left does not manage the sounds of the one it is in."""
    sound = await sound_of(home, "another's", "shared")
    home.voice.member_of = [CAVE]

    assert await outcome(home, Caller(ALICE, TOWER, MANAGER), sound, "edit") is NO
