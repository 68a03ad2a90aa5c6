"""Guilds, their roles and channels."""

import pytest

from jeffbot.sandbox import Permission
from jeffbot.sandbox.world.values import ChannelType

from ..clients import RawClient
from ..conftest import Cave
from .conftest import Allow

# Guilds


async def test_counts(cave: Cave, raw: RawClient) -> None:
    cave.discord.world.set_presence(cave.alice, {"status": "online", "activities": []})
    _, guild = await raw.request("GET", f"/guilds/{cave.guild.id}?with_counts=True")

    assert (guild["approximate_member_count"], guild["approximate_presence_count"]) == (3, 1)
    assert "approximate_member_count" not in (await raw.request("GET", f"/guilds/{cave.guild.id}"))[1]


async def test_changing_a_guild(cave: Cave, raw: RawClient, allow: Allow) -> None:
    """With MANAGE_GUILD a guild is changed, and what was changed is what is read."""
    path = f"/guilds/{cave.guild.id}"
    assert await raw.refusal("PATCH", path, {"name": "Den"}) == 50013
    allow(Permission.MANAGE_GUILD)
    status, changed = await raw.request("PATCH", path, {"name": "Den", "verification_level": 2})

    assert (status, changed["name"], changed["verification_level"]) == (200, "Den", 2)
    assert (await raw.request("GET", path))[1] == changed


async def test_regions(cave: Cave, raw: RawClient) -> None:
    _, regions = await raw.request("GET", "/voice/regions")

    assert (await raw.request("GET", f"/guilds/{cave.guild.id}/regions"))[1] == regions
    assert sum(region["optimal"] for region in regions) == 1


# Roles


async def test_roles_live(cave: Cave, raw: RawClient, allow: Allow) -> None:
    """A role is made below the bot's own, changed, moved, counted and deleted."""
    own = allow(Permission.MANAGE_ROLES)
    base = f"/guilds/{cave.guild.id}/roles"
    _, made = await raw.request("POST", base, {"name": "dj", "permissions": "0", "colors": {"primary_color": 255}})
    _, other = await raw.request("POST", base, {})
    assert (made["position"], made["color"], other["name"], other["position"]) == (1, 255, "new role", 1)

    _, changed = await raw.request("PATCH", f"{base}/{made['id']}", {"name": "DJ", "hoist": True})
    assert (changed["name"], changed["hoist"], changed["color"]) == ("DJ", True, 255)
    _, moved = await raw.request("PATCH", base, [{"id": made["id"], "position": 1}])
    assert [role["id"] for role in moved] == [str(cave.guild.id), made["id"], other["id"], str(own.id)]
    assert (await raw.request("GET", f"{base}/member-counts"))[1][str(own.id)] == 1

    assert (await raw.request("DELETE", f"{base}/{made['id']}"))[0] == 204
    assert await raw.refusal("GET", f"{base}/{made['id']}") == 10011


async def test_roles_above_are_out_of_reach(cave: Cave, raw: RawClient, allow: Allow) -> None:
    """The bot's own role and those above it cannot be changed, and nothing granted that it does not hold."""
    own = allow(Permission.MANAGE_ROLES)
    above = cave.guild.add_role("boss")
    base = f"/guilds/{cave.guild.id}/roles"

    assert await raw.refusal("PATCH", f"{base}/{above.id}", {"name": "x"}) == 50013
    assert await raw.refusal("DELETE", f"{base}/{own.id}") == 50013
    assert await raw.refusal("POST", base, {"permissions": str(int(Permission.BAN_MEMBERS))}) == 50013
    assert await raw.refusal("PATCH", base, [{"id": str(above.id), "position": 1}]) == 50013
    assert await raw.refusal("DELETE", f"{base}/{cave.guild.id}") == 50028


# Channels


async def test_channels_live(cave: Cave, raw: RawClient, allow: Allow) -> None:
    """A channel is made in a category, changed, moved and deleted; the gateway tells of each."""
    allow(Permission.MANAGE_CHANNELS | Permission.MANAGE_ROLES)
    category = cave.guild.add_channel("all", ChannelType.CATEGORY)
    base = f"/guilds/{cave.guild.id}/channels"
    gateway = await raw.log_in()
    body = {"name": "loud", "type": 2, "bitrate": 96000, "user_limit": 2, "parent_id": str(category.id), "position": 0}
    status, made = await raw.request("POST", base, body)
    assert (status, made["bitrate"], made["parent_id"], made["position"]) == (201, 96000, str(category.id), 0)
    assert (await gateway.until_event("CHANNEL_CREATE"))["id"] == made["id"]

    path = f"/channels/{made['id']}"
    _, changed = await raw.request("PATCH", path, {"name": "louder", "rtc_region": "us-east", "video_quality_mode": 2})
    assert (changed["name"], changed["rtc_region"], changed["video_quality_mode"]) == ("louder", "us-east", 2)
    assert (await raw.request("PATCH", base, [{"id": made["id"], "parent_id": None, "position": 2}]))[0] == 204
    _, read = await raw.request("GET", path)
    assert (read["parent_id"], read["position"]) == (None, 2)

    assert (await raw.request("DELETE", path))[1]["id"] == made["id"]
    assert await raw.refusal("GET", path) == 10003
    assert (await gateway.until_event("CHANNEL_DELETE"))["id"] == made["id"]


