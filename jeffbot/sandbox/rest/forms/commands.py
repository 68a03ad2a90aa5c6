"""Application commands and their permissions (Interactions, Application Commands)."""

import unicodedata
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

from ...errors import ApiError
from ..schema import Field, Form, ListOf, NotNull, OneOf, Place, Required
from .fields import (
    LOCALES,
    Barred,
    Choice,
    Deprecated,
    Flag,
    Ignored,
    MapOf,
    Number,
    Permissions,
    Snowflake,
    Text,
    Whole,
)

CHAT_INPUT, USER_COMMAND, MESSAGE_COMMAND, PRIMARY_ENTRY_POINT = range(1, 5)
SUB_COMMAND, SUB_COMMAND_GROUP, STRING, INTEGER, BOOLEAN, USER, CHANNEL, ROLE, MENTIONABLE, NUMBER, ATTACHMENT = range(
    1, 12
)
MOST_COMMANDS: Final = {CHAT_INPUT: 100, USER_COMMAND: 15, MESSAGE_COMMAND: 15, PRIMARY_ENTRY_POINT: 1}
"""Of each type, everywhere or in one guild (Application Commands, "Registering a Command")."""
MOST_AT_ONCE = 130
"""In a bulk overwrite (OpenAPI document, ``maxItems`` of its body)."""
MOST_CHARACTERS = 8000
"""Of names, descriptions and values in one command (Application Commands, "Slash Commands")."""
_TOLD_OF_COMMANDS = ("type", "application_id", "guild_id", "version", "name_localized", "description_localized")
_SHARED_WITH_OTHER_SCRIPTS = "\u0951\u0952\u0953\u0954\u0964\u0965"
"""Devanagari by name only (Unicode, ``Scripts.txt``)."""
CHANNEL_TYPES = (0, 1, 2, 3, 4, 5, 10, 11, 12, 13, 14, 15, 16)
"""Channel, "Channel Types"."""


def over_limit(commands: Sequence[Mapping[str, Any]]) -> ApiError | None:
    """The error 30032 if a scope cannot have that many commands of a type."""
    counts = Counter(command["type"] for command in commands)
    for kind, most in MOST_COMMANDS.items():
        if counts[kind] > most:
            return ApiError(400, 30032, f"Maximum number of application commands reached ({most}).")
    return None


def _slash_name(name: str, place: Place) -> None:
    if name != name.lower() or not all(map(_may_be_in_name, name)):
        place.refuse("APPLICATION_COMMAND_INVALID_NAME", "Command name is invalid")


def _may_be_in_name(character: str) -> bool:
    r"""``[-_'\p{L}\p{N}\p{sc=Deva}\p{sc=Thai}]`` (Application Commands, "Application Command Naming")."""
    return (
        character in "-_'"
        or unicodedata.category(character)[0] in "LN"
        or (
            unicodedata.name(character, "").startswith(("DEVANAGARI ", "THAI CHARACTER "))
            and character not in _SHARED_WITH_OTHER_SCRIPTS
        )
    )


# Options: Application Commands, "Application Command Option Structure"


def _valid(options: Sequence[Any]) -> Iterator[tuple[int, dict[str, Any]]]:
    return ((index, option) for index, option in enumerate(options) if isinstance(option, dict))


def _distinct_names(options: Sequence[Any], place: Place) -> None:
    """Within the list, in each language ("Localization")."""
    taken: set[tuple[str, Any]] = set()
    for index, option in _valid(options):
        names = {"": option.get("name"), **(option.get("name_localizations") or {})}
        for locale, name in names.items():
            at = place / index / "name_localizations" / locale if locale else place / index / "name"
            if name and (locale, name) in taken:
                at.refuse("APPLICATION_COMMAND_OPTIONS_NAME_ALREADY_EXISTS", "Option name already exists")
            taken.add((locale, name))


def _required_first(options: Sequence[Any], place: Place) -> None:
    optional = False
    for index, option in _valid(options):
        if option.get("required") and optional:
            message = "Required options must be placed before non-required options"
            (place / index).refuse("APPLICATION_COMMAND_OPTIONS_REQUIRED_INVALID", message)
        optional |= not option.get("required")


