"""How often an application may begin sessions (Discord: Gateway, "Session Start Limit Object")."""

import asyncio

from ..interactions.applications import Application
from ..options import Options
from ..world.payloads import Json

STARTS = 1000
DAY = 24 * 3600.0
"""An application may begin so many sessions in 24 hours (Gateway, "Identifying")."""


class StartLimits:
    """Counts IDENTIFY.

    Args:
        options: How many shards may identify in which period.
    """

    def __init__(self, options: Options) -> None:
        self._options = options
        self._starts: dict[Application, list[float]] = {}
        self._latest: dict[tuple[Application, int], float] = {}

    def admit(self, application: Application, shard: int) -> bool:
        """Count a beginning; False if the bucket of this shard is in use ("Max Concurrency")."""
        now = asyncio.get_running_loop().time()
        bucket = (application, shard % self._options.max_concurrency)
        latest = self._latest.get(bucket)
        if latest is not None and now - latest < self._options.identify_period:
            return False
        self._latest[bucket] = now
        self._starts.setdefault(application, []).append(now)
        return True

    def describe(self, application: Application) -> Json:
        """What Get Gateway Bot says of it."""
        now = asyncio.get_running_loop().time()
        starts = [start for start in self._starts.get(application, []) if now - start < DAY]
        return {
            "total": STARTS,
            "remaining": max(0, STARTS - len(starts)),
            "reset_after": round((starts[0] + DAY - now) * 1000) if starts else 0,
            "max_concurrency": self._options.max_concurrency,
        }
