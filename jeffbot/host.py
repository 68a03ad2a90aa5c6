"""The host bot: what must be right about it, what it already has, and what is remembered on it.

Nextcord forgets an extension's settings and command ids when it reloads it; they are kept on the bot itself.
"""

import asyncio
import logging
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

import nextcord
from nextcord import voice_client
from nextcord.ext import commands

from .errors import CommandClashError, SettingsError

logger = logging.getLogger(__name__)

OLDEST_NEXTCORD = (3, 2)
"""The first that speaks version 8 of the voice gateway, with DAVE (Discord: Voice, "Voice Gateway Versioning")."""
_ATTRIBUTE = "_jeffbot_memory"

type SlashCommand = nextcord.SlashApplicationCommand


@dataclass
class Memory:
    """What outlives a reload of the extension."""

    extras: dict[str, object] = field(default_factory=dict)
    command_ids: dict[str, dict[int | None, int]] = field(default_factory=dict)
    """By command name: Discord's id of it, by guild (None: everywhere)."""
    lifecycle: "asyncio.Task[None] | None" = None
    """The task of the soundboard that runs, or is ending."""


def memory_of(bot: commands.Bot) -> Memory:
    """The memory kept on this bot."""
    memory: Memory | None = getattr(bot, _ATTRIBUTE, None)
    if memory is None:
        memory = Memory()
        setattr(bot, _ATTRIBUTE, memory)
    return memory


def check_host(bot: commands.Bot, ciphers: Sequence[str]) -> None:
    """Refuse a host that could never play; else log what voice is made with.

    Args:
        bot: The host.
        ciphers: What voice packets can be encrypted with, in order of preference.

    Raises:
        SettingsError: An intent or a package is missing; the sentence says which.
    """
    lacking = [name for name in ("guilds", "voice_states") if not getattr(bot.intents, name)]
    if lacking:
        raise SettingsError(
            f"the bot was made without the intent {' and '.join(lacking)}. Use "
            "nextcord.Intents(guilds=True, voice_states=True), or more; neither is privileged."
        )
    logger.info("voice with %s; ciphers, best first: %s", check_packages(), ", ".join(ciphers))


def check_packages() -> str:
    """Refuse packages with which the bot could not be heard; else name them and their versions.

    Raises:
        SettingsError: One is missing, or too old; the sentence says which.
    """
    if nextcord.version_info < OLDEST_NEXTCORD:
        raise SettingsError(
            f"Nextcord {nextcord.__version__} is too old for Discord's voice, which is end-to-end encrypted: "
            "pip install -U 'nextcord>=3.2'"
        )
    if not voice_client.has_nacl:
        raise SettingsError("PyNaCl, which encrypts voice, is not installed: pip install PyNaCl, then restart the bot")
    if not voice_client.has_dave:
        raise SettingsError(
            "dave.py is not installed, without which Discord closes voice (code 4017): pip install dave.py, then "
            "restart the bot"
        )
    import dave  # noqa: PLC0415 - Nextcord has loaded both by now
    import nacl  # noqa: PLC0415

    release = getattr(dave, "__version__", "before 1.0")  # which does not tell
    dave_version = dave.get_max_supported_protocol_version()
    if dave_version == 0:
        raise SettingsError(
            f"dave.py {release} speaks no version of Discord's end-to-end encryption: pip install -U dave.py, then "
            "restart the bot"
        )
    return f"Nextcord {nextcord.__version__}, dave.py {release} (DAVE {dave_version}), PyNaCl {nacl.__version__}"


def refuse_clash(bot: commands.Bot, names: Iterable[str]) -> None:
    """Refuse names that the host has given to slash commands of its own.

    Raises:
        CommandClashError: It has one of them.
    """
    taken = {command.name: command for command in _commands_of(bot)}
    for name in names:
        if name in taken:
            raise CommandClashError(name, _owner(taken[name]))


def _commands_of(bot: commands.Bot) -> list[SlashCommand]:
    """All slash commands of the bot: known to Nextcord, only declared so far, or in a cog."""
    found: set[Any] = {*bot.get_all_application_commands(), *bot._application_commands_to_add}
    for cog in bot.cogs.values():
        found.update(cog.application_commands)
    return [command for command in found if isinstance(command, nextcord.SlashApplicationCommand)]


def _owner(command: SlashCommand) -> str:
    if command.parent_cog:
        return f"the cog {type(command.parent_cog).__name__}"
    return f"the module {command.callback.__module__}" if command.callback else "the bot"


def _withdraw(bot: commands.Bot, own: list[SlashCommand]) -> None:
    """Take back our commands where the host declared one of the same name after the extension was loaded.

    Otherwise Nextcord would refuse to register any of the host's commands.
    """
    declared = {command.name: command for command in bot._application_commands_to_add}
    clashing = [command for command in own if command.name in declared]
    for command in clashing:
        bot._connection.remove_application_command(command)
        own.remove(command)
        clash = CommandClashError(str(command.name), _owner(declared[str(command.name)]))  # type: ignore[arg-type]
        logger.error("jeffbot's /%s is left out: %s", command.name, clash)


def remember_commands(memory: Memory, own: Iterable[SlashCommand]) -> None:
    """Note Discord's ids of our commands."""
    memory.command_ids.update({str(command.name): dict(command.command_ids) for command in own if command.command_ids})


def recall_commands(bot: commands.Bot, memory: Memory, own: Iterable[SlashCommand]) -> None:
    """Give new command objects the ids of those they replace; without, autocomplete fails until the next sync."""
    for command in own:
        if known := memory.command_ids.get(str(command.name)):
            command.command_ids.update(known)
            command._state = bot._connection


async def register_commands(bot: commands.Bot, own: list[SlashCommand]) -> None:
    """Have our commands registered with Discord; a bot that has yet to log in does it itself.

    That bot may still declare commands of its own; those of the same name are looked for when READY comes, just before
    Nextcord registers them all.
    """
    if bot.user is None or bot.application_id is None:
        await bot.wait_for("socket_event_type", check=lambda event: event == "READY")
        _withdraw(bot, own)
        return
    try:
        await bot.sync_all_application_commands(
            delete_unknown=False,
            associate_known=bot._rollout_associate_known,
            update_known=bot._rollout_update_known,
            register_new=bot._rollout_register_new,
        )
    except (
        nextcord.HTTPException,
        OSError,
        ValueError,
    ) as error:  # ValueError: the host declared a name twice
        logger.error("the slash commands could not be registered: %s", error)


def repair_loop(bot: commands.Bot) -> None:
    """Let Nextcord use the running loop where the bot was made for another that does not run.

    So it is under ``asyncio.run(bot.start(…))`` with a bot made beforehand: voice could not connect.
    """
    running = asyncio.get_running_loop()
    if bot.loop is not running and not bot.loop.is_running():
        bot.loop = bot._connection.loop = running
