"""ffmpeg: found, checked, and run within bounds.

Commands are built with ffmpeg-python and run in threads, never on the event loop. Input is restricted to audio
container formats: a playlist that calls itself ``.mp3`` would otherwise make ffmpeg read other files.
"""

import contextlib
import importlib
import logging
import os
import re
import shutil
import signal
import subprocess
import threading
from pathlib import Path

from ..errors import FFmpegMissingError
from ..models import PACKET_SECONDS, Seconds

logger = logging.getLogger(__name__)

FORMATS = "aac,aiff,flac,matroska,mov,mp3,ogg,wav"
"""Demuxers that may open a sound (``ffmpeg -demuxers``); none of them follows references to other files."""
BITRATE = "96k"
"""Target of the encoder, VBR; clear stereo music by RFC 7587, section 3.1.1."""
PROFILE = "opus-96k-20ms-1"
"""Names how a sound is encoded; a change of the arguments below changes it, so that no old cache is read."""
_LOW_PRIORITY = 10
_CHECK_TIMEOUT: Seconds = 15.0
_KILL_TIMEOUT: Seconds = 5.0
_STDERR_BYTES = 4096
_MAGIC = (
    (b"WAVE", 8, "wav"),
    (b"OggS", 0, "ogg"),
    (b"fLaC", 0, "flac"),
    (b"ftyp", 4, "mov"),
    (b"\x1aE\xdf\xa3", 0, "matroska"),
    (b"AIFF", 8, "aiff"),
    (b"AIFC", 8, "aiff"),
)


_PREFIX = re.compile(r"^(\[[^]]*\]\s*)?(Error opening input( files?)?)?[\s:.]*")


class FFmpegError(Exception):
    """ffmpeg failed; the message is its own, without paths."""


class FFmpegInputError(FFmpegError):
    """ffmpeg ran, and refused the input."""


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
    """One ffmpeg program. Its methods block: call them in threads. :meth:`close` ends every run."""

    def __init__(self, program: Path, *, timeout: Seconds, max_seconds: Seconds) -> None:
        self._program = str(program)
        self._timeout = timeout
        self._max_seconds = max_seconds
        self._running: set[subprocess.Popen[bytes]] = set()
        self._lock = threading.Lock()
        self._closed = False

    def check(self) -> str:
        """The first line of ``ffmpeg -version``.

        Raises:
            FFmpegMissingError: It does not run, or cannot encode Opus.
        """
        try:
            version = self._run([self._program, "-hide_banner", "-version"], _CHECK_TIMEOUT)
            encoders = self._run([self._program, "-hide_banner", "-encoders"], _CHECK_TIMEOUT)
        except FFmpegError as error:
            raise FFmpegMissingError(f"{self._program} does not run ({error})") from error
        if b" libopus " not in encoders:
            raise FFmpegMissingError(f"{self._program} was built without libopus, the Opus encoder")
        return version.splitlines()[0].decode(errors="replace") if version else ""

    def encode(self, file: Path) -> bytes:
        """The first audio stream of a file as Ogg/Opus: 48 kHz, stereo, packets of 20 ms.

        What is longer than the limit is cut one second past it, so that the caller can tell.

        Raises:
            FFmpegError: ffmpeg cannot read it, or took too long.
        """
        import ffmpeg  # noqa: PLC0415 - ten milliseconds that only this thread needs to wait for

        source = ffmpeg.input(
            f"file:{os.path.abspath(file)}",  # noqa: PTH100 - resolve() would follow links
            format_whitelist=FORMATS,
            **({"f": container} if (container := sniff(file)) else {}),
            protocol_whitelist="file",
            t=self._max_seconds + 1,
        )
        output = source.output(
            "pipe:1",
            format="opus",
            map_metadata=-1,
            vn=None,
            sn=None,
            dn=None,
            acodec="libopus",
            audio_bitrate=BITRATE,
            vbr="on",
            application="audio",
            frame_duration=int(PACKET_SECONDS * 1000),
            ar=48000,
            ac=2,
            threads=1,
        ).global_args("-nostdin", "-hide_banner", "-loglevel", "error")
        try:
            return self._run(output.compile(cmd=self._program), self._timeout)
        except FFmpegInputError as error:
            raise FFmpegInputError(_reason(str(error), os.path.abspath(file))) from None  # noqa: PTH100

    def close(self) -> None:
        """Kill what runs, and let nothing more start."""
        with self._lock:
            self._closed = True
            for process in self._running:
                _kill(process)

    def _run(self, command: list[str], timeout: Seconds) -> bytes:
        with self._lock:
            if self._closed:
                raise FFmpegError("shutting down")
            try:
                process = subprocess.Popen(  # noqa: S603 - arguments are built here, without a shell
                    command,
                    stdin=subprocess.DEVNULL,
                    stdout=subprocess.PIPE,
                    stderr=subprocess.PIPE,
                    creationflags=getattr(subprocess, "CREATE_NO_WINDOW", 0),
                    start_new_session=True,  # so that all of it can be killed at once
                )
            except OSError as error:
                raise FFmpegError(f"ffmpeg does not start: {error.strerror}") from error
            self._running.add(process)
        try:
            if hasattr(os, "setpriority"):
                with contextlib.suppress(ProcessLookupError):  # it has ended already
                    os.setpriority(os.PRIO_PROCESS, process.pid, _LOW_PRIORITY)
            output, errors = process.communicate(timeout=timeout)
        except subprocess.TimeoutExpired:
            _kill(process)
            process.communicate(timeout=_KILL_TIMEOUT)
            raise FFmpegError(f"not done within {timeout:g} s") from None
        finally:
            with self._lock:
                self._running.discard(process)
        if process.returncode < 0:
            raise FFmpegError("ffmpeg was ended by a signal")
        if process.returncode != 0:
            raise FFmpegInputError(errors[-_STDERR_BYTES:].decode(errors="replace"))
        return output


def sniff(file: Path) -> str | None:
    """The demuxer for a file by its first bytes; None where they do not tell.

    Left to guess, ffmpeg takes some tones in a WAV file for a television stream.
    """
    try:
        with file.open("rb") as opened:
            head = opened.read(12)
    except OSError:  # ffmpeg will say what it is
        return None
    for magic, offset, container in _MAGIC:
        if head[offset : offset + len(magic)] == magic:
            return container
    return None


def _kill(process: subprocess.Popen[bytes]) -> None:
    """Kill a program and what it has started."""
    if hasattr(os, "killpg"):
        with contextlib.suppress(ProcessLookupError):  # it has ended already
            os.killpg(process.pid, signal.SIGKILL)
    else:
        process.kill()


def _reason(errors: str, file: str) -> str:
    """What ffmpeg said last that speaks of the input, without the file's place and the demuxer's address."""
    lines = [line.strip() for line in errors.splitlines()]
    if any("whitelist" in line.lower() for line in lines):
        return "its format is not one of the allowed audio formats"
    folder = os.path.dirname(file)  # noqa: PTH120 - ffmpeg changes odd characters of the name, so that is not looked for
    said = [line.rpartition(": ")[2] if folder in line else line for line in lines]
    told = [_PREFIX.sub("", line) for line in said if line and folder not in line and "Conversion failed" not in line]
    return f"ffmpeg cannot read it ({(told and told[-1]) or 'it gave no reason'})"
