"""Clients that send much at once, or what nobody should: everything is answered, in its place."""

import asyncio
import logging
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack
from typing import Any

import aiohttp
import msgspec
import pytest

from jeffbot.models import Caller, ChannelId, GuildId, LinkState, Sound, VoicePlace, VoiceReport
from jeffbot.playback import Playback, Status
from jeffbot.ws.actions import Actions
from jeffbot.ws.auth import Tokens
from jeffbot.ws.connection import MAX_PRESSES, MAX_WAITING
from jeffbot.ws.server import Server
from staging import PATIENCE, SECRET, Wire, token_for

ALICE = 1
GENERAL = VoicePlace(GuildId(81), ChannelId(810), "General")
SOUNDS = tuple(Sound(name, name, name, 1, 1) for name in (f"{number:04}.mp3" for number in range(3000)))


class FakeService:
    """A soundboard with many sounds, none of which begins before ``begin`` is set."""

    library_version = 1

    def __init__(self) -> None:
        self.begin = asyncio.Event()

    async def wait_ready(self) -> None:
        """The sounds are known."""

    def sounds(self, caller: Caller) -> Sequence[Sound]:  # noqa: ARG002
        return SOUNDS

    def duration(self, _sound: Sound) -> float:
        return 1.0

    async def play(self, caller: Caller, _filename: str, **_options: object) -> Playback:
        await self.begin.wait()
        playback = Playback(SOUNDS[0], caller.user_id, GENERAL)
        playback.begin()
        return playback

    async def random(self, caller: Caller, **_options: object) -> Playback:
        return await self.play(caller, "")

    def status(self, _caller: Caller) -> Status:
        return Status(
            connected=False,
            channel=None,
            now_playing=None,
            queue=(),
            paused=False,
            encoding=None,
            sound_count=3000,
            server_time=0.0,
            voice=VoiceReport(state=LinkState.IDLE),
        )


@pytest.fixture
def service() -> FakeService:
    """The soundboard behind the server."""
    return FakeService()


@pytest.fixture
async def server(service: FakeService) -> AsyncIterator[Server]:
    """A server on a free port."""
    actions: Any = Actions(service)  # type: ignore[arg-type]
    async with Server(actions, Tokens(SECRET, hours=1), host="127.0.0.1", port=0, auth_timeout=PATIENCE) as server:
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
    id: int
    count: int = 0
    error_code: str = ""


async def answers(wire: Wire, count: int) -> list[Answer]:
    """The next answers."""
    texts = [await wire.socket.receive_str(timeout=PATIENCE) for _ in range(count)]
    return [msgspec.json.decode(text, type=Answer) for text in texts]


async def ask_all(wire: Wire, actions: Sequence[str]) -> list[Answer]:
    """Send all of these without waiting for answers; then what is answered."""

    async def send() -> None:
        for number, action in enumerate(actions):
            await wire.send({"action": action, "id": number, "filename": "x"})

    sending = asyncio.create_task(send())
    replies = await answers(wire, len(actions))
    await sending
    return replies


async def pile_up(wire: Wire, service: FakeService, actions: Sequence[str]) -> list[Answer]:
    """Send all of these while no sound begins, and have the server read them; then what is answered."""
    for number, action in enumerate(actions):
        await wire.send({"action": action, "id": number, "filename": "x"})
    await wire.send({"action": "status", "id": -1})
    assert await answers(wire, 1) == [Answer("status", -1)]
    service.begin.set()
    return await answers(wire, len(actions))


# Much at once


async def test_many_pings(wire: Wire) -> None:
    """Thousands of pings sent at once are all answered, in order."""
    count = 3000
    assert count > MAX_WAITING * 10
    replies = await ask_all(wire, ["ping"] * count)

    assert [(reply.action, reply.id) for reply in replies] == [("pong", number) for number in range(count)]


async def test_many_lists(wire: Wire) -> None:
    """Hundreds of lists of a large library sent at once, of many megabytes, are all answered."""
    replies = await ask_all(wire, ["list"] * 200)

    assert [reply.id for reply in replies] == list(range(200))
    assert all(reply.count == len(SOUNDS) for reply in replies)


async def test_lists_are_not_refused_for_being_many(wire: Wire, service: FakeService) -> None:
    """Lists that wait for a play before them are all answered."""
    replies = await pile_up(wire, service, ["play"] + ["list"] * MAX_PRESSES)

    assert [reply.action for reply in replies] == ["playing"] + ["list"] * MAX_PRESSES


async def test_status_does_not_overtake_lists(wire: Wire) -> None:
    """What overtakes a sound that is about to begin keeps its place behind everything else."""
    replies = await ask_all(wire, ["list", "status", "ping", "list"])

    assert [reply.action for reply in replies] == ["list", "status", "pong", "list"]


async def test_too_many_plays_under_way(wire: Wire, service: FakeService) -> None:
    """Presses too many are refused with their action's own code, and in their place; other requests are not."""
    actions = ["play"] * MAX_PRESSES + ["play", "random", "list"]
    replies = await pile_up(wire, service, actions)

    assert [reply.id for reply in replies] == list(range(len(actions)))
    assert {reply.action for reply in replies[:MAX_PRESSES]} == {"playing"}
    assert [reply.error_code for reply in replies[MAX_PRESSES:]] == ["play_error", "random_error", ""]


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
async def test_bad_http(request_bytes: bytes, service: FakeService, caplog: pytest.LogCaptureFixture) -> None:
    """Bad HTTP is refused by a server that does not tell its version, and is no error in the host's log."""
    caplog.set_level(logging.INFO)
    actions: Any = Actions(service)  # type: ignore[arg-type]
    async with Server(actions, Tokens(SECRET, hours=1), host="127.0.0.1", port=0, auth_timeout=PATIENCE) as server:
        reader, writer = await asyncio.open_connection("127.0.0.1", server.port)
        writer.write(request_bytes)
        async with asyncio.timeout(PATIENCE):
            answer = await reader.read()
        writer.close()

    assert answer.startswith((b"HTTP/1.1 4", b"HTTP/1.0 4"))
    assert b"\r\nServer: jeffbot\r\n" in answer
    assert [record.getMessage() for record in caplog.records if record.levelno >= logging.WARNING] == []
