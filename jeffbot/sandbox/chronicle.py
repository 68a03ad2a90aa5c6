"""What happens in a sandbox, in sentences: who comes and goes, what is registered, heard and found."""

import asyncio
import math
from collections.abc import Callable, Iterator
from typing import NamedTuple

from .ears import Fingerprints, Recording
from .errors import SandboxError
from .interactions.applications import Application
from .server import Sandbox
from .voice.connections import VoiceConnection
from .voice.rtp import Packet


class Spurt(NamedTuple):
    """What a bot said in a voice channel until it paused."""

    voice: VoiceConnection
    packets: list[Packet]

    def told(self, fingerprints: Fingerprints | None) -> str:
        """How it sounds. Takes its time."""
        said = f"{self.voice.user.name} was heard in {self.voice.channel.name}: {len(self.packets)} packets"
        try:
            heard = Recording(self.packets).without_silence.summary(fingerprints)
        except SandboxError as error:
            return f"{said}, which could not be decoded: {error}"
        if heard.lufs is None or heard.strongest_hz is None:
            return f"{self.voice.user.name} was not heard in {self.voice.channel.name}, of {len(self.packets)} packets"
        names = f", {', '.join(match.name for match in heard.matches)}" if heard.matches else ""
        lost = f", {heard.lost} lost" if heard.lost else ""
        return (
            f"{said}{lost}, {heard.seconds:.2f} s, {heard.lufs:.1f} LUFS, strongest at {heard.strongest_hz:.0f} Hz, "
            f"longest gap {heard.largest_gap_ms:.0f} ms{names}"
        )


class Chronicle:
    """Compares the sandbox with how it was when it was last asked.

    Args:
        discord: The sandbox.
    """

    def __init__(self, discord: Sandbox) -> None:
        self._discord = discord
        self._online: set[Application] = set()
        self._commands: dict[Application, set[str]] = {}
        self._connected: set[VoiceConnection] = set()
        self._packets: dict[VoiceConnection, int] = {}
        self._findings = self._routes = 0

    def news(self) -> list[str | Spurt]:
        """What has happened since."""
        news: list[str | Spurt] = []
        for application in self._discord.applications:
            news += self._of_bot(application)
            for guild in self._discord.world.guilds.values():
                for voice in self._discord.history(guild, application):
                    news += self._of_voice(voice)
        news += self._found()
        return news

    def _of_bot(self, application: Application) -> Iterator[str]:
        name, names = application.user.name, application.commands.names()
        online = any(session.connected for session in self._discord.sessions(application))
        if online != (application in self._online):
            self._online ^= {application}
            yield f"{name} is logged in" if online else f"{name} has disconnected"
        if names != self._commands.get(application, set()):
            self._commands[application] = names
            yield f"{name} has the commands {' '.join(sorted(names)) or '(none)'}"

    def _of_voice(self, voice: VoiceConnection) -> Iterator[str | Spurt]:
        name, place = voice.user.name, voice.channel.name
        told = self._packets.get(voice, 0)
        if len(voice.packets) > told and not voice.stream.open_ended:
            self._packets[voice] = len(voice.packets)
            yield Spurt(voice, voice.packets[told:])
        if voice.connected != (voice in self._connected):
            self._connected ^= {voice}
            yield f"{name} is in {place}" if voice.connected else f"{name} has left {place} ({voice.close_code})"

    def _found(self) -> Iterator[str]:
        for finding in self._discord.findings[self._findings :]:
            yield f"finding {finding.kind} of {finding.client}: {finding.text}"
        for route in self._discord.unknown_routes[self._routes :]:
            yield f"unknown route {route}"
        self._findings, self._routes = len(self._discord.findings), len(self._discord.unknown_routes)


async def tell(discord: Sandbox, say: Callable[[str], object]) -> None:
    """Say what happens, until cancelled."""
    chronicle = Chronicle(discord)
    while True:
        for news in await discord.until(chronicle.news, timeout=math.inf):
            if isinstance(news, Spurt):
                say(await asyncio.to_thread(news.told, discord.control.fingerprints))
            else:
                say(news)
