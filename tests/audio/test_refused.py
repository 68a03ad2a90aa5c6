"""Sounds that cannot be played, refused without harm to others."""

import asyncio
import os
from pathlib import Path

import pytest

from audio.banks import (
    Counter,
    Hang,
    MakeBank,
    completed,
    make_tone,
    sound_of,
    write,
)
from jeffbot.audio.bank import SoundBank
from jeffbot.audio.ffmpeg import find_ffmpeg
from jeffbot.errors import FFmpegMissingError, UnplayableSoundError
from jeffbot.models import Sound
from jeffbot.settings import Settings
from staging import write_tone


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"", "the file is empty"),
        (b"no audio " * 100, "ffmpeg cannot read it"),
        (b"OggS but no more", "ffmpeg cannot read it"),
        (None, "the file is gone"),
    ],
    ids=["empty", "garbage", "half", "gone"],
)
async def test_unplayable(
    bank: SoundBank, folder: Path, tone: Sound, tmp_path: Path, content: bytes | None, reason: str
) -> None:
    """A file without audio is refused with its name and the reason, not its place, and the bank works on."""
    bad = write(folder / "bad.mp3", content or b"")
    if content is None:
        bad.file.unlink()

    with pytest.raises(UnplayableSoundError, match=f'Cannot play "bad.mp3": {reason}') as caught:
        await bank.clip(bad)
    assert tmp_path.name not in str(caught.value)
    assert await bank.clip(tone)


async def test_unreadable(bank: SoundBank, folder: Path) -> None:
    """So is one that cannot be read."""
    with pytest.raises(UnplayableSoundError, match="cannot be read"):
        await bank.clip(sound_of(folder))


@pytest.mark.parametrize("kind", ["pipe", "link to a device"])
async def test_no_regular_file(bank: SoundBank, folder: Path, kind: str) -> None:
    """What gives bytes for ever, or never, is no sound, and is not waited for."""
    odd = folder / "odd.mp3"
    if kind == "pipe":
        os.mkfifo(odd)
    else:
        odd.symlink_to("/dev/zero")

    async with asyncio.timeout(5):
        with pytest.raises(UnplayableSoundError, match="it is no regular file"):
            await bank.clip(Sound(odd.name, odd.name, str(odd.parent), 1000, 0))


async def test_large_file(make_bank: MakeBank, folder: Path, counter: Counter) -> None:
    """A file beyond the limit is refused without being read."""
    large = write(folder / "large.wav", b"")
    os.truncate(large.file, (1 << 20) + 1)
    async with make_bank(max_bytes=1 << 20) as bank:
        with pytest.raises(UnplayableSoundError, match="the file is larger than 1 MiB"):
            await bank.clip(sound_of(large.file))

    assert (counter.encoded, counter.streamed) == (0, 0)


async def test_mended_file(bank: SoundBank, folder: Path) -> None:
    """A file that was refused is tried again, once it is mended."""
    with pytest.raises(UnplayableSoundError):
        await bank.clip(write(folder / "tone.wav", b"half a download"))

    assert await bank.clip(make_tone(folder / "tone.wav"))


async def test_refused_file_is_left_alone(bank: SoundBank, folder: Path, counter: Counter) -> None:
    """A file that was refused is not tried again, pressed or prepared, until it changes."""
    bad = write(folder / "tone.wav", b"no audio")
    await bank.prepare([bad])
    for _ in range(3):
        with pytest.raises(UnplayableSoundError, match="ffmpeg cannot read it"):
            await bank.clip(bad)
        await bank.prepare([bad])
    assert (counter.encoded, counter.streamed) == (1, 0)

    mended = make_tone(bad.file)
    await bank.prepare([mended])
    assert (bank.duration(mended), counter.encoded) == (0.2, 2)


@pytest.mark.parametrize("seconds", [0, 1])
async def test_silence(bank: SoundBank, folder: Path, seconds: float) -> None:
    """A sound file with nothing to hear in it is refused."""
    silence = sound_of(write_tone(folder / "tone.wav", 0, seconds))
    await bank.prepare([silence])
    with pytest.raises(UnplayableSoundError, match="it is silent"):
        await bank.clip(silence)


