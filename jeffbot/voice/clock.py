"""Time for all voice connections: one thread that has every playing line send a packet each 20 ms.

Cost: a packet costs its sending and O(log playing lines); lines that are silent cost nothing.
"""

import heapq
import itertools
import logging
import threading
import time
from typing import Protocol

from ..models import PACKET_SECONDS, Seconds

logger = logging.getLogger(__name__)

MAX_LATE: Seconds = 0.1
"""Who is later than this gives up the time that is lost; who is less late catches up."""
CATCH_UP: Seconds = PACKET_SECONDS / 2
"""The shortest time between two packets of a line that catches up: never a burst."""


class Line(Protocol):
    """What is paced."""

    def beat(self, at: Seconds) -> bool:
        """Send the packet that is due at this time of the monotonic clock; False: there are no more for now."""
        ...


class VoiceClock:
    """Paces lines by absolute deadlines, so that delays do not add up."""

    def __init__(self) -> None:
        self._due: list[tuple[Seconds, int, Seconds, Line]] = []
        """When to wake, a number that tells ties apart, the packet's own time, whose it is."""
        self._numbers = itertools.count()
        self._changed = threading.Condition()
        self._thread: threading.Thread | None = None
        self._closed = False

    def start(self, line: Line) -> None:
        """Send a line's first packet now, in the calling thread, and go on with it each 20 ms."""
        now = time.monotonic()
        if self._beat(line, now):
            self._wait(line, now + PACKET_SECONDS, now)

    def close(self) -> None:
        """End the thread; what is still playing gets no more packets."""
        with self._changed:
            self._closed = True
            self._changed.notify()
        if self._thread is not None and self._thread is not threading.current_thread():
            self._thread.join()

    def _wait(self, line: Line, at: Seconds, now: Seconds) -> None:
        with self._changed:
            if self._closed:
                return
            heapq.heappush(self._due, (max(at, now + CATCH_UP), next(self._numbers), at, line))
            if self._thread is None:
                self._thread = threading.Thread(target=self._run, name="jeffbot-clock", daemon=True)
                self._thread.start()
            elif len(self._due) == 1:
                self._changed.notify()

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
                time.sleep(delay)  # at most 20 ms: no line that starts meanwhile is due earlier
            self._serve()

    def _serve(self) -> None:
        """Have every line that is due send its packet."""
        while True:
            with self._changed:
                if not self._due or self._due[0][0] > time.monotonic():
                    return
                _, _, at, line = heapq.heappop(self._due)
            now = time.monotonic()
            if now - at > MAX_LATE:
                at = now
            if self._beat(line, at):
                self._wait(line, at + PACKET_SECONDS, now)

    def _beat(self, line: Line, at: Seconds) -> bool:
        try:
            return line.beat(at)
        except Exception:  # a boundary: one line's trouble must not silence the others
            logger.exception("trouble in a voice connection")
            return False
