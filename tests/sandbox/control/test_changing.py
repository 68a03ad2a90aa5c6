"""What there is changes: guilds, channels, roles, members, stages and soundboards; what could not be, is refused."""

from typing import Any

import pytest

from jeffbot.sandbox import Permission

from ..clients import RawClient
from ..conftest import Cave
from .conftest import Remote


async def test_guild_and_channel(remote: Remote, cave: Cave) -> None:
    """Names, a limit, a region and a status are set; what is left out stays."""
    general = str(cave.general.id)
    await remote.do("rename", guild=str(cave.guild.id), name="Den")
    changed = await remote.do("change_channel", channel=general, name="Deep", user_limit=3)
    moved = await remote.do("change_channel", channel=general, rtc_region="rotterdam")
    freed = await remote.do("change_channel", channel=general, rtc_region="automatic")
    await remote.do("set_voice_status", channel=general, status="music")
    assert (cave.guild.name, cave.general.status) == ("Den", "music")
    await remote.do("set_voice_status", channel=general)

    assert (changed["name"], changed["user_limit"], changed["rtc_region"]) == ("Deep", 3, None)
    assert (moved["name"], moved["user_limit"], moved["rtc_region"]) == ("Deep", 3, "rotterdam")
    assert (freed["rtc_region"], cave.general.status) == (None, None)
    chat = str(cave.guild.text_channel.id)
    assert await remote.refused("set_voice_status", channel=chat, status="x") == (409, "not_allowed")


async def test_roles(remote: Remote, cave: Cave) -> None:
    """A role changes, rises, and goes, also from those who had it; @everyone changes, but stays below all."""
    guild, everyone = str(cave.guild.id), str(cave.guild.everyone.id)
    low, high = [await remote.do("add_role", guild=guild, name=name) for name in ("low", "high")]
    changed = await remote.do("change_role", guild=guild, role=low["id"], name="dj", permissions=["SPEAK"])
    bare = await remote.do("change_role", guild=guild, role=everyone, permissions=["VIEW_CHANNEL"], mentionable=True)
    moved = await remote.do("move_roles", guild=guild, roles=[low["id"]])
    await remote.do("give_role", guild=guild, user=str(cave.alice.id), role=low["id"])
    again = await remote.do("give_role", guild=guild, user=str(cave.alice.id), role=low["id"])
    await remote.do("remove_role", guild=guild, role=low["id"])

    assert (changed["name"], int(changed["permissions"])) == ("dj", Permission.SPEAK)
    assert (int(bare["permissions"]), bare["mentionable"]) == (Permission.VIEW_CHANNEL, True)
    assert [role["name"] for role in moved["roles"]] == ["@everyone", "high", "dj"]
    assert again["roles"] == [low["id"]]
    assert cave.guild.members[cave.alice.id].roles == []
    for verb, more in (("remove_role", {"role": everyone}), ("move_roles", {"roles": [everyone, high["id"]]})):
        assert await remote.refused(verb, guild=guild, **more) == (409, "not_allowed")


async def test_members(remote: Remote, cave: Cave) -> None:
    """A nickname, a timeout, a name and a language are given and taken back."""
    alice = {"guild": str(cave.guild.id), "user": str(cave.alice.id)}
    assert (await remote.do("set_nickname", **alice, nickname="Al"))["nick"] == "Al"
    assert (await remote.do("set_nickname", **alice))["nick"] is None
    assert (await remote.do("timeout", **alice, seconds=60))["communication_disabled_until"]
    assert await remote.refused("write", user=alice["user"], where=alice["guild"], content="x") == (409, "not_allowed")
    assert (await remote.do("timeout", **alice))["communication_disabled_until"] is None
    await remote.do("write", user=alice["user"], where=alice["guild"], content="x")
    assert (await remote.do("change_user", user=alice["user"], locale="de"))["username"] == "alice"
    assert (await remote.do("change_user", user=alice["user"], name="alicia"))["username"] == "alicia"

    assert cave.alice.locale == "de"
    assert await remote.refused("change_user", user=alice["user"], locale="xx") == (400, "invalid_parameters")
    assert await remote.refused("timeout", **alice, seconds=28 * 86_400 + 1) == (400, "invalid_parameters")


async def test_stages(remote: Remote, cave: Cave) -> None:
    """A stage goes live, changes its topic and ends."""
    stage = str(cave.guild.add_stage_channel("Stage").id)
    assert await remote.refused("close_stage", channel=stage) == (404, "not_there")
    assert await remote.refused("open_stage", channel=str(cave.general.id), topic="x") == (409, "not_allowed")
    assert (await remote.do("open_stage", channel=stage, topic="news"))["topic"] == "news"
    assert await remote.refused("open_stage", channel=stage, topic="x") == (409, "taken")
    await remote.do("change_stage", channel=stage, topic="old news")
    (guild,) = (await remote.do("state"))["guilds"]
    assert [instance["topic"] for instance in guild["stage_instances"]] == ["old news"]
    await remote.do("close_stage", channel=stage)

    assert await remote.refused("change_stage", channel=stage, topic="x") == (404, "not_there")


