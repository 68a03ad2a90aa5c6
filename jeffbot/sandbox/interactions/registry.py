"""The commands that an application has registered (Discord: Interactions, Application Commands)."""

import time
from collections.abc import Callable
from typing import Any

from ..errors import ApiError
from ..rest.forms.commands import PRIMARY_ENTRY_POINT, over_limit
from ..rest.refusals import UNKNOWN_COMMAND
from ..rest.schema import invalid_form
from ..world.guild import Guild
from ..world.payloads import Json

CREATES_PER_DAY = 200
"""New commands of one scope (Application Commands, "Registering a Command")."""
DAY = 24 * 3600.0
"""Seconds."""
GUILD_INSTALL = 0
"""Application, "Application Integration Types"."""
IN_GUILD, IN_BOT_DM = 0, 1
"""Receiving and Responding, "Interaction Context Types"."""

type Scope = int | None
"""None: everywhere; else a guild's id."""


class CommandRegistry:
    """All commands of one application. Bodies are as their forms have left them."""

    def __init__(self, application_id: int, next_id: Callable[[], int], touch: Callable[[], None]) -> None:
        self.permissions: dict[tuple[int, int], list[Json]] = {}
        """Who may use what, as set in a guild: by the guild's id and the command's, or the application's for all."""
        self._application_id = application_id
        self._next_id = next_id
        self._touch = touch
        self._scopes: dict[Scope, list[Json]] = {}
        self._creates: dict[Scope, list[float]] = {}

    def everywhere(self) -> list[Json]:
        """The global commands, in the order they were made."""
        return self.in_scope(None)

    def in_guild(self, guild: Guild) -> list[Json]:
        """The commands of this guild alone."""
        return self.in_scope(guild.id)

    def names(self, guild: Guild | None = None) -> set[str]:
        """The names of the commands that can be used in a guild; without one, of all there are anywhere."""
        scopes = (None, guild.id) if guild else tuple(self._scopes)
        return {command["name"] for scope in scopes for command in self.in_scope(scope)}

    def in_scope(self, scope: Scope) -> list[Json]:
        """The commands of a scope."""
        return list(self._scopes.get(scope, ()))

    def get(self, scope: Scope, command_id: int) -> Json:
        """One command.

        Raises:
            ApiError: 10063, there is none.
        """
        for command in self.in_scope(scope):
            if command["id"] == str(command_id):
                return command
        raise UNKNOWN_COMMAND.error()

    def upsert(self, scope: Scope, body: Json) -> tuple[Json, bool]:
        """Make a command, or replace the one of this name and type.

        Returns:
            The command, and whether it is new.

        Raises:
            ApiError: 30032 and 30034, there are too many or there were today.
        """
        commands = self.in_scope(scope)
        old = next((each for each in commands if _key(each) == _key(body)), None)
        command = self._completed(scope, body, old)
        after = [command if each is old else each for each in commands]
        self._store(scope, after if old else [*after, command], created=old is None)
        return command, old is None

    def edit(self, scope: Scope, command_id: int, changes: Json) -> Json:
        """Change some fields of a command. One that gets another name loses its permissions.

        Raises:
            ApiError: 10063, there is none; 50035, the name is taken.
        """
        old = self.get(scope, command_id)
        command = self._completed(scope, old | changes, old)
        others = [each for each in self.in_scope(scope) if each is not old]
        if any(_key(each) == _key(command) for each in others):
            message = "Application command names must be unique"
            raise invalid_form([(("name",), "APPLICATION_COMMANDS_DUPLICATE_NAME", message)])
        self._store(scope, [command if each is old else each for each in self.in_scope(scope)])
        return command

    def replace(self, scope: Scope, bodies: list[Json]) -> list[Json]:
        """Have exactly these commands. Those whose id is named, or whose name and type are known, keep their ids.

        Raises:
            ApiError: 50240, the entry point command is missing; 30034, too many new ones.
        """
        left = self.in_scope(scope)
        if any(each["type"] == PRIMARY_ENTRY_POINT for each in left) and not any(
            body["type"] == PRIMARY_ENTRY_POINT for body in bodies
        ):
            raise ApiError(400, 50240, "You cannot remove this app's Entry Point command in a bulk update operation.")
        after: list[Json] = []
        created = 0
        for body in bodies:
            old = _meant(left, body)
            if old:
                left.remove(old)
            created += old is None
            after.append(self._completed(scope, body, old))
        self._store(scope, after, created=created)
        return after

    def remove(self, scope: Scope, command_id: int) -> None:
        """Remove a command, and its permissions.

        Raises:
            ApiError: 10063, there is none.
        """
        gone = self.get(scope, command_id)
        self._store(scope, [each for each in self.in_scope(scope) if each is not gone])

    def _store(self, scope: Scope, commands: list[Json], *, created: int = 0) -> None:
        if error := over_limit(commands):
            raise error
        self._count(scope, created)
        names = {each["id"]: each["name"] for each in commands}
        changed = {int(each["id"]) for each in self.in_scope(scope) if names.get(each["id"]) != each["name"]}
        for key in [key for key in self.permissions if key[1] in changed]:
            del self.permissions[key]
        self._scopes[scope] = commands
        self._touch()

    def _count(self, scope: Scope, created: int) -> None:
        now = time.monotonic()
        today = [then for then in self._creates.get(scope, ()) if now - then < DAY]
        if len(today) + created > CREATES_PER_DAY:
            message = f"Max number of daily application command creates has been reached ({CREATES_PER_DAY})"
            raise ApiError(400, 30034, message)
        self._creates[scope] = today + [now] * created

    def _completed(self, scope: Scope, body: Json, old: Json | None) -> Json:
        """The command that a body makes; its version is new if it differs from the old one."""
        command: Json = {
            "id": old["id"] if old else str(self._next_id()),
            "application_id": str(self._application_id),
            "version": old["version"] if old else "",
            "default_member_permissions": body.get("default_member_permissions"),
            "type": body["type"],
            "name": body["name"],
            "name_localizations": body.get("name_localizations"),
            "description": body.get("description") or "",
            "description_localizations": body.get("description_localizations"),
            "nsfw": bool(body.get("nsfw")),
        }
        command |= {name: body[name] for name in ("options", "handler") if body.get(name)}
        command |= _everywhere(body) if scope is None else {"guild_id": str(scope)}
        if command != old:
            command["version"] = str(self._next_id())
        return command


def _everywhere(body: Json) -> dict[str, Any]:
    """The fields that only global commands have ("Contexts")."""
    contexts = body.get("contexts")
    if contexts is None and body.get("dm_permission") is False:
        contexts = [IN_GUILD]
    return {
        "dm_permission": contexts is None or IN_BOT_DM in contexts,
        "contexts": contexts,
        "integration_types": body.get("integration_types") or [GUILD_INSTALL],
    }


def _key(command: Json) -> tuple[int, str]:
    """By which commands of a scope are told apart."""
    return command["type"], command["name"]


def _meant(commands: list[Json], body: Json) -> Json | None:
    """The command that a body of a bulk overwrite is about."""
    same_type = [each for each in commands if each["type"] == body["type"]]
    by_id = next((each for each in same_type if each["id"] == body.get("id")), None)
    return by_id or next((each for each in same_type if each["name"] == body["name"]), None)
