"""The tokens: which are good, which are not, and what is said of those; and the command that makes one."""

import base64
import hmac
import json
import os
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import jeffbot
from jeffbot.errors import ForbiddenError
from jeffbot.ws.auth import (
    MAX_HOURS,
    MAX_TOKEN_CHARS,
    RENEWABLE,
    Identity,
    TokenError,
    Tokens,
    generate_token,
    parse_snowflake,
)
from jeffbot.ws.scopes import SEED_SCOPES, Scope
from staging import SECRET

OTHER_SECRET = "another secret of thirty-two bytes"
NOW = 1_800_000_000
DAY = 86_400
USER = 123456789012345678
HEADER = {"alg": "HS256", "typ": "JWT"}
HEADERS = ["alg", "typ", "kid", "crit", "b64", "zip", "jku", "jwk", "x5u", "x5c", "x"]
CLAIMS = ["user_id", "exp", "iat", "nbf", "iss", "jti", "scope", "auth_time", "sub"]
REQUIRED, EXPIRED = "Token required", "Token expired"
PAYLOAD, FORMAT = "Invalid token payload", "Invalid token format"

MALFORMED: list[object] = [
    *("", "0", "-1", "+1", "1.0", "1e3", "0x1", "abc", " 1", "1 ", "1\n", "1_000", "\uff11\uff12", "\u0661"),
    *("9" * 20, "9" * 21, str(2**63), 0, -1, 2**63, 2**64, 1.0, 1e18, True, False, None, [], [USER], {}, {"id": USER}),
]
"""What is no snowflake."""

json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=8,
)


