"""The presentation language of MLS."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jeffbot.sandbox.voice.dave.wire import MalformedError, Reader, vector


@pytest.mark.parametrize(("size", "prefix"), [(0, "00"), (37, "25"), (63, "3f"), (64, "4040"), (15_293, "7bbd")])
def test_length(size: int, prefix: str) -> None:
    """Lengths are written as RFC 9420, section 2.1.2, and RFC 9000, appendix A.1, show it."""
    assert vector(bytes(size)).hex().startswith(prefix)


@given(st.integers(0, 3).flatmap(lambda power: st.integers(0, 1 << 5 * power)))
def test_vector_comes_back(size: int) -> None:
    """What is written is read."""
    reader = Reader(vector(bytes(size)))
    assert reader.vector() == bytes(size)
    assert reader.at_end


def test_too_long() -> None:
    """Only 30 bits say how long a vector is."""

    class Endless(bytes):
        def __len__(self) -> int:
            return 1 << 30

    with pytest.raises(ValueError, match="too long"):
        vector(Endless())


@pytest.mark.parametrize("data", ["", "01", "4000", "403f", "80003fff", "c0", "ffffffffffffffff", "80000040"])
def test_not_a_vector(data: str) -> None:
    """A length that is missing, too long for what follows or for its size, or begins with 0b11, is refused."""
    with pytest.raises(MalformedError):
        Reader(bytes.fromhex(data)).vector()


def test_half_a_number() -> None:
    with pytest.raises(MalformedError):
        Reader(vector(b"\0\1\2")).numbers()


def test_half_an_option() -> None:
    """An optional value is there or not; there is no third."""
    assert [Reader(bytes([present])).optional() for present in (0, 1)] == [False, True]
    with pytest.raises(MalformedError):
        Reader(b"\2").optional()


@given(st.binary(max_size=80))
def test_anything(data: bytes) -> None:
    """Whatever the bytes are, they are read or refused."""
    for read in (Reader.vector, Reader.vectors, Reader.numbers, Reader.optional, lambda reader: reader.uint(8)):
        try:
            read(Reader(data))
        except MalformedError:
            continue
