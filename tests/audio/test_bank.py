"""Sounds as clips: encoded once, kept, held, streamed meanwhile, and refused without harm to others."""

import asyncio
import logging
import os
import shutil
import threading
import time
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import AsyncExitStack
from pathlib import Path

import pytest

from jeffbot.audio.bank import SoundBank
from jeffbot.audio.clip import Clip
from jeffbot.audio.ffmpeg import FFmpeg, find_ffmpeg
from jeffbot.audio.loudness import Verdict
from jeffbot.audio.memory import cost
from jeffbot.errors import FFmpegMissingError, UnplayableSoundError
from jeffbot.models import Sound
from jeffbot.settings import Settings
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
        self.program.write_text(f'#!/bin/sh\necho "$*" >> "{self._log}"\nexec "{find_ffmpeg(None)}" "$@"\n')
        self.program.chmod(0o755)

    @property
    def encoded(self) -> int:
        """How many files were encoded."""
        return self._runs("-i file:") - self.streamed

    @property
    def streamed(self) -> int:
        """How many files were streamed."""
        return self._runs("-page_duration")

    def _runs(self, words: str) -> int:
        return sum(words in line for line in self._log.read_text().splitlines()) if self._log.exists() else 0


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
        **settings: int,
    ) -> SoundBank:
        ffmpeg = FFmpeg(program, timeout=timeout, max_seconds=max_seconds)
        return SoundBank(ffmpeg, folder, encoders=2, memory_bytes=memory_bytes, max_seconds=max_seconds, **settings)

    return make


@pytest.fixture
async def bank(make_bank: MakeBank) -> AsyncIterator[SoundBank]:
    """The usual bank."""
    async with make_bank() as bank:
        yield bank


async def encoded(bank: SoundBank, sound: Sound) -> Clip:
    """The sound's clip, encoded before; all other sounds are forgotten."""
    await bank.prepare([sound])
    return await bank.clip(sound)


async def completed(clip: Clip) -> Clip:
    """The clip, once no more packets follow."""
    async with asyncio.timeout(PATIENCE):
        while not clip.complete:
            await asyncio.sleep(0.001)
    return clip


# Encoded once


async def test_clip(bank: SoundBank, tone: Sound) -> None:
    """A sound becomes a clip, and then its duration and level are known and it is at hand."""
    assert (bank.duration(tone), bank.level(tone), bank.ready(tone), bank.version) == (None, None, None, 0)
    clip = await encoded(bank, tone)
    level = bank.level(tone)

    assert (clip.complete, len(clip.packets), clip.duration) == (True, 10, 0.2)
    assert bank.duration(tone) == clip.duration
    assert level
    assert level.verdict is Verdict.SHORT
    assert level.gain == pytest.approx(-16 - (level.loudness or 0), abs=0.1)
    assert bank.ready(tone) is clip
    assert bank.version == 1


async def test_next_start(make_bank: MakeBank, tone: Sound, counter: Counter) -> None:
    """After a restart nothing is encoded again, also not a copy under another name, and the level is still known."""
    async with make_bank() as bank:
        first, level = await encoded(bank, tone), bank.level(tone)
    copy = sound_of(Path(shutil.copy(tone.file, tone.file.with_name("copy.wav"))))
    async with make_bank() as bank:
        assert (await bank.clip(tone)).packets == (await bank.clip(copy)).packets == first.packets
        assert bank.level(copy) == level

    assert (counter.encoded, counter.streamed) == (1, 0)


async def test_two_banks_at_once(make_bank: MakeBank, folder: Path) -> None:
    """Another process may encode the same sounds into the same folder at the same time."""
    sounds = [make_tone(folder / f"{hertz}.wav", hertz) for hertz in range(300, 340, 10)]
    async with make_bank() as one, make_bank() as two:
        await asyncio.gather(one.prepare(sounds), two.prepare(reversed(sounds)))
        assert [one.ready(sound) is not None is not two.ready(sound) for sound in sounds] == [True] * 4

    async with make_bank() as bank:
        assert (await bank.prepare(sounds)).cached == 4


