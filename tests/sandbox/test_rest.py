"""The REST API, with requests of our own."""

import asyncio
from typing import Any

import aiohttp
import pytest

from jeffbot.sandbox.payloads import Json

from .clients import RawClient
from .conftest import Cave

PLAY: Json = {"name": "play", "description": "Plays", "options": [{"type": 3, "name": "sound", "description": "Which"}]}


async def test_unauthorized(raw: RawClient) -> None:
    assert await raw.request("GET", "/users/@me", token="wrong") == (401, {"message": "401: Unauthorized", "code": 0})


async def test_unknown_routes_are_noted(cave: Cave, raw: RawClient) -> None:
    """A route that does not exist is answered as Discord does, and noted for the test."""
    assert await raw.request("GET", "/guilds/1/stickers") == (404, {"message": "404: Not Found", "code": 0})
    assert cave.discord.unknown_routes == ["GET /api/v10/guilds/1/stickers"]


@pytest.mark.parametrize(
    ("path", "code"),
    [
        ("/guilds/1", 10004),
        ("/guilds/1/members/1", 10004),
        ("/guilds/{guild}/members/1", 10007),
        ("/channels/1", 10003),
        ("/applications/{app}/commands/1", 10063),
    ],
)
async def test_unknown_things(cave: Cave, raw: RawClient, path: str, code: int) -> None:
    status, body = await raw.request("GET", path.format(guild=cave.guild.id, app=cave.app.id))

    assert (status, body["code"]) == (404, code)


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


def choices(count: int) -> list[Json]:
    return [{"name": str(number), "value": number} for number in range(count)]


def with_option(**changes: Any) -> Json:
    return PLAY | {"options": [PLAY["options"][0] | changes]}


@pytest.mark.parametrize(
    ("command", "place"),
    [
        (PLAY | {"name": "Play"}, ["name"]),
        (PLAY | {"name": "a b"}, ["name"]),
        (PLAY | {"name": ""}, ["name"]),
        (PLAY | {"name": "x" * 33}, ["name"]),
        (PLAY | {"name": ["x"]}, ["name"]),
        (PLAY | {"description": "x" * 101}, ["description"]),
        (PLAY | {"description": ""}, ["description"]),
        (PLAY | {"type": 77}, ["type"]),
        (PLAY | {"default_member_permissions": "many"}, ["default_member_permissions"]),
        (PLAY | {"options": PLAY["options"] * 26}, ["options"]),
        (PLAY | {"options": PLAY["options"] * 2}, ["options", "1", "name"]),
        (PLAY | {"options": [5]}, ["options", "0", "type"]),
        (with_option(choices=choices(26)), ["options", "0", "choices"]),
        (with_option(choices=[{"name": "x" * 101, "value": 1}]), ["options", "0", "choices", "0", "name"]),
        (with_option(choices=choices(2), autocomplete=True), ["options", "0", "autocomplete"]),
        (with_option(type=1, options=[{"type": 3, "name": "A", "description": "a"}]), ["options", "0", "options", "0"]),
    ],
)
async def test_refused_commands(cave: Cave, raw: RawClient, command: Json, place: list[str]) -> None:
    """What Discord would refuse is refused, with the place of the fault."""
    status, body = await raw.request("POST", f"/applications/{cave.app.id}/commands", command)

    assert (status, body["code"]) == (400, 50035)
    errors = body["errors"]
    for part in place:
        errors = errors[part]
    assert cave.app.commands.names() == set()


@pytest.mark.parametrize("name", ["play", "café", "再生", "เล่น", "बजाओ", "a-b_c'd", "x" * 32])
async def test_accepted_names(cave: Cave, raw: RawClient, name: str) -> None:
    status, _ = await raw.request("POST", f"/applications/{cave.app.id}/commands", PLAY | {"name": name})

    assert status == 201


async def test_one_answer_only(cave: Cave, raw: RawClient) -> None:
    """The second first answer is refused; so is one to an interaction that never was."""
    gateway = await raw.log_in()
    await raw.request("POST", f"/applications/{cave.app.id}/commands", PLAY)
    invoked = cave.alice.invoke(cave.app, cave.guild, "play")
    waiting = asyncio.ensure_future(invoked)
    interaction = await gateway.until_event("INTERACTION_CREATE")
    callback = f"/interactions/{interaction['id']}/{interaction['token']}/callback"
    webhook = f"/webhooks/{cave.app.id}/{interaction['token']}"

    async def code(method: str, path: str, body: Any = None) -> int:
        status, answer = await raw.request(method, path, body)
        assert status >= 400
        return int(answer["code"])

    assert await code("POST", webhook, {"content": "early"}) == 10015
    assert await code("POST", callback, {"type": 8, "data": {"choices": []}}) == 50035
    assert await code("POST", callback, {"type": 4, "data": {}}) == 50006
    assert await code("POST", callback, {"type": 4, "data": {"content": "x" * 2001}}) == 50035
    assert (await raw.request("POST", callback, {"type": 4, "data": {"content": "yes"}}))[0] == 204
    assert await code("POST", callback, {"type": 4, "data": {"content": "no"}}) == 40060
    assert await code("POST", callback.replace(interaction["id"], "1"), {"type": 5}) == 10062
    assert (await waiting).content == "yes"

    _, original = await raw.request("GET", f"{webhook}/messages/@original")
    _, second = await raw.request("POST", webhook, {"content": "second"})
    assert (await raw.request("PATCH", f"{webhook}/messages/{second['id']}", {"content": "2nd"}))[1]["content"] == "2nd"
    assert (await raw.request("DELETE", f"{webhook}/messages/{original['id']}"))[0] == 204
    assert await code("GET", f"{webhook}/messages/@original") == 10008


async def test_upload(cave: Cave, raw: RawClient) -> None:
    """A multipart request carries its JSON in ``payload_json``, and names its files."""
    form = aiohttp.FormData()
    form.add_field("payload_json", '{"content": "look"}', content_type="application/json")
    form.add_field("files[0]", b"12345", filename="sounds.txt", content_type="text/plain")
    url = f"{cave.discord.api_base}/channels/{cave.guild.text_channel.id}/messages"
    async with raw._session.post(url, data=form, headers={"Authorization": f"Bot {cave.app.token}"}) as response:
        message = await response.json()

    assert (message["content"], message["attachments"][0]["filename"]) == ("look", "sounds.txt")
    assert message["attachments"][0]["size"] == 5


@pytest.mark.parametrize("body", [b"", b"{", b"[]", b"\xff", b"[" * 100_000, b'{"type": []}', b"null"])
async def test_malformed_bodies(cave: Cave, raw: RawClient, caplog: pytest.LogCaptureFixture, body: bytes) -> None:
    """Nothing that a client sends makes the server fail."""
    headers = {"Authorization": f"Bot {cave.app.token}"}
    for path in (f"/applications/{cave.app.id}/commands", f"/channels/{cave.guild.text_channel.id}/messages"):
        for content_type in ("application/json", "multipart/form-data", "multipart/form-data; boundary=x"):
            kind = {"Content-Type": content_type}
            async with raw._session.post(cave.discord.api_base + path, data=body, headers=headers | kind) as response:
                assert response.status == 400
    assert [record for record in caplog.records if record.name.startswith("jeffbot")] == []
