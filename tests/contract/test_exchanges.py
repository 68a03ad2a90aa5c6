"""The exchanges that the documents show, held against the real bot."""

import json
import os
from pathlib import Path

import aiohttp
import pytest

from contract.capturing import Sitting, prepare
from contract.stable import Stabiliser
from jeffbot.errors import ErrorCode
from jeffbot.ws import documents
from jeffbot.ws.actions import ACTIONS
from jeffbot.ws.documents import exchanges
from staging import Connect, MakeStage

FILE = Path(documents.__file__).with_name(exchanges.FILE)
WRITES = bool(os.environ.get("JEFFBOT_WRITE_EXCHANGES"))
NEVER = {ErrorCode.SHUTTING_DOWN, ErrorCode.AUTH_TIMEOUT, ErrorCode.UNSUPPORTED_PROTOCOL}
"""Codes that no situation leads to yet."""


async def test_exchanges_are_real(
    make_stage: MakeStage, connect: Connect, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Every exchange that the documents show happens like this; ``make docs`` captures them anew."""
    prepare(tmp_path / "library")
    async with make_stage(sounds_dir=tmp_path / "library") as stage, aiohttp.ClientSession() as session:
        await stage.service.wait_ready()
        found = await Sitting(stage, connect, session, monkeypatch).hold()
        stable = Stabiliser(
            {
                str(stage.alice.id): "123456789012345678",
                str(stage.guild.id): "81384788765712384",
                str(stage.general.id): "81384788765712390",
                str(stage.app.user.id): "81384788765712399",
            }
        )(found)
    written = json.dumps(stable, indent=1, ensure_ascii=False) + "\n"
    if WRITES:
        FILE.write_text(written)

    assert FILE.read_text().splitlines() == written.splitlines()


def test_there_is_one_of_each() -> None:
    """Each action and each code has its exchange."""
    captured = exchanges.captured()

    assert {name.partition(".")[0] for name in captured["actions"]} == set(ACTIONS)
    assert set(captured["errors"]) == set(ErrorCode) - NEVER
