"""Answers to interactions: their token is the authorization (Discord: Receiving and Responding)."""

from ..world.payloads import Json, message_json
from .call import Call
from .forms.fields import Flag
from .schema import Field, Form

QUERY = Form(with_response=Flag())


def form_of_answer(call: Call) -> Field:
    """It depends on the interaction."""
    return call.rooms.answers.form(call.id("interaction_id"), call.path["interaction_token"])


def answer(call: Call) -> Json | None:
    """Create Interaction Response."""
    told = call.rooms.answers.answer(call.id("interaction_id"), call.path["interaction_token"], call.body, call.files)
    return told if call.query.get("with_response") else None


def follow_up(call: Call) -> Json:
    """Create Followup Message."""
    return message_json(call.rooms.answers.follow_up(*_webhook(call), call.body, call.files))


def get(call: Call) -> Json:
    """Get Original Interaction Response, and Get Followup Message."""
    return message_json(call.rooms.answers.message(*_webhook(call), call.path["message"]))


def form_of_edit(call: Call) -> Field:
    """It depends on the message."""
    return call.rooms.answers.edit_form(*_webhook(call), call.path["message"])


def edit(call: Call) -> Json:
    """Edit Original Interaction Response, and Edit Followup Message."""
    message_id = call.path["message"]
    return message_json(call.rooms.answers.edit(*_webhook(call), message_id, call.body, call.files))


def remove(call: Call) -> None:
    """Delete Original Interaction Response, and Delete Followup Message."""
    call.rooms.answers.delete(*_webhook(call), call.path["message"])


def _webhook(call: Call) -> tuple[int, str]:
    return call.id("webhook_id"), call.path["webhook_token"]
