"""What a link brings, where it may lead, and what it can do to the machine: nothing."""

import asyncio
import contextlib
import hashlib
import socket
import threading
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass, field
from ipaddress import ip_address
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web
from aiohttp.abc import AbstractResolver, ResolveResult
from hypothesis import example, given, settings
from hypothesis import strategies as st
from yarl import URL

from jeffbot.audio.formats import sniff
from jeffbot.library.download import (
    MAX_REDIRECTS,
    PIECE_BYTES,
    Downloaded,
    DownloadError,
    DownloadLimits,
    download,
    is_public,
)
from jeffbot.library.ingest import UNFINISHED
from jeffbot.sandbox.tls import Authority
from staging import write_tone

SITE, OTHER, INSIDE = "site.test", "other.test", "inside.test"
ADDRESSES = {SITE: ["127.0.0.1"], OTHER: ["127.0.0.1"], INSIDE: ["127.0.0.2"], "both.test": ["127.0.0.1", "127.0.0.2"]}
MAX = 1 << 20


@dataclass
class Names(AbstractResolver):
    """DNS, of which a name may have other addresses each time it is asked for."""

    asked: list[str] = field(default_factory=list)
    next: dict[str, list[list[str]]] = field(default_factory=dict)

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_INET
    ) -> list[ResolveResult]:
        assert family == socket.AF_UNSPEC
        self.asked.append(host)
        later = self.next.get(host)
        addresses = later.pop(0) if later else ADDRESSES.get(host)
        if addresses is None:
            raise OSError(None, "no such name")
        return [
            ResolveResult(hostname=host, host=address, port=port, family=socket.AF_INET, proto=0, flags=0)
            for address in addresses
        ]

    async def close(self) -> None:
        """There is nothing to close."""


@dataclass
class Web:
    """Two web servers on one port: 127.0.0.1 stands for the public internet, 127.0.0.2 for the inside of a network."""

    folder: Path
    """Where downloads go."""
    port: int
    names: Names
    sound: bytes
    pages: dict[str, Callable[[web.Request], Awaitable[web.StreamResponse]]] = field(default_factory=dict)
    requests: list[web.Request] = field(default_factory=list)
    inside: list[str] = field(default_factory=list)
    """Paths that were asked for inside."""

    def url(self, path: str = "/horn.wav", host: str = SITE) -> str:
        """A link."""
        return f"http://{host}:{self.port}{path}"

    def give(self, path: str = "/horn.wav", body: bytes | None = None, **response: Any) -> str:
        """Have something at a path; its link."""

        async def page(_: web.Request) -> web.Response:
            return web.Response(**{"body": self.sound if body is None else body, **response})

        self.pages[URL(path).path] = page
        return self.url(path)

    def lead(self, path: str, to: str, status: int = 302) -> str:
        """Have a redirect at a path; its link."""
        return self.give(path, b"", status=status, headers={"Location": to})

    async def fetch(self, url: str, **limits: Any) -> Downloaded:
        """Download, as if 127.0.0.1 were public and the port were usual."""
        allowed = {"max_bytes": MAX, "total_seconds": 20, "ports": frozenset({self.port}), **limits}
        return await download(
            url,
            self.folder,
            DownloadLimits(**allowed),
            sniff=sniff,
            resolver=self.names,
            is_allowed=lambda address: is_public(address) or address == ip_address("127.0.0.1"),
        )

    async def refuse(self, url: str, words: str, **limits: Any) -> None:
        """Download, and see it refused in these words, with nothing left behind."""
        with pytest.raises(DownloadError, match=words) as caught:
            await self.fetch(url, **limits)
        assert "secret" not in str(caught.value)
        assert not [*self.folder.iterdir()]


