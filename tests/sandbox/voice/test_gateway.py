"""The voice gateway and UDP, with clients that do as they please."""

import asyncio
import random
import struct
import time
from typing import Any

import pytest
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from nacl.bindings import crypto_aead_xchacha20poly1305_ietf_encrypt

from jeffbot.sandbox import AES_GCM, XCHACHA20
from jeffbot.sandbox.voice import udp as udp_module
from jeffbot.sandbox.voice.udp import DISCOVERY

from ..clients import RawClient, Socket, udp_socket
from ..conftest import Cave


@pytest.fixture(autouse=True)
async def _unencrypted(cave: Cave) -> None:
    """These clients do not encrypt end to end; Alice listens."""
    cave.discord.options.dave_version = 0
    await cave.alice.join(cave.general)


async def select(voice: Socket, mode: str = AES_GCM) -> tuple[dict[str, Any], bytes]:
    """Go on to the session description; READY and the key."""
    ready = (await voice.until_op(2))["d"]
    await voice.send(1, {"protocol": "udp", "data": {"address": "127.0.0.1", "port": 1, "mode": mode}})
    description = (await voice.until_op(4))["d"]
    assert description["mode"] == mode
    await voice.send(5, {"speaking": 1, "delay": 0, "ssrc": ready["ssrc"]})
    return ready, bytes(description["secret_key"])


def seal(mode: str, key: bytes, header: bytes, frame: bytes) -> bytes:
    """A packet as a client makes it."""
    nonce = struct.pack(">I", 7)
    if mode == AES_GCM:
        return header + AESGCM(key).encrypt(nonce + bytes(8), frame, header) + nonce
    return header + crypto_aead_xchacha20poly1305_ietf_encrypt(frame, header, nonce + bytes(20), key) + nonce


async def test_handshake(cave: Cave, raw: RawClient) -> None:
    """HELLO, READY, IP discovery, session description; numbered where Discord numbers."""
    voice = await raw.join(await raw.log_in(), cave.general)
    hello, ready = await voice.receive(), await voice.receive()
    assert (hello["op"], hello["d"]["heartbeat_interval"], "seq" in hello) == (8, 13750, False)
    assert (ready["op"], ready["seq"], ready["d"]["modes"]) == (2, 0, [AES_GCM, XCHACHA20])

    await voice.send(3, {"t": 1501184119561, "seq_ack": 0})
    assert await voice.receive() == {"op": 6, "d": {"t": 1501184119561}}


async def test_ip_discovery(cave: Cave, raw: RawClient) -> None:
    """The client learns the address that it is seen from."""
    voice = await raw.join(await raw.log_in(), cave.general)
    ready = (await voice.until_op(2))["d"]
    with udp_socket() as udp:
        request = DISCOVERY.pack(1, 70, ready["ssrc"], b"", 0)
        udp.sendto(request, (ready["ip"], ready["port"]))
        answer = await asyncio.wait_for(asyncio.get_running_loop().sock_recv(udp, 100), 5)
        address = b"127.0.0.1".ljust(64, b"\0")
        assert DISCOVERY.unpack(answer) == (2, 70, ready["ssrc"], address, udp.getsockname()[1])


@pytest.mark.parametrize("kernel_stamps", [True, False])
async def test_time_of_arrival(monkeypatch: pytest.MonkeyPatch, kernel_stamps: bool) -> None:  # noqa: FBT001
    """A packet has the time at which it came, not that at which Python found the time to look."""
    if kernel_stamps and not udp_module._KERNEL_STAMPS:
        pytest.skip("Linux only")
    monkeypatch.setattr(udp_module, "_KERNEL_STAMPS", kernel_stamps)
    arrived: asyncio.Future[float] = asyncio.get_running_loop().create_future()
    server = udp_module.UdpServer(lambda when, *_: arrived.set_result(when))
    await server.open()
    with udp_socket() as udp:
        sent = time.monotonic()
        udp.sendto(b"\x80" * 40, ("127.0.0.1", server.port))
        time.sleep(0.05)  # noqa: ASYNC251 - a busy loop is the point
        late = await asyncio.wait_for(arrived, 5) - sent
    server.close()

    assert (late < 0.04) == kernel_stamps


