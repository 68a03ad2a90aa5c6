"""How sounds come into the libraries."""

import asyncio
import errno
import os
import shutil
from pathlib import Path
from typing import Any

import pytest

from jeffbot.audio.bank import SoundBank
from jeffbot.errors import AlreadyExistsError, BadDetailsError, ForbiddenError, SoundNotFoundError, StoreError
from jeffbot.keeping import files_of
from jeffbot.library import ingest
from jeffbot.library.ingest import IngestError
from jeffbot.models import Caller, Details
from jeffbot.service.changes import Changes
from jeffbot.service.library import LibraryService
from jeffbot.settings import Settings
from service.home import ADMIN, ALICE, CAVE, LOFT, MANAGER, MEMBER, OPERATOR, OTHER, TOWER, Home, at_home, tone


async def test_add(home: Home) -> None:
    """What someone adds is in their guild's library within the call, with who brought it and what they say of it."""
    added = await home.add(MEMBER, "Air Horn", details=Details(title="Horn", tags=("loud",)))

    assert (added.guild_id, added.path, added.uploader_id) == (CAVE, "Air Horn.wav", ALICE)
    assert (added.title, added.tags) == ("Horn", ("loud",))
    assert added.id
    assert home.service.library.find(OTHER, "Horn") == added
    assert home.files == ["guild-81/Air Horn.wav"]


async def test_restart(sounds: Path, data: Path) -> None:
    """It is the same sound after a restart."""
    async with at_home(sounds, data) as home:
        added = await home.add(MEMBER, "horn", details=Details(title="Air Horn"))

    async with at_home(sounds, data) as home:
        assert home.service.library.find(MEMBER, "Air Horn") == added


async def test_its_own_file_stays(home: Home) -> None:
    """The file that came is copied, not moved."""
    await home.add(MEMBER, "horn")

    assert (home.data / "came.wav").exists()


async def test_into_the_shared_library(home: Home) -> None:
    """What is added as a shared sound all guilds have."""
    added = await home.add(OPERATOR, "horn", shared=True)

    assert (added.guild_id, home.files) == (None, ["horn.wav"])
    assert home.catalog.find("horn", TOWER) == added


@pytest.mark.parametrize("caller", [MEMBER, MANAGER])
async def test_shared_library_of_several_guilds(home: Home, caller: Caller) -> None:
    """The shared sounds of several guilds are not for one's people to add to."""
    with pytest.raises(ForbiddenError, match="whoever runs the bot"):
        await home.add(caller, "horn", shared=True)
    assert home.files == []


@pytest.mark.parametrize(
    ("below", "path", "tags"),
    [("memes", "memes/horn.wav", ("memes",)), ("memes/old/", "memes/old/horn.wav", ("memes", "old"))],
)
async def test_below(home: Home, below: str, path: str, tags: tuple[str, ...]) -> None:
    """The folders it is put into are its tags."""
    added = await home.add(MEMBER, "horn", below=below)

    assert (added.path, added.tags) == (path, tags)


@pytest.mark.parametrize("below", ["guild-82", "../guild-82", "/guild-82/..", "GUILD-82"])
async def test_not_into_other_libraries(home: Home, below: str) -> None:
    """No folder leads out of the library or into another guild's."""
    added = await home.add(OPERATOR, "horn", below=below, shared=True)

    assert added.guild_id is None
    assert home.files == ["horn.wav"]


async def test_taken_name(home: Home) -> None:
    """Where the name is taken the sound gets the next one."""
    await home.add(MEMBER, "horn", 330)

    assert (await home.add(OTHER, "HORN", 550)).name == "HORN (2).wav"


@pytest.mark.parametrize("shared", [True, False])
async def test_twin(home: Home, *, shared: bool) -> None:
    """The very same content, in the guild's library or the shared one, is refused with the title it has."""
    await home.add(OPERATOR, "horn", shared=shared, details=Details(title="Air Horn"))
    before = home.files

    with pytest.raises(AlreadyExistsError, match="Air Horn") as refused:
        await home.add(MEMBER, "other")

    assert refused.value.title == "Air Horn"
    assert home.files == before


async def test_wanted_twin(home: Home) -> None:
    """It is added all the same for who wants that."""
    first = await home.add(MEMBER, "horn")
    second = await home.add(MEMBER, "other", twin=True)

    assert home.names == ["horn.wav", "other.wav"]
    assert first.id != second.id


async def test_twin_of_another_guild(home: Home) -> None:
    """What another guild has is no twin, and does not become known."""
    await home.drop("guild-82/secret.wav")

    assert (await home.add(MEMBER, "horn")).name == "horn.wav"


