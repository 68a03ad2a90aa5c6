"""Loudness and true peak, held against ffmpeg's own measurement and the standard's promises."""

import math
import re
import subprocess
import time

import numpy as np
import pytest

from jeffbot.sandbox.ears import Pcm, integrated_lufs, read_pcm, true_peak_dbtp
from jeffbot.sandbox.ears.files import find_ffmpeg

from .hearing import SOUNDS, clock, louder, pcm_of, sine

NOISE = np.random.default_rng(1).standard_normal(480_000)
PULSED = np.where(clock(10) % 4 < 2, 0.3, 0.001) * np.sin(2 * np.pi * 440 * clock(10))
SIGNALS: dict[str, Pcm] = {
    "sine": sine(997, 5, 0.5),
    "noise": pcm_of(0.1 * NOISE),
    "bass": sine(30, 5, 0.5),
    "treble": sine(8000, 5, 0.3),
    "one side": sine(100, 5) * np.array([1, 0], np.int16),
    "gated by pauses": pcm_of(PULSED),
    "below the gate in between": pcm_of(0.2 * NOISE * (np.arange(480_000) // 96_000 % 2)),
    "not whole blocks": pcm_of(0.2 * NOISE[:77_777]),
    "clipped": louder(sine(440, 2), 20),
}


def ffmpeg_says(pcm: Pcm) -> tuple[float, float]:
    """Integrated loudness in LUFS, true peak in dBTP, by ffmpeg's ebur128."""
    source = ["-f", "s16le", "-ar", "48000", "-ac", "2", "-i", "pipe:0"]
    analysis = ["-af", "ebur128=peak=true:metadata=1,ametadata=mode=print:file=-", "-f", "null", "-"]
    command = [find_ffmpeg(), "-hide_banner", "-nostats", *source, *analysis]
    run = subprocess.run(command, input=pcm.tobytes(), capture_output=True, check=True, timeout=60)
    loudness = re.findall(rb"lavfi\.r128\.I=(\S+)", run.stdout)[-1]
    peak = re.findall(rb"Peak:\s+(\S+) dBFS", run.stderr)[-1]
    return float(loudness), float(peak)


@pytest.mark.parametrize("signal", SIGNALS)
def test_as_ffmpeg(signal: str) -> None:
    """Within 0.1 LU of ffmpeg; the peak within what the standard's filter and ffmpeg's resampler differ."""
    loudness, peak = ffmpeg_says(SIGNALS[signal])

    assert integrated_lufs(SIGNALS[signal]) == pytest.approx(loudness, abs=0.1)
    assert true_peak_dbtp(SIGNALS[signal]) == pytest.approx(peak, abs=0.8)


@pytest.mark.parametrize("name", ["airhorn.mp3", "crickets.ogg", "rimshot.mp3"])
def test_shipped_sounds_as_ffmpeg(name: str) -> None:
    pcm = read_pcm(SOUNDS / name)
    loudness, peak = ffmpeg_says(pcm)

    assert integrated_lufs(pcm) == pytest.approx(loudness, abs=0.1)
    assert true_peak_dbtp(pcm) == pytest.approx(peak, abs=0.2)


def test_calibration() -> None:
    """A full-scale sine of 997 Hz in one channel has -3.01 LUFS (BS.1770-4, annex 1)."""
    assert integrated_lufs(sine(997, 2, 1.0) * np.array([1, 0], np.int16)) == pytest.approx(-3.01, abs=0.01)


@pytest.mark.parametrize("decibels", [-30, -10, 6])
def test_louder(decibels: float) -> None:
    """What is made louder measures louder by as much."""
    quiet = pcm_of(0.05 * NOISE[:96_000])

    assert integrated_lufs(louder(quiet, decibels)) - integrated_lufs(quiet) == pytest.approx(decibels, abs=0.05)


def test_pauses_do_not_count() -> None:
    """Silence around a sound does not make it less loud."""
    sound = pcm_of(0.1 * NOISE[:96_000])
    among_silence = np.pad(sound, ((240_000, 240_000), (0, 0)))

    assert integrated_lufs(among_silence) == pytest.approx(integrated_lufs(sound), abs=0.7)


@pytest.mark.parametrize("samples", [0, 1, 4800, 48_000])
def test_silence(samples: int) -> None:
    assert integrated_lufs(np.zeros((samples, 2), np.int16)) == -math.inf
    assert true_peak_dbtp(np.zeros((samples, 2), np.int16)) == -math.inf


def test_short() -> None:
    """A sound shorter than a block of 400 ms has its share of one."""
    assert integrated_lufs(sine(997, 0.1)) == pytest.approx(integrated_lufs(sine(997, 0.4)) - 6.02, abs=0.1)


def test_peak_between_samples() -> None:
    """A tone whose samples all miss its crest peaks higher than they do."""
    wave = 0.5 * np.sin(2 * np.pi * 12_000 * clock(1) + np.pi / 4)
    tone = pcm_of(wave * np.minimum(1, 20 * clock(1)))

    assert 20 * math.log10(np.abs(tone).max() / 32768) == pytest.approx(-9.03, abs=0.01)
    assert true_peak_dbtp(tone) == pytest.approx(-6.02, abs=0.3)


def test_fast() -> None:
    """Ten seconds of stereo take less than 0.1 s of processor time, of a core to itself."""
    pcm = pcm_of(0.1 * NOISE)

    assert any(cpu_seconds(pcm) < 0.1 for _ in range(10))


def cpu_seconds(pcm: Pcm) -> float:
    start = time.thread_time()
    integrated_lufs(pcm)
    return time.thread_time() - start
