"""What one guild hears: sounds after and over one another, a packet at a time.

The event loop starts and stops, the clock's thread takes packets; a lock is between them, held for the microseconds
that a packet takes, or the fraction of a millisecond that mixing one takes.
"""

import asyncio
import contextlib
import logging
import threading
from collections import deque
from collections.abc import Callable
from typing import Protocol

from ..audio.clip import Clip
from ..audio.libopus import libopus
from ..audio.mixer import MAX_VOICES, Mixer, MixVoice
from ..audio.opus import SILENCE
from ..errors import LibopusMissingError, QueueFullError, UnloadedError
from ..models import PACKET_SECONDS, EndReason, Mode, PlayOptions, Retrigger, Seconds
from .clock import VoiceClock

logger = logging.getLogger(__name__)

TRAILING_SILENCE = 5
"""Packets of silence after a sound (Discord: Voice Connections, "Voice Data Interpolation")."""
MAX_QUEUED = 100
"""Sounds that wait their turn in one guild."""
MIXED_BITRATE = 128_000
"""Bits per second of what is mixed; Discord's voice channels take up to that much without boosts (RFC 7587, 3.1.1)."""
_NOTHING = b""


class Output(Protocol):
    """A voice connection that packets go out by."""

    @property
    def ready(self) -> bool:
        """Whether what is sent now can be heard."""
        ...

    def send(self, frame: bytes, at: Seconds) -> None:
        """Send 20 ms of Opus, due at this time of the clock."""
        ...

    def speak(self) -> None:
        """Say that packets follow; called in the event loop."""
        ...

    def rest(self) -> None:
        """Say some time later that there are none; called in the event loop."""
        ...


class Track:
    """A clip as it is played."""

    def __init__(
        self, clip: Clip, key: str, factor: float, on_begin: Callable[[], None], on_end: Callable[[EndReason], None]
    ) -> None:
        self.clip = clip
        self.key = key
        """What the same sound has in common."""
        self.factor = factor
        """What its samples are multiplied with, beside the volume of all."""
        self.on_begin = on_begin
        """Called in the event loop, once, when its first packet has left."""
        self.on_end = on_end
        """Called in the event loop, once, with the reason; after ``on_begin`` if that was called."""
        self.begun = False
        self.voice: MixVoice | None = None
        self._next = 0

    @property
    def next(self) -> int:
        """The number of the packet to be sent next."""
        voice = self.voice  # the clock's thread may take it away
        return voice.position if voice else self._next

    @property
    def position(self) -> Seconds:
        """How much of it has been sent."""
        return self.next * PACKET_SECONDS

    @property
    def spent(self) -> bool:
        """Whether all of it has been sent."""
        if self.voice:
            return self.voice.finished
        return self.clip.complete and self._next >= len(self.clip.packets)

    def take(self) -> bytes | None:
        """The next packet; None: it is not there yet."""
        if self._next >= len(self.clip.packets):
            return None
        self._next += 1
        return self.clip.packets[self._next - 1]

    def leave_mix(self) -> None:
        """Go on as stored packets."""
        if self.voice:
            self._next, self.voice = self.voice.position, None


