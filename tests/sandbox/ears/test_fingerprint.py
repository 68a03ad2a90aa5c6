"""A sound of the library is recognised by ear, whatever happened to it on its way, and nothing else is."""

import importlib
import itertools
import os
import shutil
import time
from pathlib import Path

import numpy as np
import pytest

from jeffbot.sandbox.ears import FFmpegMissingError, Fingerprints, Pcm, UnreadableFileError, read_pcm
from jeffbot.sandbox.ears.fingerprint import THRESHOLD

from .hearing import SOUNDS, clock, heard, louder, mixed, pcm_of, sine

NAMES = sorted(path.name for path in SOUNDS.iterdir() if path.suffix not in {".md", ".py"} and path.is_file())
PAIRS = list(itertools.combinations(NAMES, 2))
TRIED = PAIRS if os.environ.get("JEFFBOT_TEST_LONG") else PAIRS[::2]
"""Each sound with four others or more."""
TONES = (330, 550, 880)
CODEC_DELAY = 0.0065
"""312 samples, by which libopus is late."""


@pytest.fixture(scope="module")
def library() -> Fingerprints:
    """The shipped sounds."""
    return Fingerprints.from_folder(SOUNDS)


@pytest.fixture(scope="module")
def sounds() -> dict[str, Pcm]:
    return {name: read_pcm(SOUNDS / name) for name in NAMES}


def recognised(library: Fingerprints, pcm: Pcm) -> list[str]:
    return [match.name for match in library.recognise(pcm)]


def test_names(library: Fingerprints) -> None:
    """A library is all sound files of a folder, and nothing else in it."""
    assert library.names == NAMES
    assert len(NAMES) == 12


@pytest.mark.parametrize("name", NAMES)
def test_exact(library: Fingerprints, sounds: dict[str, Pcm], name: str) -> None:
    """The sound itself explains all, from its start."""
    (match,) = library.recognise(np.pad(sounds[name], ((48_000, 0), (0, 0))))

    assert match.name == name
    assert match.score > 0.9
    assert match.starts_at == pytest.approx(1.0, abs=0.03)


@pytest.mark.parametrize("bitrate", [64_000, 96_000, 128_000])
@pytest.mark.parametrize("name", NAMES)
def test_lossy(library: Fingerprints, sounds: dict[str, Pcm], name: str, bitrate: int) -> None:
    """Through Opus, with one packet of twenty lost."""
    (match,) = library.recognise(heard(sounds[name], bitrate, loss=0.05, seed=bitrate).pcm)

    assert match.name == name
    assert THRESHOLD < match.score <= 1


@pytest.mark.parametrize("decibels", [-24, 6])
@pytest.mark.parametrize("name", NAMES)
def test_level(library: Fingerprints, sounds: dict[str, Pcm], name: str, decibels: float) -> None:
    """Far quieter, or so much louder that it clips."""
    recording = heard(louder(sounds[name], decibels), 64_000, loss=0.05, seed=3)

    assert recognised(library, recording.pcm) == [name]


