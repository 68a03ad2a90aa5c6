"""What tests of the bank share: sounds, banks to put them in, and ffmpegs that count, hang or take their time."""

import asyncio
import os
import select
from collections.abc import Callable
from pathlib import Path

from jeffbot.audio.bank import SoundBank
from jeffbot.audio.clip import Clip
from jeffbot.audio.ffmpeg import FFmpeg, find_ffmpeg
from jeffbot.models import Sound
from staging import write_tone

PATIENCE = 20.0
"""How long anything may take before a test fails, seconds."""


def make_tone(file: Path, hertz: float = 440, seconds: float = 0.2) -> Sound:
    return sound_of(write_tone(file, hertz, seconds))


def write(file: Path, content: bytes) -> Sound:
    """A file of this content, taken for a sound."""
    file.write_bytes(content)
    return sound_of(file)


def sound_of(file: Path) -> Sound:
    """The sound that a file is, as the catalogue would have it."""
    stat = file.stat()
    return Sound(file.name, file.name, str(file.parent), stat.st_size, stat.st_mtime_ns)


class Counter:
    """The real ffmpeg behind a script that notes each run."""

    def __init__(self, folder: Path) -> None:
        self._log = folder / "runs"
        self.program = folder / "counting-ffmpeg"
        self.program.write_text(f'#!/bin/sh\necho "$*" >> "{self._log}"\nexec "{find_ffmpeg(None)}" "$@"\n')
        self.program.chmod(0o755)

    @property
    def encoded(self) -> int:
        """How many files were encoded."""
        return self._runs("-i file:") - self.streamed

    @property
    def streamed(self) -> int:
        """How many files were streamed."""
        return self._runs("-page_duration")

    def _runs(self, words: str) -> int:
        return sum(words in line for line in self._log.read_text().splitlines()) if self._log.exists() else 0


def make_ffmpeg(program: Path, timeout: float = PATIENCE, max_seconds: float = 60) -> FFmpeg:
    return FFmpeg(program, timeout=timeout, max_seconds=max_seconds)


type MakeBank = Callable[..., SoundBank]


async def encoded(bank: SoundBank, sound: Sound) -> Clip:
    """The sound's clip, encoded before; all other sounds are forgotten."""
    await bank.prepare([sound])
    return await bank.clip(sound)


async def completed(clip: Clip) -> Clip:
    """The clip, once no more packets follow."""
    async with asyncio.timeout(PATIENCE):
        while not clip.complete:
            await asyncio.sleep(0.001)
    return clip


async def gone(process_id: int) -> None:
    """Wait until a process has ended."""
    async with asyncio.timeout(PATIENCE):
        while True:
            try:
                os.kill(process_id, 0)
            except ProcessLookupError:
                return
            await asyncio.sleep(0.001)


class Live:
    """An ffmpeg that streams no faster than the sound is heard, and never gets to encoding one."""

    def __init__(self, folder: Path) -> None:
        self.pipe, self.gate = folder / "streaming", folder / "gate"
        os.mkfifo(self.pipe)
        os.mkfifo(self.gate)
        self._fds = [os.open(path, os.O_RDWR | os.O_NONBLOCK) for path in (self.pipe, self.gate)]
        self.program = folder / "live-ffmpeg"
        self.program.write_text(
            f'#!/bin/sh\ncase "$*" in *page_duration*) ;; *) exec sleep 600;; esac\n'
            f'echo $$ > "{self.pipe}"; read -r go < "{self.gate}"\nexec "{find_ffmpeg(None)}" -re "$@"\n'
        )
        self.program.chmod(0o755)

    def start(self) -> None:
        """Let one stream begin."""
        os.write(self._fds[1], b"go\n")

    async def running(self) -> int:
        """The process id of the next stream."""
        async with asyncio.timeout(PATIENCE):
            while not select.select(self._fds[:1], [], [], 0)[0]:
                await asyncio.sleep(0.001)
        return int(os.read(self._fds[0], 100).split()[0])

    def close(self) -> None:
        for fd in self._fds:
            os.close(fd)


class Hang:
    """An ffmpeg that tells when it runs, and does not end by itself."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._pipe = folder / "running"
        os.mkfifo(self._pipe)
        self._fd = os.open(self._pipe, os.O_RDWR | os.O_NONBLOCK)
        self.program = self._write("hanging-ffmpeg", f'echo $$ > "{self._pipe}"\nexec sleep 600\n')

    def only(self, words: str) -> Path:
        """One that hangs where these words are in its command, and works as usual otherwise."""
        script = f'case "$*" in *{words}*) exec "{self.program}";; *) exec "{find_ffmpeg(None)}" "$@";; esac\n'
        return self._write("partly-hanging-ffmpeg", script)

    def _write(self, name: str, script: str) -> Path:
        program = self._folder / name
        program.write_text(f"#!/bin/sh\n{script}")
        program.chmod(0o755)
        return program

    async def running(self) -> int:
        """The process id, once it runs."""
        loop, readable = asyncio.get_running_loop(), asyncio.Event()
        loop.add_reader(self._fd, readable.set)
        try:
            async with asyncio.timeout(PATIENCE):
                await readable.wait()
        finally:
            loop.remove_reader(self._fd)
        return int(os.read(self._fd, 100).split()[0])

    @property
    def has_run(self) -> bool:
        """Whether it has run once more, since :meth:`running`."""
        return bool(select.select([self._fd], [], [], 0)[0])

    def close(self) -> None:
        os.close(self._fd)
