"""Whole collections: an export taken in elsewhere, backups brought back, and what is no such thing."""

import asyncio
import contextlib
import os
import shutil
import sqlite3
import zipfile
from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from jeffbot.client import RemoteClient
from jeffbot.community import Entrance, Moment
from jeffbot.errors import SoundboardError
from jeffbot.library.backup import Places, pack, unpack
from jeffbot.library.ingest import remove_unfinished
from jeffbot.library.layouts import CollectionError
from jeffbot.models import Caller, Details, GuildId, Retrigger, Sound, Standing, UserId
from jeffbot.sandbox.ears import Recording
from service.home import ALICE, BOB, CAVE, MEMBER, OPERATOR, Home, at_home, tone
from staging import SECRET, Stage, write_tone

GAP = 0.1
"""The longest pause in a sound, seconds, on a machine that has other work; a packet is 20 ms."""
FULL = Details(
    title="Air horn ☃",
    aliases=("tröt", "hupe"),
    emoji="📯",
    colour=0xFF8800,
    tags=("loud", "lärm"),
    gain=-3.5,
    trim_start=0.0,
    trim_end=None,
    retrigger=Retrigger.OVERLAP,
)
TRIMMED = Details(trim_start=0.25, trim_end=1.5)


class Fact(NamedTuple):
    """What is known of one sound."""

    details: Details
    plays: int
    uploader_id: UserId | None
    created_at: float
    favourite_of: set[int]
    entrance_of: set[int]
    exit_of: set[int]
    content: bytes


async def facts(home: Home, guild_id: GuildId | None) -> dict[str, Fact]:
    """What is known of a library's sounds, by their paths."""
    sounds = [sound for sound in home.catalog.all_sounds if sound.guild_id == guild_id]
    plays = await home.store.read(lambda records: records.sounds.plays([sound.id for sound in sounds]))
    people = await home.store.read(lambda records: records.people.of_sounds(guild_id))

    def greeted(sound: Sound, moment: Moment) -> set[int]:
        return {*people.greeted.get((sound.id, moment), ())}

    return {
        sound.path: Fact(
            sound.details,
            plays[sound.id],
            sound.uploader_id or None,
            sound.created_at,
            {*people.favourites.get(sound.id, ())},
            greeted(sound, Moment.ENTRANCE),
            greeted(sound, Moment.EXIT),
            sound.file.read_bytes(),
        )
        for sound in sounds
    }


async def furnish(home: Home, guild_id: GuildId | None) -> None:
    """Three sounds in a library, of which much is known."""
    caller, shared = Caller(ALICE, guild_id, Standing.OPERATOR), guild_id is None
    horn = await home.add(caller, "hörn.wav", 440, below="Lärm/ganz laut", shared=shared, details=FULL, plays=17)
    drum = await home.add(caller, "drum.wav", 550, shared=shared, details=TRIMMED, uploader_id=None, created_at=1e9)
    await home.add(caller, "plain.wav", 660, shared=shared, uploader_id=BOB)
    await home.service.people.change_favourites(Caller(BOB, guild_id), add=[horn.id, drum.id])
    if guild_id is not None:
        await home.service.entrances.set(OPERATOR, horn.id, user_id=BOB)
        await home.service.entrances.set(OPERATOR, drum.id, moment=Moment.EXIT, user_id=BOB)


@pytest.fixture
async def elsewhere(tmp_path: Path, migrated: Path) -> AsyncIterator[Home]:
    """Another soundboard with no sounds."""
    sounds, data = tmp_path / "elsewhere" / "sounds", tmp_path / "elsewhere" / "data"
    sounds.mkdir(parents=True)
    data.mkdir()
    shutil.copy(migrated, data)
    async with at_home(sounds, data) as home:
        yield home


# Out of one library and into another


@pytest.mark.parametrize("guild_id", [None, CAVE])
async def test_export_is_all_there_is(home: Home, elsewhere: Home, tmp_path: Path, guild_id: GuildId | None) -> None:
    """An export taken in by an empty library gives the same sounds, with all that was known of them."""
    await furnish(home, guild_id)
    await home.add(OPERATOR, "other.wav", 770, shared=guild_id is not None)
    before = await facts(home, guild_id)

    assert await home.service.collections.export(tmp_path / "all.zip", guild_id=guild_id) == len(before) == 3
    came = await elsewhere.service.collections.take_in(tmp_path / "all.zip", guild_id=guild_id)

    assert (came.layout, len(came.added), came.known, came.refused) == ("jeffbot", 3, 0, [])
    assert await facts(elsewhere, guild_id) == before
    assert [sound.guild_id for sound in elsewhere.catalog.all_sounds] == [guild_id] * 3


