"""What the remote control bears: thousands of clients, requests, presses, events, tokens, dead readers, and its ends.

The cog runs as it does for users, in a host's bot on the first core; its rate limits are off. The clients are a process
of their own (``bots/remote_clients.py``) on the last one, beside the local Discord and the sink. Some more guilds play
without a pause, and how late their packets are is measured during each part as in ``pacing.py``. What has a limit is
shown with it; the exit code is 1 where one is missed.

A press where nothing plays is answered at once; where a sound plays, the new one has the next packet that is due, which
is 10 ms later on average and 20 ms at most: that is not the remote control's, and has no limit here.

    python benchmarks/remote.py [--only PART] [--soak SECONDS] [--json FILE] [--quick]
"""

import argparse
import asyncio
import contextlib
import os
import random
import socket
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple

import msgspec
import numpy as np
import report
from clients import Client, message
from crowd import SECRET, make_library
from feed import BEGAN
from numpy.typing import NDArray
from pacing import GATEWAY_LIMIT, timing, use_sink
from sink import Sink, pacing
from stage import BOTS, JEFFBOT, LAST_CORE, Bot, add_guilds, pin, running

from jeffbot.audio.ffmpeg import find_ffmpeg
from jeffbot.sandbox import Options, Sandbox
from jeffbot.ws.auth import Tokens
from jeffbot.ws.history import RING

LONG, LONG_SECONDS = "long.ogg", 40.0
SHORT, SHORT_SECONDS = "short.ogg", 0.06
"""Over, with the silence after it, before its guild is pressed in again."""
LONG_EVERY = 15.0
"""So often, in seconds, the long sound is pressed anew where there is to be no pause."""
LATE_MS, KIB = 6.0, 1 << 10
LOOK_SECONDS = 0.02
SETTLE_SECONDS = 5.0
JOINS = 8.0
"""So many guilds a second are joined before."""
SOAK_CLIENTS, SOAK_GUILDS = 200, 20
DEAD_EVENTS = 500.0
"""Events in a second while somebody does not read."""


@dataclass(frozen=True)
class Sizes:
    """How much of everything."""

    guilds: int = 50
    per_guild: int = 10
    """Subscribers of each guild: connections of the one person in voice there, for listeners cost the local Discord."""
    voices: int = 10
    """Further guilds that play without a pause."""
    idle: int = 10_000
    idle_seconds: float = 30.0
    """Long enough for every client to be pinged."""
    askers: int = 200
    presses: float = 200.0
    """In a second."""
    deliveries: float = 20_000.0
    """In a second."""
    authentications: float = 500.0
    """In a second."""
    ended: int = 1000
    """Clients at a shutdown."""
    neglected: tuple[str, ...] = ("events", "replies")
    """What is not read, and for how long that is looked at."""
    neglected_seconds: float = 9.0
    sounds: int = 1000
    seconds: float = 10.0
    """Of each recording."""


QUICK = Sizes(4, 5, 2, 100, 0.5, 20, 20.0, 400.0, 50.0, 50, ("events",), 3.0, 5, 0.5)


class Figure(NamedTuple):
    """One thing that was measured."""

    part: str
    what: str
    value: float
    unit: str
    most: float | None = None
    """Its limit; and the next one, from below."""
    least: float | None = None

    @property
    def kept(self) -> bool:
        """Whether it keeps its limit."""
        return (self.most is None or self.value <= self.most) and (self.least is None or self.value >= self.least)

    def row(self) -> dict[str, Any]:
        """As a table shows it."""
        limit = "" if self.most is None else f"<= {self.most:g}"
        limit = limit if self.least is None else f">= {self.least:g}"
        return {
            "part": self.part,
            "what": self.what,
            "limit": limit,
            "": "" if self.kept else "MISSED",
            "measured": self.value,
            "unit": self.unit,
        }


