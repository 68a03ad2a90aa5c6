"""How well guilds keep time while a thousand remote clients press and a library of a hundred thousand sounds is listed.

The cog runs as it does for users: real WebSockets, a real library, each press replaces what plays in the client's
guild. Meanwhile one client asks for the whole listing each second. The clients are in a process of their own beside
the local Discord, jeffbot has the other core. Packets are stamped as in ``pacing.py``. The bot joins no more than 40
channels in a minute, so there are 40 guilds, with 25 clients each.

    python benchmarks/crowd.py [--clients 1000] [--rate 0.2] [--sounds 100000] [--json FILE] [--quick]
"""

import argparse
import asyncio
import contextlib
import json
import os
import random
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import report
from pacing import GATEWAY_LIMIT, timing, use_sink
from sink import Sink
from stage import JEFFBOT, LAST_CORE, add_guilds, pin, running

from jeffbot.audio.ffmpeg import find_ffmpeg
from jeffbot.client import RemoteClient, RemoteError
from jeffbot.sandbox import Options, Sandbox
from jeffbot.ws.auth import Tokens

SECRET = "benchmark " * 4
GUILDS = 40
SOUND_SECONDS = 8.0
"""Longer than the time between two presses in a guild, so that its stream does not end."""
DISTINCT = 20
"""Different contents of the library's files; the others are links to them, and encoded no second time."""
ENCODE_MINUTES = 10.0


def make_library(folder: Path, count: int) -> list[str]:
    """So many sound files; their names."""
    folder.mkdir()
    originals = [
        report.make_sound(
            find_ffmpeg(None), folder / f"sound {n:06}.ogg", f"sine=frequency={300 + 50 * n}", SOUND_SECONDS
        )
        for n in range(min(DISTINCT, count))
    ]
    names = [file.name for file in originals]
    for n in range(len(originals), count):
        name = f"sound {n:06}.ogg"
        os.link(originals[n % DISTINCT], folder / name)
        names.append(name)
    return names


async def measure(clients: int, rate: float, sounds: int, seconds: float) -> dict[str, Any]:
    """One recording while all of them press."""
    guilds = min(GUILDS, clients)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        names = make_library(folder / "library", sounds)
        environment = {
            "JEFFBOT_SOUNDS_DIR": str(folder / "library"),
            "JEFFBOT_DATA_DIR": str(folder / "data"),
            "JEFFBOT_JWT_SECRET": SECRET,
            "JEFFBOT_REQUEST_RATE": "0",
            "JEFFBOT_PRESS_RATE": "0",
            "JEFFBOT_CONNECTIONS_PER_USER": "0",
        }
        async with Sink() as sink, Sandbox(options=Options(gateway_rate_limit=GATEWAY_LIMIT)) as discord:
            use_sink(discord, sink)
            application = discord.add_application("crowd")
            places = await add_guilds(discord, application, guilds)
            tokens = Tokens(SECRET, hours=24)
            async with running(JEFFBOT, discord, application, folder, **environment) as bot:
                bot.wish("load")
                async with asyncio.timeout(60 * ENCODE_MINUTES):
                    loaded = await bot.answer("load")
                task = {
                    "url": f"ws://127.0.0.1:{loaded['port']}",
                    "tokens": [tokens.make(places[n % guilds][1].id) for n in range(clients)],
                    "guilds": guilds,
                    "names": random.Random(1).sample(names, min(100, len(names))),
                    "rate": rate,
                }
                async with _crowd(task) as crowd:
                    await crowd("begin")
                    await asyncio.sleep(1)
                    await sink.begin()
                    before = (await bot.ask("cpu"))["seconds"]
                    await asyncio.sleep(seconds)
                    after = (await bot.ask("cpu"))["seconds"]
                    arrived = await sink.end(folder / "arrived.npy")
                    pressed = await crowd("end")
    return {
        "clients": clients,
        "sounds": sounds,
        "guilds": arrived.streams,
        **timing(arrived),
        "core %": 100 * (after - before) / seconds,
        **pressed,
        "scan s": loaded["scanned"],
        "ready s": loaded["encoded"],
    }


