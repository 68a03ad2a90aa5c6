"""The audio engine as it is heard: modes, overlap, volume, pauses, and what is said of each sound."""

import asyncio
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from jeffbot.audio import libopus
from jeffbot.audio.clip import Clip
from jeffbot.client import RemoteClient, RemoteError
from jeffbot.errors import LibopusMissingError
from jeffbot.models import EndReason, Sound
from jeffbot.news import News
from jeffbot.playback import Playback, SoundEnded, SoundStarted
from jeffbot.sandbox.ears import Recording
from staging import PATIENCE, MakeStage, Stage, write_tone

CHORD = {"low.wav": 330, "middle.wav": 550, "high.wav": 880, "top.wav": 1320}


@pytest.fixture
def sounds_dir(tmp_path: Path) -> Path:
    """Four tones of one second, and a long one."""
    for name, hertz in CHORD.items():
        write_tone(tmp_path / "sounds" / name, hertz)
    write_tone(tmp_path / "sounds" / "long.wav", 220, seconds=5.0)
    return tmp_path / "sounds"


def recording(stage: Stage) -> Recording:
    """What was heard so far, without the silence after sounds."""
    return Recording(stage.ear.packets).without_silence


async def quiet(stage: Stage) -> None:
    """Wait until nothing is played any more, and its end has arrived."""
    await stage.discord.until(lambda: not stage.ear.stream.open_ended, timeout=PATIENCE)


async def heard(stage: Stage, packets: int) -> None:
    """Wait until so many more have been heard."""
    wanted = len(stage.ear.packets) + packets
    await stage.discord.until(lambda: len(stage.ear.packets) >= wanted, timeout=PATIENCE)


async def encoded(stage: Stage, *names: str) -> None:
    """Wait until these have been encoded."""
    async with asyncio.timeout(PATIENCE):
        while any(stage.service.duration(sound) is None for sound in stage.service.sounds()):
            await asyncio.sleep(0.02)  # nothing tells of it
    assert set(names) <= {sound.name for sound in stage.service.sounds()}


async def test_chord(stage: Stage) -> None:
    """Four sounds pressed over one another are all heard together, without a gap."""
    await encoded(stage, *CHORD)
    playbacks = [await stage.service.play(stage.alice.id, name, mode="overlap") for name in CHORD]
    assert len({playback.id for playback in playbacks}) == 4
    for playback in playbacks:
        assert await playback.wait_ended() is EndReason.FINISHED
    await quiet(stage)

    whole = recording(stage)
    together = Recording(stage.ear.packets[10:45])
    assert sorted(together.frequencies(4)) == pytest.approx(sorted(CHORD.values()), abs=3)
    assert whole.largest_gap < 0.06
    assert whole.seconds == pytest.approx(1.0, abs=0.2)
    assert not stage.discord.findings


async def test_over_a_long_one(stage: Stage) -> None:
    """A short sound over a long one leaves the long one as it was before and after it, without a click."""
    await encoded(stage)
    long = await stage.service.play(stage.alice.id, "long")
    await stage.discord.until(lambda: len(stage.ear.packets) > 25, timeout=PATIENCE)
    short = await stage.service.play(stage.alice.id, "high", mode="overlap")
    await short.wait_ended()
    assert stage.service.status(stage.alice.id).now_playing is long
    await stage.discord.until(lambda: len(stage.ear.packets) > 150, timeout=PATIENCE)
    await stage.service.stop(stage.alice.id)
    await quiet(stage)

    whole = recording(stage)
    alone = Recording(stage.ear.packets[5:20])
    assert whole.largest_step < 3 * alone.largest_step + 0.1
    assert Recording(stage.ear.packets[110:140]).frequencies(1) == pytest.approx([220], abs=3)
    assert _level(stage, 110, 140) == pytest.approx(_level(stage, 5, 20), abs=0.5)
    assert long.reason is EndReason.STOPPED


def _level(stage: Stage, first: int, last: int) -> float:
    return Recording(stage.ear.packets[first:last]).level_dbfs


