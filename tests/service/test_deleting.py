"""Deleting sounds, and bringing them back."""

import asyncio
import shutil
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import update

from jeffbot.errors import ForbiddenError, SoundNotFoundError, StoreError
from jeffbot.library.bin import KEPT, Bin
from jeffbot.models import Caller, Details, GuildId, Sound
from jeffbot.store.schema import sounds as table
from jeffbot.store.values import File
from service.home import ALICE, BOB, CAVE, MANAGER, MEMBER, OPERATOR, OTHER, TOWER, Home, at_home, tone


@pytest.fixture
async def horn(home: Home) -> Sound:
    """Alice's sound, which was played twice and is Bob's favourite."""
    horn = await home.add(MEMBER, "horn", below="memes", details=Details(title="Air Horn"))
    await home.play(ALICE, horn)
    await home.play(BOB, horn)
    await home.service.people.change_favourites(OTHER, add=[horn.id])
    return horn


def in_bin(home: Home) -> list[str]:
    folder = home.data / "bin"
    return sorted(file.name for file in folder.iterdir()) if folder.exists() else []


async def test_delete(home: Home, horn: Sound) -> None:
    """A deleted sound is found no more, and its file lies in the bin."""
    await home.service.bin.delete(MEMBER, "Air Horn")

    with pytest.raises(SoundNotFoundError):
        home.service.library.find(MEMBER, "Air Horn")
    assert (home.names, home.files, in_bin(home)) == ([], [], [f"{horn.id}.wav"])
    assert await home.service.people.favourites(OTHER) == ()
    (item,) = await home.service.bin.deleted(OTHER)
    assert (item.sound_id, item.guild_id, item.path) == (horn.id, CAVE, "memes/horn.wav")


async def test_restore(home: Home, horn: Sound) -> None:
    """What is restored has its number, title, plays, and is the favourite it was."""
    await home.service.bin.delete(MEMBER, horn.id)

    restored = await home.service.bin.restore(MEMBER, horn.id)

    assert restored == horn
    assert home.service.library.find(OTHER, "Air Horn") == horn
    assert (await home.service.library.story(OTHER, horn.id)).plays == 2
    assert await home.service.people.favourites(OTHER) == (horn,)
    assert (home.files, in_bin(home)) == (["guild-81/memes/horn.wav"], [])
    assert await home.service.bin.deleted(MEMBER) == ()


async def test_restart(sounds: Path, data: Path) -> None:
    """Between deleting and restoring the bot may be restarted, before and after."""
    async with at_home(sounds, data) as home:
        horn = await home.add(MEMBER, "horn", details=Details(title="Air Horn"))
        await home.service.bin.delete(MEMBER, "horn")
    async with at_home(sounds, data) as home:
        await home.service.bin.settle()
        assert home.names == []
        await home.service.bin.restore(MEMBER, horn.id)
    async with at_home(sounds, data) as home:
        await home.service.bin.settle()
        assert home.service.library.find(MEMBER, "Air Horn") == horn


async def test_restore_beside(home: Home, horn: Sound) -> None:
    """Where another sound has its place by now it comes back beside that."""
    await home.service.bin.delete(MEMBER, horn.id)
    other = await home.drop("guild-81/memes/horn.wav", 550)

    restored = await home.service.bin.restore(MEMBER, horn.id)

    assert (restored.path, restored.title, restored.id) == ("memes/horn (2).wav", "Air Horn", horn.id)
    assert home.catalog.by_id(other.id, CAVE) == other


async def test_add_after_deleting(home: Home, horn: Sound) -> None:
    """What was deleted may be added again; that is another sound."""
    await home.service.bin.delete(MEMBER, horn.id)

    again = await home.add(OTHER, "horn")

    assert (again.id != horn.id, again.title, again.uploader_id) == (True, "horn.wav", BOB)


async def _delete_earlier(home: Home, sound: Sound, seconds: float) -> None:
    """Have a sound be one that was deleted so long ago."""
    then = update(table).where(table.c.id == sound.id).values(deleted_at=time.time() - seconds)
    await home.store.write(lambda records: records.connection.execute(then))


