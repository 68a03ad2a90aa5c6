"""Sounds as packets: encoded once, kept, held, and refused without harm to others."""

import asyncio
import os
import shutil
import threading
import time
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import AsyncExitStack
from pathlib import Path

import pytest

from jeffbot.audio.bank import Packets, SoundBank
from jeffbot.audio.ffmpeg import FFmpeg, find_ffmpeg
from jeffbot.errors import FFmpegMissingError, UnplayableSoundError
from jeffbot.models import Sound
from staging import write_tone

PATIENCE = 20.0
"""How long anything may take before a test fails, seconds."""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Where the sounds are."""
    folder = tmp_path / "library"
    folder.mkdir()
    return folder


@pytest.fixture
def cache(tmp_path: Path) -> Path:
    """Where the banks keep what they encoded."""
    return tmp_path / "cache"


@pytest.fixture
def tone(folder: Path) -> Sound:
    """A fifth of a second of tone."""
    return make_tone(folder / "tone.wav")


def make_tone(file: Path, hertz: float = 440, seconds: float = 0.2) -> Sound:
    return sound_of(write_tone(file, hertz, seconds))


def write(file: Path, content: bytes) -> Sound:
    """A file of this content, taken for a sound."""
    file.write_bytes(content)
    return sound_of(file)


def sound_of(file: Path) -> Sound:
    """The sound that a file is, as the catalogue would have it."""
    stat = file.stat()
    return Sound(file.name, file.name, file, stat.st_size, stat.st_mtime_ns)


class Counter:
    """The real ffmpeg behind a script that notes each run."""

    def __init__(self, folder: Path) -> None:
        self._log = folder / "runs"
        self.program = folder / "counting-ffmpeg"
        self.program.write_text(f'#!/bin/sh\necho run >> "{self._log}"\nexec "{find_ffmpeg(None)}" "$@"\n')
        self.program.chmod(0o755)

    @property
    def runs(self) -> int:
        """How often ffmpeg was started."""
        return len(self._log.read_text().splitlines()) if self._log.exists() else 0


@pytest.fixture
def counter(tmp_path: Path) -> Counter:
    """An ffmpeg that counts its runs."""
    return Counter(tmp_path)


type MakeBank = Callable[..., SoundBank]


@pytest.fixture
def make_bank(counter: Counter, cache: Path) -> MakeBank:
    """Make a bank on the shared cache folder; words are its settings."""

    def make(
        program: Path = counter.program,
        folder: Path = cache,
        memory_bytes: int = 1 << 24,
        max_seconds: float = 60,
        timeout: float = PATIENCE,
    ) -> SoundBank:
        ffmpeg = FFmpeg(program, timeout=timeout, max_seconds=max_seconds)
        return SoundBank(ffmpeg, folder, encoders=2, memory_bytes=memory_bytes, max_seconds=max_seconds)

    return make


@pytest.fixture
async def bank(make_bank: MakeBank) -> AsyncIterator[SoundBank]:
    """The usual bank."""
    async with make_bank() as bank:
        yield bank


# Encoded once


async def test_packets(bank: SoundBank, tone: Sound) -> None:
    """A sound becomes packets, and then its duration is known and it is at hand."""
    assert (bank.duration(tone), bank.ready(tone), bank.version) == (None, None, 0)
    packets = await bank.packets(tone)

    assert 10 <= len(packets) <= 12
    assert bank.duration(tone) == pytest.approx(len(packets) / 50)
    assert bank.ready(tone) is packets
    assert bank.version == 1


async def test_single_flight(bank: SoundBank, tone: Sound, counter: Counter) -> None:
    """Ten presses at once start one ffmpeg, and share what it gives."""
    results = await asyncio.gather(*(bank.packets(tone) for _ in range(10)))

    assert counter.runs == 1
    assert all(packets is results[0] for packets in results)


async def test_next_start(make_bank: MakeBank, tone: Sound, counter: Counter) -> None:
    """After a restart nothing is encoded again, also not a copy under another name."""
    async with make_bank() as bank:
        first = await bank.packets(tone)
    copy = sound_of(Path(shutil.copy(tone.file, tone.file.with_name("copy.wav"))))
    async with make_bank() as bank:
        assert await bank.packets(tone) == await bank.packets(copy) == first

    assert counter.runs == 1


async def test_changed_sound(bank: SoundBank, tone: Sound, counter: Counter) -> None:
    """A file that was replaced is another sound."""
    old = await bank.packets(tone)
    new = await bank.packets(make_tone(tone.file, 880, seconds=0.4))

    assert counter.runs == 2
    assert len(new) > len(old)


async def test_prepare(bank: SoundBank, folder: Path, counter: Counter, caplog: pytest.LogCaptureFixture) -> None:
    """Preparing encodes every sound once, and passes over those that cannot be encoded with a line in the log."""
    bad = write(folder / "bad.mp3", b"no audio")
    sounds = [make_tone(folder / f"{hertz}.wav", hertz) for hertz in (300, 400, 550)]
    await bank.prepare([sounds[0], bad, *sounds[1:]])
    runs = counter.runs
    await bank.prepare(sounds)

    assert (counter.runs, runs) == (4, 4)
    assert all(bank.ready(sound) for sound in sounds)
    assert "bad.mp3" in caplog.text


async def test_durations_of_gone_sounds_are_forgotten(bank: SoundBank, folder: Path) -> None:
    """Preparing other sounds forgets the durations of those that are gone."""
    old, new = make_tone(folder / "old.wav", 300), make_tone(folder / "new.wav", 400)
    await bank.prepare([old])
    await bank.prepare([new])

    assert bank.duration(old) is None
    assert bank.duration(new) is not None


# Kept on disk


def kept(cache: Path) -> Path:
    """The one file in the cache."""
    (file,) = cache.iterdir()
    return file


@pytest.mark.parametrize(
    "damage",
    [
        pytest.param(lambda _: b"", id="empty"),
        pytest.param(lambda _: b"not Ogg", id="garbage"),
        pytest.param(lambda content: content[:-1], id="last byte gone"),
        pytest.param(lambda content: content[: len(content) // 2], id="half"),
        pytest.param(lambda content: content + content, id="twice"),
        pytest.param(lambda content: bytes(len(content)), id="zeros"),
    ],
)
async def test_damaged_file(
    make_bank: MakeBank, tone: Sound, cache: Path, counter: Counter, damage: Callable[[bytes], bytes]
) -> None:
    """A kept file that is not whole is encoded anew and put right."""
    async with make_bank() as bank:
        packets = await bank.packets(tone)
    whole = kept(cache).read_bytes()
    kept(cache).write_bytes(damage(whole))
    async with make_bank() as bank:
        assert await bank.packets(tone) == packets

    assert counter.runs == 2
    assert len(kept(cache).read_bytes()) == len(whole)


async def test_cache_folder_is_a_file(
    make_bank: MakeBank, tone: Sound, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """Where nothing can be kept, sounds play all the same, and the log says so."""
    (tmp_path / "full").touch()
    async with make_bank(folder=tmp_path / "full") as bank:
        assert await bank.packets(tone)

    assert "could not be kept on disk" in caplog.text


async def test_replaced_while_it_is_encoded(make_bank: MakeBank, tone: Sound, tmp_path: Path, counter: Counter) -> None:
    """What is encoded of a file that has just been replaced is not taken for the old one when that comes back."""
    old = shutil.copy(tone.file, tmp_path / "old.wav")
    new = write_tone(tmp_path / "new.wav", 880, seconds=0.4)
    swapping = tmp_path / "swapping-ffmpeg"
    swapping.write_text(f'#!/bin/sh\nmv "{new}" "{tone.file}"\nexec "{find_ffmpeg(None)}" "$@"\n')
    swapping.chmod(0o755)
    async with make_bank(swapping) as bank:
        long = await bank.packets(tone)
    shutil.copy(old, tone.file)
    async with make_bank() as bank:
        short = await bank.packets(sound_of(tone.file))

    assert (len(short) < len(long), counter.runs) == (True, 1)


async def test_what_a_crash_left(make_bank: MakeBank, cache: Path) -> None:
    """Half-written files of an earlier run are removed, but not one that is being written now."""
    for name, age in ((".new-old", 3600), (".new-now", 0)):
        make_tone(cache / name)
        os.utime(cache / name, (time.time() - age, time.time() - age))
    async with make_bank():
        assert kept(cache).name == ".new-now"


# Held in memory


def cost(packets: Packets) -> int:
    """About what packets take in memory."""
    return sum(len(packet) + 41 for packet in packets)


async def test_memory_budget(make_bank: MakeBank, folder: Path, counter: Counter) -> None:
    """Beyond the budget the least recently used sound is let go, and comes back from disk."""
    one, two, three = (make_tone(folder / f"{hertz}.wav", hertz) for hertz in (300, 310, 330))
    async with make_bank() as bank:
        size = max([cost(await bank.packets(sound)) for sound in (one, two, three)])
    async with make_bank(memory_bytes=size * 5 // 2) as bank:
        for sound in (one, two, one, three):
            await bank.packets(sound)
        assert [bank.ready(sound) is not None for sound in (one, two, three)] == [True, False, True]
        assert await bank.packets(two)
        assert bank.duration(two) is not None

    assert counter.runs == 3


async def test_sound_larger_than_the_budget(make_bank: MakeBank, tone: Sound) -> None:
    """A single sound beyond the budget plays too."""
    async with make_bank(memory_bytes=1) as bank:
        assert await bank.packets(tone)


# Refused


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
        await bank.packets(bad)
    assert tmp_path.name not in str(caught.value)
    assert await bank.packets(tone)


async def test_unreadable(bank: SoundBank, folder: Path) -> None:
    """So is one that cannot be read."""
    with pytest.raises(UnplayableSoundError, match="cannot be read"):
        await bank.packets(sound_of(folder))


async def test_mended_file(bank: SoundBank, folder: Path) -> None:
    """A file that was refused is tried again, once it is mended."""
    with pytest.raises(UnplayableSoundError):
        await bank.packets(write(folder / "tone.wav", b"half a download"))

    assert await bank.packets(make_tone(folder / "tone.wav"))


async def test_refused_file_is_left_alone(bank: SoundBank, folder: Path, counter: Counter) -> None:
    """A file that was refused is not tried again, pressed or prepared, until it changes."""
    bad = write(folder / "tone.wav", b"no audio")
    for _ in range(3):
        with pytest.raises(UnplayableSoundError, match="ffmpeg cannot read it"):
            await bank.packets(bad)
        await bank.prepare([bad])
    assert counter.runs == 1

    mended = make_tone(bad.file)
    await bank.prepare([mended])
    assert (bank.ready(mended) is not None, counter.runs) == (True, 2)


async def test_sound_without_samples(bank: SoundBank, folder: Path) -> None:
    """A sound file with no sound in it is refused."""
    with pytest.raises(UnplayableSoundError):
        await bank.packets(make_tone(folder / "tone.wav", seconds=0))


async def test_too_long(make_bank: MakeBank, folder: Path, counter: Counter) -> None:
    """A sound beyond the limit is refused and not kept on disk; one as long as the limit plays."""
    async with make_bank(max_seconds=0.5) as bank:
        with pytest.raises(UnplayableSoundError, match=r'"long.wav": it is longer than 0.5 s'):
            await bank.packets(make_tone(folder / "long.wav", seconds=2))
        assert await bank.packets(make_tone(folder / "just.wav", seconds=0.5))
        with pytest.raises(UnplayableSoundError):
            await bank.packets(sound_of(folder / "long.wav"))

    assert counter.runs == 2  # a refused file is not tried again until it changes


async def test_slow_encoding(make_bank: MakeBank, tone: Sound, hang: "Hang") -> None:
    """A sound whose encoding takes too long is refused."""
    async with make_bank(hang.program, timeout=0.5) as bank:
        with pytest.raises(UnplayableSoundError, match=r"tone.wav.*not done within 0.5 s"):
            await bank.packets(tone)


async def test_check_ffmpeg(make_bank: MakeBank, tmp_path: Path) -> None:
    """The bank tells which ffmpeg it has, or what to install."""
    async with make_bank() as bank:
        assert (await bank.check_ffmpeg()).startswith("ffmpeg version")
    async with make_bank(tmp_path / "gone") as bank:
        with pytest.raises(FFmpegMissingError, match="Install ffmpeg"):
            await bank.check_ffmpeg()


async def test_ffmpeg_goes_while_we_run(make_bank: MakeBank, tone: Sound, tmp_path: Path) -> None:
    """An ffmpeg that cannot be started makes sounds unplayable, and is no end of preparing."""
    async with make_bank(tmp_path / "gone") as bank:
        await bank.prepare([tone])


# Cancelled and closed


class Hang:
    """An ffmpeg that tells when it runs, and does not end by itself."""

    def __init__(self, folder: Path) -> None:
        self._pipe = folder / "running"
        os.mkfifo(self._pipe)
        self._fd = os.open(self._pipe, os.O_RDWR | os.O_NONBLOCK)
        self.program = folder / "hanging-ffmpeg"
        self.program.write_text(f'#!/bin/sh\necho $$ > "{self._pipe}"\nexec sleep 600\n')
        self.program.chmod(0o755)

    async def running(self) -> int:
        """The process id, once it runs."""
        loop, readable = asyncio.get_running_loop(), asyncio.Event()
        loop.add_reader(self._fd, readable.set)
        try:
            async with asyncio.timeout(PATIENCE):
                await readable.wait()
        finally:
            loop.remove_reader(self._fd)
        return int(os.read(self._fd, 100).split()[0])

    def close(self) -> None:
        os.close(self._fd)


@pytest.fixture
def hang(tmp_path: Path) -> Iterator[Hang]:
    """An ffmpeg that hangs."""
    hang = Hang(tmp_path)
    yield hang
    hang.close()


async def test_cancelled_waiter(bank: SoundBank, tone: Sound, counter: Counter) -> None:
    """Who gives up waiting takes nothing from the others."""
    waiters = [asyncio.create_task(bank.packets(tone)) for _ in range(3)]
    await asyncio.wait(waiters, timeout=0)
    waiters[0].cancel()
    async with asyncio.timeout(PATIENCE):
        results = await asyncio.gather(*waiters, return_exceptions=True)

    assert isinstance(results[0], asyncio.CancelledError)
    assert results[1] is results[2] is bank.ready(tone) is not None
    assert counter.runs == 1


async def test_cancelled_by_all(bank: SoundBank, tone: Sound, counter: Counter) -> None:
    """An encoding nobody waits for any more is not lost."""
    waiter = asyncio.create_task(bank.packets(tone))
    await asyncio.wait([waiter], timeout=0)
    waiter.cancel()
    await asyncio.wait([waiter])

    assert waiter.cancelled()
    assert await bank.packets(tone)
    assert counter.runs == 1


async def test_closing_while_encoding(make_bank: MakeBank, folder: Path, hang: Hang) -> None:
    """Leaving ends what runs and what waits for a place, quickly, and leaves no process and no thread."""
    async with AsyncExitStack() as stack:
        bank = await stack.enter_async_context(make_bank(hang.program, timeout=600))
        waiters = [asyncio.create_task(bank.packets(make_tone(folder / f"{n}.wav", 300 + n))) for n in range(8)]
        process_id = await hang.running()
        async with asyncio.timeout(5):
            await stack.aclose()
    results = await asyncio.gather(*waiters, return_exceptions=True)

    assert {type(result) for result in results} == {UnplayableSoundError}
    with pytest.raises(ProcessLookupError):
        os.kill(process_id, 0)
    assert not [thread for thread in threading.enumerate() if thread.name.startswith("jeffbot-encoder")]


async def test_a_press_has_a_place(make_bank: MakeBank, folder: Path, hang: Hang, tone: Sound) -> None:
    """While every encoder is busy preparing, a press for a sound that is kept on disk is served."""
    async with make_bank() as bank:
        await bank.packets(tone)
    async with make_bank(hang.program, timeout=600) as bank:
        sounds = [make_tone(folder / f"{hertz}.wav", hertz) for hertz in (300, 310, 330)]
        preparing = asyncio.create_task(bank.prepare(sounds))
        await hang.running()
        async with asyncio.timeout(PATIENCE):
            assert await bank.packets(tone)
        preparing.cancel()
        await asyncio.wait([preparing])


async def test_press_after_closing(make_bank: MakeBank, tone: Sound) -> None:
    """A press that comes as the bank has closed is refused as one that closing ended."""
    async with make_bank() as bank:
        pass
    with pytest.raises(UnplayableSoundError, match="shutting down"):
        await bank.packets(tone)
