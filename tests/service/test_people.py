"""What people keep, choose, and may know about themselves."""

import asyncio
from pathlib import Path

import pytest

from jeffbot.community import Choices
from jeffbot.errors import ForbiddenError, NoVoiceChannelError, SoundNotFoundError, StoreError
from jeffbot.models import Caller
from jeffbot.service import people as people_module
from service.home import ALICE, BOB, CAVE, GENERAL, LOFT, MANAGER, MEMBER, OPERATOR, OTHER, TOWER, Home, at_home

# Favourites


async def test_favourites(home: Home) -> None:
    """Favourites are one's own, each once, in the order they were chosen."""
    a, b, c = [await home.drop(name, 300 + i) for i, name in enumerate(("a.wav", "b.wav", "c.wav"))]
    change = home.service.people.change_favourites

    assert await change(MEMBER, add=["c"]) == (c,)
    assert await change(MEMBER, add=[a.id, "c.wav", a.id]) == (c, a)
    assert await change(MEMBER, add=["b"], remove=["C"]) == (a, b)
    assert await home.service.people.favourites(MEMBER) == (a, b)
    assert await home.service.people.favourites(OTHER) == ()


async def test_favourites_after_a_restart(sounds: Path, data: Path) -> None:
    """They stay after a restart."""
    async with at_home(sounds, data) as home:
        sound = await home.drop("a.wav")
        await home.service.people.change_favourites(MEMBER, add=["a"])
    async with at_home(sounds, data) as home:
        assert [mine.id for mine in await home.service.people.favourites(MEMBER)] == [sound.id]


async def test_unknown_favourite(home: Home) -> None:
    """Where one of them is no sound nothing changes."""
    await home.drop("a.wav")

    with pytest.raises(SoundNotFoundError):
        await home.service.people.change_favourites(MEMBER, add=["a", "nope"])
    assert await home.service.people.favourites(MEMBER) == ()


