"""OAuth2: with a real client library where it goes well, with requests of our own where it does not."""

import asyncio
import base64
from collections.abc import Mapping
from types import SimpleNamespace
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
from authlib.common.security import generate_token  # type: ignore[import-untyped]
from authlib.oauth2.client import OAuth2Client  # type: ignore[import-untyped]
from yarl import URL

from jeffbot.sandbox import Permission, Person, Sandbox
from jeffbot.sandbox.rest.authorize import AuthorizationRefusedError
from jeffbot.sandbox.rest.grants import CODE_SECONDS, Grants, Permit

from ..clients import RawClient
from ..conftest import Cave
from .conftest import Allow

CALLBACK = "http://localhost:8080/callback"
TOKEN, REVOKE = "/oauth2/token", "/oauth2/token/revoke"


class Library(OAuth2Client):  # type: ignore[misc]  # authlib has no types
    """Authlib's client, over aiohttp."""

    async def _fetch_token(self, url: str, body: str, headers: Any, auth: Any, method: str) -> Any:
        return self.parse_response_token(await self._post(url, body, headers, auth, method))

    async def _refresh_token(self, url: str, refresh_token: str, body: str, headers: Any, auth: Any) -> Any:  # noqa: ARG002
        return self.parse_response_token(await self._post(url, body, headers, auth))

    async def _http_post(self, url: str, body: str, auth: Any, headers: Any) -> Any:
        return await self._post(url, body, headers or {}, auth)

    async def _post(self, url: str, body: str, headers: Any, auth: Any, method: str = "POST") -> Any:
        form = {"Content-Type": "application/x-www-form-urlencoded"} | dict(headers)
        url, headers, body = auth.prepare(method, url, form, body)
        async with self.session.post(url, data=body, headers=headers) as response:
            answer = await response.json()
            return SimpleNamespace(status_code=response.status, json=lambda: answer, raise_for_status=lambda: None)


@pytest.fixture(autouse=True)
def _registered(cave: Cave) -> None:
    cave.app.redirect_uris.append(CALLBACK)


def origin(discord: Sandbox) -> str:
    return discord.api_base.removesuffix("/api/v10")


def wish(cave: Cave, **changes: str | None) -> str:
    """The URL of the authorize page for a wish with some fields changed, or left out."""
    query = {"client_id": str(cave.app.id), "response_type": "code", "redirect_uri": CALLBACK, "scope": "identify"}
    said = {name: value for name, value in (query | changes).items() if value is not None}
    return str(URL(f"{origin(cave.discord)}/oauth2/authorize").with_query(said))


def answer_of(address: str | None) -> dict[str, str]:
    """What is told to the application in the address that people are sent to."""
    assert address is not None
    return {name: values[0] for name, values in parse_qs(urlsplit(address).query).items()}


async def granted(
    cave: Cave, raw: RawClient, scope: str = "identify", *, person: Person | None = None
) -> dict[str, Any]:
    """The answer of the token URL after somebody, by default Alice, has agreed."""
    code = answer_of(cave.discord.authorize_page.agree(wish(cave, scope=scope), person or cave.alice))["code"]
    status, body = await ask(cave, raw, code=code)
    assert status == 200, body
    return body


async def ask(cave: Cave, raw: RawClient, path: str = TOKEN, /, **changes: str | None) -> tuple[int, dict[str, Any]]:
    """Ask the token URL with some fields changed, or left out."""
    form = {
        "grant_type": "authorization_code",
        "client_id": str(cave.app.id),
        "client_secret": cave.app.client_secret,
        "redirect_uri": CALLBACK,
    }
    said = {name: value for name, value in (form | changes).items() if value is not None}
    answer = await raw.exchange("POST", path, authorization="", data=said)
    return answer.status, answer.body


async def as_alice(raw: RawClient, token: Mapping[str, Any], path: str) -> tuple[int, Any]:
    answer = await raw.exchange("GET", path, authorization=f"Bearer {token['access_token']}")
    return answer.status, answer.body


# All goes well


