"""Interactions as people begin them and wait for their answers (Discord: Receiving and Responding)."""

import asyncio
import secrets
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from ..attachments import Attachments
from ..errors import NoReplyError, UnusableComponentError
from ..options import Options
from ..rest.forms.commands import MESSAGE_COMMAND, USER_COMMAND
from ..rest.forms.interactions import AUTOCOMPLETE, COMMAND, COMPONENT, DEFERRED_MESSAGE, MODAL_SUBMIT
from ..world.guild import Guild
from ..world.payloads import Json
from ..world.permissions import Permission
from ..world.values import Channel, Message, User
from ..world.world import World
from .applications import Application
from .components import filled, pressed, selected
from .interaction import Interaction, Modal, Reply, Scene, permissions
from .invocation import command_data, menu_data
from .resolved import Resolved
from .visibility import find_command


class Interactions:
    """All interactions of a sandbox.

    Args:
        world: Where they happen.
        options: Deadlines.
        attachments: Where files that people hand in go.
        dispatch: Sends an event to an application's sessions that see a guild, or what happens in none.
        application: Finds an application by its id.
    """

    def __init__(
        self,
        world: World,
        options: Options,
        attachments: Attachments,
        dispatch: Callable[[Application, Guild | None, str, Json], None],
        application: Callable[[int], Application | None],
    ) -> None:
        self._world = world
        self._options = options
        self._attachments = attachments
        self._dispatch = dispatch
        self._application = application
        self._by_token: dict[str, Interaction] = {}

    def get(self, token: str) -> Interaction | None:
        """The interaction that an application names by its token."""
        return self._by_token.get(token)

    # Commands

    async def use_command(self, scene: Scene, words: str, values: dict[str, Any], patience: float) -> Reply:
        """A person sends a slash command and waits for the first visible answer."""
        data = self._command_data(scene, words, values)
        return await self._answered(self._begin(scene, COMMAND, data), f"/{words}", patience)

    async def complete(self, scene: Scene, words: str, option: str, values: dict[str, Any]) -> list[Json]:
        """A person types in an option and looks at the choices offered."""
        data = self._command_data(scene, words, values, focused=option)
        interaction = self._begin(scene, AUTOCOMPLETE, data)
        await self._acknowledged(interaction, f"/{words} {option}")
        return interaction.choices

    async def use_menu(self, scene: Scene, name: str, target: User | Message, patience: float) -> Reply:
        """A person uses a command of the context menu of a user or a message."""
        if isinstance(target, Message) and not self.sees(scene.user, target):
            raise UnusableComponentError(f"{scene.user.name} sees no such message")
        command = find_command(scene, name, USER_COMMAND if isinstance(target, User) else MESSAGE_COMMAND)
        resolved = Resolved(scene, self._attachments)
        data = menu_data(command, resolved.add(target), resolved)
        return await self._answered(self._begin(scene, COMMAND, data, target=target), name, patience)

    def _command_data(self, scene: Scene, words: str, values: dict[str, Any], focused: str | None = None) -> Json:
        name, *path = words.split() or [""]
        command, resolved = find_command(scene, name), Resolved(scene, self._attachments)
        return command_data(command, path, values, resolved, focused=focused)

    # Components and modals

    async def press(self, user: User, message: Message, name: str, patience: float) -> Reply:
        """A person presses a button of a message and waits for the answer."""
        scene = self._scene_of(user, message)
        interaction = self._begin(scene, COMPONENT, pressed(message, name), source=message)
        return await self._answered(interaction, name, patience)

    async def select(self, user: User, message: Message, name: str, things: Sequence[Any], patience: float) -> Reply:
        """A person chooses in a menu of a message and waits for the answer."""
        scene = self._scene_of(user, message)
        data = selected(message, name, things, Resolved(scene, self._attachments))
        return await self._answered(self._begin(scene, COMPONENT, data, source=message), name, patience)

    async def submit(self, modal: Modal, answers: Mapping[str, Any], patience: float) -> Reply:
        """A person fills in a modal and waits for the answer."""
        opener = modal.opener
        if opener.scene.guild and opener.scene.user.id not in opener.scene.guild.members:
            raise UnusableComponentError(f"{opener.scene.user.name} is no member any more")
        resolved = Resolved(opener.scene, self._attachments)
        components = filled(modal.components, answers, resolved)
        data = {"custom_id": modal.custom_id, "components": components} | resolved.json()
        interaction = self._begin(opener.scene, MODAL_SUBMIT, data, source=opener.source, opener=opener)
        return await self._answered(interaction, modal.title, patience)

    def _scene_of(self, user: User, message: Message) -> Scene:
        application = self._application(message.author.id)
        if application is None or not self.sees(user, message):
            raise UnusableComponentError(f"{user.name} sees no such message of an application")
        return Scene(user, application, message.place)

    def sees(self, user: User, message: Message) -> bool:
        """Whether a message is there, and a person sees it."""
        if message.ephemeral:
            return message.is_there and message.extra["interaction_metadata"]["user"]["id"] == str(user.id)
        if isinstance(message.place, Channel):
            seen = bool(permissions(message.place.guild, user, message.place) & Permission.VIEW_CHANNEL)
            return seen and message.is_there
        return message.is_there

    # All of them

    def _begin(self, scene: Scene, kind: int, data: Json, **fields: Any) -> Interaction:
        """The application is told of it; ``fields`` are those of ``Interaction``."""
        now = asyncio.get_running_loop().time()
        token = secrets.token_urlsafe(48)
        interaction = Interaction(self._world.next_id(), token, kind, scene, data, now, **fields)
        self._forget_before(now - self._options.interaction_lifetime)
        self._by_token[interaction.token] = interaction
        self._dispatch(scene.application, scene.guild, "INTERACTION_CREATE", interaction.json())
        return interaction

    def _forget_before(self, time: float) -> None:
        while self._by_token and next(iter(self._by_token.values())).created < time:
            del self._by_token[next(iter(self._by_token))]

    async def _acknowledged(self, interaction: Interaction, what: str) -> None:
        deadline = self._options.interaction_deadline
        try:
            await self._world.until(lambda: interaction.answer is not None, deadline)
        except TimeoutError as error:
            raise NoReplyError(f"{what} was not answered within {deadline:g} s") from error

    async def _answered(self, interaction: Interaction, what: str, patience: float) -> Reply:
        await self._acknowledged(interaction, what)
        reply = interaction.reply
        if interaction.answer == DEFERRED_MESSAGE:
            try:
                await self._world.until(lambda: not reply.thinking, patience)
            except TimeoutError as error:
                raise NoReplyError(f"{what} was deferred, then not answered in {patience:g} s") from error
        return reply
