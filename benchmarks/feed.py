"""What an event of the remote control costs: encoded once, numbered, kept, and handed to whom it concerns.

Nothing is sent: each client takes note of the bytes, as a queue does. Every event is one of "a sound began".

    python benchmarks/feed.py [--events 2000]
"""

import argparse
import time
from collections import deque
from collections.abc import Collection

import report

from jeffbot.models import GuildId, UserId
from jeffbot.ws.events import PlaybackStarted
from jeffbot.ws.feed import Feed, Topic

BEGAN = PlaybackStarted(
    playback_id="0123456789abcdef0123456789abcdef",
    filename="airhorn.mp3",
    title="Air horn",
    channel="General",
    channel_id="1234567890123456789",
    duration=1.5,
    position=0.02,
)


class Client:
    """A connection with a queue of its own."""

    sees_all = False

    def __init__(self, user_id: int) -> None:
        self.user_id = UserId(user_id)
        self.deliver = deque[bytes](maxlen=64).append


class Where:
    """So many people in each of so many guilds."""

    def __init__(self, guilds: int, people: int) -> None:
        self.guilds = [GuildId(number + 1) for number in range(guilds)]
        self.people = {guild_id: {UserId(guild_id * 10_000 + i) for i in range(people)} for guild_id in self.guilds}

    def users_in(self, guild_id: GuildId) -> Collection[UserId]:
        """Who is in voice there."""
        return self.people[guild_id]

    def guild_of(self, user_id: UserId) -> GuildId | None:
        """Where someone is."""
        return GuildId(user_id // 10_000)

    def only_guild(self) -> GuildId | None:
        """The bot's only guild."""
        return self.guilds[0] if len(self.guilds) == 1 else None


def measure(guilds: int, in_voice: int, subscribed: int, events: int) -> dict[str, object]:
    """The cost of events of all guilds in turn; so many of those in voice in each are subscribed."""
    where = Where(guilds, in_voice)
    feed = Feed(where)
    for people in where.people.values():
        for user_id in sorted(people)[:subscribed]:
            feed.subscribe(Client(user_id), ["*"])
    costs = []
    for number in range(events):
        began = time.perf_counter()
        feed.publish(
            Topic.PLAYBACK, "playback.started", BEGAN, guild_id=where.guilds[number % guilds], user_id=UserId(1)
        )
        costs.append(time.perf_counter() - began)
    row: dict[str, object] = {"guilds": f"{guilds}", "subscribers": guilds * subscribed, "told": subscribed}
    return row | {f"{key} us": 1e6 * value for key, value in report.spread(costs).items()}


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--events", type=int, default=2000, help="events of each kind (default 2000)")
    events = parser.parse_args().events
    shapes = [(50, 10, 0), (50, 10, 10), (50, 1000, 10), (1000, 10, 10), (1, 1000, 1000)]
    print(report.machine(), report.load(), sep="\n")
    print(report.table([measure(*shape, events) for shape in shapes]))


if __name__ == "__main__":
    main()