async def test_changed_sound(bank: SoundBank, tone: Sound, counter: Counter) -> None:
    """A file that was replaced is another sound."""
    old = await encoded(bank, tone)
    new = await encoded(bank, make_tone(tone.file, 880, seconds=0.4))

    assert counter.encoded == 2
    assert len(new.packets) > len(old.packets)


@pytest.mark.parametrize("setting", [{"loudness": -20}, {"bitrate": 128}])
async def test_other_settings(make_bank: MakeBank, tone: Sound, setting: dict[str, int]) -> None:
    """What was encoded to another loudness or bit rate is not taken for this."""
    async with make_bank() as bank:
        usual = await encoded(bank, tone)
    async with make_bank(**setting) as bank:
        assert (await encoded(bank, tone)).packets != usual.packets


async def test_prepare(bank: SoundBank, folder: Path, counter: Counter, caplog: pytest.LogCaptureFixture) -> None:
    """Preparing encodes every sound once, passes over those that cannot be encoded, and tells what it did."""
    caplog.set_level(logging.INFO)
    bad = write(folder / "bad.mp3", b"no audio")
    sounds = [make_tone(folder / f"{hertz}.wav", hertz) for hertz in (300, 400, 550)]
    first = await bank.prepare([sounds[0], bad, *sounds[1:]])
    again = await bank.prepare(sounds)

    assert (first.total, first.done, first.encoded, first.cached) == (4, 4, 3, 0)
    assert ["bad.mp3" in str(error) for error in first.refused] == [True]
    assert (again.total, counter.encoded, counter.streamed) == (0, 4, 0)
    assert all(bank.ready(sound) for sound in sounds)
    assert [text in caplog.text for text in ("sounds to prepare: 4", "bad.mp3", "3 encoded")] == [True] * 3


async def test_progress(make_bank: MakeBank, folder: Path, hang: "Hang") -> None:
    """How far preparing is can be read at any time."""
    async with make_bank(hang.program, timeout=600) as bank:
        preparing = asyncio.create_task(bank.prepare([make_tone(folder / f"{hz}.wav", hz) for hz in (300, 310)]))
        await hang.running()
        assert (bank.encoding.done, bank.encoding.total) == (0, 2)
    await asyncio.wait([preparing])
    assert (bank.encoding.done, bank.encoding.total) == (2, 2)


async def test_what_is_known_of_gone_sounds_is_forgotten(bank: SoundBank, folder: Path) -> None:
    """Preparing other sounds forgets the durations and packets of those that are gone."""
    old, new = make_tone(folder / "old.wav", 300), make_tone(folder / "new.wav", 400)
    await bank.prepare([old])
    await bank.prepare([new])

    assert (bank.duration(old), bank.ready(old)) == (None, None)
    assert bank.duration(new) is not None


# Streamed meanwhile


async def test_first_press(bank: SoundBank, folder: Path, counter: Counter) -> None:
    """A sound never encoded is streamed as it is, and encoded beside that for the next press."""
    sound = make_tone(folder / "long.wav", seconds=30)
    first = await bank.clip(sound)
    assert (first.packets != [], first.duration) == (True, None)
    await completed(first)
    second = await encoded(bank, sound)

    assert (first.failed, len(second.packets)) == (False, 1500)
    assert len(first.packets) in (1500, 1501)
    assert first is not second is bank.ready(sound)
    assert (counter.encoded, counter.streamed) == (1, 1)


async def test_presses_share_a_stream(bank: SoundBank, folder: Path, counter: Counter) -> None:
    """Ten presses at once, and one a little later, start one stream and one encoding."""
    sound = make_tone(folder / "long.wav", seconds=30)
    clips = await asyncio.gather(*(bank.clip(sound) for _ in range(10)))
    clips.append(await bank.clip(sound))
    await bank.prepare([sound])

    assert all(clip is clips[0] for clip in clips)
    assert (counter.encoded, counter.streamed) == (1, 1)


async def test_press_while_it_is_prepared(make_bank: MakeBank, folder: Path, hang: "Hang") -> None:
    """A press does not wait for an encoding under way."""
    sound = make_tone(folder / "tone.wav", seconds=5)
    async with make_bank(hang.only("ebur128"), timeout=600) as bank:
        preparing = asyncio.create_task(bank.prepare([sound]))
        await hang.running()
        async with asyncio.timeout(PATIENCE):
            clip = await completed(await bank.clip(sound))
        assert not clip.failed
        assert len(clip.packets) in (250, 251)
    await asyncio.wait([preparing])