async def test_with_a_library(cave: Cave, raw: RawClient) -> None:
    """Authlib signs Alice in with a code challenge, uses and refreshes her token, and revokes it."""
    base, session = cave.discord.api_base, raw._session
    library = Library(
        session,
        client_id=str(cave.app.id),
        client_secret=cave.app.client_secret,
        scope="identify email",
        redirect_uri=CALLBACK,
        code_challenge_method="S256",
    )
    verifier = generate_token(48)
    url, state = library.create_authorization_url(f"{origin(cave.discord)}/oauth2/authorize", code_verifier=verifier)
    address = cave.discord.authorize_page.agree(url, cave.alice)
    token = await library.fetch_token(base + TOKEN, authorization_response=address, state=state, code_verifier=verifier)

    assert (token["token_type"], token["scope"], token["expires_in"]) == ("Bearer", "identify email", 604_800)
    _, me = await as_alice(raw, token, "/users/@me")
    assert (me["username"], me["email"]) == ("alice", f"{cave.alice.id}@example.com")
    fresh = await library.refresh_token(base + TOKEN, refresh_token=token["refresh_token"])
    assert (await as_alice(raw, token, "/users/@me"))[0] == 401
    assert (await as_alice(raw, fresh, "/users/@me"))[0] == 200
    await library.revoke_token(base + REVOKE, token=fresh["access_token"])
    assert (await as_alice(raw, fresh, "/users/@me"))[0] == 401


async def test_what_scopes_allow(cave: Cave, raw: RawClient) -> None:
    """Each scope opens its route, and no other."""
    routes = {
        "identify": "/users/@me",
        "guilds": "/users/@me/guilds",
        "guilds.members.read": f"/users/@me/guilds/{cave.guild.id}/member",
        "connections": "/users/@me/connections",
    }
    for scope in routes:
        token = await granted(cave, raw, scope)
        opened = {other for other, path in routes.items() if (await as_alice(raw, token, path))[0] == 200}
        assert opened == {scope}
        assert (await as_alice(raw, token, f"/guilds/{cave.guild.id}"))[0] == 401


async def test_what_is_read_with_them(cave: Cave, raw: RawClient) -> None:
    token = await granted(cave, raw, "identify guilds guilds.members.read")
    _, me = await as_alice(raw, token, "/users/@me")
    _, guilds = await as_alice(raw, token, "/users/@me/guilds")
    _, member = await as_alice(raw, token, f"/users/@me/guilds/{cave.guild.id}/member")

    assert "email" not in me
    assert [guild["name"] for guild in guilds] == ["Cave"]
    assert member["user"]["id"] == str(cave.alice.id)


async def test_the_current_authorization(cave: Cave, raw: RawClient) -> None:
    """It says whose application, which scopes and until when; and who, if the scope is there."""
    _, full = await as_alice(raw, await granted(cave, raw, "identify guilds"), "/oauth2/@me")
    _, bare = await as_alice(raw, await granted(cave, raw, "guilds"), "/oauth2/@me")

    assert (full["application"]["id"], full["scopes"]) == (str(cave.app.id), ["identify", "guilds"])
    assert (full["user"]["username"], "user" in bare) == ("alice", False)
    assert full["expires"].endswith("+00:00")
    assert (await raw.request("GET", "/oauth2/@me"))[0] == 401


async def test_client_credentials(cave: Cave, raw: RawClient) -> None:
    """The application gets a token of its owner, without a refresh token, with Basic authentication."""
    cave.app.owner = cave.alice
    secret = base64.b64encode(f"{cave.app.id}:{cave.app.client_secret}".encode()).decode()
    form = {"grant_type": "client_credentials", "scope": "identify applications.commands.update"}
    answer = await raw.exchange("POST", TOKEN, authorization=f"Basic {secret}", data=form)

    assert (answer.status, "refresh_token" in answer.body) == (200, False)
    assert answer.headers["Cache-Control"] == "no-store"
    assert (await as_alice(raw, answer.body, "/users/@me"))[1]["username"] == "alice"
    commands = f"/applications/{cave.app.id}/commands"
    assert await as_alice(raw, answer.body, commands) == (200, [])


