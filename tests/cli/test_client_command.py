"""``jeffbot client``: one request from a shell, a script of lines, or a conversation at a terminal."""

import asyncio
import json
import os
import pty
import signal
import stat
import sys
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner, Result

from jeffbot.cli import app
from jeffbot.cli.shown import safe, show
from jeffbot.cli.talk import completions
from jeffbot.cli.words import COMMANDS, parse
from jeffbot.models import UserId
from jeffbot.ws.auth import Tokens
from jeffbot.ws.feed import Topic
from jeffbot.ws.scopes import Scope
from staging import PATIENCE, SECRET, Stage, token_for, write_tone

ROOT = Path(__file__).parents[2]


async def jeffbot(stage: Stage, *words: object, token: str | None = None, typed: str = "") -> Result:
    """What comes of a command given beside a bot, by Alice."""
    environ = {"JEFFBOT_TOKEN": token or token_for(stage.alice)}
    arguments = ["client", "--url", await stage.url(), *(str(word) for word in words)]
    return await asyncio.to_thread(CliRunner().invoke, app, arguments, input=typed, env=environ)


# What is typed


@pytest.mark.parametrize(
    ("line", "fields"),
    [
        ("play air horn volume=50", {"filename": "air horn", "volume": 50.0}),
        ("play a=b.mp3", {"filename": "a=b.mp3"}),
        ("player paused toggle", {"paused": "toggle"}),
        ("player paused=true", {"paused": True}),
        ("queue", {}),
        ("queue clear", {"clear": True}),
        ("queue remove p7", {"remove": ("p7",)}),
        ("favourites add air horn", {"add": ("air horn",)}),
        ("favourites remove=a,b", {"remove": ("a", "b")}),
        ("search low tags=a,b limit=3", {"query": "low", "tags": ("a", "b"), "limit": 3}),
        ("settings volume null", {"volume": None}),
        ("entrance exit low.wav", {"exit": "low.wav"}),
        ("edit low title=7 trim_end=null", {"filename": "low", "title": "7", "trim_end": None}),
        ("stop mine=true", {"mine": True}),
        ("play low guild_id=81", {"filename": "low", "guild_id": "81"}),
    ],
)
def test_requests(line: str, fields: dict[str, Any]) -> None:
    """A line is an action, text for its main field, and fields by name, as their types have them."""
    assert parse(line.split()) == (line.partition(" ")[0], fields)


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("dance", "there is no 'dance'"),
        ("authenticate token=x", "there is no 'authenticate'"),
        ("play", '"filename" is missing'),
        ("player volume loud", '"volume": Expected `float`'.replace("`", "")),
        ("queue empty", "it takes guild_id, channel_id, remove, clear"),
        ("guilds all", "it takes nothing"),
    ],
)
def test_what_is_no_request(line: str, said: str) -> None:
    """What cannot be read is refused, and says what can be typed."""
    with pytest.raises(ValueError, match=said):
        parse(line.split())


@pytest.mark.parametrize(
    ("typed", "expected"),
    [
        ("pl", ["play ", "player "]),
        ("play lo", ["play low.wav"]),
        ("play LO", ["play low.wav"]),
        ("delete hi", ["delete high.wav"]),
        ("favourites a", ["favourites add "]),
        ("favourites add mid", ["favourites add middle.wav"]),
        ("status l", []),
        ("upload l", []),
        ("q", ["queue ", "quit "]),
    ],
)
def test_completions(typed: str, expected: Sequence[str]) -> None:
    """Actions complete, and names of sounds where one is wanted."""
    assert completions(typed, ["low.wav", "middle.wav", "high.wav"]) == expected


def test_waiting_is_shown() -> None:
    """A press that waits says where."""
    assert show("play", {"title": "A", "channel": "B", "queued": True, "position": 2}) == "A waits in B, at place 2"
    assert show("describe", {"action": "describe", "id": 1, "protocol": 1}) == '{\n  "protocol": 1\n}'


# From a shell


