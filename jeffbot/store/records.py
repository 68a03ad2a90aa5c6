"""Everything that is kept, as a unit of work sees it: one transaction's view."""

from collections.abc import Iterable
from functools import cached_property

from sqlalchemy import Connection, select, update

from . import schema
from .audit import Audit
from .guilds import Guilds
from .people import People
from .plays import Plays
from .revocations import Revocations
from .sounds import Sounds
from .values import Deed, Line, Measured, Played


class Records:
    """What is kept, by what it is about. Good for as long as its transaction."""

    def __init__(self, connection: Connection) -> None:
        self.connection = connection

    @cached_property
    def sounds(self) -> Sounds:
        """What is known and said of sounds."""
        return Sounds(self.connection)

    @cached_property
    def people(self) -> People:
        """What is kept about people."""
        return People(self.connection)

    @cached_property
    def guilds(self) -> Guilds:
        """What guilds have set."""
        return Guilds(self.connection)

    @cached_property
    def plays(self) -> Plays:
        """What was played."""
        return Plays(self.connection)

    @cached_property
    def audit(self) -> Audit:
        """Who did what."""
        return Audit(self.connection)

    @cached_property
    def revocations(self) -> Revocations:
        """Which tokens are good no more."""
        return Revocations(self.connection)

    @property
    def revision(self) -> int:
        """Counts the changes of sounds and guilds."""
        return int(self.connection.execute(select(schema.revision.c.value)).scalar_one())

    def count_revision(self) -> int:
        """Count one up; what it is now."""
        self.connection.execute(update(schema.revision).values(value=schema.revision.c.value + 1))
        return self.revision

    def add(self, lines: Iterable[Line]) -> None:
        """Write what was written behind."""
        lines = tuple(lines)
        if measured := [line for line in lines if isinstance(line, Measured)]:
            self.sounds.measure(measured)
        if played := [line for line in lines if isinstance(line, Played)]:
            self.plays.add(played)
        if deeds := [line for line in lines if isinstance(line, Deed)]:
            self.audit.add(deeds)
