"""``jeffbot sandbox``: a program that other programs use."""

import asyncio
import contextlib
import json
import os
import re
import signal
import ssl
import sys
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from yarl import URL

from jeffbot.sandbox import Kind, Sandbox
from jeffbot.sandbox.chronicle import Chronicle, Spurt, tell
from peers.environments import PEERS

from .clients import tone
from .conftest import Cave
from .probe import Probe

DOCS = Path(__file__).parents[2] / "docs" / "sandbox.md"
PATIENCE = 30.0
BOTS = {"nextcord": "python", "discord.py": "python", "py-cord": "python", "disnake": "python", "discord.js": "js"}
ENVIRONMENTS = {"discord.py": "discord_py", "py-cord": "py_cord", "disnake": "disnake", "discord.js": "discordjs"}


def bot_of_docs(library: str) -> str:
    """The program of the page for other authors."""
    found = re.search(
        rf"\*\*{re.escape(library)}\*\*\n\n```{BOTS[library]}\n(.*?)```", DOCS.read_text("utf-8"), re.DOTALL
    )
    assert found
    return found[1]


@dataclass
class Program:
    """The sandbox in a process of its own."""

    process: asyncio.subprocess.Process
    facts: dict[str, str]
    session: aiohttp.ClientSession

    async def do(self, verb: str, **parameters: Any) -> Any:
        """The answer to a verb."""
        async with self.session.post(f"{self.facts['control']}{verb}", json=parameters) as response:
            assert response.status == 200, await response.text()
            return await response.json()

    async def says(self, words: str) -> str:
        """Wait for a line with these words, on standard error."""
        assert self.process.stderr
        async with asyncio.timeout(PATIENCE):
            while words not in (line := (await self.process.stderr.readline()).decode()):
                assert line, "it has ended"
        return line


def command(*arguments: str | Path) -> list[str | Path]:
    return [sys.executable, "-m", "jeffbot.cli", "sandbox", *arguments]


