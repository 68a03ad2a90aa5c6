"""Makes the shipped sounds from arithmetic alone: ``python sounds/synthesise.py [--out DIR]``.

Needs numpy and ``imageio-ffmpeg``; the same versions of both write the same bytes on every run. Each sound is
a function from a sample rate to a signal, whose level does not matter: `mastered` makes all equally loud.
"""

import argparse
import subprocess
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import imageio_ffmpeg
import numpy as np
from signals import (
    HIGHEST_HARMONIC_HZ,
    Signal,
    clock,
    envelope,
    filtered,
    high_pass,
    low_pass,
    mastered,
    mix,
    noise,
    pan,
    resonance,
    room,
    tone,
)

CODECS = {
    ".mp3": ["-c:a", "libmp3lame", "-q:a", "4"],
    ".ogg": ["-c:a", "libvorbis", "-q:a", "4"],
    ".opus": ["-c:a", "libopus", "-b:a", "64k"],
    ".m4a": ["-c:a", "aac", "-b:a", "112k", "-movflags", "+faststart"],
    ".flac": ["-c:a", "flac", "-sample_fmt", "s16"],
    ".wav": ["-c:a", "pcm_s16le"],
}


# --- instruments ---


def drum(rate: int, pitch: float, seconds: float) -> Signal:
    """A struck skin: a falling fundamental, one inharmonic overtone, the click of the stick."""
    t = clock(seconds, rate)
    phase = 2 * np.pi * np.cumsum(pitch * (1 + 0.5 * np.exp(-t / 0.025))) / rate
    skin = np.sin(phase) + 0.4 * np.sin(1.59 * phase) * np.exp(-t / 0.05)
    stick = filtered(noise(seconds, rate, 3), rate, low_pass(4000)) * np.exp(-t / 0.006)
    return (skin + 0.5 * stick) * np.exp(-5 * t / seconds) * envelope(t, (0, 0), (0.001, 1))


def snare(rate: int, seed: int) -> Signal:
    """A short drum with the rattle of its wires."""
    t = clock(0.22, rate)
    wires = filtered(noise(0.22, rate, seed), rate, high_pass(1200), low_pass(9000)) * np.exp(-t / 0.045)
    return 0.8 * drum(rate, 190, 0.22) + 0.9 * wires


def cymbal(rate: int, seconds: float, seed: int) -> Signal:
    """Bright noise among two hundred inharmonic partials; what is highest dies first."""
    t = clock(seconds, rate)
    random = np.random.default_rng(seed)
    hiss = filtered(noise(seconds, rate, seed), rate, high_pass(3500))
    wash = hiss * np.exp(-6 * t / seconds)
    for hertz in random.uniform(1500, 11_000, 200):
        ring = np.sin(2 * np.pi * hertz * t + random.uniform(0, 2 * np.pi))
        wash += 0.08 * ring * np.exp(-7 * t * (hertz / 5000) ** 0.5 / seconds)
    return wash * envelope(t, (0, 0), (0.002, 1), (seconds * 0.6, 1), (seconds, 0))


def bell(rate: int, pitch: float, seconds: float) -> Signal:
    """Struck metal: five inharmonic partials, the higher the shorter."""
    t = clock(seconds, rate)
    partials = ((1.0, 1.0), (2.0, 0.5), (2.76, 0.6), (5.4, 0.35), (6.8, 0.2))
    rings = [
        level * np.sin(2 * np.pi * pitch * ratio * t) * np.exp(-5 * t * ratio**0.6 / seconds)
        for ratio, level in partials
        if pitch * ratio < HIGHEST_HARMONIC_HZ
    ]
    return np.sum(rings, axis=0) * envelope(t, (0, 0), (0.001, 1))


def brass(rate: int, pitch: Signal, brightness: Signal) -> Signal:
    """A blown note per sample of pitch (Hz), whose overtones reach as high as ``brightness`` (Hz)."""
    body = low_pass(brightness)
    formant = resonance(np.minimum(brightness, 1400), 500)
    return tone(pitch, rate, lambda hertz: body(hertz) * (0.3 + 3 * formant(hertz)))


