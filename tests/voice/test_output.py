"""What leaves by a voice client, and when it says that it speaks."""

import logging
from collections.abc import AsyncIterator

import pytest

from jeffbot.voice import encryption as module
from jeffbot.voice.client import SoundVoiceClient
from jeffbot.voice.connector import VoiceConnector
from voice.fakes import Connection, FakeUdp, logged_in_bot, make_ours, ours_of, set_key


@pytest.fixture
async def ours() -> AsyncIterator[Connection]:
    """Our client in a clear channel."""
    async with logged_in_bot() as bot:
        connector = VoiceConnector(bot)
        connection = make_ours(bot, connector)
        await connection.describe_session(dave_version=0)
        yield connection
        await connection.client.disconnect(force=True)
        await connector.close()


@pytest.fixture
def client(ours: Connection) -> SoundVoiceClient:
    return ours_of(ours)


@pytest.fixture
def udp(ours: Connection) -> FakeUdp:
    socket = ours.client.socket
    assert isinstance(socket, FakeUdp)
    return socket


@pytest.fixture
def said(ours: Connection, monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """What the gateway is told of speaking."""
    said: list[int] = []

    async def speak(state: int) -> None:
        said.append(int(state))

    monkeypatch.setattr(ours.ws, "speak", speak)
    return said


async def test_says_so_again(ours: Connection, client: SoundVoiceClient, said: list[int]) -> None:
    """What was said of speaking before there was a connection is said once there is one."""
    client._connected.clear()
    client.speak(speaking=True)
    assert said == []
    client._connected.set()
    client.speak(speaking=True)
    client.speak(speaking=False)

    assert said == [1, 0]
    assert ours.client.is_connected()


async def test_network_fails(client: SoundVoiceClient, udp: FakeUdp, caplog: pytest.LogCaptureFixture) -> None:
    """A packet that the network refuses is lost, and told once; sound goes on when the network is back."""
    caplog.set_level(logging.WARNING)
    udp.broken = True
    client.send(b"a", 0.0)
    client.send(b"b", 0.02)
    udp.broken = False
    client.send(b"c", 0.04)

    assert len(udp.sent) == 1
    assert caplog.text.count("do not leave: [Errno 101] Network is unreachable") == 1


async def test_ready(ours: Connection, client: SoundVoiceClient, monkeypatch: pytest.MonkeyPatch) -> None:
    """What plays waits for the key of an encrypted channel with others in it, but not for ever."""
    assert client.ready
    await ours.describe_session(dave_version=1)
    assert not client.ready
    monkeypatch.setattr(module, "AUDIBLE_TIMEOUT", 0.0)
    await client.wait_once()
    assert client.ready
    client._waited = False
    set_key(ours, key=True)
    assert client.ready
    client._connected.clear()

    assert not client.ready
