"""The audit of what remote clients change: who, when, from where, with which token, what, and what came of it."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from jeffbot.models import Caller, Standing, UserId
from jeffbot.store.values import Deed
from jeffbot.ws.auth import Tokens
from staging import SECRET, Stage, write_tone
from town import Door, Doors, Town, is_now, settle

OPERATOR = Caller(UserId(0), standing=Standing.OPERATOR)


@pytest.fixture
async def town(stage: Stage) -> AsyncIterator[Town]:
    """Two guilds: of a bot in one alone, who runs it is told of that."""
    async with settle(stage) as town:
        yield town


@pytest.fixture
def doors(town: Town) -> Doors:
    """The ways to the soundboard."""
    return town.doors


async def deeds(stage: Stage) -> list[Deed]:
    """What the audit has, the oldest first."""
    return [*await stage.service.numbers.deeds(OPERATOR)][::-1]


async def new_deeds(stage: Stage, known: list[Deed]) -> list[tuple[str, str]]:
    """What was added to it: actions and what came of them."""
    found = await deeds(stage)
    new = found[len(known) :]
    known[:] = found
    return [(deed.action, deed.result) for deed in new]


async def test_a_deed(stage: Stage, doors: Doors) -> None:
    """A line has who, with which token, from which address, when and where, what about, and what came of it."""
    for kind in ("socket", "http"):
        alice = await doors.open(stage.alice, kind=kind)
        await alice.act("play", filename="low")

        deed = (await deeds(stage))[-1]
        assert (deed.user_id, deed.guild_id) == (stage.alice.id, stage.guild.id)
        assert deed.token_id == Tokens(SECRET, hours=1).check(alice.token).token_id
        assert deed.address == "127.0.0.1"
        assert is_now(deed.at)
        assert (deed.action, deed.result) == ("play", "ok")
        assert deed.target is not None
        assert deed.target.endswith("low.wav")


async def test_one_line_a_change(stage: Stage, doors: Doors) -> None:
    """Everything that changes something is one line, also what is refused."""
    alice, admin = await doors.open(stage.alice, "play manage"), await doors.open(stage.alice, "admin")
    known: list[Deed] = []
    write_tone(Path("bells.wav"), 1320, 0.3)
    for done, who, action, fields in (
        (("play", "ok"), alice, "play", {"filename": "low"}),
        (("play", "sound_not_found"), alice, "play", {"filename": "nope"}),
        (("random", "ok"), alice, "random", {}),
        (("random", "no_sounds"), alice, "random", {"tag": "nope"}),
        (("volume", "ok"), alice, "player", {"volume": 50}),
        (("pause", "ok"), alice, "player", {"paused": True}),
        (("resume", "ok"), alice, "player", {"paused": False}),
        (("queue", "ok"), alice, "queue", {"clear": True}),
        (("skip", "ok"), alice, "skip", {}),
        (("skip", "not_playing"), alice, "skip", {}),
        (("pause", "not_playing"), alice, "player", {"paused": True}),
        (("stop", "ok"), alice, "stop", {"mine": True}),
        (("favourites", "ok"), alice, "favourites", {"add": ["low"]}),
        (("favourites", "sound_not_found"), alice, "favourites", {"add": ["nope"]}),
        (("entrance", "ok"), alice, "entrance", {"entrance": "low"}),
        (("entrance", "sound_not_found"), alice, "entrance", {"exit": "nope"}),
        (("settings", "ok"), admin, "settings", {"mode": "queue"}),
        (("settings", "forbidden"), alice, "settings", {"mode": "queue"}),
        (("settings", "invalid_field"), admin, "settings", {"time_zone": "nowhere"}),
        (("edit", "ok"), admin, "edit", {"filename": "low", "title": "Lowest"}),
        (("edit", "forbidden"), alice, "edit", {"filename": "low", "title": "Mine"}),
        (("edit", "sound_not_found"), alice, "edit", {"filename": "nope", "title": "Mine"}),
        (("delete", "forbidden"), alice, "delete", {"filename": "low"}),
        (("delete", "sound_not_found"), alice, "delete", {"filename": "nope"}),
        (("play", "target_not_found"), alice, "play", {"filename": "low", "guild_id": "1"}),
        (("delete", "target_not_found"), alice, "delete", {"filename": "low", "channel_id": "1"}),
        (("player", "target_not_found"), alice, "player", {"volume": 3, "guild_id": "1"}),
    ):
        await who.ask(action, **fields)
        assert await new_deeds(stage, known) == [done], (action, fields)
    assert (await alice.add(Path("bells.wav")))[0] == 201
    assert await new_deeds(stage, known) == [("add", "ok")]
    assert (await alice.add(Path("bells.wav")))[0] == 409
    assert await new_deeds(stage, known) == [("add", "already_exists")]
    await alice.act("delete", filename="bells")
    assert await new_deeds(stage, known) == [("delete", "ok")]


async def test_lacking_scopes_are_noted(stage: Stage, doors: Doors) -> None:
    """So is what a token does not allow; with the token's id, though not with the guild, which was not looked for."""
    reader = await doors.open(stage.alice, "read")
    await reader.fail("play", filename="low")
    await reader.fail("edit", filename="low", title="Mine")
    await reader.fail("player", paused=True)

    found = await deeds(stage)
    assert [(deed.action, deed.result) for deed in found] == [
        (name, "forbidden") for name in ("play", "edit", "player")
    ]
    assert {deed.token_id for deed in found} == {Tokens(SECRET, hours=1).check(reader.token).token_id}
    assert [deed.target for deed in found] == ["filename:low", "filename:low", None]


async def test_reads_are_not_noted(stage: Stage, doors: Doors) -> None:
    """Reading leaves no line, whatever comes of it."""
    alice = await doors.open(stage.alice, "play manage")
    reads = ("list", "search", "status", "player", "queue", "diagnose", "favourites", "guilds", "recent", "stats")
    for action in (*reads, "entrance", "settings", "describe", "ping"):
        await alice.act(action)
        await alice.ask(action, guild_id="1")
    await alice.ask("play")
    await alice.ask("dance")

    assert await deeds(stage) == []


async def test_whose_audit(stage: Stage, town: Town) -> None:
    """A guild's managers see what was done there, and there alone; who has themselves erased goes from it, too."""
    people: list[Door] = [await town.doors.open(who) for who in (stage.alice, town.bob)]
    for door in people:
        await door.act("stop")
        await door.fail("stop", guild_id="1")
    for guild, user in ((stage.guild, stage.alice), (town.attic, town.bob)):
        manager = Caller(UserId(1), guild.id, Standing.MANAGER)  # type: ignore[arg-type]
        (deed,) = await stage.service.numbers.deeds(manager)
        assert (deed.user_id, deed.result) == (user.id, "ok")
    assert len(await deeds(stage)) == 4
    await stage.service.people.erase(stage.alice.id)

    assert {deed.user_id for deed in await deeds(stage)} == {town.bob.id}
