"""Packets out of Ogg streams, whole or broken."""

import contextlib
import struct
import subprocess

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from jeffbot.audio.ffmpeg import find_ffmpeg
from jeffbot.audio.opus import OggError, PacketReader, read_packets
from jeffbot.sandbox.ears.opus import FRAME_SAMPLES, Decoder
from staging import write_tone

HEAD = b"OpusHead" + bytes(11)
TAGS = b"OpusTags" + bytes(8)
CONTINUED, FIRST, LAST = 1, 2, 4
TWENTY_MS_STEREO = (31 << 3) | 4
"""The first byte of a packet of 20 ms, CELT, full band, stereo, one frame (RFC 6716, section 3.1)."""

packets = st.lists(
    st.one_of(
        st.binary(max_size=600).map(lambda rest: bytes([TWENTY_MS_STEREO]) + rest),
        st.sampled_from([254, 255, 256, 510, 765]).map(lambda size: bytes([TWENTY_MS_STEREO]) * size),
    ),
    max_size=8,
).map(tuple)


def page(flags: int, lacing: bytes, body: bytes) -> bytes:
    """An Ogg page without its checksum (RFC 3533, section 6)."""
    return struct.pack("<4sBBqIIIB", b"OggS", 0, flags, 0, 1, 0, 0, len(lacing)) + lacing + body


def ogg(*items: bytes, segments: int = 255) -> bytes:
    """An Ogg stream of these packets, with at most so many segments to a page."""
    pieces: list[bytes] = []
    for item in items:
        pieces += [item[at : at + 255] for at in range(0, len(item) + 1, 255)]  # the last piece may be empty
    stream = b""
    for start in range(0, len(pieces), segments):
        here = pieces[start : start + segments]
        continued = CONTINUED if start and len(pieces[start - 1]) == 255 else 0
        flags = continued | (FIRST if start == 0 else 0) | (LAST if start + segments >= len(pieces) else 0)
        stream += page(flags, bytes(map(len, here)), b"".join(here))
    return stream


