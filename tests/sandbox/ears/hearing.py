"""Sounds, and what becomes of them on their way to a listener."""

from collections.abc import Iterable
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from jeffbot.sandbox.ears import Encoder, Pcm, Recording
from jeffbot.sandbox.ears.opus import CHANNELS, FRAME_SAMPLES, FULL_SCALE, SAMPLE_RATE
from jeffbot.sandbox.voice.rtp import Packet, Protection

SOUNDS = Path(__file__).parents[3] / "sounds"
FRAME = FRAME_SAMPLES / SAMPLE_RATE


def pcm_of(wave: NDArray[np.float64]) -> Pcm:
    """A wave of one channel, or of samples by two, 1 being full scale; clipped there."""
    stereo = wave if wave.ndim == 2 else np.column_stack([wave] * CHANNELS)
    return np.clip(np.rint(stereo * FULL_SCALE), -FULL_SCALE, FULL_SCALE - 1).astype(np.int16)


def clock(seconds: float) -> NDArray[np.float64]:
    return np.arange(round(seconds * SAMPLE_RATE)) / SAMPLE_RATE


def sine(hertz: float, seconds: float = 1.0, level: float = 0.25) -> Pcm:
    return pcm_of(level * np.sin(2 * np.pi * hertz * clock(seconds)))


def louder(pcm: Pcm, decibels: float) -> Pcm:
    return pcm_of(pcm / FULL_SCALE * 10 ** (decibels / 20))


def mixed(*parts: tuple[float, Pcm]) -> Pcm:
    """Sounds laid over each other, each from its second on."""
    starts = [(round(second * SAMPLE_RATE), pcm) for second, pcm in parts]
    total = np.zeros((max(start + len(pcm) for start, pcm in starts), CHANNELS))
    for start, pcm in starts:
        total[start : start + len(pcm)] += pcm
    return pcm_of(total / FULL_SCALE)


def encoded(pcm: Pcm, bitrate: int | None = None) -> list[bytes]:
    """As Opus packets of 20 ms, the last filled up with silence."""
    encoder = Encoder(bitrate)
    padded = np.pad(pcm, ((0, -len(pcm) % FRAME_SAMPLES), (0, 0)))
    return [encoder.encode(frame) for frame in padded.reshape(-1, FRAME_SAMPLES, CHANNELS)]


def packet(number: int, opus: bytes | None, *, arrived: float | None = None, timestamp: int | None = None) -> Packet:
    """A packet of a stream of 20 ms packets, by its number in it."""
    return Packet(
        FRAME * number if arrived is None else arrived,
        number & 0xFFFF,
        FRAME_SAMPLES * number if timestamp is None else timestamp,
        opus,
        Protection.UNDECRYPTABLE if opus is None else Protection.ENCRYPTED,
    )


def sent(opus: Iterable[bytes | None], first: int = 0) -> list[Packet]:
    """A stream of 20 ms packets that arrive in time."""
    return [packet(number, frame) for number, frame in enumerate(opus, first)]


def heard(pcm: Pcm, bitrate: int | None = None, loss: float = 0.0, seed: int = 0) -> Recording:
    """PCM as a listener hears it: encoded, packets lost at random, decoded."""
    random = np.random.default_rng(seed)
    return Recording(packet for packet in sent(encoded(pcm, bitrate)) if random.random() >= loss)
