"""Fetches a sound by a direct link, from the public internet alone: no link leads into a private network.

Cost: O(bytes) of disk, some 256 KiB of memory for each download.
"""

import asyncio
import contextlib
import functools
import hashlib
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv6Address, IPv6Network, ip_address, ip_network
from pathlib import Path
from socket import AddressFamily
from typing import NamedTuple
from urllib.parse import unquote

import aiohttp
from aiohttp import hdrs
from aiohttp.abc import AbstractResolver, ResolveResult
from yarl import URL

from .. import __version__
from ..errors import SoundboardError
from ..models import Seconds
from .ingest import READABLE, Sniff, clean_name, disk_trouble, megabytes, remove, unfinished

MAX_URL_CHARS = 2048
MAX_REDIRECTS = 5
PIECE_BYTES = 1 << 16
"""So much is written at a time."""

_REDIRECTS = frozenset({301, 302, 303, 307, 308})
"""RFC 9110, section 15.4."""
_LABEL = "[a-z0-9_]([a-z0-9_-]{0,61}[a-z0-9_])?"
_HOST = re.compile(rf"(?=.{{1,253}}\Z)({_LABEL}\.)*{_LABEL}")
"""A name as DNS has it (RFC 1035, section 2.3.4), after IDNA; underscores do occur."""
_NUMBER = re.compile(r"[0-9]+|0x[0-9a-f]*")
"""A host whose last label is this is an address in one of its forms (WHATWG URL, "ends in a number checker")."""
_EXTENDED_NAME = re.compile(r"filename\*\s*=\s*utf-8'[^']*'([^;\s]+)", re.IGNORECASE)
_PLAIN_NAME = re.compile(r'filename\s*=\s*(?:"((?:[^"\\]|\\.)*)"|([^;\s"]+))', re.IGNORECASE)
"""RFC 6266, section 4.1."""

_SPECIAL = tuple(
    ip_network(network)
    for network in (
        *("0.0.0.0/8", "10.0.0.0/8", "100.64.0.0/10", "127.0.0.0/8", "169.254.0.0/16", "172.16.0.0/12", "192.0.0.0/24"),
        *("192.0.2.0/24", "192.88.99.0/24", "192.168.0.0/16", "198.18.0.0/15", "198.51.100.0/24", "203.0.113.0/24"),
        *("224.0.0.0/3", "168.63.129.16/32"),
        *("2001::/23", "2001:db8::/32", "2002::/16", "3ffe::/16", "3fff::/20"),
    )
)
"""What IANA's special-purpose address registries name, 6to4 and Teredo among it; multicast (RFC 5771) and all above it;
the former 6bone (RFC 3701); the inside of Azure (Microsoft: "What is IP address 168.63.129.16?")."""
_GLOBAL_UNICAST = IPv6Network("2000::/3")
"""All that IANA has given out (IPv6 Global Unicast Address Assignments)."""
_EMBEDDING = (IPv6Network("::ffff:0:0/96"), IPv6Network("64:ff9b::/96"))
"""Mapped IPv4 (RFC 4291, section 2.5.5.2), NAT64 (RFC 6052, section 2.1): the last 32 bits are an IPv4 address."""

type Address = IPv4Address | IPv6Address


class DownloadError(SoundboardError):
    """A link leads to no sound that can be had; the sentence says what to do, and of the link the host alone."""


@dataclass(frozen=True, slots=True, kw_only=True)
class DownloadLimits:
    """How much one link may ask of the machine."""

    max_bytes: int
    total_seconds: Seconds = 60.0
    """From the link to the file."""
    idle_seconds: Seconds = 10.0
    """Without a byte."""
    ports: frozenset[int] = frozenset({80, 443})


class Downloaded(NamedTuple):
    """A sound file that was fetched; whoever asked for it removes it."""

    file: Path
    """Under a hidden name."""
    name: str
    """What it may be called, as :func:`~jeffbot.library.ingest.clean_name` has it."""
    host: str
    """Who gave it in the end."""
    size: int
    """Bytes."""
    sha256: str
    """In hexadecimal."""


def is_public(address: Address) -> bool:
    """Whether an address is on the public internet, where everybody can reach it."""
    if isinstance(address, IPv6Address):
        if any(address in network for network in _EMBEDDING):
            return is_public(IPv4Address(int(address) & 0xFFFF_FFFF))
        if address not in _GLOBAL_UNICAST:
            return False
    return not any(address in network for network in _SPECIAL)