@dataclass
class Bench:
    """A bot with its remote control, and everything that is done to it."""

    sizes: Sizes
    soak_seconds: float
    folder: Path
    sink: Sink
    bot: Bot
    clients: Bot
    guilds: list[int]
    people: list[int]
    """Ids of one in voice in each of them."""
    voices: list[int]
    """Likewise, in each of the others."""
    names: list[str]
    port: int = 0
    figures: list[Figure] = field(default_factory=list)

    def note(self, part: str, what: str, value: float, unit: str, **limit: float) -> None:
        """Take note of a figure, and show it."""
        figure = Figure(part, what, value, unit, **limit)
        self.figures.append(figure)
        print(*(report.cell(value) for value in figure.row().values() if value != ""), sep="  ", flush=True)

    @contextlib.asynccontextmanager
    async def voice(self, part: str) -> AsyncIterator[None]:
        """Measure how late packets are meanwhile, and what the bot's processor does."""
        await self.sink.begin()
        await self.bot.ask("collections")
        before, begun = (await self.bot.ask("cpu"))["seconds"], time.monotonic()
        yield
        cpu = ((await self.bot.ask("cpu"))["seconds"] - before) / (time.monotonic() - begun)
        await self.sink.end(self.folder / "arrived.npy")
        arrived = pacing(steady(np.load(self.folder / "arrived.npy")))
        longest = (await self.bot.ask("collections"))["longest"]
        self.note(part, "core", 100 * cpu, "%")
        self.note(part, "longest garbage collection", 1000 * longest, "ms")
        self.note(
            part, f"voice packets of {arrived.streams} guilds late, p99", timing(arrived)["p99"], "ms", most=LATE_MS
        )

    async def state(self, *, collect: bool = False) -> dict[str, int]:
        """What the bot holds."""
        told = await self.bot.ask("state", collect=collect)
        return {key: int(value) for key, value in told.items() if key != "done"}

    async def connect(self, group: str, users: list[int] | int, topics: tuple[str, ...] = ()) -> float:
        """Have a group of clients; seconds that took."""
        told = await self.clients.ask("connect", group=group, users=users, port=self.port, topics=topics)
        return float(told["seconds"])

    def users(self, count: int) -> list[int]:
        """So many users of all guilds in turn."""
        return [self.people[number % len(self.people)] for number in range(count)]

    async def publish(self, rate: float, seconds: float, guilds: list[int]) -> None:
        """Have events published in some guilds in turn."""
        data = msgspec.to_builtins(BEGAN)
        await self.bot.ask("publish", rate=rate, seconds=seconds, guilds=guilds, data=data)

    @contextlib.asynccontextmanager
    async def subscribers(self) -> AsyncIterator[int]:
        """Have everyone in voice subscribed to what plays; how many they are."""
        users = self.users(len(self.people) * self.sizes.per_guild)
        await self.connect("subscribers", users, ("playback",))
        yield len(users)
        await self.clients.ask("disconnect", group="subscribers")

    @contextlib.asynccontextmanager
    async def sounding(self) -> AsyncIterator[None]:
        """Have the further guilds play."""
        tokens = Tokens(SECRET, hours=24)
        voices = [await Client.connect(self.port, tokens.make(user)) for user in self.voices]

        async def press() -> None:
            while True:
                for voice in voices:
                    await voice.ask(message("play", filename=LONG))
                await asyncio.sleep(LONG_EVERY)

        for voice in voices:
            reply = await voice.ask(message("play", filename=LONG))
            assert b'"action":"playing"' in reply, reply
        pressing = asyncio.create_task(press())
        yield
        pressing.cancel()
        for voice in voices:
            voice.leave()


async def idle(bench: Bench) -> None:
    """Clients that have signed in and do nothing."""
    count = bench.sizes.idle
    before = await bench.state(collect=True)
    async with bench.voice("connecting"):
        seconds = await bench.connect("idle", count)
    async with bench.voice("idle"):
        await asyncio.sleep(bench.sizes.idle_seconds)
    after = await bench.state(collect=True)
    grown = (after["bytes"] - before["bytes"]) / KIB / count
    bench.note("idle", f"memory of each of {after['clients'] - before['clients']} clients", grown, "KiB", most=25)
    bench.note("connecting", "clients connected and signed in", count / seconds, "/s")
    await bench.clients.ask("disconnect", group="idle")


async def requests(bench: Bench) -> None:
    """Each client asks again as soon as it was answered."""
    await bench.connect("askers", bench.users(bench.sizes.askers))
    async with bench.voice("requests"):
        told = await bench.clients.ask("ask", group="askers", seconds=bench.sizes.seconds)
    bench.note("requests", f"answered over {bench.sizes.askers} sockets", told["rate"], "/s", least=5000)
    bench.note("requests", "answered after, p50", 1000 * told["median"], "ms")
    bench.note("requests", "answered after, p99", 1000 * told["p99"], "ms", most=50)
    await bench.clients.ask("disconnect", group="askers")


