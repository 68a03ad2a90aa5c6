"""The typed client: requests, events, and how it comes back, on a real server that is stopped and started."""

import asyncio
import inspect
import json
import time
import typing
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import aiohttp
import msgspec
import pytest
from aiohttp import web

from jeffbot.client import (
    ConnectionEndedError,
    Event,
    Events,
    NotFoundError,
    RemoteClient,
    RemoteError,
    Resync,
    ThrottledError,
    TokenRefusedError,
)
from jeffbot.client import events as client_events
from jeffbot.client import remote as client_remote
from jeffbot.client import returning as client_returning
from jeffbot.client.events import Hub
from jeffbot.client.returning import FINAL, Backoff, full_jitter
from jeffbot.client.wire import IMMEDIATE, MAX_AT_ONCE
from jeffbot.sandbox.tls import Authority
from jeffbot.ws import closes, events
from jeffbot.ws.actions import ACTIONS
from jeffbot.ws.auth import Tokens
from jeffbot.ws.closes import Close
from jeffbot.ws.feed import Topic
from jeffbot.ws.replies import MAX_MESSAGE_BYTES
from jeffbot.ws.scopes import Scope
from jeffbot.ws.server import Server
from jeffbot.ws.tls import Tls
from serving import FakeService, make_server
from staging import PATIENCE, SECRET, token_for

ALICE, BOB = 1, 2
ELSEWHERE = {"list": "sounds", "authenticate": "authenticate", "subscribe": "events", "unsubscribe": "events"}
"""Methods that are called otherwise than their action."""
OF_THE_FILE = {"size", "sha256"}
PAGES = {"limit", "cursor"}


def at_once(_longest: float) -> float:
    """No pause before connecting again."""
    return 0.0


@pytest.fixture
def service() -> FakeService:
    """The soundboard behind the server."""
    return FakeService()


@pytest.fixture
async def server(service: FakeService, tmp_path: Path) -> AsyncIterator[Server]:
    """A server on a free port."""
    async with make_server(service, tmp_path) as server:
        yield server


@pytest.fixture
async def client(server: Server) -> AsyncIterator[RemoteClient]:
    """A client that comes back at once."""
    async with RemoteClient(url(server), token_for(ALICE), jitter=at_once) as client:
        yield client


def url(server: Server) -> str:
    """Where a server is."""
    return f"ws://127.0.0.1:{server.port}"


def publish(server: Server, number: int, topic: Topic = Topic.PLAYBACK) -> None:
    """Let something happen that everybody sees."""
    data = {
        Topic.PLAYBACK: events.VolumeChanged(float(number)),
        Topic.QUEUE: events.QueueNow(()),
        Topic.PROGRESS: events.EncodingNow(number, 9),
    }[topic]
    server.feed.publish(topic, events.NAMES[type(data)], data)


async def cut(client: RemoteClient, server: Server) -> None:
    """Break all connections without a word, and wait until the client has seen it."""
    for connection in tuple(server._connections):
        connection.abort()
    await asyncio.wait([client._wire.ended], timeout=PATIENCE)


async def close(client: RemoteClient, server: Server, how: Close) -> None:
    """Close all connections, and wait until the client has seen it."""
    for connection in tuple(server._connections):
        connection.close(how)
    await asyncio.wait([client._wire.ended], timeout=PATIENCE)


async def until(condition: Callable[[], object]) -> None:
    """Wait for something that cannot be awaited."""
    async with asyncio.timeout(PATIENCE):
        while not condition():
            await asyncio.sleep(0.005)


async def ended(client: RemoteClient) -> ConnectionEndedError | RemoteError:
    """Why it has ended."""
    return await asyncio.wait_for(asyncio.shield(client.ended), PATIENCE)


async def following(heard: Events) -> Event | Resync:
    """The next event."""
    return await asyncio.wait_for(anext(heard), PATIENCE)


async def told(heard: Events, count: int) -> list[object]:
    """What the next events say: the number they were published with, or their name."""
    following_ones = [await following(heard) for _ in range(count)]
    return [
        int(event.data["volume"]) if isinstance(event, Event) and event.topic == "playback" else event.name
        for event in following_ones
    ]


# Actions


@pytest.mark.parametrize("name", ACTIONS)
def test_every_action_has_a_method(name: str) -> None:
    """Each action of the table has a method that takes its fields."""
    method = getattr(RemoteClient, ELSEWHERE.get(name, name))
    if name in {"subscribe", "unsubscribe", "authenticate"}:
        return
    fields = set(ACTIONS[name].request.__struct_fields__)
    taken = set()
    for parameter in inspect.signature(method).parameters.values():
        if parameter.kind is parameter.VAR_KEYWORD:
            (options,) = typing.get_args(parameter.annotation)
            taken |= set(typing.get_type_hints(options))
        else:
            taken.add(parameter.name)
    left_out = {"list": PAGES, "upload": OF_THE_FILE}.get(name, set())
    assert taken - {"self", "path"} == fields - left_out


