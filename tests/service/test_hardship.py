"""Full disks, folders that are not ours, clocks that jump, and several processes at work on one library."""

import asyncio
import os
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import pytest

from jeffbot.errors import StoreError
from jeffbot.files import hash_of
from jeffbot.models import Caller, Details, GuildId, Standing
from jeffbot.store.values import File
from service.home import ADMIN, CAVE, MEMBER, OPERATOR, Home, at_home, tone
from store.program import facts

TESTS = Path(__file__).parent.parent
PATIENCE = 60.0
NOTICED = 3.0
"""Seconds within which a bot shows what another process changed."""
YEAR = 365.25 * 86_400

PROGRAM = """
import asyncio, os, resource, sys
from pathlib import Path
from jeffbot.errors import SoundboardError
from service.home import OPERATOR, at_home

sounds, data, source = map(Path, sys.argv[1:])

async def main():
    async with at_home(sounds, data) as home:
        {trouble}
        for work in ({works}):
            try:
                await work
            except SoundboardError as error:
                print(error)

asyncio.run(main())
"""


def run(folders: list[Path], trouble: str, *works: str) -> list[str]:
    """Have a soundboard in a process of its own do some things that it will be refused; what it is told."""
    ran = subprocess.run(
        [sys.executable, "-c", PROGRAM.format(trouble=trouble, works="".join(f"{work}, " for work in works)), *folders],
        env={**os.environ, "PYTHONPATH": f"{TESTS}:{TESTS.parent}"},
        capture_output=True,
        text=True,
        timeout=PATIENCE,
        check=False,
    )
    assert "Traceback" not in ran.stderr, ran.stderr
    return ran.stdout.splitlines()


def collection(folder: Path, count: int) -> Path:
    """A folder of that many sounds."""
    for number in range(count):
        tone(folder / f"tone {number}.wav", 300 + 10 * number)
    return folder


async def is_in_order(home: Home) -> None:
    """Each file is that of one sound, and nothing else is left."""
    await home.service.bin.settle()
    await home.catalog.scan()
    there = {i for i, fact in (await facts(home)).items() if fact.state == "there"}
    assert {sound.id for sound in home.catalog.all_sounds} == there
    assert home.files == sorted(sound.file.relative_to(home.sounds).as_posix() for sound in home.catalog.all_sounds)
    assert [file.name for file in home.data.iterdir() if file.name.startswith(".")] == []


# Disks


@pytest.mark.skipif(
    resource.getrlimit(resource.RLIMIT_FSIZE)[1] != resource.RLIM_INFINITY, reason="files are limited here"
)
async def test_disk_fills_during_an_import(sounds: Path, data: Path, tmp_path: Path) -> None:
    """What came in before it was full stays, whole; with more room the import goes on where it ended."""
    source = collection(tmp_path / "collection", 40)
    limit = "resource.setrlimit(resource.RLIMIT_FSIZE, (1_000_000, resource.RLIM_INFINITY))"

    (said,) = await asyncio.to_thread(run, [sounds, data, source], limit, "home.service.collections.take_in(source)")

    assert said.startswith("What is kept cannot be used now: the disk of the data folder")
    async with at_home(sounds, data) as home:
        await is_in_order(home)
        came = len(home.names)
        assert 0 < came < 40

        imported = await home.service.collections.take_in(source)

        assert (len(imported.added), imported.known, imported.refused) == (40 - came, came, [])
        contents = sorted(hash_of(sound.file) for sound in home.catalog.all_sounds)
        assert contents == sorted(hash_of(file) for file in source.iterdir())
        await is_in_order(home)


async def test_sounds_folder_is_not_ours(migrated: Path) -> None:
    """Where the sounds folder may only be read nothing comes or goes, with the reason; the rest is done."""
    with tempfile.TemporaryDirectory() as place:  # pytest's own folders are closed to other users
        sounds, data, source = (Path(place) / name for name in ("sounds", "data", "more"))
        sounds.mkdir()
        data.mkdir()
        (data / "jeffbot.db").write_bytes(migrated.read_bytes())
        collection(source, 2)
        async with at_home(sounds, data) as home:
            horn = await home.service.library.add(OPERATOR, tone(data / "came.wav", 990), "horn", shared=True)
        own(Path(place), 65534)
        sounds.chmod(0o555)

        told = await asyncio.to_thread(
            run,
            [sounds, data, source],
            "os.geteuid() or os.setuid(65534)",
            "home.service.library.add(OPERATOR, source / 'tone 0.wav', 'goat', shared=True)",
            "home.service.bin.delete(OPERATOR, 'horn')",
            "home.service.library.edit(OPERATOR, 'horn', title='Air Horn')",
        )

        own(Path(place), os.geteuid())
        sounds.chmod(0o755)
        assert len(told) == 2, told
        assert told[0].startswith("The bot may not write into the sounds folder")
        assert told[1].startswith("What is kept cannot be used now: the bin of deleted sounds cannot be used")
        async with at_home(sounds, data) as home:
            assert [(sound.id, sound.title) for sound in home.catalog.all_sounds] == [(horn.id, "Air Horn")]
            await is_in_order(home)


def own(folder: Path, user: int) -> None:
    """Give a folder and all in it to a user, where that can be done."""
    if os.geteuid() == 0:
        for file in (folder, *folder.rglob("*")):
            os.chown(file, user, -1)


# Backups


