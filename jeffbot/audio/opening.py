"""A sound's first packet, fit to follow any other."""

from collections.abc import Sequence

from .libopus import Decoder, Encoder, FrameBuffer
from .opus import SILENCE


def opening(packets: Sequence[bytes], *, bitrate: int) -> bytes:
    """The first packet, encoded anew if only a decoder that knows nothing yet would understand it.

    A packet may give its levels as differences to the packet before (RFC 6716, section 4.3.2.1), and the first of a
    sound to the state of a fresh decoder. A listener's decoder is not fresh: after silence it would make the first
    20 ms 27 dB too quiet, after another sound up to 12 dB too loud, and would need 100 ms to recover. Takes ~0.5 ms
    in the calling thread, and the loading of numpy.

    Args:
        packets: The sound's first two at least, if it has two.
        bitrate: Of the sound, bits per second.

    Raises:
        LibopusMissingError: There is no libopus.
        OpusError: The packets are no Opus packets of 20 ms.
    """
    from .pcm import Window, view  # noqa: PLC0415 - numpy

    first, second = packets[0], packets[1] if len(packets) > 1 else SILENCE
    fresh, window, buffer = Decoder(), Window(), FrameBuffer()
    window.feed(fresh, first)
    window.shift()
    other = Decoder()
    other.decode(SILENCE, buffer)
    other.decode(first, buffer)
    if window.begins_like(view(buffer)):
        return first
    window.feed(fresh, second)
    view(buffer)[:] = window.frame
    return Encoder(bitrate).encode(buffer, standalone=True)
