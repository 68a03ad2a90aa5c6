"""What one client sends: its packets opened, and whether they are well made."""

from collections import deque
from collections.abc import Callable

from ..findings import Kind
from .rtp import PAYLOAD_TYPE, SAMPLE_RATE, SILENCE, Cipher, Opened, open_packet

SILENCE_FRAMES = 5
"""How many end a talk spurt (Voice, "Voice Data Interpolation")."""
PAUSE_SECONDS = 0.2
"""A talk spurt has ended when nothing came for so long."""
BURST_PACKETS, BURST_SECONDS = 10, 0.1
"""Ten packets are 200 ms of sound; who sends them in half of that does not keep time."""
STUCK_SHARE = 0.5
"""Of a pause, by which the timestamp must go on at least; it follows the sampling clock (RFC 3550, section 5.1)."""

type Note = Callable[[Kind, str], None]


class Stream:
    """The packets of one connection in order of arrival.

    Args:
        note: Told what a good client would not do.
    """

    def __init__(self, note: Note) -> None:
        self.cipher: Cipher | None = None
        self.packets = 0
        """How many came, lost ones included."""
        self._note = note
        self._last: Opened | None = None
        self._last_arrived = 0.0
        self._arrivals: deque[float] = deque(maxlen=BURST_PACKETS)
        self._ending: dict[Opened, bytes | None] = {}
        """The last packets in the order they were sent, as they were heard; None: nobody could tell."""
        self.open_ended = False
        """Something came, and its end has not been looked at."""

    def new_key(self, cipher: Cipher) -> None:
        """The session is described anew: another key, nonces from the start."""
        self.cipher = cipher
        self._last = None

    def open(self, arrived: float, datagram: bytes) -> Opened:
        """Take off the transport encryption."""
        opened = open_packet(datagram, self.cipher)
        self.packets += 1
        self._remember(opened)
        if opened.frame is None:
            self._note(Kind.UNDECRYPTABLE, "the transport encryption does not open: wrong key, nonce or header")
            return opened
        if opened.payload_type != PAYLOAD_TYPE:
            self._note(Kind.PAYLOAD_TYPE, f"payload type {opened.payload_type}, not {PAYLOAD_TYPE}")
        if self._last:
            self._compare(self._last, opened, arrived - self._last_arrived)
        self._look_for_burst(arrived)
        self._last, self._last_arrived = opened, arrived
        return opened

    def heard(self, opened: Opened, frame: bytes | None) -> None:
        """A packet was heard as this Opus frame; None: it was not."""
        if opened in self._ending:
            self._ending[opened] = frame

    def look_for_pause(self, now: float) -> None:
        """A while later: if the client has stopped sending, did it send the silence that belongs there?"""
        if self.open_ended and now - self._last_arrived > PAUSE_SECONDS:
            self.end()

    def end(self) -> None:
        """The client has stopped sending, of its own accord."""
        frames = set(self._ending.values())
        if self.open_ended and None not in frames and frames != {SILENCE}:
            self._note(Kind.NO_SILENCE, f"sending stopped without {SILENCE_FRAMES} frames of silence")
        self.open_ended = False

    def cut(self) -> None:
        """The client was kept from sending: how it ended is not its doing."""
        self._ending.clear()
        self.open_ended = False

    def _remember(self, opened: Opened) -> None:
        self.open_ended = True
        self._ending.pop(opened, None)
        self._ending[opened] = None
        if len(self._ending) > SILENCE_FRAMES:
            del self._ending[next(iter(self._ending))]

    def _compare(self, last: Opened, opened: Opened, elapsed: float) -> None:
        if opened.nonce == last.nonce:
            self._note(Kind.NONCE_REPEATED, "two packets have the same nonce")
        elif opened.nonce != (last.nonce + 1) & 0xFFFFFFFF:
            self._note(Kind.NONCE_NOT_COUNTED, "a nonce is not one more than the last")
        if opened.sequence != (last.sequence + 1) & 0xFFFF:
            self._note(Kind.SEQUENCE_NOT_COUNTED, "an RTP sequence number is not one more than the last")
        advance = ((opened.timestamp - last.timestamp) & 0xFFFFFFFF) / SAMPLE_RATE
        if elapsed > PAUSE_SECONDS and advance < elapsed * STUCK_SHARE:
            self._note(Kind.TIMESTAMP_STUCK, "the RTP timestamp did not go on during a pause")

    def _look_for_burst(self, arrived: float) -> None:
        self._arrivals.append(arrived)
        if len(self._arrivals) == BURST_PACKETS and arrived - self._arrivals[0] < BURST_SECONDS:
            self._note(Kind.BURST, f"{BURST_PACKETS} packets within {BURST_SECONDS * 1000:.0f} ms")
