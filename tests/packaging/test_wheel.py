"""What users install: the wheel, alone in an empty virtual environment and an empty folder."""

import os
import re
import signal
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]

pytestmark = pytest.mark.skipif(
    not (os.environ.get("JEFFBOT_TEST_ALL") or os.environ.get("JEFFBOT_TEST_LONG")),
    reason="installs packages: with JEFFBOT_TEST_ALL or JEFFBOT_TEST_LONG, as in make test-long",
)

HOST_BOT = """
import nextcord
from nextcord.ext import commands

bot = commands.Bot(intents=nextcord.Intents(guilds=True, voice_states=True))
bot.load_extension("jeffbot.cogs.sound", extras={"ws_host": "127.0.0.1", "ws_port": 0})

async def main():
    server = await bot.get_cog("Sound").soundboard.wait_serving()
    await bot.get_cog("Sound").service.wait_ready()
    print(server.port > 0, len(bot.get_cog("Sound").service.sounds()))

bot.loop.run_until_complete(main())
cog = bot.get_cog("Sound")
bot.unload_extension("jeffbot.cogs.sound")
bot.loop.run_until_complete(cog.wait_closed())
"""


def run(*command: object, cwd: Path, **options: object) -> str:
    """Run a program to its good end; what it said."""
    done = subprocess.run(
        [str(word) for word in command], cwd=cwd, check=False, text=True, capture_output=True, timeout=300, **options
    )  # type: ignore[call-overload]
    assert done.returncode == 0, done.stderr
    return str(done.stdout)


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of programs of a virtual environment with the built wheel in it."""
    folder = tmp_path_factory.mktemp("wheel")
    run(sys.executable, "-m", "pip", "wheel", "--quiet", "--no-deps", "--wheel-dir", folder, ROOT, cwd=folder)
    wheel = next(folder.glob("jeffbot-*.whl"))
    run(sys.executable, "-m", "venv", "--without-pip", folder / "venv", cwd=folder)
    programs = folder / "venv" / "bin"
    pip = (sys.executable, "-m", "pip", "--python", programs / "python")
    constraints = ROOT / "constraints.txt"
    run(*pip, "install", "--quiet", "--no-compile", "--constraint", constraints, f"{wheel}[bundled]", cwd=folder)
    return programs


@pytest.fixture
def environment() -> dict[str, str]:
    """The environment without a way back to the checkout."""
    return {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}


def test_host_bot(installed: Path, tmp_path: Path, environment: dict[str, str]) -> None:
    """A small bot loads the cog; the sounds folder is made and filled, the secret is made for its owner alone."""
    (tmp_path / "bot.py").write_text(HOST_BOT)

    assert run(installed / "python", "bot.py", cwd=tmp_path, env=environment).strip() == "True 12"
    assert len(list((tmp_path / "sounds").iterdir())) == 12
    assert (tmp_path / ".jeffbot" / "secret").stat().st_mode & 0o777 == 0o600


def test_token_tool(installed: Path, tmp_path: Path, environment: dict[str, str]) -> None:
    """The token tool prints a token, alone."""
    token = run(installed / "python", "-m", "jeffbot.ws.auth", "123456789012345678", cwd=tmp_path, env=environment)

    assert re.fullmatch(r"[\w-]+\.[\w-]+\.[\w-]+\n", token)


def test_demo(installed: Path, tmp_path: Path, environment: dict[str, str]) -> None:
    """The demo plays from the wheel."""
    demo = subprocess.Popen(
        [installed / "jeffbot", "demo", "--port", "0", "--wav", "heard.wav"],
        cwd=tmp_path, env={**environment, "COLUMNS": "200"},
        text=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
    )  # fmt: skip
    assert demo.stdout is not None
    try:
        said = ""
        while "--url" not in said:
            line = demo.stdout.readline()
            assert line, said
            said += line
        url = said.split("--url ")[1].split()[0]
        user = said.split("client ")[1].split()[0]
        answer = run(
            installed / "jeffbot", "client", user, "--url", url, cwd=tmp_path, env=environment, input="play boing\n"
        )
        assert "playing boing.mp3 in General" in answer
        while "written to" not in said:
            said += demo.stdout.readline()
        assert "dBFS" in said
    finally:
        demo.send_signal(signal.SIGINT)
        rest, _ = demo.communicate(timeout=30)
    assert demo.returncode == 0, rest