async def download(
    url: str,
    into: Path,
    limits: DownloadLimits,
    *,
    sniff: Sniff,
    resolver: AbstractResolver | None = None,
    is_allowed: Callable[[Address], bool] = is_public,
) -> Downloaded:
    """Fetch a sound by a link that leads to the file itself. When cancelled, or failed, it leaves nothing behind.

    Neither proxies nor cookies nor passwords are used. Each redirect is looked at as the link was, and the very address
    that was allowed is connected to.

    Args:
        url: What someone gave; anything.
        into: The folder to write to, which must be there.
        limits: How much it may ask for.
        sniff: Tells the container by a file's bytes; what the server says of it does not count.
        resolver: Finds addresses; None: as the machine does.
        is_allowed: Says which addresses may be connected to; all of a host's have to be.

    Raises:
        DownloadError: The link leads to no sound, or not to the public internet, or breaks a limit.
    """
    start = _checked(url, limits)
    part = unfinished(into)
    async with contextlib.AsyncExitStack() as failed:
        failed.push_async_callback(_in_thread, remove, part)
        try:
            async with asyncio.timeout(limits.total_seconds), _session(limits, resolver, is_allowed) as session:
                async with await _open(session, start, limits) as response:
                    size, sha256 = await _receive(response, part, limits)
                name = await _name(response, part, sniff)
        except TimeoutError as error:
            raise DownloadError(
                f"The download takes longer than {limits.total_seconds:g} s: send the file itself instead"
            ) from error
        failed.pop_all()
    return Downloaded(part, name, _host(response.url), size, sha256)


class _AllowedResolver(AbstractResolver):
    """Finds only addresses that may be connected to; it is asked once for each connection, which takes what it says."""

    def __init__(self, resolver: AbstractResolver, is_allowed: Callable[[Address], bool]) -> None:
        self._resolver = resolver
        self._is_allowed = is_allowed

    async def resolve(
        self, host: str, port: int = 0, family: AddressFamily = AddressFamily.AF_INET
    ) -> list[ResolveResult]:
        found = await self._resolver.resolve(host, port, family)
        if not found:
            raise OSError(None, "no address")
        if not all(self._is_allowed(ip_address(result["host"])) for result in found):
            raise DownloadError(f"{host} is not on the public internet: give a link that everybody can open")
        return found

    async def close(self) -> None:
        await self._resolver.close()


def _session(
    limits: DownloadLimits, resolver: AbstractResolver | None, is_allowed: Callable[[Address], bool]
) -> aiohttp.ClientSession:
    allowed = _AllowedResolver(resolver or aiohttp.ThreadedResolver(), is_allowed)
    return aiohttp.ClientSession(
        connector=aiohttp.TCPConnector(resolver=allowed, use_dns_cache=False, force_close=True),
        timeout=aiohttp.ClientTimeout(sock_connect=limits.idle_seconds, sock_read=limits.idle_seconds),
        headers={hdrs.ACCEPT_ENCODING: "identity", hdrs.USER_AGENT: f"jeffbot/{__version__}"},
        cookie_jar=aiohttp.DummyCookieJar(),
        auto_decompress=False,
        trust_env=False,
    )


def _checked(text: str, limits: DownloadLimits, base: URL | None = None) -> URL:
    """A link that may be followed.

    Raises:
        DownloadError: It may not.
    """
    text = text.strip()
    if len(text) > MAX_URL_CHARS or not text.isprintable():
        raise DownloadError("That is no link to a file: copy it again")
    try:
        url = base.join(URL(text)) if base else URL(text)
    except ValueError as error:
        raise DownloadError("That is no link to a file: copy it again") from error
    host = _host(url)
    if url.scheme not in {"http", "https"} or not host:
        raise DownloadError("That is no link to a file: give one that begins with https://")
    if url.raw_user is not None or url.raw_password is not None:
        raise DownloadError("Links with a name or a password in them are not followed: give one without")
    if not _HOST.fullmatch(host) or _NUMBER.fullmatch(host.rpartition(".")[2]):
        raise DownloadError("Only links with the name of a site in them are followed: give one without an address")
    if url.port not in limits.ports:
        raise DownloadError(f"Links to a port of their own are not followed: give one without, to {host} alone")
    return url


def _host(url: URL) -> str:
    return (url.raw_host or "").lower().removesuffix(".")


async def _open(session: aiohttp.ClientSession, url: URL, limits: DownloadLimits) -> aiohttp.ClientResponse:
    """The answer to a link, redirects followed.

    Raises:
        DownloadError: There is none, or it is no file.
    """
    for _ in range(MAX_REDIRECTS + 1):
        with _network_in_words(_host(url), limits):
            response = await session.get(url, allow_redirects=False)
        location = response.headers.get(hdrs.LOCATION) if response.status in _REDIRECTS else None
        if location is None:
            return response
        response.close()
        url = _checked(location, limits, base=url)
    raise DownloadError(f"The link leads on more than {MAX_REDIRECTS} times: give the link of the file itself")


