"""Watches over the heartbeats of one connection (Discord: Gateway, "Sending Heartbeats")."""

import asyncio
from collections.abc import Callable

MISSED_INTERVALS = 1.5
"""After so many without a heartbeat a client is given up; Discord has a tolerance and names no number."""
PROMPT_INTERVALS = 0.25
"""How long the answer to a request for a heartbeat may take; Discord says "immediately" ("Heartbeat Requests")."""


class Pulse:
    """Timers that every heartbeat winds up again.

    Args:
        interval: Seconds between heartbeats, as HELLO says.
        stopped: Called once when none has come for too long.
        unanswered: Called when one that was asked for does not come promptly.
    """

    def __init__(self, interval: float, stopped: Callable[[], None], unanswered: Callable[[], None]) -> None:
        self._interval = interval
        self._stopped = stopped
        self._unanswered = unanswered
        self._loop = asyncio.get_running_loop()
        self._deadline = self._loop.call_later(MISSED_INTERVALS * interval, stopped)
        self._asked: asyncio.TimerHandle | None = None

    def beat(self) -> None:
        """A heartbeat has come."""
        self.end()
        self._deadline = self._loop.call_later(MISSED_INTERVALS * self._interval, self._stopped)

    def ask(self) -> None:
        """The client is asked for a heartbeat now."""
        if self._asked:
            self._asked.cancel()
        self._asked = self._loop.call_later(PROMPT_INTERVALS * self._interval, self._unanswered)

    def end(self) -> None:
        """Wait for nothing any more."""
        self._deadline.cancel()
        if self._asked:
            self._asked.cancel()
            self._asked = None
