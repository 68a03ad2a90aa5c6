"""The packets of one sound, as the player reads them."""

from collections.abc import Iterable, Sequence

from ..models import Seconds, duration_of


class Clip:
    """Opus packets of 20 ms, 48 kHz, stereo: all of a sound's, or the beginning of one that is still being encoded.

    One thread may add packets while others read: what has been read once stays as it is.
    """

    __slots__ = ("complete", "failed", "packets")

    def __init__(self, packets: Iterable[bytes] | None = None) -> None:
        self.packets: Sequence[bytes] = () if packets is None else tuple(packets)
        self.complete = packets is not None
        """No more packets follow."""
        self.failed = False
        """The rest could not be encoded; it ends where the packets end."""

    @property
    def duration(self) -> Seconds | None:
        """How long it is; None while packets are still to come."""
        return duration_of(self.packets) if self.complete else None

    def abandon(self) -> None:
        """One of those who were given it plays it no more; each says so once, in the event loop."""


class AbandonedError(Exception):
    """Nobody plays a clip any more, and more packets came in."""


class GrowingClip(Clip):
    """A clip whose packets come in one by one, for as long as someone wants them.

    Several presses may share it. They are counted in the event loop, by :meth:`want` and :meth:`abandon`; the thread
    that fills it only looks whether the last has left.
    """

    __slots__ = ("_coming", "_users", "abandoned")

    def __init__(self) -> None:
        super().__init__()
        self.packets = self._coming = list[bytes]()
        self._users = 0
        self.abandoned = False
        """All who wanted it left before it was complete: it stays a fragment."""

    def want(self) -> None:
        """One more is going to play it."""
        self._users += 1

    def abandon(self) -> None:
        """See :meth:`Clip.abandon`; the last to say so ends the encoding."""
        self._users -= 1
        if self._users <= 0 and not self.complete:
            self.abandoned = True

    def add(self, packet: bytes) -> None:
        """The next packet.

        Raises:
            AbandonedError: Nobody wants it.
        """
        if self.abandoned:
            raise AbandonedError
        self._coming.append(packet)

    def finish(self, *, failed: bool = False) -> None:
        """No more packets follow."""
        self.failed = failed
        self.complete = True
