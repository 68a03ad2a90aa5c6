"""Bots that are put to the test: jeffbot, and the voice client of stock Nextcord as bots commonly use it."""

import asyncio
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, NamedTuple, Protocol

import aiohttp
import nextcord
import numpy as np
from nextcord.ext import commands

from faults.listening import TONES
from jeffbot.errors import SoundboardError
from jeffbot.models import Caller, GuildId, UserId
from jeffbot.playback import Playback
from jeffbot.sandbox.ears.opus import FRAME_SAMPLES, SAMPLE_RATE, Encoder
from jeffbot.service import SoundService
from staging import EXTENSION, SECRET, write_tone

SOUND_SECONDS = 40.0
"""Longer than any fault lasts."""


class PressRefusedError(Exception):
    """A press was answered by an error."""


class Spot(NamedTuple):
    """Who presses, and where they are: ids."""

    guild: int
    channel: int
    user: int


class State(NamedTuple):
    """What a bot says of itself in one guild."""

    connected: bool = False
    playing: bool = False
    reason: str | None = None
    """Why what was pressed last has ended; None: it has not."""


class Subject(Protocol):
    """A bot that plays a tone where somebody is."""

    async def ready(self) -> None:
        """Wait until it can play at once."""
        ...

    async def press(self, spot: Spot, tone: str) -> None:
        """Have it play; returns when it says that it does, or raises PressRefusedError."""
        ...

    async def state(self, guild: int) -> State:
        """What it says of itself."""
        ...

    async def close(self) -> None:
        """End it."""
        ...

    def heed_heartbeats(self, seconds: float) -> None:
        """Have it take a voice gateway for lost that has left its heartbeats unanswered for so long."""
        ...


class NextcordSubject:
    """What all bots on Nextcord have in common."""

    def __init__(self, bot: commands.Bot) -> None:
        self._bot = bot

    async def close(self) -> None:
        """End it."""
        await self._bot.close()

    def heed_heartbeats(self, seconds: float) -> None:
        """Have its voice connections that are open be impatient; Nextcord waits for 60 s."""
        for client in self._bot.voice_clients:
            assert isinstance(client, nextcord.VoiceClient)
            if client.ws._keep_alive:
                client.ws._keep_alive.heartbeat_timeout = seconds


class Jeffbot(NextcordSubject):
    """The soundboard, asked as another cog would.

    Args:
        bot: Not logged in yet.
        folder: Where its sounds are.
    """

    def __init__(self, bot: commands.Bot, folder: Path) -> None:
        super().__init__(bot)
        extras = {
            "sounds_dir": folder / "sounds",
            "data_dir": folder / "data",
            "ws_host": "127.0.0.1",
            "ws_port": 0,
            "jwt_secret": SECRET,
        }
        bot.load_extension(EXTENSION, extras=extras)
        cog: Any = bot.get_cog("Sound")
        self.service: SoundService = cog.service
        self._latest: dict[int, Playback] = {}

    async def ready(self) -> None:
        """Wait until its sounds are encoded."""
        await self.service.wait_ready()
        while any(self.service.duration(sound) is None for sound in self.service.sounds()):
            await asyncio.sleep(0.02)  # nothing tells of it

    async def press(self, spot: Spot, tone: str) -> None:
        """Play; PressRefusedError as it words it."""
        try:
            playback = await self.service.play(Caller(UserId(spot.user), GuildId(spot.guild)), tone)
        except SoundboardError as error:
            raise PressRefusedError(str(error)) from error
        self._latest[spot.guild] = playback

    async def state(self, guild: int) -> State:
        """What ``status`` says, and the latest playback."""
        playback = self._latest.get(guild)
        reason = playback.reason if playback else None
        if self._bot.is_closed():
            return State(reason=reason)
        status = self.service.status(Caller(UserId(0), GuildId(guild)))
        return State(status.connected, status.playing, reason)


class Stock(NextcordSubject):
    """Nextcord's own voice client: connect where somebody is, stop what plays, play.

    Args:
        bot: Not logged in yet.
    """

    def __init__(self, bot: commands.Bot, _folder: Path) -> None:
        super().__init__(bot)
        self._packets = {tone: tone_packets(hertz) for tone, hertz in TONES.items()}
        self._clients: dict[int, nextcord.VoiceClient] = {}
        self._sources: dict[int, nextcord.AudioSource] = {}
        """By guild, what was played last."""
        self._reasons: dict[int, str | None] = {}

    async def ready(self) -> None:
        """It always is."""

    async def press(self, spot: Spot, tone: str) -> None:
        """Join if need be, and play in place of what plays; PressRefusedError for whatever that raises."""
        try:
            await self._play(spot, Loop(self._packets[tone]))
        except (nextcord.DiscordException, aiohttp.ClientError, TimeoutError, OSError, AttributeError) as error:
            raise PressRefusedError(f"{type(error).__name__}: {error}") from error

    async def _play(self, spot: Spot, source: nextcord.AudioSource) -> None:
        channel = self._bot.get_channel(spot.channel)
        assert isinstance(channel, nextcord.VoiceChannel)
        client = channel.guild.voice_client
        if client is None:
            client = await channel.connect()
        assert isinstance(client, nextcord.VoiceClient)
        if client.channel != channel:
            await client.move_to(channel)
        client.stop()
        self._clients[spot.guild], self._sources[spot.guild], self._reasons[spot.guild] = client, source, None

        def ended(error: Exception | None) -> None:  # called in the player's thread
            if self._sources[spot.guild] is source:
                self._reasons[spot.guild] = f"error: {error}" if error else "ended"

        client.play(source, after=ended)

    async def state(self, guild: int) -> State:
        """What the client used last says."""
        client = self._clients.get(guild)
        if client is None:
            return State()
        return State(client.is_connected(), client.is_playing(), self._reasons.get(guild))

    def silence(self) -> None:
        """End its threads, whatever it thinks."""
        for client in self._clients.values():
            client.stop()
            client._connected.set()  # which a player that waits for a connection awaits
            if client.ws and client.ws._keep_alive:
                client.ws._keep_alive.stop()


class Loop(nextcord.AudioSource):
    """Plays the same packets over and over."""

    def __init__(self, packets: Sequence[bytes]) -> None:
        self._packets = packets
        self._next = 0

    def read(self) -> bytes:
        """The next one."""
        self._next += 1
        return self._packets[self._next % len(self._packets)]

    def is_opus(self) -> bool:
        """They are encoded."""
        return True


def tone_packets(hertz: float, packets: int = 50) -> list[bytes]:
    """Opus packets of a tone at about -12 dBFS."""
    time = np.arange(FRAME_SAMPLES * packets) / SAMPLE_RATE
    wave = (8000 * np.sin(2 * np.pi * hertz * time)).astype(np.int16)
    encoder = Encoder()
    return [encoder.encode(frame) for frame in np.split(np.column_stack([wave, wave]), packets)]


def make_sounds(folder: Path) -> Path:
    """The folder that subjects are given, with both tones as files."""
    for tone, hertz in TONES.items():
        write_tone(folder / "sounds" / f"{tone}.wav", hertz, seconds=SOUND_SECONDS)
    return folder


SUBJECTS: dict[str, Callable[[commands.Bot, Path], Subject]] = {"jeffbot": Jeffbot, "nextcord": Stock}
