"""Filters given by their frequency response, applied block by block, so that memory does not grow with length."""

from collections.abc import Callable, Iterator

import numpy as np
from numpy.typing import NDArray

from .opus import SAMPLE_RATE

type Signal = NDArray[np.float32]
"""Samples along the last axis."""
type Analytic = NDArray[np.complex64]
"""Samples of a signal's positive frequencies alone: their phase is the phase of the wave, their size its envelope."""
type Response = Callable[[NDArray[np.float64]], NDArray[np.float64] | NDArray[np.complex128]]
"""Gain, complex where the phase turns, by frequency in Hz; rings for less than 0.18 s."""

_BLOCK = SAMPLE_RATE
_SIZE = 1 << 16
_MARGIN = (_SIZE - _BLOCK) // 2
"""0.18 s on either side of a block, lost to the wrap-around of the transform."""


def filtered(signal: Signal, response: Response) -> Signal:
    """A signal at 48 kHz, filtered; as long as it was."""
    blocks = [np.fft.irfft(spectrum)[..., _MARGIN:-_MARGIN] for spectrum in _spectra(signal, response)]
    return np.concatenate([signal[..., :0], *blocks], axis=-1)[..., : signal.shape[-1]]


def analytic(signal: Signal, response: Response, rate: int) -> Analytic:
    """A signal at 48 kHz, filtered, as its analytic signal at a lower rate.

    Args:
        signal: Along one axis.
        response: Passes nothing at ``rate`` or above.
        rate: 48 000 divided by a power of two, at least 6000.
    """
    bins = _SIZE * rate // SAMPLE_RATE
    margin = _MARGIN * rate // SAMPLE_RATE
    scale = 2 * bins / _SIZE
    blocks = [
        np.fft.ifft(spectrum[:bins])[margin:-margin] * np.float32(scale) for spectrum in _spectra(signal, response)
    ]
    return np.concatenate([np.empty(0, np.complex64), *blocks])[: -(-len(signal) * rate // SAMPLE_RATE)]


def _spectra(signal: Signal, response: Response) -> Iterator[Analytic]:
    """Of the signal's blocks with their margins, filtered."""
    length = signal.shape[-1]
    blocks = -(-length // _BLOCK)
    padding = [(0, 0)] * (signal.ndim - 1) + [(_MARGIN, blocks * _BLOCK - length + _MARGIN)]
    padded = np.pad(signal, padding)
    gains = response(np.fft.rfftfreq(_SIZE, 1 / SAMPLE_RATE)).astype(np.complex64)
    for n in range(blocks):
        yield np.fft.rfft(padded[..., n * _BLOCK :][..., :_SIZE]) * gains
