"""Real exchanges, captured from the tests: what is in no class, so that nobody has to make examples up."""

import functools
import json
from importlib import resources
from typing import Any

FILE = "exchanges.json"

type Message = Any
"""JSON; a text: what was sent is none."""


@functools.cache
def captured() -> dict[str, Any]:
    """``welcome``; by name ``actions``, ``errors`` and ``http``, each with ``request`` and ``reply``; ``events``.

    A request that went over HTTP is its method and place, and has the ``status`` of its reply beside it.
    """
    text = resources.files(__package__).joinpath(FILE).read_text("utf-8")
    found: dict[str, Any] = json.loads(text)
    return found
