"""From a press to the first voice packet, jeffbot beside its peers in the same run.

A press is a WebSocket message to jeffbot; a peer has no remote control, and gets a line on its standard input, upon
which it calls its library's ``play``. The time begins just before the message is written here, and ends when the kernel
received the packet at the local Discord, which is in this process. Each bot has a process and a core of its own. Calls
are end-to-end encrypted.

Warm: the bot is in the channel and nothing plays. Cold: it joins first. Replace: two tones in turn, each pressed while
the other plays; what arrived is decoded after the run to find the first packet of the new tone, and the largest gap
between packets from the press to it. Peers stop, then play, as their libraries ask.

    python benchmarks/press.py [--presses 500] [--replaces 250] [--colds 20] [--json FILE] [--quick]
"""

import argparse
import asyncio
import contextlib
import os
import random
import tempfile
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Sequence
from itertools import pairwise
from pathlib import Path
from typing import Any, NamedTuple, cast

import numpy as np
import report
from stage import (
    DISCORD_PY,
    DISCORDJS,
    JEFFBOT,
    LAST_CORE,
    NEXTCORD,
    PATIENCE,
    Bot,
    Library,
    add_guilds,
    pin,
    running,
)

from jeffbot.audio.ffmpeg import find_ffmpeg
from jeffbot.client import RemoteClient
from jeffbot.sandbox import Packet, Sandbox
from jeffbot.sandbox.ears.opus import Decoder
from jeffbot.sandbox.errors import OpusError
from jeffbot.ws.auth import Tokens

SILENT = 0.3
"""So long without a packet, seconds, and nothing plays any more. What came without a Speaking message, as at the end of
discord.py's sounds, is held back by the local Discord for 0.2 s."""
TONES = {"low.wav": 400, "high.wav": 2000}
"""Hertz; whole periods in 20 ms."""
TONE_SECONDS = 3.0
HELD = (0.3, 0.34)
"""How long a tone plays before the next replaces it: a random time, so that presses meet every phase of a frame."""
SECRET = "benchmark " * 4

type Order = Callable[[str], Awaitable[object]]


class Subject(NamedTuple):
    """One way to play a file, and on which library."""

    name: str
    library: Library
    source: str = ""


SUBJECTS = (
    Subject("jeffbot", JEFFBOT),
    Subject("nextcord FFmpegPCMAudio", NEXTCORD, "FFmpegPCMAudio"),
    Subject("nextcord FFmpegOpusAudio", NEXTCORD, "FFmpegOpusAudio"),
    Subject("discord.py FFmpegPCMAudio", DISCORD_PY, "FFmpegPCMAudio"),
    Subject("discord.py FFmpegOpusAudio", DISCORD_PY, "FFmpegOpusAudio"),
    Subject("@discordjs/voice, Ogg Opus", DISCORDJS, "OggOpus"),
)


class Hands:
    """How a subject is pressed, stopped, and brought to join."""

    def __init__(self, bot: Bot, channel: int, subject: Subject, folder: Path) -> None:
        self._bot, self._channel = bot, channel
        self._source = subject.source
        self._folder = folder

    async def cold(self, name: str) -> None:
        """Join and play."""
        self._bot.wish("join_and_play", channel=self._channel, **self._sound(name))

    async def join(self) -> None:
        """Join."""
        await self._bot.ask("join", channels=[self._channel])

    async def leave(self) -> None:
        """Leave voice."""
        await self._bot.ask("leave")

    async def press(self, name: str) -> None:
        """Play."""
        self._bot.wish("play", **self._sound(name))

    async def stop(self) -> None:
        """End what plays."""
        await self._bot.ask("stop")

    def _sound(self, name: str) -> dict[str, str]:
        file = (self._folder / name).with_suffix(".ogg" if self._source == "OggOpus" else ".wav")
        return {"source": self._source, "file": str(file)}


class RemoteHands(Hands):
    """Those of jeffbot's remote control."""

    def __init__(self, remote: RemoteClient, kick: Callable[[], Awaitable[None]]) -> None:
        self._remote, self._kick = remote, kick
        self._pressing: set[asyncio.Task[object]] = set()

    async def press(self, name: str) -> None:
        """Play; the answer is awaited by nobody, as with the peers."""
        task: asyncio.Task[object] = asyncio.eager_task_factory(
            asyncio.get_running_loop(), self._remote.play(name, mode="replace")
        )
        self._pressing.add(task)
        task.add_done_callback(self._pressing.discard)

    cold = press

    async def join(self) -> None:
        """Join: by a press, for there is no other way."""
        await self._remote.play(next(iter(TONES)))
        await self.stop()

    async def leave(self) -> None:
        """Have a moderator disconnect it."""
        await self._kick()
        while (await self._remote.status()).connected:
            await asyncio.sleep(0.01)

    async def stop(self) -> None:
        """End what plays."""
        await self._remote.stop()


