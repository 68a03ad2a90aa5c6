"""When a guild's connection says that it speaks."""

import asyncio
from collections.abc import Callable

from ..models import Seconds

SPEAKING_HELD: Seconds = 2.0
"""How long after the last packet we still count as speaking, so that sounds in succession do not flicker."""


class Speaking:
    """Says that packets follow, and some time after the last that there are none.

    Args:
        say: Tells the connection there is, if any, of each change; it is called in the event loop.
    """

    def __init__(self, say: Callable[[bool], object]) -> None:
        self._say = say
        self.wanted = False
        """What a new connection is to say."""
        self._resting: asyncio.TimerHandle | None = None

    def begin(self) -> None:
        """Packets follow."""
        if self._resting:
            self.close()
        elif not self.wanted:
            self.wanted = True
            self._say(self.wanted)

    def rest(self) -> None:
        """There are none for now."""
        if self._resting is None and self.wanted:
            self._resting = asyncio.get_running_loop().call_later(SPEAKING_HELD, self._end)

    def close(self) -> None:
        """Do not say any more that there are none."""
        if self._resting:
            self._resting.cancel()
            self._resting = None

    def _end(self) -> None:
        self._resting, self.wanted = None, False
        self._say(self.wanted)