async def test_soundboard(remote: Remote, cave: Cave) -> None:
    """A sound comes, changes, is played by who is in voice, and goes."""
    guild, alice = str(cave.guild.id), str(cave.alice.id)
    sound = await remote.do("add_sound", guild=guild, name="horn", emoji_name="🎺", volume=0.5)
    assert (sound["name"], sound["emoji_name"], sound["volume"]) == ("horn", "🎺", 0.5)
    changed = await remote.do("change_sound", guild=guild, sound=sound["sound_id"], name="trumpet")
    assert (changed["name"], changed["volume"]) == ("trumpet", 0.5)
    play = {"user": alice, "sound": sound["sound_id"]}
    assert await remote.refused("play_soundboard", **play) == (409, "not_allowed")
    await remote.do("join", user=alice, channel=str(cave.general.id))
    await remote.do("play_soundboard", **play)
    elsewhere = str(cave.discord.add_guild("Elsewhere").id)
    assert await remote.refused("remove_sound", guild=elsewhere, sound=sound["sound_id"]) == (404, "not_there")
    await remote.do("remove_sound", guild=guild, sound=sound["sound_id"])

    assert await remote.refused("play_soundboard", **play) == (404, "not_there")


async def test_bots_are_told(remote: Remote, cave: Cave, raw: RawClient) -> None:
    """What changes by a verb is told to bots as what changes in Python is."""
    gateway = await raw.log_in()
    await gateway.news()
    await remote.do("rename", guild=str(cave.guild.id), name="Den")
    await remote.do("change_channel", channel=str(cave.general.id), user_limit=1)

    assert [event for event, _ in await gateway.news()] == ["GUILD_UPDATE", "CHANNEL_UPDATE"]


# What could not be


async def test_voice_is_in_voice_channels(remote: Remote, cave: Cave) -> None:
    """Nobody joins a text channel, or is moved into one."""
    alice, chat = str(cave.alice.id), str(cave.guild.text_channel.id)
    assert await remote.refused("join", user=alice, channel=chat) == (409, "join_refused")
    await remote.do("join", user=alice, channel=str(cave.general.id))

    assert await remote.refused("move", user=alice, channel=chat) == (409, "not_allowed")
    assert cave.alice.channel is cave.general


async def test_banned(remote: Remote, cave: Cave) -> None:
    """Who is banned is let in once that is taken back."""
    alice = {"guild": str(cave.guild.id), "user": str(cave.alice.id)}
    await remote.do("ban", **alice)
    assert await remote.refused("add_member", **alice) == (409, "banned")
    await remote.do("unban", **alice)

    await remote.do("add_member", **alice)


async def test_foreign_roles(remote: Remote, cave: Cave) -> None:
    """Another guild's role means nothing here, and @everyone is nobody's to have."""
    alice = {"guild": str(cave.guild.id), "user": str(cave.alice.id)}
    foreign = str(cave.discord.add_guild("Elsewhere").add_role("dj").id)
    everyone = str(cave.guild.everyone.id)
    overwrite = {"channel": str(cave.general.id), "deny": ["SPEAK"]}
    assert await remote.refused("overwrite", **overwrite, target=foreign) == (404, "not_there")
    assert await remote.refused("give_role", **alice, role=foreign) == (404, "not_there")
    assert await remote.refused("change_role", guild=alice["guild"], role=foreign, name="x") == (404, "not_there")
    for verb in ("give_role", "take_role"):
        assert await remote.refused(verb, **alice, role=everyone) == (409, "not_allowed")
    await remote.do("overwrite", **overwrite, target=everyone)

    assert cave.general.overwrites.keys() == {cave.guild.id}
    assert cave.guild.members[cave.alice.id].roles == []


@pytest.mark.parametrize(
    ("verb", "more"),
    [
        ("write", {"content": "x"}),
        ("type", {}),
        ("commands", {"application": "BOT"}),
        ("invoke", {"application": "BOT", "command": "play"}),
        ("invoke_on", {"application": "BOT", "command": "Poke", "target": "ALICE"}),
    ],
)
async def test_guild_without_text(remote: Remote, cave: Cave, verb: str, more: dict[str, Any]) -> None:
    """In a guild without a text channel one must say where."""
    cave.guild.remove_channel(cave.guild.text_channel)
    ids = {"BOT": str(cave.app.id), "ALICE": str(cave.alice.id)}
    named = {name: ids.get(value, value) for name, value in more.items()}

    refused = await remote.refused(verb, user=ids["ALICE"], where=str(cave.guild.id), **named)
    assert refused == (409, "not_allowed")


@pytest.mark.parametrize("code", [1004, 1005, 1006, 1015])
async def test_codes_that_are_not_sent(remote: Remote, cave: Cave, raw: RawClient, code: int) -> None:
    """A close code that no close frame may have is refused, and the connection stays."""
    gateway = await raw.log_in()
    await remote.do("until_bot_ready", application=str(cave.app.id))
    for verb, more in (("drop_gateway", {}), ("drop_voice", {"guild": str(cave.guild.id)})):
        refused = await remote.refused(verb, application=str(cave.app.id), code=code, **more)
        assert refused == (400, "invalid_parameters")
    with pytest.raises(ValueError, match=str(code)):
        cave.discord.drop_gateway(cave.app, code=code)

    await gateway.send(1)
    await gateway.until_op(11)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("max_concurrency", 0),
        ("voice_modes", []),
        ("voice_modes", ["rot13"]),
        ("dave_version", 9),
        ("rest_delay", -1),
        ("udp", {"loss": 7}),
        ("order", "no"),
    ],
)
async def test_bounds_of_options(remote: Remote, cave: Cave, name: str, value: Any) -> None:
    """What the server could not work with is refused, by the verb and in Python."""
    assert await remote.refused("set_options", options={name: value}) == (400, "invalid_parameters")
    target, field, given = cave.discord.options, name, value
    if name == "udp":
        target, ((field, given),) = cave.discord.options.udp, value.items()  # type: ignore[assignment]
    before = getattr(target, field)
    with pytest.raises(ValueError, match=r"Expected|Invalid"):
        setattr(target, field, given)

    assert getattr(target, field) == before
