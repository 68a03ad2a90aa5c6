"""The commands about sounds and people: in and out, edits, numbers, privacy. All of them work beside a running bot."""

import asyncio
import datetime as dt
import logging
import sys
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Annotated, Any

import msgspec
import typer
from rich.console import Console
from rich.markup import escape
from rich.progress import Progress

from ..errors import SettingsError, SoundboardError
from ..models import Caller, GuildId, Retrigger, Sound, Standing, UserId
from ..service import SoundService
from ..settings import Settings

console = Console(highlight=False)
app = typer.Typer(help="Look after the sounds.", no_args_is_help=True)
people = typer.Typer(help="What is kept about someone.", no_args_is_help=True)

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


def _caller(guild: int | None) -> Caller:
    return Caller(UserId(0), None if guild is None else GuildId(guild), Standing.OPERATOR)


def _bar(progress: Progress, words: str) -> Callable[[int, int], None]:
    task = progress.add_task(words, total=None)
    return lambda done, total: progress.update(task, completed=done, total=total)


# In and out


def import_(source: Source, *, guild: Guild = None, sounds: Sounds = None, data: Data = None) -> None:
    """Take in a folder's or zip's sounds: another soundboard's, an export, or just files."""

    async def work(service: SoundService) -> int:
        with Progress(console=console) as progress:
            came = await service.collections.take_in(
                source, guild_id=_caller(guild).guild_id, tell=_bar(progress, "importing")
            )
        console.print(
            f"{escape(came.layout)}: {len(came.added)} added, {came.known} there already, {len(came.refused)} refused"
        )
        for reason in came.refused:
            console.print(f"[red]refused:[/] {escape(reason)}", soft_wrap=True)
        return 1 if came.refused else 0

    run(sounds, data, work)


def export(destination: Destination, *, guild: Guild = None, sounds: Sounds = None, data: Data = None) -> None:
    """Write sounds, and all that is known of them, into a zip."""

    async def work(service: SoundService) -> int:
        with Progress(console=console) as progress:
            count = await service.collections.export(
                destination, guild_id=_caller(guild).guild_id, tell=_bar(progress, "exporting")
            )
        console.print(f"{count} sounds in {escape(str(destination))}")
        return 0

    run(sounds, data, work)


def backup(destination: Destination, *, sounds: Sounds = None, data: Data = None) -> None:
    """Write everything, sounds and database, into a zip; without the secret."""

    async def work(service: SoundService) -> int:
        with Progress(console=console) as progress:
            count = await service.collections.back_up(destination, tell=_bar(progress, "backing up"))
        console.print(f"{count} sounds and the database in {escape(str(destination))}")
        return 0

    run(sounds, data, work)


def restore(
    source: Annotated[Path, typer.Argument(exists=True, dir_okay=False, help="A backup.")],
    *,
    sounds: Sounds = None,
    data: Data = None,
) -> None:
    """Bring everything back as it is in a backup; what has changed since is put aside."""

    async def work(service: SoundService) -> int:
        with Progress(console=console) as progress:
            count = await service.collections.restore(source, tell=_bar(progress, "restoring"))
        console.print(f"{count} sounds brought back, and the database")
        return 0

    run(sounds, data, work)


# Sounds


@app.command("list")
def list_(
    search: Annotated[str, typer.Argument(help="Only what this may mean.")] = "",
    *,
    guild: Guild = None,
    sounds: Sounds = None,
    data: Data = None,
) -> None:
    """List sounds."""

    async def work(service: SoundService) -> int:
        for sound in service.sounds(search, caller=_caller(guild)):
            console.print(_line(sound), soft_wrap=True)
        return 0

    run(sounds, data, work)


@app.command()
def info(sound: Name, *, guild: Guild = None, sounds: Sounds = None, data: Data = None) -> None:
    """Tell all that is known of a sound."""

    async def work(service: SoundService) -> int:
        found = service.library.find(_caller(guild), sound)
        story = await service.library.story(_caller(guild), sound)
        known = {
            "number": found.id,
            "file": found.path,
            **msgspec.structs.asdict(found.details),
            "uploader_id": found.uploader_id or None,
            "created_at": found.created_at,
            **story._asdict(),
        }
        for name, value in known.items():
            console.print(f"{name:15}  {escape(_shown(name, value))}", soft_wrap=True)
        return 0

    run(sounds, data, work)


@app.command()
def edit(
    sound: Name,
    *,
    title: Annotated[str | None, typer.Option(help="What people are shown; empty: the file's name.")] = None,
    alias: Annotated[
        list[str] | None, typer.Option(help="Another name it is found by; may be repeated; empty: none.")
    ] = None,
    tag: Annotated[list[str] | None, typer.Option(help="What kind it is; may be repeated; empty: none.")] = None,
    emoji: Annotated[str | None, typer.Option(help="Its emoji; empty: none.")] = None,
    colour: Annotated[str | None, typer.Option(help="As RRGGBB; empty: none.")] = None,
    gain: Annotated[float | None, typer.Option(help="Decibels louder or softer.")] = None,
    start: Annotated[float | None, typer.Option(help="Seconds left out of its beginning.")] = None,
    end: Annotated[float | None, typer.Option(help="Seconds of the file where it ends; 0: the whole.")] = None,
    retrigger: Annotated[Retrigger | None, typer.Option(help="What a press does while it plays.")] = None,
    guild: Guild = None,
    sounds: Sounds = None,
    data: Data = None,
) -> None:
    """Change what is said of a sound; its file stays as it is."""
    changes: dict[str, Any] = {
        name: value
        for name, value in {
            "title": title,
            "aliases": [] if alias == [""] else alias,
            "tags": [] if tag == [""] else tag,
            "emoji": emoji,
            "gain": gain,
            "trim_start": start,
            "retrigger": retrigger,
        }.items()
        if value is not None
    }
    if end is not None:
        changes["trim_end"] = end or None
    if colour is not None:
        try:
            changes["colour"] = int(colour.removeprefix("#"), 16) if colour else None
        except ValueError:
            raise typer.BadParameter("a colour is six hexadecimal digits: FF8800") from None

    async def work(service: SoundService) -> int:
        console.print(_line(await service.library.edit(_caller(guild), sound, **changes)))
        return 0

    run(sounds, data, work)


