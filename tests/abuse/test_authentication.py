"""Nobody gets in who should not, and nobody stays in who should not."""

import asyncio
import time
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

import pytest

from abuse.forging import BAD_FORMAT, BAD_PAYLOAD, USER, claims, token
from abuse.invariants import House, inhabited
from abuse.raw import Peer, Response, close, line, peer, text
from jeffbot.errors import ErrorCode
from jeffbot.models import UserId
from jeffbot.ws import connection
from jeffbot.ws.connection import MAX_FAILED_AUTHENTICATIONS
from serving import FakeService, make_server
from staging import SECRET, MakeStage, Stage, token_for


async def sign_in(client: Peer, good: object) -> dict[str, Any]:
    """Authenticate; the reply."""
    return await client.ask({"action": "authenticate", "token": good})


async def post(port: int, action: str, good: object, body: str = "{}") -> Response:
    """A request over HTTP with this token."""
    async with line(port) as tcp:
        head = f"POST /api/{action} HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nAuthorization: Bearer {good}\r\n"
        await tcp.send(f"{head}Content-Length: {len(body)}\r\n\r\n{body}".encode("latin-1", "replace"))
        return await tcp.response()


async def is_in(client: Peer) -> bool:
    """Whether the client is signed in."""
    return (await client.ask({"action": "describe"})).get("error_code") != ErrorCode.NOT_AUTHENTICATED


TOLD = {
    **{name: (forged, "Invalid token format") for name, forged in BAD_FORMAT.items()},
    **{name: (odd, "Invalid token payload") for name, odd in BAD_PAYLOAD.items()},
    "expired": (token(claims(exp=time.time() - 1)), "Token expired"),
    "expired long ago": (token(claims(exp=0)), "Token expired"),
    "expires before it begins": (token(claims(exp=-1, iat=1)), "Token expired"),
    "none": (None, "Token required"),
    "empty": ("", "Token required"),
}


@pytest.mark.parametrize("case", TOLD)
async def test_bad_token(house: House, case: str) -> None:
    """A bad token is refused in few words, and the client stays outside; the log has a line, without the token."""
    bad, words = TOLD[case]
    async with peer(house.port) as client:
        reply = await sign_in(client, bad)

        assert (reply["error_code"], reply["error_message"]) == (ErrorCode.AUTH_FAILED, words)
        assert not await is_in(client)
    if isinstance(bad, str) and len(bad) > 20:
        assert bad not in house.log.text


@pytest.mark.parametrize(
    "case", [case for case in TOLD if isinstance(TOLD[case][0], str) and TOLD[case][0].isprintable()]
)
async def test_bad_token_over_http(house: House, case: str) -> None:
    """Neither does it let anyone in over HTTP."""
    bad, _ = TOLD[case]
    if len(bad) > 8000:
        house.lines = 0
        assert (await post(house.port, "describe", bad)).status == 400  # of a head that is too large
        return
    if bad.startswith(" "):
        bad = bad.replace(".", "..")  # spaces around it belong to the header

    response = await post(house.port, "describe", bad)

    assert response.status == 401
    assert response.header("WWW-Authenticate").startswith("Bearer")
    assert response.json["error_code"] in {ErrorCode.AUTH_FAILED, ErrorCode.NOT_AUTHENTICATED}


@pytest.mark.parametrize(
    "changes",
    [
        {"iat": ..., "iss": ..., "jti": ...},
        {"user_id": USER},
        {"exp": time.time() + 1e9},
        {"iat": time.time() + 2, "nbf": time.time() + 2},
        {"iat": int(time.time())},
        {"jti": ["x"]},
        {"scope": "read nonsense"},
        {"x": "y" * 2000},
        {"iss": ..., "aud": "other", "sub": "17"},
    ],
)
async def test_good_token(house: House, changes: dict[str, Any]) -> None:
    """What others make with the secret gets in, as the protocol has it; so the refusals above mean something."""
    house.lines = 0
    async with peer(house.port) as client:
        reply = await sign_in(client, token(claims(**changes)))

        assert (reply["action"], reply["user_id"]) == ("auth_success", str(USER))


async def test_five_failures(house: House) -> None:
    """The fifth failed try ends the connection with 4004; each is told why."""
    house.lines = MAX_FAILED_AUTHENTICATIONS
    async with peer(house.port) as client:
        for _ in range(MAX_FAILED_AUTHENTICATIONS):
            assert (await sign_in(client, "nonsense"))["error_code"] == ErrorCode.AUTH_FAILED

        assert await client.closed() == 4004


