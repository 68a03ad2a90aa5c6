"""Application commands, as they may be registered."""

import pytest

from jeffbot.sandbox.findings import Kind
from jeffbot.sandbox.rest.forms import commands
from jeffbot.sandbox.rest.schema import check

from .bodies import PLAY, Json, choices, command, option, refusals


@pytest.mark.parametrize(
    ("body", "refused"),
    [
        (PLAY | {"name": "Play"}, {"name": "APPLICATION_COMMAND_INVALID_NAME"}),
        (PLAY | {"name": "a b"}, {"name": "APPLICATION_COMMAND_INVALID_NAME"}),
        (PLAY | {"name": "।"}, {"name": "APPLICATION_COMMAND_INVALID_NAME"}),
        (PLAY | {"name": ""}, {"name": "BASE_TYPE_BAD_LENGTH"}),
        (PLAY | {"name": "x" * 33}, {"name": "BASE_TYPE_BAD_LENGTH"}),
        (PLAY | {"name": ["x"]}, {"name": "STRING_TYPE_CONVERT"}),
        (PLAY | {"name": None}, {"name": "BASE_TYPE_REQUIRED"}),
        (PLAY | {"description": "x" * 101}, {"description": "BASE_TYPE_BAD_LENGTH"}),
        (PLAY | {"description": ""}, {"description": "BASE_TYPE_BAD_LENGTH"}),
        ({"name": "play"}, {"description": "BASE_TYPE_REQUIRED"}),
        (PLAY | {"type": 77}, {"type": "BASE_TYPE_CHOICES"}),
        (PLAY | {"type": []}, {"type": "NUMBER_TYPE_COERCE"}),
        (PLAY | {"default_member_permissions": "many"}, {"default_member_permissions": "NUMBER_TYPE_COERCE"}),
        (PLAY | {"default_member_permissions": str(2**54)}, {"default_member_permissions": "NUMBER_TYPE_MAX"}),
        (PLAY | {"contexts": []}, {"contexts": "BASE_TYPE_MIN_LENGTH"}),
        (PLAY | {"contexts": [0, 0]}, {"contexts.1": "SET_TYPE_ALREADY_CONTAINS_VALUE"}),
        (PLAY | {"integration_types": [2]}, {"integration_types.0": "BASE_TYPE_CHOICES"}),
        (PLAY | {"name_localizations": {"tlh": "x"}}, {"name_localizations": "ENUM_TYPE_COERCE"}),
        (PLAY | {"name_localizations": {"de": "Ja"}}, {"name_localizations.de": "APPLICATION_COMMAND_INVALID_NAME"}),
        (PLAY | {"description_localizations": {"de": ""}}, {"description_localizations.de": "BASE_TYPE_BAD_LENGTH"}),
        (command(*[option()] * 26), {"options": "BASE_TYPE_MAX_LENGTH"}),
        (command(option(), option()), {"options.1.name": "APPLICATION_COMMAND_OPTIONS_NAME_ALREADY_EXISTS"}),
        (
            command(
                option(name_localizations={"de": "x"}), option(name="b", name_localizations={"de": "x", "fr": "x"})
            ),
            {"options.1.name_localizations.de": "APPLICATION_COMMAND_OPTIONS_NAME_ALREADY_EXISTS"},
        ),
        (command(5), {"options.0": "MODEL_TYPE_CONVERT"}),
        (command({}), {"options.0.type": "BASE_TYPE_REQUIRED"}),
        (command(option(12)), {"options.0": "UNION_TYPE_CHOICES"}),
        (
            command(option(), option(name="b", required=True)),
            {"options.1": "APPLICATION_COMMAND_OPTIONS_REQUIRED_INVALID"},
        ),
        (command(option(), option(1, "b")), {"options.1": "APPLICATION_COMMAND_OPTIONS_TYPE_INVALID"}),
        (command(option(2), option(name="b")), {"options.1": "APPLICATION_COMMAND_OPTIONS_TYPE_INVALID"}),
        (command(option(1, required=True)), {"options.0.required": "APPLICATION_COMMAND_REQUIRED_INVALID"}),
        (command(option(1, options=[option(1)])), {"options.0.options.0": "UNION_TYPE_CHOICES"}),
        (command(option(2, options=[option(2)])), {"options.0.options.0": "UNION_TYPE_CHOICES"}),
        (command(option(2, options=[option(3)])), {"options.0.options.0": "UNION_TYPE_CHOICES"}),
        (
            command(option(1, options=[option(name="A")])),
            {"options.0.options.0.name": "APPLICATION_COMMAND_INVALID_NAME"},
        ),
        (command(option(3, options=[option(3)])), {"options.0.options": "APPLICATION_COMMAND_SUB_OPTIONS_INVALID"}),
        (command(option(choices=choices(26))), {"options.0.choices": "BASE_TYPE_MAX_LENGTH"}),
        (
            command(option(choices=[{"name": "x" * 101, "value": "1"}])),
            {"options.0.choices.0.name": "BASE_TYPE_BAD_LENGTH"},
        ),
        (command(option(choices=choices(1, 1))), {"options.0.choices.0.value": "STRING_TYPE_CONVERT"}),
        (command(option(choices=choices(1, "x" * 101))), {"options.0.choices.0.value": "BASE_TYPE_MAX_LENGTH"}),
        (command(option(4, choices=choices(1, "1"))), {"options.0.choices.0.value": "NUMBER_TYPE_COERCE"}),
        (command(option(4, choices=choices(1, 2**53))), {"options.0.choices.0.value": "NUMBER_TYPE_MAX"}),
        (command(option(10, choices=choices(1, "x"))), {"options.0.choices.0.value": "NUMBER_TYPE_COERCE"}),
        (command(option(5, choices=choices(1))), {"options.0.choices": "APPLICATION_COMMAND_CHOICES_INVALID"}),
        (command(option(8, autocomplete=True)), {"options.0.autocomplete": "APPLICATION_COMMAND_AUTOCOMPLETE_INVALID"}),
        (
            command(option(choices=choices(2), autocomplete=True)),
            {"options.0.autocomplete": "APPLICATION_COMMAND_AUTOCOMPLETE_INVALID"},
        ),
        (command(option(min_length=-1)), {"options.0.min_length": "NUMBER_TYPE_MIN"}),
        (command(option(max_length=6001)), {"options.0.max_length": "NUMBER_TYPE_MAX"}),
        (command(option(4, min_value=0.5)), {"options.0.min_value": "NUMBER_TYPE_COERCE"}),
        (command(option(7, channel_types=[6])), {"options.0.channel_types.0": "BASE_TYPE_CHOICES"}),
        (command(option(11, file_types=["pdf"])), {"options.0.file_types.0": "STRING_TYPE_REGEX"}),
        (
            command(*[option(1, str(n), options=[option(choices=choices(25, "x" * 100))]) for n in range(4)]),
            {"": "APPLICATION_COMMAND_TOO_LARGE"},
        ),
        (
            {"type": 2, "name": "x", "options": [option()]},
            {"options": "APPLICATION_COMMAND_CONTEXT_MENU_OPTIONS_INVALID"},
        ),
        (
            {"type": 3, "name": "x", "description": "y"},
            {"description": "APPLICATION_COMMAND_CONTEXT_MENU_DESCRIPTION_INVALID"},
        ),
        ({"type": 4, "name": "x", "handler": 3}, {"handler": "BASE_TYPE_CHOICES"}),
    ],
)
def test_refused_commands(body: Json, refused: dict[str, str]) -> None:
    assert refusals(commands.COMMAND, body) == refused


