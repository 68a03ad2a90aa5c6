"""A whole connection against a model of it: whatever is said in whatever order, the model knows what comes."""

import asyncio
import os
import tempfile
import time
from collections import deque
from collections.abc import Callable, Collection, Coroutine
from dataclasses import dataclass, field
from pathlib import Path
from types import SimpleNamespace
from typing import Any, NamedTuple

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, precondition, rule, run_state_machine_as_test

from abuse.crowd import Client, Service, request
from jeffbot.models import GuildId, UserId
from jeffbot.ws import connection, events
from jeffbot.ws.audience import Topic
from jeffbot.ws.feed import Feed
from serving import make_server
from staging import PATIENCE

LONG = bool(os.environ.get("JEFFBOT_TEST_LONG"))
EXAMPLES, STEPS = (1500, 60) if LONG else (60, 30)
AUTH_TIMEOUT, GRACE = 30.0, 60.0
USERS = (UserId(1), UserId(2))
GUILDS = (GuildId(81), GuildId(82))
TOPICS = (Topic.QUEUE, Topic.LIBRARY, Topic.FAVOURITES)
MAX_TALKS = 3

type Json = dict[str, Any]
type Seen = tuple[object, ...]
"""What is looked at of a message."""


class Loop(asyncio.SelectorEventLoop):
    """An event loop in which time can be made to pass."""

    ahead = 0.0

    def time(self) -> float:
        return super().time() + self.ahead


class Past(NamedTuple):
    """An event that was published."""

    seq: int
    topic: Topic
    guild_id: GuildId | None
    only_user: UserId | None


class Sight:
    """Where people are."""

    def __init__(self) -> None:
        self.places: dict[UserId, GuildId] = {}

    def users_in(self, guild_id: GuildId) -> Collection[UserId]:
        return {user_id for user_id, place in self.places.items() if place == guild_id}

    def guild_of(self, user_id: UserId) -> GuildId | None:
        return self.places.get(user_id)

    def only_guild(self) -> None:
        """The bot is in several."""


PRESS = None
"""In the place of an answer: it waits for a sound to begin."""


@dataclass(eq=False)
class Talk:
    """What the model knows of a connection."""

    client: Client
    since: float
    user_id: UserId | None = None
    token_id: str = ""
    expires_at: float = 0.0
    topics: set[Topic] = field(default_factory=set)
    failed: int = 0
    lane: deque[Callable[[], list[Seen]] | None] = field(default_factory=deque)
    """What is answered in its order."""
    ids: set[int] = field(default_factory=set)
    """Of presses that wait."""
    due: list[Seen] = field(default_factory=list)
    """What has to come now, in this order."""
    due_ids: list[Seen] = field(default_factory=list)
    """And beside it in any."""
    code: int | None = None

    def answer(self, bring: Callable[[], list[Seen]]) -> None:
        """Have something answered in its turn."""
        self.lane.append(bring)
        self.flush()

    def flush(self) -> None:
        """Answer whatever waits for no press."""
        while self.lane and (bring := self.lane[0]) is not PRESS:
            self.lane.popleft()
            self.due += bring()

    def end_presses(self, seen: Callable[[int | None], Seen]) -> None:
        """Answer all presses that wait."""
        self.due_ids += [seen(request_id) for request_id in sorted(self.ids)]
        self.ids.clear()
        while self.lane:
            bring = self.lane.popleft()
            self.due += [seen(None)] if bring is PRESS else bring()


def look(message: Json) -> Seen:
    """What is compared of a message."""
    match message["action"]:
        case "event":
            return "event", message["topic"], message["seq"]
        case "error":
            return "error", message["error_code"], message.get("id")
        case "subscribe":
            return "subscribe", tuple(message["topics"]), message["seq"], message["resync"]
        case "unsubscribe":
            return "unsubscribe", tuple(message["topics"])
        case "auth_success":
            return "auth_success", message["user_id"]
    return message["action"], message.get("id")


def error(code: str, request_id: int | None = None) -> Seen:
    """An error."""
    return "error", code, request_id


talks = st.integers(0, MAX_TALKS - 1)
ids = st.none() | st.integers(0, 3)
topics = st.sets(st.sampled_from(TOPICS), min_size=1)


