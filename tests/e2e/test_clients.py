"""Clients of all kinds: the protocol description's own snippets, the examples, and ``jeffbot client``."""

import asyncio
import json
import os
import shutil
import signal
import sys
from pathlib import Path

import pytest

from staging import PATIENCE, SECRET, Stage, token_for

ROOT = Path(__file__).parents[2]
MODULES = ROOT / "tests" / "node" / "node_modules"
needs_node = pytest.mark.skipif(
    not os.environ.get("JEFFBOT_TEST_ALL") and not (shutil.which("node") and MODULES.exists()),
    reason="node with the package ws is not here: make test installs it where npm is",
)

PYTHON_SNIPPET = """
import asyncio
import json
import websockets
from jeffbot.ws.auth import generate_token

async def play_sound(user_id, filename):
    token = generate_token(user_id)

    async with websockets.connect("ws://localhost:8765") as websocket:
        # Wait for welcome
        await websocket.recv()

        # Authenticate
        auth_msg = {"action": "authenticate", "token": token}
        await websocket.send(json.dumps(auth_msg))
        await websocket.recv()  # Auth response

        # Play sound
        play_msg = {"action": "play", "filename": filename}
        await websocket.send(json.dumps(play_msg))
        response = await websocket.recv()

        return json.loads(response)

# Usage
result = asyncio.run(play_sound("123456789", "airhorn.mp3"))
"""

NODE_SNIPPET = """
const WebSocket = require("ws");

async function playSoundJS(userId, filename, token) {
  return new Promise((resolve, reject) => {
    const ws = new WebSocket("ws://localhost:8765");

    ws.on("open", () => {
      // Wait for welcome message, then authenticate
      ws.on("message", (data) => {
        const msg = JSON.parse(data);

        if (msg.action === "welcome") {
          // Send authentication
          ws.send(
            JSON.stringify({
              action: "authenticate",
              token: token,
            })
          );
        } else if (msg.action === "auth_success") {
          // Send play command
          ws.send(
            JSON.stringify({
              action: "play",
              filename: filename,
            })
          );
        } else if (msg.action === "playing") {
          ws.close();
          resolve(msg);
        } else if (msg.action === "error") {
          ws.close();
          reject(new Error(msg.error_message));
        }
      });
    });

    ws.on("error", reject);
  });
}
"""


