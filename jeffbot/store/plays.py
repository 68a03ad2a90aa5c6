"""What was played, and the numbers of it. Cost: O(plays of the guild in the time asked about), in the database."""

import datetime as dt
import itertools
import time
import zoneinfo
from collections import Counter
from collections.abc import Iterable, Sequence
from typing import Any

from sqlalchemy import Connection, and_, bindparam, case, delete, func, insert, select, update
from sqlalchemy.sql.functions import coalesce

from ..community import DAYS, HOURS, Heard, Numbers, PersonCount, SoundCount
from ..models import GuildId, Seconds, UserId
from .schema import people, plays, sounds
from .sounds import CHUNK
from .values import SHARED, Played

HOUR: Seconds = 3600.0
FORGOTTEN_AFTER: Seconds = 90 * 24 * HOUR


class Plays:
    """The table of plays, in a transaction."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def add(self, played: Sequence[Played]) -> None:
        """Note plays, and count them with their sounds; those of sounds there are not are left out."""
        ids = {item.sound_id for item in played}
        known: set[int] = set()
        for chunk in itertools.batched(ids, CHUNK):
            known.update(self._connection.execute(select(sounds.c.id).where(sounds.c.id.in_(chunk))).scalars())
        counted = [item for item in played if item.sound_id in known]
        if not counted:
            return
        unnamed = set(self._connection.execute(select(people.c.user_id).where(people.c.counted.is_(False))).scalars())
        rows = [
            {
                "sound_id": item.sound_id,
                "guild_id": item.guild_id,
                "user_id": None if item.user_id in unnamed else item.user_id,
                "played_at": item.at,
            }
            for item in counted
        ]
        self._connection.execute(insert(plays), rows)
        self._count(counted)

    def _count(self, played: Sequence[Played]) -> None:
        times: dict[int, list[float]] = {}
        for item in played:
            times.setdefault(item.sound_id, []).append(item.at)
        last, first = sounds.c.last_played_at, sounds.c.first_played_at
        statement = (
            update(sounds)
            .where(sounds.c.id == bindparam("number"))
            .values(
                plays=sounds.c.plays + bindparam("times"),
                last_played_at=case((coalesce(last, 0.0) > bindparam("last"), last), else_=bindparam("last")),
                first_played_at=coalesce(first, bindparam("first")),
            )
        )
        self._connection.execute(
            statement,
            [
                {"number": sound_id, "times": len(at), "last": max(at), "first": min(at)}
                for sound_id, at in times.items()
            ],
        )

    def numbers(
        self, guild_id: GuildId, *, since: float | None = None, time_zone: str = "UTC", top: int = 10
    ) -> Numbers:
        """The numbers of a guild, its own sounds and shared ones."""
        here = [plays.c.guild_id == guild_id]
        if since is not None:
            here.append(plays.c.played_at >= since)
        count = func.count().label("plays")
        last = func.max(plays.c.played_at).label("last")
        by_sound = (
            select(plays.c.sound_id, count, last)
            .where(*here)
            .group_by(plays.c.sound_id)
            .order_by(count.desc(), plays.c.sound_id)
            .limit(top)
        )
        by_person = (
            select(plays.c.user_id, count).where(*here).group_by(plays.c.user_id).order_by(count.desc()).limit(top)
        )
        sound_rows = self._connection.execute(by_sound).all()
        titles = self._titles(row.sound_id for row in sound_rows)
        people = self._connection.execute(by_person).all()
        hours = self._hours(here, time_zone)
        return Numbers(
            since=since,
            plays=sum(map(sum, hours)),
            sounds=tuple(SoundCount(row.sound_id, titles[row.sound_id], row.plays, row.last) for row in sound_rows),
            people=tuple(PersonCount(row.user_id, row.plays) for row in people),
            hours=hours,
            first=self._first(guild_id, since, top),
            forgotten=self._forgotten(guild_id, top),
        )

    def of_sound(self, sound_id: int, guild_id: GuildId) -> dict[str, Any]:
        """How often, and from when to when, a sound was played in a guild; named as in Story."""
        when = plays.c.played_at
        statement = select(
            func.count().label("plays"), func.min(when).label("first_played_at"), func.max(when).label("last_played_at")
        ).where(plays.c.sound_id == sound_id, plays.c.guild_id == guild_id)
        return self._connection.execute(statement).one()._asdict()

    def recent(self, guild_id: GuildId, *, user_id: UserId | None = None, limit: int = 20) -> tuple[Heard, ...]:
        """What was played last in a guild, by someone or by all, and by whom; each sound once, the latest first."""
        here = [plays.c.guild_id == guild_id]
        if user_id is not None:
            here.append(plays.c.user_id == user_id)
        latest = (
            select(plays.c.sound_id, func.max(plays.c.played_at).label("at"))
            .where(*here)
            .group_by(plays.c.sound_id)
            .order_by(func.max(plays.c.played_at).desc(), plays.c.sound_id)
            .limit(limit)
            .subquery()
        )
        that = and_(plays.c.sound_id == latest.c.sound_id, plays.c.played_at == latest.c.at)
        who = (
            select(latest.c.sound_id, latest.c.at, func.max(plays.c.user_id).label("user_id"))
            .join(plays, that)
            .where(*here)
            .group_by(latest.c.sound_id, latest.c.at)
            .order_by(latest.c.at.desc(), latest.c.sound_id)
        )
        rows = self._connection.execute(who).all()
        titles = self._titles(row.sound_id for row in rows)
        return tuple(Heard(row.sound_id, titles[row.sound_id], row.user_id, row.at) for row in rows)

    def forget_before(self, at: float) -> int:
        """Remove single plays that are older; the sounds' own counts stay. How many those were."""
        return self._connection.execute(delete(plays).where(plays.c.played_at < at)).rowcount

    def _hours(self, here: Sequence[Any], time_zone: str) -> tuple[tuple[int, ...], ...]:
        """Plays by weekday and hour; counted by quarters of an hour, which all time zones are made of."""
        quarter = func.floor(plays.c.played_at / (HOUR / 4)).label("quarter")
        rows = self._connection.execute(select(quarter, func.count()).where(*here).group_by(quarter))
        zone = zoneinfo.ZoneInfo(time_zone)
        counts: Counter[tuple[int, int]] = Counter()
        for number, times in rows:
            at = dt.datetime.fromtimestamp(int(number) * HOUR / 4, zone)
            counts[at.weekday(), at.hour] += times
        return tuple(tuple(counts[day, hour] for hour in range(HOURS)) for day in range(DAYS))

    def _first(self, guild_id: GuildId, since: float | None, top: int) -> tuple[SoundCount, ...]:
        first = func.min(plays.c.played_at).label("first")
        statement = (
            select(plays.c.sound_id, first, func.count().label("plays"), func.max(plays.c.played_at).label("last"))
            .where(plays.c.guild_id == guild_id)
            .group_by(plays.c.sound_id)
            .having(first >= (since or 0.0))
            .order_by(first.desc(), plays.c.sound_id)
            .limit(top)
        )
        rows = self._connection.execute(statement).all()
        titles = self._titles(row.sound_id for row in rows)
        return tuple(SoundCount(row.sound_id, titles[row.sound_id], row.plays, row.last) for row in rows)

    def _forgotten(self, guild_id: GuildId, top: int) -> tuple[SoundCount, ...]:
        here = (
            select(plays.c.sound_id, func.count().label("plays"), func.max(plays.c.played_at).label("last"))
            .where(plays.c.guild_id == guild_id)
            .group_by(plays.c.sound_id)
            .subquery()
        )
        last = coalesce(here.c.last, 0.0)
        long_ago = time.time() - FORGOTTEN_AFTER
        statement = (
            select(sounds.c.id, sounds.c.title, sounds.c.path, coalesce(here.c.plays, 0).label("plays"), here.c.last)
            .select_from(sounds.outerjoin(here, here.c.sound_id == sounds.c.id))
            .where(
                sounds.c.guild_id.in_({SHARED, guild_id}),
                sounds.c.missing_since.is_(None),
                sounds.c.deleted_at.is_(None),
                sounds.c.merged_into.is_(None),
                sounds.c.created_at < long_ago,
                last < long_ago,
            )
            .order_by(last.desc(), sounds.c.id)
            .limit(top)
        )
        return tuple(
            SoundCount(row.id, row.title or _base(row.path), row.plays, row.last)
            for row in self._connection.execute(statement)
        )

    def _titles(self, ids: Iterable[int]) -> dict[int, str]:
        statement = select(sounds.c.id, sounds.c.title, sounds.c.path).where(sounds.c.id.in_(tuple(ids)))
        return {row.id: row.title or _base(row.path) for row in self._connection.execute(statement)}


def _base(path: str) -> str:
    return path.rpartition("/")[2]