async def test_pressed_silence(bank: SoundBank, folder: Path) -> None:
    """It is also refused where it is pressed first."""
    with pytest.raises(UnplayableSoundError, match="it is silent"):
        await bank.clip(sound_of(write_tone(folder / "tone.wav", 0, 5)))


async def test_too_long(make_bank: MakeBank, folder: Path, cache: Path, counter: Counter) -> None:
    """A sound beyond the limit is refused and not kept on disk; one as long as the limit plays."""
    long, just = make_tone(folder / "long.wav", seconds=2), make_tone(folder / "just.wav", seconds=0.5)
    async with make_bank(max_seconds=0.5) as bank:
        await bank.prepare([long, just])
        with pytest.raises(UnplayableSoundError, match=r'"long.wav": it is longer than 0.5 s'):
            await bank.clip(long)
        assert len((await bank.clip(just)).packets) == 25

    assert (counter.encoded, len([*cache.iterdir()])) == (2, 1)


async def test_slow_sound(make_bank: MakeBank, tone: Sound, hang: "Hang") -> None:
    """A sound that takes too long is refused."""
    async with make_bank(hang.program, timeout=0.5) as bank:
        with pytest.raises(UnplayableSoundError, match=r"tone.wav.*not done within 0.5 s"):
            await bank.clip(tone)


async def test_slow_encoding(make_bank: MakeBank, tone: Sound, hang: "Hang") -> None:
    """A sound whose encoding took too long is streamed when it is pressed, but not encoded again until it changes."""
    async with make_bank(hang.only("ebur128"), timeout=1.5) as bank:
        first, again = await bank.prepare([tone]), await bank.prepare([tone])
        assert ["not done within 1.5 s" in str(error) for error in first.refused] == [True]
        assert again.total == 0
        await hang.running()
        clips = [await completed(await bank.clip(tone)) for _ in range(2)]
        assert [(clip.failed, len(clip.packets) >= 10) for clip in clips] == [(False, True)] * 2
        assert not hang.has_run
        preparing = asyncio.create_task(bank.prepare([make_tone(tone.file, seconds=0.3)]))
        await hang.running()
    await preparing


async def test_check_ffmpeg(make_bank: MakeBank, tmp_path: Path) -> None:
    """The bank tells which ffmpeg it has, or what to install."""
    async with make_bank() as bank:
        assert (await bank.check_ffmpeg()).startswith("ffmpeg version")
    async with make_bank(tmp_path / "gone") as bank:
        with pytest.raises(FFmpegMissingError, match="Install ffmpeg"):
            await bank.check_ffmpeg()


async def test_ffmpeg_goes_while_we_run(make_bank: MakeBank, tone: Sound, tmp_path: Path) -> None:
    """An ffmpeg that cannot be started makes sounds unplayable until the next preparing."""
    async with make_bank(tmp_path / "gone") as bank:
        with pytest.raises(UnplayableSoundError, match="does not start"):
            await bank.clip(tone)
        assert len((await bank.prepare([tone])).refused) == 1
        (tmp_path / "gone").symlink_to(find_ffmpeg(None))
        assert (await bank.prepare([tone])).encoded == 1


async def test_bank_of_settings(folder: Path, cache: Path, counter: Counter, tone: Sound) -> None:
    """Settings say how loud sounds become and how large a file may be."""
    extras = {"sounds_dir": folder, "data_dir": cache, "ffmpeg": counter.program, "max_sound_mib": 1, "loudness": -20}
    large = write(folder / "large.wav", bytes((1 << 20) + 1))
    async with SoundBank.of(Settings.load(extras, {})) as bank:
        await bank.prepare([tone, large])
        level = bank.level(tone)
        assert level
        assert level.gain == pytest.approx(-20 - (level.loudness or 0), abs=0.1)
        assert "larger than 1 MiB" in str(bank.encoding.refused[0])
