"""Heartbeats, and how much a client may send."""

import asyncio

import pytest

from jeffbot.sandbox import Kind

from ..clients import RawClient
from ..conftest import Cave


async def test_acknowledged(raw: RawClient) -> None:
    """Every heartbeat is acknowledged, also before a client has identified."""
    gateway = await raw.gateway()
    for sequence in (None, 0, 5):
        await gateway.send(1, sequence)
        assert await gateway.until_op(11) == {"op": 11, "d": None, "s": None, "t": None}


async def test_no_acknowledgements(cave: Cave, raw: RawClient) -> None:
    """Frozen, the gateway acknowledges nothing but goes on otherwise."""
    cave.discord.options.gateway_acks = False
    gateway = await raw.log_in()
    await gateway.send(1)
    cave.discord.ask_heartbeat(cave.app)
    await gateway.until_event("GUILD_CREATE")
    await cave.discord.bot_ready(cave.app)
    cave.guild.rename("Den")

    assert (await gateway.receive())["t"] == "GUILD_UPDATE"


@pytest.mark.parametrize("identified", [False, True])
async def test_no_heartbeat(cave: Cave, raw: RawClient, *, identified: bool) -> None:
    """A client that sends no heartbeat is closed with 4009, and can resume."""
    cave.discord.options.gateway_heartbeat = 0.1
    gateway = await (raw.log_in() if identified else raw.gateway())

    assert await gateway.close_code() == 4009
    assert len(cave.discord.sessions(cave.app)) == identified


async def test_each_heartbeat_counts(cave: Cave, raw: RawClient) -> None:
    """Each heartbeat lasts for one and a half intervals, and no longer."""
    cave.discord.options.gateway_heartbeat = 0.8
    gateway = await raw.log_in()
    begun = asyncio.get_running_loop().time()
    await asyncio.sleep(0.5)  # what a client's heart does
    await gateway.send(1)

    assert await gateway.close_code() == 4009
    assert asyncio.get_running_loop().time() - begun >= 1.6


async def test_new_session_after_timing_out(cave: Cave, raw: RawClient) -> None:
    """After 4009 a client may begin anew: Discord's table says so."""
    cave.discord.options.gateway_heartbeat = 0.1
    assert await (await raw.log_in()).close_code() == 4009
    await (await raw.log_in()).until_event("READY")

    assert cave.discord.findings == []


async def test_asked_for_a_heartbeat(cave: Cave, raw: RawClient) -> None:
    """A client that answers promptly has done its part."""
    gateway = await raw.log_in()
    await gateway.until_event("GUILD_CREATE")
    cave.discord.ask_heartbeat(cave.app)
    assert await gateway.until_op(1) == {"op": 1, "d": None, "s": None, "t": None}
    await gateway.send(1, 2)
    await gateway.until_op(11)

    assert cave.discord.findings == []


async def test_heartbeat_unanswered(cave: Cave, raw: RawClient) -> None:
    """A client that only goes on beating as ever is noted."""
    cave.discord.options.gateway_heartbeat = 1.0
    gateway = await raw.log_in()
    await gateway.until_event("GUILD_CREATE")
    cave.discord.ask_heartbeat(cave.app)
    await cave.discord.until(lambda: cave.discord.findings)

    assert cave.discord.findings.kinds() == {Kind.HEARTBEAT_UNANSWERED}
    assert cave.discord.findings[0].client == "jeffbot"
    assert cave.discord.sessions(cave.app)[0].connected


async def test_rate_limit(cave: Cave, raw: RawClient) -> None:
    """120 messages in a minute are well, one more is not; the session can be resumed."""
    gateway = await raw.log_in()
    for _ in range(119):
        await gateway.send(1)
    for _ in range(119):
        await gateway.until_op(11)
    await gateway.send(1)

    assert await gateway.close_code() == 4008
    assert len(cave.discord.sessions(cave.app)) == 1


async def test_rate_limit_is_an_option(cave: Cave, raw: RawClient) -> None:
    """A test that needs a faster heart may allow it."""
    cave.discord.options.gateway_rate_limit = 3
    gateway = await raw.gateway()
    for _ in range(4):
        await gateway.send(1)

    assert await gateway.close_code() == 4008