@pytest.mark.parametrize("mode", [AES_GCM, XCHACHA20])
async def test_decrypts(cave: Cave, raw: RawClient, mode: str) -> None:
    """Both modes open, with and without CSRCs and header extension; what another key sealed does not."""
    voice = await raw.join(await raw.log_in(), cave.general)
    ready, key = await select(voice, mode)
    plain = struct.pack(">BBHII", 0x80, 0x78, 1, 960, ready["ssrc"])
    extended = struct.pack(">BBHIIIHH", 0x91, 0x78, 2, 1920, ready["ssrc"], 5, 0xBEDE, 1)
    ear = cave.discord.voice(cave.guild, cave.app)
    assert ear is not None
    with udp_socket() as udp:
        for datagram in (
            seal(mode, key, plain, b"first"),
            seal(mode, key, extended, b"ext!second"),
            seal(mode, bytes(32), plain, b"third"),
        ):
            udp.sendto(datagram, (ready["ip"], ready["port"]))
        await cave.discord.until(lambda: len(ear.packets) == 3)

    assert [(packet.sequence, packet.opus) for packet in ear.packets] == [(1, b"first"), (2, b"second"), (1, None)]


async def test_garbage_on_udp(cave: Cave, raw: RawClient, caplog: pytest.LogCaptureFixture) -> None:
    """Whatever is sent to the UDP port, nothing breaks."""
    voice = await raw.join(await raw.log_in(), cave.general)
    ready, key = await select(voice)
    ear = cave.discord.voice(cave.guild, cave.app)
    assert ear is not None
    noise = random.Random(1)
    with udp_socket() as udp:
        for size in range(200):
            fake = bytearray(noise.randbytes(size))
            fake[8:12] = struct.pack(">I", ready["ssrc"])[: max(0, size - 8)]
            udp.sendto(fake, (ready["ip"], ready["port"]))
        header = struct.pack(">BBHII", 0x80, 0x78, 9, 0, ready["ssrc"])
        udp.sendto(seal(AES_GCM, key, header, b"last"), (ready["ip"], ready["port"]))
        await cave.discord.until(lambda: any(packet.opus == b"last" for packet in ear.packets))

    assert [record for record in caplog.records if record.name.startswith("jeffbot")] == []


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"token": "wrong"}, 4004),
        ({"session_id": "wrong"}, 4006),
        ({"user_id": "5"}, 4006),
        ({"server_id": None}, 4002),
    ],
)
async def test_identification(cave: Cave, raw: RawClient, changes: dict[str, Any], code: int) -> None:
    """Only what VOICE_SERVER_UPDATE handed out opens the door."""
    voice = await raw.join(await raw.log_in(), cave.general, **changes)

    assert await voice.close_code() == code


@pytest.mark.parametrize(
    ("message", "code"),
    [
        ("nonsense", 4002),
        ('{"op": 99}', 4001),
        ('{"op": 0, "d": {"server_id": 1, "user_id": 1, "session_id": "s", "token": "t"}}', 4005),
        ('{"op": 1, "d": {"protocol": "tcp", "data": {"address": "", "port": 1, "mode": "x"}}}', 4012),
        ('{"op": 1, "d": {"protocol": "udp", "data": {"address": "", "port": 1, "mode": "x"}}}', 4016),
        ('{"op": 7, "d": {"server_id": "1", "session_id": "s", "token": "t"}}', 4005),
    ],
)
async def test_close_codes(cave: Cave, raw: RawClient, message: str, code: int) -> None:
    """Each breach of the protocol has its close code."""
    voice = await raw.join(await raw.log_in(), cave.general)
    await voice.until_op(2)
    await voice.websocket.send_str(message)

    assert await voice.close_code() == code


async def test_others_come_and_go(cave: Cave, raw: RawClient) -> None:
    """The client is told who is there, who comes, and who goes."""
    bob = cave.discord.add_user("bob")
    cave.guild.add_member(bob)
    voice = await raw.join(await raw.log_in(), cave.general)
    await select(voice)
    await bob.join(cave.general)
    await bob.leave()

    assert (await voice.until_op(11))["d"] == {"user_ids": [str(cave.alice.id)]}
    assert (await voice.until_op(11))["d"] == {"user_ids": [str(bob.id)]}
    assert (await voice.until_op(13))["d"] == {"user_id": str(bob.id)}


async def test_a_new_connection_replaces_the_old(cave: Cave, raw: RawClient) -> None:
    """A bot that asks again for the channel whose connection it has closed gets a new one."""
    gateway = await raw.log_in()
    first = await raw.join(gateway, cave.general)
    await first.until_op(2)
    await first.websocket.close()
    await cave.discord.until(lambda: cave.discord.voice(cave.guild, cave.app) is None)
    second = await raw.join(gateway, cave.general)
    await second.until_op(2)

    assert [ear.connected for ear in cave.discord.history(cave.guild, cave.app)] == [False, True]
