"""The cog as a guest: loaded at any time, reloaded, unloaded, and gone without a trace."""

import asyncio
import logging
import socket
import threading
from pathlib import Path
from typing import Any

import aiohttp
import nextcord
import pytest
from nextcord.ext import commands

from jeffbot.errors import CommandClashError, FFmpegMissingError, SettingsError
from jeffbot.sandbox import Sandbox
from jeffbot.sandbox.nextcord_host import make_bot, pointed_at, running
from staging import EXTENSION, PATIENCE, Connect, MakeStage, Stage, token_for

pytestmark = pytest.mark.play


def free_port() -> int:
    """A port nothing listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def can_listen(port: int) -> bool:
    """Whether the port is free."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
        return True


def our_tasks() -> set[str]:
    """Names of tasks that are the soundboard's."""
    return {
        f"{task.get_name()}: {task.get_coro()}"
        for task in asyncio.all_tasks()
        if task.get_name().startswith("jeffbot") or "jeffbot/voice" in str(task.get_coro())
    }


async def until_quiet(threads: set[threading.Thread]) -> None:
    """Wait until no task of ours and no thread beyond these is left."""
    async with asyncio.timeout(PATIENCE):
        while our_tasks() or any(_is_ours(thread) for thread in set(threading.enumerate()) - threads):
            await asyncio.sleep(0.01)


def _is_ours(thread: threading.Thread) -> bool:
    return not thread.name.startswith("asyncio_")  # the loop's own pool, which resolves host names


async def signs_in(url: str, user_id: int) -> None:
    """Check that the remote control works."""
    async with aiohttp.ClientSession() as session, session.ws_connect(url) as socket:
        await socket.receive_json(timeout=PATIENCE)
        await socket.send_json({"action": "authenticate", "token": token_for(user_id)})
        assert (await socket.receive_json(timeout=PATIENCE))["action"] == "auth_success"


async def test_loaded_after_login(discord: Sandbox, extras: dict[str, object]) -> None:
    """Loaded into a bot that is logged in, the commands are registered and work at once."""
    app = discord.add_application("jeffbot")
    alice = discord.add_user("alice")
    guild = discord.add_guild("Cave", members=[alice], applications=[app])
    await alice.join(guild.add_voice_channel("General"))
    bot = make_bot(discord, guild_ready_timeout=0.1)
    async with running(discord, app, bot):
        bot.load_extension(EXTENSION, extras=extras)
        await discord.bot_ready(app, "play", "status")

        assert "Playing" in (await alice.invoke(app, guild, "play", sound="low")).content


def test_bot_run(extras: dict[str, object]) -> None:
    """Loaded before ``bot.run()``, it serves while the bot runs, and nothing is left when that returns."""
    port = free_port()
    seen: list[str] = []
    loop = asyncio.new_event_loop()
    asyncio.set_event_loop(loop)
    sandbox = Sandbox()
    loop.run_until_complete(sandbox.__aenter__())
    app = sandbox.add_application("jeffbot")
    sandbox.add_guild("Cave", applications=[app])
    connector = loop.run_until_complete(_connector(sandbox))
    bot = commands.Bot(
        intents=nextcord.Intents(guilds=True, voice_states=True),
        loop=loop,
        connector=connector,
        guild_ready_timeout=0.1,
    )
    bot.load_extension(EXTENSION, extras={**extras, "ws_port": port})

    @bot.event
    async def on_ready() -> None:
        await signs_in(f"ws://127.0.0.1:{port}", 1)
        seen.append("served")
        await sandbox.__aexit__(None, None, None)
        await bot.close()

    with pointed_at(sandbox):
        bot.run(app.token)

    assert seen == ["served"]
    assert can_listen(port)
    assert loop.is_closed()
    asyncio.set_event_loop(None)


async def _connector(sandbox: Sandbox) -> aiohttp.TCPConnector:
    return aiohttp.TCPConnector(ssl=sandbox.client_ssl())


def test_asyncio_run_with_a_bot_made_before(extras: dict[str, object]) -> None:
    """A bot made at import time and run by ``asyncio.run(bot.start())`` plays, too."""
    bot = commands.Bot(intents=nextcord.Intents(guilds=True, voice_states=True), guild_ready_timeout=0.1)
    made_for = bot.loop
    bot.load_extension(EXTENSION, extras=extras)

    async def main() -> str:
        async with Sandbox() as discord:
            app = discord.add_application("jeffbot")
            alice = discord.add_user("alice")
            guild = discord.add_guild("Cave", members=[alice], applications=[app])
            await alice.join(guild.add_voice_channel("General"))
            bot.http._connector = await _connector(discord)
            async with running(discord, app, bot):
                await discord.bot_ready(app, "play")
                return str((await alice.invoke(app, guild, "play", sound="low")).content)

    assert asyncio.run(main(), debug=True) == "Playing **low.wav** in **General**."
    made_for.close()
    asyncio.set_event_loop(None)