def test_immediate_actions() -> None:
    """The client knows which requests never wait for a place."""
    assert {action.name for action in ACTIONS.values() if action.is_immediate} == IMMEDIATE


async def test_more_at_once_than_the_server_takes(client: RemoteClient, server: Server, service: FakeService) -> None:
    """Further requests wait for a place instead of being refused, and a stop or status does not wait."""
    presses = [asyncio.create_task(client.play("a")) for _ in range(20)]
    (connection,) = server._connections
    await until(lambda: len(connection._by_id) == MAX_AT_ONCE)
    assert not (await client.status()).connected
    service.begin.set()

    assert {(await press).title for press in presses} == {"0000.mp3"}


async def test_errors(client: RemoteClient) -> None:
    """A refusal is an exception with its code and what else was said."""
    with pytest.raises(RemoteError, match="nothing") as caught:
        await client.request("nothing")
    assert caught.value.code == "unknown_action"
    with pytest.raises(RemoteError) as caught:
        await client.settings(volume=10)
    assert (caught.value.code, caught.value.details) == ("forbidden", {"required_scope": "manage"})
    with pytest.raises(ValueError, match=str(MAX_MESSAGE_BYTES)):
        await client.play("a" * MAX_MESSAGE_BYTES)


@pytest.mark.parametrize(
    ("code", "kind"),
    [
        ("sound_not_found", NotFoundError),
        ("target_not_found", NotFoundError),
        ("rate_limited", ThrottledError),
        ("busy", ThrottledError),
        ("token_revoked", TokenRefusedError),
        ("of_a_later_version", RemoteError),
    ],
)
def test_kinds_of_errors(code: str, kind: type[RemoteError]) -> None:
    """Codes that programs act on have classes of their own; codes that are not known yet are read, too."""
    sent = {"action": "error", "error_code": code, "error_message": "no", "retry_after": 2.5}
    error = RemoteError.read(msgspec.json.encode(sent))

    assert type(error) is kind
    assert (error.code, str(error), error.retry_after, error.details) == (code, "no", 2.5, {})


async def test_upload_refused(client: RemoteClient, tmp_path: Path) -> None:
    """An upload that the server does not take is an exception as others are."""
    (tmp_path / "a.wav").write_bytes(b"no sound")
    with pytest.raises(RemoteError, match="scope"):
        await client.upload(tmp_path / "a.wav")
    with pytest.raises(FileNotFoundError):
        await client.upload(tmp_path / "b.wav")


# Beginning


async def test_bad_token(server: Server) -> None:
    """A token that is refused fails the connecting, and leaves nothing open."""
    with pytest.raises(TokenRefusedError, match="Invalid token format"):
        async with RemoteClient(url(server), "nonsense"):
            pass
    await until(lambda: not server._connections)


async def test_without_a_token(server: Server) -> None:
    """One can connect first and sign in later; the token is used again after a break."""
    async with RemoteClient(url(server), jitter=at_once) as client:
        assert client.welcome.protocol == 1
        with pytest.raises(TokenRefusedError, match="Authentication required"):
            await client.status()
        assert (await client.authenticate(token_for(ALICE))).user_id == str(ALICE)
        await cut(client, server)
        await client.status()


async def test_what_is_no_soundboard() -> None:
    """A WebSocket server of another kind is told from a soundboard."""

    async def greet(request: web.Request) -> web.WebSocketResponse:
        socket = web.WebSocketResponse()
        await socket.prepare(request)
        await socket.send_str("hello")
        await socket.receive()
        return socket

    app = web.Application()
    app.router.add_get("/", greet)
    runner = web.AppRunner(app)
    await runner.setup()
    try:
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        with pytest.raises(ConnectionEndedError, match="does not speak"):
            async with RemoteClient(f"ws://127.0.0.1:{runner.addresses[0][1]}", token_for(ALICE)):
                pass
    finally:
        await runner.cleanup()


async def test_tls(service: FakeService, tmp_path: Path) -> None:
    """wss:// needs a certificate that can be trusted, or the CA it is of."""
    authority = Authority(tmp_path)
    pem = tmp_path / "server.pem"
    async with make_server(service, tmp_path, tls=Tls(pem, pem)) as server:
        secure = f"wss://localhost:{server.port}"
        with pytest.raises(aiohttp.ClientConnectorCertificateError):
            async with RemoteClient(secure, token_for(ALICE)):
                pass
        async with RemoteClient(secure, token_for(ALICE), ssl=authority.client_context()) as client:
            assert await client.ping() > 0


