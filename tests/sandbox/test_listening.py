"""Ears: what was played is recognised."""

import ctypes.util
import importlib.util
import math
import wave
from pathlib import Path

import numpy as np
import pytest

from jeffbot.sandbox import LibopusMissingError, Packet, Protection
from jeffbot.sandbox.errors import OpusError
from jeffbot.sandbox.ears import Recording
from jeffbot.sandbox.ears.opus import Decoder, libopus
from jeffbot.sandbox.voice.rtp import SILENCE

from .clients import tone


def recording(packets: list[bytes]) -> Recording:
    return Recording(Packet(0.02 * n, n, 960 * n, opus, Protection.ENCRYPTED) for n, opus in enumerate(packets))


@pytest.mark.parametrize("frequency", [110, 440, 3000])
def test_round_trip(frequency: float) -> None:
    """A tone comes back from libopus as itself."""
    heard = recording(tone(frequency))

    assert heard.strongest_frequency_hz == pytest.approx(frequency, abs=2)
    assert heard.level_dbfs == pytest.approx(-15.3, abs=0.5)
    assert heard.seconds == 1.0
    assert heard.pcm.dtype == np.int16
    assert heard.pcm.shape == (48_000, 2)
    assert heard.largest_gap == pytest.approx(0.02)


def test_silence_frames_are_frames() -> None:
    """Silence frames count, unless they are asked to be left out; packets that did not decrypt never do."""
    packets = [Packet(0.0, n, 0, opus, Protection.ENCRYPTED) for n, opus in enumerate([*tone(440, 10), *[SILENCE] * 5, None])]
    heard = Recording(packets)

    assert len(heard.packets) == 15
    assert heard.seconds == pytest.approx(0.3)
    assert len(heard.without_silence.packets) == 10


def test_nothing() -> None:
    """Nothing is silent, not an error."""
    heard = Recording([])

    assert (heard.seconds, heard.strongest_frequency_hz, heard.largest_gap) == (0.0, 0.0, 0.0)
    assert heard.level_dbfs == -math.inf


def test_wav(tmp_path: Path) -> None:
    recording(tone(440, 10)).write_wav(tmp_path / "heard.wav")
    with wave.open(str(tmp_path / "heard.wav")) as file:
        assert (file.getnchannels(), file.getframerate(), file.getnframes()) == (2, 48_000, 9600)


def test_no_opus_packet() -> None:
    with pytest.raises(OpusError):
        Decoder().decode(b"\xff" * 20)


def test_no_libopus(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without any libopus the error says how to get one."""
    monkeypatch.setattr(ctypes.util, "find_library", lambda _: None)
    monkeypatch.setattr(importlib.util, "find_spec", lambda _: None)
    libopus.cache_clear()
    with pytest.raises(LibopusMissingError, match="opuslib-next-bundled"):
        libopus()
    monkeypatch.undo()
    libopus.cache_clear()
