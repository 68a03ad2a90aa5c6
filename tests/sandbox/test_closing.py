"""A sandbox that is closed leaves nothing."""

import asyncio
import contextlib
import gc
import sys
import threading
import time
import weakref
from pathlib import Path

import aiohttp
import pytest

from jeffbot.sandbox import Sandbox

from .clients import RawClient

linux = pytest.mark.skipif(sys.platform != "linux", reason="sees open files by /proc")


def open_files() -> list[str]:
    """What this process has open."""
    files = []
    for link in Path("/proc/self/fd").iterdir():
        with contextlib.suppress(FileNotFoundError):  # the folder itself
            files.append(str(link.readlink()))
    return sorted(files)


def port_of(discord: Sandbox) -> int:
    return int(discord.api_base.split(":")[2].split("/")[0])


@linux
async def test_nothing_is_left() -> None:
    """No task, no thread, no socket, no file, even with clients that do not let go."""
    tasks, threads, files = asyncio.all_tasks(), threading.active_count(), open_files()
    async with contextlib.AsyncExitStack() as stack:
        discord = await stack.enter_async_context(Sandbox())
        app = discord.add_application("jeffbot")
        channel = discord.add_guild("Cave", applications=[app]).add_voice_channel("General")
        discord._voice.endpoints = discord._voice.endpoints[1:]  # an address: no resolver's thread
        discord.options.dave_required = False
        connector, ca_file = aiohttp.TCPConnector(ssl=discord.client_ssl()), discord.ca_file
        async with aiohttp.ClientSession(connector=connector) as session:
            raw = RawClient(discord, app, session)
            voice = await raw.join(await raw.log_in(), channel)
            await voice.until_op(2)
            told = asyncio.create_task(voice.close_code())  # the other connection's client does not even read
            begun = time.monotonic()
            await stack.aclose()
            assert time.monotonic() - begun < 3
            assert await told == 1001
            await raw.close()
    assert not ca_file.exists()
    assert asyncio.all_tasks() == tasks
    assert threading.active_count() == threads
    assert open_files() == files


async def test_same_port_again() -> None:
    """The port is free as soon as the sandbox is closed."""
    async with Sandbox() as first:
        port = port_of(first)
    async with Sandbox(port=port) as second:
        assert port_of(second) == port


@linux
async def test_port_in_use(discord: Sandbox) -> None:
    """A port in use is an error that leaves nothing either."""
    files = open_files()
    with pytest.raises(OSError, match="address already in use"):
        await Sandbox(port=port_of(discord)).__aenter__()

    assert open_files() == files


async def test_forgotten() -> None:
    """A closed sandbox that has answered requests, also of its control, is kept by nothing."""

    async def visited() -> weakref.ref[Sandbox]:
        async with (
            Sandbox() as discord,
            aiohttp.ClientSession(connector=aiohttp.TCPConnector(ssl=discord.client_ssl())) as session,
        ):
            for path in ("/api/v10/gateway", "/control/", "/nothing"):
                async with session.get(f"https://127.0.0.1:{port_of(discord)}{path}") as response:
                    await response.read()
            return weakref.ref(discord)

    discord = await visited()
    gc.collect()

    assert discord() is None
