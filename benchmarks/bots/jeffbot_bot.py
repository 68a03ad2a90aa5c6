"""jeffbot, as a cog of a Nextcord bot; and, where it is asked, its engine without the doors before it.

What the remote control is made to do beyond what its clients can ask for is here, too: events without their causes, and
ends.

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
from wishes import API, TOKEN, begin_each, held, raise_file_limit, serve, tell

from jeffbot.audio.clip import Clip
from jeffbot.audio.opus import read_packets
from jeffbot.models import ChannelId, GuildId, Moved, PlayOptions, UserId, VoicePlace
from jeffbot.voice import joiner
from jeffbot.voice.client import OnLost, SoundVoiceClient
from jeffbot.voice.clock import VoiceClock
from jeffbot.voice.connector import VoiceConnector
from jeffbot.voice.link import VoiceLink
from jeffbot.voice.player import Player, Track
from jeffbot.ws.feed import Topic

EXTENSION = "jeffbot.cogs.sound"
JOIN_TIMEOUT = 30.0
JOINS_AT_ONCE = 8
PUBLISH_EVERY = 0.002
"""So often, in seconds, events are published that are due."""
UNLIMITED = 100_000
"""Messages in a minute; Nextcord's own limit would spread 800 joins over seven of them."""

Route.BASE = API
bot = commands.Bot(intents=nextcord.Intents(guilds=True, voice_states=True), guild_ready_timeout=0.1)
players: list[Player] = []
pauses: list[float] = []
collecting = [0.0]
publishing: set[asyncio.Task[None]] = set()
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
    bot.load_extension(EXTENSION, extras={"ws_port": 0, "ws_host": "127.0.0.1"})
    cog: Any = bot.get_cog("Sound")
    begun = time.monotonic()
    await cog.service.wait_ready()
    scanned = time.monotonic() - begun
    while any(cog.service.duration(sound) is None for sound in cog.service.sounds()):
        await asyncio.sleep(0.2)
    server = await cog.soundboard.wait_serving()
    return {"port": server.port, "scanned": scanned, "encoded": time.monotonic() - begun}


def join_freely() -> None:
    """Let the cog, too, join as many channels a minute as are pressed in."""
    bot.ws._rate_limiter.remaining = bot.ws._rate_limiter.max = UNLIMITED
    joiner.JOINS_WINDOW = 0.0


async def state(*, collect: bool = False) -> dict[str, int]:
    """What the process holds, and how many remote clients there are; after a garbage collection where that is asked."""
    if collect:
        gc.collect()
    return {**held(), "clients": len((await _server())._connections)}


def collections() -> dict[str, float]:
    """The longest garbage collection since that was asked last, seconds of processor time; no thread runs meanwhile."""
    longest = max(pauses, default=0.0)
    pauses.clear()
    return {"longest": longest}


def _time_collection(phase: str, _info: dict[str, int]) -> None:
    if phase == "start":
        collecting[0] = time.thread_time()
    else:
        pauses.append(time.thread_time() - collecting[0])


async def publish(rate: float, seconds: float, guilds: list[int], data: dict[str, Any]) -> None:
    """Begin to tell of sounds that began, so many in a second, in guilds in turn."""
    task = asyncio.create_task(_publish(rate, seconds, [GuildId(guild_id) for guild_id in guilds], data))
    publishing.add(task)
    task.add_done_callback(publishing.discard)


async def _publish(rate: float, seconds: float, guilds: list[GuildId], data: dict[str, Any]) -> None:
    feed, begun, told = (await _server()).feed, time.monotonic(), 0
    while told < round(rate * seconds):
        due = min(round(rate * seconds), int((time.monotonic() - begun) * rate) + 1)
        for number in range(told, due):
            guild_id = guilds[number % len(guilds)]
            feed.publish(Topic.PLAYBACK, "playback.started", data, guild_id=guild_id, user_id=UserId(1))
        told = due
        await asyncio.sleep(PUBLISH_EVERY)


async def unload() -> dict[str, float]:
    """Unload the cog, as a host does, and wait until it has ended; when that began and ended, monotonic seconds."""
    cog: Any = bot.get_cog("Sound")
    begun = time.monotonic()
    bot.unload_extension(EXTENSION)
    await cog.wait_closed()
    return {"begun": begun, "ended": time.monotonic()}


async def _server() -> Any:
    cog: Any = bot.get_cog("Sound")
    return await cog.soundboard.wait_serving()


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
    raise_file_limit()
    gc.callbacks.append(_time_collection)
    tell("ready", versions=f"jeffbot {version('jeffbot')}, Python {platform.python_version()}")
    wishes: tuple[Callable[..., Any], ...] = (
        *(load, join, start, stop, memory),
        *(join_freely, state, collections, publish, unload, bot.close),
    )
    bot.serving = asyncio.create_task(serve({each.__name__: each for each in wishes}))  # type: ignore[attr-defined]  # held by what runs longest


os.environ.setdefault("JEFFBOT_SOUNDS_DIR", "sounds")
bot.run(TOKEN)
