"""RTP packets of voice, encrypted for transport (Discord: Voice, "Transport Encryption and Sending Voice")."""

import struct
from collections.abc import Callable

from nacl.bindings import crypto_aead_xchacha20poly1305_ietf_encrypt

from ..models import PACKET_SECONDS, Seconds

AES_GCM, XCHACHA20 = "aead_aes256_gcm_rtpsize", "aead_xchacha20_poly1305_rtpsize"
MODES = (AES_GCM, XCHACHA20)
"""In order of preference (Voice, "Transport Encryption Modes")."""
PACKET_SAMPLES = 960
"""RTP timestamp units in 20 ms at 48 kHz (RFC 7587, section 4.1)."""
_HEADER = struct.Struct(">BBHII")
_FIRST_BYTES = 0x80, 0x78
"""Version 2, payload type 120 (Voice, "Voice Packet Structure")."""
_NONCE = struct.Struct(">I")


def preload() -> None:
    """Load what encrypts, some hundredths of a second: call it in a thread before a channel is joined."""
    from cryptography.hazmat.primitives.ciphers import aead  # noqa: F401, PLC0415 - this loads it


type Seal = Callable[[bytes, bytes, bytes], bytes]
"""Encrypts: nonce of 4 bytes, frame, header in clear."""


def make_seal(mode: str, key: bytes) -> Seal:
    """The cipher of a session description, with its key in it.

    Raises:
        KeyError: There is no such mode among ``MODES``.
    """
    return _SEALS[mode](key)


def _aes_gcm(key: bytes) -> Seal:
    from cryptography.hazmat.primitives.ciphers.aead import AESGCM  # noqa: PLC0415 - loaded beforehand, in a thread

    encrypt, padding = AESGCM(key).encrypt, bytes(8)
    return lambda nonce, frame, header: encrypt(nonce + padding, frame, header)


def _xchacha20(key: bytes) -> Seal:
    padding = bytes(20)
    return lambda nonce, frame, header: crypto_aead_xchacha20poly1305_ietf_encrypt(frame, header, nonce + padding, key)


_SEALS: dict[str, Callable[[bytes], Seal]] = {AES_GCM: _aes_gcm, XCHACHA20: _xchacha20}


class Packetizer:
    """Makes the packets of one voice client: sequence, timestamp and nonce count on, also from key to key."""

    def __init__(self) -> None:
        self._ssrc = 0
        self._seal: Seal | None = None
        self._sequence = self._timestamp = self._nonce = 0
        self._at: Seconds | None = None

    def describe(self, ssrc: int, seal: Seal) -> None:
        """A voice session has been described: whose packets they are from now on, and how to encrypt them."""
        self._ssrc, self._seal = ssrc, seal

    def packet(self, frame: bytes, at: Seconds) -> bytes:
        """The packet of a frame, once a session has been described.

        Args:
            frame: 20 ms of Opus, end-to-end encrypted where the call is.
            at: When it is due on a clock in seconds. The timestamp follows that clock, over pauses too (RFC 3550,
                section 5.1), by whole frames.
        """
        assert self._seal is not None  # noqa: S101 - nothing is sent before
        frames = 1 if self._at is None else max(1, round((at - self._at) / PACKET_SECONDS))
        self._at = at if self._at is None else self._at + frames * PACKET_SECONDS  # so that roundings do not add up
        self._sequence = self._sequence + 1 & 0xFFFF
        self._timestamp = self._timestamp + frames * PACKET_SAMPLES & 0xFFFFFFFF
        self._nonce = self._nonce + 1 & 0xFFFFFFFF
        nonce = _NONCE.pack(self._nonce)
        header = _HEADER.pack(*_FIRST_BYTES, self._sequence, self._timestamp, self._ssrc)
        return header + self._seal(nonce, frame, header) + nonce
