"""How the remote control ends connections that do harm, and outlives those that vanish."""

import asyncio
import base64
import os
import socket
import time

import aiohttp
import pytest

from jeffbot.errors import ErrorCode
from jeffbot.ws import outbox, protocol, server
from jeffbot.ws.scopes import Scope
from staging import PATIENCE, Connect, MakeStage, Stage, Wire, token_for


async def open_by_hand(stage: Stage) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    """A client that does the handshake (RFC 6455, section 4.1) and then only what the test does."""
    port = (await stage.soundboard.wait_serving()).port
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    key = base64.b64encode(os.urandom(16)).decode()
    writer.write(
        f"GET / HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
        f"Sec-WebSocket-Key: {key}\r\nSec-WebSocket-Version: 13\r\n\r\n".encode()
    )
    assert b"101" in await reader.readuntil(b"\r\n\r\n")
    return reader, writer


async def test_unauthenticated_is_closed_in_time(make_stage: MakeStage, connect: Connect) -> None:
    """Who does not sign in is closed with 4001."""
    async with make_stage(auth_timeout=0.2) as stage:
        wire = await connect(stage)

        assert wire.welcome["auth_timeout"] == 0.2
        assert await wire.closed() == 4001


async def test_authenticated_is_left_alone(make_stage: MakeStage, connect: Connect) -> None:
    """Who signed in may stay beyond that time, while a stranger beside them is closed."""
    async with make_stage(auth_timeout=0.2) as stage:
        wire = await connect(stage)
        await wire.sign_in(stage.alice)
        stranger = await connect(stage)

        assert await stranger.closed() == 4001
        assert (await wire.ask({"action": "status"}))["action"] == "status"


async def test_too_many_failed_authentications(stranger: Wire) -> None:
    """Each failed try is answered, and the fifth closes with 4004."""
    for _ in range(5):
        reply = await stranger.ask({"action": "authenticate", "token": "nonsense"})
        assert reply["error_code"] == ErrorCode.AUTH_FAILED

    assert await stranger.closed() == 4004


async def test_too_many_undecodable_messages(wire: Wire) -> None:
    """Each message that is not JSON is answered, and twenty in ten seconds close with 4002."""
    for _ in range(20):
        assert (await wire.ask("not json"))["error_code"] == ErrorCode.INVALID_JSON

    assert await wire.closed() == 4002


async def test_largest_message(wire: Wire) -> None:
    """A message of exactly the largest size is read."""
    message = '{"action":"ping","pad":"%s"}'
    text = message % ("x" * (65_536 - len(message % "")))
    assert len(text) == 65_536

    assert (await wire.ask(text))["action"] == "pong"


@pytest.mark.parametrize("size", [65_537, 200_000])
async def test_too_large_a_message(wire: Wire, size: int) -> None:
    """One byte more closes with 1009."""
    await wire.send("x" * size)

    assert await wire.closed() == 1009


async def test_dead_client_is_noticed(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    """A client that answers no pings is cleaned up after one and a half heartbeats."""
    assert server.HEARTBEAT * 1.5 < 40
    monkeypatch.setattr(server, "HEARTBEAT", 0.2)
    reader, writer = await open_by_hand(stage)

    async with asyncio.timeout(PATIENCE):
        await reader.read()  # to the end: the server has closed
    writer.close()


async def test_client_that_does_not_read_is_dropped(
    stage: Stage, monkeypatch: pytest.MonkeyPatch, connect: Connect
) -> None:
    """A client that asks and never reads costs a bounded amount, is dropped, and disturbs nobody."""
    monkeypatch.setattr(outbox, "SEND_TIMEOUT", 0.3)
    port = (await stage.soundboard.wait_serving()).port
    deaf = socket.socket()
    deaf.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)  # before connecting: it bounds what is sent unread
    deaf.connect(("127.0.0.1", port))
    deaf.settimeout(0)
    loop = asyncio.get_running_loop()
    await loop.sock_sendall(
        deaf,
        b"GET / HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
        b"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n",
    )
    request = b'{"action":"%s"}' % (b"x" * 100)  # whose answer is longer than itself
    frame = bytes([0x81, 0x80 | len(request), 0, 0, 0, 0]) + request  # masked with zeros

    async def ask_for_ever() -> None:
        while True:
            await loop.sock_sendall(deaf, frame * 1000)

    with pytest.raises((ConnectionResetError, BrokenPipeError)):
        await asyncio.wait_for(ask_for_ever(), 6 * PATIENCE)
    deaf.close()

    wire = await connect(stage)
    assert (await wire.ask({"action": "ping"}))["action"] == "pong"


