"""How far the encoding of many sounds is."""

import logging
import time
from dataclasses import dataclass, field

from ..errors import UnplayableSoundError
from ..models import Seconds

logger = logging.getLogger(__name__)

TOLD_EVERY: Seconds = 10.0
"""How often the log says how far a long batch is."""


@dataclass
class Progress:
    """Counts of one batch of sounds; it goes on counting until ``done`` is ``total``."""

    total: int = 0
    """How many sounds there are to see to."""
    encoded: int = 0
    """How many had to be encoded."""
    cached: int = 0
    """How many were on disk already."""
    refused: list[UnplayableSoundError] = field(default_factory=list)
    """Those that cannot be played, and why."""
    began: Seconds = field(default_factory=time.monotonic)
    """On the monotonic clock."""

    def __post_init__(self) -> None:
        self._told = self.began

    @property
    def done(self) -> int:
        """How many have been seen to."""
        return self.encoded + self.cached + len(self.refused)

    def tell(self) -> None:
        """Log how far it is, unless it was told less than 10 s ago or is done; to be called after each sound."""
        now = time.monotonic()
        if now - self._told >= TOLD_EVERY and self.done < self.total:
            self._told = now
            logger.info("prepared %d of %d sounds", self.done, self.total)

    def __str__(self) -> str:
        return f"{self.encoded} encoded, {self.cached} in the cache, {len(self.refused)} refused"