class Conversation(RuleBasedStateMachine):
    """Up to three connections of two users, what they ask, and what happens meanwhile."""

    def __init__(self) -> None:
        super().__init__()
        self.runner = asyncio.Runner(loop_factory=Loop)
        self.patch = pytest.MonkeyPatch()
        self.patch.setattr(connection, "time", SimpleNamespace(time=self.now, monotonic=time.monotonic))
        self.talks: list[Talk] = []
        self.past: list[Past] = []
        self.revoked: set[str | None] = set()
        self.sight = Sight()
        self.scratch = tempfile.TemporaryDirectory()
        self.run(self.begin())

    async def begin(self) -> None:
        """Serve."""
        self.service = Service()
        self.server = make_server(self.service, Path(self.scratch.name), auth_timeout=AUTH_TIMEOUT)
        self.server.feed = Feed(self.sight)
        self.server.tokens._clock = self.now
        self.server.tokens.is_revoked = lambda identity: identity.token_id in self.revoked
        await self.server.__aenter__()

    def teardown(self) -> None:
        """End; nothing is left."""

        async def end() -> None:
            for talk in self.talks:
                talk.client.hang_up()
            await self.server.__aexit__()
            for _ in range(5):
                await asyncio.sleep(0)
            assert asyncio.all_tasks() == {asyncio.current_task()}

        self.run(end())
        self.runner.close()
        self.patch.undo()
        self.scratch.cleanup()

    def run[T](self, work: Coroutine[Any, Any, T]) -> T:
        """Do something in the event loop."""
        return self.runner.run(asyncio.wait_for(work, PATIENCE))

    def now(self) -> float:
        """Seconds since the epoch, as the server sees it."""
        loop = self.runner.get_loop()
        assert isinstance(loop, Loop)
        return time.time() + loop.ahead

    # What the model says

    def is_signed_in(self, talk: Talk) -> bool:
        return talk.user_id is not None and talk.expires_at > self.now()

    def sees(self, talk: Talk, event: Past) -> bool:
        if event.only_user is not None:
            return talk.user_id == event.only_user
        return event.guild_id is None or (
            talk.user_id is not None and self.sight.places.get(talk.user_id) == event.guild_id
        )

    def ends(self, talk: Talk, code: int) -> None:
        """It is to be closed; what still waits for a press is not answered."""
        talk.code = code
        talk.lane.clear()
        talk.ids.clear()

    def settle(self) -> None:
        """Everything comes that has to, exactly once and in its order, and nothing else."""
        self.run(self._settle())

    async def _settle(self) -> None:
        for talk in self.talks:
            seen = []
            if talk.code is None:
                wanted = len(talk.due) + len(talk.due_ids)
                seen = [look(await talk.client.receive()) for _ in range(wanted)]
                while (message := look(await talk.client.ask("ping", id=-1))) != ("pong", -1):
                    seen.append(message)
                    break
            else:
                seen = [look(message) for message in await talk.client.rest()]
                assert talk.client.code == talk.code
            for message in talk.due_ids:
                seen.remove(message)
            assert seen == talk.due
            talk.due.clear()
            talk.due_ids.clear()
        self.talks = [talk for talk in self.talks if talk.code is None]

    def chosen(self, number: int) -> Talk:
        return self.talks[number % len(self.talks)]

    # Coming, signing in and going

    @initialize()
    def arrive(self) -> None:
        """Both users come, are in voice, and listen."""
        for number, (user_id, guild_id) in enumerate(zip(USERS, GUILDS, strict=True)):
            self.connect()
            self.authenticate(number, user_id, 1800)
            self.move(user_id, guild_id)
            self.subscribe(number, set(TOPICS), None)

    @precondition(lambda self: len(self.talks) < MAX_TALKS)
    @rule()
    def connect(self) -> None:
        client = self.run(Client.connect(self.server.port))
        self.talks.append(Talk(client, self.now()))

    @precondition(lambda self: self.talks)
    @rule(number=talks, user_id=st.sampled_from(USERS), life=st.sampled_from([60, 1800]))
    def authenticate(self, number: int, user_id: UserId, life: int) -> None:
        talk = self.chosen(number)
        token = self.server.tokens.make(user_id, hours=life / 3600)
        identity = self.server.tokens.check(token)
        if talk.user_id not in {None, user_id}:
            talk.topics.clear()
        changed = talk.user_id not in {None, user_id}
        talk.user_id, talk.expires_at, talk.failed = user_id, identity.expires_at, 0
        talk.token_id = identity.token_id or ""
        if changed:
            talk.end_presses(lambda request_id: error("play_error", request_id))
        talk.answer(lambda: [("auth_success", str(user_id))])
        talk.client.send(request("authenticate", token=token))
        self.settle()

    @precondition(lambda self: self.talks)
    @rule(number=talks, kind=st.sampled_from(["nonsense", "none", "expired", "revoked"]))
    def fail_to_authenticate(self, number: int, kind: str) -> None:
        talk = self.chosen(number)
        token: object = {"nonsense": "a.b.c", "none": None}.get(kind)
        if kind in {"expired", "revoked"}:
            token = self.server.tokens.make(USERS[0], hours=1)
            self.revoked.add(self.server.tokens.check(token).token_id)
        if kind == "expired":
            self.server.tokens._clock = lambda: time.time() - 10_000
            token = self.server.tokens.make(USERS[0], hours=1)
            self.server.tokens._clock = self.now
        talk.client.send(request("authenticate", token=token))
        talk.answer(lambda: [error("auth_failed")])
        talk.failed += 1
        if talk.failed == 5:
            self.ends(talk, 4004)
        self.settle()

    @precondition(lambda self: len(self.talks) > 1)
    @rule(number=talks)
    def disconnect(self, number: int) -> None:
        talk = self.chosen(number)
        self.talks.remove(talk)
        talk.client.hang_up()
        self.settle()

    @precondition(lambda self: len([talk for talk in self.talks if talk.user_id]) > 1)
    @rule(number=talks)
    def revoke(self, number: int) -> None:
        talk = self.chosen(number)
        if talk.user_id is None:
            return
        self.revoked.add(talk.token_id)
        self.ends(talk, 4010)

        async def revoke() -> None:
            self.server.check_tokens()

        self.run(revoke())
        self.settle()

    @precondition(lambda self: self.talks)
    @rule(seconds=st.sampled_from([37.0] * 4 + [1000.0]))
    def time_passes(self, seconds: float) -> None:
        loop = self.runner.get_loop()
        assert isinstance(loop, Loop)
        loop.ahead += seconds
        for talk in self.talks:
            if talk.user_id is None and talk.since + AUTH_TIMEOUT <= self.now():
                self.ends(talk, 4001)
            elif talk.user_id is not None and talk.expires_at + GRACE <= self.now():
                self.ends(talk, 4009)
        self.settle()

    # Asking

    @precondition(lambda self: self.talks)
    @rule(number=talks, action=st.sampled_from(["ping", "status", "list", "dance"]), request_id=ids)
    def ask(self, number: int, action: str, request_id: int | None) -> None:
        talk = self.chosen(number)
        answers = {"ping": ("pong", request_id), "dance": error("unknown_action", request_id)}
        answer = answers.get(action, (action, request_id))
        is_immediate = action in {"ping", "status"}
        if action != "ping" and not self.is_signed_in(talk):
            answer, is_immediate = error("not_authenticated", request_id), False
        elif request_id in talk.ids and action != "dance":
            answer = error("invalid_field", request_id)
        self.say(talk, request_id, answer, action, is_immediate=is_immediate, limit=1)

    @precondition(lambda self: self.talks)
    @rule(number=talks, request_id=ids)
    def press(self, number: int, request_id: int | None) -> None:
        talk = self.chosen(number)
        if not self.is_signed_in(talk):
            self.say(talk, request_id, error("not_authenticated", request_id), "play", filename="x")
        elif request_id in talk.ids:
            self.say(talk, request_id, error("invalid_field", request_id), "play", filename="x")
        else:
            talk.client.send(request("play", filename="x", **({} if request_id is None else {"id": request_id})))
            if request_id is None:
                talk.lane.append(PRESS)
            else:
                talk.ids.add(request_id)
            self.settle()

    def say(
        self,
        talk: Talk,
        request_id: int | None,
        answer: Seen,
        action: str,
        *,
        is_immediate: bool = False,
        **fields: Any,
    ) -> None:
        """Ask for something that is answered at once, or in its turn."""
        talk.client.send(request(action, **fields, **({} if request_id is None else {"id": request_id})))
        if request_id is not None or (is_immediate and PRESS in talk.lane):
            talk.due.append(answer)
        else:
            talk.answer(lambda: [answer])
        self.settle()

    @precondition(lambda self: any(talk.ids or talk.lane for talk in self.talks))
    @rule()
    def sounds_begin(self) -> None:
        async def begin() -> None:
            self.service.begin.set()
            while self.server._work:
                await asyncio.sleep(0)
            self.service.begin.clear()

        self.run(begin())
        for talk in self.talks:
            talk.end_presses(lambda request_id: ("playing", request_id))
        self.settle()

    # Hearing

    @precondition(lambda self: self.talks)
    @rule(number=talks, wanted=topics, back=st.none() | st.integers(0, 5))
    def subscribe(self, number: int, wanted: set[Topic], back: int | None) -> None:
        talk = self.chosen(number)
        fields: Json = {"topics": sorted(wanted)}
        seq = len(self.past)
        if back is not None:
            fields["since"] = {"epoch": self.server.feed.epoch if back else "another", "seq": max(seq - back, 0)}

        def bring() -> list[Seen]:
            if not self.is_signed_in(talk):
                return [error("not_authenticated")]
            new = wanted - talk.topics
            talk.topics |= wanted
            told = tuple(topic for topic in Topic if topic in talk.topics)
            missed = [event for event in self.past if event.seq > max(seq - back, 0)] if back else []
            events = [
                ("event", event.topic, event.seq) for event in missed if event.topic in new and self.sees(talk, event)
            ]
            return [("subscribe", told, len(self.past), back == 0), *events]

        talk.client.send(request("subscribe", **fields))
        if self.is_signed_in(talk):
            talk.answer(bring)
        else:
            talk.answer(lambda: [error("not_authenticated")])
        self.settle()

    @precondition(lambda self: self.talks)
    @rule(number=talks, unwanted=topics, all_=st.booleans())
    def unsubscribe(self, number: int, unwanted: set[Topic], *, all_: bool) -> None:
        talk = self.chosen(number)

        def bring() -> list[Seen]:
            if not self.is_signed_in(talk):
                return [error("not_authenticated")]
            talk.topics -= set(Topic) if all_ else unwanted
            return [("unsubscribe", tuple(topic for topic in Topic if topic in talk.topics))]

        talk.client.send(request("unsubscribe", **({} if all_ else {"topics": sorted(unwanted)})))
        if self.is_signed_in(talk):
            talk.answer(bring)
        else:
            talk.answer(lambda: [error("not_authenticated")])
        self.settle()

    @rule(topic=st.sampled_from(TOPICS), guild_id=st.sampled_from(GUILDS), user_id=st.sampled_from(USERS))
    def publish(self, topic: Topic, guild_id: GuildId, user_id: UserId) -> None:
        feed = self.server.feed

        async def publish() -> None:
            match topic:
                case Topic.QUEUE:
                    feed.publish(topic, "queue.changed", events.QueueNow(()), guild_id=guild_id)
                case Topic.LIBRARY:
                    feed.publish(
                        topic,
                        "library.changed",
                        events.LibraryNow(added=(), changed=(), removed=(), many=False, total=3),
                    )
                case _:
                    feed.publish(
                        topic, "favourites.changed", events.FavouritesNow(), user_id=user_id, only_user=user_id
                    )

        event = Past(
            len(self.past) + 1,
            topic,
            guild_id if topic is Topic.QUEUE else None,
            user_id if topic is Topic.FAVOURITES else None,
        )
        self.past.append(event)
        for talk in self.talks:
            if topic in talk.topics and self.is_signed_in(talk) and self.sees(talk, event):
                talk.due.append(("event", topic, event.seq))
        self.run(publish())
        self.settle()

    @rule(user_id=st.sampled_from(USERS), guild_id=st.none() | st.sampled_from(GUILDS))
    def move(self, user_id: UserId, guild_id: GuildId | None) -> None:
        if guild_id is None:
            self.sight.places.pop(user_id, None)
        else:
            self.sight.places[user_id] = guild_id


def test_conversations() -> None:
    """One reply to each request, in the order that was promised; events once, to who may see them; closes as they are.

    Each step of each conversation is held against the model.
    """
    run_state_machine_as_test(
        Conversation,
        settings=settings(
            max_examples=EXAMPLES,
            stateful_step_count=STEPS,
            deadline=None,
            database=None,
            suppress_health_check=list(HealthCheck),
        ),
    )