async def test_a_category_leaves_its_channels(cave: Cave, raw: RawClient, allow: Allow) -> None:
    allow(Permission.MANAGE_CHANNELS)
    category = cave.guild.add_channel("all", ChannelType.CATEGORY)
    cave.guild.change_channel(cave.general, parent_id=category.id)

    assert (await raw.request("DELETE", f"/channels/{category.id}"))[0] == 200
    assert cave.general.parent_id is None


async def test_refused_channels(cave: Cave, raw: RawClient, allow: Allow) -> None:
    """Without the permission, of a type that only communities have, in what is no category, or two moved at once."""
    base = f"/guilds/{cave.guild.id}/channels"
    assert await raw.refusal("POST", base, {"name": "x"}) == 50013
    allow(Permission.MANAGE_CHANNELS)

    assert await raw.refusal("POST", base, {"name": "x", "type": 15}) == 50024
    assert await raw.refusal("POST", base, {"name": "x", "parent_id": str(cave.general.id)}) == 50035
    assert await raw.refusal("POST", base, {"name": "x", "type": 2, "bitrate": 96001}) == 50035
    assert await raw.refusal("PATCH", f"/channels/{cave.general.id}", {"type": 0}) == 50024
    first, second = cave.guild.text_channel.id, cave.general.id
    for channel in (cave.guild.text_channel, cave.general):
        channel.parent_id = 1
    both = [{"id": str(first), "parent_id": None}, {"id": str(second), "parent_id": None}]
    assert await raw.refusal("PATCH", base, both) == 40009


async def test_hidden_channels(cave: Cave, raw: RawClient) -> None:
    """What the bot cannot see it has no access to; what is not there is unknown."""
    hidden = cave.guild.add_text_channel("secret", denied=Permission.VIEW_CHANNEL)
    elsewhere = cave.discord.add_guild("Elsewhere").text_channel
    for channel in (hidden, elsewhere):
        assert await raw.refusal("GET", f"/channels/{channel.id}") == 50001
    assert await raw.refusal("POST", f"/channels/{hidden.id}/messages", {"content": "x"}) == 50001
    assert await raw.refusal("GET", "/channels/1") == 10003


async def test_overwrites(cave: Cave, raw: RawClient, allow: Allow) -> None:
    """An overwrite is set, works, and is taken away; only what the bot holds can be given."""
    allow(Permission.MANAGE_ROLES)
    path = f"/channels/{cave.general.id}/permissions/{cave.alice.id}"
    connect = str(int(Permission.CONNECT))
    assert (await raw.request("PUT", path, {"type": 1, "deny": connect}))[0] == 204
    assert not cave.guild.may_join(cave.alice, cave.general)
    assert (await raw.request("DELETE", path))[0] == 204
    assert cave.guild.may_join(cave.alice, cave.general)

    assert await raw.refusal("DELETE", path) == 10009
    assert await raw.refusal("PUT", path, {"type": 1, "allow": str(int(Permission.BAN_MEMBERS))}) == 50013
    assert await raw.refusal("PUT", f"/channels/{cave.general.id}/permissions/1", {"type": 0}) == 10009


async def test_overwrites_need_a_permission(cave: Cave, raw: RawClient) -> None:
    assert await raw.refusal("PUT", f"/channels/{cave.general.id}/permissions/{cave.alice.id}", {"type": 1}) == 50013


async def test_typing(cave: Cave, raw: RawClient) -> None:
    other = cave.guild.add_text_channel("quiet", denied=Permission.SEND_MESSAGES)

    assert (await raw.request("POST", f"/channels/{cave.guild.text_channel.id}/typing"))[0] == 204
    assert await raw.refusal("POST", f"/channels/{other.id}/typing") == 50013


@pytest.mark.parametrize("inside", [True, False])
async def test_voice_channel_status(cave: Cave, raw: RawClient, allow: Allow, inside: bool) -> None:  # noqa: FBT001
    """Who is in the channel sets its status with one permission, who is not needs two."""
    path = f"/channels/{cave.general.id}/voice-status"
    assert await raw.refusal("PUT", path, {"status": "x"}) == 50013
    allow(Permission.SET_VOICE_CHANNEL_STATUS)
    if inside:
        cave.guild.set_voice(cave.app.user, cave.general)
    else:
        assert await raw.refusal("PUT", path, {"status": "x"}) == 50013
        allow(Permission.MANAGE_CHANNELS)
    gateway = await raw.log_in()

    assert (await raw.request("PUT", path, {"status": "dancing"}))[0] == 204
    assert (await gateway.until_event("VOICE_CHANNEL_STATUS_UPDATE"))["status"] == "dancing"
    assert await raw.refusal("PUT", f"/channels/{cave.guild.text_channel.id}/voice-status", {}) == 50024
