"""Whom the remote control believes and lets in, as the settings say: read while the extension is loaded."""

from collections.abc import Callable
from typing import NamedTuple

from ..errors import SettingsError
from ..settings import Settings
from .addresses import Proxies, parse_networks
from .origins import Origins, parse_origins
from .tls import Tls, load_tls


class Access(NamedTuple):
    """What stands at the door."""

    proxies: Proxies
    origins: Origins
    tls: Tls | None


def read_access(settings: Settings) -> Access:
    """What stands at the door; where TLS is set, its files are read.

    Raises:
        SettingsError: A setting is not understood, or the certificate cannot be used.
    """
    networks = _read("JEFFBOT_TRUSTED_PROXIES", parse_networks, settings.trusted_proxies)
    allowed = _read("JEFFBOT_ALLOWED_ORIGINS", parse_origins, settings.allowed_origins)
    origins = Origins(settings.public_url or None, allowed)
    return Access(Proxies(networks), origins, load_tls(settings.tls_cert, settings.tls_key))


def _read[T](name: str, parse: Callable[[str], T], text: str) -> T:
    try:
        return parse(text)
    except ValueError as error:
        raise SettingsError(f"{name}: {error}") from error