async def test_twin_at_the_same_time(home: Home) -> None:
    """Of two who send the same at once one is refused."""
    file = tone(home.data / "came.wav")
    add = home.service.library.add

    results = await asyncio.gather(add(MEMBER, file, "a"), add(OTHER, file, "b"), return_exceptions=True)

    assert [type(result).__name__ for result in results].count("AlreadyExistsError") == 1
    assert len(home.files) == 1


# Refused


def left(home: Home) -> tuple[list[str], list[str]]:
    """What a refusal must leave empty: the names of sounds and files."""
    return home.names, home.files


@pytest.mark.parametrize(
    ("content", "reason"),
    [(b"", "empty"), (b"no sound" * 100, "no sound file"), (b"RIFF" + bytes(200_000), "larger than")],
)
async def test_no_sound(home: Home, content: bytes, reason: str) -> None:
    """What is no sound, or too large, is refused in words, and nothing stays of it."""
    file = home.data / "came.wav"
    file.write_bytes(content)

    with pytest.raises(IngestError, match=reason):
        await home.service.library.add(MEMBER, file, "horn")
    assert left(home) == ([], [])


async def test_missing_folder(home: Home) -> None:
    """Where the sounds folder is gone it is not made anew."""
    home.sounds.rmdir()

    with pytest.raises(IngestError, match="is gone"):
        await home.add(MEMBER, "horn")
    assert not home.sounds.exists()


async def test_full_disk(home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where the disk is full when the file gets its name that is said, and neither file nor sound stays."""

    def full(*_: object) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    with monkeypatch.context() as patch:
        patch.setattr(ingest, "_name", full)
        with pytest.raises(IngestError, match="disk of the sounds folder is full"):
            await home.add(MEMBER, "horn")
    await home.catalog.scan()
    assert left(home) == ([], [])

    assert (await home.add(MEMBER, "horn")).name == "horn.wav"


@pytest.mark.parametrize("details", [Details(gain=99), Details(tags=("x" * 33,))])
async def test_bad_details(home: Home, details: Details) -> None:
    """What is said of it is looked at before anything is done."""
    with pytest.raises(BadDetailsError):
        await home.add(MEMBER, "horn", details=details)
    assert left(home) == ([], [])


async def test_dead_store(home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where nothing can be kept nothing is added."""

    async def dead(*_: object) -> None:
        raise StoreError("the disk is full")

    monkeypatch.setattr(home.store, "write", dead)
    with pytest.raises(StoreError):
        await home.add(MEMBER, "horn")
    assert left(home) == ([], [])


# Real parts


async def test_real_sounds(sounds: Path, data: Path) -> None:
    """With ffmpeg what cannot be decoded is refused, and a sound is told its length and loudness."""
    settings = Settings(sounds_dir=sounds, data_dir=data)
    bank = SoundBank.of(settings)
    async with bank, at_home(sounds, data) as home:
        voice: Any = home.voice
        files = files_of(settings, home.catalog.folder, bank)
        library = LibraryService(
            catalog=home.catalog,
            store=home.store,
            voice=voice,
            files=files,
            changes=Changes(),
            entrances=home.service.entrances,
        )
        broken = home.data / "broken.wav"
        broken.write_bytes(tone(home.data / "tone.wav").read_bytes()[:44])

        with pytest.raises(IngestError, match="cannot be played"):
            await library.add(MEMBER, broken, "broken")
        added = await library.add(MEMBER, home.data / "tone.wav", "tone")

        assert (await library.story(MEMBER, added.id)).length == pytest.approx(0.02, abs=0.03)
        assert home.names == ["tone.wav"]


async def test_elsewhere(home: Home) -> None:
    """Who sits in another guild's voice channel adds to that one's library."""
    home.voice.places[ADMIN] = LOFT

    assert (await home.add(ADMIN, "horn")).guild_id == TOWER
    with pytest.raises(SoundNotFoundError):
        home.service.library.find(MEMBER, "horn")


async def test_folder_of_the_guild(home: Home) -> None:
    """The folder of a guild that has no sounds yet is made, and made again."""
    await home.add(MEMBER, "horn")
    shutil.rmtree(home.sounds / "guild-81")
    await home.catalog.scan()

    await home.add(MEMBER, "bell", 550)
    assert home.names == ["bell.wav"]


async def test_name_of_another(home: Home) -> None:
    """What somebody adds takes no name from another sound; what comes with a collection keeps the names it had."""
    await home.add(OPERATOR, "horn", shared=True)
    with pytest.raises(BadDetailsError, match="another sound"):
        await home.add(MEMBER, "loud", 550, details=Details(aliases=("Horn",)))
    assert home.names == ["horn.wav"]

    kept = await home.add(MEMBER, "loud", 550, details=Details(aliases=("Horn",)), namesake=True)
    assert kept.details.aliases == ("Horn",)
