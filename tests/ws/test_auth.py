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
from jeffbot.ws.auth import MAX_TOKEN_CHARS, TokenError, Tokens, generate_token, parse_snowflake
from staging import SECRET

NOW = 1_800_000_000
USER = 123456789012345678
HEADER = {"alg": "HS256", "typ": "JWT"}
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
@pytest.mark.parametrize("name", [b"exp", b"iat", b"nbf"])
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


@pytest.mark.parametrize("name", ["iat", "nbf"])
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
        pytest.param({"sub": "someone", "aud": "somewhere", "scope": ["play"], "jti": 5}, id="with more"),
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
@given(st.dictionaries(st.sampled_from(["alg", "typ", "kid", "crit", "b64", "zip", "jku", "x"]), json_values))
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