async def test_importing_twice(home: Home, elsewhere: Home, tmp_path: Path) -> None:
    """What is there already is passed over."""
    await furnish(home, CAVE)
    await home.service.collections.export(tmp_path / "all.zip", guild_id=CAVE)
    await elsewhere.service.collections.take_in(tmp_path / "all.zip", guild_id=CAVE)
    once = await facts(elsewhere, CAVE), elsewhere.files

    came = await elsewhere.service.collections.take_in(tmp_path / "all.zip", guild_id=CAVE)

    assert (came.added, came.known, came.refused) == ([], 3, [])
    assert (await facts(elsewhere, CAVE), elsewhere.files) == once


async def test_importing_after_an_interruption(home: Home, tmp_path: Path) -> None:
    """An import that was broken off and begun again ends as if it had run through."""
    for number in range(5):
        tone(tmp_path / "came" / f"{number}.wav", 300 + 50 * number)

    def interrupt(done: int, _total: int) -> None:
        if done == 2:
            importing.cancel()

    importing = asyncio.create_task(home.service.collections.take_in(tmp_path / "came", tell=interrupt))
    with pytest.raises(asyncio.CancelledError):
        await importing
    came = await home.service.collections.take_in(tmp_path / "came")

    assert len(came.added) + came.known == 5
    assert home.names == [f"{number}.wav" for number in range(5)]


async def test_importing_what_was_put_there(home: Home, tmp_path: Path) -> None:
    """Sounds that lie in the folder are known for what they are before they were ever encoded."""
    for folder in (home.sounds, tmp_path / "came"):
        tone(folder / "one.wav", 440)
        tone(folder / "two.wav", 550)
    await home.catalog.scan()

    came = await home.service.collections.take_in(tmp_path / "came")

    assert (came.added, came.known) == ([], 2)
    assert home.files == ["one.wav", "two.wav"]


async def test_duplicates_that_were_put_there(home: Home) -> None:
    """So are those that lie there twice."""
    for name, hertz in {"one.wav": 440, "same.wav": 440, "other.wav": 550}.items():
        tone(home.sounds / name, hertz)
    await home.catalog.scan()

    await home.service.collections.identify()

    (same,) = await home.service.library.duplicates(OPERATOR)
    assert {sound.name for sound in same} == {"one.wav", "same.wav"}


async def test_names_that_other_systems_forbid(home: Home, elsewhere: Home, tmp_path: Path) -> None:
    """Sounds whose names only this system takes come along, under names that every system does."""
    names = ["12:30.wav", "huh?.wav", "HORN.wav", "horn.wav", "LOUD.WAV"]
    for number, name in enumerate(names):
        tone(home.sounds / name, 300 + 50 * number)
    await home.catalog.scan()

    assert await home.service.collections.export(tmp_path / "all.zip") == 5
    came = await elsewhere.service.collections.take_in(tmp_path / "all.zip")

    assert came.refused == []
    there = {sound.file.read_bytes(): sound.name for sound in came.added}
    assert there.keys() == {(home.sounds / name).read_bytes() for name in names}
    assert {there[(home.sounds / "huh?.wav").read_bytes()], there[(home.sounds / "12:30.wav").read_bytes()]} == {
        "huh.wav",
        "12 30.wav",
    }


async def test_refused(home: Home, tmp_path: Path) -> None:
    """What cannot come in is told with the reason; all else comes."""
    tone(tmp_path / "came" / "good.wav")
    (tmp_path / "came" / "list.mp3").write_text("#EXTM3U\n")
    (tmp_path / "came" / "nothing.wav").touch()
    write_tone(tmp_path / "came" / "large.wav", 440, 2)

    came = await home.service.collections.take_in(tmp_path / "came")

    assert [sound.name for sound in came.added] == ["good.wav"]
    assert [reason.partition(":")[0] for reason in came.refused] == ["large.wav", "list.mp3", "nothing.wav"]
    assert home.files == ["good.wav"]


