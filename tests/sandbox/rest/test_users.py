"""Users, applications, and the way to the gateway."""

import pytest

from jeffbot.sandbox.gateway.intents import Intents

from ..clients import RawClient
from ..conftest import Cave


async def test_me(cave: Cave, raw: RawClient) -> None:
    status, me = await raw.request("GET", "/users/@me")

    assert (status, me["id"], me["username"], me["bot"]) == (200, str(cave.app.id), "jeffbot", True)


async def test_another_name(cave: Cave, raw: RawClient) -> None:
    """A bot that renames itself has the new name at once, and its gateway is told."""
    gateway = await raw.log_in()
    status, me = await raw.request("PATCH", "/users/@me", {"username": "jeff", "avatar": None})

    assert (status, me["username"], cave.app.user.name) == (200, "jeff", "jeff")
    assert (await gateway.until_event("USER_UPDATE"))["username"] == "jeff"


async def test_other_users(cave: Cave, raw: RawClient) -> None:
    assert (await raw.request("GET", f"/users/{cave.alice.id}"))[1]["username"] == "alice"
    assert (await raw.request("GET", "/users/1"))[1]["code"] == 10013


async def test_own_guilds(cave: Cave, raw: RawClient) -> None:
    """They come in the order of their ids, in pages, with counts if asked for."""
    second = cave.discord.add_guild("Second", applications=[cave.app])
    cave.discord.add_guild("Not ours")

    _, both = await raw.request("GET", "/users/@me/guilds?with_counts=true")
    assert [guild["name"] for guild in both] == ["Cave", "Second"]
    assert (both[0]["approximate_member_count"], both[0]["owner"]) == (3, False)
    for query, names in (
        ("limit=1", ["Cave"]),
        (f"after={cave.guild.id}", ["Second"]),
        (f"before={second.id}&limit=1", ["Cave"]),
    ):
        _, page = await raw.request("GET", f"/users/@me/guilds?{query}")
        assert [guild["name"] for guild in page] == names


async def test_leaving(cave: Cave, raw: RawClient) -> None:
    """A bot that leaves a guild is no member, and the guild is unknown to it."""
    assert (await raw.request("DELETE", f"/users/@me/guilds/{cave.guild.id}"))[0] == 204

    assert cave.app.id not in cave.guild.members
    assert (await raw.request("GET", f"/guilds/{cave.guild.id}"))[1]["code"] == 10004


async def test_an_owner_cannot_leave(cave: Cave, raw: RawClient) -> None:
    own = cave.discord.add_guild("Own", owner=cave.app.user)

    assert (await raw.request("DELETE", f"/users/@me/guilds/{own.id}"))[1]["code"] == 50055


async def test_direct_channel(cave: Cave, raw: RawClient) -> None:
    """A private channel is opened once, and messages reach it."""
    _, channel = await raw.request("POST", "/users/@me/channels", {"recipient_id": str(cave.alice.id)})
    _, same = await raw.request("POST", "/users/@me/channels", {"recipient_id": str(cave.alice.id)})
    status, message = await raw.request("POST", f"/channels/{channel['id']}/messages", {"content": "psst"})

    assert (channel["id"], channel["type"]) == (same["id"], 1)
    assert (status, message["content"]) == (200, "psst")


async def test_no_direct_channel_between_bots(cave: Cave, raw: RawClient) -> None:
    other = cave.discord.add_application("other")

    status, body = await raw.request("POST", "/users/@me/channels", {"recipient_id": str(other.id)})
    assert (status, body["code"]) == (400, 50033)


async def test_no_messages_to_strangers(cave: Cave, raw: RawClient) -> None:
    """Somebody in none of the bot's guilds cannot be written to."""
    bob = cave.discord.add_user("bob")
    _, channel = await raw.request("POST", "/users/@me/channels", {"recipient_id": str(bob.id)})

    status, body = await raw.request("POST", f"/channels/{channel['id']}/messages", {"content": "hi"})
    assert (status, body["code"]) == (403, 50278)


async def test_own_application(cave: Cave, raw: RawClient) -> None:
    """An application reads and changes what is said about it; its flags switch privileged intents on."""
    cave.app.owner = cave.alice
    changes = {"description": "plays sounds", "tags": ["music"], "flags": 1 << 15}
    status, changed = await raw.request("PATCH", "/applications/@me", changes)
    _, read = await raw.request("GET", "/oauth2/applications/@me")

    assert status == 200
    assert changed == read
    assert (read["description"], read["owner"]["id"]) == ("plays sounds", str(cave.alice.id))
    assert cave.app.privileged == Intents.GUILD_MEMBERS


@pytest.mark.parametrize("path", ["/gateway", "/gateway/bot"])
async def test_gateway(cave: Cave, raw: RawClient, path: str) -> None:
    cave.discord.options.max_concurrency = 3
    status, body = await raw.request("GET", path)

    assert (status, body["url"].startswith("wss://")) == (200, True)
    assert path == "/gateway" or body["session_start_limit"]["max_concurrency"] == 3