async def test_command_permissions(cave: Cave, raw: RawClient) -> None:
    """They are set with a grant of somebody who manages the guild, never by the bot; the bot reads them."""
    _, command = await raw.request(
        "POST", f"/applications/{cave.app.id}/commands", {"name": "play", "description": "Plays"}
    )
    base = f"/applications/{cave.app.id}/guilds/{cave.guild.id}/commands"
    path, body = f"{base}/{command['id']}/permissions", {"permissions": [{"id": "1", "type": 1, "permission": False}]}
    assert await raw.refusal("PUT", path, body) == 20001
    assert await raw.refusal("GET", path) == 10066
    token = await granted(cave, raw, "applications.commands.permissions.update")
    bearer = f"Bearer {token['access_token']}"
    assert (await raw.exchange("PUT", path, authorization=bearer, json=body)).body["code"] == 50013
    cave.guild.give_role(cave.alice, cave.guild.add_role("boss", Permission.MANAGE_GUILD | Permission.MANAGE_ROLES))
    gateway = await raw.log_in()

    assert (await raw.exchange("PUT", path, authorization=bearer, json=body)).status == 200
    assert (await gateway.until_event("APPLICATION_COMMAND_PERMISSIONS_UPDATE"))["id"] == command["id"]
    assert (await raw.request("GET", path))[1]["permissions"] == body["permissions"]
    assert [each["id"] for each in (await raw.request("GET", f"{base}/permissions"))[1]] == [command["id"]]


async def test_a_bot_is_let_in(cave: Cave, raw: RawClient) -> None:
    """With the scope ``bot`` the bot becomes a member, with a role of its own for what was asked for."""
    own = cave.discord.add_guild("Own", owner=cave.alice)
    url = wish(cave, scope="bot", response_type=None, redirect_uri=None, permissions="8", guild_id=str(own.id))
    gateway = await raw.log_in()
    await gateway.until_event("GUILD_CREATE")
    assert cave.discord.authorize_page.agree(url, cave.alice) is None

    assert (await gateway.until_event("GUILD_CREATE"))["name"] == "Own"
    assert own.may(cave.app.user, Permission.ADMINISTRATOR)
    assert own.members[cave.app.id].roles[0].managed


async def test_signing_in_and_letting_in(cave: Cave, raw: RawClient) -> None:
    """With more scopes than ``bot`` there is a token, and it says which guild was chosen."""
    own = cave.discord.add_guild("Own", owner=cave.alice)
    url = wish(cave, scope="identify bot", permissions="0")
    told = answer_of(cave.discord.authorize_page.agree(url, cave.alice, own))
    _, token = await ask(cave, raw, code=told["code"])

    assert (told["guild_id"], told["permissions"]) == (str(own.id), "0")
    assert token["guild"]["name"] == "Own"


async def test_joining_people(cave: Cave, raw: RawClient, allow: Allow) -> None:
    """With somebody's grant a bot makes them a member, with a role at once; another's grant or scope will not do."""
    bob = cave.discord.add_user("bob")
    dj = cave.guild.add_role("dj")
    path = f"/guilds/{cave.guild.id}/members/{bob.id}"
    wrong, poor = await granted(cave, raw, "guilds.join"), await granted(cave, raw, "identify", person=bob)
    token = (await granted(cave, raw, "guilds.join", person=bob))["access_token"]
    assert await raw.refusal("PUT", path, {"access_token": token}) == 50013
    allow(Permission.CREATE_INSTANT_INVITE | Permission.MANAGE_ROLES)
    assert await raw.refusal("PUT", path, {"access_token": wrong["access_token"]}) == 50025
    assert await raw.refusal("PUT", path, {"access_token": poor["access_token"]}) == 50026
    assert await raw.refusal("PUT", path, {"access_token": token, "mute": True}) == 50013

    status, member = await raw.request("PUT", path, {"access_token": token, "roles": [str(dj.id)]})
    assert (status, member["user"]["username"], member["roles"]) == (201, "bob", [str(dj.id)])
    assert await raw.request("PUT", path, {"access_token": token}) == (204, None)


def test_the_implicit_grant(cave: Cave) -> None:
    """The token is in the fragment, where the application's server does not see it."""
    state = "s&t=1 %é"
    address = cave.discord.authorize_page.agree(wish(cave, response_type="token", state=state), cave.alice)
    fragment = parse_qs(urlsplit(address or "").fragment)

    assert (fragment["token_type"], fragment["scope"], fragment["state"]) == (["Bearer"], ["identify"], [state])
    assert "code" not in (address or "")


# All that goes wrong at the token URL


