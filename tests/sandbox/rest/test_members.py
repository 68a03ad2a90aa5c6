"""Members, what moderators do to them, and bans."""

import datetime as dt

import pytest

from jeffbot.sandbox import Permission
from jeffbot.sandbox.gateway.intents import Intents, flags_of

from ..clients import RawClient
from ..conftest import Cave
from .conftest import Allow

VOICE = Permission.MUTE_MEMBERS | Permission.DEAFEN_MEMBERS | Permission.MOVE_MEMBERS


def alice_of(cave: Cave) -> str:
    return f"/guilds/{cave.guild.id}/members/{cave.alice.id}"


async def test_listing_needs_an_intent(cave: Cave, raw: RawClient) -> None:
    """Without the privileged intent there is no list; with it, it comes in pages by user id."""
    base = f"/guilds/{cave.guild.id}/members"
    assert await raw.refusal("GET", base) == 50001
    cave.app.flags = flags_of(Intents.GUILD_MEMBERS)

    _, first = await raw.request("GET", base)
    _, rest = await raw.request("GET", f"{base}?limit=1000&after={first[0]['user']['id']}")
    listed = [int(member["user"]["id"]) for member in first + rest]
    assert listed == sorted(cave.guild.members)
    assert await raw.refusal("GET", f"{base}?limit=1001") == 50035


async def test_search(cave: Cave, raw: RawClient) -> None:
    """By the beginning of the name or the nickname, in any case."""
    cave.guild.change_member(cave.app.user, nick="Alicia")
    base = f"/guilds/{cave.guild.id}/members/search"

    _, found = await raw.request("GET", f"{base}?query=ALI&limit=5")
    assert {member["user"]["username"] for member in found} == {"alice", "jeffbot"}
    assert len((await raw.request("GET", f"{base}?query=ali"))[1]) == 1
    assert await raw.refusal("GET", base) == 50035


async def test_nickname(cave: Cave, raw: RawClient, allow: Allow) -> None:
    """One's own needs CHANGE_NICKNAME, another's MANAGE_NICKNAMES."""
    own = f"/guilds/{cave.guild.id}/members/@me"
    assert (await raw.request("PATCH", own, {"nick": "jeff"}))[1]["nick"] == "jeff"
    assert (await raw.request("PATCH", f"{own}/nick", {"nick": None}))[1] == {"nick": None}
    assert await raw.refusal("PATCH", alice_of(cave), {"nick": "al"}) == 50013
    allow(Permission.MANAGE_NICKNAMES)

    assert (await raw.request("PATCH", alice_of(cave), {"nick": "al"}))[1]["nick"] == "al"


async def test_roles(cave: Cave, raw: RawClient, allow: Allow) -> None:
    """Roles below the bot's highest are given and taken, one by one or all at once."""
    dj = cave.guild.add_role("dj")
    allow(Permission.MANAGE_ROLES)
    boss = cave.guild.add_role("boss")
    path = f"{alice_of(cave)}/roles/{dj.id}"
    assert (await raw.request("PUT", path))[0] == 204
    assert cave.guild.members[cave.alice.id].roles == [dj]
    assert (await raw.request("DELETE", path))[0] == 204
    assert (await raw.request("PATCH", alice_of(cave), {"roles": [str(dj.id)]}))[1]["roles"] == [str(dj.id)]

    assert await raw.refusal("PUT", f"{alice_of(cave)}/roles/{boss.id}") == 50013
    assert await raw.refusal("PATCH", alice_of(cave), {"roles": [str(dj.id), str(boss.id)]}) == 50013
    assert await raw.refusal("PATCH", alice_of(cave), {"roles": ["1"]}) == 50028
    assert await raw.refusal("PUT", f"{alice_of(cave)}/roles/1") == 10011


async def test_muted_and_moved(cave: Cave, raw: RawClient, allow: Allow) -> None:
    """Who is in voice is muted, deafened, moved and disconnected; who is not, cannot be."""
    below = cave.guild.add_voice_channel("Below")
    assert await raw.refusal("PATCH", alice_of(cave), {"mute": True}) == 50013
    allow(VOICE)
    assert await raw.refusal("PATCH", alice_of(cave), {"mute": True}) == 40032
    cave.guild.set_voice(cave.alice, cave.general, self_mute=True)

    body = {"mute": True, "deaf": True, "channel_id": str(below.id)}
    status, member = await raw.request("PATCH", alice_of(cave), body)
    state = cave.guild.voice_states[cave.alice.id]
    assert (status, member["mute"], member["deaf"]) == (200, True, True)
    assert (state.channel, state.mute, state.self_mute) == (below, True, True)
    assert (await raw.request("PATCH", alice_of(cave), {"channel_id": None}))[0] == 200
    assert cave.guild.voice_states == {}


async def test_refused_moves(cave: Cave, raw: RawClient, allow: Allow) -> None:
    """Without the permission, to no voice channel, or where the bot cannot go, nobody is moved."""
    closed = cave.guild.add_voice_channel("Closed", denied=Permission.CONNECT)
    cave.guild.set_voice(cave.alice, cave.general)
    assert await raw.refusal("PATCH", alice_of(cave), {"channel_id": None}) == 50013
    allow(VOICE)

    for channel_id, code in ((closed.id, 50013), (cave.guild.text_channel.id, 50024), (1, 10003)):
        assert await raw.refusal("PATCH", alice_of(cave), {"channel_id": str(channel_id), "mute": True}) == code
    state = cave.guild.voice_states[cave.alice.id]
    assert (state.channel, state.mute) == (cave.general, False)


