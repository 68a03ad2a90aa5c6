"""Clients that flood, hang, trickle and come back again and again: those beside them notice nothing."""

import asyncio
import random
import sys
import time
from collections.abc import AsyncIterator
from pathlib import Path

import msgspec
import pytest

from abuse.crowd import SMALL, Client, Service, request
from abuse.invariants import inhabited
from abuse.raw import close
from jeffbot.ws import outbox
from jeffbot.ws.audience import Topic
from jeffbot.ws.connection import MAX_AT_ONCE
from jeffbot.ws.events import FavouritesNow
from jeffbot.ws.limits import LimitRules
from jeffbot.ws.server import Server
from serving import make_server
from staging import PATIENCE
from town import make_token, until

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="counts what /proc shows")

ALICE, BOB = 1, 2


@pytest.fixture
def service() -> Service:
    """The soundboard behind the server."""
    return Service()


@pytest.fixture
async def server(service: Service, tmp_path: Path) -> AsyncIterator[Server]:
    """A server without limits."""
    async with make_server(service, tmp_path) as server:
        yield server


@pytest.fixture
async def limited(service: Service, tmp_path: Path) -> AsyncIterator[Server]:
    """A server with the limits as they are."""
    async with make_server(service, tmp_path, limits=LimitRules()) as server:
        yield server


async def join(server: Server, user_id: int = ALICE, **more: int) -> Client:
    """A client that has signed in."""
    client = await Client.connect(server.port, **more)
    await client.sign_in(user_id)
    return client


def publish(server: Server) -> int:
    """Tell everybody something; its number."""
    server.feed.publish(Topic.FAVOURITES, "favourites.changed", FavouritesNow())
    return server.feed.seq


# Not reading


async def test_subscriber_that_never_reads(server: Server, caplog: pytest.LogCaptureFixture) -> None:
    """It is dropped within 6 s, said once in the log; others get every event, each once and in order, at once."""
    async with inhabited(server, caplog):
        dead, good = await join(server, receives=SMALL), await join(server, BOB)
        for client in (dead, good):
            await client.ask("subscribe", topics=["favourites"])
        dead.stop_reading()
        began, seen = time.monotonic(), 0
        while len(server._connections) > 2:
            seq = publish(server)
            event = await good.receive()
            assert (event["action"], event["seq"]) == ("event", seq)
            seen += 1
            assert time.monotonic() - began < 6
        dead.hang_up()
        assert seen > 256
        good.hang_up()


async def test_subscriber_that_reads_again_too_late(server: Server, caplog: pytest.LogCaptureFixture) -> None:
    """Who has left too much unread, and reads then, is told why it has to go; back, it misses nothing."""
    async with inhabited(server, caplog):
        slow = await join(server, receives=SMALL)
        epoch = (await slow.ask("subscribe", topics=["favourites"]))["epoch"]
        slow.stop_reading()
        while "does not read" not in caplog.text:
            last = publish(server)
            await asyncio.sleep(0)
        slow.read_on()
        seen = [event["seq"] for event in await slow.rest()]
        assert slow.code in {4013, None}
        back = await join(server)
        since = {"epoch": epoch, "seq": max(seen, default=0)}
        assert (await back.ask("subscribe", topics=["favourites"], since=since))["resync"] is False
        missed = [(await back.receive())["seq"] for _ in range(last - since["seq"])]
        assert seen + missed == list(range(1, last + 1))
        back.hang_up()


