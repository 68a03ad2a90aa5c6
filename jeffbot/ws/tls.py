"""TLS for the remote control: the operator's certificate, taken up anew when it has been renewed."""

import logging
import ssl
from datetime import UTC, datetime
from pathlib import Path

from ..errors import SettingsError
from ..models import Seconds

logger = logging.getLogger(__name__)

CERT, KEY = "JEFFBOT_TLS_CERT", "JEFFBOT_TLS_KEY"
CHECK_INTERVAL: Seconds = 60.0
"""How often :meth:`Tls.reload` is meant to be called."""

type Stamp = tuple[tuple[int, int, int] | None, ...]
"""Inode, size and time of change of each file; None for one that cannot be looked at."""


def load_tls(cert: Path | None, key: Path | None) -> "Tls | None":
    """What JEFFBOT_TLS_CERT and JEFFBOT_TLS_KEY give; None where neither is set. Reads files: call it in a thread.

    Raises:
        SettingsError: Only one is set, or they cannot be used. The sentence names the setting.
    """
    if cert is None and key is None:
        return None
    if cert is None or key is None:
        present, absent = (CERT, KEY) if key is None else (KEY, CERT)
        raise SettingsError(f"{present} is set and {absent} is not; TLS needs both, or neither for none")
    return Tls(cert, key)


class Tls:
    """A certificate chain and its key, both PEM files, and the context that offers them.

    A renewed certificate gets a new context, to which handshakes are handed over: the one in use is never written to,
    which a handshake in another thread would not survive.

    Raises:
        SettingsError: They cannot be used.
    """

    def __init__(self, cert: Path, key: Path) -> None:
        self._files = (cert, key)
        self._stamp = self._look()
        self._newest = self.context = _context(cert, key)
        self.context.sni_callback = self._hand_over  # called for every handshake, also where no name was sent

    def reload(self) -> bool:
        """Take up what the files hold, if they have changed; whether that is in force. Call it in a thread.

        What cannot be used is said in the log, once a change, and the certificate before it stays.
        """
        stamp = self._look()
        if stamp == self._stamp:
            return False
        self._stamp = stamp
        try:
            self._newest = _context(*self._files)
        except SettingsError as error:
            logger.warning("the TLS certificate stays as it was: %s", error)
            return False
        logger.info("the TLS certificate has been renewed")
        return True

    def _hand_over(self, connection: ssl.SSLObject, _name: str | None, _first: ssl.SSLContext) -> None:
        connection.context = self._newest

    def _look(self) -> Stamp:
        return tuple(map(_stamp, self._files))


def _stamp(file: Path) -> tuple[int, int, int] | None:
    try:
        found = file.stat()
    except OSError:
        return None
    return found.st_ino, found.st_size, found.st_mtime_ns


def _context(cert: Path, key: Path) -> ssl.SSLContext:
    _check(_read(CERT, cert), _read(KEY, key))
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.options |= ssl.OP_NO_RENEGOTIATION  # costs the server more than the client
    try:
        context.load_cert_chain(cert, key, password="")  # else OpenSSL may ask for one on the terminal
    except (OSError, ValueError) as error:  # ssl.SSLError is an OSError
        raise SettingsError(f"{CERT} and {KEY} cannot be used: {error}") from error
    return context


def _read(setting: str, file: Path) -> bytes:
    try:
        return file.read_bytes()
    except OSError as error:
        raise SettingsError(f"{setting}: {file} cannot be read ({error.strerror or error})") from error


def _check(cert: bytes, key: bytes) -> None:
    """Find out what is wrong with them in more words than OpenSSL has, and warn where no client will like them.

    Raises:
        SettingsError: They are not what they should be.
    """
    from cryptography import x509  # noqa: PLC0415 - loading the soundboard without TLS stays light
    from cryptography.exceptions import UnsupportedAlgorithm  # noqa: PLC0415
    from cryptography.hazmat.primitives.serialization import load_pem_private_key  # noqa: PLC0415

    try:
        certificate = x509.load_pem_x509_certificates(cert)[0]
        public = certificate.public_key()
    except (ValueError, x509.InvalidVersion, UnsupportedAlgorithm) as error:
        raise SettingsError(f"{CERT} holds no certificate in PEM form that can be read ({error})") from error
    try:
        fits = load_pem_private_key(key, password=None).public_key() == public
    except TypeError as error:
        raise SettingsError(f"{KEY} is encrypted; give one that is not (openssl pkey -in … -out …)") from error
    except (ValueError, UnsupportedAlgorithm) as error:
        raise SettingsError(f"{KEY} holds no private key in PEM form that can be read ({error})") from error
    if not fits:
        raise SettingsError(f"{KEY} is not the key of the first certificate in {CERT}; that must be the bot's own")
    _warn_of_dates(certificate.not_valid_before_utc, certificate.not_valid_after_utc)


def _warn_of_dates(begins: datetime, ends: datetime) -> None:
    now = datetime.now(UTC)
    if now > ends:
        logger.warning("the certificate of %s expired on %s: clients will refuse it", CERT, f"{ends:%Y-%m-%d}")
    elif now < begins:
        logger.warning("the certificate of %s is good from %s on: clients will refuse it", CERT, f"{begins:%Y-%m-%d}")
