"""Tokens that are good no more: asked about without waiting, kept in the store.

Cost: asking is O(1), changing O(revocations in force).
"""

import asyncio
import time
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, NamedTuple

from ..errors import ForbiddenError, StoreError
from ..events import EventHub
from ..models import Caller, Seconds, Standing, UserId
from ..store.store import Store
from .audit import Audit
from .callers import caller_of
from .changes import Changes

if TYPE_CHECKING:
    from collections.abc import Iterable

    from ..store.revocations import Revocation

LONGEST: Seconds = 366 * 86_400.0
"""The longest life of a token, its renewals included (setting ``token_hours``)."""


class _Revoked(NamedTuple):
    tokens: frozenset[tuple[UserId, str]] = frozenset()
    people: Mapping[UserId, float] = {}
    """Until when, seconds since the epoch, a token must have been made to be revoked."""

    @classmethod
    def of(cls, rows: "Iterable[Revocation]") -> "_Revoked":
        rows = tuple(rows)
        return cls(
            frozenset((row.user_id, row.token_id) for row in rows if row.token_id is not None),
            {row.user_id: row.revoked_at for row in rows if row.token_id is None},
        )

    def with_one(self, user_id: UserId, token_id: str | None, at: float) -> "_Revoked":
        if token_id is None:
            return self._replace(people={**self.people, user_id: at})
        return self._replace(tokens=self.tokens | {(user_id, token_id)})


class Revocations:
    """Which tokens are revoked."""

    def __init__(self, store: Store, clock: Callable[[], float] = time.time) -> None:
        self._store = store
        self._clock = clock
        self._revoked = _Revoked()
        self._audit = Audit(store)
        self._changes = Changes()
        self._turn = asyncio.Lock()
        """Held in reading and in writing them: what is read is never older than what was written."""
        self._news = EventHub[()]()

    async def load(self) -> None:
        """Read them all; what was known stays where the store cannot be read.

        Raises:
            StoreError: It cannot.
        """
        async with self._turn:
            before = self._revoked
            self._revoked = _Revoked.of(await self._store.read(lambda records: records.revocations.all()))
            if self._revoked != before:
                self._news.publish()

    async def wait_changed(self) -> None:
        """Wait until what is under way has been carried out."""
        await self._changes.wait()

    def subscribe(self, listener: Callable[[], object]) -> Callable[[], None]:
        """Have a listener called in the event loop when tokens were revoked, here or by another process.

        What comes back ends that.
        """
        return self._news.subscribe(listener)

    def is_revoked(self, user_id: UserId, token_id: str | None, issued_at: float | None) -> bool:
        """Whether a token is.

        Args:
            user_id: Whom it speaks for.
            token_id: Its ``jti``.
            issued_at: Its ``iat``, seconds since the epoch; one without might have been made at any time.
        """
        if token_id is not None and (user_id, token_id) in self._revoked.tokens:
            return True
        until = self._revoked.people.get(user_id)
        return until is not None and (issued_at is None or issued_at <= until)

    async def revoke_token(self, caller: Caller | int, token_id: str, user_id: UserId, expires_at: float) -> None:
        """Revoke one token and what it was renewed to; durable when this returns, and cancelling does not take it back.

        Args:
            caller: Who asks.
            token_id: Its ``jti``.
            user_id: Whom it speaks for.
            expires_at: Until when it would have been good, seconds since the epoch.

        Raises:
            ForbiddenError: It is someone else's.
            StoreError: Nothing can be kept now.
        """
        await self._revoke(caller_of(caller), user_id, token_id, expires_at)

    async def revoke_user(self, caller: Caller | int, user_id: UserId) -> None:
        """Revoke all tokens of a person that were made until now; otherwise as :meth:`revoke_token`."""
        await self._revoke(caller_of(caller), user_id, None, 0.0)

    async def _revoke(self, caller: Caller, user_id: UserId, token_id: str | None, expires_at: float) -> None:
        target = f"user:{user_id}" if token_id is None else f"user:{user_id} token:{token_id}"
        with self._audit.noted(caller, "revoke", target=target):
            if user_id != caller.user_id and caller.standing is not Standing.OPERATOR:
                raise ForbiddenError("The tokens of others are for whoever runs the bot to revoke")
            await self._changes.carry_out(self._keep(user_id, token_id, expires_at))

    async def _keep(self, user_id: UserId, token_id: str | None, expires_at: float) -> None:
        async with self._turn:
            before, now = self._revoked, self._clock()
            self._revoked = before.with_one(user_id, token_id, now)  # first: none is to be renewed meanwhile
            until = max(expires_at, now + LONGEST)
            try:
                await self._store.write(lambda records: records.revocations.add(user_id, token_id, now, until))
            except StoreError:
                self._revoked = before
                raise
            self._news.publish()
