"""What a voice gateway must understand of MLS (RFC 9420): key packages, commits and welcomes, as clients send them."""

from dataclasses import dataclass
from hashlib import sha256

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec

from .wire import MalformedError, Reader, vector

MLS_1_0 = 1
"""RFC 9420, section 6, ``ProtocolVersion``."""
CIPHER_SUITE = 2
"""MLS_128_DHKEMP256_AES128GCM_SHA256_P256 (RFC 9420, section 17.1), DAVE 1's (protocol.md, "MLS Parameters")."""
BASIC_CREDENTIAL = 1
"""RFC 9420, section 17.5; its identity is the user's ID, big-endian (protocol.md, "dave_mls_key_package (26)")."""
LIFETIME = (0, (1 << 64) - 1)
"""From, until; no other is accepted (protocol.md, "Key Packages", "Validation")."""
PUBLIC_MESSAGE, KEY_PACKAGE_MESSAGE = 1, 5
"""RFC 9420, section 17.2, wire formats."""
MEMBER, EXTERNAL = 1, 2
"""RFC 9420, section 6, ``SenderType``."""
PROPOSAL, COMMIT = 2, 3
"""RFC 9420, section 6, ``ContentType``."""
MAX_KEY_PACKAGE_BYTES = 4096
"""Ten times what libdave's and davey's take."""
_INLINE, _REFERENCE = 1, 2
_FROM_KEY_PACKAGE, _FROM_UPDATE, _FROM_COMMIT = 1, 2, 3


class RefusedError(Exception):
    """A message can be read, but the voice gateway does not accept it; says why."""


@dataclass(frozen=True, slots=True)
class LeafNode:
    """A member as the ratchet tree knows it (RFC 9420, section 7.2)."""

    encryption_key: bytes
    signature_key: bytes
    credential: tuple[int, bytes]
    """Type and identity."""
    capabilities: tuple[list[int], list[int], list[int]]
    """MLS versions, cipher suites and credential types."""
    lifetime: tuple[int, int] | None
    """Only in a key package."""
    has_extensions: bool
    signed: bytes
    """What ``signature`` is for; only in a key package it is all of that."""
    signature: bytes


@dataclass(frozen=True, slots=True)
class KeyPackage:
    """With which a client can be added to a group (RFC 9420, section 10)."""

    data: bytes
    init_key: bytes
    leaf: LeafNode
    has_extensions: bool
    signed: bytes
    signature: bytes

    @property
    def reference(self) -> bytes:
        """By which a welcome addresses its owner."""
        return reference("KeyPackage", self.data)

    def check(self, user_id: int) -> None:
        """Hold it against protocol.md, "Key Packages", "Validation", and what other members would refuse.

        Raises:
            RefusedError: It is not one that this user may send.
        """
        leaf = self.leaf
        versions, suites, credentials = leaf.capabilities
        if leaf.credential != (BASIC_CREDENTIAL, user_id.to_bytes(8)):
            raise RefusedError("its credential is not the user's ID")
        if leaf.lifetime != LIFETIME:
            raise RefusedError("its lifetime is not from 0 to 2**64 - 1")
        if self.has_extensions or leaf.has_extensions:
            raise RefusedError("it has extensions")
        if MLS_1_0 not in versions or CIPHER_SUITE not in suites or BASIC_CREDENTIAL not in credentials:
            raise RefusedError("its capabilities lack what the group needs")
        if self.init_key == leaf.encryption_key:
            raise RefusedError("its init key is its encryption key")
        for key in (self.init_key, leaf.encryption_key):
            _public_key(key)
        verify(leaf.signature_key, "LeafNodeTBS", leaf.signed, leaf.signature)
        verify(leaf.signature_key, "KeyPackageTBS", self.signed, self.signature)


@dataclass(frozen=True, slots=True)
class Commit:
    """A ``Commit`` in a ``PublicMessage`` (RFC 9420, sections 6.2 and 12.4)."""

    message: bytes
    group_id: bytes
    epoch: int
    sender: int
    """The leaf of the member who made it."""
    references: list[bytes]
    """Of proposals, in the order in which they are to be applied."""
    has_inline: bool
    """Whether proposals are in it themselves."""
    leaf: LeafNode | None
    """The sender's new leaf node, if it makes one."""


@dataclass(frozen=True, slots=True)
class Welcome:
    """Leads new members into a group (RFC 9420, section 12.4.3.1)."""

    secrets: dict[bytes, bytes]
    """By a key package's reference, the ``EncryptedGroupSecrets`` for its owner."""
    group_info: bytes

    def only_for(self, key_package: bytes) -> bytes:
        """The same with the secrets of one new member only (protocol.md, "dave_mls_welcome (30)")."""
        return CIPHER_SUITE.to_bytes(2) + vector(self.secrets[key_package]) + vector(self.group_info)


def reference(label: str, value: bytes) -> bytes:
    """The hash by which a key package or a proposal is referred to (RFC 9420, section 5.2)."""
    return sha256(vector(f"MLS 1.0 {label} Reference".encode()) + vector(value)).digest()


def signed_content(label: str, content: bytes) -> bytes:
    """What is signed under a label (RFC 9420, section 5.1.2)."""
    return vector(f"MLS 1.0 {label}".encode()) + vector(content)


