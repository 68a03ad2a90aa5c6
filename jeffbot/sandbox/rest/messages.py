"""Messages of a channel, as bots write and read them (Discord: Resources, Message)."""

import time

from ..composing import MENU_COMMAND, REPLY, SLASH_COMMAND, reference_json
from ..errors import ApiError
from ..gateway.intents import Intents
from ..world.payloads import Json, message_json, reads
from ..world.permissions import Permission
from ..world.values import TEXTUAL, Channel, DirectChannel, Message, Place
from ..world.world import DISCORD_EPOCH_MS
from .call import Call
from .forms import messages as forms
from .forms.fields import Snowflake, Whole
from .refusals import (
    NO_HISTORY_TO_REPLY,
    NO_MUTUAL_GUILD,
    NOT_IN_DIRECT_MESSAGES,
    NOT_TEXTUAL,
    NOT_YOUR_MESSAGE,
    TOO_OLD_TO_BULK_DELETE,
)
from .schema import Field, Form, invalid_form

LIST_QUERY = Form(around=Snowflake(), before=Snowflake(), after=Snowflake(), limit=Whole(1, 100))
HAS_SNAPSHOT = 1 << 14
"""Message, "Message Flags"."""
_REPLIABLE = {0, REPLY, SLASH_COMMAND, MENU_COMMAND}
"""Messages that are not the system's."""
_BULK_DELETE_MS = 14 * 86_400_000
"""Message, "Bulk Delete Messages"."""
_NONCES_KEPT = 100
_IN_SNAPSHOT = (
    *("content", "embeds", "attachments", "components"),
    *("timestamp", "edited_timestamp", "flags", "mentions", "mention_roles", "type"),
)
"""Message, "Message Snapshot Object"."""


# Reading


