"""Packets of RTP streams put in order (RFC 3550), and what is missing between them."""

from collections.abc import Iterable

from ..voice.opus_packet import packet_samples
from ..voice.rtp import Packet

MAX_CONCEALED = 25
"""Missing packets that are concealed, half a second; after more than that a listener has long heard nothing."""
_MAX_DROPOUT = 3000
"""A packet that is ahead by more begins a new stream (RFC 3550, appendix A.1)."""
_MAX_MISORDER = 100
"""Likewise one that is behind by more."""
_MAX_LATE_SECONDS = 0.5
"""Likewise one that comes so long after its place in line: a connection made anew counts again from its start."""


def in_order(packets: Iterable[Packet]) -> list[list[Packet]]:
    """The packets as they were sent, a list for each stream; copies of a packet are dropped.

    Args:
        packets: As they arrived, of one connection or of several, one after the other.
    """
    streams: list[_Stream] = []
    for packet in packets:
        if not streams or not streams[-1].takes(packet):
            streams.append(_Stream(packet))
    return [stream.in_order() for stream in streams]


def missing(earlier: Packet, later: Packet) -> int:
    """How many sequence numbers lie between two packets of a stream."""
    return ((later.sequence - earlier.sequence) & 0xFFFF) - 1


def is_late(packet: Packet, newest: Packet) -> bool:
    """Whether a packet comes after its place in line has passed, or is a copy; not if it begins another stream."""
    behind = (newest.sequence - packet.sequence) & 0xFFFF
    return behind <= _MAX_MISORDER and packet.arrived - newest.arrived < _MAX_LATE_SECONDS


def concealable(earlier: Packet, later: Packet) -> int:
    """How many packets a listener's client makes up between two packets of a stream, each as long as the earlier one.

    None where the timestamp has not gone on as the sequence has: the missing ones lie next to a pause.

    Raises:
        OpusError: The earlier one is no Opus packet.
    """
    lost = missing(earlier, later)
    if not 0 < lost <= MAX_CONCEALED:
        return 0
    elapsed = (later.timestamp - earlier.timestamp) & 0xFFFFFFFF
    return lost if round(elapsed / packet_samples(earlier.opus or b"")) == lost + 1 else 0


class _Stream:
    """Packets whose sequence numbers belong together, by number, which goes on beyond 16 bits."""

    def __init__(self, packet: Packet) -> None:
        self._newest = packet.sequence
        self._packets = {packet.sequence: packet}

    def takes(self, packet: Packet) -> bool:
        """Take a packet in, unless it is of another stream."""
        ahead = (packet.sequence - self._newest + 0x8000) % 0x10000 - 0x8000
        number = self._newest + ahead
        if ahead > _MAX_DROPOUT or (ahead <= 0 and not self._late(number, packet)):
            return False
        self._packets.setdefault(number, packet)
        self._newest = max(self._newest, number)
        return True

    def in_order(self) -> list[Packet]:
        """All that it took."""
        return [self._packets[number] for number in sorted(self._packets)]

    def _late(self, number: int, packet: Packet) -> bool:
        """Whether the packet was held up on its way, or is a copy."""
        if number < self._newest - _MAX_MISORDER:
            return False
        known = self._packets.get(number, packet)
        following = next(self._packets[n] for n in range(number, self._newest + 1) if n in self._packets)
        return known.opus == packet.opus and packet.arrived - following.arrived < _MAX_LATE_SECONDS
