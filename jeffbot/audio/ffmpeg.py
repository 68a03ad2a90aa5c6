"""ffmpeg: found, checked, and run within bounds. Its commands are built with ffmpeg-python."""

import importlib
import os
import re
import shutil
import signal
import threading
from collections.abc import Callable
from pathlib import Path
from typing import IO, Any

from ..errors import FFmpegMissingError, printable
from ..models import Seconds
from .process import LOW_PRIORITY, Ended, Limits, Run

PCM_BYTES_PER_SECOND = 48_000 * 2 * 4
"""48 kHz, stereo, 32 bits."""
_CHECK_TIMEOUT: Seconds = 15.0
_PREFIX = re.compile(r"^(\[[^]]*\]\s*)*(Error opening input( files?)?)?[\s:.]*")
_TOO_MANY_STREAMS = "exceeds max_streams"
_DISK_FULL = "No space left on device"
_FROM_OUTSIDE = {"SIGKILL", "SIGTERM", "SIGINT", "SIGHUP"}
"""Signals that tell nothing of the input."""


class FFmpegError(Exception):
    """ffmpeg failed; the message is its own, without paths."""


class FFmpegInputError(FFmpegError):
    """ffmpeg ran, and the input is at fault."""


class FFmpegTimeoutError(FFmpegError):
    """ffmpeg took too long."""


def find_ffmpeg(configured: Path | None) -> Path:
    """The ffmpeg to use: the configured one, the one on ``PATH``, the one of ``jeffbot[bundled]``.

    Raises:
        FFmpegMissingError: There is none.
    """
    if configured is not None:
        found = shutil.which(configured)
        if found is None:
            raise FFmpegMissingError(f"JEFFBOT_FFMPEG is {str(configured)!r}, where there is no program")
        return Path(found)
    if found := shutil.which("ffmpeg"):
        return Path(found)
    try:
        return Path(importlib.import_module("imageio_ffmpeg").get_ffmpeg_exe())
    except (ImportError, RuntimeError) as error:
        raise FFmpegMissingError("ffmpeg, which encodes the sounds, is not on this machine") from error


class FFmpeg:
    """One ffmpeg program. Its methods block: call them in threads. :meth:`close` ends every run.

    Args:
        program: Its place.
        timeout: How long a run may take, and how much of a processor's time.
        max_seconds: The longest sound there may be; no run writes a file larger than such a sound's PCM.
    """

    def __init__(self, program: Path, *, timeout: Seconds, max_seconds: Seconds) -> None:
        self._program = str(program)
        self._timeout = timeout
        self._file_bytes = int((max_seconds + 2) * PCM_BYTES_PER_SECOND)
        self._running: set[Run] = set()
        self._lock = threading.Lock()
        self._closed = False

    def check(self) -> str:
        """The first line of ``ffmpeg -version``.

        Raises:
            FFmpegMissingError: It does not run, or cannot encode Opus.
        """
        try:
            version = self._ask("-version")
            encoders = self._ask("-encoders")
        except FFmpegError as error:
            raise FFmpegMissingError(f"{self._program} does not run ({error})") from error
        if b" libopus " not in encoders:
            raise FFmpegMissingError(f"{self._program} was built without libopus, the Opus encoder")
        return version.splitlines()[0].decode(errors="replace") if version else ""

    def run(
        self,
        output: Any,
        consume: Callable[[bytes], object] = len,
        *,
        stdin: IO[bytes] | None = None,
        stdout: IO[bytes] | None = None,
        file: Path | None = None,
        level: str = "error",
        urgent: bool = False,
    ) -> str:
        """Run what ffmpeg-python has put together.

        Args:
            output: Its last node.
            consume: Gets standard output piece by piece, where it does not go to a file.
            stdin: What comes on standard input.
            stdout: The file that standard output goes to.
            file: The sound that is read; without one, an error is never the input's.
            level: How much ffmpeg says.
            urgent: Whether someone waits for it; else the machine's other work comes first.

        Returns:
            What it said; of much, the beginning and the end.

        Raises:
            FFmpegInputError: ffmpeg cannot read the sound.
            FFmpegTimeoutError: It took too long.
            FFmpegError: It did not start, or was killed.
        """
        words = ("-nostdin", "-hide_banner", "-nostats", "-loglevel", f"level+{level}")
        command = output.global_args(*words).compile(cmd=self._program)
        limits = Limits(self._timeout, self._file_bytes, 0 if urgent else LOW_PRIORITY)
        ended = self._run(command, limits, consume, stdin, stdout)
        if ended.code == 0 and not (file and _TOO_MANY_STREAMS in ended.errors):
            return ended.errors
        reason = _reason(ended, os.path.abspath(file) if file else None)  # noqa: PTH100 - resolve() would follow links
        if file is None or _DISK_FULL in reason:
            raise FFmpegError(reason)
        raise FFmpegInputError(reason)

    def close(self) -> None:
        """Kill what runs, and let nothing more start."""
        with self._lock:
            self._closed = True
            for run in self._running:
                run.kill()

    def _ask(self, option: str) -> bytes:
        answer = bytearray()
        ended = self._run(
            [self._program, "-hide_banner", option], Limits(_CHECK_TIMEOUT, self._file_bytes), answer.extend
        )
        if ended.code != 0:
            raise FFmpegError(_reason(ended, None))
        return bytes(answer)

    def _run(
        self,
        command: list[str],
        limits: Limits,
        consume: Callable[[bytes], object],
        stdin: IO[bytes] | None = None,
        stdout: IO[bytes] | None = None,
    ) -> Ended:
        with self._lock:
            if self._closed:
                raise FFmpegError("shutting down")
            try:
                run = Run(command, limits, stdin=stdin, stdout=stdout)
            except OSError as error:
                raise FFmpegError(f"ffmpeg does not start: {error.strerror}") from error
            self._running.add(run)
        try:
            ended = run.wait(consume)
        finally:
            with self._lock:
                self._running.discard(run)
        if ended.timed_out:
            raise FFmpegTimeoutError(f"not done within {limits.seconds:g} s")
        if ended.code < 0 and signal.Signals(-ended.code).name in _FROM_OUTSIDE:
            raise FFmpegError("shutting down" if self._closed else "ffmpeg was ended by a signal")
        return ended


def _reason(ended: Ended, file: str | None) -> str:
    """What ffmpeg said last that speaks of the input, without the file's place and the demuxer's address."""
    if ended.code < 0:
        return f"ffmpeg broke down over it ({signal.Signals(-ended.code).name})"
    lines = [line for line in ended.errors.splitlines() if "[error]" in line or "[fatal]" in line]
    if any("format not on whitelist" in line.lower() for line in lines):
        return "its format is not one of the allowed audio formats"
    if any(_TOO_MANY_STREAMS in line for line in lines):
        return "it has too many streams"
    if file:
        folder = os.path.dirname(file)  # noqa: PTH120 - ffmpeg changes odd characters of the name: not looked for
        lines = [line.rpartition(": ")[2] if folder in line else line for line in lines]
        lines = [line for line in lines if folder not in line]
    told = [said for line in lines if (said := _PREFIX.sub("", line)) and "Conversion failed" not in said]
    return f"ffmpeg cannot read it ({printable(told[-1]) if told else 'it gave no reason'})"
