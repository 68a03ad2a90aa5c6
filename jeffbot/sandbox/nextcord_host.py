"""An unmodified Nextcord bot that talks to a sandbox; the only module here that imports Nextcord."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Iterator
from typing import Any

import aiohttp
import nextcord
from nextcord.ext import commands
from nextcord.http import Route

from .interactions.applications import Application
from .server import Sandbox

STOP_SECONDS = 10.0


@contextlib.contextmanager
def pointed_at(discord: Sandbox) -> Iterator[None]:
    """Have Nextcord, in this whole process, ask this sandbox instead of Discord."""
    base = Route.BASE
    Route.BASE = discord.api_base
    try:
        yield
    finally:
        Route.BASE = base


def make_bot(discord: Sandbox, *, intents: nextcord.Intents | None = None, **options: Any) -> commands.Bot:
    """A bot that trusts the sandbox's certificate; call it in the loop it will run in.

    Args:
        discord: Whom to trust. The connector is needed because aiohttp reads SSL_CERT_FILE but once, at import.
        intents: By default guilds and voice states, which are not privileged.
        options: Further arguments of ``commands.Bot``.
    """
    connector = aiohttp.TCPConnector(ssl=discord.client_ssl())
    wanted = intents or nextcord.Intents(guilds=True, voice_states=True)
    return commands.Bot(intents=wanted, connector=connector, **options)


@contextlib.asynccontextmanager
async def running(discord: Sandbox, application: Application, bot: commands.Bot) -> AsyncIterator[commands.Bot]:
    """Log a bot in, and out at the end; inside, it is ready and the sandbox is Nextcord's Discord.

    Raises:
        nextcord.LoginFailure: The token is wrong; or whatever else ``bot.start`` raises.
    """
    with pointed_at(discord):
        start = asyncio.create_task(bot.start(application.token), name="sandbox nextcord bot")
        ready = asyncio.create_task(bot.wait_until_ready(), name="sandbox nextcord bot ready")
        try:
            await asyncio.wait([start, ready], return_when=asyncio.FIRST_COMPLETED)
            if start.done():
                start.result()
            yield bot
        finally:
            ready.cancel()
            async with asyncio.timeout(STOP_SECONDS):
                await bot.close()
            start.cancel()
            await asyncio.wait([start, ready])
            if not start.cancelled():
                start.result()
