"""The folder of the sounds that are played while things fail."""

from pathlib import Path

import pytest

from faults.subjects import make_sounds


@pytest.fixture(scope="session")
def tones(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Both tones as files, and what is encoded of them once per run."""
    return make_sounds(tmp_path_factory.mktemp("faults"))