@pytest.mark.parametrize(
    ("changes", "status", "error"),
    [
        ({"client_secret": "wrong"}, 401, "invalid_client"),
        ({"client_secret": None}, 401, "invalid_client"),
        ({"client_id": "1"}, 401, "invalid_client"),
        ({"client_id": "x" * 5000}, 401, "invalid_client"),
        ({"client_id": "9" * 5000}, 401, "invalid_client"),
        ({"client_id": None}, 401, "invalid_client"),
        ({"code": "wrong"}, 400, "invalid_grant"),
        ({"code": None}, 400, "invalid_request"),
        ({"redirect_uri": "http://localhost:8080/other"}, 400, "invalid_grant"),
        ({"grant_type": "password"}, 400, "unsupported_grant_type"),
        ({"grant_type": None}, 400, "unsupported_grant_type"),
        ({"grant_type": "refresh_token", "refresh_token": "wrong"}, 400, "invalid_grant"),
        ({"grant_type": "client_credentials", "scope": "everything"}, 400, "invalid_scope"),
    ],
)
async def test_no_token(cave: Cave, raw: RawClient, changes: dict[str, str | None], status: int, error: str) -> None:
    """Errors are those of RFC 6749, section 5.2."""
    code = answer_of(cave.discord.authorize_page.agree(wish(cave), cave.alice))["code"]
    answered, body = await ask(cave, raw, **({"code": code} | changes))

    assert (answered, body["error"]) == (status, error)
    assert body["error_description"]


async def test_only_forms(raw: RawClient) -> None:
    """JSON is not taken (OAuth2 URLs), broken forms neither."""
    for options in (
        {"json": {"grant_type": "client_credentials"}},
        {"data": b"\xff=%", "headers": {"Content-Type": "application/x-www-form-urlencoded"}},
        {"data": b"&".join([b"a=b"] * 200), "headers": {"Content-Type": "application/x-www-form-urlencoded"}},
    ):
        answer = await raw.exchange("POST", TOKEN, authorization="", **options)
        assert (answer.status, answer.body["error"]) == (400, "invalid_request")


@pytest.mark.parametrize("credentials", ["", "x", "!", base64.b64encode(b"\xff:\xff").decode()])
async def test_broken_credentials(raw: RawClient, credentials: str) -> None:
    form = {"grant_type": "client_credentials", "scope": "identify"}
    answer = await raw.exchange("POST", TOKEN, authorization=f"Basic {credentials}", data=form)

    assert (answer.status, answer.body["error"]) == (401, "invalid_client")


async def test_a_code_is_good_once(cave: Cave, raw: RawClient) -> None:
    """Who uses a code again gets nothing, and what the first has got is gone (RFC 6749, section 4.1.2)."""
    code = answer_of(cave.discord.authorize_page.agree(wish(cave), cave.alice))["code"]
    _, token = await ask(cave, raw, code=code)
    assert (await ask(cave, raw, code=code))[1]["error"] == "invalid_grant"

    assert (await as_alice(raw, token, "/users/@me"))[0] == 401


async def test_others_codes(cave: Cave, raw: RawClient) -> None:
    """Another application cannot use the code."""
    other = cave.discord.add_application("other")
    code = answer_of(cave.discord.authorize_page.agree(wish(cave), cave.alice))["code"]
    client_id, secret = str(other.id), other.client_secret

    assert (await ask(cave, raw, code=code, client_id=client_id, client_secret=secret))[1]["error"] == "invalid_grant"


@pytest.mark.parametrize(
    ("method", "challenge"), [("S256", "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM"), (None, None)]
)
async def test_code_challenges(cave: Cave, raw: RawClient, method: str | None, challenge: str | None) -> None:
    """A public client needs no secret, but the verifier of its challenge; S256 with the example of RFC 7636."""
    verifier = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk"
    cave.app.public_client = True
    asked = {"code_challenge": challenge or verifier, "code_challenge_method": method}
    for said, status in ((verifier, 200), ("x" * 43, 400), (None, 401)):
        code = answer_of(cave.discord.authorize_page.agree(wish(cave, **asked), cave.alice))["code"]
        assert (await ask(cave, raw, code=code, client_secret=None, code_verifier=said))[0] == status
    refused = answer_of(cave.discord.authorize_page.agree(wish(cave), cave.alice))
    assert refused["error"] == "invalid_request"