async def test_failures_before_a_success(house: House) -> None:
    """A good token forgives those before it."""
    house.lines = 2 * MAX_FAILED_AUTHENTICATIONS
    async with peer(house.port) as client:
        for _ in range(2):
            for _ in range(MAX_FAILED_AUTHENTICATIONS - 1):
                await sign_in(client, "nonsense")
            assert (await sign_in(client, token(claims())))["action"] == "auth_success"


async def test_failures_from_one_address(home: House, stage: Stage) -> None:
    """Beyond five a minute from one address none is told more than to wait; a good token from there gets in."""
    home.lines = 5
    async with peer(home.port) as client:
        for _ in range(5):
            await sign_in(client, "nonsense")
        assert await client.closed() == 4004

    async with peer(home.port) as client:
        reply = await sign_in(client, "nonsense")
        assert reply["error_code"] == ErrorCode.RATE_LIMITED
        assert 0 < reply["retry_after"] <= 12
        assert (await sign_in(client, token_for(stage.alice)))["action"] == "auth_success"

    response = await post(home.port, "status", "nonsense")
    assert response.status == 429
    assert 1 <= int(response.header("Retry-After")) <= 12
    assert (await post(home.port, "status", token_for(stage.alice))).status == 200


async def test_flood_of_failures(home: House) -> None:
    """However many try however often, the log has five lines a minute of an address."""
    home.lines = 5
    for _ in range(10):
        async with peer(home.port) as client:
            await client.send(text({"action": "authenticate", "token": "nonsense"}) * MAX_FAILED_AUTHENTICATIONS)
            assert await client.closed() == 4004
    for _ in range(20):
        assert (await post(home.port, "status", "nonsense")).status == 429


@pytest.mark.parametrize("message", ["", '{"action":"ping"}', '{"action":"list"}', "nonsense"])
async def test_not_in_time(tmp_path: Path, caplog: pytest.LogCaptureFixture, message: str) -> None:
    """Who does not sign in is gone with 4001, whatever else they say meanwhile; who did may stay."""
    hasty = make_server(FakeService(), tmp_path, auth_timeout=0.3)
    async with hasty, inhabited(hasty, caplog) as house, peer(house.port) as client:
        house.lines = 0
        await client.send(text(message))

        assert await client.closed() == 4001


async def test_eleventh_connection(home: House, stage: Stage) -> None:
    """The eleventh connection of a user is closed with 4011, and finds room when another has left."""
    home.lines = 0
    good = token_for(stage.alice)
    async with AsyncExitStack() as stack:
        first, *others = [await stack.enter_async_context(peer(home.port)) for _ in range(11)]
        for client in (first, *others[:9]):
            assert (await sign_in(client, good))["action"] == "auth_success"
        await others[9].send(text({"action": "authenticate", "token": good}))
        assert await others[9].closed() == 4011

        await first.send(close(1000))
        await first.line.ended()
        async with peer(home.port) as client:
            assert (await sign_in(client, good))["action"] == "auth_success"


@pytest.mark.parametrize("gate", [{"connections": 3}, {"connections_per_address": 3}])
async def test_full_house(tmp_path: Path, caplog: pytest.LogCaptureFixture, gate: dict[str, int]) -> None:
    """Where there is no room a connection is closed with 1013, and there is room when another has left."""
    small = make_server(FakeService(), tmp_path, **gate)
    async with small, inhabited(small, caplog) as house, peer(house.port) as first, peer(house.port) as second:
        house.lines = 0
        for _ in range(20):
            async with peer(house.port, welcome=False) as refused:
                assert await refused.closed() == 1013
        await first.send(close(1000))
        await first.line.ended()
        async with peer(house.port) as third:
            assert await third.is_alive()
        assert await second.is_alive()