# Coming back


async def test_server_restarts(service: FakeService, tmp_path: Path) -> None:
    """It comes back to a server that was restarted, and hears that it has missed something."""
    token = token_for(ALICE)
    async with make_server(service, tmp_path) as first:
        port = first.port
        client = RemoteClient(url(first), token, jitter=at_once)
        await client.__aenter__()
        heard = client.events("playback")
        await heard.__aenter__()
        publish(first, 1)
    async with make_server(service, tmp_path, port=port) as second:
        assert not (await client.status()).playing
        publish(second, 2)

        assert await told(heard, 3) == [1, "resync", 2]
        await client.__aexit__(None, None, None)


async def test_events_that_were_missed(client: RemoteClient, server: Server) -> None:
    """What happens while the connection is broken is heard after it, once and in order."""
    async with client.events("playback") as heard:
        publish(server, 1)
        assert await told(heard, 1) == [1]
        await cut(client, server)
        publish(server, 2)
        publish(server, 0, Topic.QUEUE)
        await client.ping()
        publish(server, 3)
        assert await told(heard, 2) == [2, 3]
        await cut(client, server)
        await client.ping()
        publish(server, 4)
        assert await told(heard, 1) == [4]


async def test_request_in_flight(client: RemoteClient, server: Server, service: FakeService) -> None:
    """A press whose connection breaks raises, and is not pressed again."""
    press = asyncio.create_task(client.play("a"))
    await until(lambda: service.notes or server._work)
    pressed: list[str] = []
    service.play = _counting(service.play, pressed)  # type: ignore[method-assign]
    await cut(client, server)

    with pytest.raises(ConnectionEndedError):
        await press
    service.begin.set()
    assert (await client.play("b")).title
    assert len(pressed) == 1


def _counting(play: Any, pressed: list[str]) -> Any:
    async def counted(caller: Any, filename: str, **options: object) -> Any:
        pressed.append(filename)
        return await play(caller, filename, **options)

    return counted


async def test_server_that_stays_away(service: FakeService, tmp_path: Path) -> None:
    """A request waits for the connection, as long as it may take; then it fails without having been sent."""
    async with make_server(service, tmp_path) as server:
        client = RemoteClient(url(server), token_for(ALICE), timeout=0.3, jitter=lambda _: 0.01)
        await client.__aenter__()
    with pytest.raises(ConnectionEndedError, match="none again within"):
        await client.status()
    assert not client.ended.done()
    await client.__aexit__(None, None, None)


async def test_closing_while_connecting_again(service: FakeService, tmp_path: Path) -> None:
    """Leaving the client ends its attempts, its requests and its events."""
    async with make_server(service, tmp_path) as server:
        client = RemoteClient(url(server), token_for(ALICE), jitter=lambda _: 3600.0)
        await client.__aenter__()
        heard = client.events()
        await heard.__aenter__()
    request = asyncio.create_task(client.status())
    await asyncio.sleep(0)
    await client.__aexit__(None, None, None)

    with pytest.raises(ConnectionEndedError, match="closed from here"):
        await request
    assert [event async for event in heard] == []
    await heard.aclose()


async def test_leaving_events_while_there_is_no_connection(service: FakeService, tmp_path: Path) -> None:
    """Who wants to hear no more need not wait for a connection to say so over."""
    async with make_server(service, tmp_path) as server:
        client = RemoteClient(url(server), token_for(ALICE), jitter=lambda _: 3600.0)
        await client.__aenter__()
        heard = client.events()
        await heard.__aenter__()
    await asyncio.wait([client._wire.ended], timeout=PATIENCE)
    await until(lambda: client._wire._socket.closed and not client._hub._told)
    await asyncio.wait_for(heard.aclose(), PATIENCE)
    await client.__aexit__(None, None, None)


async def test_broken_before_what_was_missed_has_come() -> None:
    """Where a connection breaks again at once, what was missed before it is still asked for after it."""
    hub = Hub(_nothing)
    heard = Events(("playback",), hub)
    await hub.add(heard)
    reply = {"action": "subscribe", "topics": ["playback"], "epoch": "e", "seq": 5, "resync": False}
    hub.hear("subscribe", json.dumps(reply))
    for _ in range(2):
        assert hub.resumption() == {"topics": ["playback"], "since": {"epoch": "e", "seq": 5}}
        hub.hear("subscribe", json.dumps({**reply, "seq": 9}))
    hub.hear("subscribe", json.dumps({**reply, "seq": 12}))  # of another consumer: until then all has come
    assert hub.resumption() == {"topics": ["playback"], "since": {"epoch": "e", "seq": 12}}


