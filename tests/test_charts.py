"""Numbers as a picture, as sentences and as files."""

import csv
import io
import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image, ImageChops

from jeffbot import charts
from jeffbot.community import DAYS, HOURS, Numbers, PersonCount, SoundCount
from jeffbot.models import UserId

ANNA = UserId(1_234_567_890_123_456_789)
LEFT_HALF = (0, 150, 500, charts.HEIGHT)


def numbers(*titles: str, hours: dict[tuple[int, int], int] | None = None, **changes: Any) -> Numbers:
    """Numbers in which each sound was played 10 times."""
    at = hours if hours is not None else {(4, 21): 10 * len(titles)}
    table = tuple(tuple(at.get((day, hour), 0) for hour in range(HOURS)) for day in range(DAYS))
    sounds = tuple(SoundCount(number, title, 10, 0.0) for number, title in enumerate(titles, 2**60))
    made = Numbers(None, sum(map(sum, table)), sounds, (PersonCount(ANNA, 7), PersonCount(None, 3)), table, (), ())
    return made._replace(**changes)


def picture(shown: Numbers, **named: Any) -> Image.Image:
    return Image.open(io.BytesIO(charts.draw(shown, **named))).convert("RGB")


def rows(shown: Numbers) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(charts.to_csv(shown), newline="")))


def test_picture_is_a_small_png() -> None:
    """The picture has the promised size, and is small and the same each time."""
    made = charts.draw(numbers(*(f"a rather long name of sound {n}" for n in range(10))), title="Guild")

    assert Image.open(io.BytesIO(made)).size == (charts.WIDTH, charts.HEIGHT)
    assert len(made) <= 60 * 1024
    assert made == charts.draw(numbers(*(f"a rather long name of sound {n}" for n in range(10))), title="Guild")


def test_heat_grows_with_plays() -> None:
    """The more was played in an hour, the lighter its cell; an hour without plays is darkest."""
    shown = picture(numbers("a", hours={(6, hour): hour for hour in range(0, HOURS, 4)}))
    light = []
    for hour in range(0, HOURS, 4):
        left, top, right, bottom = charts.cell(6, hour)
        colours = shown.crop((left, top, right + 1, bottom + 1)).getcolors()
        assert colours is not None
        assert len(colours) == 1
        colour = colours[0][1]
        assert isinstance(colour, tuple)
        light.append(sum(colour))

    assert light == sorted(set(light))


@pytest.mark.parametrize("title", ["W" * 500, "ш" * 500, "ש" * 500, "🎺" * 500])
def test_long_name_is_cut(title: str) -> None:
    """A name of any length leaves what stands beside it untouched."""
    short, long = picture(numbers("a")), picture(numbers(title))
    changed = ImageChops.difference(short, long).point(lambda value: 255 * (value > 24)).getbbox()

    assert changed is not None
    assert changed[0] >= 80
    assert changed[2] <= 444


def test_names_are_told_apart() -> None:
    """Other names, people, headings and counts make other pictures."""
    plain = charts.draw(numbers("a"))
    others = [
        charts.draw(numbers("b")),
        charts.draw(numbers("a"), people={ANNA: "Anna"}),
        charts.draw(numbers("a"), title="Guild"),
        charts.draw(numbers("a"), subtitle="this week"),
        charts.draw(numbers("a", hours={(0, 0): 10})),
    ]

    assert len({plain, *others}) == 6


@pytest.mark.parametrize("hidden", ["\u202e", "\u200d", "\n", "\x00", "\u0e00", "\U000f0000", "\U0001f3fb"])
def test_no_boxes(hidden: str) -> None:
    """What is no letter and what no font has is not drawn as a box."""
    allowed = {charts.draw(numbers(text)) for text in ("ab", "a b", "a…b")}

    assert charts.draw(numbers(f"a{hidden}b")) in allowed


def test_symbol_is_spelled() -> None:
    """A symbol that no font has is drawn by its name."""
    assert charts.draw(numbers("\U0001fae0")) in {charts.draw(numbers(":melting_face:")), charts.draw(numbers("🫠"))}


def test_nothing_played() -> None:
    """Without plays the picture has neither bars nor a heat map, and says so."""
    shown = picture(numbers())

    assert len(shown.crop((0, 400, charts.WIDTH, charts.HEIGHT)).getcolors() or ()) == 1
    assert len(shown.crop((200, 300, 800, 400)).getcolors() or ()) > 1
    assert [str(line) for line in charts.sentences(numbers())] == ["Played: nothing yet (since the beginning)"]


def test_sentences() -> None:
    """The lines name the most played, by whom, the busiest hour, the new and the forgotten."""
    old = SoundCount(9, "*old*", 0, None)
    shown = numbers("airhorn", "b", since=86_400.0, first=(old,), forgotten=(old,))

    assert [str(line) for line in charts.sentences(shown, {ANNA: "Anna"})] == [
        "Played: 20 times (since 1970-01-02)",
        "Most played: airhorn (10 times)",
        "Played most by: Anna (7 times)",
        "Busiest: Fridays around 21:00 (20 times)",
        "Heard for the first time: *old*",
        "Not heard for long: *old* (never)",
    ]
    assert "Anna" not in str(charts.sentences(shown))


@given(st.text() | st.sampled_from(["=1+1", "+1", "-1", "@SUM(A1)", "\t=1", "\r=1", "\n=1", "\uff1d1", 'a,"b"\r\nc']))
def test_csv_is_read_back(title: str) -> None:
    """Any name comes back from the table, with an apostrophe where a spreadsheet would run it."""
    (sound,) = [row for row in rows(numbers(title)) if row["kind"] == "sound"]

    assert sound["name"] in {title, f"'{title}"}
    assert not sound["name"].startswith(("=", "+", "-", "@", "\t", "\r", "\n", "\uff1d", "\uff0b", "\uff0d", "\uff20"))
    assert sound == {**sound, "id": str(2**60), "plays": "10", "last_played": "1970-01-01T00:00:00Z"}


def test_csv_has_all() -> None:
    """The table has the total, everyone, and every hour of the week; its lines end as RFC 4180 has it."""
    table = rows(numbers("a"))

    assert [row["plays"] for row in table if row["kind"] == "total"] == ["10"]
    assert [row["id"] for row in table if row["kind"] == "person"] == [str(ANNA), ""]
    assert {row["id"]: row["plays"] for row in table if row["kind"] == "hour" and row["plays"] != "0"} == {"4-21": "10"}
    assert sum(row["kind"] == "hour" for row in table) == DAYS * HOURS
    assert charts.to_csv(numbers("a")).startswith("kind,id,name,plays,last_played\r\n")


@given(st.text())
def test_json_is_read_back(title: str) -> None:
    """The object has every number; ids are strings, for they are larger than a double holds."""
    unplayed = SoundCount(9, "b", 0, None)
    read = json.loads(charts.to_json(numbers(title, forgotten=(unplayed,), since=0.0)))

    assert read["since"] == "1970-01-01T00:00:00Z"
    assert read["plays"] == 10
    assert read["sounds"] == [
        {"id": str(2**60), "title": title, "plays": 10, "last_played": "1970-01-01T00:00:00Z"},
    ]
    assert read["people"] == [{"id": str(ANNA), "plays": 7}, {"id": None, "plays": 3}]
    assert read["hours"][4][21] == 10
    assert read["forgotten"] == [{"id": "9", "title": "b", "plays": 0, "last_played": None}]
