"""Who is subscribed to what, so that whom an event concerns is found without looking at everybody. No I/O."""

import enum
from collections import defaultdict
from collections.abc import Collection, Iterable
from typing import Protocol

from ..models import UserId


class Topic(enum.StrEnum):
    """What can be subscribed to; ``*`` is all but progress, of which nothing is kept."""

    PLAYBACK = "playback"
    QUEUE = "queue"
    LIBRARY = "library"
    VOICE = "voice"
    SETTINGS = "settings"
    FAVOURITES = "favourites"
    PROGRESS = "progress"


class Subscriber(Protocol):
    """A connection."""

    @property
    def user_id(self) -> UserId:
        """Whose it is; taken note of when it subscribes first, until it is dropped."""
        ...

    @property
    def sees_all(self) -> bool:
        """Whether it is told of all guilds, wherever its user is; likewise."""
        ...

    def deliver(self, data: bytes) -> None:
        """Take an event to be sent later, the very object that others get, too. It must neither raise nor wait."""
        ...


class Subscription:
    """What a subscriber is subscribed to."""

    def __init__(self, subscriber: Subscriber) -> None:
        self.user_id = subscriber.user_id
        self.sees_all = subscriber.sees_all
        self.topics: set[Topic] = set()


class Audience:
    """The subscribers of one topic."""

    def __init__(self) -> None:
        self._by_user: defaultdict[UserId, dict[Subscriber, bool]] = defaultdict(dict)
        """And of each whether it sees all."""
        self._seeing_all: dict[Subscriber, None] = {}

    def __bool__(self) -> bool:
        return bool(self._by_user)

    def add(self, subscriber: Subscriber, subscription: Subscription) -> None:
        """Have one more."""
        self._by_user[subscription.user_id][subscriber] = subscription.sees_all
        if subscription.sees_all:
            self._seeing_all[subscriber] = None

    def remove(self, subscriber: Subscriber, subscription: Subscription) -> None:
        """Have one fewer, who was added before."""
        theirs = self._by_user[subscription.user_id]
        del theirs[subscriber]
        if not theirs:
            del self._by_user[subscription.user_id]
        self._seeing_all.pop(subscriber, None)

    def everyone(self) -> list[Subscriber]:
        """All of them."""
        return [subscriber for theirs in self._by_user.values() for subscriber in theirs]

    def of(self, user_id: UserId) -> list[Subscriber]:
        """Those of one user."""
        return list(self._by_user.get(user_id, ()))

    def among(self, users: Collection[UserId]) -> list[Subscriber]:
        """Those of some users, and all that see all.

        O(those users or those who are subscribed, whichever are fewer), where ``users`` can be looked up in in O(1).
        """
        few: Iterable[UserId]
        few, many = (users, self._by_user) if len(users) < len(self._by_user) else (self._by_user, users)
        theirs = (self._by_user[user_id] for user_id in few if user_id in many)
        return [subscriber for mine in theirs for subscriber, all_ in mine.items() if not all_] + [*self._seeing_all]