async def run(*command: str, env: dict[str, str], stdin: str = "", cwd: Path | None = None) -> tuple[int, str, str]:
    """Run a program to its end: (exit code, stdout, stderr)."""
    process = await asyncio.create_subprocess_exec(
        *command,
        env={**os.environ, **env},
        cwd=cwd,
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    out, err = await asyncio.wait_for(process.communicate(stdin.encode()), 30)
    assert process.returncode is not None
    return process.returncode, out.decode(), err.decode()


async def there(stage: Stage, text: str) -> str:
    """The text with the stage's port in place of the usual one."""
    url = await stage.url()
    return text.replace("ws://localhost:8765", url.replace("127.0.0.1", "localhost"))


@pytest.fixture
def environment(data_dir: Path) -> dict[str, str]:
    """What a program finds that is started beside the bot."""
    return {"PYTHONPATH": str(ROOT), "JEFFBOT_JWT_SECRET": SECRET, "JEFFBOT_DATA_DIR": str(data_dir)}


async def test_python_snippet(stage: Stage, environment: dict[str, str]) -> None:
    """The description's Python snippet runs unchanged but for its import; with a port of the test's own."""
    snippet = (
        (await there(stage, PYTHON_SNIPPET)).replace("123456789", str(stage.alice.id)).replace("airhorn.mp3", "low.wav")
    )
    code, out, err = await run(sys.executable, "-c", snippet + "print(json.dumps(result))", env=environment)

    assert code == 0, err
    reply = json.loads(out)
    assert (reply["action"], reply["filename"], reply["channel"]) == ("playing", "low.wav", "General")


async def test_python_snippet_with_an_integer(stage: Stage, environment: dict[str, str]) -> None:
    """Its ``generate_token`` takes an integer as well."""
    snippet = (
        (await there(stage, PYTHON_SNIPPET)).replace('"123456789"', str(stage.alice.id)).replace("airhorn.mp3", "low")
    )
    code, out, err = await run(sys.executable, "-c", snippet + "print(json.dumps(result))", env=environment)

    assert code == 0, err
    assert json.loads(out)["action"] == "playing"


@needs_node
@pytest.mark.parametrize(("filename", "expected"), [("low.wav", "playing low.wav"), ("nope", 'Sound "nope" not found')])
async def test_node_snippet(
    stage: Stage, tmp_path: Path, environment: dict[str, str], filename: str, expected: str
) -> None:
    """The description's Node snippet runs unchanged."""
    usage = f"""
    playSoundJS("{stage.alice.id}", "{filename}", "{token_for(stage.alice)}")
      .then((msg) => console.log(msg.action, msg.title), (error) => console.log(error.message));
    """
    (tmp_path / "node_modules").symlink_to(MODULES)
    script = tmp_path / "snippet.cjs"
    script.write_text(await there(stage, NODE_SNIPPET) + usage)
    code, out, err = await run("node", str(script), env=environment)

    assert code == 0, err
    assert out.strip() == expected


@needs_node
async def test_node_example(stage: Stage, tmp_path: Path, environment: dict[str, str]) -> None:
    """The Node example plays."""
    (tmp_path / "node_modules").symlink_to(MODULES)
    script = shutil.copy(ROOT / "examples" / "ws_client_example.mjs", tmp_path)
    env = {**environment, "JEFFBOT_URL": await stage.url(), "TOKEN": token_for(stage.alice)}
    code, out, err = await run("node", str(script), "play", "low", env=env)

    assert code == 0, err
    assert json.loads(out)["title"] == "low.wav"


async def test_python_example(stage: Stage, tmp_path: Path, environment: dict[str, str]) -> None:
    """The Python example does what is typed."""
    script = tmp_path / "example.py"
    script.write_text(await there(stage, (ROOT / "examples" / "ws_client_example.py").read_text()))
    typed = "list\nplay low\nstatus\nstop\nrandom\nquit\n"
    code, out, err = await run(sys.executable, str(script), str(stage.alice.id), env=environment, stdin=typed)

    assert code == 0, err
    for expected in ('"count": 3', '"action": "playing"', '"connected": true', '"stopped"', '"random": true'):
        assert expected in out


async def test_jeffbot_client(stage: Stage, environment: dict[str, str]) -> None:
    """``jeffbot client`` knows the description's commands, and says what is wrong."""
    typed = "list\nplay low\nplay nope\nstatus\ndiagnose\nstop\nwhat\nquit\n"
    command = (sys.executable, "-m", "jeffbot.cli", "client", str(stage.alice.id), "--url", await stage.url())
    code, out, err = await run(*command, env=environment, stdin=typed)

    assert code == 0, err
    for expected in (
        "low.wav",
        "3 sounds",
        "playing low.wav in General",
        "sound_not_found",
        "in General, playing",
        "right-click the bot",
        "stopped",
    ):
        assert expected in out


async def test_jeffbot_client_without_a_bot(environment: dict[str, str]) -> None:
    """Where no bot listens it says so and ends."""
    code, out, _ = await run(
        sys.executable, "-m", "jeffbot.cli", "client", "1", "--url", "ws://127.0.0.1:9", env=environment
    )

    assert code == 1
    assert "Is the bot running" in out


async def test_client_killed_in_mid_play(stage: Stage, environment: dict[str, str]) -> None:
    """A client's process that is killed in mid-play leaves the sound playing and the server as it was."""
    snippet = (
        (await there(stage, PYTHON_SNIPPET)).replace("123456789", str(stage.alice.id)).replace("airhorn.mp3", "low")
    )
    hanging = snippet.replace("return json.loads(response)", "print(response, flush=True); await asyncio.sleep(60)")
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-c", hanging, env={**os.environ, **environment}, stdout=asyncio.subprocess.PIPE
    )
    assert process.stdout is not None
    assert b"playing" in await asyncio.wait_for(process.stdout.readline(), PATIENCE)
    server = await stage.soundboard.wait_serving()
    assert len(server._connections) == 1
    heard = len(stage.ear.packets)

    process.send_signal(signal.SIGKILL)
    await process.wait()

    await stage.discord.until(lambda: len(stage.ear.packets) > heard + 10, timeout=PATIENCE)
    async with asyncio.timeout(PATIENCE):
        while server._connections or server._work:
            await asyncio.sleep(0.01)


async def test_demo(tmp_path: Path) -> None:
    """The demo brings up everything, tells what a listener heard, writes it to a file, and ends cleanly on Ctrl-C."""
    env = {**os.environ, "PYTHONPATH": str(ROOT), "COLUMNS": "200"}
    demo = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "jeffbot.cli", "demo", "--port", "0", "--wav", "heard.wav",
        cwd=tmp_path, env=env, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT,
    )  # fmt: skip
    assert demo.stdout is not None
    said = ""
    async with asyncio.timeout(60):
        while "--url" not in said:
            said += (await demo.stdout.readline()).decode()
        url = said.split("--url ")[1].split()[0]
        user = said.split("client ")[1].split()[0]
        token = said.split("Token")[1].split()[0]
        command = (sys.executable, "-m", "jeffbot.cli", "client", user, "--url", url, "--token", token)
        _, out, _ = await run(*command, env={"PYTHONPATH": str(ROOT)}, stdin="play airhorn\nquit\n", cwd=tmp_path)
        assert "playing airhorn.mp3 in General" in out
        while "heard.wav" not in said:
            said += (await demo.stdout.readline()).decode()
        demo.send_signal(signal.SIGINT)
        said += (await demo.stdout.read()).decode()
        assert await demo.wait() == 0

    assert "dBFS" in said
    assert "Traceback" not in said
    assert (tmp_path / "heard.wav").stat().st_size > 100_000
