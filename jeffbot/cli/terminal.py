"""Lines that are typed: with completion and history where Python has readline, without blocking the event loop."""

import asyncio
import contextlib
import os
import queue
import sys
import threading
from collections.abc import Awaitable, Callable, Iterator, Sequence
from pathlib import Path

HISTORY_LINES = 1000
PROMPT = "> "
TOKEN_BEGINS = "eyJ"  # noqa: S105 - no password
"""So begins every JSON Web Token: ``{"`` in base64url (RFC 7519, section 3.1)."""

type NextLine = Callable[[], Awaitable[str | None]]


def lines_of_stdin() -> NextLine:
    """Gives line after line; None at the end. Its thread does not keep the program alive."""
    asked: queue.SimpleQueue[asyncio.Future[str | None]] = queue.SimpleQueue()
    loop = asyncio.get_running_loop()

    def read() -> None:
        while True:
            answer = asked.get()
            loop.call_soon_threadsafe(_settle, answer, _line())

    threading.Thread(target=read, name="stdin", daemon=True).start()

    async def next_line() -> str | None:
        answer: asyncio.Future[str | None] = loop.create_future()
        asked.put(answer)
        return await answer

    return next_line


def is_terminal() -> bool:
    """Whether someone types, and sees what is said."""
    return sys.stdin.isatty() and sys.stdout.isatty()


def _line() -> str | None:
    if is_terminal():
        try:
            return input(PROMPT)
        except EOFError:
            return None
    buffered = sys.stdin.buffer  # whose lock Python would want at its end, while this waits
    line = getattr(buffered, "raw", buffered).readline()
    return line.decode(errors="replace") if line else None


def _settle(answer: "asyncio.Future[str | None]", line: str | None) -> None:
    if not answer.done():
        answer.set_result(line)


def history_file() -> Path:
    """Where typed lines are kept: in the user's folder for such (XDG Base Directory Specification: state)."""
    state = os.environ.get("XDG_STATE_HOME")
    return (Path(state) if state else Path.home() / ".local" / "state") / "jeffbot" / "client_history"


class Editor:
    """What readline does for us; nothing where there is none, or no terminal."""

    def __init__(self, complete: Callable[[str], Sequence[str]], file: Path) -> None:
        self._complete = complete
        self._file = file
        self._matches: Sequence[str] = ()

    @contextlib.contextmanager
    def editing(self) -> Iterator[None]:
        """Complete what is typed, and remember it from one time to the next."""
        try:
            import readline  # noqa: PLC0415 - not on every system
        except ImportError:
            yield
            return
        libedit = "libedit" in (readline.__doc__ or "")
        readline.parse_and_bind("bind ^I rl_complete" if libedit else "tab: complete")
        readline.set_completer_delims("")
        readline.set_completer(self._match)
        readline.set_auto_history(False)
        with contextlib.suppress(OSError), _private(self._file):
            readline.read_history_file(self._file)
        with _terminal_as_before():
            yield

    def remember(self, line: str) -> None:
        """Keep a line for the next time, unless a token was pasted into it."""
        if TOKEN_BEGINS in line:
            return
        try:
            import readline  # noqa: PLC0415
        except ImportError:
            return
        readline.add_history(line)
        readline.set_history_length(HISTORY_LINES)
        with contextlib.suppress(OSError), _private(self._file):  # a home that cannot be written to
            readline.write_history_file(self._file)

    def _match(self, typed: str, number: int) -> str | None:
        if number == 0:
            self._matches = self._complete(typed)
        return self._matches[number] if number < len(self._matches) else None


@contextlib.contextmanager
def _private(file: Path) -> Iterator[None]:
    """A file that only its user can read, whoever writes it."""
    file.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    os.close(os.open(file, os.O_CREAT | os.O_WRONLY, 0o600))
    yield


@contextlib.contextmanager
def _terminal_as_before() -> Iterator[None]:
    """The terminal's own ways return also where the program ends while a line is typed."""
    try:
        import termios  # noqa: PLC0415 - not on every system
    except ImportError:
        yield
        return
    before = termios.tcgetattr(sys.stdin)
    try:
        yield
    finally:
        termios.tcsetattr(sys.stdin, termios.TCSADRAIN, before)