@pytest.mark.parametrize("name", NAMES)
def test_stopped(library: Fingerprints, sounds: dict[str, Pcm], name: str) -> None:
    """Stopped after half, or after 0.4 s, which is less for one of them."""
    pcm = sounds[name]

    assert recognised(library, heard(pcm[: len(pcm) // 2], 64_000).pcm) == [name]
    assert recognised(library, heard(pcm[:19_200], 64_000).pcm) == [name]


@pytest.mark.parametrize("name", NAMES)
def test_from_the_middle(library: Fingerprints, sounds: dict[str, Pcm], name: str) -> None:
    """A recording that begins a tenth of a second into a sound has it begin before."""
    (match,) = library.recognise(sounds[name][4800:])

    assert match.name == name
    assert match.starts_at == pytest.approx(-0.1, abs=0.03)


def test_leading_silence() -> None:
    """Silence at the beginning of a file is no part of the sound."""
    sound = sine(440)
    library = Fingerprints()
    library.add("padded", np.pad(sound, ((24_000, 24_000), (0, 0))))
    (match,) = library.recognise(heard(sound, 64_000).pcm)

    assert match.starts_at == pytest.approx(CODEC_DELAY, abs=0.03)


@pytest.mark.parametrize(("first", "second"), TRIED, ids=[f"{a}-{b}" for a, b in TRIED])
def test_two_at_once(library: Fingerprints, sounds: dict[str, Pcm], first: str, second: str) -> None:
    """Of two that overlap, somehow, at levels up to 6 dB apart, both are found where they are, and no third."""
    random = np.random.default_rng(PAIRS.index((first, second)))
    offset = random.uniform(0, len(sounds[first]) / 48_000 - 0.2)
    softer = random.uniform(0, 6)
    both = mixed((0, louder(sounds[first], -6)), (offset, louder(sounds[second], -6 - softer)))
    matches = library.recognise(heard(both, int(random.choice([64_000, 128_000])), loss=0.05, seed=5).pcm)

    assert {match.name for match in matches} == {first, second}
    assert len(matches) == 2
    places = {match.name: match.starts_at for match in matches}
    assert places[second] - places[first] == pytest.approx(offset, abs=0.06)


def test_one_after_the_other(library: Fingerprints, sounds: dict[str, Pcm]) -> None:
    """All sounds in a row are found in their order."""
    matches = library.recognise(heard(np.concatenate([sounds[name] for name in NAMES]), 96_000).pcm)

    assert [match.name for match in sorted(matches, key=lambda match: match.starts_at)] == NAMES
    assert [match.score for match in matches] == sorted((match.score for match in matches), reverse=True)


def test_played_twice(library: Fingerprints, sounds: dict[str, Pcm]) -> None:
    """A sound played twice is matched twice, also while it still sounds."""
    pcm = sounds["airhorn.mp3"]
    again = heard(mixed((0, louder(pcm, -6)), (0.7, louder(pcm, -6)), (4.0, pcm)), 96_000)
    matches = library.recognise(again.pcm)

    assert [match.name for match in matches] == ["airhorn.mp3"] * 3
    assert sorted(match.starts_at for match in matches) == pytest.approx([0, 0.7, 4.0], abs=0.03)


def test_tones() -> None:
    """Pure tones a few semitones apart are told apart, whole or cut, alone or together."""
    library = Fingerprints()
    for hertz in TONES:
        library.add(str(hertz), sine(hertz))

    for hertz in TONES:
        assert recognised(library, heard(sine(hertz), 64_000, loss=0.05).pcm) == [str(hertz)]
        assert set(recognised(library, heard(sine(hertz, 0.4), 64_000).pcm)) == {str(hertz)}
    chord = heard(mixed((0, sine(330)), (0.3, sine(880))), 64_000)
    assert sorted(recognised(library, chord.pcm)) == ["330", "880"]
    for semitones in (-2, -1, 1, 2):
        assert recognised(library, heard(sine(550 * 2 ** (semitones / 12)), 64_000).pcm) == []


def speech(seed: int) -> Pcm:
    """Buzzing that glides between vowels, as a voice does, with hissing in between."""
    random = np.random.default_rng(seed)
    t = clock(3)
    pitch = random.uniform(90, 240) * (1 + 0.2 * np.sin(2 * np.pi * random.uniform(0.5, 2) * t))
    phase = 2 * np.pi * np.cumsum(pitch) / 48_000
    formants = [np.interp(t, np.linspace(0, 3, 10), random.uniform(*reach, 10)) for reach in ((300, 800), (900, 2500))]
    voice = np.zeros_like(t)
    for harmonic in range(1, 25):
        hertz = harmonic * pitch
        voice += sum(1 / (1 + ((hertz - formant) / 90) ** 2) for formant in formants) * np.sin(harmonic * phase)
    hiss = random.standard_normal(len(t)) * (np.sin(2 * np.pi * 2.3 * t) > 0.8)
    voice = voice * np.clip(np.sin(2 * np.pi * 3 * t) + 0.6, 0, 1) + 0.3 * hiss
    return pcm_of(0.5 * voice / np.abs(voice).max())


def unknown() -> dict[str, Pcm]:
    """Sounds that are in no library."""
    random = np.random.default_rng(9)
    t = clock(3)
    pink = np.fft.irfft(np.fft.rfft(random.standard_normal(len(t))) / np.sqrt(np.arange(1, len(t) // 2 + 2)))
    clicks = np.convolve(random.random(len(t)) < 1e-4, np.exp(-np.arange(4000) / 500), "same")
    knocks = clicks * np.sin(2 * np.pi * 700 * t)
    return {
        "white noise": pcm_of(0.1 * random.standard_normal(len(t))),
        "pink noise": pcm_of(0.2 * pink / pink.std()),
        "knocks": pcm_of(0.5 * knocks / np.abs(knocks).max()),
        "saw tooth": pcm_of(0.3 * (2 * (233 * t % 1) - 1)),
        "glide": pcm_of(0.3 * np.sin(2 * np.pi * (200 * t + 600 * t**2))),
        "chord": mixed(*((0, sine(hertz, 3, 0.1)) for hertz in (262, 330, 392))),
        **{f"tone of {hertz} Hz": sine(hertz, 3) for hertz in (100, 233, 466, 2000, 4400)},
        **{f"voice {seed}": speech(seed) for seed in range(5)},
        "silence": np.zeros((48_000, 2), np.int16),
        "nothing": np.zeros((0, 2), np.int16),
        "a sample": np.ones((1, 2), np.int16),
    }


UNKNOWN = unknown()


@pytest.mark.parametrize("name", UNKNOWN)
def test_unknown(library: Fingerprints, name: str) -> None:
    """What is not in the library is not found in it."""
    assert library.recognise(UNKNOWN[name]) == []
    assert library.recognise(heard(UNKNOWN[name], 64_000, loss=0.05).pcm) == []


@pytest.mark.parametrize("name", NAMES)
def test_not_in_the_library(sounds: dict[str, Pcm], name: str) -> None:
    """A sound is not taken for another one of its kind."""
    others = Fingerprints()
    for other in NAMES:
        if other != name:
            others.add(other, sounds[other])

    assert others.recognise(heard(sounds[name], 96_000, loss=0.05).pcm) == []


def test_beside_noise(library: Fingerprints, sounds: dict[str, Pcm]) -> None:
    """A sound is found beside another that is not known, as loud as itself."""
    for seed, name in enumerate(("quack.opus", "sad_trombone.mp3", "rimshot.mp3")):
        both = mixed((0.0, speech(seed)), (0.5, louder(sounds[name], -3)))
        assert recognised(library, heard(both, 96_000).pcm) == [name]


def test_empty_library() -> None:
    assert Fingerprints().recognise(sine(440)) == []


def test_silent_sound() -> None:
    """A sound of silence is never heard, least of all in silence."""
    library = Fingerprints()
    library.add("silence", np.zeros((48_000, 2), np.int16))
    library.add("empty", np.zeros((0, 2), np.int16))

    assert library.recognise(sine(440)) == library.recognise(np.zeros((48_000, 2), np.int16)) == []


def test_folder(tmp_path: Path) -> None:
    """Sounds in folders are named by their path; other files are none."""
    (tmp_path / "horns").mkdir()
    (tmp_path / "horns" / "Air Horn.MP3").write_bytes((SOUNDS / "airhorn.mp3").read_bytes())
    (tmp_path / "notes.txt").write_text("no sound")

    assert Fingerprints.from_folder(tmp_path).names == ["horns/Air Horn.MP3"]


def test_file(sounds: dict[str, Pcm]) -> None:
    library = Fingerprints()
    library.add_file("horn", SOUNDS / "airhorn.mp3")

    assert recognised(library, sounds["airhorn.mp3"]) == ["horn"]


def test_no_sound_file(tmp_path: Path) -> None:
    """What ffmpeg cannot read is refused, with its own words."""
    file = tmp_path / "broken.mp3"
    file.write_bytes(b"no sound")

    with pytest.raises(UnreadableFileError, match=r"^broken\.mp3 is no sound file: ") as refusal:
        Fingerprints.from_folder(tmp_path)
    assert str(tmp_path) not in str(refusal.value)


def test_no_ffmpeg(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without ffmpeg the error says how to get one."""

    def missing(_: str) -> None:
        raise ImportError

    monkeypatch.setattr(shutil, "which", lambda _: None)
    monkeypatch.setattr(importlib, "import_module", missing)
    with pytest.raises(FFmpegMissingError, match="imageio-ffmpeg"):
        read_pcm(SOUNDS / "airhorn.mp3")


def test_bundled_ffmpeg(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where the system has no ffmpeg, that of imageio-ffmpeg reads sounds."""
    monkeypatch.setattr(shutil, "which", lambda _: None)

    assert len(read_pcm(SOUNDS / "quack.opus")) > 20_000


def test_fast(library: Fingerprints, sounds: dict[str, Pcm]) -> None:
    """Five seconds with two sounds take less than 0.3 s of processor time, of a core to itself."""
    pcm = mixed((0.5, sounds["airhorn.mp3"]), (1.0, sounds["applause.ogg"]))
    pcm = heard(np.pad(pcm, ((0, 240_000 - len(pcm)), (0, 0))), 64_000).pcm

    assert any(cpu_seconds(library, pcm) < 0.3 for _ in range(10))


def cpu_seconds(library: Fingerprints, pcm: Pcm) -> float:
    start = time.thread_time()
    assert len(library.recognise(pcm)) == 2
    return time.thread_time() - start
