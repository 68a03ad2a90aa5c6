"""What is kept about people: favourites, entrances, opt-outs; and all of it, told or erased."""

from collections.abc import Iterable
from typing import Any, NamedTuple

from sqlalchemy import ColumnElement, Connection, delete, insert, or_, select, update

from ..community import Audience, Choices, Entrance, Moment, Privacy
from ..models import SOMEONE, GuildId, UserId
from .schema import audit, entrances, favourites, people, plays, revocations, sounds
from .values import SHARED


class OfSounds(NamedTuple):
    """Whom the sounds of a library belong to, in a way."""

    favourites: dict[int, tuple[UserId, ...]]
    greeted: dict[tuple[int, Moment], tuple[UserId, ...]]


class People:
    """The tables about people, in a transaction."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    # Favourites

    def favourites(self, user_id: UserId) -> tuple[int, ...]:
        """The ids of someone's favourite sounds, in the order they were chosen."""
        mine = favourites.c.user_id == user_id
        statement = select(favourites.c.sound_id).where(mine).order_by(favourites.c.created_at, favourites.c.sound_id)
        return tuple(self._connection.execute(statement).scalars())

    def add_favourites(self, user_id: UserId, sound_ids: Iterable[int], now: float) -> None:
        """Add to someone's favourites; what is one already stays where it is."""
        known = {*self.favourites(user_id)}
        fresh = [sound_id for sound_id in dict.fromkeys(sound_ids) if sound_id not in known]
        for place, sound_id in enumerate(fresh):
            at = now + place / 1e6  # in the order in which they were given
            self._connection.execute(insert(favourites).values(user_id=user_id, sound_id=sound_id, created_at=at))

    def remove_favourites(self, user_id: UserId, sound_ids: Iterable[int]) -> None:
        """Take from someone's favourites."""
        chosen = favourites.c.sound_id.in_(tuple(sound_ids))
        self._connection.execute(delete(favourites).where(favourites.c.user_id == user_id, chosen))

    # Entrances

    def entrances(self, guild_id: GuildId | None = None) -> tuple[Entrance, ...]:
        """The entrance and exit sounds of a guild, or of all."""
        statement = select(entrances)
        if guild_id is not None:
            statement = statement.where(entrances.c.guild_id == guild_id)
        return tuple(_entrance(row) for row in self._connection.execute(statement))

    def set_entrance(self, entrance: Entrance) -> None:
        """Set one, in the place of what was there."""
        self.clear_entrance(entrance)
        self._connection.execute(insert(entrances).values(entrance._asdict()))

    def clear_entrance(self, entrance: Entrance) -> None:
        """Take one back."""
        same = (
            getattr(entrances.c, name) == getattr(entrance, name)
            for name in ("guild_id", "audience", "subject_id", "moment")
        )
        self._connection.execute(delete(entrances).where(*same))

    def of_sounds(self, guild_id: GuildId | None) -> "OfSounds":
        """Whose favourites the sounds of a library are, and whom they greet there; by the sounds' ids."""
        library = select(sounds.c.id).where(sounds.c.guild_id == (guild_id or SHARED)).scalar_subquery()
        fans: dict[int, list[UserId]] = {}
        for row in self._connection.execute(select(favourites).where(favourites.c.sound_id.in_(library))):
            fans.setdefault(row.sound_id, []).append(UserId(row.user_id))
        greeted: dict[tuple[int, Moment], list[UserId]] = {}
        for item in self.entrances(guild_id) if guild_id is not None else ():
            if item.audience is Audience.USER:
                greeted.setdefault((item.sound_id, item.moment), []).append(UserId(item.subject_id))
        return OfSounds(
            {sound_id: tuple(users) for sound_id, users in fans.items()},
            {key: tuple(users) for key, users in greeted.items()},
        )

    # Choices

    def choices(self, user_id: UserId) -> Choices:
        """What someone opted out of."""
        row = self._connection.execute(select(people).where(people.c.user_id == user_id)).one_or_none()
        return Choices() if row is None else Choices(counted=row.counted, greeted=row.greeted)

    def all_choices(self) -> dict[UserId, Choices]:
        """What everyone opted out of who did."""
        rows = self._connection.execute(select(people))
        return {UserId(row.user_id): Choices(counted=row.counted, greeted=row.greeted) for row in rows}

    def choose(self, user_id: UserId, choices: Choices) -> None:
        """Note what someone opted out of; who does not want to be counted is not counted backwards either."""
        self._connection.execute(delete(people).where(people.c.user_id == user_id))
        if choices != Choices():
            self._connection.execute(insert(people).values(user_id=user_id, **choices._asdict()))
        if not choices.counted:
            self._forget_plays(user_id)

    # Privacy

    def told(self, user_id: UserId) -> Privacy:
        """Everything that is kept about someone."""
        mine = {
            table.name: [row._asdict() for row in self._connection.execute(select(table).where(condition))]
            for table, condition in (
                (plays, plays.c.user_id == user_id),
                (audit, _is_about(user_id)),
                (revocations, revocations.c.user_id == user_id),
            )
        }
        uploads = select(sounds.c.id, sounds.c.path, sounds.c.created_at).where(sounds.c.uploader_id == user_id)
        own = (entrances.c.audience == Audience.USER) & (entrances.c.subject_id == user_id)
        return Privacy(
            user_id=str(user_id),
            choices=self.choices(user_id),
            favourites=self.favourites(user_id),
            entrances=tuple(_entrance(row) for row in self._connection.execute(select(entrances).where(own))),
            uploads=tuple(row._asdict() for row in self._connection.execute(uploads)),
            plays=tuple(mine["plays"]),
            audit=tuple(mine["audit"]),
            revocations=tuple(mine["revocations"]),
        )

    def erase(self, user_id: UserId) -> int:
        """Erase what is kept about someone; how many entries that were.

        What they played is counted on without their name, and what they uploaded stays without it. That their tokens
        were revoked stays until those would have expired, lest they be good again. That they opted out stays, too.
        """
        own = (entrances.c.audience == Audience.USER) & (entrances.c.subject_id == user_id)
        gone = [
            self._connection.execute(delete(table).where(condition)).rowcount
            for table, condition in (
                (favourites, favourites.c.user_id == user_id),
                (entrances, own),
                (audit, _is_about(user_id)),
            )
        ]
        uploads = update(sounds).where(sounds.c.uploader_id == user_id).values(uploader_id=SOMEONE)
        return sum(gone) + self._connection.execute(uploads).rowcount + self._forget_plays(user_id)

    def _forget_plays(self, user_id: UserId) -> int:
        return self._connection.execute(update(plays).where(plays.c.user_id == user_id).values(user_id=None)).rowcount


def _is_about(user_id: UserId) -> ColumnElement[bool]:
    """Which deeds are someone's, or were done to them."""
    target = f"user:{user_id}"
    return or_(audit.c.user_id == user_id, audit.c.target == target, audit.c.target.startswith(f"{target} "))


def _entrance(row: Any) -> Entrance:
    return Entrance(GuildId(row.guild_id), Audience(row.audience), row.subject_id, Moment(row.moment), row.sound_id)
