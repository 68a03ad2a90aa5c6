"""Sounds that are heard before they are encoded: as ffmpeg hands them on, each in a thread of its own."""

import asyncio
import contextlib
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

from ..models import Sound
from .clip import Clip, GrowingClip
from .supply import Supply, TooSlowError

STREAMS = 16
"""How many sounds never encoded can be streamed at once; a further press waits for a place, or for the encoding."""


@dataclass(eq=False)
class Stream:
    """One sound on its way in; it is ended when nobody wants its clip any more."""

    clip: GrowingClip
    begun: "asyncio.Future[None]"
    """Done when the first packet is there, or it is known that none will be."""

    async def unless(self, levelled: "asyncio.Task[Clip]") -> Clip:
        """The levelled clip if that is there first, else this one: wanted, until :meth:`Clip.abandon` is called.

        Raises:
            UnplayableSoundError: There will be neither.
        """
        self.clip.want()
        with contextlib.ExitStack() as unused:
            unused.callback(self.clip.abandon)
            await either(levelled, self.begun)
            if levelled.done() and isinstance(levelled.exception(), TooSlowError):
                await asyncio.wait([self.begun])
            if levelled.done() and (not levelled.exception() or not self.begun.done()):
                return levelled.result()
            self.begun.result()
            unused.pop_all()
            return self.clip


async def either(*futures: "asyncio.Future[Any]") -> None:
    """Wait until one of them is done, and cancel none."""
    await asyncio.wait(futures, return_when=asyncio.FIRST_COMPLETED)


class Streams:
    """All that is streamed. Its methods are called in the event loop."""

    def __init__(self, supply: Supply) -> None:
        self._supply = supply
        self.running: set[asyncio.Future[None]] = set()
        """What is streamed now; how it ended is known to those who wait for it."""
        self._pool = ThreadPoolExecutor(STREAMS, "jeffbot-streamer")

    def start(self, sound: Sound) -> Stream:
        """Stream a sound, as soon as there is a place."""
        loop = asyncio.get_running_loop()
        stream = Stream(GrowingClip(), loop.create_future())

        def begin() -> None:
            if not stream.begun.done():  # the run may have been cancelled meanwhile
                stream.begun.set_result(None)

        def ended(run: "asyncio.Future[None]") -> None:
            self.running.discard(run)
            if run.cancelled():
                stream.begun.cancel()
            elif error := run.exception():
                stream.begun.set_exception(error)
                stream.begun.exception()  # seen: the sound may have been encoded meanwhile

        run = loop.run_in_executor(
            self._pool, self._supply.stream, sound, stream.clip, lambda: loop.call_soon_threadsafe(begin)
        )
        self.running.add(run)
        run.add_done_callback(ended)
        return stream

    def close(self) -> None:
        """End the threads; blocks until what is streamed has ended."""
        self._pool.shutdown()
