"""How far the encoding of many sounds is."""

from dataclasses import dataclass, field

from ..errors import UnplayableSoundError


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

    @property
    def done(self) -> int:
        """How many have been seen to."""
        return self.encoded + self.cached + len(self.refused)

    def __str__(self) -> str:
        return f"{self.encoded} encoded, {self.cached} in the cache, {len(self.refused)} refused"
