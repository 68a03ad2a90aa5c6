"""The command ``jeffbot``: try the soundboard, talk to one, make tokens."""

import asyncio
import queue
import sys
import threading
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Annotated, Any

import aiohttp
import typer
from rich.console import Console
from rich.markup import escape

from . import __version__
from .client import DEFAULT_URL, ConnectionEndedError, RemoteClient, RemoteError
from .ws import auth

app = typer.Typer(help="A soundboard for Discord bots.", no_args_is_help=True, add_completion=False)
console = Console(highlight=False)

HELP = "list · play <filename> · random · stop · status · quit"


@app.callback(invoke_without_command=True)
def root(version: Annotated[bool, typer.Option("--version", help="Show the version.")] = False) -> None:  # noqa: FBT002
    """A soundboard for Discord bots."""
    if version:
        console.print(f"jeffbot {__version__}")
        raise typer.Exit


@app.command()
def token(discord_user_id: Annotated[str, typer.Argument(help="Whose presses they are.")]) -> None:
    """Make a token for the remote control; it is printed alone on stdout."""
    raise typer.Exit(auth.main([discord_user_id]))


@app.command()
def demo(
    port: Annotated[int, typer.Option(help="Port of the remote control.")] = 8765,
    wav: Annotated[Path | None, typer.Option(help="Write what the listener heard to this file.")] = None,
) -> None:
    """Run a Discord on this machine, a bot with the soundboard in it, and a member who listens."""
    from .demo import run  # noqa: PLC0415 - brings the whole local Discord

    sys.exit(run(port=port, wav=wav, console=console))


@app.command()
def sandbox(
    port: Annotated[int, typer.Option(help="Its port; 0 takes a free one.")] = 8766,
    guild: Annotated[str, typer.Option(help="Name of the guild.")] = "The Cave",
    ca_file: Annotated[Path | None, typer.Option(help="Write a copy of its certificate to this file.")] = None,
    sounds: Annotated[Path | None, typer.Option(help="Recognise the sounds of this folder in what is heard.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print one line of JSON for scripts.")] = False,  # noqa: FBT002
) -> None:
    """Run a Discord on this machine, for bots on any library."""
    from .sandbox.runner import Settings, run  # noqa: PLC0415 - brings the whole local Discord

    sys.exit(run(Settings(port, guild, ca_file, sounds, as_json), console))


@app.command()
def client(
    user: Annotated[
        str | None, typer.Argument(help="Your Discord user id: a token is made with the local secret.")
    ] = None,
    token: Annotated[str | None, typer.Option(envvar="JEFFBOT_TOKEN", help="A token.")] = None,
    url: Annotated[str, typer.Option(help="Where the remote control is.")] = DEFAULT_URL,
) -> None:
    """Talk to a soundboard: list, play <filename>, random, stop, status, quit."""
    try:
        held = token or (auth.generate_token(user) if user else None)
        if held is None:
            raise typer.BadParameter("give your Discord user id, or --token, or JEFFBOT_TOKEN")
        sys.exit(asyncio.run(_talk(url, held)))
    except (aiohttp.ClientError, RemoteError, ConnectionEndedError, ValueError, OSError) as error:
        console.print(f"[red]error:[/] {escape(str(error))}")
        if isinstance(error, aiohttp.ClientConnectorError):
            console.print("Is the bot running, and its remote control listening there?")
        sys.exit(1)
    except KeyboardInterrupt:
        sys.exit(130)


async def _talk(url: str, held: str) -> int:
    async with RemoteClient(url, held) as remote:
        assert remote.ended is not None  # noqa: S101 - it is connected
        console.print(f"Connected. {HELP}")
        lines = _lines_of_stdin()
        while True:
            line = asyncio.ensure_future(lines())
            either: list[asyncio.Future[Any]] = [line, remote.ended]
            await asyncio.wait(either, return_when=asyncio.FIRST_COMPLETED)
            if not line.done():
                line.cancel()
                raise remote.ended.result()
            words = (line.result() or "quit").split(maxsplit=1)
            if words == ["quit"]:
                return 0
            if words:
                await _do(remote, words[0], words[1].strip() if len(words) > 1 else "")


async def _do(remote: RemoteClient, verb: str, rest: str) -> None:
    verbs: dict[str, Callable[[], Awaitable[str]]] = {
        "list": lambda: _list(remote),
        "play": lambda: _play(remote, rest),
        "random": lambda: _random(remote),
        "stop": lambda: _stop(remote),
        "status": lambda: _status(remote),
    }
    try:
        console.print(await verbs[verb]() if verb in verbs else HELP)
    except RemoteError as error:
        console.print(f"[red]{error.code}:[/] {escape(str(error))}")


async def _list(remote: RemoteClient) -> str:
    sounds = await remote.sounds()
    return "\n".join([*(escape(sound.name) for sound in sounds), f"{len(sounds)} sounds"])


async def _play(remote: RemoteClient, filename: str) -> str:
    playing = await remote.play(filename)
    return f"playing {escape(playing.title)} in {escape(playing.channel)}"


async def _random(remote: RemoteClient) -> str:
    playing = await remote.random()
    return f"playing {escape(playing.title)} in {escape(playing.channel)}"


async def _stop(remote: RemoteClient) -> str:
    await remote.stop()
    return "stopped"


async def _status(remote: RemoteClient) -> str:
    status = await remote.status()
    now = status.now_playing
    playing = f"playing {escape(now.title)}, {now.position:.1f} of {now.duration:.1f} s" if now else "playing nothing"
    place = f"in {escape(status.channel)}" if status.channel else "in no channel"
    return f"{place}, {playing}, {status.sound_count} sounds"


def _lines_of_stdin() -> Callable[[], Awaitable[str | None]]:
    """Reads lines without blocking the loop; None at the end. Its thread does not keep the program alive."""
    asked: queue.SimpleQueue[asyncio.Future[str | None]] = queue.SimpleQueue()
    loop = asyncio.get_running_loop()

    def read() -> None:
        while True:
            answer = asked.get()
            try:
                line = input("> " if sys.stdin.isatty() else "")
            except EOFError:
                line = None
            loop.call_soon_threadsafe(_settle, answer, line)

    threading.Thread(target=read, name="stdin", daemon=True).start()

    async def next_line() -> str | None:
        answer: asyncio.Future[str | None] = loop.create_future()
        asked.put(answer)
        return await answer

    return next_line


def _settle(answer: "asyncio.Future[str | None]", line: str | None) -> None:
    if not answer.done():
        answer.set_result(line)


def main() -> None:
    """The console script."""
    app()


if __name__ == "__main__":
    main()
