"""When a client connects again after its connection has ended, and when it does not."""

import random
from collections.abc import Callable

from ..models import Seconds
from .errors import ConnectionEndedError

LONGEST: Seconds = 60.0
STEADY: Seconds = 60.0
"""A connection that lasted so long was good: what follows is new trouble."""
FINAL = frozenset({1002, 1007, 1009, 4002, 4004, 4010, 4011, 4012})
"""Close codes after which connecting again helps nobody (``docs/api.md``)."""
WANT_TOKEN = frozenset({4001, 4009})
"""Close codes after which it helps with a new token."""
_FIRST: dict[int | None, Seconds] = {1001: 5.0, 1012: 5.0, 1011: 10.0, 1013: 10.0, 4008: 30.0}
"""By close code, the longest first pause."""
_OTHERS_FIRST: Seconds = 1.0

type Jitter = Callable[[Seconds], Seconds]
"""Picks a pause from none to this."""


def full_jitter(longest: Seconds) -> Seconds:
    """Any pause up to the longest: so clients that lost a server together do not come back together."""
    return random.uniform(0, longest)  # noqa: S311 - no secret


def is_final(error: ConnectionEndedError, *, has_new_tokens: bool) -> bool:
    """Whether connecting again would not help."""
    return error.code in FINAL or (error.code in WANT_TOKEN and not has_new_tokens)


class Backoff:
    """Pauses that grow: exponential, with full jitter."""

    def __init__(self, jitter: Jitter = full_jitter) -> None:
        self._jitter = jitter
        self._attempts = 0

    def pause(self, code: int | None) -> Seconds:
        """How long to wait before the next attempt, after a connection that ended with this code."""
        first = _FIRST.get(code, _OTHERS_FIRST)
        longest = min(LONGEST, first * 2.0 ** min(self._attempts, 10))
        self._attempts += 1
        return self._jitter(longest)

    def lasted(self, seconds: Seconds) -> None:
        """Take note of how long a connection lasted."""
        if seconds >= STEADY:
            self._attempts = 0
