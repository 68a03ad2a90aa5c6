"""Where a request acts: what it names, where its user is, what they may do there. Nothing tells what else there is."""

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from jeffbot.errors import TargetNotFoundError
from jeffbot.sandbox import Permission
from jeffbot.voice.members import GuildMembers, MembersUnknownError
from jeffbot.ws.actions import ACTIONS
from jeffbot.ws.requests import Targeted
from staging import Stage, write_tone
from town import Door, Doors, Town, as_bytes, settle

TARGETED = sorted(name for name, action in ACTIONS.items() if issubclass(action.request, Targeted))
KEPT = ("list", "search", "favourites", "recent", "stats", "entrance", "settings")
"""Those of them that are about what a guild keeps, as requests that only read."""
HEARD = ("play", "random", "stop", "skip", "player", "queue", "status", "diagnose")
"""Those about what plays there."""
LOOKING_AFTER = ("upload", "edit", "delete")
FIELDS: dict[str, dict[str, object]] = {
    "play": {"filename": "low"},
    "edit": {"filename": "low", "title": "Loud"},
    "delete": {"filename": "low"},
    "upload": {"filename": "new.wav", "size": 100},
}
SAID = "There is no such server or voice channel for you here; join its voice channel first"


@pytest.fixture
def sounds_dir(sounds_dir: Path) -> Path:
    """With a long sound."""
    return write_tone(sounds_dir / "sea.wav", 220, 10).parent


@pytest.fixture
async def town(stage: Stage) -> AsyncIterator[Town]:
    """The town."""
    async with settle(stage) as town:
        yield town


async def add(who: Door, name: str, hertz: float = 1320, **fields: Any) -> None:
    """Someone brings a sound."""
    status, reply = await who.add(write_tone(Path(name), hertz, 0.3), **fields)
    assert status == 201, reply


def test_every_action_is_here() -> None:
    """The lists of this module are whole."""
    assert sorted({*KEPT, *HEARD, *LOOKING_AFTER}) == TARGETED


# Without a target


async def test_where_the_user_is(town: Town) -> None:
    """Without a target a request is about the guild in whose voice channel the user is, wherever that is now."""
    carol = await town.doors.open(town.carol)
    for channel, guild in ((town.loft, town.attic), (town.stage.general, town.stage.guild)):
        await town.joins(town.carol, channel)
        assert (await carol.act("play", filename="low"))["channel"] == channel.name
        assert (await carol.act("status"))["guild_id"] == str(guild.id)
        assert (await carol.act("settings"))["guild_id"] == str(guild.id)
        await carol.act("stop")


async def test_in_no_voice_channel(town: Town) -> None:
    """Who is in none, of a bot in two guilds, plays nothing, stops nothing, and is told of nothing."""
    alice, carol, dave = [await town.doors.open(who) for who in (town.stage.alice, town.carol, town.dave)]
    await alice.act("play", filename="low")
    for who in (carol, dave):
        assert await who.fail("play", filename="low") == "no_voice_channel"
        assert await who.fail("random") == "no_voice_channel"
        status = await who.act("status")
        assert (status["connected"], status["now_playing"], status["guild_id"]) == (False, None, None)
        assert (await who.act("list"))["count"] == 4
        for action in ("recent", "stats", "entrance", "settings"):
            assert await who.fail(action) == "no_voice_channel"
        assert await who.fail("player", volume=50) == "no_voice_channel"
        assert await who.act("stop") == {"action": "stopped", "message": "Audio playback stopped"}
        assert await who.fail("skip") == "not_playing"

    assert (await alice.act("status"))["playing"]


async def test_the_only_guild(stage: Stage) -> None:
    """Of a bot in one guild alone, stop and status mean that; nothing plays for who is in no voice channel."""
    bob = stage.discord.add_user("bob")
    async with Doors(stage) as doors:
        alice, bobs = await doors.open(stage.alice), await doors.open(bob)
        await alice.act("play", filename="low")

        assert (await bobs.act("status"))["playing"]
        assert await bobs.fail("random") == "no_voice_channel"
        await bobs.act("stop")
        assert not (await alice.act("status"))["playing"]


async def test_strangers_to_the_only_guild(stage: Stage) -> None:
    """Who is no member of it cannot look after what it keeps; its members, who are in no voice channel, can."""
    bob, carol = stage.discord.add_user("bob"), stage.discord.add_user("carol")
    stage.guild.add_member(carol, roles=(stage.guild.add_role("staff", Permission.MANAGE_GUILD),))
    async with Doors(stage) as doors:
        stranger, member = await doors.open(bob, "play manage"), await doors.open(carol, "play manage")
        for action in LOOKING_AFTER:
            assert await stranger.fail(action, **FIELDS[action]) == "target_not_found"
        assert await stranger.fail("settings", mode="queue") == "target_not_found"
        assert (await member.act("settings", mode="queue"))["settings"]["mode"] == "queue"
        assert (await member.act("edit", **FIELDS["edit"]))["sound"]["title"] == "Loud"


