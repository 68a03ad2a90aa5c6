"""What the packets of a voice connection sound like, so that a test can tell what was played."""

import functools
import itertools
import math
import wave
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from ..errors import OpusError
from ..voice.opus_packet import is_opus, packet_samples
from ..voice.rtp import SILENCE, Packet
from .fingerprint import Fingerprints, Match
from .loudness import integrated_lufs, true_peak_dbtp
from .opus import CHANNELS, FULL_SCALE, SAMPLE_RATE, Decoder, Pcm
from .spectrum import strongest_frequencies
from .timeline import concealable, in_order, missing


@dataclass(frozen=True, slots=True)
class Heard:
    """The facts of a recording, ready for JSON (``dataclasses.asdict``): what does not exist is None."""

    packets: int
    seconds: float
    lufs: float | None
    true_peak_dbtp: float | None
    strongest_hz: float | None
    largest_gap_ms: float
    lost: int
    matches: tuple[Match, ...]
    """Which sounds of a library were in it, best first; none if no library was given."""


class Recording:
    """Packets in the order they were sent, decoded when asked.

    Those that nobody heard, or that are no Opus, are left out; copies of a packet are dropped. Where a few packets in a
    row are missing, at most 25 within a talk spurt, it sounds as in a Discord client: libopus fills in, so that
    what follows keeps its place. A pause, over which the RTP timestamp jumps and the sequence does not, is left out.

    Args:
        packets: As they arrived, for instance all, or a slice, of ``VoiceConnection.packets``.
        silence: Whether the silence frames (F8 FF FE) that end each sound are part of the recording.
    """

    def __init__(self, packets: Iterable[Packet], *, silence: bool = True) -> None:
        self._streams = in_order(packet for packet in packets if packet.opus is not None and is_opus(packet.opus))
        self._silence = silence

    @property
    def packets(self) -> list[Packet]:
        """What was heard, in order."""
        return [packet for stream in self._streams for packet in stream if self._counts(packet)]

    @property
    def without_silence(self) -> "Recording":
        """Without the silence frames; the same packets without them would look like packets lost."""
        return Recording(itertools.chain.from_iterable(self._streams), silence=False)

    def _counts(self, packet: Packet) -> bool:
        return self._silence or packet.opus != SILENCE

    @functools.cached_property
    def pcm(self) -> Pcm:
        """Samples by two channels, 16 bits, 48 kHz.

        Raises:
            LibopusMissingError: There is nothing to decode with.
        """
        frames = [frame for stream in self._streams for frame in self._decoded(stream)]
        return np.concatenate(frames) if frames else np.empty((0, CHANNELS), np.int16)

    def _decoded(self, stream: Sequence[Packet]) -> Iterator[Pcm]:
        decoder = Decoder()
        for last, packet in zip([None, *stream], stream, strict=False):
            if last is not None:
                samples = packet_samples(last.opus or b"")
                yield from (decoder.conceal(samples) for _ in range(concealable(last, packet)))
            frame = _heard(decoder, packet.opus or b"")
            if self._counts(packet):
                yield frame

    @property
    def lost(self) -> int:
        """How many packets are missing between those that were heard: lost on the way, or heard by nobody."""
        return sum(missing(*pair) for stream in self._streams for pair in itertools.pairwise(stream))

    @property
    def seconds(self) -> float:
        """How long it sounds."""
        return len(self.pcm) / SAMPLE_RATE

    @property
    def level_dbfs(self) -> float:
        """Root mean square over all channels in dB below full scale; minus infinity for digital silence."""
        power = float(np.mean(np.square(self.pcm / FULL_SCALE))) if len(self.pcm) else 0.0
        return 10 * math.log10(power) if power else -math.inf

    @functools.cached_property
    def lufs(self) -> float:
        """Integrated loudness (ITU-R BS.1770-4, EBU R 128); minus infinity for silence."""
        return integrated_lufs(self.pcm)

    @functools.cached_property
    def true_peak_dbtp(self) -> float:
        """The peak between samples too (ITU-R BS.1770-4, annex 2); minus infinity for digital silence."""
        return true_peak_dbtp(self.pcm)

    @property
    def largest_step(self) -> float:
        """The largest jump from a sample to the next in a channel, 1 being full scale: a click is a large one."""
        return float(np.abs(np.diff(self.pcm.astype(np.int32), axis=0)).max(initial=0)) / FULL_SCALE

    def frequencies(self, count: int) -> list[float]:
        """The strongest frequencies in Hz, at least a semitone apart, the strongest first; fewer if there are no more.

        As fine as the recording is long: 1 / ``seconds``.
        """
        return strongest_frequencies(self.pcm, count)

    @property
    def strongest_frequency_hz(self) -> float:
        """The first of ``frequencies``; 0 for silence."""
        return next(iter(self.frequencies(1)), 0.0)

    @property
    def gaps(self) -> list[float]:
        """Seconds from each packet's arrival to the next arrival."""
        arrivals = sorted(packet.arrived for packet in self.packets)
        return [later - earlier for earlier, later in itertools.pairwise(arrivals)]

    @property
    def largest_gap(self) -> float:
        """The longest of ``gaps``, in seconds; 0 if there are none."""
        return max(self.gaps, default=0.0)

    def summary(self, fingerprints: Fingerprints | None = None) -> Heard:
        """All that there is to say in a few lines, with the sounds that were recognised.

        Raises:
            LibopusMissingError: There is nothing to decode with.
        """
        return Heard(
            packets=len(self.packets),
            seconds=self.seconds,
            lufs=_finite(self.lufs),
            true_peak_dbtp=_finite(self.true_peak_dbtp),
            strongest_hz=next(iter(self.frequencies(1)), None),
            largest_gap_ms=self.largest_gap * 1000,
            lost=self.lost,
            matches=tuple(fingerprints.recognise(self.pcm)) if fingerprints else (),
        )

    def write_wav(self, path: Path) -> None:
        """Write a WAV file that any player opens."""
        with wave.open(str(path), "wb") as file:
            file.setnchannels(CHANNELS)
            file.setsampwidth(2)
            file.setframerate(SAMPLE_RATE)
            file.writeframes(self.pcm.astype("<i2").tobytes())


def _heard(decoder: Decoder, packet: bytes) -> Pcm:
    """A packet decoded; where libopus refuses it, what a listener hears in its place."""
    try:
        return decoder.decode(packet)
    except OpusError:
        return decoder.conceal(packet_samples(packet))


def _finite(decibels: float) -> float | None:
    return decibels if math.isfinite(decibels) else None
