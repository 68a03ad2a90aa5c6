"""Clients and sounds for the tests."""

import asyncio
import socket
from collections.abc import Awaitable, Callable, Iterator
from typing import Any

import aiohttp
import nextcord
import numpy as np
from nextcord.ext import commands

from jeffbot.sandbox import Application, Channel, Sandbox
from jeffbot.sandbox.opus import FRAME_SAMPLES, SAMPLE_RATE, Encoder

TIMEOUT = 5.0
INTENTS = 129


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

    async def close_code(self) -> int | None:
        """What the server closes with, whatever it says before."""
        async with asyncio.timeout(TIMEOUT):
            async for _ in self.websocket:
                pass
        return self.websocket.close_code


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
        headers = {"Authorization": f"Bot {self._app.token if token is None else token}"}
        url = self._discord.api_base + path
        async with self._session.request(method, url, json=json, headers=headers) as response:
            return response.status, await response.json() if response.content_length else None

    async def gateway(self, query: str = "v=10&encoding=json") -> Socket:
        _, answer = await self.request("GET", "/gateway")
        return await self._connect(f"{answer['url']}?{query}")

    async def log_in(self, intents: int = INTENTS) -> Socket:
        """The main gateway, identified; READY is the next thing to come."""
        gateway = await self.gateway()
        await gateway.send(2, {"token": self._app.token, "intents": intents, "properties": {}})
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
