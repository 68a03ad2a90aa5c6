"""The check that every message of a test run goes through: it finds what is not described."""

import json
from typing import Any

import pytest

from contract.validating import LARGE, Validator
from jeffbot.ws.documents import exchanges

PONG = {"action": "pong", "server_time": 1.5}


def encoded(message: object) -> bytes:
    return json.dumps(message).encode()


@pytest.mark.parametrize(
    "message",
    [
        [],
        {},
        {"action": "dance"},
        {"action": "pong"},
        {"action": "pong", "server_time": "noon"},
        {**PONG, "mood": "good"},
        {"action": "event", "event": "bot.sneezed", "data": {}},
        {"action": "error", "error_code": "too_loud", "error_message": "", "timestamp": 1.0},
    ],
)
def test_what_is_not_described_is_found(message: Any) -> None:
    """A message that there is not, a key too many or too few, another type, an unknown code."""
    validator = Validator()
    assert validator.check(encoded(PONG)) is None

    assert validator.check(encoded(message)) is not None


def test_each_shape_is_looked_at() -> None:
    """A message like one seen before is let pass; one with another code or a sound more unlike the others is not."""
    validator = Validator()
    listing = exchanges.captured()["actions"]["list"]["reply"]
    assert validator.check(encoded(listing)) is None
    assert validator.check(encoded(listing)) is None

    odd = {**listing, "sounds": [*listing["sounds"], {"name": "odd"}]}

    assert validator.check(encoded(odd)) is not None
    assert Validator().check(encoded({**odd, "sounds": odd["sounds"] * (LARGE // 100)})) is not None
