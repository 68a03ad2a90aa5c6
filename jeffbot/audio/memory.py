"""Clips at hand, within a budget: what was played longest ago goes first.

Cost: a packet takes 41 bytes beyond its own (CPython's ``bytes`` and the reference to it), a clip some hundred.
"""

from collections import OrderedDict
from collections.abc import Container, Hashable

from .clip import Clip

_PACKET_OVERHEAD = 33 + 8


class Memory[Key: Hashable]:
    """Complete clips by key, within ``budget`` bytes; a single one may be larger."""

    def __init__(self, budget: int) -> None:
        self._budget = budget
        self._bytes = 0
        self._clips: OrderedDict[Key, Clip] = OrderedDict()  # what was played last is last

    def get(self, key: Key) -> Clip | None:
        """The clip, if it is here."""
        return self._clips.get(key)

    def __contains__(self, key: Key) -> bool:
        return key in self._clips

    def add(self, key: Key, clip: Clip) -> bool:
        """Hold a clip for later, if there is room beside the others; whether it is held."""
        if key not in self._clips:
            if self._clips and self._bytes + cost(clip) > self._budget:
                return False
            self._insert(key, clip)
            self._clips.move_to_end(key, last=False)
        return True

    def play(self, key: Key, clip: Clip) -> None:
        """Hold a clip that is being played, even if others have to go."""
        if key not in self._clips:
            self._insert(key, clip)
        self._clips.move_to_end(key)
        self._shrink()

    def keep(self, keys: Container[Key]) -> None:
        """Let go of all others than these."""
        for key in [key for key in self._clips if key not in keys]:
            self._bytes -= cost(self._clips.pop(key))

    def _insert(self, key: Key, clip: Clip) -> None:
        self._clips[key] = clip
        self._bytes += cost(clip)

    def _shrink(self) -> None:
        while self._bytes > self._budget and len(self._clips) > 1:
            _, dropped = self._clips.popitem(last=False)
            self._bytes -= cost(dropped)


def cost(clip: Clip) -> int:
    """About how many bytes a clip takes."""
    return sum(map(len, clip.packets)) + len(clip.packets) * _PACKET_OVERHEAD
