"""A person who asks, and a client that answers with requests of its own."""

import asyncio
from collections.abc import AsyncIterator, Coroutine
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

from jeffbot.sandbox import Reply
from jeffbot.sandbox.world.payloads import Json

from ..clients import RawClient, Socket
from ..conftest import Cave

PLAY: Json = {
    "name": "play",
    "description": "Plays",
    "options": [{"type": 3, "name": "sound", "description": "Which", "autocomplete": True}],
}
GUILDS_AND_MESSAGES = 1 << 0 | 1 << 9


@dataclass
class Asked:
    """An interaction as the client is sent it."""

    raw: RawClient
    json: Json

    @property
    def webhook(self) -> str:
        """Where follow-ups are posted."""
        return f"/webhooks/{self.json['application_id']}/{self.json['token']}"

    @property
    def callback(self) -> str:
        """Where it is answered."""
        return f"/interactions/{self.json['id']}/{self.json['token']}/callback"

    async def answer(self, kind: int, **data: Any) -> tuple[int, Any]:
        """Status and JSON of a first answer."""
        return await self.raw.request("POST", self.callback, {"type": kind, "data": data})

    async def refusal(self, method: str, path: str, body: Any = None) -> tuple[int, int]:
        """Status and code of a request that is refused."""
        status, answer = await self.raw.request(method, path, body)
        assert status >= 400
        return status, answer["code"]


@dataclass
class Bot:
    """A client that is logged in."""

    raw: RawClient
    gateway: Socket

    @asynccontextmanager
    async def asked(self, deed: Coroutine[Any, Any, Reply]) -> AsyncIterator[tuple[Asked, "asyncio.Task[Reply]"]]:
        """Someone does something: what the client is sent, and what they will see of the answer."""
        doing = asyncio.create_task(deed)
        try:
            yield Asked(self.raw, await self.gateway.until_event("INTERACTION_CREATE")), doing
        finally:
            doing.cancel()
            await asyncio.wait([doing])


async def register(cave: Cave, raw: RawClient, *commands: Json) -> None:
    """Have exactly these commands everywhere."""
    status, _ = await raw.request("PUT", f"/applications/{cave.app.id}/commands", list(commands))
    assert status == 200


async def ready(cave: Cave, raw: RawClient, intents: int = GUILDS_AND_MESSAGES) -> Bot:
    """A client that is logged in and has registered ``PLAY``."""
    await register(cave, raw, PLAY)
    gateway = await raw.log_in(intents)
    await gateway.news()
    return Bot(raw, gateway)
