"""Interactions as applications answer them (Discord: Receiving and Responding, "Responding to an Interaction")."""

import asyncio
from collections.abc import Mapping
from typing import Any

from ..attachments import File
from ..composing import MENU_COMMAND, REPLY, SLASH_COMMAND, Composer, reference_json
from ..options import Options
from ..rest.components import finished
from ..rest.forms.commands import CHOICES
from ..rest.forms.interactions import (
    AUTOCOMPLETE,
    COMMAND,
    DEFERRED_MESSAGE,
    LAUNCH_ACTIVITY,
    MESSAGE,
    SHOW_MODAL,
    SUGGESTIONS,
    UPDATE,
    interaction_response,
)
from ..rest.forms.messages import message_edit
from ..rest.refusals import (
    ALREADY_ACKNOWLEDGED,
    INVALID_WEBHOOK_TOKEN,
    UNKNOWN_INTERACTION,
    UNKNOWN_MESSAGE,
    UNKNOWN_WEBHOOK,
)
from ..rest.schema import Field
from ..world.payloads import Json, message_json
from ..world.values import EPHEMERAL, LOADING, Message
from ..world.world import World
from .interaction import Interaction, Modal
from .interactions import Interactions
from .invocation import focused_option

ORIGINAL = "@original"


class Answers:
    """What an application can do with the token of an interaction. Bodies are as the forms have left them.

    Args:
        world: Told of each change.
        options: Deadlines.
        composer: Makes the messages.
        interactions: What can be answered.
    """

    def __init__(self, world: World, options: Options, composer: Composer, interactions: Interactions) -> None:
        self._world = world
        self._options = options
        self._composer = composer
        self._interactions = interactions

    # The first answer

    def form(self, interaction_id: int, token: str) -> Field:
        """What the first answer must be.

        Raises:
            ApiError: 10062 unknown or too late, 40060 already answered.
        """
        interaction = self._unanswered(interaction_id, token)
        source = interaction.source
        fields: dict[str, Any] = {"message_flags": source.flags if source else 0, "updates": source is not None}
        if interaction.kind == AUTOCOMPLETE:
            fields["choices"] = CHOICES[focused_option(interaction.data)["type"]]
        return interaction_response(interaction.kind, **fields)

    def answer(self, interaction_id: int, token: str, body: Json, files: Mapping[str, File]) -> Json:
        """The application's first answer.

        Returns:
            Receiving and Responding, "Interaction Callback Response Object".

        Raises:
            ApiError: 10062 unknown or too late, 40060 already answered.
        """
        interaction = self._unanswered(interaction_id, token)
        kind, data = body["type"], body.get("data") or {}
        if kind in (MESSAGE, DEFERRED_MESSAGE):
            self._respond(interaction, kind, data, files)
        elif kind == SHOW_MODAL:
            components = finished(data["components"])
            interaction.reply.modal = Modal(interaction, data["custom_id"], data["title"], components)
        elif kind == SUGGESTIONS:
            interaction.choices = data.get("choices") or []
        elif kind != LAUNCH_ACTIVITY:
            interaction.reply.original = interaction.source
            interaction.reply.ephemeral = bool(interaction.source and interaction.source.ephemeral)
            if kind == UPDATE and interaction.source:
                if not interaction.source.is_there:
                    raise UNKNOWN_MESSAGE.error()
                self._revise(interaction, interaction.source, data, files)
        interaction.answer = kind
        self._world.touch()
        return _callback_json(interaction, kind)

    def _respond(self, interaction: Interaction, kind: int, data: Json, files: Mapping[str, File]) -> None:
        reply = interaction.reply
        flags = data.get("flags") or 0
        reply.deferred, reply.ephemeral = kind == DEFERRED_MESSAGE, bool(flags & EPHEMERAL)
        if reply.deferred:
            data, files = {"flags": flags & EPHEMERAL | LOADING}, {}
        reply.original = self._show(interaction, data, files)

    # What comes after it

    def follow_up(self, application_id: int, token: str, body: Json, files: Mapping[str, File]) -> Message:
        """Another message; the first after a deferral takes the place of "… is thinking" ("Create Followup Message").

        Raises:
            ApiError: 10015 and 50027, as for all that is done with a token.
        """
        interaction = self._answered_by(application_id, token)
        original = interaction.reply.original
        if original and interaction.reply.thinking:
            self._revise(interaction, original, body, files)
            return original
        message = self._show(interaction, body, files, is_followup=True)
        interaction.reply.followups.append(message)
        self._world.touch()
        return message

    def message(self, application_id: int, token: str, message_id: str) -> Message:
        """A message of the answer, by id or ``@original``.

        Raises:
            ApiError: 10008, there is none.
        """
        reply = self._answered_by(application_id, token).reply
        if reply.original and message_id in (ORIGINAL, str(reply.original.id)) and reply.original.is_there:
            return reply.original
        for message in reply.followups:
            if str(message.id) == message_id and message.is_there:
                return message
        raise UNKNOWN_MESSAGE.error()

    def edit_form(self, application_id: int, token: str, message_id: str) -> Field:
        """What an edit of a message must be; errors as of ``message``."""
        return message_edit(self.message(application_id, token, message_id).flags, webhook=True)

    def edit(self, application_id: int, token: str, message_id: str, body: Json, files: Mapping[str, File]) -> Message:
        """Change a message; editing the original ends "… is thinking". Errors as of ``message``, and 50006."""
        message = self.message(application_id, token, message_id)
        self._revise(self._answered_by(application_id, token), message, body, files)
        return message

    def delete(self, application_id: int, token: str, message_id: str) -> None:
        """Take a message back; errors as of ``message``."""
        message = self.message(application_id, token, message_id)
        reply = self._answered_by(application_id, token).reply
        if message is reply.original:
            reply.original = None
        else:
            reply.followups.remove(message)
        self._world.delete_message(message)

    # Messages

    def _show(
        self, interaction: Interaction, body: Json, files: Mapping[str, File], *, is_followup: bool = False
    ) -> Message:
        scene = interaction.scene
        message = self._composer.compose(self._world.next_id(), scene.place, scene.application.user, body, files)
        original = interaction.reply.original if is_followup else None
        message.kind, message.extra = _kind(interaction, original), message.extra | _told(interaction, original)
        message.quoted = _about(interaction, original)
        self._world.post(message)
        return message

    def _revise(self, interaction: Interaction, message: Message, body: Json, files: Mapping[str, File]) -> None:
        """Change a message; it is hidden or public as ever, and not loading any more."""
        fields = self._composer.revised(message, body, files)
        flags = fields.get("flags", message.flags)
        fields["flags"] = flags & ~(EPHEMERAL | LOADING) | message.flags & EPHEMERAL
        if message.flags & LOADING:
            fields["edited"] = None
        else:
            interaction.reply.edits.append(body)
        self._world.edit_message(message, **fields)

    # Tokens

    def _unanswered(self, interaction_id: int, token: str) -> Interaction:
        interaction = self._interactions.get(token)
        if interaction is None or interaction.id != interaction_id:
            raise UNKNOWN_INTERACTION.error()
        if interaction.answer is not None:
            raise ALREADY_ACKNOWLEDGED.error()
        if _age(interaction) > self._options.interaction_deadline:
            raise UNKNOWN_INTERACTION.error()
        return interaction

    def _answered_by(self, application_id: int, token: str) -> Interaction:
        """The interaction whose messages are asked for.

        Raises:
            ApiError: 50027, the token is wrong or too old; 10015, there has been no first answer.
        """
        interaction = self._interactions.get(token)
        if interaction is None or interaction.scene.application.id != application_id:
            raise INVALID_WEBHOOK_TOKEN.error()
        if interaction.answer is None:
            raise UNKNOWN_WEBHOOK.error()
        if _age(interaction) > self._options.interaction_lifetime:
            raise INVALID_WEBHOOK_TOKEN.error()
        return interaction


