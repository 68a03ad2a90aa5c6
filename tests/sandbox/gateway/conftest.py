"""Clients of more than one application."""

from collections.abc import AsyncIterator, Callable

import aiohttp
import pytest

from jeffbot.sandbox import Application, Sandbox

from ..clients import RawClient

type ClientOf = Callable[[Application], RawClient]


@pytest.fixture
async def client_of(discord: Sandbox) -> AsyncIterator[ClientOf]:
    """Makes a client of an application."""
    async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(ssl=discord.client_ssl())) as session:
        clients: list[RawClient] = []

        def make(application: Application) -> RawClient:
            clients.append(RawClient(discord, application, session))
            return clients[-1]

        yield make
        for client in clients:
            await client.close()
