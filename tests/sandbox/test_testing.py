"""The fixtures that ship with the package, in a project of their own."""

import pytest

pytest_plugins = ["pytester"]

PASSES = """
import pytest
from jeffbot.sandbox import Kind, Sandbox, UdpFaults

pytestmark = [pytest.mark.asyncio, pytest.mark.discord(rest_delay=0.5, rate_limit=9)]


async def test_world(discord, application, guild, member, voice_channel):
    await member.join(voice_channel)

    assert isinstance(discord, Sandbox)
    assert set(guild.members) >= {member.id, application.id}
    assert voice_channel.occupants == [member]
    assert discord.options.rest_delay == 0.5


@pytest.mark.discord(rest_delay=0.25, udp=UdpFaults(loss=0.5))
async def test_options(discord):
    assert (discord.options.rest_delay, discord.options.rate_limit, discord.options.udp.loss) == (0.25, 9, 0.5)


async def test_findings_are_tolerated(discord):
    discord.findings.note(Kind.BURST, "bot", "too fast")


@pytest.mark.discord(no_findings=True)
async def test_no_findings(discord):
    pass
"""

FAILS = """
import aiohttp
import pytest
from jeffbot.sandbox import Kind

pytestmark = pytest.mark.asyncio


async def test_unknown_route(discord):
    async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(ssl=discord.client_ssl())) as session:
        await session.get(f"{discord.api_base}/nothing")


@pytest.mark.discord(no_findings=True)
async def test_finding(discord):
    discord.findings.note(Kind.BURST, "bot", "too fast")


@pytest.mark.discord(rest_dealy=1)
async def test_misspelt(discord):
    pass
"""


@pytest.fixture
def project(pytester: pytest.Pytester) -> pytest.Pytester:
    """A project that uses the fixtures as their page says."""
    pytester.makeconftest('pytest_plugins = ["jeffbot.sandbox.testing"]')
    return pytester


@pytest.mark.parametrize("mode", ["auto", "strict"])
def test_passes(project: pytest.Pytester, mode: str) -> None:
    """The world is ready, markers set options, and findings are tolerated unless a test says otherwise."""
    settings = ["[pytest]", f"asyncio_mode = {mode}", "asyncio_default_fixture_loop_scope = function"]
    project.makeini("\n".join([*settings, "addopts = --strict-markers -W error"]))
    project.makepyfile(PASSES)

    project.runpytest_subprocess("-p", "no:randomly").assert_outcomes(passed=4)


def test_fails(project: pytest.Pytester) -> None:
    """An unknown route, an unwanted finding and an unknown option fail the test, and say why."""
    project.makepyfile(FAILS)

    outcome = project.runpytest_subprocess("-p", "no:randomly")
    outcome.assert_outcomes(passed=2, errors=3)
    outcome.stdout.fnmatch_lines(
        [
            "*GET /api/v10/nothing*",
            "*burst: bot: too fast*",
            "*unexpected keyword argument 'rest_dealy'*",
        ]
    )
