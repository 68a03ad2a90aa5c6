"""Requests for tokens."""

import pytest

from jeffbot.sandbox.rest.forms import oauth2

CODE = [("grant_type", "authorization_code"), ("code", "x"), ("redirect_uri", "https://example.com")]
CLIENT = [("client_id", "1"), ("client_secret", "s")]


@pytest.mark.parametrize(
    "fields",
    [
        CODE + CLIENT,
        [*CODE, ("client_id", "1"), ("code_verifier", "v" * 43)],
        [("grant_type", "refresh_token"), ("refresh_token", "x"), *CLIENT],
        [("grant_type", "client_credentials"), ("scope", "identify"), *CLIENT, ("state", "")],
    ],
)
def test_accepted_token_requests(fields: list[tuple[str, str]]) -> None:
    assert oauth2.check_token_request(fields, basic=False)["grant_type"] == fields[0][1]
    assert oauth2.check_token_request([f for f in fields if f not in CLIENT], basic=True)["grant_type"] == fields[0][1]


@pytest.mark.parametrize(
    ("fields", "error", "status"),
    [
        ([], "unsupported_grant_type", 400),
        ([("grant_type", "password")], "unsupported_grant_type", 400),
        (CODE[:1] + CLIENT, "invalid_request", 400),
        ([*CODE, *CLIENT, ("code", "y")], "invalid_request", 400),
        ([*CODE, *CLIENT, ("code_verifier", "short")], "invalid_request", 400),
        (CODE, "invalid_client", 401),
        ([*CODE, ("client_id", "1")], "invalid_client", 401),
    ],
)
def test_refused_token_requests(fields: list[tuple[str, str]], error: str, status: int) -> None:
    """As RFC 6749 says it, not as the rest of Discord does."""
    with pytest.raises(oauth2.OAuth2Error) as caught:
        oauth2.check_token_request(fields, basic=False)

    assert caught.value.status == status
    assert caught.value.body == {"error": error, "error_description": str(caught.value)}


def test_revocations() -> None:
    assert oauth2.check_revocation([("token", "x"), ("client_id", "1")], basic=False) == {
        "token": "x",
        "client_id": "1",
    }
    with pytest.raises(oauth2.OAuth2Error):
        oauth2.check_revocation([], basic=True)
