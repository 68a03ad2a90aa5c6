"""The command ``jeffbot``: try the soundboard, talk to one, make tokens."""

import asyncio
import logging
import queue
import sys
import threading
from collections import Counter
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import aiohttp
import typer
from rich.console import Console
from rich.markup import escape

from .. import __version__
from ..client import DEFAULT_URL, ConnectionEndedError, RemoteClient, RemoteError
from ..errors import SettingsError
from ..ws import auth
from . import collections, people, sounds

if TYPE_CHECKING:
    from ..settings import Settings

app = typer.Typer(help="A soundboard for Discord bots.", no_args_is_help=True, add_completion=False)
app.command("import")(collections.import_)
app.add_typer(sounds.app, name="sounds")
for command in (
    *(collections.export, collections.backup, collections.restore),
    *(people.stats, people.settings, people.entrance, people.audit),
):
    app.command()(command)
app.add_typer(people.privacy, name="privacy")
console = Console(highlight=False)

LEVELS = {"levelled": "levelled", "peak": "at their peak limit", "short": "too short to have a loudness"}
HELP = "list · play <filename> · random · stop · status · diagnose · quit"


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
    from ..demo import run  # noqa: PLC0415 - brings the whole local Discord

    sys.exit(run(port=port, wav=wav, console=console))


@app.command()
def sandbox(
    *,
    port: Annotated[int, typer.Option(min=0, max=65535, help="Its port; 0 takes a free one.")] = 8766,
    guild: Annotated[str, typer.Option(help="Name of the guild.")] = "The Cave",
    ca_file: Annotated[Path | None, typer.Option(help="Write a copy of its certificate to this file.")] = None,
    sounds: Annotated[
        Path | None,
        typer.Option(exists=True, file_okay=False, help="Recognise the sounds of this folder in what is heard."),
    ] = None,
    redirect_uri: Annotated[
        list[str] | None,
        typer.Option(help="Where people may be sent after signing in to the bot's application; may be repeated."),
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print one line of JSON for scripts.")] = False,
) -> None:
    """Run a Discord on this machine, for bots on any library."""
    from ..sandbox.runner import Settings, run  # noqa: PLC0415 - brings the whole local Discord

    sys.exit(run(Settings(port, guild, ca_file, sounds, as_json, tuple(redirect_uri or ())), console))


@app.command()
def encode(
    sounds: Annotated[
        Path | None, typer.Option(exists=True, file_okay=False, help="Folder of the sounds; else JEFFBOT_SOUNDS_DIR.")
    ] = None,
    data: Annotated[
        Path | None,
        typer.Option("--data-dir", file_okay=False, help="Folder of what the bot keeps; else JEFFBOT_DATA_DIR."),
    ] = None,
    encoders: Annotated[int | None, typer.Option(min=1, max=64, help="How many to encode at once.")] = None,
) -> None:
    """Encode every sound ahead, also beside a running bot; exit code 1 where some cannot be played."""
    from ..settings import Settings  # noqa: PLC0415 - with the audio engine, which the other commands do without

    given = {"sounds_dir": sounds, "data_dir": data, "encoders": encoders}
    try:
        settings = Settings.load({name: value for name, value in given.items() if value is not None})
        raise typer.Exit(asyncio.run(_encode(settings)))
    except SettingsError as error:
        console.print(f"[red]error:[/] {escape(str(error))}")
        raise typer.Exit(1) from None
    except KeyboardInterrupt:
        raise typer.Exit(130) from None


async def _encode(settings: "Settings") -> int:
    from rich.progress import Progress  # noqa: PLC0415

    from ..audio.bank import SoundBank  # noqa: PLC0415
    from ..library.catalog import Catalog  # noqa: PLC0415
    from ..store.store import Store  # noqa: PLC0415

    logging.getLogger("jeffbot").addHandler(logging.NullHandler())  # the summary says it all
    async with (
        Store(settings.data_dir, serving=False) as store,
        Catalog(settings.sounds_dir, store) as catalog,
        SoundBank.of(settings) as bank,
    ):
        await bank.check_ffmpeg()
        await catalog.load()
        sounds = [*catalog.all_sounds]
        preparing = asyncio.ensure_future(bank.prepare(sounds))
        with Progress(console=console) as bar:
            task = bar.add_task("encoding", total=len(sounds))
            while not preparing.done():
                await asyncio.wait([preparing], timeout=0.1)
                bar.update(task, completed=bank.encoding.done)
        progress = preparing.result()
        levels: Counter[str] = Counter(level.verdict for sound in sounds if (level := bank.level(sound)))
    console.print(f"{progress.total} sounds: {progress}")
    console.print(", ".join(f"{levels[verdict]} {words}" for verdict, words in LEVELS.items() if levels[verdict]))
    for error in progress.refused:
        console.print(f"[red]refused:[/] {escape(str(error))}")
    return 1 if progress.refused else 0


@app.command()
def client(
    user: Annotated[
        str | None, typer.Argument(help="Your Discord user id: a token is made with the local secret.")
    ] = None,
    token: Annotated[str | None, typer.Option(envvar="JEFFBOT_TOKEN", help="A token.")] = None,
    url: Annotated[str, typer.Option(help="Where the remote control is.")] = DEFAULT_URL,
) -> None:
    """Talk to a soundboard: list, play <filename>, random, stop, status, diagnose, quit."""
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
        "diagnose": lambda: _diagnose(remote),
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


async def _diagnose(remote: RemoteClient) -> str:
    return "\n".join(map(escape, await remote.diagnose()))


async def _status(remote: RemoteClient) -> str:
    status = await remote.status()
    now = status.now_playing
    length = "?" if now is None or now.duration is None else f"{now.duration:.1f}"
    playing = f"playing {escape(now.title)}, {now.position:.1f} of {length} s" if now else "playing nothing"
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
