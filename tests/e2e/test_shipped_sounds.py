"""Every shipped sound as a listener hears it: its level, its length, without gaps and without clicks."""

import asyncio
import math
import subprocess
from collections.abc import AsyncIterator
from pathlib import Path

import numpy as np
import pytest

from jeffbot.audio.ffmpeg import find_ffmpeg
from jeffbot.library.folder import shipped_sounds
from jeffbot.library.names import EXTENSIONS
from jeffbot.sandbox import Guild
from jeffbot.sandbox.ears import Recording
from staging import PATIENCE, MakeStage, Stage

SOUNDS = sorted(file.name for file in shipped_sounds().iterdir() if file.suffix in EXTENSIONS)
TARGET_LUFS, TOLERANCE_LU = -16.0, 1.0
PEAK_LIMIT_DBTP = -1.5
CODEC_OVERSHOOT_DB = 1.0
"""Lossy coding moves peaks a little."""
SHORTEST_MEASURABLE = 0.4
"""Seconds: one block of the loudness meter (ITU-R BS.1770-4)."""
KEPT_SILENCE = 0.01
SILENCE_THRESHOLD = 10 ** (-50 / 20)


@pytest.fixture
async def stage(make_stage: MakeStage) -> AsyncIterator[Stage]:
    """A bot whose library are the shipped sounds."""
    async with make_stage(sounds_dir=shipped_sounds()) as stage:
        await stage.service.wait_ready()
        async with asyncio.timeout(3 * PATIENCE):
            while any(stage.service.duration(sound) is None for sound in stage.service.sounds()):
                await asyncio.sleep(0.05)  # nothing tells of it
        yield stage


async def in_a_guild_of_its_own(stage: Stage, name: str) -> tuple[Recording, Recording]:
    """Play one sound to one listener; what they heard, without and with the silence after it."""
    listener = stage.discord.add_user(f"listener of {name}")
    guild: Guild = stage.discord.add_guild(name, members=[listener], applications=[stage.app])
    await listener.join(guild.add_voice_channel("General"))
    async with asyncio.timeout(PATIENCE):
        while stage.bot.get_guild(guild.id) is None or not stage.bot.get_guild(guild.id).voice_channels:  # type: ignore[union-attr]
            await asyncio.sleep(0.01)  # nothing tells of it
    playback = await stage.service.play(listener.id, name)
    await playback.wait_ended()
    [ear] = stage.discord.history(guild, stage.app)
    await stage.discord.until(lambda: not ear.stream.open_ended, timeout=PATIENCE)
    recording = Recording(ear.packets)
    return recording.without_silence, recording


async def test_shipped_sounds(stage: Stage) -> None:
    """All are equally loud, whole, without a gap and without a click, played in as many guilds at once."""
    results = await asyncio.gather(*(in_a_guild_of_its_own(stage, name) for name in SOUNDS))

    assert len(results) >= 12
    wrong = [
        fault for name, (sound, whole) in zip(SOUNDS, results, strict=True) for fault in faults(name, sound, whole)
    ]
    assert wrong == []
    assert not stage.discord.findings


async def test_attack_after_silence(stage: Stage) -> None:
    """A sound is as loud at its beginning when others came before it, though decoders remember those."""
    ears = []
    for _ in range(2):
        playback = await stage.service.play(stage.alice.id, "airhorn")
        await playback.wait_ended()
        await stage.discord.until(lambda: not stage.ear.stream.open_ended, timeout=PATIENCE)
        ears.append(len(stage.ear.packets))
    first, second = ears[0], ears[1]
    whole = Recording(stage.ear.packets).pcm
    begins = [whole[start * 960 : start * 960 + 4800].astype(float) for start in (0, first)]

    assert second == 2 * first
    levels = [20 * np.log10(np.sqrt(np.mean(begin**2))) for begin in begins]
    assert levels[1] == pytest.approx(levels[0], abs=0.7)


def faults(name: str, sound: Recording, whole: Recording) -> list[str]:
    """What is wrong with a sound as it was heard."""
    source = decoded(shipped_sounds() / name)
    loud = np.flatnonzero(np.abs(source).max(axis=1) > SILENCE_THRESHOLD)
    cut = max(0.0, loud[0] / 48_000 - KEPT_SILENCE)
    found = []
    if (
        abs(sound.lufs - TARGET_LUFS) > TOLERANCE_LU
        and not at_peak_limit(sound)
        and sound.seconds > SHORTEST_MEASURABLE
    ):
        found.append(f"{name}: {sound.lufs:.1f} LUFS, {sound.true_peak_dbtp:.1f} dBTP")
    if sound.true_peak_dbtp > PEAK_LIMIT_DBTP + CODEC_OVERSHOOT_DB:
        found.append(f"{name}: {sound.true_peak_dbtp:.1f} dBTP")
    if abs(sound.seconds - (len(source) / 48_000 - cut)) > 0.02:
        found.append(f"{name}: {sound.seconds:.3f} s of {len(source) / 48_000:.3f} s, {cut:.3f} s cut")
    if whole.largest_gap > 0.06 or whole.lost:  # generous: 25 ms on a machine that does nothing else
        found.append(f"{name}: a gap of {whole.largest_gap * 1000:.0f} ms, {whole.lost} lost")
    for place, step in (("start", step_in(whole.pcm[:960])), ("end", step_in(whole.pcm[-6 * 960 :]))):
        inner = step_in(sound.pcm)
        if step > max(inner, 0.02) * 1.01:
            found.append(f"{name}: a step of {step:.2f} at its {place}, inside at most {inner:.2f}")
    return found


def at_peak_limit(sound: Recording) -> bool:
    """Whether it is softer than all others because it cannot be louder."""
    return sound.lufs < TARGET_LUFS and sound.true_peak_dbtp > PEAK_LIMIT_DBTP - CODEC_OVERSHOOT_DB


def step_in(pcm: np.ndarray) -> float:
    """The largest difference of neighbouring samples, full scale being 1; before the first comes silence."""
    return float(np.abs(np.diff(pcm.astype(np.int32), axis=0, prepend=0)).max(initial=0)) / 32768


def decoded(file: Path) -> np.ndarray:
    """A file's samples at 48 kHz, two channels, 1 being full scale."""
    command = [str(find_ffmpeg(None)), "-v", "error", "-i", str(file), "-f", "f32le", "-ar", "48000", "-ac", "2", "-"]
    raw = subprocess.run(command, capture_output=True, check=True, timeout=60).stdout
    samples = np.frombuffer(raw, np.float32).reshape(-1, 2)
    assert math.isfinite(float(samples.sum()))
    return samples
