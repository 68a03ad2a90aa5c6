"""The HTTP API as a whole: who may ask, versions, routes, bodies, and what is noted of all that."""

import asyncio
from typing import Any

import pytest
from yarl import URL

from jeffbot.sandbox import File
from jeffbot.sandbox.findings import Kind
from jeffbot.sandbox.world.payloads import Json

from .clients import TIMEOUT, USER_AGENT, RawClient
from .conftest import Cave

PLAY: Json = {"name": "play", "description": "Plays", "options": [{"type": 3, "name": "sound", "description": "Which"}]}


@pytest.mark.parametrize("authorization", ["", "Bot wrong", "Bot", "Bearer wrong", "Basic wrong", "wrong"])
async def test_unauthorized(raw: RawClient, authorization: str) -> None:
    answer = await raw.exchange("GET", "/users/@me", authorization=authorization)

    assert (answer.status, answer.body) == (401, {"message": "401: Unauthorized", "code": 0})


async def test_a_new_token(cave: Cave, raw: RawClient) -> None:
    """The old token is good for nothing, the new one at once."""
    old, cave.app.token = cave.app.token, "new"

    assert (await raw.request("GET", "/users/@me", token=old))[0] == 401
    assert (await raw.request("GET", "/users/@me", token="new"))[0] == 200


async def test_unknown_routes_are_noted(cave: Cave, raw: RawClient) -> None:
    """A route or a method that there is not is answered as Discord does, and noted for the test."""
    assert await raw.request("GET", "/guilds/1/stickers") == (404, {"message": "404: Not Found", "code": 0})
    assert await raw.request("PUT", "/gateway") == (405, {"message": "405: Method Not Allowed", "code": 0})

    assert cave.discord.unknown_routes == ["GET /api/v10/guilds/1/stickers", "PUT /api/v10/gateway"]


@pytest.mark.parametrize(("version", "status"), [("/v10", 200), ("/v9", 200), ("", 200), ("/v8", 400), ("/v11", 400)])
async def test_versions(cave: Cave, raw: RawClient, version: str, status: int) -> None:
    """Other versions than 9 and 10 are refused; without one, the request is taken."""
    base = cave.discord.api_base.removesuffix("/v10")
    answer = await raw.exchange("GET", f"{base}{version}/users/@me")

    assert answer.status == status
    assert status == 200 or answer.body == {"message": "Invalid API version", "code": 50041}
    assert cave.discord.unknown_routes == []


@pytest.mark.parametrize(
    ("path", "code"),
    [
        ("/guilds/1", 10004),
        ("/guilds/1/members/1", 10004),
        ("/guilds/{guild}/members/1", 10013),
        ("/guilds/{guild}/members/{bob}", 10007),
        ("/channels/1", 10003),
        ("/applications/{app}/commands/1", 10063),
    ],
)
async def test_unknown_things(cave: Cave, raw: RawClient, path: str, code: int) -> None:
    bob = cave.discord.add_user("bob")
    status, body = await raw.request("GET", path.format(guild=cave.guild.id, app=cave.app.id, bob=bob.id))

    assert (status, body["code"]) == (404, code)


@pytest.mark.parametrize("wrong", ["x", "-1", "@me", "1" * 30, "%D9%A1"])
async def test_what_is_no_id(raw: RawClient, wrong: str) -> None:
    """A path with something else than a snowflake is a form with a fault."""
    status, body = await raw.request("GET", f"/guilds/{wrong}")

    assert (status, body["code"]) == (400, 50035)
    assert body["errors"]["guild_id"]["_errors"][0]["code"] == "NUMBER_TYPE_COERCE"


async def test_reading(cave: Cave, raw: RawClient) -> None:
    """Guild, member, channel and application are what the world has."""
    for path, name in (
        (f"/guilds/{cave.guild.id}", "Cave"),
        (f"/channels/{cave.general.id}", "General"),
        ("/oauth2/applications/@me", "jeffbot"),
        ("/applications/@me", "jeffbot"),
    ):
        status, body = await raw.request("GET", path)
        assert (status, body["name"]) == (200, name)
    _, member = await raw.request("GET", f"/guilds/{cave.guild.id}/members/{cave.alice.id}")
    assert member["user"]["username"] == "alice"


