"""The tokens that let remote clients in: made, checked and renewed.

``python -m jeffbot.ws.auth <discord_user_id>`` prints one.
"""

import argparse
import dataclasses
import sys
import time
import uuid
from collections.abc import Callable, Collection, Sequence
from datetime import UTC, datetime

from ..errors import ForbiddenError
from ..models import Seconds
from ..settings import Settings
from . import claims
from .claims import BAD_FORMAT, ISSUER, REQUIRED, REVOKED, Identity, TokenError, parse_snowflake
from .scopes import SEED_SCOPES, Scope, chosen, written
from .secret import load_secret

__all__ = [
    "BAD_FORMAT",
    "MAX_HOURS",
    "MAX_TOKEN_CHARS",
    "RENEWABLE",
    "Identity",
    "TokenError",
    "Tokens",
    "generate_token",
    "parse_snowflake",
    "print_token",
]

ALGORITHM = "HS256"
MAX_HOURS = 24.0 * 366
"""The longest life that we give a token, hours; as of the setting ``token_hours``."""
RENEWABLE: Seconds = 30 * 86_400.0
"""How long after someone showed who they are (``auth_time``) their token can be renewed."""
MAX_TOKEN_CHARS = 4096


def checked_hours(hours: float) -> float:
    """How long a token may be good.

    Raises:
        ValueError: It is not a minute to 366 days.
    """
    if not 1 / 60 <= hours <= MAX_HOURS:
        raise ValueError(f"a token can be good for 0.0167 (a minute) to {MAX_HOURS:g} hours")
    return hours


def never(_identity: Identity) -> bool:
    """No token is revoked."""
    return False


class Tokens:
    """Makes and checks tokens.

    Building one imports joserfc, which takes a tenth of a second: do it off the event loop.

    Args:
        secrets: The first signs, all of them verify; one alone may be given as it is.
        hours: How long a token is good.
        is_revoked: Whether a token that is good otherwise is so no more.
        clock: Seconds since the epoch.

    Raises:
        ValueError: There is no secret.
    """

    def __init__(
        self,
        secrets: str | Sequence[str],
        *,
        hours: float,
        is_revoked: Callable[[Identity], bool] = never,
        clock: Callable[[], float] = time.time,
    ) -> None:
        from joserfc import jws, jwt  # noqa: PLC0415 - see above
        from joserfc.errors import JoseError  # noqa: PLC0415
        from joserfc.jwk import OctKey  # noqa: PLC0415

        self._jws, self._jwt, self._jose_error = jws, jwt, JoseError
        self._keys = [OctKey.import_key(secret) for secret in ([secrets] if isinstance(secrets, str) else secrets)]
        if not self._keys:
            raise ValueError("tokens need a secret")
        self._hours = hours
        self.is_revoked = is_revoked
        self._clock = clock

    def make(
        self,
        user_id: str | int,
        *,
        scopes: Collection[Scope] = SEED_SCOPES,
        hours: float | None = None,
        auth_time: float | None = None,
    ) -> str:
        """A token for this user, good from now on.

        Args:
            user_id: Whose presses they are.
            scopes: What it lets its bearer do.
            hours: How long it is good; None: as long as was set.
            auth_time: When the user showed Discord who they are; such a token can be renewed.

        Raises:
            ValueError: The id is no snowflake, or there can be no such life.
        """
        now = self._clock()
        expires_at = now + (self._hours if hours is None else checked_hours(hours)) * 3600
        return self._signed(
            Identity(parse_snowflake(user_id), uuid.uuid4().hex, expires_at, now, frozenset(scopes), auth_time)
        )

    def refresh(self, identity: Identity) -> tuple[str, float]:
        """A token in the place of a good one, and until when it is good, seconds since the epoch.

        Whichever of the two is revoked, both are.

        Raises:
            ForbiddenError: It cannot be renewed, or no longer.
        """
        now = self._clock()
        if identity.auth_time is None:
            raise ForbiddenError("This token cannot be renewed; get a new one where this one came from")
        expires_at = int(min(now + self._hours * 3600, identity.auth_time + RENEWABLE))
        if min(expires_at, identity.expires_at) <= now or self.is_revoked(identity):
            raise ForbiddenError(
                f"A token can be renewed while it is good, for {RENEWABLE / 86_400:g} days; get a new one with the "
                "command remote in Discord, or sign in again"
            )
        fresh = dataclasses.replace(
            identity, token_id=identity.token_id or uuid.uuid4().hex, expires_at=expires_at, issued_at=now
        )
        return self._signed(fresh), expires_at

    def _signed(self, identity: Identity) -> str:
        """``iat`` is as exact as the clock: so it is before or after a revocation of the same second."""
        payload = {
            "user_id": str(identity.user_id),
            "sub": str(identity.user_id),
            "iat": identity.issued_at,
            "exp": int(identity.expires_at),
            "jti": identity.token_id,
            "iss": ISSUER,
            "scope": written(identity.scopes),
        }
        if identity.auth_time is not None:
            payload["auth_time"] = identity.auth_time
        return self._jwt.encode({"alg": ALGORITHM}, payload, self._keys[0], algorithms=[ALGORITHM])

    def check(self, token: object) -> Identity:
        """Whom a token speaks for.

        Raises:
            TokenError: It is not good.
        """
        if token is None or token == "":
            raise TokenError(REQUIRED, "no token")
        if not isinstance(token, str) or not token.isascii() or len(token) > MAX_TOKEN_CHARS:
            raise TokenError(BAD_FORMAT, "not a token")
        identity = claims.read(self._verified(token), self._clock())
        if self.is_revoked(identity):
            raise TokenError(REVOKED, f"revoked, of user {identity.user_id}", revoked=True)
        return identity

    def _verified(self, token: str) -> bytes:
        failed: Exception | None = None
        for key in self._keys:
            try:
                return self._jws.deserialize_compact(token.encode(), key, algorithms=[ALGORITHM]).payload
            except (self._jose_error, ValueError, TypeError, KeyError, AttributeError, RecursionError) as error:
                failed = error
        raise TokenError(BAD_FORMAT, f"not signed by us with {ALGORITHM} ({type(failed).__name__})") from failed


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
    parser.add_argument(
        "--scope",
        action="append",
        default=[],
        help=f"what it is good for: {', '.join(Scope)}; repeated, or with commas; otherwise read,play",
    )
    parser.add_argument("--hours", type=float, help="how long it is good; otherwise JEFFBOT_TOKEN_HOURS")
    given = parser.parse_args(arguments)
    return print_token(given.discord_user_id, given.scope, given.hours)


def print_token(user_id: str, scopes: Collection[str] = (), hours: float | None = None) -> int:
    """What :func:`main` does with what was typed; an exit code."""
    try:
        settings = Settings.load()
        parse_snowflake(user_id)
        wanted = chosen(scopes)
        hours = settings.token_hours if hours is None else checked_hours(hours)
        secret = load_secret(settings)
        tokens = Tokens(secret.text, hours=hours)
        token = tokens.make(user_id, scopes=wanted)
    except ValueError as error:
        print(f"error: {error}", file=sys.stderr)  # noqa: T201 - a command's answer
        return 2
    ends = datetime.fromtimestamp(tokens.check(token).expires_at, UTC).astimezone()
    good = f"good until {ends:%Y-%m-%d %H:%M %Z}, for {written(wanted)}"
    print(f"Token for Discord user {user_id}, {good}.", file=sys.stderr)  # noqa: T201
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
