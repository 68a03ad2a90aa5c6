"""What mixing costs: microseconds per packet of 20 ms for 1 to 16 voices, and for joining and leaving.

The sounds are chords with noise, made here, at 96 kbit/s. CPU is this thread's; the time includes what else the
machine did.

    python benchmarks/mixer.py [--seconds 10] [--json FILE]
"""

import argparse
import json
import os
import platform
import statistics
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np

from jeffbot.audio.clip import Clip
from jeffbot.audio.libopus import CHANNELS, FRAME_SAMPLES, SAMPLE_RATE, Encoder, FrameBuffer, libopus
from jeffbot.audio.mixer import MAX_VOICES, Mixer

BITRATE = 96_000
VOICES = (1, 2, 4, 8, 16)
REPEATS = 100
"""How often a mix is joined, left and added to."""

type Costs = list[tuple[float, float]]
"""Seconds of time, seconds of CPU; each call's."""


def make_sound(number: int, packets: int) -> Clip:
    """A chord of its own pitch, with noise."""
    samples = np.arange(packets * FRAME_SAMPLES) / SAMPLE_RATE
    pitch = 110 * 2 ** (number / 5)
    pcm = sum(0.1 * np.sin(2 * np.pi * pitch * ratio * samples) for ratio in (1, 1.25, 1.5, 4))
    pcm += np.random.default_rng(number).normal(0, 0.02, len(samples))
    encoder, buffer = Encoder(BITRATE), FrameBuffer()
    source = np.frombuffer(buffer, np.float32)
    encoded = []
    for frame in np.repeat(pcm, CHANNELS).reshape(packets, -1):
        source[:] = frame
        encoded.append(encoder.encode(buffer))
    return Clip(encoded)


def cost_of(call: Callable[[], object], times: int) -> Costs:
    """Each call's time and CPU."""
    costs = []
    for _ in range(times):
        started, cpu = time.perf_counter(), time.thread_time()
        call()
        costs.append((time.perf_counter() - started, time.thread_time() - cpu))
    return costs


def measure(seconds: float) -> dict[str, Costs]:
    """All figures, by what was done."""
    packets = int(seconds * SAMPLE_RATE / FRAME_SAMPLES)
    clips = [make_sound(number, packets) for number in range(MAX_VOICES)]
    figures = {}
    for count in VOICES:
        mixer = Mixer(bitrate=BITRATE)
        for clip in clips[:count]:
            mixer.add(clip, 0, 1.0, heard=False)
        figures[f"mix, {count} voice{'s' if count > 1 else ''}"] = cost_of(mixer.mix, packets)

    def join() -> None:
        Mixer(bitrate=BITRATE).add(clips[0], packets // 2, 1.0, heard=True)

    mixer = Mixer(bitrate=BITRATE)
    mixer.add(clips[0], packets // 2, 1.0, heard=True)
    for _ in range(5):
        mixer.mix()
    figures["join on to a playing sound"] = cost_of(join, REPEATS)
    figures["ask whether to leave"] = cost_of(mixer.can_leave, REPEATS)
    figures["add a voice, fade it out"] = cost_of(lambda: mixer.add(clips[1], 0, 1.0, heard=False).fade_out(), REPEATS)
    return figures


def machine() -> str:
    """What it ran on."""
    info = Path("/proc/cpuinfo")
    lines = info.read_text().splitlines() if info.exists() else []
    model = next((line.split(":")[1].strip() for line in lines if "model name" in line), platform.machine())
    version = libopus().opus_get_version_string().decode()
    return (
        f"{os.cpu_count()} x {model}, {platform.system()}, Python {platform.python_version()}; "
        f"numpy {np.__version__}, {version}"
    )


def row(name: str, costs: Costs) -> str:
    """Median and 99th percentile of the time, and the mean CPU."""
    times = sorted(taken for taken, _ in costs)
    cpu = statistics.fmean(cpu for _, cpu in costs)
    figures = (statistics.median(times), times[int(len(times) * 0.99)], cpu)
    per_second = f"{cpu * SAMPLE_RATE / FRAME_SAMPLES * 1e3:14.1f}" if name.startswith("mix") else ""
    return f"{name:32}" + "".join(f"{figure * 1e6:10.0f}" for figure in figures) + per_second


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--seconds", type=float, default=10, help="of sound for each figure (default 10)")
    parser.add_argument("--json", type=Path, help="write every figure, in seconds, to this file")
    arguments = parser.parse_args()
    figures = measure(arguments.seconds)
    print(machine())
    print(f"{'microseconds':32}{'median':>10}{'p99':>10}{'CPU':>10}{'CPU ms per s':>14}")
    for name, costs in figures.items():
        print(row(name, costs))
    if arguments.json:
        arguments.json.write_text(json.dumps(figures))


if __name__ == "__main__":
    main()
