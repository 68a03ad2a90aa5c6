"""Tokens for what people have allowed (Discord: OAuth2; RFC 6749, 7009)."""

import base64
import binascii
import secrets
import time
from collections.abc import Mapping
from typing import Any
from urllib.parse import parse_qsl, unquote_plus

from aiohttp import web

from ..interactions.applications import Application
from ..world.payloads import Json, guild_json, iso, user_json
from .applications import owner_of, public_json
from .body import Body
from .call import Call, snowflake
from .forms.oauth2 import AUTHORIZATION_CODE, CLIENT_CREDENTIALS, OAuth2Error, check_revocation, check_token_request
from .grants import SCOPES, Grant, Permit
from .schema import Place
from .serving import reply

_MOST_FIELDS = 100


class Fields:
    """The fields of a form as they came; what they must be is said by RFC 6749."""

    def read(self, value: Any, _: Place) -> Any:
        """All of them."""
        return value


async def read_fields(request: web.Request) -> Body:
    """Read a body of ``application/x-www-form-urlencoded``, and of nothing else (OAuth2, "OAuth2 URLs").

    Raises:
        OAuth2Error: It is something else.
    """
    raw = await request.read()
    if request.content_type != "application/x-www-form-urlencoded":
        raise OAuth2Error("invalid_request", "The body must be application/x-www-form-urlencoded.")
    try:
        return Body(parse_qsl(raw.decode(), keep_blank_values=True, max_num_fields=_MOST_FIELDS), {})
    except ValueError as error:
        raise OAuth2Error("invalid_request", "The body is malformed.") from error


def token(call: Call) -> web.Response:
    """The token URL."""
    form = check_token_request(call.body, basic=_is_basic(call))
    application, proven = _client(call, form)
    if form["grant_type"] == AUTHORIZATION_CODE:
        grant = call.rooms.grants.redeem(
            form["code"], application, form["redirect_uri"], form.get("code_verifier"), proven=proven
        )
        return _tokens("code", grant, with_guild=True)
    if form["grant_type"] == CLIENT_CREDENTIALS:
        return _tokens("scope", _own_grant(call, application, form["scope"].split(), proven=proven))
    return _tokens("refresh_token", call.rooms.grants.refresh(form["refresh_token"], application))


def revoke(call: Call) -> Json:
    """The token revocation URL; also what is not good any more is gone for good."""
    form = check_revocation(call.body, basic=_is_basic(call))
    application, _ = _client(call, form)
    call.rooms.grants.revoke_token(form["token"], application)
    return {}


def current(call: Call) -> Json:
    """Get Current Authorization Information."""
    grant = call.grant
    info: Json = {
        "application": public_json(call.application, call.world),
        "scopes": list(grant.permit.scopes),
        "expires": iso(time.time() + call.rooms.grants.seconds_left(grant)),
    }
    return info | ({"user": user_json(call.user)} if "identify" in grant.permit.scopes else {})


def _is_basic(call: Call) -> bool:
    return call.headers.get("Authorization", "").lower().startswith("basic ")


def _client(call: Call, form: Mapping[str, str]) -> tuple[Application, bool]:
    """Whose request it is, and whether they have shown their secret (RFC 6749, section 2.3.1).

    Raises:
        OAuth2Error: ``invalid_client``; only public clients need no secret.
    """
    client_id, secret = form.get("client_id", ""), form.get("client_secret")
    if _is_basic(call):
        client_id, secret = _credentials(call.headers["Authorization"].split(" ", 1)[1])
    known = snowflake(client_id)
    application = None if known is None else call.rooms.application(known)
    if application is None or (secret is None and not application.public_client):
        raise _unknown_client()
    if secret is not None and not secrets.compare_digest(secret.encode(), application.client_secret.encode()):
        raise _unknown_client()
    return application, secret is not None


def _credentials(encoded: str) -> tuple[str, str]:
    try:
        client_id, _, secret = base64.b64decode(encoded, validate=True).decode().partition(":")
    except (binascii.Error, ValueError) as error:
        raise _unknown_client() from error
    return unquote_plus(client_id), unquote_plus(secret)


def _unknown_client() -> OAuth2Error:
    return OAuth2Error("invalid_client", "Client authentication failed.", status=401)


def _own_grant(call: Call, application: Application, scopes: list[str], *, proven: bool) -> Grant:
    """For the application's owner, who has nothing to agree to (OAuth2, "Client Credentials Grant")."""
    if not proven:
        raise OAuth2Error("unauthorized_client", "A public client has no credentials.")
    if not SCOPES.issuperset(scopes):
        raise OAuth2Error("invalid_scope", "The requested scope is invalid, unknown, or malformed.")
    permit = Permit(application, owner_of(application, call.world), tuple(scopes))
    return call.rooms.grants.issue(permit, refreshable=False)


def _tokens(what: str, grant: Grant | None, *, with_guild: bool = False) -> web.Response:
    """RFC 6749, section 5.1."""
    if grant is None:
        raise OAuth2Error("invalid_grant", f'Invalid "{what}" in request.')
    payload: Json = {
        "token_type": "Bearer",
        "access_token": grant.access_token,
        "expires_in": round(grant.lifetime),
        "scope": " ".join(grant.permit.scopes),
    }
    if grant.refreshable:
        payload["refresh_token"] = grant.refresh_token
    if with_guild and grant.permit.guild:
        payload["guild"] = guild_json(grant.permit.guild)
    response = reply(payload)
    response.headers.update({"Cache-Control": "no-store", "Pragma": "no-cache"})
    return response
