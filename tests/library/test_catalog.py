"""Which sounds exist, how they are found, and what happens when the folder changes."""

import asyncio
import contextlib
import os
import shutil
import threading
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import pytest

from jeffbot.errors import SoundNotFoundError
from jeffbot.library import watching as watching_module
from jeffbot.library.catalog import AT_ONCE, Catalog
from jeffbot.library.folder import SoundsFolder, shipped_sounds
from jeffbot.library.names import EXTENSIONS
from jeffbot.models import GuildId

PATIENCE = 20.0
"""How long a change may take to be noticed before a test fails, seconds."""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """An empty library."""
    folder = tmp_path / "library"
    folder.mkdir()
    return folder


def add(folder: Path, *paths: str) -> None:
    """Files that look like sounds."""
    for path in paths:
        file = folder / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(b"sound")


async def scan(folder: Path, *paths: str) -> Catalog:
    """The catalogue of a folder with these files in it; scanned, and closed again."""
    add(folder, *paths)
    async with Catalog(folder) as catalog:
        await catalog.scan()
    return catalog


def names(catalog: Catalog) -> list[str]:
    return [sound.name for sound in catalog.sounds()]


# What exists


async def test_sounds_are_sorted(folder: Path) -> None:
    """The sounds of all subfolders are listed by name, with their folders as tags."""
    catalog = await scan(folder, "b.mp3", "a.wav", "horns/loud/c.ogg")

    assert names(catalog) == ["a.wav", "b.mp3", "c.ogg"]
    assert (catalog.sounds()[2].path, catalog.sounds()[2].tags) == ("horns/loud/c.ogg", ("horns", "loud"))


@pytest.mark.parametrize("extension", sorted(EXTENSIONS))
async def test_extensions(folder: Path, extension: str) -> None:
    """A sound is told by its extension, in any case."""
    catalog = await scan(folder, f"a{extension}", f"b{extension.upper()}", f"c{extension}.txt")

    assert len(catalog.sounds()) == 2


async def test_what_is_no_sound(folder: Path) -> None:
    """Hidden files and folders, other files, and folders that are named like sounds are left out."""
    add(folder, ".hidden.mp3", ".git/a.mp3", "readme.txt", "mp3", "cover.jpg", "folder.mp3/notes.txt")

    assert names(await scan(folder)) == []


async def test_same_name_in_two_folders(folder: Path) -> None:
    """Files of one name are told apart by their path, by which each is found."""
    catalog = await scan(folder, "boom.mp3", "x/boom.mp3", "y/boom.mp3", "y/only.mp3")

    assert names(catalog) == ["boom.mp3", "only.mp3", "x/boom.mp3", "y/boom.mp3"]
    assert [catalog.find(path).path for path in ("boom.mp3", "x/boom.mp3", "y/boom", "y/only.mp3")] == [
        "boom.mp3",
        "x/boom.mp3",
        "y/boom.mp3",
        "y/only.mp3",
    ]


async def test_name_that_is_only_in_folders(folder: Path) -> None:
    """The bare name of such files still finds the first of them."""
    catalog = await scan(folder, "x/boom.mp3", "y/boom.mp3")

    assert catalog.find("boom.mp3").path == catalog.find("BOOM").path == "x/boom.mp3"


async def test_symbolic_links(folder: Path, tmp_path: Path) -> None:
    """Links to sounds and folders count; loops and links to nothing do no harm."""
    add(tmp_path, "elsewhere/far.mp3")
    add(folder, "sub/near.mp3")
    (folder / "linked").symlink_to(tmp_path / "elsewhere")
    (folder / "sub" / "loop").symlink_to(folder)
    (folder / "sub" / "self").symlink_to("self")
    (folder / "gone.mp3").symlink_to("nothing")

    assert names(await scan(folder)) == ["far.mp3", "near.mp3"]


async def test_name_that_is_not_utf_8(folder: Path, caplog: pytest.LogCaptureFixture) -> None:
    """A name that no client could be sent is left out, and the log says so."""
    add(folder, os.fsdecode(b"caf\xe9.mp3"))

    assert names(await scan(folder, "good.mp3")) == ["good.mp3"]
    assert r"not UTF-8 and is left out: b'caf\xe9.mp3'" in caplog.text


