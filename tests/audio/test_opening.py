"""The first packets of sounds, after silence and after other sounds."""

import pytest

from audio.hearing import BITRATE, Packets, clarity, encode, frames, hear, level, shipped, step, tone
from jeffbot.audio.libopus import OpusError
from jeffbot.audio.opening import opening
from jeffbot.audio.opus import SILENCE

PAUSE = (SILENCE,) * 5
SHIPPED = ("airhorn", "applause", "boing", "cash_register", "drum_roll", "record_scratch", "rimshot", "sad_trombone")


def opened(packets: Packets) -> Packets:
    """A sound with its first packet made fit."""
    return (opening(packets, bitrate=BITRATE), *packets[1:])


def error(packets: Packets, before: Packets, meant: Packets, frame: int) -> float:
    """By how many dB a frame is too loud or too quiet after these packets."""
    at = len(before) + frame
    heard = frames(hear([*before, *packets[:8]]), at, at + 1)
    return level(heard) - level(frames(hear(meant[:8]), frame, frame + 1))


@pytest.mark.parametrize("name", SHIPPED)
def test_after_silence(name: str) -> None:
    """After a pause a sound begins as loud as it is."""
    packets = shipped(name)
    errors = [error(opened(packets), PAUSE, packets, frame) for frame in range(5)]

    assert errors[0] == pytest.approx(0, abs=1)
    assert errors[1:] == pytest.approx([0] * 4, abs=1.6)


@pytest.mark.parametrize("name", SHIPPED)
def test_after_another_sound(name: str) -> None:
    """Where a sound takes another's place, its second packet at the latest is as it should be."""
    packets, before = shipped(name), shipped("airhorn")[:40]
    errors = [error(opened(packets), before, packets, frame) for frame in range(1, 5)]

    assert errors == pytest.approx([0] * 4, abs=1.6)


@pytest.mark.parametrize("name", SHIPPED)
def test_no_click(name: str) -> None:
    """Where a sound is cut off, by silence or by another, no step is greater than those of the sounds themselves."""
    first, second = shipped("airhorn"), opened(shipped(name))
    bound = 1.1 * max(step(frames(hear(first), 30, 40)), step(hear(second[:8])))

    assert step(frames(hear([*first[:40], *second[:8]]), 39)) <= bound
    assert step(frames(hear([*second, *PAUSE]), len(second) - 1)) <= 1.1 * step(hear(second))


def test_needed() -> None:
    """As they come from the encoder, some sounds begin far too quiet after a pause; those are changed."""
    packets = shipped("airhorn")

    assert error(packets, PAUSE, packets, 0) < -20
    assert opened(packets)[0] != packets[0]


def test_already_fit() -> None:
    """A first packet that leans on nothing is left as it is; what was made fit is fit."""
    assert opened(shipped("boing")) == shipped("boing")
    assert opened(opened(shipped("airhorn"))) == opened(shipped("airhorn"))


def test_one_packet() -> None:
    """A sound of one packet has an opening too."""
    packets = encode(tone(440, seconds=0.02))
    heard = hear([*PAUSE, *opened(packets), *PAUSE])

    assert len(packets) == 1
    assert clarity(frames(heard, 5, 6), frames(hear(packets), 0, 1)) > 10


def test_no_opus() -> None:
    """What is no packet is refused."""
    with pytest.raises(OpusError):
        opening([b"\xff"], bitrate=BITRATE)
