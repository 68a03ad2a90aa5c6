"""What frequencies PCM is made of."""

import numpy as np
from numpy.typing import NDArray

from .opus import SAMPLE_RATE, Pcm

_APART = 2 ** (1 / 12)
"""Peaks are a semitone apart, or they are one."""
_APART_BINS = 4
"""And wider apart than a peak is under a Hann window (its main lobe)."""
_FLOOR = 1e-4
"""Peaks 40 dB below the strongest are noise of the codec."""


def strongest_frequencies(pcm: Pcm, count: int) -> list[float]:
    """The highest peaks of the spectrum in Hz, the highest first, well apart; fewer where there are no more.

    Each is as fine as the PCM is long, 1 / seconds. Quiet ones, 40 dB below the strongest, do not count.
    """
    powers = _powers(pcm)
    found: list[float] = []
    floor = powers.max(initial=0.0) * _FLOOR
    while len(found) < count and powers.max(initial=0.0) > floor:
        peak = int(np.argmax(powers))
        found.append(peak * SAMPLE_RATE / len(pcm))
        low, high = min(peak / _APART, peak - _APART_BINS), max(peak * _APART, peak + _APART_BINS)
        powers[max(round(low), 0) : round(high) + 1] = 0.0
    return found


def _powers(pcm: Pcm) -> NDArray[np.float64]:
    """By frequency, over both channels, only where it is a peak."""
    if len(pcm) < 2:
        return np.zeros(0)
    window = np.hanning(len(pcm)).astype(np.float32)
    powers = np.square(np.abs(np.fft.rfft(pcm.T * window))).sum(axis=0, dtype=np.float64)
    powers[0] = 0.0
    peaks = np.zeros_like(powers)
    inner = powers[1:-1]
    is_peak = (inner >= powers[:-2]) & (inner > powers[2:])
    peaks[1:-1][is_peak] = inner[is_peak]
    return peaks
