"""What was played is heard, also when packets are lost, late or doubled."""

import dataclasses
import json
import math
import wave
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from jeffbot.sandbox.ears import Fingerprints, Recording
from jeffbot.sandbox.ears.timeline import in_order
from jeffbot.sandbox.voice.rtp import SILENCE

from .hearing import FRAME, encoded, heard, mixed, packet, sent, sine

TONE = encoded(sine(440))
"""50 packets."""


@pytest.mark.parametrize("hertz", [110, 440, 3000])
def test_round_trip(hertz: float) -> None:
    """A tone comes back from libopus as itself."""
    recording = heard(sine(hertz, level=8000 / 32768))

    assert recording.strongest_frequency_hz == pytest.approx(hertz, abs=2)
    assert recording.level_dbfs == pytest.approx(-15.3, abs=0.5)
    assert recording.seconds == 1.0
    assert recording.pcm.dtype == np.int16
    assert recording.pcm.shape == (48_000, 2)
    assert recording.largest_gap == pytest.approx(FRAME)
    assert recording.lost == 0


def test_silence_frames_are_frames() -> None:
    """Silence frames count, unless they are asked to be left out; packets that nobody heard never do."""
    recording = Recording(sent([*TONE[:10], *[SILENCE] * 5, None]))

    assert len(recording.packets) == 15
    assert recording.seconds == pytest.approx(0.3)
    assert len(recording.without_silence.packets) == 10
    assert recording.without_silence.seconds == pytest.approx(0.2)


def test_silence_left_out_is_not_lost() -> None:
    """Between two sounds whose silence is left out, nothing is made up."""
    recording = Recording(sent([*TONE[:10], *[SILENCE] * 5, *TONE[:10]])).without_silence

    assert recording.seconds == pytest.approx(0.4)
    assert recording.lost == 0


def test_no_opus_in_between() -> None:
    """What is no Opus, such as a file's header sent as sound, costs a listener that packet and no more."""
    recording = Recording(
        sent([b"OpusHead\x01\x02", b"OpusTags", *TONE[:10], TONE[10][:1] + b"\xff" * 1400, *TONE[11:20]])
    )

    assert recording.seconds == pytest.approx(0.4)
    assert recording.strongest_frequency_hz == pytest.approx(440, abs=3)


def test_nothing() -> None:
    """Nothing is silent, not an error."""
    recording = Recording([])

    assert (recording.seconds, recording.strongest_frequency_hz, recording.largest_gap) == (0.0, 0.0, 0.0)
    assert (recording.level_dbfs, recording.lufs, recording.true_peak_dbtp) == (-math.inf,) * 3
    assert (recording.frequencies(3), recording.largest_step, recording.lost) == ([], 0.0, 0)


@given(st.integers(0, 0xFFFF), st.permutations(range(8)))
def test_reordered(first: int, order: list[int]) -> None:
    """Packets that overtake one another are put in order, also where the sequence number begins anew."""
    packets = sent([*TONE[:8]], first)
    arrived = [packets[n]._replace(arrived=place * FRAME) for place, n in enumerate(order)]
    streams = in_order(arrived)

    assert [packet.opus for stream in streams for packet in stream] == TONE[:8]
    assert len(streams) == 1


def test_doubled() -> None:
    """A copy of a packet is dropped."""
    packets = sent(TONE)
    recording = Recording([*packets[:20], packets[19], *packets[20:], packets[-1]])

    assert recording.packets == packets


def test_heard_in_order() -> None:
    """What arrives in disorder sounds like what was sent."""
    packets = sent(TONE)
    swapped = [packets[n ^ 1]._replace(arrived=FRAME * n) for n in range(50)]

    assert np.array_equal(Recording(swapped).pcm, Recording(packets).pcm)
    assert Recording(swapped).largest_gap == pytest.approx(FRAME)


@pytest.mark.parametrize("lost", [1, 5, 25])
def test_lost(lost: int) -> None:
    """What was lost is made up for, so that what follows keeps its place."""
    packets = sent(encoded(mixed((0, sine(440, 0.4)), (0.4, sine(440, lost * FRAME)), (0.4 + lost * FRAME, sine(880)))))
    recording = Recording(packets[:20] + packets[20 + lost :])

    assert recording.seconds == pytest.approx(len(packets) * FRAME)
    assert recording.lost == lost
    first = recording.pcm[20 * 960 : 21 * 960]
    assert np.sqrt(np.mean(np.square(first / 32768))) > 0.1  # no silence


