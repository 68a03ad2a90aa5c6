"""A local Discord in this process, and bots of any library, each in a process of its own."""

import asyncio
import contextlib
import json
import os
import sys
from collections.abc import AsyncIterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple

from jeffbot.audio.ffmpeg import find_ffmpeg
from jeffbot.sandbox import Application, Channel, Person, Sandbox
from jeffbot.sandbox.ears.opus import libopus

sys.path.insert(0, str(Path(__file__).parent.parent / "tests"))
from peers.environments import PEERS

BOTS = Path(__file__).parent / "bots"
PATIENCE = 120.0
"""Seconds for anything that a bot is asked to do: 800 joins take the most of it."""
FIRST_CORE, LAST_CORE = 0, (os.cpu_count() or 1) - 1
"""The bot under test has a core to itself, what measures it another; on one core they share it."""


class Library(NamedTuple):
    """A Discord library, and how a bot on it is run."""

    name: str
    command: tuple[str | Path, ...]
    environment: Mapping[str, str]
    built: bool


def _python(name: str, module: str, interpreter: str | Path, *, built: bool = True) -> Library:
    return Library(name, (interpreter, BOTS / "python_bot.py"), {"BENCH_LIBRARY": module}, built)


JEFFBOT = Library("jeffbot", (sys.executable, BOTS / "jeffbot_bot.py"), {}, built=True)
NEXTCORD = _python("nextcord", "nextcord", sys.executable)
DISCORD_PY = _python(
    "discord.py",
    "discord",
    PEERS["discord_py"].folder / PEERS["discord_py"].interpreter,
    built=PEERS["discord_py"].built,
)
DISCORDJS = Library(
    "@discordjs/voice",
    (PEERS["discordjs"].folder / PEERS["discordjs"].interpreter, BOTS / "discordjs_bot.js"),
    {"NODE_PATH": str(PEERS["discordjs"].folder / "node_modules")},
    PEERS["discordjs"].built,
)


class Bot:
    """A bot in another process. It takes a line of JSON for every wish, and answers each with one."""

    def __init__(self, process: asyncio.subprocess.Process, log: Path) -> None:
        assert process.stdin is not None
        assert process.stdout is not None
        self.process = process
        self.versions = ""
        """Of the library and what it runs on."""
        self._log = log
        self._wishes, self._answers = process.stdin, process.stdout

    def wish(self, do: str, **fields: object) -> None:
        """Write a wish; it leaves this process at once."""
        self._wishes.write(json.dumps({"do": do, **fields}).encode() + b"\n")

    async def ask(self, do: str, **fields: object) -> dict[str, Any]:
        """Write a wish, and wait for its answer. Errors as of :meth:`answer`."""
        self.wish(do, **fields)
        return await self.answer(do)

    async def answer(self, do: str) -> dict[str, Any]:
        """Wait for the answer to the oldest wish of this kind; those to others are passed over.

        Raises:
            TimeoutError: None came within ``PATIENCE``.
            RuntimeError: The bot has ended; with what it logged.
        """
        async with asyncio.timeout(PATIENCE):
            while line := await self._answers.readline():
                told: dict[str, Any] = json.loads(line)
                if told["done"] == do:
                    return told
        raise RuntimeError(f"the bot ended before it had done {do!r}:\n{self._log.read_text()[-2000:]}")


@contextlib.asynccontextmanager
async def running(
    library: Library, discord: Sandbox, application: Application, folder: Path, **environment: str
) -> AsyncIterator[Bot]:
    """Run a bot, on the first core; it is ready."""
    log = folder / f"{application.user.name.replace('/', '-')}.log"
    settings = {
        **os.environ,
        "BENCH_API": discord.api_base,
        "BENCH_TOKEN": application.token,
        "BENCH_FFMPEG": str(find_ffmpeg(None)),
        "BENCH_LIBOPUS": libopus()._name,
        "SSL_CERT_FILE": str(discord.ca_file),
        "NODE_EXTRA_CA_CERTS": str(discord.ca_file),
        **library.environment,
        **environment,
    }
    with log.open("wb") as errors:
        process = await asyncio.create_subprocess_exec(
            *library.command,
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            stderr=errors,
            env=settings,
            preexec_fn=lambda: pin(FIRST_CORE),
        )
    bot = Bot(process, log)
    try:
        bot.versions = (await bot.answer("ready"))["versions"]
        yield bot
    finally:
        bot.process.stdin.close()  # type: ignore[union-attr]  # it is a pipe
        try:
            async with asyncio.timeout(10):
                await process.wait()
        except TimeoutError:
            process.kill()
            await process.wait()


def pin(core: int) -> None:
    """Keep this process on one core, where the system can."""
    if hasattr(os, "sched_setaffinity"):
        with contextlib.suppress(OSError):
            os.sched_setaffinity(0, {core})


async def add_guilds(discord: Sandbox, application: Application, count: int) -> list[tuple[Channel, Person]]:
    """Guilds with the bot, and a listener in a voice channel of each."""
    places = []
    for number in range(count):
        member = discord.add_user(f"listener {number}")
        guild = discord.add_guild(f"guild {number}", members=[member], applications=[application], owner=member)
        channel = guild.add_voice_channel("General")
        await member.join(channel)
        places.append((channel, member))
    return places