def _age(interaction: Interaction) -> float:
    return asyncio.get_running_loop().time() - interaction.created


def _kind(interaction: Interaction, original: Message | None) -> int:
    """The type of a message: those that go with another one are replies to it."""
    if original or interaction.source:
        return REPLY
    command = interaction.opener or interaction
    return MENU_COMMAND if command.target else SLASH_COMMAND


def _told(interaction: Interaction, original: Message | None) -> Json:
    """What a message says about where it comes from."""
    application, metadata = interaction.scene.application, interaction.metadata()
    if original:
        metadata["original_response_message_id"] = str(original.id)
    said: Json = {
        "application_id": str(application.id),
        "webhook_id": str(application.id),
        "interaction_metadata": metadata,
    }
    if interaction.kind == COMMAND and not original:
        said["interaction"] = interaction.named()
    if about := _about(interaction, original):
        said["message_reference"] = reference_json(about)
    return said


def _about(interaction: Interaction, original: Message | None) -> Message | None:
    """The message that another one goes with."""
    target = interaction.target if isinstance(interaction.target, Message) else None
    return original or interaction.source or target


def _callback_json(interaction: Interaction, kind: int) -> Json:
    """Receiving and Responding, "Interaction Callback Response Object"."""
    said: Json = {"id": str(interaction.id), "type": interaction.kind}
    resource: Json = {"type": kind}
    message = interaction.reply.original
    if message and kind in (MESSAGE, DEFERRED_MESSAGE, UPDATE):
        said |= {
            "response_message_id": str(message.id),
            "response_message_loading": bool(message.flags & LOADING),
            "response_message_ephemeral": message.ephemeral,
        }
        if kind != DEFERRED_MESSAGE:
            resource["message"] = message_json(message)
    if kind == LAUNCH_ACTIVITY:
        instance = f"i-{interaction.id}"
        said["activity_instance_id"] = instance
        resource["activity_instance"] = {"id": instance}
    return {"interaction": said, "resource": resource}