async def test_progress(home: Home, tmp_path: Path) -> None:
    """It is told how far each of them is, up to the end."""
    await furnish(home, None)
    told: list[tuple[int, int]] = []

    def tell(done: int, total: int) -> None:
        told.append((done, total))

    works: list[Callable[[], Any]] = [
        lambda: home.service.collections.export(tmp_path / "all.zip", tell=tell),
        lambda: home.service.collections.take_in(tmp_path / "all.zip", tell=tell),
        lambda: home.service.collections.back_up(tmp_path / "backup.zip", tell=tell),
        lambda: home.service.collections.restore(tmp_path / "backup.zip", tell=tell),
    ]
    for work in works:
        told.clear()
        await work()
        done = [done for done, _ in told]
        assert done == sorted(done)
        assert len({*told[-1]}) == 1


@pytest.mark.parametrize("verb", ["export", "back_up"])
async def test_nowhere_to_write(home: Home, tmp_path: Path, verb: str) -> None:
    """Where it cannot be written it says so, and what was there before stays."""
    await furnish(home, None)
    write = getattr(home.service.collections, verb)
    with pytest.raises(CollectionError, match="is gone"):
        await write(tmp_path / "nope" / "all.zip")

    await write(tmp_path / "all.zip")
    before = (tmp_path / "all.zip").read_bytes()
    write_tone(home.sounds / "large.wav", 440, 30)
    await home.catalog.scan()
    with small_disk(2 << 20), pytest.raises(CollectionError, match="is full"):
        await write(tmp_path / "all.zip")

    assert (tmp_path / "all.zip").read_bytes() == before
    assert [*tmp_path.glob(".jeffbot-*"), *home.data.glob(".jeffbot-*")] == []


@contextlib.contextmanager
def small_disk(size: int) -> Iterator[None]:
    """No file grows larger than this, as on a disk that is full."""
    resource = pytest.importorskip("resource")
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


# Backups


def tree(home: Home) -> dict[str, tuple[int, int] | None]:
    """All files of a soundboard with their size and time, but for the database."""
    files = {*home.sounds.rglob("*"), *home.data.rglob("*")}
    return {
        str(file): (file.stat().st_size, file.stat().st_mtime_ns) if file.is_file() else None
        for file in files
        if not file.name.startswith("jeffbot.db")
    }


async def title_of(home: Home, name: str) -> str:
    """A sound's title as the database has it."""
    sound = home.service.library.find(OPERATOR, name)
    (kept,) = await home.store.read(lambda records: records.sounds.get([sound.id], home.catalog.folder.of))
    return kept.sound.title


async def test_restore(home: Home, tmp_path: Path) -> None:
    """Everything is as it was: edits are gone, files are back; what came since stays, what changed is put aside."""
    await furnish(home, None)
    await home.add(OPERATOR, "mine.wav", 770)
    shared, mine = await facts(home, None), await facts(home, CAVE)
    assert await home.service.collections.back_up(tmp_path / "backup.zip") == 4

    async with home.watching():
        await home.service.library.edit(OPERATOR, "drum", title="Edited since")
        await home.service.people.change_favourites(BOB, remove=["drum"])
        (home.sounds / "plain.wav").unlink()
        tone(home.sounds / "drum.wav", 990)
        changed = (home.sounds / "drum.wav").read_bytes()
        tone(home.sounds / "came since.wav", 880)
        shutil.rmtree(home.sounds / f"guild-{CAVE}")
        await home.until(lambda: "came since.wav" in home.names and "mine.wav" not in home.names)

        assert await home.service.collections.restore(tmp_path / "backup.zip") == 3

    after = await facts(home, None)
    assert after.pop("came since.wav").details == Details()
    assert after == shared
    assert await facts(home, CAVE) == mine
    (aside,) = home.data.glob("replaced-*/*")
    assert (aside.name, aside.read_bytes()) == ("drum.wav", changed)
    assert [*home.sounds.rglob(".jeffbot-*"), *home.data.glob(".jeffbot-*")] == []


async def test_restore_elsewhere(home: Home, elsewhere: Home, tmp_path: Path) -> None:
    """A backup brought back on a new machine is the soundboard as it was, people included."""
    await furnish(home, CAVE)
    await home.service.people.choose(BOB, counted=False)
    await home.service.collections.back_up(tmp_path / "backup.zip")

    async with elsewhere.watching():
        assert await elsewhere.service.collections.restore(tmp_path / "backup.zip") == 3

    assert await facts(elsewhere, CAVE) == await facts(home, CAVE)
    entrances = await elsewhere.store.read(lambda records: [*records.people.entrances(CAVE)])
    assert {(item.subject_id, item.moment) for item in entrances if isinstance(item, Entrance)} == {
        (BOB, Moment.ENTRANCE),
        (BOB, Moment.EXIT),
    }
    assert not (await elsewhere.store.read(lambda records: records.people.choices(BOB))).counted