async def test_asking_and_never_reading(
    server: Server, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Who asks for large lists and reads none of them costs a bounded amount, and is dropped."""
    assert outbox.SEND_TIMEOUT <= 5
    monkeypatch.setattr(outbox, "SEND_TIMEOUT", 0.5)
    async with inhabited(server, caplog):
        dead = await join(server, receives=SMALL)
        dead.stop_reading()
        began = time.monotonic()
        for _ in range(100):
            dead.send(request("list"))
        await until(lambda: len(server._connections) == 1)
        assert time.monotonic() - began < 6
        dead.hang_up()


# Floods


async def test_within_the_limits(limited: Server, caplog: pytest.LogCaptureFixture) -> None:
    """A burst within the limits is carried out to the last."""
    async with inhabited(limited, caplog):
        client = await join(limited)
        for number in range(39):  # signing in was the fortieth
            assert (await client.ask("list", limit=1, id=number))["action"] == "list"
        client.hang_up()


async def test_beyond_the_limits(limited: Server, caplog: pytest.LogCaptureFixture) -> None:
    """What is too much is not carried out, and says when it would be: neither too early nor much too late."""
    async with inhabited(limited, caplog):
        client = await join(limited)
        client.send(request("list", limit=1) * 60)
        replies = [await client.receive() for _ in range(60)]
        refused = [reply for reply in replies if reply["action"] == "error"]
        assert 15 <= len(refused) <= 21
        assert {(reply["error_code"], reply["request"]) for reply in refused} == {("rate_limited", "list")}
        for _ in range(10):
            reply = await client.ask("list", limit=1)
            if reply["action"] == "error":
                assert 0 < reply["retry_after"] <= 1 / 20 + 0.001
                await asyncio.sleep(reply["retry_after"])
                assert (await client.ask("list", limit=1))["action"] == "list"
        client.hang_up()


async def test_presses_beyond_the_limits(limited: Server, service: Service, caplog: pytest.LogCaptureFixture) -> None:
    """Presses have limits of their own, by whatever connection of a user; stop and status work on."""
    service.begin.set()
    async with inhabited(limited, caplog) as house:
        house.lines = 6  # each sound that begins is one
        clients = [await join(limited) for _ in range(3)]
        replies = [await client.ask("play", filename="x") for client in clients for _ in range(3)]
        assert [reply["action"] for reply in replies] == ["playing"] * 5 + ["error"] * 4
        assert all(0 < reply["retry_after"] <= 0.501 for reply in replies[5:])
        for client in clients:
            assert (await client.ask("stop"))["action"] == "stopped"
            assert (await client.ask("status"))["action"] == "status"
            client.hang_up()
        assert service.stops == 3
        other = await join(limited, BOB)
        assert (await other.ask("play", filename="x"))["action"] == "playing"
        other.hang_up()


async def test_going_on_far_above_the_limits(limited: Server, caplog: pytest.LogCaptureFixture) -> None:
    """Who does not stop is closed with 4008 after a hundred refusals; to come back at once resets nothing."""
    async with inhabited(limited, caplog):
        client = await join(limited)
        client.send(request("list", limit=1) * 2000)
        replies = await client.rest()
        assert client.code == 4008
        assert [reply.get("error_code") for reply in replies].count("rate_limited") == 100
        again = await join(limited)
        reply = await again.ask("list", limit=1)
        assert reply["action"] == "error" or reply["count"]  # some 50 ms have passed
        again.send(request("list", limit=1) * 10)
        assert [(await again.receive())["action"] for _ in range(10)].count("error") >= 7
        again.hang_up()


async def test_strangers_flood(limited: Server, caplog: pytest.LogCaptureFixture) -> None:
    """Who has not signed in is limited likewise, whatever they send."""
    async with inhabited(limited, caplog):
        for message in (request("ping"), request("dance"), request("list"), request("")):
            client = await Client.connect(limited.port)
            client.send(message * 1000)
            assert await client.closed() == 4008


# Much at once


async def test_pipeline(server: Server, caplog: pytest.LogCaptureFixture) -> None:
    """Ten thousand requests sent in one piece are answered, each once and in order, while others are served."""
    async with inhabited(server, caplog):
        caplog.set_level("INFO", "discord.ws_server")
        client = await join(server)
        names = ("ping", "status", "dance", "list")
        actions = random.Random(7).choices(names, (97, 1, 1, 1), k=10_000)
        client.send(b"".join(request(action, limit=1) for action in actions))
        answers = {"ping": "pong", "dance": "error"}
        for action in actions:
            assert (await client.receive())["action"] == answers.get(action, action)
        client.hang_up()


async def test_one_id_again_and_again(server: Server, caplog: pytest.LogCaptureFixture) -> None:
    """An id may be used again once it was answered; each request has its reply."""
    async with inhabited(server, caplog):
        client = await join(server)
        client.send(request("status", id="x") * 500 + request("list", id="x", limit=1) * 500)
        replies = [await client.receive() for _ in range(1000)]
        assert {reply["id"] for reply in replies} == {"x"}
        assert {reply["action"] for reply in replies[:500]} == {"status"}
        for number in range(20):
            assert (await client.ask("list", id=number % 2, limit=1))["count"] == 1
        client.hang_up()


async def test_busy_but_for_stop(server: Server, service: Service, caplog: pytest.LogCaptureFixture) -> None:
    """With eight presses under way more are refused as busy; a stop gets through, and all are answered."""
    async with inhabited(server, caplog) as house:
        house.lines = MAX_AT_ONCE  # each sound that begins is one
        client = await join(server)
        for number in range(MAX_AT_ONCE + 50):
            client.send(request("play", filename="x", id=number))
        busy = [await client.receive() for _ in range(50)]
        assert {reply["error_code"] for reply in busy} == {"busy"}
        client.send(request("stop", id="stop"))
        replies = [await client.receive() for _ in range(MAX_AT_ONCE + 1)]
        assert {reply["id"] for reply in replies} == {*range(MAX_AT_ONCE), "stop"}
        assert service.stops == 1
        client.hang_up()


async def test_subscribing_and_unsubscribing(server: Server, caplog: pytest.LogCaptureFixture) -> None:
    """A thousand changes of mind are answered, and an event comes once, or not at all."""
    async with inhabited(server, caplog):
        client = await join(server)
        for _ in range(500):
            client.send(request("subscribe", topics=["*", "favourites", "favourites"]) + request("unsubscribe"))
        replies = [await client.receive() for _ in range(1000)]
        assert [reply["action"] for reply in replies] == ["subscribe", "unsubscribe"] * 500
        assert not server.feed.has_subscribers(Topic.FAVOURITES)
        publish(server)
        for _ in range(10):
            await client.ask("subscribe", topics=["favourites", "*"])
        seq = publish(server)
        assert (await client.receive())["seq"] == seq
        assert (await client.ask("ping"))["action"] == "pong"
        client.hang_up()


# Coming and going


@pytest.mark.parametrize("way", ["hangs up", "closes", "half a frame", "half a handshake", "mid-play"])
async def test_storm(server: Server, service: Service, caplog: pytest.LogCaptureFixture, way: str) -> None:
    """Two hundred connections that come and go leave nothing behind, however they go."""

    async def visit(number: int) -> None:
        if way == "half a handshake":
            _, writer = await asyncio.open_connection("127.0.0.1", server.port)
            writer.write(b"GET / HTTP/1.1\r\nHost: loc")
            writer.transport.abort()
            return
        client = await join(server, user_id=number + 1)
        if way == "half a frame":
            client.send(request("list")[:-3])
        elif way == "mid-play":
            client.send(request("subscribe", topics=["*"]) + request("play", filename="x") * 3)
            await client.receive()
        elif way == "closes":
            client.send(close(1000))
            assert await client.closed() == 1000
        client.hang_up()

    async with inhabited(server, caplog) as house:
        house.lines = 600 if way == "mid-play" else 0  # each sound that begins is one
        for start in range(0, 200, 20):
            await asyncio.gather(*map(visit, range(start, start + 20)))
        service.begin.set()
        await until(lambda: not server._work)


async def test_too_many_of_one_user(server: Server, caplog: pytest.LogCaptureFixture) -> None:
    """An eleventh connection of one user is refused with 4011, also in a storm; when one goes there is room again."""
    async with inhabited(server, caplog):
        clients = [await join(server) for _ in range(10)]
        for _ in range(20):
            eleventh = await Client.connect(server.port)
            eleventh.send(request("authenticate", token=make_token(ALICE)))
            assert await eleventh.closed() == 4011
        clients.pop().hang_up()
        await until(lambda: len(server._by_user[ALICE]) == 9)  # type: ignore[index]
        clients.append(await join(server))
        for client in clients:
            assert (await client.ask("ping"))["action"] == "pong"
            client.hang_up()


async def test_a_byte_at_a_time(server: Server, caplog: pytest.LogCaptureFixture) -> None:
    """Requests that trickle in byte by byte are answered when they are whole, and keep nobody waiting."""

    async def trickle(user_id: int) -> None:
        client = await join(server, user_id)
        for _ in range(5):
            for byte in request("list", limit=1):
                client.send(bytes([byte]))
                await asyncio.sleep(0)
            assert (await client.receive())["count"] == 1
        client.hang_up()

    async with inhabited(server, caplog):
        await asyncio.wait_for(asyncio.gather(*map(trickle, range(1, 21))), 3 * PATIENCE)


async def test_events_are_encoded_once(server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    """What a hundred subscribers get was put together once."""
    clients = [await join(server, user_id) for user_id in range(1, 101)]
    for client in clients:
        await client.ask("subscribe", topics=["favourites"])
    encoded: list[object] = []
    encode = msgspec.json.Encoder().encode

    def noted(event: object) -> bytes:
        encoded.append(event)
        return encode(event)

    monkeypatch.setattr(server.feed, "_encode", noted)
    publish(server)

    assert len({(await client.receive())["seq"] for client in clients}) == 1
    assert len(encoded) == 1
    for client in clients:
        client.hang_up()