async def test_tokens_expire(cave: Cave, raw: RawClient) -> None:
    """An access token that is too old is good for nothing; the refresh token still is."""
    cave.discord.options.token_lifetime = 0.05
    token = await granted(cave, raw)
    await asyncio.sleep(0.06)  # there is no event to wait for
    assert (await as_alice(raw, token, "/users/@me"))[0] == 401
    cave.discord.options.token_lifetime = 60

    _, fresh = await ask(cave, raw, grant_type="refresh_token", refresh_token=token["refresh_token"])
    assert (await as_alice(raw, fresh, "/users/@me"))[0] == 200


def test_codes_expire(cave: Cave) -> None:
    """A code is good for little more than a minute."""
    now = 0.0
    grants = Grants(cave.discord.options, lambda: now)
    permit = Permit(cave.app, cave.alice, ("identify",))
    codes = [grants.issue_code(permit, CALLBACK) for _ in range(2)]
    now = CODE_SECONDS
    assert grants.redeem(codes[0], cave.app, CALLBACK, None, proven=True)
    now = CODE_SECONDS + 0.1

    assert grants.redeem(codes[1], cave.app, CALLBACK, None, proven=True) is None


async def test_revocation(cave: Cave, raw: RawClient) -> None:
    """Revoking one token ends all of this person's with the application; unknown ones are no error (RFC 7009)."""
    first, second = await granted(cave, raw), await granted(cave, raw)
    assert await ask(cave, raw, REVOKE, token="wrong") == (200, {})
    assert (await ask(cave, raw, REVOKE, token=first["refresh_token"], client_secret="wrong"))[0] == 401
    assert (await as_alice(raw, first, "/users/@me"))[0] == 200
    assert await ask(cave, raw, REVOKE, token=first["refresh_token"]) == (200, {})

    for token in (first, second):
        assert (await as_alice(raw, token, "/users/@me"))[0] == 401


# The page


@pytest.mark.parametrize(
    ("changes", "error"),
    [
        ({"scope": "identify everything"}, "invalid_scope"),
        ({"response_type": "id_token"}, "unsupported_response_type"),
        ({"response_type": None}, "invalid_request"),
        ({"code_challenge": "x", "code_challenge_method": "S512"}, "invalid_request"),
    ],
)
async def test_sent_back(cave: Cave, raw: RawClient, changes: dict[str, str | None], error: str) -> None:
    """The application is told what is wrong with its wish, with its state (RFC 6749, section 4.1.2.1)."""
    page = await raw.exchange("GET", wish(cave, state="s", **changes), authorization="")
    told = answer_of(page.headers["Location"])

    assert (page.status, told["error"], told["state"]) == (303, error, "s")
    assert answer_of(cave.discord.authorize_page.agree(wish(cave, state="s", **changes), cave.alice)) == told


@pytest.mark.parametrize(
    "changes",
    [
        {"client_id": "1"},
        {"client_id": "9" * 5000},
        {"client_id": None},
        {"redirect_uri": "http://localhost:8080/callback/"},
        {"redirect_uri": "http://evil.example/<script>"},
    ],
)
async def test_nobody_is_sent_to_strangers(cave: Cave, raw: RawClient, changes: dict[str, str | None]) -> None:
    """An unknown application or address is told to the person, who stays."""
    page = await raw.exchange("GET", wish(cave, **changes), authorization="")

    assert (page.status, "Location" in page.headers, b"<script>" in page.body) == (400, False, False)
    with pytest.raises(AuthorizationRefusedError):
        cave.discord.authorize_page.agree(wish(cave, **changes), cave.alice)


@pytest.mark.parametrize("base", ["", "/api", "/api/v10"])
async def test_in_a_browser(cave: Cave, raw: RawClient, base: str) -> None:
    """The page says what is asked for, and its form sends the person back with a code, or without."""
    cave.app.user.name = "jeff <b>"
    url = wish(cave, scope="identify guilds", state="s&t").replace("/oauth2/", f"{base}/oauth2/")
    page = await raw.exchange("GET", url, authorization="")
    text = page.body.decode()
    assert (page.status, page.headers["Content-Type"]) == (200, "text/html; charset=utf-8")
    assert all(part in text for part in ("jeff &lt;b&gt;", "identify", "guilds", CALLBACK, "alice"))

    form = {"user_id": str(cave.alice.id), "decision": "authorize"}
    sent = await raw.exchange("POST", url, authorization="", data=form)
    told = answer_of(sent.headers["Location"])
    assert (sent.status, told["state"]) == (303, "s&t")
    assert (await ask(cave, raw, code=told["code"]))[0] == 200
    cancelled = await raw.exchange("POST", url, authorization="", data={"decision": "cancel"})
    assert answer_of(cancelled.headers["Location"])["error"] == "access_denied"
    nobody = await raw.exchange("POST", url, authorization="", data=form | {"user_id": "1"})
    assert nobody.status == 400
    assert cave.discord.findings == []


