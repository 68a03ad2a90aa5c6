"""Stock Nextcord at the main gateway."""

import asyncio
import time
from collections.abc import Callable
from typing import Any

import aiohttp
import nextcord
import pytest
from nextcord.ext import commands

from jeffbot.sandbox import Kind, Sandbox
from jeffbot.sandbox.gateway.intents import PRIVILEGED
from jeffbot.sandbox.nextcord_host import make_bot, running

from ..conftest import Cave


def listen(bot: commands.Bot, event: str) -> asyncio.Future[Any]:
    """What the next such event brings."""
    heard: asyncio.Future[Any] = asyncio.get_running_loop().create_future()

    async def hear(*arguments: object) -> None:
        if not heard.done():
            heard.set_result(arguments)

    bot.add_listener(hear, f"on_{event}")
    return heard


async def at_once(*_: object, **__: object) -> None:
    """In place of the hook in which Nextcord waits five seconds."""


@pytest.mark.parametrize(
    "lose",
    [
        lambda discord, app: discord.drop_gateway(app),
        lambda discord, app: discord.drop_gateway(app, code=4000),
        lambda discord, app: discord.drop_gateway(app, code=1001),
        lambda discord, app: discord.ask_reconnect(app),
        lambda discord, app: discord.invalidate_session(app, resumable=True),
    ],
    ids=["cut", "closed", "going away", "reconnect", "invalid"],
)
@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")  # Nextcord does not close the old one
async def test_resume(cave: Cave, bot: commands.Bot, lose: Callable[[Sandbox, Any], None]) -> None:
    """It resumes, and misses nothing of what happened meanwhile."""
    resumed = listen(bot, "resumed")
    await cave.discord.bot_ready(cave.app)
    lose(cave.discord, cave.app)
    cave.guild.rename("Den")
    async with asyncio.timeout(10):
        await resumed

    guild = bot.get_guild(cave.guild.id)
    assert guild is not None
    assert guild.name == "Den"
    assert [session.resumes for session in cave.discord.sessions(cave.app)] == [1]
    assert cave.discord.findings == []


async def test_begins_anew(cave: Cave, bot: commands.Bot, monkeypatch: pytest.MonkeyPatch) -> None:
    """Called invalid for good, it begins a new session, as it should."""
    monkeypatch.setattr(bot, "before_identify_hook", at_once)
    await cave.discord.bot_ready(cave.app)
    [old] = cave.discord.sessions(cave.app)
    cave.discord.invalidate_session(cave.app)
    await cave.discord.until(
        lambda: [s for s in cave.discord.sessions(cave.app) if s is not old and s.connected], timeout=15
    )

    assert bot.is_ready()
    assert cave.discord.findings == []


async def test_asked_for_a_heartbeat(cave: Cave, bot: commands.Bot) -> None:
    """It answers at once; it is no session that has to be given up."""
    cave.discord.options.gateway_heartbeat = 4.0
    cave.discord.drop_gateway(cave.app)  # the interval is that of a connection
    await listen(bot, "resumed")
    cave.discord.ask_heartbeat(cave.app)
    with pytest.raises(TimeoutError):
        await cave.discord.until(lambda: cave.discord.findings, timeout=1.2)


async def test_disallowed_intents(cave: Cave) -> None:
    """It says in its own words that a privileged intent was not granted."""
    bot = make_bot(cave.discord, intents=nextcord.Intents(guilds=True, members=True))
    with pytest.raises(nextcord.PrivilegedIntentsRequired):
        async with running(cave.discord, cave.app, bot):
            pass


async def test_members_and_presences(cave: Cave) -> None:
    """Granted all intents it lists all members, sees who is online, and reads what they write."""
    app = cave.discord.add_application("trusted", privileged=PRIVILEGED)
    cave.guild.add_member(app.user)
    bot = make_bot(cave.discord, intents=nextcord.Intents.all(), guild_ready_timeout=0.05)
    async with running(cave.discord, app, bot):
        guild = bot.get_guild(cave.guild.id)
        assert guild is not None
        assert (len(guild.members), guild.chunked) == (4, True)
        updated, written = listen(bot, "presence_update"), listen(bot, "message")
        await cave.alice.go_online("idle")
        await cave.alice.write(cave.guild.text_channel, "hello")
        async with asyncio.timeout(5):
            [_, after], [message] = await updated, await written

        assert (after.name, after.status) == ("alice", nextcord.Status.idle)
        assert (message.content, message.author.name) == ("hello", "alice")


async def test_presence(cave: Cave) -> None:
    """Its activity and status are taken; that it names it ``game`` when it identifies is noted."""
    bot = make_bot(cave.discord, activity=nextcord.Game("chess"), status=nextcord.Status.dnd, guild_ready_timeout=0.05)
    async with running(cave.discord, cave.app, bot):
        first = dict(cave.app.user.presence)
        await bot.change_presence(activity=nextcord.CustomActivity("away"), status=nextcord.Status.idle)
        await cave.discord.until(lambda: cave.app.user.presence["status"] == "idle")

    assert (first["status"], first["activities"][0]["name"]) == ("dnd", "chess")
    assert cave.discord.findings.kinds() == {Kind.DEPRECATED_FIELD}


async def test_shards(cave: Cave, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its automatic sharding works: each guild is on its shard, each shard resumes."""
    for number in range(6):
        cave.discord.add_guild(f"guild {number}", applications=[cave.app], members=[cave.alice])
        await asyncio.sleep(0.002)  # ids of different milliseconds are of different shards
    bot: Any = commands.AutoShardedBot(
        shard_count=2,
        intents=nextcord.Intents(guilds=True),
        connector=aiohttp.TCPConnector(ssl=cave.discord.client_ssl()),
        guild_ready_timeout=0.05,
    )
    monkeypatch.setattr(bot, "before_identify_hook", at_once)
    async with running(cave.discord, cave.app, bot):
        assert {guild.shard_id == (guild.id >> 22) % 2 for guild in bot.guilds} == {True}
        assert len(bot.guilds) == 7
        cave.discord.drop_gateway(cave.app)
        await cave.discord.until(
            lambda: [session.resumes for session in cave.discord.sessions(cave.app)] == [1, 1], timeout=15
        )


async def test_500_guilds(discord: Sandbox) -> None:
    """A bot in 500 guilds is ready within five seconds."""
    app = discord.add_application("jeffbot")
    for number in range(500):
        member = discord.add_user(f"user {number}")
        discord.add_guild(f"guild {number}", members=[member], applications=[app]).add_voice_channel("General")
    begun = time.monotonic()
    async with running(discord, app, make_bot(discord, guild_ready_timeout=0.1)) as bot:
        ready = time.monotonic() - begun
        assert len(bot.guilds) == 500

    assert ready < 5
