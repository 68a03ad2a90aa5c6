"""How much remote clients may ask for: token buckets of connections, users and addresses.

Everything costs O(1). What is kept grows with those whose buckets are not full, up to MAX_KEPT of each kind.
"""

import enum
import math
import time
from collections import OrderedDict
from collections.abc import Callable, Hashable, Sequence
from dataclasses import dataclass

from ..models import Seconds, UserId
from .addresses import bucket_of

MAX_KEPT = 40_000
"""Buckets kept of one kind: what 500 failures a second leave behind in the minute that it takes them to count for
nothing. Who has more addresses than that to ask from is stopped by no limit on them."""
FORGOTTEN_AT_ONCE = 4
"""Buckets of one kind that a request forgets at most: twice what it adds, its connection's and its user's."""
TOLERANCE: Seconds = 1e-6
"""By how much one may come too early: far more than floats err, far less than anyone gains."""


class Cost(enum.Enum):
    """What an action takes from the limits."""

    FREE = enum.auto()
    REQUEST = enum.auto()
    PRESS = enum.auto()  # a request that starts a sound


@dataclass(frozen=True, slots=True)
class Rate:
    """How often something may happen: ``per_second`` in the long run, ``burst`` at once after a rest.

    Raises:
        ValueError: ``per_second`` is negative or ``burst`` less than 1, or one is not finite.
    """

    per_second: float
    """0: as often as one likes."""
    burst: float

    def __post_init__(self) -> None:
        if not (0 <= self.per_second < math.inf and (self.per_second == 0 or 1 <= self.burst < math.inf)):
            raise ValueError("a rate is 0 or more per second, in bursts of 1 or more")


@dataclass(frozen=True, slots=True, kw_only=True)
class LimitRules:
    """The limits of a server."""

    requests: Rate = Rate(20, 40)
    """Of one connection, and of one user over all connections."""
    presses: Rate = Rate(2, 5)
    """Likewise, of what starts a sound."""
    failures: Rate = Rate(5 / 60, 5)
    """Failed authentications from one address, IPv6 by /64."""
    refusals: int = 100
    """After how many refusals within ``refusals_window`` a connection is abusive; 0: never."""
    refusals_window: Seconds = 10.0


class Buckets:
    """A token bucket for each who asks, of one rate, kept as the moment at which it is full again.

    Full ones are as good as new and are forgotten, the longest unused first.
    """

    def __init__(self, rate: Rate) -> None:
        self._rate = rate
        self._full_at: OrderedDict[Hashable, float] = OrderedDict()  # a dict would look ever longer for its first key

    def __len__(self) -> int:
        return len(self._full_at)

    def wait(self, asker: Hashable, now: float) -> Seconds:
        """How long until something can be taken; 0 or less: now."""
        full_at = self._full_at.get(asker)
        if full_at is None:
            return 0.0
        return full_at - now - (self._rate.burst - 1) / self._rate.per_second

    def take(self, asker: Hashable, now: float) -> None:
        """Take one, which :meth:`wait` has allowed."""
        if self._rate.per_second:
            self._full_at[asker] = max(self._full_at.get(asker, now), now) + 1 / self._rate.per_second
            self._full_at.move_to_end(asker)

    def forget(self, now: float) -> None:
        """Forget a few: more than one request adds, and never many at once."""
        for _ in range(FORGOTTEN_AT_ONCE):
            if not self._full_at:
                return
            asker, full_at = next(iter(self._full_at.items()))
            if full_at > now and len(self._full_at) <= MAX_KEPT:
                return
            del self._full_at[asker]


class Limits:
    """The limits of one server. What users and addresses have used up outlives their connections."""

    def __init__(self, rules: LimitRules, clock: Callable[[], float] = time.monotonic) -> None:
        self._rules = rules
        self._clock = clock
        self._requests = Buckets(rules.requests)
        self._presses = Buckets(rules.presses)
        self._failures = Buckets(rules.failures)
        self._kinds = (self._requests, self._presses, self._failures)
        self._wanted = {
            Cost.FREE: (),
            Cost.REQUEST: (self._requests,),
            Cost.PRESS: (self._requests, self._presses),
        }

    @property
    def kept(self) -> int:
        """How many buckets are not forgotten yet."""
        return sum(map(len, self._kinds))

    def connection(self) -> "ConnectionLimits":
        """The limits of a new connection."""
        return ConnectionLimits(self, self._rules, self._clock)

    def admit_user(self, user_id: UserId, cost: Cost) -> Seconds | None:
        """Let a user do something outside any connection: None, or seconds to wait where it is too much."""
        return self.admit((user_id,), cost)

    def admit(self, askers: Sequence[Hashable], cost: Cost) -> Seconds | None:
        """Let something be done that counts for each of these askers, or for none where one has to wait."""
        return self._take(self._wanted[cost], askers)

    def failed(self, address: str) -> Seconds | None:
        """Note a failed authentication: None, or seconds to wait where there were too many from there.

        Ask it only after a token was found bad: so nobody locks out others who share their address.
        """
        return self._take((self._failures,), (bucket_of(address),))

    def _take(self, wanted: Sequence[Buckets], askers: Sequence[Hashable]) -> Seconds | None:
        now = self._clock()
        for kind in self._kinds:
            kind.forget(now)
        wait = max((buckets.wait(asker, now) for buckets in wanted for asker in askers), default=0.0)
        if wait > TOLERANCE:
            return math.ceil((wait - TOLERANCE / 2) * 1000) / 1000
        for buckets in wanted:
            for asker in askers:
                buckets.take(asker, now)
        return None


class ConnectionLimits:
    """The limits of one connection, together with those of the user it speaks for."""

    __slots__ = ("_clock", "_limits", "_refusals", "_rules")

    def __init__(self, limits: Limits, rules: LimitRules, clock: Callable[[], float]) -> None:
        self._limits = limits
        self._rules = rules
        self._clock = clock
        self._refusals: list[float] = []

    def admit(self, user_id: UserId | None, cost: Cost) -> Seconds | None:
        """Let something be done: None, or seconds to wait where it is too much, which costs nothing.

        Args:
            user_id: Whom the connection speaks for; None before it has signed in.
            cost: Of the action.
        """
        return self._limits.admit((self,) if user_id is None else (self, user_id), cost)

    def refused(self) -> bool:
        """Note that the client was refused something; whether that happens so often that it has to go."""
        limit = self._rules.refusals
        if not limit:
            return False
        now = self._clock()
        self._refusals.append(now)
        del self._refusals[:-limit]
        return len(self._refusals) == limit and now - self._refusals[0] <= self._rules.refusals_window
