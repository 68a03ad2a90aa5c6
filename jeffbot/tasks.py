"""Starting tasks."""

import asyncio
from collections.abc import Coroutine
from typing import Any


def start_now[T](work: Coroutine[Any, Any, T], name: str) -> "asyncio.Task[T]":
    """A task that has run up to its first wait when this returns.

    So what is asked for first is under way first, and the path from a press to its packet has no turns of the event
    loop in it.
    """
    return asyncio.Task(work, loop=asyncio.get_running_loop(), name=name, eager_start=True)


async def run_until[T](event: asyncio.Event, work: Coroutine[Any, Any, T], name: str) -> "asyncio.Task[T]":
    """Some work's task, which has ended: by itself, or cancelled when the event was set. Cancelling this ends both."""
    task, set_first = start_now(work, name), asyncio.create_task(event.wait())
    try:
        await asyncio.wait([task, set_first], return_when=asyncio.FIRST_COMPLETED)
    finally:
        set_first.cancel()
        if not task.done():
            task.cancel()
            await asyncio.wait([task])
    return task
