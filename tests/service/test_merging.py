"""Sounds of the same content, and one that stands for the others."""

from collections.abc import Sequence
from pathlib import Path

import pytest

from jeffbot.errors import BadDetailsError, ForbiddenError, SoundNotFoundError
from jeffbot.models import Sound
from service.home import ALICE, BOB, CAVE, MANAGER, MEMBER, OPERATOR, OTHER, TOWER, Home, at_home


async def three(home: Home) -> list[Sound]:
    """Sounds of one content, each with a title, and one of another."""
    await home.drop("guild-81/other.wav", 990)
    paths = "guild-81/horn.wav", "guild-81/memes/tröt.wav", "guild-81/honk.wav"
    same = [await home.drop(path) for path in paths]
    return [await home.service.library.edit(OPERATOR, sound.id, tags=[f"tag {i}"]) for i, sound in enumerate(same)]


async def test_duplicates(home: Home) -> None:
    """What has the same content is told together, the oldest first; of guild and shared sounds apart."""
    same = await three(home)
    shared = [await home.drop(path, 770) for path in ("a.wav", "b.wav")]
    await home.drop("c.wav", 440)

    found = await home.service.library.duplicates(OPERATOR)

    assert [[sound.id for sound in group] for group in found] == [
        [sound.id for sound in same],
        [sound.id for sound in shared],
    ]


async def test_merge(home: Home) -> None:
    """The one that is kept gets the plays and tags of the others, which are shown no more; their files stay."""
    horn, troet, honk = await three(home)
    for sound, times in ((horn, 1), (troet, 2), (honk, 3)):
        for _ in range(times):
            await home.play(ALICE, sound)

    kept = await home.service.library.merge(MANAGER, horn.id, [troet.id, honk.id])

    assert kept.id == horn.id
    assert kept.tags == ("tag 0", "memes", "tag 1", "tag 2")
    assert (await home.service.library.story(MEMBER, horn.id)).plays == 6
    assert home.names == ["horn.wav", "other.wav"]
    assert "guild-81/honk.wav" in home.files
    assert "guild-81/memes/tröt.wav" in home.files
    assert await home.service.library.duplicates(MANAGER) == []


@pytest.mark.parametrize("name", ["tröt", "TRÖT", "honk", "Hupe"])
async def test_names_of_the_merged(home: Home, name: str) -> None:
    """By the names of the others the one that is kept is found, and searched."""
    horn, troet, honk = await three(home)
    await home.service.library.edit(OPERATOR, honk.id, title="Hupe")

    kept = await home.service.library.merge(MANAGER, horn.id, [troet.id, honk.id])

    assert home.service.library.find(MEMBER, name) == kept
    assert home.service.sounds(name, 5, caller=MEMBER) == [kept]


async def test_favourites_of_the_merged(home: Home) -> None:
    """Who had one of them, or several, as a favourite has the one that is kept, once."""
    horn, troet, honk = await three(home)
    await home.service.people.change_favourites(MEMBER, add=[troet.id, honk.id])
    await home.service.people.change_favourites(OTHER, add=[horn.id, honk.id])

    kept = await home.service.library.merge(MANAGER, horn.id, [troet.id, honk.id])

    assert await home.service.people.favourites(MEMBER) == (kept,)
    assert await home.service.people.favourites(OTHER) == (kept,)


async def test_entrances_of_the_merged(home: Home) -> None:
    """Whose entrance sound is one of them is greeted with the one that is kept, at once."""
    horn, troet, _ = await three(home)
    await home.service.entrances.set(MEMBER, troet.id)

    kept = await home.service.library.merge(MANAGER, horn.id, [troet.id])

    ((entrance, sound),) = home.service.entrances.all(MEMBER)
    assert (entrance.subject_id, sound) == (ALICE, kept)
    assert home.service.entrances.of(CAVE, ALICE, (), entrance.moment) == kept


async def test_restart(sounds: Path, data: Path) -> None:
    """What was merged stays so after a restart, and when the folder is looked at again."""
    async with at_home(sounds, data) as home:
        horn, troet, honk = await three(home)
        kept = await home.service.library.merge(MANAGER, horn.id, [troet.id, honk.id])

    async with at_home(sounds, data) as home:
        await home.catalog.scan()
        assert home.names == ["horn.wav", "other.wav"]
        assert home.service.library.find(MEMBER, "honk") == kept


async def test_merged_again(home: Home) -> None:
    """What was merged goes along when the one that stood for it is merged itself."""
    horn, troet, honk = await three(home)
    await home.play(BOB, honk)
    await home.service.library.merge(MANAGER, troet.id, [honk.id])

    kept = await home.service.library.merge(MANAGER, horn.id, [troet.id])

    assert home.names == ["horn.wav", "other.wav"]
    assert home.service.library.find(MEMBER, "honk") == kept
    assert (await home.service.library.story(MEMBER, horn.id)).plays == 1


async def test_merged_are_hidden(home: Home) -> None:
    """A merged sound is found by its number no more."""
    horn, troet, _ = await three(home)
    await home.service.library.merge(MANAGER, horn.id, [troet.id])

    with pytest.raises(SoundNotFoundError):
        home.service.library.find(MEMBER, troet.id)


async def test_deleted_afterwards(home: Home) -> None:
    """When the one that stands for others is deleted these stand for themselves again, at once."""
    horn = await home.add(MEMBER, "horn")
    honk = await home.add(MEMBER, "honk", twin=True)
    await home.service.library.merge(MEMBER, horn.id, [honk.id])

    await home.service.bin.delete(MEMBER, horn.id)

    assert home.catalog.sounds(CAVE) == (honk,)


@pytest.mark.parametrize(("keep", "others"), [("horn", ["other"]), ("horn", ["tröt", "other"]), ("other", [])])
async def test_of_another_content(home: Home, keep: str, others: Sequence[str]) -> None:
    """Only what has the same content can be merged."""
    await three(home)

    with pytest.raises(BadDetailsError, match="very same content"):
        await home.service.library.merge(MANAGER, keep, others)
    assert len(home.names) == 4


async def test_of_another_library(home: Home) -> None:
    """A guild's sound and a shared one cannot be merged."""
    await three(home)
    shared = await home.drop("shared.wav")

    with pytest.raises(BadDetailsError, match="one library"):
        await home.service.library.merge(OPERATOR, "horn", [shared.id])


async def test_of_another_guild(home: Home) -> None:
    """Another guild's sounds are not there to be merged."""
    await three(home)
    theirs = await home.drop("guild-82/theirs.wav")

    for keep, others in (("horn", [theirs.id]), (theirs.id, ["horn"])):
        with pytest.raises(SoundNotFoundError):
            await home.service.library.merge(OPERATOR, keep, others)
    assert home.catalog.by_id(theirs.id, TOWER) == theirs


async def test_of_others(home: Home) -> None:
    """A member merges only what all is their own."""
    mine = await home.add(MEMBER, "mine")
    theirs = await home.add(OTHER, "theirs", twin=True)

    with pytest.raises(ForbiddenError):
        await home.service.library.merge(MEMBER, mine.id, [theirs.id])
    assert home.names == ["mine.wav", "theirs.wav"]


async def test_file_of_the_kept_goes(home: Home) -> None:
    """When the file goes that stands for others, those are shown again, at once."""
    horn, troet, honk = await three(home)
    await home.service.library.merge(MANAGER, horn.id, [troet.id, honk.id])
    assert home.names == ["horn.wav", "other.wav"]
    horn.file.unlink()
    await home.catalog.scan()

    assert home.names == ["honk.wav", "other.wav", "tröt.wav"]
