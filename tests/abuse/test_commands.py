"""Requests made to break something: odd names, numbers out of bounds, and what happens in between."""

import asyncio
import itertools
import logging
import os
import time
import unicodedata
from collections.abc import AsyncIterator, Coroutine, Mapping
from pathlib import Path
from typing import Any, Literal

import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from jeffbot.models import UserId
from jeffbot.ws.actions import ACTIONS
from staging import Stage, write_tone
from town import Door, Doors, Json, until

EXAMPLES = 400 if os.environ.get("JEFFBOT_TEST_LONG") else 25
"""Of each action."""
TRICKS = (
    *("../low.wav", "../../etc/passwd", "/etc/passwd", "..", ".", "/", "low.wav/", "./low.wav", "sea/../low.wav"),
    *("..\\low.wav", "C:\\low.wav", "\\\\host\\share\\low.wav", "%2e%2e%2flow.wav", "low.wav%00", "low\0.wav", "\0"),
    *("file:///etc/passwd", "~/low.wav", "$HOME/low.wav", "*", "l?w.wav", "low.wav\n", "CON", "nul.wav", "COM1.wav"),
    *("low.wav:stream", "guild-1/low.wav", "-rf", "--", "'; DROP TABLE sounds; --", "{0}", "%s%n", "<@1>", "@everyone"),
    *(
        "low\u202e.wav",
        "low\u200b.wav",
        "lo\u0301w",
        "\uff4c\uff4f\uff57",
        "🎺" * 100,
        "x" * 300,
        "a" + "\u0300\u0315" * 15_000,
    ),
)
"""Names of no sound, though some look as if they were."""


@pytest.fixture
def sounds_dir(sounds_dir: Path) -> Path:
    """With a long sound."""
    return write_tone(sounds_dir / "sea.wav", 220, 5).parent


@pytest.fixture
async def doors(stage: Stage) -> AsyncIterator[Doors]:
    """The ways to the soundboard."""
    async with Doors(stage) as doors:
        yield doors


@pytest.fixture
async def alice(stage: Stage, doors: Doors) -> Door:
    """Alice, with a token for more than playing."""
    return await doors.open(stage.alice, "play manage")


async def at_once(*asked: Coroutine[Any, Any, Json]) -> list[Json]:
    """The replies to requests made at once."""
    return [*await asyncio.gather(*asked)]


def codes(replies: list[Json]) -> list[str]:
    """The code of each error, or the action of each reply, sorted."""
    return sorted(str(reply.get("error_code", reply["action"])) for reply in replies)


async def bring(alice: Door, hertz: float = 1320, seconds: float = 0.3) -> None:
    """Alice brings "bells"."""
    status, reply = await alice.add(write_tone(Path("bells.wav"), hertz, seconds))
    assert status == 201, reply


# Names


async def test_names_of_nothing(alice: Door, sounds_dir: Path) -> None:
    """Whatever a name looks like, where there is no such sound it is not found, and nothing of the machine is told."""
    for name in TRICKS:
        for action, fields in (
            ("play", {"filename": name}),
            ("edit", {"filename": name, "title": "Mine"}),
            ("delete", {"filename": name}),
            ("favourites", {"add": [name]}),
            ("entrance", {"exit": name}),
        ):
            reply = await alice.ask(action, **fields)
            too_long = len(name) > 1000 and action != "play"
            assert reply["error_code"] == ("invalid_field" if too_long else "sound_not_found"), (action, name[:50])
            said = msgspec.json.encode(reply)
            assert len(said) < 1500
            assert str(sounds_dir).encode() not in said
            assert all(char.isprintable() for char in reply["error_message"])
    for path in ("..%2flow.wav", "%2e%2e/%2e%2e/etc/passwd", "..%5clow.wav", "low.wav%00", "%ff"):
        async with alice.session.get(f"{alice.url}/sounds/{path}.ogg", headers=alice.headers) as response:
            assert response.status in {400, 404}


