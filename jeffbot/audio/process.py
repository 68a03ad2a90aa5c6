"""A program run within bounds: of time, of memory, of what it writes; killed with all it has started."""

import contextlib
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Sequence
from typing import IO, NamedTuple

from ..models import Seconds

MEMORY_BYTES = 512 << 20
"""What a program may write to in memory (``RLIMIT_DATA``, Linux). ffmpeg needs 100 MiB, most of it thread stacks."""
LOW_PRIORITY = 10
"""Of encoding ahead, as ``nice`` counts: whatever else the machine does comes first."""
_KILL_TIMEOUT: Seconds = 5.0
_CHUNK_BYTES = 1 << 16
_KEPT_BYTES = 1 << 14


class Limits(NamedTuple):
    """What a run may use."""

    seconds: Seconds
    """Of time, and of a processor's time."""
    file_bytes: int
    """Of any file it writes."""
    nice: int = 0


class Ended(NamedTuple):
    """How a run ended."""

    code: int
    """As ``subprocess`` has it: below zero the signal that ended it."""
    errors: str
    """What it said on standard error: the first 16 KiB and the last."""
    timed_out: bool


class Run:
    """A running program. Building it starts it; :meth:`wait` has to follow. Both block: use them in threads.

    Raises:
        OSError: It cannot be started.
    """

    def __init__(
        self, command: Sequence[str], limits: Limits, *, stdin: IO[bytes] | None, stdout: IO[bytes] | None
    ) -> None:
        self._process = subprocess.Popen(  # noqa: S603 - without a shell
            command,
            stdin=stdin or subprocess.DEVNULL,
            stdout=stdout or subprocess.PIPE,
            stderr=subprocess.PIPE,
            creationflags=getattr(subprocess, "CREATE_NO_WINDOW", 0),
            start_new_session=True,  # so that all of it can be killed at once
        )
        self._timed_out = False
        self._timer = threading.Timer(limits.seconds, self._time_out)
        self._timer.daemon = True
        self._timer.start()
        with contextlib.ExitStack() as unconfined:
            unconfined.callback(self._leave_nothing)
            with contextlib.suppress(ProcessLookupError):  # it has ended already
                _confine(self._process.pid, limits)
            unconfined.pop_all()

    def wait(self, consume: Callable[[bytes], object] = len) -> Ended:
        """Wait for the end; what comes on standard output goes to ``consume`` as it comes.

        Whatever ``consume`` raises ends the run, and is raised on.
        """
        errors = bytearray()
        listener = threading.Thread(target=self._collect_errors, args=[errors], name="jeffbot-stderr", daemon=True)
        listener.start()
        try:
            if stdout := self._process.stdout:
                while chunk := stdout.read1(_CHUNK_BYTES):  # type: ignore[attr-defined]
                    consume(chunk)
            listener.join()
            code = self._process.wait()
        finally:
            self.kill()
            listener.join(_KILL_TIMEOUT)
            self._leave_nothing()
        timed_out = self._timed_out or code == -getattr(signal, "SIGXCPU", 0)
        return Ended(code, errors.decode(errors="replace"), timed_out)

    def kill(self) -> None:
        """Kill the program and what it has started."""
        if self._process.returncode is not None:
            return
        if sys.platform == "win32":
            self._process.kill()
        else:
            with contextlib.suppress(ProcessLookupError):  # it has ended already
                os.killpg(self._process.pid, signal.SIGKILL)

    def _leave_nothing(self) -> None:
        self._timer.cancel()
        self.kill()
        self._process.wait(_KILL_TIMEOUT)
        for pipe in (self._process.stdout, self._process.stderr):
            if pipe:
                pipe.close()

    def _time_out(self) -> None:
        self._timed_out = True
        self.kill()

    def _collect_errors(self, errors: bytearray) -> None:
        stderr = self._process.stderr
        assert stderr is not None  # noqa: S101 - it is a pipe
        while chunk := stderr.read1(_CHUNK_BYTES):  # type: ignore[attr-defined]
            errors += chunk
            del errors[_KEPT_BYTES : max(_KEPT_BYTES, len(errors) - _KEPT_BYTES)]


def _confine(process_id: int, limits: Limits) -> None:
    """Set the limits of a process that has just begun.

    From outside, for code run between fork and exec (``preexec_fn``) may deadlock where there are threads. Of what it
    does in the millisecond before, none is beyond the limits yet.
    """
    if sys.platform == "win32":
        return
    os.setpriority(os.PRIO_PGRP, process_id, max(limits.nice, os.getpriority(os.PRIO_PROCESS, 0)))
    if sys.platform == "linux":
        import resource  # noqa: PLC0415 - there is none on Windows

        seconds = int(limits.seconds) + 1
        for kind, soft, hard in (
            (resource.RLIMIT_DATA, MEMORY_BYTES, MEMORY_BYTES),
            (resource.RLIMIT_CPU, seconds, seconds + 1),
            (resource.RLIMIT_FSIZE, limits.file_bytes, limits.file_bytes),
            (resource.RLIMIT_CORE, 0, 0),
        ):
            most = resource.getrlimit(kind)[1]  # no more than we are allowed ourselves
            within = [value if most == resource.RLIM_INFINITY else min(value, most) for value in (soft, hard)]
            resource.prlimit(process_id, kind, (within[0], within[1]))
