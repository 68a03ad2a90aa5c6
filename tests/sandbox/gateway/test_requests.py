"""Members, sounds, channel data and presences, on request."""

from typing import Any

import pytest

from jeffbot.sandbox import Application, Intents
from jeffbot.sandbox.gateway.intents import PRIVILEGED
from jeffbot.sandbox.world.values import User

from ..clients import RawClient, Socket
from ..conftest import Cave
from .conftest import ClientOf

MEMBERS, PRESENCES = int(Intents.GUILD_MEMBERS), int(Intents.GUILD_PRESENCES)
EVERYBODY = {"query": "", "limit": 0}


@pytest.fixture
def trusted(cave: Cave) -> Application:
    """A bot in the guild that was granted every intent."""
    bot = cave.discord.add_application("trusted", privileged=PRIVILEGED)
    cave.guild.add_member(bot.user)
    return bot


async def ask(gateway: Socket, cave: Cave, **request: Any) -> dict[str, Any]:
    """The first chunk of an answer."""
    await gateway.send(8, {"guild_id": str(cave.guild.id), **request})
    return await gateway.until_event("GUILD_MEMBERS_CHUNK")


def names(chunk: dict[str, Any]) -> list[str]:
    return [member["user"]["username"] for member in chunk["members"]]


async def test_members_by_name(cave: Cave, raw: RawClient) -> None:
    """Members are found by the beginning of their name, whatever its case."""
    chunk = await ask(await raw.log_in(), cave, query="AL", limit=5, nonce="n")

    assert (names(chunk), chunk["nonce"]) == (["alice"], "n")
    assert (chunk["chunk_index"], chunk["chunk_count"]) == (0, 1)
    assert "not_found" not in chunk


async def test_members_by_id(cave: Cave, raw: RawClient) -> None:
    """Members are found by one id or several, of which those of nobody are told."""
    gateway = await raw.log_in()
    several = await ask(gateway, cave, user_ids=[str(cave.alice.id), "5"])
    one = await ask(gateway, cave, user_ids=cave.alice.id)

    assert (names(several), several["not_found"]) == (["alice"], ["5"])
    assert (names(one), one["not_found"]) == (["alice"], [])


@pytest.mark.parametrize(
    ("request_", "found"),
    [
        ({"query": "fan", "limit": 0}, 100),
        ({"query": "fan", "limit": 7}, 7),
        ({"query": "fan", "limit": 500}, 100),
        ({"user_ids": list(range(1000, 1120))}, 100),
        ({"query": "nobody", "limit": 0}, 0),
    ],
)
async def test_at_most_100(cave: Cave, raw: RawClient, request_: dict[str, Any], found: int) -> None:
    """A search finds no more than 100 members, and fewer if asked to."""
    for number in range(120):
        cave.guild.add_member(User(1000 + number, f"fan {number}"))

    assert len((await ask(await raw.log_in(), cave, **request_))["members"]) == found


async def test_everybody(cave: Cave, trusted: Application, client_of: ClientOf) -> None:
    """With the members intent all members are listed, 1000 in a chunk."""
    for number in range(2100):
        cave.guild.add_member(User(1000 + number, f"fan {number}"))
    gateway = await client_of(trusted).log_in(MEMBERS)
    chunks = [await ask(gateway, cave, **EVERYBODY, nonce="n")]
    chunks += [await gateway.until_event("GUILD_MEMBERS_CHUNK") for _ in range(2)]

    assert [(c["chunk_index"], c["chunk_count"], c["nonce"]) for c in chunks] == [(n, 3, "n") for n in range(3)]
    listed = [member["user"]["id"] for chunk in chunks for member in chunk["members"]]
    assert len(listed) == len(set(listed)) == len(cave.guild.members)


async def test_everybody_takes_an_intent(cave: Cave, raw: RawClient) -> None:
    """Without the members intent a request for all is not answered."""
    gateway = await raw.log_in()
    await gateway.until_event("GUILD_CREATE")
    for limit in (0, 10):
        await gateway.send(8, {"guild_id": str(cave.guild.id), "query": "", "limit": limit})

    assert await gateway.news() == []


async def test_everybody_but_once(cave: Cave, trusted: Application, client_of: ClientOf) -> None:
    """Within 30 s all members of a guild are listed once; other requests, guilds and bots are not concerned."""
    gateway = await client_of(trusted).log_in(MEMBERS)
    await ask(gateway, cave, **EVERYBODY)
    await gateway.send(8, {"guild_id": str(cave.guild.id), "nonce": "again", **EVERYBODY})
    limited = await gateway.until_event("RATE_LIMITED")
    await ask(gateway, cave, query="alice", limit=1)
    den = cave.discord.add_guild("Den", applications=[trusted])
    await gateway.send(8, {"guild_id": str(den.id), **EVERYBODY})
    await gateway.until_event("GUILD_MEMBERS_CHUNK")

    assert (limited["opcode"], limited["meta"]) == (8, {"guild_id": str(cave.guild.id), "nonce": "again"})
    assert 29 < limited["retry_after"] <= 30


