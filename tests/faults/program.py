"""A subject in a process of its own, which can be stopped and whose clock can be set: both ends of the pipe between.

    python -m faults.program SUBJECT FOLDER

It logs in to the Discord at FAULTS_API with FAULTS_TOKEN, and answers each line of JSON with one. SIGUSR1 puts its wall
clock an hour on, SIGUSR2 an hour back.
"""

import asyncio
import contextlib
import json
import os
import signal
import sys
import time
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import nextcord
from nextcord.ext import commands
from nextcord.http import Route

from faults.subjects import SUBJECTS, PressRefusedError, Spot, State, Subject
from jeffbot.sandbox import Application, Sandbox

TESTS = Path(__file__).parent.parent
START_SECONDS = 30.0
STOP_SECONDS = 10.0
CLOCK_JUMP = 3600.0


class Apart:
    """The near end: a subject that passes on what is asked of it."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        assert process.stdin is not None
        assert process.stdout is not None
        self._process, self._wishes, self._answers = process, process.stdin, process.stdout
        self._turn = asyncio.Lock()

    async def ready(self) -> None:
        """Wait until it has logged in and can play at once."""
        async with asyncio.timeout(START_SECONDS):
            await self._ask("ready")

    async def press(self, spot: Spot, tone: str) -> None:
        """Have it play."""
        await self._ask("press", spot, tone)

    async def state(self, guild: int) -> State:
        """What it says of itself."""
        return State(*await self._ask("state", guild))

    async def close(self) -> None:
        """End the bot, not its process."""
        await self._ask("close")

    def heed_heartbeats(self, seconds: float) -> None:
        """Not from here."""
        raise NotImplementedError

    def send_signal(self, number: signal.Signals) -> None:
        """Send a signal to the process."""
        self._process.send_signal(number)

    async def _ask(self, wish: str, *arguments: object) -> Any:
        async with self._turn:
            self._wishes.write(json.dumps([wish, *arguments]).encode() + b"\n")
            line = await self._answers.readline()
        if not line:
            raise RuntimeError(f"the bot's process ended before it answered {wish!r}")
        answer: dict[str, Any] = json.loads(line)
        if "refused" in answer:
            raise PressRefusedError(answer["refused"])
        return answer["answer"]


@contextlib.asynccontextmanager
async def apart(kind: str, discord: Sandbox, application: Application, folder: Path) -> AsyncIterator[Apart]:
    """Run a subject of this kind; ``ready`` waits until it is."""
    environment = {
        **os.environ,
        "FAULTS_API": discord.api_base,
        "FAULTS_TOKEN": application.token,
        "SSL_CERT_FILE": str(discord.ca_file),
        "PYTHONPATH": os.pathsep.join(map(str, (TESTS, TESTS.parent))),
    }
    pipe = asyncio.subprocess.PIPE
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "faults.program", kind, str(folder), stdin=pipe, stdout=pipe, env=environment
    )
    try:
        yield Apart(process)
    finally:
        if process.returncode is None:
            process.send_signal(signal.SIGCONT)
        process.stdin.close()  # type: ignore[union-attr]  # it is a pipe
        try:
            async with asyncio.timeout(STOP_SECONDS):
                await process.wait()
        except TimeoutError:
            process.kill()
            await process.wait()


# The far end


async def serve(bot: commands.Bot, subject: Subject) -> None:
    """Answer wishes until there are no more."""
    loop = asyncio.get_running_loop()
    reader = asyncio.StreamReader()
    await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(reader), sys.stdin)
    while line := await reader.readline():
        wish, *arguments = json.loads(line)
        try:
            answer = {"answer": await do(bot, subject, wish, arguments)}
        except PressRefusedError as error:
            answer = {"refused": str(error)}
        print(json.dumps(answer), flush=True)  # noqa: T201 - the answer


async def do(bot: commands.Bot, subject: Subject, wish: str, arguments: list[Any]) -> object:
    """Do one thing."""
    match wish, arguments:
        case "ready", []:
            await bot.wait_until_ready()
            await subject.ready()
        case "press", [spot, tone]:
            await subject.press(Spot(*spot), tone)
        case "state", [guild]:
            return await subject.state(guild)
        case "close", []:
            await subject.close()
        case _:
            raise ValueError(wish)
    return None


def set_clock(ahead: float) -> None:
    """Put the wall clock on or back, as far as Python code sees it."""
    told = time.time
    time.time = lambda: told() + ahead


async def main(kind: str, folder: Path) -> None:
    """Be the bot."""
    Route.BASE = os.environ["FAULTS_API"]
    bot = commands.Bot(intents=nextcord.Intents(guilds=True, voice_states=True), guild_ready_timeout=0.1)
    subject = SUBJECTS[kind](bot, folder)
    loop = asyncio.get_running_loop()
    loop.add_signal_handler(signal.SIGUSR1, set_clock, CLOCK_JUMP)
    loop.add_signal_handler(signal.SIGUSR2, set_clock, -CLOCK_JUMP)
    start = asyncio.create_task(bot.start(os.environ["FAULTS_TOKEN"]))
    await serve(bot, subject)
    await bot.close()
    await start


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1], Path(sys.argv[2])))
