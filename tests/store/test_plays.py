"""The numbers of what was played."""

import datetime as dt
import time
import zoneinfo
from collections import Counter

import pytest
from sqlalchemy import update

from jeffbot.community import Choices
from jeffbot.models import Details, GuildId, UserId
from jeffbot.store.database import Database
from jeffbot.store.plays import FORGOTTEN_AFTER
from jeffbot.store.schema import sounds
from jeffbot.store.values import SHARED, Played
from store.keeping import GUILD, NOW, add_sounds, take_in

ALICE, BOB = UserId(1), UserId(2)
OTHER_GUILD = GuildId(71)
MONDAY = dt.datetime(2026, 1, 5, tzinfo=dt.UTC)


def play(database: Database, *played: Played) -> None:
    with database.writing() as records:
        records.plays.add(played)


def hours(database: Database, time_zone: str) -> dict[tuple[int, int], int]:
    """The heat map: plays by weekday and hour, where there were any."""
    with database.reading() as records:
        found = records.plays.numbers(GUILD, time_zone=time_zone).hours
    assert [len(day) for day in found] == [24] * 7
    return {(day, hour): times for day, row in enumerate(found) for hour, times in enumerate(row) if times}


@pytest.mark.parametrize(
    ("time_zone", "day", "hour"),
    [
        ("UTC", 0, 0),
        ("Europe/Berlin", 0, 1),
        ("Asia/Kolkata", 0, 5),
        ("Asia/Kathmandu", 0, 6),
        ("America/St_Johns", 6, 20),
        ("Pacific/Kiritimati", 0, 14),
    ],
)
def test_heat_map(database: Database, time_zone: str, day: int, hour: int) -> None:
    """Half past midnight UTC on a Monday, by the guild's own clock: with half and three quarters of an hour, too."""
    (horn,) = add_sounds(database, "horn")
    play(database, Played(horn, GUILD, None, (MONDAY + dt.timedelta(minutes=29)).timestamp()))

    assert hours(database, time_zone) == {(day, hour): 1}


def test_heat_map_over_a_change_of_clocks(database: Database) -> None:
    """Each play is counted in the hour that the clock showed, before, in and after the hour that comes twice."""
    (horn,) = add_sounds(database, "horn")
    zone = zoneinfo.ZoneInfo("Europe/Berlin")
    begin = dt.datetime(2026, 10, 24, 20, tzinfo=dt.UTC).timestamp()
    times = [begin + number * 600 for number in range(60)]
    play(database, *(Played(horn, GUILD, None, at) for at in times))

    shown = [dt.datetime.fromtimestamp(at, zone) for at in times]
    assert hours(database, "Europe/Berlin") == Counter((at.weekday(), at.hour) for at in shown)
    assert hours(database, "Europe/Berlin")[6, 2] == 12


def test_numbers(database: Database) -> None:
    """Sounds and people by how often, of one guild and since then; no more than asked for."""
    horn, bell, drum = add_sounds(database, "horn", "bell", "drum")
    play(database, *(Played(horn, GUILD, ALICE, NOW + i) for i in range(3)), Played(bell, GUILD, BOB, NOW + 9))
    play(database, Played(bell, GUILD, None, NOW + 8), Played(bell, GUILD, None, NOW - 10))
    play(database, Played(drum, OTHER_GUILD, BOB, NOW), Played(drum, GUILD, None, NOW - 10))

    with database.reading() as records:
        ever = records.plays.numbers(GUILD)
        lately = records.plays.numbers(GUILD, since=NOW, top=1)

    assert (ever.since, ever.plays) == (None, 7)
    assert ever.sounds == ((horn, "horn", 3, NOW + 2), (bell, "bell", 3, NOW + 9), (drum, "drum", 1, NOW - 10))
    assert {*ever.people} == {(ALICE, 3), (None, 3), (BOB, 1)}
    assert (lately.since, lately.plays) == (NOW, 5)
    assert lately.sounds == ((horn, "horn", 3, NOW + 2),)
    assert lately.people == ((ALICE, 3),)


def test_nothing_was_played(database: Database) -> None:
    """A guild that played nothing has empty numbers."""
    with database.reading() as records:
        numbers = records.plays.numbers(GUILD)
        assert records.plays.recent(GUILD) == ()
    assert (numbers.plays, numbers.sounds, numbers.people, numbers.first, numbers.forgotten) == (0, (), (), (), ())


def test_first(database: Database) -> None:
    """What the guild played for the first time since then, the latest first; also what others knew before."""
    horn, bell, drum = add_sounds(database, "horn", "bell", "drum")
    play(database, Played(horn, GUILD, ALICE, NOW - 1), Played(horn, GUILD, ALICE, NOW + 9))
    play(database, Played(bell, OTHER_GUILD, ALICE, NOW - 1), Played(bell, GUILD, ALICE, NOW + 1))
    play(database, Played(bell, GUILD, ALICE, NOW + 5), Played(drum, GUILD, ALICE, NOW + 2))

    with database.reading() as records:
        assert records.plays.numbers(GUILD, since=NOW).first == (
            (drum, "drum", 1, NOW + 2),
            (bell, "bell", 2, NOW + 5),
        )
        assert [count.sound_id for count in records.plays.numbers(GUILD, top=2).first] == [drum, bell]


