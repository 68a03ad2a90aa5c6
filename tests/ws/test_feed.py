"""The feed of events: who is told what, once and in order, and what is kept for who comes back."""

import json
from collections.abc import Collection, Iterator
from typing import Any

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import Bundle, RuleBasedStateMachine, consumes, initialize, invariant, rule
from msgspec import Struct

from jeffbot.models import GuildId, UserId
from jeffbot.ws.feed import Feed, Since, Topic

CAVE, TOWER = GuildId(81), GuildId(82)
ALICE, BOB, CAROL = UserId(1), UserId(2), UserId(3)
KEPT = [topic for topic in Topic if topic is not Topic.PROGRESS]
FEW = [Topic.PLAYBACK, Topic.QUEUE, Topic.PROGRESS]


class Where:
    """Who is where; Alice is in the Cave, Bob in the Tower."""

    def __init__(self) -> None:
        self.guilds = [CAVE, TOWER]
        self.places: dict[UserId, GuildId] = {ALICE: CAVE, BOB: TOWER}
        self.looked_at: list[Any] = []

    def users_in(self, guild_id: GuildId) -> Collection[UserId]:
        return {user for user, place in self.places.items() if place == guild_id}

    def guild_of(self, user_id: UserId) -> GuildId | None:
        return self.places.get(user_id, self.only_guild())

    def only_guild(self) -> GuildId | None:
        return self.guilds[0] if len(self.guilds) == 1 else None


class Client:
    """A connection that reads at once."""

    def __init__(self, user_id: UserId = ALICE, *, sees_all: bool = False) -> None:
        self.user_id = user_id
        self.sees_all = sees_all
        self.got: list[bytes] = []

    def deliver(self, data: bytes) -> None:
        self.got.append(data)

    @property
    def events(self) -> list[dict[str, Any]]:
        return [json.loads(data) for data in self.got]

    @property
    def names(self) -> list[str]:
        return [event["event"] for event in self.events]


class Said(Struct):
    """What an event says."""

    word: str


@pytest.fixture
def where() -> Where:
    """Who is where."""
    return Where()


@pytest.fixture
def feed(where: Where) -> Feed:
    """A feed that keeps four events of each guild."""
    return Feed(where, epoch="k3f9", ring=4, clock=lambda: 1700.5)


def happen(feed: Feed, *names: str, guild_id: GuildId | None = CAVE, **more: Any) -> None:
    """Have something happen."""
    for name in names:
        feed.publish(Topic.PLAYBACK, name, {}, guild_id=guild_id, **more)


def missed(feed: Feed, client: Client, seq: int, *topics: str, epoch: str = "k3f9") -> list[str] | None:
    """The names of what someone has missed who comes now; None: they are told to read anew."""
    subscribed = feed.subscribe(client, topics or ("*",), Since(epoch, seq))
    assert not (subscribed.resync and subscribed.missed)
    return None if subscribed.resync else [json.loads(data)["event"] for data in subscribed.missed]


def test_event(feed: Feed) -> None:
    """An event says what, when, where and who, with ids as strings."""
    client = Client()
    feed.subscribe(client, ["playback"])
    feed.publish(Topic.PLAYBACK, "playback.ended", Said("bye"), guild_id=CAVE, user_id=BOB)

    assert client.events == [
        {
            "action": "event",
            "topic": "playback",
            "event": "playback.ended",
            "seq": 1,
            "timestamp": 1700.5,
            "guild_id": "81",
            "user_id": "2",
            "data": {"word": "bye"},
        }
    ]


def test_encoded_once(feed: Feed) -> None:
    """All who hear of an event get the very same object."""
    clients = [Client(), Client(), Client(CAROL, sees_all=True)]
    for client in clients:
        feed.subscribe(client, ["*"])
    happen(feed, "a")

    assert len({id(client.got[0]) for client in clients}) == 1


