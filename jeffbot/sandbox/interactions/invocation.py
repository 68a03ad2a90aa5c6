"""From what a person types to the data of a command's interaction, as the Discord client does it."""

from typing import Any

from ..attachments import File
from ..errors import InvalidOptionError, UnknownCommandError
from ..rest.forms.commands import (
    ATTACHMENT,
    BOOLEAN,
    CHANNEL,
    INTEGER,
    MENTIONABLE,
    NUMBER,
    ROLE,
    STRING,
    SUB_COMMAND,
    SUB_COMMAND_GROUP,
    USER,
)
from ..world.payloads import Json
from ..world.values import Channel, Role, User
from .localization import is_called
from .resolved import Resolved

_TYPES: dict[int, tuple[type, ...]] = {
    STRING: (str,),
    INTEGER: (int,),
    BOOLEAN: (bool,),
    USER: (User,),
    CHANNEL: (Channel,),
    ROLE: (Role,),
    MENTIONABLE: (User, Role),
    NUMBER: (int, float),
    ATTACHMENT: (File,),
}
_GROUPS = (SUB_COMMAND, SUB_COMMAND_GROUP)
GREATEST = 2**53
"""Of numbers; of integers one less ("Application Command Option Type")."""
LONGEST = 6000
"""Characters ("Application Command Option Structure")."""


def menu_data(command: Json, target_id: str, resolved: Resolved) -> Json:
    """The ``data`` of a command in a context menu ("Application Command Data Structure")."""
    return _head(command) | {"target_id": target_id} | resolved.json()


def command_data(
    command: Json, path: list[str], values: dict[str, Any], resolved: Resolved, *, focused: str | None = None
) -> Json:
    """The ``data`` of a slash command ("Application Command Data Structure").

    Args:
        command: As registered.
        path: The words after the command's name: subcommand group and subcommand, if it has any.
        values: By option name; users, channels, roles and files as the sandbox's objects.
        resolved: Takes what the values name.
        focused: The option being typed in, for autocomplete; then others may be missing.

    Raises:
        UnknownCommandError: The path leads nowhere.
        InvalidOptionError: An option is unknown, missing or has a value that the client would not send.
    """
    data = place = _head(command)
    node, locale = command, resolved.locale
    for word in path:
        nested = [option for option in node.get("options") or [] if option["type"] in _GROUPS]
        found = next((option for option in nested if is_called(option, word, locale)), None)
        if found is None:
            raise UnknownCommandError(f"/{command['name']} {' '.join(path)} is not registered")
        inner: Json = {"name": found["name"], "type": found["type"]}
        place["options"] = [inner]
        node, place = found, inner
    options: list[Json] = node.get("options") or []
    if node.get("type") == SUB_COMMAND_GROUP or any(option["type"] in _GROUPS for option in options):
        raise UnknownCommandError(f"/{command['name']} {' '.join(path)} needs a subcommand")
    place["options"] = _options(options, _by_name(options, values, locale), resolved, focused)
    return data | resolved.json()


def focused_option(data: Json) -> Json:
    """The option that is being typed in."""
    options: list[Json] = data["options"]
    while "options" in options[0]:
        options = options[0]["options"]
    return next(option for option in options if option.get("focused"))


def _head(command: Json) -> Json:
    data: Json = {"id": command["id"], "name": command["name"], "type": command["type"]}
    return data | ({"guild_id": command["guild_id"]} if "guild_id" in command else {})


def _by_name(options: list[Json], values: dict[str, Any], locale: str) -> dict[str, Any]:
    """The values by the options' default names."""
    named: dict[str, Any] = {}
    for name, value in values.items():
        option = next((option for option in options if is_called(option, name, locale)), None)
        if option is None:
            raise InvalidOptionError(f"no such option: {name}")
        named[option["name"]] = value
    return named


def _options(options: list[Json], values: dict[str, Any], resolved: Resolved, focused: str | None) -> list[Json]:
    missing = [option["name"] for option in options if option.get("required") and option["name"] not in values]
    if missing and focused is None:
        raise InvalidOptionError(f"required: {', '.join(missing)}")
    known = {option["name"]: option for option in options}
    filled: list[Json] = []
    for name, value in values.items():
        entry: Json = {"name": name, "type": known[name]["type"]}
        if name == focused:
            if not known[name].get("autocomplete"):
                raise InvalidOptionError(f"{name} has no autocomplete")
            filled.append(entry | {"value": str(value), "focused": True})
        else:
            filled.append(entry | {"value": _value(known[name], value, resolved)})
    return filled


def _value(option: Json, value: Any, resolved: Resolved) -> Any:
    if problem := _problem(option, value):
        raise InvalidOptionError(f"{option['name']}: {value!r} {problem}")
    return value if isinstance(value, str | int | float) else resolved.add(value)


def _problem(option: Json, value: Any) -> str | None:
    """Why the client would not send this; None: it would."""
    kind = option["type"]
    is_right = isinstance(value, _TYPES[kind]) and (kind == BOOLEAN or not isinstance(value, bool))
    if not is_right:
        return "is of another type"
    choices = option.get("choices")
    if choices and value not in [choice["value"] for choice in choices]:
        return "is no choice"
    if not _within_bounds(option, value):
        return "is too small or too great"
    if isinstance(value, Channel) and option.get("channel_types") and value.kind not in option["channel_types"]:
        return "is another type of channel"
    if isinstance(value, File) and not value.is_of(option.get("file_types")):
        return "is another type of file"
    return None


def _within_bounds(option: Json, value: Any) -> bool:
    kind, measured, size = option["type"], "value", value
    if kind not in (STRING, INTEGER, NUMBER):
        return True
    most: float = GREATEST - (kind == INTEGER)
    if kind == STRING:
        measured, size, most = "length", len(value), LONGEST
    low, high = option.get(f"min_{measured}"), option.get(f"max_{measured}")
    return bool((-most if low is None else low) <= size <= (most if high is None else high))
