"""The numbers as files."""

import csv
import io
from collections.abc import Mapping
from datetime import UTC, datetime

import msgspec

from ..community import Numbers, SoundCount
from .wording import NOBODY, WEEKDAYS

_FORMULA = ("=", "+", "-", "@", "\t", "\r", "\n", "\uff1d", "\uff0b", "\uff0d", "\uff20")
"""What a spreadsheet takes for a formula's beginning (OWASP, "CSV Injection"), full-width forms included."""


def to_csv(numbers: Numbers, people: Mapping[int, str] = NOBODY) -> str:
    """All the numbers as one table (RFC 4180): kind, id, name, plays, last_played.

    Kinds are total, sound, person (no id: those not counted by name), hour (its id is weekday, from 0 for Monday, and
    hour: ``4-21``), first and forgotten. Times are ISO 8601 in UTC. Names that a spreadsheet would run begin with an
    apostrophe.
    """
    text = io.StringIO(newline="")
    table = csv.writer(text)
    table.writerow(("kind", "id", "name", "plays", "last_played"))
    table.writerow(("total", "", "", numbers.plays, ""))
    table.writerows(_sound_cells("sound", sound) for sound in numbers.sounds)
    for who, plays in numbers.people:
        table.writerow(("person", who or "", _harmless(people.get(who or 0, "")), plays, ""))
    for day, row in enumerate(numbers.hours):
        for hour, plays in enumerate(row):
            table.writerow(("hour", f"{day}-{hour}", f"{WEEKDAYS[day]} {hour:02}:00", plays, ""))
    table.writerows(_sound_cells("first", sound) for sound in numbers.first)
    table.writerows(_sound_cells("forgotten", sound) for sound in numbers.forgotten)
    return text.getvalue()


def to_json(numbers: Numbers) -> bytes:
    """All the numbers as one JSON object.

    Keys: ``since`` and ``plays``; ``sounds``, ``first`` and ``forgotten``: objects of ``id``, ``title``, ``plays`` and
    ``last_played``; ``people``: objects of ``id`` (null: those not counted by name) and ``plays``; ``hours``: 7 rows,
    Monday first, of 24. Times are ISO 8601 in UTC or null; ids are strings, being larger than 2 to the 53rd.
    """
    return msgspec.json.encode(
        {
            "since": _iso(numbers.since),
            "plays": numbers.plays,
            "sounds": [_sound_object(sound) for sound in numbers.sounds],
            "people": [{"id": None if who is None else str(who), "plays": plays} for who, plays in numbers.people],
            "hours": numbers.hours,
            "first": [_sound_object(sound) for sound in numbers.first],
            "forgotten": [_sound_object(sound) for sound in numbers.forgotten],
        }
    )


def _sound_cells(kind: str, sound: SoundCount) -> tuple[str, int, str, int, str]:
    return kind, sound.sound_id, _harmless(sound.title), sound.plays, _iso(sound.last_played) or ""


def _sound_object(sound: SoundCount) -> dict[str, str | int | None]:
    return {
        "id": str(sound.sound_id),
        "title": sound.title,
        "plays": sound.plays,
        "last_played": _iso(sound.last_played),
    }


def _harmless(text: str) -> str:
    return "'" + text if text.startswith(_FORMULA) else text


def _iso(at: float | None) -> str | None:
    return None if at is None else datetime.fromtimestamp(at, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