async def test_client_that_vanishes_in_mid_play(stage: Stage) -> None:
    """When a client's process dies in mid-play the sound goes on, and nothing of the client stays behind."""
    before = asyncio.all_tasks()
    reader, writer = await open_by_hand(stage)
    for message in (
        b'{"action":"authenticate","token":"%s"}' % token_for(stage.alice).encode(),
        b'{"action":"play","filename":"low"}',
    ):
        writer.write(b"\x81" + _length(len(message)) + b"\0\0\0\0" + message)
    while b'"playing"' not in await reader.read(4096):
        pass
    start = len(stage.ear.packets)
    writer.transport.abort()

    await stage.discord.until(lambda: len(stage.ear.packets) > start + 20, timeout=PATIENCE)
    await stage.discord.until(lambda: _new_tasks(before) == set(), timeout=PATIENCE)


def _length(length: int) -> bytes:
    return bytes([0x80 | length]) if length < 126 else bytes([0x80 | 126]) + length.to_bytes(2, "big")


def _new_tasks(before: set["asyncio.Task[object]"]) -> set[str]:
    voice = ("poll_voice_ws", "jeffbot sandbox", "sandbox")
    return {
        name
        for task in asyncio.all_tasks() - before - {asyncio.current_task()}
        if not any(word in (name := f"{task.get_name()} {task.get_coro()}") for word in voice) and "Connection" in name
    }


async def test_bad_http_is_no_error_in_the_log(stage: Stage, caplog: pytest.LogCaptureFixture) -> None:
    """What a stranger sends instead of HTTP is refused, without a traceback in the host's log."""
    port = (await stage.soundboard.wait_serving()).port
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(b"\x16\x03\x01 this is no HTTP\r\n\r\n")

    assert b"400" in await reader.read()
    writer.close()
    assert [record for record in caplog.records if record.levelname == "ERROR"] == []


async def test_port_in_use(make_stage: MakeStage, caplog: pytest.LogCaptureFixture) -> None:
    """A port in use is told with the setting that changes it, and the slash commands work without it."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        async with make_stage(ws_port=port) as stage:
            with pytest.raises(OSError, match="in use"):
                await stage.soundboard.wait_serving()

            assert f"port {port}" in caplog.text
            assert "JEFFBOT_WS_PORT" in caplog.text
            assert "Playing" in (await stage.invoke("play", sound="low.wav")).content


async def test_reauthentication_as_another_user(stage: Stage, wire: Wire) -> None:
    """Signing in as someone else changes who presses."""
    bob = stage.discord.add_user("bob")
    await wire.sign_in(bob)

    reply = await wire.ask({"action": "play", "filename": "low"})
    assert reply["error_code"] == ErrorCode.NO_VOICE_CHANNEL


async def test_shutdown_closes_with_1001(stage: Stage, wire: Wire) -> None:
    """Unloading tells clients that the server goes away."""
    stage.bot.unload_extension("jeffbot.cogs.sound")

    assert await wire.closed() == 1001


async def test_log_shows_requests_but_no_tokens(stranger: Wire, caplog: pytest.LogCaptureFixture) -> None:
    """At DEBUG the log has every request and reply, with tokens blanked."""
    secret = "a-token-that-must-not-show"
    caplog.set_level("DEBUG", "discord.ws_server")
    await stranger.ask({"action": "authenticate", "token": secret})
    await stranger.ask({"action": "ping", "token": secret})

    assert '"ping"' in caplog.text
    assert '"pong"' in caplog.text
    assert secret not in caplog.text


async def test_trouble_outside_an_action(wire: Wire, monkeypatch: pytest.MonkeyPatch) -> None:
    """A fault before there is an action costs one answer, internal_error, and not the connection."""

    def fail(_data: object) -> None:
        raise RuntimeError("the secret inside")

    with monkeypatch.context() as patch:
        patch.setattr(protocol, "parse", fail)
        reply = await wire.ask({"action": "ping"})

    assert (reply["error_code"], reply["error_message"]) == (ErrorCode.INTERNAL_ERROR, "Internal server error")
    assert (await wire.ask({"action": "ping"}))["action"] == "pong"


async def test_trouble_with_authentication(stage: Stage, stranger: Wire, monkeypatch: pytest.MonkeyPatch) -> None:
    """A fault while checking a token is not the token's: auth_error."""
    tokens = (await stage.soundboard.wait_serving()).tokens
    monkeypatch.setattr(tokens, "check", lambda _token: 1 / 0)

    reply = await stranger.ask({"action": "authenticate", "token": "x"})
    assert (reply["error_code"], reply["error_message"]) == (ErrorCode.AUTH_ERROR, "Internal authentication error")


