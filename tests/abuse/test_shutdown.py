"""Shutting down with a crowd connected, some of whom hang, or are in the middle of something."""

import asyncio
import socket
import time
from pathlib import Path

import pytest

from abuse.crowd import SMALL, Client, Service, many_files, request
from jeffbot.ws.server import Server
from serving import make_server

LIVING, DEAD = 450, 50
QUICKLY = 5.0
"""Seconds, on a machine that runs other tests, too."""


async def crowd(server: Server, count: int, first: int, **more: int) -> list[Client]:
    """So many clients, each signed in as a user of its own."""
    clients = []
    for user_id in range(first, first + count):
        client = await Client.connect(server.port, **more)
        await client.sign_in(user_id)
        clients.append(client)
    return clients


async def test_with_a_crowd(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """All who live are told so with 1001, those who hang keep nobody, and nothing is left of them."""
    caplog.set_level("WARNING")
    before = asyncio.all_tasks()
    with many_files(4 * (LIVING + DEAD)):
        async with make_server(Service(), tmp_path) as server:
            port = server.port
            living = await crowd(server, LIVING, 1)
            dead = await crowd(server, DEAD, LIVING + 1, receives=SMALL)
            for client in dead:
                client.stop_reading()
                client.send(request("list") * 3)
            for client in living[::2]:
                assert (await client.ask("subscribe", topics=["*"]))["action"] == "subscribe"
            for client in living[::3]:
                client.send(request("play", filename="x") + request("play", filename="x", id=1))
            await living[-1].ask("ping")
            assert len(server._connections) == LIVING + DEAD
            closing = [asyncio.create_task(client.closed()) for client in living]
            await asyncio.sleep(0)
            began = time.monotonic()
        took = time.monotonic() - began

        assert await asyncio.gather(*closing) == [1001] * LIVING
        assert took < QUICKLY
        with socket.create_server(("127.0.0.1", port)):
            pass  # it is free
        for client in dead:
            client.hang_up()
    for _ in range(3):
        await asyncio.sleep(0)
    assert asyncio.all_tasks() == before
    assert [line.getMessage() for line in caplog.records if line.name != "asyncio"] == []


async def test_afterwards(tmp_path: Path) -> None:
    """Once it has shut down nobody gets in."""
    async with make_server(Service(), tmp_path) as server:
        port = server.port
        client = await Client.connect(port)
        await client.sign_in(1)
    with pytest.raises(ConnectionRefusedError):
        await asyncio.open_connection("127.0.0.1", port)
    assert await client.closed() == 1001
