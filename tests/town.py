"""A town of two guilds: people in one, both and none, and the doors by which they reach the soundboard.

The Cave is that of the stage: Alice is in its voice channel, Erin manages it from afar. Bob is in voice in the Attic.
Carol is a member of both and in no voice channel; Dave is a member of neither.
"""

import asyncio
import json
import time
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal, Self

import aiohttp

from jeffbot.sandbox import Channel, Guild, Permission, Person
from jeffbot.ws import scopes
from jeffbot.ws.auth import Tokens
from staging import PATIENCE, SECRET, Stage, Wire

type Json = dict[str, Any]
type Kind = Literal["socket", "http"]

MOMENTS = frozenset(
    {"timestamp", "server_time", "position", "started_at", "expires_at", "restorable_until", "token"}
    | {"packets_sent", "packets_late"}
)
"""Keys whose values are seldom twice the same."""


def make_token(user: Person | int, scope: str = "play", **more: Any) -> str:
    """A good token with these scopes."""
    user_id = user if isinstance(user, int) else user.id
    return Tokens(SECRET, hours=1).make(user_id, scopes=scopes.read(scope), **more)


@dataclass
class Door:
    """Somebody's way to ask for something: a WebSocket, or HTTP."""

    session: aiohttp.ClientSession
    url: str
    token: str
    wire: Wire | None = None
    events: list[Json] = field(default_factory=list)
    """Those that came in between."""

    async def ask(self, action: str, **fields: Any) -> Json:
        """The reply to a request, whatever it is."""
        if self.wire is None:
            _, reply = await self.post(action, **fields)
            return reply
        reply = await self.wire.ask(json.dumps({"action": action, **fields}, ensure_ascii=False))
        while reply["action"] == "event":
            self.events.append(reply)
            reply = await self.wire.receive()
        return reply

    async def act(self, action: str, **fields: Any) -> Json:
        """The reply to a request that is carried out."""
        reply = await self.ask(action, **fields)
        assert reply["action"] != "error", reply
        return reply

    async def fail(self, action: str, **fields: Any) -> str:
        """The code of a request that is refused."""
        reply = await self.ask(action, **fields)
        assert reply["action"] == "error", reply
        code: str = reply["error_code"]
        return code

    async def post(self, action: str, **fields: Any) -> tuple[int, Json]:
        """Ask over HTTP: the status and the reply."""
        async with self.session.post(f"{self.url}/api/{action}", json=fields, headers=self.headers) as response:
            return response.status, await response.json()

    async def add(self, file: Path, filename: str = "", **fields: Any) -> tuple[int, Json]:
        """Announce a file and send it: the status of what answers the PUT, and the reply."""
        body = file.read_bytes()
        ticket = await self.act("upload", filename=filename or file.name, size=len(body), **fields)
        async with self.session.put(ticket["url"], data=body) as response:
            return response.status, await response.json()

    @property
    def headers(self) -> dict[str, str]:
        """What an HTTP request needs."""
        return {"Authorization": f"Bearer {self.token}"}


class Doors:
    """Opens doors to the soundboard of a stage, and closes them all."""

    def __init__(self, stage: Stage) -> None:
        self._stage = stage
        self._stack = AsyncExitStack()

    async def __aenter__(self) -> Self:
        self.session = await self._stack.enter_async_context(aiohttp.ClientSession())
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._stack.aclose()

    async def open(self, user: Person | int, scope: str = "play", kind: Kind = "socket", **token: Any) -> Door:
        """A door for this user, whose token has these scopes."""
        url = await self._stage.url()
        door = Door(self.session, url.replace("ws", "http", 1), make_token(user, scope, **token))
        if kind == "socket":
            door.wire = await self.connect()
            reply = await door.wire.ask({"action": "authenticate", "token": door.token})
            assert reply["action"] == "auth_success", reply
        return door

    async def connect(self) -> Wire:
        """A connection that has not signed in."""
        socket = await self.session.ws_connect(await self._stage.url(), max_msg_size=0)
        self._stack.push_async_callback(socket.close)
        wire = Wire(socket)
        wire.welcome = await wire.receive()
        return wire


@dataclass
class Town:
    """The stage, and what there is beside it."""

    stage: Stage
    doors: Doors
    attic: Guild
    loft: Channel
    bob: Person
    carol: Person
    dave: Person
    erin: Person

    async def joins(self, who: Person, channel: Channel) -> None:
        """Someone comes into a voice channel, and the bot sees it."""
        await self.stage.seen(who.join(channel))


@asynccontextmanager
async def settle(stage: Stage) -> AsyncIterator[Town]:
    """The town around a stage."""
    discord, cave = stage.discord, stage.guild
    bob, carol, dave, erin = map(discord.add_user, ("bob", "carol", "dave", "erin"))
    cave.add_member(carol)
    cave.add_member(erin, roles=(cave.add_role("staff", Permission.MANAGE_GUILD),))
    attic = discord.add_guild("Attic", members=[bob, carol], applications=[stage.app])
    loft = attic.add_voice_channel("Loft")
    await stage.seen(bob.join(loft))
    async with Doors(stage) as doors:
        yield Town(stage, doors, attic, loft, bob, carol, dave, erin)


async def until(condition: Callable[[], object]) -> None:
    """Wait until something is so that nothing tells of."""
    async with asyncio.timeout(PATIENCE):
        while not condition():
            await asyncio.sleep(0.01)


def timeless(reply: Json) -> Json:
    """A reply without moments."""

    def strip(value: Any) -> Any:
        if isinstance(value, list):
            return [strip(item) for item in value]
        if isinstance(value, dict):
            return {key: strip(item) for key, item in value.items() if key not in MOMENTS}
        return value

    stripped: Json = strip(reply)
    return stripped


def as_bytes(reply: Json) -> bytes:
    """A reply as it was sent, but for moments."""
    return json.dumps(timeless(reply)).encode()


def is_now(moment: float) -> bool:
    """Whether that is about now, seconds since the epoch."""
    return abs(moment - time.time()) < PATIENCE
