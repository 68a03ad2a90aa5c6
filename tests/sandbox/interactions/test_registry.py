"""Commands as they are registered, changed and removed over the REST API."""

import pytest

from jeffbot.sandbox.interactions import registry
from jeffbot.sandbox.world.payloads import Json

from ..clients import RawClient
from ..conftest import Cave
from .asking import PLAY

STOP: Json = {"name": "stop", "description": "Stops"}


@pytest.fixture
def base(cave: Cave) -> str:
    """Where global commands are."""
    return f"/applications/{cave.app.id}/commands"


async def test_what_is_answered(cave: Cave, raw: RawClient, base: str) -> None:
    """A command comes back whole, with what was left out at its default."""
    _, made = await raw.request("POST", base, STOP)
    _, here = await raw.request("POST", f"/applications/{cave.app.id}/guilds/{cave.guild.id}/commands", STOP)

    assert made == STOP | {
        "id": made["id"],
        "application_id": str(cave.app.id),
        "version": made["version"],
        "type": 1,
        "default_member_permissions": None,
        "name_localizations": None,
        "description_localizations": None,
        "nsfw": False,
        "dm_permission": True,
        "contexts": None,
        "integration_types": [0],
    }
    assert here["guild_id"] == str(cave.guild.id)
    assert not here.keys() & {"dm_permission", "contexts", "integration_types"}


async def test_versions(raw: RawClient, base: str) -> None:
    """A command gets a new version when it changes, and only then."""
    _, made = await raw.request("POST", base, PLAY)
    _, same = await raw.request("POST", base, PLAY)
    _, edited = await raw.request("PATCH", f"{base}/{made['id']}", {"description": "Plays it"})

    assert same == made
    assert (edited["id"], edited["version"] > made["version"]) == (made["id"], True)
    assert edited["options"] == made["options"]


async def test_contexts(raw: RawClient, base: str) -> None:
    """The old way to keep a command out of private channels means the new one."""
    _, old = await raw.request("POST", base, STOP | {"dm_permission": False})
    _, new = await raw.request("POST", base, STOP | {"contexts": [0, 1]})

    assert (old["contexts"], old["dm_permission"]) == ([0], False)
    assert (new["contexts"], new["dm_permission"]) == ([0, 1], True)


async def test_name_taken(cave: Cave, raw: RawClient, base: str) -> None:
    """No command can take another's name; one of another type, or of a guild, has a name of its own."""
    await raw.request("POST", base, PLAY)
    _, stop = await raw.request("POST", base, STOP)
    status, body = await raw.request("PATCH", f"{base}/{stop['id']}", {"name": "play"})

    assert (status, body["code"], list(body["errors"])) == (400, 50035, ["name"])
    assert (await raw.request("POST", base, {"type": 2, "name": "play"}))[0] == 201
    assert (await raw.request("POST", f"/applications/{cave.app.id}/guilds/{cave.guild.id}/commands", PLAY))[0] == 201


async def test_bulk_overwrite(cave: Cave, raw: RawClient, base: str) -> None:
    """Those of the same type and name, or whose id is named, keep their ids; the others go."""
    _, play = await raw.request("POST", base, PLAY)
    _, stop = await raw.request("POST", base, STOP)
    await raw.request("POST", base, {"type": 2, "name": "play"})
    status, after = await raw.request("PUT", base, [PLAY | {"name": "go", "id": play["id"]}, PLAY, STOP])

    assert status == 200
    assert [command["name"] for command in after] == ["go", "play", "stop"]
    assert (after[0]["id"], after[2]) == (play["id"], stop)
    assert after[1]["id"] not in (play["id"], stop["id"])
    assert cave.app.commands.everywhere() == after


async def test_refused_bulk_changes_nothing(cave: Cave, raw: RawClient, base: str) -> None:
    """One wrong command, two of one name, or too many, and all stays as it was."""
    await raw.request("PUT", base, [PLAY])
    before = cave.app.commands.everywhere()
    crowd = [STOP | {"name": f"stop{number}"} for number in range(101)]
    for bodies, code in (([STOP, {"name": "X"}], 50035), ([STOP, STOP], 50035), (crowd, 30032)):
        assert await raw.refusal("PUT", base, bodies) == code

    assert cave.app.commands.everywhere() == before