def base64url(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def signed(payload: object, *, secret: str = SECRET, header: object = HEADER, digest: str = "sha256") -> str:
    """A token of this payload (bytes are taken as they are), made without any library (RFC 7515, section 3.1)."""
    body = payload if isinstance(payload, bytes) else json.dumps(payload).encode()
    head = json.dumps(header).encode()
    both = f"{base64url(head)}.{base64url(body)}"
    return f"{both}.{base64url(hmac.digest(secret.encode(), both.encode(), digest))}"


def claims(**changes: object) -> dict[str, object]:
    """The claims of a good token, with changes; ``...`` leaves one out."""
    good: dict[str, object] = {"user_id": str(USER), "iat": NOW, "exp": NOW + 60, "iss": "jeffbot", "jti": "x"}
    return {name: value for name, value in {**good, **changes}.items() if value is not ...}


@pytest.fixture(scope="module")
def tokens() -> Tokens:
    """Tokens at a fixed time."""
    return Tokens(SECRET, hours=24, clock=lambda: NOW)


def refusal(tokens: Tokens, token: object) -> str:
    """What a client is told of a token that must be refused; the log is told more, but not the token."""
    with pytest.raises(TokenError) as caught:
        tokens.check(token)
    assert caught.value.reason
    if len(str(token)) > 40:
        assert str(token) not in caught.value.reason + str(caught.value)
    return str(caught.value)


# Made and checked


@pytest.mark.parametrize("user_id", [USER, str(USER), 1, 2**63 - 1])
def test_make_and_check(tokens: Tokens, user_id: int | str) -> None:
    """A token that we make is good for its user for as long as was set."""
    identity = tokens.check(tokens.make(user_id))

    assert (identity.user_id, identity.expires_at) == (int(user_id), NOW + 24 * 3600)
    assert identity.token_id


def test_made_tokens_differ(tokens: Tokens) -> None:
    """Each token has an id of its own."""
    assert tokens.check(tokens.make(USER)).token_id != tokens.check(tokens.make(USER)).token_id


@pytest.mark.parametrize("user_id", MALFORMED)
def test_no_token_for_no_user(tokens: Tokens, user_id: Any) -> None:
    """For what is no snowflake no token is made."""
    with pytest.raises(ValueError, match="Discord id"):
        tokens.make(user_id)


@pytest.mark.parametrize("value", MALFORMED)
def test_no_snowflake(value: object) -> None:
    """A snowflake is 1 to 20 ASCII digits, greater than 0 and less than 2^63."""
    with pytest.raises(ValueError, match="Discord id"):
        parse_snowflake(value)


@settings(deadline=None)
@given(st.integers(1, 2**63 - 1))
def test_snowflake(number: int) -> None:
    """Every such number is one, as an integer and as text."""
    assert parse_snowflake(number) == parse_snowflake(str(number)) == number


# The protocol's table, row by row


@pytest.mark.parametrize("token", [None, ""])
def test_no_token(tokens: Tokens, token: object) -> None:
    """No token."""
    assert refusal(tokens, token) == REQUIRED


@pytest.mark.parametrize("ago", [0, 0.5, 1, 60, 10**9])
def test_expired(tokens: Tokens, ago: float) -> None:
    """A token is good until its ``exp``, to the second, and whatever else is wrong with its time."""
    assert refusal(tokens, signed(claims(exp=NOW - ago))) == EXPIRED
    assert refusal(tokens, signed(claims(exp=NOW - ago, iat=NOW + 999))) == EXPIRED


def test_expires_while_time_passes() -> None:
    """A token that was good is refused once its time is over."""
    now = [float(NOW)]
    tokens = Tokens(SECRET, hours=1, clock=lambda: now[0])
    token = tokens.make(USER)
    assert tokens.check(token)
    now[0] += 3600

    assert refusal(tokens, token) == EXPIRED


@pytest.mark.parametrize("value", [..., None, "", str(NOW + 60), True, [], {}, 10**400])
def test_bad_exp(tokens: Tokens, value: object) -> None:
    """A token without an ``exp`` that is a time would be good for ever."""
    assert refusal(tokens, signed(claims(exp=value))) == PAYLOAD


@pytest.mark.parametrize("number", [b"NaN", b"Infinity", b"-Infinity", b"1e999"])
@pytest.mark.parametrize("name", [b"exp", b"iat", b"nbf", b"auth_time"])
def test_time_that_is_no_number(tokens: Tokens, name: bytes, number: bytes) -> None:
    """What JSON readers make of these is no time."""
    rest = b"" if name == b"exp" else b', "exp": 1800000060'
    payload = b'{"user_id": "1", "' + name + b'": ' + number + rest + b"}"

    assert refusal(tokens, signed(payload)) == PAYLOAD


@pytest.mark.parametrize("user_id", [..., *MALFORMED])
def test_bad_user(tokens: Tokens, user_id: object) -> None:
    """A good signature over no user."""
    assert refusal(tokens, signed(claims(user_id=user_id))) == PAYLOAD


@pytest.mark.parametrize("payload", [[], "text", 5, None, True, b"", b"{", b"not JSON", b"\xff", b"[" * 2000])
def test_no_object(tokens: Tokens, payload: object) -> None:
    """A good signature over no object."""
    assert refusal(tokens, signed(payload)) == PAYLOAD


@pytest.mark.parametrize("secret", [SECRET[:-1], SECRET + "x", SECRET.upper(), "your-secret-key-change-this"])
def test_wrong_secret(tokens: Tokens, secret: str) -> None:
    """A token of another bot."""
    assert refusal(tokens, signed(claims(), secret=secret)) == FORMAT


@pytest.mark.parametrize("alg", ["none", "None", "", "HS384", "HS512", "RS256", "hs256", None, 5, ["HS256"]])
def test_other_algorithm(tokens: Tokens, alg: object) -> None:
    """A token that claims another algorithm, whatever its signature."""
    for digest in ("sha256", "sha384", "sha512"):
        assert refusal(tokens, signed(claims(), header={"alg": alg}, digest=digest)) == FORMAT
    head, body, _ = signed(claims(), header={"alg": alg}).split(".")
    assert refusal(tokens, f"{head}.{body}.") == FORMAT


@pytest.mark.parametrize(
    "header", [{}, [], "HS256", None, {"alg": "HS256", "crit": ["exp"]}, {"alg": "HS256", "crit": 5}]
)
def test_other_header(tokens: Tokens, header: object) -> None:
    """A header that is none, or asks for what we do not do (RFC 7515, section 4.1.11)."""
    token = signed(claims(), header=header)
    assert refusal(tokens, token) == FORMAT


def test_unsigned(tokens: Tokens) -> None:
    """What the seed's bot let in: Base64 of JSON, and a fixed word."""
    data = json.dumps(claims()).encode()

    assert refusal(tokens, base64.b64encode(data).decode()) == FORMAT
    assert refusal(tokens, base64url(data)) == FORMAT
    assert refusal(tokens, "fallback-token") == FORMAT


@pytest.mark.parametrize("issuer", ["", "other", "Jeffbot", None, 5, ["jeffbot"]])
def test_other_issuer(tokens: Tokens, issuer: object) -> None:
    """A token that names another issuer."""
    assert refusal(tokens, signed(claims(iss=issuer))) == FORMAT


@pytest.mark.parametrize("name", ["iat", "nbf", "auth_time"])
@pytest.mark.parametrize(
    ("ahead", "good"), [(-99, True), (0, True), (5, True), (5.5, False), (6, False), (10**6, False)]
)
def test_made_ahead_of_time(tokens: Tokens, name: str, ahead: float, *, good: bool) -> None:
    """The clock of who made a token may be five seconds ahead of ours."""
    token = signed(claims(**{name: NOW + ahead}))
    if good:
        assert tokens.check(token).user_id == USER
    else:
        assert refusal(tokens, token) == FORMAT


@pytest.mark.parametrize(
    "changes",
    [
        pytest.param({"iat": NOW - 0.25}, id="float iat"),
        pytest.param({"exp": NOW + 0.5}, id="float exp"),
        pytest.param({"user_id": USER}, id="integer user_id"),
        pytest.param({"iss": ..., "jti": ...}, id="as the seed made them"),
        pytest.param({"iss": ..., "jti": ..., "iat": ...}, id="without iat"),
        pytest.param({"sub": "someone", "aud": "somewhere", "jti": 5, "kid": None}, id="with more"),
        pytest.param({"scope": "play", "auth_time": NOW - 1.5}, id="as ours are"),
        pytest.param({"user_id": f"00{USER}"}, id="leading zeros"),
    ],
)
def test_good(tokens: Tokens, changes: dict[str, object]) -> None:
    """Tokens that are good though ours look otherwise."""
    assert tokens.check(signed(claims(**changes))).user_id == USER


def test_good_token_is_not_good_twice_over(tokens: Tokens) -> None:
    """A good token with anything before, behind or in it is not."""
    good = signed(claims())
    head, body, signature = good.split(".")
    assert tokens.check(good)

    for token in (good + ".", "." + good, good + "=", good + "\n", " " + good, f"Bearer {good}", f"{head}.{body}"):
        assert refusal(tokens, token) == FORMAT
    for token in (f"{head}.{body}x.{signature}", f"{head}.{body}.{signature[:-2]}", f"{body}.{head}.{signature}"):
        assert refusal(tokens, token) == FORMAT


def test_long_token(tokens: Tokens) -> None:
    """4096 characters are read, and not one more."""
    made = [signed(claims(x="x" * padding)) for padding in range(2700, 3000)]
    longest = max((token for token in made if len(token) <= MAX_TOKEN_CHARS), key=len)
    too_long = min((token for token in made if len(token) > MAX_TOKEN_CHARS), key=len)
    assert len(longest) > MAX_TOKEN_CHARS - 3

    assert tokens.check(longest).user_id == USER
    assert refusal(tokens, too_long) == refusal(tokens, "x" * (MAX_TOKEN_CHARS + 1)) == FORMAT


@pytest.mark.parametrize("token", ["tökén", "\ud800", "a.b.ç", "\0", "x" * 10**6, 5, 0, True, b"x", [], {}, 1.5])
def test_no_token_at_all(tokens: Tokens, token: object) -> None:
    """What is no ASCII text of reasonable length."""
    assert refusal(tokens, token) == FORMAT


@pytest.mark.parametrize("name", ["jwk", "jku", "kid", "x5u", "x5c", "x5t"])
@pytest.mark.parametrize("signer", [SECRET, OTHER_SECRET])
def test_header_that_brings_its_own_key(tokens: Tokens, name: str, signer: str) -> None:
    """A key that a token brings or names is not used: what counts is ours (RFC 7515, section 4.1)."""
    values: dict[str, object] = {"jwk": {"kty": "oct", "k": base64url(signer.encode())}, "x5c": ["MIIB"]}
    header = {**HEADER, name: values.get(name, "https://example.com/key")}
    token = signed(claims(), secret=signer, header=header)
    if signer == SECRET:
        assert tokens.check(token).user_id == USER
    else:
        assert refusal(tokens, token) == FORMAT


# Scopes


@pytest.mark.parametrize(
    ("scope", "means"),
    [
        (..., {"read", "play"}),
        ("", set()),
        ("read", {"read"}),
        ("play", {"read", "play"}),
        ("manage", {"read", "manage"}),
        ("admin", {"read", "play", "manage", "admin"}),
        ("play manage", {"read", "play", "manage"}),
        ("play openid  play", {"read", "play"}),
        ("PLAY read\tplay play,admin \u00a0admin", set()),
    ],
)
def test_scope(tokens: Tokens, scope: object, means: set[str]) -> None:
    """Words with a space between them (RFC 8693, section 4.2); those we do not know give nothing."""
    assert tokens.check(signed(claims(scope=scope))).scopes == means


@pytest.mark.parametrize("scope", [None, 5, True, [], ["play"], {"play": True}])
def test_scope_that_is_no_text(tokens: Tokens, scope: object) -> None:
    """A claim of another kind is not guessed at."""
    assert refusal(tokens, signed(claims(scope=scope))) == PAYLOAD


@pytest.mark.parametrize("scopes", [SEED_SCOPES, {Scope.READ}, {Scope.ADMIN}, {Scope.MANAGE, Scope.PLAY}, set()])
def test_made_scopes(tokens: Tokens, scopes: frozenset[Scope]) -> None:
    """A token is good for what it was made for, and what that implies."""
    checked = tokens.check(tokens.make(USER, scopes=scopes)).scopes

    assert checked >= scopes
    assert (Scope.ADMIN in checked) == (Scope.ADMIN in scopes)
    assert (Scope.MANAGE in checked) == bool({Scope.ADMIN, Scope.MANAGE} & scopes)


@pytest.mark.parametrize("hours", [1 / 60, 5, MAX_HOURS])
def test_made_for_hours(tokens: Tokens, hours: float) -> None:
    """A token is good for as long as was asked for."""
    assert tokens.check(tokens.make(USER, hours=hours)).expires_at == NOW + hours * 3600


@pytest.mark.parametrize("hours", [0, -1, 0.01, MAX_HOURS + 1, float("nan"), float("inf")])
def test_no_token_for_ever(tokens: Tokens, hours: float) -> None:
    """There is no token without a reasonable end."""
    with pytest.raises(ValueError, match="8784 hours"):
        tokens.make(USER, hours=hours)


# Renewed


@pytest.fixture
def clock() -> list[float]:
    """What time it is; to be moved on."""
    return [float(NOW)]


@pytest.fixture
def moving(clock: list[float]) -> Tokens:
    """Tokens of a day, as time passes."""
    return Tokens(SECRET, hours=24, clock=lambda: clock[0])


def renewable(tokens: Tokens, at: float = NOW) -> Identity:
    return tokens.check(tokens.make(USER, scopes={Scope.MANAGE}, auth_time=at))


def test_refresh(moving: Tokens, clock: list[float]) -> None:
    """A renewed token is good for as long from now on, for the same user and scopes, and counts from the same time."""
    before = renewable(moving)
    clock[0] += DAY - 1
    token, expires_at = moving.refresh(before)
    after = moving.check(token)

    assert (expires_at, after.expires_at, after.issued_at) == (NOW + 2 * DAY - 1, expires_at, clock[0])
    assert (after.user_id, after.auth_time, after.token_id) == (USER, NOW, before.token_id)
    assert after.scopes == {Scope.MANAGE, Scope.READ}


def test_refresh_again_and_again(moving: Tokens, clock: list[float]) -> None:
    """However often, 30 days after its user showed who they are it ends, and the last token with it."""
    identity, ends = renewable(moving), NOW + RENEWABLE
    for _ in range(100):
        if identity.expires_at == ends:
            break
        clock[0] = identity.expires_at - 3600
        identity = moving.check(moving.refresh(identity)[0])

    assert identity.expires_at == ends == NOW + 30 * DAY
    clock[0] = ends
    with pytest.raises(ForbiddenError, match=r"30 days; get a new one with the command remote in Discord"):
        moving.refresh(identity)


def test_refresh_of_what_has_ended(moving: Tokens, clock: list[float]) -> None:
    """A token is renewed while it is good, not afterwards."""
    identity = renewable(moving)
    clock[0] = identity.expires_at
    with pytest.raises(ForbiddenError, match="while it is good"):
        moving.refresh(identity)


def test_refresh_without_auth_time(moving: Tokens) -> None:
    """A token that somebody made by hand is not."""
    with pytest.raises(ForbiddenError, match="cannot be renewed"):
        moving.refresh(moving.check(moving.make(USER)))


# Revoked, and signed with the secret before


def test_revoked(clock: list[float]) -> None:
    """A revoked token is refused as such, and not renewed; one that is not good otherwise is refused as ever."""
    asked: list[Identity] = []
    revoked = {"x"}

    def is_revoked(identity: Identity) -> bool:
        asked.append(identity)
        return identity.token_id in revoked

    tokens = Tokens(SECRET, hours=24, is_revoked=is_revoked, clock=lambda: clock[0])
    with pytest.raises(TokenError, match="Token revoked") as caught:
        tokens.check(signed(claims(jti="x")))
    assert caught.value.revoked
    assert tokens.check(signed(claims(jti="y"))).token_id == "y"
    assert (asked[0].user_id, asked[0].issued_at, len(asked)) == (USER, NOW, 2)

    with pytest.raises(TokenError, match="Invalid token format") as other:
        tokens.check(signed(claims(jti="x"), secret=OTHER_SECRET))
    assert not other.value.revoked

    identity = renewable(tokens)
    assert identity.token_id
    revoked.add(identity.token_id)
    with pytest.raises(ForbiddenError):
        tokens.refresh(identity)


def test_two_secrets(tokens: Tokens) -> None:
    """The first secret signs; tokens of each are good, of others not."""
    both = Tokens([SECRET, OTHER_SECRET], hours=24, clock=lambda: NOW)
    other = Tokens([OTHER_SECRET], hours=24, clock=lambda: NOW)

    assert tokens.check(both.make(USER)).user_id == USER
    assert both.check(other.make(USER)).user_id == both.check(tokens.make(USER)).user_id == USER
    assert refusal(other, both.make(USER)) == FORMAT
    assert refusal(both, signed(claims(), secret=SECRET + OTHER_SECRET)) == FORMAT
    assert refusal(both, signed(claims(exp=NOW), secret=OTHER_SECRET)) == EXPIRED


def test_no_secret() -> None:
    """Without a secret there are no tokens."""
    with pytest.raises(ValueError, match="secret"):
        Tokens([], hours=1)


@pytest.mark.parametrize("jti", [..., None, 5, [], "\ud800", "a\udfff"])
def test_token_id_that_is_none(tokens: Tokens, jti: object) -> None:
    """A ``jti`` that is no text, or text that nothing can keep, names no token."""
    assert tokens.check(signed(claims(jti=jti))).token_id is None


# Whatever a stranger sends


@settings(deadline=None)
@given(st.text())
def test_any_text(tokens: Tokens, text: str) -> None:
    """Text that we did not sign is refused, never anything else."""
    assert refusal(tokens, text) == (FORMAT if text else REQUIRED)


@settings(deadline=None)
@given(json_values, st.binary(max_size=60), st.binary(max_size=40))
def test_any_parts(tokens: Tokens, header: object, body: bytes, signature: bytes) -> None:
    """So is text in the shape of a token."""
    head = base64url(json.dumps(header).encode())
    assert refusal(tokens, f"{head}.{base64url(body)}.{base64url(signature)}") == FORMAT


@settings(deadline=None)
@given(st.dictionaries(st.sampled_from(HEADERS), json_values))
def test_any_header(tokens: Tokens, header: dict[str, object]) -> None:
    """A header that we signed but would never make is refused, or does no harm."""
    try:
        assert tokens.check(signed(claims(), header={"alg": "HS256", **header})).user_id == USER
    except TokenError as error:
        assert str(error) in (FORMAT, PAYLOAD)  # noqa: PT017 - it may also be good


@settings(deadline=None)
@given(st.one_of(json_values, st.dictionaries(st.sampled_from(["user_id", "exp", "iat", "nbf", "iss"]), json_values)))
def test_any_payload(tokens: Tokens, payload: object) -> None:
    """So is a payload."""
    token = signed(payload)
    if len(token) <= MAX_TOKEN_CHARS:
        assert refusal(tokens, token) in (EXPIRED, PAYLOAD, FORMAT)


@settings(deadline=None)
@given(st.dictionaries(st.sampled_from(CLAIMS), json_values))
def test_any_claims(tokens: Tokens, changes: dict[str, object]) -> None:
    """Claims of any kind among good ones are refused in words, or speak for a user with the scopes there are."""
    try:
        identity = tokens.check(signed(claims(**changes)))
    except TokenError as error:
        assert str(error) in (EXPIRED, PAYLOAD, FORMAT)  # noqa: PT017 - it may also be good
    else:
        assert identity.expires_at > NOW
        assert 1 <= identity.user_id < 2**63
        assert identity.scopes <= frozenset(Scope)
        assert (identity.token_id or "").encode() is not None


# Made by hand


@pytest.mark.parametrize("user_id", [USER, str(USER)])
def test_generate_token(monkeypatch: pytest.MonkeyPatch, user_id: int | str) -> None:
    """A script can make a token with the secret and the lifetime that the environment gives."""
    monkeypatch.setenv("JEFFBOT_JWT_SECRET", SECRET)
    monkeypatch.setenv("JEFFBOT_TOKEN_HOURS", "2")
    identity = Tokens(SECRET, hours=1).check(generate_token(user_id))

    assert identity.user_id == USER
    assert identity.expires_at == pytest.approx(time.time() + 7200, abs=60)


def run(*arguments: str, **environ: str) -> "subprocess.CompletedProcess[str]":
    """``python -m jeffbot.ws.auth`` in the test's folder, with only this environment."""
    return subprocess.run(
        [sys.executable, "-m", "jeffbot.ws.auth", *arguments],
        env={"PYTHONPATH": str(Path(jeffbot.__file__).parents[1]), **environ},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def test_command_with_a_secret() -> None:
    """With a configured secret, stdout is the token alone, and stderr says whose it is and where the secret is from."""
    ran = run(str(USER), JEFFBOT_JWT_SECRET=SECRET)

    assert (ran.returncode, ran.stdout.count("\n")) == (0, 1)
    assert Tokens(SECRET, hours=1).check(ran.stdout.removesuffix("\n")).user_id == USER
    assert f"{USER}, good until" in ran.stderr
    assert "the secret of JEFFBOT_JWT_SECRET." in ran.stderr
    assert "Warning" not in ran.stderr
    assert SECRET not in ran.stderr + ran.stdout
    assert not os.path.lexists(".jeffbot")


def test_command_without_a_secret() -> None:
    """Without one it makes and keeps one, warns that the bot must use the same, and does so only once."""
    first, second = run(str(USER)), run(str(USER))
    secret = Path(".jeffbot/secret").read_text().strip()
    source = f"the secret of {Path('.jeffbot/secret')}."

    for ran in (first, second):
        assert Tokens(secret, hours=1).check(ran.stdout.strip()).user_id == USER
        assert source in ran.stderr
        assert secret not in ran.stderr
    assert ("Warning" in first.stderr, "Warning" in second.stderr) == (True, False)


def test_command_with_scopes_and_hours() -> None:
    """What the token is good for, and how long, may be said."""
    ran = run(str(USER), "--scope", "manage,play", "--scope", "read", "--hours", "2", JEFFBOT_JWT_SECRET=SECRET)
    identity = Tokens(SECRET, hours=1).check(ran.stdout.strip())

    assert identity.scopes == {Scope.READ, Scope.PLAY, Scope.MANAGE}
    assert identity.expires_at == pytest.approx(time.time() + 7200, abs=60)
    assert "for read play manage." in ran.stderr


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--scope", "root"], "there is no scope 'root'; there are read, play, manage, admin"),
        (["--scope", "play,"], "there is no scope ''"),
        (["--hours", "0"], "8784 hours"),
        (["--hours", "soon"], "invalid float"),
    ],
)
def test_command_with_wrong_words(words: list[str], said: str) -> None:
    """What cannot be is refused with exit code 2, nothing on stdout, and no secret made."""
    ran = run(str(USER), *words)

    assert (ran.returncode, ran.stdout) == (2, "")
    assert said in ran.stderr
    assert not os.path.lexists(".jeffbot")


@pytest.mark.parametrize("argument", ["jeff", "0", "-5", "@jeff", "", "9" * 20])
def test_command_for_no_user(argument: str) -> None:
    """What is no snowflake is refused with exit code 2, nothing on stdout, and no secret made."""
    ran = run(argument)

    assert (ran.returncode, ran.stdout) == (2, "")
    assert "Discord id" in ran.stderr
    assert "Traceback" not in ran.stderr
    assert not os.path.lexists(".jeffbot")


def test_command_with_a_wrong_setting() -> None:
    """A wrong setting is told in a sentence, with exit code 2."""
    ran = run(str(USER), JEFFBOT_JWT_SECRET="short")

    assert (ran.returncode, ran.stdout) == (2, "")
    assert "JEFFBOT_JWT_SECRET must be" in ran.stderr
    assert "Traceback" not in ran.stderr
