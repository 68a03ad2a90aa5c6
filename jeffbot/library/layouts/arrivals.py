"""What comes out of a collection, and how claims of unknown origin become it. Cost: O(characters), cut short."""

import math
import re
import unicodedata
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ...errors import BadDetailsError
from ...models import MAX_GAIN, Details, Seconds, UserId
from ..details import MAX_ALIASES, MAX_TAG_CHARS, MAX_TAGS, MAX_TITLE_CHARS, clean

MAX_PLAYS = 1_000_000_000
MAX_PEOPLE = 100_000
"""Who may have one sound as a favourite, or be greeted by it."""
_SNOWFLAKE = re.compile(r"[1-9][0-9]{0,18}", re.ASCII)
"""Discord: Reference, "Snowflakes": 64 bits, sent as text."""
_FURTHEST: Seconds = 86_400.0
"""What is trimmed lies within a day."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Known:
    """What a collection says of a sound, within the bounds of ours."""

    details: Details = field(default_factory=Details)
    plays: int = 0
    uploader_id: UserId | None = None
    created_at: float | None = None
    """Seconds since the epoch."""
    favourite_of: tuple[UserId, ...] = ()
    entrance_of: tuple[UserId, ...] = ()
    """Whom it is played for when they come."""
    exit_of: tuple[UserId, ...] = ()
    """Whom it is played for when they leave."""

    def and_also(self, other: "Known") -> "Known":
        """What is known where a sound is named twice: the first word counts, tags, names, plays and people add up."""
        mine, theirs = self.details, other.details
        return Known(
            details=details(
                title=mine.title or theirs.title,
                aliases=(
                    *mine.aliases,
                    *theirs.aliases,
                    *([theirs.title] if mine.title and theirs.title != mine.title else ()),
                ),
                emoji=mine.emoji or theirs.emoji,
                colour=theirs.colour if mine.colour is None else mine.colour,
                tags=(*mine.tags, *theirs.tags),
                gain=mine.gain or theirs.gain,
                trim=(mine if mine.trim_start or mine.trim_end else theirs).trim,
                retrigger=mine.retrigger or theirs.retrigger,
            ),
            plays=min(self.plays + other.plays, MAX_PLAYS),
            uploader_id=self.uploader_id or other.uploader_id,
            created_at=other.created_at if self.created_at is None else self.created_at,
            favourite_of=people((*self.favourite_of, *other.favourite_of)),
            entrance_of=people((*self.entrance_of, *other.entrance_of)),
            exit_of=people((*self.exit_of, *other.exit_of)),
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Claim:
    """What a collection says of one sound."""

    file: str
    """Where it says the file is; on which machine does not matter, nor whether it has its extension."""
    known: Known = field(default_factory=Known)
    path: str = ""
    """Where it should be in a library; empty: where it lies in the collection."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Arrival(Known):
    """A sound that can be taken into a library."""

    file: Path
    """Where it is."""
    path: str
    """Where it should be below the library's folder: safe, NFC, forward slashes."""


def details(
    *,
    title: object = "",
    aliases: Iterable[object] = (),
    tags: Iterable[object] = (),
    gain: object = 0.0,
    trim: tuple[object, object] = (0.0, None),
    **others: Any,
) -> Details:
    """Details of what somebody else wrote: cut and kept within bounds; what cannot be kept is left out."""
    start, end = number(trim[0]), number(trim[1])
    kept: dict[str, Any] = {}
    wishes: tuple[dict[str, Any], ...] = (
        {"title": _line(title, MAX_TITLE_CHARS)},
        {"aliases": _lines(aliases, MAX_TITLE_CHARS, MAX_ALIASES)},
        {"tags": _lines(tags, MAX_TAG_CHARS, MAX_TAGS)},
        {"gain": min(max(number(gain) or 0.0, -MAX_GAIN), MAX_GAIN)},
        {"trim_start": min(start or 0.0, _FURTHEST), "trim_end": end},
        *({name: value} for name, value in others.items()),
    )
    for wanted in wishes:
        try:
            cleaned = clean(Details(**wanted))
        except BadDetailsError:
            continue
        kept |= {name: getattr(cleaned, name) for name in wanted}
    return Details(**kept)


def text(value: object) -> str:
    """What is text, and nothing of what is not."""
    return value if isinstance(value, str) else ""


def items(value: object) -> list[dict[str, Any]]:
    """The objects of a list, and nothing of what is none."""
    return [item for item in value if isinstance(item, dict)] if isinstance(value, list) else []


def number(value: object) -> float | None:
    """What is a finite number."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    try:
        return float(value) if math.isfinite(value) else None
    except OverflowError:
        return None


def count(value: object) -> int:
    """How often something was played; 0 for what is no number."""
    return int(min(max(number(value) or 0.0, 0.0), MAX_PLAYS))


def decibels(factor: object, power: int = 1) -> float:
    """The gain of a volume that is 1 for as it is; what is no number is that, too.

    Args:
        factor: The volume.
        power: What it is raised to before samples are multiplied with it.
    """
    given = number(factor)
    if given is None:
        return 0.0
    return -MAX_GAIN if given <= 0 else max(-MAX_GAIN, min(MAX_GAIN, round(20 * power * math.log10(given), 2)))


def person(value: object) -> UserId | None:
    """Whom an id means, a number or its digits."""
    digits = str(value) if isinstance(value, str | int) and not isinstance(value, bool) and _short(value) else ""
    return UserId(int(digits)) if _SNOWFLAKE.fullmatch(digits) and int(digits) < 1 << 63 else None


def people(values: Iterable[object]) -> tuple[UserId, ...]:
    """Those whom ids mean, each once."""
    found = dict.fromkeys(who for value in values if (who := person(value)) is not None)
    return tuple(found)[:MAX_PEOPLE]


def moment(value: object) -> float | None:
    """A time since the epoch, in seconds, that a clock could show."""
    seconds = number(value)
    return seconds if seconds is not None and 0 <= seconds < 1 << 33 else None


def _short(value: str | int) -> bool:
    return len(value) < 20 if isinstance(value, str) else 0 < value < 1 << 63


def _line(value: object, most: int) -> str:
    """The beginning of a text, as :func:`clean` takes it; it may still be nothing but what is not shown."""
    return unicodedata.normalize("NFC", text(value)[: 4 * most])[:most]


def _lines(values: Iterable[object], most: int, how_many: int) -> tuple[str, ...]:
    kept: dict[str, None] = {}
    for value in values:
        try:
            kept |= dict.fromkeys(clean(Details(aliases=(_line(value, most),))).aliases)
        except BadDetailsError:
            continue
        if len(kept) == how_many:
            break
    return tuple(kept)
