"""Messages and webhooks (Resources, Message; Poll; Webhook)."""

from collections.abc import Collection, Mapping
from enum import IntFlag
from typing import Any

from ...errors import ApiError
from ..schema import INVALID, Form, ListOf, NotNull, OrNull, Place, Required, fits
from .components import COMPONENTS, EMOJI, check_layout
from .embeds import EMBEDS
from .fields import Bits, Choice, Flag, Ignored, Number, Snowflake, Text, Whole
from .formats import ImageData, Url


class MessageFlag(IntFlag):
    """Those that a request can set (Message, "Message Flags")."""

    SUPPRESS_EMBEDS = 1 << 2
    EPHEMERAL = 1 << 6
    SUPPRESS_NOTIFICATIONS = 1 << 12
    IS_VOICE_MESSAGE = 1 << 13
    IS_COMPONENTS_V2 = 1 << 15


_SENT = MessageFlag.SUPPRESS_EMBEDS | MessageFlag.SUPPRESS_NOTIFICATIONS | MessageFlag.IS_COMPONENTS_V2
_EDITED = MessageFlag.SUPPRESS_EMBEDS | MessageFlag.IS_COMPONENTS_V2
_PARTS = ("content", "embeds", "components", "attachments", "sticker_ids", "poll", "shared_client_theme")
_NOT_WITH_V2 = ("content", "embeds", "sticker_ids", "poll", "shared_client_theme")
_MOST_FILES = 10
"""Reference, "Uploading Files"; OpenAPI document."""
FORWARD = 1
"""Message, "Message Reference Types"."""


def empty_message(message: Mapping[str, Any], files: Collection[str] = ()) -> ApiError | None:
    """The error 50006 if nobody would see anything of it; an edited message is looked at as it has become."""
    visible = any(message.get(part) for part in _PARTS if part != "content") or (message.get("content") or "").strip()
    if visible or files or (message.get("message_reference") or {}).get("type") == FORWARD:
        return None
    return ApiError(400, 50006, "Cannot send an empty message")


def _not_empty(message: Mapping[str, Any], place: Place) -> None:
    if error := empty_message(message, place.files):
        place.reject(error)


def _layout(message: Mapping[str, Any], place: Place, flags: int = 0) -> None:
    """Components as the flags allow; with ``IS_COMPONENTS_V2`` they are alone (Message, "Create Message")."""
    v2 = bool((flags | (message.get("flags") or 0)) & MessageFlag.IS_COMPONENTS_V2)
    check_layout(message.get("components") or (), place / "components", v2=v2)
    for name in _NOT_WITH_V2:
        if v2 and message.get(name):
            text = f"The '{name}' field cannot be used when using MessageFlags.IS_COMPONENTS_V2"
            (place / name).refuse("MESSAGE_CANNOT_USE_LEGACY_FIELDS_WITH_COMPONENTS_V2", text)


def _few_files(_: Mapping[str, Any], place: Place) -> None:
    fits(len(place.files), 0, _MOST_FILES, place / "attachments")


def _files_came(message: Mapping[str, Any], place: Place) -> None:
    """A new attachment's id is that of its file (Message, "Attachment Request Structure")."""
    for index, attachment in enumerate(message.get("attachments") or ()):
        if isinstance(attachment, dict) and attachment.get("id", INVALID) not in (INVALID, *place.files):
            (place / "attachments" / index).refuse("ATTACHMENT_NOT_FOUND", "Attachment data not found")


def _exclusive(mentions: Mapping[str, Any], place: Place) -> None:
    """Either all of a kind, or those that are named."""
    for kind in ("users", "roles"):
        if kind in (mentions.get("parse") or ()) and mentions.get(kind):
            message = f'parse:["{kind}"] and {kind}: [ids...] are mutually exclusive.'
            place.refuse("MESSAGE_ALLOWED_MENTIONS_PARSE_EXCLUSIVE", message)


def _forward_says_where(reference: Mapping[str, Any], place: Place) -> None:
    if reference.get("type") == FORWARD and not reference.get("channel_id"):
        (place / "channel_id").refuse("BASE_TYPE_REQUIRED", "This field is required")


def _webhook_name(name: str, place: Place) -> None:
    """Webhook, "Create Webhook"."""
    for word in ("clyde", "discord"):
        if word in name.lower():
            place.refuse("USERNAME_INVALID_CONTAINS", f'Username cannot contain "{word}"')


class _Nonce:
    """Text of up to 25 characters, or a signed 64-bit integer (Message, "Create Message")."""

    def read(self, value: Any, place: Place) -> Any:
        """Codes: NONCE_TYPE_INVALID_TYPE, NONCE_TYPE_TOO_LONG, NONCE_TYPE_OUT_OF_BOUNDS."""
        if isinstance(value, bool) or not isinstance(value, int | str):
            place.refuse("NONCE_TYPE_INVALID_TYPE", "This field must be a string or integer.")
        elif isinstance(value, str) and len(value) > 25:
            place.refuse("NONCE_TYPE_TOO_LONG", "Must be 25 or fewer characters long.")
        elif isinstance(value, int) and not -(2**63) <= value < 2**63:
            place.refuse("NONCE_TYPE_OUT_OF_BOUNDS", f"Must be between {-(2**63)} and {2**63 - 1}.")
        else:
            return value
        return INVALID


# What messages are made of

