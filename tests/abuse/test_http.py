"""The same API over plain HTTP: what is odd is refused with the status for it, and every response is safe."""

import asyncio
import gzip
import json
import logging
import ssl
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import aiohttp
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import NameOID

from abuse.forging import claims, token
from abuse.invariants import House, inhabited, no_growth
from abuse.raw import Response, handshake, line
from jeffbot.errors import ErrorCode
from jeffbot.ws import http, listener
from jeffbot.ws.listener import SECURITY_HEADERS, SERVER_NAME
from jeffbot.ws.scopes import Scope
from jeffbot.ws.server import Server
from jeffbot.ws.statuses import STATUS
from staging import MakeStage, Stage, token_for

LARGEST = 65_536


@pytest.fixture
async def house(server: Server, caplog: pytest.LogCaptureFixture) -> AsyncIterator[House]:
    """A server, inhabited; odd requests are no news for its log."""
    async with inhabited(server, caplog) as house:
        house.lines = 0
        yield house


def bearer() -> str:
    """The header of someone whose token is good."""
    return f"Authorization: Bearer {token(claims())}"


async def ask(
    port: int, start: str, *headers: str, body: bytes = b"", host: str | None = None, length: bool = True
) -> Response:
    """A request, and its response."""
    lines = [f"{start} HTTP/1.1", f"Host: {host or f'127.0.0.1:{port}'}", *headers]
    if length and (body or start.startswith(("POST", "PUT"))):
        lines.append(f"Content-Length: {len(body)}")
    async with line(port) as tcp:
        await tcp.send("\r\n".join([*lines, "", ""]).encode("latin-1") + body)
        response = await tcp.response(head=start.startswith("HEAD"))
    assert response.header("Server") == SERVER_NAME
    for name, value in SECURITY_HEADERS.items():
        assert response.header(name) == value or (name == "Content-Security-Policy" and start.endswith(" /docs"))
    assert "aiohttp" not in str(response).lower()
    assert "python" not in str(response.headers).lower()
    return response


def padded(size: int) -> bytes:
    """A body of so many bytes."""
    return b'{"x":"' + b"x" * (size - 8) + b'"}'


@pytest.mark.parametrize(
    "kind",
    [
        "application/json",
        "application/json; charset=utf-8",
        "text/plain",
        "application/x-www-form-urlencoded",
        "multipart/form-data; boundary=x",
        "application/octet-stream",
        "nonsense",
        "application/json; charset=utf-16",
        "",
    ],
)
async def test_content_types(house: House, kind: str) -> None:
    """A body is JSON, whatever it says it is: what keeps other sites out is the origin and the token."""
    response = await ask(house.port, "POST /api/ping", bearer(), f"Content-Type: {kind}", body=b'{"id":1}')

    assert (response.status, response.json["action"], response.json["id"]) == (200, "pong", 1)
    assert response.header("Content-Type").startswith("application/json")
    assert response.header("Cache-Control") == "no-store"


@pytest.mark.parametrize(
    ("body", "status", "code"),
    [
        (b"", 200, None),
        (b"{}", 200, None),
        (b'{"action":"list"}', 200, None),  # the path says what is to be done
        (b"nonsense", 400, ErrorCode.INVALID_JSON),
        (b"\xff", 400, ErrorCode.INVALID_JSON),
        (b'{"x":NaN}', 400, ErrorCode.INVALID_JSON),
        (b"[" * 60_000, 400, ErrorCode.INVALID_JSON),
        (b"[]", 400, ErrorCode.INVALID_FORMAT),
        (b"a=b&c=d", 400, ErrorCode.INVALID_JSON),
        (b'{"id":[]}', 422, ErrorCode.INVALID_FIELD),
        (padded(LARGEST), 200, None),
        (padded(LARGEST - 1), 200, None),
        (padded(LARGEST + 1), 413, ErrorCode.TOO_LARGE),
        (padded(1 << 20), 413, ErrorCode.TOO_LARGE),
    ],
    ids=lambda value: repr(value)[:20],
)
async def test_bodies(house: House, body: bytes, status: int, code: ErrorCode | None) -> None:
    """A body is an object of at most 64 KiB."""
    response = await ask(house.port, "POST /api/ping", bearer(), body=body)

    assert response.status == status
    assert response.json.get("error_code") == code
    assert response.json["action"] == ("error" if code else "pong")