# --- the sounds ---


def airhorn(rate: int) -> Signal:
    """Two short blasts and a long one: five detuned saws through three horn formants, drooping at the end."""
    formants = [resonance(1050, 450), resonance(2300, 600), resonance(3900, 900)]

    def bell_mouth(hertz: Signal) -> Signal:
        return np.asarray(0.15 + np.sum([formant(hertz) for formant in formants], axis=0))

    def blast(seconds: float) -> Signal:
        t = clock(seconds, rate)
        droop = envelope(t, (0, 0.90), (0.018, 1.01), (0.05, 1), (seconds - 0.10, 0.985), (seconds, 0.93))
        loud = envelope(t, (0, 0), (0.008, 1), (seconds - 0.035, 0.9), (seconds, 0))

        def horn(hertz: float) -> Signal:
            return tone(hertz * droop, rate, bell_mouth)

        left = horn(466) + horn(463.2) + 0.7 * horn(588)
        right = horn(466) + horn(469.1) + 0.7 * horn(584)
        return filtered(np.tanh(0.8 * np.stack([left, right])), rate, high_pass(350)) * loud

    blasts = mix(rate, [(0, blast(0.17)), (0.23, blast(0.17)), (0.46, blast(0.95))])
    return room(blasts, rate, 0.45, 0.25, 11)


def sad_trombone(rate: int) -> Signal:
    """Wah, wah, wah, waaah: four falling brass notes under a plunger mute, the last with a wide vibrato."""

    def note(midi: float, seconds: float, vibrato: float) -> Signal:
        t = clock(seconds, rate)
        swing = np.sin(2 * np.pi * 5.5 * t) * envelope(t, (0.2, 0), (0.7, 1))
        scoop = envelope(t, (0, -0.7), (0.07, 0), (seconds * 0.8, 0), (seconds, -1.5 * vibrato))
        pitch = 440 * 2 ** ((midi - 69 + scoop + vibrato * swing) / 12)
        mute = envelope(t, (0, 350), (0.13, 2100), (0.22, 1500), (seconds, 450)) * (1 + 0.5 * vibrato * swing)
        loud = envelope(t, (0, 0), (0.035, 1), (seconds * 0.75, 0.8), (seconds, 0))
        return brass(rate, pitch, mute) * loud

    notes = [(0.0, note(58, 0.46, 0.0)), (0.5, note(57, 0.46, 0.0)), (1.0, note(56, 0.46, 0.0))]
    return room(mix(rate, [*notes, (1.5, note(55, 1.6, 0.6))]), rate, 0.6, 0.3, 21)


def rimshot(rate: int) -> Signal:
    """Ba-dum-tss, the end of every bad joke: a snare, a floor tom, then a bass drum under a crash cymbal."""
    hits = [
        (0.0, pan(snare(rate, 31), 0.4)),
        (0.16, pan(1.2 * drum(rate, 98, 0.35), 0.65)),
        (0.50, pan(1.2 * drum(rate, 62, 0.4), 0.5)),
        (0.50, pan(0.9 * cymbal(rate, 1.2, 32), 0.45)),
    ]
    return room(mix(rate, hits), rate, 0.25, 0.2, 33)


def crickets(rate: int) -> Signal:
    """Nobody laughed: two crickets, each a high sine beaten into short pulses, over faint wind."""

    def chirp(hertz: float, pulses: int) -> Signal:
        t = clock(pulses * 0.036, rate)
        wings = np.maximum(np.sin(2 * np.pi * t / 0.036), 0) ** 0.7
        swell = np.sin(np.pi * np.arange(len(t)) / len(t)) ** 0.5
        voice = np.sin(2 * np.pi * hertz * t) + 0.15 * np.sin(4 * np.pi * hertz * t)
        return np.asarray(wings * swell * voice)

    near = [(0.02 + 0.78 * i, pan(chirp(4350, 6), 0.25)) for i in range(4)]
    far = [(0.4 + 0.61 * i, pan(0.45 * chirp(5100, 4), 0.85)) for i in range(5)]
    wind = filtered(noise(3.5, rate, 41), rate, high_pass(150), low_pass(500))
    return room(mix(rate, [(0.0, pan(0.05 * wind, 0.5)), *near, *far]), rate, 0.4, 0.15, 42)


