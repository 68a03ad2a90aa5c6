"""Answers to interactions (Interactions, Receiving and Responding)."""

from collections.abc import Mapping
from typing import Any, Final

from ...findings import Kind
from ..schema import Field, Form, ListOf, OneOf, Place, Required
from .commands import choices_of
from .fields import Bits, Ignored, Number, Text
from .messages import INTERACTION_MESSAGE, MessageFlag, empty_message, message_edit
from .modals import MODAL

PING, COMMAND, COMPONENT, AUTOCOMPLETE, MODAL_SUBMIT = range(1, 6)
"""Interactions ("Interaction Type")."""
PONG, MESSAGE, DEFERRED_MESSAGE, DEFERRED_UPDATE, UPDATE, SUGGESTIONS, SHOW_MODAL, LAUNCH_ACTIVITY = (
    1,
    *range(4, 10),
    12,
)
"""Answers ("Interaction Callback Type")."""
ANSWERS: Final = {
    PING: (PONG,),
    COMMAND: (MESSAGE, DEFERRED_MESSAGE, SHOW_MODAL, LAUNCH_ACTIVITY),
    COMPONENT: (MESSAGE, DEFERRED_MESSAGE, DEFERRED_UPDATE, UPDATE, SHOW_MODAL, LAUNCH_ACTIVITY),
    AUTOCOMPLETE: (SUGGESTIONS,),
    MODAL_SUBMIT: (MESSAGE, DEFERRED_MESSAGE, DEFERRED_UPDATE, UPDATE, LAUNCH_ACTIVITY),
}
"""Which can be given to which interaction; a modal can update the message whose component opened it."""


class _AnyValue:
    """Of a choice, while it is not known whether a string, an integer or a number is asked for."""

    def read(self, value: Any, place: Place) -> Any:
        """Codes: those of both."""
        return (Text(0, 100) if isinstance(value, str) else Number()).read(value, place)


ANY_CHOICES = choices_of(_AnyValue())


def interaction_response(
    kind: int, *, message_flags: int = 0, choices: ListOf = ANY_CHOICES, updates: bool = True
) -> OneOf:
    """Create Interaction Response.

    Args:
        kind: The interaction's type.
        message_flags: Those of the message whose component was used.
        choices: Those of the option that is being typed in (``commands.CHOICES``).
        updates: There is such a message.
    """
    nothing = Form(data=Ignored("has no effect in this answer"))
    forms: dict[int, Field] = {
        PONG: nothing,
        MESSAGE: Form(_something_said, data=INTERACTION_MESSAGE),
        DEFERRED_MESSAGE: Form(_nothing_said, data=INTERACTION_MESSAGE.extended(flags=Bits(MessageFlag.EPHEMERAL))),
        DEFERRED_UPDATE: nothing,
        UPDATE: Form(data=message_edit(message_flags)),
        SUGGESTIONS: Form(data=Required(Form(choices=choices))),
        SHOW_MODAL: Form(data=Required(MODAL)),
        LAUNCH_ACTIVITY: nothing,
    }
    possible = [answer for answer in ANSWERS[kind] if updates or answer not in (DEFERRED_UPDATE, UPDATE)]
    return OneOf("type", {answer: forms[answer] for answer in possible}, enum=True)


def _something_said(response: Mapping[str, Any], place: Place) -> None:
    if error := empty_message(response.get("data") or {}, place.files):
        place.reject(error)


def _nothing_said(response: Mapping[str, Any], place: Place) -> None:
    if not empty_message(response.get("data") or {}, place.files):
        (place / "data").note(Kind.UNKNOWN_FIELD, "a deferral shows nothing")
