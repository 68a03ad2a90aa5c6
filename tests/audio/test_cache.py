"""What is kept on disk: whole, and as long as it is used."""

import logging
import os
import shutil
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from audio.banks import Counter, MakeBank, encoded, make_tone, sound_of, write
from jeffbot.audio.ffmpeg import find_ffmpeg
from jeffbot.models import Sound
from staging import write_tone


def kept(cache: Path) -> Path:
    """The one file in the cache."""
    (file,) = cache.iterdir()
    return file


@pytest.mark.parametrize(
    "damage",
    [
        pytest.param(lambda _: b"", id="empty"),
        pytest.param(lambda _: b"no clip", id="garbage"),
        pytest.param(lambda content: content[:-1], id="last byte gone"),
        pytest.param(lambda content: content[: len(content) // 2], id="half"),
        pytest.param(lambda content: content + content, id="twice"),
        pytest.param(lambda content: bytes(len(content)), id="zeros"),
        pytest.param(lambda content: content[:900] + bytes([content[900] ^ 1]) + content[901:], id="one bit"),
    ],
)
async def test_damaged_file(
    make_bank: MakeBank, tone: Sound, cache: Path, counter: Counter, damage: Callable[[bytes], bytes]
) -> None:
    """A kept file that is not whole is encoded anew and put right."""
    async with make_bank() as bank:
        first = await encoded(bank, tone)
    whole = kept(cache).read_bytes()
    kept(cache).write_bytes(damage(whole))
    async with make_bank() as bank:
        assert (await encoded(bank, tone)).packets == first.packets

    assert counter.encoded == 2
    assert kept(cache).read_bytes() == whole


async def test_cache_folder_is_a_file(
    make_bank: MakeBank, tone: Sound, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """Where nothing can be kept, sounds play all the same, and the log says so."""
    (tmp_path / "full").touch()
    async with make_bank(folder=tmp_path / "full") as bank:
        assert (await encoded(bank, tone)).packets

    assert "could not be kept on disk" in caplog.text


async def test_replaced_while_it_is_encoded(make_bank: MakeBank, tone: Sound, tmp_path: Path, counter: Counter) -> None:
    """What is encoded of a file that has just been replaced is not taken for the old one when that comes back."""
    old = shutil.copy(tone.file, tmp_path / "old.wav")
    new = write_tone(tmp_path / "new.wav", 880, seconds=0.4)
    swapping = tmp_path / "swapping-ffmpeg"
    swapping.write_text(f'#!/bin/sh\n[ -e "{new}" ] && mv "{new}" "{tone.file}"\nexec "{find_ffmpeg(None)}" "$@"\n')
    swapping.chmod(0o755)
    async with make_bank(swapping) as bank:
        long = await encoded(bank, tone)
    shutil.copy(old, tone.file)
    async with make_bank() as bank:
        short = await encoded(bank, sound_of(tone.file))

    assert (len(short.packets) < len(long.packets), counter.encoded) == (True, 1)


async def test_what_a_crash_left(make_bank: MakeBank, cache: Path) -> None:
    """Half-written files of an earlier run are removed, but not one that is being written now."""
    for name, age in ((".new-old", 7200), (".new-now", 0)):
        make_tone(cache / name)
        os.utime(cache / name, (time.time() - age, time.time() - age))
    async with make_bank():
        assert kept(cache).name == ".new-now"


async def test_nothing_is_left_beside_the_clip(make_bank: MakeBank, tone: Sound, folder: Path, cache: Path) -> None:
    """Of encoding, and of failing to, no other file stays; the sound's own is as it was."""
    content = tone.file.read_bytes()
    async with make_bank() as bank:
        await bank.prepare([tone, write(folder / "bad.mp3", b"no audio")])

    assert kept(cache).suffix == ".clip"
    assert sorted(file.name for file in folder.iterdir()) == ["bad.mp3", "tone.wav"]
    assert tone.file.read_bytes() == content


DAY = 86_400.0


def set_age(file: Path, seconds: float) -> None:
    os.utime(file, (time.time() - seconds, time.time() - seconds))


def age_of(file: Path) -> float:
    return time.time() - file.stat().st_mtime


OTHER_PROFILE = "64k-20lufs-1.clip"


async def test_unused(
    make_bank: MakeBank, folder: Path, tone: Sound, cache: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """Preparing removes from disk what was not used for 30 days, whatever its profile, and says how much."""
    caplog.set_level(logging.INFO)
    async with make_bank() as bank:
        await bank.prepare([make_tone(folder / "gone.wav", 300)])
    set_age(kept(cache), 31 * DAY)
    names = {f"old.{OTHER_PROFILE}": 31, f"late.{OTHER_PROFILE}": 29, "notes.txt": 31}
    for name, days in names.items():
        (cache / name).touch()
        set_age(cache / name, days * DAY)
    async with make_bank() as bank:
        await bank.prepare([])
        assert len([*cache.iterdir()]) == 4, "an empty library may be a folder that is not there"
        await bank.prepare([tone])

    assert {file.name for file in cache.iterdir() if age_of(file) > DAY} == {f"late.{OTHER_PROFILE}", "notes.txt"}
    assert len([*cache.iterdir()]) == 3
    assert "not used for 30 days: 2" in caplog.text


async def test_used(make_bank: MakeBank, folder: Path, tone: Sound, cache: Path) -> None:
    """What the library uses stays, however long ago it was read, and 30 days more after it was taken out."""
    async with make_bank() as bank:
        await bank.prepare([tone])
    file = kept(cache)
    otherwise_encoded = file.with_name(f"{file.name.partition('.')[0]}.{OTHER_PROFILE}")
    otherwise_encoded.touch()
    async with make_bank() as bank:
        for sounds in ([tone], [make_tone(folder / "new.wav", 300)]):
            for old in (file, otherwise_encoded):
                set_age(old, 1000 * DAY)
            await bank.prepare(sounds)
            assert (age_of(file) < DAY, otherwise_encoded.exists()) == (True, False)
            otherwise_encoded.touch()


@pytest.mark.parametrize(("days", "noted"), [(2, True), (0.5, False)])
async def test_last_use(make_bank: MakeBank, tone: Sound, cache: Path, days: float, *, noted: bool) -> None:
    """A press that reads a sound from disk notes that it is used, once a day."""
    async with make_bank() as bank:
        await bank.prepare([tone])
    set_age(kept(cache), days * DAY)
    async with make_bank() as bank:
        await bank.clip(tone)

    assert (age_of(kept(cache)) < 0.4 * DAY) == noted


async def test_unused_that_cannot_be_removed(
    make_bank: MakeBank, tone: Sound, cache: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """Where something cannot be removed, the log says so in one line, and the rest is removed."""
    for name in ("a.clip", "b.clip", "c.clip"):
        (cache / name).mkdir(parents=True) if name != "b.clip" else (cache / name).touch()
        set_age(cache / name, 31 * DAY)
    async with make_bank() as bank:
        assert (await bank.prepare([tone])).encoded == 1

    assert {file.name for file in cache.iterdir() if len(file.name) < 10} == {"a.clip", "c.clip"}
    assert caplog.text.count("could not all be removed") == 1
