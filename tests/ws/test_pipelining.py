"""Clients that send much at once, or what nobody should: everything is answered, in its place."""

import asyncio
import logging
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack
from pathlib import Path

import aiohttp
import msgspec
import pytest

from jeffbot.ws.connection import MAX_AT_ONCE, MAX_PRESSES
from jeffbot.ws.outbox import MAX_WAITING
from jeffbot.ws.server import Server
from serving import SOUNDS, FakeService, make_server
from staging import PATIENCE, Wire, token_for

ALICE = 1


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
async def stranger(server: Server) -> AsyncIterator[Wire]:
    """A client that has not signed in."""
    async with AsyncExitStack() as stack:
        session = await stack.enter_async_context(aiohttp.ClientSession())
        url = f"ws://127.0.0.1:{server.port}"
        wire = Wire(await stack.enter_async_context(session.ws_connect(url, max_msg_size=0)))
        wire.welcome = await wire.receive()
        yield wire


@pytest.fixture
async def wire(stranger: Wire) -> Wire:
    """A client that has signed in."""
    assert (await stranger.ask({"action": "authenticate", "token": token_for(ALICE)}))["action"] == "auth_success"
    return stranger


class Answer(msgspec.Struct):
    """What is looked at of an answer."""

    action: str
    id: int | None = None
    count: int = 0
    error_code: str = ""


async def answers(wire: Wire, count: int) -> list[Answer]:
    """The next answers."""
    texts = [await wire.socket.receive_str(timeout=PATIENCE) for _ in range(count)]
    return [msgspec.json.decode(text, type=Answer) for text in texts]


async def ask_all(wire: Wire, actions: Sequence[str]) -> list[Answer]:
    """Send all of these without waiting for answers; then what is answered."""

    async def send() -> None:
        for action in actions:
            await wire.send({"action": action, "filename": "x"})

    sending = asyncio.create_task(send())
    replies = await answers(wire, len(actions))
    await sending
    return replies


async def pile_up(wire: Wire, service: FakeService, requests: Sequence[dict[str, object]]) -> list[Answer]:
    """Send all of these while no sound begins, and have the server read them; then what is answered."""
    for request in requests:
        await wire.send({"filename": "x"} | request)
    await wire.send({"action": "status", "id": -1})
    early: list[Answer] = []
    while not early or early[-1].id != -1:
        early += await answers(wire, 1)
    service.begin.set()
    return early[:-1] + await answers(wire, len(requests) - len(early) + 1)


def presses(count: int) -> list[dict[str, object]]:
    """So many presses without an id."""
    return [{"action": "play"} for _ in range(count)]


# Much at once


async def test_many_pings(wire: Wire) -> None:
    """Thousands of pings sent at once are all answered."""
    count = 3000
    assert count > MAX_WAITING * 10
    replies = await ask_all(wire, ["ping"] * count)

    assert [reply.action for reply in replies] == ["pong"] * count


async def test_many_lists(wire: Wire) -> None:
    """Hundreds of lists of a large library sent at once, of many megabytes, are all answered."""
    replies = await ask_all(wire, ["list"] * 200)

    assert [reply.count for reply in replies] == [len(SOUNDS)] * 200


async def test_lists_are_not_refused_for_being_many(wire: Wire, service: FakeService) -> None:
    """Lists that wait for a play before them are all answered."""
    lists: list[dict[str, object]] = [{"action": "list"} for _ in range(MAX_PRESSES)]
    replies = await pile_up(wire, service, [*presses(1), *lists])

    assert [reply.action for reply in replies] == ["playing"] + ["list"] * MAX_PRESSES


async def test_status_does_not_overtake_lists(wire: Wire) -> None:
    """What overtakes a sound that is about to begin keeps its place behind everything else."""
    replies = await ask_all(wire, ["list", "status", "ping", "list"])

    assert [reply.action for reply in replies] == ["list", "status", "pong", "list"]


async def test_too_many_plays_under_way(wire: Wire, service: FakeService) -> None:
    """Presses too many are refused, in their place; other requests are not."""
    more: list[dict[str, object]] = [{"action": "play"}, {"action": "random"}, {"action": "list"}]
    replies = await pile_up(wire, service, [*presses(MAX_PRESSES), *more])

    assert {reply.action for reply in replies[:MAX_PRESSES]} == {"playing"}
    assert [reply.error_code for reply in replies[MAX_PRESSES:]] == ["busy", "busy", ""]


