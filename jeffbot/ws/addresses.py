"""Who is asking, behind the reverse proxies that the operator lists; of a header at most MAX_HOPS items are read."""

import ipaddress
import re
from collections.abc import Sequence
from typing import Literal

type Address = ipaddress.IPv4Address | ipaddress.IPv6Address
type Scheme = Literal["http", "https"]
type Network = ipaddress.IPv4Network | ipaddress.IPv6Network

UNKNOWN = "unknown"
"""The address of a client that has none, as one that comes through a Unix socket (RFC 7239, section 6.2)."""
MAX_ADDRESS = 100
"""Characters that are kept of an address that cannot be read."""
MAX_HOPS = 32
"""How many addresses of ``X-Forwarded-For`` are read, from the right."""
SITE_BITS = 64
"""What one site has of an IPv6 address to itself: the host's half (RFC 4291, section 2.5.4)."""

_SCHEMES: dict[str, Scheme] = {"http": "http", "https": "https", "ws": "http", "wss": "https"}
"""What proxies say; Traefik names the WebSocket's own schemes."""
_HOST = re.compile(r"(?:[A-Za-z0-9._-]{1,253}|\[[0-9A-Fa-f:.]{2,45}\])(?::[0-9]{1,5})?")  # RFC 9110, section 7.2


def bucket_of(address: str) -> str:
    """What limits count an address as: IPv4 whole, IPv6 by /64, what cannot be read as itself, cut."""
    parsed = _parse(address)
    if parsed is None:
        return address[:MAX_ADDRESS]
    if parsed.version == 4:
        return str(parsed)
    return str(ipaddress.IPv6Network((int(parsed), SITE_BITS), strict=False))


def parse_networks(text: str) -> tuple[Network, ...]:
    """The networks of JEFFBOT_TRUSTED_PROXIES, such as ``127.0.0.1, 10.0.0.0/8``; an address is a network of one.

    Raises:
        ValueError: An item is none, or is everyone. The words say what is allowed.
    """
    return tuple(_network(item.strip()) for item in text.split(",") if item.strip())


def _network(text: str) -> Network:
    try:
        network = ipaddress.ip_network(text)
    except ValueError as error:
        raise ValueError(
            f"addresses and networks, as in 127.0.0.1, 10.0.0.0/8, with commas between ({error})"
        ) from None
    if network.prefixlen == 0:
        raise ValueError(f"the addresses of your proxies; {network} is everyone's, and anyone could claim any address")
    return network


class Proxies:
    """The listed proxies, and what is believed of what they say.

    A listed proxy must append to ``X-Forwarded-For``, and set or remove the other two headers: what it passes on as it
    came is believed as if it were its own.
    """

    def __init__(self, networks: Sequence[Network] = ()) -> None:
        self._networks = tuple(networks)

    def client_of(self, peer: str | None, forwarded_for: Sequence[str]) -> str:
        """The address of whom a request comes from: the nearest one that is no listed proxy.

        Args:
            peer: Who is connected to us; None for a Unix socket, which is never a listed proxy.
            forwarded_for: The values of ``X-Forwarded-For``, one a header line. One that cannot be read ends the way.
        """
        client = _parse(peer or "")
        if client is None:
            return peer[:MAX_ADDRESS] if peer else UNKNOWN
        for hop in _from_right(forwarded_for):
            if not self._has(client) or (parsed := _parse(hop)) is None:
                break
            client = parsed
        return str(client)

    def scheme_of(self, peer: str | None, forwarded_proto: Sequence[str], *, secure: bool) -> Scheme:
        """How the client asked: as the nearest proxy's ``X-Forwarded-Proto`` says, else whether our own TLS is used."""
        own: Scheme = "https" if secure else "http"
        return _SCHEMES.get(self._said(peer, forwarded_proto).lower(), own)

    def host_of(self, peer: str | None, forwarded_host: Sequence[str], host: str | None) -> str | None:
        """Which host and port it asked for: as the nearest proxy's ``X-Forwarded-Host`` says, else ``Host``."""
        said = self._said(peer, forwarded_host)
        return said if _HOST.fullmatch(said) else host

    def _said(self, peer: str | None, lines: Sequence[str]) -> str:
        """The last value of a header, which the nearest proxy wrote; empty where that is not to be believed."""
        parsed = _parse(peer or "")
        if parsed is None or not self._has(parsed):
            return ""
        return next(iter(_from_right(lines)), "")

    def _has(self, address: Address) -> bool:
        return any(address in network for network in self._networks)


def _from_right(lines: Sequence[str]) -> list[str]:
    """The last items of a list in a header, last first, without empty ones (RFC 9110, section 5.6.1.2)."""
    items = ",".join(lines).rsplit(",", MAX_HOPS)[-MAX_HOPS:]
    return [item.strip() for item in reversed(items) if item.strip()]


def _parse(text: str) -> Address | None:
    """An address, also with a port behind it; IPv4 within IPv6 as IPv4. None where it is none."""
    if text.startswith("["):
        text = text[1:].partition("]")[0]
    elif text.count(":") == 1:
        text = text.partition(":")[0]
    try:
        address = ipaddress.ip_address(text.partition("%")[0])
    except ValueError:
        return None
    return address if address.version == 4 else address.ipv4_mapped or address
