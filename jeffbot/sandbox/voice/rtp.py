"""RTP packets of voice, and their transport encryption (Discord: Voice, "Transport Encryption and Sending Voice")."""

import enum
import struct
from collections.abc import Callable
from typing import NamedTuple, Protocol

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from nacl.bindings import crypto_aead_xchacha20poly1305_ietf_decrypt
from nacl.exceptions import CryptoError

from ..options import AES_GCM, XCHACHA20

SILENCE = b"\xf8\xff\xfe"
"""The Opus frame that ends a talk spurt, five times (Voice, "Voice Data Interpolation")."""
PAYLOAD_TYPE = 120
"""Of Opus, as in the second byte 0x78 (Voice, "Voice Packet Structure")."""
SAMPLE_RATE = 48_000
"""RTP timestamps to a second (RFC 7587, section 4.1)."""
_RTP = struct.Struct(">BBHII")
_NONCE_BYTES = 4
_TAG_BYTES = 16


class Protection(enum.StrEnum):
    """What became of a packet on its way to listeners."""

    ENCRYPTED = "encrypted"
    """A listener decrypted it, end to end."""
    CLEAR = "clear"
    """It was not end-to-end encrypted; heard only where the call is not, or if it is silence."""
    UNDECRYPTABLE = "undecryptable"
    """End-to-end encrypted, but no listener could decrypt it."""
    BROKEN = "broken"
    """Its transport encryption did not open: not even Discord can read it."""
    UNHEARD = "unheard"
    """Discord forwarded it to nobody: muted, suppressed, not speaking, or no one is there."""


class Packet(NamedTuple):
    """One RTP packet that arrived."""

    arrived: float
    """Seconds on the clock of ``time.monotonic``; by the kernel where it says so, however busy Python was."""
    sequence: int
    timestamp: int
    """RTP time, 48 000 to a second."""
    opus: bytes | None
    """The Opus packet as a listener heard it; None: nobody did."""
    protection: Protection


class Opened(NamedTuple):
    """What is in a datagram once its transport encryption is off."""

    sequence: int
    timestamp: int
    payload_type: int
    nonce: int
    frame: bytes | None
    """None: it did not decrypt."""


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


def open_packet(datagram: bytes, cipher: Cipher | None) -> Opened:
    """Decrypt a datagram for which ``ssrc_of`` found a sender; without a cipher there was no key yet.

    The header in clear, which is authenticated, includes CSRCs and the extension's first four bytes; the
    rest of the extension is encrypted (Voice, "Transport Encryption Modes", on the RTP size variants).
    """
    flags, kind, sequence, timestamp, _ = _RTP.unpack_from(datagram)
    size = _RTP.size + 4 * (flags & 0x0F)
    extension = 0
    if flags & 0x10:
        extension = 4 * int.from_bytes(datagram[size + 2 : size + 4])
        size += 4
    sealed, nonce = datagram[size:-_NONCE_BYTES], datagram[-_NONCE_BYTES:]
    frame = cipher.open(nonce, sealed, datagram[:size]) if cipher and len(sealed) >= _TAG_BYTES else None
    opened = None if frame is None else frame[extension:]
    return Opened(sequence, timestamp, kind & 0x7F, int.from_bytes(nonce), opened)