async def presses(bench: Bench) -> None:
    """Presses at fixed times in all guilds, in turn: of a short sound, then of long ones, which replace each other."""
    await bench.connect("pressers", bench.people)
    await bench.clients.ask("press", seconds=len(bench.people) / JOINS, rate=JOINS, names=[SHORT])
    async with bench.subscribers() as count:
        for part, names, limit in (("presses", [SHORT], {"most": 10}), ("presses that replace", bench.names, {})):
            async with bench.voice(part):
                told = await bench.clients.ask(
                    "press", seconds=bench.sizes.seconds, rate=bench.sizes.presses, names=names
                )
            if told["refused"]:
                print("refused, such as:", told["refusal"])
            bench.note(part, f"refused of {told['presses']}", told["refused"], "", most=0)
            for what, key in (("`playing`", "replies"), (f"the event at one of {count} subscribers", "events")):
                bench.note(part, f"to {what}, p50", 1000 * told[key]["median"], "ms")
                bench.note(part, f"to {what}, p99", 1000 * told[key]["p99"], "ms", **limit)
            wanted = bench.sizes.per_guild * told["presses"]
            bench.note(part, "events heard, of those there were", 100 * told["heard"] / wanted, "%", least=100)
    await bench.clients.ask("disconnect", group="pressers")


async def deliveries(bench: Bench) -> None:
    """Events of all guilds in turn, and of one guild, each told to all who see it."""
    seconds = bench.sizes.seconds
    async with bench.subscribers() as count:
        async with bench.voice("deliveries"):
            await bench.publish(bench.sizes.deliveries / bench.sizes.per_guild, seconds, bench.guilds)
            told = await bench.clients.ask("hear", group="subscribers", seconds=seconds + 0.5)
        rate = told["rate"] * (seconds + 0.5) / seconds
        bench.note("deliveries", f"to {count} subscribers", rate, "/s", least=0.99 * bench.sizes.deliveries)
        bench.note("deliveries", "after, p50", 1000 * told["median"], "ms")
        bench.note("deliveries", "after, p99", 1000 * told["p99"], "ms", most=50)


async def authentications(bench: Bench) -> None:
    """Tokens shown over fresh connections, and over ones that are there."""
    rate, seconds = bench.sizes.authentications, bench.sizes.seconds
    await bench.connect("signers", bench.sizes.askers)
    for what, group in (("fresh connections", ""), ("standing connections", "signers")):
        part = f"authentications, {what}"
        async with bench.voice(part):
            told = await bench.clients.ask("authenticate", rate=rate, seconds=seconds, group=group)
        bench.note(part, "answered", told["rate"], "/s", least=0.98 * rate)
        bench.note(part, "answered after, p50", 1000 * told["median"], "ms")
        bench.note(part, "answered after, p99", 1000 * told["p99"], "ms")
    await bench.clients.ask("disconnect", group="signers")


async def dead_readers(bench: Bench) -> None:
    """A client that reads neither the events of all guilds nor the long replies that it asked for."""
    async with bench.subscribers():
        await bench.publish(DEAD_EVENTS, bench.sizes.seconds, bench.guilds)
        told = await bench.clients.ask("hear", group="subscribers", seconds=bench.sizes.seconds)
        bench.note("dead readers", "others hear events after, p99, before", 1000 * told["p99"], "ms")
        for what in bench.sizes.neglected:
            before = (await bench.state())["clients"]
            await bench.publish(DEAD_EVENTS, bench.sizes.neglected_seconds, bench.guilds)
            async with bench.voice(f"dead readers, {what}"):
                since = (await bench.clients.ask("neglect", user=bench.people[0], what=what))["since"]
                bench.clients.wish("hear", group="subscribers", seconds=bench.sizes.neglected_seconds)
                while (await bench.state())[
                    "clients"
                ] > before and time.monotonic() < since + 2 * bench.sizes.neglected_seconds:
                    await asyncio.sleep(LOOK_SECONDS)
                gone = time.monotonic() - since
                told = await bench.clients.answer("hear")
            bench.note("dead readers", f"gone who reads no {what}, after", gone, "s", most=6)
            bench.note("dead readers", f"others hear after, p99, then ({what})", 1000 * told["p99"], "ms", most=50)
            await bench.clients.ask("bury")


