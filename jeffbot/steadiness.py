"""Whether the machine's clock can be trusted with throwing things away."""

import time

from .models import Seconds

TOLERANCE: Seconds = 600.0
"""How far the clock may have been set since the process began; a leap or a correction is far less."""


class Clock:
    """Compares the time of day with the time that has passed (POSIX, ``CLOCK_MONOTONIC``)."""

    def __init__(self) -> None:
        self._offset = time.time() - time.monotonic()

    @property
    def is_steady(self) -> bool:
        """Whether nobody has set the clock since this was made, or they have set it back right."""
        return abs(time.time() - time.monotonic() - self._offset) < TOLERANCE
