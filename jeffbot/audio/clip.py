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


class GrowingClip(Clip):
    """A clip whose packets come in one by one."""

    __slots__ = ("_coming",)

    def __init__(self) -> None:
        super().__init__()
        self.packets = self._coming = list[bytes]()

    def add(self, packet: bytes) -> None:
        """The next packet."""
        self._coming.append(packet)

    def finish(self, *, failed: bool = False) -> None:
        """No more packets follow."""
        self.failed = failed
        self.complete = True
