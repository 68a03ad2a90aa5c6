"""How much remote clients may ask for: never more than the rates, and no less to who waits as told."""

import math
from fractions import Fraction

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from jeffbot.models import UserId
from jeffbot.ws.limits import MAX_KEPT, Buckets, Cost, LimitRules, Limits, Rate

ANN, BOB = UserId(1), UserId(2)
MILLISECOND = 0.001


class Clock:
    """A monotonic clock that is moved by hand; it begins late, as that of a machine that has been up for a year."""

    def __init__(self, now: float = 3.2e7 + 0.1) -> None:
        self.now = now

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def limits(clock: Clock) -> Limits:
    return Limits(LimitRules(), clock)


def test_burst(limits: Limits, clock: Clock) -> None:
    """A rested client has its burst at once, then one for each interval of the rate."""
    client = limits.connection()

    assert [client.admit(ANN, Cost.REQUEST) for _ in range(41)] == [None] * 40 + [0.05]
    clock.now += 0.05
    assert [client.admit(ANN, Cost.REQUEST) for _ in range(2)] == [None, 0.05]
    clock.now += 1
    assert [client.admit(ANN, Cost.REQUEST) for _ in range(21)] == [None] * 20 + [0.05]
    clock.now += 3600
    assert [client.admit(ANN, Cost.REQUEST) for _ in range(41)] == [None] * 40 + [0.05]


def test_press(limits: Limits) -> None:
    """Presses have a rate of their own, and what is over it does not stand in the way of other requests."""
    client = limits.connection()

    assert [client.admit(ANN, Cost.PRESS) for _ in range(6)] == [None] * 5 + [0.5]
    assert [client.admit(ANN, Cost.REQUEST) for _ in range(36)] == [None] * 35 + [0.05]


def test_press_is_a_request(limits: Limits, clock: Clock) -> None:
    """Who has no request left has no press either, and is told the longer of both waits."""
    client = limits.connection()
    for _ in range(40):
        client.admit(ANN, Cost.REQUEST)
    assert client.admit(ANN, Cost.PRESS) == 0.05

    clock.now += 60
    for cost in [Cost.PRESS] * 5 + [Cost.REQUEST] * 35:
        assert client.admit(ANN, cost) is None
    assert client.admit(ANN, Cost.REQUEST) == 0.05
    assert client.admit(ANN, Cost.PRESS) == 0.5


def test_refusal_costs_nothing(limits: Limits, clock: Clock) -> None:
    """A client that goes on asking loses nothing by it, of neither kind."""
    client = limits.connection()
    for _ in range(5):
        client.admit(ANN, Cost.PRESS)
    for _ in range(1000):
        assert client.admit(ANN, Cost.PRESS) == 0.5

    assert [client.admit(ANN, Cost.REQUEST) for _ in range(36)] == [None] * 35 + [0.05]
    clock.now += 0.5
    assert client.admit(ANN, Cost.PRESS) is None


def test_refused_by_one_is_not_charged_by_the_other(limits: Limits) -> None:
    """What the user's limit refuses is not taken from the connection's, nor the other way round."""
    first, second = limits.connection(), limits.connection()
    for _ in range(40):
        first.admit(ANN, Cost.REQUEST)
    assert [second.admit(ANN, Cost.REQUEST) for _ in range(40)] == [0.05] * 40
    assert [second.admit(BOB, Cost.REQUEST) for _ in range(41)] == [None] * 40 + [0.05]

    assert first.admit(BOB, Cost.REQUEST) == 0.05  # refused by both
    third = UserId(3)
    assert [first.admit(third, Cost.REQUEST) for _ in range(40)] == [0.05] * 40
    assert [limits.admit_user(third, Cost.REQUEST) for _ in range(41)] == [None] * 40 + [0.05]


def test_reconnecting_resets_nothing(limits: Limits) -> None:
    """All connections of a user, and requests without one, share what the user has."""
    for _ in range(20):
        assert limits.connection().admit(ANN, Cost.REQUEST) is None
    for _ in range(20):
        assert limits.admit_user(ANN, Cost.REQUEST) is None

    assert limits.connection().admit(ANN, Cost.REQUEST) == 0.05
    assert limits.admit_user(ANN, Cost.REQUEST) == 0.05
    assert limits.admit_user(ANN, Cost.PRESS) == 0.05
    assert limits.admit_user(BOB, Cost.PRESS) is None


