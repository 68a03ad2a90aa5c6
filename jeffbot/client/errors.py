"""How requests of a client fail.

::

    RemoteError                 the server refused the request; ``code`` says why
    ├── NotFoundError           sound_not_found, target_not_found
    ├── ThrottledError          rate_limited, busy
    └── TokenRefusedError       auth_failed, token_revoked, not_authenticated
    ConnectionEndedError        there is no connection any more; ``code`` is its close code
"""

from collections.abc import Mapping
from typing import Self

import msgspec


class _ErrorMessage(msgspec.Struct):
    """An error as it comes: its code may be one that this version does not know."""

    error_code: str
    error_message: str
    retry_after: float | None = None
    details: dict[str, str] = {}


class RemoteError(Exception):
    """The server refused a request, and nothing of it was done.

    Attributes:
        code: One of ``docs/api.md``.
        retry_after: After how many seconds it may be tried again, where that is known.
        details: What programs may want to know beside the code, such as ``field`` or ``required_scope``.
    """

    def __init__(
        self, code: str, message: str, retry_after: float | None = None, details: Mapping[str, str] | None = None
    ) -> None:
        super().__init__(message)
        self.code = code
        self.retry_after = retry_after
        self.details = dict(details or {})

    @staticmethod
    def read(data: bytes | str) -> "RemoteError":
        """The error that a server sent."""
        said = msgspec.json.decode(data, type=_ErrorMessage)
        kind = _KINDS.get(said.error_code, RemoteError)
        return kind(said.error_code, said.error_message, said.retry_after, said.details)


class NotFoundError(RemoteError):
    """There is no such sound, guild or channel, or none that the user may know of."""


class ThrottledError(RemoteError):
    """Too much was asked for; after ``retry_after`` seconds there is room again."""


class TokenRefusedError(RemoteError):
    """The token is not good, or there is none."""


_KINDS: dict[str, type[RemoteError]] = {
    "sound_not_found": NotFoundError,
    "target_not_found": NotFoundError,
    "rate_limited": ThrottledError,
    "busy": ThrottledError,
    "auth_failed": TokenRefusedError,
    "token_revoked": TokenRefusedError,
    "not_authenticated": TokenRefusedError,
}


class ConnectionEndedError(Exception):
    """The connection has ended, and what was asked over it may have been done or not.

    Attributes:
        code: The close code (``docs/api.md``; RFC 6455, section 7.4); None: there was none.
        reason: What the server said of it.
    """

    def __init__(self, code: int | None, reason: str = "") -> None:
        super().__init__(f"the connection has ended: {reason or 'no reason was given'} (code {code})")
        self.code = code
        self.reason = reason

    def again(self) -> Self:
        """The same for someone else who waits."""
        return type(self)(self.code, self.reason)