def test_topics_are_a_set(feed: Feed) -> None:
    """Subscribing adds, repeating changes nothing, and the answer is all of it, in one order."""
    client = Client()
    assert feed.subscribe(client, ["voice", "playback"]).topics == (Topic.PLAYBACK, Topic.VOICE)
    assert feed.subscribe(client, ["playback", "queue"]).topics == (Topic.PLAYBACK, Topic.QUEUE, Topic.VOICE)
    assert feed.unsubscribe(client, ["voice", "library"]).topics == (Topic.PLAYBACK, Topic.QUEUE)
    happen(feed, "a")

    assert client.names == ["a"]


def test_all_but_progress(feed: Feed) -> None:
    """The asterisk subscribes to all topics but progress, and unsubscribes from all."""
    client = Client()
    assert list(feed.subscribe(client, ["*"]).topics) == KEPT
    assert list(feed.subscribe(client, ["progress"]).topics) == list(Topic)
    assert feed.unsubscribe(client, ["*"]).topics == ()


@pytest.mark.parametrize("change", [Feed.subscribe, Feed.unsubscribe])
def test_unknown_topic(feed: Feed, change: Any) -> None:
    """Where one topic is unknown the error names those there are, and nothing changes."""
    client = Client()
    feed.subscribe(client, ["voice"])
    with pytest.raises(ValueError, match=r"playback, queue, library, voice, settings, favourites, progress, and \*"):
        change(feed, client, ["voice", "queue", "weather"])

    assert feed.subscribe(client, []).topics == (Topic.VOICE,)


def test_dropped(feed: Feed) -> None:
    """Who is dropped hears no more, twice does no harm, and nobody is left who is subscribed."""
    clients = Client(), Client(CAROL, sees_all=True)
    for client in clients:
        feed.subscribe(client, ["*"])
        feed.drop(client)
        feed.drop(client)
    feed.subscribe(other := Client(), ["playback"])
    happen(feed, "a")
    feed.drop(other)

    assert other.names == ["a"]
    assert not any(client.got for client in clients)
    assert not any(map(feed.has_subscribers, Topic))


def test_user_changes(feed: Feed) -> None:
    """A connection is whose it was when it subscribed, until it is dropped and subscribes anew."""
    client = Client(ALICE)
    feed.subscribe(client, ["playback"])
    client.user_id = BOB
    happen(feed, "a")
    feed.drop(client)
    feed.subscribe(client, ["playback"])
    happen(feed, "b")
    happen(feed, "c", guild_id=TOWER)

    assert client.names == ["a", "c"]


def test_who_sees(feed: Feed, where: Where) -> None:
    """What happens in a guild is for who is in voice there now, and for who sees all."""
    alice, bob, admin = Client(ALICE), Client(BOB), Client(CAROL, sees_all=True)
    for client in (alice, bob, admin):
        feed.subscribe(client, ["playback"])
    happen(feed, "a")
    happen(feed, "b", guild_id=TOWER)
    where.places[BOB] = CAVE
    happen(feed, "c")
    happen(feed, "d", guild_id=None)

    assert alice.names == ["a", "c", "d"]
    assert bob.names == ["b", "c", "d"]
    assert admin.names == ["a", "b", "c", "d"]


def test_admin_in_the_guild(feed: Feed) -> None:
    """Who sees all and is in the guild hears of an event once."""
    admin = Client(ALICE, sees_all=True)
    feed.subscribe(admin, ["playback"])
    happen(feed, "a")

    assert admin.names == ["a"]


def test_only_guild(feed: Feed, where: Where) -> None:
    """Where the bot is in one guild, everybody sees it, wherever they are; also what they missed."""
    where.guilds = [CAVE]
    client = Client(CAROL)
    feed.subscribe(client, ["playback"])
    happen(feed, "a")

    assert client.names == ["a"]
    assert missed(feed, Client(CAROL), 0) == ["a"]


