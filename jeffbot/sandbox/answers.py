"""Interactions as applications answer them (Discord: Receiving and Responding, "Responding to an Interaction")."""

import asyncio

from .command_rules import check_choices, invalid_form
from .errors import ApiError
from .interactions import (
    AUTOCOMPLETE,
    CHOICES,
    COMMAND,
    COMPONENT,
    DEFERRED_MESSAGE,
    DEFERRED_UPDATE,
    MESSAGE,
    UPDATE,
    Interaction,
    Interactions,
)
from .messages import EPHEMERAL, check_message, edit_message, new_message
from .options import Options
from .payloads import Json
from .world import World

ORIGINAL = "@original"
COMMAND_REPLY, COMPONENT_REPLY = 20, 19
"""Message types."""
_ANSWERS = {
    COMMAND: (MESSAGE, DEFERRED_MESSAGE),
    COMPONENT: (MESSAGE, DEFERRED_MESSAGE, DEFERRED_UPDATE, UPDATE),
    AUTOCOMPLETE: (CHOICES,),
}


class Answers:
    """What an application can do with the token of an interaction.

    Args:
        world: Told of each change.
        options: Deadlines.
        interactions: What can be answered.
    """

    def __init__(self, world: World, options: Options, interactions: Interactions) -> None:
        self._world = world
        self._options = options
        self._interactions = interactions

    def answer(self, interaction_id: int, token: str, body: Json) -> None:
        """The application's first answer.

        Raises:
            ApiError: 10062 unknown or too late, 40060 already answered, 50035 malformed.
        """
        interaction = self._interactions.get(token)
        if interaction is None or interaction.id != interaction_id:
            raise ApiError(404, 10062, "Unknown interaction")
        if interaction.answer is not None:
            raise ApiError(400, 40060, "Interaction has already been acknowledged.")
        if _age(interaction) > self._options.interaction_deadline:
            raise ApiError(404, 10062, "Unknown interaction")
        kind, data = body.get("type"), body.get("data") or {}
        if not isinstance(kind, int) or kind not in _ANSWERS[interaction.kind] or not isinstance(data, dict):
            raise invalid_form([("type", "INTERACTION_APPLICATION_COMMAND_CALLBACK_TYPE", "Not here.")])
        self._apply(interaction, kind, data)
        interaction.answer = kind
        self._world.touch()

    def follow_up(self, application_id: int, token: str, body: Json) -> Json:
        """Another message; the first after a deferral takes the place of "… is thinking"."""
        interaction = self._answered_by(application_id, token)
        check_message(body)
        reply = interaction.reply
        message = self._message(interaction, body)
        if reply.deferred and reply.message is None:
            message["flags"] = EPHEMERAL if reply.ephemeral else 0
            reply.message = message
        else:
            reply.followups.append(message)
        self._world.touch()
        return message

    def message(self, application_id: int, token: str, message_id: str) -> Json:
        """A message of the answer, by id or ``@original``.

        Raises:
            ApiError: 10008, there is none.
        """
        reply = self._answered_by(application_id, token).reply
        if reply.message and message_id in (ORIGINAL, reply.message["id"]):
            return reply.message
        for message in reply.followups:
            if message["id"] == message_id:
                return message
        raise ApiError(404, 10008, "Unknown Message")

    def edit(self, application_id: int, token: str, message_id: str, body: Json) -> Json:
        """Change a message; editing the original ends "… is thinking"."""
        interaction = self._answered_by(application_id, token)
        reply = interaction.reply
        if message_id == ORIGINAL and reply.deferred and reply.message is None:
            return self.follow_up(application_id, token, body)
        message = self.message(application_id, token, message_id)
        check_message({**message, **body})
        edit_message(message, body)
        reply.edits.append(body)
        self._world.touch()
        return message

    def delete(self, application_id: int, token: str, message_id: str) -> None:
        """Take a message back."""
        message = self.message(application_id, token, message_id)
        reply = self._answered_by(application_id, token).reply
        if message is reply.message:
            reply.message = None
            reply.deferred = False
        else:
            reply.followups.remove(message)
        self._world.touch()

    def _apply(self, interaction: Interaction, kind: int, data: Json) -> None:
        reply = interaction.reply
        if kind == CHOICES:
            if problems := check_choices(data.get("choices"), "data.choices"):
                raise invalid_form(problems)
            interaction.choices = data["choices"]
        elif kind == DEFERRED_MESSAGE:
            reply.deferred, reply.ephemeral = True, bool(_flags(data) & EPHEMERAL)
        elif kind == MESSAGE:
            check_message(data)
            reply.ephemeral = bool(_flags(data) & EPHEMERAL)
            reply.message = self._message(interaction, data)
        else:
            reply.message = interaction.source
            if kind == UPDATE and interaction.source:
                edit_message(interaction.source, data)
                reply.edits.append(data)

    def _message(self, interaction: Interaction, body: Json) -> Json:
        application = interaction.scene.application
        message = new_message(self._world.next_id(), interaction.channel, application.user, body)
        return message | {
            "type": COMMAND_REPLY if interaction.kind == COMMAND else COMPONENT_REPLY,
            "webhook_id": str(application.id),
            "application_id": str(application.id),
        }

    def _answered_by(self, application_id: int, token: str) -> Interaction:
        interaction = self._interactions.get(token)
        if interaction is None or interaction.scene.application.id != application_id or interaction.answer is None:
            raise ApiError(404, 10015, "Unknown Webhook")
        if _age(interaction) > self._options.interaction_lifetime:
            raise ApiError(401, 50027, "Invalid Webhook Token")
        return interaction


def _age(interaction: Interaction) -> float:
    return asyncio.get_running_loop().time() - interaction.created


def _flags(data: Json) -> int:
    flags = data.get("flags") or 0
    if not isinstance(flags, int):
        raise invalid_form([("data.flags", "NUMBER_TYPE_COERCE", "Value is not int.")])
    return flags