def verify(key: bytes, label: str, content: bytes, signature: bytes) -> None:
    """Check a signature (RFC 9420, section 5.1.2).

    Raises:
        RefusedError: It, or the key, is invalid.
    """
    try:
        _public_key(key).verify(signature, signed_content(label, content), ec.ECDSA(hashes.SHA256()))
    except InvalidSignature:
        raise RefusedError(f"the signature of its {label} is wrong") from None


def parse_key_package(payload: bytes) -> KeyPackage:
    """Read op 26: a ``KeyPackage`` in an ``MLSMessage``, as protocol.md says, or bare, as clients send it.

    Raises:
        MalformedError: It is none of DAVE 1.
    """
    if len(payload) > MAX_KEY_PACKAGE_BYTES:
        raise MalformedError("far longer than a key package")
    reader = Reader(payload)
    if payload[:4] == MLS_1_0.to_bytes(2) + KEY_PACKAGE_MESSAGE.to_bytes(2):
        reader.take(4)
    start = reader.position
    reader.expect(MLS_1_0, 2, "version")
    reader.expect(CIPHER_SUITE, 2, "cipher suite")
    init_key, leaf = reader.vector(), _leaf_node(reader)
    has_extensions = bool(reader.vector())
    signed, signature = reader.since(start), reader.vector()
    reader.expect_end()
    return KeyPackage(reader.since(start), init_key, leaf, has_extensions, signed, signature)


def parse_commit_welcome(payload: bytes) -> tuple[Commit, Welcome | None]:
    """Read op 28: an ``MLSMessage`` with a commit, and a ``Welcome`` if it adds members.

    Raises:
        MalformedError: It is something else.
    """
    reader = Reader(payload)
    commit = _commit(reader)
    welcome = None if reader.at_end else _welcome(reader)
    reader.expect_end()
    return commit, welcome


def _commit(reader: Reader) -> Commit:
    reader.expect(MLS_1_0, 2, "version")
    reader.expect(PUBLIC_MESSAGE, 2, "wire format")
    group_id, epoch = reader.vector(), reader.uint(8)
    reader.expect(MEMBER, 1, "type of sender")
    sender = reader.uint(4)
    reader.vector()  # authenticated data
    reader.expect(COMMIT, 1, "content type")
    references, has_inline = _references(Reader(reader.vector()))
    leaf = None
    if reader.optional():
        leaf = _leaf_node(reader)
        _nodes(Reader(reader.vector()))
    for _ in ("signature", "confirmation tag", "membership tag"):
        reader.vector()
    return Commit(reader.since(0), group_id, epoch, sender, references, has_inline, leaf)


def _references(reader: Reader) -> tuple[list[bytes], bool]:
    """``ProposalOrRef``s up to the first that is a proposal, and whether there is one."""
    references = list[bytes]()
    while not reader.at_end:
        kind = reader.uint(1)
        if kind == _INLINE:
            return references, True
        if kind != _REFERENCE:
            raise MalformedError("not an MLS message: neither a proposal nor a reference to one")
        references.append(reader.vector())
    return references, False


def _nodes(reader: Reader) -> None:
    """``UpdatePathNode``s (RFC 9420, section 7.6), of which only the members understand more."""
    while not reader.at_end:
        reader.vector()
        secrets = Reader(reader.vector())
        while not secrets.at_end:
            secrets.vector()
            secrets.vector()


def _welcome(reader: Reader) -> Welcome:
    reader.expect(CIPHER_SUITE, 2, "cipher suite")
    secrets = dict[bytes, bytes]()
    inner = Reader(reader.vector())
    while not inner.at_end:
        start = inner.position
        new_member = inner.vector()
        inner.vector()
        inner.vector()
        secrets[new_member] = inner.since(start)
    return Welcome(secrets, reader.vector())


def _leaf_node(reader: Reader) -> LeafNode:
    start = reader.position
    encryption_key, signature_key = reader.vector(), reader.vector()
    credential = reader.uint(2)
    if credential != BASIC_CREDENTIAL:
        raise MalformedError("not an MLS message of DAVE: its credential is not basic")
    identity = reader.vector()
    versions, suites, _extensions, _proposals, credentials = (reader.numbers() for _ in range(5))
    source, lifetime = reader.uint(1), None
    if source == _FROM_KEY_PACKAGE:
        lifetime = reader.uint(8), reader.uint(8)
    elif source == _FROM_COMMIT:
        reader.vector()  # parent hash
    elif source != _FROM_UPDATE:
        raise MalformedError("not an MLS message: a leaf node comes from nowhere")
    has_extensions = bool(reader.vector())
    signed, signature = reader.since(start), reader.vector()
    return LeafNode(
        encryption_key,
        signature_key,
        (credential, identity),
        (versions, suites, credentials),
        lifetime,
        has_extensions,
        signed,
        signature,
    )


def _public_key(data: bytes) -> ec.EllipticCurvePublicKey:
    """A key as MLS writes it, uncompressed (RFC 9420, section 5.1.1)."""
    if data[:1] != b"\4":
        raise RefusedError("a key in it is not an uncompressed point")
    try:
        return ec.EllipticCurvePublicKey.from_encoded_point(ec.SECP256R1(), data)
    except ValueError:
        raise RefusedError("a key in it is not a point of P-256") from None
