"""What happens at a soundboard, for those in a program who want to hear of it.

Cost: an event is decoded once, and costs O(consumers). Each consumer has at most MAX_WAITING events waiting.
"""

import asyncio
import contextlib
import weakref
from collections import deque
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any, Literal, Self

import msgspec

from ..ws.replies import Subscribed
from .errors import ConnectionEndedError, RemoteError

MAX_WAITING = 4096
"""The most events that wait for one consumer; a slower one is told to :class:`Resync`."""
ALL = "*"
HIGH_VOLUME = "progress"
"""The topic that is not among all."""

type ChangeTopics = Callable[[str, dict[str, object]], Awaitable[object]]
"""Sends ``subscribe`` or ``unsubscribe`` with these fields."""


class Event(msgspec.Struct, frozen=True, kw_only=True, rename={"name": "event"}):
    """Something that happened; ``docs/api.md`` says what ``data`` has under each name."""

    topic: str
    name: str
    seq: int
    """Grows with every event of the bot."""
    timestamp: float
    """Seconds since the epoch."""
    guild_id: str | None
    user_id: str | None
    """Who did it, or whom it is about."""
    data: dict[str, Any]


@dataclass(frozen=True, slots=True)
class Resync:
    """Events were missed that cannot be had any more: read again what matters, such as the status."""

    name: Literal["resync"] = "resync"


class Events:
    """The events of some topics; made by :meth:`RemoteClient.events`.

    Iterate over it. As a context manager it is subscribed when the body begins, and unsubscribed after it; without, it
    is subscribed when its first event is asked for. It ends when the client is closed.
    """

    def __init__(self, topics: tuple[str, ...], hub: "Hub") -> None:
        self._topics = frozenset(topics)
        self._hub = hub
        self._waiting: deque[Event | Resync] = deque()
        self._news = asyncio.Event()
        self._subscribed = False
        self._is_over = False
        self._error: Exception | None = None

    async def __aenter__(self) -> Self:
        """Subscribe.

        Raises:
            RemoteError: There is no such topic.
            ConnectionEndedError: There is no connection.
        """
        if not self._subscribed:
            self._subscribed = True
            await self._hub.add(self)
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.aclose()

    async def aclose(self) -> None:
        """Hear no more."""
        self.end(None)
        await self._hub.remove(self)

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> Event | Resync:
        """What happened next.

        Raises:
            RemoteError: There is no such topic.
            ConnectionEndedError: The connection has ended, and will not come back.
        """
        await self.__aenter__()
        while not self._waiting:
            if self._error:
                raise self._error
            if self._is_over:
                raise StopAsyncIteration
            self._news.clear()
            await self._news.wait()
        return self._waiting.popleft()

    @property
    def topics(self) -> frozenset[str]:
        """As they were asked for."""
        return self._topics

    def wants(self, topic: str) -> bool:
        """Whether events of this topic are for it."""
        return topic in self._topics or (ALL in self._topics and topic != HIGH_VOLUME)

    def put(self, event: Event | Resync) -> None:
        """Have it yielded."""
        if self._is_over:
            return
        if len(self._waiting) >= MAX_WAITING:
            self._waiting.clear()
            self._waiting.append(Resync())
        self._waiting.append(event)
        self._news.set()

    def end(self, error: Exception | None) -> None:
        """Yield what waits, and then no more."""
        if not self._is_over:
            self._is_over, self._error = True, error
            self._news.set()


class Hub:
    """All consumers of one client, and where they stopped hearing. A consumer that nobody holds is forgotten."""

    def __init__(self, change: ChangeTopics) -> None:
        self._change = change
        self._consumers: weakref.WeakSet[Events] = weakref.WeakSet()
        self._epoch = ""
        self._seq = 0
        self._told: tuple[str, ...] = ()
        """What the server says is subscribed to."""
        self._resuming = False

    async def add(self, consumer: Events) -> None:
        """Subscribe for a consumer."""
        self._consumers.add(consumer)
        try:
            await self._change("subscribe", {"topics": sorted(consumer.topics)})
        except BaseException:
            self._consumers.discard(consumer)
            raise

    async def remove(self, consumer: Events) -> None:
        """Unsubscribe from what nobody else wants."""
        if consumer not in self._consumers:
            return
        self._consumers.discard(consumer)
        unwanted = [topic for topic in self._told if not any(other.wants(topic) for other in self._consumers)]
        if unwanted:
            with contextlib.suppress(
                RemoteError, ConnectionEndedError, TimeoutError
            ):  # then it hears what nobody reads
                await self._change("unsubscribe", {"topics": unwanted})

    def broke(self) -> None:
        """Nothing is subscribed to any more."""
        self._told = ()

    def resumption(self, *, as_another: bool = False) -> dict[str, object] | None:
        """The fields of the ``subscribe`` that goes on after a break; None: nobody wants to hear.

        Args:
            as_another: The user is another now, and what they see is, too.
        """
        topics = sorted({topic for consumer in self._consumers for topic in consumer.topics})
        if not topics:
            return None
        if as_another:
            self.resync()
        self._resuming = bool(self._epoch) and not as_another
        since = {"since": {"epoch": self._epoch, "seq": self._seq}} if self._resuming else {}
        return {"topics": topics, **since}

    def hear(self, action: str, text: str) -> None:
        """Take a message, in the order they come."""
        if action == "event":
            self._deliver(msgspec.json.decode(text, type=Event))
        elif action == "subscribe":
            self._note(msgspec.json.decode(text, type=Subscribed))
        elif action == "unsubscribe":
            self._told = msgspec.json.decode(text, type=_Topics).topics

    def resync(self) -> None:
        """Tell everybody that something was missed."""
        for consumer in tuple(self._consumers):
            consumer.put(Resync())

    def end(self, error: Exception | None) -> None:
        """Tell everybody that nothing more will come."""
        for consumer in tuple(self._consumers):
            consumer.end(error)

    def _deliver(self, event: Event) -> None:
        self._seq = max(self._seq, event.seq)
        for consumer in tuple(self._consumers):
            if consumer.wants(event.topic):
                consumer.put(event)

    def _note(self, told: Subscribed) -> None:
        resuming, self._resuming = self._resuming, False
        self._told = told.topics
        if told.resync:
            self.resync()
        if told.epoch != self._epoch:
            self._epoch, self._seq = told.epoch, told.seq
        elif told.resync or not resuming:  # else what was missed is yet to come
            self._seq = max(self._seq, told.seq)


class _Topics(msgspec.Struct):
    topics: tuple[str, ...]
