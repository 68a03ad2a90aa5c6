"""From the UDP socket to listeners' ears: faults on the way, and what is noted about packets."""

import asyncio
from collections.abc import Callable

from ..findings import Findings, Kind
from ..options import Options
from .call import Call
from .connections import VoiceConnection
from .opus_packet import is_opus
from .rtp import Opened, Protection
from .udp import Address, UdpServer

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
        self._ssrcs: set[int] = set()
        """All that ever were somebody's."""
        self._by_address: dict[Address, VoiceConnection] = {}
        """Whose IP discovery, or whose packets, came from there last."""
        self._overtaken: dict[int, tuple[float, Opened]] = {}
        """By SSRC, the packet that its successor is to overtake, and when it came."""
        self._sweep: asyncio.TimerHandle | None = None

    def close(self) -> None:
        """Free the UDP port."""
        self.udp.close()
        if self._sweep:
            self._sweep.cancel()

    def add(self, voice: VoiceConnection) -> None:
        """Take the packets of this connection."""
        self._by_ssrc[voice.ssrc] = voice
        self._ssrcs.add(voice.ssrc)

    def remove(self, voice: VoiceConnection) -> None:
        """The connection has ended."""
        self.udp.catch_up()
        self._by_ssrc.pop(voice.ssrc, None)
        self._by_address = {address: of for address, of in self._by_address.items() if of is not voice}
        self._overtaken.pop(voice.ssrc, None)
        if voice.left:
            voice.stream.end()
        else:
            voice.stream.cut()

    def release(self, voice: VoiceConnection) -> None:
        """Have those packets heard that came ahead of the Speaking message."""
        waiting, voice.waiting = voice.waiting, []
        for arrived, opened in waiting:
            self._hear(voice, arrived, opened)

    def _receive(self, arrived: float, sender: Address, ssrc: int, datagram: bytes) -> None:
        voice = self._by_ssrc.get(ssrc)
        if voice is None:
            self._look_for_stranger(sender, ssrc)
            return
        self._by_address[sender] = voice
        opened = voice.stream.open(arrived, datagram)
        faults = voice.udp or self._options.udp
        lost = voice.deserted or faults.blackout or faults.drawn(faults.loss)
        if not lost and faults.drawn(faults.reorder) and ssrc not in self._overtaken:
            self._overtaken[ssrc] = (arrived, opened)
        elif not lost:
            self._arrive(voice, arrived, opened)
            if voice.packets and faults.drawn(faults.duplicate):
                voice.packets.append(voice.packets[-1])  # a listener's client drops it
            self._let_overtaken_arrive(voice, arrived)
        if self._sweep is None:
            self._sweep = asyncio.get_running_loop().call_later(SWEEP_SECONDS, self._look_for_pauses)
        self._touch()

    def _arrive(self, voice: VoiceConnection, arrived: float, opened: Opened) -> None:
        if voice.speaking:
            self._hear(voice, arrived, opened)
        else:
            if not voice.waiting:
                voice.waiting_since = asyncio.get_running_loop().time()
            voice.waiting.append((arrived, opened))

    def _let_overtaken_arrive(self, voice: VoiceConnection, now: float) -> None:
        if overtaken := self._overtaken.pop(voice.ssrc, None):
            self._arrive(voice, now, overtaken[1])

    def _hear(self, voice: VoiceConnection, arrived: float, opened: Opened) -> None:
        call = self._call_of(voice)
        if call is None:
            return
        packet = call.hear(voice, arrived, opened)
        voice.packets.append(packet)
        voice.stream.heard(opened, packet.opus)
        if packet.protection is Protection.UNDECRYPTABLE:
            self._findings.note(Kind.UNDECRYPTABLE, voice.user.name, "a packet that no listener could decrypt")
        elif packet.protection is Protection.CLEAR and packet.opus is None:
            self._findings.note(Kind.IN_CLEAR, voice.user.name, "a packet in clear in an encrypted call")
        elif packet.opus is not None and not is_opus(packet.opus):
            self._findings.note(Kind.NOT_OPUS, voice.user.name, "a packet that is no Opus")

    def _look_for_pauses(self) -> None:
        now = asyncio.get_running_loop().time()
        self.udp.catch_up()
        self._sweep = None
        sending = [voice for voice in self._by_ssrc.values() if voice.stream.open_ended or voice.waiting]
        for voice in sending:
            self._look_for_pause(voice, now)
        if sending:
            self._sweep = asyncio.get_running_loop().call_later(SWEEP_SECONDS, self._look_for_pauses)
        self._touch()

    def _look_for_pause(self, voice: VoiceConnection, now: float) -> None:
        if voice.ssrc in self._overtaken and now - self._overtaken[voice.ssrc][0] > SWEEP_SECONDS:
            self._let_overtaken_arrive(voice, now)
        if voice.waiting and now - voice.waiting_since > SPEAKING_PATIENCE:
            self._findings.note(Kind.NOT_SPEAKING, voice.user.name, "packets came, but no Speaking message")
            self.release(voice)
        if voice.connected:
            voice.stream.look_for_pause(now)
        elif not voice.left:
            voice.stream.cut()

    def _look_for_stranger(self, sender: Address, ssrc: int) -> None:
        """Packets may still come of an SSRC whose connection has ended, but not of one that never was."""
        if ssrc not in self._ssrcs:
            voice = self._by_address.get(sender)
            self._findings.note(
                Kind.INVALID_SSRC, voice.user.name if voice else sender[0], "packets of an unknown SSRC"
            )

    def _is_dark(self, sender: Address, ssrc: int | None) -> bool:
        if ssrc in self._by_ssrc:
            self._by_address[sender] = self._by_ssrc[ssrc]
        voice = self._by_address.get(sender)
        return ((voice.udp if voice else None) or self._options.udp).blackout
