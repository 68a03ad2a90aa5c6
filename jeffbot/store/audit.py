"""Who did what, kept for as long as the settings say."""

from collections.abc import Sequence

from sqlalchemy import Connection, delete, insert, select

from ..models import GuildId
from .schema import audit
from .values import Deed


class Audit:
    """The table of deeds, in a transaction."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def add(self, deeds: Sequence[Deed]) -> None:
        """Note deeds."""
        self._connection.execute(insert(audit), [deed._asdict() for deed in deeds])

    def latest(self, limit: int = 100, *, guild_id: GuildId | None = None) -> tuple[Deed, ...]:
        """The last deeds, the latest first."""
        columns = [audit.c[name] for name in Deed._fields]
        statement = select(*columns).order_by(audit.c.at.desc(), audit.c.id.desc()).limit(limit)
        if guild_id is not None:
            statement = statement.where(audit.c.guild_id == guild_id)
        return tuple(Deed(*row) for row in self._connection.execute(statement))

    def forget_before(self, at: float) -> int:
        """Remove deeds that are older; how many those were."""
        return self._connection.execute(delete(audit).where(audit.c.at < at)).rowcount