def test_lost_and_a_pause() -> None:
    """Packets lost at a pause are counted, but nothing is made up, since nobody knows where they belong."""
    later = [packet(n, TONE[n], timestamp=960 * n + 480_000) for n in range(25, 50)]
    recording = Recording([*sent(TONE[:20]), *later])

    assert recording.lost == 5
    assert recording.seconds == pytest.approx(0.9)


def test_blackout() -> None:
    """More than 25 packets lost are a gap."""
    packets = sent([*TONE, *TONE])
    recording = Recording(packets[:40] + packets[66:])

    assert recording.lost == 26
    assert recording.seconds == pytest.approx(74 * FRAME)


def test_pause() -> None:
    """A pause, after which the timestamp has gone on and the sequence has not, is not heard as silence."""
    packets = [packet(n, TONE[n], timestamp=960 * n + (n >= 25) * 480_000) for n in range(50)]

    assert Recording(packets).seconds == 1.0
    assert Recording(packets).lost == 0


def test_unheard_in_between() -> None:
    """Where nobody heard a few packets, listeners' clients make up for them."""
    recording = Recording(sent([*TONE[:20], None, None, *TONE[22:]]))

    assert recording.seconds == 1.0
    assert recording.lost == 2


@pytest.mark.parametrize("pause", [0.6, 60.0])
def test_two_connections(pause: float) -> None:
    """A connection made anew counts from its start again; what came before is not mistaken for it."""
    again = [item._replace(arrived=item.arrived + 1.0 + pause) for item in sent(TONE)]
    recording = Recording(sent(TONE) + again)

    assert recording.seconds == 2.0
    assert recording.lost == 0


def test_another_sound_is_no_copy() -> None:
    """A packet with a known number that sounds otherwise begins another stream."""
    recording = Recording(sent(TONE[:5]) + sent(encoded(sine(880, 0.1))))

    assert recording.seconds == pytest.approx(0.2)


def test_frequencies() -> None:
    """The strongest frequencies come first, each once, and what is 40 dB weaker does not count."""
    chord = mixed((0, sine(440, level=0.3)), (0, sine(660, level=0.2)), (0, sine(3000, level=0.1)))
    recording = heard(chord)

    assert recording.frequencies(5) == pytest.approx([440, 660, 3000], abs=2)
    assert recording.frequencies(2) == pytest.approx([440, 660], abs=2)


def test_frequencies_of_both_sides() -> None:
    """A sound that is upside down on one side is heard, too."""
    recording = heard(sine(440) * np.array([1, -1], np.int16))

    assert recording.strongest_frequency_hz == pytest.approx(440, abs=2)


def test_click() -> None:
    """A jump within a tone is a far larger step than the tone's own."""
    smooth = sine(200, 1.0)
    clicking = smooth.copy()
    clicking[24_000:] = -clicking[24_000:]
    clicking[24_000:] = np.roll(clicking[24_000:], 60, axis=0)

    assert heard(smooth).largest_step < 0.02
    assert heard(clicking).largest_step > 0.1


def test_wav(tmp_path: Path) -> None:
    Recording(sent(TONE[:10])).write_wav(tmp_path / "heard.wav")
    with wave.open(str(tmp_path / "heard.wav")) as file:
        assert (file.getnchannels(), file.getframerate(), file.getnframes()) == (2, 48_000, 9600)


def test_summary() -> None:
    """The summary says all, and is JSON."""
    library = Fingerprints()
    library.add("a.wav", sine(440))
    packets = sent(TONE)
    del packets[30]
    facts = json.loads(json.dumps(dataclasses.asdict(Recording(packets).summary(library)), allow_nan=False))
    matches = facts.pop("matches")

    assert facts == {
        "packets": 49,
        "seconds": 1.0,
        "lufs": pytest.approx(-12.7, abs=0.5),
        "true_peak_dbtp": pytest.approx(-12.0, abs=0.5),
        "strongest_hz": pytest.approx(440, abs=2),
        "largest_gap_ms": pytest.approx(40),
        "lost": 1,
    }
    assert [match["name"] for match in matches] == ["a.wav"]


def test_summary_of_nothing() -> None:
    """What silence does not have is null."""
    facts = json.loads(json.dumps(dataclasses.asdict(Recording([]).summary()), allow_nan=False))

    assert facts["lufs"] is facts["true_peak_dbtp"] is facts["strongest_hz"] is None
    assert facts["matches"] == []
