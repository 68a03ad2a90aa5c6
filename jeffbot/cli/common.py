"""What the commands have in common: where the library is, how work on it is done, and how sounds are shown."""

import asyncio
import datetime as dt
import logging
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.markup import escape
from rich.progress import Progress

from ..errors import SettingsError, SoundboardError
from ..models import Caller, GuildId, Sound, Standing, UserId
from ..service import SoundService
from ..settings import Settings

console = Console(highlight=False)

MAX_ID = 2**63 - 1
"""What the database takes; snowflakes have 64 bits, of which the first is 0 (Discord: Reference, "Snowflakes")."""

Guild = Annotated[
    int | None,
    typer.Option(
        "--guild", min=1, max=MAX_ID, help="Id of the server whose sounds are meant; else those that all share."
    ),
]
User = Annotated[int, typer.Argument(min=1, max=MAX_ID, help="Their Discord user id.")]
Sounds = Annotated[
    Path | None, typer.Option("--sounds", file_okay=False, help="Sounds folder; else JEFFBOT_SOUNDS_DIR.")
]
Data = Annotated[Path | None, typer.Option("--data-dir", file_okay=False, help="Data folder; else JEFFBOT_DATA_DIR.")]
Source = Annotated[Path, typer.Argument(exists=True, help="A folder, or a zip of one.")]
Destination = Annotated[Path, typer.Argument(dir_okay=False, help="The zip to write.")]
Name = Annotated[str, typer.Argument(help="The sound's name.")]

type Work = Callable[[SoundService], Awaitable[int]]


def run(sounds: Path | None, data: Path | None, work: Work) -> None:
    """Do some work on the library; exit code 1 and a sentence where it cannot be done."""
    from .offline import offline  # noqa: PLC0415 - the audio engine and more, which other commands do without

    logging.getLogger("jeffbot").addHandler(logging.NullHandler())  # what went wrong is said below
    given = {"sounds_dir": sounds, "data_dir": data}

    async def worked(settings: Settings) -> int:
        async with offline(settings) as service:
            return await work(service)

    try:
        settings = Settings.load({name: value for name, value in given.items() if value is not None})
        code = asyncio.run(worked(settings))
    except (SettingsError, SoundboardError) as error:
        console.print(f"[red]error:[/] {escape(str(error))}", soft_wrap=True)
        raise typer.Exit(1) from None
    except KeyboardInterrupt:
        raise typer.Exit(130) from None
    raise typer.Exit(code)


def caller(guild: int | None) -> Caller:
    """Who runs the bot, in a server."""
    return Caller(UserId(0), None if guild is None else GuildId(guild), Standing.OPERATOR)


def bar(progress: Progress, words: str) -> Callable[[int, int], None]:
    """Shows how far something is that tells of it."""
    task = progress.add_task(words, total=None)
    return lambda done, total: progress.update(task, completed=done, total=total)


def line(sound: Sound) -> str:
    """A sound in a line."""
    tags = f"  [dim]{escape(', '.join(sound.tags))}[/]" if sound.tags else ""
    file = "" if sound.title == sound.name else f"  [dim]{escape(sound.path)}[/]"
    return f"{escape(sound.title)}{file}{tags}"


def shown(name: str, value: object) -> str:
    """A value as people read it."""
    if value is None or value in ("", ()) or (name == "uploader_id" and not value):
        return "-"
    if isinstance(value, float) and name.endswith("_at"):
        return moment(value)
    if name == "colour":
        return f"{value:06X}"
    return ", ".join(map(str, value)) if isinstance(value, tuple) else str(value)


def moment(at: float) -> str:
    """A time as the operator's clock shows it."""
    return f"{dt.datetime.fromtimestamp(at):%Y-%m-%d %H:%M}"  # noqa: DTZ006
