"""Packets in time: how the clock paces lines, seen by the times at which they send."""

import itertools
import threading
import time
from collections.abc import Callable, Iterator

import pytest

from jeffbot.models import Seconds
from jeffbot.voice.clock import CATCH_UP, MAX_LATE, SLOT, VoiceClock

PATIENCE = 10.0


@pytest.fixture
def clock() -> Iterator[VoiceClock]:
    """A running clock."""
    clock = VoiceClock()
    yield clock
    clock.close()
    clock.join()


class Sender:
    """A line that notes when it is asked to send and for which time; it does something at some of its packets."""

    def __init__(self, packets: int, do: Callable[[int], None] = lambda _: None) -> None:
        self.sent: list[Seconds] = []
        self.due: list[Seconds] = []
        self.threads: list[int] = []
        self._packets, self._do = packets, do
        self._ended = threading.Event()

    def beat(self, at: Seconds) -> bool:
        self.sent.append(time.monotonic())
        self.due.append(at)
        self.threads.append(threading.get_ident())
        self._do(len(self.sent))
        if len(self.sent) == self._packets:
            self._ended.set()
        return len(self.sent) < self._packets

    def wait(self) -> "Sender":
        """Until all has been sent."""
        assert self._ended.wait(PATIENCE)
        return self

    def fail(self) -> None:
        self._ended.set()

    @property
    def gaps(self) -> list[Seconds]:
        return [later - earlier for earlier, later in itertools.pairwise(self.sent)]


def test_every_20_ms(clock: VoiceClock) -> None:
    """The first packet is sent at once by whoever starts, the others by one thread.

    The second is due within 20 ms, on a grid that all lines share; the others are 20 ms apart.
    """
    sender = Sender(10)
    begun = time.monotonic()
    clock.start(sender)
    assert len(sender.sent) >= 1
    assert sender.threads[0] == threading.get_ident()
    sender.wait()

    assert sender.due[0] == pytest.approx(begun, abs=0.01)
    assert len(set(sender.threads[1:])) == 1
    assert sender.threads[1] != threading.get_ident()
    assert 0.02 - SLOT <= sender.due[1] - sender.due[0] <= 0.02
    assert sender.due[-1] - sender.due[1] == pytest.approx(8 * 0.02)
    assert all(sent >= due for sent, due in zip(sender.sent, sender.due, strict=True))


def test_many_lines(clock: VoiceClock) -> None:
    """Lines do not wait for one another, and all are served by one thread."""
    senders = [Sender(5) for _ in range(50)]
    for sender in senders:
        clock.start(sender)
    for sender in senders:
        sender.wait()

    assert len({thread for sender in senders for thread in sender.threads[1:]}) == 1


def test_late_by_less(clock: VoiceClock) -> None:
    """Whoever was held up a little catches up with packets that still are some way apart, and is in time again."""
    sender = Sender(14, lambda count: time.sleep(MAX_LATE * 0.6) if count == 3 else None)
    clock.start(sender)
    sender.wait()

    assert sender.due[-1] - sender.due[1] == pytest.approx(12 * 0.02)
    assert min(sender.gaps) > CATCH_UP * 0.9


def test_late_by_more(clock: VoiceClock) -> None:
    """Whoever was held up long gives that time up, in place of a burst."""
    sender = Sender(12, lambda count: time.sleep(MAX_LATE * 3) if count == 3 else None)
    clock.start(sender)
    sender.wait()

    assert sender.due[-1] - sender.due[0] > 8 * 0.02 + MAX_LATE * 2.5
    assert min(sender.gaps) > CATCH_UP * 0.9


def test_started_again(clock: VoiceClock) -> None:
    """A line that had nothing more can be started anew, also when no other plays."""
    for _ in range(2):
        clock.start(first := Sender(2))
        first.wait()


def _fail(count: int) -> None:
    if count == 2:
        raise RuntimeError("broken")


def test_trouble_of_one(clock: VoiceClock, caplog: pytest.LogCaptureFixture) -> None:
    """A line that fails is logged and dropped; the others go on."""
    other = Sender(8)
    clock.start(failing := Sender(5, _fail))
    clock.start(other)
    other.wait()
    failing.wait()

    assert "trouble in a voice connection" in caplog.text
    assert len(failing.sent) == 2


def test_closed() -> None:
    """Closing ends the thread in the middle of a sound, and what is started afterwards sends no more than once."""
    clock = VoiceClock()
    clock.start(Sender(1000))
    clock.close()
    clock.join()
    clock.start(late := Sender(1000))

    assert not any(thread.name == "jeffbot-clock" for thread in threading.enumerate())
    assert len(late.sent) == 1