async def test_what_has_not_changed_is_left_alone(home: Home, tmp_path: Path) -> None:
    """Files that are as they were are not written again, though the disk had no room for all of them."""
    await furnish(home, None)
    await home.service.collections.back_up(tmp_path / "backup.zip")
    before = tree(home)

    assert await home.service.collections.restore(tmp_path / "backup.zip") == 0
    assert tree(home) == before


@pytest.mark.skipif(os.name == "nt", reason="Windows has no such names")
async def test_whatever_lies_in_the_folder(home: Home, tmp_path: Path) -> None:
    """Names that other systems forbid, files of long ago and folders elsewhere are kept; pipes are not waited for."""
    far = tone(tmp_path / "far" / "linked.wav", 300).parent
    (home.sounds / "link").symlink_to(far)
    for number, name in enumerate(("12:30.wav", "huh?.wav", "back\\slash.wav", "schön ☃.wav", "deep/er/a.wav")):
        os.utime(tone(home.sounds / name, 400 + 50 * number), (0, 0))
    os.mkfifo(home.sounds / "pipe.wav")
    (home.sounds / "folder.wav").mkdir()
    (home.sounds / os.fsdecode(b"\xff.wav")).touch()
    await home.catalog.scan()
    there = {sound.path: sound.file.read_bytes() for sound in home.catalog.all_sounds}

    assert await home.service.collections.back_up(tmp_path / "backup.zip") == len(there) == 6
    for path in there:
        (home.sounds / path).unlink()

    assert await home.service.collections.restore(tmp_path / "backup.zip") == 6
    assert {path: (home.sounds / path).read_bytes() for path in there} == there
    assert (home.sounds / "huh?.wav").stat().st_mtime == 0


async def test_tidied_meanwhile(home: Home, tmp_path: Path) -> None:
    """A bot that removes what was left behind does not take for that what is being brought back, however old it is."""
    os.utime(tone(home.sounds / "old.wav"), (0, 0))
    await home.catalog.scan()
    await home.service.collections.back_up(tmp_path / "backup.zip")
    (home.sounds / "old.wav").unlink()

    def tidy(_done: int, _total: int) -> None:
        remove_unfinished(home.sounds)

    assert await home.service.collections.restore(tmp_path / "backup.zip", tell=tidy) == 1
    assert home.files == ["old.wav"]


async def test_zipped_anew(home: Home, tmp_path: Path) -> None:
    """A backup that somebody unpacked, looked at and zipped again is still one."""
    await furnish(home, None)
    await home.service.collections.back_up(tmp_path / "backup.zip")
    with zipfile.ZipFile(tmp_path / "backup.zip") as archive:
        archive.extractall(tmp_path / "looked at")
    anew = shutil.make_archive(str(tmp_path / "anew"), "zip", tmp_path / "looked at")
    (home.sounds / "drum.wav").unlink()

    assert await home.service.collections.restore(Path(anew)) == 1
    assert (home.sounds / "drum.wav").exists()


async def test_no_secret(home: Home, tmp_path: Path) -> None:
    """Neither the secret nor anything else of the data folder is in a backup; sounds, bin and the database are."""
    await furnish(home, None)
    (home.data / "secret").write_text(SECRET)
    horn = await home.add(OPERATOR, "horn.wav", 770)
    await home.service.bin.delete(OPERATOR, horn.id)

    await home.service.collections.back_up(tmp_path / "backup.zip")

    with zipfile.ZipFile(tmp_path / "backup.zip") as archive:
        assert sorted(archive.namelist()) == [
            f"bin/{horn.id}.wav",
            "jeffbot.db",
            "sounds/Lärm/ganz laut/hörn.wav",
            "sounds/drum.wav",
            "sounds/plain.wav",
        ]
        assert not any(SECRET.encode() in archive.read(name) for name in archive.namelist())


# The bin


