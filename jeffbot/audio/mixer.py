"""Several sounds as one stream of Opus packets, joined to stored packets so that nobody hears where.

Cost per packet: one encoding (~0.15 ms), and ~0.05 ms per voice.
"""

from collections.abc import Iterator
from typing import TYPE_CHECKING

from .clip import Clip
from .libopus import Decoder, Encoder, FrameBuffer, libopus
from .opus import SILENCE

if TYPE_CHECKING:
    from .pcm import Frame

MAX_VOICES = 16
SETTLED_PACKETS = 3
"""How many packets a voice is mixed alone, as it is, before its stored packets may take over."""
_DECODER_WARMING = 8
"""How many packets before the first a decoder is given: levels settle by half their error a packet."""
_ENCODER_WARMING = 3
"""How many frames before the first an encoder is given; more join no better."""


def preload() -> None:
    """Load libopus and numpy, ~0.2 s: call it in a thread before the first :class:`Mixer` is made.

    Raises:
        LibopusMissingError: There is no libopus.
    """
    from . import pcm  # noqa: F401, PLC0415 - this is what loads numpy

    libopus()


class MixVoice:
    """One sound of a mix. Any thread may set its gain or fade it out.

    Args:
        clip: The sound.
        position: Its packet that comes first.
        gain: Factor.
        heard: The packets before that one have been sent as they are.
    """

    def __init__(self, clip: Clip, position: int, gain: float, *, heard: bool) -> None:
        from .pcm import Window  # noqa: PLC0415 - numpy

        self.clip = clip
        self.position = position
        """The packet that comes next."""
        self.gain = gain
        """Factor; a change takes 20 ms."""
        self.fading = False
        """It has been told to fade out."""
        self.finished = False
        """It is heard no more."""
        self._level = 1.0 if heard else gain
        self._decoder = Decoder()
        self._window = Window()
        self._primed = False

    @property
    def at_unity(self) -> bool:
        """Whether its last frame was mixed as it is."""
        return self._primed and self._level == self.gain == 1.0 and not self.fading

    def fade_out(self) -> None:
        """Let it become silent over the next 20 ms and finish."""
        self.fading = True

    def past(self) -> Iterator["Frame"]:
        """The last frames that have been heard; prepares for the next."""
        first = max(0, self.position - _DECODER_WARMING)
        for index, packet in enumerate(self.clip.packets[first : self.position + 1], first):
            self._window.feed(self._decoder, packet)
            if index > first and index > self.position - _ENCODER_WARMING:
                yield self._window.frame
            self._window.shift()
            self._primed = index == self.position

    def begins_like(self, packet_pcm: "Frame") -> bool:
        """Whether its next packet, decoded by someone who was sent something else before, is heard as it should be."""
        return self._window.begins_like(packet_pcm)

    def add_to(self, total: "Frame") -> None:
        """Add the next frame to others and go on by one; nothing, while its packets have not come in yet."""
        complete = self.clip.complete  # read before the packets: none is added after it
        fading, packets = self.fading, self.clip.packets
        left = len(packets) - self.position
        if not self._primed and (left > 1 or (left == 1 and complete)):
            self._window.feed(self._decoder, packets[self.position])
            self._window.shift()
            self._primed = True
        if self._primed:
            target = 0.0 if fading else self.gain
            if left > 1:
                self._window.feed(self._decoder, packets[self.position + 1])
            elif complete:
                self._window.feed(self._decoder, SILENCE)  # what everyone is sent after the last packet
            else:
                self._window.feed_nothing()
                target = 0.0
            self._window.add_to(total, self._level, target)
            self._window.shift()
            self._level = target
            self._primed = left > 1
            self.position += 1
            left -= 1
        self.finished = fading or (complete and left <= 0)


class Mixer:
    """Sums up to :data:`MAX_VOICES` sounds into one stream of packets. One thread uses it.

    Args:
        bitrate: Bits per second to aim at.

    Raises:
        LibopusMissingError: There is no libopus.
    """

    def __init__(self, *, bitrate: int) -> None:
        from .pcm import Limiter, view  # noqa: PLC0415 - numpy

        self.voices: tuple[MixVoice, ...] = ()
        """What is heard, in the order it was added."""
        self._encoder = Encoder(bitrate)
        self._buffer = FrameBuffer()
        self._sum = view(self._buffer)
        self._limiter = Limiter()
        self._begun = False
        self._settled = 0
        self._listener, self._rehearsal = Decoder(), Decoder()
        self._heard = FrameBuffer()
        self._heard_pcm = view(self._heard)

    def add(self, clip: Clip, position: int, gain: float, *, heard: bool) -> MixVoice:
        """Mix in a sound from its packet ``position`` on.

        Args:
            clip: The sound.
            position: Its packet that comes first.
            gain: Factor.
            heard: Its packets before that one have been sent as they are: the mix joins on to them. This sound has to
                be the first of the mix.

        Raises:
            ValueError: There are too many voices, or a sound heard before is not the first.
        """
        if sum(not voice.fading for voice in self.voices) >= MAX_VOICES:
            raise ValueError(f"more than {MAX_VOICES} sounds at once")
        if heard and (self._begun or self.voices):
            raise ValueError("a sound heard before has to be the first of a mix")
        voice = MixVoice(clip, position, gain, heard=heard)
        if heard:
            for frame in voice.past():
                self._sum[:] = frame
                self._encoder.encode(self._buffer)
        self.voices += (voice,)
        self._settled = 0
        return voice

    def mix(self) -> bytes:
        """The next 20 ms as a packet; every voice goes on by one packet, and those that have finished are dropped.

        Raises:
            OpusError: A clip holds what is no packet.
        """
        self._sum.fill(0)
        for voice in self.voices:
            voice.add_to(self._sum)
        self._limiter.apply(self._sum)
        settled = len(self.voices) == 1 and self.voices[0].at_unity and self._limiter.gain == 1.0
        self._settled = self._settled + 1 if settled else 0
        if any(voice.finished for voice in self.voices):
            self.voices = tuple(voice for voice in self.voices if not voice.finished)
        packet = self._encoder.encode(self._buffer, standalone=not self._begun)
        self._begun = True
        self._listener.decode(packet, self._heard)
        return packet

    def interrupt(self) -> None:
        """Silence has been sent after its last packet; the next one joins on to that."""
        self._begun = False
        self._settled = 0
        self._listener = Decoder()

    def can_leave(self) -> MixVoice | None:
        """The one voice whose stored packets, from its ``position`` on, may take over unheard; None: not now.

        What a packet sounds like depends on those before it. So the next stored packet is decoded as a listener would
        who has been sent the mix, and has to sound as it does in its own stream.
        """
        voice = self.voices[0] if self.voices else None
        if voice is None or self._settled < SETTLED_PACKETS or voice.position >= len(voice.clip.packets):
            return None
        self._rehearsal.become(self._listener)
        self._rehearsal.decode(voice.clip.packets[voice.position], self._heard)
        return voice if voice.begins_like(self._heard_pcm) else None