_MENTIONS = Form(
    _exclusive,
    parse=ListOf(OrNull(Choice("users", "roles", "everyone")), unique=True),
    users=ListOf(OrNull(Snowflake()), 0, 100, unique=True),
    roles=ListOf(OrNull(Snowflake()), 0, 100, unique=True),
    replied_user=Flag(),
)
"""Message, "Allowed Mentions Object"."""
_TOLD_OF_FILES = ("content_type", "size", "url", "proxy_url", "height", "width", "placeholder", "placeholder_version")
_ATTACHMENT = Form(
    id=Required(Snowflake()),
    filename=Text(1, 1024),
    title=Text(0, 1024),
    description=Text(0, 1024),
    duration_secs=Number(0, 2**31 - 1),
    waveform=Text(0, 400),
    is_spoiler=Flag(),
    is_remix=Flag(),
    ephemeral=Ignored(),
    flags=Ignored(),
    **dict.fromkeys(_TOLD_OF_FILES, Ignored()),
)
"""Message, "Attachment Request Structure"; lengths: OpenAPI document."""
_ANSWER = Form(poll_media=Required(Form(text=Required(Text(1, 55)), emoji=EMOJI)), answer_id=Ignored())
POLL = Form(
    question=Required(Form(text=Required(Text(1, 300)), emoji=Ignored("a question has a text only"))),
    answers=Required(ListOf(_ANSWER, 1, 10)),
    duration=Whole(1, 32 * 24),
    allow_multiselect=Flag(),
    layout_type=Choice(1),
)
"""Poll, "Poll Create Request Object"; the duration in hours."""
_REFERENCE = Form(
    _forward_says_where,
    type=Choice(0, FORWARD),
    message_id=Required(Snowflake()),
    channel_id=Snowflake(),
    guild_id=Snowflake(),
    fail_if_not_exists=Flag(),
)
"""Message, "Message Reference Structure"."""
_THEME = Form(
    colors=Required(ListOf(Text(6, 6), 1, 5)),
    gradient_angle=Required(Whole(0, 360)),
    base_mix=Required(Whole(0, 100)),
    base_theme=Choice(0, 1, 2, 3, 4),
)
"""Message, "Shared Client Theme Object"."""
_MESSAGE = Form(
    _few_files,
    content=Text(0, 2000),
    embeds=EMBEDS,
    allowed_mentions=_MENTIONS,
    components=COMPONENTS,
    attachments=ListOf(_ATTACHMENT, 0, _MOST_FILES),
)

# Requests


MESSAGE_CREATE = _MESSAGE.extended(
    _layout,
    _files_came,
    _not_empty,
    tts=Flag(),
    nonce=_Nonce(),
    enforce_nonce=Flag(),
    message_reference=_REFERENCE,
    sticker_ids=ListOf(Snowflake(), 0, 3),
    poll=POLL,
    shared_client_theme=_THEME,
    flags=Bits(_SENT | MessageFlag.IS_VOICE_MESSAGE),
)
"""Message, "Create Message"."""
INTERACTION_MESSAGE = _MESSAGE.extended(
    _layout,
    _files_came,
    tts=Flag(),
    poll=POLL,
    flags=Bits(_SENT | MessageFlag.EPHEMERAL | MessageFlag.IS_VOICE_MESSAGE),
)
"""Receiving and Responding, "Messages"; it may be empty in a deferral."""
_WEBHOOK_MESSAGE = _MESSAGE.extended(_layout, _files_came, _not_empty, tts=Flag(), poll=POLL)
WEBHOOK_EXECUTE = _WEBHOOK_MESSAGE.extended(
    username=Text(1, 80, _webhook_name),
    avatar_url=Url("http", "https"),
    thread_name=Text(0, 100),
    applied_tags=ListOf(Snowflake(), 0, 5),
    flags=Bits(_SENT),
)
"""Webhook, "Execute Webhook"."""
_NO_FOLLOW_UP = Ignored("has no effect in a follow-up message")
FOLLOW_UP = _WEBHOOK_MESSAGE.extended(
    username=_NO_FOLLOW_UP,
    avatar_url=_NO_FOLLOW_UP,
    flags=Bits(_SENT | MessageFlag.EPHEMERAL | MessageFlag.IS_VOICE_MESSAGE),
)
"""Receiving and Responding, "Create Followup Message"."""


def message_edit(flags: int = 0, *, webhook: bool = False) -> Form:
    """Message, "Edit Message", or Webhook, "Edit Webhook Message", which can bring a poll.

    Args:
        flags: Those that the message has: once driven by components, always.
        webhook: Which of both.
    """

    def layout(message: Mapping[str, Any], place: Place) -> None:
        _layout(message, place, flags)

    form = _MESSAGE.extended(layout, flags=Bits(_EDITED))
    return form.extended(poll=POLL) if webhook else form.extended(sticker_ids=ListOf(Snowflake()))


BULK_DELETE = Form(messages=Required(ListOf(Snowflake(), 2, 100, unique=True)))
"""Message, "Bulk Delete Messages"."""
WEBHOOK_CREATE = Form(name=Required(Text(1, 80, _webhook_name)), avatar=ImageData())
"""Webhook, "Create Webhook"."""
WEBHOOK_MODIFY = Form(name=NotNull(Text(1, 80, _webhook_name)), avatar=ImageData(), channel_id=Snowflake())
"""Webhook, "Modify Webhook"."""