@pytest.fixture(scope="module")
def encoded(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    """Half a second of tone as ffmpeg encodes it."""
    folder = tmp_path_factory.mktemp("sounds")
    tone = write_tone(folder / "tone.wav", 440, seconds=0.5)
    command = [str(find_ffmpeg(None)), "-v", "error", "-i", str(tone), "-ac", "2", "-c:a", "libopus", "tone.opus"]
    subprocess.run(command, cwd=folder, check=True, timeout=30)
    return (folder / "tone.opus").read_bytes()


def test_real_stream(encoded: bytes) -> None:
    """A real encode gives a packet per 20 ms, each of which decodes to 20 ms of stereo."""
    audio = read_packets(encoded)
    decoder = Decoder()

    assert len(audio) == 26  # 0.5 s, and what the encoder delays it by
    assert {decoder.decode(packet).shape for packet in audio} == {(FRAME_SAMPLES, 2)}


@settings(deadline=None)
@given(packets, st.integers(1, 255))
def test_packets_over_pages(audio: tuple[bytes, ...], segments: int) -> None:
    """However packets are spread over pages, they come out as they went in, without the headers."""
    assert read_packets(ogg(HEAD, TAGS, *audio, segments=segments)) == audio


@settings(deadline=None)
@given(packets, st.integers(1, 255), st.integers(1, 400))
def test_stream_in_pieces(audio: tuple[bytes, ...], segments: int, size: int) -> None:
    """A stream that comes in pieces of any size gives the same packets, each with the piece that completes its page."""
    stream = ogg(HEAD, TAGS, *audio, segments=segments)
    reader = PacketReader()
    came = [packet for at in range(0, len(stream), size) for packet in reader.feed(stream[at : at + size])]
    reader.finish()

    assert tuple(came) == audio


def test_packet_comes_with_its_page() -> None:
    """A packet is there as soon as its page is, though the stream goes on."""
    reader = PacketReader()
    audio = bytes([TWENTY_MS_STEREO, 1])
    start = page(FIRST, bytes([19]), HEAD) + page(0, bytes([16]), TAGS)

    assert list(reader.feed(start + page(0, bytes([2]), audio)[:-1])) == []
    assert list(reader.feed(audio[-1:])) == [audio]


@settings(deadline=None)
@given(packets, st.integers(1, 255), st.data())
def test_truncation(audio: tuple[bytes, ...], segments: int, data: st.DataObject) -> None:
    """A stream that ends anywhere before its end is refused."""
    stream = ogg(HEAD, TAGS, *audio, segments=segments)

    with pytest.raises(OggError):
        read_packets(stream[: data.draw(st.integers(0, len(stream) - 1))])


def test_truncation_of_a_real_stream(encoded: bytes) -> None:
    """So is a real one, at every point."""
    for length in range(len(encoded)):
        with pytest.raises(OggError):
            read_packets(encoded[:length])


@settings(deadline=None)
@given(st.binary(max_size=200))
def test_arbitrary_bytes(data: bytes) -> None:
    """Bytes that are no stream are refused, never anything else."""
    with pytest.raises(OggError):
        read_packets(data)


@settings(deadline=None)
@given(packets, st.lists(st.tuples(st.integers(0), st.integers(0, 255)), min_size=1, max_size=4))
def test_damaged_bytes(audio: tuple[bytes, ...], changes: list[tuple[int, int]]) -> None:
    """A damaged stream is refused or read, never anything else."""
    stream = bytearray(ogg(HEAD, TAGS, *audio, segments=3))
    for place, value in changes:
        stream[place % len(stream)] = value

    with contextlib.suppress(OggError):
        read_packets(bytes(stream))


WHOLE = ogg(HEAD, TAGS, bytes([TWENTY_MS_STEREO, 1]))


@pytest.mark.parametrize(
    "stream",
    [
        pytest.param(b"", id="nothing"),
        pytest.param(ogg(HEAD), id="no tags"),
        pytest.param(ogg(b"\x01vorbis", TAGS), id="Vorbis"),
        pytest.param(WHOLE + b"\0", id="a byte too many"),
        pytest.param(WHOLE + WHOLE, id="a second stream"),
        pytest.param(b"\0" + WHOLE, id="a byte before"),
        pytest.param(page(FIRST, bytes([19, 16]), HEAD + TAGS), id="no last page"),
        pytest.param(
            page(FIRST, bytes([19]), HEAD) + page(CONTINUED | LAST, bytes([16]), TAGS), id="continues nothing"
        ),
        pytest.param(page(FIRST, bytes([19, 255]), HEAD + bytes(255)) + page(LAST, b"\0", b""), id="not continued"),
        pytest.param(page(FIRST | LAST, bytes([19, 255]), HEAD + bytes(255)), id="an unfinished packet"),
        pytest.param(WHOLE.replace(b"OggS\0", b"OggS\1", 1), id="another version"),
        pytest.param(ogg(HEAD, TAGS, b""), id="an empty packet"),
        pytest.param(ogg(HEAD, TAGS, bytes([31 << 3])), id="mono"),
        pytest.param(ogg(HEAD, TAGS, bytes([30 << 3 | 4])), id="10 ms"),
        pytest.param(ogg(HEAD, TAGS, bytes([2 << 3 | 4])), id="40 ms"),
        pytest.param(ogg(HEAD, TAGS, bytes([12 << 3 | 4])), id="hybrid of 10 ms"),
        pytest.param(ogg(HEAD, TAGS, bytes([31 << 3 | 4 | 1])), id="two frames"),
    ],
)
def test_other_streams(stream: bytes) -> None:
    """What is no single, whole stream of 20 ms stereo packets is refused."""
    with pytest.raises(OggError):
        read_packets(stream)


@pytest.mark.parametrize("config", [1, 5, 9, 13, 15, 19, 23, 27, 31])
def test_every_kind_of_20_ms(config: int) -> None:
    """SILK, hybrid and CELT packets of 20 ms are all taken (RFC 6716, table 2)."""
    audio = bytes([config << 3 | 4])

    assert read_packets(ogg(HEAD, TAGS, audio)) == (audio,)
