"""``jeffbot client``: one request, or a conversation."""

import asyncio
import contextlib
import json
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any

import aiohttp
import msgspec
import typer
from rich.console import Console
from rich.markup import escape

from ..client import DEFAULT_URL, ConnectionEndedError, Event, RemoteClient, RemoteError
from ..ws import auth
from . import shown, words
from .terminal import Editor, history_file, is_terminal, lines_of_stdin

console = Console(highlight=False)

HELP = (
    "list · play <sound> · random · stop · skip · queue · search <words> · favourites [add <sound>] · status · player "
    "· diagnose · upload <file> · … · quit"
)
TROUBLE = (aiohttp.ClientError, RemoteError, ConnectionEndedError, ValueError, OSError)


def client(
    said: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="[USER_ID] [ACTION …]",
            help="Your Discord user id makes a token with the local secret; an action is done, such as: play airhorn "
            "volume=50; without one, type them.",
            show_default=False,
        ),
    ] = None,
    token: Annotated[str | None, typer.Option(envvar="JEFFBOT_TOKEN", help="A token.", show_default=False)] = None,
    url: Annotated[str, typer.Option(help="Where the remote control is.")] = DEFAULT_URL,
    as_json: Annotated[bool, typer.Option("--json", help="Print replies as JSON, one a line.")] = False,  # noqa: FBT002
) -> None:
    """Talk to a soundboard; exit code 1 where a request fails, 2 where it is none."""
    request = list(said or ())
    user = request.pop(0) if request and request[0].isdecimal() else None
    if not (token or user):
        raise typer.BadParameter("give your Discord user id, or --token, or JEFFBOT_TOKEN")

    async def fresh_token() -> str:
        return await asyncio.to_thread(auth.generate_token, user or "")

    session = Session(url, token or fresh_token, as_json=as_json)
    try:
        sys.exit(asyncio.run(session.once(request) if request else session.talk()))
    except TROUBLE as error:
        session.explain(error)
        sys.exit(1)
    except KeyboardInterrupt:
        sys.exit(130)


class Session:
    """One run of the command."""

    def __init__(self, url: str, token: Any, *, as_json: bool) -> None:
        self._url = url
        self._token = token
        self._as_json = as_json

    async def once(self, request: Sequence[str]) -> int:
        """Do one thing; the exit code."""
        if request[0] == "events":
            return await self._follow(request[1:])
        try:
            typed = words.parse(request)
        except ValueError as error:
            raise typer.BadParameter(str(error)) from None
        async with RemoteClient(self._url, self._token, reconnect=False) as remote:
            await self._do(remote, typed)
        return 0

    async def talk(self) -> int:
        """Do what is typed, line by line; the exit code."""
        async with RemoteClient(self._url, self._token) as remote:
            if not self._as_json:
                self._say(f"Connected. {HELP}")
            names: list[str] = []
            editor = Editor(lambda typed: completions(typed, names), history_file())
            with editor.editing() if is_terminal() else contextlib.nullcontext():
                if is_terminal():
                    names.extend(sound.name for sound in await remote.sounds())
                lines = lines_of_stdin()
                while True:
                    line = await _line_or_end(remote, asyncio.ensure_future(lines()))
                    request = (line if line is not None else "quit").split()
                    if request == ["quit"]:
                        return 0
                    if request and await self._try(remote, request) and is_terminal():
                        editor.remember(" ".join(request))

    async def _try(self, remote: RemoteClient, request: Sequence[str]) -> bool:
        """Do what was typed; whether it was a request."""
        try:
            typed = words.parse(request)
        except ValueError as error:
            if self._as_json:
                self.explain(error)
            else:
                self._say(HELP if request[0] == "help" else f"{error}\n{HELP}")
            return False
        try:
            await self._do(remote, typed)
        except TROUBLE as error:
            self.explain(error)
        return True

    async def _do(self, remote: RemoteClient, typed: words.Typed) -> None:
        action, fields = typed
        if action == "upload":
            sound = await remote.upload(_path(fields.pop("filename")), **fields)
            reply: dict[str, Any] = {"action": "upload", "sound": msgspec.to_builtins(sound)}
            text = f"added {sound.name}"
        else:
            reply = await remote.request(action, **fields)
            text = shown.show(action, reply)
        self._tell(reply, text)

    async def _follow(self, topics: Sequence[str]) -> int:
        async with RemoteClient(self._url, self._token) as remote, remote.events(*topics) as events:
            async for event in events:
                if isinstance(event, Event):
                    fields = msgspec.to_builtins(event)
                    text = shown.happened(event.topic, event.name, event.timestamp, event.data)
                else:
                    fields, text = {"event": event.name}, "some events were missed"
                self._tell(fields, text)
        return 0

    def explain(self, error: Exception) -> None:
        """Say what went wrong."""
        code = error.code if isinstance(error, RemoteError) else "error"
        if self._as_json:
            self._tell({"action": "error", "error_code": code, "error_message": str(error)}, "")
            return
        console.print(f"[red]{code}:[/] {escape(str(error) or 'it does not answer')}", soft_wrap=True)
        if isinstance(error, aiohttp.ClientConnectorError):
            console.print("Is the bot running, and its remote control listening there?")

    def _tell(self, fields: dict[str, Any], text: str) -> None:
        if self._as_json:
            console.out(json.dumps(fields))
        else:
            self._say(text)

    @staticmethod
    def _say(text: str) -> None:
        console.out(shown.safe(text))


def _path(typed: str) -> Path:
    return Path(typed).expanduser()


async def _line_or_end(remote: RemoteClient, line: "asyncio.Future[str | None]") -> str | None:
    """The next line.

    Raises:
        ConnectionEndedError: The connection ended for good, first.
        RemoteError: So it did, for the token is good no more.
    """
    either: list[asyncio.Future[Any]] = [line, remote.ended]
    await asyncio.wait(either, return_when=asyncio.FIRST_COMPLETED)
    if line.done():
        return line.result()
    line.cancel()
    raise remote.ended.result()


def completions(typed: str, names: Sequence[str]) -> list[str]:
    """What a line may become: actions, and names of sounds where one is wanted."""
    action, space, begun = typed.lstrip().partition(" ")
    if not space:
        return [f"{name} " for name in (*words.COMMANDS, "quit") if name.startswith(action)]
    before = f"{action} "
    if action == "favourites":
        verb, gap, begun = begun.partition(" ")
        if not gap:
            return [f"{before}{name} " for name in ("add", "remove") if name.startswith(verb)]
        before = f"{before}{verb} "
    elif words.TEXT_FIELD.get(action) != "filename" or action == "upload":
        return []
    return [before + name for name in names if name.casefold().startswith(begun.casefold())]
