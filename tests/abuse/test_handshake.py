"""Whoever connects and does not shake hands as RFC 6455 has it is told so, or is gone before long."""

import asyncio
from collections.abc import Callable
from contextlib import AsyncExitStack
from pathlib import Path

import pytest

from abuse.invariants import House, inhabited, no_growth
from abuse.raw import KEY, handshake, line
from jeffbot.ws import listener
from jeffbot.ws.listener import SECURITY_HEADERS, SERVER_NAME
from serving import FakeService, make_server

GOOD = 101
MOST_SECONDS = 15.0
"""How long a handshake may take at most."""


@pytest.mark.parametrize(
    ("status", "more", "changed"),
    [
        pytest.param(GOOD, [], {}, id="as it should be"),
        pytest.param(GOOD, [], {"connection": "keep-alive, Upgrade"}, id="upgrade among others"),
        pytest.param(GOOD, ["Connection: keep-alive"], {}, id="connection twice"),
        pytest.param(
            GOOD, ["Sec-WebSocket-Extensions: permessage-deflate; server_max_window_bits=99"], {}, id="odd extension"
        ),
        pytest.param(GOOD, ["Sec-WebSocket-Protocol: chat, \xff"], {}, id="odd subprotocols"),
        pytest.param(426, [], {"upgrade": None}, id="no upgrade"),
        pytest.param(426, [], {"upgrade": "h2c"}, id="upgrade to something else"),
        pytest.param(400, [], {"connection": None}, id="no connection"),
        pytest.param(400, [], {"connection": "close"}, id="connection to be closed"),
        pytest.param(400, [], {"sec_websocket_key": None}, id="no key"),
        pytest.param(400, [], {"sec_websocket_key": "nonsense"}, id="key is no base64"),
        pytest.param(400, [], {"sec_websocket_key": "YWJj"}, id="key too short"),
        pytest.param(400, [f"Sec-WebSocket-Key: {KEY}"], {}, id="two keys"),
        pytest.param(400, [], {"sec_websocket_version": None}, id="no version"),
        *(
            pytest.param(426, [], {"sec_websocket_version": version}, id=f"version {version}")
            for version in ("0", "7", "8", "14", "x")
        ),
        pytest.param(426, ["Sec-WebSocket-Version: 8"], {}, id="two versions"),
        pytest.param(400, [], {"start": "POST / HTTP/1.1"}, id="posted"),
        pytest.param(400, [], {"start": "GET / HTTP/1.0"}, id="HTTP 1.0"),
        pytest.param(400, ["Content-Length: 5"], {}, id="with a body"),
        pytest.param(400, ["Transfer-Encoding: chunked"], {}, id="with a chunked body"),
        pytest.param(403, [], {"origin": "https://evil.example"}, id="hostile origin"),
        pytest.param(403, [], {"origin": "null"}, id="no page of a site"),
        pytest.param(403, [], {"origin": ""}, id="empty origin"),
        pytest.param(403, ["Origin: http://127.0.0.1", "Origin: http://127.0.0.1"], {}, id="two origins"),
        pytest.param(403, [], {"origin": "http://evil.example", "host": "evil.example"}, id="rebound name"),
    ],
)
async def test_headers(house: House, status: int, more: list[str], changed: dict[str, str | None]) -> None:
    """Each header of the handshake is what it has to be, once; else the answer says what is wrong."""
    house.lines = int(status == 403)
    async with line(house.port) as tcp:
        await tcp.send(handshake(house.port, *more, **changed))  # type: ignore[arg-type]
        response = await tcp.response()

    assert response.status == status
    assert response.header("Server") == SERVER_NAME


async def test_version_that_is_spoken(house: House) -> None:
    """Who speaks another version is told which one is spoken here (RFC 6455, section 4.4)."""
    async with line(house.port) as tcp:
        await tcp.send(handshake(house.port, sec_websocket_version="8"))

        assert (await tcp.response()).header("Sec-WebSocket-Version") == "13"