def test_only_one_user(feed: Feed) -> None:
    """What is for one user goes to all their connections and to nobody else, at once and later."""
    phone, desk = Client(BOB), Client(BOB, sees_all=True)
    others = Client(ALICE), Client(CAROL, sees_all=True)
    for client in (phone, desk, *others):
        feed.subscribe(client, ["playback"])
    happen(feed, "a", only_user=BOB)

    assert phone.names == desk.names == ["a"]
    assert not any(other.got for other in others)
    assert missed(feed, Client(BOB), 0) == ["a"]
    assert missed(feed, Client(CAROL, sees_all=True), 0) == []


def test_only_one_user_elsewhere(feed: Feed) -> None:
    """What is for one user reaches them also when it happened in a guild they are not in."""
    bob = Client(BOB)
    feed.subscribe(bob, ["playback"])
    happen(feed, "a", guild_id=CAVE, only_user=BOB)

    assert bob.names == ["a"]
    assert missed(feed, Client(BOB), 0) == ["a"]


def test_missed(feed: Feed) -> None:
    """Who comes back gets what they missed of their topics, of their guild and of none, in order."""
    happen(feed, "a", "b")
    happen(feed, "elsewhere", guild_id=TOWER)
    feed.publish(Topic.QUEUE, "q", {}, guild_id=CAVE)
    happen(feed, "c", guild_id=None)
    happen(feed, "d")

    assert missed(feed, Client(), 1) == ["b", "q", "c", "d"]
    assert missed(feed, Client(), 1, "playback") == ["b", "c", "d"]
    assert missed(feed, Client(), 6) == []
    assert missed(feed, Client(BOB), 0) == ["elsewhere", "c"]
    assert missed(feed, Client(CAROL, sees_all=True), 0) == ["a", "b", "elsewhere", "q", "c", "d"]


def test_missed_of_new_topics(feed: Feed) -> None:
    """What is delivered already is not among the missed when another topic is added."""
    client = Client()
    feed.subscribe(client, ["playback"])
    happen(feed, "a")
    feed.publish(Topic.QUEUE, "q", {}, guild_id=CAVE)

    assert missed(feed, client, 0, "playback", "queue") == ["q"]


@pytest.mark.parametrize(("seq", "epoch"), [(0, "k3f8"), (4, "k3f9"), (-1, "k3f9")])
def test_unknown_since(feed: Feed, seq: int, epoch: str) -> None:
    """Who comes from another run of the bot, or from ahead of it, has to read anew."""
    happen(feed, "a", "b", "c")

    assert missed(feed, Client(), seq, epoch=epoch) is None


def test_older_than_the_ring(feed: Feed) -> None:
    """Who missed more of their guild than is kept has to read anew; what happened elsewhere does not matter."""
    happen(feed, "a", "b", "c", "d", "e")
    happen(feed, "f", guild_id=TOWER)

    assert missed(feed, Client(), 0) is None
    assert missed(feed, Client(), 1) == ["b", "c", "d", "e"]
    assert missed(feed, Client(BOB), 0) == ["f"]
    assert missed(feed, Client(CAROL, sees_all=True), 0) is None


def test_progress_is_not_kept(feed: Feed) -> None:
    """Progress takes no place in a ring, and counts as an event all the same."""
    client = Client()
    feed.subscribe(client, ["progress"])
    happen(feed, "a")
    for _ in range(10):
        feed.publish(Topic.PROGRESS, "p", {}, guild_id=CAVE)

    assert client.names == ["p"] * 10
    assert client.events[-1]["seq"] == 11
    assert missed(feed, Client(), 0, "*", "progress") == ["a"]


def test_guild_left(feed: Feed) -> None:
    """Of a guild that the bot has left nothing is kept; who was not told of all of it has to read anew, also later."""
    happen(feed, "of none", guild_id=None)
    happen(feed, "a")
    feed.forget(CAVE)
    assert missed(feed, Client(), 1) is None
    assert missed(feed, Client(), 2) == []
    happen(feed, "b")

    assert missed(feed, Client(), 1) is None
    assert missed(feed, Client(), 2) == ["b"]


