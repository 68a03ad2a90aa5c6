"""A voice connection as an endless Ogg/Opus stream: a player keeps running while nobody speaks."""

import asyncio
import contextlib
import secrets
import time
from collections.abc import AsyncGenerator
from typing import Protocol

from ..voice.opus_packet import is_opus, packet_samples
from ..voice.rtp import SILENCE, Packet
from .ogg import PRE_SKIP, OggOpusStream
from .opus import FRAME_SAMPLES, SAMPLE_RATE
from .timeline import concealable, is_late

MAX_BEHIND = 0.06
"""Seconds for which a packet is awaited before silence takes its place: the jitter that is not heard."""
MAX_AHEAD = 0.1
"""Seconds by which sound may come too early; what comes earlier still is left out."""
_FRAME_SECONDS = FRAME_SAMPLES / SAMPLE_RATE
_ROUNDING = 1e-6
"""Part of a frame: a sum of times may be off by this."""


class LiveStream:
    """The bytes of the stream, without a clock or a socket: times are handed in, in seconds, of one monotonic clock.

    Silence is made here, so that of the sender is left out, as is what is no Opus and what comes after its place in
    line. What was lost is replaced by empty frames, which make a player conceal it (RFC 7845, section 4.1).

    Args:
        now: When it begins.
        serial: Of the Ogg stream.
    """

    def __init__(self, now: float, serial: int) -> None:
        self._ogg = OggOpusStream(serial)
        self._began = now
        self._last: Packet | None = None
        self._sounding = False

    @property
    def position(self) -> float:
        """The time that has been reached: what is played next was heard then."""
        return self._began + (self._ogg.samples - PRE_SKIP) / SAMPLE_RATE

    @property
    def due(self) -> float:
        """When to call ``fill``, unless a packet is heard before."""
        return self.position + _FRAME_SECONDS + MAX_BEHIND

    def start(self) -> bytes:
        """What comes first: the headers, and the sound that a player skips."""
        return self._ogg.headers() + b"".join(self._ogg.page(SILENCE) for _ in range(PRE_SKIP // FRAME_SAMPLES))

    def heard(self, packet: Packet) -> bytes:
        """The pages for a packet; none for what is left out."""
        if packet.opus is None or not is_opus(packet.opus) or (self._last and is_late(packet, self._last)):
            return self.fill(packet.arrived)
        last, self._last = self._last, packet
        if packet.opus == SILENCE:
            self._sounding = False
            return self.fill(packet.arrived)
        pages = self._concealed(last, packet)
        if packet.arrived - self.position > MAX_BEHIND:
            pages += self._silence(packet.arrived)
        if self.position - packet.arrived <= MAX_AHEAD:
            self._sounding = True
            pages += self._ogg.page(packet.opus)
        return pages

    def fill(self, now: float) -> bytes:
        """The silence that is due, if any."""
        pages = self._silence(now - MAX_BEHIND)
        self._sounding = self._sounding and not pages
        return pages

    def end(self) -> bytes:
        """The last page."""
        return self._ogg.page(SILENCE, last=True)

    def _silence(self, until: float) -> bytes:
        """As many frames as end before this time."""
        frames = int((until - self.position) / _FRAME_SECONDS + _ROUNDING)
        return b"".join(self._ogg.page(SILENCE) for _ in range(frames))

    def _concealed(self, last: Packet | None, packet: Packet) -> bytes:
        """The empty frames for what is missing between two packets: the first byte of the last alone, of one frame."""
        if not self._sounding or last is None or last.opus is None:
            return b""
        frame = bytes([last.opus[0] & 0xFC])
        frames = concealable(last, packet) * packet_samples(last.opus) // packet_samples(frame)
        return b"".join(self._ogg.page(frame) for _ in range(frames))


class Clock(Protocol):
    """Time, and waiting for it."""

    def now(self) -> float:
        """The time that packets' arrival is told in."""
        ...

    async def wait(self, task: asyncio.Task[Packet | None], until: float) -> None:
        """Wait for the task, but not beyond a time."""
        ...


class MonotonicClock:
    """The machine's ``time.monotonic``."""

    def now(self) -> float:
        """See ``Clock``."""
        return time.monotonic()

    async def wait(self, task: asyncio.Task[Packet | None], until: float) -> None:
        """See ``Clock``."""
        await asyncio.wait([task], timeout=max(until - self.now(), 0.0))


async def live_ogg(source: AsyncGenerator[Packet], clock: Clock | None = None) -> AsyncGenerator[bytes]:
    """What is heard from now on, as parts of an Ogg/Opus stream: headers at once, then sound or silence as it comes.

    It keeps to real time within 0.1 s, ends with its source, and closes it when it is itself closed or cancelled.

    Args:
        source: Packets as they arrive.
        clock: What their arrival is told by; the machine's if None.
    """
    clock = clock or MonotonicClock()
    live = LiveStream(clock.now(), secrets.randbits(32))
    async with contextlib.aclosing(source):
        yield live.start()
        arriving = asyncio.create_task(_next(source))
        try:
            while True:
                await clock.wait(arriving, live.due)
                if not arriving.done():
                    pages = live.fill(clock.now())
                elif packet := arriving.result():
                    pages = live.heard(packet)
                    arriving = asyncio.create_task(_next(source))
                else:
                    break
                if pages:
                    yield pages
            yield live.end()
        finally:
            arriving.cancel()
            await asyncio.gather(arriving, return_exceptions=True)


async def _next(source: AsyncGenerator[Packet]) -> Packet | None:
    return await anext(source, None)
