"""TLS by the operator's certificate: what is refused with which words, and that a renewed one is taken up."""

import asyncio
import ipaddress
import logging
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import NamedTuple

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    KeySerializationEncryption,
    NoEncryption,
    PrivateFormat,
)
from cryptography.x509.oid import NameOID

from jeffbot.errors import SettingsError
from jeffbot.ws.tls import Tls, load_tls

LOOPBACK = ipaddress.ip_address("127.0.0.1")
DAY = timedelta(days=1)
EC, RSA = ec.generate_private_key(ec.SECP256R1()), rsa.generate_private_key(65537, 2048)
type Key = ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey


class Files(NamedTuple):
    cert: Path
    key: Path

    def write(self, name: str = "first", *, key: Key | None = None, begins: int = -1, ends: int = 1) -> "Files":
        """A certificate that vouches for itself, and its key; days from now."""
        key = key or ec.generate_private_key(ec.SECP256R1())
        self.cert.write_bytes(certificate(name, key, begins, ends))
        self.key.write_bytes(private(key))
        return self


def private(key: Key, protection: KeySerializationEncryption | None = None) -> bytes:
    return key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, protection or NoEncryption())


def certificate(name: str, key: Key, begins: int = -1, ends: int = 1) -> bytes:
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    now = datetime.now(UTC)
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now + begins * DAY)
        .not_valid_after(now + ends * DAY)
        .add_extension(
            x509.SubjectAlternativeName([x509.DNSName("localhost"), x509.IPAddress(LOOPBACK)]), critical=False
        )
        .sign(key, hashes.SHA256())
        .public_bytes(Encoding.PEM)
    )


@pytest.fixture
def files(tmp_path: Path) -> Files:
    """Where certificate and key lie."""
    return Files(tmp_path / "cert.pem", tmp_path / "key.pem")


def load(files: Files) -> Tls:
    tls = load_tls(*files)
    assert tls
    return tls


# What is refused


def test_none() -> None:
    """Without the settings there is no TLS."""
    assert load_tls(None, None) is None


def test_one_of_two(files: Files) -> None:
    """One setting without the other is refused, and the sentence says which is missing."""
    files.write()

    with pytest.raises(SettingsError, match="JEFFBOT_TLS_CERT is set and JEFFBOT_TLS_KEY is not"):
        load_tls(files.cert, None)
    with pytest.raises(SettingsError, match="JEFFBOT_TLS_KEY is set and JEFFBOT_TLS_CERT is not"):
        load_tls(None, files.key)


@pytest.mark.parametrize("field", ["cert", "key"])
def test_missing(files: Files, field: str) -> None:
    """A file that is not there, or is a folder, is named with its setting."""
    file: Path = getattr(files.write(), field)
    file.unlink()
    with pytest.raises(
        SettingsError, match=rf"JEFFBOT_TLS_{field.upper()}: .*{field}\.pem cannot be read \(No such file"
    ):
        load(files)

    file.mkdir()
    with pytest.raises(
        SettingsError, match=rf"JEFFBOT_TLS_{field.upper()}: .*{field}\.pem cannot be read \(.*directory"
    ):
        load(files)


@pytest.mark.parametrize(
    "content", [b"", b"hello", b"\x00\xff" * 50, b"-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n"]
)
def test_no_certificate(files: Files, content: bytes) -> None:
    """What is no certificate in PEM form is refused as that."""
    files.write().cert.write_bytes(content)
    with pytest.raises(SettingsError, match="JEFFBOT_TLS_CERT holds no certificate in PEM form"):
        load(files)


@pytest.mark.parametrize(
    "content", [b"", b"hello", b"\x00\xff" * 50, b"-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n"]
)
def test_no_key(files: Files, content: bytes) -> None:
    """Likewise a key."""
    files.write().key.write_bytes(content)
    with pytest.raises(SettingsError, match="JEFFBOT_TLS_KEY holds no private key in PEM form"):
        load(files)


def test_exchanged(files: Files) -> None:
    """The two files given for each other are refused."""
    files.write()
    with pytest.raises(SettingsError, match="JEFFBOT_TLS_CERT holds no certificate"):
        load(Files(files.key, files.cert))


