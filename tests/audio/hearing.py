"""Sounds as packets of restricted low delay, and what someone hears who is sent packets."""

import subprocess
from collections.abc import Iterable
from functools import cache
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from jeffbot.audio.ffmpeg import find_ffmpeg
from jeffbot.audio.libopus import FRAME_SAMPLES, LOOKAHEAD, Decoder, Encoder, FrameBuffer
from jeffbot.audio.opus import read_packets
from jeffbot.library.folder import shipped_sounds

BITRATE = 96_000
RATE = 48_000

type Pcm = NDArray[np.float32]
"""Samples by channels, 48 kHz, stereo."""
type Packets = tuple[bytes, ...]


def tone(*hertz: float, amplitude: float = 0.2, seconds: float = 1.0) -> Pcm:
    """Sines of one amplitude, the same on both sides."""
    time = np.arange(int(RATE * seconds)) / RATE
    samples = sum(amplitude * np.sin(2 * np.pi * frequency * time) for frequency in hertz)
    return np.repeat(np.asarray(samples, np.float32)[:, None], 2, axis=1)


def encode(pcm: Pcm, *, standalone: bool = False) -> Packets:
    """A sound as the bank would store it; with every packet standalone if asked for."""
    encoder, buffer = Encoder(BITRATE), FrameBuffer()
    samples = np.frombuffer(buffer, np.float32).reshape(FRAME_SAMPLES, 2)
    packets = []
    for start in range(0, len(pcm) - FRAME_SAMPLES + 1, FRAME_SAMPLES):
        samples[:] = pcm[start : start + FRAME_SAMPLES]
        packets.append(encoder.encode(buffer, standalone=standalone))
    return tuple(packets)


@cache
def shipped(name: str) -> Packets:
    """A shipped sound, by the same ffmpeg as the bank's."""
    output = ("-c:a", "libopus", "-b:a", str(BITRATE), "-application", "lowdelay", "-ar", str(RATE), "-ac", "2")
    command = [
        str(find_ffmpeg(None)),
        "-loglevel",
        "error",
        "-i",
        str(_shipped_file(name)),
        "-vn",
        *output,
        "-f",
        "opus",
        "-",
    ]
    return read_packets(subprocess.run(command, check=True, capture_output=True).stdout)


def _shipped_file(name: str) -> Path:
    return next(file for file in shipped_sounds().iterdir() if file.stem == name)


def hear(packets: Iterable[bytes]) -> Pcm:
    """What one listener hears who is sent all of these."""
    decoder, buffer = Decoder(), FrameBuffer()
    heard = []
    for packet in packets:
        decoder.decode(packet, buffer)
        heard.append(np.frombuffer(buffer, np.float32).reshape(FRAME_SAMPLES, 2).copy())
    return np.concatenate(heard)


def frames(pcm: Pcm, start: int, end: int | None = None) -> Pcm:
    """What packets ``start`` to ``end`` are heard as."""
    return pcm[start * FRAME_SAMPLES : None if end is None else end * FRAME_SAMPLES]


def level(pcm: Pcm) -> float:
    """Mean power, dB of full scale."""
    return float(10 * np.log10(np.mean(np.square(pcm, dtype=np.float64)) + 1e-12))


def clarity(heard: Pcm, meant: Pcm) -> float:
    """How far what is wrong lies below what is right, dB."""
    return level(meant) - level(heard - meant)


def step(pcm: Pcm) -> float:
    """The greatest difference of neighbouring samples."""
    return float(np.abs(np.diff(pcm, axis=0)).max())


def strength(pcm: Pcm, hertz: float) -> float:
    """The amplitude of a frequency in a whole number of its periods."""
    time = np.arange(len(pcm)) / RATE
    return float(2 * np.abs(np.mean(pcm[:, 0] * np.exp(-2j * np.pi * hertz * time))))


def delayed(pcm: Pcm) -> Pcm:
    """As it is heard, 2.5 ms later."""
    return np.concatenate([np.zeros((LOOKAHEAD, 2), np.float32), pcm])[: len(pcm)]
