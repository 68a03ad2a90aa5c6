"""From stored packets into a mix and back: one listener hears all of it, and hears no joint."""

import itertools
from collections.abc import Callable

import numpy as np
import pytest

from audio.hearing import (
    BITRATE,
    Packets,
    Pcm,
    clarity,
    encode,
    frames,
    hear,
    level,
    shipped,
    step,
    strength,
    tone,
)
from jeffbot.audio.clip import Clip
from jeffbot.audio.mixer import Mixer, MixVoice

AUDIBLE = -50
"""Frames quieter than this, in dB of full scale, are not compared: the codec itself is not exact there."""
SHIPPED = ("airhorn", "applause", "boing", "cash_register", "crickets", "drum_roll", "rimshot", "sad_trombone")

type Act = Callable[[int, Mixer, MixVoice], object]
"""What is done before the mixer's packet of this number."""


def play(packets: Packets, start: int, act: Act = lambda *_: None) -> tuple[list[bytes], int]:
    """Send a sound stored, from ``start`` on mixed, and stored again once that is possible; what is sent, and when."""
    clip, sent = Clip(packets), list(packets[:start])
    mixer = Mixer(bitrate=BITRATE)
    voice = mixer.add(clip, start, 1.0, heard=True)
    while mixer.voices:
        act(len(sent) - start, mixer, voice)
        if mixer.can_leave():
            back = len(sent)
            assert voice.position == back
            return sent + list(packets[back:]), back
        sent.append(mixer.mix())
    return sent, len(sent)


def level_errors(heard: Pcm, meant: Pcm, start: int, end: int) -> list[float]:
    """By how many dB each audible frame is too loud or too quiet."""
    pairs = [(frames(heard, index, index + 1), frames(meant, index, index + 1)) for index in range(start, end)]
    return [level(is_) - level(should) for is_, should in pairs if len(should) and level(should) > AUDIBLE]


def clarities(heard: Pcm, meant: Pcm, start: int, end: int) -> list[float]:
    """The clarity of each frame."""
    return [clarity(frames(heard, index, index + 1), frames(meant, index, index + 1)) for index in range(start, end)]


@pytest.mark.parametrize("start", range(5, 15))
@pytest.mark.parametrize("hertz", [100, 440, 700, 3_000, 5_000])
def test_tone(hertz: int, start: int) -> None:
    """A tone taken into a mix and back sounds as if nothing had been done."""
    packets = encode(tone(hertz, seconds=0.6))
    sent, _ = play(packets, start)
    heard, meant = hear(sent), hear(packets)

    assert max(map(abs, level_errors(heard, meant, start, len(packets)))) < 0.5
    assert min(clarities(heard, meant, start, len(packets))) > 15
    assert clarity(frames(heard, start), frames(meant, start)) > 20
    assert step(frames(heard, start - 1)) < 1.3 * step(frames(meant, start - 1))


def test_leaves_exactly() -> None:
    """A while after a mix all is as if there had been none."""
    packets = encode(tone(440))
    sent, back = play(packets, 10)

    assert 13 <= back <= 16
    assert clarity(frames(hear(sent), back + 8), frames(hear(packets), back + 8)) > 60


@pytest.mark.parametrize("name", SHIPPED)
def test_shipped_sound(name: str) -> None:
    """A shipped sound taken into a mix and back, wherever that is, keeps its level frame by frame, and soon leaves."""
    packets = shipped(name)
    meant, errors, mixed = hear(packets), list[float](), list[int]()
    for start in range(6, len(packets) - 20, 6):
        sent, back = play(packets, start)
        heard = hear(sent)
        mixed.append(back - start)
        errors += level_errors(heard, meant, start, min(back + 6, len(packets)))
        around = slice((start - 5) * 960, (back + 5) * 960)
        assert step(heard[around]) < 1.4 * step(meant[around])

    assert max(map(abs, errors)) < 1.1
    assert float(np.sqrt(np.mean(np.square(errors)))) < 0.3
    assert float(np.median(mixed)) <= 4


@pytest.mark.parametrize("name", ["airhorn", "drum_roll", "sad_trombone"])
def test_overlap(name: str) -> None:
    """A second sound over a first is heard as the sum of the two, before, within and after the mix."""
    first, second = shipped(name), encode(tone(700, amplitude=0.1, seconds=0.4))

    def press(number: int, mixer: Mixer, _: MixVoice) -> None:
        if number == 0:
            mixer.add(Clip(second), 0, 1.0, heard=False)

    sent, back = play(first, 20, press)
    heard, meant = hear(sent), hear(first)
    end = 20 + len(second)
    meant[20 * 960 : end * 960] += hear(second)

    assert end + 3 <= back <= end + 8
    assert max(map(abs, level_errors(heard, meant, 0, len(first)))) < 1.1
    assert clarity(frames(heard, 20, end), frames(meant, 20, end)) > 14
    assert step(heard) < 1.2 * step(meant)


def test_gain_and_back() -> None:
    """A sound turned down and up again while it plays leaves the mix, and all of it is without a click."""
    packets = encode(tone(200, 1_000))

    def turn(number: int, _: Mixer, voice: MixVoice) -> None:
        voice.gain = 0.25 if number < 10 else 1.0

    sent, back = play(packets, 10, turn)
    heard, meant = hear(sent), hear(packets)

    assert 23 <= back <= 28
    assert level(frames(heard, 12, 19)) == pytest.approx(level(frames(meant, 12, 19)) - 12, abs=0.3)
    assert clarity(frames(heard, back), frames(meant, back)) > 20
    assert step(frames(heard, 5)) < 1.05 * step(frames(meant, 5))


def test_gain_asked_for_while_it_plays() -> None:
    """A sound that is heard and then mixed with a gain comes to it within 20 ms, not at once."""
    packets = encode(tone(400, amplitude=0.5))
    mixer = Mixer(bitrate=BITRATE)
    mixer.add(Clip(packets), 10, 0.1, heard=True)
    heard = hear([*packets[:10], *(mixer.mix() for _ in range(10))])
    levels = [level(part) for part in np.split(frames(heard, 9, 12), 12)]

    assert strength(frames(heard, 12, 20), 400) == pytest.approx(0.05, rel=0.1)
    assert all(0 <= before - after < 9 for before, after in itertools.pairwise(levels[3:9]))


@pytest.mark.parametrize("start", [0, 1, 2, 49, 50])
def test_at_the_edges(start: int) -> None:
    """A mix may join a sound at its first packets and at its last."""
    packets = encode(tone(440))
    sent, _ = play(packets, start)
    heard, meant = hear(sent), hear(packets)

    assert len(sent) in (50, 51)
    assert max(map(abs, level_errors(heard, meant, 1, 50))) < 0.5


def test_loud_voice_stays() -> None:
    """While the limiter holds a voice down, its stored packets, which are louder, may not take over."""
    packets = encode(tone(5_000, amplitude=1.2), standalone=True)
    _, back = play(packets, 10)

    assert back == len(packets)


def test_muted_and_faded_voices_stay() -> None:
    """Only a voice alone and at unity can leave."""
    packets = encode(tone(440))
    mixer = Mixer(bitrate=BITRATE)
    assert mixer.can_leave() is None
    voice = mixer.add(Clip(packets), 10, 0.0, heard=True)
    other = mixer.add(Clip(packets), 0, 1.0, heard=False)
    for _ in range(10):
        mixer.mix()
    assert mixer.can_leave() is None
    other.fade_out()
    for _ in range(10):
        mixer.mix()

    assert mixer.voices == (voice,)
    assert mixer.can_leave() is None
