"""What the local Discord itself costs: guilds at login, voice joins, and many end-to-end encrypted streams.

The streams come from a process of their own: bots that log in, join a call of their own with one listener, encrypt, and
keep time. The sandbox has this process, on one core where the system allows. Lag is the time a packet lay in the kernel
before the sandbox took it.

    python benchmarks/local_discord.py [--guilds 500] [--streams 200] [--seconds 10] [--joins 50]
"""

import argparse
import asyncio
import contextlib
import json
import os
import statistics
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import nextcord
import numpy as np

from jeffbot.sandbox import Application, Channel, Protection, Sandbox
from jeffbot.sandbox.ears.opus import Encoder, libopus
from jeffbot.sandbox.nextcord_host import make_bot, running

sys.path.insert(0, str(Path(__file__).parent.parent / "tests"))
from report import machine

from sandbox.probe import Probe

FRAME_SECONDS = 0.02
PATIENCE = 120.0


async def measure_login(guilds: int) -> float:
    """Seconds until a Nextcord bot has all its guilds, each with one member beside it."""
    async with Sandbox() as discord:
        application = discord.add_application("many")
        for number in range(guilds):
            member = discord.add_user(f"member {number}")
            guild = discord.add_guild(f"guild {number}", members=[member], applications=[application], owner=member)
            await member.join(guild.add_voice_channel("General"))
        bot = make_bot(discord, guild_ready_timeout=0.1)
        begun = time.perf_counter()
        async with running(discord, application, bot):
            took = time.perf_counter() - begun
            assert len(bot.guilds) == guilds
    return took


async def measure_joins(joins: int) -> list[float]:
    """Seconds of Nextcord's ``channel.connect()`` into a call with a listener."""
    async with Sandbox() as discord:
        application, member = discord.add_application("joins"), discord.add_user("listener")
        guild = discord.add_guild("Cave", members=[member], applications=[application])
        general = guild.add_voice_channel("General")
        await member.join(general)
        bot = make_bot(discord, guild_ready_timeout=0.1)
        figures = []
        async with running(discord, application, bot):
            channel = bot.get_channel(general.id)
            assert isinstance(channel, nextcord.VoiceChannel)
            for _ in range(joins):
                begun = time.perf_counter()
                voice: nextcord.VoiceClient = await channel.connect()
                figures.append(time.perf_counter() - begun)
                await voice.disconnect()
                await discord.until(lambda: application.user not in general.occupants)
    return figures


async def measure_streams(streams: int, seconds: float) -> dict[str, float]:
    """What becomes of many streams at once, and what it costs."""
    async with Sandbox() as discord:
        bots = []
        for number in range(streams):
            application, member = discord.add_application(f"bot {number}"), discord.add_user(f"listener {number}")
            guild = discord.add_guild(f"guild {number}", members=[member], applications=[application])
            channel = guild.add_voice_channel("General")
            await member.join(channel)
            bots.append((application, channel))
        task = {
            "api_base": discord.api_base,
            "ca_file": str(discord.ca_file),
            "seconds": seconds,
            "bots": [
                {"id": app.id, "token": app.token, "guild": channel.guild.id, "channel": channel.id}
                for app, channel in bots
            ],
        }
        pin({0})
        generator = await asyncio.create_subprocess_exec(
            sys.executable, __file__, "--generate", stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE
        )
        assert generator.stdin
        assert generator.stdout
        generator.stdin.write(json.dumps(task).encode() + b"\n")
        async with asyncio.timeout(PATIENCE):
            await generator.stdout.readline()  # all have joined
            cpu, begun = time.process_time(), time.perf_counter()
            generator.stdin.write(b"go\n")
            sent = int(await generator.stdout.readline())
            cpu, wall = time.process_time() - cpu, time.perf_counter() - begun
        ears = [discord.history(channel.guild, app)[-1] for app, channel in bots]
        arrived = sum(len(ear.packets) for ear in ears)
        heard = sum(packet.protection is Protection.ENCRYPTED for ear in ears for packet in ear.packets)
        lags = sorted(discord.lags[-arrived:]) or [0.0]
        generator.stdin.close()
        await generator.wait()
        pin(set(range(os.cpu_count() or 1)))
    return {
        "packets sent": sent,
        "packets arrived": arrived,
        "decrypted by a listener": heard,
        "CPU of the sandbox, % of a core": 100 * cpu / wall,
        "lag median, ms": 1000 * statistics.median(lags),
        "lag p99, ms": 1000 * lags[int(0.99 * (len(lags) - 1))],
        "lag max, ms": 1000 * lags[-1],
    }


def pin(cores: set[int]) -> None:
    """Keep this process on some cores, where the system can."""
    if hasattr(os, "sched_setaffinity"):
        with contextlib.suppress(OSError):
            os.sched_setaffinity(0, cores)


async def generate() -> None:
    """The other process: join with every bot, then send on all streams, and say how many packets were sent."""
    pin({(os.cpu_count() or 1) - 1})
    task = json.loads(sys.stdin.readline())
    frame = Encoder().encode(np.full((960, 2), 1000, np.int16))
    async with contextlib.AsyncExitStack() as stack:
        voices = []
        for entry in task["bots"]:
            probe = await stack.enter_async_context(Probe(*_remote(task, entry)))
            channel = SimpleNamespace(id=entry["channel"], guild=SimpleNamespace(id=entry["guild"]))
            voice = await probe.join(cast("Channel", channel))
            await voice.audible()
            await voice.send(5, {"speaking": 1, "delay": 0, "ssrc": 0})
            voices.append(voice)
        print("ready", flush=True)
        sys.stdin.readline()
        begun, ticks = time.monotonic(), int(task["seconds"] / FRAME_SECONDS)
        for tick in range(ticks):
            for voice in voices:
                voice.send_frame(frame)
            await asyncio.sleep(max(0.0, begun + (tick + 1) * FRAME_SECONDS - time.monotonic()))
        print(ticks * len(voices), flush=True)
        await asyncio.to_thread(sys.stdin.readline)


def _remote(task: dict[str, Any], entry: dict[str, Any]) -> tuple[Sandbox, Application]:
    """What a probe needs to know of a sandbox and an application in another process."""
    import ssl  # noqa: PLC0415 - only the generator needs it

    context = ssl.create_default_context(cafile=task["ca_file"])
    discord = SimpleNamespace(api_base=task["api_base"], client_ssl=lambda: context)
    return cast("Sandbox", discord), cast("Application", SimpleNamespace(id=entry["id"], token=entry["token"]))


def row(name: str, value: float) -> str:
    """One line of a table."""
    return f"{name:40}{value:>12.2f}"


def spread(name: str, seconds: Sequence[float]) -> str:
    """One line: median and largest, ms."""
    return f"{name:40}{1000 * statistics.median(seconds):>12.2f}{1000 * max(seconds):>12.2f}"


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--guilds", type=int, default=500)
    parser.add_argument("--streams", type=int, default=200)
    parser.add_argument("--seconds", type=float, default=10.0)
    parser.add_argument("--joins", type=int, default=50)
    parser.add_argument("--generate", action="store_true", help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.generate:
        asyncio.run(generate())
        return
    libopus()
    print(machine())
    print(row(f"{arguments.guilds} guilds ready, s", asyncio.run(measure_login(arguments.guilds))))
    print(spread("voice join with nextcord, median max, ms", asyncio.run(measure_joins(arguments.joins))))
    for name, value in asyncio.run(measure_streams(arguments.streams, arguments.seconds)).items():
        print(row(f"{arguments.streams} streams: {name}", value))


if __name__ == "__main__":
    main()
