"""Whatever a client sends, it is answered or closed with Discord's code, and never an error of the server's."""

import json
from collections.abc import AsyncIterator
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from jeffbot.sandbox.gateway.forms import (
    Activity,
    Identify,
    MembersRequest,
    PresenceUpdate,
    Resume,
    SoundsRequest,
    VoiceStateUpdate,
)

from ..clients import RawClient
from ..conftest import Cave

GUILD, CHANNEL = "GUILD", "CHANNEL"
NO_OBJECTS: list[Any] = [None, [], "x", 5]


@pytest.fixture(autouse=True)
async def _no_bug(caplog: pytest.LogCaptureFixture) -> AsyncIterator[None]:
    yield
    assert [record for record in caplog.records if record.name.startswith("jeffbot")] == []


@pytest.mark.parametrize(
    ("message", "code"),
    [
        ("what?", 4002),
        ("", 4002),
        ("[]", 4002),
        ("null", 4002),
        ("{}", 4002),
        ('{"op": "x"}', 4002),
        ('{"op": true}', 4002),
        ('{"op": 1.5}', 4002),
        ('{"op": 1, "d": "x"}', 4002),
        ('{"op": 1, "d": [1]}', 4002),
        ('{"op": 2, "d": "\\ud800"}', 4002),
        ('{"op": 99999999999999999999999}', 4001),
        ("[" * 4000, 4002),
        ('{"op": 2, "d": ' + "[" * 4000, 4002),
        ('{"op": 1}' + " " * 4088, 4002),
        ('{"op": 1, "x": "' + "é" * 2100 + '"}', 4002),
        ('{"op": 0, "d": {}}', 4001),
        ('{"op": 5}', 4001),
        ('{"op": 7}', 4001),
        ('{"op": 9, "d": true}', 4001),
        ('{"op": 10}', 4001),
        ('{"op": 11}', 4001),
        ('{"op": -1}', 4001),
        ('{"op": 99}', 4001),
        *((json.dumps({"op": op, "d": {}}), 4003) for op in (3, 4, 8, 31, 43)),
        *((json.dumps({"op": op, "d": d}), 4002) for op in (2, 6) for d in NO_OBJECTS),
        ('{"op": 2, "d": {}}', 4002),
        ('{"op": 6, "d": {}}', 4002),
        *(
            (json.dumps({"op": 6, "d": {"token": "t", "session_id": "s", "seq": 1} | wrong}), 4002)
            for wrong in ({"token": 5}, {"session_id": None}, {"seq": "1"}, {"seq": None}, {"seq": 1.5})
        ),
    ],
)
async def test_before_identifying(raw: RawClient, message: str, code: int) -> None:
    """Each breach of the protocol has its close code."""
    gateway = await raw.gateway()
    await gateway.websocket.send_str(message)

    assert await gateway.close_code() == code


async def test_exactly_4096_bytes(raw: RawClient) -> None:
    """The longest message there may be is decoded."""
    gateway = await raw.gateway()
    await gateway.websocket.send_str('{"op": 1}' + " " * 4087)

    await gateway.until_op(11)


@pytest.mark.parametrize("data", [b"\xff\x00\xff", b"", b"\x83t\x00\x00\x00\x01"])
async def test_binary_garbage(raw: RawClient, data: bytes) -> None:
    gateway = await raw.gateway()
    await gateway.websocket.send_bytes(data)

    assert await gateway.close_code() == 4002


@pytest.mark.parametrize(
    ("op", "d"),
    [
        *((op, d) for op in (3, 4, 8, 31, 43) for d in NO_OBJECTS),
        *((op, dict[str, Any]()) for op in (4, 8, 31, 43)),
        (3, {"status": "asleep"}),
        (3, {"status": "online", "activities": "none"}),
        (3, {"status": "online", "activities": [None]}),
        (3, {"status": "online", "activities": [{"name": 5, "type": 0}]}),
        (3, {"status": "online", "activities": [{"name": "x", "type": -1}]}),
        (3, {"status": "online", "activities": [], "since": "now"}),
        (3, {"status": "online", "activities": [], "afk": 5}),
        (4, {"guild_id": GUILD}),
        (4, {"channel_id": CHANNEL}),
        (4, {"guild_id": "x", "channel_id": CHANNEL}),
        (4, {"guild_id": GUILD, "channel_id": []}),
        (4, {"guild_id": GUILD, "channel_id": -1}),
        (4, {"guild_id": GUILD, "channel_id": "9" * 30}),
        (4, {"guild_id": GUILD, "channel_id": 10**40}),
        (4, {"guild_id": GUILD, "channel_id": CHANNEL, "self_mute": "loud"}),
        (4, {"guild_id": GUILD, "channel_id": CHANNEL, "self_deaf": None}),
        (8, {"guild_id": GUILD}),
        (8, {"guild_id": [], "query": "", "limit": 0}),
        (8, {"guild_id": GUILD, "query": ""}),
        (8, {"guild_id": GUILD, "query": 5, "limit": 0}),
        (8, {"guild_id": GUILD, "query": "", "limit": -1}),
        (8, {"guild_id": GUILD, "query": "", "limit": "all"}),
        (8, {"guild_id": GUILD, "user_ids": "x"}),
        (8, {"guild_id": GUILD, "user_ids": ["x"]}),
        (8, {"guild_id": GUILD, "user_ids": {}}),
        (8, {"guild_id": GUILD, "user_ids": [[]]}),
        (8, {"guild_id": GUILD, "query": "x", "limit": 1, "presences": "all"}),
        (31, {"guild_ids": GUILD}),
        (31, {"guild_ids": [None]}),
        (43, {"guild_id": GUILD}),
        (43, {"guild_id": GUILD, "fields": "status"}),
        (43, {"guild_id": GUILD, "fields": [5]}),
    ],
)
async def test_when_identified(cave: Cave, raw: RawClient, op: int, d: Any) -> None:
    """A request with missing or wrong fields is a decode error, and the session can be resumed."""
    gateway = await raw.log_in()
    message = json.dumps({"op": op, "d": d})
    await gateway.websocket.send_str(message.replace(GUILD, str(cave.guild.id)).replace(CHANNEL, str(cave.general.id)))

    assert await gateway.close_code() == 4002
    assert len(cave.discord.sessions(cave.app)) == 1


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5) | st.sampled_from([GUILD, CHANNEL]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=8,
)
FIELDS = {
    field
    for form in (Identify, PresenceUpdate, Activity, Resume, VoiceStateUpdate, MembersRequest, SoundsRequest)
    for field in form.__struct_fields__
}
PAYLOADS = st.dictionaries(st.sampled_from(sorted(FIELDS)), JSON, max_size=6)
OPS = st.sampled_from([1, 2, 3, 4, 6, 8, 31, 43]) | st.integers()


CODES = {4001, 4002, 4003, 4004, 4005, 4007, 4010, 4013, 4014}


@settings(max_examples=50, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(messages=st.lists(st.tuples(OPS, JSON | PAYLOADS), min_size=1, max_size=5), identified=st.booleans())
async def test_anything(cave: Cave, raw: RawClient, messages: list[tuple[int, Any]], *, identified: bool) -> None:
    """Whatever messages come in whatever order, they are handled, or closed with a code; at the end one surely is."""
    gateway = await (raw.log_in() if identified else raw.gateway())
    text = json.dumps([{"op": op, "d": d} for op, d in messages])
    for message in json.loads(text.replace(GUILD, str(cave.guild.id)).replace(CHANNEL, str(cave.general.id))):
        await gateway.websocket.send_str(json.dumps(message))
    await gateway.send(99)

    assert await gateway.close_code() in CODES