class Player:
    """Plays tracks on one output. Its methods, save the clock's, are called in the event loop that it was made in.

    Args:
        clock: Beats for it while it has something to send.
        output: Where packets go.
        on_change: Called in the event loop after changes of the queue, of the volume, and of whether it is paused.
    """

    def __init__(self, clock: VoiceClock, output: Output, on_change: Callable[[], None] = lambda: None) -> None:
        self._clock = clock
        self._output = output
        self._on_change = on_change
        self._loop = asyncio.get_running_loop()
        self._loop_thread = threading.get_ident()
        self._lock = threading.Lock()
        self._sounding: list[Track] = []
        self._queue: deque[Track] = deque()
        self._mixer: Mixer | None = None
        self._volume = 1.0
        self._paused = False
        self._silence = 0
        """How many packets of silence are still to come."""
        self._running = False
        """Whether the clock beats for it."""
        self._closed = False
        self._news: deque[Callable[[], None]] = deque()
        """What has happened and has not been told."""
        self._telling = False

    @property
    def paused(self) -> bool:
        """Whether what plays stands still."""
        return self._paused

    @property
    def queue(self) -> tuple[Track, ...]:
        """What waits, the next one first."""
        with self._lock:
            return tuple(self._queue)

    def start(self, track: Track, options: PlayOptions) -> Track:
        """Play a track; what comes back is the one that sounds already, where that is to be left alone.

        Raises:
            QueueFullError: Too much waits already.
            LibopusMissingError: It would have to be mixed, and nothing can.
            UnloadedError: It has been closed.
        """
        with self._lock:
            if self._closed:
                raise UnloadedError
            same = [sounding for sounding in self._sounding if sounding.key == track.key]
            if same and options.retrigger is Retrigger.IGNORE:
                return same[0]
            if options.mode in (Mode.QUEUE, Mode.NEXT) and (self._sounding or self._queue):
                self._enqueue(track, options.mode)
            else:
                self._sound(track, self._displaced(same, options))
            wakes = self._wakes()
        self._tell()
        if wakes:
            self._wake()
        return track

    def stop(self, reason: EndReason = EndReason.STOPPED) -> None:
        """End all that plays and waits."""
        with self._lock:
            self._end_all(reason)
        self._tell()

    def end(self, track: Track, reason: EndReason = EndReason.STOPPED) -> None:
        """End one track, sounding or waiting; nothing if it is neither."""
        with self._lock:
            if track in self._queue:
                self._queue.remove(track)
                self._say_end(track, reason)
                self._say_changed()
            elif track in self._sounding:
                self._remove([track], reason)
            wakes = self._wakes()
        self._tell()
        if wakes:
            self._wake()

    def skip(self) -> bool:
        """End what sounds, and go on with what waits; whether anything sounded."""
        with self._lock:
            skipped = [*self._sounding]
            self._remove(skipped, EndReason.SKIPPED)
            wakes = self._wakes()
        self._tell()
        if wakes:
            self._wake()
        return bool(skipped)

    def pause(self) -> None:
        """Let what plays stand still."""
        with self._lock:
            self._set_paused(paused=bool(self._sounding))
            if self._mixer:
                self._mixer.interrupt()
        self._tell()

    def resume(self) -> None:
        """Go on after a pause; by way of the mixer, for stored packets lean on those before them, not on silence."""
        with self._lock:
            if self._paused:
                with contextlib.suppress(LibopusMissingError):  # then it takes 0.1 s to be as loud as before
                    self._have_mixer()
                self._set_paused(paused=False)
                self._fit_mixer()
            wakes = self._wakes()
        self._tell()
        if wakes:
            self._wake()

    @property
    def volume(self) -> float:
        """What all samples are multiplied with."""
        return self._volume

    def set_volume(self, factor: float) -> None:
        """What all samples are multiplied with, those of what plays now included.

        Raises:
            LibopusMissingError: It is other than 1, and nothing can be mixed.
        """
        if factor != 1:
            libopus()  # or refuse what would refuse every press
        with self._lock:
            if factor != self._volume:
                self._say_changed()
            self._volume = factor
            self._fit_mixer()
        self._tell()

    @property
    def sounding(self) -> bool:
        """Whether anything plays, be it that it stands still."""
        return bool(self._sounding)

    def close(self) -> None:
        """End all for good."""
        with self._lock:
            self._closed = True
            self._end_all(EndReason.LEFT)
        self._tell()

    def beat(self, at: Seconds) -> bool:
        """See ``clock.Line``."""
        with self._lock:
            frame = self._send(at)
            self._running = frame is not None and not self._closed
            if frame is None:
                self._news.append(self._output.rest)
            self._tell_soon()
            return self._running

    def fail(self) -> None:
        """See ``clock.Line``."""
        with self._lock:
            self._end_all(EndReason.FAILED)
            self._running = False
            self._news.append(self._output.rest)
            self._tell_soon()

    # Under the lock

    def _displaced(self, same: list[Track], options: PlayOptions) -> list[Track]:
        """Whose place a new track takes."""
        if options.mode is Mode.OVERLAP or (same and options.retrigger is Retrigger.OVERLAP):
            gone = same if options.retrigger is Retrigger.RESTART else []
            others = [track for track in self._sounding if track not in gone]
            return [*gone, *others[: max(0, len(others) + 1 - MAX_VOICES)]]
        return [*self._sounding]

    def _enqueue(self, track: Track, mode: Mode) -> None:
        if len(self._queue) >= MAX_QUEUED:
            raise QueueFullError(MAX_QUEUED)
        if track.factor * self._volume != 1:
            libopus()  # or refuse now what could not be mixed then
        if mode is Mode.NEXT:
            self._queue.appendleft(track)
        else:
            self._queue.append(track)
        self._say_changed()

    def _sound(self, track: Track, displaced: list[Track]) -> None:
        if len(displaced) < len(self._sounding) or track.factor * self._volume != 1:
            self._have_mixer()
        self._remove(displaced, EndReason.REPLACED)
        self._sounding.append(track)
        self._set_paused(paused=False)
        self._fit_mixer()

    def _set_paused(self, *, paused: bool) -> None:
        if paused is not self._paused:
            self._paused = paused
            self._say_changed()

    def _fit_mixer(self) -> None:
        """Mix where there is something to mix, and only there."""
        if not self._sounding:
            self._mixer = None
        elif self._mixer or len(self._sounding) > 1 or self._sounding[0].factor * self._volume != 1:
            mixer = self._have_mixer()
            for track in self._sounding:
                gain = track.factor * self._volume
                if track.voice is None:
                    track.voice = mixer.add(track.clip, track.next, gain, heard=track.begun)
                else:
                    track.voice.gain = gain

    def _have_mixer(self) -> Mixer:
        if self._mixer is None:
            self._mixer = Mixer(bitrate=MIXED_BITRATE)
        return self._mixer

    def _send(self, at: Seconds) -> bytes | None:
        if self._closed or not self._output.ready:
            return _NOTHING
        frame = self._frame()
        if frame:
            self._output.send(frame, at)
            self._say_begun()
        return frame

    def _frame(self) -> bytes | None:
        """The next packet; empty: none this time; None: none until something is started."""
        if self._paused:
            return self._quiet()
        self._go_on()
        if not self._sounding:
            return self._quiet()
        if self._mixer:
            frame: bytes | None = self._mixer.mix()
        else:
            frame = self._sounding[0].take()
        if frame is None:
            return self._quiet() or _NOTHING
        self._silence = TRAILING_SILENCE
        return frame

    def _go_on(self) -> None:
        """See off what has been heard to its end; take from the queue; mix no longer than there is need."""
        for track in [track for track in self._sounding if track.spent]:
            self._sounding.remove(track)
            self._say_end(track, EndReason.FAILED if track.clip.failed else EndReason.FINISHED)
        if not self._sounding and self._queue:
            self._sounding.append(self._queue.popleft())
            self._mixer = None
            self._say_changed()
        if not self._sounding:
            self._mixer = None
            return
        if self._mixer and self._mixer.can_leave():
            self._sounding[0].leave_mix()
            self._mixer = None
        self._fit_mixer()

    def _quiet(self) -> bytes | None:
        if self._silence == 0:
            return None
        self._silence -= 1
        return SILENCE

    def _remove(self, tracks: list[Track], reason: EndReason) -> None:
        """End sounding tracks; those that others are heard with fade out in the mix."""
        for track in tracks:
            self._sounding.remove(track)
            if track.voice:
                track.voice.fade_out()
            self._say_end(track, reason)
        if not self._sounding:
            self._mixer = None
            self._set_paused(paused=False)

    def _end_all(self, reason: EndReason) -> None:
        self._remove([*self._sounding], reason)
        waiting = tuple(self._queue)
        self._queue.clear()
        for track in waiting:
            self._say_end(track, reason)
        if waiting:
            self._say_changed()

    def _wakes(self) -> bool:
        """Whether the clock has to be started; from now on it counts as running."""
        wakes = not self._running and bool(self._sounding or self._queue) and not self._paused
        self._running |= wakes
        return wakes

    # News

    def _say_begun(self) -> None:
        for track in self._sounding:
            if not track.begun and track.next:
                track.begun = True
                self._news.append(track.on_begin)

    def _say_end(self, track: Track, reason: EndReason) -> None:
        self._news.append(lambda: track.on_end(reason))

    def _say_changed(self) -> None:
        self._news.append(self._on_change)

    def _wake(self) -> None:
        self._output.speak()
        self._clock.start(self)
        self._tell()

    def _tell_soon(self) -> None:
        """Have the news told in the event loop; who beats in its thread tells it at once."""
        if self._news and threading.get_ident() != self._loop_thread and not self._loop.is_closed():
            self._loop.call_soon_threadsafe(self._tell)

    def _tell(self) -> None:
        if self._telling:
            return  # a listener acts at once: what comes of it is told after what came before
        self._telling = True
        try:
            while self._news:
                self._news.popleft()()
        finally:
            self._telling = False