async def test_one_name_in_all_its_forms(stage: Stage, alice: Door, sounds_dir: Path) -> None:
    """A name is found whether its accents are of one piece or two, and whatever its case."""
    write_tone(sounds_dir / "Ünïcôde 🎺.wav", 440)
    await until(lambda: len(stage.service.sounds()) == 5)
    forms: tuple[Literal["NFC", "NFD"], ...] = ("NFC", "NFD")
    for form, case in itertools.product(forms, (str.upper, str.lower)):
        name = unicodedata.normalize(form, case("Ünïcôde 🎺"))
        assert (await alice.act("play", filename=name))["title"] == "Ünïcôde 🎺.wav"


async def test_names_of_uploads(stage: Stage, alice: Door, tmp_path: Path, sounds_dir: Path) -> None:
    """Whatever a file is to be called, it lands in the guild's own folder, under a name that every system takes."""
    tricks = (
        *("../../evil.wav", "/etc/cron.d/evil.wav", "a\\..\\b.wav", "C:\\x.wav", "CON.wav", "nul", "a\0b.wav", "..wav"),
        *("%2e%2e%2fx.wav", ".hidden.wav", "trailing. .wav", "e\u0301.wav", "\u202evaw.exe.wav", "\u200b.wav"),
        *("🎺🎺.wav", "x" * 251 + ".wav", "low.wav", "guild-1/x.wav", "*?<>|.wav", "x.php"),
    )
    before = {*tmp_path.rglob("*")}
    hertz = itertools.count(1000, 10)
    for name in tricks:
        status, reply = 0, await alice.ask("upload", filename=name, size=100)
        if reply["action"] == "upload":
            status, reply = await alice.add(write_tone(Path("new.wav"), next(hertz), 0.1), name)
            assert status == 201, (name, reply)
            assert (await alice.act("play", filename=reply["sound"]["name"]))["action"] == "playing"
        else:
            assert reply["error_code"] == "unsupported_media", name
    assert await alice.fail("upload", filename="x" * 300 + ".wav", size=100) == "invalid_field"
    assert await alice.fail("upload", filename="", size=100) == "invalid_field"

    own = sounds_dir / f"guild-{stage.guild.id}"
    new = {*tmp_path.rglob("*")} - before - {own, tmp_path / "new.wav"}
    kept = tmp_path / "kept"
    assert {file.parent for file in new if not file.is_relative_to(kept)} == {own}
    assert all(len(file.name.encode()) <= 255 and file.suffix == ".wav" for file in own.iterdir())
    assert not list((kept / "uploads").iterdir())


async def test_long_texts_stop_nobody(stage: Stage, doors: Doors, alice: Door) -> None:
    """Texts whose characters take long to compare keep nobody waiting."""
    other = await doors.open(stage.alice)
    odd = "a" + "\u0300\u0315" * 15_000
    await bring(alice)
    for action, fields in (
        ("edit", {"filename": "bells", "title": odd}),
        ("edit", {"filename": "bells", "emoji": odd}),
        ("edit", {"filename": "bells", "tags": [odd[:900]] * 10, "aliases": [odd[:900]] * 10}),
        ("upload", {"filename": "x.wav", "size": 1, "title": odd}),
        ("search", {"tags": [odd[: 900 + number] for number in range(10)]}),
        ("search", {"query": odd[:1000]}),
        ("random", {"tag": odd[:1000]}),
        ("play", {"filename": odd}),
    ):
        asking = asyncio.create_task(alice.ask(action, **fields))
        while not asking.done():
            began = time.perf_counter()
            await other.act("ping")
            assert time.perf_counter() - began < 0.5, action
        await asking


# Between check and use


async def test_delete_while_it_plays(alice: Door) -> None:
    """A sound that is deleted while it plays is heard to its end, or not; it is not found any more."""
    await bring(alice, seconds=2)
    await alice.act("play", filename="bells")
    await alice.act("play", filename="bells", mode="queue")
    await alice.act("delete", filename="bells")

    assert await alice.fail("play", filename="bells") == "sound_not_found"
    assert (await alice.act("status"))["action"] == "status"
    await alice.act("skip")
    assert (await alice.act("play", filename="low"))["action"] == "playing"


