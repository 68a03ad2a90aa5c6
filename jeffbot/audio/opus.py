"""Opus packets out of an Ogg stream (RFC 3533, RFC 7845), as it comes in."""

from collections.abc import Iterator

from ..models import PACKET_SECONDS

_CAPTURE = b"OggS"
_HEADER_BYTES = 27
_CONTINUED, _LAST = 0x01, 0x04
_HEADER_PACKETS = 2

SILENCE = b"\xf8\xff\xfe"
"""A packet of silence (Discord: Voice Connections, "Voice Data Interpolation")."""


class OggError(ValueError):
    """The bytes are no complete Ogg/Opus stream of 20 ms stereo packets."""


def read_packets(stream: bytes) -> tuple[bytes, ...]:
    """The audio packets of a whole Ogg/Opus stream, each 20 ms, 48 kHz, stereo.

    Raises:
        OggError: The stream is cut short or is of another kind.
    """
    reader = PacketReader()
    packets = tuple(reader.feed(stream))
    reader.finish()
    return packets


class PacketReader:
    """Takes an Ogg/Opus stream apart, piece by piece.

    The two header packets (``OpusHead``, ``OpusTags``: RFC 7845, section 5), which would be heard as a click, are left
    out.
    """

    def __init__(self) -> None:
        self._buffer = bytearray()
        self._packet = bytearray()
        self._headers = 0
        self._ended = False

    def feed(self, piece: bytes) -> Iterator[bytes]:
        """The audio packets that this piece of the stream completes; has to be used up before the next piece.

        Raises:
            OggError: The stream is of another kind.
        """
        self._buffer += piece
        while size := _page_size(self._buffer):
            page = bytes(self._buffer[:size])
            del self._buffer[:size]
            for packet in self._packets(page):
                if self._headers < _HEADER_PACKETS:
                    if self._headers == 0 and not packet.startswith(b"OpusHead"):
                        raise OggError("no Opus stream")
                    self._headers += 1
                elif not packet or not _is_20_ms_stereo(packet[0]):
                    raise OggError("a packet is not of 20 ms in stereo")
                else:
                    yield packet

    def finish(self) -> None:
        """Nothing more comes.

        Raises:
            OggError: Something is missing.
        """
        if self._buffer or self._packet or not self._ended or self._headers < _HEADER_PACKETS:
            raise OggError("cut short")

    def _packets(self, page: bytes) -> Iterator[bytes]:
        flags, lacings = page[5], page[_HEADER_BYTES : _HEADER_BYTES + page[26]]
        if self._ended or bool(flags & _CONTINUED) != bool(self._packet):
            raise OggError("pages do not follow one another")
        self._ended = bool(flags & _LAST)
        offset = _HEADER_BYTES + len(lacings)
        for lacing in lacings:
            self._packet += page[offset : offset + lacing]
            offset += lacing
            if lacing < 255:
                packet = bytes(self._packet)
                self._packet.clear()
                yield packet


def _page_size(buffer: bytearray) -> int:
    """How long the page is that the buffer begins with; 0 while it is not complete."""
    if buffer[:4] != _CAPTURE[: len(buffer)] or buffer[4:5] > b"\0":
        raise OggError("no Ogg page where one must begin")
    if len(buffer) < _HEADER_BYTES or len(buffer) < _HEADER_BYTES + buffer[26]:
        return 0
    size = _HEADER_BYTES + buffer[26] + sum(buffer[_HEADER_BYTES : _HEADER_BYTES + buffer[26]])
    return size if len(buffer) >= size else 0


def _is_20_ms_stereo(toc: int) -> bool:
    """Whether a packet's first byte says: one frame of 20 ms, stereo (RFC 6716, section 3.1, table 2)."""
    config, stereo, frames = toc >> 3, toc & 0x04, toc & 0x03
    sizes = (10, 20, 40, 60) if config < 12 else (10, 20) if config < 16 else (2.5, 5, 10, 20)
    start = 0 if config < 12 else 12 if config < 16 else 16
    return bool(stereo) and frames == 0 and sizes[(config - start) % len(sizes)] == PACKET_SECONDS * 1000