def _not_mixed(options: Sequence[Any], place: Place) -> None:
    """Either subcommands and their groups or parameters ("Subcommands and Subcommand Groups")."""
    sorts = [(index, option["type"] in (SUB_COMMAND, SUB_COMMAND_GROUP)) for index, option in _valid(options)]
    for index, nested in sorts:
        if nested != sorts[0][1]:
            message = "Sub-command and sub-command group option types are mutually exclusive to all other types"
            (place / index).refuse("APPLICATION_COMMAND_OPTIONS_TYPE_INVALID", message)


def _not_both(option: Mapping[str, Any], place: Place) -> None:
    if option.get("autocomplete") and option.get("choices"):
        message = "Autocomplete cannot be used together with choices"
        (place / "autocomplete").refuse("APPLICATION_COMMAND_AUTOCOMPLETE_INVALID", message)


def _file_type(file_type: str, place: Place) -> None:
    """Reference, "File Type Filtering"."""
    if file_type not in ("image", "video", "audio") and not (file_type.startswith(".") and len(file_type) > 1):
        place.refuse("STRING_TYPE_REGEX", "String value did not match validation regex.")


def choices_of(value: Field) -> ListOf:
    """Application Commands, "Application Command Option Choice Structure"."""
    name = Text(1, 100)
    return ListOf(Form(name=Required(name), name_localizations=MapOf(LOCALES, name), value=Required(value)), 0, 25)


def _options(forms: Mapping[int, Field]) -> ListOf:
    return ListOf(OneOf("type", forms), 0, 25, _distinct_names, _required_first, _not_mixed)


def _not_here(what: str) -> Barred:
    code = f"APPLICATION_COMMAND_{what.upper().replace('-', '_')}_INVALID"
    return Barred(code, f"{what} cannot be configured for this type of option")


_SLASH_NAME = Text(1, 32, _slash_name)
_DESCRIPTION = Text(1, 100)
FILE_TYPES = ListOf(Text(1, None, _file_type), 0, 10)
CHOICES: Final = {
    STRING: choices_of(Text(0, 100, exact=True)),
    INTEGER: choices_of(Whole(exact=True)),
    NUMBER: choices_of(Number()),
}
"""Of options of these types, also in answer to an autocomplete interaction."""

_OPTION = Form(
    name=Required(_SLASH_NAME),
    name_localizations=MapOf(LOCALES, _SLASH_NAME),
    description=Required(_DESCRIPTION),
    description_localizations=MapOf(LOCALES, _DESCRIPTION),
    required=Flag(),
    choices=_not_here("Choices"),
    autocomplete=_not_here("Autocomplete"),
    options=_not_here("Sub-options"),
)
_BOUNDED = {"min_length": Whole(0, 6000), "max_length": Whole(1, 6000)}
_PARAMETERS: dict[int, Field] = {
    STRING: _OPTION.extended(_not_both, choices=CHOICES[STRING], autocomplete=Flag(), **_BOUNDED),
    INTEGER: _OPTION.extended(
        _not_both, choices=CHOICES[INTEGER], autocomplete=Flag(), min_value=Whole(), max_value=Whole()
    ),
    BOOLEAN: _OPTION,
    USER: _OPTION,
    CHANNEL: _OPTION.extended(channel_types=ListOf(Choice(*CHANNEL_TYPES), unique=True)),
    ROLE: _OPTION,
    MENTIONABLE: _OPTION,
    NUMBER: _OPTION.extended(
        _not_both, choices=CHOICES[NUMBER], autocomplete=Flag(), min_value=Number(), max_value=Number()
    ),
    ATTACHMENT: _OPTION.extended(file_types=FILE_TYPES),
}
_NESTED = _OPTION.extended(required=_not_here("Required"))
_SUB_COMMANDS: dict[int, Field] = {SUB_COMMAND: _NESTED.extended(options=_options(_PARAMETERS))}
_GROUPS: dict[int, Field] = {SUB_COMMAND_GROUP: _NESTED.extended(options=_options(_SUB_COMMANDS))}


# Commands: Application Commands, "Application Command Structure"


def _not_too_large(command: Mapping[str, Any], place: Place) -> None:
    if _size(command) > MOST_CHARACTERS:
        place.refuse("APPLICATION_COMMAND_TOO_LARGE", f"Command exceeds maximum size ({MOST_CHARACTERS})")


