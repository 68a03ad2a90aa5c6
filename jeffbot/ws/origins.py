"""Which web pages may use the remote control; whoever is no browser sends no origin and is not asked for one.

A page that a browser shows is known by its origin (RFC 6454). That it has the same *name* as ``Host`` proves nothing: a
stranger can have his own name lead to this machine (DNS rebinding). He cannot do so with an address or ``localhost``.
"""

import ipaddress
import logging
import re
import time
from collections.abc import Callable, Sequence
from typing import NamedTuple

from ..errors import printable
from ..models import Seconds
from .addresses import Scheme

logger = logging.getLogger(__name__)

LOG_INTERVAL: Seconds = 60.0
"""How often refusals are summed up in the log."""

_DEFAULT_PORTS = {"http": 80, "https": 443}  # RFC 9110, sections 4.2.1 and 4.2.2
_MAX_PORT = 65_535
_ORIGIN = re.compile(r"([a-z][a-z0-9+.-]*)://([a-z0-9._-]+|\[[0-9a-f:.]+\])(?::([0-9]{1,5}))?")
_LOOPBACK = "localhost"  # RFC 6761, section 6.3: it never leads anywhere else


class Origin(NamedTuple):
    """Where a page comes from (RFC 6454, section 4)."""

    scheme: str
    host: str
    """Lower case; an IPv6 address is in brackets and as short as it gets."""
    port: int | None
    """None for a scheme that has no port of its own, as a browser extension's."""

    def __str__(self) -> str:
        shown = "" if self.port == _DEFAULT_PORTS.get(self.scheme) else f":{self.port}"
        return f"{self.scheme}://{self.host}{shown}"


def parse_origins(text: str) -> tuple[str, ...]:
    """The origins of JEFFBOT_ALLOWED_ORIGINS, as browsers write them.

    Raises:
        ValueError: An item is none. The words say what is allowed.
    """
    items = [item.strip() for item in text.split(",")]
    return tuple(str(_allowed(item)) for item in items if item)


def _allowed(text: str) -> Origin:
    origin = _parse(text.removesuffix("/"))
    if origin is None:
        raise ValueError(
            "origins, as in https://example.org, http://localhost:3000, with commas between; each has to be named, "
            f"without a path ({text!r} is none)"
        )
    return origin


class Origins:
    """The origins that are allowed.

    Args:
        public_url: JEFFBOT_PUBLIC_URL, the address of which the page is reached; only its origin matters here.
        allowed: Further origins, as of :func:`parse_origins`.

    Raises:
        ValueError: One of them is no origin.
    """

    def __init__(self, public_url: str | None = None, allowed: Sequence[str] = ()) -> None:
        self._allowed = frozenset(_allowed(text) for text in allowed)
        if public_url is not None:
            self._allowed |= {origin_of(public_url)}

    def check(self, origins: Sequence[str], host: str | None, scheme: Scheme) -> str | None:
        """None where a request is allowed, else a sentence for the log that says how to allow it.

        Args:
            origins: The values of ``Origin``, one a header line.
            host: Which host, and port, the client asked for; ``Host`` or what a listed proxy says of it.
            scheme: How it asked, likewise.
        """
        if not origins:
            return None
        if len(origins) > 1:
            return f"refused a request with {len(origins)} Origin headers, where a browser sends one"
        origin = _parse(origins[0])
        if origin is None:
            return (
                f'refused a web page of the origin "{printable(origins[0])}", which cannot be allowed: serve the page '
                "from a site, and not from a file or a sandbox"
            )
        if origin in self._allowed or (_cannot_be_rebound(origin.host) and origin == _parse(f"{scheme}://{host}")):
            return None
        return (
            f'refused a web page of the origin "{printable(str(origin))}"; to allow it, set JEFFBOT_PUBLIC_URL if it '
            "is the bot's own address, else add it to JEFFBOT_ALLOWED_ORIGINS"
        )


def origin_of(url: str) -> Origin:
    """The origin of a web address.

    Raises:
        ValueError: It is none. The words say what is allowed.
    """
    scheme, _, rest = url.partition("://")
    origin = _parse(f"{scheme}://{re.split('[/?#]', rest, maxsplit=1)[0]}")
    if origin is None or origin.scheme not in _DEFAULT_PORTS:
        raise ValueError("a web address, as in https://jeff.example.org")
    return origin


def _parse(text: str) -> Origin | None:
    """An origin, however it is written; None where it is none, as ``null``, or has a user, a path or spaces."""
    match = _ORIGIN.fullmatch(text.lower())
    if match is None or not text.isascii():
        return None
    scheme, host, digits = match.groups()
    port = int(digits) if digits else _DEFAULT_PORTS.get(scheme)
    if port is not None and port > _MAX_PORT:
        return None
    if not host.startswith("["):
        return Origin(scheme, host, port)
    try:
        return Origin(scheme, f"[{ipaddress.IPv6Address(host[1:-1])}]", port)
    except ValueError:
        return None


def _cannot_be_rebound(host: str) -> bool:
    """Whether the host's name leads to one machine whoever is asked: an address, or this machine itself."""
    if host == _LOOPBACK or host.startswith("["):
        return True
    try:
        ipaddress.IPv4Address(host)
    except ValueError:
        return False
    return True


class Tally:
    """Logs refusals: each at DEBUG, and the first and then once a minute how many there were, with the last of them."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._count = 0
        self._last = ""
        self._said_at: float | None = None

    def refused(self, sentence: str) -> None:
        """Log a refusal, of which the sentence says how to allow it."""
        logger.debug("%s", sentence)
        self._count += 1
        self._last = sentence
        now = self._clock()
        if self._said_at is None or now - self._said_at >= LOG_INTERVAL:
            self.flush()
            self._said_at = now

    def flush(self) -> None:
        """Log what has not been summed up yet."""
        if self._count == 1:
            logger.warning("%s", self._last)
        elif self._count:
            logger.warning("%s (and %d others before it)", self._last, self._count - 1)
        self._count = 0