async def deleted_horn(home: Home, hertz: float = 440) -> Sound:
    """A sound that was deleted, of which much is known."""
    horn = await home.add(MEMBER, "horn.wav", hertz, below="memes", details=Details(title="Air Horn"), plays=17)
    await home.service.bin.delete(MEMBER, horn.id)
    return horn


async def test_deleted_sounds_elsewhere(home: Home, elsewhere: Home, tmp_path: Path) -> None:
    """What could be restored when a backup was made can be, where that was brought back."""
    horn = await deleted_horn(home)
    content = home.bin.ids()[horn.id].read_bytes()
    assert await home.service.collections.back_up(tmp_path / "backup.zip") == 0

    assert await elsewhere.service.collections.restore(tmp_path / "backup.zip") == 0
    await elsewhere.service.bin.settle()
    back = await elsewhere.service.bin.restore(MEMBER, horn.id)

    assert (back.id, back.title, back.path, back.file.read_bytes()) == (horn.id, "Air Horn", "memes/horn.wav", content)
    assert (back.size, back.modified_ns) == (horn.size, horn.modified_ns)
    assert (await elsewhere.service.library.story(OPERATOR, horn.id)).plays == 17
    assert not [*elsewhere.data.glob("replaced-*")]


@pytest.mark.parametrize("ending", ["wav", "mp3"])
async def test_another_of_its_number(home: Home, elsewhere: Home, tmp_path: Path, ending: str) -> None:
    """Where the bin has another sound under the same number that is put aside; nothing else of it is touched."""
    horn = await deleted_horn(home)
    content = home.bin.ids()[horn.id].read_bytes()
    await home.service.collections.back_up(tmp_path / "backup.zip")
    other = tone(elsewhere.data / "bin" / f"{horn.id}.{ending}", 990).read_bytes()
    tone(elsewhere.data / "bin" / "99.wav", 990)

    await elsewhere.service.collections.restore(tmp_path / "backup.zip")

    assert {path.name for path in elsewhere.bin.folder.iterdir()} == {f"{horn.id}.wav", "99.wav"}
    (aside,) = elsewhere.data.glob("replaced-*-bin/*")
    assert (aside.name, aside.read_bytes()) == (f"{horn.id}.{ending}", other)
    assert (await elsewhere.service.bin.restore(MEMBER, horn.id)).file.read_bytes() == content


async def test_deleted_since(home: Home, tmp_path: Path) -> None:
    """What was deleted after a backup is there again, once; what was restored since can be restored again."""
    horn = await deleted_horn(home)
    drum = await home.add(MEMBER, "drum.wav", 550)
    await home.service.collections.back_up(tmp_path / "backup.zip")
    await home.service.bin.restore(MEMBER, horn.id)
    await home.service.bin.delete(MEMBER, drum.id)

    await home.service.collections.restore(tmp_path / "backup.zip")
    await home.service.bin.settle()
    await home.catalog.scan()

    assert home.service.library.find(MEMBER, "drum").id == drum.id
    assert [item.sound_id for item in await home.service.bin.deleted(MEMBER)] == [horn.id]
    assert (home.files, [*home.bin.ids()]) == ([f"guild-{CAVE}/drum.wav"], [horn.id])


@pytest.mark.parametrize("verb", ["delete", "restore"])
@pytest.mark.parametrize("step", [1, 2])
async def test_changed_while_backed_up(home: Home, elsewhere: Home, tmp_path: Path, verb: str, step: int) -> None:
    """A sound that is deleted or restored while a backup is written is in it all the same."""
    drum, horn = await home.add(MEMBER, "drum.wav", 550), await deleted_horn(home)
    copy = tmp_path / "copy.db"
    await home.store.copy_to(copy)
    content = {"delete": drum.file, "restore": home.bin.ids()[horn.id]}[verb].read_bytes()

    def change(done: int, _total: int) -> None:
        if done == step and verb == "delete":
            home.bin.put(drum.id, drum.file)
        elif done == step:
            home.bin.take(horn.id, horn.file)

    places = Places(home.sounds, home.bin, copy)
    await asyncio.to_thread(pack, tmp_path / "backup.zip", places, change)
    await elsewhere.service.collections.restore(tmp_path / "backup.zip")
    await elsewhere.service.bin.settle()

    files = [*elsewhere.sounds.rglob("*.wav"), *elsewhere.bin.folder.glob("*.wav")]
    assert content in {file.read_bytes() for file in files}