async def test_commands_live(cave: Cave, raw: RawClient) -> None:
    """Make, replace by name, change, read, delete, and set all at once."""
    base = f"/applications/{cave.app.id}/commands"
    status, made = await raw.request("POST", base, PLAY)
    again, same = await raw.request("POST", base, PLAY | {"description": "Plays a sound"})
    _, edited = await raw.request("PATCH", f"{base}/{made['id']}", {"description": "Plays it"})
    assert (status, again, made["id"], edited["description"]) == (201, 200, same["id"], "Plays it")
    assert await raw.request("GET", f"{base}/{made['id']}") == (200, edited)

    await raw.request("PUT", base, [PLAY, PLAY | {"name": "stop"}])
    assert cave.app.commands.names() == {"play", "stop"}
    assert cave.app.commands.everywhere()[0]["id"] == made["id"]

    assert (await raw.request("DELETE", f"{base}/{made['id']}"))[0] == 204
    assert cave.app.commands.names() == {"stop"}


async def test_others_commands(cave: Cave, raw: RawClient) -> None:
    """Another application's commands, and those of a guild where the bot is not, are out of reach."""
    other = cave.discord.add_guild("Other")

    assert await raw.refusal("GET", f"/applications/{cave.alice.id}/commands") == 20012
    assert await raw.refusal("PUT", f"/applications/{cave.app.id}/guilds/{other.id}/commands", [PLAY]) == 50001


async def test_refused_command(cave: Cave, raw: RawClient) -> None:
    """What Discord would refuse is refused, with the place of the fault."""
    status, body = await raw.request("POST", f"/applications/{cave.app.id}/commands", PLAY | {"options": [{"type": 3}]})

    assert (status, body["code"], body["message"]) == (400, 50035, "Invalid Form Body")
    assert body["errors"]["options"]["0"]["name"]["_errors"][0]["code"] == "BASE_TYPE_REQUIRED"
    assert cave.app.commands.names() == set()


@pytest.mark.parametrize("body", [b"", b"{", b"[]", b"\xff", b"[" * 100_000, b'{"type": []}', b"null", b"--x\r\n\r\n"])
@pytest.mark.parametrize(
    "content_type",
    [
        "application/json",
        "multipart/form-data",
        "multipart/form-data; boundary=x",
        "application/x-www-form-urlencoded",
        "text/plain",
    ],
)
async def test_malformed_bodies(
    cave: Cave, raw: RawClient, caplog: pytest.LogCaptureFixture, body: bytes, content_type: str
) -> None:
    """Nothing that a client sends makes the server fail."""
    for path in (f"/applications/{cave.app.id}/commands", f"/channels/{cave.guild.text_channel.id}/messages"):
        answer = await raw.exchange("POST", path, data=body, headers={"Content-Type": content_type})
        assert answer.status == 400
    assert [record for record in caplog.records if record.name.startswith("jeffbot")] == []


async def test_form(cave: Cave, raw: RawClient) -> None:
    """A form is taken, too, with its JSON in ``payload_json`` or without (Reference, "Content Type")."""
    path = f"/channels/{cave.guild.text_channel.id}/messages"
    for form in ({"content": "x"}, {"payload_json": '{"content": "x"}'}):
        answer = await raw.exchange("POST", path, data=form)
        assert (answer.status, answer.body["content"]) == (200, "x")


async def test_other_content_types(cave: Cave, raw: RawClient) -> None:
    path = f"/channels/{cave.guild.text_channel.id}/messages"
    answer = await raw.exchange("POST", path, data="content=x", headers={"Content-Type": "text/plain"})

    assert answer.headers["Content-Type"] == "application/json"
    assert answer.body["errors"]["_errors"][0]["code"] == "CONTENT_TYPE_INVALID"


