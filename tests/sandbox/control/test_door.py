"""Who may ask, and how it is refused."""

import asyncio
import io
import time
from typing import Any

import aiohttp
import pytest

from jeffbot.sandbox import Sandbox
from jeffbot.sandbox.control.table import VERBS

from ..conftest import Cave
from .conftest import Remote


async def test_manuals(remote: Remote) -> None:
    """Every verb says what it does, what it gives, and what it takes as a JSON Schema."""
    status, answer = await remote.get("/")

    assert status == 200
    assert [manual["verb"] for manual in answer["verbs"]] == list(VERBS)
    for manual in answer["verbs"]:
        assert manual["does"].endswith(".")
        assert manual["gives"].endswith(".")
        assert manual["parameters"]["type"] == "object"
    assert await remote.get("/join") == (200, next(m for m in answer["verbs"] if m["verb"] == "join"))


async def test_schema_says_what_is_named(remote: Remote) -> None:
    """A parameter that is named by its id says of what; one that may be left out is not required."""
    _, manual = await remote.get("/add_channel")

    assert manual["parameters"]["properties"]["guild"]["description"] == "id of a guild"
    assert set(manual["parameters"]["required"]) == {"guild", "name", "kind"}
    assert manual["parameters"]["properties"]["kind"] == {"enum": ["stage", "text", "voice"]}


@pytest.mark.parametrize(
    ("host", "refused"),
    [
        ("127.0.0.1", False),
        ("localhost:1", False),
        ("[::1]:99", False),
        ("evil.example", True),
        ("[", True),
        ("", True),
    ],
)
async def test_host(remote: Remote, host: str, refused: bool) -> None:  # noqa: FBT001
    """A website whose name leads to this machine is not served."""
    async with remote.session.post(f"{remote.url}/state", headers={"Host": host}) as response:
        assert (response.status, (await response.json()).get("code")) == (
            (403, "foreign_host") if refused else (200, None)
        )


@pytest.mark.parametrize("origin", ["https://evil.example", "null", "https://localhost", "http://{host}"])
async def test_foreign_origin(remote: Remote, origin: str) -> None:
    """A page in a browser may not control the sandbox, even one on this machine."""
    headers = {"Origin": origin.format(host=remote.url.split("/")[2])}
    async with remote.session.post(f"{remote.url}/state", headers=headers) as response:
        assert (response.status, (await response.json())["code"]) == (403, "foreign_origin")


async def test_own_origin(remote: Remote) -> None:
    """A page that the sandbox itself has served may."""
    headers = {"Origin": f"https://{remote.url.split('/')[2]}"}
    async with remote.session.post(f"{remote.url}/state", headers=headers) as response:
        assert response.status == 200


@pytest.mark.parametrize("body", [b"{", b"\xff", b'{"a":\xff}', b"[" * 100_000, b"{} {}", b'{"name": "\xed\xa0\x80"}'])
async def test_not_json(remote: Remote, body: bytes) -> None:
    """What is no JSON is refused."""
    async with remote.session.post(f"{remote.url}/add_user", data=body) as response:
        assert response.status == 400
        assert (await response.json())["code"] in {"invalid_json", "invalid_parameters"}


@pytest.mark.parametrize(
    "parameters",
    [
        {},
        {"name": 1},
        {"name": ""},
        {"name": "a" * 101},
        {"name": "a", "age": 3},
        {"name": "a", "id": "x"},
        {"id": "1"},
    ],
)
async def test_wrong_parameters(remote: Remote, parameters: dict[str, Any]) -> None:
    """What is missing, of a wrong type, out of bounds or unknown is refused."""
    assert await remote.refused("add_user", **parameters) == (400, "invalid_parameters")


@pytest.mark.parametrize("body", [b"[]", b"null", b"1", b'"a"'])
async def test_no_object(remote: Remote, body: bytes) -> None:
    """A request is an object."""
    async with remote.session.post(f"{remote.url}/state", data=body) as response:
        assert (response.status, (await response.json())["code"]) == (400, "invalid_parameters")


async def test_unknown(remote: Remote) -> None:
    """Verbs, paths and things that there are not are refused, and are no unknown routes of a bot's."""
    assert await remote.refused("dance") == (404, "unknown_verb")
    assert await remote.refused("join/now") == (404, "unknown_path")
    assert await remote.refused("mute", guild="1", user="2") == (404, "not_there")
    assert (await remote.get("/dance"))[0] == 404
    assert (await remote.get("/voice/1/2/recording.wav"))[0] == 404
    assert (await remote.get("/voice/x/y/recording.wav"))[0] == 404
    async with remote.session.put(f"{remote.url}/state") as response:
        assert response.status == 404


async def test_too_large(remote: Remote) -> None:
    """A body has its bounds."""
    async with remote.session.post(f"{remote.url}/add_user", data=io.BytesIO(bytes(26 << 20))) as response:
        assert (response.status, (await response.json())["code"]) == (413, "too_large")


async def test_timeout(remote: Remote, cave: Cave) -> None:
    """What does not happen in time is refused."""
    assert await remote.refused("until_bot_ready", application=str(cave.app.id), timeout=0.01) == (409, "timeout")


async def test_closing_ends_waiting() -> None:
    """A request that waits, and one that listens, do not hold up the sandbox's end, and leave nothing behind."""
    tasks = asyncio.all_tasks()
    discord = await Sandbox().__aenter__()
    app = discord.add_application("jeffbot")
    guild = discord.add_guild("Cave", applications=[app])
    async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(ssl=discord.client_ssl())) as session:
        remote = Remote(discord.api_base.replace("/api/v10", "/control"), session)
        listening = await session.get(f"{remote.url}/voice/{guild.id}/{app.id}/listen.ogg")
        waiting = asyncio.create_task(remote.ask("until_bot_ready", application=str(app.id), timeout=600))
        async with asyncio.timeout(5):
            while len(discord._door._tasks) < 2:
                await asyncio.sleep(0)
        begun = time.monotonic()
        await discord.__aexit__(None, None, None)

        assert time.monotonic() - begun < 0.9
        with pytest.raises(aiohttp.ClientError):
            await waiting
        with pytest.raises(aiohttp.ClientError):
            await listening.read()
        listening.close()
    assert asyncio.all_tasks() == tasks
