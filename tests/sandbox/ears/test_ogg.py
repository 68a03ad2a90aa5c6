"""Ogg/Opus pages, held against the RFC, ffmpeg and libopus."""

import subprocess
from typing import NamedTuple

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from jeffbot.sandbox.ears import Decoder, OggOpusStream
from jeffbot.sandbox.ears.files import find_ffmpeg
from jeffbot.sandbox.ears.ogg import PRE_SKIP
from jeffbot.sandbox.errors import OpusError
from jeffbot.sandbox.voice.rtp import SILENCE

from .hearing import encoded, sine


class Page(NamedTuple):
    """A page, read by the letter of RFC 3533, section 6."""

    kind: int
    granule: int
    serial: int
    number: int
    packets: list[bytes]


def pages_of(stream: bytes) -> list[Page]:
    """Each whole page of a stream; its checksum is right."""
    pages = []
    while stream:
        assert stream[:5] == b"OggS\0"
        lacing = stream[27 : 27 + stream[26]]
        end = 27 + len(lacing) + sum(lacing)
        page, stream = stream[:end], stream[end:]
        assert int.from_bytes(page[22:26], "little") == checksum(page[:22] + bytes(4) + page[26:])
        pages.append(Page(page[5], *numbers(page), packets_of(page[27 + len(lacing) :], lacing)))
    return pages


def numbers(page: bytes) -> tuple[int, int, int]:
    fields = page[6:14], page[14:18], page[18:22]
    granule, serial, number = (int.from_bytes(field, "little") for field in fields)
    return granule, serial, number


def packets_of(body: bytes, lacing: bytes) -> list[bytes]:
    packets, size = [], 0
    for segment in lacing:
        size += segment
        if segment < 255:
            packets.append(body[:size])
            body, size = body[size:], 0
    assert size == 0
    return packets


def checksum(data: bytes) -> int:
    """Bit by bit."""
    value = 0
    for byte in data:
        value ^= byte << 24
        for _ in range(8):
            value = (value << 1 ^ (0x04C11DB7 if value & 0x80000000 else 0)) & 0xFFFFFFFF
    return value


def stream_of(packets: list[bytes], serial: int = 7) -> bytes:
    """A whole stream."""
    ogg = OggOpusStream(serial)
    headers = ogg.headers()
    return headers + b"".join(ogg.page(packet, last=n == len(packets) - 1) for n, packet in enumerate(packets))


def test_headers() -> None:
    """Two pages of their own: what the stream is, and its tags (RFC 7845, section 5)."""
    head, tags = pages_of(OggOpusStream(0xFFFFFFFF).headers())

    assert (head.kind, head.granule, head.serial, head.number) == (2, 0, 0xFFFFFFFF, 0)
    assert head.packets == [b"OpusHead\x01\x02" + PRE_SKIP.to_bytes(2, "little") + b"\x80\xbb\0\0\0\0\0"]
    assert (tags.kind, tags.granule, tags.serial, tags.number) == (0, 0, 0xFFFFFFFF, 1)
    assert tags.packets == [b"OpusTags\x07\0\0\0jeffbot\0\0\0\0"]


@given(st.lists(st.integers(0, 1500), min_size=1, max_size=8), st.binary(min_size=1500, max_size=1500))
def test_pages(sizes: list[int], content: bytes) -> None:
    """One page for each packet, of whatever length, with the samples so far; the last one says so."""
    packets = [b"\xfc" + content[:size] for size in sizes]
    pages = pages_of(stream_of(packets))[2:]

    assert [page.packets for page in pages] == [[packet] for packet in packets]
    assert [page.granule for page in pages] == [960 * n for n in range(1, len(packets) + 1)]
    assert [page.number for page in pages] == list(range(2, len(packets) + 2))
    assert [page.kind for page in pages] == [0] * (len(packets) - 1) + [4]


def test_longer_packets() -> None:
    """A packet counts for as long as it sounds."""
    double = bytes([SILENCE[0] | 1]) + b"\xff\xfe" * 2

    assert pages_of(stream_of([double, SILENCE]))[-1].granule == 3 * 960


@pytest.mark.parametrize("packet", [b"", b"\xff\xff"])
def test_no_opus(packet: bytes) -> None:
    with pytest.raises(OpusError):
        OggOpusStream(1).page(packet)


def test_too_long_for_a_page() -> None:
    with pytest.raises(ValueError, match="too long"):
        OggOpusStream(1).page(b"\xfc" + bytes(65_024))


def test_ffmpeg_plays_it() -> None:
    """What ffmpeg plays is what libopus decodes, without what is skipped at the start."""
    packets = encoded(sine(440, 2.0))
    command = [find_ffmpeg(), "-v", "error", "-c:a", "libopus", "-i", "pipe:0", "-f", "s16le", "pipe:1"]
    run = subprocess.run(command, input=stream_of(packets), capture_output=True, check=True, timeout=60)
    decoder = Decoder()
    expected = np.concatenate([decoder.decode(packet) for packet in packets])[PRE_SKIP:]
    played = np.frombuffer(run.stdout, "<i2").reshape(-1, 2)

    assert run.stderr == b""
    assert played.shape == expected.shape
    assert np.abs(played.astype(int) - expected).max() <= 1