async def test_after_thirty_days(home: Home, horn: Sound) -> None:
    """After 30 days it is gone for good, and no day earlier."""
    await home.service.bin.delete(MEMBER, horn.id)
    bell = await home.add(MEMBER, "bell", 550)
    await home.service.bin.delete(MEMBER, bell.id)
    for sound, age in ((horn, KEPT + 60), (bell, KEPT - 60)):
        await _delete_earlier(home, sound, age)

    await home.service.bin.settle()

    assert in_bin(home) == [f"{bell.id}.wav"]
    with pytest.raises(SoundNotFoundError):
        await home.service.bin.restore(MEMBER, horn.id)
    assert (await home.service.bin.restore(MEMBER, bell.id)).name == "bell.wav"


@pytest.mark.parametrize("caller", [MEMBER, MANAGER, OPERATOR])
async def test_file_of_the_operator(home: Home, caller: Caller) -> None:
    """A file that was put into the folder is taken out there."""
    await home.drop("guild-81/horn.wav")

    with pytest.raises(ForbiddenError):
        await home.service.bin.delete(caller, "horn")
    assert (home.names, home.files) == (["horn.wav"], ["guild-81/horn.wav"])


@pytest.mark.parametrize("caller", [OTHER, Caller(ALICE, TOWER)])
async def test_restored_by_others(home: Home, horn: Sound, caller: Caller) -> None:
    """Neither someone else nor who brought it, in another guild, brings it back."""
    await home.service.bin.delete(MANAGER, horn.id)

    with pytest.raises((ForbiddenError, SoundNotFoundError)):
        await home.service.bin.restore(caller, horn.id)
    assert home.files == []


async def test_unknown(home: Home, horn: Sound) -> None:
    """What was not deleted is not restored."""
    for sound_id in (horn.id, horn.id + 1):
        with pytest.raises(SoundNotFoundError):
            await home.service.bin.restore(OPERATOR, sound_id)


# Interrupted