@pytest.mark.parametrize(
    "body",
    [
        *(PLAY | {"name": name} for name in ["play", "café", "再生", "เล่น", "बजाओ", "a-b_c'd", "x" * 32, "²"]),
        PLAY | {"contexts": None, "integration_types": [0, 1], "default_member_permissions": "0", "nsfw": True},
        PLAY | {"name_localizations": {"de": "spiel", "en-US": "play"}, "description_localizations": None},
        command(option(required=True), option(4, "b", min_value=-1, max_value=5), option(10, "c", min_value=0.5)),
        command(option(2, "g", options=[option(1, options=[option(choices=choices(25))])]), option(1)),
        command(option(choices=choices(25), autocomplete=False), option(5, "b", choices=[], options=None)),
        command(option(7, channel_types=[2, 13]), option(11, "b", file_types=["audio", ".opus"])),
        {"type": 2, "name": "High Five", "description": ""},
        {"type": 4, "name": "Launch", "description": "Begin", "handler": 2},
    ],
)
def test_accepted_commands(body: Json) -> None:
    assert check(commands.COMMAND, body).findings == []


def test_command_size() -> None:
    """A command has 8000 characters; of a text in several languages the longest counts."""
    each = [{"name": f"{number:02}", "value": "x" * 77} for number in range(25)]  # 25 * (2 + 77)
    branches = [option(1, str(number), options=[option(choices=each)]) for number in range(4)]  # 1 + 5 + 5 + 5 + 1975
    full = command(*branches, description="x" * 32)  # 4 + 32
    languages = {"de": "y" * 32, "fr": "z"}

    assert refusals(commands.COMMAND, full) == {}
    assert refusals(commands.COMMAND, full | {"description_localizations": languages}) == {}
    for longer in ({"name": "plays"}, {"description_localizations": languages | {"fr": "z" * 33}}):
        assert refusals(commands.COMMAND, full | longer) == {"": "APPLICATION_COMMAND_TOO_LARGE"}