async def test_discord_is_not_asked_in_vain(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    """Who names no guild is answered also while Discord does not tell who is a member."""

    async def fail(*_: object) -> None:
        raise MembersUnknownError("Discord does not tell")

    monkeypatch.setattr(GuildMembers, "of", fail)
    await stage.seen(stage.alice.leave())
    async with Doors(stage) as doors:
        alice = await doors.open(stage.alice)
        for action in KEPT:
            await alice.act(action)


# With one


@pytest.mark.parametrize("kind", [str, int])
async def test_own_guild(town: Town, kind: type) -> None:
    """A target may be the guild one is in, its channel, or both; as a string or an integer."""
    alice = await town.doors.open(town.stage.alice, "play manage")
    guild, channel = {"guild_id": kind(town.stage.guild.id)}, {"channel_id": kind(town.stage.general.id)}
    for target in (guild, channel, guild | channel):
        assert (await alice.act("play", filename="low", **target))["channel"] == "General"
        for action in TARGETED:
            reply = await alice.ask(action, **FIELDS.get(action, {}), **target)
            assert reply.get("error_code") in {None, "forbidden", "not_playing"}, reply


async def test_other_channel_of_it(town: Town) -> None:
    """Another voice channel of that guild is one if they may join it; else there is none such."""
    cave = town.stage.guild
    den = cave.add_voice_channel("Den")
    cellar = cave.add_voice_channel("Cellar", denied=Permission.CONNECT)
    hidden = cave.add_voice_channel("Hidden", denied=Permission.VIEW_CHANNEL)
    alice = await town.doors.open(town.stage.alice)
    await town.stage.seen(town.stage.alice.leave())
    await town.joins(town.stage.alice, town.stage.general)  # without the intent for members, the bot knows her by that

    assert (await alice.act("play", filename="low", channel_id=den.id))["channel"] == "Den"
    unknown = as_bytes(await alice.ask("play", filename="low", channel_id=1))
    for channel in (cellar, hidden):
        assert as_bytes(await alice.ask("play", filename="low", channel_id=channel.id)) == unknown


async def test_nothing_tells_what_there_is(town: Town) -> None:
    """What does not exist, is not theirs, or is no voice channel is refused in the same words, to the byte."""
    cave, attic = town.stage.guild, town.attic
    wrong: list[dict[str, object]] = [
        {"guild_id": "1"},
        {"guild_id": 2**63 - 1},
        {"guild_id": str(attic.id)},
        {"guild_id": str(town.loft.id)},
        {"guild_id": str(town.bob.id)},
        {"channel_id": "1"},
        {"channel_id": town.loft.id},
        {"channel_id": str(attic.text_channel.id)},
        {"channel_id": cave.text_channel.id},
        {"channel_id": cave.id},
        {"guild_id": attic.id, "channel_id": str(town.loft.id)},
        {"guild_id": attic.id, "channel_id": town.stage.general.id},
        {"guild_id": cave.id, "channel_id": town.loft.id},
        {"guild_id": "1", "channel_id": town.stage.general.id},
    ]
    bob = await town.doors.open(town.bob, "play manage")
    await add(bob, "bells.wav")
    await bob.act("play", filename="sea")
    alice, dave = [await town.doors.open(who, "play manage") for who in (town.stage.alice, town.dave)]
    for action in TARGETED:
        told = {as_bytes(await alice.ask(action, **FIELDS.get(action, {}), **target)) for target in wrong}
        told |= {as_bytes(await dave.ask(action, **FIELDS.get(action, {}), **target)) for target in wrong}

        (words,) = told
        assert words.decode() == (
            f'{{"action": "error", "error_code": "target_not_found", "error_message": "{SAID}", "request": "{action}"}}'
        )
    assert str(TargetNotFoundError()) == SAID
    assert (await bob.act("status"))["playing"]


async def test_from_afar(town: Town) -> None:
    """A member who is in no voice channel of a guild sees what it keeps, and touches nothing of what plays there."""
    bob, carol = await town.doors.open(town.bob, "play manage"), await town.doors.open(town.carol, "play manage")
    await add(bob, "bells.wav")
    await bob.act("play", filename="sea")
    await bob.act("play", filename="bells", mode="overlap")
    target = {"guild_id": str(town.attic.id)}
    for action in HEARD:
        assert await carol.fail(action, **FIELDS.get(action, {}), **target) == "target_not_found"
    for action in KEPT:
        await carol.act(action, **target)
    assert [sound["name"] for sound in (await carol.act("search", query="bells", **target))["sounds"]] == ["bells.wav"]
    assert (await carol.act("recent", **target))["guild"][0]["filename"] == "bells.wav"
    await town.joins(town.carol, town.stage.general)
    for action in HEARD:
        assert await carol.fail(action, **FIELDS.get(action, {}), **target) == "target_not_found"
    assert (await carol.act("favourites", add=["bells"], **target))["favourites"][0]["name"] == "bells.wav"
    assert (await carol.act("favourites"))["favourites"] == []


@pytest.mark.parametrize("field", ["guild_id", "channel_id"])
async def test_no_ids(stage: Stage, field: str) -> None:
    """What is no Discord id at all is refused as such, with the name of the field."""
    async with Doors(stage) as doors:
        alice = await doors.open(stage.alice)
        texts = ("", "abc", "-1", "0", " 1", "1 ", "٣", "1e3", "9" * 20, "1" * 25)
        others: tuple[object, ...] = (0, -5, 2**63, 1.5, True, [], {})
        for value in texts + others:
            reply = await alice.ask("status", **{field: value})
            assert (reply.get("error_code"), reply.get("details")) == ("invalid_field", {"field": field}), value
        assert (await alice.act("status", **{field: None}))["guild_id"] == str(stage.guild.id)


# Other guilds' sounds


async def test_sounds_of_others(town: Town) -> None:
    """Another guild's sound is as little there as one that does not exist, by whatever name, in every action."""
    bob = await town.doors.open(town.bob, "play manage")
    await add(bob, "bells.wav", title="Ding", aliases=["dong"], tags=["church"])
    sound = town.stage.service.library.find(town.bob.id, "bells")
    alice = await town.doors.open(town.stage.alice, "play manage")

    names = ("bells", "bells.wav", "BELLS", "Ding", "dong", str(sound.id), f"guild-{town.attic.id}/bells.wav")
    for name in names:
        absent = "Z" * len(name)
        for action, fields in (
            ("play", {"filename": name}),
            ("edit", {"filename": name, "title": "Mine"}),
            ("delete", {"filename": name}),
            ("favourites", {"add": [name]}),
            ("favourites", {"remove": [name]}),
            ("entrance", {"entrance": name}),
        ):
            told = as_bytes(await alice.ask(action, **fields))
            others = {key: [absent] if isinstance(value, list) else absent for key, value in fields.items()}
            others |= {"title": "Mine"} if "title" in fields else {}
            assert told.replace(name.encode(), b"?") == as_bytes(await alice.ask(action, **others)).replace(
                absent.encode(), b"?"
            )
            assert b'"sound_not_found"' in told
        async with alice.session.get(f"{alice.url}/sounds/{name}.ogg", headers=alice.headers) as response:
            assert response.status == 404
    for action, fields in (("search", {"query": "ding"}), ("search", {"tags": ["church"]}), ("list", {})):
        assert "bells" not in str(await alice.act(action, **fields))
    assert await alice.fail("random", tag="church") == "no_sounds"
    assert (await alice.act("status"))["sound_count"] == 4


# Rights


async def test_own_uploads_alone(town: Town) -> None:
    """With scope manage, who does not manage the guild looks after what they have brought, and nothing else."""
    alice, bob, carol = [await town.doors.open(who, "play manage") for who in (town.stage.alice, town.bob, town.carol)]
    cave, attic = {"guild_id": town.stage.guild.id}, {"guild_id": town.attic.id}
    await add(alice, "alices.wav", 1000)
    await add(bob, "bobs.wav", 1100)
    await add(carol, "carols.wav", 1200, **attic)

    assert (await carol.act("edit", filename="carols", title="Mine", **attic))["sound"]["title"] == "Mine"
    for name, where in (("bobs", attic), ("alices", cave), ("low", cave), ("low", attic)):
        assert await carol.fail("edit", filename=name, title="Mine", **where) == "forbidden"
        assert await carol.fail("delete", filename=name, **where) == "forbidden"
    assert await carol.fail("settings", mode="queue", **attic) == "forbidden"
    assert await carol.fail("edit", filename="carols", title="Mine", **cave) == "sound_not_found"
    assert await carol.fail("edit", filename="carols", title="Mine") == "sound_not_found"
    status, reply = await carol.add(write_tone(Path("new.wav"), 1300, 0.2), "new.wav", shared=True, **attic)
    assert (status, reply["error_code"]) == (403, "forbidden")
    await carol.act("delete", filename="carols", **attic)


async def test_managers(town: Town) -> None:
    """Manage Server makes it work, in that guild alone, and only for a token with the scope."""
    alice, erin = await town.doors.open(town.stage.alice, "play manage"), await town.doors.open(town.erin, "manage")
    bob = await town.doors.open(town.bob, "play manage")
    cave, attic = {"guild_id": town.stage.guild.id}, {"guild_id": town.attic.id}
    await add(alice, "alices.wav", 1000)
    await add(bob, "bobs.wav", 1100)

    plain = await town.doors.open(town.erin, "play")
    reply = await plain.ask("edit", filename="alices", title="Ours", **cave)
    assert (reply["error_code"], reply["details"]) == ("forbidden", {"required_scope": "manage"})
    assert (await erin.act("edit", filename="alices", title="Ours", **cave))["sound"]["title"] == "Ours"
    assert (await erin.act("settings", volume=70, **cave))["settings"]["volume"] == 70
    assert await erin.fail("edit", filename="low", title="Ours", **cave) == "forbidden"
    assert await erin.fail("edit", filename="bobs", title="Ours", **attic) == "target_not_found"
    assert await erin.fail("settings", volume=70, **attic) == "target_not_found"
    await erin.act("delete", filename="alices", **cave)
    assert await erin.fail("play", filename="bobs", **cave) == "forbidden"


async def test_manager_of_another_guild(town: Town) -> None:
    """Who manages one guild and is a member of another edits nothing of others in that."""
    frank = town.stage.discord.add_user("frank")
    town.stage.guild.add_member(frank)
    town.attic.add_member(frank, roles=(town.attic.add_role("staff", Permission.MANAGE_GUILD),))
    await town.joins(frank, town.stage.general)
    alice, bob = [await town.doors.open(who, "play manage") for who in (town.stage.alice, town.bob)]
    franks = await town.doors.open(frank, "play manage")
    await add(alice, "alices.wav", 1000)
    await add(bob, "bobs.wav", 1100)

    for where in ({}, {"guild_id": town.stage.guild.id}):
        assert await franks.fail("edit", filename="alices", title="Mine", **where) == "forbidden"
        assert await franks.fail("delete", filename="alices", **where) == "forbidden"
        assert await franks.fail("settings", volume=70, **where) == "forbidden"
    await franks.act("edit", filename="bobs", title="Ours", guild_id=town.attic.id)


async def test_volume_is_remembered_for_managers(town: Town) -> None:
    """Anyone in the channel turns it up or down; it is remembered where who manages the guild has said so."""
    await town.joins(town.erin, town.stage.general)
    alice, erin = [await town.doors.open(who, "play manage") for who in (town.stage.alice, town.erin)]
    for who, remembered in ((alice, None), (erin, 60)):
        assert (await who.act("player", volume=60))["player"]["volume"] == 60
        assert (await who.act("settings"))["settings"]["volume"] == remembered


async def test_admin_acts_anywhere(town: Town) -> None:
    """With scope admin someone who is nowhere plays, stops, edits and sets everywhere; but a target has to be there."""
    bob, admin = await town.doors.open(town.bob, "play manage"), await town.doors.open(town.dave, "admin")
    await add(bob, "bobs.wav", 1100)
    cave, attic = {"guild_id": town.stage.guild.id}, {"guild_id": town.attic.id}

    assert (await admin.act("play", filename="bobs", channel_id=town.loft.id))["channel"] == "Loft"
    assert (await bob.act("status"))["now_playing"]["user_id"] == str(town.dave.id)
    assert (await admin.act("play", filename="low", **attic))["channel"] == "Loft"
    await admin.act("stop", **attic)
    assert not (await bob.act("status"))["playing"]
    assert await admin.fail("play", filename="low", **cave) == "no_voice_channel"
    assert await admin.fail("play", filename="low") == "no_voice_channel"
    assert (await admin.act("edit", filename="bobs", title="Theirs", **attic))["sound"]["title"] == "Theirs"
    assert (await admin.act("edit", filename="low", title="Lowest"))["sound"]["title"] == "Lowest"
    assert (await admin.act("settings", volume=70, **cave))["settings"]["volume"] == 70
    assert await admin.fail("status", guild_id="1") == "target_not_found"
    assert await admin.fail("play", filename="low", channel_id=town.attic.text_channel.id) == "target_not_found"


async def test_rights_end(town: Town) -> None:
    """Who leaves the voice channel has no more to say there."""
    alice = await town.doors.open(town.stage.alice)
    target = {"guild_id": town.stage.guild.id}
    await alice.act("play", filename="low", **target)
    await town.stage.seen(town.stage.alice.leave())
    assert await alice.fail("stop", **target) == "target_not_found"
