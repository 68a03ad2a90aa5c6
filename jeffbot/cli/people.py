"""The commands about servers and people. They work beside a running bot."""

import datetime as dt
import sys
from pathlib import Path
from typing import Annotated

import msgspec
import typer
from rich.markup import escape

from ..community import GuildSettings, Moment
from ..models import MAX_VOLUME, Mode, Retrigger, UserId
from ..service import SoundService
from .common import MAX_ID, Data, Guild, Sounds, User, caller, console, line, moment, run

privacy = typer.Typer(help="What is kept about someone.", no_args_is_help=True)

Server = Annotated[int, typer.Argument(min=1, max=MAX_ID, help="The server's id.")]


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
        numbers = await service.numbers.numbers(caller(guild), since=since)
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


@privacy.command()
def show(user: User, *, sounds: Sounds = None, data: Data = None) -> None:
    """Print everything that is kept about someone, as JSON."""

    async def work(service: SoundService) -> int:
        told = await service.people.told(caller(None), UserId(user))
        sys.stdout.write(msgspec.json.format(msgspec.json.encode(told)).decode() + "\n")
        return 0

    run(sounds, data, work)


@privacy.command()
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
        console.print(f"{await service.people.erase(caller(None), UserId(user))} entries erased")
        return 0

    run(sounds, data, work)


def settings(
    guild: Server,
    *,
    mode: Annotated[Mode | None, typer.Option(help="What a press does to what plays.")] = None,
    retrigger: Annotated[Retrigger | None, typer.Option(help="What it does where the same sound plays.")] = None,
    volume: Annotated[float | None, typer.Option(min=0, max=MAX_VOLUME, help="Percent.")] = None,
    native: Annotated[bool | None, typer.Option(help="Whether Discord's own soundboard plays what it has.")] = None,
    entrances: Annotated[bool | None, typer.Option(help="Whether people are greeted with sounds.")] = None,
    entrance_on_move: Annotated[bool | None, typer.Option(help="Also from another channel.")] = None,
    entrance_cooldown: Annotated[float | None, typer.Option(min=0, help="Seconds between two for one person.")] = None,
    time_zone: Annotated[str | None, typer.Option(help="Of the numbers, as Europe/Berlin.")] = None,
    sounds: Sounds = None,
    data: Data = None,
) -> None:
    """Show what a server remembers, or change it."""
    given = {
        "mode": mode,
        "retrigger": retrigger,
        "volume": volume,
        "native": native,
        "entrances": entrances,
        "entrance_on_move": entrance_on_move,
        "entrance_cooldown": entrance_cooldown,
        "time_zone": time_zone,
    }
    changes = {name: value for name, value in given.items() if value is not None}

    async def work(service: SoundService) -> int:
        asker = caller(guild)
        assert asker.guild_id is not None  # noqa: S101 - it was given
        if changes:
            await service.guilds.change(asker, **changes)
        kept: GuildSettings = service.guilds.settings(asker.guild_id)
        for name, value in msgspec.structs.asdict(kept).items():
            console.print(f"{name:18}  {'as the bot has it' if value is None else value}")
        return 0

    run(sounds, data, work)


def entrance(
    guild: Server,
    sound: Annotated[str, typer.Argument(help="The sound's name; none: show what there is.")] = "",
    *,
    user: Annotated[int | None, typer.Option(min=1, max=MAX_ID, help="For this person.")] = None,
    role: Annotated[
        int | None, typer.Option(min=1, max=MAX_ID, help="For who has this role and none of their own.")
    ] = None,
    leaving: Annotated[bool, typer.Option("--exit", help="When they leave.")] = False,
    clear: Annotated[bool, typer.Option("--clear", help="Take it back.")] = False,
    sounds: Sounds = None,
    data: Data = None,
) -> None:
    """Show, choose or take back the sounds for who comes and goes; without --user or --role, everyone's."""

    async def work(service: SoundService) -> int:
        if sound or clear:
            await service.entrances.set(
                caller(guild),
                sound or None,
                Moment.EXIT if leaving else Moment.ENTRANCE,
                user_id=None if user is None else UserId(user),
                role_id=role,
                everyone=user is None and role is None,
            )
        for item, chosen in service.entrances.all(caller(guild)):
            whom = item.audience if not item.subject_id else f"{item.audience} {item.subject_id}"
            console.print(f"{item.moment}  {whom}  {line(chosen)}")
        return 0

    run(sounds, data, work)


def audit(
    *,
    limit: Annotated[int, typer.Option(min=1, max=10_000, help="How many at most.")] = 100,
    guild: Guild = None,
    sounds: Sounds = None,
    data: Data = None,
) -> None:
    """Show who changed what, the latest first."""

    async def work(service: SoundService) -> int:
        for deed in await service.numbers.deeds(caller(guild), limit):
            who = deed.user_id or "the command line"
            console.print(
                f"{moment(deed.at)}  {who}  {deed.action}  {escape(deed.target or '-')}  {deed.result}", soft_wrap=True
            )
        return 0

    run(sounds, data, work)
