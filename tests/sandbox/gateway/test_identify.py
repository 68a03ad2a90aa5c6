"""IDENTIFY: who is let in, and what READY says."""

from typing import Any

import pytest

from jeffbot.sandbox import Intents, Kind, Sandbox

from ..clients import INTENTS, RawClient
from ..conftest import Cave
from .conftest import ClientOf

PRIVILEGED = [Intents.GUILD_MEMBERS, Intents.GUILD_PRESENCES, Intents.MESSAGE_CONTENT]


async def test_log_in(cave: Cave, raw: RawClient) -> None:
    """READY announces the guilds as unavailable, GUILD_CREATE then describes them."""
    gateway = await raw.log_in()
    ready, guild = await gateway.receive(), await gateway.receive()

    assert (ready["t"], ready["s"], guild["t"], guild["s"]) == ("READY", 1, "GUILD_CREATE", 2)
    assert ready["d"]["guilds"] == [{"id": str(cave.guild.id), "unavailable": True}]
    assert ready["d"]["user"]["id"] == ready["d"]["application"]["id"] == str(cave.app.id)
    assert ready["d"]["resume_gateway_url"].startswith("wss://")
    assert "shard" not in ready["d"]
    assert [channel["name"] for channel in guild["d"]["channels"]] == ["chat", "General"]
    assert guild["d"]["unavailable"] is False


async def test_shards(cave: Cave, raw: RawClient) -> None:
    """Each shard gets the guilds that the formula gives it."""
    home = (cave.guild.id >> 22) % 2
    for shard in range(2):
        gateway = await raw.log_in(shard=[shard, 2])
        ready = await gateway.until_event("READY")
        assert (len(ready["guilds"]), ready["shard"]) == (shard == home, [shard, 2])


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"token": "wrong"}, 4004),
        ({"token": ""}, 4004),
        ({"token": 1}, 4002),
        ({"token": None}, 4002),
        ({"properties": None}, 4002),
        ({"properties": []}, 4002),
        ({"intents": None}, 4002),
        ({"intents": "1"}, 4002),
        ({"intents": -1}, 4013),
        ({"intents": 1 << 17}, 4013),
        ({"intents": 1 << 26}, 4013),
        ({"intents": 1 << 62}, 4013),
        *(({"intents": int(intent)}, 4014) for intent in PRIVILEGED),
        ({"shard": [2, 2]}, 4010),
        ({"shard": [-1, 2]}, 4010),
        ({"shard": [0, 0]}, 4010),
        ({"shard": [0]}, 4002),
        ({"shard": [0, 1, 2]}, 4002),
        ({"shard": "0"}, 4002),
        ({"presence": []}, 4002),
        ({"presence": {"status": "asleep"}}, 4002),
        ({"presence": {"status": "online", "activities": {}}}, 4002),
        ({"presence": {"status": "online", "activities": [{"type": 0}]}}, 4002),
        ({"presence": {"status": "online", "activities": [{"name": "x", "type": 99}]}}, 4002),
        ({"large_threshold": "many"}, 4002),
        ({"compress": "yes"}, 4002),
    ],
)
async def test_refused(cave: Cave, raw: RawClient, changes: dict[str, Any], code: int) -> None:
    """Each wrong field has its close code."""
    gateway = await raw.gateway()
    await gateway.send(2, {"token": cave.app.token, "intents": 1, "properties": {}} | changes)

    assert await gateway.close_code() == code
    assert cave.discord.sessions(cave.app) == []


async def test_as_discordgo_does(cave: Cave, raw: RawClient) -> None:
    """A library that sends its token with its scheme, an empty status and an empty game is let in, and resumes."""
    presence = {"since": 0, "game": {"name": "", "type": 0, "created_at": 0}, "status": "", "afk": False}
    properties = {"os": "linux", "browser": "DiscordGo v0.28.1", "device": ""}
    token = f"Bot {cave.app.token}"
    gateway = await raw.log_in(token=token, presence=presence, properties=properties, large_threshold=250)
    ready = await gateway.until_event("READY")
    assert cave.app.user.presence == {"status": "online", "activities": []}
    await gateway.websocket.close(code=4000)
    again = await raw.gateway()
    await again.send(6, {"token": token, "session_id": ready["session_id"], "seq": 1})

    await again.until_event("RESUMED")


@pytest.mark.parametrize(
    "changes",
    [
        {"large_threshold": None, "compress": None, "shard": None, "presence": None},
        {"presence": {"status": None, "activities": None, "since": None, "afk": None, "game": None}},
        {"presence": {"status": "idle", "activities": [{"name": "x", "type": None, "state": None, "url": None}]}},
    ],
)
async def test_null(raw: RawClient, cave: Cave, changes: dict[str, Any]) -> None:
    """What may be left out may be null."""
    await (await raw.log_in(**changes)).until_event("READY")

    assert cave.discord.findings == []


@pytest.mark.parametrize("field", ["token", "properties", "intents"])
async def test_missing_field(cave: Cave, raw: RawClient, field: str) -> None:
    """What IDENTIFY must have it must have."""
    gateway = await raw.gateway()
    identify = {"token": cave.app.token, "intents": 1, "properties": {}}
    del identify[field]
    await gateway.send(2, identify)

    assert await gateway.close_code() == 4002