@pytest.mark.parametrize(
    ("agent", "kinds"),
    [
        (USER_AGENT, set()),
        ("DiscordBot (https://github.com/nextcord/nextcord/ 3.2.0) Python/3.12 aiohttp/3.11.18", set()),
        ("DiscordBot", {Kind.NO_USER_AGENT}),
        ("Python/3.12 aiohttp/3.11.18", {Kind.NO_USER_AGENT}),
        ("", {Kind.NO_USER_AGENT}),
    ],
)
async def test_user_agents(cave: Cave, raw: RawClient, agent: str, kinds: set[Kind]) -> None:
    """Who does not say so as Discord asks is answered, and noted."""
    assert (await raw.exchange("GET", "/users/@me", headers={"User-Agent": agent})).status == 200

    assert cave.discord.findings.kinds() == kinds


async def test_an_illegible_user_agent(cave: Cave, raw: RawClient) -> None:
    """Bytes that are no text end up in a finding that can be shown."""
    await raw.request("GET", "/users/@me")
    port, trust = URL(cave.discord.api_base).port, cave.discord.client_ssl()
    reader, writer = await asyncio.open_connection("127.0.0.1", port, ssl=trust)
    lines = [b"GET /api/v10/gateway HTTP/1.1", b"Host: localhost", b"User-Agent: a\xff\xfe", b"Connection: close"]
    writer.write(b"\r\n".join([*lines, b"", b""]))
    assert b" 200 OK" in await asyncio.wait_for(reader.readline(), TIMEOUT)
    writer.close()
    control = cave.discord.api_base.replace("/api/v10", "/control/findings")
    shown = await raw.exchange("POST", control)

    assert (shown.status, [finding["text"] for finding in shown.body["findings"]]) == (200, ["a??"])


async def test_missing_files_are_no_unknown_routes(cave: Cave, raw: RawClient) -> None:
    """A file that there is not is a 404 like any other, but what was asked for is a route that there is."""
    origin = cave.discord.api_base.removesuffix("/api/v10")
    for path in ("/attachments/1/2/horn.mp3", "/soundboard-sounds/1"):
        assert (await raw.exchange("GET", origin + path)).status == 404
    assert cave.discord.unknown_routes == []


async def test_files_are_to_be_kept(cave: Cave, raw: RawClient) -> None:
    """A browser does not show a page that somebody has attached: it would be of the origin that controls all."""
    page = File("a page.html", b"<script>alert(1)</script>", "text/html")
    message = await cave.alice.write(cave.guild, files=[page])
    answer = await raw.exchange("GET", message.attachments[0]["url"])

    assert (answer.headers["Content-Type"], answer.body) == ("text/html", page.data)
    assert answer.headers["Content-Disposition"] == "attachment; filename*=UTF-8''a_page.html"


async def test_what_applications_are_told(raw: RawClient) -> None:
    """All fields that Discord's OpenAPI document requires of the own application are there."""
    _, application = await raw.request("GET", "/applications/@me")

    assert (application["type"], application["explicit_content_filter"]) == (None, 0)
    assert {"bot", "identify"} < set(application["eligible_oauth2_scopes"])


@pytest.mark.parametrize(
    ("method", "path", "body", "kind"),
    [
        ("POST", "/channels/{text}/messages", {"content": "x", "colour": 1}, Kind.UNKNOWN_FIELD),
        ("POST", "/channels/{text}/messages", {"content": 1}, Kind.COERCED_VALUE),
        ("PUT", "/guilds/{guild}/bans/1", {"delete_message_days": 1}, Kind.DEPRECATED_FIELD),
        ("GET", "/users/@me/guilds?colour=1", None, Kind.UNKNOWN_FIELD),
    ],
)
async def test_odd_fields(cave: Cave, raw: RawClient, method: str, path: str, body: Any, kind: Kind) -> None:
    """What Discord puts up with is noted with its client, its route and its place."""
    await raw.request(method, path.format(text=cave.guild.text_channel.id, guild=cave.guild.id), body)

    (finding,) = cave.discord.findings
    assert (finding.kind, finding.client) == (kind, "jeffbot")
    assert finding.text.startswith(method)


async def test_a_good_client(cave: Cave, raw: RawClient) -> None:
    """Who does it right draws no finding, also not with numbers and booleans in a query."""
    await raw.request("POST", f"/channels/{cave.guild.text_channel.id}/messages", {"content": "x", "tts": False})
    await raw.request("GET", "/users/@me/guilds?limit=5&with_counts=1")

    assert cave.discord.findings == []
