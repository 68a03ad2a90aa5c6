"""Applications and the commands they have registered (Discord: Interactions, Application Commands)."""

import secrets
from collections.abc import Callable

from .command_rules import CHAT_INPUT, check_command
from .errors import ApiError
from .payloads import Json
from .world import Channel, Guild, User, World


class CommandRegistry:
    """What one application has registered. Scopes: None for everywhere, or a guild's id."""

    def __init__(self, application_id: int, next_id: Callable[[], int], touch: Callable[[], None]) -> None:
        self._application_id = application_id
        self._next_id = next_id
        self._touch = touch
        self._scopes: dict[int | None, list[Json]] = {}

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

    def find(self, name: str, guild: Guild) -> Json | None:
        """The slash command that a person in this guild gets by this name: the guild's own wins."""
        usable = self.in_guild(guild) + self.everywhere()
        return next((c for c in usable if c["name"] == name and c["type"] == CHAT_INPUT), None)

    def in_scope(self, scope: int | None) -> list[Json]:
        """The commands of a scope."""
        return list(self._scopes.get(scope, ()))

    def get(self, scope: int | None, command_id: int) -> Json:
        """One command.

        Raises:
            ApiError: 10063, there is none.
        """
        for command in self.in_scope(scope):
            if command["id"] == str(command_id):
                return command
        raise ApiError(404, 10063, "Unknown application command")

    def upsert(self, scope: int | None, body: Json) -> tuple[Json, bool]:
        """Make a command, or replace the one of this name and type.

        Returns:
            The command, and whether it is new.
        """
        check_command(body)
        kind = body.get("type", CHAT_INPUT)
        old = next((c for c in self.in_scope(scope) if (c["name"], c["type"]) == (body["name"], kind)), None)
        command = self._complete(scope, body, old["id"] if old else str(self._next_id()))
        self._store(scope, command)
        return command, old is None

    def edit(self, scope: int | None, command_id: int, changes: Json) -> Json:
        """Change some fields of a command."""
        body = self.get(scope, command_id) | changes
        check_command(body)
        command = self._complete(scope, body, str(command_id))
        self._store(scope, command)
        return command

    def replace(self, scope: int | None, bodies: list[Json]) -> list[Json]:
        """Have exactly these commands; those of the same name and type keep their ids."""
        for body in bodies:
            check_command(body)
        kept = {self.upsert(scope, body)[0]["id"] for body in bodies}
        self._scopes[scope] = [command for command in self.in_scope(scope) if command["id"] in kept]
        self._touch()
        return self.in_scope(scope)

    def remove(self, scope: int | None, command_id: int) -> None:
        """Remove a command."""
        self._scopes[scope].remove(self.get(scope, command_id))
        self._touch()

    def _store(self, scope: int | None, command: Json) -> None:
        commands = self._scopes.setdefault(scope, [])
        for index, other in enumerate(commands):
            if other["id"] == command["id"]:
                commands[index] = command
                break
        else:
            commands.append(command)
        self._touch()

    def _complete(self, scope: int | None, body: Json, command_id: str) -> Json:
        defaults: Json = {
            "type": CHAT_INPUT,
            "description": "",
            "options": [],
            "name_localizations": None,
            "description_localizations": None,
            "default_member_permissions": None,
            "nsfw": False,
        }
        if scope is None:
            defaults |= {"dm_permission": True, "contexts": None, "integration_types": [0]}
        command = defaults | body
        if command["default_member_permissions"] is not None:
            command["default_member_permissions"] = str(command["default_member_permissions"])
        command |= {
            "id": command_id,
            "application_id": str(self._application_id),
            "version": str(self._next_id()),
        }
        return command if scope is None else command | {"guild_id": str(scope), "contexts": None}


class Application:
    """A bot's account, and what a moderator does to it in voice."""

    def __init__(self, world: World, name: str) -> None:
        self._world = world
        self.id = world.next_id()
        self.user = User(self.id, name, bot=True)
        self.token = f"{self.id}.{secrets.token_urlsafe(24)}"
        self.commands = CommandRegistry(self.id, world.next_id, world.touch)

    async def kick_from_voice(self, guild: Guild) -> None:
        """A moderator disconnects the bot: VOICE_STATE_UPDATE, and close code 4014 on the voice gateway.

        The two go over two connections; a client may see them in either order, as at Discord.
        """
        self._world.set_voice(guild, self.user, None)

    async def move_voice(self, channel: Channel) -> None:
        """A moderator drags the bot into another voice channel of the guild it is in."""
        self._world.set_voice(channel.guild, self.user, channel)