async def test_one_request_each(stage: Stage, tmp_path: Path) -> None:
    """Each request is one command, with its answer in words and exit code 0."""
    file = write_tone(tmp_path / "new.wav", 440, 0.3)
    token = Tokens(SECRET, hours=1).make(stage.alice.id, scopes=[Scope.ADMIN, Scope.PLAY])
    conversation = [
        ("list", "high.wav\nlow.wav\nmiddle.wav\n3 sounds\n"),
        ("play low volume=50", "playing low.wav in General\n"),
        ("play middle mode=queue", "middle.wav waits in General, at place 1\n"),
        ("skip", "skipped\n"),
        ("stop", "stopped\n"),
        ("queue", "nothing waits\n"),
        ("search nothing-like-it", "nothing found\n"),
        ("favourites add low", "low.wav\n"),
        ("favourites remove low", "no favourites\n"),
        (f"upload {file} shared=true", "added new.wav\n"),
        ("delete new", "deleted new.wav\n"),
        ("ping", "pong\n"),
    ]
    for line, said in conversation:
        result = await jeffbot(stage, *line.split(), token=token)
        assert (result.stdout, result.exit_code) == (said, 0), line


@pytest.mark.parametrize("action", sorted(set(COMMANDS) - {"upload", "edit", "delete"}))
async def test_every_action_is_shown(stage: Stage, action: str) -> None:
    """What each action answers can be shown."""
    text = ["low"] if action == "play" else []
    if action == "skip":
        await jeffbot(stage, "play", "low")
    result = await jeffbot(stage, action, *text)
    assert result.exit_code == 0, result.output
    assert result.stdout.strip()


async def test_json(stage: Stage) -> None:
    """For programs, replies and refusals are JSON in a line."""
    good, bad = await jeffbot(stage, "--json", "status"), await jeffbot(stage, "--json", "play", "nope")

    assert (json.loads(good.stdout)["action"], good.stdout.count("\n"), good.exit_code) == ("status", 1, 0)
    assert (json.loads(bad.stdout)["error_code"], bad.exit_code) == ("sound_not_found", 1)


async def test_script_for_a_program(stage: Stage) -> None:
    """With JSON each line of a script has one line of answer, and there is nothing beside."""
    result = await jeffbot(stage, "--json", typed="ping\ndance\nplay nope\n")
    answers = [json.loads(line) for line in result.stdout.splitlines()]
    assert [answer["action"] for answer in answers] == ["pong", "error", "error"]


def test_what_would_steer_the_terminal() -> None:
    """What others wrote is shown as it is, but for what a terminal would obey."""
    assert safe("\x1b]0;Ha\x07 Größe\nnext") == "\\x1b]0;Ha\\x07 Größe\nnext"


async def test_exit_codes(stage: Stage) -> None:
    """2 is for what is no request, 1 for what fails."""
    refused = await jeffbot(stage, "play", "nope")
    assert (refused.exit_code, refused.stdout) == (1, 'sound_not_found: Sound "nope" not found\n')
    assert (await jeffbot(stage, "dance")).exit_code == 2
    assert (await jeffbot(stage, "player", "volume=loud")).exit_code == 2
    assert (await jeffbot(stage, "status", token="nonsense")).exit_code == 1
    assert (await jeffbot(stage, "upload", "nowhere.mp3")).exit_code == 1
    nobody = await asyncio.to_thread(CliRunner().invoke, app, ["client", "status"])
    assert nobody.exit_code == 2
    assert "JEFFBOT_TOKEN" in nobody.output


async def test_user_id_and_action(stage: Stage) -> None:
    """With the local secret, a user id is as good as a token."""
    environ = {"JEFFBOT_JWT_SECRET": SECRET}
    arguments = ["client", str(stage.alice.id), "play", "low", "--url", await stage.url()]
    result = await asyncio.to_thread(CliRunner().invoke, app, arguments, env=environ)

    assert (result.stdout, result.exit_code) == ("playing low.wav in General\n", 0)


async def test_script(stage: Stage) -> None:
    """Lines from a file are done one after the other; one that fails does not end it."""
    result = await jeffbot(stage, typed="play nope\nplay low\nevents\nhelp\n\nstop")

    said = result.stdout.splitlines()
    assert result.exit_code == 0
    assert said[0].startswith("Connected.")
    assert said[1:3] == ['sound_not_found: Sound "nope" not found', "playing low.wav in General"]
    assert said[3].startswith("there is no 'events'")
    assert said[-1] == "stopped"
    assert ">" not in said[1]


