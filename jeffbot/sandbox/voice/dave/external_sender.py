"""The voice gateway's own voice in an MLS group: it proposes whom to add and to remove, and the members commit."""

from typing import NamedTuple

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from .mls import BASIC_CREDENTIAL, EXTERNAL, MLS_1_0, PROPOSAL, PUBLIC_MESSAGE, reference, signed_content
from .wire import vector

IDENTITY = b"\0"
"""What Discord's external sender names itself."""
_ADD, _REMOVE = 1, 3
_APPEND, _REVOKE = b"\0", b"\1"


class SignedProposal(NamedTuple):
    """A proposal, ready to be sent."""

    message: bytes
    """An ``MLSMessage`` (RFC 9420, section 6)."""
    reference: bytes
    """By which commits refer to it."""


class ExternalSender:
    """An external sender (RFC 9420, section 12.1.8.1) with a key of its own."""

    def __init__(self) -> None:
        self._key = ec.generate_private_key(ec.SECP256R1())
        public = self._key.public_key().public_bytes(Encoding.X962, PublicFormat.UncompressedPoint)
        self.package = vector(public) + BASIC_CREDENTIAL.to_bytes(2) + vector(IDENTITY)
        """What op 25 carries."""

    def add(self, key_package: bytes, group_id: bytes, epoch: int) -> SignedProposal:
        """Propose to add a key package's owner (RFC 9420, section 12.1.1)."""
        return self._propose(_ADD.to_bytes(2) + key_package, group_id, epoch)

    def remove(self, leaf: int, group_id: bytes, epoch: int) -> SignedProposal:
        """Propose to remove the member with this leaf (RFC 9420, section 12.1.3)."""
        return self._propose(_REMOVE.to_bytes(2) + leaf.to_bytes(4), group_id, epoch)

    def _propose(self, proposal: bytes, group_id: bytes, epoch: int) -> SignedProposal:
        """Frame and sign (RFC 9420, section 6): we are the group's external sender 0, with no authenticated data."""
        sender = EXTERNAL.to_bytes(1) + bytes(4) + vector(b"")
        content = vector(group_id) + epoch.to_bytes(8) + sender + PROPOSAL.to_bytes(1) + proposal
        wire_format = PUBLIC_MESSAGE.to_bytes(2)
        to_be_signed = MLS_1_0.to_bytes(2) + wire_format + content
        signature = self._key.sign(signed_content("FramedContentTBS", to_be_signed), ec.ECDSA(hashes.SHA256()))
        authenticated = wire_format + content + vector(signature)
        return SignedProposal(MLS_1_0.to_bytes(2) + authenticated, reference("Proposal", authenticated))


def append(messages: list[bytes]) -> bytes:
    """What op 27 carries to propose."""
    return _APPEND + vector(b"".join(messages))


def revoke(references: list[bytes]) -> bytes:
    """What op 27 carries to take proposals back."""
    return _REVOKE + vector(b"".join(map(vector, references)))
