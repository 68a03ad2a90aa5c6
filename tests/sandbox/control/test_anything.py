"""Whatever is asked for: it is done, or refused with a reason."""

from collections.abc import Mapping
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from jeffbot.sandbox.control.table import VERBS

from ..conftest import Cave
from .conftest import Remote

WORDS = st.text(max_size=5)
SCALARS = (
    st.none()
    | st.booleans()
    | st.integers(-9, 9)
    | st.integers()
    | st.floats(allow_nan=False, allow_infinity=False)
    | WORDS
)
JSON = st.recursive(SCALARS, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(WORDS, inner, max_size=3))


def values(schema: dict[str, Any], known: dict[str, Any], ids: Mapping[str, list[str]]) -> st.SearchStrategy[Any]:
    """What a JSON Schema allows, with ids that there are."""
    if "$ref" in schema:
        return values(known[schema["$ref"].rsplit("/", 1)[1]], known, ids)
    if "anyOf" in schema:
        return st.one_of(*(values(part, known, ids) for part in schema["anyOf"]))
    if "enum" in schema:
        return st.sampled_from(schema["enum"])
    make = {"object": objects, "array": arrays, "number": numbers, "integer": integers, "string": strings}
    kind = schema.get("type")
    if kind in make:
        return make[kind](schema, known, ids)
    return {"boolean": st.booleans(), "null": st.none()}.get(kind or "", JSON)


def objects(schema: dict[str, Any], known: dict[str, Any], ids: Mapping[str, list[str]]) -> st.SearchStrategy[Any]:
    if "properties" not in schema:
        return st.dictionaries(WORDS, values(schema.get("additionalProperties") or {}, known, ids), max_size=3)
    parts = {name: values(part, known, ids) for name, part in schema["properties"].items()}
    needed = {name: parts.pop(name) for name in schema.get("required", ())}
    return st.fixed_dictionaries(needed, optional=parts)


def arrays(schema: dict[str, Any], known: dict[str, Any], ids: Mapping[str, list[str]]) -> st.SearchStrategy[Any]:
    return st.lists(values(schema["items"], known, ids), max_size=3)


def numbers(schema: dict[str, Any], *_: Any) -> st.SearchStrategy[Any]:
    return st.floats(schema.get("minimum", -9), min(schema.get("maximum", 9), 0.01))


def integers(schema: dict[str, Any], *_: Any) -> st.SearchStrategy[Any]:
    return st.integers(schema.get("minimum"), schema.get("maximum"))


def strings(schema: dict[str, Any], _: Any, ids: Mapping[str, list[str]]) -> st.SearchStrategy[Any]:
    if "pattern" in schema:
        fitting = ids.get(schema.get("description", "").removeprefix("id of a "), [])
        return st.sampled_from(99 * fitting + [each for kind in ids.values() for each in kind])
    if "contentEncoding" in schema:
        return st.sampled_from(["", "aGVsbG8="])
    return st.text(min_size=schema.get("minLength", 0), max_size=9)


@settings(max_examples=300, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
async def test_anything(cave: Cave, remote: Remote, caplog: pytest.LogCaptureFixture, data: st.DataObject) -> None:
    """A request that its schema allows, with whatever ids there are, is done or refused; so is one that it does not."""
    verb = data.draw(st.sampled_from(list(VERBS)))
    discord = cave.discord
    discord.options.interaction_deadline = 0.01
    person, application = discord.add_user("bob"), discord.add_application("bot")
    guild = discord.add_guild("Place", members=[person], applications=[application])
    channel, role = guild.add_voice_channel("General"), guild.add_role("dj")
    await person.join(channel)
    message = await person.write(guild, "hello")
    stranger, bare = discord.add_user("eve"), discord.add_guild("Bare", members=[person])
    bare.remove_channel(bare.text_channel)
    stage, sound = guild.add_stage_channel("Stage"), guild.add_sound("horn")
    things: dict[str, list[Any]] = {
        "person": [person, stranger],
        "user": [person, stranger, application],
        "application": [application],
        "guild": [guild, guild, bare],
        "channel": [channel, guild.text_channel, stage],
        "guild or channel": [guild, channel, bare],
        "sound": [sound],
        "role": [role, guild.everyone],
        "message": [message],
    }
    ids = {kind: [str(each.id) for each in each_kind] for kind, each_kind in things.items()} | {"nothing": ["1"]}
    schema = VERBS[verb].manual["parameters"]
    request = data.draw(values(schema, schema.get("$defs", {}), ids))
    if "timeout" in schema["properties"]:
        request["timeout"] = 0.01
    if data.draw(st.integers(0, 9)) == 9:
        request = data.draw(JSON)
    async with remote.session.post(f"{remote.url}/{verb}", json=request) as response:
        answer = await response.json()
    assert response.status in {200, 400, 404, 409}
    assert response.status == 200 or answer.keys() == {"code", "message", "help"}
    assert not [record for record in caplog.records if record.levelname == "ERROR"]
