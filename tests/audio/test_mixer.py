"""Several sounds as one stream: what a listener hears of them."""

import numpy as np
import pytest

from audio.hearing import BITRATE, Packets, Pcm, clarity, encode, frames, hear, level, step, strength, tone
from jeffbot.audio.clip import Clip, GrowingClip
from jeffbot.audio.mixer import MAX_VOICES, Mixer, MixVoice, preload
from jeffbot.audio.opus import SILENCE

TONES = (330, 550, 880, 1_320)


@pytest.fixture
def mixer() -> Mixer:
    return Mixer(bitrate=BITRATE)


def add(mixer: Mixer, packets: Packets, gain: float = 1.0) -> MixVoice:
    """Mix in a sound that begins here."""
    return mixer.add(Clip(packets), 0, gain, heard=False)


def listen(mixer: Mixer, count: int) -> Pcm:
    """What a listener hears of the next packets."""
    return hear([mixer.mix() for _ in range(count)])


def grown(packets: Packets) -> GrowingClip:
    """A clip of which these packets have come in."""
    clip = GrowingClip()
    for packet in packets:
        clip.add(packet)
    return clip


def test_four_tones(mixer: Mixer) -> None:
    """Four overlapping tones are all heard, each as loud as it is, and nothing else."""
    for hertz in TONES:
        add(mixer, encode(tone(hertz)))
    heard = frames(listen(mixer, 50), 5, 45)

    assert [strength(heard, hertz) for hertz in TONES] == pytest.approx([0.2] * 4, rel=0.05)
    assert max(strength(heard, hertz) for hertz in (440, 715, 1_100, 2_000)) < 0.005


def test_on_time(mixer: Mixer) -> None:
    """Mixed sounds are heard exactly when they would be as stored packets, the second from where it was added."""
    low, high = encode(tone(330)), encode(tone(3_000))
    add(mixer, low)
    first = [mixer.mix() for _ in range(7)]
    add(mixer, high)
    heard = hear([*first, *(mixer.mix() for _ in range(30))])
    meant = frames(hear(low), 0, 37)
    meant[7 * 960 :] += frames(hear(high), 0, 30)

    assert clarity(frames(heard, 1, 7), frames(meant, 1, 7)) > 20
    assert clarity(frames(heard, 7), frames(meant, 7)) > 20


@pytest.mark.parametrize("gain", [0.25, 0.5, 2.0])
def test_gain(mixer: Mixer, gain: float) -> None:
    """A gain is heard from the first sample on."""
    packets = encode(tone(440))
    add(mixer, packets, gain)
    heard, meant = listen(mixer, 20), frames(hear(packets), 0, 20) * gain

    assert clarity(frames(heard, 0, 1), frames(meant, 0, 1)) > 15
    assert level(frames(heard, 3)) == pytest.approx(level(frames(meant, 3)), abs=0.2)


def test_gain_glides(mixer: Mixer) -> None:
    """A new gain is reached within 20 ms, without a click."""
    voice = add(mixer, encode(tone(200, amplitude=0.5)))
    before = [mixer.mix() for _ in range(10)]
    voice.gain = 0.1
    heard = hear([*before, *(mixer.mix() for _ in range(10))])

    assert level(frames(heard, 12)) == pytest.approx(level(frames(heard, 5, 10)) - 20, abs=0.3)
    assert step(frames(heard, 9, 12)) <= 1.1 * step(frames(heard, 5, 9))


def test_fade_out(mixer: Mixer) -> None:
    """A voice told to fade out is silent 20 ms later, without a click, and dropped; others go on."""
    low = add(mixer, encode(tone(200, amplitude=0.5)))
    high = add(mixer, encode(tone(2_000, amplitude=0.01)))
    before = [mixer.mix() for _ in range(10)]
    low.fade_out()
    assert not low.finished
    heard = hear([*before, *(mixer.mix() for _ in range(10))])

    assert low.finished
    assert mixer.voices == (high,)
    assert strength(frames(heard, 12), 200) < 0.001
    assert strength(frames(heard, 12), 2_000) == pytest.approx(0.01, rel=0.05)
    assert step(frames(heard, 9, 12)) <= 1.1 * step(frames(heard, 5, 9))


