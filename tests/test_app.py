"""The soundboard as a whole, where one of its parts fails or is cut off."""

import asyncio
import contextlib
import logging
import socket
import threading
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from jeffbot.audio.cache import Entry
from jeffbot.audio.encoder import Encoder
from jeffbot.errors import UnloadedError
from jeffbot.library.catalog import Catalog
from jeffbot.library.folder import SoundsFolder
from jeffbot.models import Trim
from staging import EXTENSION, PATIENCE, MakeStage, Stage, Wire


@asynccontextmanager
async def signed_in(stage: Stage) -> AsyncIterator[Wire]:
    """A bare connection, signed in as Alice."""
    async with aiohttp.ClientSession() as session, session.ws_connect(await stage.url()) as client:
        wire = Wire(client)
        wire.welcome = await wire.receive()
        await wire.sign_in(stage.alice)
        yield wire


async def ended(cog: Any) -> None:
    """Wait until the soundboard has ended, and see that it has left no task."""
    async with asyncio.timeout(PATIENCE):
        await cog.wait_closed()
    assert [task for task in asyncio.all_tasks() if task.get_name().startswith("jeffbot")] == []


def can_listen(port: int) -> bool:
    """Whether the port is free."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        with contextlib.suppress(OSError):
            probe.bind(("127.0.0.1", port))
            return True
        return False


async def test_one_odd_file(make_stage: MakeStage, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """A file at which encoding fails in a way nobody thought of costs that file alone."""
    encode = Encoder.encode

    def fail_at_one(self: Encoder, file: Path, trim: Trim) -> Entry:
        if file.name == "high.wav":
            raise RuntimeError("nobody thought of it")
        return encode(self, file, trim)

    monkeypatch.setattr(Encoder, "encode", fail_at_one)
    async with make_stage(data_dir=tmp_path / "data", encoders=1) as stage, signed_in(stage) as wire:
        async with asyncio.timeout(PATIENCE):
            while (await wire.ask({"action": "list"}))["sounds"][-1]["duration"] is None:
                pass  # the last by name is encoded after the odd one
        assert (await wire.ask({"action": "play", "filename": "high"}))["error_code"] == "play_error"
        assert (await wire.ask({"action": "play", "filename": "low"}))["action"] == "playing"


@pytest.mark.parametrize("host", ["..", "a" * 70])
async def test_address_that_is_no_host_name(make_stage: MakeStage, host: str, caplog: pytest.LogCaptureFixture) -> None:
    """An address that is no host name is told with its setting, and the slash commands work without it."""
    async with make_stage(ws_host=host) as stage:
        with pytest.raises((OSError, UnicodeError)):
            await stage.soundboard.wait_serving()

        assert "JEFFBOT_WS_HOST" in caplog.text
        assert "Playing" in (await stage.invoke("play", sound="low")).content
        assert not stage.cog._lifecycle.done()


async def test_fault_in_one_job(
    make_stage: MakeStage, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """A fault in one part ends all of it, clients, port and tasks, and the log says so; the bot goes on."""
    fault = asyncio.Event()

    async def watch(_catalog: Catalog) -> None:
        await fault.wait()
        raise RuntimeError("the folder has bitten")

    monkeypatch.setattr(Catalog, "watch", watch)
    async with make_stage() as stage, signed_in(stage) as wire:
        port = (await stage.soundboard.wait_serving()).port
        assert not can_listen(port)
        fault.set()

        assert await wire.closed() == 1001
        await ended(stage.cog)
        assert can_listen(port)
        assert not stage.bot.is_closed()
    (record,) = [record for record in caplog.records if record.levelno >= logging.ERROR]
    assert "ended by a fault of its own" in record.getMessage()
    assert record.exc_info


async def test_cancelled_from_outside(make_stage: MakeStage) -> None:
    """A host that cancels all tasks, as ``asyncio.run`` does at its end, closes clients with 1001."""
    async with make_stage() as stage, signed_in(stage) as wire:
        stage.cog._lifecycle.cancel()

        assert await wire.closed() == 1001
        await ended(stage.cog)


async def test_unloaded_during_the_first_scan(make_stage: MakeStage, monkeypatch: pytest.MonkeyPatch) -> None:
    """A press that waits for the first scan is told when the soundboard is unloaded, before that scan has ended."""
    scan = SoundsFolder.walk
    begun, release = threading.Event(), threading.Event()

    def slow_scan(folder: SoundsFolder) -> Any:
        begun.set()
        release.wait(PATIENCE)
        return scan(folder)

    monkeypatch.setattr(SoundsFolder, "walk", slow_scan)
    async with make_stage() as stage:
        try:
            assert await asyncio.to_thread(begun.wait, PATIENCE)
            cog, press = stage.cog, asyncio.create_task(stage.service.play(stage.alice.id, "low"))
            await asyncio.wait([press], timeout=0)
            stage.bot.unload_extension(EXTENSION)
            with pytest.raises(UnloadedError):
                await asyncio.wait_for(press, PATIENCE)
            assert not release.is_set()
        finally:
            release.set()
        await ended(cog)
