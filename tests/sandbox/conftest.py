"""A running sandbox with one bot, one person, one guild and one voice channel."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass

import aiohttp
import pytest
from nextcord.ext import commands

from jeffbot.sandbox import Application, Channel, Guild, Person, Sandbox
from jeffbot.sandbox.nextcord_host import make_bot, running

from .clients import RawClient


@dataclass
class Cave:
    discord: Sandbox
    app: Application
    alice: Person
    guild: Guild
    general: Channel


@pytest.fixture
async def discord() -> AsyncIterator[Sandbox]:
    """A sandbox, in a loop without debug mode: that half doubles the time, and the tests of the cog have it on."""
    asyncio.get_running_loop().set_debug(False)
    async with Sandbox() as sandbox:
        yield sandbox


@pytest.fixture
def cave(discord: Sandbox) -> Cave:
    app, alice = discord.add_application("jeffbot"), discord.add_user("alice")
    guild = discord.add_guild("Cave", members=[alice], applications=[app])
    return Cave(discord, app, alice, guild, guild.add_voice_channel("General"))


@pytest.fixture
async def bot(cave: Cave) -> AsyncIterator[commands.Bot]:
    """Nextcord as it is, logged in."""
    async with running(cave.discord, cave.app, make_bot(cave.discord, guild_ready_timeout=0.05)) as bot:
        yield bot
    assert cave.discord.unknown_routes == []


@pytest.fixture
async def raw(cave: Cave) -> AsyncIterator[RawClient]:
    """A client that sends whatever it is told to."""
    async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(ssl=cave.discord.client_ssl())) as session:
        client = RawClient(cave.discord, cave.app, session)
        yield client
        await client.close()
