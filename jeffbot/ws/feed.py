"""Events for who has subscribed: numbered, kept for a while, told to whom they concern. No I/O.

Cost: an event is encoded once and costs O(those who get it), or, of a guild, O(users in voice there) or O(subscribed
users), whichever are fewer. Memory: O(subscribers), and what :mod:`jeffbot.ws.history` keeps.
"""

import secrets
import time
from collections.abc import Callable, Collection, Iterable
from typing import Any, NamedTuple, Protocol

import msgspec
from msgspec import Struct

from ..events import EventHub
from ..models import GuildId, UserId
from .audience import Audience, Subscriber, Subscription, Topic
from .history import MAX_KEPT_BYTES, RING, History, Past

__all__ = ["ALL", "Event", "Feed", "Sight", "Since", "Subscribed", "Subscriber", "Topic"]

ALL = "*"


class Since(Struct, frozen=True):
    """The last event that a client has seen."""

    epoch: str
    seq: int


class Event(Struct, frozen=True, kw_only=True, tag_field="action", tag="event"):
    """Something that has happened, as it is sent."""

    topic: Topic
    event: str
    """Its name, which says what ``data`` has: see :data:`jeffbot.ws.bulletins.EVENTS`."""
    seq: int
    """Grows with every event of the bot, also with those that the recipient may not see."""
    timestamp: float
    """Seconds since the epoch."""
    guild_id: str | None
    """Where it happened; None: it is of no guild."""
    user_id: str | None
    """Who did it, or whom it is about; None: nobody in particular."""
    data: Any


class Subscribed(NamedTuple):
    """What comes of subscribing."""

    topics: tuple[Topic, ...]
    """All that are subscribed to now."""
    epoch: str
    seq: int
    """The number of the last event so far."""
    resync: bool
    """Whether more may have been missed than is kept: what there is has to be read anew."""
    missed: list[bytes]
    """What was missed, oldest first; it comes before everything that is delivered from now on."""


class Sight(Protocol):
    """Where people are."""

    def users_in(self, guild_id: GuildId) -> Collection[UserId]:
        """Who is in voice in a guild; O(1) to get, and to look somebody up in."""
        ...

    def guild_of(self, user_id: UserId) -> GuildId | None:
        """The guild someone is in voice in, or the bot's only one."""
        ...

    def only_guild(self) -> GuildId | None:
        """The bot's guild, where it is a member of just one: everybody sees that."""
        ...


