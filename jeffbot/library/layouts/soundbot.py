"""The sounds of discord-soundbot."""

from collections import defaultdict
from collections.abc import Iterator
from typing import Any

from .arrivals import Claim, Known, count, details, items, people, text
from .format import Format
from .source import read_json


def _claims(database: dict[str, Any]) -> Iterator[Claim]:
    """``db.json`` of markokajzer/discord-soundbot (``connection.ts``, ``Sound.ts``, ``SoundUtil.ts``).

    ``{"sounds": [{"name", "count", "tags"}], "entrances": {user id: name}, "exits": {user id: name}}``; names are those
    of the files in ``sounds/``, without extension. Sounds that were never played nor tagged are files alone.
    """
    entrances, exits = _by_sound(database.get("entrances")), _by_sound(database.get("exits"))
    sounds = {text(sound.get("name")): sound for sound in items(database.get("sounds"))}
    for name in dict.fromkeys((*sounds, *entrances, *exits)):
        sound = sounds.get(name, {})
        tags = sound.get("tags")
        known = Known(
            details=details(tags=tags if isinstance(tags, list) else ()),
            plays=count(sound.get("count")),
            entrance_of=people(entrances[name]),
            exit_of=people(exits[name]),
        )
        yield Claim(file=name, known=known)


def _by_sound(chosen: object) -> defaultdict[str, list[str]]:
    users: defaultdict[str, list[str]] = defaultdict(list)
    for user, name in chosen.items() if isinstance(chosen, dict) else ():
        if text(name):
            users[name].append(user)
    return users


def _fits(database: object) -> bool:
    if not isinstance(database, dict) or not isinstance(database.get("sounds"), list):
        return False
    return "entrances" in database or any("count" in sound and "tags" in sound for sound in items(database["sounds"]))


SOUNDBOT = Format(name="discord-soundbot", extensions=frozenset({".json"}), load=read_json, fits=_fits, claims=_claims)
