"""The demo: a Discord on this machine, a bot with the soundboard loaded like anyone's, and a member who listens."""

import asyncio
import contextlib
import logging
import math
import os
import shutil
import signal
import sys
from collections.abc import Iterable, Sequence
from pathlib import Path

import nextcord
from nextcord.ext import commands
from rich.console import Console
from rich.markup import escape
from rich.status import Status

from .models import PACKET_SECONDS, Seconds, Sound
from .sandbox import Application, Guild, LibopusMissingError, Packet, Sandbox, SandboxError
from .sandbox.ears import Recording
from .sandbox.ears.fingerprint import Fingerprints
from .sandbox.nextcord_host import make_bot, running
from .ws.auth import generate_token

USER_ID = 123456789012345678
"""The member of the demo's guild: the example of the protocol's description."""
REFRESH: Seconds = 0.1
QUIET: Seconds = 0.3
"""A sound has ended when nothing has been heard for so long."""


def run(*, port: int, wav: Path | None, console: Console) -> int:
    """Run the demo until Ctrl-C; the exit code."""
    logging.basicConfig(level=logging.WARNING, format="%(levelname)s %(name)s: %(message)s")
    try:
        asyncio.run(_run(port, wav, console))
    except (KeyboardInterrupt, asyncio.CancelledError):
        pass
    except (commands.ExtensionFailed, OSError) as error:
        console.print(f"[red]error:[/] {escape(str(error.__cause__ or error))}")
        return 1
    console.print("Bye.")
    return 0


async def _run(port: int, wav: Path | None, console: Console) -> None:
    if sys.platform != "win32":
        task = asyncio.current_task()
        assert task is not None  # noqa: S101 - it runs in one
        asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, task.cancel)
    async with Sandbox() as discord:
        application = discord.add_application("jeffbot")
        you = discord.add_user("you", id=USER_ID)
        guild = discord.add_guild("The Cave", members=[you], applications=[application])
        general = guild.add_voice_channel("General")
        await you.join(general)
        bot = make_bot(discord, guild_ready_timeout=0.1)
        host = os.environ.get("JEFFBOT_WS_HOST", "127.0.0.1")
        bot.load_extension("jeffbot.cogs.sound", extras={"ws_port": port, "ws_host": host})
        async with running(discord, application, bot):
            await _introduce(bot, console)
            service = bot.get_cog("Sound").service  # type: ignore[union-attr]  # our own cog
            fingerprints = await asyncio.to_thread(_fingerprints, service.sounds())
            ears = _Ears(discord, guild, application, fingerprints=fingerprints, wav=wav, console=console)
            await ears.listen()


async def _introduce(bot: commands.Bot, console: Console) -> None:
    cog = bot.get_cog("Sound")
    try:
        server = await cog.soundboard.wait_serving()  # type: ignore[union-attr]  # our own cog
    except OSError as error:
        raise OSError(
            f"{error.strerror or error}. Another port: make demo PORT=9000, or jeffbot demo --port 9000"
        ) from None
    await cog.service.wait_ready()  # type: ignore[union-attr]
    address = f"ws://localhost:{server.port}"
    token = generate_token(USER_ID)
    program = _program()
    elsewhere = "" if server.port == 8765 else f" --url {address}"
    console.rule("[bold]jeffbot demo")
    console.print(
        f"A Discord of its own runs on this machine. In its guild [bold]The Cave[/] you ({USER_ID})\n"
        f"sit in the voice channel [bold]General[/]; a bot (Nextcord {nextcord.__version__}) has loaded the cog.\n"
    )
    console.print(f"WebSocket  {address}")
    console.print(f"Token      {token}\n", soft_wrap=True)
    console.print("Try, in another terminal and in this folder:")
    console.print(f"  {program} client {USER_ID}{elsewhere}", soft_wrap=True)
    console.print("  > play airhorn")
    console.print("  > random")
    console.print("What the member hears is told here. Ctrl-C ends the demo.\n", style="dim")


