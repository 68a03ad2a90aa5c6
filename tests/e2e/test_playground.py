"""The page that tries the API out, in a real browser."""

import asyncio
import json
import os
import shutil
from pathlib import Path

import pytest

from jeffbot.ws.actions import ACTIONS
from staging import Stage, token_for

NODE = Path(__file__).parents[1] / "node"
CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
needs_browser = pytest.mark.skipif(
    not os.environ.get("JEFFBOT_TEST_ALL")
    and not (CHROMIUM and shutil.which("node") and (NODE / "node_modules" / "playwright-core").exists()),
    reason="chromium, or node with the package playwright-core, is not here",
)
SHOTS = os.environ.get("JEFFBOT_SCREENSHOTS", "")


@needs_browser
async def test_playground(stage: Stage) -> None:
    """A person signs in by keyboard, plays, and sees reply, event and refusal; nothing is kept or complained of."""
    assert CHROMIUM, "JEFFBOT_TEST_ALL is set, but no chromium is here: apt install chromium"
    base = (await stage.url()).replace("ws", "http", 1)
    process = await asyncio.create_subprocess_exec(
        *("node", str(NODE / "playground.mjs"), CHROMIUM, base, token_for(stage.alice), SHOTS),
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    async with asyncio.timeout(90):
        out, err = await process.communicate()

    assert process.returncode == 0, err.decode()
    seen = json.loads(out)
    assert seen["complaints"] == []
    assert set(seen["actions"]) == set(ACTIONS) - {"authenticate"}
    assert seen["curl"].endswith(f"""-d '{{"filename":"low","volume":150}}' {base}/api/play""")
    assert seen["refusal"]["error_code"] == "invalid_field"
    assert seen["kept"] == [0, 0, "", ""]
    assert seen["overflow"] <= 0
    assert seen["hasUnnamed"] == 0