class Figures(NamedTuple):
    """What was measured of one subject, seconds."""

    versions: str
    warm: list[float]
    cold: list[float]
    replace: list[float]
    gaps: list[float]


class Measurement:
    """One subject in a local Discord."""

    def __init__(self, discord: Sandbox, hear: Callable[[], list[Packet]], hands: Hands) -> None:
        self._discord = discord
        self._hear = hear
        self._hands = hands

    async def colds(self, count: int) -> list[float]:
        """Presses that join first."""
        figures = []
        for _ in range(count):
            figures.append(await self._first_after(self._hands.cold))
            await self._quiet()
            await self._hands.leave()
        return figures

    async def warms(self, count: int) -> list[float]:
        """Presses while nothing plays, in the channel already."""
        figures = []
        await self._hands.join()
        for _ in range(count):
            await self._quiet()
            figures.append(await self._first_after(self._hands.press))
        return figures

    async def replaces(self, count: int) -> tuple[list[float], list[float]]:
        """Presses while another tone plays; and the largest gap of each."""
        chance = random.Random(1)
        await self._quiet()
        names = [[*TONES][number % 2] for number in range(count + 1)]
        presses = []
        for name in names:
            presses.append(time.monotonic())
            await self._hands.press(name)
            await asyncio.sleep(chance.uniform(*HELD))
        await self._quiet()
        heard = [packet for packet in self._hear() if packet.arrived > presses[0]]
        packets = sorted(heard, key=lambda packet: packet.arrived)
        tones = heard_tones(packets)
        found = [find_switch(packets, tones, name, at) for name, at in zip(names[1:], presses[1:], strict=True)]
        switched = [each for each in found if each is not None]
        if len(switched) < 0.9 * count:
            raise RuntimeError(f"of {count} tones only {len(switched)} were heard")
        return [first for first, _ in switched], [gap for _, gap in switched]

    async def _first_after(self, press: Order) -> float:
        before = len(self._hear())
        begun = time.monotonic()
        await press(next(iter(TONES)))

        def since() -> float | None:
            return next((packet.arrived - begun for packet in self._hear()[before:] if packet.arrived > begun), None)

        return cast("float", await self._discord.until(since, timeout=PATIENCE))

    async def _quiet(self) -> None:
        await self._hands.stop()
        while self._hear() and time.monotonic() - self._hear()[-1].arrived < SILENT:
            await asyncio.sleep(0.02)


def heard_tones(packets: Sequence[Packet]) -> list[str | None]:
    """Which of the tones is the stronger in each packet; None: neither, or no packet."""
    decoder = Decoder()
    return [_tone(decoder, packet.opus) for packet in packets]


def _tone(decoder: Decoder, opus: bytes | None) -> str | None:
    if opus is None:
        return None
    try:
        pcm = decoder.decode(opus)
    except OpusError:
        return None
    powers = np.abs(np.fft.rfft(pcm[:, 0].astype(np.float64) / 32768)) / max(1, len(pcm))
    each = {name: float(powers[round(hertz * len(pcm) / 48_000)]) for name, hertz in TONES.items() if len(pcm) == 960}
    strongest = max(each, key=lambda name: each[name], default=None)
    return strongest if strongest and each[strongest] > 0.003 else None


def find_switch(
    packets: Sequence[Packet], tones: Sequence[str | None], name: str, at: float
) -> tuple[float, float] | None:
    """From the press to the first packet of the new tone, and the largest gap on the way, seconds; None: not heard."""
    first = next((n for n, packet in enumerate(packets) if packet.arrived > at and tones[n] == name), None)
    if first is None or packets[first].arrived - at > HELD[0]:
        return None
    last = max((n for n in range(first) if packets[n].arrived <= at), default=first)
    arrivals = [packet.arrived for packet in packets[last : first + 2]]
    return packets[first].arrived - at, max(after - before for before, after in pairwise(arrivals))