@pytest.mark.parametrize("other", [EC, RSA])
def test_key_of_another(files: Files, other: Key) -> None:
    """A key that is another certificate's is refused, of the same kind or not, and never shown."""
    files.write().key.write_bytes(private(other))
    with pytest.raises(SettingsError, match="JEFFBOT_TLS_KEY is not the key of the first certificate") as caught:
        load(files)

    assert private(other).decode().split("\n")[1] not in str(caught.value)


def test_encrypted_key(files: Files) -> None:
    """An encrypted key is refused with what to do, and nobody is asked for its password."""
    key = ec.generate_private_key(ec.SECP256R1())
    files.write(key=key).key.write_bytes(private(key, BestAvailableEncryption(b"x")))
    with pytest.raises(SettingsError, match=r"JEFFBOT_TLS_KEY is encrypted.*openssl pkey"):
        load(files)


def test_weak_key(files: Files) -> None:
    """What OpenSSL itself refuses is refused in its words."""
    files.write(key=rsa.generate_private_key(65537, 1024))
    with pytest.raises(SettingsError, match=r"JEFFBOT_TLS_CERT and JEFFBOT_TLS_KEY cannot be used: .*too small"):
        load(files)


@pytest.mark.parametrize(("begins", "ends", "words"), [(-9, -1, "expired on"), (1, 9, "is good from")])
def test_dates(files: Files, caplog: pytest.LogCaptureFixture, begins: int, ends: int, words: str) -> None:
    """A certificate whose time is over or yet to come is used, with a warning."""
    load(files.write(begins=begins, ends=ends))

    [record] = caplog.records
    assert record.levelno == logging.WARNING
    assert words in record.getMessage()
    assert "JEFFBOT_TLS_CERT" in record.getMessage()


def test_nothing_to_warn_of(files: Files, caplog: pytest.LogCaptureFixture) -> None:
    """A good one is loaded without a word, as is a chain whose first certificate is the bot's."""
    files.write()
    files.cert.write_bytes(files.cert.read_bytes() + certificate("above", ec.generate_private_key(ec.SECP256R1())))
    load(files)

    assert not caplog.records


# Handshakes


@asynccontextmanager
async def echoing(context: ssl.SSLContext) -> AsyncIterator[int]:
    """A server on the loopback interface that sends back the first line; its port."""

    async def echo(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(await reader.readline())
        await writer.drain()
        writer.close()

    async with await asyncio.start_server(echo, str(LOOPBACK), 0, ssl=context) as server:
        yield server.sockets[0].getsockname()[1]


async def connect(port: int, trusted: bytes, name: str, **limits: ssl.TLSVersion) -> tuple[str, str]:
    """The name in the certificate of the server, and the version of TLS, after a line has come back."""
    context = ssl.create_default_context(cadata=trusted.decode())
    for limit, version in limits.items():
        setattr(context, limit, version)
    reader, writer = await asyncio.open_connection(str(LOOPBACK), port, ssl=context, server_hostname=name)
    try:
        writer.write(b"airhorn\n")
        assert await reader.readline() == b"airhorn\n"
        connection: ssl.SSLObject = writer.get_extra_info("ssl_object")
        offered = x509.load_der_x509_certificate(connection.getpeercert(binary_form=True) or b"")
        [name_offered] = offered.subject.get_attributes_for_oid(NameOID.COMMON_NAME)
        return str(name_offered.value), str(connection.version())
    finally:
        writer.close()
        await writer.wait_closed()


@pytest.mark.parametrize("name", ["localhost", "127.0.0.1"])
@pytest.mark.parametrize("key", [EC, RSA])
async def test_handshake(files: Files, name: str, key: Key) -> None:
    """Clients that trust the certificate get through, by name or by address, with TLS 1.2 or 1.3."""
    tls = load(files.write(key=key))
    cert = files.cert.read_bytes()

    async with echoing(tls.context) as port:
        assert await connect(port, cert, name) == ("first", "TLSv1.3")
        assert await connect(port, cert, name, maximum_version=ssl.TLSVersion.TLSv1_2) == ("first", "TLSv1.2")


def test_old_versions(files: Files) -> None:
    """TLS 1.1 and older are not spoken, also after a renewal."""
    tls = load(files.write())
    files.write("second")
    assert tls.reload()
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.set_ciphers("ALL:@SECLEVEL=0")
    with pytest.warns(DeprecationWarning, match="TLSv1 is deprecated"):
        context.minimum_version = ssl.TLSVersion.TLSv1
    with pytest.warns(DeprecationWarning, match="TLSv1_1 is deprecated"):
        context.maximum_version = ssl.TLSVersion.TLSv1_1
    hello = ssl.MemoryBIO()
    with pytest.raises(ssl.SSLWantReadError):
        context.wrap_bio(ssl.MemoryBIO(), hello, server_hostname="localhost").do_handshake()

    with pytest.raises(ssl.SSLError, match="UNSUPPORTED_PROTOCOL"):
        tls.context.wrap_bio(hello, ssl.MemoryBIO(), server_side=True).do_handshake()


# Renewal


@pytest.mark.parametrize("name", ["localhost", "127.0.0.1"])
@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3])
async def test_renewal(files: Files, name: str, version: ssl.TLSVersion, caplog: pytest.LogCaptureFixture) -> None:
    """A renewed certificate is offered from the next handshake on, with the port still open, as often as it comes."""
    caplog.set_level(logging.INFO, "jeffbot.ws.tls")
    tls = load(files.write())

    async with echoing(tls.context) as port:
        for number in range(3):
            assert not await asyncio.to_thread(tls.reload)
            cert = files.write(f"renewed {number}").cert.read_bytes()
            assert await asyncio.to_thread(tls.reload)
            assert (await connect(port, cert, name, maximum_version=version))[0] == f"renewed {number}"

    assert [record.getMessage() for record in caplog.records if record.name == "jeffbot.ws.tls"] == [
        "the TLS certificate has been renewed"
    ] * 3


