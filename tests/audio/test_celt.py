"""Packets that stand alone, told by their first bits."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from jeffbot.audio.celt import stands_alone
from jeffbot.audio.opus import SILENCE
from jeffbot.sandbox.ears.opus import FULL_SCALE
from jeffbot.sandbox.ears.opus import Encoder as LibopusEncoder

FRAMES = (np.sin(np.arange(960 * 20) * 0.06) * FULL_SCALE / 4).astype(np.int16).repeat(2).reshape(20, 960, 2)


def test_silence() -> None:
    """Silence needs nothing before it."""
    assert stands_alone(SILENCE)


def test_steady_tone() -> None:
    """Within a steady tone packets build on one another."""
    encoder = LibopusEncoder(96_000)
    packets = [encoder.encode(frame) for frame in FRAMES]

    assert not any(stands_alone(packet) for packet in packets[5:])


@given(st.binary(max_size=40))
def test_any_bytes(packet: bytes) -> None:
    """Any bytes give an answer."""
    assert stands_alone(packet) in (True, False)
