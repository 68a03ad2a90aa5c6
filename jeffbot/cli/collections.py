"""The commands that take whole collections in and out. They work beside a running bot."""

from pathlib import Path
from typing import Annotated

import typer
from rich.markup import escape
from rich.progress import Progress

from ..service import SoundService
from .common import Data, Destination, Guild, Sounds, Source, bar, caller, console, run


def import_(source: Source, *, guild: Guild = None, sounds: Sounds = None, data: Data = None) -> None:
    """Take in a folder's or zip's sounds: another soundboard's, an export, or just files."""

    async def work(service: SoundService) -> int:
        with Progress(console=console) as progress:
            came = await service.collections.take_in(
                source, guild_id=caller(guild).guild_id, tell=bar(progress, "importing")
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
                destination, guild_id=caller(guild).guild_id, tell=bar(progress, "exporting")
            )
        console.print(f"{count} sounds in {escape(str(destination))}")
        return 0

    run(sounds, data, work)


def backup(destination: Destination, *, sounds: Sounds = None, data: Data = None) -> None:
    """Write everything, sounds and database, into a zip; without the secret."""

    async def work(service: SoundService) -> int:
        with Progress(console=console) as progress:
            count = await service.collections.back_up(destination, tell=bar(progress, "backing up"))
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
            count = await service.collections.restore(source, tell=bar(progress, "restoring"))
        console.print(f"{count} sounds brought back, and the database")
        return 0

    run(sounds, data, work)
