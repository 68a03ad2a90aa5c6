"""A database of each test's own: a copy of one that was migrated once."""

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from jeffbot.store.database import Database
from jeffbot.store.store import FILE_NAME


@pytest.fixture
def folder(tmp_path: Path, migrated: Path) -> Path:
    """A data folder with an empty database."""
    folder = tmp_path / "store"
    folder.mkdir()
    shutil.copy(migrated, folder)
    return folder


@pytest.fixture
def database(folder: Path) -> Iterator[Database]:
    """That database, open."""
    database = Database(folder / FILE_NAME)
    yield database
    database.close()
