"""What Discord accepts as an application command and as a choice (Application Commands; error 50035)."""

import unicodedata
from typing import Any

from .errors import ApiError
from .payloads import Json

CHAT_INPUT, USER_COMMAND, MESSAGE_COMMAND = 1, 2, 3
SUB_COMMAND, SUB_COMMAND_GROUP, STRING, INTEGER, BOOLEAN, USER, CHANNEL, ROLE, MENTIONABLE, NUMBER = range(1, 11)
MAX_OPTIONS = 25
MAX_CHOICES = 25
MAX_NAME = 32
MAX_TEXT = 100
"""Longest description, choice name and choice value."""

type Problem = tuple[str, str, str]
"""Where (``options.0.name``), Discord's short code, a sentence."""


def invalid_form(problems: list[Problem]) -> ApiError:
    """The 50035 error with each problem nested at its place (Discord: Reference, "Error Messages")."""
    errors: Json = {}
    for path, code, message in problems:
        place = errors
        for part in path.split("."):
            place = place.setdefault(part, {})
        place.setdefault("_errors", []).append({"code": code, "message": message})
    return ApiError(400, 50035, "Invalid Form Body", errors)


def check_command(body: Any) -> None:
    """Refuse what Discord would.

    Raises:
        ApiError: 50035, with every problem found.
    """
    if not isinstance(body, dict):
        raise invalid_form([("_body", "DICT_TYPE_CONVERT", "Only dictionaries may be used in a DictType")])
    kind = body.get("type", CHAT_INPUT)
    problems: list[Problem] = []
    if kind not in (CHAT_INPUT, USER_COMMAND, MESSAGE_COMMAND):
        problems.append(("type", "BASE_TYPE_CHOICES", "Value must be one of (1, 2, 3)."))
    if not str(body.get("default_member_permissions") or 0).isdecimal():
        problems.append(("default_member_permissions", "NUMBER_TYPE_COERCE", "Value is not a bit set."))
    if kind == CHAT_INPUT:
        problems += _names(body, "") + _options(body.get("options"), "")
    elif not _is_text(body.get("name"), 1, MAX_NAME):
        problems.append(_length("name", 1, MAX_NAME))
    if problems:
        raise invalid_form(problems)


def check_choices(choices: Any, path: str) -> list[Problem]:
    """Problems of a list of choices."""
    if not isinstance(choices, list):
        return [(path, "LIST_TYPE_CONVERT", "Only iterables may be used in a ListType")]
    if len(choices) > MAX_CHOICES:
        return [(path, "BASE_TYPE_BAD_LENGTH", f"Must be {MAX_CHOICES} or fewer in length.")]
    problems: list[Problem] = []
    for index, choice in enumerate(choices):
        name, value = (choice.get("name"), choice.get("value")) if isinstance(choice, dict) else (None, None)
        if not _is_text(name, 1, MAX_TEXT):
            problems.append(_length(f"{path}.{index}.name", 1, MAX_TEXT))
        if not (isinstance(value, int | float) or _is_text(value, 0, MAX_TEXT)):
            problems.append(_length(f"{path}.{index}.value", 0, MAX_TEXT))
    return problems


def _options(options: Any, path: str) -> list[Problem]:
    if options is None:
        return []
    if not isinstance(options, list) or len(options) > MAX_OPTIONS:
        return [(f"{path}options", "BASE_TYPE_BAD_LENGTH", f"Must be {MAX_OPTIONS} or fewer in length.")]
    problems: list[Problem] = []
    seen: list[Any] = []
    optional_seen = False
    for index, option in enumerate(options):
        place = f"{path}options.{index}."
        if not isinstance(option, dict) or option.get("type") not in range(1, 12):
            problems.append((f"{place}type", "BASE_TYPE_CHOICES", "Value must be a known option type."))
            continue
        problems += _names(option, place) + _options(option.get("options"), place)
        problems += check_choices(option.get("choices") or [], f"{place}choices")
        if option.get("name") in seen:
            problems.append((f"{place}name", "APPLICATION_COMMAND_OPTIONS_NAME_ALREADY_EXISTS", "Name is taken."))
        if option.get("required") and optional_seen:
            problems.append((place[:-1], "APPLICATION_COMMAND_OPTIONS_REQUIRED_INVALID", "Required options first."))
        if option.get("choices") and option.get("autocomplete"):
            problems.append((f"{place}autocomplete", "INVALID", "Not together with choices."))
        seen.append(option.get("name"))
        optional_seen |= not option.get("required")
    return problems


def _names(body: Json, path: str) -> list[Problem]:
    problems: list[Problem] = []
    name = body.get("name")
    if not isinstance(name, str) or not 1 <= len(name) <= MAX_NAME:
        problems.append(_length(f"{path}name", 1, MAX_NAME))
    elif not all(map(_allowed_in_name, name)) or name != name.lower():
        problems.append((f"{path}name", "APPLICATION_COMMAND_INVALID_NAME", "Command name is invalid"))
    if not _is_text(body.get("description"), 1, MAX_TEXT):
        problems.append(_length(f"{path}description", 1, MAX_TEXT))
    return problems


def _allowed_in_name(character: str) -> bool:
    r"""``[-_'\p{L}\p{N}\p{sc=Deva}\p{sc=Thai}]`` (Application Commands, "Application Command Naming")."""
    return (
        character in "-_'"
        or unicodedata.category(character)[0] in "LN"
        or "\u0900" <= character <= "\u097f"
        or "\u0e00" <= character <= "\u0e7f"
    )


def _is_text(value: Any, shortest: int, longest: int) -> bool:
    return isinstance(value, str) and shortest <= len(value) <= longest


def _length(path: str, shortest: int, longest: int) -> Problem:
    return path, "BASE_TYPE_BAD_LENGTH", f"Must be between {shortest} and {longest} in length."