async def _nothing(_action: str, _fields: dict[str, object]) -> None:
    pass


async def test_pauses_after_good_times(server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    """Pauses grow while connections break at once, and no more when one has lasted."""
    pauses: list[float] = []

    def jitter(longest: float) -> float:
        pauses.append(longest)
        return 0.0

    async with RemoteClient(url(server), token_for(ALICE), jitter=jitter) as client:
        for steady in (60.0, 60.0, 0.0):
            monkeypatch.setattr(client_returning, "STEADY", steady)
            await cut(client, server)
            await client.ping()
    assert pauses == [1, 2, 1]


async def test_not_to_come_back(server: Server) -> None:
    """Where it is not wanted, a broken connection ends it all."""
    async with RemoteClient(url(server), token_for(ALICE), reconnect=False) as client:
        async with client.events() as heard:
            await close(client, server, closes.SHUTTING_DOWN)
            assert (await ended(client)).code == 1001
            with pytest.raises(ConnectionEndedError, match="shutting down"):
                await following(heard)
        with pytest.raises(ConnectionEndedError, match="shutting down"):
            await client.ping()


@pytest.mark.parametrize("how", closes.OURS, ids=lambda how: f"{how.code} {how.reason}")
async def test_close_codes(client: RemoteClient, server: Server, how: Close) -> None:
    """It comes back after those closes after which that helps."""
    await close(client, server, how)
    if how.code in {4001, 4002, 4004, 4009, 4010, 4011, 4012}:
        error = await ended(client)
        assert (error.code, how.reason in str(error)) == (how.code, True)
    else:
        await client.status()


async def test_too_many_connections(service: FakeService, tmp_path: Path) -> None:
    """Where the user has too many connections already, it says so and does not try again."""
    async with (
        make_server(service, tmp_path, connections_per_user=1) as server,
        RemoteClient(url(server), token_for(ALICE)),
    ):
        with pytest.raises(ConnectionEndedError, match="too many connections") as caught:
            async with RemoteClient(url(server), token_for(ALICE)):
                pass
        assert caught.value.code in FINAL


def test_pauses() -> None:
    """Pauses grow and are bounded, begin long where the server asks for patience, and start anew after good times."""
    backoff = Backoff(lambda longest: longest)

    assert [backoff.pause(1006) for _ in range(8)] == [1, 2, 4, 8, 16, 32, 60, 60]
    backoff.lasted(1.0)
    assert backoff.pause(1006) == 60
    backoff.lasted(60.0)
    assert [backoff.pause(1001), backoff.pause(1006)] == [5, 2]
    assert [Backoff(lambda longest: longest).pause(code) for code in (1012, 1013, 4008)] == [5, 10, 30]
    assert all(0 <= full_jitter(5) <= 5 for _ in range(100))


# Tokens


async def test_fresh_tokens(server: Server) -> None:
    """A function is asked for a token whenever one is needed, also after the old one has expired."""
    given: list[str] = []

    async def fresh() -> str:
        given.append(token_for(ALICE))
        return given[-1]

    async with RemoteClient(url(server), fresh, jitter=at_once) as client:
        await close(client, server, closes.TOKEN_EXPIRED)
        await until(lambda: len(given) == 2)
        await client.status()


async def test_fresh_token_that_is_refused(server: Server) -> None:
    """A refused token is not tried again and again."""
    tokens = iter([token_for(ALICE), "nonsense"])
    async with RemoteClient(url(server), lambda: next(tokens), jitter=at_once) as client, client.events() as heard:
        await cut(client, server)

        assert isinstance(await ended(client), TokenRefusedError)
        with pytest.raises(TokenRefusedError):
            await following(heard)


async def test_no_fresh_token(server: Server) -> None:
    """A function that fails ends all, and its error is the cause; after a network's failure it is asked again."""
    tries = 0

    def token() -> str:
        nonlocal tries
        tries += 1
        match tries:
            case 1:
                return token_for(ALICE)
            case 2:
                raise ConnectionRefusedError("try again")
            case _:
                raise KeyError("no such user")

    async with RemoteClient(url(server), token, jitter=at_once) as client:
        await cut(client, server)
        error = await ended(client)
        assert tries == 3
        assert isinstance(error.__cause__, KeyError)


@pytest.fixture
def _impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """Tokens are renewed at once."""
    monkeypatch.setattr(client_remote, "RENEW_AFTER", 0.0)
    monkeypatch.setattr(client_remote, "MIN_RENEWAL", 0.05)


@pytest.mark.usefixtures("_impatient")
async def test_renewal(server: Server) -> None:
    """A token that can be renewed is renewed on the same connection, and the new one is used from then on."""
    token = Tokens(SECRET, hours=0.01).make(ALICE, auth_time=time.time())
    async with RemoteClient(url(server), token, jitter=at_once) as client:
        assert client.signed_in is not None
        before = client.signed_in.expires_at
        await until(lambda: client.signed_in and client.signed_in.expires_at > before + 60)
        assert next(iter(server._connections))._identity.expires_at > before + 60  # type: ignore[union-attr]
        assert client._token != token


@pytest.mark.usefixtures("_impatient")
async def test_renewal_by_a_function(server: Server) -> None:
    """Where a function gives tokens, it is asked for the next one before the last expires."""
    given = 0

    def token() -> str:
        nonlocal given
        given += 1
        return token_for(ALICE)

    async with RemoteClient(url(server), token):
        await until(lambda: given >= 3)
        assert len(server._connections) == 1


@pytest.mark.usefixtures("_impatient")
async def test_token_that_cannot_be_renewed(client: RemoteClient) -> None:
    """A token that cannot be renewed is used as it is, and refused once."""
    await until(lambda: client._renew_at is None)
    await client.status()


# Events


async def test_several_consumers(client: RemoteClient, server: Server) -> None:
    """Each consumer has the topics it asked for; what is heard has all that was sent."""
    async with client.events("playback") as some, client.events("*") as most, client.events("progress") as progress:
        publish(server, 1)
        publish(server, 0, Topic.QUEUE)
        publish(server, 3, Topic.PROGRESS)
        publish(server, 4)

        assert await told(some, 2) == [1, 4]
        assert await told(most, 3) == [1, "queue.changed", 4]
        event = await following(progress)
        assert isinstance(event, Event)
        assert (event.topic, event.name, event.guild_id) == ("progress", "library.encoding", None)
        assert event.data == {"done": 3, "total": 9}


async def test_unsubscribing(client: RemoteClient, server: Server) -> None:
    """When a consumer is done, the server is told which topics nobody wants any more."""
    async with client.events("playback", "queue"):
        async with client.events():
            assert server.feed.has_subscribers(Topic.LIBRARY)
        assert not server.feed.has_subscribers(Topic.LIBRARY)
        assert server.feed.has_subscribers(Topic.QUEUE)
    assert not server.feed.has_subscribers(Topic.QUEUE)


async def test_forgotten_consumer(client: RemoteClient, server: Server) -> None:
    """A loop that was left is not subscribed again after a break."""
    publish(server, 1)
    task = asyncio.create_task(_first(client))
    await until(lambda: server.feed.has_subscribers(Topic.PLAYBACK))
    publish(server, 2)
    assert await asyncio.wait_for(task, PATIENCE) == {"volume": 2}
    await cut(client, server)
    await client.ping()

    assert not server.feed.has_subscribers(Topic.PLAYBACK)


async def _first(client: RemoteClient) -> object:
    async for event in client.events("playback"):
        return isinstance(event, Event) and event.data
    return None


async def test_no_such_topic(client: RemoteClient, server: Server) -> None:
    """A topic that there is not is refused where it is asked for, and does no harm to others."""
    nonsense = client.events("nonsense")
    with pytest.raises(RemoteError, match="no such topic"):
        await following(nonsense)
    async with client.events("playback"):
        await cut(client, server)
        await client.ping()


async def test_slow_consumer(client: RemoteClient, server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    """A consumer that does not keep up is told so, and holds no more than it may."""
    monkeypatch.setattr(client_events, "MAX_WAITING", 3)
    async with client.events("playback") as slow:
        for number in range(5):
            publish(server, number)
        await client.ping()

        assert await told(slow, 3) == ["resync", 3, 4]


async def test_another_user(client: RemoteClient, server: Server) -> None:
    """Signed in as someone else, it hears what they see, and is told to read anew."""
    async with client.events("playback") as heard:
        publish(server, 1)
        await client.authenticate(token_for(BOB))
        publish(server, 2)

        assert await told(heard, 3) == [1, "resync", 2]


async def test_admin_token(server: Server) -> None:
    """What a token is good for is known after signing in."""
    token = Tokens(SECRET, hours=1).make(ALICE, scopes=[Scope.ADMIN])
    async with RemoteClient(url(server), token) as client:
        assert client.signed_in is not None
        assert "admin" in client.signed_in.scopes