BROKEN: dict[str, Callable[[int], bytes]] = {
    "huge header": lambda port: handshake(port, "X: " + "a" * 100_000),
    "ten thousand headers": lambda port: handshake(port, *(f"X-{number}: 1" for number in range(10_000))),
    "huge path": lambda port: handshake(port, start="GET /" + "a" * 100_000 + " HTTP/1.1"),
    "long method": lambda port: handshake(port, start="A" * 9000 + " / HTTP/1.1"),
    "no host": lambda port: handshake(port, host=None),
    "two hosts": lambda port: handshake(port, "Host: evil.example"),
    "nul in the path": lambda port: handshake(port, start="GET /\0 HTTP/1.1"),
    "eight bits in the path": lambda port: handshake(port, start="GET /\xff\xfe HTTP/1.1"),
    "no slash": lambda port: handshake(port, start="GET x HTTP/1.1"),
    "broken address": lambda port: handshake(port, start="GET http://[ HTTP/1.1"),
    "HTTP 1.9": lambda port: handshake(port, start="GET / HTTP/1.9"),
    "HTTP 2": lambda _: b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
    "HTTP 3": lambda port: handshake(port, start="GET / HTTP/3.0"),
    "method in small letters": lambda port: handshake(port, start="get / HTTP/1.1"),
    "unknown method": lambda port: handshake(port, start="FROB / HTTP/1.1"),
    "header goes on in the next line": lambda port: handshake(port, "X: a", " b"),
    "bare line feeds": lambda port: handshake(port).replace(b"\r\n", b"\n"),
    "bare carriage return": lambda port: handshake(port, "X: a\rb"),
    "space before the colon": lambda port: handshake(port, "X : a"),
    "nul in a header": lambda port: handshake(port, "X: a\0b"),
    "no colon": lambda port: handshake(port, "nonsense"),
    "no name": lambda port: handshake(port, ": a"),
    "PROXY line": lambda port: b"PROXY TCP4 1.2.3.4 5.6.7.8 1 2\r\n" + handshake(port),
    "PROXY version 2": lambda port: b"\r\n\r\n\0\r\nQUIT\n\x21\x11\0\x0c" + bytes(12) + handshake(port),
    "TLS": lambda _: bytes.fromhex("16030100c4010000c00303") + bytes(range(190)),
    "garbage": lambda _: bytes(range(256)),
    "two lengths": lambda _: _post("Content-Length: 6", "Content-Length: 7", body="1234567"),
    "length and chunks": lambda _: _post("Content-Length: 6", "Transfer-Encoding: chunked", body="0\r\n\r\nX"),
    "chunked twice": lambda _: _post("Transfer-Encoding: chunked, chunked", body="0\r\n\r\n"),
    "identity": lambda _: _post("Transfer-Encoding: identity", body="{}"),
    "unknown transfer encoding": lambda _: _post("Transfer-Encoding: xchunked", body="0\r\n\r\n"),
    "negative length": lambda _: _post("Content-Length: -1"),
    "signed length": lambda _: _post("Content-Length: +2", body="{}"),
    "length beyond all integers": lambda _: _post("Content-Length: " + "9" * 30, body="{}"),
    "chunk of no length": lambda _: _post("Transfer-Encoding: chunked", body="zz\r\n{}\r\n0\r\n\r\n"),
    "chunk beyond all integers": lambda _: _post("Transfer-Encoding: chunked", body="f" * 20 + "\r\n{}\r\n0\r\n\r\n"),
}


def _post(*headers: str, body: str = "") -> bytes:
    return "\r\n".join(["POST /api/ping HTTP/1.1", "Host: x", *headers, "", body]).encode()


@pytest.mark.parametrize("case", BROKEN)
async def test_broken_http(house: House, case: str) -> None:
    """What is no HTTP gets one answer, which repeats nothing of it and tells no version, and the connection ends."""
    house.lines = 0
    async with line(house.port) as tcp:
        await tcp.send(BROKEN[case](house.port))
        response = await tcp.response()
        rest = await tcp.ended()

    assert response.status == 400
    assert rest == b""
    assert response.body == b"Bad request"
    assert response.header("Server") == SERVER_NAME
    assert {name: response.header(name) for name in SECURITY_HEADERS} == SECURITY_HEADERS


@pytest.mark.parametrize(
    ("start", "status"),
    [
        ("CONNECT evil.example:443 HTTP/1.1", 404),
        ("TRACE / HTTP/1.1", 426),
        ("OPTIONS * HTTP/1.1", 404),
        ("GET http://evil.example/ HTTP/1.1", 426),
        ("GET //evil.example/x HTTP/1.1", 404),
        ("GET /../../etc/passwd HTTP/1.1", 404),
        ("GET /%2e%2e/%2e%2e/etc/passwd HTTP/1.1", 404),
        ("GET /%zz%00%ff HTTP/1.1", 404),
        ("DELETE / HTTP/1.1", 426),
    ],
)
async def test_odd_requests(house: House, start: str, status: int) -> None:
    """Requests for what is not served here fetch nothing, repeat nothing, and go nowhere."""
    house.lines = 0
    async with line(house.port) as tcp:
        await tcp.send(f"{start}\r\nHost: x\r\nX-Private: 1234\r\n\r\n".encode())
        response = await tcp.response()

    assert response.status == status
    assert response.header("Server") == SERVER_NAME
    assert {name: response.header(name) for name in SECURITY_HEADERS} == SECURITY_HEADERS
    assert b"1234" not in response.body
    assert b"root:" not in response.body


