"""What is kept about people, guilds and deeds; and all of it told and erased."""

from typing import Any

import pytest
from sqlalchemy import Column, insert, select, update

from jeffbot.community import Audience, Choices, Entrance, GuildSettings, Moment
from jeffbot.models import GuildId, Mode, Retrigger, UserId
from jeffbot.store.database import Database
from jeffbot.store.records import Records
from jeffbot.store.schema import metadata, plays, revocations, sounds
from jeffbot.store.values import Deed, Played
from store.keeping import GUILD, NOW, add_sounds, everything, fill

ALICE, BOB = UserId(4_000_000_000_000_000_001), UserId(2)


def columns_of_people() -> list[Column[Any]]:
    """Where someone's id may stand, in any table."""
    columns = [column for table in metadata.sorted_tables for column in table.columns]
    return [column for column in columns if "user_id" in column.name or column.name == "uploader_id"]


def named(records: Records, user_id: UserId) -> dict[str, int]:
    """How many rows name someone, by column."""
    found = {str(column): select(column).where(column == user_id) for column in columns_of_people()}
    counts = {name: len(records.connection.execute(statement).all()) for name, statement in found.items()}
    return {name: count for name, count in counts.items() if count}


def fill_with(records: Records, user_id: UserId) -> int:
    """Have everything that can be kept about someone; how many rows of it may be erased."""
    (sound_id,) = records.connection.execute(select(sounds.c.id).limit(1)).scalars()
    records.people.add_favourites(user_id, [sound_id], NOW)
    records.people.set_entrance(Entrance(GUILD, Audience.USER, user_id, Moment.EXIT, sound_id))
    records.people.choose(user_id, Choices(greeted=False))
    records.plays.add([Played(sound_id, GUILD, user_id, NOW), Played(sound_id, GUILD, user_id, NOW + 1)])
    records.audit.add(
        [Deed(NOW, "edit", "ok", user_id), Deed(NOW, "revoke", "ok", UserId(BOB + 1), target=f"user:{user_id}")]
    )
    records.connection.execute(insert(revocations).values(user_id=user_id, revoked_at=NOW, expires_at=NOW + 60))
    records.connection.execute(insert(sounds).values(path=str(user_id), size=1, modified_ns=1, created_at=NOW))
    records.connection.execute(update(sounds).where(sounds.c.path == str(user_id)).values(uploader_id=user_id))
    return 7


def test_favourites(database: Database) -> None:
    """Favourites stay in the order they were chosen in; chosen twice, one stays where it is."""
    one, two, three = add_sounds(database, "one", "two", "three")
    with database.writing() as records:
        records.people.add_favourites(ALICE, [two, two], NOW)
        records.people.add_favourites(ALICE, [one, two, three], NOW + 1)
        records.people.add_favourites(BOB, [two], NOW)
        assert records.people.favourites(ALICE) == (two, one, three)

        records.people.remove_favourites(ALICE, [two, 999])

        assert records.people.favourites(ALICE) == (one, three)
        assert records.people.favourites(BOB) == (two,)


def test_entrances(database: Database) -> None:
    """There is one entrance for each of guild, audience, subject and moment; a later one takes its place."""
    one, two = add_sounds(database, "one", "two")
    mine = Entrance(GUILD, Audience.USER, ALICE, Moment.ENTRANCE, one)
    others = [
        mine._replace(moment=Moment.EXIT),
        mine._replace(audience=Audience.ROLE),
        mine._replace(audience=Audience.EVERYONE, subject_id=0),
        mine._replace(guild_id=GuildId(71)),
    ]
    with database.writing() as records:
        for entrance in (mine, *others, mine._replace(sound_id=two)):
            records.people.set_entrance(entrance)
        assert {*records.people.entrances()} == {mine._replace(sound_id=two), *others}
        assert {*records.people.entrances(GUILD)} == {mine._replace(sound_id=two), *others[:3]}

        records.people.clear_entrance(mine)
        assert {*records.people.entrances()} == {*others}


def test_choices(database: Database) -> None:
    """Who opted out is not counted backwards either; who opts in again is as who never did."""
    (horn,) = add_sounds(database, "horn")
    with database.writing() as records:
        records.plays.add([Played(horn, GUILD, user_id, NOW) for user_id in (ALICE, BOB)])
        records.people.choose(ALICE, Choices(counted=False))

        assert records.people.choices(ALICE) == Choices(counted=False, greeted=True)
        assert records.people.all_choices() == {ALICE: Choices(counted=False)}
        assert records.plays.numbers(GUILD).plays == 2
        assert {person.user_id for person in records.plays.numbers(GUILD).people} == {None, BOB}

        records.people.choose(ALICE, Choices())
        assert records.people.all_choices() == {}
        assert records.people.choices(ALICE) == Choices()