async def test_stream_that_breaks_off(
    make_bank: MakeBank, folder: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """Where the stream fails midway, what came is played and the clip says so."""
    cutting = tmp_path / "cutting-ffmpeg"
    cutting.write_text(
        f'#!/bin/sh\ncase "$*" in *page_duration*) "{find_ffmpeg(None)}" "$@" | head -c 4000; exit 1;; esac\n'
        "exec sleep 600\n"
    )
    cutting.chmod(0o755)
    async with make_bank(cutting) as bank:
        clip = await completed(await bank.clip(make_tone(folder / "tone.wav", seconds=5)))

    assert clip.failed
    assert 5 < len(clip.packets) < 100
    assert "tone.wav ends early" in caplog.text


async def test_closing_ends_a_stream(make_bank: MakeBank, folder: Path, tmp_path: Path) -> None:
    """Leaving ends what is streamed: the clip ends where its packets end."""
    slow = tmp_path / "slow-ffmpeg"
    slow.write_text(f'#!/bin/sh\n"{find_ffmpeg(None)}" "$@"\nsleep 600\n')
    slow.chmod(0o755)
    async with make_bank(slow, timeout=600) as bank:
        clip = await bank.clip(make_tone(folder / "tone.wav"))
        assert (clip.packets != [], clip.complete) == (True, False)

    assert (clip.complete, clip.failed) == (True, True)


# Kept on disk


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


# Held in memory


async def test_memory_budget(make_bank: MakeBank, folder: Path, counter: Counter) -> None:
    """Beyond the budget what was played longest ago is let go, what was never played first; all come back from disk."""
    sounds = one, two, three = [make_tone(folder / f"{hertz}.wav", hertz) for hertz in (300, 310, 330)]
    async with make_bank() as bank:
        await bank.prepare(sounds)
        size = max([cost(await bank.clip(sound)) for sound in sounds])
    async with make_bank(memory_bytes=size * 5 // 2) as bank:
        await bank.clip(one)
        await bank.prepare([one, two])
        await bank.prepare(sounds)
        assert [bank.ready(sound) is not None for sound in sounds] == [True, True, False]
        await bank.clip(three)
        assert [bank.ready(sound) is not None for sound in sounds] == [True, False, True]
        await bank.clip(one)
        await bank.clip(two)
        assert [bank.ready(sound) is not None for sound in sounds] == [True, True, False]
        assert bank.duration(three) is not None

    assert counter.encoded == 3


async def test_sound_larger_than_the_budget(make_bank: MakeBank, tone: Sound) -> None:
    """A single sound beyond the budget plays too."""
    async with make_bank(memory_bytes=1) as bank:
        assert (await encoded(bank, tone)).packets


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
            await bank.clip(Sound(odd.name, odd.name, odd, 1000, 0))


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
    assert (bank.ready(mended) is not None, counter.encoded) == (True, 2)


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

    assert (counter.encoded, kept(cache).suffix) == (2, ".clip")


async def test_slow_encoding(make_bank: MakeBank, tone: Sound, hang: "Hang") -> None:
    """A sound whose encoding takes too long is refused."""
    async with make_bank(hang.program, timeout=0.5) as bank:
        with pytest.raises(UnplayableSoundError, match=r"tone.wav.*not done within 0.5 s"):
            await bank.clip(tone)


async def test_check_ffmpeg(make_bank: MakeBank, tmp_path: Path) -> None:
    """The bank tells which ffmpeg it has, or what to install."""
    async with make_bank() as bank:
        assert (await bank.check_ffmpeg()).startswith("ffmpeg version")
    async with make_bank(tmp_path / "gone") as bank:
        with pytest.raises(FFmpegMissingError, match="Install ffmpeg"):
            await bank.check_ffmpeg()


async def test_ffmpeg_goes_while_we_run(make_bank: MakeBank, tone: Sound, tmp_path: Path) -> None:
    """An ffmpeg that cannot be started makes sounds unplayable for now, and is no end of preparing."""
    async with make_bank(tmp_path / "gone") as bank:
        with pytest.raises(UnplayableSoundError, match="does not start"):
            await bank.clip(tone)
        assert len((await bank.prepare([tone])).refused) == 1
        (tmp_path / "gone").symlink_to(find_ffmpeg(None))
        assert await bank.clip(tone)


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


# Cancelled and closed


class Hang:
    """An ffmpeg that tells when it runs, and does not end by itself."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._pipe = folder / "running"
        os.mkfifo(self._pipe)
        self._fd = os.open(self._pipe, os.O_RDWR | os.O_NONBLOCK)
        self.program = self._write("hanging-ffmpeg", f'echo $$ > "{self._pipe}"\nexec sleep 600\n')

    def only(self, words: str) -> Path:
        """One that hangs where these words are in its command, and works as usual otherwise."""
        script = f'case "$*" in *{words}*) exec "{self.program}";; *) exec "{find_ffmpeg(None)}" "$@";; esac\n'
        return self._write("partly-hanging-ffmpeg", script)

    def _write(self, name: str, script: str) -> Path:
        program = self._folder / name
        program.write_text(f"#!/bin/sh\n{script}")
        program.chmod(0o755)
        return program

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
    waiters = [asyncio.create_task(bank.clip(tone)) for _ in range(3)]
    await asyncio.wait(waiters, timeout=0)
    waiters[0].cancel()
    async with asyncio.timeout(PATIENCE):
        results = await asyncio.gather(*waiters, return_exceptions=True)

    assert isinstance(results[0], asyncio.CancelledError)
    assert isinstance(results[1], Clip)
    assert results[1] is results[2]
    assert counter.streamed <= 1


async def test_cancelled_by_all(bank: SoundBank, tone: Sound, counter: Counter) -> None:
    """An encoding nobody waits for any more is not lost."""
    waiter = asyncio.create_task(bank.clip(tone))
    await asyncio.wait([waiter], timeout=0)
    waiter.cancel()
    await asyncio.wait([waiter])

    assert waiter.cancelled()
    assert (await encoded(bank, tone)).complete
    assert counter.encoded == 1


async def test_closing_while_encoding(make_bank: MakeBank, folder: Path, hang: Hang) -> None:
    """Leaving ends what runs and what waits for a place, quickly, and leaves no process and no thread."""
    async with AsyncExitStack() as stack:
        bank = await stack.enter_async_context(make_bank(hang.program, timeout=600))
        sounds = [make_tone(folder / f"{n}.wav", 300 + n) for n in range(20)]
        waiters = [asyncio.create_task(bank.clip(sound)) for sound in sounds]
        process_id = await hang.running()
        async with asyncio.timeout(5):
            await stack.aclose()
    results = await asyncio.gather(*waiters, return_exceptions=True)

    assert {type(result) for result in results} == {UnplayableSoundError}
    with pytest.raises(ProcessLookupError):
        os.kill(process_id, 0)
    pools = ("jeffbot-reader", "jeffbot-encoder", "jeffbot-streamer", "jeffbot-stderr")
    assert not [thread for thread in threading.enumerate() if thread.name.startswith(pools)]


async def test_a_press_has_a_place(make_bank: MakeBank, folder: Path, hang: Hang, tone: Sound) -> None:
    """While every encoder is busy preparing, a press for a sound that is kept on disk is served."""
    async with make_bank() as bank:
        await bank.prepare([tone])
    async with make_bank(hang.program, timeout=600) as bank:
        sounds = [make_tone(folder / f"{hertz}.wav", hertz) for hertz in (300, 310, 330)]
        preparing = asyncio.create_task(bank.prepare(sounds))
        await hang.running()
        async with asyncio.timeout(PATIENCE):
            assert (await bank.clip(tone)).complete
        preparing.cancel()
        await asyncio.wait([preparing])


async def test_press_after_closing(make_bank: MakeBank, tone: Sound) -> None:
    """A press that comes as the bank has closed is refused as one that closing ended."""
    async with make_bank() as bank:
        pass
    with pytest.raises(UnplayableSoundError, match="shutting down"):
        await bank.clip(tone)