def test_end(mixer: Mixer) -> None:
    """A sound is heard to its last sample, then its voice is dropped, and a mix of nothing is silence."""
    packets = encode(tone(440, seconds=0.2))
    voice = add(mixer, packets)
    heard = hear([*(mixer.mix() for _ in packets), *(mixer.mix() for _ in range(5))])
    meant = hear([*packets, *[SILENCE] * 5])

    assert voice.finished
    assert mixer.voices == ()
    assert voice.position == len(packets)
    assert clarity(frames(heard, 9, 11), frames(meant, 9, 11)) > 15
    assert level(frames(heard, 11)) < -60


def test_empty(mixer: Mixer) -> None:
    """A sound without packets is over at once."""
    voice = add(mixer, ())
    assert level(hear([mixer.mix()])) < -90
    assert voice.finished


def test_waits_for_packets(mixer: Mixer) -> None:
    """A voice whose packets have not come in is silent, without a click, and goes on with the next one that comes."""
    packets = encode(tone(200, amplitude=0.5))
    clip = grown(packets[:5])
    voice = mixer.add(clip, 0, 1.0, heard=False)
    sent = [mixer.mix() for _ in range(10)]
    assert voice.position == 5
    for packet in packets[5:]:
        clip.add(packet)
    heard = hear([*sent, *(mixer.mix() for _ in range(10))])

    assert voice.position == 15
    assert level(frames(heard, 7, 10)) < -70
    assert level(frames(heard, 12)) == pytest.approx(level(hear(packets)), abs=0.3)
    assert step(frames(heard, 4, 12)) <= 1.1 * step(frames(heard, 1, 4))


def test_waits_to_begin(mixer: Mixer) -> None:
    """A sound of which only one packet has come in begins when the next has, so that it does not falter at once."""
    packets = encode(tone(440))
    clip = grown(packets[:1])
    mixer.add(clip, 0, 1.0, heard=False)
    assert level(hear([mixer.mix()])) < -90
    for packet in packets[1:]:
        clip.add(packet)
    heard = listen(mixer, 10)

    assert clarity(frames(heard, 1), frames(hear(packets), 1, 10)) > 20


@pytest.mark.parametrize("failed", [False, True])
def test_completed_late(mixer: Mixer, failed: bool) -> None:  # noqa: FBT001 - a case
    """A clip that ends while its voice waits ends the voice, whether or not all of it could be encoded."""
    clip = grown(encode(tone(440, seconds=0.1)))
    voice = mixer.add(clip, 0, 1.0, heard=False)
    for _ in range(8):
        mixer.mix()
    assert not voice.finished
    clip.finish(failed=failed)
    mixer.mix()

    assert voice.finished
    assert mixer.voices == ()


def test_sixteen_voices(mixer: Mixer) -> None:
    """Sixteen sounds mix; one more is refused, unless one is on its way out."""
    packets = encode(tone(440, amplitude=0.01))
    voices = [add(mixer, packets) for _ in range(MAX_VOICES)]
    assert strength(frames(listen(mixer, 20), 5), 440) == pytest.approx(0.16, rel=0.05)

    with pytest.raises(ValueError, match="more than 16 sounds at once"):
        add(mixer, packets)
    voices[0].fade_out()
    add(mixer, packets)
    mixer.mix()
    assert len(mixer.voices) == MAX_VOICES


def test_heard_comes_first(mixer: Mixer) -> None:
    """A mix can only join on to stored packets where it begins."""
    packets = encode(tone(440))
    add(mixer, packets)
    with pytest.raises(ValueError, match="first of a mix"):
        mixer.add(Clip(packets), 10, 1.0, heard=True)


def test_left_and_right(mixer: Mixer) -> None:
    """The sides stay apart."""
    sound = tone(440)
    sound[:, 1] = 0
    add(mixer, encode(sound))
    add(mixer, encode(tone(880) * np.array([0, 1], np.float32)))
    heard = frames(listen(mixer, 40), 5)

    assert [strength(heard, 440), strength(heard, 880)] == pytest.approx([0.2, 0], abs=0.01)
    assert [strength(heard[:, ::-1], 440), strength(heard[:, ::-1], 880)] == pytest.approx([0, 0.2], abs=0.01)


def test_preload() -> None:
    """What takes long to load can be loaded ahead."""
    preload()
