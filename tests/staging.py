"""The stage tests play on: short tones as sounds, and a bot with the soundboard in a local Discord."""

import asyncio
import json
import wave
from collections.abc import Awaitable, Callable
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import aiohttp
import numpy as np
from nextcord.ext import commands

from jeffbot.app import Soundboard
from jeffbot.client import RemoteClient
from jeffbot.sandbox import Application, Channel, Guild, Person, Sandbox
from jeffbot.service import SoundService
from jeffbot.ws.auth import Tokens

EXTENSION = "jeffbot.cogs.sound"
SECRET = "a secret of at least thirty-two bytes"
COMMANDS = ("play", "random", "stop", "sounds", "status", "diagnose")
PATIENCE = 10.0
"""Seconds a test waits for what must come at once."""
TONES = {"low.wav": 330, "middle.wav": 550, "high.wav": 880}
"""The sounds of the test library, and the frequency each is recognised by, Hz."""


def write_tone(file: Path, hertz: float, seconds: float = 1.0, rate: int = 48_000) -> Path:
    """A WAV file with one tone in it."""
    samples = (np.sin(np.arange(int(rate * seconds)) * 2 * np.pi * hertz / rate) * 12_000).astype("<i2")
    file.parent.mkdir(parents=True, exist_ok=True)
    with wave.open(str(file), "wb") as out:
        out.setnchannels(1)
        out.setsampwidth(2)
        out.setframerate(rate)
        out.writeframes(samples.tobytes())
    return file


@dataclass
class Stage:
    """A bot with the soundboard, in a guild with a voice channel that Alice is in."""

    discord: Sandbox
    app: Application
    bot: commands.Bot
    guild: Guild
    general: Channel
    alice: Person

    @property
    def cog(self) -> Any:
        """The cog, as another cog would get it."""
        return self.bot.get_cog("Sound")

    @property
    def service(self) -> SoundService:
        """The soundboard behind both doors."""
        service: SoundService = self.cog.service
        return service

    @property
    def soundboard(self) -> Soundboard:
        """All its parts."""
        soundboard: Soundboard = self.cog.soundboard
        return soundboard

    @property
    def ear(self) -> Any:
        """What listeners in the guild hear of the bot now."""
        return self.discord.voice(self.guild, self.app)

    async def url(self) -> str:
        """Where the remote control is, once it is there."""
        return f"ws://127.0.0.1:{(await self.soundboard.wait_serving()).port}"

    async def remote(self, user: Person | None = None) -> RemoteClient:
        """A client of the remote control for this user, of one connection; use it as a context manager."""
        return RemoteClient(await self.url(), token_for(user or self.alice), reconnect=False)

    async def seen(self, move: Awaitable[None]) -> None:
        """Let someone move between voice channels, and wait until the bot has seen it."""
        event = asyncio.create_task(self.bot.wait_for("voice_state_update", timeout=PATIENCE))
        await asyncio.sleep(0)  # it listens from now on
        await move
        await event

    async def invoke(self, command: str, **options: Any) -> Any:
        """Alice's slash command, and what she sees of it."""
        return await self.alice.invoke(self.app, self.guild, command, **options)


@dataclass
class Wire:
    """A bare connection: what is sent goes out as it is, what comes in is JSON."""

    socket: aiohttp.ClientWebSocketResponse
    welcome: dict[str, Any] = field(default_factory=dict)

    async def send(self, message: object) -> None:
        """Send text or bytes as they are, anything else as JSON."""
        if isinstance(message, bytes):
            await self.socket.send_bytes(message)
        else:
            await self.socket.send_str(message if isinstance(message, str) else json.dumps(message))

    async def receive(self) -> dict[str, Any]:
        """The next message."""
        reply: dict[str, Any] = json.loads(await self.socket.receive_str(timeout=PATIENCE))
        return reply

    async def ask(self, message: object) -> dict[str, Any]:
        """Send a message; the next one that comes."""
        await self.send(message)
        return await self.receive()

    async def sign_in(self, user: Person) -> None:
        """Authenticate as this user."""
        reply = await self.ask({"action": "authenticate", "token": token_for(user)})
        assert reply["action"] == "auth_success"

    async def closed(self) -> int | None:
        """Wait for the server to close; messages before that are passed over. The close code."""
        while (await self.socket.receive(timeout=PATIENCE)).type is aiohttp.WSMsgType.TEXT:
            pass
        return self.socket.close_code


def token_for(user: Person | int) -> str:
    """A good token."""
    return Tokens(SECRET, hours=1).make(user if isinstance(user, int) else user.id)


type Connect = Callable[..., Awaitable[Wire]]
type MakeStage = Callable[..., AbstractAsyncContextManager[Stage]]
