"""Requests for tokens (OAuth2; RFC 6749, RFC 7636, RFC 7009). Their bodies are forms, their errors RFC 6749's."""

import re
from collections.abc import Iterable, Mapping
from typing import Any

from ...errors import ApiError
from ..schema import shown

AUTHORIZATION_CODE, REFRESH_TOKEN, CLIENT_CREDENTIALS = "authorization_code", "refresh_token", "client_credentials"
_NEEDED = {
    AUTHORIZATION_CODE: ("code", "redirect_uri"),
    REFRESH_TOKEN: ("refresh_token",),
    CLIENT_CREDENTIALS: ("scope",),
}
"""By grant type (OAuth2, "Authorization Code Grant", "Client Credentials Grant")."""
_VERIFIER = r"[A-Za-z0-9._~-]{43,128}"
"""RFC 7636, section 4.1."""


class OAuth2Error(ApiError):
    """A token cannot be given (RFC 6749, section 5.2).

    Args:
        error: The code there.
        description: For the developer to read.
        status: 401 if the client did not show who it is.
    """

    def __init__(self, error: str, description: str, status: int = 400) -> None:
        super().__init__(status, 0, description)
        self.error = error

    @property
    def body(self) -> dict[str, Any]:
        """The JSON that is answered."""
        return {"error": self.error, "error_description": str(self)}


def check_token_request(fields: Iterable[tuple[str, str]], *, basic: bool) -> Mapping[str, str]:
    """Read the body of a request to the token URL; whether code, secret and scopes are right is not looked at.

    Args:
        fields: Names and values as they came; empty ones count as left out (RFC 6749, section 3.2).
        basic: The client shows who it is by HTTP Basic authentication.

    Returns:
        The values by name.

    Raises:
        OAuth2Error: ``invalid_request``, ``unsupported_grant_type`` or ``invalid_client``.
    """
    form = _single(fields)
    grant = form.get("grant_type")
    if grant not in _NEEDED:  # also where there is none, unlike in the RFC
        raise OAuth2Error("unsupported_grant_type", f"Grant type {shown(grant)} is not supported")
    for name in _NEEDED[grant]:
        if name not in form:
            raise OAuth2Error("invalid_request", f'Missing "{name}" in request.')
    if "code_verifier" in form and not re.fullmatch(_VERIFIER, form["code_verifier"]):
        raise OAuth2Error("invalid_request", 'Invalid "code_verifier" in request.')
    _check_client(form, basic=basic, public="code_verifier" in form or grant == REFRESH_TOKEN)
    return form


def check_revocation(fields: Iterable[tuple[str, str]], *, basic: bool) -> Mapping[str, str]:
    """Read the body of a request to the token revocation URL (RFC 7009, section 2.1).

    Raises:
        OAuth2Error: ``invalid_request`` or ``invalid_client``.
    """
    form = _single(fields)
    if "token" not in form:
        raise OAuth2Error("invalid_request", 'Missing "token" in request.')
    _check_client(form, basic=basic, public=True)
    return form


def _single(fields: Iterable[tuple[str, str]]) -> dict[str, str]:
    form: dict[str, str] = {}
    for name, value in fields:
        if name in form:
            raise OAuth2Error("invalid_request", f'Repeated "{name}" in request.')
        if value:
            form[name] = value
    return form


def _check_client(form: Mapping[str, str], *, basic: bool, public: bool) -> None:
    """By Basic authentication or in the body; a public client has no secret."""
    if not basic and not ("client_id" in form and (public or "client_secret" in form)):
        raise OAuth2Error("invalid_client", "Client authentication failed.", status=401)