def test_strangers_have_their_connection(limits: Limits) -> None:
    """Before signing in only the connection counts, and signing in, or as another, gives it nothing back."""
    client = limits.connection()
    assert [client.admit(None, Cost.REQUEST) for _ in range(41)] == [None] * 40 + [0.05]

    assert client.admit(ANN, Cost.REQUEST) == 0.05
    assert client.admit(BOB, Cost.REQUEST) == 0.05
    assert limits.connection().admit(None, Cost.REQUEST) is None


def test_free(limits: Limits) -> None:
    """What is free is never refused, and takes nothing."""
    client = limits.connection()
    for _ in range(1000):
        assert client.admit(ANN, Cost.FREE) is None
        assert limits.admit_user(ANN, Cost.FREE) is None
    assert [client.admit(ANN, Cost.REQUEST) for _ in range(41)] == [None] * 40 + [0.05]

    assert client.admit(ANN, Cost.FREE) is None
    assert limits.admit_user(ANN, Cost.FREE) is None


def test_off(clock: Clock) -> None:
    """A rate of 0 is no limit, and leaves nothing behind."""
    limits = Limits(LimitRules(requests=Rate(0, 0), presses=Rate(0, 1), failures=Rate(0, 0), refusals=0), clock)
    client = limits.connection()

    for _ in range(10_000):
        assert client.admit(ANN, Cost.PRESS) is None
        assert limits.failed("192.0.2.1") is None
        assert not client.refused()


def test_one_off(clock: Clock) -> None:
    """One limit does without the other."""
    limits = Limits(LimitRules(requests=Rate(0, 0)), clock)
    assert [limits.admit_user(ANN, Cost.PRESS) for _ in range(6)] == [None] * 5 + [0.5]

    assert all(limits.admit_user(ANN, Cost.REQUEST) is None for _ in range(1000))


@pytest.mark.parametrize(
    ("per_second", "burst"),
    [(-1, 5), (math.nan, 5), (math.inf, 5), (1, 0), (1, 0.9), (1, -1), (1, math.nan), (1, math.inf)],
)
def test_bad_rate(per_second: float, burst: float) -> None:
    """A rate that would admit nothing, or is no number, is refused."""
    with pytest.raises(ValueError, match=r"0 or more per second, in bursts of 1 or more"):
        Rate(per_second, burst)


# Failed authentications


def test_failures(limits: Limits, clock: Clock) -> None:
    """An address has five failures, then one every twelve seconds; another has its own."""
    assert [limits.failed("192.0.2.1") for _ in range(6)] == [None] * 5 + [12]
    clock.now += 11.9
    assert limits.failed("192.0.2.1") == 0.1
    assert limits.failed("192.0.2.2") is None
    clock.now += 0.1

    assert [limits.failed("192.0.2.1") for _ in range(2)] == [None, 12]


def test_failures_by_network(limits: Limits) -> None:
    """The addresses of one IPv6 network count as one, and IPv4 is the same within IPv6."""
    assert [limits.failed(f"2001:db8::{number:x}") for number in range(6)] == [None] * 5 + [12]
    assert limits.failed("2001:db8:0:1::1") is None
    for _ in range(5):
        limits.failed("192.0.2.1")

    assert limits.failed("::ffff:192.0.2.1") == 12


def test_failures_are_their_own(limits: Limits) -> None:
    """Failures take nothing from requests."""
    for _ in range(100):
        limits.failed("1")

    assert limits.admit_user(ANN, Cost.REQUEST) is None


# Refusals


def test_abuse(limits: Limits, clock: Clock) -> None:
    """The hundredth refusal within ten seconds is one too many."""
    client = limits.connection()
    for _ in range(99):
        assert not client.refused()
        clock.now += 0.1

    assert client.refused()
    assert not limits.connection().refused()


def test_patient_abuse(limits: Limits, clock: Clock) -> None:
    """Any number of refusals is fine where there are never a hundred within ten seconds."""
    client = limits.connection()
    for _ in range(1000):
        assert not client.refused()
        clock.now += 0.1011

    assert [client.refused() for _ in range(10)] == [False] * 1 + [True] * 9


@pytest.mark.parametrize("limit", [1, 2, 3])
def test_few_refusals(clock: Clock, limit: int) -> None:
    """The number is a setting."""
    client = Limits(LimitRules(refusals=limit, refusals_window=1), clock).connection()

    assert [client.refused() for _ in range(3)] == [False] * (limit - 1) + [True] * (4 - limit)


