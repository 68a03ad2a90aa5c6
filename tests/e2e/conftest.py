"""Bare connections to the remote control."""

from collections.abc import AsyncIterator

import aiohttp
import pytest

from staging import Connect, Stage, Wire


@pytest.fixture
async def connect() -> AsyncIterator[Connect]:
    """Opens bare connections: ``connect(stage, path="/")`` is welcomed and not signed in."""
    sockets = []
    async with aiohttp.ClientSession() as session:

        async def connect(stage: Stage, path: str = "/") -> Wire:
            socket = await session.ws_connect(await stage.url() + path, max_msg_size=0)
            sockets.append(socket)
            wire = Wire(socket)
            wire.welcome = await wire.receive()
            return wire

        yield connect
        for socket in sockets:
            await socket.close()


@pytest.fixture
async def stranger(stage: Stage, connect: Connect) -> Wire:
    """A bare connection that has not signed in."""
    return await connect(stage)


@pytest.fixture
async def wire(stage: Stage, stranger: Wire) -> Wire:
    """A bare connection, signed in as Alice."""
    await stranger.sign_in(stage.alice)
    return stranger
