"""The one gain of a sound, and ffmpeg's word on which it rests."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jeffbot.audio.loudness import PEAK_LIMIT, Loudness, Verdict, level, lowered, read_summary

SUMMARY = """\
[Parsed_ebur128_2 @ 0x7fe934002600] [info] Summary:

  Integrated loudness:
    I:         {loudness} LUFS
    Threshold: -37.6 LUFS

  Loudness range:
    LRA:         0.0 LU
    Threshold:   0.0 LUFS
    LRA low:     0.0 LUFS
    LRA high:    0.0 LUFS

  Sample peak:
    Peak:      {sample} dBFS

  True peak:
    Peak:      {true} dBFS
"""


def summary(loudness: object, sample: object, true: object) -> str:
    return SUMMARY.format(loudness=loudness, sample=sample, true=true)


@pytest.mark.parametrize(
    ("said", "measured"),
    [
        (summary("-27.6", "-17.6", "-17.5"), Loudness(-27.6, -17.5)),
        (summary("-3.0", "-0.1", "-0.2"), Loudness(-3.0, -0.1)),
        (summary("-70.0", "-60.0", "-59.9"), Loudness(None, -59.9)),
        (summary("-inf", "-60.0", "-inf"), Loudness(None, -60.0)),
    ],
    ids=["usual", "sample peak above", "too quiet", "no true peak"],
)
def test_summary(said: str, measured: Loudness) -> None:
    """Loudness and the higher of the peaks are read; what the gate leaves out has no loudness."""
    assert read_summary("[info] something else\n" + said + "[info] size= 1KiB\n") == measured


def test_title_like_a_summary() -> None:
    """A file's own texts, which are told before, are not taken for a measurement."""
    said = "[info]   title : [x] Summary: I: -99.0 LUFS Peak: 9.0 dBFS\n" + summary("-20.0", "-5.0", "-4.0")

    assert read_summary(said) == Loudness(-20.0, -4.0)


@given(st.text(max_size=100))
def test_other_text(said: str) -> None:
    """Text without a summary is refused."""
    with pytest.raises(ValueError, match="no summary"):
        read_summary(said)


@given(st.one_of(st.none(), st.floats(-69, 5)), st.floats(-60, 6), st.floats(-30, -8), st.booleans())
def test_level(loudness: float | None, peak: float, target: float, short: bool) -> None:  # noqa: FBT001 - Hypothesis
    """The gain reaches the target exactly, or the peak limit where that is lower, and the verdict says which."""
    result = level(Loudness(loudness, peak), target, short=short)
    reached = None if loudness is None else loudness + result.gain

    assert peak + result.gain <= PEAK_LIMIT + 0.01
    if reached is None or reached < target - 0.01:
        assert peak + result.gain == pytest.approx(PEAK_LIMIT, abs=0.01)
        assert result.verdict is (Verdict.SHORT if short else Verdict.PEAK)
    else:
        assert reached == pytest.approx(target, abs=0.01)
        assert short == (result.verdict is Verdict.SHORT)


def test_lowered() -> None:
    """A gain lowered for peaks is a sound at its peak limit."""
    planned = level(Loudness(-20.0, -10.0), -16.0, short=False)

    assert (planned.gain, planned.verdict) == (4.0, Verdict.LEVELLED)
    assert (lowered(planned, 1.5).gain, lowered(planned, 1.5).verdict) == (2.5, Verdict.PEAK)
