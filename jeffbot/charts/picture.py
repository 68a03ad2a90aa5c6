"""The numbers as a picture."""

import io
from collections.abc import Mapping, Sequence

from PIL import Image, ImageDraw

from ..community import DAYS, HOURS, Numbers
from .lettering import Colour, write
from .wording import NOBODY, WEEKDAYS, grouped, name_of, since

Box = tuple[int, int, int, int]

WIDTH = 1000
HEIGHT = 640
TOP_SOUNDS = 10
TOP_PEOPLE = 5
_CARD: Colour = (30, 31, 38)
_TRACK: Colour = (45, 47, 57)
_INK: Colour = (240, 241, 245)
_MUTED: Colour = (158, 162, 176)
_SOUNDS: Colour = (124, 138, 255)
_PEOPLE: Colour = (72, 199, 166)
_COLD: Colour = (58, 61, 116)
_HOT: Colour = (214, 219, 255)


def cell(day: int, hour: int) -> Box:
    """Where the heat map shows an hour: left, top, right and bottom pixel, all of them filled."""
    left, top = 578 + 16 * hour, 407 + 24 * day
    return left, top, left + 13, top + 21


def draw(numbers: Numbers, *, people: Mapping[int, str] = NOBODY, title: str = "", subtitle: str = "") -> bytes:
    """The numbers as a PNG of 1000 by 640 pixels, the same for the same input and fonts.

    Args:
        numbers: What to show; at most ten sounds and five people of it.
        people: Names by user id; whoever is not in it is "someone".
        title: Heading, such as the guild's name.
        subtitle: Line below it; empty: from when on was counted.
    """
    image = Image.new("RGB", (WIDTH, HEIGHT), _CARD)
    pen = ImageDraw.Draw(image)
    write(pen, (40, 62), title or "Soundboard", 34, _INK, width=620)
    write(pen, (40, 92), subtitle or since(numbers), 18, _MUTED, width=620)
    write(pen, (960, 66), grouped(numbers.plays), 46, _SOUNDS, align=1)
    write(pen, (960, 92), "play" if numbers.plays == 1 else "plays", 18, _MUTED, align=1)
    if numbers.plays:
        sounds = [(sound.title, sound.plays) for sound in numbers.sounds[:TOP_SOUNDS]]
        _rank(pen, "Most played", sounds, left=40, pitch=45, hue=_SOUNDS)
        persons = [(name_of(person, people), person.plays) for person in numbers.people[:TOP_PEOPLE]]
        _rank(pen, "Played most by", persons, left=540, pitch=38, hue=_PEOPLE)
        _heat(pen, numbers.hours)
    else:
        write(pen, (WIDTH / 2, 340), "Nothing has been played yet.", 30, _INK, align=0.5)
        write(pen, (WIDTH / 2, 380), "Play a sound, and it will be counted here.", 18, _MUTED, align=0.5)
    png = io.BytesIO()
    image.quantize(256, Image.Quantize.FASTOCTREE, dither=Image.Dither.NONE).save(png, "PNG")
    return png.getvalue()


def _rank(
    pen: ImageDraw.ImageDraw, heading: str, rows: Sequence[tuple[str, int]], *, left: int, pitch: int, hue: Colour
) -> None:
    write(pen, (left, 146), heading, 18, _MUTED)
    right, most = left + 420, max((plays for _, plays in rows), default=1)
    for index, (name, plays) in enumerate(rows):
        base = 180 + pitch * index
        taken = write(pen, (right, base), grouped(plays), 20, _INK, align=1)
        write(pen, (left, base), f"#{index + 1}", 18, _MUTED)
        write(pen, (left + 44, base), name, 22, _INK, width=360 - taken)
        pen.rounded_rectangle((left + 44, base + 9, right, base + 14), 3, _TRACK)
        pen.rounded_rectangle((left + 44, base + 9, left + 50 + 370 * plays // most, base + 14), 3, hue)


def _heat(pen: ImageDraw.ImageDraw, hours: Sequence[Sequence[int]]) -> None:
    most = max(1, *map(max, hours))
    write(pen, (540, 392), "When", 18, _MUTED)
    for day in range(DAYS):
        bottom = cell(day, 0)[3]
        write(pen, (540, bottom - 4), WEEKDAYS[day][:3], 16, _MUTED)
        for hour in range(HOURS):
            pen.rectangle(cell(day, hour), _heat_colour(hours[day][hour], most))
    for hour in range(0, HOURS, 6):
        write(pen, (cell(0, hour)[0], 593), f"{hour:02}:00", 16, _MUTED)
    at = WIDTH - 40 - write(pen, (WIDTH - 40, 392), grouped(most), 16, _MUTED, align=1) - 108
    for step in range(101):
        pen.line((at + step, 380, at + step, 391), _heat_colour(step, 100))
    write(pen, (at - 10, 392), "1", 16, _MUTED, align=1)
    pen.rectangle((at - 46, 380, at - 33, 391), _heat_colour(0, most))
    write(pen, (at - 54, 392), "0", 16, _MUTED, align=1)


def _heat_colour(plays: int, most: int) -> Colour:
    if not plays:
        return _TRACK
    red, green, blue = (cold + (hot - cold) * plays // most for cold, hot in zip(_COLD, _HOT, strict=True))
    return red, green, blue