@contextlib.asynccontextmanager
async def _crowd(task: dict[str, Any]) -> Any:
    """The clients' process; what it yields sends it a line and returns its answer."""
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        __file__,
        "--press",
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        limit=1 << 20,
    )
    assert process.stdin is not None
    assert process.stdout is not None
    writer, reader = process.stdin, process.stdout

    async def ask(line: str) -> dict[str, Any]:
        writer.write(line.encode() + b"\n")
        return dict(json.loads(await reader.readline()))

    await ask(json.dumps(task))
    try:
        yield ask
    finally:
        writer.close()
        await process.wait()


async def press() -> None:
    """The clients' process: connect, press at random times until told to end, tell how it went."""
    task = json.loads(sys.stdin.readline())
    waits: dict[str, list[float]] = {"press": [], "list": []}
    chance = random.Random(2)
    refused = 0

    async def press_on(remote: RemoteClient) -> None:
        nonlocal refused
        await asyncio.sleep(chance.uniform(0, 1 / task["rate"]))
        while True:
            begun = time.monotonic()
            try:
                await remote.play(chance.choice(task["names"]), mode="replace")
            except RemoteError:
                refused += 1
            waits["press"].append(time.monotonic() - begun)
            await asyncio.sleep(max(0.0, chance.uniform(0.5, 1.5) / task["rate"] - (time.monotonic() - begun)))

    async def list_on(remote: RemoteClient) -> None:
        while True:
            begun = time.monotonic()
            await remote.request("list")
            waits["list"].append(time.monotonic() - begun)
            await asyncio.sleep(1)

    async with contextlib.AsyncExitStack() as stack:
        remotes = [await stack.enter_async_context(RemoteClient(task["url"], token)) for token in task["tokens"]]
        await asyncio.gather(*(remote.play(task["names"][0]) for remote in remotes[: task["guilds"]]))
        print("{}", flush=True)
        await asyncio.to_thread(sys.stdin.readline)
        tasks = [asyncio.create_task(press_on(remote)) for remote in remotes]
        tasks.append(asyncio.create_task(list_on(remotes[0])))
        print("{}", flush=True)
        await asyncio.to_thread(sys.stdin.readline)
        for each in tasks:
            each.cancel()
        await asyncio.wait(tasks)
    answers = report.spread(waits["press"] or [0.0])
    told = {
        "presses": len(waits["press"]),
        "refused": refused,
        "answered p50": 1000 * answers["median"],
        "answered p99": 1000 * answers["p99"],
        "listed": len(waits["list"]),
        "listing max": 1000 * max(waits["list"], default=0.0),
    }
    print(json.dumps(told), flush=True)


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--clients", type=int, default=1000)
    parser.add_argument("--rate", type=float, default=0.2, help="presses of each client in a second (default 0.2)")
    parser.add_argument("--sounds", type=int, default=100_000)
    parser.add_argument("--seconds", type=float, default=20.0)
    parser.add_argument("--json", type=Path, help="write the figures, in milliseconds, to this file")
    parser.add_argument("--quick", action="store_true", help="few of everything: does it run")
    parser.add_argument("--press", action="store_true", help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    pin(LAST_CORE)
    if arguments.press:
        asyncio.run(press())
        return
    if arguments.quick:
        arguments.clients, arguments.rate, arguments.sounds, arguments.seconds = 20, 1.0, 200, 2.0
    row = asyncio.run(measure(arguments.clients, arguments.rate, arguments.sounds, arguments.seconds))
    print(report.machine(), report.load(), "times in ms, but scan and ready in s", sep="\n")
    print("\n".join(f"{key:14}{report.cell(value):>12}" for key, value in row.items()))
    report.write(arguments.json, "crowd", __doc__ or "", rows=[row])


if __name__ == "__main__":
    main()
