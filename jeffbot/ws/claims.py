"""What a token says, and whether that is good: its claims (RFC 7519, section 4)."""

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from ..models import Seconds, UserId
from . import scopes
from .scopes import SEED_SCOPES, Scope

ISSUER = "jeffbot"
LEEWAY: Seconds = 5.0
"""By how much the clock of who made a token may be ahead of ours."""
MAX_SNOWFLAKE = 2**63 - 1
"""A snowflake is a 64-bit integer whose highest bit is not in use (Discord: Reference, "Snowflakes")."""

_SNOWFLAKE = re.compile(r"[0-9]{1,20}")

REQUIRED = "Token required"
EXPIRED = "Token expired"
REVOKED = "Token revoked"
BAD_PAYLOAD = "Invalid token payload"
BAD_FORMAT = "Invalid token format"


class TokenError(Exception):
    """A token is refused. ``str(error)`` is for the client, ``reason`` for the log."""

    def __init__(self, message: str, reason: str, *, revoked: bool = False) -> None:
        super().__init__(message)
        self.reason = reason
        self.revoked = revoked


@dataclass(frozen=True, slots=True)
class Identity:
    """Whom a good token speaks for. Times are seconds since the epoch."""

    user_id: UserId
    token_id: str | None
    """The claim ``jti``; a renewed token keeps it. None: it can be revoked only with all others of its user."""
    expires_at: float
    issued_at: float | None
    scopes: frozenset[Scope]
    """With those that they imply."""
    auth_time: float | None
    """When the user themselves showed Discord who they are (OpenID Connect Core, section 2); None: they did not."""


def parse_snowflake(value: object) -> UserId:
    """A Discord id out of a string or an integer.

    Raises:
        ValueError: It is none: 1 to 20 ASCII digits, from 1 to MAX_SNOWFLAKE.
    """
    if isinstance(value, bool) or not isinstance(value, int | str) or not _SNOWFLAKE.fullmatch(str(value)):
        raise ValueError("a Discord id is 1 to 20 digits")
    number = int(value)
    if not 1 <= number <= MAX_SNOWFLAKE:
        raise ValueError("a Discord id is greater than 0 and less than 2^63")
    return UserId(number)


def read(payload: bytes, now: float) -> Identity:
    """Whom the payload of a token speaks for, whose signature is ours.

    Raises:
        TokenError: It is not good.
    """
    claims = _object(payload)
    expires = _time(claims, "exp")
    if expires is None:
        raise TokenError(BAD_PAYLOAD, "no exp")
    if expires <= now:
        raise TokenError(EXPIRED, f"expired {now - expires:.0f} s ago")
    times = {name: _time(claims, name) for name in ("iat", "nbf", "auth_time")}
    for name, moment in times.items():
        if moment is not None and moment > now + LEEWAY:
            raise TokenError(BAD_FORMAT, f"{name} is {moment - now:.0f} s ahead")
    if "iss" in claims and claims["iss"] != ISSUER:
        raise TokenError(BAD_FORMAT, "another issuer")
    try:
        user_id = parse_snowflake(claims.get("user_id"))
    except ValueError as error:
        raise TokenError(BAD_PAYLOAD, f"user_id: {error}") from None
    return Identity(
        user_id, _token_id(claims), expires, times["iat"], scopes.implied(_scopes(claims)), auth_time=times["auth_time"]
    )


def _object(payload: bytes) -> Mapping[str, Any]:
    try:
        claims = json.loads(payload)
    except (ValueError, RecursionError) as error:
        raise TokenError(BAD_PAYLOAD, "the payload is not JSON") from error
    if not isinstance(claims, dict):
        raise TokenError(BAD_PAYLOAD, "the payload is no object")
    return claims


def _time(claims: Mapping[str, Any], name: str) -> float | None:
    """A NumericDate (RFC 7519, section 2); None where the claim is absent."""
    if name not in claims:
        return None
    value = claims[name]
    if isinstance(value, bool) or not isinstance(value, int | float) or not abs(value) < MAX_SNOWFLAKE:
        raise TokenError(BAD_PAYLOAD, f"{name} is no time")
    return float(value)


def _scopes(claims: Mapping[str, Any]) -> frozenset[Scope]:
    if "scope" not in claims:
        return SEED_SCOPES
    if not isinstance(claims["scope"], str):
        raise TokenError(BAD_PAYLOAD, "scope is no text")
    return scopes.read(claims["scope"])


def _token_id(claims: Mapping[str, Any]) -> str | None:
    """None also where it is no text that can be kept: JSON lets halves of characters through."""
    value = claims.get("jti")
    return value if isinstance(value, str) and value == value.encode(errors="ignore").decode() else None
