"""Interactions as people begin them and wait for their answers (Discord: Receiving and Responding)."""

import asyncio
import secrets
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from .applications import Application
from .errors import CommandHiddenError, NoReplyError, UnknownCommandError
from .invocation import command_data
from .options import Options
from .payloads import Json, channel_json, member_json
from .permissions import ALL_PERMISSIONS
from .world import Channel, Guild, User, World

COMMAND, COMPONENT, AUTOCOMPLETE = 2, 3, 4
MESSAGE, DEFERRED_MESSAGE, DEFERRED_UPDATE, UPDATE, CHOICES = range(4, 9)
BUTTON = 2
ATTACHMENT_BYTES = 10 << 20


class Scene(NamedTuple):
    """Who interacts with which application in which guild."""

    user: User
    application: Application
    guild: Guild


@dataclass(eq=False)
class Reply:
    """What a person sees of the answer; it keeps up as the application edits it."""

    deferred: bool = False
    """It began with "… is thinking"."""
    ephemeral: bool = False
    """Only the person who asked sees it."""
    message: Json | None = None
    """The original response; None while thinking, or deleted."""
    edits: list[Json] = field(default_factory=list)
    """The bodies of all edits, oldest first."""
    followups: list[Json] = field(default_factory=list)
    """Further messages, oldest first."""

    @property
    def content(self) -> str:
        """Text of the original response as it is now."""
        return str(self.message["content"]) if self.message else ""

    @property
    def embeds(self) -> list[Json]:
        """Embeds of the original response as it is now."""
        return list(self.message["embeds"]) if self.message else []

    @property
    def components(self) -> list[Json]:
        """Buttons and the like of the original response as it is now."""
        return list(self.message["components"]) if self.message else []


@dataclass(eq=False)
class Interaction:
    """One use of a command, a button or an autocompleted option."""

    id: int
    token: str
    kind: int
    scene: Scene
    data: Json
    created: float
    source: Json | None = None
    """The message whose button was pressed."""
    answer: int | None = None
    """Type of the first answer; None: not answered yet."""
    reply: Reply = field(default_factory=Reply)
    choices: list[Json] = field(default_factory=list)

    @property
    def channel(self) -> Channel:
        """Where it happens: the guild's first text channel."""
        return self.scene.guild.text_channel

    def payload(self) -> Json:
        """INTERACTION_CREATE."""
        user, application, guild = self.scene
        permissions = str(int(guild.permissions_of(user, self.channel)))
        payload: Json = {
            "id": str(self.id),
            "application_id": str(application.id),
            "type": self.kind,
            "data": self.data,
            "guild": {"id": str(guild.id), "features": [], "locale": "en-US"},
            "guild_id": str(guild.id),
            "channel": channel_json(self.channel) | {"permissions": permissions},
            "channel_id": str(self.channel.id),
            "member": member_json(guild.members[user.id]) | {"permissions": permissions},
            "token": self.token,
            "version": 1,
            "app_permissions": str(int(guild.permissions_of(application.user, self.channel))),
            "locale": "en-US",
            "guild_locale": "en-US",
            "entitlements": [],
            "authorizing_integration_owners": {"0": str(guild.id)},
            "context": 0,
            "attachment_size_limit": ATTACHMENT_BYTES,
        }
        return payload | ({"message": self.source} if self.source else {})


class Interactions:
    """All interactions of a sandbox.

    Args:
        world: Where they happen.
        options: Deadlines.
        dispatch: Sends an event to an application's sessions that see a guild.
    """

    def __init__(
        self, world: World, options: Options, dispatch: Callable[[Application, Guild, str, Json], None]
    ) -> None:
        self._world = world
        self._options = options
        self._dispatch = dispatch
        self._by_token: dict[str, Interaction] = {}

    async def use_command(self, scene: Scene, words: str, values: dict[str, Any], reply_timeout: float) -> Reply:
        """A person sends a slash command and waits for the first visible answer."""
        command, path = _find(scene, words)
        interaction = self._begin(scene, COMMAND, command_data(command, path, values, scene.guild))
        await self._answered(interaction, f"/{words}", reply_timeout)
        return interaction.reply

    async def complete(self, scene: Scene, words: str, option: str, values: dict[str, Any]) -> list[Json]:
        """A person types in an option and looks at the choices offered."""
        command, path = _find(scene, words)
        data = command_data(command, path, values, scene.guild, focused=option)
        interaction = self._begin(scene, AUTOCOMPLETE, data)
        await self._acknowledged(interaction, f"/{words} {option}")
        return interaction.choices

    async def press(self, scene: Scene, message: Json, custom_id: str, reply_timeout: float) -> Reply:
        """A person presses a button of a message and waits for the answer."""
        data: Json = {"custom_id": custom_id, "component_type": BUTTON}
        interaction = self._begin(scene, COMPONENT, data, source=message)
        await self._answered(interaction, custom_id, reply_timeout)
        return interaction.reply

    def get(self, token: str) -> Interaction | None:
        """The interaction that an application names by its token."""
        return self._by_token.get(token)

    def _begin(self, scene: Scene, kind: int, data: Json, *, source: Json | None = None) -> Interaction:
        interaction = Interaction(
            id=self._world.next_id(),
            token=secrets.token_urlsafe(48),
            kind=kind,
            scene=scene,
            data=data,
            created=asyncio.get_running_loop().time(),
            source=source,
        )
        self._by_token[interaction.token] = interaction
        self._dispatch(scene.application, scene.guild, "INTERACTION_CREATE", interaction.payload())
        return interaction

    async def _acknowledged(self, interaction: Interaction, what: str) -> None:
        deadline = self._options.interaction_deadline
        try:
            await self._world.until(lambda: interaction.answer is not None, deadline)
        except TimeoutError as error:
            raise NoReplyError(f"{what} was not answered within {deadline:g} s") from error

    async def _answered(self, interaction: Interaction, what: str, reply_timeout: float) -> None:
        await self._acknowledged(interaction, what)
        if interaction.answer in (DEFERRED_UPDATE, UPDATE):
            return
        try:
            await self._world.until(lambda: interaction.reply.message, reply_timeout)
        except TimeoutError as error:
            raise NoReplyError(f"{what} was deferred, then not answered in {reply_timeout:g} s") from error


def _find(scene: Scene, words: str) -> tuple[Json, list[str]]:
    user, application, guild = scene
    name, *path = words.split()
    command = application.commands.find(name, guild) if application.id in guild.members else None
    if command is None:
        raise UnknownCommandError(f"{application.user.name} has no /{name} in {guild.name}")
    if command["default_member_permissions"] is not None:
        needed = int(command["default_member_permissions"])  # 0: for administrators only
        held = guild.permissions_of(user, guild.text_channel)
        if held != ALL_PERMISSIONS and (needed == 0 or needed & ~held):
            raise CommandHiddenError(f"{user.name} is not shown /{name}")
    return command, path
