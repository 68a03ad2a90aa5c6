"""Whether a CELT packet can be understood by itself (RFC 6716, sections 4.1 and 4.3)."""


class _RangeDecoder:
    """The range decoder of Opus (RFC 6716, section 4.1), as far as the start of a frame needs it."""

    def __init__(self, data: bytes) -> None:
        self._data = iter(data)
        self._last = next(self._data, 0)
        self._range = 128
        self._value = 127 - (self._last >> 1)
        self._normalise()

    def bit(self, logp: int) -> bool:
        """A bit that is set once in ``2 ** logp``."""
        share = self._range >> logp
        if self._value < share:
            self._range = share
            is_set = True
        else:
            self._value -= share
            self._range -= share
            is_set = False
        self._normalise()
        return is_set

    def skip(self, count: int) -> None:
        """Pass over one of ``count`` equally likely values."""
        share = self._range // count
        symbol = count - min(self._value // share + 1, count)
        below = share * (count - symbol - 1)
        self._value -= below
        self._range = share if symbol > 0 else self._range - below
        self._normalise()

    def skip_tapset(self) -> None:
        """Pass over the post-filter's tapset, of probabilities 2, 1 and 1 in 4 (RFC 6716, table 56)."""
        quarter, upper = self._range >> 2, self._range
        for lower in (2 * quarter, quarter, 0):
            if self._value >= lower:
                self._value -= lower
                self._range = upper - lower
                break
            upper = lower
        self._normalise()

    def _normalise(self) -> None:
        while self._range <= 1 << 23:
            following = next(self._data, 0)
            symbol = (self._last << 8 | following) >> 1 & 0xFF
            self._last = following
            self._range <<= 8
            self._value = (self._value << 8 | 255 & ~symbol) & 0x7FFF_FFFF


def stands_alone(packet: bytes) -> bool:
    """Whether the levels of a CELT packet of one frame are given without regard to the packet before ("intra").

    Otherwise they are differences (section 4.3.2.1): a decoder in another state than the encoder's is up to 27 dB off,
    and needs some five packets to find back.
    """
    frame = _RangeDecoder(packet[1:])
    if frame.bit(15):  # silence
        return True
    if frame.bit(1):  # post-filter: its octave; period and gain are raw bits at the packet's end; its tapset
        frame.skip(6)
        frame.skip_tapset()
    frame.bit(3)  # transient
    return frame.bit(3)
