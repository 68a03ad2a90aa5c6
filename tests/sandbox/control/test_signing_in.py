"""OAuth2 from another language: applications are made for it, and people agree."""

from typing import Any
from urllib.parse import parse_qs, urlencode, urlsplit

import pytest

from jeffbot.sandbox import Intents, Sandbox

from ..clients import RawClient
from ..conftest import Cave
from .conftest import Remote

CALLBACK = "http://localhost:3000/callback"


def url_of(discord: Sandbox, application: dict[str, Any], **changes: str) -> str:
    """Where an application sends people."""
    query = {"client_id": application["id"], "response_type": "code", "scope": "identify", "redirect_uri": CALLBACK}
    return f"{discord.api_base.removesuffix('/api/v10')}/oauth2/authorize?{urlencode(query | changes)}"


async def test_signing_in(remote: Remote, cave: Cave, raw: RawClient) -> None:
    """A person agrees, and the application gets their token with the code and its secret; or they do not."""
    app = await remote.do("add_application", name="web", redirect_uris=[CALLBACK])
    asked = {"user": str(cave.alice.id), "url": url_of(cave.discord, app, state="s")}
    agreed = urlsplit((await remote.do("authorize", **asked))["location"])
    told = parse_qs(agreed.query)
    form = {"grant_type": "authorization_code", "code": told["code"][0], "redirect_uri": CALLBACK}
    form |= {"client_id": app["id"], "client_secret": app["client_secret"]}
    token = (await raw.exchange("POST", "/oauth2/token", authorization="", data=form)).body
    me = await raw.exchange("GET", "/users/@me", authorization=f"Bearer {token['access_token']}")
    declined = urlsplit((await remote.do("authorize", **asked, agree=False))["location"])

    assert (f"{agreed.scheme}://{agreed.netloc}{agreed.path}", told["state"]) == (CALLBACK, ["s"])
    assert me.body["username"] == "alice"
    assert parse_qs(declined.query)["error"] == ["access_denied"]


async def test_letting_a_bot_in(remote: Remote, cave: Cave) -> None:
    """Who manages a guild lets a bot in, and is sent nowhere."""
    own = cave.discord.add_guild("Own", owner=cave.alice)
    app = await remote.do("add_application", name="bot")
    url = f"{cave.discord.api_base}/oauth2/authorize?client_id={app['id']}"
    asked = {"user": str(cave.alice.id), "url": url}

    assert await remote.refused("authorize", **asked, guild=str(cave.guild.id)) == (409, "authorization_refused")
    assert await remote.do("authorize", **asked, guild=str(own.id)) == {"location": None}
    assert int(app["id"]) in own.members


async def test_settings(remote: Remote, cave: Cave) -> None:
    """What is set is shown and holds; what is left out stays."""
    app = await remote.do("add_application", name="web", redirect_uris=["app:/x"], public_client=True)
    alice, number = str(cave.alice.id), app["id"]
    assert (app["redirect_uris"], app["public_client"]) == (["app:/x"], True)
    changed = await remote.do("set_application", application=number, redirect_uris=[CALLBACK], owner=alice)
    assert (changed["redirect_uris"], changed["public_client"]) == ([CALLBACK], True)
    changed = await remote.do(
        "set_application", application=number, public_client=False, bot_public=False, privileged=["MESSAGE_CONTENT"]
    )
    application = cave.discord.application(int(number))
    assert application is not None

    assert (changed["redirect_uris"], changed["public_client"]) == ([CALLBACK], False)
    assert (application.owner, application.bot_public) == (cave.alice, False)
    assert application.privileged == Intents.MESSAGE_CONTENT


@pytest.mark.parametrize(
    "changes", [{"redirect_uri": "http://[", "client_id": "1"}, {"redirect_uri": "http://localhost/other"}]
)
async def test_strangers(remote: Remote, cave: Cave, changes: dict[str, str]) -> None:
    """An unknown application, and an address that is not registered, are refused."""
    app = await remote.do("add_application", name="web", redirect_uris=[CALLBACK])
    asked = {"user": str(cave.alice.id), "url": url_of(cave.discord, app, **changes)}

    assert await remote.refused("authorize", **asked) == (409, "authorization_refused")


@pytest.mark.parametrize("wrong", ["http://[", "http://a:b/"])
async def test_no_urls(remote: Remote, cave: Cave, wrong: str) -> None:
    """What is no URL is refused, be it that of the page or one that an application has registered."""
    app = await remote.do("add_application", name="web", redirect_uris=[wrong])
    alice = str(cave.alice.id)

    for url in (wrong, url_of(cave.discord, app, redirect_uri=wrong)):
        assert await remote.refused("authorize", user=alice, url=url) == (409, "authorization_refused")