async def test_expiry_while_connected(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    """When the token ends every action is refused as before signing in, and a while later the connection ends."""
    assert connection.GRACE == 60
    monkeypatch.setattr(connection, "GRACE", 0.5)
    house.lines = 0
    async with peer(house.port) as client:
        await sign_in(client, token(claims(exp=time.time() + 0.3)))
        assert await is_in(client)
        while await is_in(client):
            await asyncio.sleep(0.02)
        assert await client.is_alive()
        began = time.monotonic()

        assert await client.closed() == 4009
        assert 0.2 < time.monotonic() - began < 5


async def test_renewal_in_time(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    """Who renews the token within the grace stays."""
    monkeypatch.setattr(connection, "GRACE", 0.5)
    house.lines = 0
    async with peer(house.port) as client:
        await sign_in(client, token(claims(exp=time.time() + 0.1)))
        while await is_in(client):
            await asyncio.sleep(0.02)
        await sign_in(client, token(claims()))
        await asyncio.sleep(0.7)  # past the moment at which the old one would have ended it

        assert await is_in(client)


async def test_revoked_token(home: House, stage: Stage) -> None:
    """A token that is revoked opens no door, and closes the one it has opened; others of its user go on."""
    revoked, other = token(claims(jti="lost")), token(claims(jti="kept"))
    async with peer(home.port) as client, peer(home.port) as bystander:
        await sign_in(client, revoked)
        await sign_in(bystander, other)

        await stage.service.revocations.revoke_token(USER, "lost", UserId(USER), time.time() + 60)

        assert await client.closed() == 4010
        assert await bystander.is_alive()
        assert await is_in(bystander)
    await is_refused(home, revoked)
    async with peer(home.port) as client:
        assert (await sign_in(client, other))["action"] == "auth_success"


async def test_revoked_user(home: House, stage: Stage) -> None:
    """Of a user who is revoked all tokens are good no more, also one without a name; later ones are."""
    revoked = [token(claims()), token(claims(jti=...)), token(claims(iat=...))]
    async with AsyncExitStack() as stack:
        clients = [await stack.enter_async_context(peer(home.port)) for _ in revoked]
        for client, good in zip(clients, revoked, strict=True):
            assert (await sign_in(client, good))["action"] == "auth_success"

        await stage.service.revocations.revoke_user(USER, UserId(USER))

        assert [await client.closed() for client in clients] == [4010] * 3
    home.lines += 2
    await is_refused(home, revoked[1])
    async with peer(home.port) as client:
        assert (await sign_in(client, token(claims(iat=time.time() + 1))))["action"] == "auth_success"


async def is_refused(home: House, revoked: str) -> None:
    """A revoked token is refused at both doors; each time the log has a line."""
    home.lines += 2
    async with peer(home.port) as client:
        reply = await sign_in(client, revoked)
        assert (reply["error_code"], reply["error_message"]) == (ErrorCode.AUTH_FAILED, "Token revoked")
    response = await post(home.port, "status", revoked)
    assert (response.status, response.json["error_code"]) == (401, ErrorCode.TOKEN_REVOKED)


async def test_renewal_keeps_subscriptions(stage: Stage) -> None:
    """Who signs in anew as the same user hears on; as another, no more, not even what the other may hear."""
    port = (await stage.soundboard.wait_serving()).port
    bob = stage.discord.add_user("bob")
    async with peer(port) as same, peer(port) as other, peer(port) as presser:
        for client in (same, other, presser):
            await sign_in(client, token_for(stage.alice))
        for client in (same, other):
            assert (await client.ask({"action": "subscribe", "topics": ["playback"]}))["topics"] == ["playback"]
        assert (await sign_in(same, token_for(stage.alice)))["action"] == "auth_success"
        assert (await sign_in(other, token_for(bob)))["action"] == "auth_success"

        assert (await presser.ask({"action": "play", "filename": "low"}))["action"] == "playing"

        assert (await same.reply())["topic"] == "playback"
        assert (await other.ask({"action": "ping"}))["action"] == "pong"
        assert (await sign_in(other, token_for(stage.alice)))["action"] == "auth_success"
        assert (await other.ask({"action": "subscribe", "topics": []}))["topics"] == []


async def test_change_of_user_ends_work(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    """What one user had asked for and has not happened does not happen after another has signed in."""
    begun, ended = asyncio.Event(), asyncio.Event()

    async def hang(*_: object, **__: object) -> None:
        begun.set()
        try:
            await asyncio.Event().wait()
        finally:
            ended.set()

    monkeypatch.setattr(stage.service, "play", hang)
    bob = stage.discord.add_user("bob")
    async with peer((await stage.soundboard.wait_serving()).port) as client:
        await sign_in(client, token_for(stage.alice))
        await client.send(text({"action": "play", "filename": "low", "id": "press"}))
        await begun.wait()

        await client.send(text({"action": "authenticate", "token": token_for(bob)}))
        replies = [await client.reply(), await client.reply()]

        assert ended.is_set()
        assert {reply["action"] for reply in replies} == {"auth_success", "error"}
        assert {reply.get("error_code") for reply in replies} == {None, ErrorCode.PLAY_ERROR}


async def test_another_secret(make_stage: MakeStage) -> None:
    """Where the secret has been changed, tokens of the one before are good for as long as it is set, and no others."""
    async with make_stage(jwt_secret="n" * 32, jwt_secret_previous=SECRET) as stage:
        port = (await stage.soundboard.wait_serving()).port
        for secret, expected in (("n" * 32, 200), (SECRET, 200), ("m" * 32, 401)):
            assert (await post(port, "status", token(claims(), secret=secret))).status == expected
