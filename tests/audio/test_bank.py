"""Sounds as clips: encoded once, held, and what comes of closing meanwhile."""

import asyncio
import gc
import logging
import os
import shutil
import threading
from contextlib import AsyncExitStack
from pathlib import Path

import pytest

from audio.banks import (
    PATIENCE,
    Counter,
    Hang,
    MakeBank,
    encoded,
    make_tone,
    sound_of,
    write,
)
from jeffbot.audio import progress
from jeffbot.audio.bank import SoundBank
from jeffbot.audio.clip import Clip
from jeffbot.audio.loudness import Verdict
from jeffbot.audio.memory import cost
from jeffbot.errors import UnplayableSoundError
from jeffbot.models import Sound

# Encoded once


async def test_clip(bank: SoundBank, tone: Sound) -> None:
    """A sound becomes a clip, and then its duration and level are known and it is at hand."""
    assert (bank.duration(tone), bank.level(tone), bank.version) == (None, None, 0)
    clip = await encoded(bank, tone)
    level = bank.level(tone)

    assert (clip.complete, len(clip.packets), clip.duration) == (True, 10, 0.2)
    assert bank.duration(tone) == clip.duration
    assert level
    assert level.verdict is Verdict.SHORT
    assert level.gain == pytest.approx(-16 - (level.loudness or 0), abs=0.1)
    assert await bank.clip(tone) is clip
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
        assert [one.duration(sound) for sound in sounds] == [two.duration(sound) for sound in sounds] == [0.2] * 4

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


async def test_prepare(
    bank: SoundBank, folder: Path, cache: Path, counter: Counter, caplog: pytest.LogCaptureFixture
) -> None:
    """Preparing encodes every sound once, passes over those that cannot be encoded, and tells what it did."""
    caplog.set_level(logging.INFO)
    bad = write(folder / "bad.mp3", b"no audio")
    sounds = [make_tone(folder / f"{hertz}.wav", hertz) for hertz in (300, 400, 550)]
    first = await bank.prepare([sounds[0], bad, *sounds[1:]])
    again = await bank.prepare(sounds)

    assert (first.total, first.done, first.encoded, first.cached) == (4, 4, 3, 0)
    assert ["bad.mp3" in str(error) for error in first.refused] == [True]
    assert (again.total, counter.encoded, counter.streamed) == (0, 4, 0)
    shutil.rmtree(cache)
    assert [(await bank.clip(sound)).complete for sound in sounds] == [True] * 3
    assert (counter.encoded, counter.streamed) == (4, 0)
    assert [text in caplog.text for text in ("sounds to prepare: 4", "bad.mp3", "3 encoded")] == [True] * 3
    assert "of 4 sounds" not in caplog.text


async def test_long_preparing(
    bank: SoundBank, folder: Path, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Now and then the log says how far a long preparing is."""
    caplog.set_level(logging.INFO)
    monkeypatch.setattr(progress, "TOLD_EVERY", 0)
    await bank.prepare([make_tone(folder / f"{hertz}.wav", hertz) for hertz in (300, 400, 550)])

    told = [line for line in caplog.messages if line.startswith("prepared ") and line.endswith(" sounds")]
    assert told == ["prepared 1 of 3 sounds", "prepared 2 of 3 sounds"]


async def test_what_is_known_is_no_work_for_the_collector(bank: SoundBank, tone: Sound) -> None:
    """A garbage collection does not look at what is known of each sound, however many there are."""
    await bank.prepare([tone])
    level = bank.level(tone)

    assert not gc.is_tracked(level)
    assert gc.get_referrers(level) == []


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
    old.file.unlink()
    await bank.prepare([new])

    assert (bank.duration(old), bank.duration(new)) == (None, 0.2)
    with pytest.raises(UnplayableSoundError, match="the file is gone"):
        await bank.clip(old)


# Held in memory


async def test_memory_budget(make_bank: MakeBank, folder: Path, counter: Counter) -> None:
    """Beyond the budget what was played longest ago is let go, what was never played first; all come back from disk."""
    sounds = one, two, three = [make_tone(folder / f"{hertz}.wav", hertz) for hertz in (300, 310, 330)]
    async with make_bank() as bank:
        await bank.prepare(sounds)
        size = max([cost(await bank.clip(sound)) for sound in sounds])
    async with make_bank(memory_bytes=size * 5 // 2) as bank:
        first = await bank.clip(one)
        await bank.prepare(sounds)
        await bank.clip(three)
        assert await bank.clip(one) is first
        await bank.clip(two)
        assert await bank.clip(one) is first
        assert bank.duration(three) is not None
        for sound in sounds:
            sound.file.unlink()
        assert (await bank.clip(two)).complete
        with pytest.raises(UnplayableSoundError, match="the file is gone"):
            await bank.clip(three)

    assert counter.encoded == 3


async def test_sound_larger_than_the_budget(make_bank: MakeBank, tone: Sound) -> None:
    """A single sound beyond the budget plays too."""
    async with make_bank(memory_bytes=1) as bank:
        assert (await encoded(bank, tone)).packets


# Cancelled and closed


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
