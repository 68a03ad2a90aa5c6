"""Pinned messages, by the present and the deprecated routes (Discord: Resources, Message)."""

import datetime as dt

from ..composing import reference_json
from ..world.payloads import Json, iso
from ..world.permissions import Permission
from ..world.values import Message, Place
from .call import Call
from .forms.fields import Whole
from .forms.formats import Timestamp
from .messages import seen_json
from .refusals import TOO_MANY_PINS
from .schema import Form

QUERY = Form(before=Timestamp(), limit=Whole(1, 50))
MOST_PINS = 250
"""Error 30003."""
_PAGE = 50
_PIN_NOTICE = 6
"""Message, "Message Types"."""


def everything(call: Call) -> Json:
    """Get Channel Pins, latest first."""
    found = _pinned(call)
    if before := call.query.get("before"):
        found = [message for message in found if (message.pinned_at or 0) < _seconds(before)]
    limit = call.query.get("limit") or _PAGE
    items = [{"pinned_at": iso(message.pinned_at or 0), "message": seen_json(call, message)} for message in found]
    return {"items": items[:limit], "has_more": len(items) > limit}


def first(call: Call) -> list[Json]:
    """Get Pinned Messages."""
    return [seen_json(call, message) for message in _pinned(call)[:_PAGE]]


def pin(call: Call) -> None:
    """Pin Message; the channel is told of it in a message."""
    message = _pinnable(call)
    if message.pinned:
        return
    if sum(each.pinned for each in message.place.messages) >= MOST_PINS:
        raise TOO_MANY_PINS.error()
    call.world.pin(message, pinned=True)
    call.world.post(_notice(call, message))


def unpin(call: Call) -> None:
    """Unpin Message."""
    message = _pinnable(call)
    if message.pinned:
        call.world.pin(message, pinned=False)


def _pinned(call: Call) -> list[Message]:
    place: Place = call.place()
    if not call.may(Permission.READ_MESSAGE_HISTORY, place):
        return []
    found = [message for message in place.messages if message.pinned]
    return sorted(found, key=lambda message: message.pinned_at or 0, reverse=True)


def _pinnable(call: Call) -> Message:
    message = call.message()
    call.need(Permission.PIN_MESSAGES, message.place)
    return message


def _notice(call: Call, message: Message) -> Message:
    extra = {"message_reference": reference_json(message)}
    return Message(call.world.next_id(), message.place, call.user, kind=_PIN_NOTICE, extra=extra)


def _seconds(moment: str) -> float:
    return dt.datetime.fromisoformat(moment).timestamp()