def boing(rate: int) -> Signal:
    """A spring let go: a twanging saw whose pitch and one sharp formant bounce ever faster and ever less."""
    t = clock(1.3, rate)
    bounce = np.cos(2 * np.pi * (7.5 * t + 3.0 * t**2)) * np.exp(-2.2 * t)
    pitch = 118 * (1 + 0.25 * t) * 2 ** (0.55 * bounce)
    twang = resonance(950 * 2 ** (1.1 * bounce), 130)
    body = low_pass(300)
    sound = tone(pitch, rate, lambda hertz: 3 * twang(hertz) + 0.25 * body(hertz))
    return sound * np.exp(-2.6 * t) * envelope(t, (0, 0), (0.004, 1), (1.1, 1), (1.3, 0))


def level_up(rate: int) -> Signal:
    """A handheld console's fanfare: pulse waves climb two major chords, the last note trembles and fades."""

    def beep(midi: float, seconds: float) -> Signal:
        t = clock(seconds, rate)
        tremble = 0.15 * np.sin(2 * np.pi * 9 * t) * (t > 0.12)
        pitch = 440 * 2 ** ((midi - 69 + tremble) / 12)
        loud = envelope(t, (0, 0), (0.002, 1), (seconds - 0.004, 0.3), (seconds, 0))
        return tone(pitch, rate, low_pass(7000), duty=0.25) * loud

    climb = (67, 72, 76, 79, 68, 72, 75, 80, 70, 74, 77, 82)
    notes = [(0.06 * i, beep(midi, 0.06)) for i, midi in enumerate(climb)]
    chord = [(0.06 * len(climb), 0.6 * beep(midi, 0.5)) for midi in (84, 79, 76)]
    return mix(rate, notes + chord)


def drum_roll(rate: int) -> Signal:
    """And the winner is: a snare rolled ever louder and closer, one held breath, a crash."""
    random = np.random.default_rng(51)
    strokes: list[tuple[float, Signal]] = []
    second = 0.0
    while second < 2.0:
        strength = 0.3 + 0.7 * (second / 2) ** 1.5 + random.uniform(-0.05, 0.05)
        hand = 0.42 + 0.16 * (len(strokes) % 2)
        strokes.append((second, pan(strength * snare(rate, 100 + len(strokes)), hand)))
        second += 0.052 - 0.006 * second + random.uniform(-0.004, 0.004)
    crash = [(2.25, pan(drum(rate, 60, 0.45), 0.5)), (2.25, pan(0.5 * cymbal(rate, 1.1, 52), 0.55))]
    return room(mix(rate, strokes + crash), rate, 0.35, 0.2, 53)


def record_scratch(rate: int) -> Signal:
    """The party stops: a groove of chord and hiss, rubbed forth and back by hand, then dragged across."""
    t = clock(0.95, rate)
    strokes = [(0.06 * i, 2.4 * np.sin(i * np.pi / 2)) for i in range(11)]
    speed = envelope(t, *strokes, (0.68, 1.2), (0.84, 4.0), (0.93, 0))
    groove = clock(1.0, rate)
    hiss = filtered(noise(1.0, rate, 61), rate, high_pass(500), low_pass(5000))
    notes = [tone(np.full_like(groove, hertz), rate, low_pass(2500)) for hertz in (233, 277, 349)]
    rubbed = np.interp(0.1 + np.cumsum(speed) / rate, groove, hiss + 0.35 * np.sum(notes, axis=0))
    return filtered(rubbed * np.abs(speed) ** 0.8, rate, high_pass(250), resonance(2000, 2500))