def _program() -> str:
    """How to call ``jeffbot`` from where the demo was started."""
    script = Path(sys.argv[0]).absolute()
    if script.stem != "jeffbot":
        return "python -m jeffbot.cli"
    if shutil.which("jeffbot") == str(script):
        return "jeffbot"
    return str(script.relative_to(Path.cwd())) if script.is_relative_to(Path.cwd()) else str(script)


def _fingerprints(sounds: Iterable[Sound]) -> Fingerprints:
    """What the library sounds like; what cannot be read will not be recognised."""
    fingerprints = Fingerprints()
    for sound in sounds:
        with contextlib.suppress(SandboxError):
            fingerprints.add_file(sound.name, sound.file)
    return fingerprints


class _Ears:
    """Tells what the member hears: what arrived, was decrypted and decoded; never what was sent."""

    def __init__(
        self,
        discord: Sandbox,
        guild: Guild,
        application: Application,
        *,
        fingerprints: Fingerprints,
        wav: Path | None,
        console: Console,
    ) -> None:
        self._discord = discord
        self._guild = guild
        self._application = application
        self._fingerprints = fingerprints
        self._wav = wav
        self._console = console

    async def listen(self) -> None:
        """Tell until cancelled."""
        told = 0
        with self._console.status("listening …") as status:
            while True:
                await self._heard_more_than(told)
                told = await self._follow(told, status)
                status.update("listening …")

    async def _heard_more_than(self, packets: int) -> None:
        await self._discord.until(lambda: self._count() > packets, timeout=math.inf)

    def _count(self) -> int:
        history = self._discord.history(self._guild, self._application)
        return sum(len(connection.packets) for connection in history)

    def _heard(self) -> Sequence[Packet]:
        history = self._discord.history(self._guild, self._application)
        return [packet for connection in history for packet in connection.packets]

    async def _follow(self, start: int, status: Status) -> int:
        """Show one stretch of sound as it arrives, then what it was; gives back the number of packets heard so far."""
        seen, quiet, names = start, 0.0, ""
        try:
            while quiet < QUIET:
                await asyncio.sleep(REFRESH)
                count = self._count()
                quiet = quiet + REFRESH if count == seen else 0.0
                seen = count
                status.update(f"hearing … {seen - start} packets, {(seen - start) * PACKET_SECONDS:.1f} s")
            names = await asyncio.to_thread(self._recognise, self._heard()[start:])
        finally:
            self._tell(self._heard(), start, names)
        return seen

    def _recognise(self, heard: Sequence[Packet]) -> str:
        """The names of the sounds in it, by ear alone."""
        try:
            return ", ".join(match.name for match in self._fingerprints.recognise(Recording(heard).pcm))
        except LibopusMissingError:
            return ""

    def _tell(self, heard: Sequence[Packet], start: int, names: str) -> None:
        self._console.print(_describe(Recording(heard[start:]).without_silence))
        if names:
            self._console.print(f"  sounds like {escape(names)}")
        if self._wav:
            try:
                Recording(heard).write_wav(self._wav)
                self._console.print(f"  written to {escape(str(self._wav))}", style="dim")
            except (OSError, LibopusMissingError) as error:
                self._console.print(f"[red]could not write {escape(str(self._wav))}:[/] {escape(str(error))}")


def _describe(recording: Recording) -> str:
    packets = len(recording.packets)
    heard = f"heard [bold]{packets}[/] packets"
    try:
        return (
            f"{heard}, {recording.seconds:.2f} s, level {recording.level_dbfs:.1f} dBFS, "
            f"strongest at {recording.strongest_frequency_hz:.0f} Hz"
        )
    except LibopusMissingError as error:
        return f"{heard}, {packets * PACKET_SECONDS:.2f} s; level unknown: {escape(str(error))}"
