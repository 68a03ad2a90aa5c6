"""Tokens as someone would make them who wants in, without any library (RFC 7515, section 3.1)."""

import base64
import hmac
import json
import time
from typing import Any

from staging import SECRET

HEADER = {"alg": "HS256", "typ": "JWT"}
USER = 123456789012345678
DAY = 86_400.0
"""Tokens are made when tests are collected, which may be long before they are run."""
_NO_OBJECTS: tuple[object, ...] = ([], "x", 1, None, True)


def base64url(data: bytes) -> str:
    """RFC 7515, section 2."""
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def claims(**changes: Any) -> dict[str, Any]:
    """The claims of a good token, with changes; ``...`` leaves one out."""
    now = time.time()
    good = {"user_id": str(USER), "iat": now, "exp": now + DAY, "iss": "jeffbot", "jti": "x", **changes}
    return {name: value for name, value in good.items() if value is not ...}


def token(payload: object, *, header: object = HEADER, secret: str = SECRET, digest: str = "sha256") -> str:
    """A token, signed."""
    both = ".".join(base64url(json.dumps(part).encode()) for part in (header, payload))
    return f"{both}.{base64url(hmac.digest(secret.encode(), both.encode(), digest))}"


def unsigned(header: object = HEADER) -> str:
    """A token without a signature."""
    return token(claims(), header=header).rpartition(".")[0] + "."


def _forgeries() -> dict[str, Any]:
    whole = json.dumps(claims()).encode()
    good = token(claims())
    head, body, signature = good.split(".")
    return {
        "alg none": unsigned({"alg": "none"}),
        "alg None": unsigned({"alg": "None", "typ": "JWT"}),
        "alg NONE, signed": token(claims(), header={"alg": "NONE"}),
        "alg none, signed": token(claims(), header={"alg": "none"}),
        "no alg": token(claims(), header={"typ": "JWT"}),
        "alg null": token(claims(), header={"alg": None}),
        "alg list": token(claims(), header={"alg": ["HS256"]}),
        "alg in small letters": token(claims(), header={"alg": "hs256"}),
        "HS384": token(claims(), header={"alg": "HS384"}, digest="sha384"),
        "HS512": token(claims(), header={"alg": "HS512"}, digest="sha512"),
        "HS256 said, HS512 done": token(claims(), digest="sha512"),
        "RS256 with our secret as public key": token(claims(), header={"alg": "RS256"}),
        "ES256": token(claims(), header={"alg": "ES256"}),
        "EdDSA": token(claims(), header={"alg": "EdDSA"}),
        "no signature": unsigned(),
        "signature of something else": f"{head}.{base64url(b'{}')}.{signature}",
        "signature cut": good[:-4],
        "signature longer": good + "AAAA",
        "another secret": token(claims(), secret="another secret of thirty-two bytes"),
        "empty secret": token(claims(), secret=""),
        "well-known secret": token(claims(), secret="secret"),
        "unsigned JSON": whole.decode(),
        "unsigned base64": base64.b64encode(whole).decode(),
        "unsigned base64url": base64url(whole),
        "fallback": "fallback-token",
        "two parts": f"{head}.{body}",
        "four parts": f"{good}.x",
        "dots": "..",
        "many dots": "." * 4000,
        "own key in jwk": token(
            claims(), secret="x" * 32, header={**HEADER, "jwk": {"kty": "oct", "k": base64url(b"x" * 32)}}
        ),
        "own key at jku": token(claims(), secret="x" * 32, header={**HEADER, "jku": "https://evil.example/keys"}),
        "own key at x5u": token(claims(), secret="x" * 32, header={**HEADER, "x5u": "https://evil.example/cert"}),
        "kid is a path": token(claims(), secret="", header={**HEADER, "kid": "../../../../dev/null"}),
        "kid is SQL": token(claims(), secret="x", header={**HEADER, "kid": "x' UNION SELECT 'x'"}),
        "crit": token(claims(), header={**HEADER, "crit": ["exp"]}),
        "crit unknown": token(claims(), header={**HEADER, "crit": ["x"], "x": 1}),
        "header no object": token(claims(), header=[]),
        "header no JSON": f"{base64url(b'{')}.{body}.{signature}",
        "JWE": "eyJhbGciOiJkaXIiLCJlbmMiOiJBMTI4R0NNIn0..AAAA.AAAA.AAAA",
        "huge": token(claims(x="y" * 40_000)),
        "larger than a token may be": token(claims(x="y" * 4096)),
        "not ASCII": good[:-1] + "\u00e9",
        "full-width": good.replace(".", "\uff0e"),
        "NUL": good + "\0",
        "line break": good + "\n",
        "space": " " + good,
        "number": 17,
        "yes": True,
        "list": [good],
        "object": {"token": good},
        "issued in the future": token(claims(iat=time.time() + DAY)),
        "good in the future": token(claims(nbf=time.time() + DAY)),
        "another issuer": token(claims(iss="evil")),
        "issuer is a list": token(claims(iss=["jeffbot"])),
    }


def _odd_payloads() -> dict[str, Any]:
    odd_users = [
        None,
        "",
        0,
        -1,
        1.5,
        True,
        [],
        {},
        "x",
        "1e3",
        "-1",
        " 1",
        "\u0661",
        "9" * 30,
        2**63,
        [USER],
        {"id": USER},
    ]
    odd_times: list[object] = [None, "x", str(2**31), True, [], {}, float("inf"), float("nan"), 1e300]
    return {
        **{f"user_id {value!r}": token(claims(user_id=value)) for value in odd_users},
        **{f"exp {value!r}": token(claims(exp=value)) for value in odd_times},
        **{f"iat {value!r}": token(claims(iat=value)) for value in odd_times},
        "no exp": token(claims(exp=...)),
        "no user_id": token(claims(user_id=...)),
        "b64 false": token(claims(), header={**HEADER, "crit": ["b64"], "b64": False}),
        "scope no text": token(claims(scope=["admin"])),
        **{f"payload {value!r}": token(value) for value in _NO_OBJECTS},
    }


BAD_FORMAT = _forgeries()
"""Tokens that are none of ours: ``Invalid token format``."""
BAD_PAYLOAD = _odd_payloads()
"""Tokens with our signature that say nothing of use: ``Invalid token payload``."""
