"""The numbers in words."""

from collections.abc import Mapping
from datetime import UTC, datetime
from types import MappingProxyType
from typing import NamedTuple

from ..community import Numbers, PersonCount, SoundCount

WEEKDAYS = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")
NOBODY: Mapping[int, str] = MappingProxyType({})


class Sentence(NamedTuple):
    """One line about the numbers, in plain parts: whoever shows it escapes them for where it is shown."""

    label: str
    subject: str
    """What people called something, or words of ours."""
    detail: str = ""

    def __str__(self) -> str:
        return f"{self.label}: {self.subject}" + (f" ({self.detail})" if self.detail else "")


def sentences(numbers: Numbers, people: Mapping[int, str] = NOBODY) -> list[Sentence]:
    """At most six lines about the numbers; only people in ``people`` (user id to name) are named."""
    if not numbers.plays:
        return [Sentence("Played", "nothing yet", since(numbers))]
    lines = [Sentence("Played", _times(numbers.plays), since(numbers))]
    lines += [Sentence("Most played", sound.title, _times(sound.plays)) for sound in numbers.sounds[:1]]
    named = [(people[who], plays) for who, plays in numbers.people if who is not None and who in people]
    lines += [Sentence("Played most by", name, _times(plays)) for name, plays in named[:1]]
    plays, day, hour = max((n, -day, -hour) for day, row in enumerate(numbers.hours) for hour, n in enumerate(row))
    lines.append(Sentence("Busiest", f"{WEEKDAYS[-day]}s around {-hour:02}:00", _times(plays)))
    lines += [Sentence("Heard for the first time", sound.title) for sound in numbers.first[:1]]
    lines += [Sentence("Not heard for long", sound.title, _last(sound)) for sound in numbers.forgotten[:1]]
    return lines


def name_of(person: PersonCount, people: Mapping[int, str]) -> str:
    """What someone is called."""
    if person.user_id is None:
        return "others, not by name"
    return people.get(person.user_id, "someone")


def since(numbers: Numbers) -> str:
    """From when on the numbers are."""
    return (
        "since the beginning"
        if numbers.since is None
        else f"since {datetime.fromtimestamp(numbers.since, UTC):%Y-%m-%d}"
    )


def _last(sound: SoundCount) -> str:
    return "never" if sound.last_played is None else f"since {datetime.fromtimestamp(sound.last_played, UTC):%Y-%m-%d}"


def _times(plays: int) -> str:
    return "once" if plays == 1 else f"{grouped(plays)} times"


def grouped(number: int) -> str:
    """A number with its thousands apart."""
    return f"{number:,}".replace(",", " ")
