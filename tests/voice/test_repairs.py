"""Repairs of Nextcord's voice client that show when a connection is re-keyed, moved to another server, or left."""

import asyncio
import json
from collections.abc import AsyncIterator
from typing import Any

import aiohttp
import pytest

from jeffbot.voice import client as client_module
from jeffbot.voice.connector import VoiceConnector
from voice.fakes import (
    ANNOUNCE_COMMIT,
    LISTENER,
    WELCOME,
    Connection,
    FakeSocket,
    establish_group,
    logged_in_bot,
    make_ours,
    ours_of,
    propose_listener,
)

PATIENCE = 10.0
NEVER = 3600.0
"""A limit that no test lives to see."""


@pytest.fixture
async def ours() -> AsyncIterator[Connection]:
    """Our client."""
    async with logged_in_bot() as bot:
        connector = VoiceConnector(bot)
        yield make_ours(bot, connector)
        await connector.close()


# Another key


@pytest.mark.parametrize("opcode", [ANNOUNCE_COMMIT, WELCOME])
@pytest.mark.parametrize("pending", [False, True])
async def test_unusable_commit_or_welcome(ours: Connection, opcode: int, *, pending: bool) -> None:
    """Garbage in place of a commit or welcome leaves the old key in use, in a group and on the way to another."""
    await establish_group(ours)
    if pending:
        await ours.prepare_epoch()
        await propose_listener(ours)
    key_packages = ours.key_packages
    await ours.receive(opcode, b"\0\2" + b"garbage" * 20)

    assert ours.key_packages == key_packages + 1
    assert ours.e2ee.can_encrypt()
    assert await ours_of(ours).wait_audible(0)


async def test_new_group_voids_prepared_transitions(ours: Connection) -> None:
    """A transition that was announced before a new group began does not take the key away when it is executed."""
    await establish_group(ours)
    await ours.ws.received_message({"op": 21, "d": {"transition_id": 3, "protocol_version": 0}})
    await ours.prepare_epoch()
    await ours.ws.received_message({"op": 22, "d": {"transition_id": 3}})

    assert ours.e2ee.can_encrypt()


async def test_alone_in_an_encrypted_channel(ours: Connection) -> None:
    """Who is alone, with nobody to agree on a key with, waits for none."""
    ours.guild._voice_states.clear()
    await ours.describe_session(dave_version=1)

    async with asyncio.timeout(PATIENCE):
        assert await ours_of(ours).wait_audible(NEVER)


async def test_not_alone_as_the_voice_gateway_tells(ours: Connection) -> None:
    """Someone of whom only the voice gateway has told is somebody."""
    ours.guild._voice_states.clear()
    await ours.describe_session(dave_version=1)
    await ours.ws.received_message({"op": 11, "d": {"user_ids": [str(LISTENER)]}})

    assert not await ours_of(ours).wait_audible(0)


# Another voice server


async def test_another_voice_server(ours: Connection, monkeypatch: pytest.MonkeyPatch) -> None:
    """Before the client connects to another voice server it has left the old one, its group and its heartbeat."""
    client, old = ours_of(ours), ours.e2ee
    client.endpoint, client.token, client.session_id = "voice.example", "t", "s"
    await ours.greet()
    await establish_group(ours)
    found: list[object] = []

    async def connect(_url: str) -> Any:
        found.extend((ours.socket.closes, client.dave_version, ours.e2ee.can_encrypt(), client.is_connected()))
        socket = FakeSocket()
        description = {"mode": "aead_xchacha20_poly1305_rtpsize", "secret_key": [1] * 32, "dave_protocol_version": 1}
        message = json.dumps({"op": 4, "d": description})
        socket.incoming.put_nowait(aiohttp.WSMessage(aiohttp.WSMsgType.TEXT, message, None))
        return socket

    monkeypatch.setattr(client.connector, "connect", connect)
    await client.connect_websocket()

    assert found == [1, 0, False, False]
    await heartbeat_ended(ours)
    assert ours.e2ee is not old
    assert (client.ws is not ours.ws, client.dave_version, client.is_connected()) == (True, 1, True)
    assert not await client.wait_audible(0)


# Leaving


async def heartbeat_ended(connection: Connection) -> None:
    """Wait until the thread of the heartbeat has ended."""
    heartbeat = connection.ws._keep_alive
    assert heartbeat is not None
    await asyncio.to_thread(heartbeat.join, PATIENCE)
    assert not heartbeat.is_alive()


@pytest.mark.parametrize("broken", [None, ConnectionResetError(), aiohttp.ClientConnectionResetError()])
async def test_leaves_without_a_main_gateway(
    ours: Connection, broken: Exception | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where goodbye hangs or fails, the voice gateway is closed and its heartbeat ends all the same."""
    monkeypatch.setattr(client_module, "LEAVE_TIMEOUT", 0.05)
    await ours.greet()
    ours.guild.stuck, ours.guild.broken = broken is None, broken
    await ours.client.disconnect(force=True)

    assert (ours.socket.closes, ours.registered) == (1, None)
    await heartbeat_ended(ours)


async def test_second_leave_waits_for_the_first(ours: Connection, monkeypatch: pytest.MonkeyPatch) -> None:
    """Who leaves while the client is leaving waits until it has left."""
    monkeypatch.setattr(client_module, "LEAVE_TIMEOUT", 0.05)
    ours.guild.stuck = True
    first = asyncio.create_task(ours.client.disconnect(force=True))
    await asyncio.wait([first], timeout=0)
    await ours.client.disconnect(force=True)

    assert (ours.registered, ours.socket.closes) == (None, 1)
    await first


# Out of sight


async def test_leaves_a_channel_out_of_sight(ours: Connection) -> None:
    """A client that was moved to a channel Nextcord does not know is in no place, and leaves all the same."""
    data: Any = {"session_id": "s", "channel_id": "811"}
    await ours.client.on_voice_state_update(data)
    assert ours_of(ours).place is None
    await ours.client.disconnect(force=True)

    assert (ours.registered, ours.guild.voice_states) == (None, [{"channel": None}])
