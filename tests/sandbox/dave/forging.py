"""Key packages and commits that no library would make, signed as they should be."""

from dataclasses import dataclass, field

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from jeffbot.sandbox.voice.dave.mls import signed_content
from jeffbot.sandbox.voice.dave.wire import vector

FOREVER = (1 << 64) - 1


def private_key() -> ec.EllipticCurvePrivateKey:
    return ec.generate_private_key(ec.SECP256R1())


def point(key: ec.EllipticCurvePrivateKey, form: PublicFormat = PublicFormat.UncompressedPoint) -> bytes:
    return key.public_key().public_bytes(Encoding.X962, form)


def numbers(values: list[int]) -> bytes:
    return vector(b"".join(value.to_bytes(2) for value in values))


@dataclass
class Forgery:
    """The parts of a key package; as they are, they make a good one."""

    identity: bytes
    signer: ec.EllipticCurvePrivateKey = field(default_factory=private_key)
    version: int = 1
    suite: int = 2
    init_key: bytes = field(default_factory=lambda: point(private_key()))
    encryption_key: bytes = field(default_factory=lambda: point(private_key()))
    signature_key: bytes = b""
    credential: int = 1
    versions: list[int] = field(default_factory=lambda: [1])
    suites: list[int] = field(default_factory=lambda: [2])
    extensions: list[int] = field(default_factory=list)
    proposals: list[int] = field(default_factory=list)
    credentials: list[int] = field(default_factory=lambda: [1])
    source: int = 1
    not_before: int = 0
    not_after: int = FOREVER
    leaf_extensions: bytes = b""
    package_extensions: bytes = b""

    def sign(self, label: str, content: bytes) -> bytes:
        return vector(self.signer.sign(signed_content(label, content), ec.ECDSA(hashes.SHA256())))

    def leaf(self) -> bytes:
        leaf = vector(self.encryption_key) + vector(self.signature_key or point(self.signer))
        leaf += self.credential.to_bytes(2) + vector(self.identity)
        leaf += b"".join(map(numbers, (self.versions, self.suites, self.extensions, self.proposals, self.credentials)))
        leaf += self.source.to_bytes(1)
        if self.source == 1:
            leaf += self.not_before.to_bytes(8) + self.not_after.to_bytes(8)
        leaf += vector(self.leaf_extensions)
        return leaf + self.sign("LeafNodeTBS", leaf)

    def package(self) -> bytes:
        package = self.version.to_bytes(2) + self.suite.to_bytes(2) + vector(self.init_key)
        package += self.leaf() + vector(self.package_extensions)
        return package + self.sign("KeyPackageTBS", package)
