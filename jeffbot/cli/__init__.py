"""The command ``jeffbot``: try the soundboard, talk to one, make tokens."""

import asyncio
import logging
import sys
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console
from rich.markup import escape

from .. import __version__
from ..errors import SettingsError
from . import collections, people, sounds, talk, tokens

if TYPE_CHECKING:
    from ..settings import Settings

app = typer.Typer(help="A soundboard for Discord bots.", no_args_is_help=True, add_completion=False)
app.command("import")(collections.import_)
app.add_typer(sounds.app, name="sounds")
for command in (
    *(collections.export, collections.backup, collections.restore),
    *(people.stats, people.settings, people.entrance, people.audit, talk.client),
):
    app.command()(command)
app.add_typer(people.privacy, name="privacy")
app.add_typer(tokens.app, name="token")
console = Console(highlight=False)

LEVELS = {"levelled": "levelled", "peak": "at their peak limit", "short": "too short to have a loudness"}


@app.callback(invoke_without_command=True)
def root(version: Annotated[bool, typer.Option("--version", help="Show the version.")] = False) -> None:  # noqa: FBT002
    """A soundboard for Discord bots."""
    if version:
        console.print(f"jeffbot {__version__}")
        raise typer.Exit


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


def main() -> None:
    """The console script."""
    app()
