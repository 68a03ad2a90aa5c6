"""The probe at the main gateway."""

import asyncio
import json
from collections.abc import Callable
from types import TracebackType
from typing import Any, Self

import aiohttp

from jeffbot.sandbox import AES_GCM, Application, Channel, Sandbox

from .voice import PATIENCE, Fault, ProbeVoice

INTENTS = 1 << 0 | 1 << 7
"""Guilds and voice states."""


class Probe:
    """A bot, logged in inside ``async with``."""

    def __init__(
        self, discord: Sandbox, application: Application, faults: set[Fault] | None = None, intents: int = INTENTS
    ) -> None:
        self.events: list[dict[str, Any]] = []
        """All dispatches, oldest first."""
        self.session_id = ""
        self.sequence: int | None = None
        self.close_code: int | None = None
        self.resumed = 0
        self.faults = faults or set()
        self._discord, self._application, self._intents = discord, application, intents
        self._changed = asyncio.Event()
        self._tasks: set[asyncio.Task[None]] = set()
        self._voices: list[ProbeVoice] = []

    async def __aenter__(self) -> Self:
        connector = aiohttp.TCPConnector(ssl=self._discord.client_ssl())
        self._session = aiohttp.ClientSession(connector=connector)
        await self.connect()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for voice in self._voices:
            await voice.close()
        await self._socket.close()
        await self._end()
        await self._session.close()

    async def connect(self, *, resume: bool = False) -> None:
        """Log in, up to READY; or resume, up to RESUMED."""
        self.close_code = None
        url = f"{self._discord.api_base}/gateway"
        async with self._session.get(url, headers={"User-Agent": "DiscordBot (probe, 1)"}) as response:
            gateway = (await response.json())["url"]
        self._socket = await self._session.ws_connect(f"{gateway}?v=10&encoding=json")
        self._tasks.add(asyncio.create_task(self._read(self._socket)))
        token = self._application.token
        if resume:
            await self.send(6, {"token": token, "session_id": self.session_id, "seq": self.sequence})
            resumed = self.resumed
            await self.until(lambda: self.resumed > resumed or self.close_code is not None)
        else:
            properties = {"os": "linux", "browser": "probe", "device": "probe"}
            await self.send(2, {"token": token, "intents": self._intents, "properties": properties})
            await self.event("READY")

    async def lose(self) -> None:
        """Lose the connection, as by a broken network."""
        await self._socket.close(code=4900)
        await self._end()

    async def send(self, op: int, data: Any) -> None:
        """Send a message."""
        await self._socket.send_str(json.dumps({"op": op, "d": data}))

    async def event(self, name: str, **having: Any) -> dict[str, Any]:
        """Wait for an event with these fields; the data of the latest there is."""

        def found() -> list[dict[str, Any]]:
            return [e["d"] for e in self.events if e["t"] == name and having.items() <= e["d"].items()]

        await self.until(found)
        return found()[-1]

    async def until(self, condition: Callable[[], Any]) -> None:
        """Wait until something is so."""
        async with asyncio.timeout(PATIENCE):
            while not condition():
                self._changed.clear()
                await self._changed.wait()

    async def ask_for_voice(self, channel: Channel) -> tuple[dict[str, Any], dict[str, Any]]:
        """Ask for a channel; the voice state and the voice server."""
        states, servers = self._seen("VOICE_STATE_UPDATE"), self._seen("VOICE_SERVER_UPDATE")
        wish = {"guild_id": str(channel.guild.id), "channel_id": str(channel.id), "self_mute": False, "self_deaf": True}
        await self.send(4, wish)
        await self.until(lambda: self._seen("VOICE_SERVER_UPDATE") > servers)
        await self.until(lambda: self._seen("VOICE_STATE_UPDATE") > states)
        own = {"user_id": str(self._application.id), "channel_id": str(channel.id)}
        return await self.event("VOICE_STATE_UPDATE", **own), await self.event("VOICE_SERVER_UPDATE")

    async def join(self, channel: Channel, *, mode: str = AES_GCM) -> ProbeVoice:
        """Join a voice channel, up to the key of the transport encryption."""
        state, server = await self.ask_for_voice(channel)
        return await self.connect_voice(channel, state, server, mode=mode)

    async def connect_voice(
        self, channel: Channel, state: dict[str, Any], server: dict[str, Any], *, mode: str = AES_GCM
    ) -> ProbeVoice:
        """Connect to the voice server that was named."""
        identity = {
            "server_id": str(channel.guild.id),
            "user_id": str(self._application.id),
            "session_id": state["session_id"],
            "token": server["token"],
        }
        voice = ProbeVoice(self._session, self.faults, identity, server["endpoint"], channel.id, mode)
        self._voices.append(voice)
        await voice.connect()
        return voice

    def _seen(self, name: str) -> int:
        return sum(event["t"] == name for event in self.events)

    async def _read(self, websocket: aiohttp.ClientWebSocketResponse) -> None:
        async for message in websocket:
            await self._take(json.loads(message.data))
            self._changed.set()
        self.close_code = websocket.close_code
        self._changed.set()

    async def _take(self, message: dict[str, Any]) -> None:
        op, data = message["op"], message["d"]
        if op == 0:
            self.sequence = message["s"]
            self.events.append(message)
            if message["t"] == "READY":
                self.session_id = data["session_id"]
            self.resumed += message["t"] == "RESUMED"
        elif Fault.NO_HEARTBEAT not in self.faults:
            if op == 1:
                await self.send(1, self.sequence)
            elif op == 10:
                self._tasks.add(asyncio.create_task(self._beat(data["heartbeat_interval"] / 1000)))

    async def _beat(self, interval: float) -> None:
        websocket = self._socket
        while not websocket.closed:
            await self.send(1, self.sequence)
            await asyncio.sleep(interval)

    async def _end(self) -> None:
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        self._tasks.clear()