async def test_letting_a_bot_in_with_a_browser(cave: Cave, raw: RawClient) -> None:
    """The person chooses a guild; nobody is sent anywhere."""
    own = cave.discord.add_guild("Own", owner=cave.alice)
    url = wish(cave, scope=None, response_type=None, redirect_uri=None)
    assert b"Own" in (await raw.exchange("GET", url, authorization="")).body
    form = {"user_id": str(cave.alice.id), "decision": "authorize", "guild_id": str(own.id)}
    page = await raw.exchange("POST", url, authorization="", data=form)

    assert (page.status, "Location" in page.headers) == (200, False)
    assert cave.app.id in own.members


def test_who_lets_bots_in(cave: Cave) -> None:
    """It takes MANAGE_GUILD, a guild, and for a private bot its owner."""
    own, page = cave.discord.add_guild("Own", owner=cave.alice), cave.discord.authorize_page
    url = wish(cave, scope="bot", response_type=None)
    for guild in (cave.guild, None):
        with pytest.raises(AuthorizationRefusedError):
            page.agree(url, cave.alice, guild)
    with pytest.raises(AuthorizationRefusedError):
        page.agree(f"{url}&guild_id={cave.guild.id}&disable_guild_select=true", cave.alice, own)
    cave.app.bot_public = False
    with pytest.raises(AuthorizationRefusedError):
        page.agree(url, cave.alice, own)
    assert cave.app.id not in own.members
    cave.app.owner = cave.alice
    page.agree(url, cave.alice, own)

    assert cave.app.id in own.members


@pytest.mark.parametrize(
    ("kind", "body"),
    [
        ("multipart/form-data", b"x"),
        ("multipart/form-data; boundary=x", b"--x\r\nbroken\r\n\r\n--x--"),
        ("application/x-www-form-urlencoded; charset=bogus", b"decision=\xff"),
        ("application/json", b"{}"),
        ("application/x-www-form-urlencoded", b"&".join([b"a=1"] * 200)),
    ],
)
async def test_malformed_decisions(cave: Cave, raw: RawClient, kind: str, body: bytes) -> None:
    """What is no form is told to the person."""
    answer = await raw.exchange("POST", wish(cave), authorization="", data=body, headers={"Content-Type": kind})

    assert (answer.status, "Location" in answer.headers) == (400, False)


@pytest.mark.parametrize("charset", ["bogus", "utf-16"])
async def test_charsets_mean_nothing(cave: Cave, raw: RawClient, charset: str) -> None:
    """The form is in UTF-8, whatever it says (WHATWG, URL, "application/x-www-form-urlencoded")."""
    kind = {"Content-Type": f"application/x-www-form-urlencoded; charset={charset}"}
    answer = await raw.exchange("POST", wish(cave), authorization="", data=b"decision=cancel", headers=kind)

    assert (answer.status, answer_of(answer.headers["Location"])["error"]) == (303, "access_denied")


@pytest.mark.parametrize("permissions", [2**63, 2**64])
def test_impossible_permissions(cave: Cave, permissions: int) -> None:
    """A bot's role cannot have more permissions than there are bits; the application is told."""
    own = cave.discord.add_guild("Own", owner=cave.alice)
    url = wish(cave, scope="identify bot", permissions=str(permissions), guild_id=str(own.id))

    assert answer_of(cave.discord.authorize_page.agree(url, cave.alice))["error"] == "invalid_request"
    assert cave.app.id not in own.members


@pytest.mark.parametrize("scope", ["openid", "role_connections.write", "webhook.incoming"])
def test_what_is_not_granted(cave: Cave, scope: str) -> None:
    """A scope that would open nothing here is refused, as its page says."""
    address = cave.discord.authorize_page.agree(wish(cave, scope=f"identify {scope}"), cave.alice)

    assert answer_of(address)["error"] == "invalid_scope"
