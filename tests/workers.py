"""How tests share the workers of ``pytest -n``: each goes to whichever is free, but those of a group stay together.

Marks of ``xdist_group`` would say the same, but pytest-xdist 3.8 loses them with pytest 9.2.
"""

import os
from typing import Any

import pytest
from xdist.scheduler import LoadScopeScheduling  # type: ignore[import-untyped]

GROUPS = {
    "tests/e2e/test_engine.py": "timed",
    "tests/service/test_collections.py::test_while_a_bot_plays": "timed",
    "tests/e2e/test_shipped_sounds.py": "timed",
    "tests/e2e/test_voice.py": "timed",
    "tests/faults/": "timed",
    "tests/sandbox/control/test_hearing.py": "timed",
    "tests/sandbox/test_probe.py": "timed",
    "tests/sandbox/voice/": "timed",
    "tests/voice/": "timed",
    "tests/packaging/": "wheel",
}
"""Those that judge when something is sent run one after another; the wheel is built and installed but once."""
GIVES_WAY = 10
"""Niceness of the other tests."""


def group(nodeid: str) -> str:
    """A test's group, or it alone."""
    return next((group for place, group in GROUPS.items() if nodeid.startswith(place)), nodeid)


class Groups(LoadScopeScheduling):  # type: ignore[misc]
    """One worker runs all of a group; large groups begin first."""

    def _split_scope(self, nodeid: str) -> str:
        return group(nodeid)


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> Groups:
    """In place of xdist's own schedulers."""
    return Groups(config, log)


def pytest_runtest_setup(item: pytest.Item) -> None:
    """Once a worker runs a test that judges no time, it gives way for good: timed ones come first, or run elsewhere."""
    if "PYTEST_XDIST_WORKER" in os.environ and group(item.nodeid) != "timed":
        os.setpriority(os.PRIO_PROCESS, 0, GIVES_WAY)
