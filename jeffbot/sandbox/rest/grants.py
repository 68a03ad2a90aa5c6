"""What people have allowed applications to do on their behalf: codes and tokens (Discord: OAuth2; RFC 6749, 7636)."""

import base64
import hashlib
import secrets
from collections.abc import Callable
from dataclasses import dataclass, field

from ..interactions.applications import Application
from ..options import Options
from ..world.guild import Guild
from ..world.values import User

SCOPES = frozenset(
    {
        "applications.commands",
        "applications.commands.permissions.update",
        "applications.commands.update",
        "bot",
        "connections",
        "email",
        "guilds",
        "guilds.join",
        "guilds.members.read",
        "identify",
        "voice",
    }
)
"""Of Discord's scopes, those that can be asked for here (OAuth2, "OAuth2 Scopes")."""
CODE_SECONDS = 100.0
"""How long a code can be exchanged. Discord's documentation does not say; a number its staff have given."""


@dataclass(frozen=True)
class Permit:
    """What a person has agreed to, at the authorize page."""

    application: Application
    user: User
    scopes: tuple[str, ...]
    guild: Guild | None = None
    """Where the application's bot was let in."""


@dataclass(frozen=True)
class Code:
    """Stands for a permit until the application fetches its token."""

    permit: Permit
    redirect_uri: str
    challenge: str | None
    """RFC 7636, section 4.2."""
    method: str
    expires: float

    def proven_by(self, verifier: str | None) -> bool:
        """Whether this is the code verifier that the challenge was made of (RFC 7636, section 4.6)."""
        if self.challenge is None:
            return True
        if verifier is None:
            return False
        return secrets.compare_digest(self.challenge.encode(), _challenge(verifier, self.method).encode())


@dataclass(eq=False)
class Grant:
    """An access token and what it is good for; times are the event loop's."""

    permit: Permit
    expires: float
    lifetime: float
    """Seconds, from when it was given out."""
    refreshable: bool = True
    access_token: str = field(default_factory=lambda: secrets.token_urlsafe(22), repr=False)
    refresh_token: str = field(default_factory=lambda: secrets.token_urlsafe(22), repr=False)


class Grants:
    """All codes and tokens that are good.

    Args:
        options: How long tokens are good for.
        clock: The time in seconds, monotonic.
    """

    def __init__(self, options: Options, clock: Callable[[], float]) -> None:
        self._options = options
        self._clock = clock
        self._codes: dict[str, Code] = {}
        self._spent: dict[str, Grant] = {}
        self._by_access: dict[str, Grant] = {}
        self._by_refresh: dict[str, Grant] = {}

    def issue_code(self, permit: Permit, redirect_uri: str, challenge: str | None = None, method: str = "plain") -> str:
        """A code for what a person has just agreed to."""
        code = secrets.token_urlsafe(22)
        self._codes[code] = Code(permit, redirect_uri, challenge, method, self._clock() + CODE_SECONDS)
        return code

    def redeem(
        self, code: str, application: Application, redirect_uri: str, verifier: str | None, *, proven: bool
    ) -> Grant | None:
        """Exchange a code, once; a second attempt also ends what the first has got (RFC 6749, section 4.1.2).

        Args:
            code: From the redirect.
            application: Who asks.
            redirect_uri: As when the code was given out.
            verifier: What the challenge was made of.
            proven: The application has shown its secret; else there must be a challenge.

        Returns:
            None if any of it does not fit.
        """
        if stale := self._spent.pop(code, None):
            self.revoke(stale)
        found = self._codes.get(code)
        if found is None or found.permit.application is not application:
            return None
        del self._codes[code]
        secured = proven or found.challenge is not None
        fits = found.redirect_uri == redirect_uri and self._clock() <= found.expires and found.proven_by(verifier)
        if not (secured and fits):
            return None
        grant = self._spent[code] = self.issue(found.permit)
        return grant

    def issue(self, permit: Permit, *, refreshable: bool = True) -> Grant:
        """A token for what a person has agreed to."""
        lifetime = self._options.token_lifetime
        grant = Grant(permit, self._clock() + lifetime, lifetime, refreshable)
        self._by_access[grant.access_token] = grant
        if refreshable:
            self._by_refresh[grant.refresh_token] = grant
        return grant

    def refresh(self, token: str, application: Application) -> Grant | None:
        """A new pair of tokens in place of the old one."""
        grant = self._by_refresh.get(token)
        if grant is None or grant.permit.application is not application:
            return None
        self._forget(grant)
        return self.issue(grant.permit)

    def find(self, access_token: str) -> Grant | None:
        """What an access token is good for; None if it is unknown, revoked or too old."""
        grant = self._by_access.get(access_token)
        return grant if grant and self._clock() < grant.expires else None

    def revoke_token(self, token: str, application: Application) -> None:
        """End what an application knows by this access or refresh token (RFC 7009); unknown ones are no error."""
        grant = self._by_access.get(token) or self._by_refresh.get(token)
        if grant and grant.permit.application is application:
            self.revoke(grant)

    def revoke(self, grant: Grant) -> None:
        """End every token of this application and person (Discord: OAuth2, "Token Revocation Example")."""
        of = grant.permit
        for other in list(self._by_access.values()):
            if (other.permit.application, other.permit.user) == (of.application, of.user):
                self._forget(other)

    def seconds_left(self, grant: Grant) -> float:
        """Until its access token is too old."""
        return grant.expires - self._clock()

    def _forget(self, grant: Grant) -> None:
        self._by_access.pop(grant.access_token, None)
        self._by_refresh.pop(grant.refresh_token, None)


def _challenge(verifier: str, method: str) -> str:
    if method == "plain":
        return verifier
    digest = hashlib.sha256(verifier.encode()).digest()
    return base64.urlsafe_b64encode(digest).decode().rstrip("=")
