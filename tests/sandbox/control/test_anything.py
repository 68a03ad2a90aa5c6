"""Whatever is asked for: it is done, or refused with a reason."""

from collections.abc import Sequence
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from jeffbot.sandbox.control.table import VERBS

from ..conftest import Cave
from .conftest import Remote

SCALARS = st.none() | st.booleans() | st.integers(-9, 9) | st.integers() | st.floats(allow_nan=False) | st.text(max_size=9)
JSON = st.recursive(SCALARS, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3))


def values(schema: dict[str, Any], known: dict[str, Any], ids: Sequence[str]) -> st.SearchStrategy[Any]:
    """What a JSON Schema allows, with ids that there are."""
    if "$ref" in schema:
        return values(known[schema["$ref"].rsplit("/", 1)[1]], known, ids)
    if "anyOf" in schema:
        return st.one_of(*(values(part, known, ids) for part in schema["anyOf"]))
    if "enum" in schema:
        return st.sampled_from(schema["enum"])
    match schema.get("type"):
        case "object" if "properties" in schema:
            parts = {name: values(part, known, ids) for name, part in schema["properties"].items()}
            needed = {name: parts.pop(name) for name in schema.get("required", ())}
            return st.fixed_dictionaries(needed, optional=parts)
        case "object":
            return st.dictionaries(st.text(max_size=5), values(schema.get("additionalProperties") or {}, known, ids), max_size=3)
        case "array":
            return st.lists(values(schema["items"], known, ids), max_size=3)
        case "number":
            least, most = schema.get("minimum", -9), schema.get("maximum", 9)
            return st.floats(least, most) if most < 600 else st.floats(least, 0.01)
        case "integer":
            return st.integers(schema.get("minimum"), schema.get("maximum"))
        case "string" if "pattern" in schema:
            return st.sampled_from(ids)
        case "string" if "contentEncoding" in schema:
            return st.sampled_from(["", "aGVsbG8="])
        case "string":
            return st.text(min_size=schema.get("minLength", 0), max_size=9)
        case "boolean":
            return st.booleans()
        case "null":
            return st.none()
    return JSON


@pytest.mark.parametrize("verb", VERBS)
@settings(max_examples=10, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
async def test_anything(
    cave: Cave, remote: Remote, caplog: pytest.LogCaptureFixture, verb: str, data: st.DataObject
) -> None:
    """A request that its schema allows, with whatever ids there are, is done or refused; so is one that it does not."""
    world = cave.discord.world
    if cave.general.id not in world.channels or cave.alice.id not in cave.guild.members:
        return  # an earlier example has taken them away
    message = await cave.alice.write(cave.guild, "hello")
    ids = [str(thing.id) for thing in (cave.alice, cave.app, cave.guild, cave.guild.text_channel, cave.general, message)]
    schema = VERBS[verb].manual["parameters"]
    request = data.draw(values(schema, schema.get("$defs", {}), [*ids, "1"]))
    if data.draw(st.integers(0, 3)) == 0:
        request = data.draw(JSON)
    cave.discord.options.interaction_deadline = 0.01
    async with remote.session.post(f"{remote.url}/{verb}", json=request) as response:
        answer = await response.json()
    assert response.status in {200, 400, 404, 409}
    assert response.status == 200 or answer.keys() == {"code", "message", "help"}
    assert not [record for record in caplog.records if record.levelname == "ERROR"]
