"""From what a person types to an interaction's data, as the Discord client does it."""

from typing import Any

from .command_rules import (
    BOOLEAN,
    CHANNEL,
    INTEGER,
    NUMBER,
    ROLE,
    STRING,
    SUB_COMMAND,
    SUB_COMMAND_GROUP,
    USER,
)
from .errors import InvalidOptionError, UnknownCommandError
from .payloads import Json, channel_json, member_json, role_json, user_json
from .world import Channel, Guild, Role, User

_TYPES: dict[int, type | tuple[type, ...]] = {
    STRING: str,
    INTEGER: int,
    BOOLEAN: bool,
    NUMBER: (int, float),
    USER: User,
    CHANNEL: Channel,
    ROLE: Role,
}


def command_data(
    command: Json, path: list[str], values: dict[str, Any], guild: Guild, *, focused: str | None = None
) -> Json:
    """The ``data`` of an interaction (Receiving and Responding, "Application Command Data Structure").

    Args:
        command: As registered.
        path: The words after the command's name: subcommand group and subcommand, if it has any.
        values: By option name; users, channels and roles as the sandbox's objects.
        guild: Where it is used.
        focused: The option being typed in, for autocomplete; then others may be missing.

    Raises:
        UnknownCommandError: The path leads nowhere.
        InvalidOptionError: An option is unknown, missing, of the wrong type or not among the choices.
    """
    resolved: Json = {}
    data: Json = {"id": command["id"], "name": command["name"], "type": command["type"]}
    if "guild_id" in command:
        data["guild_id"] = command["guild_id"]
    place, node = data, command
    for word in path:
        subcommands = [o for o in node.get("options") or [] if o["type"] in (SUB_COMMAND, SUB_COMMAND_GROUP)]
        found = next((option for option in subcommands if option["name"] == word), None)
        if found is None:
            raise UnknownCommandError(f"/{command['name']} {' '.join(path)} is not registered")
        node, inner = found, {"name": word, "type": found["type"]}
        place["options"] = [inner]
        place = inner
    options = node.get("options") or []
    if any(option["type"] in (SUB_COMMAND, SUB_COMMAND_GROUP) for option in options):
        raise UnknownCommandError(f"/{command['name']} {' '.join(path)} needs a subcommand")
    place["options"] = _options(options, values, guild, resolved, focused)
    return data | ({"resolved": resolved} if resolved else {})


def _options(
    options: list[Json], values: dict[str, Any], guild: Guild, resolved: Json, focused: str | None
) -> list[Json]:
    known = {option["name"]: option for option in options}
    if unknown := values.keys() - known.keys():
        raise InvalidOptionError(f"no such option: {', '.join(sorted(unknown))}")
    missing = [name for name, option in known.items() if option.get("required") and name not in values]
    if missing and focused is None:
        raise InvalidOptionError(f"required: {', '.join(missing)}")
    filled: list[Json] = []
    for name, value in values.items():
        entry = {"name": name, "type": known[name]["type"]}
        if name == focused:
            if not known[name].get("autocomplete"):
                raise InvalidOptionError(f"{name} has no autocomplete")
            filled.append(entry | {"value": value, "focused": True})
        else:
            filled.append(entry | {"value": _value(known[name], value, guild, resolved)})
    return filled


def _value(option: Json, value: Any, guild: Guild, resolved: Json) -> Any:
    if not isinstance(value, _TYPES.get(option["type"], object)):
        raise InvalidOptionError(f"{option['name']} does not take {value!r}")
    choices = option.get("choices")
    if choices and value not in [choice["value"] for choice in choices]:
        raise InvalidOptionError(f"{value!r} is not a choice of {option['name']}")
    match value:
        case User():
            resolved.setdefault("users", {})[str(value.id)] = user_json(value)
            if member := guild.members.get(value.id):
                partial = {key: item for key, item in member_json(member).items() if key != "user"}
                resolved.setdefault("members", {})[str(value.id)] = partial
        case Channel():
            resolved.setdefault("channels", {})[str(value.id)] = channel_json(value) | {"permissions": "0"}
        case Role():
            resolved.setdefault("roles", {})[str(value.id)] = role_json(value, guild.roles.index(value))
        case _:
            return value
    return str(value.id)
