"""The commands about tokens and the secret that signs them. They work beside a running bot."""

import asyncio
import contextlib
import logging
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Annotated, Any

import typer
from rich.markup import escape
from typer.core import TyperGroup

from ..errors import ForbiddenError, SettingsError, SoundboardError
from ..service.revocations import Revocations
from ..settings import Settings
from ..store.store import Store
from ..ws.auth import TokenError, Tokens, parse_snowflake, print_token
from ..ws.scopes import Scope
from ..ws.secret import finish_rotation, load_secret, rotate_secret
from .common import caller, console

RUNNING = "A bot that runs reads secrets when it starts or reloads."


class _UserFirst(TyperGroup):
    """Takes a first word that is no command for what ``make`` is to be given: ``jeffbot token 123``."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        if args and args[0] not in (*self.commands, "--help"):
            args = ["make", *args]
        return super().parse_args(ctx, args)


app = typer.Typer(
    help="Tokens for the remote control: `jeffbot token USER_ID` makes one.", cls=_UserFirst, no_args_is_help=True
)


@app.command()
def make(
    discord_user_id: Annotated[str, typer.Argument(help="Whose presses they are.")],
    *,
    scope: Annotated[
        list[str] | None,
        typer.Option(help=f"What it is good for: {', '.join(Scope)}; repeated, or with commas; else read,play."),
    ] = None,
    hours: Annotated[float | None, typer.Option(help="How long it is good; else JEFFBOT_TOKEN_HOURS.")] = None,
) -> None:
    """Make a token; it is printed alone on stdout. `make` may be left out."""
    raise typer.Exit(print_token(discord_user_id, scope or (), hours))


@app.command()
def revoke(
    *,
    user: Annotated[str | None, typer.Option(help="Every token of this Discord user that was made until now.")] = None,
    token: Annotated[str | None, typer.Option(help="This token, and what it was renewed to.")] = None,
) -> None:
    """Have tokens be good no more; a running bot ends their connections within seconds."""
    if user is not None and token is None:
        _run(lambda settings: _revoke_user(settings, user))
    elif token is not None and user is None:
        _run(lambda settings: _revoke_token(settings, token))
    else:
        raise typer.BadParameter("give --user or --token")


@app.command()
def rotate(
    *,
    finish: Annotated[
        bool, typer.Option("--finish", help="Have the tokens of the secret before be good no more.")
    ] = False,
) -> None:
    """Change the secret that signs tokens; those signed with the one before are good until --finish."""

    async def work(settings: Settings) -> str:
        if finish:
            was = finish_rotation(settings)
            return f"The secret before has been removed. {RUNNING}" if was else "There is no secret before this one."
        secret = rotate_secret(settings)
        if secret.made:
            return f"There was no secret to change; one has been made: {secret.source}."
        return (
            f"A new secret signs tokens: {secret.source}. {RUNNING} Tokens of the one before are good until "
            "`jeffbot token rotate --finish`."
        )

    _run(work)


async def _revoke_user(settings: Settings, user: str) -> str:
    user_id = parse_snowflake(user)
    async with _revocations(settings) as revocations:
        await revocations.revoke_user(caller(None), user_id)
    return f"Every token of {user_id} that was made until now is revoked."


async def _revoke_token(settings: Settings, token: str) -> str:
    secret = await asyncio.to_thread(load_secret, settings)
    identity = Tokens(secret.accepted, hours=settings.token_hours).check(token)
    if identity.token_id is None:
        raise ForbiddenError(
            f"This token has no id of its own (jti); `jeffbot token revoke --user {identity.user_id}` revokes it with "
            "all others of its user"
        )
    async with _revocations(settings) as revocations:
        await revocations.revoke_token(caller(None), identity.token_id, identity.user_id, identity.expires_at)
    return f"That token of {identity.user_id} is revoked."


@contextlib.asynccontextmanager
async def _revocations(settings: Settings) -> AsyncIterator[Revocations]:
    async with Store(settings.data_dir, serving=False) as store:
        yield Revocations(store)


def _run(work: Callable[[Settings], Awaitable[str]]) -> None:
    """Do some work and say what came of it; exit code 1 and a sentence where it cannot be done."""
    logging.getLogger("jeffbot").addHandler(logging.NullHandler())  # what went wrong is said below

    async def worked() -> str:
        return await work(Settings.load())

    try:
        console.print(escape(asyncio.run(worked())), soft_wrap=True)
    except (SettingsError, SoundboardError, TokenError, ValueError) as error:
        console.print(f"[red]error:[/] {escape(str(error))}", soft_wrap=True)
        raise typer.Exit(1) from None
    except KeyboardInterrupt:
        raise typer.Exit(130) from None
