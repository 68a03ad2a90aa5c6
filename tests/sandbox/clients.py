"""Clients and sounds for the tests."""

import asyncio
import socket
from collections.abc import Awaitable, Callable, Iterator, Mapping
from types import MappingProxyType
from typing import Any, NamedTuple

import aiohttp
import nextcord
import numpy as np
from nextcord.ext import commands

from jeffbot.sandbox import Application, Channel, Sandbox
from jeffbot.sandbox.ears.opus import FRAME_SAMPLES, SAMPLE_RATE, Encoder

TIMEOUT = 5.0
INTENTS = 129
USER_AGENT = "DiscordBot (https://example.com/jeffbot, 1.0)"


def tone(frequency_hz: float, frames: int = 50) -> list[bytes]:
    """Opus packets of a sine at about -15 dBFS."""
    time = np.arange(FRAME_SAMPLES * frames) / SAMPLE_RATE
    wave = (8000 * np.sin(2 * np.pi * frequency_hz * time)).astype(np.int16)
    encoder, stereo = Encoder(), np.column_stack([wave, wave])
    return [encoder.encode(frame) for frame in np.split(stereo, frames)]


def slash(
    bot: commands.Bot, description: str, **options: Any
) -> Callable[[Callable[..., Awaitable[None]]], nextcord.SlashApplicationCommand]:
    """``bot.slash_command``, with the types that Nextcord leaves out."""
    decorate: Any = bot.slash_command(description=description, **options)
    typed: Callable[[Callable[..., Awaitable[None]]], nextcord.SlashApplicationCommand] = decorate
    return typed


async def register(bot: commands.Bot) -> None:
    """Register the commands that a test has added to a bot that is already logged in."""
    bot.add_all_application_commands()
    await bot.sync_all_application_commands()


class Packets(nextcord.AudioSource):
    """Plays ready packets."""

    def __init__(self, packets: list[bytes]) -> None:
        self._packets: Iterator[bytes] = iter(packets)

    def read(self) -> bytes:
        return next(self._packets, b"")

    def is_opus(self) -> bool:
        return True


class Socket:
    """A WebSocket whose every wait has a timeout."""

    def __init__(self, websocket: aiohttp.ClientWebSocketResponse) -> None:
        self.websocket = websocket

    async def send(self, op: int, d: Any = None) -> None:
        await self.websocket.send_json({"op": op, "d": d})

    async def receive(self) -> dict[str, Any]:
        message: dict[str, Any] = await self.websocket.receive_json(timeout=TIMEOUT)
        return message

    async def until_op(self, op: int) -> dict[str, Any]:
        while (message := await self.receive())["op"] != op:
            pass
        return message

    async def until_event(self, event: str) -> dict[str, Any]:
        while (message := await self.receive())["t"] != event:
            pass
        data: dict[str, Any] = message["d"]
        return data

    async def news(self) -> list[tuple[str, Any]]:
        """Names and data of all events up to now; the answer to a heartbeat comes after them."""
        events = []
        await self.send(1)
        while (message := await self.receive())["op"] != 11:
            events.append((message["t"], message["d"]))
        return events

    async def close_code(self) -> int | None:
        """What the server closes with, whatever it says before."""
        async with asyncio.timeout(TIMEOUT):
            async for _ in self.websocket:
                pass
        return self.websocket.close_code


class Answer(NamedTuple):
    """Of a request."""

    status: int
    body: Any
    """JSON, bytes, or None if there is none."""
    headers: Mapping[str, str]


class RawClient:
    """HTTP and WebSockets without a Discord library."""

    def __init__(self, discord: Sandbox, app: Application, session: aiohttp.ClientSession) -> None:
        self._discord = discord
        self._app = app
        self._session = session
        self._sockets: list[Socket] = []

    async def close(self) -> None:
        """Close every WebSocket."""
        for each in self._sockets:
            await each.websocket.close()

    async def _connect(self, url: str) -> Socket:
        connected = Socket(await self._session.ws_connect(url))
        self._sockets.append(connected)
        return connected

    async def request(self, method: str, path: str, json: Any = None, *, token: str | None = None) -> tuple[int, Any]:
        """Status and JSON of an answer; authorized as the bot unless another token is given."""
        answer = await self.exchange(method, path, token=token, json=json)
        return answer.status, answer.body

    async def refusal(self, method: str, path: str, json: Any = None) -> int:
        """The error code of an answer that must be a refusal."""
        status, body = await self.request(method, path, json)
        assert 400 <= status < 500, (status, body)
        return int(body["code"])

    async def exchange(
        self,
        method: str,
        path: str,
        *,
        token: str | None = None,
        authorization: str | None = None,
        headers: Mapping[str, str] = MappingProxyType({}),
        **options: Any,
    ) -> Answer:
        """An answer; authorized as the bot unless something else is given, an empty string for not at all.

        Paths begin below the API's base; those with a scheme are taken as they are.
        """
        bot = f"Bot {self._app.token if token is None else token}"
        chosen = bot if authorization is None else authorization
        sent = {"User-Agent": USER_AGENT} | ({"Authorization": chosen} if chosen else {}) | dict(headers)
        url = path if "://" in path else self._discord.api_base + path
        async with self._session.request(method, url, headers=sent, allow_redirects=False, **options) as response:
            raw = await response.read() or None
            body = await response.json() if raw and response.content_type == "application/json" else raw
            return Answer(response.status, body, response.headers)

    async def gateway(self, query: str = "v=10&encoding=json") -> Socket:
        _, answer = await self.request("GET", "/gateway")
        return await self._connect(f"{answer['url']}?{query}")

    async def log_in(self, intents: int = INTENTS, **changes: Any) -> Socket:
        """The main gateway, identified with some fields changed; READY is the next thing to come."""
        gateway = await self.gateway()
        await gateway.send(2, {"token": self._app.token, "intents": intents, "properties": {}} | changes)
        assert (await gateway.receive())["op"] == 10
        return gateway

    async def voice(self, endpoint: str) -> Socket:
        return await self._connect(f"wss://{endpoint}/?v=8")

    async def join(self, gateway: Socket, channel: Channel, **changes: Any) -> Socket:
        """Join a channel and identify at the voice gateway, with some fields of the identification changed."""
        join = {"guild_id": str(channel.guild.id), "channel_id": str(channel.id), "self_mute": False, "self_deaf": True}
        await gateway.send(4, join)
        state = await gateway.until_event("VOICE_STATE_UPDATE")
        server = await gateway.until_event("VOICE_SERVER_UPDATE")
        voice = await self.voice(server["endpoint"])
        identify = {
            "server_id": str(channel.guild.id),
            "user_id": str(self._app.id),
            "session_id": state["session_id"],
            "token": server["token"],
            "max_dave_protocol_version": 0,
        }
        await voice.send(0, identify | changes)
        return voice


def udp_socket() -> socket.socket:
    """A non-blocking UDP socket on loopback."""
    udp = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    udp.setblocking(False)  # noqa: FBT003 - the standard library
    udp.bind(("127.0.0.1", 0))
    return udp