# With ids


async def test_ids_answer_as_they_come(wire: Wire, service: FakeService) -> None:
    """A request with an id does not wait for those before it."""
    replies = await pile_up(wire, service, [{"action": "play", "id": 1}, {"action": "describe", "id": 2}])

    assert [(reply.action, reply.id) for reply in replies] == [("describe", 2), ("playing", 1)]


async def test_ids_do_not_wait_for_the_lane(wire: Wire, service: FakeService) -> None:
    """Nor for those without an id, which keep their order among themselves."""
    requests: list[dict[str, object]] = [*presses(1), {"action": "list"}, {"action": "describe", "id": 2}]
    replies = await pile_up(wire, service, requests)

    assert [(reply.action, reply.id) for reply in replies] == [("describe", 2), ("playing", None), ("list", None)]


async def test_too_many_ids_at_once(wire: Wire, service: FakeService) -> None:
    """Eight requests with an id are carried out at once; a ninth is refused at once, and a stop is not."""
    under_way: list[dict[str, object]] = [{"action": "play", "id": number} for number in range(MAX_AT_ONCE)]
    replies = await pile_up(wire, service, [*under_way, {"action": "play", "id": 99}])

    assert (replies[0].id, replies[0].error_code) == (99, "busy")
    assert sorted(reply.id or 0 for reply in replies[1:]) == list(range(MAX_AT_ONCE))
    assert {reply.action for reply in replies[1:]} == {"playing"}


async def test_id_twice(wire: Wire, service: FakeService) -> None:
    """An id that is still in use is refused; once it was answered it may be used again."""
    replies = await pile_up(wire, service, [{"action": "play", "id": 1}, {"action": "list", "id": 1}])

    assert [reply.error_code for reply in replies] == ["invalid_field", ""]
    assert (await wire.ask({"action": "list", "id": 1}))["count"] == len(SOUNDS)


@pytest.mark.parametrize("bad", ['""', "[]", "1.5", "true", "9007199254740993", '"' + "x" * 65 + '"'])
async def test_bad_ids(wire: Wire, bad: str) -> None:
    """An id that is none is refused, and not repeated."""
    reply = await wire.ask(f'{{"action": "ping", "id": {bad}}}')

    assert (reply["error_code"], reply["details"]) == ("invalid_field", {"field": "id"})
    assert "id" not in reply


# What nobody should send


async def test_tokens_that_are_none(stranger: Wire) -> None:
    """Whatever stands in the token's place, the answer is that it is no token, and the fifth is the last."""
    for token in ("17", "1e999", "[1]", "1" * 5000, '{"a": 1}'):
        reply = await stranger.ask(f'{{"action": "authenticate", "token": {token}}}')
        assert (reply["error_code"], reply["error_message"]) == ("auth_failed", "Invalid token format")

    assert await stranger.closed() == 4004


POST = b"POST / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n"


@pytest.mark.parametrize(
    "request_bytes",
    [
        pytest.param(POST + b"Content-Encoding: gzip\r\nContent-Length: 4\r\n\r\nabcd", id="body"),
        pytest.param(POST + b"Content-Length: -4\r\n\r\nabcd", id="length"),
        pytest.param(b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + bytes(32) + b"\r\n\r\n", id="TLS"),
    ],
)
async def test_bad_http(
    request_bytes: bytes, service: FakeService, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """Bad HTTP is refused by a server that does not tell its version, and is no error in the host's log."""
    caplog.set_level(logging.INFO)
    async with make_server(service, tmp_path) as server:
        reader, writer = await asyncio.open_connection("127.0.0.1", server.port)
        writer.write(request_bytes)
        async with asyncio.timeout(PATIENCE):
            answer = await reader.read()
        writer.close()

    assert answer.startswith((b"HTTP/1.1 4", b"HTTP/1.0 4"))
    assert b"\r\nServer: jeffbot\r\n" in answer
    assert [record.getMessage() for record in caplog.records if record.levelno >= logging.WARNING] == []
