"""Application commands and who may use them (Discord: Interactions, Application Commands)."""

from ..interactions.localization import in_one_language
from ..world.guild import Guild
from ..world.payloads import Json
from ..world.permissions import Permission
from .call import Call
from .forms import commands as forms
from .forms.fields import LOCALES, Flag
from .refusals import (
    MISSING_ACCESS,
    MISSING_PERMISSIONS,
    NOT_FOR_BOTS,
    NOT_YOUR_APPLICATION,
    UNKNOWN_COMMAND,
    UNKNOWN_COMMAND_PERMISSIONS,
)
from .schema import Field, Form
from .serving import Created

LIST_QUERY = Form(with_localizations=Flag())


def everything(call: Call) -> list[Json]:
    """Get Global, or Guild, Application Commands; in the asker's language, if not in all."""
    commands = call.application.commands.in_scope(_scope(call))
    if call.query.get("with_localizations"):
        return commands
    return [in_one_language(command, _locale(call)) for command in commands]


def _locale(call: Call) -> str:
    """The asker's language (Application Commands, "Retrieving localized commands")."""
    asked = call.headers.get("X-Discord-Locale") or call.headers.get("Accept-Language", "").partition(",")[0]
    locale = asked.partition(";")[0].strip()
    return locale if locale in LOCALES else call.user.locale


def get(call: Call) -> Json:
    """Get Global, or Guild, Application Command."""
    return call.application.commands.get(_scope(call), call.id("command_id"))


def make(call: Call) -> Created | Json:
    """Create Global, or Guild, Application Command; one of the same name and type is replaced."""
    command, is_new = call.application.commands.upsert(_scope(call), call.body)
    return Created(command) if is_new else command


def replace(call: Call) -> list[Json]:
    """Bulk Overwrite Global, or Guild, Application Commands."""
    return call.application.commands.replace(_scope(call), call.body)


def change(call: Call) -> Json:
    """Edit Global, or Guild, Application Command."""
    return call.application.commands.edit(_scope(call), call.id("command_id"), call.body)


def remove(call: Call) -> None:
    """Delete Global, or Guild, Application Command."""
    call.application.commands.remove(_scope(call), call.id("command_id"))


def form_of_change(call: Call) -> Field:
    """It depends on the command's type, which cannot change."""
    kind = get(call)["type"]
    return forms.GUILD_COMMAND_EDIT[kind] if "guild_id" in call.path else forms.COMMAND_EDIT[kind]


def all_permissions(call: Call) -> list[Json]:
    """Get Guild Application Command Permissions; the application's own stand first."""
    guild = _guild(call)
    stored = call.application.commands.permissions
    return [_permissions_json(call, guild, command) for of_guild, command in stored if of_guild == guild.id]


def permissions(call: Call) -> Json:
    """Get Application Command Permissions."""
    guild, command = _guild(call), _command_or_all(call)
    if (guild.id, command) not in call.application.commands.permissions:
        raise UNKNOWN_COMMAND_PERMISSIONS.error()
    return _permissions_json(call, guild, command)


def set_permissions(call: Call) -> Json:
    """Edit Application Command Permissions: with a grant of somebody who may manage guild and roles."""
    if call.client is None or call.client.grant is None:
        raise NOT_FOR_BOTS.error()
    guild, command = _guild(call), _command_or_all(call)
    if not guild.may(call.user, Permission.MANAGE_GUILD | Permission.MANAGE_ROLES):
        raise MISSING_PERMISSIONS.error()
    call.application.commands.permissions[guild.id, command] = call.body.get("permissions") or []
    payload = _permissions_json(call, guild, command)
    call.rooms.gateway.dispatch(call.application, guild, "APPLICATION_COMMAND_PERMISSIONS_UPDATE", payload)
    return payload


def _permissions_json(call: Call, guild: Guild, command: int) -> Json:
    return {
        "id": str(command),
        "application_id": str(call.application.id),
        "guild_id": str(guild.id),
        "permissions": call.application.commands.permissions[guild.id, command],
    }


def _command_or_all(call: Call) -> int:
    command_id = call.id("command_id")
    usable = call.application.commands.everywhere() + call.application.commands.in_guild(_guild(call))
    if command_id != call.application.id and all(command["id"] != str(command_id) for command in usable):
        raise UNKNOWN_COMMAND.error()
    return command_id


def _scope(call: Call) -> int | None:
    _own_application(call)
    return _guild(call).id if "guild_id" in call.path else None


def _guild(call: Call) -> Guild:
    """Where the application has been let in; of others it learns nothing."""
    _own_application(call)
    guild = call.world.guilds.get(call.id("guild_id"))
    if guild is None or call.application.id not in guild.members:
        raise MISSING_ACCESS.error()
    return guild


def _own_application(call: Call) -> None:
    if call.id("application_id") != call.application.id:
        raise NOT_YOUR_APPLICATION.error()
