"""A program that knows nothing but HTTP."""

from collections.abc import AsyncIterator
from typing import Any

import aiohttp
import pytest

from jeffbot.sandbox import Sandbox


class Remote:
    """Asks the sandbox by HTTP."""

    def __init__(self, url: str, session: aiohttp.ClientSession) -> None:
        self.url = url
        self.session = session

    async def ask(self, verb: str, **parameters: Any) -> tuple[int, Any]:
        """Status and JSON of an answer."""
        async with self.session.post(f"{self.url}/{verb}", json=parameters) as response:
            return response.status, await response.json()

    async def do(self, verb: str, **parameters: Any) -> Any:
        """The JSON of an answer that must be good."""
        status, answer = await self.ask(verb, **parameters)
        assert status == 200, answer
        return answer

    async def refused(self, verb: str, **parameters: Any) -> tuple[int, str]:
        """Status and code of an answer that must be a refusal, which says what is wrong and what to do."""
        status, answer = await self.ask(verb, **parameters)
        assert status != 200, answer
        assert answer.keys() == {"code", "message", "help"}
        assert answer["message"]
        assert answer["help"]
        return status, answer["code"]

    async def get(self, path: str) -> tuple[int, Any]:
        """Status and JSON of what is looked at."""
        async with self.session.get(self.url + path) as response:
            return response.status, await response.json()


@pytest.fixture
async def remote(discord: Sandbox) -> AsyncIterator[Remote]:
    async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(ssl=discord.client_ssl())) as session:
        yield Remote(discord.api_base.replace("/api/v10", "/control"), session)
    assert discord.unknown_routes == []
