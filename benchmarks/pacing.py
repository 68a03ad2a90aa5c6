"""How well many guilds that play at once keep time, and what it costs; jeffbot's engine beside its peers.

Bots join calls of the local Discord in earnest, each library in a process and on a core of its own. Only the voice
server's UDP port is another process's (``sink.py``), which notes the kernel's time of each arrival. Sounds begin within
a second, as chance has it; the first second is not counted. Late is a packet by what it arrived later than the most
punctual packet of its stream would have had it, by their RTP timestamps. Bursts are packets that follow their
predecessor within 5 ms. CPU is all of the bot's process, its gateway's heartbeats included.

jeffbot and nextcord play packets from memory, @discordjs/voice an Ogg Opus file, which is its best.

    python benchmarks/pacing.py [--seconds 10] [--json FILE] [--quick]
"""

import argparse
import asyncio
import tempfile
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import report
from sink import Pacing, Sink
from stage import DISCORDJS, JEFFBOT, LAST_CORE, NEXTCORD, Library, add_guilds, pin, running

from jeffbot.audio.ffmpeg import find_ffmpeg
from jeffbot.sandbox import Options, Sandbox

BEGIN_SECONDS = 1.0
"""Within which the sounds begin, and for how long they settle; and the bots rest before."""
BURST_SECONDS = 0.005
GATEWAY_LIMIT = 100_000
"""The local Discord takes so many messages in a minute here: hundreds of joins at once are what is measured."""
CURVE_POINTS = 200


class Subject(NamedTuple):
    """A library, and with how many guilds at once."""

    name: str
    library: Library
    levels: tuple[int, ...]


SUBJECTS = (
    Subject("jeffbot", JEFFBOT, (1, 50, 100, 200, 400, 800)),
    Subject("nextcord threads", NEXTCORD, (1, 50, 100, 200)),
    Subject("@discordjs/voice", DISCORDJS, (1, 50, 100)),
)
QUICK = (Subject("jeffbot", JEFFBOT, (10,)), Subject("nextcord threads", NEXTCORD, (10,)))


def use_sink(discord: Sandbox, sink: Sink) -> None:
    """Have voice servers name the sink's port as theirs."""
    discord._voice._reception.udp.port = sink.port


async def measure(
    subject: Subject, version: int, sound: Path, *, seconds: float, begin: float
) -> tuple[list[dict[str, Any]], str]:
    """One row for each number of guilds."""
    rows, folder = [], sound.parent
    options = Options(dave_version=version, gateway_rate_limit=GATEWAY_LIMIT)  # type: ignore[arg-type]  # 0 or 1
    async with Sink() as sink, Sandbox(options=options) as discord:
        use_sink(discord, sink)
        application = discord.add_application("pacing")
        places = await add_guilds(discord, application, max(subject.levels))
        async with running(subject.library, discord, application, folder) as bot:
            joined = 0
            for level in subject.levels:
                await bot.ask("join", channels=[channel.id for channel, _ in places[joined:level]])
                joined = level
                await asyncio.sleep(begin)
                await bot.ask("start", file=str(sound), streams=level, seconds=begin)
                await asyncio.sleep(begin)
                await sink.begin()
                before = (await bot.ask("cpu"))["seconds"]
                await asyncio.sleep(seconds)
                after = (await bot.ask("cpu"))["seconds"]
                arrived = await sink.end(folder / "arrived.npy")
                await bot.ask("stop")
                rows.append(_row(subject.name, version, level, arrived, (after - before) / seconds))
                print(report.table(shown(rows[-1:])), flush=True)
            return rows, bot.versions


def timing(arrived: Pacing) -> dict[str, Any]:
    """How late packets were and how far apart, milliseconds."""
    late = late_ms(arrived)
    return {
        "late p50": report.percentile(late, 0.5),
        "p99": report.percentile(late, 0.99),
        "max": late[-1],
        "gap max": float(arrived.gaps.max() * 1000),
        "bursts": int((arrived.gaps < BURST_SECONDS).sum()),
        "skipped": arrived.skipped,
        "unseen": arrived.lost,
    }


def late_ms(arrived: Pacing) -> list[float]:
    """How late each packet was, sorted."""
    late: list[float] = (np.sort(arrived.late) * 1000).tolist()
    return late


def _row(name: str, version: int, level: int, arrived: Pacing, cpu: float) -> dict[str, Any]:
    late = late_ms(arrived)
    return {
        "bot": name,
        "call": "DAVE" if version else "plain",
        "guilds": level,
        "heard": arrived.streams,
        **timing(arrived),
        "CPU/guild": 1000 * cpu / level,
        "core %": 100 * cpu,
        "curve": [round(late[round(n * (len(late) - 1) / CURVE_POINTS)], 3) for n in range(CURVE_POINTS + 1)],
    }


def shown(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """What of the rows is printed."""
    return [{key: value for key, value in row.items() if key != "curve"} for row in rows]


UNITS = "times in ms; CPU/guild: ms of processor time in a second of one playing guild; unseen: lost at the sink"


async def measure_all(arguments: argparse.Namespace) -> tuple[list[dict[str, Any]], list[str]]:
    """All subjects whose libraries are there, with and without end-to-end encryption."""
    rows: list[dict[str, Any]] = []
    versions = []
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        begin = 0.2 if arguments.quick else BEGIN_SECONDS
        seconds = 2 * begin + arguments.seconds + 10
        sound = report.make_sound(find_ffmpeg(None), folder / "noise.ogg", "anoisesrc=color=pink:seed=1", seconds)
        for subject in QUICK if arguments.quick else SUBJECTS:
            levels = tuple(level for level in subject.levels if level <= arguments.most)
            if not subject.library.built:
                print(f"{subject.name}: left out, for its environment is not built (make peers)")
            if not subject.library.built or arguments.only not in subject.name or not levels:
                continue
            for version in (0, 1):
                measured, of = await measure(
                    subject._replace(levels=levels), version, sound, seconds=arguments.seconds, begin=begin
                )
                rows += measured
            versions.append(of)
    return rows, versions


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--seconds", type=float, default=10.0, help="of each recording (default 10)")
    parser.add_argument("--json", type=Path, help="write every figure, in milliseconds, to this file")
    parser.add_argument("--only", default="", help="subjects whose name has this text in it")
    parser.add_argument("--most", type=int, default=800, help="guilds at most (default 800)")
    parser.add_argument("--quick", action="store_true", help="few guilds, a second each: does it run")
    arguments = parser.parse_args()
    if arguments.quick:
        arguments.seconds = 1.0
    pin(LAST_CORE)
    rows, versions = asyncio.run(measure_all(arguments))
    print(report.machine(), report.load(), f"measured with: {'; '.join(versions)}", UNITS, sep="\n")
    print(report.table(shown(rows)))
    report.write(arguments.json, "pacing", __doc__ or "", rows=rows)


if __name__ == "__main__":
    main()
