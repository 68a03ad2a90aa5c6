"""Opus packets out of an Ogg stream (RFC 3533, RFC 7845)."""

from collections.abc import Iterator

from ..models import PACKET_SECONDS

_CAPTURE = b"OggS"
_HEADER_BYTES = 27
_CONTINUED, _FIRST, _LAST = 0x01, 0x02, 0x04
_HEADER_PACKETS = 2
_SAMPLES_PER_PACKET = int(48_000 * PACKET_SECONDS)

SILENCE = b"\xf8\xff\xfe"
"""A packet of silence (Discord: Voice Connections, "Voice Data Interpolation")."""


class OggError(ValueError):
    """The bytes are no complete Ogg/Opus stream of 20 ms stereo packets."""


def read_packets(stream: bytes) -> tuple[bytes, ...]:
    """The audio packets of a whole Ogg/Opus stream, each 20 ms, 48 kHz, stereo.

    The two header packets (``OpusHead``, ``OpusTags``: RFC 7845, section 5), which would be heard as a click, are left
    out.

    Raises:
        OggError: The stream is cut short or is of another kind.
    """
    packets = list(_packets(stream))
    if len(packets) < _HEADER_PACKETS or not packets[0].startswith(b"OpusHead"):
        raise OggError("no Opus stream")
    audio = tuple(packets[_HEADER_PACKETS:])
    for packet in audio:
        if not packet or not _is_20_ms_stereo(packet[0]):
            raise OggError("a packet is not of 20 ms in stereo")
    return audio


def _is_20_ms_stereo(toc: int) -> bool:
    """Whether a packet's first byte says: one frame of 20 ms, stereo (RFC 6716, section 3.1, table 2)."""
    config, stereo, frames = toc >> 3, toc & 0x04, toc & 0x03
    sizes = (10, 20, 40, 60) if config < 12 else (10, 20) if config < 16 else (2.5, 5, 10, 20)
    start = 0 if config < 12 else 12 if config < 16 else 16
    return bool(stereo) and frames == 0 and sizes[(config - start) % len(sizes)] == PACKET_SECONDS * 1000


def _packets(stream: bytes) -> Iterator[bytes]:
    offset, ended, pending = 0, False, bytearray()
    while offset < len(stream):
        segments = stream[offset + _HEADER_BYTES : offset + _HEADER_BYTES + _segment_count(stream, offset)]
        flags = stream[offset + 5]
        if ended or bool(flags & _CONTINUED) != bool(pending):
            raise OggError("pages do not follow one another")
        offset += _HEADER_BYTES + len(segments)
        for lacing in segments:
            pending += stream[offset : offset + lacing]
            offset += lacing
            if lacing < 255:
                yield bytes(pending)
                pending.clear()
        if offset > len(stream):
            raise OggError("cut short")
        ended = bool(flags & _LAST)
    if not ended or pending:
        raise OggError("cut short")


def _segment_count(stream: bytes, offset: int) -> int:
    header = stream[offset : offset + _HEADER_BYTES]
    if len(header) < _HEADER_BYTES or header[:4] != _CAPTURE or header[4] != 0:
        raise OggError("no Ogg page where one must begin")
    if len(stream) < offset + _HEADER_BYTES + header[26]:
        raise OggError("cut short")
    return header[26]
