"""The presentation language of MLS (RFC 9420, section 2): numbers, vectors, optional values."""

import struct
from typing import NoReturn


class MalformedError(ValueError):
    """Bytes from a client are not the MLS message that they should be."""


def vector(data: bytes) -> bytes:
    """Prefix bytes with their length (RFC 9420, section 2.1.2): 6, 14 or 30 bits after a 2-bit size.

    Raises:
        ValueError: 2**30 bytes or more.
    """
    size = len(data)
    if size < 1 << 6:
        return size.to_bytes(1) + data
    if size < 1 << 14:
        return (1 << 14 | size).to_bytes(2) + data
    if size < 1 << 30:
        return (2 << 30 | size).to_bytes(4) + data
    raise ValueError("too long for a vector")


class Reader:
    """Reads a message from its beginning on.

    Every method raises ``MalformedError`` where the message does not go on as asked for.
    """

    def __init__(self, data: bytes) -> None:
        self._data = data
        self.position = 0
        """How many bytes were read."""

    @property
    def at_end(self) -> bool:
        """Whether all was read."""
        return self.position == len(self._data)

    def since(self, position: int) -> bytes:
        """What was read from there on."""
        return self._data[position : self.position]

    def take(self, size: int) -> bytes:
        """The next bytes."""
        end = self.position + size
        if end > len(self._data):
            self._fail("it ends too early")
        taken = self._data[self.position : end]
        self.position = end
        return taken

    def uint(self, size: int) -> int:
        """A big-endian number of so many bytes (RFC 8446, section 3.3)."""
        return int.from_bytes(self.take(size))

    def vector(self) -> bytes:
        """A vector of variable size; its length must be written as short as can be (RFC 9420, section 2.1.2)."""
        first = self.uint(1)
        more = (1 << (first >> 6)) - 1
        if more > 3:
            self._fail("a vector's length begins with 0b11")
        size = (first & 0x3F) << 8 * more | self.uint(more)
        if more and size < 1 << (4 * more + 2):
            self._fail("a vector's length is longer than need be")
        return self.take(size)

    def vectors(self) -> list[bytes]:
        """A vector of vectors."""
        inner, found = Reader(self.vector()), list[bytes]()
        while not inner.at_end:
            found.append(inner.vector())
        return found

    def numbers(self) -> list[int]:
        """A vector of 16-bit numbers."""
        data = self.vector()
        if len(data) % 2:
            self._fail("half a number")
        return [number for (number,) in struct.iter_unpack(">H", data)]

    def optional(self) -> bool:
        """Whether an optional value follows (RFC 9420, section 2.1.1)."""
        present = self.uint(1)
        if present > 1:
            self._fail("an optional value is neither there nor absent")
        return bool(present)

    def expect(self, value: int, size: int, what: str) -> None:
        """Read a number that can only be this one."""
        if (found := self.uint(size)) != value:
            self._fail(f"its {what} is {found}, not {value}")

    def expect_end(self) -> None:
        """All must have been read."""
        if not self.at_end:
            self._fail("something follows")

    def _fail(self, reason: str) -> NoReturn:
        raise MalformedError(f"not an MLS message: at byte {self.position}, {reason}")