@given(st.integers(1, 5), st.lists(st.integers(0, 8), max_size=40))
def test_window(limit: int, gaps: list[int]) -> None:
    """It is abuse exactly when the last so many refusals lie within the window."""
    clock = Clock(0)
    client = Limits(LimitRules(refusals=limit, refusals_window=10), clock).connection()
    times: list[float] = []
    for gap in gaps:
        clock.now += gap
        times.append(clock.now)
        assert client.refused() == (sum(clock.now - when <= 10 for when in times) >= limit)


# Any rates, any order

rates = st.builds(
    Rate,
    st.sampled_from([0.01, 5 / 60, 0.3, 1, 2, 7, 20, 1e3]) | st.floats(0.01, 1e3),
    st.sampled_from([1, 2, 2.5, 5, 40]),
)
gaps = st.sampled_from([0.0, 1e-9, 1e-4, 0.05, 0.5, 1.0, 12.0, 1e4]) | st.floats(0, 30)


@given(rates, st.lists(gaps, max_size=60), st.floats(0, 1e9))
def test_one_bucket(rate: Rate, waits: list[float], start: float) -> None:
    """Admitted is what a bucket of exact fractions admits, to the microsecond; waits are told in whole ms."""
    clock = Clock(start)
    limits = Limits(LimitRules(requests=rate), clock)
    left, last = Fraction(rate.burst), Fraction(start)
    speed = Fraction(rate.per_second)
    for wait in waits:
        clock.now += wait
        left, last = min(Fraction(rate.burst), left + (Fraction(clock.now) - last) * speed), Fraction(clock.now)
        told = limits.admit_user(ANN, Cost.REQUEST)
        if told is None:
            assert left >= 1 - speed * Fraction(2, 10**6)
            left -= 1
        else:
            exact = (1 - left) / speed
            assert exact - Fraction(2, 10**6) <= told <= exact + Fraction(11, 10**4)


@given(rates, st.lists(gaps, max_size=80))
def test_any_window(rate: Rate, waits: list[float]) -> None:
    """Between any two moments no more is admitted than a burst and the rate for the time between."""
    clock = Clock()
    limits = Limits(LimitRules(requests=rate), clock)
    admitted = []
    for wait in waits:
        clock.now += wait
        if limits.admit_user(ANN, Cost.REQUEST) is None:
            admitted.append(clock.now)

    for first, begin in enumerate(admitted):
        for count, end in enumerate(admitted[first:], 1):
            assert count <= rate.burst + rate.per_second * (end - begin) + 0.01


@given(rates, rates, st.sampled_from([Cost.REQUEST, Cost.PRESS]), st.integers(0, 200), st.floats(0, 1e9))
def test_told_wait(requests: Rate, presses: Rate, cost: Cost, before: int, start: float) -> None:
    """Who waits as told is admitted; who waits two milliseconds less is not."""
    for short in (0, 2 * MILLISECOND):
        clock = Clock(start)
        client = Limits(LimitRules(requests=requests, presses=presses), clock).connection()
        for _ in range(before):
            client.admit(ANN, Cost.PRESS)
        while (told := client.admit(ANN, cost)) is None:
            clock.now += 1e-5 / requests.per_second
        assert told >= MILLISECOND
        if told > short:
            clock.now += told - short
            assert (client.admit(ANN, cost) is None) == (short == 0)