def test_guild_commands() -> None:
    """A guild has no entry point, and what is for global commands only has no effect there."""
    assert refusals(commands.GUILD_COMMAND, {"type": 4, "name": "Launch"}) == {"type": "BASE_TYPE_CHOICES"}
    assert check(commands.GUILD_COMMAND, PLAY | {"contexts": [0], "dm_permission": False}).findings == [
        (Kind.UNKNOWN_FIELD, "dm_permission: only for global commands"),
        (Kind.UNKNOWN_FIELD, "contexts: only for global commands"),
    ]


def test_command_findings() -> None:
    """What is given up, of a wrong type or unknown is taken, and told."""
    body = PLAY | {"dm_permission": True, "default_permission": True, "default_member_permissions": 8, "colour": 1}

    clean, findings = check(commands.COMMAND, body)

    assert (clean["default_member_permissions"], "colour" in clean) == ("8", False)
    assert findings == [
        (Kind.COERCED_VALUE, "default_member_permissions: a set of permissions is written as a string"),
        (Kind.DEPRECATED_FIELD, "default_permission: default_member_permissions has taken its place"),
        (Kind.DEPRECATED_FIELD, "dm_permission: contexts has taken its place"),
        (Kind.UNKNOWN_FIELD, "colour: Discord knows no such field"),
    ]


def test_command_edit() -> None:
    """All may be left out, nothing may become wrong; a command read from Discord can be sent back."""
    read = PLAY | {"id": "1", "application_id": "2", "version": "3", "type": 1, "name_localized": "spiel"}

    assert check(commands.COMMAND_EDIT[commands.CHAT_INPUT], {}).body == {}
    assert check(commands.COMMAND_EDIT[commands.CHAT_INPUT], read).findings == []
    assert refusals(commands.COMMAND_EDIT[commands.CHAT_INPUT], {"description": ""}) != {}
    assert refusals(commands.COMMAND_EDIT[commands.USER_COMMAND], {"name": "A b"}) == {}
    for edits, contexts, kinds in ((commands.COMMAND_EDIT, [0], 4), (commands.GUILD_COMMAND_EDIT, None, 3)):
        assert check(edits[commands.CHAT_INPUT], {"contexts": [0]}).body.get("contexts") == contexts
        assert len(edits) == kinds


def test_bulk_overwrite() -> None:
    """Faults have the number of their command; names are unique for each type."""
    assert refusals(commands.COMMANDS, [PLAY, PLAY | {"name": "A"}, 5]) == {
        "1.name": "APPLICATION_COMMAND_INVALID_NAME",
        "2": "MODEL_TYPE_CONVERT",
    }
    assert refusals(commands.COMMANDS, [PLAY, {"name": "play", "type": 2}, PLAY]) == {
        "2": "APPLICATION_COMMANDS_DUPLICATE_NAME"
    }


@pytest.mark.parametrize(("kind", "most"), [(1, 100), (2, 15), (3, 15)])
def test_command_limits(kind: int, most: int) -> None:
    """So many of each type, everywhere or in one guild."""
    body = [{"type": kind, "name": f"x{number}"} | ({"description": "y"} if kind == 1 else {}) for number in range(131)]

    assert refusals(commands.COMMANDS, body[:most]) == {}
    assert refusals(commands.GUILD_COMMANDS, body[: most + 1]) == {"": "30032"}
    assert refusals(commands.COMMANDS, body) == {"": "BASE_TYPE_MAX_LENGTH"}
    assert commands.over_limit(body[:most]) is None
    error = commands.over_limit(body[: most + 1])
    assert error is not None
    assert (error.status, str(error)) == (400, f"Maximum number of application commands reached ({most}).")