def _size(part: Mapping[str, Any]) -> int:
    """Characters of a command, an option or a choice; of a text in several languages the longest counts."""
    size = len(str(part.get("value", "")))
    for text in ("name", "description"):
        localized = (part.get(f"{text}_localizations") or {}).values()
        size += max(map(len, [part.get(text) or "", *localized]))
    return size + sum(_size(inner) for list_ in ("options", "choices") for _, inner in _valid(part.get(list_) or ()))


def _within_limits(commands: Sequence[Any], place: Place) -> None:
    valid = list(_valid(commands))
    seen: set[tuple[Any, Any]] = set()
    for index, command in valid:
        key = command["type"], command.get("name")
        if key in seen:
            (place / index).refuse("APPLICATION_COMMANDS_DUPLICATE_NAME", "Application command names must be unique")
        seen.add(key)
    if error := over_limit([command for _, command in valid]):
        place.reject(error)


def _commands(need: type[Required], *, guild: bool) -> dict[int, Field]:
    """By type. In a guild there is no entry point command, and no choice of contexts. Permissions: OpenAPI document."""
    everywhere = Ignored("only for global commands")
    common = Form(
        id=Snowflake(),
        **dict.fromkeys(_TOLD_OF_COMMANDS, Ignored()),
        name=need(Text(1, 32)),
        name_localizations=MapOf(LOCALES, Text(1, 32)),
        description=Text(0, 100),
        description_localizations=MapOf(LOCALES, _DESCRIPTION),
        default_member_permissions=Permissions(2**54 - 1),
        nsfw=Flag(),
        default_permission=Deprecated(Flag(), "default_member_permissions has taken its place"),
        dm_permission=everywhere if guild else Deprecated(Flag(), "contexts has taken its place"),
        contexts=everywhere if guild else ListOf(Choice(0, 1, 2), 1, unique=True),
        integration_types=everywhere if guild else ListOf(Choice(0, 1), 1, unique=True),
        handler=Ignored("only for the entry point command"),
    )
    chat_input = common.extended(
        _not_too_large,
        name=need(_SLASH_NAME),
        name_localizations=MapOf(LOCALES, _SLASH_NAME),
        description=need(_DESCRIPTION),
        options=_options(_SUB_COMMANDS | _GROUPS | _PARAMETERS),
    )
    context_menu = common.extended(
        description=_not_in_context_menu("description"), options=_not_in_context_menu("options")
    )
    entry_point = common.extended(options=_not_in_context_menu("options"), handler=Choice(1, 2))
    menus: dict[int, Field] = {CHAT_INPUT: chat_input, USER_COMMAND: context_menu, MESSAGE_COMMAND: context_menu}
    return menus if guild else menus | {PRIMARY_ENTRY_POINT: entry_point}


def _not_in_context_menu(what: str) -> Barred:
    code = f"APPLICATION_COMMAND_CONTEXT_MENU_{what.upper()}_INVALID"
    return Barred(code, f"Context menu commands cannot have {what}")


COMMAND = OneOf("type", _commands(Required, guild=False), CHAT_INPUT, enum=True)
"""Create Global Application Command."""
GUILD_COMMAND = OneOf("type", _commands(Required, guild=True), CHAT_INPUT, enum=True)
"""Create Guild Application Command."""
COMMANDS = ListOf(COMMAND, 0, MOST_AT_ONCE, _within_limits)
"""Bulk Overwrite Global Application Commands."""
GUILD_COMMANDS = ListOf(GUILD_COMMAND, 0, MOST_AT_ONCE, _within_limits)
"""Bulk Overwrite Guild Application Commands."""
COMMAND_EDIT: Final = _commands(NotNull, guild=False)
"""Edit Global Application Command, by the command's type."""
GUILD_COMMAND_EDIT: Final = _commands(NotNull, guild=True)
"""Edit Guild Application Command, by the command's type."""
COMMAND_PERMISSIONS = Form(
    permissions=ListOf(
        Form(id=Required(Snowflake()), type=Required(Choice(1, 2, 3)), permission=Required(Flag())), 0, 100
    )
)
"""Edit Application Command Permissions."""
