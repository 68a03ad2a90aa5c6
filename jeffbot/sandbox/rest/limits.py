"""Rate limits: buckets of requests, and what a 429 says (Discord: Topics, Rate Limits)."""

import functools
import hashlib
import math
import time
from dataclasses import dataclass, field
from typing import Any, NamedTuple
from weakref import WeakSet

from ..options import Options

UNDER_WAY_SECONDS = 0.1
"""What comes on another connection so soon after a 429 was sent before that one was read."""
EARLY_SECONDS = 0.02
"""So much before its time a request may come again: clocks and timers are not exact."""
_SWEEP_FROM = 1000
"""Buckets that are kept before those that are over are looked for."""


class Bucket(NamedTuple):
    """What is counted together."""

    client: object
    """Whose requests."""
    route: str = ""
    """Method and path, its variables by name; empty: all of the client's."""
    resource: str = ""
    """The top-level resource: a channel, a guild or a webhook."""


class Verdict(NamedTuple):
    """Whether a request is taken, and the headers that say so."""

    headers: dict[str, str]
    refusal: dict[str, Any] | None = None
    """The body of the 429."""
    ignored: bool = False
    """The client was told before that it is too early."""


@dataclass
class _Window:
    ends: float
    used: int = 0
    told_at: float | None = None
    """When a 429 was first answered in it."""
    told: WeakSet[Any] = field(default_factory=WeakSet)
    """The connections on which that was said."""

    def is_over(self, now: float) -> bool:
        return now >= self.ends - (EARLY_SECONDS if self.told_at else 0)


class Limits:
    """All buckets; each takes ``rate_limit`` requests in ``rate_limit_period`` seconds, beginning with its first."""

    def __init__(self, options: Options) -> None:
        self._options = options
        self._windows: dict[Bucket, _Window] = {}
        self._closed_clients: set[object] = set()
        self._sweep_at = _SWEEP_FROM

    def take(self, bucket: Bucket, connection: object, *, bound_globally: bool) -> Verdict:
        """Count a request.

        Args:
            bucket: Where it belongs.
            connection: On which it came.
            bound_globally: A global limit holds for it; not so for answers to interactions (Global Rate Limit).
        """
        now = time.monotonic()
        if bound_globally and bucket.client in self._closed_clients:
            overall = Bucket(bucket.client)
            if not (closed := self._windows[overall]).is_over(now):
                return _refuse(closed, now, connection, {}, is_global=True)
            self._closed_clients.remove(bucket.client)
        window = self._windows.get(bucket)
        if window is None or window.is_over(now):
            window = self._open(bucket, now, self._options.rate_limit_period)
        limit = self._options.rate_limit
        window.used += 1
        headers = _headers(limit, max(0, limit - window.used), window.ends - now, bucket.route)
        if window.used <= limit:
            return Verdict(headers)
        return _refuse(window, now, connection, headers, is_global=False)

    def close(self, bucket: Bucket, seconds: float, *, is_global: bool) -> None:
        """Take no request of a bucket for a time, or none of its client's at all."""
        bucket = Bucket(bucket.client) if is_global else bucket
        self._open(bucket, time.monotonic(), seconds).used = self._options.rate_limit
        if is_global:
            self._closed_clients.add(bucket.client)

    def _open(self, bucket: Bucket, now: float, seconds: float) -> _Window:
        if len(self._windows) >= self._sweep_at:
            self._windows = {kept: window for kept, window in self._windows.items() if window.ends > now}
            self._closed_clients &= {kept.client for kept in self._windows if not kept.route}
            self._sweep_at = max(_SWEEP_FROM, 2 * len(self._windows))
        window = self._windows[bucket] = _Window(now + seconds)
        return window


def _refuse(window: _Window, now: float, connection: object, headers: dict[str, str], *, is_global: bool) -> Verdict:
    """A 429; its times are rounded up, so that who waits as long is not early."""
    ignored = window.told_at is not None and (connection in window.told or now - window.told_at > UNDER_WAY_SECONDS)
    window.told_at = window.told_at or now
    window.told.add(connection)
    wait = math.ceil((window.ends - now) * 1000) / 1000
    headers |= {"Retry-After": str(math.ceil(wait)), "X-RateLimit-Scope": "global" if is_global else "user"}
    if is_global:
        headers["X-RateLimit-Global"] = "true"
    body = {"message": "You are being rate limited.", "retry_after": wait, "global": is_global}
    return Verdict(headers, body, ignored)


def _headers(limit: int, remaining: int, seconds: float, route: str) -> dict[str, str]:
    return {
        "X-RateLimit-Limit": str(limit),
        "X-RateLimit-Remaining": str(remaining),
        "X-RateLimit-Reset": f"{time.time() + seconds:.3f}",
        "X-RateLimit-Reset-After": f"{math.ceil(seconds * 1000) / 1000:.3f}",
        "X-RateLimit-Bucket": _name(route),
    }


@functools.cache
def _name(route: str) -> str:
    return hashlib.blake2b(route.encode(), digest_size=16).hexdigest()
