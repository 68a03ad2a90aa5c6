"""Sounds that are pressed before they are encoded: streamed as long as someone listens."""

import asyncio
from pathlib import Path
from typing import Any

import pytest

from audio.banks import (
    PATIENCE,
    Counter,
    Hang,
    Live,
    MakeBank,
    completed,
    encoded,
    gone,
    make_ffmpeg,
    make_tone,
)
from jeffbot.audio.bank import SoundBank
from jeffbot.audio.cache import Cache
from jeffbot.audio.clip import GrowingClip
from jeffbot.audio.encoder import Encoder
from jeffbot.audio.ffmpeg import find_ffmpeg
from jeffbot.audio.supply import Supply
from jeffbot.models import Sound


async def test_first_press(bank: SoundBank, folder: Path, counter: Counter) -> None:
    """A sound never encoded is streamed as it is, and encoded beside that for the next press."""
    sound = make_tone(folder / "long.wav", seconds=30)
    first = await bank.clip(sound)
    assert (first.packets != [], first.duration) == (True, None)
    await completed(first)
    second = await encoded(bank, sound)

    assert (first.failed, len(second.packets)) == (False, 1500)
    assert len(first.packets) in (1500, 1501)
    assert first is not second is await bank.clip(sound)
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


async def test_abandoned_stream(make_bank: MakeBank, folder: Path, live: Live) -> None:
    """A stream ends with the last of those who play it, and is not handed to who comes later."""
    sound = make_tone(folder / "long.wav", seconds=60)
    async with make_bank(live.program, timeout=600) as bank, asyncio.timeout(PATIENCE):
        live.start()
        one, two = await asyncio.gather(bank.clip(sound), bank.clip(sound))
        process_id = await live.running()
        one.abandon()
        heard = len(two.packets)
        while len(two.packets) < heard + 10:
            await asyncio.sleep(0.001)
        two.abandon()
        live.start()
        third = await bank.clip(sound)
        await gone(process_id)

        assert (one is two is not third, (await completed(two)).failed, third.complete) == (True, True, False)
        assert len(two.packets) < 500
        third.abandon()
        await gone(await live.running())


async def test_stream_nobody_waits_for(make_bank: MakeBank, folder: Path, live: Live) -> None:
    """A stream ends as well where all who waited for its first packet have given up."""
    sound = make_tone(folder / "long.wav", seconds=60)
    async with make_bank(live.program, timeout=600) as bank:
        waiters = [asyncio.create_task(bank.clip(sound)) for _ in range(2)]
        process_id = await live.running()
        for waiter in waiters:
            waiter.cancel()
        await asyncio.wait(waiters)
        live.start()
        await gone(process_id)


def test_stream_abandoned_before_its_turn(tone: Sound, cache: Path, counter: Counter) -> None:
    """Where nobody waits any more by the time there is a place, none is started."""
    encoder = Encoder(make_ffmpeg(counter.program), cache, max_seconds=60, loudness=-16, bitrate=96)
    clip = GrowingClip()
    clip.want()
    clip.abandon()
    Supply(Cache(cache, encoder.profile), encoder, max_bytes=1 << 20).stream(tone, clip, clip.want)

    assert (clip.packets, clip.complete, counter.streamed) == ([], True, 0)


async def test_complete_stream_is_kept(make_bank: MakeBank, tone: Sound, live: Live) -> None:
    """A stream that was played to its end is there for the next press, as long as the sound is not encoded."""
    async with make_bank(live.program, timeout=600) as bank, asyncio.timeout(PATIENCE):
        live.start()
        first = await completed(await bank.clip(tone))
        first.abandon()
        second = await bank.clip(tone)

    assert (first is second, first.failed, len(first.packets) >= 10) == (True, False, True)


async def test_closing_is_cancelled(make_bank: MakeBank, folder: Path, live: Live) -> None:
    """Who cancels the closing has nothing break elsewhere, and nothing goes on."""
    broken: list[dict[str, Any]] = []
    asyncio.get_running_loop().set_exception_handler(lambda _, context: broken.append(context))
    bank = await make_bank(live.program, timeout=600).__aenter__()
    live.start()
    clip = await bank.clip(make_tone(folder / "long.wav", seconds=60))
    closing = asyncio.create_task(bank.__aexit__())
    await asyncio.sleep(0)
    closing.cancel()
    await asyncio.wait([closing])
    await gone(await live.running())

    assert (closing.cancelled(), (await completed(clip)).failed, broken) == (True, True, [])