async def test_close_frame_says_why(raw: RawClient) -> None:
    """The code is spelled out, for those who read logs."""
    gateway = await raw.gateway()
    await gateway.until_op(10)
    await gateway.send(2, {"token": "wrong", "intents": 1, "properties": {}})
    message = await gateway.websocket.receive(timeout=5)

    assert (message.data, message.extra) == (4004, "Authentication failed.")


@pytest.mark.parametrize("intent", PRIVILEGED)
async def test_privileged_intents(discord: Sandbox, client_of: ClientOf, intent: Intents) -> None:
    """An application may ask for what it was granted, which its flags say, too."""
    app = discord.add_application("trusted", privileged=intent)
    ready = await (await client_of(app).log_in(int(intent))).until_event("READY")

    assert ready["application"]["flags"].bit_count() == 1
    assert app.privileged == intent


async def test_too_many_guilds(discord: Sandbox, client_of: ClientOf) -> None:
    """More than 2500 guilds take more than one shard."""
    app = discord.add_application("famous")
    for number in range(2501):
        discord.add_guild(f"guild {number}", applications=[app])
    gateway = await client_of(app).gateway()
    await gateway.send(2, {"token": app.token, "intents": 1, "properties": {}})
    sharded = await client_of(app).log_in(shard=[0, 2])

    assert await gateway.close_code() == 4011
    assert len((await sharded.until_event("READY"))["guilds"]) <= 2500


async def test_presence(cave: Cave, raw: RawClient) -> None:
    """A bot begins with the presence that it names, of which it may set but few fields."""
    activity = {"name": "chess", "type": 0, "assets": {"large_image": "x"}}
    gateway = await raw.log_in(presence={"status": "dnd", "since": None, "afk": False, "activities": [activity]})
    await gateway.until_event("READY")
    presence = cave.app.user.presence

    assert presence["status"] == "dnd"
    assert [set(activity) for activity in presence["activities"]] == [{"name", "type", "created_at"}]


@pytest.mark.parametrize(
    ("changes", "kind"),
    [
        ({"properties": {"$os": "linux", "browser": "x", "device": "x"}}, Kind.DEPRECATED_FIELD),
        ({"presence": {"status": None, "game": {"name": "chess", "type": 0}, "since": 0.0}}, Kind.DEPRECATED_FIELD),
        ({"large_threshold": 1000}, Kind.COERCED_VALUE),
        ({"large_threshold": 1}, Kind.COERCED_VALUE),
    ],
)
async def test_tolerated(cave: Cave, raw: RawClient, changes: dict[str, Any], kind: Kind) -> None:
    """What good clients have given up is taken, and noted."""
    gateway = await raw.log_in(**changes)
    await gateway.until_event("READY")

    assert cave.discord.findings.kinds() == {kind}


async def test_nothing_to_note(cave: Cave, raw: RawClient) -> None:
    """A good client draws no finding."""
    properties = {"os": "linux", "browser": "x", "device": "x"}
    gateway = await raw.log_in(properties=properties, large_threshold=250, presence={"status": "idle"})
    await gateway.until_event("READY")

    assert cave.discord.findings == []


async def test_session_start_limit(cave: Cave, raw: RawClient) -> None:
    """Get Gateway Bot counts sessions down, and says when there are more again."""
    cave.discord.options.max_concurrency = 4
    before = cave.discord._gateway.describe(cave.app)
    await (await raw.log_in()).until_event("READY")
    after = cave.discord._gateway.describe(cave.app)

    assert before["session_start_limit"] == {"total": 1000, "remaining": 1000, "reset_after": 0, "max_concurrency": 4}
    assert after["session_start_limit"]["remaining"] == 999
    assert 86_000_000 < after["session_start_limit"]["reset_after"] <= 86_400_000
    assert (after["shards"], after["url"]) == (1, cave.discord._gateway.url)


async def test_identifying_too_fast(cave: Cave, raw: RawClient) -> None:
    """Shards of one bucket have to wait for one another, if the sandbox is told to be as strict."""
    cave.discord.options.identify_period, cave.discord.options.max_concurrency = 5.0, 2
    await (await raw.log_in(shard=[0, 4])).until_event("READY")
    await (await raw.log_in(shard=[1, 4])).until_event("READY")
    too_fast = await raw.gateway()
    await too_fast.send(2, {"token": cave.app.token, "intents": 1, "properties": {}, "shard": [2, 4]})

    assert (await too_fast.until_op(9))["d"] is False
    cave.discord.options.identify_period = 0.0
    await too_fast.send(2, {"token": cave.app.token, "intents": 1, "properties": {}, "shard": [2, 4]})
    await too_fast.until_event("READY")


async def test_twice(cave: Cave, raw: RawClient) -> None:
    """Who has identified cannot do so again."""
    gateway = await raw.log_in()
    await gateway.send(2, {"token": cave.app.token, "intents": INTENTS, "properties": {}})

    assert await gateway.close_code() == 4005
