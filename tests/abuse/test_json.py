"""Messages that are odd JSON, or none, get the answer the protocol has for them, and nothing else happens."""

import asyncio
import json
import logging
from collections.abc import AsyncIterator, Callable, Coroutine
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from abuse.invariants import LONG, House, inhabited
from abuse.raw import BINARY, Peer, frame, peer, text
from jeffbot.errors import ErrorCode
from jeffbot.ws import connection
from jeffbot.ws.connection import MAX_UNDECODABLE
from jeffbot.ws.server import Server
from staging import Stage, token_for

LARGEST = 65_536
DEPTH = 32_000
"""Two of which are what fits into a message."""


@pytest.fixture
async def house(server: Server, caplog: pytest.LogCaptureFixture) -> AsyncIterator[House]:
    """A server, inhabited; odd messages are no news for its log."""
    async with inhabited(server, caplog) as house:
        house.lines = 0
        yield house


NOT_JSON = {
    "nothing": b"",
    "spaces": b"   ",
    "NaN": b'{"action":"ping","x":NaN}',
    "Infinity": b'{"action":"ping","x":Infinity}',
    "minus Infinity": b'{"action":"ping","x":-Infinity}',
    "comment": b'{"action":"ping"/* x */}',
    "line comment": b'{"action":"ping"} // x',
    "trailing comma": b'{"action":"ping",}',
    "trailing comma in an array": b'{"action":"ping","x":[1,]}',
    "single quotes": b"{'action':'ping'}",
    "bare key": b'{action:"ping"}',
    "byte order mark": b'\xef\xbb\xbf{"action":"ping"}',
    "NUL between": b'{"action":\0"ping"}',
    "NUL behind": b'{"action":"ping"}\0',
    "NUL within a string": b'{"action":"ping","x":"\0"}',
    "line break within a string": b'{"action":"ping","x":"\n"}',
    "two objects": b'{"action":"ping"}{"action":"ping"}',
    "two lines": b'{"action":"ping"}\n{"action":"ping"}',
    "leading zero": b'{"action":"ping","x":01}',
    "plus": b'{"action":"ping","x":+1}',
    "hexadecimal": b'{"action":"ping","x":0x10}',
    "half an escape": b'{"action":"ping","x":"\\u12"}',
    "unknown escape": b'{"action":"ping","x":"\\q"}',
    "half a surrogate, escaped": b'{"action":"ping","x":"\\ud800"}',
    "no-break space": '{"action":\u00a0"ping"}'.encode(),
    "breaks off": b'{"action":"ping"',
    "deep arrays": b"[" * DEPTH + b"]" * DEPTH,
    "deep arrays that break off": b"[" * LARGEST,
    "deep objects": b'{"a":' * 10_000 + b"1" + b"}" * 10_000,
    "deep within": b'{"action":"ping","x":' + b"[" * DEPTH + b"]" * DEPTH + b"}",
    "XML": b"<ping/>",
    "64 KiB of letters": b"a" * LARGEST,
}


@pytest.mark.parametrize("case", NOT_JSON)
async def test_not_json(house: House, case: str) -> None:
    """What is not JSON is refused as such, as text and as binary; the next message is read."""
    async with peer(house.port) as client:
        for data in (text(NOT_JSON[case]), frame(BINARY, NOT_JSON[case])):
            await client.send(data)
            assert (await client.reply())["error_code"] == ErrorCode.INVALID_JSON
        assert await client.is_alive()


@pytest.mark.parametrize(
    "data",
    [
        b"\xff\xfe{\0}\0",
        b'{"action":"ping","x":"\xff"}',
        b'{"action":"ping","x":"\xed\xa0\x80"}',
        '{"a":1}'.encode("utf-16"),
    ],
)
async def test_binary_that_is_no_utf8(house: House, data: bytes) -> None:
    """Binary messages are to be UTF-8 as well; that they are not is no broken frame."""
    async with peer(house.port) as client:
        await client.send(frame(BINARY, data))

        assert (await client.reply())["error_code"] == ErrorCode.INVALID_JSON
        assert await client.is_alive()


