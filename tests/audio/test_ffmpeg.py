"""ffmpeg: found, checked, and kept within bounds."""

import os
import select
import shutil
import signal
import sys
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from jeffbot.audio.ffmpeg import FFmpeg, FFmpegError, FFmpegInputError, find_ffmpeg
from jeffbot.audio.process import LOW_PRIORITY, MEMORY_BYTES
from jeffbot.errors import FFmpegMissingError

PATIENCE = 20.0

type MakeProgram = Callable[..., Path]


class Words:
    """What ffmpeg-python would have put together, for programs that do not care."""

    def global_args(self, *_: str) -> "Words":
        return self

    def compile(self, cmd: str) -> list[str]:
        return [cmd]


WORDS = Words()


def make_ffmpeg(program: Path, timeout: float = PATIENCE) -> FFmpeg:
    return FFmpeg(program, timeout=timeout, max_seconds=1)


@pytest.fixture
def make_program(tmp_path: Path) -> MakeProgram:
    """Make a shell script that stands for ffmpeg."""

    def make(script: str, name: str = "fake ffmpeg") -> Path:
        program = tmp_path / name
        program.parent.mkdir(exist_ok=True)
        program.write_text(f"#!/bin/sh\n{script}\n")
        program.chmod(0o755)
        return program

    return make


class Signal:
    """A named pipe by which a script tells a test its process id."""

    def __init__(self, path: Path) -> None:
        os.mkfifo(path)
        self.fd = os.open(path, os.O_RDWR | os.O_NONBLOCK)

    def wait(self) -> int:
        """The id, once the script runs."""
        assert select.select([self.fd], [], [], PATIENCE)[0], "the script did not start"
        return int(os.read(self.fd, 100))


@pytest.fixture
def running(tmp_path: Path) -> Iterator[Signal]:
    """The pipe ``running`` in the test's folder."""
    pipe = Signal(tmp_path / "running")
    yield pipe
    os.close(pipe.fd)


HANG = "echo $$ > running; exec sleep 600"
"""A script that signals that it runs, and then does not end."""


def ended(process_id: int) -> bool:
    """Whether a process is gone, and not merely dead."""
    try:
        os.kill(process_id, 0)
    except ProcessLookupError:
        return True
    return False


# Bounds


def test_timeout_ends_the_process(make_program: MakeProgram, running: Signal) -> None:
    """A run that takes too long is killed, and the reason says so."""
    hanging = make_ffmpeg(make_program(HANG), timeout=1)
    with pytest.raises(FFmpegError, match="not done within 1 s"):
        hanging.run(WORDS)

    assert ended(running.wait())


def test_close_ends_what_runs(make_program: MakeProgram, running: Signal) -> None:
    """Closing kills what runs, at once, and lets nothing more start."""
    hanging = make_ffmpeg(make_program(HANG), timeout=600)
    with ThreadPoolExecutor(1) as thread:
        run = thread.submit(hanging.run, WORDS)
        process_id = running.wait()
        hanging.close()
        with pytest.raises(FFmpegError, match="shutting down"):
            run.result(PATIENCE)

    assert ended(process_id)
    with pytest.raises(FFmpegError, match="shutting down"):
        hanging.run(WORDS)


def test_timeout_of_a_wrapper(make_program: MakeProgram, tmp_path: Path) -> None:
    """The time limit holds as well where ffmpeg is a wrapper that starts the real one as its child."""
    wrapper = make_program("(sleep 2; touch child-ended) & wait")
    with pytest.raises(FFmpegError, match="not done"):
        make_ffmpeg(wrapper, timeout=0.5).run(WORDS)

    assert not (tmp_path / "child-ended").exists()


def test_wrapper_that_leaves_a_child(make_program: MakeProgram) -> None:
    """So it does where a child outlives the wrapper."""
    with pytest.raises(FFmpegError, match="not done"):
        make_ffmpeg(make_program("sleep 600 &"), timeout=0.5).run(WORDS)


