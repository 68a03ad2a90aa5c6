"""The compatibility law: what a client that knows only the first protocol may count on, against the real server."""

import asyncio
import json
from pathlib import Path
from typing import Any

import msgspec
import pytest

from jeffbot.errors import ErrorCode
from jeffbot.ws.actions import ACTIONS
from jeffbot.ws.scopes import SEED_SCOPES
from staging import PATIENCE, Connect, Stage, Wire, token_for, write_tone

type Json = dict[str, Any]

SEED: Json = json.loads(Path(__file__).with_name("seed.json").read_text("utf-8"))
TYPES: dict[str, tuple[type, ...]] = {
    "string": (str,),
    "integer": (int,),
    "number": (int, float),
    "boolean": (bool,),
    "string or null": (str, type(None)),
    "any": (object,),
}
OVERTAKING = {"stop", "status"}
"""Those that need not wait for a sound to begin."""


def problems(value: Any, promised: Any, path: str = "") -> list[str]:
    """What of it is not as was promised."""
    if isinstance(promised, dict):
        if not isinstance(value, dict):
            return [f"{path} is no object"]
        missing = [f"{path}.{key} is missing" for key in promised if key not in value]
        return missing + [
            found for key in promised if key in value for found in problems(value[key], promised[key], f"{path}.{key}")
        ]
    if isinstance(promised, list):
        return [found for item in value for found in problems(item, promised[0], f"{path}[]")]
    if promised not in TYPES:
        return [] if value == promised else [f"{path} is {value!r}, not {promised!r}"]
    fits = isinstance(value, TYPES[promised]) and isinstance(value, bool) <= (promised in {"boolean", "any"})
    return [] if fits else [f"{path} is {value!r}, no {promised}"]


def seed_request(stage: Stage, action: str) -> Json:
    """A request of the first protocol."""
    fields = {"token": token_for(stage.alice), "filename": "low.wav"}
    return {"action": action, **{name: fields[name] for name in SEED["requests"][action]}}


async def settled(wire: Wire) -> None:
    """Nothing more comes: the answer to a ping is the next message."""
    assert (await wire.ask({"action": "ping"}))["action"] == "pong"


@pytest.mark.play
@pytest.mark.parametrize("extra", [{}, {"colour": "blue", "nested": {"deep": [1, None]}, "timestamp": -1, "": ""}])
async def test_every_key_is_there(stage: Stage, wire: Wire, extra: Json) -> None:
    """Each request has one reply with the keys it always had, of their types; keys nobody knows change nothing."""
    for action in SEED["requests"]:
        reply = await wire.ask({**seed_request(stage, action), **extra})

        assert problems(reply, SEED["replies"][action]) == []
        assert reply.get("message") == SEED["messages"].get(action)
        await settled(wire)


async def test_every_error_is_as_it_was(wire: Wire) -> None:
    """What is refused is refused with the code it had, in one reply, and does not end the connection."""
    for request_, code in REFUSED:
        reply = await wire.ask(request_)

        assert problems(reply, SEED["error"]) == []
        assert reply["error_code"] == code
        await settled(wire)


REFUSED: list[tuple[object, str]] = [
    ('{"action": ', "invalid_json"),
    ("[]", "invalid_format"),
    ("7", "invalid_format"),
    ("{}", "missing_action"),
    ({"action": None}, "missing_action"),
    ({"action": "dance"}, "unknown_action"),
    ({"action": "play"}, "missing_filename"),
    ({"action": "play", "filename": ""}, "missing_filename"),
    ({"action": "play", "filename": 7}, "missing_filename"),
    ({"action": "play", "filename": "nope"}, "sound_not_found"),
    ({"action": "authenticate"}, "auth_failed"),
    ({"action": "authenticate", "token": "nonsense"}, "auth_failed"),
]


async def test_replies_come_in_order(stage: Stage, wire: Wire) -> None:
    """Whatever is asked at once is answered in turn; only what never waited for a sound may come before one's begin."""
    asked = ["list", "play", "list", "random", "authenticate", "stop", "play", "status", "list", "dance", "list"]
    expected = {name: reply["action"] for name, reply in SEED["replies"].items()} | {"dance": "error"}
    for name in asked:
        await wire.send(seed_request(stage, name) if name in SEED["requests"] else {"action": name})
    replies = [(await wire.receive())["action"] for _ in asked]

    overtaking = {expected[name] for name in OVERTAKING}
    in_turn = [expected[name] for name in asked if name not in OVERTAKING]
    came = [action for action in replies if action not in overtaking]
    stopped = {"playing": {"playing", "error"}}  # a press that was taken back by stop
    assert all(one in stopped.get(wanted, {wanted}) for one, wanted in zip(came, in_turn, strict=True))
    assert sorted(set(replies) & overtaking) == sorted(overtaking)
    await settled(wire)


async def test_nothing_unsolicited(stage: Stage, wire: Wire, connect: Connect, sounds_dir: Path) -> None:
    """A client that asks nothing hears nothing, whatever others do."""
    other = await connect(stage)
    await other.sign_in(stage.alice)
    await other.ask({"action": "subscribe", "topics": ["*", "progress"]})

    await other.send({"action": "play", "filename": "low"})
    write_tone(sounds_dir / "new.wav", 770)
    heard = set[str]()
    async with asyncio.timeout(PATIENCE):
        while not {"playback.started", "playback.ended", "library.changed"} <= heard:
            heard.add(str((await other.receive()).get("event")))

    await settled(wire)


def test_seed_is_kept() -> None:
    """All its actions and codes are there, and a token as it made them may use all of them."""
    assert set(SEED["requests"]) <= set(ACTIONS)
    assert set(SEED["codes"]) <= set(ErrorCode)
    assert {ACTIONS[name].scope for name in SEED["requests"]} <= {None, *SEED_SCOPES}
    for name, fields in SEED["requests"].items():
        assert {field.name for field in msgspec.structs.fields(ACTIONS[name].request) if field.required} <= set(fields)