async def test_queue(stage: Stage) -> None:
    """Queued sounds follow one another without a gap; skipping goes on with the next."""
    await encoded(stage)
    long = await stage.service.play(stage.alice.id, "long")
    low = await stage.service.play(stage.alice.id, "low", mode="queue")
    high = await stage.service.play(stage.alice.id, "high", mode="queue")
    assert [playback.sound.name for playback in stage.service.status(stage.alice.id).queue] == ["low.wav", "high.wav"]
    assert (low.started_at, high.started_at) == (None, None)
    await stage.service.skip(stage.alice.id)
    assert await high.wait_ended() is EndReason.FINISHED
    await quiet(stage)

    assert (long.reason, low.reason) == (EndReason.SKIPPED, EndReason.FINISHED)
    assert low.started_at is not None
    assert high.started_at is not None
    assert high.started_at - low.started_at == pytest.approx(1.0, abs=0.1)
    assert recording(stage).largest_gap < 0.06


async def test_pause(stage: Stage) -> None:
    """A paused sound stands still and goes on where it was, and is heard whole."""
    await encoded(stage)
    playback = await stage.service.play(stage.alice.id, "low")
    await stage.discord.until(lambda: len(stage.ear.packets) > 10, timeout=PATIENCE)
    await stage.service.pause(stage.alice.id)
    await quiet(stage)
    position = playback.position
    assert 0.2 <= position < 0.9
    await stage.service.resume(stage.alice.id)
    assert playback.position == pytest.approx(position, abs=0.03)
    await playback.wait_ended()
    await quiet(stage)

    whole = recording(stage)
    assert whole.seconds == pytest.approx(1.0, abs=0.03)
    paused_at = round(position * 48_000)
    before, after = whole.pcm[paused_at - 4800 : paused_at], whole.pcm[paused_at + 240 : paused_at + 1920]
    assert np.abs(after).max() == pytest.approx(np.abs(before).max(), rel=0.15)


async def test_volume(stage: Stage) -> None:
    """Half the volume is 6 dB less, also of what plays already, and without a click."""
    await encoded(stage)
    await stage.service.play(stage.alice.id, "long")
    await stage.discord.until(lambda: len(stage.ear.packets) > 30, timeout=PATIENCE)
    await stage.service.set_volume(stage.alice.id, 50)
    await stage.discord.until(lambda: len(stage.ear.packets) > 80, timeout=PATIENCE)
    await stage.service.stop(stage.alice.id)
    await quiet(stage)

    assert _level(stage, 50, 75) - _level(stage, 5, 25) == pytest.approx(-6, abs=0.5)
    assert recording(stage).largest_step < 0.1


async def test_events(stage: Stage) -> None:
    """Each sound is said to begin once and then to end once, in order, also when one replaces another."""
    await encoded(stage)
    events: list[News] = []
    unsubscribe = stage.service.subscribe(events.append)
    first = await stage.service.play(stage.alice.id, "long")
    second = await stage.service.play(stage.alice.id, "low")
    assert stage.service.status(stage.alice.id).now_playing is second
    await second.wait_ended()
    unsubscribe()
    await stage.service.play(stage.alice.id, "high")

    said = [
        (event.playback, isinstance(event, SoundStarted))
        for event in events
        if isinstance(event, SoundStarted | SoundEnded)
    ]
    assert said == [(first, True), (first, False), (second, True), (second, False)]
    assert (first.reason, second.reason) == (EndReason.REPLACED, EndReason.FINISHED)


async def test_crowd(stage: Stage) -> None:
    """Many presses at once all begin, in their order."""
    await encoded(stage)
    names = [*CHORD] * 5
    begun: list[Playback] = []

    def note(event: News) -> None:
        if isinstance(event, SoundStarted):
            begun.append(event.playback)

    stage.service.subscribe(note)
    playbacks = await asyncio.gather(*(stage.service.play(stage.alice.id, name) for name in names))

    assert begun == list(playbacks)
    assert [playback.sound.name for playback in begun] == names


