"""How JSON leaves: in clear or compressed (Discord: Gateway, "Encoding and Compression")."""

import importlib
import zlib
from collections.abc import Callable

type Encode = Callable[[bytes], str | bytes]

WORTH_COMPRESSING_BYTES = 1024
"""Shorter payloads stay in clear under payload compression; Discord says that not all are compressed, not which."""


class UnknownCompressionError(Exception):
    """The transport compression that a client asks for is not to be had here."""


def transport(name: str | None) -> Encode:
    """What the query's ``compress`` asks for; one stream per connection.

    Raises:
        UnknownCompressionError: There is no such compression.
    """
    match name:
        case None:
            return bytes.decode
        case "zlib-stream":
            return _zlib_stream()
        case "zstd-stream":
            return _zstd_stream()
        case _:
            raise UnknownCompressionError("zlib-stream and zstd-stream are spoken")


def payload(data: bytes) -> str | bytes:
    """Compress a long payload by itself, as IDENTIFY's ``compress`` asks for ("Payload Compression")."""
    return data.decode() if len(data) < WORTH_COMPRESSING_BYTES else zlib.compress(data)


def _zlib_stream() -> Encode:
    """Flushed after each message, so that each ends in 00 00 ff ff ("zlib-stream")."""
    stream = zlib.compressobj()

    def encode(data: bytes) -> bytes:
        return stream.compress(data) + stream.flush(zlib.Z_SYNC_FLUSH)

    return encode


def _zstd_stream() -> Encode:
    """Each message is flushed, none ends the frame ("zstd-stream")."""
    try:
        zstd = importlib.import_module("compression.zstd")
    except ImportError:
        raise UnknownCompressionError("zstd-stream takes Python 3.14, zlib-stream any") from None
    stream = zstd.ZstdCompressor()

    def encode(data: bytes) -> bytes:
        compressed: bytes = stream.compress(data, stream.FLUSH_BLOCK)
        return compressed

    return encode