class Feed:
    """All events of one bot.

    Args:
        sight: Says who is where: events of a guild are for who is in voice there.
        epoch: What tells this run of the bot from others, in which ``seq`` counts anew.
        ring: How many events of a guild are kept.
        max_bytes: How much is kept over all guilds.
        clock: Seconds since the epoch.
    """

    def __init__(
        self,
        sight: Sight,
        *,
        epoch: str | None = None,
        ring: int = RING,
        max_bytes: int = MAX_KEPT_BYTES,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._sight = sight
        self.epoch = epoch or secrets.token_hex(4)
        self.seq = 0
        """The number of the last event."""
        self.interest: EventHub[Topic] = EventHub()
        """Tells of a topic that it has its first subscriber, or has none any more."""
        self._clock = clock
        self._encode = msgspec.json.Encoder().encode
        self._history = History(ring, max_bytes)
        self._subscriptions: dict[Subscriber, Subscription] = {}
        self._audiences = {topic: Audience() for topic in Topic}

    # Telling

    def publish(
        self,
        topic: Topic,
        name: str,
        data: Struct | dict[str, Any],
        *,
        guild_id: GuildId | None = None,
        user_id: UserId | None = None,
        only_user: UserId | None = None,
    ) -> None:
        """Tell of something: those who see the guild, or everybody where it is of none.

        Args:
            topic: Who is subscribed to this.
            name: What happened.
            data: The rest of it.
            guild_id: Where.
            user_id: Who did it, or whom it is about.
            only_user: Tell them alone, and nobody else who sees all, either.
        """
        recipients = self._recipients(topic, guild_id, only_user)
        self.seq += 1
        if topic is Topic.PROGRESS and not recipients:
            return
        event = Event(
            topic=topic,
            event=name,
            seq=self.seq,
            timestamp=self._clock(),
            guild_id=None if guild_id is None else str(guild_id),
            user_id=None if user_id is None else str(user_id),
            data=data,
        )
        encoded = self._encode(event)
        if topic is not Topic.PROGRESS:
            self._history.add(guild_id if only_user is None else None, Past(self.seq, topic, only_user, encoded))
        for subscriber in recipients:
            subscriber.deliver(encoded)

    def _recipients(self, topic: Topic, guild_id: GuildId | None, only_user: UserId | None) -> list[Subscriber]:
        audience = self._audiences[topic]
        if only_user is not None:
            return audience.of(only_user)
        if guild_id is None or guild_id == self._sight.only_guild():
            return audience.everyone()
        return audience.among(self._sight.users_in(guild_id)) if audience else []

    def forget(self, guild_id: GuildId) -> None:
        """Keep nothing of a guild, such as one that the bot has left."""
        self._history.forget(guild_id)

    # Subscribing

    def has_subscribers(self, topic: Topic) -> bool:
        """Whether anybody is subscribed to a topic."""
        return bool(self._audiences[topic])

    def subscribe(self, subscriber: Subscriber, topics: Iterable[str], since: Since | None = None) -> Subscribed:
        """Have events of these topics delivered, too, and get those that were missed of the ones that are new.

        Raises:
            ValueError: There is no such topic; in words for people.
        """
        wanted = _parsed(topics)
        subscription = self._subscriptions.setdefault(subscriber, Subscription(subscriber))
        new = wanted - subscription.topics
        for topic in new:
            self._change(topic, Audience.add, subscriber, subscription)
        subscription.topics |= wanted
        missed = [] if since is None else self._missed(subscription, new, since)
        return self._subscribed(subscription, missed)

    def unsubscribe(self, subscriber: Subscriber, topics: Iterable[str]) -> Subscribed:
        """Have no more events of these topics delivered; here ``*`` is all of them, progress included.

        Raises:
            ValueError: As for :meth:`subscribe`.
        """
        topics = set(topics)
        unwanted = set(Topic) if ALL in topics else _parsed(topics)
        subscription = self._subscriptions.setdefault(subscriber, Subscription(subscriber))
        for topic in unwanted & subscription.topics:
            self._change(topic, Audience.remove, subscriber, subscription)
        subscription.topics -= unwanted
        return self._subscribed(subscription, [])

    def drop(self, subscriber: Subscriber) -> None:
        """Forget a subscriber, such as one whose connection is closed, or whose user is another now."""
        if subscription := self._subscriptions.pop(subscriber, None):
            for topic in subscription.topics:
                self._change(topic, Audience.remove, subscriber, subscription)

    def _change(
        self,
        topic: Topic,
        how: Callable[[Audience, Subscriber, Subscription], None],
        subscriber: Subscriber,
        subscription: Subscription,
    ) -> None:
        before = self.has_subscribers(topic)
        how(self._audiences[topic], subscriber, subscription)
        if self.has_subscribers(topic) is not before:
            self.interest.publish(topic)

    def _subscribed(self, subscription: Subscription, missed: list[bytes] | None) -> Subscribed:
        topics = tuple(topic for topic in Topic if topic in subscription.topics)
        return Subscribed(topics, self.epoch, self.seq, missed is None, missed or [])

    def _missed(self, subscription: Subscription, topics: Collection[Topic], since: Since) -> list[bytes] | None:
        """What was missed of some topics, as far as the subscriber sees it now; None: that cannot be said."""
        if since.epoch != self.epoch or not 0 <= since.seq <= self.seq:
            return None
        guilds = None if subscription.sees_all else (None, self._sight.guild_of(subscription.user_id))
        later = self._history.since(since.seq, guilds)
        if later is None:
            return None
        to_them = {None, subscription.user_id}
        return [event.data for event in later if event.topic in topics and event.only_user in to_them]


def _parsed(topics: Iterable[str]) -> set[Topic]:
    named: set[Topic] = set()
    for topic in topics:
        if topic == ALL:
            named.update(set(Topic) - {Topic.PROGRESS})
        elif topic in _TOPICS:
            named.add(Topic(topic))
        else:
            raise ValueError(f"There is no such topic; there are {', '.join(Topic)}, and {ALL} for all but progress")
    return named


_TOPICS = frozenset(Topic)