def cash_register(rate: int) -> Signal:
    """Ka-ching: a lever's clunk, the drawer's rattle, two bells and a handful of coins."""
    random = np.random.default_rng(71)
    t = clock(0.09, rate)
    clunk = filtered(noise(0.09, rate, 72), rate, resonance(900, 500)) * np.exp(-t / 0.015)
    thud = 0.5 * drum(rate, 130, 0.15)
    lever = [(0.0, pan(thud, 0.5)), (0.0, pan(5 * clunk, 0.5)), (0.085, pan(3.5 * clunk, 0.4))]
    bells = [(0.17, pan(bell(rate, 2093, 1.3), 0.4)), (0.19, pan(0.8 * bell(rate, 2637, 1.2), 0.6))]
    coins: list[tuple[float, Signal]] = []
    for _ in range(14):
        coin = 0.22 * bell(rate, random.uniform(3800, 7200), 0.18)
        coins.append((random.uniform(0.35, 0.95), pan(coin, random.uniform(0, 1))))
    return room(mix(rate, lever + bells + coins), rate, 0.2, 0.15, 73)


def applause(rate: int) -> Signal:
    """A small hall claps: forty pairs of hands, each with its own tempo, pitch and seat, and a whistle."""
    random = np.random.default_rng(81)
    t = clock(0.04, rate)
    claps = []
    for person in range(40):
        hands = filtered(noise(0.04, rate, 200 + person), rate, resonance(random.uniform(800, 2400), 700))
        clap = pan(hands * np.exp(-t / 0.006) * random.uniform(0.3, 1), random.uniform(0, 1))
        period = random.uniform(0.19, 0.30)
        beats = np.arange(random.uniform(0, 0.5), random.uniform(2.3, 3.2), period)
        claps += [(float(beat + random.uniform(0, 0.03)), clap) for beat in beats]
    w = clock(0.55, rate)
    glide = envelope(w, (0, 1500), (0.12, 2500), (0.2, 2300), (0.28, 1700), (0.4, 2700), (0.55, 1600))
    breath = envelope(w, (0, 0), (0.05, 1), (0.18, 1), (0.22, 0.2), (0.28, 1), (0.45, 0.9), (0.55, 0))
    whistle = pan(0.22 * breath * np.sin(2 * np.pi * np.cumsum(glide) / rate), 0.7)
    hall = room(mix(rate, [*claps, (1.0, whistle)]), rate, 0.6, 0.5, 82)
    return hall * envelope(clock(hall.shape[-1] / rate, rate), (0, 0.5), (0.4, 1), (2.2, 1), (3.7, 0))


def dramatic_sting(rate: int) -> Signal:
    """Dun, dun, duuun: low brass and strings on three falling diminished chords over kettledrums."""

    def chord(root: float, seconds: float, shake: float) -> Signal:
        t = clock(seconds, rate)
        bright = envelope(t, (0, 500), (0.05, 2800), (0.3, 1700), (seconds, 600))
        loud = envelope(t, (0, 0), (0.02, 1), (0.15, 0.8), (seconds * 0.6, 0.6), (seconds, 0))
        sides = []
        for detune in (-0.06, 0.06):
            wave = detune + shake * 0.25 * np.sin(2 * np.pi * 6 * t + 20 * detune)
            pitches = [440 * 2 ** ((root + step + wave - 69) / 12) for step in (-12, 0, 3, 6, 9, 12)]
            sides.append(sum(brass(rate, pitch, bright) for pitch in pitches) * loud)
        kettle = 3.5 * drum(rate, 440 * 2 ** ((root - 81) / 12), min(seconds + 0.2, 1.0))
        return mix(rate, [(0, np.stack(sides)), (0, pan(kettle, 0.5))])

    hits = [(0.0, chord(57, 0.28, 0)), (0.36, chord(54, 0.28, 0)), (0.78, chord(51, 1.7, 1))]
    return room(mix(rate, hits), rate, 1.0, 0.45, 91)


