"""Each Discord library in turn, as a program in a process and an environment of its own."""

import asyncio
import contextlib
import json
import os
import subprocess
import sys
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from jeffbot.audio.ffmpeg import find_ffmpeg
from jeffbot.sandbox import Application, Channel, Guild, Person, Sandbox

from .environments import PEERS, Peer

PATIENCE = 20.0
"""Seconds for anything that a program does; starting one on a busy machine takes the most of it."""
TONE_HERTZ = 660
TONE_SECONDS = 1.5


@dataclass
class Program:
    """A bot that runs in another process, and what it has told."""

    process: asyncio.subprocess.Process
    events: list[dict[str, Any]] = field(default_factory=list)

    def times(self, event: str) -> int:
        """How often it has told of something so far."""
        return sum(told["event"] == event for told in self.events)

    async def told(self, event: str, *, times: int = 1) -> None:
        """Wait until it has told of something that often.

        Raises:
            TimeoutError: It has not within ``PATIENCE`` seconds.
            EOFError: It has ended.
        """
        assert self.process.stdout is not None
        async with asyncio.timeout(PATIENCE):
            while self.times(event) < times:
                if not (line := await self.process.stdout.readline()):
                    raise EOFError(f"the program ended before it told {event!r}")
                self.events.append(json.loads(line))

    async def stop(self) -> int:
        """End its input, which asks it to log out, and wait for that; its exit status."""
        assert self.process.stdin is not None
        self.process.stdin.close()
        try:
            async with asyncio.timeout(PATIENCE):
                await self.process.communicate()
        finally:
            with contextlib.suppress(ProcessLookupError):
                self.process.kill()
        return await self.process.wait()


@dataclass
class Cave:
    """A guild with a bot of some library in it, which is ready, and a person in a voice channel."""

    discord: Sandbox
    app: Application
    guild: Guild
    general: Channel
    alice: Person
    program: Program


@pytest.fixture(scope="session")
def tone(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A tone as an Ogg Opus file."""
    file = tmp_path_factory.mktemp("tone") / "tone.ogg"
    sine = ("-f", "lavfi", "-i", f"sine=frequency={TONE_HERTZ}:duration={TONE_SECONDS}")
    subprocess.run([find_ffmpeg(None), "-v", "error", *sine, "-ac", "2", "-c:a", "libopus", file], check=True)
    return file


@pytest.fixture(
    params=[
        pytest.param(peer, id=name, marks=[] if name == "nextcord" else pytest.mark.peers)
        for name, peer in PEERS.items()
    ]
)
def peer(request: pytest.FixtureRequest) -> Peer:
    """A library whose environment is there: without it the test is skipped, in CI it fails."""
    peer: Peer = request.param
    if not peer.built:
        missing = f"no current environment in {peer.folder}: python tests/peers/environments.py {peer.name}"
        if os.environ.get("JEFFBOT_TEST_ALL"):
            pytest.fail(missing)
        pytest.skip(missing)
    return peer


@pytest.fixture
async def cave(discord: Sandbox, peer: Peer, tone: Path, tmp_path: Path) -> AsyncIterator[Cave]:
    """The usual cave; at the end the bot logs out without having logged an error."""
    app, alice = discord.add_application("peer"), discord.add_user("alice")
    guild = discord.add_guild("Cave", members=[alice], applications=[app])
    general = guild.add_voice_channel("General")
    await alice.join(general)
    log = tmp_path / "log"
    async with _running(peer, discord, app, tone, log) as program:
        await program.told("ready")
        await discord.bot_ready(app, "tone", timeout=PATIENCE)
        yield Cave(discord, app, guild, general, alice, program)
        assert await program.stop() == 0
    assert "Traceback" not in log.read_text()


@contextlib.asynccontextmanager
async def _running(peer: Peer, discord: Sandbox, app: Application, tone: Path, log: Path) -> AsyncIterator[Program]:
    """Run the library's program, which needs to be told no more than whom to ask, and whom to trust."""
    environment = {
        **os.environ,
        "PEER_API": discord.api_base,
        "PEER_TOKEN": app.token,
        "PEER_TONE": str(tone),
        "SSL_CERT_FILE": str(discord.ca_file),
        "NODE_EXTRA_CA_CERTS": str(discord.ca_file),
        "NODE_PATH": str(peer.folder / "node_modules"),
    }
    with log.open("wb") as errors:
        process = await asyncio.create_subprocess_exec(
            *peer.command, stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE, stderr=errors, env=environment
        )
    program = Program(process)
    try:
        yield program
    finally:
        if process.returncode is None:
            await program.stop()
        sys.stderr.write(f"{program.events}\n{log.read_text()}")
