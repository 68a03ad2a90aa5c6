"""The entrances of jeff_bot_lite."""

from collections import defaultdict
from collections.abc import Iterator
from typing import Any

from .arrivals import Claim, Known, items, people, text
from .format import Format
from .source import read_json


def _claims(users: list[Any]) -> Iterator[Claim]:
    """``data/users/users.json`` of boxsie/jeff_bot_lite (``users.py``, ``files.py``): who is greeted with which sound.

    ``[{"user_id", "user_name", "entrance_filename", "birthday"}]``; the sounds are in ``data/sounds``, named without
    their extension. Names and birthdays of people are not read.
    """
    by_sound: defaultdict[str, list[object]] = defaultdict(list)
    for user in items(users):
        if name := text(user.get("entrance_filename")):
            by_sound[name].append(user.get("user_id"))
    for name, ids in by_sound.items():
        yield Claim(file=name, known=Known(entrance_of=people(ids)))


JEFF_BOT_LITE = Format(
    name="jeff_bot_lite",
    extensions=frozenset({".json"}),
    load=read_json,
    fits=lambda users: any("user_id" in user and "entrance_filename" in user for user in items(users)),
    claims=_claims,
)
