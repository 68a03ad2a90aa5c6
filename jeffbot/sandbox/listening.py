"""Ears: what the packets of a voice connection sound like, so that a test can recognise a sound."""

import functools
import itertools
import math
import wave
from collections.abc import Iterable
from pathlib import Path

import numpy as np

from .opus import CHANNELS, SAMPLE_RATE, Decoder, Pcm
from .rtp import SILENCE, Packet

_FULL_SCALE = 32768.0


class Recording:
    """Packets in order of arrival, decoded when asked; those that did not decrypt are left out.

    Args:
        packets: For instance all, or a slice, of ``VoiceConnection.packets``.
    """

    def __init__(self, packets: Iterable[Packet]) -> None:
        self.packets = [packet for packet in packets if packet.opus is not None]

    @property
    def without_silence(self) -> "Recording":
        """Without the silence frames (F8 FF FE) that end each sound."""
        return Recording(packet for packet in self.packets if packet.opus != SILENCE)

    @functools.cached_property
    def pcm(self) -> Pcm:
        """Samples by two channels, 16 bits, 48 kHz.

        Raises:
            LibopusMissingError: There is nothing to decode with.
            OpusError: A packet is no Opus.
        """
        decoder = Decoder()
        frames = [decoder.decode(packet.opus) for packet in self.packets if packet.opus is not None]
        return np.concatenate(frames) if frames else np.empty((0, CHANNELS), np.int16)

    @property
    def seconds(self) -> float:
        """How long it sounds."""
        return len(self.pcm) / SAMPLE_RATE

    @property
    def level_dbfs(self) -> float:
        """Root mean square over all channels in dB below full scale; minus infinity for digital silence."""
        power = float(np.mean(np.square(self.pcm / _FULL_SCALE))) if len(self.pcm) else 0.0
        return 10 * math.log10(power) if power else -math.inf

    @property
    def strongest_frequency_hz(self) -> float:
        """Frequency of the largest peak in the spectrum, as fine as the recording is long; 0 for silence."""
        if not len(self.pcm) or not self.pcm.any():
            return 0.0
        mono = self.pcm.mean(axis=1)
        spectrum = np.abs(np.fft.rfft(mono * np.hanning(len(mono))))
        spectrum[0] = 0.0
        return float(np.argmax(spectrum)) * SAMPLE_RATE / len(mono)

    @property
    def gaps(self) -> list[float]:
        """Seconds from each packet's arrival to the next one's."""
        return [later.arrived - earlier.arrived for earlier, later in itertools.pairwise(self.packets)]

    @property
    def largest_gap(self) -> float:
        """The longest of ``gaps``, in seconds; 0 if there are none."""
        return max(self.gaps, default=0.0)

    def write_wav(self, path: Path) -> None:
        """Write a WAV file that any player opens."""
        with wave.open(str(path), "wb") as file:
            file.setnchannels(CHANNELS)
            file.setsampwidth(2)
            file.setframerate(SAMPLE_RATE)
            file.writeframes(self.pcm.astype("<i2").tobytes())