@pytest.mark.parametrize(
    "data", [b"[]", b"null", b"true", b"1", b"-0", b"1e400", b'"ping"', b'["action","ping"]', b'[{"action":"ping"}]']
)
async def test_no_object(house: House, data: bytes) -> None:
    """JSON of another kind is refused in words of its own."""
    async with peer(house.port) as client:
        assert (await client.ask(data))["error_code"] == ErrorCode.INVALID_FORMAT
        assert await client.is_alive()


PASSED_OVER = {
    "5000 digits": b'"x":' + b"1" * 5000,
    "60 000 digits": b'"x":' + b"9" * 60_000,
    "huge exponent": b'"x":1e999999999',
    "negative huge exponent": b'"x":-1e-999999999',
    "duplicate keys": b'"x":1,"x":2',
    "U+2028": '"x":"\u2028\u2029"'.encode(),
    "escaped NUL": b'"x":"\\u0000"',
    "pair of surrogates": b'"x":"\\ud83d\\ude00"',
    "__proto__": b'"__proto__":{"admin":true},"constructor":{"prototype":{}}',
    "dunder": b'"__class__":"x","__init__":1',
    "ten thousand keys": b",".join(b'"%d":0' % number for number in range(6000)),
    "64 KiB in one string": b'"x":"' + b"y" * 65_500 + b'"',
    "empty key": b'"":1',
    "moderate depth": b'"x":' + b"[" * 500 + b"]" * 500,
}


@pytest.mark.parametrize("case", PASSED_OVER)
async def test_passed_over(house: House, case: str) -> None:
    """Odd values in keys nobody asked for are passed over."""
    async with peer(house.port) as client:
        assert (await client.ask(b'{"action":"ping",' + PASSED_OVER[case] + b"}"))["action"] == "pong"


async def test_action_twice(house: House) -> None:
    """Of two actions the last counts, everywhere: what was allowed is what is done."""
    async with peer(house.port) as client:
        assert (await client.ask(b'{"action":"list","action":"ping"}'))["action"] == "pong"
        assert (await client.ask(b'{"action":"ping","action":"list"}'))["error_code"] == ErrorCode.NOT_AUTHENTICATED


@pytest.mark.parametrize("action", ["", None, 1, 1.5, True, [], {}, ["ping"], {"ping": 1}])
async def test_action_that_is_no_text(house: House, action: object) -> None:
    """An action that is no text is none."""
    async with peer(house.port) as client:
        assert (await client.ask({"action": action, "id": 7}))["error_code"] == ErrorCode.MISSING_ACTION
        assert await client.is_alive()


@pytest.mark.parametrize(
    "action", ["PING", " ping", "ping\0", "ping\n", "__init__", "../ping", "p" * 60_000, "\u202eping", "p\u0456ng"]
)
async def test_action_that_is_not_known(house: House, action: str) -> None:
    """Nobody is told what there is before they have signed in, and what they said comes back cut and escaped."""
    async with peer(house.port) as client:
        reply = await client.ask({"action": action})

        assert reply["error_code"] == ErrorCode.NOT_AUTHENTICATED
        assert len(reply["request"]) < 700
        assert reply["request"].isprintable()


@pytest.mark.parametrize("value", [0, 1, -1, 2**53, -(2**53), "x", "x" * 64, "\u0000", "\U0001f600" * 64, "null"])
async def test_ids(house: House, value: object) -> None:
    """An id comes back as it was sent."""
    async with peer(house.port) as client:
        assert (await client.ask({"action": "ping", "id": value}))["id"] == value


@pytest.mark.parametrize(
    "value", ["", "x" * 65, "2**53 + 1", -(2**53) - 1, 10**400, 1.5, 1.0, True, False, [], {}, [1], {"id": 1}]
)
async def test_ids_that_are_none(house: House, value: object) -> None:
    """What cannot come back exactly is refused, and does not come back."""
    value = 2**53 + 1 if value == "2**53 + 1" else value
    async with peer(house.port) as client:
        reply = await client.ask({"action": "ping", "id": value})

        assert reply["error_code"] == ErrorCode.INVALID_FIELD
        assert reply["details"] == {"field": "id"}
        assert "id" not in reply
        assert await client.is_alive()


