"""The last events of each guild, for who comes back after a while. No I/O.

Memory: at most MAX_KEPT_BYTES, texts and what holds them, over all guilds. Keeping an event costs O(1); what was missed
O(its events).
"""

import heapq
from collections import OrderedDict, deque
from collections.abc import Iterable

from msgspec import Struct

from ..models import GuildId, UserId

RING = 1024
"""How many events of each guild are kept; as many of what is of no guild."""
MAX_KEPT_BYTES = 32 << 20
"""So much is kept over all guilds; beyond it the guilds go in which nothing has happened for longest."""
_EVENT_BYTES = 200
"""What a kept event takes beside its text."""


class Past(Struct, frozen=True, gc=False):
    """An event that has happened; garbage collection, which stops every thread, does not look through all of them."""

    seq: int
    topic: str
    only_user: UserId | None
    """Whom alone it concerns; None: all who see the guild."""
    data: bytes
    """As it was sent."""


class _Ring:
    """The last events of one guild."""

    def __init__(self, gone: int) -> None:
        self.events: deque[Past] = deque()
        self.gone = gone
        """The number of the last event that may have been let go."""
        self.bytes = 0

    def add(self, event: Past, most: int) -> None:
        self.events.append(event)
        self.bytes += _size(event)
        if len(self.events) > most:
            first = self.events.popleft()
            self.bytes -= _size(first)
            self.gone = first.seq

    def since(self, seq: int) -> list[Past]:
        """What came after that, oldest first."""
        later: list[Past] = []
        for event in reversed(self.events):
            if event.seq <= seq:
                break
            later.append(event)
        return later[::-1]


class History:
    """The rings of all guilds; the guild None stands for what is of none.

    Args:
        ring: How many events of a guild are kept.
        max_bytes: How much is kept over all guilds.
    """

    def __init__(self, ring: int = RING, max_bytes: int = MAX_KEPT_BYTES) -> None:
        self._ring = ring
        self._max_bytes = max_bytes
        self._rings: OrderedDict[GuildId | None, _Ring] = OrderedDict()
        """By guild, the one with the newest event last."""
        self._bytes = 0
        self._gone = 0
        """The number of the last event of all rings that were let go as a whole."""

    def add(self, guild_id: GuildId | None, event: Past) -> None:
        """Keep an event, which has a higher number than all before."""
        ring = self._rings.get(guild_id)
        if ring is None:
            ring = self._rings[guild_id] = _Ring(self._gone)
        before = ring.bytes
        ring.add(event, self._ring)
        self._bytes += ring.bytes - before
        self._rings.move_to_end(guild_id)
        while self._bytes > self._max_bytes:
            self.forget(next(iter(self._rings)))

    def forget(self, guild_id: GuildId | None) -> None:
        """Let go of all events of a guild."""
        if ring := self._rings.pop(guild_id, None):
            self._bytes -= ring.bytes
            self._gone = max(self._gone, ring.events[-1].seq)

    def since(self, seq: int, guilds: Iterable[GuildId | None] | None) -> list[Past] | None:
        """What happened after an event in some guilds, or, with None, in all; by number.

        None: more may have happened than is kept, or than two rings can hold.
        """
        chosen = self._rings.keys() if guilds is None else dict.fromkeys(guilds)
        rings = [self._rings.get(guild_id) for guild_id in chosen]
        if any(seq < (ring.gone if ring else self._gone) for ring in rings) or (guilds is None and seq < self._gone):
            return None
        later = [ring.since(seq) for ring in rings if ring]
        if sum(map(len, later)) > 2 * self._ring:
            return None
        return list(heapq.merge(*later, key=lambda event: event.seq))


def _size(event: Past) -> int:
    return len(event.data) + _EVENT_BYTES