def everything(call: Call) -> list[Json]:
    """Get Channel Messages, newest first; none without READ_MESSAGE_HISTORY."""
    place, query = call.place(), call.query
    if not call.may(Permission.READ_MESSAGE_HISTORY, place):
        return []
    found, limit = place.messages, query.get("limit") or 50
    if around := query.get("around"):
        earlier = [message for message in found if message.id < int(around)]
        found = (earlier[-(limit // 2) :] + found[len(earlier) :])[:limit]
    elif before := query.get("before"):
        found = [message for message in found if message.id < int(before)][-limit:]
    elif after := query.get("after"):
        found = [message for message in found if message.id > int(after)][:limit]
    return [seen_json(call, message) for message in reversed(found[-limit:])]


def get(call: Call) -> Json:
    """Get Channel Message."""
    return seen_json(call, call.message())


def seen_json(call: Call, message: Message) -> Json:
    """A message as the asker sees it: what others say to others, only with the MESSAGE_CONTENT intent."""
    intent = Intents.MESSAGE_CONTENT in call.application.privileged
    return message_json(message, may_read=lambda each: reads(call.user, each, intent=intent))


# Writing


def send(call: Call) -> Json:
    """Create Message."""
    place, body = call.place(), call.body
    _check_sender(call, place)
    if body.get("enforce_nonce") and (sent := _sent_before(call, place)):
        return seen_json(call, sent)
    reference: Json = body.get("message_reference") or {}
    quoted = _quoted(call, place)
    reply_to = None if reference.get("type") == forms.FORWARD else quoted
    message = call.rooms.composer.compose(call.world.next_id(), place, call.user, body, call.files, reply_to=reply_to)
    if body.get("nonce") is not None:
        message.extra["nonce"] = body["nonce"]
    if reference and not reply_to:
        _refer(message, reference, quoted)
    call.world.post(message)
    return seen_json(call, message)


def _check_sender(call: Call, place: Place) -> None:
    body = call.body
    if isinstance(place, Channel):
        if place.kind not in TEXTUAL:
            raise NOT_TEXTUAL.error()
        needed = Permission.SEND_MESSAGES
        for part, permission in (
            ("tts", Permission.SEND_TTS_MESSAGES),
            ("embeds", Permission.EMBED_LINKS),
            ("poll", Permission.SEND_POLLS),
        ):
            needed |= permission if body.get(part) else Permission(0)
        call.need(needed | (Permission.ATTACH_FILES if call.files else Permission(0)), place)
    elif isinstance(place, DirectChannel):
        one, other = place.users
        if not any(other.id in guild.members for guild in call.world.guilds_of(one)):
            raise NO_MUTUAL_GUILD.error()


def _sent_before(call: Call, place: Place) -> Message | None:
    nonce = call.body.get("nonce")
    recent = (message for message in place.messages[-_NONCES_KEPT:] if message.author is call.user)
    return next((message for message in recent if nonce is not None and message.extra.get("nonce") == nonce), None)


def _quoted(call: Call, place: Place) -> Message | None:
    """The message that is replied to or forwarded."""
    reference: Json = call.body.get("message_reference") or {}
    if not reference:
        return None
    source = place
    if reference.get("type") == forms.FORWARD:
        source = call.place_of(int(reference["channel_id"]))
    if not call.may(Permission.READ_MESSAGE_HISTORY, source):
        raise NO_HISTORY_TO_REPLY.error()
    found = next((each for each in source.messages if str(each.id) == reference["message_id"]), None)
    if found is None and reference.get("fail_if_not_exists") is not False:
        raise _bad_reference("MESSAGE_REFERENCE_UNKNOWN_MESSAGE", "Unknown message")
    if found and found.kind not in _REPLIABLE:
        raise _bad_reference("REPLIES_CANNOT_REPLY_TO_SYSTEM_MESSAGE", "Cannot reply to a system message")
    return found


def _bad_reference(code: str, text: str) -> ApiError:
    return invalid_form([(("message_reference",), code, text)])


def _refer(message: Message, reference: Json, quoted: Message | None) -> None:
    """Say what a message forwards; what is not there is only named."""
    if quoted is None:
        message.extra["message_reference"] = reference_json(message) | {"message_id": reference["message_id"]}
    else:
        whole = message_json(quoted)
        message.flags |= HAS_SNAPSHOT
        message.extra["message_reference"] = reference_json(quoted) | {"type": forms.FORWARD}
        message.extra["message_snapshots"] = [{"message": {name: whole[name] for name in _IN_SNAPSHOT}}]


# Changing


def form_of_edit(call: Call) -> Field:
    """It depends on the flags that the message has."""
    return forms.message_edit(call.message().flags)


def edit(call: Call) -> Json:
    """Edit Message; of others' only the flags, with MANAGE_MESSAGES."""
    message, body = call.message(), call.body
    if message.author is not call.user:
        if body.keys() - {"flags"} or call.files:
            raise NOT_YOUR_MESSAGE.error()
        call.need(Permission.MANAGE_MESSAGES, message.place)
    call.world.edit_message(message, **call.rooms.composer.revised(message, body, call.files))
    return seen_json(call, message)


def remove(call: Call) -> None:
    """Delete Message."""
    message = call.message()
    if message.author is not call.user:
        if isinstance(message.place, DirectChannel):
            raise NOT_IN_DIRECT_MESSAGES.error()
        call.need(Permission.MANAGE_MESSAGES, message.place)
    call.world.delete_message(message)


def remove_many(call: Call) -> None:
    """Bulk Delete Messages; those that there are not do no harm."""
    channel = call.channel()
    call.need(Permission.MANAGE_MESSAGES, channel)
    wanted = {int(message_id) for message_id in call.body["messages"]}
    oldest = time.time() * 1000 - _BULK_DELETE_MS - DISCORD_EPOCH_MS
    if any(message_id >> 22 < oldest for message_id in wanted):
        raise TOO_OLD_TO_BULK_DELETE.error()
    found = tuple(message for message in channel.messages if message.id in wanted)
    if found:
        call.world.delete_messages(channel, found)