async def soak(bench: Bench) -> None:
    """Clients that come, press, subscribe, ask and leave. Memory is that after a garbage collection."""
    guilds = bench.guilds[:SOAK_GUILDS]
    users = [bench.people[number % len(guilds)] for number in range(SOAK_CLIENTS)]
    await bench.clients.ask("soak", users=users, port=bench.port, seconds=2.0, names=bench.names)
    await bench.clients.answer("soaked")  # what is made when it is needed first is there now
    await bench.publish(20_000, RING * len(guilds) / 20_000, guilds)  # what is kept of each guild is full
    await asyncio.sleep(RING * len(guilds) / 20_000 + 1)
    before = await bench.state(collect=True)
    async with bench.voice("soak"):
        await bench.clients.ask("soak", users=users, port=bench.port, seconds=bench.soak_seconds, names=bench.names)
        await asyncio.sleep(bench.soak_seconds / 6)
        first = (await bench.state(collect=True))["bytes"]
        await asyncio.sleep(bench.soak_seconds * 5 / 6)
        last = (await bench.state(collect=True))["bytes"]
        told = await bench.clients.answer("soaked")
    bench.note(
        "soak",
        f"memory after {bench.soak_seconds:g} s, beside that after a sixth",
        100 * (last / first - 1),
        "%",
        most=2,
    )
    bench.note("soak", "memory after a sixth", first / KIB / KIB, "MiB")
    for kind in ("connections", "requests", "events"):
        bench.note("soak", kind, told[kind] / bench.soak_seconds, "/s")
    bench.note("soak", "requests answered with an error", told["errors"], "")
    bench.note("soak", "connections lost", told["lost"], "", most=0)
    for kind, left_over in (await left_behind(bench, before)).items():
        bench.note("soak", f"{kind} more than before", left_over, "", most=0)


async def left_behind(bench: Bench, before: dict[str, int]) -> dict[str, int]:
    """What more the bot holds than before, once that has settled."""
    until = time.monotonic() + SETTLE_SECONDS
    while True:
        after = await bench.state()
        more = {kind: after[kind] - before[kind] for kind in ("clients", "tasks", "files")}
        if max(more.values()) <= 0 or time.monotonic() > until:
            return more
        await asyncio.sleep(LOOK_SECONDS)


async def shutdowns(bench: Bench) -> None:
    """Unloading in a bot that goes on, then closing the bot itself, each with all clients connected."""
    part, count = "shutdown", bench.sizes.ended
    await bench.connect("ended", count)
    freed = asyncio.create_task(asyncio.to_thread(port_freed, bench.port))
    told = await bench.bot.ask("unload")
    closed = await bench.clients.ask("wait_closed", group="ended")
    print("close codes:", closed["codes"])
    bench.note(
        part, f"unloaded: last of {count} close frames came after", closed["last"] - told["begun"], "s", most=0.1
    )
    bench.note(part, "unloaded: the port was free after", await freed - told["begun"], "s", most=0.1)
    bench.note(part, "unloaded: all had ended after", told["ended"] - told["begun"], "s")
    bench.port = (await bench.bot.ask("load"))["port"]
    await bench.connect("ended", count)
    begun = time.monotonic()
    bench.bot.wish("close")
    closed = await bench.clients.ask("wait_closed", group="ended")
    await bench.bot.process.wait()
    print("close codes:", closed["codes"])
    bench.note(part, f"closed: last of {count} close frames came after", closed["last"] - begun, "s")
    bench.note(part, "closed: the process had ended after", time.monotonic() - begun, "s", most=5)


def steady(records: NDArray[np.void]) -> NDArray[np.void]:
    """What arrived of the streams that had no pause: where a sound begins after one, packets are on time anew."""
    streams, counts = np.unique(records["ssrc"], return_counts=True)
    kept: NDArray[np.void] = records[np.isin(records["ssrc"], streams[counts > 0.95 * counts.max()])]
    return kept


def port_freed(port: int) -> float:
    """Wait until nobody listens on a port; when that was."""
    while True:
        with socket.socket() as taker, contextlib.suppress(OSError):
            taker.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            taker.bind(("127.0.0.1", port))
            return time.monotonic()
        time.sleep(0.001)