def test_consumer_that_fails(make_program: MakeProgram, running: Signal) -> None:
    """A run whose output nobody wants any more is ended."""

    def refuse(_: bytes) -> None:
        raise ValueError("enough")

    with pytest.raises(ValueError, match="enough"):
        make_ffmpeg(make_program(HANG.replace(";", "; echo;")), timeout=600).run(WORDS, refuse)
    assert ended(running.wait())


def test_much_is_said(make_program: MakeProgram) -> None:
    """Of endless complaints only the beginning and the end are kept."""
    script = "echo the start >&2; yes complaint | head -c 5000000 >&2; echo the end >&2"
    said = make_ffmpeg(make_program(script)).run(WORDS)

    assert len(said) < 70_000
    assert said.startswith("the start\n")
    assert said.endswith("the end\n")


CONFINED = "while grep -q 'Max file size *unlimited' /proc/self/limits; do :; done"
"""A script that waits until it is within its limits."""


def limits(make_program: MakeProgram, **words: bool) -> dict[str, str]:
    """The limits a program finds itself in: the lines of its ``/proc/self/limits`` by name, and its niceness."""
    said = bytearray()
    script = f"{CONFINED}; cat /proc/self/limits; echo nice $(nice)"
    make_ffmpeg(make_program(script)).run(WORDS, said.extend, **words)  # type: ignore[arg-type]
    lines = [line.rsplit(maxsplit=3) for line in said.decode().splitlines()]
    return {line[0]: line[1] for line in lines if len(line) > 2} | {"nice": said.decode().split()[-1]}


@pytest.mark.skipif(sys.platform != "linux", reason="other systems have no prlimit")
def test_limits(make_program: MakeProgram) -> None:
    """What runs may use no more memory, processor and disk than it needs, and comes after the machine's other work."""
    found = limits(make_program)

    assert {"Max data size": str(MEMORY_BYTES), "Max cpu time": str(int(PATIENCE) + 1)}.items() <= found.items()
    assert int(found["Max file size"]) < 2_000_000
    assert found["nice"] == str(LOW_PRIORITY)


@pytest.mark.skipif(sys.platform != "linux", reason="other systems have no prlimit")
def test_urgent_run(make_program: MakeProgram) -> None:
    """What someone waits for runs at usual priority, within the same limits."""
    found = limits(make_program, urgent=True)

    assert (found["nice"], found["Max data size"]) == (str(os.nice(0)), str(MEMORY_BYTES))


@pytest.mark.skipif(sys.platform != "linux", reason="other systems have no prlimit")
def test_file_that_grows_too_large(make_program: MakeProgram, tmp_path: Path) -> None:
    """A program that would fill the disk is ended, and its input is to blame."""
    with pytest.raises(FFmpegInputError, match="broke down over it"):
        make_ffmpeg(make_program(f"{CONFINED}; exec head -c 5000000 /dev/zero > large")).run(WORDS, file=tmp_path / "x")

    assert (tmp_path / "large").stat().st_size < 2_000_000


@pytest.mark.parametrize("name", ["SIGSEGV", "SIGABRT", "SIGKILL"])
def test_crash(make_program: MakeProgram, tmp_path: Path, name: str) -> None:
    """A crash is the input's fault, but not if ffmpeg was ended from outside, as where memory is short."""
    crashing = make_program(f"ulimit -c 0; kill -{signal.Signals[name].value} $$")
    with pytest.raises(FFmpegError) as caught:
        make_ffmpeg(crashing).run(WORDS, file=tmp_path / "x")

    assert isinstance(caught.value, FFmpegInputError) == (name != "SIGKILL")


def test_reason_names_no_path(make_program: MakeProgram, tmp_path: Path) -> None:
    """Of what ffmpeg says only what does not tell the file's place is passed on."""
    lines = [f"[error] Error opening input file {tmp_path}/x.mp3.", f"[error] {tmp_path}/x.mp3: it is odd"]
    for said, reason in ((lines, "it is odd"), (lines[::-1], "it is odd"), (lines[:1], "it gave no reason")):
        script = "".join(f"echo '{line}' >&2; " for line in said) + "exit 1"
        with pytest.raises(FFmpegInputError) as caught:
            make_ffmpeg(make_program(script)).run(WORDS, file=tmp_path / "x.mp3")
        assert str(caught.value) == f"ffmpeg cannot read it ({reason})"