async def _receive(response: aiohttp.ClientResponse, part: Path, limits: DownloadLimits) -> tuple[int, str]:
    """Write what is sent to a file; its size and SHA-256.

    Raises:
        DownloadError: It is not to be had, or too large, or cannot be written.
    """
    host = _host(response.url)
    too_large = f"The file is larger than {megabytes(limits.max_bytes)}: give a link to a smaller one"
    if response.status != 200:
        raise DownloadError(_status_in_words(host, response.status))
    if response.headers.get(hdrs.CONTENT_ENCODING, "identity").lower() != "identity":
        raise DownloadError(f"{host} sends the file compressed, which was not asked for: send the file itself instead")
    if (response.content_length or 0) > limits.max_bytes:
        raise DownloadError(too_large)
    digest, size, piece = hashlib.sha256(), 0, bytearray()
    with _network_in_words(host, limits):
        async for chunk in response.content.iter_chunked(PIECE_BYTES):
            size += len(chunk)
            if size > limits.max_bytes:
                raise DownloadError(too_large)
            piece += chunk
            if len(piece) >= PIECE_BYTES:
                await _in_thread(_append, part, piece, digest.update)
                piece.clear()
    if not size:
        raise DownloadError(f"{host} sent an empty file: look at the link again")
    await _in_thread(_append, part, piece, digest.update)
    return size, digest.hexdigest()


def _append(part: Path, piece: bytearray, count: Callable[[bytearray], object]) -> None:
    count(piece)
    with part.open("ab") as out:
        out.write(piece)


async def _name(response: aiohttp.ClientResponse, part: Path, sniff: Sniff) -> str:
    """What the file may be called.

    Raises:
        DownloadError: It is no sound.
    """
    container = await _in_thread(sniff, part)
    if container is None:
        if await _in_thread(_is_page, part):
            raise DownloadError(
                "That link leads to a page, not to a sound file: open the page, and copy the link of the sound itself"
            )
        raise DownloadError(f"That link leads to no sound file that can be read: give one to {READABLE}")
    said = response.headers.get(hdrs.CONTENT_DISPOSITION, "")
    if extended := _EXTENDED_NAME.search(said):
        name = unquote(extended[1], errors="replace")
    elif plain := _PLAIN_NAME.search(said):
        name = plain[2] or re.sub(r"\\(.)", r"\1", plain[1])
    else:
        name = response.url.name
    return clean_name(name, container)


def _is_page(part: Path) -> bool:
    """Whether a file begins as HTML and XML do, and no sound does."""
    with part.open("rb") as opened:
        return opened.read(PIECE_BYTES).removeprefix(b"\xef\xbb\xbf").lstrip().startswith(b"<")


def _status_in_words(host: str, status: int) -> str:
    match status:
        case 401 | 403:
            return f"{host} does not give that file to everybody (status {status}): send the file itself instead"
        case 404 | 410:
            return f"{host} has nothing at that link (status {status}): look at the link again"
    return f"{host} does not give that file now (status {status}): try again later, or send the file itself"


@contextlib.contextmanager
def _network_in_words(host: str, limits: DownloadLimits) -> Iterator[None]:
    """Say what went wrong between us and a host.

    Raises:
        DownloadError: In place of what aiohttp raises.
    """
    try:
        yield
    except aiohttp.ServerTimeoutError as error:
        raise DownloadError(f"{host} sent nothing for {limits.idle_seconds:g} s: try again later") from error
    except aiohttp.ClientConnectorDNSError as error:
        raise DownloadError(f"There is no {host}: look at the link again") from error
    except aiohttp.ClientSSLError as error:
        raise DownloadError(f"{host} cannot show that it is {host}: give a link to another site") from error
    except aiohttp.ClientConnectorError as error:
        raise DownloadError(f"{host} cannot be reached: try again later") from error
    except aiohttp.ClientError as error:
        raise DownloadError(f"What {host} sends breaks off, or is not understood: try again later") from error


async def _in_thread[*A, T](work: Callable[[*A], T], *args: *A) -> T:
    """Do something with the disk, to its end also when cancelled: nobody writes to a file that is being removed.

    Raises:
        DownloadError: The disk refuses.
    """
    running = asyncio.get_running_loop().run_in_executor(None, functools.partial(work, *args))
    cancelled: asyncio.CancelledError | None = None
    while not running.done():
        try:
            await asyncio.wait([running])
        except asyncio.CancelledError as error:
            cancelled = error
    trouble = running.exception()
    if cancelled:
        raise cancelled
    if isinstance(trouble, OSError):
        raise DownloadError(disk_trouble(trouble, "folder for downloads")) from trouble
    return running.result()