@pytest.mark.parametrize(
    ("intents", "wanted", "told"),
    [(PRESENCES, True, True), (PRESENCES, False, False), (0, True, False), (PRESENCES, None, False)],
)
async def test_presences_of_members(
    cave: Cave,
    trusted: Application,
    client_of: ClientOf,
    *,
    intents: int,
    wanted: bool | None,
    told: bool,
) -> None:
    """Presences are told if they are asked for, with their intent."""
    cave.discord.world.set_presence(cave.alice, {"status": "idle"})
    gateway = await client_of(trusted).log_in(intents)
    chunk = await ask(gateway, cave, query="alice", limit=1, presences=wanted)

    assert [presence["status"] for presence in chunk.get("presences", [])] == ["idle"] * told


@pytest.mark.parametrize("nonce", ["x" * 33, "é" * 17, 5, None, ["n"]])
async def test_bad_nonce(cave: Cave, raw: RawClient, nonce: Any) -> None:
    """A nonce that is none is ignored."""
    assert "nonce" not in await ask(await raw.log_in(), cave, query="alice", limit=1, nonce=nonce)


async def test_presence_update(cave: Cave, raw: RawClient, trusted: Application, client_of: ClientOf) -> None:
    """Those who share a guild are told what a bot does; who is invisible is offline to them."""
    onlooker = await client_of(trusted).log_in(PRESENCES)
    await onlooker.until_event("READY")
    gateway = await raw.log_in()
    activity = {"name": "Custom Status", "type": 4, "state": "away", "emoji": {"name": "x"}}
    for status in ("idle", "invisible"):
        await gateway.send(3, {"since": None, "activities": [activity], "status": status, "afk": False})
    online, idle, invisible = [await onlooker.until_event("PRESENCE_UPDATE") for _ in range(3)]

    assert [presence["status"] for presence in (online, idle, invisible)] == ["online", "idle", "offline"]
    assert (idle["user"], idle["guild_id"]) == ({"id": str(cave.app.id)}, str(cave.guild.id))
    assert (idle["client_status"], invisible["client_status"]) == ({"web": "idle"}, {})
    assert [{key: each[key] for key in ("name", "state")} for each in idle["activities"]] == [
        {"name": "Custom Status", "state": "away"}
    ]


async def test_offline_when_gone(cave: Cave, raw: RawClient, trusted: Application, client_of: ClientOf) -> None:
    """A bot whose session has ended is offline."""
    gateway = await raw.log_in()
    await gateway.until_event("READY")
    onlooker = await client_of(trusted).log_in(PRESENCES)
    await onlooker.until_event("READY")
    await gateway.websocket.close()

    gone = await onlooker.until_event("PRESENCE_UPDATE")
    assert (gone["user"]["id"], gone["status"]) == (str(cave.app.id), "offline")


async def test_sounds(cave: Cave, raw: RawClient) -> None:
    """Each guild's own soundboard comes in an event of its own; of others' guilds nothing."""
    cave.guild.add_sound("boo", volume=0.5)
    den, elsewhere = cave.discord.add_guild("Den", applications=[cave.app]), cave.discord.add_guild("Elsewhere")
    gateway = await raw.log_in()
    await gateway.until_event("READY")
    await gateway.news()
    await gateway.send(31, {"guild_ids": [str(guild.id) for guild in (cave.guild, elsewhere, den)]})
    answers = [data for event, data in await gateway.news() if event == "SOUNDBOARD_SOUNDS"]

    assert [answer["guild_id"] for answer in answers] == [str(cave.guild.id), str(den.id)]
    assert [[sound["name"] for sound in answer["soundboard_sounds"]] for answer in answers] == [["boo"], []]


async def test_channel_info(cave: Cave, raw: RawClient) -> None:
    """What voice channels say of themselves is told on request."""
    cave.guild.set_voice_status(cave.general, "busy")
    gateway = await raw.log_in()
    await gateway.send(43, {"guild_id": str(cave.guild.id), "fields": ["status", "unheard of"]})

    info = await gateway.until_event("CHANNEL_INFO")
    assert info["channels"] == [{"id": str(cave.general.id), "status": "busy"}]


@pytest.mark.parametrize(
    ("op", "request_"),
    [
        (8, EVERYBODY | {"guild_id": "1"}),
        (8, {"guild_id": 1, "user_ids": ["1"]}),
        (31, {"guild_ids": ["1"]}),
        (43, {"guild_id": "1", "fields": ["status"]}),
        (4, {"guild_id": "1", "channel_id": "1"}),
        (4, {"guild_id": "1", "channel_id": None}),
    ],
)
async def test_unknown_guild(raw: RawClient, op: int, request_: dict[str, Any]) -> None:
    """What concerns no guild of the bot's is ignored."""
    gateway = await raw.log_in()
    await gateway.until_event("GUILD_CREATE")
    await gateway.send(op, request_)

    assert await gateway.news() == []