async def test_changes_at_once(stage: Stage, doors: Doors, alice: Door) -> None:
    """Of two deletes one finds nothing; an edit comes before a delete, or finds nothing."""
    other = await doors.open(stage.alice, "play manage", "http")
    await bring(alice)
    deletes = [who.ask("delete", filename="bells") for who in (alice, other)]
    assert codes(await at_once(*deletes)) == ["delete", "sound_not_found"]
    for seconds in (0.4, 0.5, 0.6):
        await bring(alice, seconds=seconds)
        edit, delete = await at_once(
            alice.ask("edit", filename="bells", title="Ding"), other.ask("delete", filename="bells")
        )
        assert delete["action"] == "delete"
        assert codes([edit]) in (["edit"], ["sound_not_found"])
        assert await alice.fail("play", filename="Ding") == "sound_not_found"


async def test_two_uploads_of_one_file(stage: Stage, doors: Doors, alice: Door) -> None:
    """One of them comes in; the other is told that it is here already."""
    other = await doors.open(stage.alice, "play manage", "http")
    file = write_tone(Path("bells.wav"), 1320, 0.3)
    answers = await asyncio.gather(alice.add(file, "a.wav"), other.add(file, "b.wav"))

    assert sorted(status for status, _ in answers) == [201, 409]
    assert (await alice.act("list"))["count"] == 5


async def test_one_ticket_used_twice_at_once(alice: Door) -> None:
    """A ticket lets in one file, also where two come at once."""
    body = write_tone(Path("bells.wav"), 1320, 0.3).read_bytes()
    ticket = await alice.act("upload", filename="bells.wav", size=len(body))

    async def put() -> int:
        async with alice.session.put(ticket["url"], data=body) as response:
            return response.status

    assert sorted(await asyncio.gather(put(), put())) == [201, 404]


@pytest.mark.discord(join_delay=0.3)
async def test_token_revoked_while_joining(stage: Stage, doors: Doors, alice: Door) -> None:
    """Who is revoked while the bot joins for them is put out, with what they pressed; the soundboard goes on."""
    assert alice.wire is not None
    await alice.wire.send({"action": "play", "filename": "sea"})
    await until(lambda: stage.service.status(stage.alice.id).voice.state == "joining")
    await stage.service.revocations.revoke_user(stage.alice.id, UserId(stage.alice.id))

    assert await alice.wire.closed() == 4010
    other = await doors.open(stage.discord.add_user("bob"))
    await until(lambda: stage.service.status(stage.alice.id).voice.state == "ready")
    assert not (await other.act("status"))["playing"]


@pytest.mark.discord(join_delay=0.2)
async def test_user_leaves_while_joining(stage: Stage, alice: Door) -> None:
    """Who leaves before the bot has come gets one answer, and the next press finds no channel."""
    asking = asyncio.create_task(alice.ask("play", filename="low"))
    await until(lambda: stage.service.status(stage.alice.id).voice.state == "joining")
    await stage.seen(stage.alice.leave())

    assert codes([await asking]) in (["playing"], ["play_error"], ["no_voice_channel"])
    assert await alice.fail("play", filename="low") == "no_voice_channel"


@pytest.mark.discord(join_delay=0.2)
async def test_stop_while_joining(stage: Stage, alice: Door) -> None:
    """A stop takes back what has not begun, by whatever door it was asked for; each has its answer."""
    presses = [asyncio.create_task(alice.post("play", filename="low")) for _ in range(5)]
    await until(lambda: stage.service.status(stage.alice.id).voice.state == "joining")
    await alice.act("stop")
    answers = [await press for press in presses]

    assert {(status, reply["error_code"]) for status, reply in answers} == {(409, "play_error")}
    assert (await alice.act("play", filename="low"))["action"] == "playing"


# Fields