def test_told(database: Database) -> None:
    """Someone is told of each row that names them or that was done to them, and of no one else's."""
    add_sounds(database, "horn")
    with database.writing() as records:
        fill_with(records, BOB)
        fill_with(records, ALICE)
        told = records.people.told(ALICE)

        assert told.user_id == str(ALICE)
        assert told.choices == Choices(greeted=False)
        assert told.favourites == records.people.favourites(ALICE)
        assert [entrance.subject_id for entrance in told.entrances] == [ALICE]
        assert [upload["path"] for upload in told.uploads] == [str(ALICE)]
        assert [play["played_at"] for play in told.plays] == [NOW, NOW + 1]
        assert [deed["action"] for deed in told.audit] == ["edit", "revoke"]
        assert [row["expires_at"] for row in told.revocations] == [NOW + 60]
        assert named(records, ALICE) == {
            "favourites.user_id": len(told.favourites),
            "people.user_id": 1,
            "plays.user_id": len(told.plays),
            "audit.user_id": 1,
            "revocations.user_id": len(told.revocations),
            "sounds.uploader_id": len(told.uploads),
        }


def test_erase(database: Database) -> None:
    """Nothing names someone afterwards but what they opted out of and that their tokens are revoked."""
    add_sounds(database, "horn")
    with database.writing() as records:
        fill_with(records, BOB)
        before = everything(records.connection)
        rows = fill_with(records, ALICE)
        assert {*named(records, ALICE)} == {str(column) for column in columns_of_people()}, "a column to be filled"

        assert records.people.erase(ALICE) == rows

        assert named(records, ALICE) == {"people.user_id": 1, "revocations.user_id": 1}
        left = records.people.told(ALICE)
        assert (left.favourites, left.entrances, left.uploads, left.plays, left.audit) == ((), (), (), (), ())
        assert len(records.connection.execute(select(plays)).all()) == 4
        assert records.plays.numbers(GUILD).plays == 4
        after = everything(records.connection)
        for name in ("favourites", "entrances", "audit"):
            kept = [row for row in before[name] if row["user_id" if name != "entrances" else "subject_id"] != ALICE]
            assert [row for row in after[name] if row in before[name]] == kept
        assert records.people.erase(ALICE) == 0


def test_erase_in_full_tables(database: Database) -> None:
    """Erasing someone of whom nothing is kept changes nothing."""
    with database.writing() as records:
        records.connection.exec_driver_sql("DELETE FROM revision")
        fill(records.connection)
        before = everything(records.connection)

        assert records.people.erase(ALICE) == 0
        assert everything(records.connection) == before


# Guilds and deeds


@pytest.mark.parametrize(
    "changed",
    [
        GuildSettings(),
        GuildSettings(mode=Mode.QUEUE, retrigger=Retrigger.IGNORE, volume=0.0, native=True, entrances=False),
        GuildSettings(entrance_on_move=True, entrance_cooldown=1.5, time_zone="America/St_Johns"),
    ],
)
def test_guild_settings(database: Database, changed: GuildSettings) -> None:
    """A guild's settings come back as they were set; the last ones count."""
    with database.writing() as records:
        records.guilds.set(GUILD, GuildSettings(volume=7.0))
        records.guilds.set(GUILD, changed)
        assert records.guilds.all() == {GUILD: changed}


def test_audit(database: Database) -> None:
    """The last deeds, the latest first, of all guilds or one; each as it was noted."""
    deeds = [
        Deed(NOW, "edit", "ok", ALICE, GUILD, "sound:1 ö'\"", "jti", "127.0.0.1"),
        Deed(NOW + 2, "delete", "forbidden", BOB, GuildId(71)),
        Deed(NOW + 2, "login", "auth_failed"),
    ]
    with database.writing() as records:
        records.audit.add(deeds)
        assert records.audit.latest() == tuple(reversed(deeds))
        assert records.audit.latest(1) == (deeds[2],)
        assert records.audit.latest(guild_id=GUILD) == (deeds[0],)

        assert records.audit.forget_before(NOW + 1) == 1
        assert records.audit.latest() == (deeds[2], deeds[1])