def quack(rate: int) -> Signal:
    """Two quacks: a rough, falling buzz through a beak, whose two nasal formants open and close."""

    def call(start: float, seconds: float) -> Signal:
        t = clock(seconds, rate)
        part = t / seconds
        gargle = 1 + 0.03 * np.sin(2 * np.pi * 62 * t)
        pitch = start * gargle * envelope(part, (0, 0.85), (0.15, 1.08), (1, 0.72))
        lower = resonance(envelope(part, (0, 700), (0.25, 1250), (0.6, 1150), (1, 800)), 170)
        upper = resonance(envelope(part, (0, 1700), (0.25, 2600), (1, 1900)), 260)
        throat = tone(pitch, rate, lambda f: (f / 400) * (lower(f) + 0.6 * upper(f)) + 0.05, duty=0.15)
        rattle = 1 + 0.45 * np.sin(np.pi * np.cumsum(pitch) / rate)  # an octave lower: hoarse
        return throat * rattle * envelope(part, (0, 0), (0.08, 1), (0.6, 0.8), (1, 0))

    return mix(rate, [(0.0, call(255, 0.24)), (0.34, call(235, 0.3))])


@dataclass(frozen=True)
class Recipe:
    """A sound and the file it becomes; the rates differ so that readers meet both common ones."""

    synthesise: Callable[[int], Signal]
    suffix: str
    rate: int


SOUNDS = {
    "airhorn": Recipe(airhorn, ".mp3", 44_100),
    "applause": Recipe(applause, ".ogg", 44_100),
    "boing": Recipe(boing, ".mp3", 48_000),
    "cash_register": Recipe(cash_register, ".m4a", 44_100),
    "crickets": Recipe(crickets, ".ogg", 48_000),
    "dramatic_sting": Recipe(dramatic_sting, ".mp3", 44_100),
    "drum_roll": Recipe(drum_roll, ".mp3", 48_000),
    "level_up": Recipe(level_up, ".wav", 44_100),
    "quack": Recipe(quack, ".opus", 48_000),
    "record_scratch": Recipe(record_scratch, ".flac", 44_100),
    "rimshot": Recipe(rimshot, ".mp3", 44_100),
    "sad_trombone": Recipe(sad_trombone, ".mp3", 48_000),
}


def encode(sound: Signal, rate: int, path: Path) -> None:
    """Write the sound in the format that the path's suffix names.

    Raises:
        subprocess.SubprocessError: ffmpeg failed or took longer than a minute.
    """
    source = ["-f", "f32le", "-ar", str(rate), "-ac", str(sound.ndim), "-i", "pipe:0"]
    exact = ["-map_metadata", "-1", "-fflags", "+bitexact", "-flags", "+bitexact"]
    command = [imageio_ffmpeg.get_ffmpeg_exe(), "-hide_banner", "-loglevel", "error", "-y"]
    command += [*source, *CODECS[path.suffix], *exact, str(path)]
    pcm = np.ascontiguousarray(sound.T, dtype="<f4").tobytes()
    subprocess.run(command, input=pcm, check=True, timeout=60)


def main() -> None:
    """Write every sound into the folder of this file, or into ``--out``."""
    parser = argparse.ArgumentParser(description="Synthesise the shipped sounds.")
    parser.add_argument("--out", type=Path, default=Path(__file__).parent, help="folder to write to")
    out: Path = parser.parse_args().out
    out.mkdir(parents=True, exist_ok=True)
    for name, recipe in SOUNDS.items():
        path = (out / name).with_suffix(recipe.suffix)
        encode(mastered(recipe.synthesise(recipe.rate), recipe.rate), recipe.rate, path)
        print(f"{path.name}: {path.stat().st_size / 1024:.0f} KiB")


if __name__ == "__main__":
    main()
