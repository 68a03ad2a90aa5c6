"""The tokens that let remote clients in: made and checked.

``python -m jeffbot.ws.auth <discord_user_id>`` prints one.
"""

import argparse
import json
import logging
import re
import sys
import time
import uuid
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from ..models import Seconds, UserId
from ..settings import Settings
from .secret import load_secret

logger = logging.getLogger(__name__)

ALGORITHM = "HS256"
ISSUER = "jeffbot"
LEEWAY: Seconds = 5.0
"""By how much the clock of who made a token may be ahead of ours."""
MAX_TOKEN_CHARS = 4096
MAX_SNOWFLAKE = 2**63 - 1
"""A snowflake is a 64-bit integer whose highest bit is not in use (Discord: Reference, "Snowflakes")."""

_SNOWFLAKE = re.compile(r"[0-9]{1,20}")

REQUIRED = "Token required"
EXPIRED = "Token expired"
BAD_PAYLOAD = "Invalid token payload"
BAD_FORMAT = "Invalid token format"


class TokenError(Exception):
    """A token is refused. ``str(error)`` is for the client, ``reason`` for the log."""

    def __init__(self, message: str, reason: str) -> None:
        super().__init__(message)
        self.reason = reason


@dataclass(frozen=True, slots=True)
class Identity:
    """Whom a good token speaks for."""

    user_id: UserId
    token_id: str | None
    expires_at: float
    """Seconds since the epoch."""


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


class Tokens:
    """Makes and checks tokens with one secret.

    Building one imports joserfc, which takes a tenth of a second: do it off the event loop.
    """

    def __init__(self, secret: str, *, hours: float, clock: Callable[[], float] = time.time) -> None:
        from joserfc import jws, jwt  # noqa: PLC0415 - see above
        from joserfc.errors import JoseError  # noqa: PLC0415
        from joserfc.jwk import OctKey  # noqa: PLC0415

        self._jws, self._jwt, self._jose_error = jws, jwt, JoseError
        self._key = OctKey.import_key(secret)
        self._lifetime = hours * 3600
        self._clock = clock

    def make(self, user_id: str | int) -> str:
        """A token for this user, good from now for the set number of hours.

        Raises:
            ValueError: The id is no snowflake.
        """
        user = str(parse_snowflake(user_id))
        now = int(self._clock())
        claims = {
            "user_id": user,
            "sub": user,
            "iat": now,
            "exp": int(now + self._lifetime),
            "jti": uuid.uuid4().hex,
            "iss": ISSUER,
        }
        return self._jwt.encode({"alg": ALGORITHM}, claims, self._key, algorithms=[ALGORITHM])

    def check(self, token: object) -> Identity:
        """Whom a token speaks for.

        Raises:
            TokenError: It is not good.
        """
        if token is None or token == "":
            raise TokenError(REQUIRED, "no token")
        if not isinstance(token, str) or not token.isascii() or len(token) > MAX_TOKEN_CHARS:
            raise TokenError(BAD_FORMAT, "not a token")
        return self._check_claims(_payload(self._verified(token)))

    def _verified(self, token: str) -> bytes:
        try:
            signed = self._jws.deserialize_compact(token.encode(), self._key, algorithms=[ALGORITHM])
        except (self._jose_error, ValueError, TypeError, KeyError, AttributeError, RecursionError) as error:
            raise TokenError(BAD_FORMAT, f"not signed by us with {ALGORITHM} ({type(error).__name__})") from error
        return signed.payload

    def _check_claims(self, claims: Mapping[str, Any]) -> Identity:
        now = self._clock()
        expires = _time(claims, "exp")
        if expires is None:
            raise TokenError(BAD_PAYLOAD, "no exp")
        if expires <= now:
            raise TokenError(EXPIRED, f"expired {now - expires:.0f} s ago")
        for name in ("iat", "nbf"):
            moment = _time(claims, name)
            if moment is not None and moment > now + LEEWAY:
                raise TokenError(BAD_FORMAT, f"{name} is {moment - now:.0f} s ahead")
        if "iss" in claims and claims["iss"] != ISSUER:
            raise TokenError(BAD_FORMAT, "another issuer")
        try:
            user_id = parse_snowflake(claims.get("user_id"))
        except ValueError as error:
            raise TokenError(BAD_PAYLOAD, f"user_id: {error}") from None
        token_id = claims.get("jti")
        return Identity(user_id, token_id if isinstance(token_id, str) else None, expires)


def _payload(payload: bytes) -> Mapping[str, Any]:
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


def generate_token(user_id: str | int) -> str:
    """A token for this Discord user, signed with the secret that the environment and the data folder give.

    Raises:
        ValueError: The id is no snowflake.
        SettingsError: A setting is wrong.
    """
    settings = Settings.load()
    return Tokens(load_secret(settings).text, hours=settings.token_hours).make(user_id)


def main(arguments: Sequence[str] | None = None) -> int:
    """Print a token alone on stdout, and what it is on stderr."""
    parser = argparse.ArgumentParser(
        prog="python -m jeffbot.ws.auth", description="Make a token for the jeffbot remote control."
    )
    parser.add_argument("discord_user_id", help="whose presses they are: in Discord, Copy User ID")
    user_id = parser.parse_args(arguments).discord_user_id
    try:
        settings = Settings.load()
        parse_snowflake(user_id)
        secret = load_secret(settings)
        tokens = Tokens(secret.text, hours=settings.token_hours)
        token = tokens.make(user_id)
    except ValueError as error:
        print(f"error: {error}", file=sys.stderr)  # noqa: T201 - a command's answer
        return 2
    ends = datetime.fromtimestamp(tokens.check(token).expires_at, UTC).astimezone()
    print(f"Token for Discord user {user_id}, good until {ends:%Y-%m-%d %H:%M %Z}.", file=sys.stderr)  # noqa: T201
    print(f"Signed with the secret of {secret.source}.", file=sys.stderr)  # noqa: T201
    if secret.made:
        print(  # noqa: T201
            "Warning: there was no secret, so one was made. A bot accepts this token only if it uses the same one: "
            "start it in the same folder, or with the same JEFFBOT_DATA_DIR.",
            file=sys.stderr,
        )
    print(token)  # noqa: T201
    return 0


if __name__ == "__main__":
    sys.exit(main())