@contextlib.asynccontextmanager
async def measured(subject: Subject, folder: Path) -> AsyncIterator[tuple[Measurement, Bot]]:
    """A subject that is ready, on a local Discord of its own."""
    async with Sandbox() as discord:
        application = discord.add_application(subject.name)
        ((channel, member),) = await add_guilds(discord, application, 1)
        tones, data = folder / "tones", folder / "data"
        environment = {
            "JEFFBOT_SOUNDS_DIR": str(tones),
            "JEFFBOT_DATA_DIR": str(data),
            "JEFFBOT_JWT_SECRET": SECRET,
            "JEFFBOT_REQUEST_RATE": "0",
            "JEFFBOT_PRESS_RATE": "0",
            "JEFFBOT_CONNECTIONS_PER_USER": "0",
        }

        def hear() -> list[Packet]:
            return [packet for voice in discord.history(channel.guild, application) for packet in voice.packets]

        async with (
            running(subject.library, discord, application, folder, **environment) as bot,
            contextlib.AsyncExitStack() as stack,
        ):
            if subject.library is JEFFBOT:
                port = (await bot.ask("load"))["port"]
                token = Tokens(SECRET, hours=24).make(member.id)
                remote = await stack.enter_async_context(RemoteClient(f"ws://127.0.0.1:{port}", token))
                hands: Hands = RemoteHands(remote, lambda: application.kick_from_voice(channel.guild))
            else:
                hands = Hands(bot, channel.id, subject, folder / "peer")
            yield Measurement(discord, hear, hands), bot


async def measure(subject: Subject, folder: Path, counts: argparse.Namespace) -> Figures:
    """All figures of one subject."""
    async with measured(subject, folder) as (measurement, bot):
        cold = await measurement.colds(counts.colds)
        warm = await measurement.warms(counts.presses)
        replace, gaps = await measurement.replaces(counts.replaces)
        return Figures(bot.versions, warm, cold, replace, gaps)


def make_tones(folder: Path) -> None:
    """The tones, without the delay at the start that MP3 has, and for the peer that wants Ogg Opus."""
    for place, suffixes in (("tones", [".wav"]), ("peer", [".wav", ".ogg"])):
        (folder / place).mkdir()
        for name, hertz in TONES.items():
            for suffix in suffixes:
                file = (folder / place / name).with_suffix(suffix)
                report.make_sound(find_ffmpeg(None), file, f"sine=frequency={hertz}", TONE_SECONDS)


def rows(figures: dict[str, Figures], kind: str) -> list[dict[str, Any]]:
    """A table of one kind of figure, ms."""
    values = {name: getattr(each, kind) for name, each in figures.items()}
    return [
        {"ms": name, "presses": len(each)} | {key: 1000 * value for key, value in report.spread(each).items()}
        for name, each in values.items()
        if each
    ]


TITLES = {
    "warm": "press to first packet, warm",
    "cold": "press to first packet, cold (joins first)",
    "replace": "press to first packet of the new sound, while another plays",
    "gaps": "largest gap between packets at that",
}


async def measure_all(subjects: Iterable[Subject], counts: argparse.Namespace) -> dict[str, Figures]:
    """All of these whose libraries are there."""
    figures = {}
    for subject in subjects:
        if not subject.library.built:
            print(f"{subject.name}: left out, for its environment is not built (make peers)")
            continue
        with tempfile.TemporaryDirectory() as folder:
            make_tones(Path(folder))
            figures[subject.name] = await measure(subject, Path(folder), counts)
    return figures


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--presses", type=int, default=500, help="warm presses of each (default 500)")
    parser.add_argument("--replaces", type=int, default=250, help="presses while another plays (default 250)")
    parser.add_argument("--colds", type=int, default=20, help="presses that join first (default 20)")
    parser.add_argument("--json", type=Path, help="write every figure, in seconds, to this file")
    parser.add_argument("--only", default="", help="subjects whose name has this text in it")
    parser.add_argument("--quick", action="store_true", help="a few presses of jeffbot and nextcord: does it run")
    counts = parser.parse_args()
    subjects = [subject for subject in SUBJECTS if counts.only in subject.name]
    if counts.quick:
        counts.presses, counts.replaces, counts.colds = 5, 4, 1
        subjects = subjects[:2]
    os.environ.pop("JEFFBOT_MODE", None)
    pin(LAST_CORE)
    figures = asyncio.run(measure_all(subjects, counts))
    print(report.machine(), report.load(), sep="\n")
    print("measured with:", "; ".join(dict.fromkeys(each.versions for each in figures.values())))
    for kind, title in TITLES.items():
        if table := rows(figures, kind):
            print(f"\n{title}", report.table(table), sep="\n")
    report.write(counts.json, "press", __doc__ or "", figures={name: each._asdict() for name, each in figures.items()})


if __name__ == "__main__":
    main()