@pytest.mark.parametrize("coding", ["gzip", "deflate", "br", "x"])
async def test_compressed_body(house: House, coding: str) -> None:
    """A compressed body is bounded by what it holds, and what it is not is refused."""
    bomb = gzip.compress(bytes(50 << 20))
    response = await ask(house.port, "POST /api/ping", bearer(), f"Content-Encoding: {coding}", body=bomb)

    assert response.status in {400, 413, 415}


async def test_bombs_leave_nothing(house: House) -> None:
    """Bodies that are large when they are unpacked are not unpacked."""
    bomb = gzip.compress(bytes(50 << 20))
    await ask(house.port, "POST /api/ping", bearer(), "Content-Encoding: gzip", body=bomb)
    with no_growth(mebibytes=8):
        for _ in range(5):
            await ask(house.port, "POST /api/ping", bearer(), "Content-Encoding: gzip", body=bomb)


async def test_chunked_body(house: House) -> None:
    """A body may come in chunks, and is as long as any other may be."""
    chunk = b"1000\r\n" + b" " * 4096 + b"\r\n"
    for count, status in ((15, 200), (17, 413)):
        body = chunk * count + b"2\r\n{}\r\n0\r\n\r\n"
        response = await ask(
            house.port, "POST /api/ping", bearer(), "Transfer-Encoding: chunked", body=body, length=False
        )
        assert response.status == status


@pytest.mark.parametrize("headers", [["Content-Length: 10"], ["Transfer-Encoding: chunked"]])
async def test_body_that_does_not_come(house: House, monkeypatch: pytest.MonkeyPatch, headers: list[str]) -> None:
    """A body that does not come in time is waited for no longer: 408."""
    assert http.BODY_TIMEOUT <= 15
    monkeypatch.setattr(http, "BODY_TIMEOUT", 0.3)
    async with line(house.port) as tcp:
        await tcp.send("\r\n".join(["POST /api/ping HTTP/1.1", "Host: x", bearer(), *headers, "", ""]).encode())
        trickling = asyncio.create_task(_trickle(tcp.writer))
        response = await tcp.response()
        await tcp.ended()
        trickling.cancel()
        await asyncio.gather(trickling, return_exceptions=True)

    assert (response.status, response.json["error_code"]) == (408, ErrorCode.TIMEOUT)


async def _trickle(writer: asyncio.StreamWriter) -> None:
    for _ in range(4):
        writer.write(b"1")
        await asyncio.sleep(0.1)


async def test_body_that_breaks_off(house: House) -> None:
    """Who hangs up in the middle of a body leaves nothing behind."""
    for _ in range(10):
        async with line(house.port) as tcp:
            await tcp.send(f"POST /api/ping HTTP/1.1\r\nHost: x\r\n{bearer()}\r\nContent-Length: 10\r\n\r\n{{".encode())


@pytest.mark.parametrize("method", ["GET", "HEAD", "PUT", "DELETE", "PATCH", "TRACE"])
async def test_methods(house: House, method: str) -> None:
    """An action is asked for with POST; else the answer says so (RFC 9110, section 15.5.6)."""
    response = await ask(house.port, f"{method} /api/ping", bearer())

    assert (response.status, response.header("Allow")) == (405, "POST")


@pytest.mark.parametrize("method", ["GET", "HEAD", "POST", "DELETE"])
async def test_upload_methods(house: House, method: str) -> None:
    """A file is sent with PUT."""
    response = await ask(house.port, f"{method} /upload/x")

    assert (response.status, response.header("Allow")) == (405, "PUT")


