"""Clients of all kinds: the protocol description's own snippets, the examples, and ``jeffbot client``."""

import asyncio
import json
import os
import re
import shutil
import signal
import socket
import sys
import time
from pathlib import Path
from typing import Any

import aiohttp
import pytest
import yaml  # type: ignore[import-untyped]

from jeffbot.client import RemoteClient, RemoteError
from jeffbot.models import Caller, Standing, UserId
from jeffbot.ws.actions import ACTIONS
from jeffbot.ws.auth import Tokens
from jeffbot.ws.feed import Topic
from jeffbot.ws.scopes import Scope
from staging import EXTENSION, PATIENCE, SECRET, MakeStage, Stage, token_for, write_tone

ROOT = Path(__file__).parents[2]
MODULES = ROOT / "tests" / "node" / "node_modules"
MODULE = ROOT / "jeffbot" / "ws" / "web" / "jeffbot.mjs"
CONSOLE = Caller(UserId(0), standing=Standing.OPERATOR)
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


async def http_url(stage: Stage) -> str:
    """Where the remote control is over HTTP."""
    return (await stage.url()).replace("ws://", "http://")


async def http_there(stage: Stage, text: str) -> str:
    """The text with the stage's address in place of the usual one."""
    return text.replace("http://localhost:8765", await http_url(stage))


async def post(stage: Stage, url: str, body: str) -> tuple[int, dict[str, Any]]:
    """Alice's request over HTTP: (status, reply)."""
    headers = {"Authorization": f"Bearer {token_for(stage.alice)}", "Content-Type": "application/json"}
    async with aiohttp.ClientSession() as session, session.post(url, data=body, headers=headers) as response:
        return response.status, await response.json()


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


@needs_node
async def test_module_example(stage: Stage, tmp_path: Path, environment: dict[str, str]) -> None:
    """The example of the ES module plays, and hears how the sound ends."""
    (tmp_path / "node_modules").symlink_to(MODULES)
    (tmp_path / "jeffbot.mjs").write_text(MODULE.read_text())
    example = (ROOT / "examples" / "node.mjs").read_text().replace("../jeffbot/ws/web/", "./")
    (tmp_path / "node.mjs").write_text(example)
    env = {**environment, "JEFFBOT_URL": await stage.url(), "TOKEN": token_for(stage.alice)}
    code, out, err = await run("node", str(tmp_path / "node.mjs"), "low", env=env)

    assert code == 0, err
    assert out.splitlines() == ["playing low.wav in General", "finished"]


async def test_typed_python_example(stage: Stage, environment: dict[str, str]) -> None:
    """The example of the typed client plays, and hears how the sound ends."""
    env = {**environment, "JEFFBOT_URL": await stage.url(), "TOKEN": token_for(stage.alice)}
    code, out, err = await run(sys.executable, str(ROOT / "examples" / "python.py"), "low", env=env)

    assert code == 0, err
    assert out.splitlines() == ["playing low.wav in General", "finished"]


@pytest.mark.skipif(not shutil.which("curl"), reason="curl is not here")
async def test_curl_example(stage: Stage, environment: dict[str, str]) -> None:
    """The shell example presses, looks and stops; what is refused ends it with the reason."""
    env = {**environment, "JEFFBOT_URL": await http_url(stage), "TOKEN": token_for(stage.alice)}
    script = str(ROOT / "examples" / "curl.sh")
    code, out, err = await run("sh", script, "low", env=env)
    assert code == 0, err
    assert [json.loads(line)["action"] for line in out.splitlines()] == ["playing", "status", "stopped"]

    code, out, _ = await run("sh", script, "nope", env=env)
    assert code != 0
    assert json.loads(out)["error_code"] == "sound_not_found"


async def snippet(stage: Stage, language: str) -> str:
    """The program in this language of the README's section, for the test's own server and sound, and one event."""
    section = (ROOT / "README.md").read_text().partition("## Press from anywhere")[2].partition("\n## ")[0]
    (found,) = re.findall(rf"```{language}\n(.*?)```", section, re.DOTALL)
    return (await there(stage, found)).replace("airhorn", "low")


