"""The contract with everyone who has a client: nothing is taken away, nothing more is asked for."""

from collections.abc import Callable
from typing import Any

import pytest

from contract.frozen import Comparison, contract, copied, frozen

type Change = Callable[[dict[str, Any]], object]


def test_contract_is_kept() -> None:
    """What was promised still holds; ``make contract`` takes down what came on top."""
    assert Comparison(frozen(), contract()).breaks() == []


def _schema(of: dict[str, Any], name: str) -> Any:
    return of["schemas"][name]


def _request(of: dict[str, Any], name: str) -> Any:
    return of["actions"][name]["request"]


BREAKS: dict[str, tuple[Change, str]] = {
    "an action": (lambda now: now["actions"].pop("skip"), "skip is gone"),
    "a scope": (lambda now: now["actions"]["stop"].update(scope="manage"), "stop: scope"),
    "a scope of changing": (lambda now: now["actions"]["player"].update(change_scope="manage"), "player: change_scope"),
    "HTTP": (lambda now: now["actions"]["play"].update(over_http=False), "play is not there over HTTP"),
    "a code": (lambda now: now["codes"].pop("no_sounds"), "codes: no_sounds"),
    "a status": (lambda now: now["codes"].update(busy=500), "codes: busy"),
    "a close code": (lambda now: now["closes"].remove(4009), "closes: 4009"),
    "a topic": (lambda now: now["topics"].remove("queue"), "topics: queue"),
    "an event": (lambda now: now["messages"].pop("playback.ended"), "playback.ended is gone"),
    "what a scope brings": (lambda now: now["scopes"].update(play=["play"]), "scopes: play"),
    "what seed tokens may": (lambda now: now.update(scopes_of_the_seed=["read"]), "scopes_of_the_seed"),
    "a reply's key": (lambda now: _schema(now, "Playing")["properties"].pop("channel"), "channel is gone"),
    "a reply's type": (
        lambda now: _schema(now, "Playing")["properties"].update(title={"type": "integer"}),
        "title: integer was not sent",
    ),
    "null in a reply": (
        lambda now: _schema(now, "Playing")["properties"].update(
            title={"anyOf": [{"type": "string"}, {"type": "null"}]}
        ),
        "title: null was not sent",
    ),
    "a reply's certainty": (
        lambda now: _schema(now, "StatusReport")["required"].remove("playing"),
        "playing may be missing",
    ),
    "a reply's name": (
        lambda now: _schema(now, "Playing")["properties"]["action"].update(const="plays"),
        "it was playing",
    ),
    "a sound's key": (lambda now: _schema(now, "SoundInfo")["properties"].pop("tags"), "tags is gone"),
    "an event's key": (lambda now: _schema(now, "PlaybackEnded")["properties"].pop("reason"), "reason is gone"),
    "a request's key": (lambda now: _request(now, "play")["properties"].pop("mode"), "mode is gone"),
    "a value of a request": (lambda now: _schema(now, "Mode")["enum"].remove("queue"), "queue"),
    "a new required field": (lambda now: _request(now, "random")["required"].append("tag"), "tag is required"),
    "a type of a request": (
        lambda now: _request(now, "play")["properties"].update(guild_id={"type": "string"}),
        "guild_id",
    ),
    "a narrower bound": (
        lambda now: _request(now, "search")["properties"]["limit"].update(maximum=50),
        "limit: maximum is lower",
    ),
    "a new bound": (
        lambda now: _request(now, "play")["properties"]["filename"].update(minLength=2),
        "filename: minLength is higher",
    ),
    "another default": (lambda now: _request(now, "search")["properties"]["limit"].update(default=10), "default"),
}


@pytest.mark.parametrize("name", BREAKS)
def test_breaks_are_found(name: str) -> None:
    """Whatever is taken away from clients, or newly asked of them, is found and named."""
    change, said = BREAKS[name]
    now = copied()
    change(now)

    found = Comparison(contract(), now).breaks()

    assert any(said in one for one in found), found


ADDITIONS: dict[str, Change] = {
    "an action": lambda now: now["actions"].update(dance=now["actions"]["skip"]),
    "a code": lambda now: now["codes"].update(too_loud=409),
    "a close code": lambda now: now["closes"].append(4020),
    "an event": lambda now: now["messages"].update({"bot.sneezed": now["messages"]["queue.changed"]}),
    "a reply's key": lambda now: _schema(now, "Playing")["properties"].update(colour={"type": "string"}),
    "a field of a request": lambda now: _request(now, "play")["properties"].update(pitch={"type": "number"}),
    "a value of a request": lambda now: _schema(now, "Mode")["enum"].append("fade"),
    "a value of a reply": lambda now: _schema(now, "EndReason")["enum"].append("bored"),
    "a wider bound": lambda now: _request(now, "search")["properties"]["limit"].update(maximum=500),
    "a type of a request": lambda now: _request(now, "play")["properties"].update(
        filename={"anyOf": [{"type": "string"}, {"type": "integer"}]}
    ),
    "a field that need not be there any more": lambda now: _request(now, "play").update(required=["action"]),
    "a reply's key that is always there now": lambda now: _schema(now, "Playing")["required"].append("queued"),
}


@pytest.mark.parametrize("name", ADDITIONS)
def test_additions_are_fine(name: str) -> None:
    """More than before breaks nobody."""
    now = copied()
    ADDITIONS[name](now)

    assert Comparison(contract(), now).breaks() == []
