"""When nothing can be kept, and when files come, go and change."""

import functools
import shutil
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from jeffbot.errors import StoreError
from jeffbot.models import Details
from jeffbot.store import store as store_module
from service.home import ALICE, CAVE, MANAGER, MEMBER, OPERATOR, Home, at_home, tone

NOTICED = 1.0
"""Within how many seconds a file that came is there to be played."""


@pytest.fixture
def dead(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A data folder that cannot be one, for it is a file; it is soon looked at again."""
    monkeypatch.setattr(store_module, "TRY_AGAIN", 0.02)
    file = tmp_path / "data"
    file.write_text("not a folder")
    return file


def come_back(data: Path) -> None:
    data.unlink()


async def test_sounds_without_a_store(sounds: Path, dead: Path) -> None:
    """Where nothing can be kept sounds are found, searched and played all the same."""
    tone(sounds / "memes" / "horn.wav")
    async with at_home(sounds, dead) as home:
        assert home.service.library.find(MEMBER, "horn").tags == ("memes",)
        assert [sound.name for sound in home.service.sounds("hor", 5)] == ["horn.wav"]
        await home.service.play(MEMBER, "horn")
        await home.service.random(MEMBER)
        assert len(home.voice.session(CAVE).played) == 2


USES: dict[str, Callable[[Home], Any]] = {
    "edit": lambda home: home.service.library.edit(OPERATOR, "horn", title="x"),
    "delete": lambda home: home.service.bin.delete(OPERATOR, "horn"),
    "story": lambda home: home.service.library.story(MEMBER, "horn"),
    "duplicates": lambda home: home.service.library.duplicates(OPERATOR),
    "merge": lambda home: home.service.library.merge(OPERATOR, "horn", []),
    "deleted": lambda home: home.service.bin.deleted(MEMBER),
    "restore": lambda home: home.service.bin.restore(OPERATOR, 1),
    "settle": lambda home: home.service.bin.settle(),
    "favourites": lambda home: home.service.people.favourites(MEMBER),
    "change favourites": lambda home: home.service.people.change_favourites(MEMBER, add=["horn"]),
    "recent": lambda home: home.service.people.recent(MEMBER),
    "choose": lambda home: home.service.people.choose(MEMBER, counted=False),
    "told": lambda home: home.service.people.told(MEMBER),
    "erase": lambda home: home.service.people.erase(MEMBER),
    "settings": lambda home: home.service.guilds.change(MANAGER, volume=10),
    "entrance": lambda home: home.service.entrances.set(MEMBER, "horn"),
    "numbers": lambda home: home.service.numbers.numbers(MEMBER),
}


@pytest.mark.parametrize("use", USES)
async def test_what_is_refused_without_a_store(sounds: Path, dead: Path, use: str) -> None:
    """What has to be kept is refused with the reason, and the setting to look at."""
    tone(sounds / "horn.wav")
    async with at_home(sounds, dead) as home:
        with pytest.raises(StoreError, match="JEFFBOT_DATA_DIR"):
            await USES[use](home)


async def test_adding_without_a_store(sounds: Path, dead: Path, tmp_path: Path) -> None:
    """Nothing is added, and nothing stays in the folder."""
    async with at_home(sounds, dead) as home:
        with pytest.raises(StoreError):
            await home.service.library.add(MEMBER, tone(tmp_path / "came.wav"), "horn")
        assert home.files == []


async def test_store_that_comes_back(sounds: Path, dead: Path) -> None:
    """When things can be kept again all works without a restart, also for files that came meanwhile."""
    tone(sounds / "early.wav", 330)
    async with at_home(sounds, dead) as home, home.watching():
        tone(sounds / "horn.wav", 550)
        await home.until(lambda: "horn.wav" in home.names)

        come_back(dead)
        await home.until(lambda: all(sound.id for sound in home.catalog.sounds()))

        assert home.names == ["early.wav", "horn.wav"]
        for name in home.names:
            assert (await home.service.library.edit(OPERATOR, name, title=f"T {name}")).title == f"T {name}"
        await home.play(ALICE, home.catalog.find("horn"))
        assert (await home.service.numbers.numbers(MEMBER)).plays == 1
        assert (await home.add(MEMBER, "third")).id


async def test_sounds_stay_while_the_store_comes_back(sounds: Path, dead: Path) -> None:
    """Nobody is told that there are no sounds while the store is read anew."""
    tone(sounds / "horn.wav")
    async with at_home(sounds, dead) as home, home.watching():
        seen: list[list[str]] = []
        home.catalog.subscribe(lambda: seen.append(home.names))

        come_back(dead)
        await home.until(lambda: home.catalog.find("horn").id)

        assert all(names == ["horn.wav"] for names in seen)


async def test_what_was_said_before_comes_back(sounds: Path, data: Path, tmp_path: Path) -> None:
    """What was kept before the store was lost is there again when the store is."""
    async with at_home(sounds, data) as home:
        await home.drop("horn.wav")
        await home.service.library.edit(OPERATOR, "horn", title="Air Horn")
        await home.service.guilds.change(MANAGER, volume=40)
    data.rename(tmp_path / "away")
    data.write_text("")

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(store_module, "TRY_AGAIN", 0.02)
        async with at_home(sounds, data) as home, home.watching():
            assert home.catalog.find("horn").title == "horn.wav"
            data.unlink()
            (tmp_path / "away").rename(data)
            await home.until(lambda: home.catalog.find("horn").title == "Air Horn")
            await home.service.load()
            assert home.service.guilds.settings(CAVE).volume == 40


# Files


async def story_of(home: Home, name: str) -> tuple[int, Details, int, int]:
    """What is to stay with a file: number, what is said, plays, of how many a favourite."""
    sound = home.service.library.find(MEMBER, name)
    plays = (await home.service.library.story(MEMBER, sound.id)).plays
    return sound.id, sound.details, plays, len(await home.service.people.favourites(MEMBER))


async def with_a_story(home: Home) -> tuple[int, Details, int, int]:
    sound = await home.drop("horn.wav")
    await home.drop("bell.wav", 990)
    await home.service.library.edit(OPERATOR, "horn", title="Air Horn", tags=["loud"])
    await home.service.people.change_favourites(MEMBER, add=["horn"])
    await home.play(ALICE, sound)
    return await story_of(home, "Air Horn")


async def test_file_that_comes(home: Home) -> None:
    """A file that is put into the folder is there, also in a new folder, and with a number of its own."""
    async with home.watching():
        tone(home.sounds / "horn.wav", 300)
        await home.until(lambda: "horn.wav" in home.names)
        tone(home.sounds / "guild-81/memes/own.wav", 400)
        await home.until(lambda: "own.wav" in home.names)
    assert home.catalog.find("own", CAVE).tags == ("memes",)
    assert home.catalog.find("own", CAVE).id != home.catalog.find("horn").id


async def test_how_soon(home: Home) -> None:
    """That takes a second at most; the best of three, for the machine may be busy."""
    took = []
    async with home.watching():
        for name in "abc":
            began = time.monotonic()
            tone(home.sounds / f"{name}.wav", 300 + ord(name))
            await home.until(functools.partial(home.catalog.at, None, f"{name}.wav"))
            took.append(time.monotonic() - began)
    assert min(took) < NOTICED


async def test_file_that_goes(home: Home) -> None:
    """A file that is removed is a sound no more."""
    await home.drop("horn.wav")
    async with home.watching():
        (home.sounds / "horn.wav").unlink()
        await home.until(lambda: home.names == [])


@pytest.mark.parametrize("place", ["trumpet.wav", "memes/old/horn.wav"])
async def test_file_that_is_moved(home: Home, place: str) -> None:
    """A file that is renamed or moved, seen in one go, keeps all there is about it."""
    story = await with_a_story(home)
    file = home.sounds / place
    async with home.watching():
        file.parent.mkdir(parents=True, exist_ok=True)
        (home.sounds / "horn.wav").rename(file)
        await home.until(lambda: home.catalog.at(None, place))
    assert await story_of(home, "Air Horn") == story
    assert home.catalog.find("Air Horn").path == place


@pytest.mark.parametrize("restart", [False, True])
async def test_file_that_comes_back(sounds: Path, data: Path, tmp_path: Path, *, restart: bool) -> None:
    """A file that was taken away and comes back later, copied and under another name, keeps it, too."""
    async with at_home(sounds, data) as home:
        story = await with_a_story(home)
        shutil.copyfile(sounds / "horn.wav", tmp_path / "kept.wav")
        (sounds / "horn.wav").unlink()
        await home.catalog.scan()
        assert home.names == ["bell.wav"]
        if not restart:
            shutil.copyfile(tmp_path / "kept.wav", sounds / "trumpet.wav")
            await home.catalog.scan()
            assert await story_of(home, "Air Horn") == story
    if restart:
        shutil.copyfile(tmp_path / "kept.wav", sounds / "trumpet.wav")
        async with at_home(sounds, data) as home:
            assert await story_of(home, "Air Horn") == story


async def test_file_that_changes(home: Home) -> None:
    """A file that is changed in place keeps it; what was known of its content is forgotten."""
    story = await with_a_story(home)
    async with home.watching():
        before = home.catalog.version
        tone(home.sounds / "horn.wav", 1234)
        await home.until(lambda: home.catalog.version > before)
    assert await story_of(home, "Air Horn") == story
    assert (await home.service.library.story(MEMBER, "horn")).content_hash is None


async def test_other_content(home: Home) -> None:
    """A file of other content, under another name, is another sound."""
    story = await with_a_story(home)
    (home.sounds / "horn.wav").unlink()
    tone(home.sounds / "trumpet.wav", 1234)
    await home.catalog.scan()

    assert home.catalog.find("trumpet").id != story[0]
    assert home.catalog.find("trumpet").details == Details()