async def test_folder_is_a_file(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """What cannot be read as a folder counts as empty, and the log says so."""
    file = tmp_path / "library"
    file.touch()
    async with Catalog(file) as catalog:
        await catalog.open()

    assert names(catalog) == []
    assert "cannot be read" in caplog.text


# How a folder begins


async def test_missing_folder_is_filled(tmp_path: Path) -> None:
    """A folder that does not exist is made, with the shipped sounds in it and nothing beside it."""
    async with Catalog(tmp_path / "new" / "sounds") as catalog:
        await catalog.open()

    shipped = {file.name for file in shipped_sounds().iterdir() if file.suffix in EXTENSIONS}
    assert set(names(catalog)) == shipped != set()
    assert [entry.name for entry in (tmp_path / "new").iterdir()] == ["sounds"]
    assert (tmp_path / "new" / "sounds").stat().st_mode & 0o777 == 0o755


async def test_empty_folder_stays_empty(folder: Path) -> None:
    """An operator who wants no shipped sounds gets none."""
    async with Catalog(folder) as catalog:
        await catalog.open()

    assert (names(catalog), os.listdir(folder)) == ([], [])  # noqa: PTH208 - iterdir is called blocking


async def test_folder_that_cannot_be_made(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """Where no folder can be made, the log names the setting and the soundboard goes on."""
    (tmp_path / "file").touch()
    async with Catalog(tmp_path / "file" / "sounds") as catalog:
        await catalog.open()

    assert "JEFFBOT_SOUNDS_DIR" in caplog.text
    assert names(catalog) == []


# Finding


@pytest.mark.parametrize(
    ("wanted", "found"),
    [
        ("boom.mp3", "boom.mp3"),
        ("boom.mp3.wav", "boom.mp3.wav"),
        ("boom", "boom.mp3"),
        ("Boom", "Boom.ogg"),
        ("BOOM.MP3", "boom.mp3"),
        ("bOOM", "Boom.ogg"),
        ("Loud.MP3", "Loud.MP3.wav"),
        ("twin", "twin.mp3"),
        ("twin.wav", "twin.wav"),
        ("STRASSE", "straße.mp3"),
        ("cafe\u0301", "caf\u00e9.mp3"),
        ("CAF\u00c9.mp3", "caf\u00e9.mp3"),
        ("nin\u0303o", "nin\u0303o.mp3"),
        ("ni\u00f1o.mp3", "nin\u0303o.mp3"),
        ("two words", "two words.mp3"),
    ],
)
async def test_find(folder: Path, wanted: str, found: str) -> None:
    """The exact name wins, then the exact stem, then both without regard to case and Unicode form."""
    catalog = await scan(
        folder,
        *("boom.mp3", "boom.mp3.wav", "Boom.ogg", "twin.wav", "twin.mp3", "two words.mp3", "loud.mp3", "Loud.MP3.wav"),
        *("straße.mp3", "caf\u00e9.mp3", "nin\u0303o.mp3"),
    )

    assert catalog.find(wanted).name == found


@pytest.mark.parametrize(
    "name", ["", " ", "nope", "nope.mp3", "..", "../a.mp3", "/a.mp3", "a.", "\0", "a.mp3/", "\ud800"]
)
async def test_find_nothing(folder: Path, name: str) -> None:
    """A name that no sound has is refused, also one that would be a path elsewhere."""
    catalog = await scan(folder, "a.mp3")

    with pytest.raises(SoundNotFoundError):
        catalog.find(name)


def test_refusal_shows_the_name_safely() -> None:
    """The refusal has the seed's words, and of a long or odd name only what is fit to be shown."""
    assert str(SoundNotFoundError("nope.mp3")) == 'Sound "nope.mp3" not found'
    assert str(SoundNotFoundError("a\n\x1b[31m")) == r'Sound "a\n\x1b[31m" not found'
    assert len(str(SoundNotFoundError("x" * 5000))) < 130


# News


async def test_news_only_of_changes(folder: Path) -> None:
    """Listeners hear of the first scan, even of nothing, and then only of scans that changed something."""
    async with Catalog(folder) as catalog:
        heard: list[int] = []
        catalog.subscribe(lambda: heard.append(catalog.version))
        await catalog.scan()
        await catalog.scan()
        add(folder, "a.mp3")
        await catalog.scan()

    assert heard == [1, 2]


async def test_wait_ready(folder: Path) -> None:
    """Waiting for the sounds ends with the first scan."""
    async with Catalog(folder) as catalog, asyncio.timeout(PATIENCE):
        waiting = asyncio.create_task(catalog.wait_ready())
        await catalog.scan()
        await waiting


async def until(catalog: Catalog, condition: Callable[[], bool], patience: float = PATIENCE) -> None:
    """Wait for news after which the condition holds."""
    news = asyncio.Event()
    catalog.subscribe(news.set)
    async with asyncio.timeout(patience):
        while not condition():
            await news.wait()
            news.clear()


@pytest.fixture
async def watched(folder: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Catalog]:
    """A catalogue whose folder is being watched, with ``kept.mp3`` in it."""
    monkeypatch.setattr(watching_module, "LOOK_AGAIN", 0.2)
    add(folder, "kept.mp3")
    async with Catalog(folder) as catalog:
        await catalog.open()
        watching = asyncio.create_task(catalog.watch())
        number = 0
        while len(catalog.sounds()) < 2:  # until the watch is in place, files made are not noticed
            number += 1
            add(folder, f"probe {number}.mp3")
            with contextlib.suppress(TimeoutError):
                await until(catalog, lambda: len(catalog.sounds()) > 1, patience=0.5)
        yield catalog
        watching.cancel()
        await asyncio.wait([watching])


async def test_added_changed_removed(folder: Path, watched: Catalog) -> None:
    """Files that come, change and go are noticed, in subfolders too."""
    add(folder, "sub/new.mp3")
    await until(watched, lambda: "new.mp3" in names(watched))
    size = watched.find("new").size

    (folder / "sub" / "new.mp3").write_bytes(b"longer than before")
    await until(watched, lambda: watched.find("new").size > size)

    (folder / "sub" / "new.mp3").unlink()
    await until(watched, lambda: "new.mp3" not in names(watched))
    assert "kept.mp3" in names(watched)


async def test_folder_is_made_again(folder: Path, watched: Catalog) -> None:
    """A folder that is removed counts as empty; made again, it is watched again."""
    shutil.rmtree(folder)
    await until(watched, lambda: names(watched) == [])

    add(folder, "back.mp3")
    await until(watched, lambda: names(watched) == ["back.mp3"])
    add(folder, "again.mp3")
    await until(watched, lambda: names(watched) == ["again.mp3", "back.mp3"])


async def test_folder_is_replaced(folder: Path, watched: Catalog, tmp_path: Path) -> None:
    """Another folder that takes the place of the first, as deployments do, is noticed and watched."""
    add(tmp_path / "other", "other.mp3")
    shutil.move(folder, tmp_path / "old")
    shutil.move(tmp_path / "other", folder)
    await until(watched, lambda: names(watched) == ["other.mp3"])

    add(folder, "later.mp3")
    await until(watched, lambda: names(watched) == ["later.mp3", "other.mp3"])


async def test_folder_stays_missing(
    folder: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """A folder that stays away is looked for again and again, and missed in the log once."""
    monkeypatch.setattr(watching_module, "_MISSING_FOLDER_RETRY", 0.01)
    scan, scans = SoundsFolder.walk, []

    def noted_scan(folder: SoundsFolder) -> Any:
        scans.append(folder)
        return scan(folder)

    monkeypatch.setattr(SoundsFolder, "walk", noted_scan)
    async with Catalog(folder) as catalog, asyncio.timeout(PATIENCE):
        await catalog.open()
        shutil.rmtree(folder)
        watching = asyncio.create_task(catalog.watch())
        while len(scans) < 6:
            await asyncio.sleep(0.01)
        watching.cancel()
        await asyncio.wait([watching])

    assert caplog.text.count(str(folder)) == 1
    assert "cannot be read" in caplog.text


def threads() -> list[str]:
    return [thread.name for thread in threading.enumerate() if thread.name.startswith("jeffbot-catalog")]


async def test_closing_leaves_no_thread(folder: Path) -> None:
    """Cancelling the watch and leaving the context ends both threads, at once."""
    async with Catalog(folder) as catalog, asyncio.timeout(PATIENCE):
        await catalog.open()
        watching = asyncio.create_task(catalog.watch())
        await catalog.scan()
        assert threads() != []
        watching.cancel()
        await asyncio.wait([watching])

    assert (threads(), watching.cancelled()) == ([], True)


async def test_file_added_before_the_watch_began(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What came between the scan and the watch is noticed without a further change."""
    monkeypatch.setattr(watching_module, "LOOK_AGAIN", 0.1)
    async with Catalog(folder) as catalog:
        await catalog.open()
        add(folder, "early.mp3")
        watching = asyncio.create_task(catalog.watch())
        try:
            await until(catalog, lambda: names(catalog) == ["early.mp3"], patience=2)
        finally:
            watching.cancel()
            await asyncio.wait([watching])


async def test_many_at_once(folder: Path) -> None:
    """More files than are taken in at once are all there, found by a search, and gone again, after one scan."""
    many = [f"many {number}.mp3" for number in range(400)]
    async with Catalog(folder) as catalog:
        await catalog.open()
        add(folder, *many)
        await catalog.scan()
        assert (names(catalog), len(catalog.search("many", 1000))) == (sorted(many), 400)

        for name in many[:300]:
            (folder / name).unlink()
        await catalog.scan()
        assert (names(catalog), len(catalog.search("many", 1000))) == (sorted(many[300:]), 100)


async def test_event_loop_goes_on_while_many_come(folder: Path) -> None:
    """Many files that come at once do not hold up the event loop until they are all taken in."""
    async with Catalog(folder) as catalog:
        await catalog.open()
        counts = {len(catalog.sounds())}
        add(folder, *(f"many {number}.mp3" for number in range(400)))
        scanning = asyncio.create_task(catalog.scan())
        while not scanning.done():
            await asyncio.sleep(0)
            counts.add(len(catalog.sounds()))
        await scanning

    assert len(counts) > 400 // AT_ONCE


async def test_folder_of_no_guild(folder: Path) -> None:
    """A folder that is named like a guild's, but with no snowflake, is a folder like others."""
    catalog = await scan(folder, "guild-9223372036854775808/a.mp3", "guild-9223372036854775807/b.mp3", "guild-0/c.mp3")

    assert [sound.path for sound in catalog.sounds()] == ["guild-9223372036854775808/a.mp3", "guild-0/c.mp3"]
    assert names_of(catalog, GuildId(9223372036854775807)) == ["a.mp3", "b.mp3", "c.mp3"]


def names_of(catalog: Catalog, guild_id: GuildId) -> list[str]:
    return [sound.name for sound in catalog.sounds(guild_id)]
