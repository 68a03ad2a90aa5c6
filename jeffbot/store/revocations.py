"""Tokens that are good no more, until they would have expired."""

from typing import NamedTuple

from sqlalchemy import Connection, delete, insert, select

from ..models import UserId
from .schema import revocations


class Revocation(NamedTuple):
    """One token of a person, or all of theirs that were made before. Times are seconds since the epoch."""

    user_id: UserId
    token_id: str | None
    """Its ``jti`` (RFC 7519, section 4.1.7); None: all that were made until it was revoked."""
    revoked_at: float
    expires_at: float
    """When no such token can be good any more."""


class Revocations:
    """The table of revoked tokens, in a transaction."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def all(self) -> tuple[Revocation, ...]:
        """Every one."""
        columns = [revocations.c[name] for name in Revocation._fields]
        return tuple(Revocation(*row) for row in self._connection.execute(select(*columns)))

    def add(self, user_id: UserId, token_id: str | None, revoked_at: float, expires_at: float) -> None:
        """Revoke a token, or all of a person; in the place of what was revoked of the same before."""
        same = revocations.c.user_id == user_id, revocations.c.token_id == token_id  # == None is IS NULL
        self._connection.execute(delete(revocations).where(*same))
        row = Revocation(user_id, token_id, revoked_at, expires_at)
        self._connection.execute(insert(revocations).values(row._asdict()))

    def forget_before(self, at: float) -> int:
        """Remove those of tokens that have expired; how many those were."""
        return self._connection.execute(delete(revocations).where(revocations.c.expires_at < at)).rowcount
