"""Rate limits, and the trouble that a test orders."""

import asyncio
import time

import aiohttp
import pytest

from jeffbot.sandbox import Options
from jeffbot.sandbox.findings import Kind
from jeffbot.sandbox.rest.limits import Bucket, Limits

from ..clients import RawClient
from ..conftest import Cave


async def statuses(raw: RawClient, path: str, count: int) -> list[int]:
    return [(await raw.request("GET", path))[0] for _ in range(count)]


async def test_headers(cave: Cave, raw: RawClient) -> None:
    """They count down, name one bucket for a route whatever its resource, and say when it is new."""
    cave.discord.options.rate_limit, cave.discord.options.rate_limit_period = 3, 60.0
    first = await raw.exchange("GET", f"/channels/{cave.general.id}")
    second = await raw.exchange("GET", f"/channels/{cave.general.id}")
    other = await raw.exchange("GET", f"/channels/{cave.guild.text_channel.id}")
    unseen = await raw.exchange("GET", "/channels/1")

    remaining = [answer.headers["X-RateLimit-Remaining"] for answer in (first, second, other, unseen)]
    assert remaining == ["2", "1", "2", "2"]
    assert first.headers["X-RateLimit-Limit"] == "3"
    assert first.headers["X-RateLimit-Bucket"] == other.headers["X-RateLimit-Bucket"]
    assert 59 < float(first.headers["X-RateLimit-Reset-After"]) <= 60
    assert 58 < float(first.headers["X-RateLimit-Reset"]) - time.time() < 61
    assert (await raw.exchange("GET", "/users/@me")).headers["X-RateLimit-Bucket"] != first.headers[
        "X-RateLimit-Bucket"
    ]


async def test_too_many(cave: Cave, raw: RawClient) -> None:
    """One request more than the limit is refused; after the time that is said, it is taken."""
    cave.discord.options.rate_limit, cave.discord.options.rate_limit_period = 2, 0.2
    assert await statuses(raw, "/users/@me", 2) == [200, 200]
    refused = await raw.exchange("GET", "/users/@me")

    assert (refused.status, refused.headers["X-RateLimit-Scope"], refused.headers["Retry-After"]) == (429, "user", "1")
    assert refused.body == {
        "message": "You are being rate limited.",
        "retry_after": refused.body["retry_after"],
        "global": False,
    }
    await asyncio.sleep(refused.body["retry_after"])  # what a good client does
    assert await statuses(raw, "/users/@me", 1) == [200]
    assert cave.discord.findings == []


async def test_each_client_has_its_own(cave: Cave, raw: RawClient) -> None:
    cave.discord.options.rate_limit, cave.discord.options.rate_limit_period = 1, 60.0
    other = cave.discord.add_application("other")

    assert await statuses(raw, "/users/@me", 2) == [200, 429]
    assert (await raw.request("GET", "/users/@me", token=other.token))[0] == 200
    assert await statuses(raw, "/gateway", 1) == [200]


async def test_ignoring_a_limit(cave: Cave, raw: RawClient) -> None:
    """A request that comes before the time that was said is a finding."""
    cave.discord.inject("GET", "/users/@me", retry_after=60)
    assert await statuses(raw, "/users/@me", 1) == [429]
    assert cave.discord.findings == []
    assert await statuses(raw, "/users/@me", 1) == [429]

    (finding,) = cave.discord.findings
    assert finding == (Kind.RATE_LIMIT_IGNORED, "jeffbot", "GET /users/@me")


async def test_already_under_way(cave: Cave, raw: RawClient) -> None:
    """Requests that were sent before the 429 could be read ignore nothing."""
    cave.discord.options.rate_limit, cave.discord.options.rate_limit_period = 1, 60.0
    answers = await asyncio.gather(*(raw.request("GET", "/users/@me") for _ in range(10)))

    assert sorted(status for status, _ in answers) == [200] + [429] * 9
    assert cave.discord.findings == []


async def test_global_limit(cave: Cave, raw: RawClient) -> None:
    """A global 429 closes every route to the client, save answers to interactions."""
    cave.discord.inject("*", "/users/*", retry_after=60, is_global=True)
    refused = await raw.exchange("GET", "/users/@me")
    assert (refused.status, refused.body["global"]) == (429, True)
    assert (refused.headers["X-RateLimit-Global"], refused.headers["X-RateLimit-Scope"]) == ("true", "global")

    assert await statuses(raw, f"/guilds/{cave.guild.id}", 1) == [429]
    assert (await raw.request("GET", f"/webhooks/{cave.app.id}/x/messages/@original"))[0] != 429
    assert cave.discord.findings.kinds() == {Kind.RATE_LIMIT_IGNORED}


async def test_an_injected_limit_ends(cave: Cave, raw: RawClient) -> None:
    cave.discord.inject("GET", "/users/@me", retry_after=0.1, times=2, body={"message": "slowly", "retry_after": 0.1})
    for _ in range(2):
        status, body = await raw.request("GET", "/users/@me")
        assert (status, body["message"]) == (429, "slowly")
        await asyncio.sleep(body["retry_after"])  # what a good client does

    assert await statuses(raw, "/users/@me", 1) == [200]
    assert cave.discord.findings == []


@pytest.mark.parametrize("status", [500, 502, 503])
async def test_failures(cave: Cave, raw: RawClient, status: int) -> None:
    """So many requests of the kind fail, and do nothing; others are not touched."""
    cave.discord.inject("POST", "/channels/*/messages", status=status, times=2)
    path = f"/channels/{cave.guild.text_channel.id}/messages"
    answers = [(await raw.request("POST", path, {"content": "x"}))[0] for _ in range(3)]

    assert answers == [status, status, 200]
    assert len(cave.guild.text_channel.messages) == 1
    assert await statuses(raw, "/users/@me", 1) == [200]


async def test_a_dropped_connection(cave: Cave, raw: RawClient, caplog: pytest.LogCaptureFixture) -> None:
    """The client sees its connection end without an answer; the next request is answered."""
    cave.discord.inject("POST", "*", status=None)
    path = f"/channels/{cave.guild.text_channel.id}/typing"
    with pytest.raises(aiohttp.ClientError):
        await raw.request("POST", path)

    assert (await raw.request("POST", path))[0] == 204
    assert [record for record in caplog.records if record.name.startswith(("jeffbot", "aiohttp"))] == []


async def test_slow_answers(cave: Cave, raw: RawClient) -> None:
    cave.discord.options.rest_delay = 0.1
    before = time.monotonic()
    await raw.request("GET", "/users/@me")

    assert time.monotonic() - before >= 0.1


def test_buckets_are_forgotten() -> None:
    """However many resources there were, only buckets that are in use are kept."""
    limits = Limits(Options(rate_limit_period=0.0))
    for number in range(10_000):
        limits.take(Bucket("client", "GET /x/{id}", str(number)), limits, bound_globally=True)

    assert len(limits._windows) < 2000