async def test_backup_without_a_bin(home: Home, tmp_path: Path) -> None:
    """A backup of an earlier version is brought back, and the bin goes on having what it has."""
    await furnish(home, None)
    horn = await deleted_horn(home, 770)
    await home.service.collections.back_up(tmp_path / "backup.zip")
    with (
        zipfile.ZipFile(tmp_path / "backup.zip") as archive,
        zipfile.ZipFile(tmp_path / "earlier.zip", "w") as earlier,
    ):
        for name in archive.namelist():
            if not name.startswith("bin/"):
                earlier.writestr(name, archive.read(name))
    (home.sounds / "drum.wav").unlink()

    assert await home.service.collections.restore(tmp_path / "earlier.zip") == 1
    await home.service.bin.settle()
    assert (await home.service.bin.restore(MEMBER, horn.id)).title == "Air Horn"


async def test_killed_while_restoring(home: Home, tmp_path: Path) -> None:
    """A restore that was killed before the database was replaced, and a start after it, lose nothing: once more."""
    await furnish(home, None)
    horn = await deleted_horn(home, 770)
    content = home.bin.ids()[horn.id].read_bytes()
    before = await facts(home, None)
    await home.service.collections.back_up(tmp_path / "backup.zip")
    await home.service.bin.restore(MEMBER, horn.id)
    await home.service.bin.delete(OPERATOR, home.service.library.find(OPERATOR, "plain").id)
    (home.sounds / "drum.wav").unlink()
    await home.catalog.scan()

    places = Places(home.sounds, home.bin, tmp_path / "copy.db")
    await asyncio.to_thread(unpack, tmp_path / "backup.zip", places, home.data / "replaced-first")
    await home.service.bin.settle()
    await home.catalog.scan()
    await home.service.collections.restore(tmp_path / "backup.zip")
    await home.service.bin.settle()

    assert await facts(home, None) == before
    assert (await home.service.bin.restore(MEMBER, horn.id)).file.read_bytes() == content


# What is no backup