async def test_bin_refuses(home: Home, horn: Sound, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where the file cannot be moved the sound stays as it was, also to the store."""

    def refuse(*_: object) -> None:
        raise StoreError("the disk is full")

    with monkeypatch.context() as patch:
        patch.setattr(Bin, "put", refuse)
        with pytest.raises(StoreError):
            await home.service.bin.delete(MEMBER, horn.id)

    assert home.service.library.find(MEMBER, "Air Horn") == horn
    assert await home.service.bin.deleted(MEMBER) == ()
    kept = await home.store.read(lambda records: [*records.sounds.load(home.catalog.folder.of)])
    assert [item.sound for item in kept] == [horn]


async def delete_in_the_store(home: Home, horn: Sound) -> None:
    await home.store.write(lambda records: records.sounds.delete(horn.id, time.time()))


async def put_a_link(home: Home, horn: Sound) -> None:
    """Of moving, the first half."""
    await delete_in_the_store(home, horn)
    (home.data / "bin").mkdir()
    (home.data / "bin" / f"{horn.id}.wav").hardlink_to(horn.file)


async def put_in_the_bin(home: Home, horn: Sound) -> None:
    await delete_in_the_store(home, horn)
    home.bin.put(horn.id, horn.file)


@pytest.mark.parametrize("begin", [delete_in_the_store, put_a_link, put_in_the_bin])
@pytest.mark.parametrize("scanned", [True, False])
async def test_killed_while_deleting(
    sounds: Path, data: Path, begin: Callable[[Home, Sound], Any], *, scanned: bool
) -> None:
    """What a kill leaves half deleted is deleted at the next start, and can be restored."""
    async with at_home(sounds, data) as home:
        horn = await home.add(MEMBER, "horn", details=Details(title="Air Horn"))
        await begin(home, horn)

    async with at_home(sounds, data) as home:
        await home.service.bin.settle()
        if scanned:
            await home.catalog.scan()
        assert (home.files, in_bin(home)) == ([], [f"{horn.id}.wav"])
        assert [item.sound_id for item in await home.service.bin.deleted(MEMBER)] == [horn.id]

        restored = await home.service.bin.restore(MEMBER, horn.id)

        assert (restored.id, home.service.library.find(MEMBER, "Air Horn").id) == (horn.id, horn.id)
        assert (home.names, in_bin(home)) == (["horn.wav"], [])


async def undelete_in_the_store(home: Home, horn: Sound) -> None:
    file = File(horn.guild_id, horn.path, horn.size, horn.modified_ns)
    await home.store.write(lambda records: records.sounds.undelete(horn.id, file, time.time()))


async def take_a_link(home: Home, horn: Sound) -> None:
    await undelete_in_the_store(home, horn)
    horn.file.hardlink_to(home.data / "bin" / f"{horn.id}.wav")


async def take_out(home: Home, horn: Sound) -> None:
    await undelete_in_the_store(home, horn)
    home.bin.take(horn.id, horn.file)


@pytest.mark.parametrize("begin", [undelete_in_the_store, take_a_link, take_out])
async def test_killed_while_restoring(sounds: Path, data: Path, begin: Callable[[Home, Sound], Any]) -> None:
    """What a kill leaves half restored is back after the next start."""
    async with at_home(sounds, data) as home:
        horn = await home.add(MEMBER, "horn", details=Details(title="Air Horn"))
        await home.service.bin.delete(MEMBER, horn.id)
        await begin(home, horn)

    async with at_home(sounds, data) as home:
        await home.service.bin.settle()
        await home.catalog.scan()

        assert home.service.library.find(MEMBER, "Air Horn") == horn
        assert (home.files, in_bin(home)) == (["guild-81/horn.wav"], [])


async def test_place_taken_while_restoring(sounds: Path, data: Path) -> None:
    """Where someone put another file at its place meanwhile both are kept."""
    async with at_home(sounds, data) as home:
        horn = await home.add(MEMBER, "horn")
        content = horn.file.read_bytes()
        await home.service.bin.delete(MEMBER, horn.id)
        await undelete_in_the_store(home, horn)
    other = tone(sounds / "guild-81" / "horn.wav", 1234).read_bytes()

    async with at_home(sounds, data) as home:
        await home.service.bin.settle()

        files = {file.read_bytes() for file in home.sounds.rglob("*.wav")}
        assert (files, in_bin(home)) == ({content, other}, [])


async def test_lost_file(sounds: Path, data: Path) -> None:
    """A deleted sound whose file someone took out of the bin cannot be restored any more."""
    async with at_home(sounds, data) as home:
        horn = await home.add(MEMBER, "horn")
        await home.service.bin.delete(MEMBER, horn.id)
        shutil.rmtree(data / "bin")

        await home.service.bin.settle()

        assert await home.service.bin.deleted(MEMBER) == ()


async def test_bin_that_cannot_be_read(home: Home) -> None:
    """Where the bin cannot be read that is said, as of all that cannot be kept now."""
    (home.data / "bin").write_text("")

    with pytest.raises(StoreError, match="bin"):
        await home.service.bin.settle()


async def test_deleted_of_another_guild(home: Home) -> None:
    """What another guild deleted is not told."""
    theirs = await home.add(Caller(ALICE, GuildId(82)), "secret", 990)
    await home.service.bin.delete(Caller(ALICE, GuildId(82)), theirs.id)

    assert await home.service.bin.deleted(MANAGER) == ()
    with pytest.raises(SoundNotFoundError):
        await home.service.bin.restore(MANAGER, theirs.id)


async def test_cancelled(home: Home) -> None:
    """Who no longer waits for a change does not stop it half-way."""
    await home.add(MEMBER, "horn")
    deleting = asyncio.create_task(home.service.bin.delete(MEMBER, "horn"))
    await asyncio.sleep(0)  # it has begun
    deleting.cancel()
    with pytest.raises(asyncio.CancelledError):
        await deleting
    await home.service.wait_changed()

    (deleted,) = await home.service.bin.deleted(MEMBER)
    assert (home.names, deleted.path) == ([], "horn.wav")
    assert (await home.service.bin.restore(MEMBER, deleted.sound_id)).name == "horn.wav"


async def test_clock_that_is_set_forward(home: Home, horn: Sound, monkeypatch: pytest.MonkeyPatch) -> None:
    """A clock that was set while the bot runs empties no bin."""
    await home.service.bin.delete(MEMBER, horn.id)
    now = time.time
    with monkeypatch.context() as patch:
        patch.setattr(time, "time", lambda: now() + 40 * 86_400)
        await home.service.bin.settle()

    assert in_bin(home) == [f"{horn.id}.wav"]
