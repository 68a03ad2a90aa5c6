"""The main gateway, with clients that do as they please."""

import zlib
from typing import Any

import aiohttp
import msgspec
import pytest

from .clients import INTENTS, RawClient
from .conftest import Cave

GUILDS, MEMBERS, VOICE_STATES, PRESENCES = 1 << 0, 1 << 1, 1 << 7, 1 << 8


async def test_log_in(cave: Cave, raw: RawClient) -> None:
    """READY announces the guilds as unavailable, GUILD_CREATE then describes them."""
    gateway = await raw.log_in()
    ready, guild = await gateway.receive(), await gateway.receive()

    assert (ready["t"], ready["s"], guild["t"], guild["s"]) == ("READY", 1, "GUILD_CREATE", 2)
    assert ready["d"]["guilds"] == [{"id": str(cave.guild.id), "unavailable": True}]
    assert ready["d"]["user"]["id"] == ready["d"]["application"]["id"] == str(cave.app.id)
    assert [channel["name"] for channel in guild["d"]["channels"]] == ["chat", "General"]
    assert guild["d"]["unavailable"] is False


async def test_zlib_stream(raw: RawClient) -> None:
    """Asked to, the gateway speaks one zlib stream."""
    gateway = await raw.gateway("v=10&encoding=json&compress=zlib-stream")
    inflate = zlib.decompressobj()
    for expected in (10, 11):
        data = await gateway.websocket.receive_bytes(timeout=5)
        assert data.endswith(b"\x00\x00\xff\xff")
        assert msgspec.json.decode(inflate.decompress(data))["op"] == expected
        await gateway.send(1)


@pytest.mark.parametrize(
    ("messages", "code"),
    [
        (["what?"], 4002),
        (["[]"], 4002),
        (['{"op": "x"}'], 4002),
        (['{"op": 2, "d": null}'], 4002),
        (['{"op": 2, "d": {"token": 1, "intents": 1}}'], 4002),
        (["[" * 4000], 4002),
        (["{}" + " " * 5000], 4002),
        (['{"op": 4, "d": null}'], 4003),
        (['{"op": 2, "d": {"token": "wrong", "intents": 1}}'], 4004),
        (['{"op": 2, "d": {"token": "TOKEN", "intents": 1}}'] * 2, 4005),
        (['{"op": 2, "d": {"token": "TOKEN", "intents": 1, "shard": [3, 2]}}'], 4010),
        (['{"op": 2, "d": {"token": "TOKEN", "intents": -1}}'], 4013),
        (['{"op": 2, "d": {"token": "TOKEN", "intents": 1}}', '{"op": 99}'], 4001),
        (['{"op": 2, "d": {"token": "TOKEN", "intents": 1}}', '{"op": 4, "d": {"guild_id": "x"}}'], 4002),
        (['{"op": 2, "d": {"token": "TOKEN", "intents": 1}}', '{"op": 8, "d": {"guild_id": []}}'], 4002),
    ],
)
async def test_close_codes(
    cave: Cave, raw: RawClient, caplog: pytest.LogCaptureFixture, messages: list[str], code: int
) -> None:
    """Each breach of the protocol has its close code, and none is an error of the server's."""
    gateway = await raw.gateway()
    for message in messages:
        await gateway.websocket.send_str(message.replace("TOKEN", cave.app.token))

    assert await gateway.close_code() == code
    assert [record for record in caplog.records if record.name.startswith("jeffbot")] == []


async def test_binary_garbage(raw: RawClient) -> None:
    gateway = await raw.gateway()
    await gateway.websocket.send_bytes(b"\xff\x00\xff")

    assert await gateway.close_code() == 4002


async def test_resume_is_refused(raw: RawClient) -> None:
    """A session cannot be taken up again: the client is told to begin anew."""
    gateway = await raw.gateway()
    await gateway.send(6, {"token": "t", "session_id": "s", "seq": 1})

    assert await gateway.until_op(9) == {"op": 9, "d": False, "s": None, "t": None}


@pytest.mark.parametrize(
    ("intents", "members", "voice_states"),
    [
        (GUILDS, {"jeffbot", "alice"}, 0),
        (GUILDS | VOICE_STATES, {"jeffbot", "alice"}, 1),
        (GUILDS | MEMBERS, {"jeffbot", "alice"}, 0),
        (GUILDS | MEMBERS | PRESENCES, {"jeffbot", "alice", "bob", "owner of Cave"}, 0),
    ],
)
async def test_guild_create_by_intents(
    cave: Cave, raw: RawClient, intents: int, members: set[str], voice_states: int
) -> None:
    """Members who are not in voice take the presences intent, voice states their own."""
    cave.guild.add_member(cave.discord.add_user("bob"))
    await cave.alice.join(cave.general)
    guild = await (await raw.log_in(intents)).until_event("GUILD_CREATE")

    assert {member["user"]["username"] for member in guild["members"]} == members
    assert len(guild["voice_states"]) == voice_states
    assert guild["member_count"] == 4


async def test_no_voice_states_without_their_intent(cave: Cave, raw: RawClient) -> None:
    """Without the intent a member's moves are not told; what comes next is something else."""
    gateway = await raw.log_in(GUILDS)
    await gateway.until_event("GUILD_CREATE")
    await cave.alice.join(cave.general)
    await gateway.send(1)

    assert (await gateway.receive())["op"] == 11


async def test_members_by_name_and_id(cave: Cave, raw: RawClient) -> None:
    """Members are found by the beginning of their name, or by id."""
    gateway = await raw.log_in()
    for wish, names, not_found in (
        ({"query": "AL", "limit": 5, "nonce": "n"}, ["alice"], []),
        ({"user_ids": [str(cave.alice.id), "5"]}, ["alice"], ["5"]),
        ({"query": "", "limit": 0}, ["owner of Cave", "alice", "jeffbot"], []),
    ):
        await gateway.send(8, {"guild_id": str(cave.guild.id), **wish})
        chunk: dict[str, Any] = await gateway.until_event("GUILD_MEMBERS_CHUNK")
        assert [member["user"]["username"] for member in chunk["members"]] == names
        assert (chunk["not_found"], chunk.get("nonce")) == (not_found, wish.get("nonce"))


async def test_shards(cave: Cave, raw: RawClient) -> None:
    """Each shard gets the guilds that the formula gives it."""
    home = (cave.guild.id >> 22) % 2
    for shard in range(2):
        gateway = await raw.gateway()
        await gateway.send(2, {"token": cave.app.token, "intents": INTENTS, "shard": [shard, 2]})
        ready = await gateway.until_event("READY")
        assert len(ready["guilds"]) == (shard == home)


async def test_voice_ends_with_the_session(cave: Cave, raw: RawClient) -> None:
    """A bot whose main connection is gone is no longer in voice."""
    gateway = await raw.log_in()
    voice = await raw.join(gateway, cave.general)
    await voice.until_op(2)
    await gateway.websocket.close()

    assert await voice.close_code() == 4014
    assert cave.general.occupants == []


async def test_dropped_connection(cave: Cave, raw: RawClient, caplog: pytest.LogCaptureFixture) -> None:
    """A client that vanishes without a word is forgotten without one."""
    gateway = await raw.log_in()
    response = gateway.websocket._response
    assert isinstance(response, aiohttp.ClientResponse)
    assert response.connection is not None
    transport = response.connection.transport
    assert transport is not None
    await cave.discord.bot_ready(cave.app)
    transport.abort()
    await cave.discord.until(lambda: not cave.discord._gateway.sessions)

    assert [record for record in caplog.records if record.name.startswith("jeffbot")] == []
