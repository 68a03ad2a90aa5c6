"""Where in a recording a sound may be, and what it explains of what is heard there.

Opus keeps the wave: below 6 kHz what is heard correlates with what was played by 0.9 and more, even at 64 kbit/s.
So a sound is sought by correlation, and once found it can be subtracted, which leaves what sounded with it. Both are
done on analytic signals of the middle of the stereo image.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from .filters import Analytic, analytic
from .opus import Pcm

RATE = 6000
CHUNK = RATE // 50
"""Samples in 20 ms, a packet: what can be lost."""
PIECE = 12 * CHUNK
"""In 240 ms, what is correlated at once: short, so that a sound is found by its beginning alone."""
BIN = RATE // 20
"""In 50 ms, of which only the best place for a sound is looked at closely."""
_FLOOR = 8.0
"""Power of a sample, of 16 bits: what is weaker is rounding."""
_MASKED = 0.03
"""This part of the power of what was heard, -15 dB, remains as the codec's noise when it is subtracted."""
_PLAUSIBLE = 0.15
"""A place is looked at closely if a sound explains this share of what is heard there."""
_WORTH_HEARING = 0.2
"""A sound goes on while it explains this share of what is heard."""
_STEADY = 0.3
"""How much the level of a piece is drawn to that of the whole sound."""
_BASS_HZ = 1000.0
"""Below it frequencies count less, since every drum has the same."""
_TOP_HZ = 5500.0, 6000.0
_SILENCE = 1e-3
"""-60 dB below the peak: what is quieter at its ends is no part of a sound."""
_BLOCK = 8192
_HOP = _BLOCK - PIECE
_FINER = 8
"""Into so many parts of a sample a place is told apart; it may be off by a whole one when it is found."""

type Vector = NDArray[np.float64]


def prepared(pcm: Pcm) -> Analytic:
    """PCM as it is compared."""
    return analytic(pcm.mean(axis=1, dtype=np.float32), _weighting, RATE)


def _weighting(hertz: Vector) -> Vector:
    low, high = _TOP_HZ
    return hertz / np.hypot(hertz, _BASS_HZ) * np.clip((high - hertz) / (high - low), 0, 1)


def cut(signal: Analytic, start: int, length: int) -> Analytic:
    """A part of a signal, zero where that lies outside."""
    part = np.zeros(length, np.complex64)
    first, last = max(start, 0), min(start + length, len(signal))
    if first < last:
        part[first - start : last - start] = signal[first:last]
    return part


def energies(rows: Analytic) -> Vector:
    """Of each row."""
    return np.sum(np.square(rows.real, dtype=np.float64) + np.square(rows.imag), axis=1)


