"""How loud a sound is, and the one gain that makes it as loud as the others (EBU R 128, ITU-R BS.1770)."""

import enum
import math
import re
from typing import NamedTuple

import msgspec

from ..models import Seconds

PEAK_LIMIT = -1.5
"""The highest true peak a sound may have, dBTP, before Opus and out of the decoder.

EBU R 128 (recommendation h) allows -1 for production, and leaves room for what becomes of it on its way.
"""
OVERSHOOT = 2.5
"""How much higher peaks may be after Opus, dB; 2.1 is the most that was seen, of a rim shot."""
BLOCK_SECONDS: Seconds = 0.4
"""What loudness is measured in (ITU-R BS.1770, annex 1): nothing shorter has one."""
_UNMEASURABLE = -70.0
"""The absolute gate, LUFS (ITU-R BS.1770, annex 1): what is below counts as silence."""
_INTEGRATED = re.compile(r"I:\s+(\S+) LUFS")
_PEAK = re.compile(r"Peak:\s+(\S+) dBFS")


class Verdict(enum.StrEnum):
    """What levelling did to a sound."""

    LEVELLED = "levelled"
    """It has the loudness aimed at."""
    PEAK = "peak"
    """It is as loud as its peaks allow, and quieter than the others."""
    SHORT = "short"
    """It is too short to have a loudness: it was measured with silence after it, up to 0.4 s."""


class Loudness(NamedTuple):
    """A measurement."""

    integrated: float | None
    """LUFS; None: no part of it is loud enough to count."""
    peak: float
    """True peak, dBTP."""


class Level(msgspec.Struct, frozen=True, gc=False):
    """How loud a sound was, and what was done about it."""

    loudness: float | None
    """LUFS, as the file has it; None: no part of it is loud enough to count."""
    peak: float
    """True peak, dBTP, as the file has it."""
    gain: float
    """Decibels added."""
    verdict: Verdict


def read_summary(said: str) -> Loudness:
    """The measurement in what ffmpeg's filter ``ebur128=peak=sample+true`` says at its end.

    Raises:
        ValueError: It has said nothing of the kind.
    """
    summary = said[said.rfind("] Summary:") :]
    integrated = _INTEGRATED.search(summary)
    peaks = [float(peak) for peak in _PEAK.findall(summary)]
    if not integrated or not peaks:
        raise ValueError("no summary of ebur128")
    loudness = float(integrated[1])
    return Loudness(loudness if loudness > _UNMEASURABLE else None, max(peaks))


def level(measured: Loudness, target: float, *, short: bool) -> Level:
    """The one gain for a sound: to the loudness ``target``, in LUFS, as far as its peaks allow."""
    to_limit = PEAK_LIMIT - measured.peak
    to_target = math.inf if measured.integrated is None else target - measured.integrated
    verdict = Verdict.SHORT if short else Verdict.LEVELLED if to_target <= to_limit else Verdict.PEAK
    return Level(measured.integrated, measured.peak, round(min(to_target, to_limit), 2), verdict)


def lowered(planned: Level, by: float) -> Level:
    """A level with less gain, for peaks that turned out higher."""
    verdict = Verdict.SHORT if planned.verdict is Verdict.SHORT else Verdict.PEAK
    return msgspec.structs.replace(planned, gain=round(planned.gain - by, 2), verdict=verdict)
