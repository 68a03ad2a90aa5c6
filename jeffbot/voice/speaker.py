"""Starting and stopping sound on one voice connection, by Nextcord's own audio player.

The player's thread lives while sounds follow one another; a new sound is put in the place of the old one, so that two
threads never share the connection's packet counters.
"""

import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import nextcord

from ..audio.bank import Packets
from ..audio.opus import SILENCE
from ..models import EndReason, Seconds

TRAILING_SILENCE = 5
"""Packets of silence after a sound (Discord: Voice Connections, "Voice Data Interpolation")."""
_THREAD_END: Seconds = 0.5


@dataclass(eq=False, slots=True)
class _Track:
    packets: Iterator[bytes]
    on_begin: Callable[[], None]
    on_end: Callable[[EndReason], None]
    begun: bool = False


class _Source(nextcord.AudioSource):
    """What the player's thread reads: the current track, then silence, then the end."""

    def __init__(self, track: _Track) -> None:
        self._lock = threading.Lock()
        self._track: _Track | None = track
        self._sending: _Track | None = None
        self._silence = TRAILING_SILENCE
        self._ended = False

    def is_opus(self) -> bool:
        return True

    def swap(self, track: _Track | None) -> tuple[bool, _Track | None]:
        """Put a track in the current one's place; (whether it will be read, the track it replaced)."""
        with self._lock:
            old, self._track = self._track, None if self._ended else track
            return not self._ended, old

    def finish(self) -> _Track | None:
        """Let the thread read the end next; gives back the track that this cuts off."""
        with self._lock:
            self._ended = True
            old, self._track = self._track, None
            return old

    def read(self) -> bytes:
        with self._lock:
            track = self._sending = self._track
            packet = next(track.packets, None) if track and not self._ended else None
            if packet is not None:
                self._silence = TRAILING_SILENCE
                return packet
            self._track = self._sending = None
            self._ended = ended = self._ended or self._silence == 0
            self._silence -= 1
        if track:
            track.on_end(EndReason.FINISHED)
        return b"" if ended else SILENCE

    def packet_sent(self) -> None:
        with self._lock:
            track = self._sending
            if track is None or track.begun or track is not self._track:  # the last: it has been cut off meanwhile
                return
            track.begun = True
        track.on_begin()


class Speaker:
    """The sound of one voice client. ``start`` and ``stop`` are called in the event loop."""

    def __init__(self, client: nextcord.VoiceClient) -> None:
        self._client = client
        self._source: _Source | None = None

    def start(self, packets: Packets, on_begin: Callable[[], None], on_end: Callable[[EndReason], None]) -> None:
        """Play these packets from now on, in place of what plays.

        Both callbacks may come from another thread: ``on_begin`` when the first packet has left, ``on_end`` once, with
        the reason.

        Raises:
            nextcord.ClientException: The client is not connected.
        """
        track = _Track(iter(packets), on_begin, on_end)
        if self._source is not None:
            taken, old = self._source.swap(track)
            if old:
                old.on_end(EndReason.REPLACED)
            if taken:
                return
            self._join_player()
        source = self._source = _Source(track)

        def player_ended(error: Exception | None) -> None:
            cut_off = source.finish()
            if cut_off:
                cut_off.on_end(EndReason.FAILED if error else EndReason.LEFT)

        try:
            self._client.play(source, after=player_ended)
        except nextcord.ClientException:
            self._source = None
            raise

    def stop(self) -> None:
        """End what plays; the player adds its silence and ends."""
        if self._source is not None:
            _, old = self._source.swap(None)
            if old:
                old.on_end(EndReason.STOPPED)

    def close(self) -> None:
        """The connection ends, and what plays with it."""
        if self._source is not None:
            old = self._source.finish()
            if old:
                old.on_end(EndReason.LEFT)

    def packet_sent(self) -> None:
        """A packet has left; called in the player's thread."""
        if self._source is not None:
            self._source.packet_sent()

    def _join_player(self) -> None:
        """Let a thread that has read the end close the speaking state before a new one opens it: microseconds."""
        player = self._client._player
        if player is not None:
            player.join(_THREAD_END)