@pytest.fixture
async def program(tmp_path: Path) -> AsyncIterator[Program]:
    """The program for scripts; it ends by SIGTERM, and cleanly, also where a shell has its SIGINT ignored."""
    process = await asyncio.create_subprocess_exec(
        *("sh", "-c", 'trap "" INT; exec "$@"', "sh"),
        *command("--port", "0", "--json", "--ca-file", tmp_path / "ca.pem", "--guild", "Cave"),
        *("--redirect-uri", "http://localhost:1/cb", "--redirect-uri", "app:/cb"),
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    assert process.stdout
    assert process.stderr
    try:
        facts = json.loads(await asyncio.wait_for(process.stdout.readline(), PATIENCE))
        connector = aiohttp.TCPConnector(ssl=ssl.create_default_context(cafile=facts["ca_file"]))
        async with aiohttp.ClientSession(connector=connector) as session:
            yield Program(process, facts, session)
    finally:
        process.terminate()
        out, err = await asyncio.wait_for(process.communicate(), PATIENCE)
    assert (process.returncode, out, b"Traceback" in err) == (0, b"", False)


@pytest.mark.parametrize(
    "library", [pytest.param(library, marks=[] if library == "nextcord" else pytest.mark.peers) for library in BOTS]
)
async def test_bots_of_the_page(program: Program, tmp_path: Path, library: str) -> None:
    """The page's bot of each library logs in, registers its command and answers it, and that is told."""
    folder = PEERS[ENVIRONMENTS[library]] if library in ENVIRONMENTS else None
    if folder and not folder.built:
        (pytest.fail if os.environ.get("JEFFBOT_TEST_ALL") else pytest.skip)(f"no environment for {library}")
    interpreter = folder.command[0] if folder else Path(sys.executable)
    bot = tmp_path / ("bot.js" if BOTS[library] == "js" else "bot.py")
    bot.write_text(bot_of_docs(library), "utf-8")
    facts = program.facts
    environment = {
        **os.environ,
        "DISCORD_API": facts["api"],
        "DISCORD_GATEWAY": facts["gateway"],
        "DISCORD_TOKEN": facts["token"],
        "SSL_CERT_FILE": facts["ca_file"],
        "NODE_EXTRA_CA_CERTS": facts["ca_file"],
        "NODE_PATH": str(folder.folder / "node_modules") if folder else "",
    }
    process = await asyncio.create_subprocess_exec(interpreter, bot, env=environment)
    try:
        await program.do("until_bot_ready", application=facts["application_id"], commands=["hello"], timeout=PATIENCE)
        scene = {"user": facts["user_id"], "application": facts["application_id"], "where": facts["guild_id"]}
        assert (await program.do("invoke", **scene, command="hello"))["content"] == "hello alice"
        assert await program.says("commands") == "bot has the commands hello\n"
        assert (await program.do("unknown_routes"))["routes"] == []
    finally:
        with contextlib.suppress(ProcessLookupError):
            process.kill()
        await process.wait()
    assert await program.says("disconnected")


async def test_world_of_the_program(program: Program, tmp_path: Path) -> None:
    """What the line of JSON says is so."""
    facts = program.facts
    (guild,) = (await program.do("state"))["guilds"]

    assert facts["ca_file"] == str(tmp_path / "ca.pem")
    assert (guild["id"], guild["name"]) == (facts["guild_id"], "Cave")
    assert {channel["id"] for channel in guild["channels"]} == {facts["text_channel_id"], facts["voice_channel_id"]}
    assert [state["channel_id"] for state in guild["voice_states"]] == [facts["voice_channel_id"]]
    assert {member["user"]["id"] for member in guild["members"]} >= {facts["user_id"], facts["application_id"]}


async def test_signing_in_to_the_program(program: Program) -> None:
    """The redirect URIs that were given are the application's, and the authorize page takes them."""
    facts = program.facts
    (application,) = (await program.do("state"))["applications"]
    query = {"client_id": facts["application_id"], "response_type": "code", "scope": "identify"}
    url = (
        URL(facts["api"]).joinpath("oauth2", "authorize").with_query(query | {"redirect_uri": "http://localhost:1/cb"})
    )
    async with program.session.get(url) as page:
        assert page.status == 200
    agreed = await program.do("authorize", user=facts["user_id"], url=str(url))

    assert application["redirect_uris"] == ["http://localhost:1/cb", "app:/cb"]
    assert application["client_secret"] == facts["client_secret"]
    assert agreed["location"].startswith("http://localhost:1/cb?code=")


async def test_for_people() -> None:
    """Without options for scripts it says all that one has to type, and ends by Ctrl-C."""
    process = await asyncio.create_subprocess_exec(
        *command("--port", "0"), stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE
    )
    assert process.stdout
    said = ""
    async with asyncio.timeout(PATIENCE):
        while "Ctrl-C" not in said:
            heard = await process.stdout.readline()
            assert heard, (await process.communicate())[1].decode()
            said += heard.decode()
    process.send_signal(signal.SIGINT)
    out, err = await asyncio.wait_for(process.communicate(), PATIENCE)

    api = re.search(r"https://127\.0\.0\.1:\d+/api/v10", said)
    assert api
    for line in (f'nextcord.http.Route.BASE = "{api[0]}"', f'API_BASE_URL = "{api[0]}"', "SSL_CERT_FILE=", "curl "):
        assert line in said
    assert (process.returncode, out.decode().strip(), err) == (0, "Bye.", b"")


async def test_port_in_use(discord: Sandbox) -> None:
    """A port that is taken is a sentence, not a traceback."""
    port = discord.api_base.split(":")[2].split("/")[0]
    process = await asyncio.create_subprocess_exec(
        *command("--port", port), stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE
    )
    out, err = await asyncio.wait_for(process.communicate(), PATIENCE)

    assert (process.returncode, err) == (1, b"")
    assert f"port {port} is in use. Another:" in out.decode()


async def test_wrong_folder(tmp_path: Path) -> None:
    """What cannot be written is a sentence, too."""
    process = await asyncio.create_subprocess_exec(
        *command("--port", "0", "--ca-file", tmp_path / "no" / "ca.pem"), stdout=asyncio.subprocess.PIPE
    )
    out, _ = await asyncio.wait_for(process.communicate(), PATIENCE)

    assert process.returncode == 1
    assert "No such file" in out.decode()


@pytest.mark.parametrize(
    "arguments", [("--port", "99999"), ("--port", "-1"), ("--sounds", "/nonexistent"), ("--sounds", __file__)]
)
async def test_wrong_options(arguments: tuple[str, str]) -> None:
    """A port that there is not, and what is no folder, are refused in a sentence that names the option."""
    process = await asyncio.create_subprocess_exec(
        *command(*arguments), stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE
    )
    out, err = await asyncio.wait_for(process.communicate(), PATIENCE)

    assert (process.returncode, out) == (2, b"")
    assert arguments[0] in err.decode()
    assert "Traceback" not in err.decode()


async def test_chronicle(cave: Cave) -> None:
    """What happens is told: logging in, joining, what was heard, what was found, leaving."""
    expected = {
        "jeffbot is logged in",
        "jeffbot is in General",
        "finding burst of jeffbot: too fast",
        "unknown route GET /nothing",
        "jeffbot has left General (4014)",
        "jeffbot has disconnected",
    }
    sentences: asyncio.Queue[str] = asyncio.Queue()
    telling = asyncio.create_task(tell(cave.discord, sentences.put_nowait))
    try:
        await cave.alice.join(cave.general)
        async with Probe(cave.discord, cave.app) as probe:
            voice = await probe.join(cave.general)
            await voice.audible()
            await voice.speak(tone(440, 25))
            ear = cave.discord.voice(cave.guild, cave.app)
            assert ear
            await cave.discord.until(lambda: ear.packets and not ear.stream.open_ended)
            cave.discord.findings.note(Kind.BURST, "jeffbot", "too fast")
            cave.discord.unknown_routes.append("GET /nothing")
            await cave.app.kick_from_voice(cave.guild)
        async with asyncio.timeout(PATIENCE):
            told = [await sentences.get() for _ in range(len(expected) + 1)]
    finally:
        telling.cancel()
        await asyncio.gather(telling, return_exceptions=True)

    (heard,) = set(told) - expected
    assert expected < set(told)
    assert re.fullmatch(
        r"jeffbot was heard in General: 30 packets, 0\.50 s, -\d\d\.\d LUFS, strongest at 4[34]\d Hz, "
        r"longest gap \d+ ms",
        heard,
    )


async def test_silence_in_the_chronicle(cave: Cave) -> None:
    """What nobody heard is told as such."""
    async with Probe(cave.discord, cave.app) as probe:
        voice = await probe.join(cave.general)
        chronicle = Chronicle(cave.discord)
        await voice.speak(tone(440, 5))
        ear = cave.discord.voice(cave.guild, cave.app)
        assert ear
        await cave.discord.until(lambda: ear.packets and not ear.stream.open_ended)
        (spurt,) = [news for news in chronicle.news() if isinstance(news, Spurt)]
        assert spurt.told(None) == "jeffbot was not heard in General, of 10 packets"
