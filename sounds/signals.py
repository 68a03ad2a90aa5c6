"""What the sounds are made with: oscillators, filters, a room, and one loudness for all.

A signal is an array of shape ``(samples,)`` or, in stereo, ``(2, samples)``; full scale is 1.
"""

from collections.abc import Callable, Iterable

import numpy as np
from numpy.typing import NDArray

type Signal = NDArray[np.float64]
type Gain = Callable[[Signal], Signal]
"""Amplitude by frequency in Hz: a filter for `filtered`, a timbre for `tone`."""

LOUDNESS_LUFS = -15.0
CEILING = 10 ** (-3.5 / 20)  # lossy codecs overshoot a drum by up to a decibel
FADE_SECONDS = 0.005
HIGHEST_HARMONIC_HZ = 15_000


def clock(seconds: float, rate: int) -> Signal:
    """The time in seconds of each sample."""
    return np.arange(round(seconds * rate)) / rate


def envelope(t: Signal, *points: tuple[float, float]) -> Signal:
    """Straight lines through points of (second, level), level beyond them."""
    seconds, levels = zip(*points, strict=True)
    return np.asarray(np.interp(t, seconds, levels))


def noise(seconds: float, rate: int, seed: int) -> Signal:
    """White noise, the same for the same seed."""
    return np.random.default_rng(seed).standard_normal(round(seconds * rate))


def resonance(centre: float | Signal, width: float) -> Gain:
    """A formant: one at its centre, a half at ``width`` Hz beside it; an array moves the centre with time."""
    return lambda hertz: 1 / (1 + ((hertz - centre) / width) ** 2)


def low_pass(cutoff: float | Signal, order: int = 2) -> Gain:
    """Butterworth magnitude, 3 dB down at ``cutoff`` Hz; an array moves the cutoff with time."""
    return lambda hertz: 1 / np.sqrt(1 + (hertz / cutoff) ** (2 * order))


def high_pass(cutoff: float, order: int = 2) -> Gain:
    """Butterworth magnitude, 3 dB down at ``cutoff`` Hz."""
    return lambda hertz: 1 / np.sqrt(1 + (cutoff / np.maximum(hertz, 1e-3)) ** (2 * order))


def filtered(signal: Signal, rate: int, *gains: Gain) -> Signal:
    """The signal through filters in a row, without delay (their phase is zero)."""
    size = 2 * signal.shape[-1]
    hertz = np.fft.rfftfreq(size, 1 / rate)
    spectrum = np.fft.rfft(signal, size)
    for gain in gains:
        spectrum = spectrum * gain(hertz)
    return np.asarray(np.fft.irfft(spectrum, size)[..., : signal.shape[-1]])


def tone(pitch: Signal, rate: int, timbre: Gain, duty: float | None = None) -> Signal:
    """A sawtooth, or a pulse of the given duty, coloured harmonic by harmonic, so that nothing aliases.

    Args:
        pitch: The fundamental of each sample, in Hz.
        rate: Samples per second.
        timbre: Scales each harmonic by the frequency it has at each moment.
        duty: The part of a period that a pulse wave is high.
    """
    phase = 2 * np.pi * np.cumsum(pitch) / rate
    total = np.zeros_like(pitch)
    for k in range(1, int(HIGHEST_HARMONIC_HZ / pitch.max()) + 1):
        weight = 1 / k if duty is None else np.sin(np.pi * k * duty) / k
        total += weight * timbre(k * pitch) * np.sin(k * phase)
    return total


def mix(rate: int, parts: Iterable[tuple[float, Signal]]) -> Signal:
    """Sounds laid over each other, each from its second on; all mono or all stereo."""
    starts = [(round(second * rate), sound) for second, sound in parts]
    length = max(start + sound.shape[-1] for start, sound in starts)
    track = np.zeros((*starts[0][1].shape[:-1], length))
    for start, sound in starts:
        track[..., start : start + sound.shape[-1]] += sound
    return track


def pan(sound: Signal, place: float) -> Signal:
    """A mono sound in stereo at equal power, from 0 (left) to 1 (right)."""
    return np.stack([np.cos(place * np.pi / 2) * sound, np.sin(place * np.pi / 2) * sound])


def room(sound: Signal, rate: int, seconds: float, wet: float, seed: int) -> Signal:
    """The sound in stereo, in a room whose echo lasts ``seconds`` and adds as many to the length."""
    t = clock(seconds, rate)
    echoes = np.stack([noise(seconds, rate, seed), noise(seconds, rate, seed + 1)]) * np.exp(-5 * t / seconds)
    echoes = filtered(echoes, rate, low_pass(5000, 1), high_pass(200))
    echoes *= envelope(t, (0, 0), (0.004, 0), (0.012, 1), (seconds * 0.7, 1), (seconds, 0))
    echoes *= wet / np.sqrt(np.mean(np.sum(echoes**2, axis=-1)))
    dry = np.concatenate([np.broadcast_to(sound, (2, sound.shape[-1])), np.zeros((2, len(t)))], axis=-1)
    size = dry.shape[-1]
    return dry + np.fft.irfft(np.fft.rfft(dry, 2 * size) * np.fft.rfft(echoes, 2 * size))[..., :size]


def k_weighting(hertz: Signal) -> Signal:
    """How loud a frequency is to the ear (ITU-R BS.1770-5, annex 1: a head's shelf and a high pass)."""
    shelf, low = 1j * hertz / 1682.0, 1j * hertz / 38.1
    head = (1.585 * shelf**2 + 1.78 * shelf + 1) / (shelf**2 + 1.414 * shelf + 1)
    return np.asarray(np.abs(head * low**2 / (low**2 + 2 * low + 1)))


def loudness(sound: Signal, rate: int) -> float:
    """Gated loudness in LUFS (ITU-R BS.1770-5), mono counted twice since it is heard from both speakers."""
    power = np.sum(np.broadcast_to(filtered(sound, rate, k_weighting), (2, sound.shape[-1])) ** 2, axis=0)
    block, step = round(0.4 * rate), round(0.1 * rate)
    blocks = np.lib.stride_tricks.sliding_window_view(power, block)[::step].mean(axis=-1)
    blocks = blocks[blocks > blocks.mean() / 10]
    return float(10 * np.log10(blocks.mean()) - 0.691)


def limited(sound: Signal) -> Signal:
    """The sound bent smoothly below the ceiling."""
    return np.asarray(sound / (1 + np.abs(sound / CEILING) ** 6) ** (1 / 6))


def mastered(sound: Signal, rate: int) -> Signal:
    """The sound without DC or clicks at its ends, as loud as every other, its peaks below the ceiling."""
    heard = np.abs(np.atleast_2d(sound)).max(axis=0)
    sound = sound[..., : np.flatnonzero(heard > 0.002 * heard.max())[-1] + 1]  # no silence at the end
    t = clock(sound.shape[-1] / rate, rate)
    fades = envelope(t, (0, 0), (FADE_SECONDS, 1), (t[-1] - FADE_SECONDS, 1), (t[-1], 0))
    sound = filtered(sound, rate, high_pass(30)) * fades
    sound = sound / np.abs(sound).max()
    for _ in range(6):  # the limiter takes a little of each step
        sound = sound * 10 ** ((LOUDNESS_LUFS - loudness(limited(sound), rate)) / 20)
    return limited(sound)