async def test_timeout(cave: Cave, raw: RawClient, allow: Allow) -> None:
    until = (dt.datetime.now(dt.UTC) + dt.timedelta(minutes=1)).isoformat()
    body = {"communication_disabled_until": until}
    assert await raw.refusal("PATCH", alice_of(cave), body) == 50013
    allow(Permission.MODERATE_MEMBERS)

    assert (await raw.request("PATCH", alice_of(cave), body))[1]["communication_disabled_until"] == until
    assert await raw.refusal("PATCH", f"/guilds/{cave.guild.id}/members/{cave.guild.owner.id}", body) == 50013


@pytest.mark.parametrize(
    ("sent", "kept"),
    [("2025-01-01", "2025-01-01T00:00:00+00:00"), ("2025-01-01T01:30:00+01:30", "2025-01-01T00:00:00+00:00")],
)
async def test_times_are_utc(cave: Cave, raw: RawClient, allow: Allow, sent: str, kept: str) -> None:
    """A time is kept in UTC, in which it is read if it names no zone."""
    allow(Permission.MODERATE_MEMBERS)
    _, member = await raw.request("PATCH", alice_of(cave), {"communication_disabled_until": sent})

    assert member["communication_disabled_until"] == kept


@pytest.mark.parametrize("until", ["0001-01-01T00:00:00+23:59", "9999-12-31T23:59:59-23:59"])
async def test_times_out_of_this_world(cave: Cave, raw: RawClient, allow: Allow, until: str) -> None:
    """A time that UTC does not have is refused, and the member goes on as before."""
    allow(Permission.MODERATE_MEMBERS)
    assert await raw.refusal("PATCH", alice_of(cave), {"communication_disabled_until": until}) == 50035

    await cave.alice.write(cave.guild, "still here")
    assert (await raw.request("PATCH", alice_of(cave), {"communication_disabled_until": None}))[0] == 200


async def test_kick(cave: Cave, raw: RawClient, allow: Allow) -> None:
    """A kick needs its permission and a higher role; then the user is no member, and the gateway tells."""
    assert await raw.refusal("DELETE", alice_of(cave)) == 50013
    allow(Permission.KICK_MEMBERS)
    cave.app.flags = flags_of(Intents.GUILD_MEMBERS)
    gateway = await raw.log_in(intents=Intents.GUILDS | Intents.GUILD_MEMBERS)
    assert await raw.refusal("DELETE", f"/guilds/{cave.guild.id}/members/{cave.guild.owner.id}") == 50013

    assert (await raw.request("DELETE", alice_of(cave)))[0] == 204
    assert (await gateway.until_event("GUILD_MEMBER_REMOVE"))["user"]["id"] == str(cave.alice.id)
    assert await raw.refusal("DELETE", alice_of(cave)) == 10007
    assert await raw.refusal("GET", f"/guilds/{cave.guild.id}/members/1") == 10013


async def test_bans(cave: Cave, raw: RawClient, allow: Allow) -> None:
    """A ban removes the member and is listed with its reason until it is taken back."""
    base = f"/guilds/{cave.guild.id}/bans"
    path = f"{base}/{cave.alice.id}"
    assert await raw.refusal("PUT", path) == 50013
    allow(Permission.BAN_MEMBERS)
    assert await raw.refusal("GET", path) == 10026
    assert await raw.refusal("PUT", f"{base}/{cave.guild.owner.id}") == 50013

    assert (await raw.exchange("PUT", path, headers={"X-Audit-Log-Reason": "too%20loud"})).status == 204
    assert cave.alice.id not in cave.guild.members
    _, banned = await raw.request("GET", base)
    assert [(ban["user"]["id"], ban["reason"]) for ban in banned] == [(str(cave.alice.id), "too loud")]
    assert (await raw.request("GET", path))[1] == banned[0]
    assert (await raw.request("GET", f"{base}?after={cave.alice.id}"))[1] == []
    assert (await raw.request("DELETE", path))[0] == 204
    assert await raw.refusal("DELETE", path) == 10026


async def test_a_ban_deletes_messages(cave: Cave, raw: RawClient, allow: Allow) -> None:
    allow(Permission.BAN_MEMBERS)
    await cave.alice.write(cave.guild.text_channel, "spam")
    await raw.request("PUT", f"/guilds/{cave.guild.id}/bans/{cave.alice.id}", {"delete_message_seconds": 60})

    assert cave.guild.text_channel.messages == []


async def test_bulk_ban(cave: Cave, raw: RawClient, allow: Allow) -> None:
    """Who can be banned is; it is an error only if that is nobody."""
    allow(Permission.BAN_MEMBERS | Permission.MANAGE_GUILD)
    path = f"/guilds/{cave.guild.id}/bulk-ban"
    alice, owner = str(cave.alice.id), str(cave.guild.owner.id)

    assert (await raw.request("POST", path, {"user_ids": [alice, owner]}))[1] == {
        "banned_users": [alice],
        "failed_users": [owner],
    }
    assert await raw.refusal("POST", path, {"user_ids": [alice]}) == 500000


@pytest.mark.parametrize("path", ["", "/roles/1"])
async def test_not_ours(cave: Cave, raw: RawClient, path: str) -> None:
    """Of a guild where the bot is not, it learns nothing."""
    other = cave.discord.add_guild("Other", members=[cave.alice])

    method = "PUT" if path else "GET"
    assert await raw.refusal(method, f"/guilds/{other.id}/members/{cave.alice.id}{path}") == 10004
