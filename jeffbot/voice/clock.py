"""Time for all voice connections: one thread that has every playing line send a packet each 20 ms.

Cost: a packet costs its sending and O(log playing lines), and waking for it what 200 wakings a second cost all lines
together; lines that are silent cost nothing.
"""

import heapq
import itertools
import logging
import threading
import time
from typing import Protocol

from ..models import PACKET_SECONDS, Seconds

logger = logging.getLogger(__name__)

SLOT: Seconds = PACKET_SECONDS / 4
"""Deadlines lie on a grid of 5 ms: the thread wakes 200 times a second at most, however many lines there are."""
MAX_LATE: Seconds = 0.1
"""Who is later than this gives up the time that is lost; who is less late catches up."""
CATCH_UP: Seconds = PACKET_SECONDS / 2
"""The shortest time between two packets of a line that catches up: never a burst."""


class Line(Protocol):
    """What is paced."""

    def beat(self, at: Seconds) -> bool:
        """Send the packet that is due at this time of the monotonic clock; False: there are no more for now."""
        ...

    def fail(self) -> None:
        """A packet could not be sent for a fault of ours; it is not asked for more until it is started anew."""
        ...


type _Entry = tuple[Seconds, int, Seconds, Line]
"""When to wake, a number that tells ties apart, the packet's own time, whose it is."""


class VoiceClock:
    """Paces lines by absolute deadlines, so that delays do not add up."""

    def __init__(self) -> None:
        self._due: list[_Entry] = []
        self._numbers = itertools.count()
        self._changed = threading.Condition()
        self._thread: threading.Thread | None = None
        self._closed = False

    def start(self, line: Line) -> None:
        """Send a line's first packet now, in the calling thread, the next within 20 ms, and then one each 20 ms."""
        now = time.monotonic()
        if self._beat(line, now):
            self._wait([self._next(line, _slot(now), now)])

    def close(self) -> None:
        """Have the thread end, within 20 ms; what is still playing gets no more packets."""
        with self._changed:
            self._closed = True
            self._changed.notify()

    def join(self) -> None:
        """Wait for that."""
        if self._thread is not None:
            self._thread.join()

    def _next(self, line: Line, at: Seconds, now: Seconds) -> _Entry:
        """When a line that has sent its packet of one time is to send the next."""
        at += PACKET_SECONDS
        return max(at, now + CATCH_UP), next(self._numbers), at, line

    def _wait(self, entries: list[_Entry]) -> None:
        with self._changed:
            if self._closed:
                return
            for entry in entries:
                heapq.heappush(self._due, entry)
            if self._thread is None:
                self._thread = threading.Thread(target=self._run, name="jeffbot-clock", daemon=True)
                self._thread.start()
            self._changed.notify()  # where it sleeps it need not be woken: no new line is due earlier

    def _run(self) -> None:
        while True:
            with self._changed:
                while not (self._due or self._closed):
                    self._changed.wait()
                if self._closed:
                    return
                wake = self._due[0][0]
            delay = wake - time.monotonic()
            if delay > 0:
                time.sleep(delay)
            self._serve()

    def _serve(self) -> None:
        """Have every line that is due send its packet."""
        due: list[_Entry] = []
        with self._changed:
            now = time.monotonic()
            while self._due and self._due[0][0] <= now:
                due.append(heapq.heappop(self._due))
        again: list[_Entry] = []
        for _, _, deadline, line in due:
            now = time.monotonic()
            at = deadline if now - deadline <= MAX_LATE else _slot(now)
            if self._beat(line, at):
                again.append(self._next(line, at, now))
        if again:
            self._wait(again)

    def _beat(self, line: Line, at: Seconds) -> bool:
        try:
            return line.beat(at)
        except Exception:  # a boundary: one line's trouble must not silence the others
            logger.exception("trouble in a voice connection")
            line.fail()
            return False


def _slot(moment: Seconds) -> Seconds:
    """The last point of the grid before a moment."""
    return moment // SLOT * SLOT
