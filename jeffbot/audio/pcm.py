"""Decoded sound: each voice's in a window, and the limiter for their sum.

It loads numpy, which takes 0.1 s: import it in a thread.
"""

import ctypes
from typing import Final

import numpy as np
from numpy.typing import NDArray

from .libopus import CHANNELS, FRAME_SAMPLES, LOOKAHEAD, Decoder, FrameBuffer

type Frame = NDArray[np.float32]
"""20 ms: 1920 numbers, left and right in turn; full scale is 1.0."""

CEILING: Final = 10 ** (-1 / 20)
"""Highest peak after limiting, -1 dBFS: the codec adds up to as much again."""
_RELEASE: Final = 10 ** (0.5 / 20)
"""How far the limiter lets go from frame to frame: 25 dB a second."""
_ATTACK_SAMPLES = 60
"""How fast it takes hold, 1.25 ms: of 1 to 20 ms what bent sounds least."""
_UNHEARD: Final = 10 ** (-20 / 10)
"""Power of a difference nobody hears, beside the sound's own: its level is within 1 dB."""
_UNHEARD_IN_SILENCE: Final = 10 ** (-80 / 10)
"""Power of a difference nobody hears, beside full scale."""

_FRAME = FRAME_SAMPLES * CHANNELS
_AHEAD = (FRAME_SAMPLES - LOOKAHEAD) * CHANNELS
_RAMP: Final[Frame] = np.repeat(np.arange(1, FRAME_SAMPLES + 1) / FRAME_SAMPLES, CHANNELS).astype(np.float32)
_ATTACK: Final[Frame] = np.clip(_RAMP * (FRAME_SAMPLES / _ATTACK_SAMPLES), 0, 1).astype(np.float32)


def view(buffer: "ctypes.Array[ctypes.c_float]") -> Frame:
    """The same memory as an array."""
    return np.frombuffer(buffer, np.float32)


class Window:
    """One voice's sound in the encoder's time.

    What a decoder gives lags behind its packets by 2.5 ms (:data:`LOOKAHEAD`), and encoding it again would add as much.
    So a window is fed one packet ahead, and its frame is 2.5 ms early.
    """

    def __init__(self) -> None:
        buffer = (ctypes.c_float * (_AHEAD + _FRAME))()
        samples = view(buffer)
        self.frame: Frame = samples[:_FRAME]
        """What the packet before the newest one stands for."""
        self._newest = FrameBuffer.from_buffer(buffer, _AHEAD * ctypes.sizeof(ctypes.c_float))
        self._known, self._last, self._fed = samples[:_AHEAD], samples[_FRAME:], samples[_AHEAD:]

    def feed(self, decoder: Decoder, packet: bytes) -> None:
        """Decode the packet after the one that :attr:`frame` is to stand for."""
        decoder.decode(packet, self._newest)

    def feed_nothing(self) -> None:
        """Let no sound follow."""
        self._fed.fill(0)

    def shift(self) -> None:
        """Go on to the next frame."""
        self._known[:] = self._last

    def add_to(self, total: Frame, start: float, end: float) -> None:
        """Add the frame to others, with a gain that goes from one value to another."""
        if start != end:
            total += self.frame * _glide(start, end, _RAMP)
        elif end == 1.0:
            total += self.frame
        else:
            total += self.frame * np.float32(end)

    def begins_like(self, pcm: Frame) -> bool:
        """Whether a decoded packet sounds, but for what nobody hears, as the one that the next frame stands for."""
        difference = pcm[-_AHEAD:] - self._known
        allowed = _UNHEARD * (self._known @ self._known) + _UNHEARD_IN_SILENCE * _AHEAD
        return bool(difference @ difference <= allowed)


class Limiter:
    """Turns what is too loud down, within 1.25 ms and for as long as it lasts; leaves all else as it is."""

    def __init__(self) -> None:
        self.gain = 1.0
        """What the last frame ended with; 1.0: nothing is turned down."""

    def apply(self, frame: Frame) -> None:
        """Limit a frame in place."""
        peak = float(np.abs(frame).max())
        start, self.gain = self.gain, min(self.gain * _RELEASE, CEILING / max(peak, CEILING))
        if self.gain < start:
            frame *= _glide(start, self.gain, _ATTACK)
            _bend(frame)
        elif start < 1.0:
            frame *= _glide(start, self.gain, _RAMP)


def _glide(start: float, end: float, ramp: Frame) -> Frame:
    return np.float32(start) + np.float32(end - start) * ramp


def _bend(frame: Frame) -> None:
    """Bend what passes the ceiling while the gain is still on its way down, so that it stays below full scale."""
    room = np.float32(1 - CEILING)
    over = np.maximum(np.abs(frame) - CEILING, 0)
    frame -= np.copysign(over - room * over / (room + over), frame)
