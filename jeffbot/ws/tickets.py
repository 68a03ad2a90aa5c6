"""Leave to send one file each: asked for as any action, used once over HTTP. Cost: O(open tickets) to issue one."""

import itertools
import re
import secrets
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import PurePath

from ..errors import ErrorCode, RateLimitedError, printable
from ..library.ingest import READABLE, megabytes
from ..library.names import EXTENSIONS
from ..models import Caller, Details, Seconds
from .protocol import RefusedError

TICKET_SECONDS: Seconds = 60.0
"""How long a ticket waits for its file."""
MAX_TICKETS = 1000
"""How many may wait at once."""
MAX_USER_TICKETS = 20
"""How many of one user."""

_SHA256 = re.compile(r"[0-9a-fA-F]{64}")
_EXTENSION = re.compile(r"\.[a-z][a-z0-9]{0,4}")
"""What ends a name and looks like the kind of a file."""


@dataclass(frozen=True, slots=True)
class Ticket:
    """Leave to send one file, once."""

    id: str
    """Whoever knows it may send the file."""
    caller: Caller
    filename: str
    size: int
    """Bytes."""
    sha256: str | None
    """In lower-case hexadecimal; None: it was not told."""
    shared: bool
    """Whether it is for the library that all guilds share, not for the caller's guild's."""
    details: Details | None
    expires_at: float
    """Seconds since the epoch."""

    def check_size(self, size: int) -> None:
        """Refuse a file that is not as large as was announced.

        Raises:
            RefusedError: ``too_large`` where it is larger, ``invalid_field`` where it is smaller.
        """
        if size > self.size:
            said = f"More comes than the {self.size} bytes that were announced: announce the file again"
            raise RefusedError(ErrorCode.TOO_LARGE, said)
        if size < self.size:
            said = f"Only {size} of the {self.size} bytes announced come: announce the file again"
            raise RefusedError(ErrorCode.INVALID_FIELD, said)


class Tickets:
    """Those that wait for their files.

    Args:
        max_bytes: The largest file.
        clock: Seconds since the epoch.
    """

    def __init__(self, *, max_bytes: int, clock: Callable[[], float] = time.time) -> None:
        self._max_bytes = max_bytes
        self._clock = clock
        self._waiting: dict[str, Ticket] = {}  # the oldest is first

    def issue(
        self,
        caller: Caller,
        filename: str,
        size: int,
        sha256: str | None = None,
        *,
        shared: bool = False,
        details: Details | None = None,
    ) -> Ticket:
        """A ticket for one file, good for 60 s.

        Args:
            caller: Who brings it, and into which guild's library.
            filename: What the sound is to be called.
            size: Bytes.
            sha256: In hexadecimal; None: what comes is not compared.
            shared: Whether it is for the library that all guilds share.
            details: What is said of it.

        Raises:
            RefusedError: ``too_large``: the file is larger than it may be; ``unsupported_media``: its name says that it
                is no sound, which one without an extension does not; ``invalid_field``: its size or hash is none.
            RateLimitedError: Too many tickets wait for their files.
        """
        self._check(filename, size, sha256)
        self._forget_expired()
        waiting = [*self._waiting.values()]
        self._check_count([ticket for ticket in waiting if ticket.caller.user_id == caller.user_id], MAX_USER_TICKETS)
        self._check_count(waiting, MAX_TICKETS)
        expires_at = self._clock() + TICKET_SECONDS
        sha256 = sha256 and sha256.lower()
        ticket = Ticket(secrets.token_urlsafe(), caller, filename, size, sha256, shared, details, expires_at)
        self._waiting[ticket.id] = ticket
        return ticket

    def find(self, ticket_id: str) -> Ticket:
        """A ticket that waits for its file.

        Raises:
            RefusedError: ``target_not_found``: it does not, or no more.
        """
        self._forget_expired()
        try:
            return self._waiting[ticket_id]
        except KeyError:
            said = "This upload was begun before, or announced too long ago: announce the file again"
            raise RefusedError(ErrorCode.TARGET_NOT_FOUND, said) from None

    def spend(self, ticket: Ticket) -> None:
        """Its file has begun to come in."""
        del self._waiting[ticket.id]

    def _check(self, filename: str, size: int, sha256: str | None) -> None:
        if size < 1:
            raise RefusedError(ErrorCode.INVALID_FIELD, "The file is empty: choose another", {"field": "size"})
        if size > self._max_bytes:
            said = f"It is larger than {megabytes(self._max_bytes)}: send a smaller file"
            raise RefusedError(ErrorCode.TOO_LARGE, said)
        extension = PurePath(filename).suffix.lower()
        if _EXTENSION.fullmatch(extension) and extension not in EXTENSIONS:
            said = f'"{printable(filename)}" is no sound by its name: send one of {READABLE}'
            raise RefusedError(ErrorCode.UNSUPPORTED_MEDIA, said)
        if sha256 is not None and not _SHA256.fullmatch(sha256):
            said = "A SHA-256 is 64 hexadecimal digits"
            raise RefusedError(ErrorCode.INVALID_FIELD, said, {"field": "sha256"})

    def _check_count(self, waiting: list[Ticket], most: int) -> None:
        if len(waiting) >= most:
            raise RateLimitedError(waiting[0].expires_at - self._clock(), "files announced that have not come")

    def _forget_expired(self) -> None:
        now = self._clock()
        for ticket in [*itertools.takewhile(lambda ticket: ticket.expires_at <= now, self._waiting.values())]:
            del self._waiting[ticket.id]
