"""Ogg files of Opus packets: held against the RFCs, our own reader, libopus and ffmpeg."""

import struct
import subprocess
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from audio.banks import MakeBank, encoded, sound_of
from audio.samples import PATIENCE, RATE, Samples, decode, synthesise
from jeffbot.audio.encoder import LOOKAHEAD, PACKET_SAMPLES
from jeffbot.audio.ffmpeg import find_ffmpeg
from jeffbot.audio.ogg import PAGE_PACKETS, mux
from jeffbot.audio.opus import read_packets
from jeffbot.models import duration_of

FIRST, LAST = 2, 4
STEP = 1 / 32_768
"""Of 16 bits."""

sizes = st.integers(0, 1275) | st.sampled_from([253, 254, 255, 509, 510])
packets = st.lists(sizes.map(lambda size: b"\xfc" * (size + 1)), min_size=1, max_size=8)
MANY_SMALL, MANY_LARGE = [b"\xfc"] * (3 * PAGE_PACKETS), [b"\xfc" * 1275] * (2 * PAGE_PACKETS)
"""Pages that are full of time, and of bytes; no packet of a single frame is larger (RFC 6716, section 3.4)."""


class Page(NamedTuple):
    """A page, read by the letter of RFC 3533, section 6."""

    kind: int
    granule: int
    serial: int
    number: int
    checksum: int
    lacing: bytes
    whole: bytes


def pages_of(ogg: bytes) -> Iterator[Page]:
    while ogg:
        assert ogg[:5] == b"OggS\0"
        kind, granule, serial, number, crc, segments = struct.unpack("<BqIIIB", ogg[5:27])
        lacing = ogg[27 : 27 + segments]
        end = 27 + segments + sum(lacing)
        yield Page(kind, granule, serial, number, crc, lacing, ogg[:end])
        ogg = ogg[end:]


def checksum(page: bytes) -> int:
    """Bit by bit; the field for it counts as 0."""
    value = 0
    for byte in page[:22] + bytes(4) + page[26:]:
        value ^= byte << 24
        for _ in range(8):
            value = (value << 1 ^ (0x04C11DB7 if value & 0x8000_0000 else 0)) & 0xFFFF_FFFF
    return value


@given(packets)
@example(MANY_SMALL)
@example(MANY_LARGE)
def test_round_trip(packets: list[bytes]) -> None:
    """What is put in comes out."""
    assert read_packets(mux(packets)) == tuple(packets)


@given(packets)
@example(MANY_SMALL)
@example(MANY_LARGE)
def test_pages(packets: list[bytes]) -> None:
    """Pages are numbered and of whole packets, a second at most; each tells how far the sound is at its end."""
    head, tags, *pages = pages_of(mux(packets))
    ends = np.cumsum([sum(lacing < 255 for lacing in page.lacing) for page in pages])

    assert [page.number for page in (head, tags, *pages)] == [*range(len(pages) + 2)]
    assert len({page.serial for page in (head, tags, *pages)}) == 1
    assert [page.kind for page in (head, tags, *pages)] == [FIRST, 0, *[0] * (len(pages) - 1), LAST]
    assert all(page.lacing[-1] < 255 for page in pages)
    assert all(np.diff([0, *ends]) <= PAGE_PACKETS)
    assert ends[-1] == len(packets)
    assert [page.granule for page in (head, tags, *pages)] == [0, 0, *ends * PACKET_SAMPLES]


def test_checksums() -> None:
    """Every page has the checksum of RFC 3533, section 6."""
    for page in pages_of(mux([bytes([0xFC, *range(256)])] * 70)):
        assert page.checksum == checksum(page.whole)


def test_headers() -> None:
    """Two pages say what it is: stereo, whose encoder's delay is to be skipped (RFC 7845, section 5)."""
    head, tags, _ = pages_of(mux([b"\xfc"], gain=-1.5))

    assert head.whole[-19:] == struct.pack("<8sBBHIhB", b"OpusHead", 1, 2, LOOKAHEAD, RATE, -384, 0)
    assert tags.whole[-23:] == b"OpusTags" + struct.pack("<I7sI", 7, b"jeffbot", 0)


@pytest.mark.parametrize("seconds", [0.02, 0.5, 3.0])
@pytest.mark.parametrize("gain", [0.0, -6.0])
async def test_ffmpeg_plays_it(tmp_path: Path, make_bank: MakeBank, seconds: float, gain: float) -> None:
    """The real ffmpeg has nothing to say against it, and plays what people hear, as long to within a packet."""
    file = synthesise(tmp_path / "tone.wav", "0.2*sin(2*PI*440*t)", seconds)
    async with make_bank(find_ffmpeg(None)) as bank:
        clip = await encoded(bank, sound_of(file))

    played = play(mux(clip.packets, gain))

    heard = decode(clip.packets)[LOOKAHEAD:] * 10 ** (gain / 20)
    assert played.shape == heard.shape
    assert np.abs(played - heard).max() < 2 * STEP
    assert len(played) / RATE == pytest.approx(duration_of(clip.packets), abs=0.02)


def play(ogg: bytes) -> Samples:
    """What ffmpeg plays; with libopus, as browsers do."""
    command: Sequence[str | Path] = [
        *(find_ffmpeg(None), "-v", "warning", "-xerror", "-c:a", "libopus"),
        *("-i", "pipe:0", "-f", "s16le", "pipe:1"),
    ]
    run = subprocess.run(command, input=ogg, capture_output=True, check=True, timeout=PATIENCE)
    assert run.stderr == b""
    return np.frombuffer(run.stdout, "<i2").reshape(-1, 2).astype(np.float64) * STEP
