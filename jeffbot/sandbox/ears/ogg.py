"""Opus packets into an Ogg stream that a browser plays as it comes (RFC 3533, RFC 7845)."""

import struct
import zlib

from ..voice.opus_packet import packet_samples
from .opus import CHANNELS, SAMPLE_RATE

PRE_SKIP = 3840
"""Samples that a player drops: 80 ms, in which its decoder settles (RFC 7845, section 4.2)."""
_PAGE = struct.Struct("<4sBBqIIIB")
"""Capture pattern, version, kind, granule position, serial number, page number, checksum, segments (RFC 3533, 6)."""
_CHECKSUM = slice(22, 26)
_FIRST, _LAST = 0x02, 0x04
_HEAD = struct.Struct("<8sBBHIhB")
"""Signature, version, channels, pre-skip, input rate, gain, mapping family (RFC 7845, section 5.1)."""
_VENDOR = b"jeffbot"
_MAX_SEGMENTS = 255
_REVERSED = bytes(int(f"{byte:08b}"[::-1], 2) for byte in range(256))


class OggOpusStream:
    """The pages of one stream, in order: first ``headers``, then one ``page`` for each packet.

    Args:
        serial: Any number of 32 bits that no other stream beside it has.
    """

    def __init__(self, serial: int) -> None:
        self.samples = 0
        """How much is in it, per channel at 48 kHz: the granule position, with what is skipped."""
        self._serial = serial
        self._pages = 0

    def headers(self) -> bytes:
        """The two pages that say what follows: ``OpusHead`` and ``OpusTags``, without a comment."""
        head = _HEAD.pack(b"OpusHead", 1, CHANNELS, PRE_SKIP, SAMPLE_RATE, 0, 0)
        tags = b"OpusTags" + struct.pack(f"<I{len(_VENDOR)}sI", len(_VENDOR), _VENDOR, 0)
        return self._page(head, _FIRST) + self._page(tags, 0)

    def page(self, packet: bytes, *, last: bool = False) -> bytes:
        """The page of the next packet; ``last`` ends the stream.

        Raises:
            OpusError: It is no Opus packet.
            ValueError: It is longer than 65 024 bytes, which no Opus packet is.
        """
        self.samples += packet_samples(packet)
        return self._page(packet, _LAST if last else 0)

    def _page(self, packet: bytes, kind: int) -> bytes:
        lacing = bytes([255] * (len(packet) // 255) + [len(packet) % 255])
        if len(lacing) > _MAX_SEGMENTS:
            raise ValueError("too long for a page")
        header = _PAGE.pack(b"OggS", 0, kind, self.samples, self._serial, self._pages, 0, len(lacing))
        page = bytearray(header + lacing + packet)
        page[_CHECKSUM] = _checksum(page).to_bytes(4, "little")
        self._pages += 1
        return bytes(page)


def _checksum(page: bytes | bytearray) -> int:
    """CRC-32 as Ogg has it (RFC 3533, section 6): the usual polynomial, highest bit first, from 0, not inverted.

    zlib's is that with every bit order reversed, inverted before and after.
    """
    usual = zlib.crc32(page.translate(_REVERSED), 0xFFFFFFFF) ^ 0xFFFFFFFF
    return int(f"{usual:032b}"[::-1], 2)
