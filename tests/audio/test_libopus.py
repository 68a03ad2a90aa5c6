"""libopus by ctypes."""

import ctypes.util
import importlib.util
from collections.abc import Iterator
from pathlib import Path

import pytest

from audio.hearing import BITRATE, clarity, delayed, encode, frames, hear, shipped, tone
from jeffbot.audio.libopus import LOOKAHEAD, Decoder, Encoder, FrameBuffer, OpusError, _library, libopus
from jeffbot.audio.mixer import Mixer
from jeffbot.audio.opus import SILENCE
from jeffbot.audio.pcm import view
from jeffbot.errors import LibopusMissingError


@pytest.fixture
def _no_libopus(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """A machine without any libopus."""
    monkeypatch.setattr(ctypes.util, "find_library", lambda _: None)
    monkeypatch.setattr(importlib.util, "find_spec", lambda _: None)
    _library.cache_clear()
    yield
    _library.cache_clear()


def test_there_and_back() -> None:
    """What is encoded is heard again, later by the look-ahead that the library itself names."""
    sound = tone(440, 1_000)
    heard = hear(encode(sound))

    assert Encoder(BITRATE).lookahead == LOOKAHEAD
    assert clarity(heard, delayed(sound)) > 30


def test_standalone() -> None:
    """A standalone packet sounds right whatever was heard before; one that leans on others does not."""
    encoder, buffer = Encoder(BITRATE), FrameBuffer()
    view(buffer)[:] = tone(440, seconds=0.02).flatten()
    leaning = [encoder.encode(buffer) for _ in range(8)][-1]
    standalone = encoder.encode(buffer, standalone=True)

    def right(packet: bytes) -> float:
        return clarity(frames(hear([SILENCE, packet]), 1), frames(hear([*shipped("applause")[:50], packet]), 50))

    assert right(standalone) > 10  # but for the end of what was before
    assert right(leaning) < 5


def test_become() -> None:
    """A decoder can take over what another knows, and the two go on apart."""
    packets = encode(tone(440))
    one, other, buffer = Decoder(), Decoder(), FrameBuffer()
    for packet in packets[:10]:
        one.decode(packet, buffer)
    other.become(one)
    one.decode(SILENCE, FrameBuffer())
    other.decode(packets[10], buffer)

    assert list(buffer) == frames(hear(packets), 10, 11).flatten().tolist()


def test_no_packet() -> None:
    """What is no packet is refused with libopus' own words."""
    with pytest.raises(OpusError, match=r"^libopus: corrupted stream$"):
        Decoder().decode(b"\xff", FrameBuffer())


def test_too_long() -> None:
    """A packet of 60 ms does not fit into 20 ms."""
    with pytest.raises(OpusError, match="buffer too small") as refused:
        Decoder().decode(b"\x18" + bytes(20), FrameBuffer())

    assert refused.value.code == -2


@pytest.mark.usefixtures("_no_libopus")
def test_missing() -> None:
    """Without libopus, mixing says what to install, also the second time."""
    for _ in range(2):
        with pytest.raises(LibopusMissingError, match=r"apt install libopus0.*pip install jeffbot\[bundled\]"):
            Mixer(bitrate=BITRATE)


def test_found_in_the_package(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without one of the system's, the one of ``jeffbot[bundled]`` is taken."""
    monkeypatch.setattr(ctypes.util, "find_library", lambda _: None)
    _library.cache_clear()

    assert "opuslib_next" in libopus()._name
    _library.cache_clear()


@pytest.mark.parametrize("content", [b"no library", None])
def test_unusable(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, content: bytes | None) -> None:
    """What is found and cannot be loaded, or is something else, is passed over for the one of ``jeffbot[bundled]``."""
    found = "libc.so.6" if content is None else str(tmp_path / "libopus.so")
    (tmp_path / "libopus.so").write_bytes(content or b"")
    monkeypatch.setattr(ctypes.util, "find_library", lambda _: found)
    _library.cache_clear()

    assert "opuslib_next" in libopus()._name
    _library.cache_clear()
