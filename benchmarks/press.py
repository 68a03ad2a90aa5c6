"""From a WebSocket message to the first voice packet, beside Nextcord's own FFmpegPCMAudio in the same run.

Everything is real but Discord, which is the local one. It runs in this process, so its own work is part of every
figure. The first packet counts when it arrives at the receiver. Warm: the bot is in the channel and nothing plays.
Cold: the bot joins first.

    python benchmarks/press.py [--plays 200] [--json FILE]
"""

import argparse
import asyncio
import json
import os
import platform
import statistics
import tempfile
import time
from collections.abc import Awaitable, Callable, Sequence
from importlib.metadata import version
from pathlib import Path
from typing import Any

import nextcord

from jeffbot.audio.ffmpeg import find_ffmpeg
from jeffbot.client import RemoteClient
from jeffbot.library.catalog import shipped_sounds
from jeffbot.sandbox import Sandbox
from jeffbot.sandbox.ears.opus import libopus
from jeffbot.sandbox.nextcord_host import make_bot, running
from jeffbot.ws.auth import generate_token

SOUND = "airhorn.mp3"
REST = 0.25
"""Seconds between plays, for the player's thread to end."""

type Press = Callable[[], Awaitable[object]]


class Stage:
    """A bot in a guild of the local Discord, and a member in voice."""

    def __init__(self, discord: Sandbox, name: str) -> None:
        self.discord = discord
        self.app = discord.add_application(name)
        self.member = discord.add_user(f"{name}'s listener")
        self.guild = discord.add_guild(name, members=[self.member], applications=[self.app])
        self.channel = self.guild.add_voice_channel("General")
        self.bot = make_bot(discord, guild_ready_timeout=0.1)

    def packets(self) -> int:
        """How many packets have arrived so far."""
        return sum(len(ear.packets) for ear in self.discord.history(self.guild, self.app))

    async def first_packet_after(self, press: Press) -> float:
        """Seconds from the press to the arrival of the next packet."""
        before = self.packets()
        started = time.monotonic()
        await press()
        await self.discord.until(lambda: self.packets() > before, timeout=30)
        heard = [packet for ear in self.discord.history(self.guild, self.app) for packet in ear.packets]
        return heard[before].arrived - started

    async def silent(self) -> None:
        """Wait until nothing arrives any more."""
        count = -1
        while count != self.packets():
            count = self.packets()
            await asyncio.sleep(REST)


async def measure_jeffbot(discord: Sandbox, plays: int, colds: int) -> dict[str, list[float]]:
    """Presses over the WebSocket, warm and cold."""
    stage = Stage(discord, "jeffbot")
    await stage.member.join(stage.channel)
    stage.bot.load_extension("jeffbot.cogs.sound", extras={"ws_port": 0, "ws_host": "127.0.0.1"})
    async with running(discord, stage.app, stage.bot):
        cog: Any = stage.bot.get_cog("Sound")
        await cog.service.wait_ready()
        while any(cog.service.duration(sound) is None for sound in cog.service.sounds()):
            await asyncio.sleep(0.05)
        server = await cog.soundboard.wait_serving()
        async with RemoteClient(f"ws://127.0.0.1:{server.port}", generate_token(stage.member.id)) as remote:
            cold = []
            for _ in range(colds):
                cold.append(await stage.first_packet_after(lambda: remote.play(SOUND)))
                await stage.app.kick_from_voice(stage.guild)
                while (await remote.status()).connected:
                    await asyncio.sleep(0.01)
            await remote.play(SOUND)
            warm = []
            for _ in range(plays):
                await remote.stop()
                await stage.silent()
                warm.append(await stage.first_packet_after(lambda: remote.play(SOUND)))
    return {"jeffbot, warm": warm, "jeffbot, cold (joins first)": cold}