async def test_script_when_the_bot_goes(stage: Stage) -> None:
    """A conversation whose connection cannot come back ends with the reason."""
    async with process(stage, stdin=asyncio.subprocess.PIPE) as talk:
        assert talk.stdout is not None
        assert b"Connected" in await asyncio.wait_for(talk.stdout.readline(), PATIENCE)
        await stage.service.revocations.revoke_user(stage.alice.id, UserId(stage.alice.id))
        out = await asyncio.wait_for(talk.stdout.read(), PATIENCE)
        assert await talk.wait() == 1
    assert b"revoked" in out


@asynccontextmanager
async def process(
    stage: Stage, *words: str, stdin: int = asyncio.subprocess.DEVNULL, stdout: int = asyncio.subprocess.PIPE
) -> AsyncIterator[asyncio.subprocess.Process]:
    """The command as a process of its own."""
    environ = {**os.environ, "PYTHONPATH": str(ROOT), "JEFFBOT_TOKEN": token_for(stage.alice), "TERM": "xterm"}
    environ |= {"XDG_STATE_HOME": str(Path.cwd() / "state"), "COLUMNS": "200"}
    running = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "jeffbot.cli", "client", "--url", await stage.url(), *words),
        env=environ,
        stdin=stdin,
        stdout=stdout,
        stderr=asyncio.subprocess.STDOUT if stdout == asyncio.subprocess.PIPE else stdout,
        start_new_session=True,
    )
    try:
        yield running
    finally:
        if running.returncode is None:
            running.kill()
            await running.wait()


@pytest.mark.parametrize(
    ("flags", "expected"), [(["--json"], '"event": "playback.started"'), ([], "playback.started {")]
)
async def test_events(stage: Stage, flags: list[str], expected: str) -> None:
    """Events are printed as they come, until it is ended."""
    async with process(stage, *flags, "events", "playback") as following:
        assert following.stdout is not None
        feed = (await stage.soundboard.wait_serving()).feed
        async with asyncio.timeout(PATIENCE):
            while not feed.has_subscribers(Topic.PLAYBACK):
                await asyncio.sleep(0.01)
        await jeffbot(stage, "play", "low")
        line = (await asyncio.wait_for(following.stdout.readline(), PATIENCE)).decode()
        following.send_signal(signal.SIGINT)
        await following.wait()
    assert expected in line
    assert "low.wav" in line


# At a terminal


class Terminal:
    """A terminal with the command in it."""

    def __init__(self, master: int) -> None:
        self._master = master
        self.shown = ""
        os.set_blocking(master, False)

    async def until(self, text: str) -> None:
        """Wait until something is shown."""
        async with asyncio.timeout(PATIENCE):
            while text not in self.shown:
                try:
                    self.shown += os.read(self._master, 65536).decode()
                except BlockingIOError:
                    await asyncio.sleep(0.01)

    async def type(self, text: str, until: str) -> None:
        """Type something, and wait for what it brings."""
        self.shown = ""
        os.write(self._master, text.encode())
        await self.until(until)


async def test_terminal(stage: Stage, tmp_path: Path) -> None:
    """At a terminal Tab completes; what was asked is there again the next time, and nobody else can read it."""
    history = tmp_path / "state" / "jeffbot" / "client_history"
    for first in (True, False):
        master, slave = pty.openpty()
        async with process(stage, stdin=slave, stdout=slave) as talk:
            os.close(slave)
            terminal = Terminal(master)
            await terminal.until("> ")
            if first:
                await terminal.type("pl\t", "ay")  # beside a bell, for it may be player, too
                await terminal.type(" lo\t", "low.wav")
                await terminal.type("\n", "playing low.wav in General")
                await terminal.type("authenticate token=eyJ.secret.x\n", "there is no")
                await terminal.type("play eyJhbGciOiJIUzI1NiJ9.e30.x\n", "sound_not_found")
            else:
                await terminal.type("\x1b[A", "play low.wav")
                await terminal.type("\n", "playing low.wav in General")
            os.write(master, b"quit\n")
            assert await asyncio.wait_for(talk.wait(), PATIENCE) == 0
        os.close(master)
    assert stat.S_IMODE(history.stat().st_mode) == 0o600
    assert set(history.read_text().splitlines()) == {"play low.wav"}