async def test_pipelined_requests(house: House) -> None:
    """Requests that come together are answered in order, a handshake after them too; frames sent with it are read."""
    house.lines = 0
    async with line(house.port) as tcp:
        await tcp.send(b"GET /a HTTP/1.1\r\nHost: x\r\n\r\n" * 50 + handshake(house.port) + b"\x89\x80\0\0\0\0")

        assert {(await tcp.response()).status for _ in range(50)} == {404}
        assert (await tcp.response()).status == GOOD
        async with asyncio.timeout(5):
            while b"\x8a\x00" not in await tcp.reader.read(4096):
                pass


@pytest.fixture
def short(monkeypatch: pytest.MonkeyPatch) -> float:
    """The bound on a handshake, shortened; it is asserted to be as short as promised."""
    assert listener.KEEP_ALIVE <= MOST_SECONDS
    assert listener.TLS_HANDSHAKE <= MOST_SECONDS
    monkeypatch.setattr(listener, "KEEP_ALIVE", 0.5)
    return 0.5


@pytest.mark.parametrize("start", [b"", b"\r\n" * 100, b"GET / HTT", b"GET / HTTP/1.1\r\nHost: x\r\n"])
async def test_unfinished_handshake(short: float, house: House, start: bytes) -> None:
    """Who connects and sends nothing, or not all, is gone when the time is over."""
    house.lines = 0
    async with line(house.port) as tcp:
        await tcp.send(start)
        await tcp.ended(within=8 * short)


async def test_trickled_handshake(short: float, house: House) -> None:
    """Who sends a byte now and then does not keep the connection by that."""
    house.lines = 0
    async with line(house.port) as tcp, asyncio.timeout(8 * short):
        trickling = asyncio.create_task(_trickle(tcp.writer))
        await tcp.ended()
        trickling.cancel()
        await asyncio.gather(trickling, return_exceptions=True)


async def _trickle(writer: asyncio.StreamWriter) -> None:
    writer.write(b"GET / HTTP/1.1\r\nX: ")
    while True:
        writer.write(b"a")
        await asyncio.sleep(0.02)


async def test_silence_between_requests(short: float, house: House) -> None:
    """A connection that was of use once is not kept for ever either."""
    house.lines = 0
    async with line(house.port) as tcp:
        await tcp.send(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n")
        await tcp.response()
        await tcp.ended(within=8 * short)


async def test_hundreds_of_silent_connections(short: float, house: House) -> None:
    """Hundreds who connect and are silent disturb nobody, and are gone when the time is over."""
    house.lines = 0
    async with AsyncExitStack() as stack:
        silent = [await stack.enter_async_context(line(house.port)) for _ in range(300)]
        await asyncio.gather(*(tcp.ended(within=20 * short) for tcp in silent))


async def test_no_room_for_more(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Beyond so many connections, of whatever kind, further ones are dropped at once, and there is room again later."""
    monkeypatch.setattr(listener, "SPARE", 4)
    small = make_server(FakeService(), tmp_path, connections=2)
    async with small, inhabited(small, caplog) as house, AsyncExitStack() as stack:
        house.lines = 0
        for _ in range(5):
            await stack.enter_async_context(line(house.port))
        for _ in range(20):
            async with line(house.port) as refused:
                assert await refused.ended() == b""
        await stack.aclose()
        async with asyncio.timeout(5):
            while not await _is_served(house.port):
                await asyncio.sleep(0.01)


async def _is_served(port: int) -> bool:
    async with line(port) as tcp:
        await tcp.send(handshake(port))
        return await tcp.reader.read(12) == b"HTTP/1.1 101"


async def test_half_open(house: House) -> None:
    """Who shuts down their side in the middle of a handshake is let go."""
    house.lines = 0
    for data in (b"", b"GET / HTTP/1.1\r\n", handshake(house.port)):
        async with line(house.port) as tcp:
            await tcp.send(data)
            tcp.writer.write_eof()
            await tcp.ended()


async def test_origins_refused_by_the_hundred(house: House) -> None:
    """Refused pages cost one line of the log, however many there are."""
    async with line(house.port) as tcp:
        for number in range(100):
            await tcp.send(handshake(house.port, origin=f"https://evil{number}.example"))
            assert (await tcp.response()).status == 403


async def test_nothing_grows(house: House) -> None:
    """Whatever is sent, often: it leaves no memory behind."""
    house.lines = 0

    async def all_of_them() -> None:
        for make in BROKEN.values():
            async with line(house.port) as tcp:
                await tcp.send(make(house.port))
                await tcp.ended()

    for _ in range(3):
        await all_of_them()
    house.log.records.clear()
    with no_growth(mebibytes=8):
        for _ in range(5):
            await all_of_them()
            house.log.records.clear()
