"""jeffbot, as a cog of a Nextcord bot; and, where it is asked, its engine without the doors before it.

The engine alone joins hundreds of channels at once, which the cog, minding Discord's rate limit, does not.
"""

import asyncio
import functools
import gc
import os
import platform
import resource
import time
from collections.abc import Callable
from importlib.metadata import version
from pathlib import Path
from typing import Any

import nextcord
from nextcord.ext import commands
from nextcord.http import Route
from wishes import API, TOKEN, begin_each, serve, tell

from jeffbot.audio.clip import Clip
from jeffbot.audio.opus import read_packets
from jeffbot.models import ChannelId, GuildId, Moved, PlayOptions, VoicePlace
from jeffbot.voice.client import OnLost, SoundVoiceClient
from jeffbot.voice.clock import VoiceClock
from jeffbot.voice.connector import VoiceConnector
from jeffbot.voice.link import VoiceLink
from jeffbot.voice.player import Player, Track

JOIN_TIMEOUT = 30.0
JOINS_AT_ONCE = 8
UNLIMITED = 100_000
"""Messages in a minute; Nextcord's own limit would spread 800 joins over seven of them."""

Route.BASE = API
bot = commands.Bot(intents=nextcord.Intents(guilds=True, voice_states=True), guild_ready_timeout=0.1)
players: list[Player] = []
clock = VoiceClock()


class Unhurried:
    """Joins channels as the cog's joiner does, but as many as there are."""

    def __init__(self, connector: VoiceConnector) -> None:
        self._connector = connector

    async def join(self, place: VoicePlace, on_lost: OnLost) -> SoundVoiceClient:
        """Join a channel."""
        channel: Any = bot.get_channel(place.channel_id)
        cls = functools.partial(SoundVoiceClient, connector=self._connector, on_lost=on_lost)
        client: SoundVoiceClient = await channel.connect(timeout=JOIN_TIMEOUT, reconnect=False, cls=cls)
        return client

    async def wait_turn(self, guild_id: GuildId) -> None:
        """Nobody has to wait."""

    def could_join(self, _place: VoicePlace) -> bool:
        """It would be let in."""
        return True


async def load() -> dict[str, Any]:
    """Load the cog; where its remote control is, once every sound is encoded."""
    bot.load_extension("jeffbot.cogs.sound", extras={"ws_port": 0, "ws_host": "127.0.0.1"})
    cog: Any = bot.get_cog("Sound")
    begun = time.monotonic()
    await cog.service.wait_ready()
    scanned = time.monotonic() - begun
    while any(cog.service.duration(sound) is None for sound in cog.service.sounds()):
        await asyncio.sleep(0.2)
    server = await cog.soundboard.wait_serving()
    return {"port": server.port, "scanned": scanned, "encoded": time.monotonic() - begun}


async def join(channels: list[int]) -> None:
    """Join voice channels with the engine alone, beside those joined before."""
    bot.ws._rate_limiter.remaining = bot.ws._rate_limiter.max = UNLIMITED
    some = asyncio.Semaphore(JOINS_AT_ONCE)
    ways = Unhurried(VoiceConnector(bot))

    async def join_one(number: int) -> Player:
        channel: Any = bot.get_channel(number)
        link = VoiceLink(ways, _nothing, _back, moved=Moved.FOLLOW, play_timeout=JOIN_TIMEOUT)
        async with some:
            await link.bring(VoicePlace(GuildId(channel.guild.id), ChannelId(number), channel.name))
            async with asyncio.timeout(JOIN_TIMEOUT):
                while not link.ready:
                    await asyncio.sleep(0.01)
        return Player(clock, link)

    players.extend(await asyncio.gather(*map(join_one, channels)))


async def start(file: str, streams: int, seconds: float) -> None:
    """Play an Ogg Opus file in so many channels; they begin within some seconds."""
    clip = Clip(read_packets(await asyncio.to_thread(Path(file).read_bytes)))
    await begin_each([functools.partial(_start, player, clip) for player in players[:streams]], seconds)


def _start(player: Player, clip: Clip) -> None:
    player.start(Track(clip, "sound", 1.0, _nothing, _nothing), PlayOptions())


async def _back() -> None:
    pass


def _nothing(*_: object) -> None:
    pass


def stop() -> None:
    """End what plays, everywhere."""
    for player in players:
        player.stop()


def memory() -> dict[str, int]:
    """The most memory the process has held, bytes."""
    gc.collect()
    return {"bytes": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss << 10}


@bot.event
async def on_ready() -> None:
    """Take wishes."""
    tell("ready", versions=f"jeffbot {version('jeffbot')}, Python {platform.python_version()}")
    wishes: dict[str, Callable[..., Any]] = {"load": load, "join": join, "start": start, "stop": stop, "memory": memory}
    bot.serving = asyncio.create_task(serve(wishes))  # type: ignore[attr-defined]  # held by what runs longest


os.environ.setdefault("JEFFBOT_SOUNDS_DIR", "sounds")
bot.run(TOKEN)