class Template:
    """A sound to look for, from its first to its last audible sample."""

    def __init__(self, name: str, pcm: Pcm) -> None:
        self.name = name
        signal = prepared(pcm)
        size = np.abs(signal)
        audible = np.flatnonzero(size > max(_SILENCE * size.max(initial=0.0), np.sqrt(_FLOOR)))
        start, end = (int(audible[0]), int(audible[-1]) + 1) if len(audible) else (0, 0)
        self.signal = cut(signal, start, -(-(end - start) // PIECE) * PIECE)
        self.pieces = self.signal.reshape(-1, PIECE)
        self.energies = energies(self.pieces)
        self.audible = np.flatnonzero(self.energies > 1e-4 * self.energies.max(initial=0.0))
        """The pieces not 40 dB below the loudest."""

    def __len__(self) -> int:
        return len(self.signal)


class Scene:
    """What is heard, and what of it is not yet explained by sounds that were found."""

    def __init__(self, pcm: Pcm) -> None:
        self.heard = prepared(pcm)
        self.unexplained = self.heard.copy()

    def __len__(self) -> int:
        return len(self.heard)

    def add(self, start: int, signal: Analytic) -> None:
        """Add a signal to what is unexplained, from a sample on."""
        first, last = max(start, 0), min(start + len(signal), len(self))
        self.unexplained[first:last] += signal[first - start : last - start]

    def gain(self, start: int, signal: Analytic) -> float:
        """How much less energy would be unexplained without a signal, from a sample on."""
        common = np.vdot(signal, cut(self.unexplained, start, len(signal))).real
        return float(2 * common - np.vdot(signal, signal).real)

    def noise(self, start: int, length: int) -> Vector:
        """By chunk of a stretch, the energy below which nothing can be found."""
        return _MASKED * energies(cut(self.heard, start, length).reshape(-1, CHUNK)) + _FLOOR * CHUNK


class View:
    """A stretch of a scene as it is now, ready to be correlated with templates."""

    def __init__(self, scene: Scene, first: int, last: int) -> None:
        self._begin = max(first, -PIECE)
        blocks = -(-(min(last, len(scene)) - self._begin) // _HOP)
        unexplained = cut(scene.unexplained, self._begin, blocks * _HOP + PIECE)
        noise = _MASKED * _running_energy(cut(scene.heard, self._begin, len(unexplained))) + _FLOOR * PIECE
        self._inverse = (1 / (_running_energy(unexplained) + noise)).astype(np.float32)
        self._spectra = np.fft.fft(np.lib.stride_tricks.sliding_window_view(unexplained, _BLOCK)[::_HOP])

    def survey(self, template: Template, first: int, last: int) -> tuple[NDArray[np.float32], NDArray[np.intp]]:
        """By bin: how strongly the template is there, 0 where it is not plausible, and its best place.

        Strength is the energy that the template explains, piece by piece, times the share of what is heard that this
        is. Each piece may have a level and a phase of its own.

        Args:
            template: The sound.
            first: A place where it may start.
            last: The end of such places, whole bins later.
        """
        explained = np.zeros(last - first, np.float32)
        strength = np.zeros_like(explained)
        for n in template.audible:
            energy = self._explained(template, int(n))
            offset = self._begin - int(n) * PIECE - first
            inside = slice(max(-offset, 0), max(len(explained) - offset, 0))
            starts = slice(max(offset, 0), max(offset, 0) + len(energy[inside]))
            explained[starts] += energy[inside]
            strength[starts] += np.square(energy[inside]) * self._inverse[inside]
        strength[strength < _PLAUSIBLE * explained] = 0
        bins = strength.reshape(-1, BIN)
        return bins.max(axis=1), first + np.arange(len(bins)) * BIN + bins.argmax(axis=1)

    def _explained(self, template: Template, n: int) -> NDArray[np.float32]:
        """By where it starts, the energy that a piece explains of what is heard."""
        piece = template.pieces[n] / np.float32(np.sqrt(template.energies[n]))
        correlation = np.fft.ifft(self._spectra * np.fft.fft(piece, _BLOCK).conj())[:, :_HOP].ravel()
        return np.square(correlation.real) + np.square(correlation.imag)


@dataclass(frozen=True, slots=True)
class Fit:
    """A sound laid over a scene."""

    template: Template
    start: int
    """Sample of the scene."""
    shift: float
    """Part of a sample by which it starts later, or earlier."""
    signal: Analytic
    """What it explains of the scene, from ``start`` on."""
    score: float
    """The mean share that it explains of what is heard while it is heard; 0 to 1."""
    seconds: float
    """For how long it is heard, not counting what is quiet."""

    @property
    def end(self) -> int:
        """The sample of the scene after its last."""
        return self.start + len(self.signal)


def fit(scene: Scene, template: Template, start: int) -> Fit:
    """Lay a sound over the part of a scene that is not yet explained, at about a sample, with the best levels.

    A sound is heard from its beginning, or that of the scene, to its end, or until it is stopped; a packet of it may be
    missing. Its level changes slowly, from piece to piece.
    """
    delay, level = _aligned(cut(scene.unexplained, start, len(template)).reshape(-1, PIECE), template)
    start += round(delay)
    shift = delay - round(delay)
    sound = _shifted(template.signal, shift)
    heard = cut(scene.unexplained, start, len(template)).reshape(-1, CHUNK)
    played = sound.reshape(-1, CHUNK)
    common = np.sum(heard * played.conj(), axis=1).real.astype(np.float64)
    played_energies = energies(played)
    levels, on = _levels(common, played_energies, level)
    explained = np.where(on, 2 * levels * common - np.square(levels) * played_energies, 0.0)
    shares = explained / (energies(heard) + scene.noise(start, len(template)))
    weights = audibility(played_energies) * _inside(scene, start, len(common))
    end = int(np.cumsum(weights * (shares - _WORTH_HEARING)).argmax()) + 1
    weights[end:], on[end:] = 0.0, False
    total, loudest = weights.sum(), weights.max(initial=0.0)
    return Fit(
        template=template,
        start=start,
        shift=shift,
        signal=sound * np.repeat(np.where(on, levels, 0.0), CHUNK).astype(np.float32),
        score=float(weights @ shares / total) if total else 0.0,
        seconds=float(total / loudest) * CHUNK / RATE if total else 0.0,
    )


def audibility(energies: Vector) -> Vector:
    """How much chunks of these energies count: the root of their amplitudes, lest a single loud one decide."""
    return np.sqrt(np.sqrt(energies))


def _aligned(heard: Analytic, template: Template) -> tuple[float, float]:
    """The delay at which the template explains most, in samples, and its level in the piece that is explained best."""
    rows = template.audible
    if not len(rows):
        return 0.0, 0.0
    size = 2 * PIECE
    spectra = np.fft.fft(heard[rows], size) * np.fft.fft(template.pieces[rows], size).conj()
    common = np.fft.ifft(spectra, size * _FINER).real * _FINER
    common = np.maximum(np.concatenate([common[:, -_FINER:], common[:, : _FINER + 1]], axis=1), 0.0)
    explained = np.square(common) / template.energies[rows, None]
    strength = np.square(explained) / (energies(heard[rows])[:, None] + _FLOOR * PIECE)
    best = int(strength.sum(axis=0).argmax())
    piece = int(strength[:, best].argmax())
    return (best - _FINER) / _FINER, float(common[piece, best] / template.energies[rows[piece]])


def _shifted(signal: Analytic, samples: float) -> Analytic:
    """The signal later by part of a sample."""
    size = len(signal) + CHUNK
    turns = np.exp(-2j * np.pi * np.arange(size) * samples / size).astype(np.complex64)
    return np.fft.ifft(np.fft.fft(signal, size) * turns)[: len(signal)]


def _levels(common: Vector, played: Vector, level: float) -> tuple[Vector, NDArray[np.bool_]]:
    """By chunk: at which level the sound is heard, and whether it is, that is, explains anything.

    Args:
        common: The scalar products of what is heard and what was played.
        played: The energies of what was played.
        level: A first guess.
    """
    pieces = np.repeat(np.arange(len(common) * CHUNK // PIECE), PIECE // CHUNK)
    levels = np.full(len(common), level)
    on = 2 * common > levels * played
    steady = _STEADY * np.bincount(pieces, played)
    for _ in range(3):
        overall = max(float(common[on].sum()), 0.0) / max(float(played[on].sum()), 1.0)
        above = np.bincount(pieces, common * on) + steady * overall
        below = np.bincount(pieces, played * on) + steady
        levels = np.clip(above / np.maximum(below, 1.0), 0.0, 2 * overall)[pieces]
        on = 2 * common > levels * played
    return levels, on


def _inside(scene: Scene, start: int, chunks: int) -> NDArray[np.bool_]:
    """By chunk: whether it is in the scene, by more than half."""
    middles = start + CHUNK // 2 + CHUNK * np.arange(chunks)
    return (middles >= 0) & (middles < len(scene))


def _running_energy(signal: Analytic) -> Vector:
    """Of the piece that begins at each sample but the last ``PIECE``."""
    power = np.square(signal.real, dtype=np.float64) + np.square(signal.imag)
    total = np.concatenate(([0.0], np.cumsum(power)))
    return total[PIECE:-1] - total[: -PIECE - 1]
