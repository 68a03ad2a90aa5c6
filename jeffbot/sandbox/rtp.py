"""Voice over UDP: RTP packets, their transport encryption, and the one socket that receives them all."""

import asyncio
import contextlib
import socket
import struct
import sys
import time
from collections.abc import Callable
from typing import NamedTuple, Protocol

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from nacl.bindings import crypto_aead_xchacha20poly1305_ietf_decrypt
from nacl.exceptions import CryptoError

from .options import AES_GCM, XCHACHA20

DISCOVERY = struct.Struct(">HHI64sH")
"""Type, length, SSRC, address, port (Voice, "IP Discovery")."""
DISCOVERY_REQUEST, DISCOVERY_RESPONSE, DISCOVERY_LENGTH = 1, 2, 70
SILENCE = b"\xf8\xff\xfe"
"""The Opus frame that ends a talk spurt, five times (Voice, "Voice Data Interpolation")."""
_RTP = struct.Struct(">BBHII")
_NONCE_BYTES = 4
_TAG_BYTES = 16
_RECEIVE_BUFFER_BYTES = 4 << 20
_MAX_DATAGRAM_BYTES = 2048
_MAX_DATAGRAMS_PER_WAKE = 64
_SO_TIMESTAMPNS = 35
"""Linux: a received datagram carries the kernel's time of arrival; Python has no name for it."""
_TIMESPEC = struct.Struct("ll")
_KERNEL_STAMPS = sys.platform == "linux"

type Address = tuple[str, int]


class Packet(NamedTuple):
    """One RTP packet that arrived."""

    arrived: float
    """Seconds on the clock of ``time.monotonic``; by the kernel where it says so, however busy Python was."""
    sequence: int
    timestamp: int
    """RTP time, 48 000 to a second."""
    opus: bytes | None
    """The Opus packet; None: it did not decrypt."""


class Cipher(Protocol):
    """Opens what one key sealed."""

    def open(self, nonce: bytes, sealed: bytes, header: bytes) -> bytes | None:
        """Decrypt, or return None if key, nonce or header are not those it was sealed with."""


class AesGcmCipher:
    """aead_aes256_gcm_rtpsize: 12-byte nonces, the 4 sent bytes first."""

    def __init__(self, key: bytes) -> None:
        self._cipher = AESGCM(key)

    def open(self, nonce: bytes, sealed: bytes, header: bytes) -> bytes | None:
        """See ``Cipher``."""
        try:
            return self._cipher.decrypt(nonce + bytes(8), sealed, header)
        except InvalidTag:
            return None


class XChaCha20Cipher:
    """aead_xchacha20_poly1305_rtpsize: 24-byte nonces, the 4 sent bytes first."""

    def __init__(self, key: bytes) -> None:
        self._key = key

    def open(self, nonce: bytes, sealed: bytes, header: bytes) -> bytes | None:
        """See ``Cipher``."""
        try:
            return crypto_aead_xchacha20poly1305_ietf_decrypt(sealed, header, nonce + bytes(20), self._key)
        except CryptoError:
            return None


CIPHERS: dict[str, Callable[[bytes], Cipher]] = {AES_GCM: AesGcmCipher, XCHACHA20: XChaCha20Cipher}


def ssrc_of(datagram: bytes) -> int | None:
    """The sender of an RTP packet; None if it is not one (RFC 3550, section 5.1: version 2)."""
    if len(datagram) < _RTP.size + _TAG_BYTES + _NONCE_BYTES or datagram[0] >> 6 != 2:
        return None
    return int.from_bytes(datagram[8:12])


def open_packet(arrived: float, datagram: bytes, cipher: Cipher | None) -> Packet:
    """Decrypt a datagram for which ``ssrc_of`` found a sender; without a cipher there was no key yet.

    The header in clear, which is authenticated, includes CSRCs and the extension's first four bytes; the
    rest of the extension is encrypted (Voice, "Transport Encryption Modes", on the RTP size variants).
    """
    flags, _, sequence, timestamp, _ = _RTP.unpack_from(datagram)
    size = _RTP.size + 4 * (flags & 0x0F)
    extension = 0
    if flags & 0x10:
        extension = 4 * int.from_bytes(datagram[size + 2 : size + 4])
        size += 4
    sealed, nonce = datagram[size:-_NONCE_BYTES], datagram[-_NONCE_BYTES:]
    opus = cipher.open(nonce, sealed, datagram[:size]) if cipher else None
    return Packet(arrived, sequence, timestamp, None if opus is None else opus[extension:])


def discovery_response(request: bytes, address: Address) -> bytes | None:
    """The answer to an IP discovery request from this address; None if it is none."""
    if len(request) != DISCOVERY.size:
        return None
    kind, length, ssrc, _, _ = DISCOVERY.unpack(request)
    if (kind, length) != (DISCOVERY_REQUEST, DISCOVERY_LENGTH):
        return None
    return DISCOVERY.pack(DISCOVERY_RESPONSE, DISCOVERY_LENGTH, ssrc, address[0].encode(), address[1])


class UdpServer(asyncio.DatagramProtocol):
    """The voice server's UDP port on loopback.

    Args:
        on_rtp: Called with arrival time, SSRC and datagram of everything that looks like RTP.
    """

    def __init__(self, on_rtp: Callable[[float, int, bytes], None]) -> None:
        self.port = 0
        self._on_rtp = on_rtp
        self._socket: socket.socket | None = None
        self._transport: asyncio.DatagramTransport | None = None

    async def open(self) -> None:
        """Bind and begin to receive."""
        receiver = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        receiver.setblocking(False)  # noqa: FBT003 - the standard library's signature
        receiver.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, _RECEIVE_BUFFER_BYTES)
        receiver.bind(("127.0.0.1", 0))
        self.port = receiver.getsockname()[1]
        loop = asyncio.get_running_loop()
        if _KERNEL_STAMPS:
            receiver.setsockopt(socket.SOL_SOCKET, _SO_TIMESTAMPNS, 1)
            loop.add_reader(receiver, self._drain, receiver)
            self._socket = receiver
        else:
            self._transport, _ = await loop.create_datagram_endpoint(lambda: self, sock=receiver)

    def close(self) -> None:
        """Stop receiving and free the port."""
        if self._socket:
            asyncio.get_running_loop().remove_reader(self._socket)
            self._socket.close()
            self._socket = None
        if self._transport:
            self._transport.close()

    def datagram_received(self, data: bytes, addr: Address) -> None:
        """Called by asyncio where the kernel's clock is not used."""
        self._receive(time.monotonic(), data, addr)

    def _drain(self, receiver: socket.socket) -> None:
        with contextlib.suppress(BlockingIOError):
            for _ in range(_MAX_DATAGRAMS_PER_WAKE):
                data, ancillary, _, address = receiver.recvmsg(_MAX_DATAGRAM_BYTES, 64)
                arrived = time.monotonic()
                for level, kind, stamp in ancillary:
                    if (level, kind) == (socket.SOL_SOCKET, _SO_TIMESTAMPNS):
                        seconds, nanoseconds = _TIMESPEC.unpack(stamp)
                        arrived -= time.time() - (seconds + nanoseconds / 1e9)
                self._receive(arrived, data, address)

    def _receive(self, arrived: float, data: bytes, address: Address) -> None:
        ssrc = ssrc_of(data)
        if ssrc is not None:
            self._on_rtp(arrived, ssrc, data)
        elif response := discovery_response(data, address):
            if self._socket:
                self._socket.sendto(response, address)
            elif self._transport:
                self._transport.sendto(response, address)