@pytest.mark.parametrize(
    "headers",
    [
        [],
        ["Authorization:"],
        ["Authorization: Bearer"],
        ["Authorization: Bearer "],
        ["Authorization: Basic dXNlcjpwYXNz"],
        ["Authorization: Digest x"],
        ["Authorization: Bearer\t"],
        ["Authorization: Bearer a b c"],
        ["Authorization: Bearer \xff\xfe"],
        ["Cookie: token=x; session=y"],
        ["Proxy-Authorization: Bearer x"],
        ["X-Authorization: Bearer x"],
    ],
    ids=repr,
)
async def test_authorization(house: House, headers: list[str]) -> None:
    """Without exactly one good token in the header for it nothing is done."""
    house.lines = 1
    response = await ask(house.port, "POST /api/describe", *headers)

    assert response.status == 401
    assert response.header("WWW-Authenticate") == 'Bearer realm="jeffbot"'


async def test_authorization_elsewhere(house: House) -> None:
    """A good token counts once, and in its header: not twice, not in the address, a cookie or the body."""
    good = token(claims())
    for start, headers, body in (
        ("POST /api/describe", [bearer(), bearer()], b""),
        ("POST /api/describe", [f"Authorization: Basic {good}"], b""),
        (f"POST /api/describe?token={good}&access_token={good}", [], b""),
        ("POST /api/describe", [f"Cookie: token={good}"], b""),
        ("POST /api/describe", [], json.dumps({"token": good, "access_token": good}).encode()),
    ):
        assert (await ask(house.port, start, *headers, body=body)).status == 401
    for scheme in ("bearer", "BEARER", "Bearer"):
        assert (await ask(house.port, "POST /api/describe", f"Authorization: {scheme} {good}")).status == 200


@pytest.mark.parametrize(
    "path",
    [
        "/api/../x",
        "/api/%2e%2e/x",
        "/api/%2e%2e%2fx",
        "/api/..%5cx",
        "/api//ping",
        "/api/ping/",
        "/api/ping%00",
        "/api/%70ing%0a",
        "/api/pi%CC%87ng",
        "/api/%E2%80%AEping",
        "/api/%ff",
        "/api/__init__",
        "/api/" + "a" * 5000,
        "/api/",
        "/api",
        "/API/ping",
    ],
)
async def test_paths(house: House, path: str) -> None:
    """A path that is none leads nowhere, and comes back cut and escaped at most."""
    response = await ask(house.port, f"POST {path}", bearer())

    assert response.status == 404
    assert len(response.body) < 2500
    assert b"\x00" not in response.body
    assert "pong" not in response.body.decode()


@pytest.mark.parametrize(
    "path", ["/%2e%2e/%2e%2e/etc/passwd.ogg", "/..%2f..%2fetc%2fpasswd.ogg", "/%00.ogg", "/" + "a" * 5000 + ".ogg"]
)
async def test_preview_paths(stage: Stage, path: str) -> None:
    """A preview is of a sound by its name; no file is reached by it."""
    port = (await stage.soundboard.wait_serving()).port
    response = await ask(port, f"GET /sounds{path}", f"Authorization: Bearer {token_for(stage.alice)}")

    assert response.status == 404
    assert b"root:" not in response.body


@pytest.mark.parametrize("action", ["authenticate", "subscribe", "unsubscribe"])
async def test_of_the_websocket_alone(house: House, action: str) -> None:
    """What needs a connection that stays is not to be had here."""
    body = json.dumps({"token": "x", "topics": ["playback"]}).encode()
    response = await ask(house.port, f"POST /api/{action}", bearer(), body=body)

    assert (response.status, response.json["error_code"]) == (404, ErrorCode.UNKNOWN_ACTION)


@pytest.mark.parametrize("path", ["/api/ping", "/", "/docs", "/upload/x", "/nonsense"])
async def test_preflight(house: House, path: str) -> None:
    """A page of an allowed origin may ask with a token; one of another origin may not even ask whether it may."""
    wanted = ["Access-Control-Request-Method: POST", "Access-Control-Request-Headers: authorization, content-type"]
    own = f"http://127.0.0.1:{house.port}"

    allowed = await ask(house.port, f"OPTIONS {path}", f"Origin: {own}", *wanted)
    assert (allowed.status, allowed.header("Access-Control-Allow-Origin")) == (204, own)
    assert "Authorization" in allowed.header("Access-Control-Allow-Headers")
    assert "POST" in allowed.header("Access-Control-Allow-Methods")
    assert allowed.header("Vary") == "Origin"
    assert allowed.header("Access-Control-Allow-Credentials") == ""

    house.lines = 1
    refused = await ask(house.port, f"OPTIONS {path}", "Origin: https://evil.example", *wanted)
    assert refused.status == 403
    assert refused.header("Access-Control-Allow-Origin") == ""


