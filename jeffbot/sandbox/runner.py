"""The sandbox alone, as a program: a small world, how to point bots at it, and what happens in it."""

import asyncio
import errno
import json
import shutil
import signal
import sys
from dataclasses import dataclass
from pathlib import Path

from rich.console import Console
from rich.markup import escape

from .chronicle import tell
from .ears import Fingerprints
from .errors import SandboxError
from .interactions.applications import Application
from .people import Person
from .server import Sandbox
from .world.guild import Guild
from .world.values import Channel

PORT = 8766
"""Beside the remote control's."""


@dataclass(frozen=True)
class Settings:
    """What the program is told."""

    port: int = PORT
    """0: any free one."""
    guild: str = "The Cave"
    ca_file: Path | None = None
    """Where a copy of the certificate is written."""
    sounds: Path | None = None
    """A folder whose sounds are recognised in what is heard."""
    as_json: bool = False
    """One line of JSON on standard output, and what happens on standard error."""
    redirect_uris: tuple[str, ...] = ()
    """Where people may be sent after signing in to the application (OAuth2)."""


@dataclass(frozen=True)
class Scene:
    """A bot's account, and a guild with a voice channel in which a person waits for it."""

    discord: Sandbox
    application: Application
    guild: Guild
    channel: Channel
    member: Person
    ca_file: Path

    @property
    def control(self) -> str:
        """Where it is controlled from other programs."""
        return self.discord.api_base.replace("/api/v10", "/control/")

    def facts(self) -> dict[str, str]:
        """All that a script needs."""
        return {
            "api": self.discord.api_base,
            "gateway": self.discord.api_base.replace("https:", "wss:").replace("/api/v10", "/gateway"),
            "ca_file": str(self.ca_file),
            "control": self.control,
            "token": self.application.token,
            "client_secret": self.application.client_secret,
            "application_id": str(self.application.id),
            "guild_id": str(self.guild.id),
            "text_channel_id": str(self.guild.text_channel.id),
            "voice_channel_id": str(self.channel.id),
            "user_id": str(self.member.id),
        }


def run(settings: Settings, console: Console) -> int:
    """Run until Ctrl-C or SIGTERM; the exit code."""
    try:
        asyncio.run(_run(settings, console))
    except (KeyboardInterrupt, asyncio.CancelledError):
        pass
    except (OSError, SandboxError) as error:
        console.print(f"[red]error:[/] {escape(_said(error, settings))}", soft_wrap=True)
        return 1
    if not settings.as_json:
        console.print("Bye.")
    return 0


async def _run(settings: Settings, console: Console) -> None:
    if sys.platform != "win32":
        task = asyncio.current_task()
        assert task is not None  # noqa: S101 - it runs in one
        asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, task.cancel)
    async with Sandbox(port=settings.port) as discord:
        if settings.sounds:
            discord.control.fingerprints = await asyncio.to_thread(Fingerprints.from_folder, settings.sounds)
        scene = await _set(discord, settings)
        if settings.as_json:
            sys.stdout.write(json.dumps(scene.facts()) + "\n")
            sys.stdout.flush()
            console = Console(stderr=True, highlight=False)
        else:
            _introduce(scene, console)
        await tell(discord, lambda news: console.print(escape(news), soft_wrap=True))


async def _set(discord: Sandbox, settings: Settings) -> Scene:
    application = discord.add_application("bot", redirect_uris=settings.redirect_uris)
    member = discord.add_user("alice")
    guild = discord.add_guild(settings.guild, members=[member], applications=[application])
    channel = guild.add_voice_channel("General")
    await member.join(channel)
    if settings.ca_file:
        shutil.copyfile(discord.ca_file, settings.ca_file)
    return Scene(discord, application, guild, channel, member, (settings.ca_file or discord.ca_file).absolute())


def _said(error: Exception, settings: Settings) -> str:
    if isinstance(error, OSError) and error.errno == errno.EADDRINUSE:
        return f"port {settings.port} is in use. Another: jeffbot sandbox --port 9000, or 0 for any that is free"
    return str(error)


def _introduce(scene: Scene, console: Console) -> None:
    facts = scene.facts()
    console.rule("[bold]jeffbot sandbox")
    console.print(
        f"A Discord of its own runs on this machine. In its guild [bold]{escape(scene.guild.name)}[/] "
        f"[bold]{scene.member.name}[/]\nsits in the voice channel [bold]{scene.channel.name}[/] "
        "and waits for your bot, which is a member, too.\n"
    )
    for name, value in facts.items():
        console.print(f"{name:<17} {escape(value)}", soft_wrap=True)
    console.print("\nLet your bot trust it:")
    console.print(
        f"  export SSL_CERT_FILE={escape(facts['ca_file'])} NODE_EXTRA_CA_CERTS={escape(facts['ca_file'])}",
        soft_wrap=True,
    )
    console.print("ask it in place of Discord, by a line at the top of the bot:")
    for library, line in _pointers(facts).items():
        console.print(f"  {library:<10} {escape(line)}", soft_wrap=True)
    console.print(
        "and log in with the token. Then, if it has a command /hello, have it used; what else there is to do:"
    )
    curl = f"curl --cacert {facts['ca_file']}"
    asked = {"user": facts["user_id"], "application": facts["application_id"], "where": facts["guild_id"]}
    words = json.dumps(asked | {"command": "hello"})
    console.print(f"  {escape(curl)} {scene.control}invoke -d '{escape(words)}'", soft_wrap=True)
    console.print(f"  {escape(curl)} {scene.control}", soft_wrap=True)
    console.print("Listen, with a player or browser that trusts the certificate:")
    console.print(f"  {scene.control}voice/{scene.guild.id}/{scene.application.id}/listen.ogg", soft_wrap=True)
    console.print("What happens is told here. Ctrl-C ends it.\n", style="dim")


def _pointers(facts: dict[str, str]) -> dict[str, str]:
    """The line in a program that points each library here; discord.py asks the API only for sharded bots' gateway."""
    api, gateway = facts["api"], facts["gateway"]
    return {
        "nextcord": f'import nextcord.http; nextcord.http.Route.BASE = "{api}"',
        "discord.py": f'import discord, yarl; discord.http.Route.BASE = "{api}"; '
        f'discord.gateway.DiscordWebSocket.DEFAULT_GATEWAY = yarl.URL("{gateway}")',
        "py-cord": f'import discord.http; discord.http.Route.API_BASE_URL = "{api}"',
        "disnake": f'import disnake.http; disnake.http.Route.BASE = "{api}"',
        "discord.js": f'new Client({{ rest: {{ api: "{api.removesuffix("/v10")}" }}, … }})',
    }