@pytest.mark.parametrize(("kind", "most"), [(1, 100), (2, 15), (3, 15)])
async def test_limits(raw: RawClient, base: str, kind: int, most: int) -> None:
    """So many of a type; the one too many is refused, replacing one is not."""
    body = {"type": kind} | ({"description": "x"} if kind == 1 else {})
    await raw.request("PUT", base, [body | {"name": f"c{number}"} for number in range(most)])

    assert await raw.refusal("POST", base, body | {"name": "more"}) == 30032
    assert (await raw.request("POST", base, body | {"name": "c0"}))[0] == 200


async def test_creates_per_day(cave: Cave, raw: RawClient, base: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Of new commands there can be so many a day, in each scope; changes do not count."""
    monkeypatch.setattr(registry, "CREATES_PER_DAY", 2)
    await raw.request("PUT", base, [PLAY, STOP])

    assert (await raw.request("PUT", base, [PLAY, STOP | {"description": "Ends"}]))[0] == 200
    assert await raw.refusal("POST", base, STOP | {"name": "more"}) == 30034
    assert (await raw.request("POST", f"/applications/{cave.app.id}/guilds/{cave.guild.id}/commands", STOP))[0] == 201
    monkeypatch.setattr(registry, "DAY", 0.0)
    assert (await raw.request("POST", base, STOP | {"name": "more"}))[0] == 201


async def test_permissions_go_with_the_name(cave: Cave, raw: RawClient, base: str) -> None:
    """A command that is renamed or deleted loses who may use it."""
    _, play = await raw.request("POST", base, PLAY)
    _, stop = await raw.request("POST", base, STOP)
    permissions = cave.app.commands.permissions
    for command in (play, stop):
        permissions[cave.guild.id, int(command["id"])] = [{"type": 2, "id": "1", "permission": True}]
    await raw.request("PATCH", f"{base}/{play['id']}", {"description": "Plays it"})
    assert len(permissions) == 2

    await raw.request("PATCH", f"{base}/{play['id']}", {"name": "go"})
    await raw.request("DELETE", f"{base}/{stop['id']}")
    assert permissions == {}


async def test_languages(raw: RawClient, base: str) -> None:
    """A list has names in the asker's language, or on demand in all."""
    names = {"name_localizations": {"de": "spiele", "en-GB": "pley"}}
    choice = {"name": "horn", "value": "h", "name_localizations": {"de": "Hupe"}}
    option = PLAY["options"][0] | {"autocomplete": False, "choices": [choice]}
    await raw.request("POST", base, PLAY | names | {"options": [option]})

    async def listed(query: str = "", **headers: str) -> Json:
        answer = await raw.exchange("GET", base + query, headers=headers)
        command: Json = answer.body[0]
        return command

    german = await listed(**{"X-Discord-Locale": "de"})
    assert (german["name"], german["name_localized"]) == ("play", "spiele")
    assert german["options"][0]["choices"] == [{"name": "horn", "value": "h", "name_localized": "Hupe"}]
    assert (await listed(**{"Accept-Language": "de;q=0.9, fr"}))["name_localized"] == "spiele"
    english = await listed()
    assert english["name_localized"] == "pley"
    assert "name_localizations" not in english
    assert "name_localized" not in await listed(**{"X-Discord-Locale": "fr"})
    assert (await listed("?with_localizations=true"))["name_localizations"] == names["name_localizations"]


async def test_entry_point(raw: RawClient, base: str) -> None:
    """The entry point command is not lost by accident in a bulk overwrite."""
    launch = {"type": 4, "name": "launch", "description": "Launches", "handler": 1}
    assert (await raw.request("POST", base, launch))[0] == 201

    assert await raw.refusal("PUT", base, [PLAY]) == 50240
    assert (await raw.request("PUT", base, [PLAY, launch]))[0] == 200