def damaged(name: str) -> Callable[[Path], None]:
    """Turns one bit of an entry's content over."""

    def damage(backup: Path) -> None:
        with zipfile.ZipFile(backup) as archive:
            entry = archive.getinfo(name)
        content = bytearray(backup.read_bytes())
        content[entry.header_offset + 30 + len(name.encode()) + entry.compress_size // 2] ^= 1
        backup.write_bytes(content)

    return damage


def with_entry(name: str) -> Callable[[Path], None]:
    """Puts one more file into it."""

    def add(backup: Path) -> None:
        with zipfile.ZipFile(backup, "a") as archive:
            archive.writestr(name, b"it was here")

    return add


def with_database(make: Callable[[Path], object]) -> Callable[[Path], None]:
    """Has another database in it."""

    def replace(backup: Path) -> None:
        database = backup.with_name("made.db")
        with zipfile.ZipFile(backup) as archive:
            sounds = {name: archive.read(name) for name in archive.namelist() if name != "jeffbot.db"}
            database.write_bytes(archive.read("jeffbot.db"))
        make(database)
        with zipfile.ZipFile(backup, "w") as archive:
            archive.write(database, "jeffbot.db")
            for name, content in sounds.items():
                archive.writestr(name, content)
        database.unlink()

    return replace


def sql(script: str) -> Callable[[Path], None]:
    def run(database: Path) -> None:
        with contextlib.closing(sqlite3.connect(database)) as opened:
            opened.executescript(script)

    return run


def bomb(backup: Path) -> None:
    """Puts a file into it that unpacks to a gibibyte."""
    with (
        zipfile.ZipFile(backup, "a", zipfile.ZIP_DEFLATED) as archive,
        archive.open("sounds/bomb.wav", "w", force_zip64=True) as out,
    ):
        for _ in range(256):
            out.write(bytes(1 << 20))


def another_zip(backup: Path) -> None:
    with zipfile.ZipFile(backup, "w") as archive:
        archive.writestr("report.txt", "of something else")


BAD: dict[str, Callable[[Path], object]] = {
    "nothing": lambda backup: backup.write_bytes(b""),
    "text": lambda backup: backup.write_text("hello"),
    "cut off": lambda backup: os.truncate(backup, backup.stat().st_size // 2),
    "a sound is damaged": damaged("sounds/plain.wav"),
    "the database is damaged": damaged("jeffbot.db"),
    "another zip": another_zip,
    "a folder up": with_entry("sounds/../evil.wav"),
    "far up": with_entry("../../evil.wav"),
    "absolute": with_entry("/evil.wav"),
    "absolute below": with_entry("sounds//evil.wav"),
    "hidden": with_entry("sounds/.evil.wav"),
    "no sound": with_entry("sounds/evil.py"),
    "no number in the bin": with_entry("bin/evil.wav"),
    "no sound in the bin": with_entry("bin/9.py"),
    "below the bin": with_entry("bin/9/9.wav"),
    "out of the bin": with_entry("bin/../9.wav"),
    "a number too large": with_entry(f"bin/{10**19}.wav"),
    "one of the bin is damaged": damaged("bin/4.wav"),
    "no database": with_database(lambda database: database.write_bytes(b"no database" * 1000)),
    "another database": with_database(sql("DROP TABLE sounds")),
    "a newer database": with_database(sql("UPDATE alembic_version SET version_num = '9999'")),
    "a bomb": bomb,
}


@pytest.mark.parametrize("make", BAD.values(), ids=BAD)
async def test_bad_backup(home: Home, tmp_path: Path, make: Callable[[Path], object]) -> None:
    """What is no whole backup is refused with a sentence, and nothing has changed: neither files nor what is kept."""
    await furnish(home, None)
    assert (await deleted_horn(home, 770)).id == 4
    backup = tmp_path / "backup.zip"
    await home.service.collections.back_up(backup)
    await home.service.library.edit(OPERATOR, "drum", title="Edited since")
    tone(home.data / "bin" / "4.wav", 990)
    tone(home.sounds / "drum.wav", 990)
    before, outside = tree(home), {*tmp_path.rglob("*.py"), *tmp_path.rglob("evil*")}
    make(backup)

    with pytest.raises(SoundboardError) as refused:
        await home.service.collections.restore(backup)

    assert isinstance(refused.value, CollectionError)
    assert str(tmp_path) not in str(refused.value)
    assert tree(home) == before
    assert {*tmp_path.rglob("*.py"), *tmp_path.rglob("evil*")} == outside
    assert await title_of(home, "drum.wav") == "Edited since"


async def test_no_room(home: Home, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where the disk has no room for a backup it says so before anything has changed, and likewise if that runs out."""
    await furnish(home, None)
    large = write_tone(home.sounds / "large.wav", 440, 30)
    await home.catalog.scan()
    await home.service.collections.back_up(tmp_path / "backup.zip")
    large.unlink()
    tone(home.sounds / "drum.wav", 990)
    before = tree(home)

    with small_disk(2 << 20), pytest.raises(CollectionError, match="is full"):
        await home.service.collections.restore(tmp_path / "backup.zip")
    assert tree(home) == before

    usage = shutil.disk_usage(tmp_path)
    monkeypatch.setattr(shutil, "disk_usage", lambda _: usage._replace(free=66 << 20))
    with pytest.raises(CollectionError, match="make room"):
        await home.service.collections.restore(tmp_path / "backup.zip")
    assert tree(home) == before


# While a bot plays


@pytest.fixture
def long_sound(sounds_dir: Path) -> Path:
    """One that plays for as long as a test lasts."""
    return write_tone(sounds_dir / "long.wav", 440, 60)


@pytest.mark.play
async def test_while_a_bot_plays(long_sound: Path, stage: Stage, remote: RemoteClient, tmp_path: Path) -> None:
    """A sound plays through backup and restore without a gap; then the bot shows what was restored."""
    service = stage.service
    await service.library.edit(stage.alice.id, "low.wav", title="As it was")
    await remote.play(long_sound.name)
    ear = stage.ear
    await stage.discord.until(lambda: len(ear.packets) > 50)
    start = len(ear.packets)

    await service.collections.back_up(tmp_path / "backup.zip")
    await service.library.edit(stage.alice.id, "low.wav", title="Edited since")
    await asyncio.to_thread(write_tone, long_sound.with_name("high.wav"), 990)
    assert await service.collections.restore(tmp_path / "backup.zip") == 1
    assert "As it was" in {sound.title for sound in service.sounds(caller=stage.alice.id)}

    await stage.discord.until(lambda: len(ear.packets) > start + 50)
    heard = Recording(ear.packets[start:])
    assert heard.largest_gap < GAP
    assert heard.lost == 0
    assert (await remote.status()).now_playing is not None
    await remote.stop()
