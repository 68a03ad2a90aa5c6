"""Packets as a voice server reads them (RFC 3550), in both encryptions."""

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jeffbot.sandbox.voice.rtp import CIPHERS, open_packet, ssrc_of
from jeffbot.voice.rtp import MODES, Packetizer, make_seal

KEY = bytes(range(32))


def packetizer(mode: str = MODES[0], ssrc: int = 7) -> Packetizer:
    """One whose session has been described."""
    made = Packetizer()
    made.describe(ssrc, make_seal(mode, KEY))
    return made


@pytest.mark.parametrize("mode", MODES)
@given(st.lists(st.binary(max_size=300), min_size=1, max_size=5), st.integers(0, 2**32 - 1))
def test_opens(mode: str, frames: list[bytes], ssrc: int) -> None:
    """What was sealed opens with the session's key, with sequence and nonce that count up by one."""
    made, cipher = packetizer(mode, ssrc), CIPHERS[mode](KEY)
    packets = [made.packet(frame, 0.02 * number) for number, frame in enumerate(frames)]
    opened = [open_packet(packet, cipher) for packet in packets]

    assert [each.frame for each in opened] == frames
    assert {ssrc_of(packet) for packet in packets} == {ssrc}
    assert [each.nonce - opened[0].nonce for each in opened] == list(range(len(frames)))
    assert [each.sequence - opened[0].sequence for each in opened] == list(range(len(frames)))
    assert {each.payload_type for each in opened} == {120}


@pytest.mark.parametrize(
    ("at", "advances"),
    [
        ([0, 0.02, 0.04], [960, 960]),
        ([0, 0.0201, 0.0399], [960, 960]),
        ([0, 1.5], [75 * 960]),
        ([0, 0.009], [960]),
        ([5.0, 5.02 + 60], [3001 * 960]),
    ],
)
def test_timestamp_follows_the_clock(at: list[float], advances: list[int]) -> None:
    """Timestamps advance by the frames that fit into the time that has passed, over pauses too; by one at least."""
    made, cipher = packetizer(), CIPHERS[MODES[0]](KEY)
    stamps = [open_packet(made.packet(b"x", moment), cipher).timestamp for moment in at]

    assert [later - earlier for earlier, later in itertools.pairwise(stamps)] == advances


def test_roundings_do_not_add_up() -> None:
    """Over many sounds with first gaps of 15 ms and pauses of no whole number of frames it still follows the clock."""
    made, cipher = packetizer(), CIPHERS[MODES[0]](KEY)
    at, stamps = 0.0, []
    for _ in range(300):
        for gap in (0.347, 0.015, 0.02):
            at += gap
            stamps.append(open_packet(made.packet(b"x", at), cipher).timestamp)

    assert (stamps[-1] - stamps[0]) / 48_000 == pytest.approx(at - 0.347, abs=0.02)


def test_described_anew() -> None:
    """Another session has another SSRC and key; sequence and nonce go on."""
    made = packetizer()
    first = open_packet(made.packet(b"x", 0), CIPHERS[MODES[0]](KEY))
    made.describe(9, make_seal(MODES[1], KEY[::-1]))
    packet = made.packet(b"x", 0.02)
    second = open_packet(packet, CIPHERS[MODES[1]](KEY[::-1]))

    assert (ssrc_of(packet), second.frame) == (9, b"x")
    assert (second.sequence, second.nonce) == (first.sequence + 1, first.nonce + 1)