@app.command()
def delete(sound: Name, *, guild: Guild = None, sounds: Sounds = None, data: Data = None) -> None:
    """Put a sound that somebody added into the bin."""

    async def work(service: SoundService) -> int:
        await service.bin.delete(_caller(guild), sound)
        console.print("in the bin for 30 days: jeffbot sounds bin")
        return 0

    run(sounds, data, work)


@app.command("bin")
def bin_(*, guild: Guild = None, sounds: Sounds = None, data: Data = None) -> None:
    """List what was deleted and can be restored, by number."""

    async def work(service: SoundService) -> int:
        for item in await service.bin.deleted(_caller(guild)):
            console.print(f"{item.sound_id}  {escape(item.path)}  {_moment(item.deleted_at)}")
        return 0

    run(sounds, data, work)


@app.command()
def undelete(
    number: Annotated[int, typer.Argument(min=1, max=MAX_ID, help="As `jeffbot sounds bin` shows it.")],
    *,
    guild: Guild = None,
    sounds: Sounds = None,
    data: Data = None,
) -> None:
    """Bring a deleted sound back."""

    async def work(service: SoundService) -> int:
        console.print(_line(await service.bin.restore(_caller(guild), number)))
        return 0

    run(sounds, data, work)


@app.command()
def duplicates(
    *,
    merge: Annotated[bool, typer.Option("--merge", help="Let the first of each stand for the others, too.")] = False,
    guild: Guild = None,
    sounds: Sounds = None,
    data: Data = None,
) -> None:
    """List sounds of the very same content."""

    async def work(service: SoundService) -> int:
        await service.collections.identify()
        for first, *others in await service.library.duplicates(_caller(guild)):
            console.print(" = ".join(map(_line, (first, *others))), soft_wrap=True)
            if merge:
                await service.library.merge(_caller(guild), first.id, [sound.id for sound in others])
        return 0

    run(sounds, data, work)


# Numbers and people


def stats(
    guild: Annotated[int, typer.Argument(min=1, max=MAX_ID, help="The server's id.")],
    *,
    days: Annotated[float | None, typer.Option(min=0, help="Of the last so many days; else of all.")] = None,
    form: Annotated[str, typer.Option("--format", help="text, csv, json or png.")] = "text",
    output: Annotated[Path | None, typer.Option(dir_okay=False, help="Write it to this file; png takes one.")] = None,
    sounds: Sounds = None,
    data: Data = None,
) -> None:
    """Show what was played in a server."""
    if form not in {"text", "csv", "json", "png"}:
        raise typer.BadParameter("the format is text, csv, json or png")
    if form == "png" and output is None:
        raise typer.BadParameter("a picture takes --output")
    since = None if days is None else dt.datetime.now(dt.UTC).timestamp() - days * 86_400

    async def work(service: SoundService) -> int:
        numbers = await service.numbers.numbers(_caller(guild), since=since)
        content = await service.numbers.shown(numbers, form)
        if output is None:
            sys.stdout.write(content.decode().rstrip("\n") + "\n")
            return 0
        try:
            output.write_bytes(content)
        except OSError as error:
            console.print(f"[red]error:[/] {escape(str(output))} cannot be written ({error.strerror})", soft_wrap=True)
            return 1
        return 0

    run(sounds, data, work)


@people.command()
def show(user: User, *, sounds: Sounds = None, data: Data = None) -> None:
    """Print everything that is kept about someone, as JSON."""

    async def work(service: SoundService) -> int:
        told = await service.people.told(_caller(None), UserId(user))
        sys.stdout.write(msgspec.json.format(msgspec.json.encode(told)).decode() + "\n")
        return 0

    run(sounds, data, work)


@people.command()
def erase(
    user: User,
    *,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False,
    sounds: Sounds = None,
    data: Data = None,
) -> None:
    """Erase what is kept about someone; their sounds stay, without their name."""
    if not yes:
        typer.confirm(f"Erase what is kept about {user}?", abort=True)

    async def work(service: SoundService) -> int:
        console.print(f"{await service.people.erase(_caller(None), UserId(user))} entries erased")
        return 0

    run(sounds, data, work)


def _line(sound: Sound) -> str:
    tags = f"  [dim]{escape(', '.join(sound.tags))}[/]" if sound.tags else ""
    file = "" if sound.title == sound.name else f"  [dim]{escape(sound.path)}[/]"
    return f"{escape(sound.title)}{file}{tags}"


def _shown(name: str, value: object) -> str:
    if value is None or value in ("", ()) or (name == "uploader_id" and not value):
        return "-"
    if isinstance(value, float) and name.endswith("_at"):
        return _moment(value)
    if name == "colour":
        return f"{value:06X}"
    return ", ".join(map(str, value)) if isinstance(value, tuple) else str(value)


def _moment(at: float) -> str:
    return f"{dt.datetime.fromtimestamp(at):%Y-%m-%d %H:%M}"  # noqa: DTZ006 - as the operator's clock shows it
