"""What tests share: short tones as sounds, a local Discord with a bot in it, and clients of the remote control."""

import gc
import os
import shutil
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web
from nextcord.ext import commands

from contract.validating import Validator
from jeffbot.client import RemoteClient
from jeffbot.sandbox import Sandbox
from jeffbot.sandbox.nextcord_host import make_bot, running
from jeffbot.store.database import Database
from jeffbot.store.store import FILE_NAME
from jeffbot.ws import http, uploads
from jeffbot.ws.outbox import Outbox
from jeffbot.ws.replies import Reply
from staging import COMMANDS, EXTENSION, SECRET, TONES, MakeStage, Stage, write_tone

pytest_plugins = ["jeffbot.sandbox.testing", "workers"]


@pytest.fixture(autouse=True)
def _clean_environment(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """No setting of the machine reaches a test, and no test writes into the checkout."""
    for name in [name for name in os.environ if name.startswith("JEFFBOT_") and name != "JEFFBOT_TEST_ALL"]:
        monkeypatch.delenv(name)
    monkeypatch.chdir(tmp_path)


@pytest.fixture(scope="session")
def _sent() -> Iterator[list[str]]:
    """Holds every message that a server of the remote control sends against its documents; what is wrong is listed."""
    validator, problems = Validator(), list[str]()
    put, respond = Outbox._put, http.respond

    def check(data: bytes) -> None:
        if problem := validator.check(data):
            problems.append(problem)

    def checked_put(outbox: Outbox, item: Any) -> None:
        check(item.data)
        put(outbox, item)

    def checked_respond(reply: Reply, body: bytes) -> web.Response:
        check(body)
        return respond(reply, body)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Outbox, "_put", checked_put)
        for module in (http, uploads):
            patch.setattr(module, "respond", checked_respond)
        yield problems


@pytest.fixture(autouse=True)
def _only_what_is_documented(_sent: list[str]) -> Iterator[None]:
    """What the server sends is what its documents say."""
    yield
    problems = [*_sent]
    _sent.clear()
    assert not problems


@pytest.fixture(scope="session")
def encoded(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of encoded sounds that tests share, so that each tone is encoded once per run."""
    return tmp_path_factory.mktemp("opus")


@pytest.fixture
def sounds_dir(tmp_path: Path) -> Path:
    """A library of three tones of one second."""
    for name, hertz in TONES.items():
        write_tone(tmp_path / "sounds" / name, hertz)
    return tmp_path / "sounds"


@pytest.fixture(scope="session")
def migrated(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An empty database of the newest version."""
    file = tmp_path_factory.mktemp("store") / FILE_NAME
    Database(file).close()
    return file


@pytest.fixture
def data_dir(tmp_path: Path, encoded: Path) -> Path:
    """A data folder of the test's own, but for the encoded sounds."""
    folder = tmp_path / "kept"
    folder.mkdir(mode=0o700)
    (folder / "opus").symlink_to(encoded)
    return folder


@pytest.fixture
def extras(sounds_dir: Path, data_dir: Path) -> dict[str, object]:
    """Settings for a soundboard on a free port of the loopback interface, without limits."""
    return {
        "sounds_dir": sounds_dir,
        "data_dir": data_dir,
        "ws_host": "127.0.0.1",
        "ws_port": 0,
        "jwt_secret": SECRET,
        "request_rate": 0,
        "press_rate": 0,
    }


@pytest.fixture
def make_stage(discord: Sandbox, extras: dict[str, object]) -> MakeStage:
    """Set a stage; ``prepare(bot)`` comes before the extension is loaded, further words are settings."""

    @asynccontextmanager
    async def stage(
        prepare: Callable[[commands.Bot], object] = lambda _: None, **settings: object
    ) -> AsyncIterator[Stage]:
        app = discord.add_application("jeffbot")
        alice = discord.add_user("alice")
        guild = discord.add_guild("Cave", members=[alice], applications=[app])
        general = guild.add_voice_channel("General")
        await alice.join(general)
        bot = make_bot(discord, guild_ready_timeout=0.1)
        prepare(bot)
        bot.load_extension(EXTENSION, extras={**extras, **settings})
        async with running(discord, app, bot):
            group = str(settings.get("command_group", ""))
            await discord.bot_ready(app, *([group] if group else COMMANDS))
            yield Stage(discord, app, bot, guild, general, alice)

    return stage


@pytest.fixture
async def stage(make_stage: MakeStage) -> AsyncIterator[Stage]:
    """The usual stage."""
    async with make_stage() as stage:
        await stage.service.wait_ready()
        yield stage


@pytest.fixture
async def remote(stage: Stage) -> AsyncIterator[RemoteClient]:
    """Alice's client of the remote control."""
    async with await stage.remote() as client:
        yield client


def pytest_collection_finish() -> None:
    """What was imported and collected stays to the end: collecting garbage need not look at it again and again."""
    gc.collect()
    gc.freeze()


def pytest_configure() -> None:
    """In CI nothing may be skipped."""
    assert shutil.which("node") or not os.environ.get("JEFFBOT_TEST_ALL"), (
        "JEFFBOT_TEST_ALL is set, but no node is here"
    )