async def test_backup_of_a_place_that_was_used_twice(home: Home, tmp_path: Path) -> None:
    """What is at the place of a deleted sound of the same size is not taken for that one when it comes back."""
    old = await home.add(MEMBER, "horn", details=Details(title="Old"))
    content = hash_of(old.file)
    await home.service.bin.delete(MEMBER, old.id)
    new = await home.add(MEMBER, "horn", 990, details=Details(title="New"))
    expected = await facts(home)
    await home.service.collections.back_up(tmp_path / "backup.zip")
    new.file.unlink()

    await home.service.collections.restore(tmp_path / "backup.zip")
    await home.service.bin.settle()

    assert await facts(home) == expected
    assert hash_of((await home.service.bin.restore(MEMBER, old.id)).file) == content
    await is_in_order(home)


async def test_bin_after_a_backup_was_restored(home: Home, tmp_path: Path) -> None:
    """What was added and deleted since is put aside: it comes up as no other sound that gets its number."""
    await home.service.collections.back_up(tmp_path / "backup.zip")
    since = await home.add(MEMBER, "since")
    content = hash_of(since.file)
    await home.service.bin.delete(MEMBER, since.id)

    await home.service.collections.restore(tmp_path / "backup.zip")
    horn = await home.add(MEMBER, "horn", 990)
    assert horn.id == since.id
    await home.service.bin.settle()

    assert home.names == ["horn.wav"]
    assert [hash_of(file) for file in home.data.glob("replaced-bin/*")] == [content]
    await home.service.bin.delete(MEMBER, horn.id)
    assert (home.names, home.files) == ([], [])


# Clocks


@pytest.mark.parametrize("jump", [YEAR, -YEAR])
async def test_clock_jumps(home: Home, monkeypatch: pytest.MonkeyPatch, jump: float) -> None:
    """When the clock jumps by a year between any two things that are done, all are done."""
    told, jumps = time.time, [0.0]
    monkeypatch.setattr(time, "time", lambda: told() + jumps[0])

    horn = await home.add(MEMBER, "horn", details=Details(title="Air Horn"))
    jumps[0] = jump
    goat = await home.add(MEMBER, "goat", 990, details=Details(title="Goat"))
    jumps[0] = 0
    await home.service.library.edit(MEMBER, goat.id, gain=3.0)
    await home.service.bin.delete(MEMBER, horn.id)
    jumps[0] = jump
    restored = await home.service.bin.restore(MEMBER, horn.id)
    jumps[0] = 0
    await home.service.library.edit(MEMBER, horn.id, title="Horn")
    await home.store.flush()

    assert restored.id == horn.id
    assert {(sound.id, sound.title, sound.details.gain) for sound in home.catalog.all_sounds} == {
        (horn.id, "Horn", 0.0),
        (goat.id, "Goat", 3.0),
    }
    await is_in_order(home)


@pytest.mark.parametrize("jump", [YEAR, -YEAR])
async def test_clock_jumps_at_one_place(home: Home, monkeypatch: pytest.MonkeyPatch, jump: float) -> None:
    """A sound gets what is said of it, not of another that was to be at its place by another clock."""
    told, jumps = time.time, [0.0]
    monkeypatch.setattr(time, "time", lambda: told() + jumps[0])
    interrupted = File(CAVE, "horn.wav", 5, 1)
    await home.store.write(
        lambda records: records.sounds.expect(interrupted, details=Details(title="Never came"), now=time.time())
    )

    jumps[0] = jump
    horn = await home.add(MEMBER, "horn", details=Details(title="Air Horn"))
    assert horn.title == "Air Horn"

    await home.service.bin.delete(MEMBER, horn.id)
    jumps[0] = 2 * jump
    again = await home.service.bin.restore(MEMBER, horn.id)
    assert (again.id, again.title) == (horn.id, "Air Horn")


# Several processes


async def test_two_bots(home: Home) -> None:
    """The second bot on a data folder plays what is there, and says why it keeps nothing."""
    horn = await home.add(OPERATOR, "horn", details=Details(title="Air Horn"))
    async with at_home(home.sounds, home.data) as second:
        assert [sound.name for sound in second.catalog.sounds(CAVE)] == home.names == ["horn.wav"]

        for change in (
            second.service.library.edit(OPERATOR, "horn", title="Mine"),
            second.service.bin.delete(OPERATOR, "horn"),
            second.add(OPERATOR, "goat", 990),
        ):
            with pytest.raises(StoreError, match="another bot uses the data folder; end that one, or give this one"):
                await change

    assert (await home.service.library.edit(OPERATOR, horn.id, gain=1.0)).title == "Air Horn"
    assert home.names == ["horn.wav"]
    await is_in_order(home)


async def test_import_beside_a_bot(home: Home, tmp_path: Path) -> None:
    """What the command line takes in is shown by a running bot three seconds later, with what is known of it."""
    async with at_home(tmp_path / "elsewhere", tmp_path / "other") as other:
        for number in range(3):
            title = Details(title=f"Tone {number}")
            caller = Caller(ADMIN, GuildId(82), Standing.OPERATOR)
            await other.add(caller, f"tone {number}", 300 + 10 * number, details=title)
        await other.service.collections.export(tmp_path / "export.zip", guild_id=GuildId(82))

    async with home.watching():
        command = "import", tmp_path / "export.zip", "--sounds", home.sounds, "--data-dir", home.data
        child = await asyncio.create_subprocess_exec(
            sys.executable,
            *("-c", "from jeffbot.cli import main; main()"),
            *command,
            env={**os.environ, "PYTHONPATH": str(TESTS.parent)},
            stdout=subprocess.DEVNULL,
        )
        assert await child.wait() == 0

        async with asyncio.timeout(NOTICED):
            await home.until(lambda: {s.title for s in home.catalog.sounds()} == {f"Tone {i}" for i in range(3)})
    await is_in_order(home)