def test_memory(where: Where) -> None:
    """Beyond the most that is kept over all guilds, those lose theirs in which nothing happened for longest."""
    feed = Feed(where, epoch="k3f9", max_bytes=4000)
    happen(feed, "in the tower", guild_id=TOWER)
    happen(feed, "in the cave")
    happen(feed, *["in the tower"] * 8, guild_id=TOWER)

    assert missed(feed, Client(ALICE), 0) == ["in the cave"]
    happen(feed, *["in the tower"] * 2, guild_id=TOWER)
    assert missed(feed, Client(ALICE), 0) is None
    assert missed(feed, Client(BOB), 2) == ["in the tower"] * 10
    happen(feed, *["in the tower"] * 20, guild_id=TOWER)
    assert missed(feed, Client(BOB), 2) is None


def test_interest(feed: Feed) -> None:
    """It is told when a topic gets its first subscriber and when it loses its last, and only then."""
    told: list[tuple[Topic, bool]] = []
    feed.interest.subscribe(lambda topic: told.append((topic, feed.has_subscribers(topic))))
    one, other = Client(), Client(BOB)
    feed.subscribe(one, ["progress"])
    feed.subscribe(other, ["progress"])
    feed.unsubscribe(one, ["progress"])
    feed.drop(other)

    assert told == [(Topic.PROGRESS, True), (Topic.PROGRESS, False)]


def test_dropped_while_delivering(feed: Feed) -> None:
    """A connection that closes when it is told something keeps nobody else from hearing it."""

    class Full(Client):
        def deliver(self, data: bytes) -> None:
            super().deliver(data)
            feed.drop(self)

    clients = [Full(), Full(), Client()]
    for client in clients:
        feed.subscribe(client, ["playback"])
    happen(feed, "a", "b")

    assert [client.names for client in clients] == [["a"], ["a"], ["a", "b"]]


class Looked(set[UserId]):
    """Users, and whether they were looked through or looked up in."""

    def __init__(self, *users: UserId) -> None:
        super().__init__(users)
        self.how: set[str] = set()

    def __iter__(self) -> Iterator[UserId]:
        self.how.add("through")
        return super().__iter__()

    def __contains__(self, user_id: object) -> bool:
        self.how.add("up in")
        return super().__contains__(user_id)


@pytest.mark.parametrize(("subscribed", "in_voice", "how"), [(100, 3, "through"), (3, 100, "up in")])
def test_cost_of_a_guild(subscribed: int, in_voice: int, how: str) -> None:
    """Of those in the guild and those who are subscribed the fewer are looked through."""
    voices = Looked(*(UserId(number + 1) for number in range(in_voice)))

    class Full(Where):
        def users_in(self, guild_id: GuildId) -> Collection[UserId]:
            assert guild_id == CAVE
            return voices

    feed, clients = Feed(Full()), [Client(UserId(number + 1)) for number in range(subscribed)]
    for client in clients:
        feed.subscribe(client, ["playback"])
    happen(feed, "a")

    assert [client.names for client in clients[:3]] == [["a"]] * 3
    assert not any(client.got for client in clients[3:])
    assert voices.how == {how}