async def test_reloaded_ten_times(make_stage: MakeStage, connect: Connect) -> None:
    """After ten reloads on one port, with a client connected each time, everything still works."""
    port = free_port()
    async with make_stage(ws_port=port) as stage:
        for _ in range(10):
            closed = asyncio.create_task((await connect(stage)).closed())
            await asyncio.sleep(0)  # it reads; else aiohttp's client takes a closed socket for a broken one
            stage.bot.reload_extension(EXTENSION)
            choices = await stage.alice.autocomplete(stage.app, stage.guild, "play", "sound", "")
            assert await closed == 1001
            assert await stage.url() == f"ws://127.0.0.1:{port}"
        await stage.service.wait_ready()

        assert choices is not None
        assert "Playing" in (await stage.invoke("play", sound="low")).content
        assert len(await stage.alice.autocomplete(stage.app, stage.guild, "play", "sound", "")) == 3
        assert sum(name.startswith("jeffbot: ") for name in our_tasks()) == 1


async def test_reload_in_mid_play_leaves_nothing(discord: Sandbox, extras: dict[str, object]) -> None:
    """A reload while a sound plays leaves voice, and unloading after it leaves no task, thread, socket or port."""
    threads = set(threading.enumerate())
    app = discord.add_application("jeffbot")
    alice = discord.add_user("alice")
    guild = discord.add_guild("Cave", members=[alice], applications=[app])
    await alice.join(guild.add_voice_channel("General"))
    bot = make_bot(discord, guild_ready_timeout=0.1)
    async with running(discord, app, bot):
        threads |= set(threading.enumerate())
        bot.load_extension(EXTENSION, extras=extras)
        stage = Stage(discord, app, bot, guild, guild.add_voice_channel("x"), alice)
        await stage.service.wait_ready()
        port = (await stage.soundboard.wait_serving()).port
        await stage.service.play(alice.id, "low")
        ear = stage.ear

        bot.reload_extension(EXTENSION)
        await discord.until(lambda: not ear.connected, timeout=1.5)
        await stage.service.wait_ready()
        await stage.service.play(alice.id, "high")
        ear = stage.ear
        bot.unload_extension(EXTENSION)
        await discord.until(lambda: not ear.connected, timeout=1.5)

        await until_quiet(threads)
        assert guild.voice_states.get(app.id) is None
        assert can_listen(port)
        assert bot.voice_clients == []


async def test_unload_while_sounds_are_encoded(make_stage: MakeStage, tmp_path: Path) -> None:
    """Unloading while ffmpeg runs ends it at once, and no process is left."""
    slow = tmp_path / "slow-ffmpeg"
    pids = tmp_path / "pids"
    slow.write_text(f"#!/bin/sh\ncase \"$*\" in *-encoders*) echo ' libopus ';; *-version*) echo v;; *)\n"
                    f"echo $$ >> {pids}; exec sleep 60;; esac\n")  # fmt: skip
    slow.chmod(0o755)
    async with make_stage(ffmpeg=slow, data_dir=tmp_path / "data") as stage:
        while not pids.exists() or not pids.read_text():
            await asyncio.sleep(0.01)
        cog = stage.cog
        stage.bot.unload_extension(EXTENSION)
        async with asyncio.timeout(1.5):
            await cog.wait_closed()

        assert not any(_is_alive(pid) for pid in pids.read_text().split())


def _is_alive(pid: str) -> bool:
    return Path("/proc", pid).exists()


async def test_host_keeps_its_own_play(discord: Sandbox, extras: dict[str, object]) -> None:
    """A host with a /play of its own keeps it; the error says whose it is and how to go on; the bot is unharmed."""
    app = discord.add_application("host")
    alice = discord.add_user("alice")
    guild = discord.add_guild("Cave", members=[alice], applications=[app])
    bot = make_bot(discord, guild_ready_timeout=0.1)

    @bot.slash_command(name="play", description="the host's own")
    async def play(interaction: nextcord.Interaction[Any]) -> None:
        await interaction.send("mine")

    with pytest.raises(commands.ExtensionFailed) as caught:
        bot.load_extension(EXTENSION, extras=extras)
    assert isinstance(caught.value.__cause__, CommandClashError)
    assert "/play" in str(caught.value)
    assert "JEFFBOT_COMMAND_GROUP" in str(caught.value)
    assert bot.get_cog("Sound") is None

    bot.load_extension(EXTENSION, extras={**extras, "command_group": "sound"})
    async with running(discord, app, bot):
        await discord.bot_ready(app, "play", "sound")
        assert (await alice.invoke(app, guild, "play")).content == "mine"


