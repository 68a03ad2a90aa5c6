"""The commands about sounds. They work beside a running bot."""

from pathlib import Path
from typing import Annotated, Any

import msgspec
import typer
from rich.markup import escape

from ..models import Retrigger
from ..service import SoundService
from .common import MAX_ID, Data, Guild, Name, Sounds, caller, console, line, moment, run, shown

app = typer.Typer(help="Look after the sounds.", no_args_is_help=True)


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
        for sound in service.sounds(search, caller=caller(guild)):
            console.print(line(sound), soft_wrap=True)
        return 0

    run(sounds, data, work)


@app.command()
def info(sound: Name, *, guild: Guild = None, sounds: Sounds = None, data: Data = None) -> None:
    """Tell all that is known of a sound."""

    async def work(service: SoundService) -> int:
        found = service.library.find(caller(guild), sound)
        story = await service.library.story(caller(guild), sound)
        known = {
            "number": found.id,
            "file": found.path,
            **msgspec.structs.asdict(found.details),
            "uploader_id": found.uploader_id or None,
            "created_at": found.created_at,
            **story._asdict(),
        }
        for name, value in known.items():
            console.print(f"{name:15}  {escape(shown(name, value))}", soft_wrap=True)
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
        console.print(line(await service.library.edit(caller(guild), sound, **changes)))
        return 0

    run(sounds, data, work)


@app.command()
def delete(sound: Name, *, guild: Guild = None, sounds: Sounds = None, data: Data = None) -> None:
    """Put a sound that somebody added into the bin."""

    async def work(service: SoundService) -> int:
        await service.bin.delete(caller(guild), sound)
        console.print("in the bin for 30 days: jeffbot sounds bin")
        return 0

    run(sounds, data, work)


@app.command("bin")
def bin_(*, guild: Guild = None, sounds: Sounds = None, data: Data = None) -> None:
    """List what was deleted and can be restored, by number."""

    async def work(service: SoundService) -> int:
        for item in await service.bin.deleted(caller(guild)):
            console.print(f"{item.sound_id}  {escape(item.path)}  {moment(item.deleted_at)}")
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
        console.print(line(await service.bin.restore(caller(guild), number)))
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
        for first, *others in await service.library.duplicates(caller(guild)):
            console.print(" = ".join(map(line, (first, *others))), soft_wrap=True)
            if merge:
                await service.library.merge(caller(guild), first.id, [sound.id for sound in others])
        return 0

    run(sounds, data, work)


@app.command()
def add(
    source: Annotated[str, typer.Argument(help="A file, or a link to one where JEFFBOT_DOWNLOADS=yes.")],
    *,
    name: Annotated[str, typer.Option(help="What it is to be called; else as the file is.")] = "",
    guild: Guild = None,
    sounds: Sounds = None,
    data: Data = None,
) -> None:
    """Take in a sound, as people do who add one."""
    is_link = source.startswith(("http://", "https://"))
    file = Path(source)
    if not is_link and not file.is_file():
        raise typer.BadParameter(f"there is no file {source}")

    async def work(service: SoundService) -> int:
        shared = guild is None
        if is_link:
            sound = await service.library.add_by_link(caller(guild), source, name, shared=shared)
        else:
            sound = await service.library.add(caller(guild), file, name or file.name, shared=shared)
        console.print(line(sound))
        return 0

    run(sounds, data, work)
