"""How connections end: every close code, what it means, and what the client should do (RFC 6455, section 7.4)."""

from dataclasses import dataclass

MAX_REASON_BYTES = 123
"""RFC 6455, section 5.5: a control frame has 125 bytes at most, of which two are the code."""


@dataclass(frozen=True, slots=True)
class Close:
    """One way to end a connection."""

    code: int
    reason: str
    advice: str
    """What the client should do."""

    @property
    def message(self) -> bytes:
        """The reason, as long as it may be."""
        return self.reason.encode()[:MAX_REASON_BYTES]


SHUTTING_DOWN = Close(1001, "shutting down", "connect again after a random 0 to 5 s, then back off")
SERVER_FULL = Close(1013, "too many connections; try again later", "back off")
ADDRESS_FULL = Close(1013, "too many connections from your address; try again later", "back off")
AUTH_TIMEOUT = Close(4001, "not authenticated in time", "get a token")
NOT_OUR_PROTOCOL = Close(4002, "too many messages that are not JSON", "not connect again")
AUTH_FAILED = Close(4004, "too many failed authentications", "not use the token again")
ABUSIVE_RATE = Close(4008, "went on far above the limits", "wait, and ask less often")
TOKEN_EXPIRED = Close(4009, "the token has expired and was not renewed", "get a new token")
TOKEN_REVOKED = Close(4010, "the token was revoked", "not connect again with it")
TOO_MANY = Close(4011, "too many connections of this user", "close another")
UNSUPPORTED = Close(4012, "this protocol is not supported; 1 is", "upgrade, or ask for protocol 1")
NOT_READING = Close(4013, "does not read what it is sent", "connect again, and subscribe with since")

OURS = (
    *(SHUTTING_DOWN, SERVER_FULL, ADDRESS_FULL, AUTH_TIMEOUT, NOT_OUR_PROTOCOL, AUTH_FAILED, ABUSIVE_RATE),
    *(TOKEN_EXPIRED, TOKEN_REVOKED, TOO_MANY, UNSUPPORTED, NOT_READING),
)
"""All that the server itself closes with; aiohttp closes with 1002, 1007 and 1009 what breaks RFC 6455."""