async def test_twenty_in_ten_seconds(house: House) -> None:
    """Twenty messages that cannot be read are answered, and end the connection with 4002."""
    async with peer(house.port) as client:
        for _ in range(MAX_UNDECODABLE):
            assert (await client.ask("nonsense"))["error_code"] == ErrorCode.INVALID_JSON

        assert await client.closed() == 4002


async def test_nineteen_in_ten_seconds(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nineteen do not; and what is JSON, if no request, does not count."""
    async with peer(house.port) as client:
        for _ in range(MAX_UNDECODABLE - 1):
            await client.ask("nonsense")
        for message in ("[]", "{}", '{"action":"nonsense"}') * 10:
            await client.ask(message)
        assert await client.is_alive()

        monkeypatch.setattr(connection, "UNDECODABLE_WINDOW", 0.0)  # the first is longer ago than that
        await client.ask("nonsense")
        assert await client.is_alive()


EXAMPLES = 10_000 if LONG else 100
MANY_LINES = 100_000
"""Failed tries to sign in each have one, and where there is no limit there is none on those either."""
OUR_FAULT = {ErrorCode.INTERNAL_ERROR, ErrorCode.ACTION_ERROR, ErrorCode.AUTH_ERROR, ErrorCode.LIST_ERROR}
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=8,
)
ACTIONS = st.sampled_from(["ping", "authenticate", "list", "play", "subscribe", "upload", "settings", ""]) | st.text()
REQUESTS = st.fixed_dictionaries(
    {"action": ACTIONS | JSON}, optional={"id": JSON, "token": JSON, "filename": JSON, "guild_id": JSON, "topics": JSON}
)
MESSAGES = (
    st.binary(max_size=200)
    | st.text(max_size=200).map(lambda value: value.encode(errors="ignore"))
    | JSON.map(lambda value: json.dumps(value).encode())
    | REQUESTS.map(lambda value: json.dumps(value, ensure_ascii=False).encode(errors="ignore"))
    | st.builds(lambda value, at: json.dumps(value).encode()[:at], REQUESTS, st.integers(0, 60))
)


async def test_any_bytes(house: House) -> None:
    """Whatever bytes come in a message are answered once, or the connection is closed with a code for that."""
    house.lines = MANY_LINES

    async def try_out(messages: list[bytes]) -> None:
        async with peer(house.port) as client:
            await each_answered(client, messages)

    await asyncio.to_thread(on_many(try_out))
    assert not [said for said in house.said if "authentication failed" not in said]


async def test_any_bytes_of_a_user(stage: Stage, caplog: pytest.LogCaptureFixture) -> None:
    """Nor does it make a difference that a real bot is behind it, and that they are let in."""
    port = (await stage.soundboard.wait_serving()).port
    good = token_for(stage.alice)

    async def try_out(messages: list[bytes]) -> None:
        async with peer(port) as client:
            assert (await client.ask({"action": "authenticate", "token": good}))["action"] == "auth_success"
            await each_answered(client, messages)

    await asyncio.to_thread(on_many(try_out))
    assert not [record for record in caplog.get_records("call") if record.levelno >= logging.ERROR]


def on_many(try_out: Callable[[list[bytes]], Coroutine[Any, Any, None]]) -> Callable[[], None]:
    """What tries it with many lists of messages, in a thread, while the event loop runs."""
    loop = asyncio.get_running_loop()

    @settings(max_examples=EXAMPLES, deadline=None, database=None, suppress_health_check=[HealthCheck.too_slow])
    @given(messages=st.lists(MESSAGES, min_size=1, max_size=12))
    def drive(messages: list[bytes]) -> None:
        asyncio.run_coroutine_threadsafe(try_out(messages), loop).result()

    return drive


async def each_answered(client: Peer, messages: list[bytes]) -> None:
    """Send them, one after the other; each has an answer."""
    for message in messages:
        await client.send(frame(BINARY, message))
        reply = await client.reply_or_code()
        if isinstance(reply, int):
            assert reply in {4004, 4012}
            return
        assert reply.get("error_code") not in OUR_FAULT
    assert await client.is_alive()
