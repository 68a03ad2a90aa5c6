"""Changes of the library: one after the other, and each to its end."""

import asyncio
import logging
from collections.abc import Coroutine
from typing import Any

from ..errors import SoundboardError
from ..tasks import start_now

logger = logging.getLogger(__name__)


class Changes:
    """Carries changes out in turn, also when whoever asked for one no longer waits for it.

    A change is reading what there is, writing to the store, moving files, and having all that in the catalog.
    """

    def __init__(self) -> None:
        self._turn = asyncio.Lock()
        self._running: set[asyncio.Task[Any]] = set()

    async def carry_out[T](self, change: Coroutine[Any, Any, T]) -> T:
        """What comes of a change; cancelling does not take it back."""
        task = start_now(self._in_turn(change), "jeffbot change")
        self._running.add(task)
        task.add_done_callback(self._ended)
        return await asyncio.shield(task)

    async def wait(self) -> None:
        """Wait until all that were asked for have ended."""
        while self._running:
            await asyncio.wait(self._running)

    async def _in_turn[T](self, change: Coroutine[Any, Any, T]) -> T:
        async with self._turn:
            return await change

    def _ended(self, task: "asyncio.Task[Any]") -> None:
        self._running.discard(task)
        if not task.cancelled() and (error := task.exception()) and not isinstance(error, SoundboardError):
            logger.debug("a change failed", exc_info=error)  # whoever asked for it has been told, if they still wait