async def test_post_of_another_site(house: House) -> None:
    """What a page of another site sends has no effect, even with a good token; there are no cookies."""
    house.lines = 1
    for headers in ([], [bearer()], ["Cookie: session=x"]):
        response = await ask(
            house.port,
            "POST /api/ping",
            "Origin: https://evil.example",
            "Content-Type: text/plain",
            *headers,
            body=b"{}",
        )
        assert response.status == 403
        assert response.header("Access-Control-Allow-Origin") == ""
        assert response.header("Set-Cookie") == ""


@pytest.mark.parametrize("path", ["/", "/docs", "/asyncapi.json", "/nonsense"])
async def test_head(house: House, path: str) -> None:
    """HEAD says what GET would, without a body."""
    got, headed = await ask(house.port, f"GET {path}"), await ask(house.port, f"HEAD {path}")

    assert headed.status == got.status
    assert headed.body == b""


def test_every_code_has_a_status() -> None:
    """Whatever can go wrong has a status, of a client's fault or ours."""
    assert set(STATUS) == set(ErrorCode)
    assert all(400 <= status < 600 for status in STATUS.values())


async def test_unread_response(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    """Who asks for much and does not read it is dropped."""
    assert listener.UNREAD <= 60
    monkeypatch.setattr(listener, "UNREAD", 0.3)
    request = b"GET /openapi.json HTTP/1.1\r\nHost: x\r\n\r\n"
    async with line(house.port) as tcp:
        tcp.writer.transport.pause_reading()  # type: ignore[attr-defined]

        async def ask_for_ever() -> None:
            while True:
                tcp.writer.write(request * 20)
                await tcp.writer.drain()
                await asyncio.sleep(0.05)

        with pytest.raises(ConnectionError):
            await asyncio.wait_for(ask_for_ever(), 15)


async def test_unread_rest(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nor does a connection outlive its time because a little of what was sent is unread."""
    monkeypatch.setattr(listener, "UNREAD", 0.3)
    runner = house.server._runner
    assert runner is not None
    assert runner.server is not None
    others = set(runner.server.connections)
    async with line(house.port) as tcp, asyncio.timeout(15):
        tcp.writer.transport.pause_reading()  # type: ignore[attr-defined]
        while not (mine := set(runner.server.connections) - others):
            await asyncio.sleep(0)
        transport = mine.pop().transport
        assert transport is not None
        while not transport.get_write_buffer_size():
            await tcp.send(b"GET /docs HTTP/1.1\r\nHost: x\r\n\r\n")
            await asyncio.sleep(0)

        while set(runner.server.connections) - others:
            await asyncio.sleep(0.01)


MANAGER = (Scope.READ, Scope.PLAY, Scope.MANAGE, Scope.ADMIN)


async def link(stage: Stage, *headers: str, host: str) -> str:
    """The link to which a file is to be sent, as someone sees it who asked for this host."""
    server = await stage.soundboard.wait_serving()
    good = server.tokens.make(stage.alice.id, scopes=MANAGER)
    body = json.dumps({"filename": "new.wav", "size": 1000, "shared": True}).encode()
    response = await ask(
        server.port, "POST /api/upload", f"Authorization: Bearer {good}", *headers, body=body, host=host
    )
    assert response.status == 200, response.body
    url: str = response.json["url"]
    return url.partition("/upload/")[0]


FORWARDED = [
    "X-Forwarded-For: 198.51.100.7, 203.0.113.9",
    "X-Forwarded-Proto: https",
    "X-Forwarded-Host: jeff.example.org",
]


async def test_unlisted_proxy(stage: Stage, caplog: pytest.LogCaptureFixture) -> None:
    """What anyone says of where they come from is not believed."""
    caplog.set_level(logging.INFO, "discord.ws_server")
    assert await link(stage, *FORWARDED, host="bot.lan:8765") == "http://bot.lan:8765"
    await connected(stage, *FORWARDED)

    assert "connected from 127.0.0.1" in caplog.text
    assert "203.0.113.9" not in caplog.text


async def test_listed_proxy(make_stage: MakeStage, caplog: pytest.LogCaptureFixture) -> None:
    """What a listed proxy says is: the nearest address that is no listed proxy's, the scheme and the host."""
    caplog.set_level(logging.INFO, "discord.ws_server")
    async with make_stage(trusted_proxies="127.0.0.1") as stage:
        assert await link(stage, *FORWARDED, host="bot.lan:8765") == "https://jeff.example.org"
        assert await link(stage, host="bot.lan:8765") == "http://bot.lan:8765"
        await connected(stage, *FORWARDED)

    assert "connected from 203.0.113.9" in caplog.text
    assert "198.51.100.7" not in caplog.text


async def test_public_url(make_stage: MakeStage) -> None:
    """Where the operator says how the server is reached, links say that, whatever clients ask for."""
    async with make_stage(public_url="https://sounds.example.org/jeff/", trusted_proxies="127.0.0.1") as stage:
        assert await link(stage, *FORWARDED, host="bot.lan") == "https://sounds.example.org/jeff"
        port = (await stage.soundboard.wait_serving()).port
        for origin, status in (("https://sounds.example.org", 204), ("https://evil.example", 403)):
            response = await ask(port, "OPTIONS /api/ping", f"Origin: {origin}", host="sounds.example.org")
            assert response.status == status


async def connected(stage: Stage, *headers: str) -> None:
    """Connect, as if with these headers a proxy did."""
    port = (await stage.soundboard.wait_serving()).port
    async with line(port) as tcp:
        await tcp.send(handshake(port, *headers))
        assert (await tcp.response()).status == 101


@pytest.fixture
def certificate(tmp_path: Path) -> dict[str, Path]:
    """Settings for a certificate that vouches for itself."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "localhost")])
    now = datetime.now(UTC)
    built = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName("localhost")]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    cert, kept = tmp_path / "cert.pem", tmp_path / "key.pem"
    cert.write_bytes(built.public_bytes(Encoding.PEM))
    kept.write_bytes(key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
    return {"tls_cert": cert, "tls_key": kept}


async def test_tls(
    make_stage: MakeStage,
    certificate: dict[str, Path],
    caplog: pytest.LogCaptureFixture,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """With a certificate all goes over TLS; who is silent or does not speak it is gone before long, unlogged."""
    monkeypatch.setattr(listener, "TLS_HANDSHAKE", 0.5)
    trusting = ssl.create_default_context(cafile=str(certificate["tls_cert"]))
    async with make_stage(**certificate) as stage:
        port = (await stage.soundboard.wait_serving()).port
        caplog.clear()
        async with line(port) as silent, line(port) as plain, line(port) as other:
            await plain.send(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n")
            assert b"HTTP/1" not in await plain.ended(within=5)
            await other.send(bytes.fromhex("16030100c4010000c00303"))
            await silent.ended(within=5)
            await other.ended(within=5)
        async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(ssl=trusting)) as session:
            async with session.ws_connect(f"wss://localhost:{port}") as socket:
                assert (await socket.receive_json())["action"] == "welcome"
                await socket.send_json({"action": "authenticate", "token": token_for(stage.alice)})
                assert (await socket.receive_json())["action"] == "auth_success"
            async with session.get(f"https://localhost:{port}/docs") as response:
                assert response.status == 200
                assert response.headers["Strict-Transport-Security"] == listener.HSTS
        with pytest.raises(ssl.SSLCertVerificationError):
            await asyncio.open_connection("localhost", port, ssl=ssl.create_default_context())
        assert not [record for record in caplog.records if record.levelno > logging.INFO and record.name != "asyncio"]
