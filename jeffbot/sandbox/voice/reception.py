"""From the UDP socket to listeners' ears: faults on the way, and what is noted about packets."""

import asyncio
import random
from collections.abc import Callable

from ..findings import Findings, Kind
from ..options import Options
from .call import Call
from .connections import VoiceConnection
from .opus_packet import is_opus
from .rtp import Opened, Protection
from .udp import UdpServer

SWEEP_SECONDS = 0.1
"""How often it is looked whether somebody has stopped sending."""
SPEAKING_PATIENCE = 0.2
"""How long a packet may be ahead of the Speaking message that was sent before it, over another connection."""


class Reception:
    """All packets of all voice connections.

    Args:
        options: Faults.
        findings: Told what clients should not do.
        call_of: The call that a connection takes part in.
        touch: Told of each packet.
    """

    def __init__(
        self,
        options: Options,
        findings: Findings,
        call_of: Callable[[VoiceConnection], Call | None],
        touch: Callable[[], None],
    ) -> None:
        self.udp = UdpServer(self._receive, self._is_dark)
        self._options = options
        self._findings = findings
        self._call_of = call_of
        self._touch = touch
        self._by_ssrc: dict[int, VoiceConnection] = {}
        self._overtaken: dict[int, tuple[float, Opened]] = {}
        """By SSRC, the packet that its successor is to overtake."""
        self._chance = random.Random(options.udp.seed)  # noqa: S311 - faults on request, no secrets
        self._sweep: asyncio.TimerHandle | None = None

    def close(self) -> None:
        """Free the UDP port."""
        self.udp.close()
        if self._sweep:
            self._sweep.cancel()

    def add(self, voice: VoiceConnection) -> None:
        """Take the packets of this connection."""
        self._by_ssrc[voice.ssrc] = voice

    def remove(self, voice: VoiceConnection) -> None:
        """The connection has ended."""
        self._by_ssrc.pop(voice.ssrc, None)
        self._overtaken.pop(voice.ssrc, None)
        voice.stream.end()

    def release(self, voice: VoiceConnection) -> None:
        """Have those packets heard that came ahead of the Speaking message."""
        waiting, voice.waiting = voice.waiting, []
        for arrived, opened in waiting:
            self._hear(voice, arrived, opened)

    def _receive(self, arrived: float, ssrc: int, datagram: bytes) -> None:
        voice = self._by_ssrc.get(ssrc)
        if voice is None:
            return
        opened = voice.stream.open(arrived, datagram)
        faults = voice.udp or self._options.udp
        if faults.blackout or self._drawn(faults.loss):
            voice.stream.heard(None)
        elif self._drawn(faults.reorder) and ssrc not in self._overtaken:
            self._overtaken[ssrc] = (arrived, opened)
        else:
            self._arrive(voice, arrived, opened)
            if voice.packets and self._drawn(faults.duplicate):
                voice.packets.append(voice.packets[-1])  # a listener's client drops it
            if overtaken := self._overtaken.pop(ssrc, None):
                self._arrive(voice, *overtaken)
        if self._sweep is None:
            self._sweep = asyncio.get_running_loop().call_later(SWEEP_SECONDS, self._look_for_pauses)
        self._touch()

    def _arrive(self, voice: VoiceConnection, arrived: float, opened: Opened) -> None:
        if voice.speaking:
            self._hear(voice, arrived, opened)
        else:
            voice.waiting.append((arrived, opened))

    def _hear(self, voice: VoiceConnection, arrived: float, opened: Opened) -> None:
        call = self._call_of(voice)
        if call is None:
            return
        packet = call.hear(voice, arrived, opened)
        voice.packets.append(packet)
        voice.stream.heard(packet.opus)
        if packet.protection is Protection.UNDECRYPTABLE:
            self._findings.note(Kind.UNDECRYPTABLE, voice.user.name, "a packet that no listener could decrypt")
        elif packet.protection is Protection.CLEAR and packet.opus is None:
            self._findings.note(Kind.IN_CLEAR, voice.user.name, "a packet in clear in an encrypted call")
        elif packet.opus is not None and not is_opus(packet.opus):
            self._findings.note(Kind.NOT_OPUS, voice.user.name, "a packet that is no Opus")

    def _look_for_pauses(self) -> None:
        self._sweep = None
        now = asyncio.get_running_loop().time()
        sending = [voice for voice in self._by_ssrc.values() if voice.stream.open_ended or voice.waiting]
        for voice in sending:
            if voice.waiting and now - voice.waiting[0][0] > SPEAKING_PATIENCE:
                self._findings.note(Kind.NOT_SPEAKING, voice.user.name, "packets came, but no Speaking message")
                self.release(voice)
            voice.stream.look_for_pause(now)
        if sending:
            self._sweep = asyncio.get_running_loop().call_later(SWEEP_SECONDS, self._look_for_pauses)
        self._touch()

    def _drawn(self, share: float) -> bool:
        return share > 0 and self._chance.random() < share

    def _is_dark(self, ssrc: int | None) -> bool:
        voice = self._by_ssrc.get(ssrc) if ssrc is not None else None
        return ((voice.udp if voice else None) or self._options.udp).blackout