class Machine(RuleBasedStateMachine):
    """Users on connections and without, held against plain lists of what was admitted when."""

    @initialize(requests=rates, presses=rates)
    def begin(self, requests: Rate, presses: Rate) -> None:
        self.clock = Clock(1e6)
        self.allowed = LimitRules(requests=requests, presses=presses)
        self.limits = Limits(self.allowed, self.clock)
        self.connections = [self.limits.connection() for _ in range(3)]
        self.left: dict[object, tuple[float, float]] = {}

    def room(self, rate: Rate, key: object) -> float:
        """What the bucket of a key holds."""
        left, when = self.left.get((rate, key), (rate.burst, self.clock.now))
        return min(rate.burst, left + (self.clock.now - when) * rate.per_second)

    def ask(self, told: float | None, keys: list[object], cost: Cost) -> None:
        """Compare an answer with what all the buckets that had to agree hold, and take from them."""
        kinds = [("requests", self.allowed.requests), ("presses", self.allowed.presses)][: 1 + (cost is Cost.PRESS)]
        asked = [(rate, (kind, key)) for kind, rate in kinds for key in keys]
        wait = max((1 - self.room(rate, key)) / rate.per_second for rate, key in asked)
        if told is None:
            assert wait <= 1e-5
            for rate, key in asked:
                self.left[rate, key] = (self.room(rate, key) - 1, self.clock.now)
        else:
            assert wait - 1e-5 <= told <= wait + 1.1 * MILLISECOND

    @rule(
        number=st.integers(0, 2),
        user=st.sampled_from([None, ANN, BOB]),
        cost=st.sampled_from([Cost.REQUEST, Cost.PRESS]),
    )
    def ask_on_a_connection(self, number: int, user: UserId | None, cost: Cost) -> None:
        client = self.connections[number]
        self.ask(client.admit(user, cost), [client] if user is None else [client, user], cost)

    @rule(user=st.sampled_from([ANN, BOB]), cost=st.sampled_from([Cost.REQUEST, Cost.PRESS]), times=st.integers(1, 50))
    def ask_without(self, user: UserId, cost: Cost, times: int) -> None:
        for _ in range(times):
            self.ask(self.limits.admit_user(user, cost), [user], cost)

    @rule(number=st.integers(0, 2))
    def reconnect(self, number: int) -> None:
        self.connections[number] = self.limits.connection()

    @rule()
    def others_come(self) -> None:
        for number in range(10, 30):
            self.limits.admit_user(UserId(number), Cost.PRESS)

    @rule(wait=gaps)
    def pass_time(self, wait: float) -> None:
        self.clock.now += wait

    @invariant()
    def free_is_free(self) -> None:
        assert self.limits.admit_user(ANN, Cost.FREE) is None


TestMachine = Machine.TestCase
TestMachine.settings = settings(max_examples=60, stateful_step_count=30, deadline=None)


# Memory


def test_rested_are_forgotten(limits: Limits, clock: Clock) -> None:
    """Whoever has rested is forgotten bit by bit as others ask, also by what is free; who has not, is kept."""
    for number in range(10_000):
        limits.admit_user(UserId(1000 + number), Cost.PRESS)
        limits.failed(f"2001:db8:{number:x}::1")
    assert limits.kept == 30_000

    clock.now += 11
    for _ in range(5):
        limits.failed("192.0.2.1")
    clock.now += 1
    for asked in range(1, 2501):
        limits.admit_user(ANN, Cost.FREE)
        assert 30_000 - 12 * asked - 60 <= limits.kept <= 30_000 - 12 * asked + 61
    limits.admit_user(ANN, Cost.FREE)
    assert limits.kept == 1
    assert limits.failed("192.0.2.1") == 11


def test_one_connection_after_another(limits: Limits, clock: Clock) -> None:
    """Connections that come, ask and go leave nothing that piles up."""
    for number in range(5000):
        assert limits.connection().admit(UserId(number), Cost.PRESS) is None
        clock.now += 0.1

    assert limits.kept < 100


def test_rested_behind_a_tired_one(clock: Clock) -> None:
    """Nobody is forgotten before being rested, and one who is tired hides others no longer than that takes."""
    buckets = Buckets(Rate(1, 5))
    for _ in range(5):
        buckets.take("tired", clock.now)
    for key in range(100):
        buckets.take(key, clock.now)
    clock.now += 4.5
    for _ in range(100):
        buckets.forget(clock.now)
    assert buckets.wait("tired", clock.now) == -3.5

    clock.now += 0.6
    for _ in range(26):
        buckets.forget(clock.now)
    assert len(buckets) == 0


def test_never_too_many(clock: Clock) -> None:
    """There is a most that is kept, whoever asks; those who asked longest ago are forgotten first."""
    buckets = Buckets(Rate(1e-6, 1))
    for key in range(MAX_KEPT + 1000):
        buckets.take(key, clock.now)
        if key == MAX_KEPT // 2:
            buckets.take(0, clock.now)
        buckets.forget(clock.now)

    assert len(buckets) <= MAX_KEPT
    assert buckets.wait(1, clock.now) <= 0 < min(buckets.wait(key, clock.now) for key in (0, MAX_KEPT, MAX_KEPT + 999))