@pytest.fixture
async def internet(tmp_path: Path) -> AsyncIterator[Web]:
    """The servers."""
    sound = write_tone(tmp_path / "sounds" / "tone.wav", 440, seconds=2).read_bytes()
    folder = tmp_path / "downloads"
    folder.mkdir()
    public = socket.create_server(("127.0.0.1", 0))
    port = public.getsockname()[1]
    this = Web(folder, port, Names(), sound)

    async def answer(request: web.Request) -> web.StreamResponse:
        this.requests.append(request)
        page = this.pages.get(request.path)
        return await page(request) if page else web.Response(status=404)

    async def inside(request: web.Request) -> web.StreamResponse:
        this.inside.append(request.path)
        return web.Response(body=sound)

    async with contextlib.AsyncExitStack() as stack:
        for handler, listening in ((answer, public), (inside, socket.create_server(("127.0.0.2", port)))):
            runner = web.ServerRunner(web.Server(handler), shutdown_timeout=0.1)  # type: ignore[arg-type]
            await runner.setup()
            stack.push_async_callback(runner.cleanup)
            await web.SockSite(runner, listening).start()
        yield this


# What comes


async def test_a_sound(internet: Web) -> None:
    """A sound comes whole, under a hidden name, and is described."""
    got = await internet.fetch(internet.give("/horns/Air%20horn.wav?token=secret"))

    assert got.file.read_bytes() == internet.sound
    assert got.file.parent == internet.folder
    assert got.file.name.startswith(UNFINISHED)
    assert got[1:] == (
        "Air horn.wav",
        SITE,
        len(internet.sound),
        hashlib.sha256(internet.sound).hexdigest(),
    )


