"""The probe, logged in."""

from collections.abc import AsyncIterator

import pytest

from ..conftest import Cave
from ..probe import Probe


@pytest.fixture
async def probe(cave: Cave) -> AsyncIterator[Probe]:
    """A client of our own that does everything right."""
    async with Probe(cave.discord, cave.app) as probe:
        yield probe
