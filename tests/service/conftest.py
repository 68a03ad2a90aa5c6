"""Folders of each test's own, with an empty database that was migrated once."""

import shutil
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from jeffbot.library import watching
from service.home import Home, at_home


@pytest.fixture
def data(tmp_path: Path, migrated: Path) -> Path:
    """A data folder in which nothing is kept yet."""
    folder = tmp_path / "data"
    folder.mkdir(mode=0o700)
    shutil.copy(migrated, folder)
    return folder


@pytest.fixture
def sounds(tmp_path: Path) -> Path:
    """An empty sounds folder."""
    folder = tmp_path / "sounds"
    folder.mkdir()
    return folder


@pytest.fixture
async def home(sounds: Path, data: Path) -> AsyncIterator[Home]:
    """A soundboard with no sounds."""
    async with at_home(sounds, data) as home:
        yield home


@pytest.fixture(autouse=True)
def _soon(monkeypatch: pytest.MonkeyPatch) -> None:
    """What came before the folder was watched is looked for soon."""
    monkeypatch.setattr(watching, "LOOK_AGAIN", 0.1)
