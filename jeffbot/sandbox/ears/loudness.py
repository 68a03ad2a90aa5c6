"""How loud PCM is: integrated loudness and true peak (ITU-R BS.1770-4; EBU R 128)."""

import math

import numpy as np
from numpy.typing import NDArray

from .filters import filtered
from .opus import CHANNELS, FULL_SCALE, SAMPLE_RATE, Pcm

_STEP = SAMPLE_RATE // 10
"""Gating blocks of 400 ms overlap by 75 % (BS.1770-4, annex 1)."""
_STEPS = 4
_OFFSET = -0.691
"""dB; makes a full-scale sine of 997 Hz in one channel -3.01 LUFS (annex 1, equation 2)."""
_ABSOLUTE_GATE = -70.0
"""LUFS (annex 1, equation 5)."""
_RELATIVE_GATE = 10.0
"""LU below what passed the absolute gate (annex 1, equation 6)."""
_SHELF = (1.53512485958697, -2.69169618940638, 1.19839281085285), (1.0, -1.69065929318241, 0.73248077421585)
"""The head's effect at 48 kHz: numerator, denominator (annex 1, table 1)."""
_HIGH_PASS = (1.0, -2.0, 1.0), (1.0, -1.99004745483398, 0.99007225036621)
"""The low end at 48 kHz (annex 1, table 2)."""
_INTERPOLATOR = (
    np.array(
        [
            [14, 90, -161, 272, -487, 1125, 7964, -838, 390, -218, 122, -68],
            [-239, 240, -424, 730, -1364, 3810, 6388, -1641, 832, -477, 271, -155],
        ]
    )
    / 8192
)
"""Two of the four phases of the 4 times oversampling filter; the others are these backwards (annex 2, table)."""


def integrated_lufs(pcm: Pcm) -> float:
    """Integrated loudness with both gates; minus infinity if nothing passes them.

    A last block that is not full does not count (annex 1), but all of a sound shorter than 400 ms does: it is measured
    with silence after it.
    """
    blocks = _blocks(pcm)
    blocks = blocks[blocks > _power(_ABSOLUTE_GATE)]
    if not len(blocks):
        return -math.inf
    blocks = blocks[blocks > blocks.mean() * 10 ** (-_RELATIVE_GATE / 10)]
    return _OFFSET + 10 * math.log10(blocks.mean())


def true_peak_dbtp(pcm: Pcm) -> float:
    """The highest value between samples too, in dB relative to full scale; minus infinity for digital silence."""
    if not pcm.any():
        return -math.inf
    phases = (*_INTERPOLATOR, *_INTERPOLATOR[:, ::-1])
    peaks = [np.abs(np.convolve(channel, phase)).max() for channel in pcm.T.astype(np.float64) for phase in phases]
    return 20 * math.log10(max(peaks) / FULL_SCALE)


def _blocks(pcm: Pcm) -> NDArray[np.float64]:
    """The power of each gating block, summed over channels, both of weight 1 (annex 1, table 3)."""
    steps = max(len(pcm) // _STEP, _STEPS)
    whole = np.zeros((CHANNELS, steps * _STEP), np.float32)
    kept = pcm[: steps * _STEP].T
    whole[:, : kept.shape[1]] = kept
    weighted = filtered(whole / np.float32(FULL_SCALE), _k_weighting)
    powers = np.square(weighted, dtype=np.float64).sum(axis=0).reshape(steps, _STEP).mean(axis=1)
    return np.convolve(powers, np.full(_STEPS, 1 / _STEPS), "valid")


def _k_weighting(hertz: NDArray[np.float64]) -> NDArray[np.complex128]:
    delay = np.exp(-2j * np.pi * hertz / SAMPLE_RATE)
    gain = np.ones_like(delay)
    for above, below in (_SHELF, _HIGH_PASS):
        gain *= np.polyval(above[::-1], delay) / np.polyval(below[::-1], delay)
    return gain


def _power(lufs: float) -> float:
    return float(10 ** ((lufs - _OFFSET) / 10))