PARTS: tuple[Callable[[Bench], Awaitable[None]], ...] = (
    *(requests, presses, deliveries, authentications, dead_readers, soak, idle, shutdowns),
)


@contextlib.asynccontextmanager
async def clients_process(folder: Path) -> AsyncIterator[Bot]:
    """The clients' process."""
    log = folder / "clients.log"
    with log.open("wb") as errors:
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, BOTS / "remote_clients.py"),
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            stderr=errors,
            env={
                **os.environ,
                "BENCH_API": "",
                "BENCH_TOKEN": "",
                "BENCH_SECRET": SECRET,
                "PYTHONPATH": str(BOTS.parent),
            },
        )
    clients = Bot(process, log)
    try:
        print("files and sockets at most:", (await clients.answer("ready"))["files"])
        yield clients
    finally:
        process.stdin.close()  # type: ignore[union-attr]  # it is a pipe
        await process.wait()


async def measure(sizes: Sizes, soak_seconds: float, only: str) -> tuple[list[Figure], str]:
    """All parts; or those with this text in their name."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        names = make_library(folder / "library", sizes.sounds)
        for sound, seconds in ((LONG, LONG_SECONDS), (SHORT, SHORT_SECONDS)):
            report.make_sound(find_ffmpeg(None), folder / "library" / sound, "sine=frequency=200", seconds)
        environment = {
            "JEFFBOT_SOUNDS_DIR": str(folder / "library"),
            "JEFFBOT_DATA_DIR": str(folder / "data"),
            "JEFFBOT_JWT_SECRET": SECRET,
            "JEFFBOT_IDLE_SECONDS": "0",
            **{f"JEFFBOT_{limit}": "0" for limit in ("REQUEST_RATE", "PRESS_RATE", "FAILED_AUTHENTICATIONS")},
            **{f"JEFFBOT_CONNECTIONS{limit}": "0" for limit in ("", "_PER_USER", "_PER_ADDRESS")},
        }
        async with contextlib.AsyncExitStack() as stack:
            sink = await stack.enter_async_context(Sink())
            discord = await stack.enter_async_context(Sandbox(options=Options(gateway_rate_limit=GATEWAY_LIMIT)))
            use_sink(discord, sink)
            application = discord.add_application("remote")
            places = await add_guilds(discord, application, sizes.guilds + sizes.voices)
            voices = [places.pop()[1].id for _ in range(sizes.voices)]
            bot = await stack.enter_async_context(running(JEFFBOT, discord, application, folder, **environment))
            clients = await stack.enter_async_context(clients_process(folder))
            bench = Bench(
                *(sizes, soak_seconds, folder, sink, bot, clients),
                guilds=[channel.guild.id for channel, _ in places],
                people=[member.id for _, member in places],
                voices=voices,
                names=random.Random(1).sample(names, min(100, len(names))),
            )
            bench.port = (await bot.ask("load"))["port"]
            await bot.ask("join_freely")
            await measure_parts(bench, only)
            return bench.figures, bot.versions


async def measure_parts(bench: Bench, only: str) -> None:
    """All parts, while sounds play; the last one after that."""
    async with bench.sounding():
        for part in PARTS[:-1]:
            if only in part.__name__:
                await part(bench)
    if only in shutdowns.__name__:
        await shutdowns(bench)


def main() -> int:
    """Measure and print; 1 where a limit was missed."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument(
        "--only", default="", help=f"parts whose name has this in it: {' '.join(each.__name__ for each in PARTS)}"
    )
    parser.add_argument("--soak", type=float, default=0.0, help="seconds of the soak (default 60)")
    parser.add_argument("--json", type=Path, help="write every figure to this file")
    parser.add_argument("--quick", action="store_true", help="little of everything: does it run")
    arguments = parser.parse_args()
    pin(LAST_CORE)
    sizes = QUICK if arguments.quick else Sizes()
    soak_seconds = arguments.soak or (2.0 if arguments.quick else 60.0)
    figures, versions = asyncio.run(measure(sizes, soak_seconds, arguments.only))
    print("", report.machine(), report.load(), f"measured with: {versions}", sep="\n")
    print(report.table([figure.row() for figure in figures]))
    report.write(arguments.json, "remote", __doc__ or "", figures=[figure._asdict() for figure in figures])
    return 0 if arguments.quick or all(figure.kept for figure in figures) else 1


if __name__ == "__main__":
    sys.exit(main())
