"""What no abuse may do to a server: others are served as before, nothing stays behind, the log is short and clean."""

import asyncio
import contextlib
import gc
import json
import logging
import os
import re
import sys
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple

import aiohttp
import pytest

from jeffbot.ws.server import Server
from staging import PATIENCE, SECRET, token_for

LONG = bool(os.environ.get("JEFFBOT_TEST_LONG"))
TOLERABLE = 1.0
"""Seconds a neighbour's ping may take on a machine that does much else; the event loop is the test's own as well."""
INTERVAL = 0.01
NEIGHBOUR = 999
"""Who the neighbour is."""
COMING_AND_GOING = re.compile(r"client \d+ (connected from|disconnected|: authenticated)|: authenticated as user")
"""Lines that are no news of abuse: clients come and go."""
LOOKS_LIKE_A_TOKEN = re.compile(r"eyJ[\w-]{8,}")
"""How the header of every token begins: ``{"`` in base64."""
OF_THE_SERVER = ("discord.ws_server", "jeffbot.ws", "jeffbot.http", "jeffbot.service", "aiohttp", "asyncio")
"""Where what strangers do is logged; the soundboard itself goes on meanwhile."""


class Held(NamedTuple):
    """What the process holds for clients."""

    tasks: int
    files: int
    connections: int
    handlers: int

    @classmethod
    def now(cls, server: Server) -> "Held":
        """All of it; files where the system shows them."""
        files = len(os.listdir("/proc/self/fd")) if sys.platform == "linux" else 0  # noqa: PTH208 - it opens no other
        runner = server._runner
        handlers = len(runner.server.connections) if runner and runner.server else 0
        return cls(len(asyncio.all_tasks()), files, len(server._connections), handlers)


class Log(logging.Handler):
    """All that is logged while a house is inhabited, in whatever phase of the test."""

    def __init__(self) -> None:
        super().__init__()
        self.setFormatter(logging.Formatter("%(name)s: %(message)s"))
        self.records: list[logging.LogRecord] = []

    def emit(self, record: logging.LogRecord) -> None:
        """Keep it."""
        self.records.append(record)

    @property
    def text(self) -> str:
        """All of it, tracebacks included."""
        return "\n".join(self.format(record) for record in self.records)


@dataclass
class House:
    """A server with a neighbour in it, who pings all the while."""

    server: Server
    log: Log = field(default_factory=Log)
    lines: int = 1
    """How many lines of the log at INFO or above the abuse may cost."""
    waits: list[float] = field(default_factory=list)

    @property
    def port(self) -> int:
        """Where the server is."""
        return self.server.port

    @property
    def said(self) -> list[str]:
        """What the log says of abuse, at INFO or above."""
        return [
            record.getMessage()
            for record in self.log.records
            if record.levelno >= logging.INFO
            and record.name.startswith(OF_THE_SERVER)
            and not (record.name == "asyncio" and record.levelno < logging.ERROR)  # slow callbacks, in debug mode
            and not COMING_AND_GOING.search(record.getMessage())
        ]


@asynccontextmanager
async def inhabited(
    server: Server, caplog: pytest.LogCaptureFixture, *, secrets: tuple[str, ...] = ()
) -> AsyncIterator[House]:
    """A server to be abused; when this is left, it must be as it was.

    Args:
        server: The server, which serves already.
        caplog: Has all of its log kept.
        secrets: What must not be in the log, beside the secret and tokens.
    """
    caplog.set_level(logging.DEBUG, "discord.ws_server")
    caplog.set_level(logging.DEBUG, "jeffbot")
    house = House(server)
    async with contextlib.AsyncExitStack() as stack:
        session = await stack.enter_async_context(aiohttp.ClientSession())
        socket = await stack.enter_async_context(session.ws_connect(f"ws://127.0.0.1:{server.port}"))
        await socket.receive()
        await socket.send_json({"action": "authenticate", "token": token_for(NEIGHBOUR)})
        await socket.receive()
        await _ping(socket, house.waits)
        before = Held.now(server)
        logging.getLogger().addHandler(house.log)
        stack.callback(logging.getLogger().removeHandler, house.log)
        pinging = asyncio.create_task(_keep_pinging(socket, house.waits))
        yield house
        await asyncio.sleep(0)
        assert not pinging.done(), pinging.exception()
        pinging.cancel()
        await asyncio.gather(pinging, return_exceptions=True)
        await _until_no_more_than(before, server)
    assert max(house.waits) < TOLERABLE
    assert len(house.said) <= house.lines, house.said
    for secret in (SECRET, *secrets):
        assert secret not in house.log.text
    assert not LOOKS_LIKE_A_TOKEN.search(house.log.text)


async def _ping(socket: aiohttp.ClientWebSocketResponse, waits: list[float]) -> None:
    began = time.perf_counter()
    await socket.send_str('{"action":"ping"}')
    reply = json.loads(await socket.receive_str(timeout=PATIENCE))
    assert reply["action"] == "pong"
    waits.append(time.perf_counter() - began)


async def _keep_pinging(socket: aiohttp.ClientWebSocketResponse, waits: list[float]) -> None:
    while True:
        await _ping(socket, waits)
        await asyncio.sleep(INTERVAL)


async def _until_no_more_than(before: Held, server: Server) -> None:
    try:
        async with asyncio.timeout(2 * PATIENCE):
            while any(now > then for now, then in zip(Held.now(server), before, strict=True)):
                await asyncio.sleep(0.01)  # nothing tells of it
    except TimeoutError:
        names = sorted(task.get_name() for task in asyncio.all_tasks())
        pytest.fail(f"{before} have become {Held.now(server)}: {names}")


@contextmanager
def no_growth(mebibytes: float) -> Iterator[None]:
    """What runs in this may not leave the process larger than that; run it once before, for what is kept for good."""
    gc.collect()
    before = _resident()
    yield
    gc.collect()
    grown = (_resident() - before) / 2**20
    assert grown < mebibytes, f"{grown:.1f} MiB more"


def _resident() -> int:
    if sys.platform != "linux":
        return 0
    return int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")
