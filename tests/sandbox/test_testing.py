"""The fixtures that ship with the package, in a project of their own."""

import ast
import re
from pathlib import Path

import pytest

from jeffbot.sandbox import Kind, findings
from jeffbot.sandbox.control.table import VERBS
from jeffbot.sandbox.ears.opus import libopus

pytest_plugins = ["pytester"]

DOCS = (Path(__file__).parents[2] / "docs" / "sandbox.md").read_text("utf-8")
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


def test_example_of_the_page(project: pytest.Pytester) -> None:
    """The page for other authors shows tests that pass, with the bundled ffmpeg and libopus if there are no others."""
    blocks = re.findall(r"```python\n(.*?)```", DOCS, re.DOTALL)
    (conftest,) = [block for block in blocks if "pytest_plugins" in block]
    (tests,) = [block for block in blocks if "async def test_" in block]
    project.makeconftest(f"{conftest}\nimport nextcord\nnextcord.opus.load_opus({libopus()._name!r})")
    tests = tests.replace("make_bot(discord)", "make_bot(discord, guild_ready_timeout=0.1)")  # by default 2 s
    project.makepyfile(test_bot=tests, bot=next(block for block in blocks if "nextcord.http" in block))
    project.makeini("[pytest]\nasyncio_mode = auto\n")

    project.runpytest_subprocess("-p", "no:randomly").assert_outcomes(passed=3)


def test_findings_of_the_page() -> None:
    """The page lists every kind of finding, in the words of the code."""
    source = ast.parse(Path(findings.__file__).read_text("utf-8"))
    (kinds,) = [node for node in source.body if isinstance(node, ast.ClassDef) and node.name == Kind.__name__]
    words = [
        node.value.value
        for node in kinds.body[1:]
        if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)
    ]
    rows = [f"| `{kind}` | {str(text).replace('``', '`')} |" for kind, text in zip(Kind, words, strict=True)]

    table = DOCS.split("| kind | what was seen |\n| --- | --- |\n")[1].split("\n\n")[0]
    assert table.splitlines() == rows


def test_verbs_of_the_page() -> None:
    """The page names every verb there is, and no other."""
    table = DOCS.split("## From any language")[1].split("| | verbs |")[1].split("\n\n")[0]

    assert re.findall(r"`(\w+)`", table) == [verb for verb in re.findall(r"`(\w+)`", table) if verb in VERBS]
    assert set(re.findall(r"`(\w+)`", table)) == set(VERBS)
