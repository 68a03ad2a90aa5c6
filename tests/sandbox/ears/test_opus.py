"""libopus, and how long packets are."""

import ctypes.util
import importlib.util

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from jeffbot.sandbox.ears.opus import Decoder, Encoder, libopus
from jeffbot.sandbox.errors import LibopusMissingError, OpusError
from jeffbot.sandbox.voice.opus_packet import MAX_PACKET_SAMPLES, packet_samples
from jeffbot.sandbox.voice.rtp import SILENCE

from .hearing import encoded, sine


@given(st.binary(max_size=8))
def test_duration_is_libopus_own(packet: bytes) -> None:
    """A packet is as long as libopus says, and none where libopus says so."""
    expected = libopus().opus_packet_get_nb_samples(packet, len(packet), 48_000)
    try:
        samples = packet_samples(packet)
    except OpusError:
        samples = -1

    assert samples == (expected if expected > 0 else -1)


def test_decoded_is_as_long_as_it_says() -> None:
    packets = [*encoded(sine(440, 0.1)), SILENCE]
    decoder = Decoder()

    assert [len(decoder.decode(packet)) for packet in packets] == [packet_samples(packet) for packet in packets]


@pytest.mark.parametrize("packet", [b"", b"\xff" * 20, b"\xff", b"\x03"])
def test_no_opus_packet(packet: bytes) -> None:
    with pytest.raises(OpusError):
        Decoder().decode(packet)


def test_concealed() -> None:
    """The decoder goes on with the sound, and lets it fade."""
    decoder = Decoder()
    for packet in encoded(sine(440, 0.5)):
        decoder.decode(packet)
    concealed = [decoder.conceal(960) for _ in range(20)]
    loudness = [float(np.abs(frame).max()) for frame in concealed]

    assert all(frame.shape == (960, 2) for frame in concealed)
    assert loudness[0] > 3000
    assert loudness[-1] < loudness[0] / 4


def test_concealed_in_whole_steps() -> None:
    with pytest.raises(OpusError):
        Decoder().conceal(MAX_PACKET_SAMPLES + 1)


def test_bit_rate() -> None:
    """More bits per second make longer packets."""
    sizes = [len(b"".join(encoded(sine(440, 1.0), bitrate))) for bitrate in (32_000, 128_000)]

    assert sizes[0] < 8000
    assert sizes[1] > 2 * sizes[0]


def test_no_bit_rate() -> None:
    with pytest.raises(OpusError):
        Encoder(0)


def test_no_libopus(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without any libopus the error says how to get one."""
    monkeypatch.setattr(ctypes.util, "find_library", lambda _: None)
    monkeypatch.setattr(importlib.util, "find_spec", lambda _: None)
    libopus.cache_clear()
    with pytest.raises(LibopusMissingError, match="opuslib-next-bundled"):
        libopus()
    monkeypatch.undo()
    libopus.cache_clear()


def test_packaged_libopus(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where the system has none, that of opuslib-next-bundled does as well."""
    monkeypatch.setattr(ctypes.util, "find_library", lambda _: None)
    libopus.cache_clear()
    decoded = Decoder().decode(encoded(sine(440, 0.02))[0])
    monkeypatch.undo()
    libopus.cache_clear()

    assert decoded.shape == (960, 2)
