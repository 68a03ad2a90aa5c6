"""Each fault of the table, met by jeffbot on the local Discord, end-to-end encrypted."""

import os
from pathlib import Path

import pytest

from faults.faults import FAULTS, Fault
from faults.judging import JEFFBOT_PATIENCE, Patience, meet
from faults.scene import open_scene

LONG = bool(os.environ.get("JEFFBOT_TEST_LONG"))
BUSY_GAP = 0.06
"""Seconds without a packet that a machine busy with other tests may cause."""


@pytest.fixture(autouse=True)
def _gives_up_soon(monkeypatch: pytest.MonkeyPatch) -> None:
    """Who may not speak any more hopes for a second."""
    monkeypatch.setattr("jeffbot.voice.session.PLAYING_HELD", 1.0)


@pytest.mark.parametrize("fault", [pytest.param(fault, id=fault.name) for fault in FAULTS if LONG or not fault.is_long])
async def test_fault(tones: Path, fault: Fault) -> None:
    """What plays is heard again, or ends with a reason and the next press is heard; no guild is left silent."""
    async with open_scene(
        "jeffbot", tones, guilds=fault.guilds, own_process=fault.own_process, options=fault.options
    ) as scene:
        verdict = await meet(fault, scene, JEFFBOT_PATIENCE)

    assert verdict.wrong(gap=BUSY_GAP) == []


async def test_judgement(tones: Path) -> None:
    """Stock Nextcord, which nobody hears any more once its channel has emptied and refilled, is found out."""
    fault = FAULTS[0]
    async with open_scene("nextcord", tones) as scene:
        verdict = await meet(fault, scene, Patience(heard=0.6, settled=0.2, press=0.6))

    assert fault.name == "channel empties and refills"
    assert verdict.wrong() == ["not heard again", "it says that it plays"]
    assert verdict.next_press is None