class Reconnecting(RuleBasedStateMachine):
    """Any sequence of events, moves and connections: each client has what it may see, once and in order, or reads anew.

    A client's model is the list of what it should have heard since it last knew everything.
    """

    clients: Bundle[Client] = Bundle("clients")
    away: Bundle[tuple[UserId, bool, frozenset[Topic], int]] = Bundle("away")

    @initialize()
    def begin(self) -> None:
        self.where = Where()
        self.feed = Feed(self.where, epoch="e", ring=5, max_bytes=6000)
        self.log: list[tuple[int, Topic, GuildId | None, UserId | None]] = []
        self.due: dict[Client, list[int]] = {}
        self.topics: dict[Client, set[Topic]] = {}
        self.gone: dict[Client, int] = {}

    def sees(self, client: Client, guild_id: GuildId | None, only: UserId | None) -> bool:
        if only is not None:
            return client.user_id == only
        return client.sees_all or guild_id in {None, self.where.guild_of(client.user_id)}

    @rule(
        topic=st.sampled_from(FEW),
        guild_id=st.sampled_from([None, CAVE, TOWER]),
        only=st.sampled_from([None, None, None, ALICE, BOB]),
    )
    def publish(self, topic: Topic, guild_id: GuildId | None, only: UserId | None) -> None:
        self.feed.publish(topic, "x", {}, guild_id=guild_id, only_user=only)
        self.log.append((self.feed.seq, topic, guild_id, only))
        for client, due in self.due.items():
            if topic in self.topics[client] and self.sees(client, guild_id, only):
                due.append(self.feed.seq)

    @rule(user=st.sampled_from([ALICE, BOB]), guild_id=st.sampled_from([None, CAVE, TOWER]))
    def move(self, user: UserId, guild_id: GuildId | None) -> None:
        self.where.places.pop(user, None)
        if guild_id:
            self.where.places[user] = guild_id

    @rule(alone=st.booleans())
    def join_or_leave_another_guild(self, alone: bool) -> None:  # noqa: FBT001 - Hypothesis passes it by name
        if alone:
            self.where.places = {user: place for user, place in self.where.places.items() if place == CAVE}
        self.where.guilds = [CAVE] if alone else [CAVE, TOWER]

    @rule(guild_id=st.sampled_from([CAVE, TOWER]))
    def leave(self, guild_id: GuildId) -> None:
        self.feed.forget(guild_id)

    @rule(target=clients, user=st.sampled_from([ALICE, BOB, CAROL]), sees_all=st.booleans())
    def connect(self, user: UserId, sees_all: bool) -> Client:  # noqa: FBT001
        client = Client(user, sees_all=sees_all)
        self.due[client], self.topics[client] = [], set()
        return client

    @rule(client=clients, topics=st.sets(st.sampled_from(FEW)))
    def subscribe(self, client: Client, topics: set[Topic]) -> None:
        if client in self.due:
            self.topics[client] |= topics
            assert set(self.feed.subscribe(client, topics).topics) == self.topics[client]

    @rule(client=clients, topics=st.sets(st.sampled_from(FEW)))
    def unsubscribe(self, client: Client, topics: set[Topic]) -> None:
        if client in self.due:
            self.topics[client] -= topics
            assert set(self.feed.unsubscribe(client, topics).topics) == self.topics[client]

    @rule(target=away, client=consumes(clients))
    def disconnect(self, client: Client) -> tuple[UserId, bool, frozenset[Topic], int]:
        self.feed.drop(client)
        topics = frozenset(self.topics.pop(client))
        self.gone[client] = len(self.due.pop(client))
        return client.user_id, client.sees_all, topics, self.feed.seq

    @rule(target=clients, was=away)
    def come_back(self, was: tuple[UserId, bool, frozenset[Topic], int]) -> Client:
        user, sees_all, topics, seq = was
        client = Client(user, sees_all=sees_all)
        subscribed = self.feed.subscribe(client, topics, Since("e", seq))
        client.got = subscribed.missed
        self.topics[client] = set(topics)
        wanted = [
            number
            for number, topic, guild_id, only in self.log
            if number > seq and topic in topics - {Topic.PROGRESS} and self.sees(client, guild_id, only)
        ]
        self.due[client] = [] if subscribed.resync else wanted
        assert not (subscribed.resync and seq == self.feed.seq)
        return client

    @invariant()
    def each_has_heard_what_is_due(self) -> None:
        for client, due in getattr(self, "due", {}).items():
            assert [event["seq"] for event in client.events] == due

    @invariant()
    def who_is_gone_hears_no_more(self) -> None:
        for client, heard in getattr(self, "gone", {}).items():
            assert len(client.got) == heard


Reconnecting.TestCase.settings = settings(max_examples=40, stateful_step_count=40, deadline=None)
TestReconnecting = Reconnecting.TestCase
