"""Sound files as PCM, by ffmpeg: the system's, or the one that a Python package brings."""

import importlib
import shutil
import subprocess
from pathlib import Path

import numpy as np

from ..errors import SandboxError
from .opus import CHANNELS, SAMPLE_RATE, Pcm

_TIMEOUT = 60.0
"""Seconds that ffmpeg may take for a file."""


class FFmpegMissingError(SandboxError):
    """There is no ffmpeg to read sound files with."""

    def __init__(self) -> None:
        super().__init__(
            "ffmpeg was not found: install it with the system's packages or with Python's (imageio-ffmpeg)"
        )


class UnreadableFileError(SandboxError):
    """ffmpeg made no sound of a file; the message is its own."""

    def __init__(self, path: Path, message: str) -> None:
        super().__init__(f"{path.name} is no sound file: {message}")
        self.path = path


def find_ffmpeg() -> str:
    """The ffmpeg on ``PATH``, or the one of imageio-ffmpeg.

    Raises:
        FFmpegMissingError: There is none.
    """
    if found := shutil.which("ffmpeg"):
        return found
    try:
        return str(importlib.import_module("imageio_ffmpeg").get_ffmpeg_exe())
    except (ImportError, RuntimeError) as error:
        raise FFmpegMissingError from error


def read_pcm(path: Path) -> Pcm:
    """All of a sound file's first audio stream, 48 kHz stereo.

    Raises:
        FFmpegMissingError: There is no ffmpeg.
        UnreadableFileError: It is no sound file, or takes longer than a minute to read.
    """
    command = [find_ffmpeg(), "-nostdin", "-v", "error", "-i", f"file:{path}", "-map", "0:a:0"]
    command += ["-f", "s16le", "-ar", str(SAMPLE_RATE), "-ac", str(CHANNELS), "pipe:1"]
    try:
        run = subprocess.run(command, capture_output=True, check=False, timeout=_TIMEOUT)  # noqa: S603 - own arguments
    except subprocess.TimeoutExpired as error:
        raise UnreadableFileError(path, "takes too long") from error
    if run.returncode != 0:
        said = run.stderr.decode(errors="replace").replace(f"file:{path}", path.name)
        raise UnreadableFileError(path, said.strip() or "ffmpeg failed")
    return np.frombuffer(run.stdout, "<i2").astype(np.int16).reshape(-1, CHANNELS)