def values(schema: Json) -> st.SearchStrategy[Any]:
    """What fits a schema, what is a little out of its bounds, and what is something else."""
    odd: st.SearchStrategy[Any] = st.sampled_from(
        [None, True, -1, 0, 0.5, 1e308, 2**63, 10**30, "", "low", [], {}, [None]]
    )
    match schema:
        case {"anyOf": options}:
            return st.one_of(*map(values, options))
        case {"enum": members}:
            return st.sampled_from(members) | odd
        case {"type": "integer" | "number"}:
            bounds = [schema[key] for key in ("minimum", "maximum") if key in schema]
            near = [bound + step for bound in bounds for step in (-1, 0, 1)]
            return st.sampled_from(near or [0]) | st.floats(allow_nan=False, allow_infinity=False) | odd
        case {"type": "array"}:
            items = values(schema.get("items") or {})
            most = schema.get("maxItems", 0)
            return st.lists(items, max_size=3) | st.just(["low"] * (most + 1)) | odd
        case {"type": "string"}:
            most = schema.get("maxLength", 64)
            names = st.sampled_from(["low", "high.wav", "sea", "x" * most, "x" * (most + 1)])
            return names | st.text(st.characters(exclude_categories=["Cs"]), max_size=20) | odd
    return odd


def fields_of(action: str) -> st.SearchStrategy[Json]:
    """Requests for an action, by the schema of its struct: good ones, and those with something wrong."""
    (schema,), parts = msgspec.json.schema_components([ACTIONS[action].request], ref_template="{name}")
    resolved = resolve(parts[schema["$ref"]], parts)
    strategies = {name: values(part) for name, part in resolved["properties"].items()}
    strategies["id"] = values({"type": "string", "maxLength": 64})
    required = {name: strategies.pop(name) for name in resolved["required"]}
    return st.fixed_dictionaries(required, optional=strategies)


def resolve(schema: Any, parts: Mapping[str, Any]) -> Any:
    """A schema without references."""
    if isinstance(schema, list):
        return [resolve(item, parts) for item in schema]
    if not isinstance(schema, dict):
        return schema
    if "$ref" in schema:
        return resolve(parts[schema["$ref"]], parts)
    return {key: resolve(value, parts) for key, value in schema.items()}


def examples(strategy: st.SearchStrategy[Json], count: int) -> list[Json]:
    """Some of what it makes."""
    found: list[Json] = []

    @settings(max_examples=count, database=None, deadline=None, suppress_health_check=list(HealthCheck))
    @given(strategy)
    def collect(fields: Json) -> None:
        found.append(fields)

    collect()
    return found


async def test_numbers_and_texts_out_of_bounds(stage: Stage, doors: Doors, caplog: pytest.LogCaptureFixture) -> None:
    """Whatever stands in whatever field, there is one reply, which is no fault of ours; nothing is logged as one."""
    caplog.set_level(logging.WARNING, "discord.ws_server")
    admin = await doors.open(stage.alice, "admin")
    assert admin.wire is not None
    for action in sorted(ACTIONS.keys() - {"authenticate"}):
        for fields in examples(fields_of(action), EXAMPLES):
            fields.pop("action", None)
            reply = await admin.ask(action, **fields)
            faults = {"internal_error", "action_error", ACTIONS[action].trouble} - {"play_error", "random_error"}
            assert reply.get("error_code") not in faults, (action, fields, reply)
            assert reply["action"] != "pong" or action == "ping"
    assert (await admin.ask("ping", id="last"))["id"] == "last"
    assert [record.getMessage() for record in caplog.records if record.name == "discord.ws_server"] == []


async def test_too_many_favourites(stage: Stage, alice: Door, monkeypatch: pytest.MonkeyPatch) -> None:
    """There is an end to them; what is too much changes nothing, and what is there already is not counted again."""
    monkeypatch.setattr("jeffbot.service.people.MAX_FAVOURITES", 3)
    for _ in range(2):
        await alice.act("favourites", add=["low", "high", "sea", "low", "LOW.wav"])
    assert await alice.fail("favourites", add=["middle"]) == "forbidden"
    swapped = await alice.act("favourites", add=["middle", "low"], remove=["high", "high"])

    assert [sound["name"] for sound in swapped["favourites"]] == ["low.wav", "sea.wav", "middle.wav"]
    assert stage