async def test_too_many_favourites(home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    """More than may be are refused, and all stays as it was."""
    monkeypatch.setattr(people_module, "MAX_FAVOURITES", 2)
    a, b, _ = [await home.drop(name, 300 + i) for i, name in enumerate(("a.wav", "b.wav", "c.wav"))]
    await home.service.people.change_favourites(MEMBER, add=["a", "b"])

    with pytest.raises(ForbiddenError, match="2 favourites are the most"):
        await home.service.people.change_favourites(MEMBER, add=["c"])
    assert await home.service.people.favourites(MEMBER) == (a, b)


async def test_favourites_come_first(home: Home) -> None:
    """Of what fits as well a search tells the preferred first."""
    _, b = [await home.drop(name, 300 + i) for i, name in enumerate(("horn a.wav", "horn b.wav"))]

    assert home.service.sounds("horn", 5, caller=MEMBER, preferred=[b.id])[0] == b


# Recent


async def test_recent(home: Home) -> None:
    """What was played last comes first, each sound once; one's own, or everybody's in the guild."""
    a, b, c = [await home.drop(name, 300 + i) for i, name in enumerate(("a.wav", "b.wav", "c.wav"))]
    for user_id, sound, place in ((ALICE, a, GENERAL), (ALICE, b, GENERAL), (ALICE, a, GENERAL), (BOB, c, GENERAL)):
        await home.play(user_id, sound, place)
    await home.play(ALICE, c, LOFT)
    recent = home.service.people.recent

    assert [heard.sound_id for heard in await recent(MEMBER)] == [a.id, b.id]
    assert [heard.sound_id for heard in await recent(MEMBER, mine=False)] == [c.id, a.id, b.id]
    assert [heard.title for heard in await recent(OTHER, limit=1)] == ["c.wav"]
    assert [heard.sound_id for heard in await recent(Caller(ALICE, TOWER))] == [c.id]


async def test_recent_at_once(home: Home) -> None:
    """What has just begun to be heard is told."""
    sound = await home.drop("a.wav")
    await home.service.play(MEMBER, "a")

    assert [heard.sound_id for heard in await home.service.people.recent(MEMBER)] == [sound.id]


async def test_recent_of_no_guild(home: Home) -> None:
    """Who is in no guild that can be told is asked to join a voice channel."""
    with pytest.raises(NoVoiceChannelError):
        await home.service.people.recent(BOB)


# Choices


async def test_not_counted(home: Home) -> None:
    """Who does not want to be counted is not named in what they play, nor in what they played before."""
    sound = await home.drop("a.wav")
    await home.play(ALICE, sound)
    await home.play(BOB, sound)

    assert await home.service.people.choose(MEMBER, counted=False) == Choices(counted=False)
    await home.play(ALICE, sound)

    numbers = await home.service.numbers.numbers(MEMBER)
    assert {person.user_id: person.plays for person in numbers.people} == {None: 2, BOB: 1}
    assert await home.service.people.recent(MEMBER) == ()
    assert (await home.service.people.told(MEMBER)).plays == ()


async def test_not_counted_at_once(home: Home) -> None:
    """What was heard just before, and is while the choice is written down, is not named either."""
    sound = await home.drop("a.wav")
    unwritten = [home.play(ALICE, sound) for _ in range(3)]

    await asyncio.gather(unwritten[0], home.service.people.choose(MEMBER, counted=False), *unwritten[1:])

    assert (await home.service.people.told(MEMBER)).plays == ()
    assert (await home.service.library.story(MEMBER, sound.id)).plays == 3


async def test_counted_again(home: Home) -> None:
    """Who opts in again is named from then on."""
    sound = await home.drop("a.wav")
    await home.service.people.choose(MEMBER, counted=False)
    await home.play(ALICE, sound)
    await home.service.people.choose(MEMBER, counted=True)
    await home.play(ALICE, sound)

    assert len((await home.service.people.told(MEMBER)).plays) == 1


async def test_choices_after_a_restart(sounds: Path, data: Path) -> None:
    """What was chosen stays, one thing beside the other."""
    async with at_home(sounds, data) as home:
        choose = home.service.people.choose
        await asyncio.gather(choose(MEMBER, counted=False), choose(MEMBER, greeted=False), choose(OTHER, greeted=False))
    async with at_home(sounds, data) as home:
        assert home.service.people.choices(ALICE) == Choices(counted=False, greeted=False)
        assert home.service.people.choices(BOB) == Choices(counted=True, greeted=False)


async def test_choice_that_cannot_be_kept(home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    """A choice that cannot be kept is refused, and not taken for made."""

    async def dead(*_: object) -> None:
        raise StoreError("the disk is full")

    monkeypatch.setattr(home.store, "write", dead)
    with pytest.raises(StoreError):
        await home.service.people.choose(MEMBER, counted=False)
    assert home.service.people.choices(ALICE) == Choices()


# Privacy


async def everything(home: Home) -> None:
    """Alice has done all there is to do, and Bob a little."""
    sound = await home.add(MEMBER, "horn")
    await home.play(ALICE, sound)
    await home.play(BOB, sound)
    for caller in (MEMBER, OTHER):
        await home.service.people.change_favourites(caller, add=["horn"])
        await home.service.entrances.set(caller, "horn")
        await home.service.people.choose(caller, greeted=False)


async def test_told(home: Home) -> None:
    """One is told all that is kept about oneself, and nothing about others."""
    await everything(home)
    sound = home.service.library.find(MEMBER, "horn")

    told = await home.service.people.told(MEMBER)

    assert (told.user_id, told.choices, told.favourites) == (str(ALICE), Choices(greeted=False), (sound.id,))
    assert [entrance.subject_id for entrance in told.entrances] == [ALICE]
    assert [upload["id"] for upload in told.uploads] == [sound.id]
    assert [play["user_id"] for play in told.plays] == [ALICE]
    assert sorted(deed["action"] for deed in told.audit) == ["add", "entrance", "favourites"]


async def test_erase(home: Home) -> None:
    """What is erased is gone, of others nothing; the sound stays, without a name, and so does the opting out."""
    await everything(home)
    before = await home.service.people.told(OTHER)

    erased = await home.service.people.erase(MEMBER)

    told = await home.service.people.told(MEMBER)
    assert erased == 7  # a favourite, an entrance, three deeds, an upload, a play
    assert (told.favourites, told.entrances, told.uploads, told.plays, told.audit) == ((), (), (), (), ())
    assert told.choices == home.service.people.choices(ALICE) == Choices(greeted=False)
    assert await home.service.people.told(OTHER) == before
    assert [entrance.subject_id for entrance, _ in home.service.entrances.all(MEMBER)] == [BOB]
    assert (await home.service.library.story(MEMBER, "horn")).plays == 2


async def test_erased_uploader(home: Home) -> None:
    """Who is erased is nobody's uploader any more, at once; nor do sounds come back by that which are not there."""
    await everything(home)
    deleted = await home.add(MEMBER, "gone", 550)
    await home.service.bin.delete(MEMBER, deleted.id)
    await home.service.people.erase(MEMBER)

    assert home.service.library.find(OTHER, "horn").uploader_id == 0
    assert home.names == ["horn.wav"]
    with pytest.raises(ForbiddenError):
        await home.service.library.edit(MEMBER, "horn", title="Mine")


@pytest.mark.parametrize("caller", [MEMBER, MANAGER])
async def test_about_others(home: Home, caller: Caller) -> None:
    """What is kept about others only who runs the bot knows and erases."""
    await everything(home)

    with pytest.raises(ForbiddenError):
        await home.service.people.told(caller, BOB)
    with pytest.raises(ForbiddenError):
        await home.service.people.erase(caller, BOB)
    assert (await home.service.people.told(OPERATOR, BOB)).favourites
    assert await home.service.people.erase(OPERATOR, BOB) == 5  # a favourite, an entrance, a play, two deeds


async def test_places(home: Home) -> None:
    """Alice's guild is the Cave also where a bare user id asks, for she is in voice there."""
    sound = await home.add(ALICE, "horn")

    assert sound.guild_id == CAVE
    assert [mine.id for mine in await home.service.people.change_favourites(ALICE, add=["horn"])] == [sound.id]
