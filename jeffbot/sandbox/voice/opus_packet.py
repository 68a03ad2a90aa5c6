"""What the first bytes of an Opus packet say of it (RFC 6716, section 3.1)."""

from ..errors import OpusError

MAX_PACKET_SAMPLES = 5760
"""In 120 ms, the longest packet (RFC 6716, section 3.2.5)."""
_INVALID_PACKET = -4
"""OPUS_INVALID_PACKET of opus_defines.h, as libopus itself answers."""
_SILK, _HYBRID, _CELT = (480, 960, 1920, 2880), (480, 960), (120, 240, 480, 960)
_FRAME_SAMPLES = (*_SILK * 3, *_HYBRID * 2, *_CELT * 4)
"""By configuration number, of one frame (RFC 6716, section 3.1, table 2)."""


def packet_samples(packet: bytes) -> int:
    """How long a packet sounds, in samples per channel, by its first bytes (RFC 6716, sections 3.1 and 3.2).

    Raises:
        OpusError: It is no Opus packet.
    """
    frames = _frames(packet)
    samples = frames * _FRAME_SAMPLES[packet[0] >> 3] if frames else 0
    if not 0 < samples <= MAX_PACKET_SAMPLES:
        raise OpusError("reading a packet", _INVALID_PACKET)
    return samples


def is_opus(packet: bytes) -> bool:
    """Whether it can be an Opus packet, as far as its first bytes tell."""
    try:
        packet_samples(packet)
    except OpusError:
        return False
    return True


def _frames(packet: bytes) -> int:
    """By the last two bits of the first byte: one, two, two, or the count in the second byte; 0 if that is missing."""
    code = packet[0] & 0x03 if packet else 3
    if code < 3:
        return 1 if code == 0 else 2
    return packet[1] & 0x3F if len(packet) > 1 else 0
