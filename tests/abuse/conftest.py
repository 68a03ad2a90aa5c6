"""A house to be abused: a server with a neighbour in it, which must be as it was when the test has ended."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from abuse.invariants import House, inhabited
from jeffbot.ws.server import Server
from serving import FakeService, make_server
from staging import Stage


@pytest.fixture
async def server(tmp_path: Path) -> AsyncIterator[Server]:
    """A server with nothing real behind it, and without limits."""
    async with make_server(FakeService(), tmp_path) as server:
        yield server


@pytest.fixture
async def house(server: Server, caplog: pytest.LogCaptureFixture) -> AsyncIterator[House]:
    """Such a server, inhabited."""
    async with inhabited(server, caplog) as house:
        yield house


@pytest.fixture
async def home(stage: Stage, caplog: pytest.LogCaptureFixture) -> AsyncIterator[House]:
    """The server of a real bot, inhabited."""
    async with inhabited(await stage.soundboard.wait_serving(), caplog) as house:
        yield house