def test_full_disk(make_program: MakeProgram, tmp_path: Path) -> None:
    """A full disk is not the input's fault."""
    full = make_program("echo '[out#0 @ 0x1] [error] Error writing: No space left on device' >&2; exit 1")
    with pytest.raises(FFmpegError) as caught:
        make_ffmpeg(full).run(WORDS, file=tmp_path / "x")

    assert not isinstance(caught.value, FFmpegInputError)


# Finding


@pytest.fixture
def bare_machine(monkeypatch: pytest.MonkeyPatch) -> None:
    """No program on PATH, and no ``jeffbot[bundled]``."""
    monkeypatch.setenv("PATH", "")
    monkeypatch.setitem(sys.modules, "imageio_ffmpeg", None)


@pytest.mark.usefixtures("bare_machine")
def test_no_ffmpeg() -> None:
    """A machine without ffmpeg is told what to install."""
    with pytest.raises(FFmpegMissingError, match=r"apt install ffmpeg.*jeffbot\[bundled\].*JEFFBOT_FFMPEG"):
        find_ffmpeg(None)


@pytest.mark.usefixtures("bare_machine")
def test_ffmpeg_on_path(make_program: MakeProgram, monkeypatch: pytest.MonkeyPatch) -> None:
    """The one on PATH is taken; a configured one is taken before it."""
    on_path, other = make_program("true", "bin/ffmpeg"), make_program("true")
    monkeypatch.setenv("PATH", str(on_path.parent))

    assert find_ffmpeg(None) == on_path
    assert find_ffmpeg(other) == other


def test_configured_ffmpeg_is_missing(tmp_path: Path) -> None:
    """A configured ffmpeg that is not there is an error, whatever else there is."""
    with pytest.raises(FFmpegMissingError, match=r"JEFFBOT_FFMPEG is .*no-ffmpeg"):
        find_ffmpeg(tmp_path / "no-ffmpeg")


def test_configured_ffmpeg_is_no_program(tmp_path: Path) -> None:
    """Nor is a file that cannot be run taken."""
    (tmp_path / "notes.txt").touch()
    with pytest.raises(FFmpegMissingError):
        find_ffmpeg(tmp_path / "notes.txt")


# Checking


def test_check() -> None:
    """A good ffmpeg tells its version."""
    assert make_ffmpeg(find_ffmpeg(None)).check().startswith("ffmpeg version")


@pytest.mark.parametrize(
    ("script", "reason"),
    [
        ("echo 'ffmpeg version 0'; echo ' A....D aac  AAC'", "without libopus"),
        ("echo broken >&2; exit 1", "does not run"),
        ("kill -9 $$", "does not run"),
    ],
)
def test_unusable_ffmpeg(make_program: MakeProgram, script: str, reason: str) -> None:
    """An ffmpeg without libopus, or one that does not run, is told as such, with what to install."""
    with pytest.raises(FFmpegMissingError, match=rf"(?s){reason}.*Install ffmpeg"):
        FFmpeg(make_program(script), timeout=PATIENCE, max_seconds=60).check()


def test_ffmpeg_of_another_machine(tmp_path: Path) -> None:
    """So is a file that this machine cannot run."""
    program = tmp_path / "ffmpeg"
    shutil.copyfile(Path(__file__), program)
    program.chmod(0o755)

    with pytest.raises(FFmpegMissingError, match="does not run"):
        FFmpeg(program, timeout=PATIENCE, max_seconds=60).check()


def test_ffmpeg_goes_while_we_run(tmp_path: Path) -> None:
    """An ffmpeg that is gone by the time it is needed is an FFmpegError, as any failure."""
    with pytest.raises(FFmpegError, match="does not start"):
        make_ffmpeg(tmp_path / "gone").run(WORDS)
