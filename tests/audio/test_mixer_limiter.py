"""Loud sums: turned down, not clipped."""

from collections.abc import Sequence

import numpy as np
import pytest

from audio.hearing import BITRATE, Pcm, clarity, encode, frames, hear, level, shipped, strength, tone
from jeffbot.audio.clip import Clip
from jeffbot.audio.mixer import Mixer
from jeffbot.audio.pcm import CEILING, Limiter


def square(hertz: float, amplitude: float = 1.0) -> Pcm:
    """A square wave of one second."""
    return (amplitude * np.sign(tone(hertz, amplitude=1) + 1e-9)).astype(np.float32)


def mixed(*sounds: Pcm) -> Pcm:
    """What a listener hears of these at once."""
    return heard_of([encode(sound) for sound in sounds])


def heard_of(sounds: Sequence[tuple[bytes, ...]]) -> Pcm:
    mixer = Mixer(bitrate=BITRATE)
    for packets in sounds:
        mixer.add(Clip(packets), 0, 1.0, heard=False)
    return hear([mixer.mix() for _ in range(min(map(len, sounds)))])


def limited(sound: Pcm) -> Pcm:
    """What the limiter makes of a sound, frame by frame."""
    limiter, out = Limiter(), sound.copy().reshape(-1, 1920)
    for frame in out:
        limiter.apply(frame)
    return out.reshape(-1, 2)


@pytest.mark.parametrize("count", [2, 4])
def test_full_scale_tones(count: int) -> None:
    """Tones that each fill the scale are heard together, equally loud, clean and below full scale."""
    hertz = (330, 550, 880, 1_320)[:count]
    heard = frames(mixed(*(tone(frequency, amplitude=1.0) for frequency in hertz)), 5)[: 40 * 960]
    strengths = [strength(heard, frequency) for frequency in hertz]
    rebuilt = sum(tone_like(heard, frequency) for frequency in hertz)

    assert np.abs(heard).max() < 1.0
    assert np.mean(np.abs(heard) > 0.999 * np.abs(heard).max()) < 0.01
    assert strengths == pytest.approx([strengths[0]] * count, rel=0.1)
    assert clarity(heard, np.asarray(rebuilt)) > 20


def tone_like(heard: Pcm, hertz: float) -> Pcm:
    """The part of a sound that is this frequency."""
    turning = np.exp(2j * np.pi * hertz * np.arange(len(heard)) / 48_000)
    part = 2 * np.real(np.mean(heard[:, 0] * turning.conj()) * turning)
    return np.repeat(part.astype(np.float32)[:, None], 2, axis=1)


def test_full_scale_squares() -> None:
    """Square waves that each fill the scale keep their edges and stay within what the codec adds."""
    heard = frames(mixed(square(100), square(313)), 3)

    assert np.abs(heard).max() < 1.2
    assert np.mean(np.abs(heard) > 1.0) < 0.02
    assert np.mean(np.abs(heard) > 0.999 * np.abs(heard).max()) < 0.01


def test_shipped_sounds_at_once() -> None:
    """Four shipped sounds at once stay below full scale, and sound like their sum turned down."""
    sounds = [shipped(name) for name in ("airhorn", "drum_roll", "sad_trombone", "crickets")]
    meant = np.sum([frames(hear(packets), 0, 80) for packets in sounds], axis=0)

    assert np.abs(frames(heard_of(sounds), 0, 80)).max() < 1.0
    assert np.abs(limited(4 * meant)).max() < 1.0


@pytest.mark.parametrize("sound", [tone(440, amplitude=CEILING - 0.001), square(220, 0.7), 0 * tone(440)])
def test_transparent(sound: Pcm) -> None:
    """What does not pass the ceiling is left as it is, to the bit."""
    assert np.array_equal(limited(sound), sound)


def test_overload_from_the_first_sample() -> None:
    """Even before the gain has come down nothing passes full scale, and what follows stays below the ceiling."""
    sound = square(200, 3.0) + tone(50, amplitude=1)
    out = limited(sound)

    assert np.abs(out).max() <= 1.0
    assert np.abs(out[960:]).max() <= CEILING * 1.001
    assert np.array_equal(np.sign(out), np.sign(sound))


def test_no_flat_tops() -> None:
    """What comes before the gain is down is bent, not cut: there is one highest sample, not a row of them."""
    out = limited(tone(1_000, amplitude=3.0))[:60, 0]

    assert CEILING < out.max() < 1.0
    assert np.sum(out == out.max()) == 1


def test_lets_go() -> None:
    """After something loud the gain comes back by 25 dB a second, without a step, to exactly what comes in."""
    sound = np.concatenate([tone(200, amplitude=2, seconds=0.1), tone(200, amplitude=0.5, seconds=0.9)])
    out = limited(sound)
    quiet = level(frames(out, 6, 7)) - level(frames(sound, 6, 7))

    assert quiet == pytest.approx(20 * np.log10(CEILING / 2) + 0.75, abs=0.3)
    assert np.abs(np.diff(frames(out, 5), axis=0)).max() <= np.abs(np.diff(frames(sound, 5), axis=0)).max()
    assert np.array_equal(frames(out, 25), frames(sound, 25))