async def test_two_at_once(stage: Stage) -> None:
    """Presses that overlap begin with the same packet, not one after the other."""
    await encoded(stage)
    await stage.service.play(stage.alice.id, "long")
    playbacks = await asyncio.gather(*(stage.service.play(stage.alice.id, name, mode="overlap") for name in CHORD))

    begun = [playback.started_at or 0 for playback in playbacks]
    assert max(begun) - min(begun) < 0.025


async def test_slow_sound_holds_up_no_other(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    """While one sound is still being got ready, others of its guild are heard; then it is, too."""
    await encoded(stage)
    bank, ready = stage.soundboard._bank, asyncio.Event()
    get_clip = bank.clip

    async def clip(sound: Sound) -> Clip:
        if sound.name == "low.wav":
            await ready.wait()
        return await get_clip(sound)

    monkeypatch.setattr(bank, "clip", clip)
    slow = asyncio.create_task(stage.service.play(stage.alice.id, "low"))
    await asyncio.sleep(0)
    other = await stage.service.play(stage.alice.id, "high")
    assert not slow.done()
    ready.set()

    assert (await slow).sound.name == "low.wav"
    assert other.reason is EndReason.REPLACED


async def test_remote_modes(stage: Stage, remote: RemoteClient) -> None:
    """The remote control's presses say how they are to be played; a queued one is answered at once."""
    await encoded(stage)
    await remote.request("play", filename="long")
    reply = await remote.request("play", filename="low", mode="queue", volume=50)
    assert reply["queued"] is True
    assert "queued" not in await remote.request("play", filename="high", mode="overlap")
    for wrong in ({"mode": "louder"}, {"volume": 201}, {"volume": "loud"}, {"retrigger": 1}):
        with pytest.raises(RemoteError) as refused:
            await remote.request("play", filename="low", **wrong)
        assert refused.value.code == "invalid_field"


async def test_mode_of_the_settings(make_stage: MakeStage) -> None:
    """Presses that say nothing of it are played as the settings say."""
    async with make_stage(mode="overlap") as stage:
        await stage.service.wait_ready()
        await encoded(stage)
        await stage.service.play(stage.alice.id, "low")
        await stage.service.play(stage.alice.id, "high")
        await stage.discord.until(lambda: len(stage.ear.packets) > 30, timeout=PATIENCE)

        assert sorted(Recording(stage.ear.packets[10:30]).frequencies(2)) == pytest.approx([330, 880], abs=5)


async def test_no_click_when_replaced(stage: Stage) -> None:
    """One sound cut off by another makes no larger step than the sounds themselves do."""
    await encoded(stage)
    for name in ("low", "high", "middle", "long", "top"):
        await stage.service.play(stage.alice.id, name)
        await heard(stage, 12)
    await stage.service.stop(stage.alice.id)
    await quiet(stage)

    steps = np.abs(np.diff(Recording(stage.ear.packets).pcm[:, 0].astype(int))) / 32768
    assert steps.max() < 0.12


async def test_without_libopus(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where nothing can be mixed, overlapping and volume say what to install; all else works, what plays goes on."""
    await encoded(stage)
    monkeypatch.setattr(libopus, "_library", lambda: None)
    long = await stage.service.play(stage.alice.id, "long")
    refused: list[dict[str, Any]] = [{"mode": "overlap"}, {"volume": 50}, {"mode": "queue", "gain": 3}]
    for options in refused:
        with pytest.raises(LibopusMissingError, match="apt install libopus0"):
            await stage.service.play(stage.alice.id, "low", **options)
    with pytest.raises(LibopusMissingError):
        await stage.service.set_volume(stage.alice.id, 50)
    assert long.reason is None
    await stage.service.play(stage.alice.id, "low", mode="queue")
    await stage.service.skip(stage.alice.id)
    replaced = await stage.service.play(stage.alice.id, "high")

    assert await replaced.wait_ended() is EndReason.FINISHED