async def test_open_connections_survive(files: Files) -> None:
    """Who is connected stays so when the certificate is renewed."""
    tls = load(files.write())
    context = ssl.create_default_context(cadata=files.cert.read_text())

    async with echoing(tls.context) as port:
        reader, writer = await asyncio.open_connection(str(LOOPBACK), port, ssl=context, server_hostname="localhost")
        files.write("second")
        assert tls.reload()
        writer.write(b"still here\n")
        assert await reader.readline() == b"still here\n"
        writer.close()
        await writer.wait_closed()


async def test_half_a_renewal(files: Files, caplog: pytest.LogCaptureFixture) -> None:
    """Between the writing of its two files the old certificate serves on, with one warning; then the new one does."""
    tls = load(files.write())
    old, old_key = files.cert.read_bytes(), files.key.read_bytes()
    files.write("second")
    new_key = files.key.read_bytes()
    files.key.write_bytes(old_key)

    async with echoing(tls.context) as port:
        assert [tls.reload() for _ in range(3)] == [False] * 3
        assert (await connect(port, old, "localhost"))[0] == "first"
        [record] = caplog.records
        assert "stays as it was: JEFFBOT_TLS_KEY is not the key" in record.getMessage()

        files.key.write_bytes(new_key + b"\n")  # of another size, as the clock of the file system may be coarse
        assert tls.reload()
        assert (await connect(port, files.cert.read_bytes(), "localhost"))[0] == "second"


async def test_files_gone(files: Files, caplog: pytest.LogCaptureFixture) -> None:
    """Files that go away take nothing with them, and are said once to be gone."""
    tls = load(files.write())
    old = files.cert.read_bytes()
    files.cert.unlink()
    files.key.unlink()

    async with echoing(tls.context) as port:
        assert [tls.reload() for _ in range(3)] == [False] * 3
        assert (await connect(port, old, "localhost"))[0] == "first"
    assert len(caplog.records) == 1


async def test_links(files: Files, tmp_path: Path) -> None:
    """A renewal that turns links to other files is seen, as certbot makes them."""
    kept = Files(tmp_path / "cert1.pem", tmp_path / "key1.pem").write()
    renewed = Files(tmp_path / "cert2.pem", tmp_path / "key2.pem").write("second")
    for link, target in zip(files, kept, strict=True):
        link.symlink_to(target)
    tls = load(files)
    for link, target in zip(files, renewed, strict=True):
        link.unlink()
        link.symlink_to(target)

    assert tls.reload()
    async with echoing(tls.context) as port:
        assert (await connect(port, renewed.cert.read_bytes(), "localhost"))[0] == "second"
    renewed.write("third")
    assert tls.reload()