async def test_little_by_little(internet: Web) -> None:
    """It comes whole also where it is sent in small pieces."""

    async def page(request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse()
        await response.prepare(request)
        for start in range(0, len(internet.sound), 5000):
            await response.write(internet.sound[start : start + 5000])
            await asyncio.sleep(0)
        return response

    internet.pages["/horn.wav"] = page
    got = await internet.fetch(internet.url())

    assert got.file.read_bytes() == internet.sound
    assert got.sha256 == hashlib.sha256(internet.sound).hexdigest()


async def test_what_is_sent(internet: Web, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing but the request for the file goes out: no proxy, password or cookie, and no compression."""
    for name in ("http_proxy", "HTTP_PROXY", "all_proxy"):
        monkeypatch.setenv(name, f"http://127.0.0.2:{internet.port}")
    netrc = internet.folder.with_name("netrc")
    netrc.write_text(f"machine {SITE} login me password secret\n")
    monkeypatch.setenv("NETRC", str(netrc))
    internet.give("/b.wav")
    response = {"status": 302, "headers": {"Location": "/b.wav", "Set-Cookie": "a=b"}}
    await internet.fetch(internet.give("/a.wav", b"", **response))

    for request in internet.requests:
        assert set(request.headers) == {"Host", "Accept", "Accept-Encoding", "User-Agent", "Connection"}
        assert request.headers["Accept-Encoding"] == "identity"
    assert [request.path for request in internet.requests] == ["/a.wav", "/b.wav"]
    assert internet.inside == []


@pytest.mark.parametrize(
    ("said", "name"),
    [
        ('attachment; filename="My horn.wav"', "My horn.wav"),
        ("inline; filename=horn.mp3", "horn.wav"),
        ("attachment; filename=\"x.wav\"; filename*=UTF-8''%E2%82%AC%20rates.wav", "€ rates.wav"),
        ('attachment; filename="../../etc/cron.d/\\"x\\".wav"', "x.wav"),
        ("attachment; filename*=UTF-8''%2e%2e%2Fx%00%ff.wav", "x\ufffd.wav"),
        ("attachment", "fromlink.wav"),
        ('attachment; filename="', "fromlink.wav"),
        ("filename==;;''\"\\", "=.wav"),
    ],
)
async def test_names(internet: Web, said: str, name: str) -> None:
    """What it may be called is what the server says, else what the link ends in; always a sound's clean name."""
    got = await internet.fetch(internet.give("/x/fromlink.wav", headers={"Content-Disposition": said}))

    assert got.name == name


async def test_link_without_a_name(internet: Web) -> None:
    """Without any name there is one from what it is."""
    assert (await internet.fetch(internet.give("/"))).name == "sound.wav"


@pytest.mark.parametrize(
    ("body", "kind", "words"),
    [
        (b"<!DOCTYPE html><p>secret", "audio/mpeg", "leads to a page, not to a sound file"),
        (b"\xef\xbb\xbf\n <html>", "text/html", "leads to a page, not to a sound file"),
        (b"#EXTM3U\nhttp://secret/", "audio/x-mpegurl", "no sound file that can be read: give one to aac"),
        (b"", "audio/wav", "empty file"),
    ],
)
async def test_no_sound(internet: Web, body: bytes, kind: str, words: str) -> None:
    """What is no sound by its bytes is refused, whatever the server calls it."""
    await internet.refuse(internet.give(body=body, content_type=kind), words)


async def test_sound_called_a_page(internet: Web) -> None:
    """What is a sound by its bytes is taken, whatever the server calls it."""
    assert (await internet.fetch(internet.give("/horn.html", content_type="text/html"))).name == "horn.html.wav"


@pytest.mark.parametrize(
    ("status", "words"),
    [(403, "to everybody"), (404, "nothing at that link"), (500, "try again later"), (206, "try again"), (302, "302")],
)
async def test_status(internet: Web, status: int, words: str) -> None:
    """Any answer but 200 is refused in words."""
    await internet.refuse(internet.give(status=status), words)


# How much


async def test_announced_size(internet: Web) -> None:
    """What says that it is too large is not begun with."""
    asked = asyncio.Event()

    async def page(request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse(headers={"Content-Length": str(MAX + 1)})
        await response.prepare(request)
        asked.set()
        await asyncio.Event().wait()
        return response

    internet.pages["/horn.wav"] = page
    await internet.refuse(internet.url(), "larger than 1 MiB")
    assert asked.is_set()


async def test_endless(internet: Web) -> None:
    """What goes on and on is cut off at the limit."""
    sent = 0

    async def page(request: web.Request) -> web.StreamResponse:
        nonlocal sent
        response = web.StreamResponse()
        await response.prepare(request)
        with contextlib.suppress(ConnectionError):
            while sent < 64 * MAX:
                await response.write(bytes(PIECE_BYTES))
                sent += PIECE_BYTES
        return response

    internet.pages["/horn.wav"] = page
    await internet.refuse(internet.url(), "larger than 1 MiB")
    assert sent < 32 * MAX


async def test_just_small_enough(internet: Web) -> None:
    """The limit itself is allowed."""
    got = await internet.fetch(internet.give(), max_bytes=len(internet.sound))
    assert got.size == len(internet.sound)
    got.file.unlink()
    await internet.refuse(internet.url(), "larger than", max_bytes=len(internet.sound) - 1)


async def test_compressed(internet: Web) -> None:
    """What comes compressed though that was not asked for is not unpacked."""
    await internet.refuse(internet.give(headers={"Content-Encoding": "gzip"}), "compressed")


def drip(
    first: bytes, pause: Callable[[], Awaitable[object]]
) -> Callable[[web.Request], Awaitable[web.StreamResponse]]:
    """A page that sends something, and then a byte after each pause."""

    async def page(request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse()
        await response.prepare(request)
        await response.write(first)
        with contextlib.suppress(ConnectionError):
            while True:
                await pause()
                await response.write(b"x")
        return response

    return page


async def test_silence(internet: Web) -> None:
    """A host that stops sending is not waited for."""
    internet.pages["/horn.wav"] = drip(bytes(2 * PIECE_BYTES), asyncio.Event().wait)

    await internet.refuse(internet.url(), r"site\.test sent nothing for 0\.1 s", idle_seconds=0.1)


async def test_trickle(internet: Web) -> None:
    """A host that sends a byte now and then is not waited for either."""
    internet.pages["/horn.wav"] = drip(bytes(2 * PIECE_BYTES), lambda: asyncio.sleep(0.02))

    await internet.refuse(internet.url(), r"longer than 0\.3 s", total_seconds=0.3)


async def test_breaks_off(internet: Web) -> None:
    """Half a file is no file."""

    async def page(request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse(headers={"Content-Length": str(len(internet.sound))})
        await response.prepare(request)
        await response.write(internet.sound[:PIECE_BYTES])
        assert request.transport
        request.transport.close()
        return response

    internet.pages["/horn.wav"] = page
    await internet.refuse(internet.url(), "breaks off")


async def test_cancelled(internet: Web) -> None:
    """Cancelled while it is being written, it leaves nothing behind."""
    internet.pages["/horn.wav"] = drip(bytes(2 * PIECE_BYTES), asyncio.Event().wait)
    fetching = asyncio.create_task(internet.fetch(internet.url()))
    async with asyncio.timeout(20):
        while not [*internet.folder.iterdir()]:
            await asyncio.sleep(0.001)
    fetching.cancel()

    with pytest.raises(asyncio.CancelledError):
        await fetching
    assert not [*internet.folder.iterdir()]


async def test_cancelled_while_the_disk_works(internet: Web) -> None:
    """Cancelled, and once more, while a thread has the file: it waits for the thread, and then nothing is left."""
    began, go_on = asyncio.Event(), threading.Event()
    loop = asyncio.get_running_loop()

    def slow(file: Path) -> str:
        loop.call_soon_threadsafe(began.set)
        assert go_on.wait(20)
        file.write_bytes(b"late")
        return "wav"

    limits = DownloadLimits(max_bytes=MAX, ports=frozenset({internet.port}))
    url = internet.give()
    fetching = asyncio.create_task(
        download(url, internet.folder, limits, sniff=slow, resolver=internet.names, is_allowed=lambda _: True)
    )
    await began.wait()
    for _ in range(2):
        fetching.cancel()
        await asyncio.sleep(0)
        assert not fetching.done()
    go_on.set()

    with pytest.raises(asyncio.CancelledError):
        await fetching
    assert not [*internet.folder.iterdir()]


async def test_folder_is_gone(internet: Web) -> None:
    """A folder that cannot be written to is told as such."""
    internet.folder.rmdir()

    with pytest.raises(DownloadError, match="folder for downloads is gone"):
        await internet.fetch(internet.give())


# Where to


async def test_redirects(internet: Web) -> None:
    """Redirects are followed, to other hosts too; the last host is named."""
    internet.give("/end.wav")
    internet.lead("/3", internet.url("/end.wav", OTHER), 308)
    internet.lead("/2", f"//{SITE}:{internet.port}/3#x", 307)

    got = await internet.fetch(internet.lead("/1", "2", 301))
    assert (got.host, got.name) == (OTHER, "end.wav")
    assert internet.names.asked == [SITE, SITE, SITE, OTHER]


async def test_many_redirects(internet: Web) -> None:
    """They are followed five times."""
    for number in range(MAX_REDIRECTS + 1):
        internet.lead(f"/{number}", f"/{number + 1}")
    internet.give(f"/{MAX_REDIRECTS + 1}")

    assert (await internet.fetch(internet.url("/1"))).size
    for file in internet.folder.iterdir():
        file.unlink()
    await internet.refuse(internet.url("/0"), "leads on more than 5 times")


async def test_redirect_inside(internet: Web) -> None:
    """A host that is allowed cannot send us to one that is not."""
    await internet.refuse(internet.lead("/x", internet.url("/secret", INSIDE)), r"inside\.test is not on the public")
    assert internet.inside == []


@pytest.mark.parametrize(
    "target",
    [
        "http://127.0.0.2:{port}/secret",
        "http://2130706434:{port}/secret",
        "http://[::ffff:7f00:2]:{port}/secret",
        "//0x7f.2:{port}/secret",
        "http://me:secret@site.test:{port}/",
        "http://site.test:22/secret",
        "file:///etc/passwd",
        "ftp://site.test/secret",
        "http://[secret/",
        "https:\\\\secret",
        "data:audio/wav,secret",
        "http://" + "secret" * 400,
    ],
)
async def test_bad_redirect(internet: Web, target: str) -> None:
    """A redirect is looked at as the link was."""
    await internet.refuse(internet.lead("/x", target.format(port=internet.port)), "link|Links")
    assert internet.inside == []
    assert len(internet.requests) == 1


async def test_one_address_of_two(internet: Web) -> None:
    """All addresses of a host have to be allowed, or the wrong one might be taken."""
    await internet.refuse(internet.url("/secret", "both.test"), "not on the public internet")
    assert internet.inside == []


async def test_rebinding(internet: Web) -> None:
    """What was looked at is what is connected to, though the name has another address the next time it is asked for."""
    internet.give()
    internet.names.next[SITE] = [["127.0.0.1"], ["127.0.0.2"], ["127.0.0.2"]]

    assert (await internet.fetch(internet.url())).host == SITE
    assert internet.names.asked == [SITE]
    (file,) = internet.folder.iterdir()
    file.unlink()
    await internet.refuse(internet.url(), "not on the public internet")
    assert internet.inside == []


async def test_no_such_host(internet: Web) -> None:
    """A name that there is not, or without an address, is told as such, and so is a host that does not answer."""
    await internet.refuse(internet.url("/secret", "nowhere.test"), r"There is no nowhere\.test")
    internet.names.next[SITE] = [[]]
    await internet.refuse(internet.url("/secret"), r"There is no site\.test")
    with socket.create_server(("127.0.0.1", 0)) as taken:
        closed = taken.getsockname()[1]
    await internet.refuse(f"http://{SITE}:{closed}/secret", "cannot be reached", ports=frozenset({closed}))


async def test_tls(internet: Web, tmp_path: Path) -> None:
    """Where the link asks for TLS the host has to show who it is; a certificate of its own making does not."""
    internet.give()
    await internet.refuse(internet.url().replace("http:", "https:"), r"site\.test cannot show that it is")
    forged = web.ServerRunner(web.Server(internet.pages["/horn.wav"]))  # type: ignore[arg-type]
    await forged.setup()
    with socket.create_server(("127.0.0.1", 0)) as listening:
        port = listening.getsockname()[1]
        await web.SockSite(forged, listening, ssl_context=Authority(tmp_path).server_context()).start()
        await internet.refuse(f"https://{SITE}:{port}/", "cannot show that it is", ports=frozenset({port}))
        await forged.cleanup()
    assert internet.requests == []


async def test_real_resolver(internet: Web) -> None:
    """By the machine's own names and the usual policy, what is on this machine is not reached."""
    limits = DownloadLimits(max_bytes=MAX, ports=frozenset({internet.port}))
    with pytest.raises(DownloadError, match="localhost is not on the public internet"):
        await download(internet.url(host="localhost"), internet.folder, limits, sniff=sniff)
    assert internet.requests == []


@pytest.mark.parametrize(
    "link",
    [
        "",
        "horn.wav",
        "/horn.wav",
        "ftp://site.test/x",
        "ws://site.test/x",
        "file:///etc/passwd",
        "http:///x",
        "http://site.test\\@other.test/",
        "http://me@site.test/",
        "http://:secret@site.test/",
        "http://site.test:22/",
        "http://site.test:99999/",
        "http://127.0.0.1/",
        "http://127.1/",
        "http://0/",
        "http://2130706433/",
        "http://0x7f000001/",
        "http://0x7f.0x1/",
        "http://0177.0.0.1/",
        "http://127.0.0.1./",
        "http://\uff11\uff12\uff17.\uff10.\uff10.\uff11/",
        "http://127。0。0。1/",
        "http://8.8.8.8/",
        "http://[::1]/",
        "http://[::ffff:127.0.0.1]/",
        "http://[fe80::1%25eth0]/",
        "http://127%2e0.0.1/",
        "http://a..b/",
        "http://-a.test/",
        "http://" + "a" * 64 + ".test/",
        "http://" + "a." * 127 + "test/",
        "http://site.test/\nHost: x",
        "http://site.test/" + "a" * 2048,
    ],
)
async def test_bad_links(tmp_path: Path, link: str) -> None:
    """What is no link to a named host's file is refused before anything is asked for."""
    names = Names()
    with pytest.raises(DownloadError, match=r"link|Links"):
        await download(link, tmp_path, DownloadLimits(max_bytes=MAX), sniff=sniff, resolver=names)
    assert names.asked == []


@pytest.mark.parametrize(
    ("link", "asked"),
    [
        ("http://BÜCHER.example/", "xn--bcher-kva.example"),
        ("https://faß.example/", "xn--fa-hia.example"),
        (" HTTP://Site.Example:80/ä b.mp3?x=ö#y ", "site.example"),
        ("https://a_b.example./x", "a_b.example"),
        ("http://localhost/", "localhost"),
    ],
)
async def test_hosts(tmp_path: Path, link: str, asked: str) -> None:
    """Names are asked for in the form that DNS has (IDNA 2008)."""
    names = Names()
    with pytest.raises(DownloadError, match=f"There is no {asked}: "):
        await download(link, tmp_path, DownloadLimits(max_bytes=MAX), sniff=sniff, resolver=names)
    assert [name.removesuffix(".") for name in names.asked] == [asked]


@settings(deadline=None)
@given(
    st.text(st.characters(codec=None), max_size=60)
    | st.text("htps:/@[].%#?\\0x1f7a-_:é。\uff11", max_size=40).map("http://".__add__)
    | st.builds("http://{}:{}/{}".format, st.text(max_size=20), st.text(max_size=6), st.text(max_size=20))
)
@example("http://xn--/")
@example("http://xn--0.test/")
def test_any_link(link: str) -> None:
    """Whatever is given, the answer is words, and only names are ever asked for."""
    names = Names()
    with pytest.raises(DownloadError) as caught:
        asyncio.run(download(link, Path("none"), DownloadLimits(max_bytes=MAX), sniff=sniff, resolver=names))

    assert str(caught.value).isascii()
    assert str(caught.value).isprintable()
    for name in names.asked:
        with pytest.raises(OSError, match=r"known|provided"):
            socket.getaddrinfo(name.removesuffix("."), None, flags=socket.AI_NUMERICHOST)


NOT_PUBLIC = """
    0.0.0.0 0.1.2.3 10.0.0.1 100.64.0.1 100.100.100.200 127.0.0.1 127.255.255.255 169.254.169.254 172.16.0.1
    172.31.255.255 192.0.0.1 192.0.0.170 192.0.2.1 192.88.99.1 192.168.1.1 198.18.0.1 198.19.255.255 198.51.100.1
    203.0.113.1 224.0.0.1 239.255.255.250 240.0.0.1 255.255.255.255 168.63.129.16
    :: ::1 ::7f00:1 ::ffff:127.0.0.1 ::ffff:10.0.0.1 ::ffff:169.254.169.254 64:ff9b::7f00:1 64:ff9b::10.0.0.1
    64:ff9b:1::808:808 100::1 2001::1 2001:0:a00:1:: 2001:2::1 2001:10::1 2001:20::1 2001:db8::1 2002:7f00:1::
    2002:a00:1::1 2002:808:808:: 3ffe::1 3fff::1 4000::1 5f00::1 fc00::1 fd00:ec2::254 fe80::1 fe80::1%1
    fec0::1 ff02::1
"""


@pytest.mark.parametrize("address", NOT_PUBLIC.split())
def test_not_public(address: str) -> None:
    """Addresses that are not on the public internet, in whatever they are wrapped."""
    assert not is_public(ip_address(address))


PUBLIC = """
    1.1.1.1 8.8.8.8 9.255.255.255 11.0.0.0 100.63.255.255 100.128.0.0 126.255.255.255 128.0.0.0 172.15.255.255
    172.32.0.0 192.167.255.255 192.169.0.0 223.255.255.255 ::ffff:8.8.8.8 64:ff9b::8.8.8.8 2001:200::1
    2001:4860:4860::8888 2606:4700::1111 2a00:1450::1
"""


@pytest.mark.parametrize("address", PUBLIC.split())
def test_public(address: str) -> None:
    """Addresses that everybody can reach, among them the neighbours of those above."""
    assert is_public(ip_address(address))