async def test_trouble_in_another_action(stage: Stage, wire: Wire, monkeypatch: pytest.MonkeyPatch) -> None:
    """A fault in an action that has no code of its own is action_error."""
    desk = (await stage.soundboard.wait_serving()).dispatcher.desk
    monkeypatch.setattr(desk, "clock", lambda: 1 / 0)

    assert (await wire.ask({"action": "ping"}))["error_code"] == ErrorCode.ACTION_ERROR


async def test_websocket_needs_no_compression(stage: Stage) -> None:
    """Compression, which costs 90 KiB a client, is not agreed to."""
    async with aiohttp.ClientSession() as session, session.ws_connect(await stage.url(), compress=15) as socket:
        assert socket.compress == 0


async def test_no_token_in_the_log(stage: Stage, stranger: Wire, caplog: pytest.LogCaptureFixture) -> None:
    """What lets its bearer in is not in the log, at DEBUG either: a renewed token, the address of an upload."""
    caplog.set_level("DEBUG", "discord.ws_server")
    tokens = await stage.soundboard.wait_tokens()
    token = tokens.make(stage.alice.id, scopes=frozenset(Scope), auth_time=time.time())
    await stranger.ask({"action": "authenticate", "token": token})

    fresh = (await stranger.ask({"action": "refresh"}))["token"]
    address = (await stranger.ask({"action": "upload", "filename": "a.wav", "size": 10}))["url"]
    said = "\n".join(record.getMessage() for record in caplog.records)
    assert '"refresh"' in said
    for secret in (token, fresh, address):
        assert secret[-20:] not in said


async def test_what_is_no_object_is_limited(make_stage: MakeStage, connect: Connect) -> None:
    """JSON that is no object counts as a request, also before signing in."""
    async with make_stage(request_rate=1, request_burst=3) as stage:
        wire = await connect(stage)
        codes = [(await wire.ask("[]"))["error_code"] for _ in range(4)]

    assert codes == ["invalid_format"] * 3 + ["rate_limited"]


async def test_preview_takes_a_scope(stage: Stage) -> None:
    """A token without any scope hears nothing, not even a preview."""
    tokens = await stage.soundboard.wait_tokens()
    address = f"{(await stage.url()).replace('ws', 'http', 1)}/sounds/low.ogg"
    statuses = []
    async with aiohttp.ClientSession() as session:
        for scopes in (frozenset[Scope](), frozenset({Scope.READ})):
            headers = {"Authorization": f"Bearer {tokens.make(stage.alice.id, scopes=scopes)}"}
            async with session.get(address, headers=headers) as response:
                statuses.append(response.status)

    assert statuses == [403, 200]