async def measure_nextcord(discord: Sandbox, plays: int, colds: int, ffmpeg: str) -> dict[str, list[float]]:
    """The usual way: an ffmpeg for every play, started by ``voice_client.play``."""
    stage = Stage(discord, "nextcord")
    await stage.member.join(stage.channel)
    file = str(shipped_sounds() / SOUND)
    async with running(discord, stage.app, stage.bot):
        channel = stage.bot.get_channel(stage.channel.id)
        assert isinstance(channel, nextcord.VoiceChannel)
        cold = []
        for _ in range(colds):
            cold.append(await stage.first_packet_after(lambda: _join_and_play(channel, file, ffmpeg)))
            await stage.silent()
            await stage.bot.voice_clients[0].disconnect(force=True)
        voice: nextcord.VoiceClient = await channel.connect()
        warm = []
        for _ in range(plays):
            warm.append(await stage.first_packet_after(lambda: _play(voice, file, ffmpeg)))
            voice.stop()
            await stage.silent()
        await voice.disconnect(force=True)
    return {"nextcord FFmpegPCMAudio, warm": warm, "nextcord FFmpegPCMAudio, cold": cold}


async def _play(voice: nextcord.VoiceClient, file: str, ffmpeg: str) -> None:
    voice.play(nextcord.FFmpegPCMAudio(file, executable=ffmpeg))


async def _join_and_play(channel: nextcord.VoiceChannel, file: str, ffmpeg: str) -> None:
    await _play(await channel.connect(), file, ffmpeg)


def load_libopus() -> None:
    """Give Nextcord the libopus it needs to encode; it does not know the bundled one."""
    nextcord.opus.load_opus(libopus()._name)


async def measure(plays: int, colds: int) -> dict[str, list[float]]:
    """All figures, in seconds."""
    ffmpeg = str(find_ffmpeg(None))
    load_libopus()
    async with Sandbox() as discord:
        ours = await measure_jeffbot(discord, plays, colds)
    async with Sandbox() as discord:
        theirs = await measure_nextcord(discord, plays, colds, ffmpeg)
    return {**ours, **theirs}


def row(name: str, seconds: Sequence[float]) -> str:
    """One line of the table: milliseconds."""
    ordered = sorted(seconds)
    p99 = ordered[min(len(ordered) - 1, round(0.99 * (len(ordered) - 1)))]
    figures = (ordered[0], statistics.median(ordered), p99, ordered[-1])
    return f"{name:32}{len(ordered):>7}" + "".join(f"{figure * 1000:>10.2f}" for figure in figures)


def machine() -> str:
    """What it ran on."""
    model = platform.processor() or platform.machine()
    info = Path("/proc/cpuinfo")
    if info.exists():
        model = next(
            (line.split(":")[1].strip() for line in info.read_text().splitlines() if "model name" in line), model
        )
    packages = " ".join(f"{name} {version(name)}" for name in ("jeffbot", "nextcord", "aiohttp", "dave.py"))
    return f"{os.cpu_count()} x {model}, {platform.system()}, Python {platform.python_version()}; {packages}"


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--plays", type=int, default=200, help="warm plays each (default 200)")
    parser.add_argument("--colds", type=int, default=None, help="joins each (default: a tenth of the plays)")
    parser.add_argument("--json", type=Path, help="write every figure, in seconds, to this file")
    arguments = parser.parse_args()
    colds = arguments.colds if arguments.colds is not None else max(1, arguments.plays // 10)
    with tempfile.TemporaryDirectory() as folder:
        os.environ["JEFFBOT_DATA_DIR"] = folder
        os.environ["JEFFBOT_SOUNDS_DIR"] = str(shipped_sounds())
        figures = asyncio.run(measure(arguments.plays, colds))
    print(machine())
    print(f"{'message to first packet, ms':32}{'plays':>7}{'min':>10}{'median':>10}{'p99':>10}{'max':>10}")
    for name, seconds in figures.items():
        print(row(name, seconds))
    ours, theirs = (statistics.median(figures[f"{name}, warm"]) for name in ("jeffbot", "nextcord FFmpegPCMAudio"))
    print(f"ratio of the warm medians: {theirs / ours:.0f}")
    if arguments.json:
        arguments.json.write_text(json.dumps(figures))


if __name__ == "__main__":
    main()
