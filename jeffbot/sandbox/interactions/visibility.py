"""Which commands a person is shown (Discord: Application Commands, "Contexts" and "Permissions")."""

from collections.abc import Iterator

from ..errors import CommandHiddenError, UnknownCommandError
from ..rest.forms.commands import CHAT_INPUT, USER_COMMAND
from ..world.guild import Guild
from ..world.payloads import Json
from ..world.permissions import ALL_PERMISSIONS, Permission
from ..world.values import Channel
from .interaction import Scene
from .localization import is_called
from .registry import GUILD_INSTALL, IN_BOT_DM, IN_GUILD

ROLE, USER, CHANNEL = 1, 2, 3
"""Application Commands, "Application Command Permission Type"."""


def find_command(scene: Scene, name: str, kind: int = CHAT_INPUT) -> Json:
    """The command that a person gets by its name, the default one or that in their language; the guild's own wins.

    Raises:
        UnknownCommandError: There is none.
        CommandHiddenError: There is, and this person is not shown it here.
    """
    called = [each for each in _usable(scene) if each["type"] == kind and is_called(each, name, scene.user.locale)]
    if not called:
        raise UnknownCommandError(f"{scene.application.user.name} has no {name} here")
    if hidden := [reason for reason in (_hidden(scene, each) for each in called[:1]) if reason]:
        raise CommandHiddenError(f"{scene.user.name} is not shown {name}: {hidden[0]}")
    return called[0]


def shown_commands(scene: Scene) -> list[Json]:
    """All commands of the application that a person is shown."""
    return [command for command in _usable(scene) if _hidden(scene, command) is None]


def _usable(scene: Scene) -> Iterator[Json]:
    """The commands that there are where the application's bot is, and in its private channels."""
    commands, bot = scene.application.commands, scene.application.user
    if guild := scene.guild:
        if bot.id in guild.members:
            yield from commands.in_guild(guild)
            yield from commands.everywhere()
    elif any(scene.user.id in shared.members for shared in scene.application.guilds()):
        yield from commands.everywhere()


def _hidden(scene: Scene, command: Json) -> str | None:
    """Why a person is not shown it; None: they are."""
    place = IN_GUILD if scene.guild else IN_BOT_DM
    if command.get("contexts") is not None and place not in command["contexts"]:
        return "not in these contexts"
    if GUILD_INSTALL not in command.get("integration_types", [GUILD_INSTALL]):
        return "only where a user has installed the application"
    if isinstance(scene.place, Channel):
        return _hidden_in_channel(scene, scene.place.guild, scene.place, command)
    return None


def _hidden_in_channel(scene: Scene, guild: Guild, channel: Channel, command: Json) -> str | None:
    if scene.user.id not in guild.members:
        return "no member"
    held = guild.permissions_of(scene.user, channel)
    needed = Permission.VIEW_CHANNEL | Permission.USE_APPLICATION_COMMANDS
    if command["type"] == USER_COMMAND:
        needed |= Permission.SEND_MESSAGES  # Application Commands, "User Commands"
    if needed & ~held:
        return "no permission to use commands in this channel"
    if command["nsfw"] and not channel.nsfw:
        return "the channel is not age-restricted"
    if held != ALL_PERMISSIONS and not _permitted(scene, guild, channel, command, held):
        return "no permission to use this command"
    return None


def _permitted(scene: Scene, guild: Guild, channel: Channel, command: Json, held: int) -> bool:
    """What a moderator has set for the command in the guild; else for all of them; else the command's default."""
    said = _said(scene, guild, command)
    if not said.get((CHANNEL, channel.id), said.get((CHANNEL, guild.id - 1), True)):
        return False
    if (USER, scene.user.id) in said:
        return said[USER, scene.user.id]
    roles = [said[ROLE, role.id] for role in guild.members[scene.user.id].roles if (ROLE, role.id) in said]
    if roles:
        return any(roles)
    if (ROLE, guild.id) in said:
        return said[ROLE, guild.id]
    default = command["default_member_permissions"]
    return default is None or (int(default) != 0 and not int(default) & ~held)


def _said(scene: Scene, guild: Guild, command: Json) -> dict[tuple[int, int], bool]:
    """Application Commands, "Application Command Permissions Object"; ``guild_id - 1`` stands for all channels."""
    stored = scene.application.commands.permissions
    said = stored.get((guild.id, int(command["id"]))) or stored.get((guild.id, scene.application.id)) or []
    return {(each["type"], int(each["id"])): each["permission"] for each in said}
