"""Pytest fixtures for bots: ``pytest_plugins = ["jeffbot.sandbox.testing"]`` in the topmost ``conftest.py``.

They need pytest-asyncio, in either of its modes. A marker sets options and asks for a closer look::

    @pytest.mark.discord(rest_delay=0.2, udp=UdpFaults(loss=0.05), no_findings=True)
"""

from collections.abc import AsyncIterator, Iterable
from typing import Any

import pytest
import pytest_asyncio

from .interactions.applications import Application
from .options import Options
from .people import Person
from .server import Sandbox
from .world.guild import Guild
from .world.values import Channel

MARKER = "discord"
NO_FINDINGS = "no_findings"


def pytest_configure(config: pytest.Config) -> None:
    """Make the marker known."""
    config.addinivalue_line(
        "markers",
        f"{MARKER}({NO_FINDINGS}=False, **options): fields of the local Discord's Options for this test, and whether "
        "it fails if the bot does what Discord merely tolerates.",
    )


@pytest_asyncio.fixture
async def discord(request: pytest.FixtureRequest) -> AsyncIterator[Sandbox]:
    """A Discord on this machine, with nobody in it.

    At the end the test fails if a bot has asked for a route that the local Discord does not know, and where the marker
    says ``no_findings=True`` also if there are findings.
    """
    wanted = _marked(request)
    no_findings = wanted.pop(NO_FINDINGS, False)
    async with Sandbox(options=Options(**wanted)) as sandbox:
        yield sandbox
        _expect_none("asked for what the local Discord does not know", sandbox.unknown_routes)
        if no_findings:
            _expect_none("did what Discord merely tolerates", map(": ".join, sandbox.findings))


@pytest.fixture
def application(discord: Sandbox) -> Application:
    """An application; its ``token`` is what the bot logs in with."""
    return discord.add_application("bot")


@pytest.fixture
def member(discord: Sandbox) -> Person:
    """A person in the guild, not in voice."""
    return discord.add_user("alice")


@pytest.fixture
def guild(discord: Sandbox, application: Application, member: Person) -> Guild:
    """A guild with the application's bot and the member in it, and a text channel."""
    return discord.add_guild("Guild", members=[member], applications=[application])


@pytest.fixture
def voice_channel(guild: Guild) -> Channel:
    """A voice channel of the guild, with nobody in it."""
    return guild.add_voice_channel("General")


def _marked(request: pytest.FixtureRequest) -> dict[str, Any]:
    """What markers say; those of a test win over those of its class, and these over those of its module."""
    marks = reversed(list(request.node.iter_markers(MARKER)))
    return {name: value for mark in marks for name, value in mark.kwargs.items()}


def _expect_none(what: str, found: Iterable[str]) -> None:
    if lines := list(found):
        pytest.fail("\n  ".join([f"a bot {what}:", *lines]), pytrace=False)