async def test_host_declares_play_afterwards(
    discord: Sandbox, extras: dict[str, object], caplog: pytest.LogCaptureFixture
) -> None:
    """A host that declares its /play after loading keeps it, too; ours is left out and the log says so."""
    app = discord.add_application("host")
    alice = discord.add_user("alice")
    guild = discord.add_guild("Cave", members=[alice], applications=[app])
    bot = make_bot(discord, guild_ready_timeout=0.1)
    bot.load_extension(EXTENSION, extras=extras)

    @bot.slash_command(name="play", description="the host's own")
    async def play(interaction: nextcord.Interaction[Any]) -> None:
        await interaction.send("mine")

    await asyncio.sleep(0)
    async with running(discord, app, bot):
        await discord.bot_ready(app, "play", "random")
        assert (await alice.invoke(app, guild, "play")).content == "mine"
        assert "voice channel" in (await alice.invoke(app, guild, "random")).content
    assert "JEFFBOT_COMMAND_GROUP" in caplog.text


@pytest.mark.parametrize("missing", ["guilds", "voice_states"])
async def test_missing_intent(missing: str, extras: dict[str, object]) -> None:
    """A bot without an intent we need is refused, by the intent's name; no privileged one is asked for."""
    bot = commands.Bot(intents=nextcord.Intents(**{"guilds": True, "voice_states": True, missing: False}))

    with pytest.raises(commands.ExtensionFailed, match=missing):
        bot.load_extension(EXTENSION, extras=extras)


async def test_ffmpeg_missing(extras: dict[str, object]) -> None:
    """Without ffmpeg loading fails and says how to get it."""
    bot = commands.Bot(intents=nextcord.Intents(guilds=True, voice_states=True))
    with pytest.raises(commands.ExtensionFailed) as caught:
        bot.load_extension(EXTENSION, extras={**extras, "ffmpeg": "/no/such/ffmpeg"})

    assert isinstance(caught.value.__cause__, FFmpegMissingError)
    assert "pip install jeffbot[bundled]" in str(caught.value)


async def test_short_secret(extras: dict[str, object]) -> None:
    """A secret that is too short stops loading, by its setting's name and without showing it."""
    bot = commands.Bot(intents=nextcord.Intents(guilds=True, voice_states=True))
    with pytest.raises(commands.ExtensionFailed) as caught:
        bot.load_extension(EXTENSION, extras={**extras, "jwt_secret": "tooshort"})

    assert isinstance(caught.value.__cause__, SettingsError)
    assert "JEFFBOT_JWT_SECRET" in str(caught.value)
    assert "tooshort" not in str(caught.value)


async def test_settings_outlive_a_reload(make_stage: MakeStage) -> None:
    """Settings given when loading are in force after a reload without them."""
    async with make_stage(command_group="sound") as stage:
        stage.bot.reload_extension(EXTENSION)

        assert [command.name for command in stage.cog.application_commands] == ["sound"]


async def test_failed_reload_keeps_the_old_settings(make_stage: MakeStage) -> None:
    """A reload with a wrong setting fails, and the soundboard goes on as it was."""
    async with make_stage() as stage:
        with pytest.raises(commands.ExtensionFailed, match="JEFFBOT_WS_PORT"):
            stage.bot.reload_extension(EXTENSION, extras={"ws_port": "many"})

        await stage.service.wait_ready()
        assert "Playing" in (await stage.invoke("play", sound="low")).content


async def test_loop_is_never_blocked_for_long(
    discord: Sandbox, extras: dict[str, object], caplog: pytest.LogCaptureFixture, tmp_path: Path
) -> None:
    """Loading, encoding, playing and unloading hold the host's event loop for no longer than a moment."""
    loop = asyncio.get_running_loop()
    loop.slow_callback_duration = 0.5
    caplog.set_level(logging.WARNING, "asyncio")
    bot = make_bot(discord, guild_ready_timeout=0.1)
    app = discord.add_application("jeffbot")
    discord.add_guild("Cave", applications=[app])
    async with running(discord, app, bot):
        bot.load_extension(EXTENSION, extras={**extras, "data_dir": tmp_path / "data"})
        cog: Any = bot.get_cog("Sound")
        await cog.service.wait_ready()
        for sound in cog.service.sounds():
            while cog.service.duration(sound) is None:
                await asyncio.sleep(0.02)  # nothing tells of it
        bot.unload_extension(EXTENSION)
        await cog.wait_closed()

    assert [record.getMessage() for record in caplog.records if "jeffbot" in record.getMessage()] == []