async def test_readme_python(stage: Stage, environment: dict[str, str]) -> None:
    """The README's Python runs."""
    body = (await snippet(stage, "python")).replace("event.data)", "event.data); break")
    program = "import asyncio\nasync def main(token):\n" + "".join(f"    {line}\n" for line in body.splitlines())
    code, out, err = await run(
        sys.executable, "-c", f"{program}\nasyncio.run(main({token_for(stage.alice)!r}))", env=environment
    )
    assert code == 0, err
    assert "'title': 'low.wav'" in out or out.startswith("queue.changed")


@needs_node
async def test_readme_javascript(stage: Stage, tmp_path: Path) -> None:
    """The README's JavaScript runs."""
    (tmp_path / "node_modules").symlink_to(MODULES)
    (tmp_path / "jeffbot.mjs").write_text(MODULE.read_text())
    before = (
        f'import WebSocket from "ws"; globalThis.WebSocket ??= WebSocket; const token = "{token_for(stage.alice)}";\n'
    )
    body = (await snippet(stage, "js")).replace("event.data);", "event.data), process.exit();")
    (tmp_path / "snippet.mjs").write_text(before + body)
    listening = asyncio.create_task(run("node", str(tmp_path / "snippet.mjs"), env={}))
    feed = (await stage.soundboard.wait_serving()).feed
    async with asyncio.timeout(PATIENCE):
        while not feed.has_subscribers(Topic.PLAYBACK):
            await asyncio.sleep(0.01)
    code, out, err = await listening
    assert code == 0, err
    assert out.startswith("playback.")


async def test_stream_deck_example(stage: Stage) -> None:
    """Every key of the page about decks is a request that does what it says."""
    page = await http_there(stage, (ROOT / "examples" / "streamdeck.md").read_text())
    keys = re.findall(r"`(http://[^`]+/api/\w+)` \| `(\{.*?\})`", page)
    assert len(keys) == 6
    await stage.service.library.edit(CONSOLE, "high.wav", tags=("memes",))
    answers = []
    for url, body in keys:
        if url.endswith(("skip", "player")):
            await post(stage, await http_url(stage) + "/api/play", '{"filename": "low"}')
        answers.append(await post(stage, url, body.replace("airhorn", "low")))
    assert [(status, reply["action"]) for status, reply in answers] == [
        *[(200, "playing")] * 3,
        *[(200, "stopped"), (200, "player"), (200, "skip")],
    ]


async def test_home_assistant_example(stage: Stage) -> None:
    """The requests of the Home Assistant example press, stop and tell what plays."""
    text = await http_there(stage, (ROOT / "examples" / "home_assistant.yaml").read_text())
    bearer = f"Bearer {token_for(stage.alice)}"

    class Loader(yaml.SafeLoader):  # type: ignore[misc]
        pass

    Loader.add_constructor("!secret", lambda _loader, _node: bearer)
    parsed = yaml.load(text, Loader)
    commands = parsed["rest_command"]

    async def press(name: str) -> str:
        command = commands[name]
        body = command["payload"].replace("{{ sound | to_json }}", '"low"').replace("{{ volume | default(100) }}", "80")
        assert command["headers"] == {"Authorization": bearer}
        status, reply = await post(stage, command["url"], body)
        assert status == 200
        return str(reply["action"])

    assert [await press(name) for name in commands] == ["playing", "playing", "stopped"]
    await press("jeffbot_play")
    (sensor,) = parsed["rest"]
    _, told = await post(stage, sensor["resource"], sensor["payload"])
    assert told["now_playing"]["title"] == "low.wav"
    assert set(sensor["sensor"][0]["json_attributes"]) <= set(told)


