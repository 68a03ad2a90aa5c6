"""Connecting to the main gateway: versions, encodings, compression."""

import importlib
import importlib.util
import zlib

import aiohttp
import msgspec
import pytest

from jeffbot.sandbox import Sandbox

from ..clients import RawClient
from ..conftest import Cave


async def test_hello_at_once(raw: RawClient, discord: Sandbox) -> None:
    """HELLO names the interval in milliseconds, before the client has said anything."""
    discord.options.gateway_heartbeat = 12.5
    gateway = await raw.gateway()
    hello = await gateway.receive()

    assert (hello["op"], hello["t"], hello["s"]) == (10, None, None)
    assert hello["d"]["heartbeat_interval"] == 12_500


@pytest.mark.parametrize("version", [9, 10])
async def test_version_is_that_of_ready(cave: Cave, raw: RawClient, version: int) -> None:
    """Both available versions of the API are spoken."""
    gateway = await raw.gateway(f"v={version}&encoding=json")
    await gateway.send(2, {"token": cave.app.token, "intents": 1, "properties": {}})

    assert (await gateway.until_event("READY"))["v"] == version


@pytest.mark.parametrize(
    "query",
    ["", "v=8", "v=11", "v=ten&encoding=json", "v=10&encoding=etf", "v=10&encoding=xml", "v=10&compress=gzip"],
)
async def test_what_is_not_spoken(raw: RawClient, query: str) -> None:
    """Other versions, encodings and compressions are refused with 4012, instead of HELLO, and it is said why."""
    gateway = await raw.gateway(query)
    message = await gateway.websocket.receive(timeout=5)

    assert (message.type, message.data) == (aiohttp.WSMsgType.CLOSE, 4012)
    assert "spoken" in str(message.extra)


async def test_zlib_stream(raw: RawClient) -> None:
    """Asked to, the gateway speaks one zlib stream."""
    gateway = await raw.gateway("v=10&encoding=json&compress=zlib-stream")
    inflate = zlib.decompressobj()
    for expected in (10, 11):
        data = await gateway.websocket.receive_bytes(timeout=5)
        assert data.endswith(b"\x00\x00\xff\xff")
        assert msgspec.json.decode(inflate.decompress(data))["op"] == expected
        await gateway.send(1)


async def test_zstd_stream(raw: RawClient) -> None:
    """Asked to, the gateway speaks one zstd stream; where Python has no zstd it says so."""
    gateway = await raw.gateway("v=10&encoding=json&compress=zstd-stream")
    if importlib.util.find_spec("compression") is None:
        message = await gateway.websocket.receive(timeout=5)
        assert (message.data, message.extra) == (4012, "zstd-stream takes Python 3.14, zlib-stream any")
        return
    stream = importlib.import_module("compression.zstd").ZstdDecompressor()
    for expected in (10, 11):
        data = await gateway.websocket.receive_bytes(timeout=5)
        assert msgspec.json.decode(stream.decompress(data))["op"] == expected
        await gateway.send(1)


async def test_payload_compression(cave: Cave, raw: RawClient) -> None:
    """With IDENTIFY's ``compress`` long payloads are compressed, each by itself, and short ones are not."""
    gateway = await raw.gateway()
    await gateway.send(2, {"token": cave.app.token, "intents": 1, "properties": {}, "compress": True})
    await gateway.until_op(10)
    events = []
    for _ in range(2):
        message = await gateway.websocket.receive(timeout=5)
        clear = zlib.decompress(message.data) if message.type is aiohttp.WSMsgType.BINARY else message.data
        events.append((msgspec.json.decode(clear)["t"], message.type))
    await gateway.send(1)

    assert ("GUILD_CREATE", aiohttp.WSMsgType.BINARY) in events
    assert (await gateway.receive())["op"] == 11


async def test_transport_compression_wins(cave: Cave, raw: RawClient) -> None:
    """In a compressed stream payloads are not compressed once more."""
    gateway = await raw.gateway("v=10&encoding=json&compress=zlib-stream")
    await gateway.send(2, {"token": cave.app.token, "intents": 1, "properties": {}, "compress": True})
    inflate = zlib.decompressobj()
    messages = [inflate.decompress(await gateway.websocket.receive_bytes(timeout=5)) for _ in range(3)]

    assert [msgspec.json.decode(message)["t"] for message in messages] == [None, "READY", "GUILD_CREATE"]


async def test_binary_json(raw: RawClient) -> None:
    """JSON may come in binary messages, too."""
    gateway = await raw.gateway()
    await gateway.websocket.send_bytes(b'{"op": 1, "d": null}')

    assert (await gateway.until_op(11))["d"] is None


async def test_discord_goes_away(cave: Cave, raw: RawClient) -> None:
    """A sandbox that is closed says goodbye with 1001, and lets nobody in any more."""
    gateway = await raw.log_in()
    await gateway.until_event("GUILD_CREATE")
    cave.discord._gateway.disconnect_all()

    assert await gateway.close_code() == 1001
    with pytest.raises(aiohttp.WSServerHandshakeError, match="503"):
        await raw.gateway()


async def test_client_that_never_reads(cave: Cave, raw: RawClient, monkeypatch: pytest.MonkeyPatch) -> None:
    """A client for which too many messages wait is cut off; its session goes on."""
    monkeypatch.setattr("jeffbot.sandbox.connection.MAX_WAITING", 100)
    await raw.log_in()
    await cave.discord.bot_ready(cave.app)
    for number in range(150):
        cave.guild.rename(f"Cave {number}")
    await cave.discord.until(lambda: not cave.discord.sessions(cave.app)[0].connected)
