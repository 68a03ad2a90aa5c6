"""What tests of encoding share: files of any kind made by ffmpeg, and what is heard of packets."""

import re
import subprocess
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from jeffbot.audio.ffmpeg import find_ffmpeg
from jeffbot.sandbox.ears.opus import Decoder

RATE = 48_000
PATIENCE = 20.0

type Samples = NDArray[np.float64]
"""Times by channels, 48 kHz; full scale is 1."""


class Heard(NamedTuple):
    """A measurement by ffmpeg's ``ebur128``."""

    loudness: float
    """LUFS."""
    peak: float
    """True peak, dBTP."""


def convert(*arguments: str, folder: Path, stdin: bytes | None = None) -> str:
    """Run the real ffmpeg as anyone would; what it said."""
    command = [str(find_ffmpeg(None)), "-v", "info", "-nostats", "-y", *arguments]
    run = subprocess.run(command, cwd=folder, check=True, timeout=PATIENCE, input=stdin or b"", capture_output=True)
    return run.stderr.decode(errors="replace")


def synthesise(file: Path, expression: str, seconds: float) -> Path:
    """A file of a formula of ``t``, as ffmpeg's ``aevalsrc`` takes it, to the sample."""
    file.parent.mkdir(exist_ok=True)
    source = f"aevalsrc='{expression}':s={RATE},atrim=end_sample={round(seconds * RATE)}"
    convert("-f", "lavfi", "-i", source, file.name, folder=file.parent)
    return file


def decode(packets: Sequence[bytes]) -> Samples:
    """What a listener hears of packets who has heard nothing before."""
    decoder = Decoder()
    return np.concatenate([decoder.decode(packet) for packet in packets]).astype(np.float64) / 32_768


def read(file: Path) -> Samples:
    """A sound file's first audio stream, in 48 kHz and stereo."""
    arguments = ["-i", file.name, "-map", "0:a:0", "-ar", str(RATE), "-ac", "2", "-f", "f32le", "read.pcm"]
    convert(*arguments, folder=file.parent)
    return np.fromfile(file.with_name("read.pcm"), "<f4").reshape(-1, 2).astype(np.float64)


def measure(samples: Samples, folder: Path) -> Heard:
    """How loud samples are."""
    source = ["-f", "f32le", "-ar", str(RATE), "-ac", "2", "-i", "pipe:0"]
    said = convert(
        *source, "-af", "ebur128=peak=true", "-f", "null", "-", folder=folder, stdin=samples.astype("<f4").tobytes()
    )
    summary = said[said.rfind("Summary:") :]
    loudness, peak = re.search(r"I:\s+(\S+)", summary), re.search(r"Peak:\s+(\S+)", summary)
    assert loudness
    assert peak
    return Heard(float(loudness[1]), float(peak[1]))
