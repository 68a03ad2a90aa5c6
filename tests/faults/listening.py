"""Which tone people in the local Discord hear, packet by packet. Cost: a packet is decoded once, some 0.1 ms."""

import time
from collections.abc import Callable, Sequence
from itertools import pairwise
from typing import NamedTuple

import numpy as np

from jeffbot.sandbox import Packet, VoiceConnection
from jeffbot.sandbox.ears.opus import FRAME_SAMPLES, SAMPLE_RATE, Decoder
from jeffbot.sandbox.errors import OpusError

TONES = {"low": 400, "high": 2000}
"""What is played, and its frequency, Hz: whole periods in a packet of 20 ms."""
AUDIBLE = 0.003
"""Share of full scale that a tone must have."""
LASTING = 15
"""So many packets without a break, 0.3 s, and a sound is heard rather than flickers."""
BREAK = 0.15
"""Seconds between packets, from which on there is a break; less is made up for by people's clients."""
STALE = 2 * BREAK
"""Seconds after the last packet, from which on nothing is heard any more."""


class Heard(NamedTuple):
    """One packet that somebody heard."""

    arrived: float
    """Seconds on the clock of ``time.monotonic``."""
    tone: str | None
    """None: silence, or neither of the tones."""


class Ear:
    """What is heard of a bot in one guild.

    Args:
        connections: All voice connections it has had there, oldest first.
    """

    def __init__(self, connections: Callable[[], Sequence[VoiceConnection]]) -> None:
        self.lasting_packets = LASTING
        self._connections = connections
        self._over = 0
        """How many of the connections are, and have been listened to."""
        self._decoders: dict[VoiceConnection, tuple[Decoder, int]] = {}
        """Of the others, with how many of their packets have been."""
        self._heard: list[Heard] = []

    def lasting(self, tone: str, since: float) -> float | None:
        """Seconds from a moment to the beginning of the tone that is heard now; None: it is not, or not for long."""
        self._listen()
        run: list[float] = []
        for heard in reversed(self._heard):
            if heard.tone != tone or heard.arrived < since or (run and run[-1] - heard.arrived > BREAK):
                break
            run.append(heard.arrived)
        is_heard = len(run) >= self.lasting_packets and time.monotonic() - run[0] < STALE
        return run[-1] - since if is_heard else None

    def largest_gap(self, since: float) -> float:
        """The longest time between two packets, seconds, that was not over at a moment; 0 if there was none."""
        self._listen()
        arrivals = [heard.arrived for heard in self._heard]
        return max((later - earlier for earlier, later in pairwise(arrivals) if later >= since), default=0.0)

    def _listen(self) -> None:
        connections, news = self._connections(), list[Heard]()
        for voice in connections[self._over :]:
            decoder, known = self._decoders.get(voice) or (Decoder(), 0)
            packets = voice.packets[known:]
            self._decoders[voice] = decoder, known + len(packets)
            news += [Heard(packet.arrived, _tone(decoder, packet)) for packet in packets if packet.opus]
        while self._over < len(connections) and connections[self._over].ended:
            self._decoders.pop(connections[self._over])
            self._over += 1
        self._heard += sorted(news, key=lambda heard: heard.arrived)


def _tone(decoder: Decoder, packet: Packet) -> str | None:
    try:
        pcm = decoder.decode(packet.opus or b"")
    except OpusError:
        return None
    if len(pcm) != FRAME_SAMPLES:
        return None
    spectrum = np.abs(np.fft.rfft(pcm[:, 0] / 32768)) / len(pcm)
    levels = {tone: float(spectrum[round(hertz * FRAME_SAMPLES / SAMPLE_RATE)]) for tone, hertz in TONES.items()}
    loudest = max(levels, key=lambda tone: levels[tone])
    return loudest if levels[loudest] > AUDIBLE else None