def test_forgotten(database: Database) -> None:
    """What the guild has not played for three months and could: not new, gone, deleted, merged or another guild's."""
    now = time.time()
    long_ago = now - FORGOTTEN_AFTER - 10
    names = "fresh", "gone", "deleted", "merged", "never", "older", "old"
    ids = dict(zip(names, add_sounds(database, *names, now=long_ago), strict=True))
    add_sounds(database, "new", now=now)
    add_sounds(database, "theirs", guild_id=OTHER_GUILD, now=long_ago)
    (ours,) = add_sounds(database, "ours", guild_id=GUILD, now=long_ago)
    play(database, Played(ids["fresh"], GUILD, None, now), Played(ids["old"], GUILD, None, long_ago))
    play(database, Played(ids["older"], GUILD, None, long_ago - 5), Played(ids["older"], OTHER_GUILD, None, now))
    with database.writing() as records:
        take_in(records, gone=[(SHARED, "gone")])
        records.sounds.delete(ids["deleted"], now)
        records.sounds.merge(ids["merged"], ids["fresh"])

    with database.reading() as records:
        forgotten = records.plays.numbers(GUILD).forgotten
        few = records.plays.numbers(GUILD, top=1).forgotten

    assert [(count.title, count.plays, count.last_played) for count in forgotten] == [
        ("old", 1, long_ago),
        ("older", 1, long_ago - 5),
        ("never", 0, None),
        ("ours", 0, None),
    ]
    assert [count.title for count in few] == ["old"]
    assert forgotten[-1].sound_id == ours


def test_titles(database: Database) -> None:
    """Sounds are called by their titles, or their files' names; deleted ones and ones that went, too."""
    ids = add_sounds(database, "x/horn.mp3", "bell.mp3", "drum.mp3")
    play(database, *(Played(sound_id, GUILD, ALICE, NOW - sound_id) for sound_id in ids))
    with database.writing() as records:
        records.sounds.edit(ids[1], Details(title="Glöckchen"))
        records.sounds.delete(ids[1], NOW)
        take_in(records, gone=[(SHARED, "drum.mp3")])

        expected = {"horn.mp3", "Glöckchen", "drum.mp3"}
        assert {count.title for count in records.plays.numbers(GUILD).sounds} == expected
        assert {count.title for count in records.plays.numbers(GUILD).first} == expected
        assert {heard.title for heard in records.plays.recent(GUILD)} == expected


def test_recent(database: Database) -> None:
    """What was played last, each sound once, the latest first; by all, or by someone."""
    horn, bell, drum = add_sounds(database, "horn", "bell", "drum")
    play(database, Played(horn, GUILD, ALICE, NOW), Played(bell, GUILD, BOB, NOW + 1))
    play(database, Played(horn, GUILD, BOB, NOW + 2), Played(drum, OTHER_GUILD, ALICE, NOW + 3))

    with database.reading() as records:
        assert records.plays.recent(GUILD) == ((horn, "horn", BOB, NOW + 2), (bell, "bell", BOB, NOW + 1))
        assert records.plays.recent(GUILD, user_id=ALICE) == ((horn, "horn", ALICE, NOW),)
        assert records.plays.recent(GUILD, limit=1) == ((horn, "horn", BOB, NOW + 2),)


def test_counts_of_a_sound(database: Database) -> None:
    """A sound has its own count, with its first and last time, which stay when single plays go."""
    (horn,) = add_sounds(database, "horn")
    play(database, Played(horn, GUILD, ALICE, NOW + 5), Played(horn, OTHER_GUILD, None, NOW))
    play(database, Played(horn, GUILD, ALICE, NOW + 3))

    with database.writing() as records:
        assert records.sounds.story(horn)[:3] == (3, NOW, NOW + 5)
        assert records.plays.forget_before(NOW + 4) == 2
        assert records.plays.numbers(GUILD).plays == 1
        assert records.sounds.story(horn)[:3] == (3, NOW, NOW + 5)


def test_unknown_sound(database: Database) -> None:
    """A play of a sound there is not is left out; the others are noted."""
    (horn,) = add_sounds(database, "horn")
    play(database, Played(horn + 1, GUILD, ALICE, NOW), Played(horn, GUILD, ALICE, NOW))
    with database.writing() as records:
        records.connection.execute(update(sounds).values(title="Horn"))
        assert records.plays.numbers(GUILD).sounds == ((horn, "Horn", 1, NOW),)


def test_of_who_is_not_to_be_counted(database: Database) -> None:
    """What someone played who opted out is counted without their name, whoever took the note."""
    (sound_id,) = add_sounds(database, "a.mp3")
    with database.writing() as records:
        records.people.choose(ALICE, Choices(counted=False))
        records.plays.add([Played(sound_id, GUILD, ALICE, NOW), Played(sound_id, GUILD, BOB, NOW)])

        people = {person.user_id: person.plays for person in records.plays.numbers(GUILD).people}
    assert people == {None: 1, BOB: 1}