async def test_every_method(stage: Stage, tmp_path: Path) -> None:
    """Each method of the typed client is answered by the server in a bot, with what its annotation says."""
    token = Tokens(SECRET, hours=1).make(stage.alice.id, scopes=[Scope.ADMIN, Scope.PLAY], auth_time=time.time())
    file = write_tone(tmp_path / "new.wav", 440, 0.5)
    async with RemoteClient(await stage.url(), token) as client, client.events("*") as events:
        assert {sound.name for sound in await client.sounds()} == {"low.wav", "middle.wav", "high.wav"}
        playing = await client.play("low", mode="replace", volume=50)
        assert (await client.player(volume=120)).playback_id == playing.playback_id
        assert (await client.play("middle", mode="queue")).queued is True
        assert [waiting.title for waiting in await client.queue()] == ["middle.wav"]
        assert (await client.skip()).skipped
        assert await client.queue(clear=True) == ()
        assert (await client.random()).random is True
        now = (await client.status()).now_playing
        assert now is not None
        assert now.user_id == str(stage.alice.id)
        await client.stop(mine=True)
        assert len(await client.diagnose()) > 0

        guild = str(stage.guild.id)
        added = await client.upload(file, shared=True, tags=["tones"], title="A new one")
        assert (added.name, added.title, added.tags) == ("new.wav", "A new one", ("tones",))
        assert [sound.name for sound in (await client.search("new", tags=["tones"])).sounds] == ["new.wav"]
        assert (await client.edit("new.wav", gain=-3, colour=None)).gain == -3
        assert (await client.delete("new.wav")).restorable_until > time.time()

        assert [sound.name for sound in await client.favourites(add=["low.wav"])] == ["low.wav"]
        assert [shared.id for shared in await client.guilds()] == [guild]
        assert {heard.filename for heard in (await client.recent(limit=5)).mine} >= {"low.wav"}
        assert (await client.stats(top=1)).plays >= 1
        entrance = (await client.entrance(entrance="low.wav")).entrance
        assert entrance is not None
        assert entrance.name == "low.wav"
        assert (await client.settings(guild_id=guild, volume=90.0)).volume == 90

        assert (await client.refresh()).expires_at > time.time()
        assert {action.action for action in (await client.describe()).actions} == set(ACTIONS)
        assert abs(await client.ping() - time.time()) < PATIENCE
        assert (await client.authenticate(token)).user_id == str(stage.alice.id)
        expected = {"playback.started", "playback.ended", "queue.changed", "library.changed", "entrance.changed"}
        async with asyncio.timeout(PATIENCE):
            async for event in events:
                expected.discard(event.name)
                if not expected:
                    break


async def test_upload_that_is_no_sound(stage: Stage, tmp_path: Path) -> None:
    """What the server finds wrong with a file itself is an exception with its code, too."""
    (tmp_path / "noise.mp3").write_bytes(b"nothing to hear" * 100)
    token = Tokens(SECRET, hours=1).make(stage.alice.id, scopes=[Scope.ADMIN])
    async with RemoteClient(await stage.url(), token) as client:
        with pytest.raises(RemoteError) as caught:
            await client.upload(tmp_path / "noise.mp3", shared=True)
    assert caught.value.code == "unsupported_media"


@needs_node
async def test_module_alone() -> None:
    """The ES module's own tests pass."""
    code, out, _ = await run("node", "--test", str(MODULES.parent / "client.test.mjs"), env={})
    assert code == 0, out


@needs_node
async def test_module_types() -> None:
    """TypeScript's checker accepts the ES module's types, and programs that use them."""
    code, out, _ = await run("node", str(MODULES / "typescript" / "bin" / "tsc"), "-p", str(MODULES.parent), env={})
    assert code == 0, out


@needs_node
async def test_module_when_the_bot_restarts(make_stage: MakeStage, tmp_path: Path, environment: dict[str, str]) -> None:
    """The ES module's client uploads, presses, hears, and comes back to a soundboard that was reloaded."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    async with make_stage(ws_port=port) as stage:
        token = Tokens(SECRET, hours=1).make(stage.alice.id, scopes=[Scope.ADMIN, Scope.PLAY])
        file = write_tone(tmp_path / "new.wav", 440, 0.5)
        env = {**os.environ, **environment, "JEFFBOT_URL": await stage.url(), "TOKEN": token, "FILE": str(file)}
        process = await asyncio.create_subprocess_exec(
            "node", str(MODULES.parent / "live.mjs"), env=env,
            stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT,
        )  # fmt: skip
        assert process.stdout is not None
        said: list[str] = []
        async with asyncio.timeout(30):
            while line := (await process.stdout.readline()).decode().strip():
                said.append(line)
                if line == "reload":
                    stage.bot.reload_extension(EXTENSION)
            assert await process.wait() == 0, said
    assert said == ["uploaded new.wav", "playback.started low.wav", "reload", "resync", "playback.started new.wav"]


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
