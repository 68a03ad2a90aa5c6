"""Encoding on one core: measure and encode, beside ffmpeg alone; and what a thousand short sounds take in memory.

The sounds are the shipped ones: one cut to 2 s, one repeated for 10 minutes. ffmpeg alone only encodes to Opus: it
neither cuts nor measures nor levels.

    python benchmarks/encode.py [--runs 20] [--minutes 10] [--sounds 1000] [--json FILE]
"""

import argparse
import asyncio
import hashlib
import itertools
import json
import os
import resource
import statistics
import subprocess
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from report import machine

from jeffbot.audio.bank import SoundBank
from jeffbot.audio.cache import Cache
from jeffbot.audio.encoder import Encoder
from jeffbot.audio.ffmpeg import FFmpeg, find_ffmpeg
from jeffbot.library.folder import shipped_sounds
from jeffbot.models import Sound
from jeffbot.settings import Settings

CLIP = "dramatic_sting.mp3"
MIB = 1 << 20

FFMPEG = str(find_ffmpeg(None))


def make_source(folder: Path, seconds: float) -> Path:
    """An MP3 of this length."""
    file = folder / f"{seconds:g}.mp3"
    source = ["-stream_loop", "-1", "-i", str(shipped_sounds() / CLIP), "-t", str(seconds)]
    subprocess.run([FFMPEG, "-v", "error", *source, "-b:a", "192k", str(file)], check=True)
    return file


def ffmpeg_alone(file: Path) -> None:
    """Only Opus."""
    opus = ["-threads", "1", "-c:a", "libopus", "-b:a", "96k", "-application", "lowdelay", "-ar", "48000", "-ac", "2"]
    command = [FFMPEG, "-v", "error", "-threads", "1", "-i", str(file), *opus, "-f", "opus", "pipe:1"]
    subprocess.run(command, check=True, stdout=subprocess.PIPE)


def first_packet(encoder: Encoder) -> Callable[[Path], None]:
    """Stream until there is a packet."""

    def stop(_: bytes) -> None:
        raise StopAsyncIteration

    def run(file: Path) -> None:
        try:
            encoder.stream(file, stop)
        except StopAsyncIteration:
            return

    return run


def timed(work: Callable[[Path], object], file: Path, runs: int) -> dict[str, float]:
    """Median and longest time, and the processor's time of ffmpeg and us together, in seconds."""
    took, used = [], []
    for _ in range(runs):
        began, before = time.perf_counter(), processor()
        work(file)
        took.append(time.perf_counter() - began)
        used.append(processor() - before)
    return {"median": statistics.median(took), "max": max(took), "processor": statistics.median(used)}


def processor() -> float:
    """Seconds of a processor that this process and its ended children have used."""
    uses = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return sum(use.ru_utime + use.ru_stime for use in uses)


def measure_speed(folder: Path, runs: int, minutes: float) -> dict[str, dict[str, float]]:
    """A clip of 2 s often, a long file a few times, all on one core."""
    ffmpeg = FFmpeg(Path(FFMPEG), timeout=600, max_seconds=7200)
    encoder = Encoder(ffmpeg, folder, max_seconds=7200, loudness=-16, bitrate=96)
    works: dict[str, Callable[[Path], object]] = {
        "jeffbot": encoder.encode,
        "ffmpeg alone": ffmpeg_alone,
        "jeffbot, first packet": first_packet(encoder),
    }
    figures = {}
    for seconds, count in ((2.0, runs), (minutes * 60, 3)):
        file = make_source(folder, seconds)
        for name, work in works.items():
            figures[f"{name}, {seconds:g} s"] = {"length": seconds, **timed(work, file, count)}
    return figures


async def measure_memory(folder: Path, count: int) -> dict[str, float]:
    """Sounds of the shipped lengths, all different files, held by a bank."""
    settings = Settings.load({"data_dir": folder, "memory_mib": 1024}, {})
    ffmpeg = FFmpeg(Path(FFMPEG), timeout=60, max_seconds=60)
    encoder = Encoder(ffmpeg, folder, max_seconds=60, loudness=settings.loudness, bitrate=settings.bitrate)
    cache = Cache(folder / "opus", encoder.profile)
    files = [file for file in sorted(shipped_sounds().iterdir()) if file.suffix not in (".py", ".md", "")]
    entries = [(file.read_bytes(), encoder.encode(file)) for file in files]
    sounds = []
    for number, (content, entry) in zip(range(count), itertools.cycle(entries), strict=False):
        file = folder / f"{number}.wav"
        file.write_bytes(content + number.to_bytes(4))
        cache.write(hashlib.sha256(file.read_bytes()).hexdigest(), entry)
        sounds.append(Sound(file.name, file.name, str(file.parent), file.stat().st_size, file.stat().st_mtime_ns))
    async with SoundBank.of(settings) as bank:
        await bank.prepare(sounds[: len(files)])  # what the first sounds bring along is no cost of the others
        before = resident()
        began = time.perf_counter()
        await bank.prepare(sounds)
        took = time.perf_counter() - began
        held = resident() - before
        clips = [await bank.clip(sound) for sound in sounds[len(files) :]]
        payload = sum(len(packet) for clip in clips for packet in clip.packets)
        seconds = sum(clip.duration or 0 for clip in clips)
    return {"sounds": len(clips), "seconds": seconds, "payload": payload, "held": held, "took": took}


def resident() -> int:
    """Bytes of memory this process has."""
    return int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--runs", type=int, default=20, help="encodings of the clip of 2 s (default 20)")
    parser.add_argument("--minutes", type=float, default=10, help="length of the long file (default 10)")
    parser.add_argument("--sounds", type=int, default=1000, help="how many sounds are held (default 1000)")
    parser.add_argument("--json", type=Path, help="write every figure, in seconds and bytes, to this file")
    options = parser.parse_args()

    print(machine())
    print(FFmpeg(Path(FFMPEG), timeout=60, max_seconds=60).check())
    with tempfile.TemporaryDirectory() as name:
        cores = os.sched_getaffinity(0)
        os.sched_setaffinity(0, {max(cores)})
        speed = measure_speed(Path(name), options.runs, options.minutes)
        os.sched_setaffinity(0, cores)
    print(f"{'on one core':32}{'median':>10}{'max':>10}{'processor':>11}{'x real time':>13}")
    for title, row in speed.items():
        times = f"{row['median'] * 1e3:7.0f} ms{row['max'] * 1e3:7.0f} ms{row['processor'] * 1e3:8.0f} ms"
        print(f"{title:32}{times}" + ("" if "first" in title else f"{row['length'] / row['median']:13.0f}"))
    with tempfile.TemporaryDirectory() as name:
        memory = asyncio.run(measure_memory(Path(name), options.sounds))
    payload, held, count = memory["payload"], memory["held"], memory["sounds"]
    print(f"{count:.0f} sounds of {memory['seconds'] / count:.1f} s, read from the cache in {memory['took']:.1f} s:")
    print(f"packets {payload / MIB:.1f} MiB, held in {held / MIB:.1f} MiB, {held / payload:.2f} x")
    if options.json:
        options.json.write_text(json.dumps({"machine": machine(), "speed": speed, "memory": memory}, indent=1))


if __name__ == "__main__":
    main()
