"""The remote control's messages: text in, requests out; replies in, bytes out. No I/O.

The shapes are those of :mod:`.requests` and :mod:`.replies`. Keys are only ever added to replies; unknown keys of
requests are passed over.
"""

import re
import time
from collections.abc import Mapping

import msgspec
from msgspec import UNSET, Raw, UnsetType

from ..errors import ErrorCode, SoundboardError, printable
from .replies import ErrorReply, Reply, RequestId
from .requests import Request

MAX_ECHO = 100
"""Characters of a client's text that an error repeats."""
MAX_ID_CHARS = 64
_MAX_EXACT_INTEGER = 2**53
"""The integers that every JSON reader holds exactly (RFC 8259, section 6)."""
_LOGGED_CHARS = 1000
_PLACE = re.compile(r" - at `\$\.?(?P<field>[^`]*)`")


class ProtocolError(Exception):
    """A message is no request; ``code`` and ``str(error)`` are the reply."""

    def __init__(self, code: ErrorCode, message: str) -> None:
        super().__init__(message)
        self.code = code


class RefusedError(SoundboardError):
    """A request is refused before it is carried out, with a code of its own."""

    def __init__(self, code: ErrorCode, message: str, details: Mapping[str, str] | None = None) -> None:
        super().__init__(message)
        self.code = code
        self._details = dict(details or {})

    @property
    def details(self) -> dict[str, str]:
        """What programs may want to know beside the code."""
        return self._details


class Message:
    """One message of a client, as far as it could be read: an object with an action."""

    __slots__ = ("_fields", "_text", "action", "has_bad_id", "id")

    def __init__(self, text: str, fields: dict[str, Raw]) -> None:
        self._text = text
        self._fields = fields
        self.id: RequestId | UnsetType = _read_id(fields.get("id"))
        self.has_bad_id = self.id is UNSET and bytes(fields.get("id", Raw(b"null"))) != b"null"
        self.action = _read_action(fields.get("action"))

    def request[R: Request](self, kind: type[R]) -> R:
        """The message's fields.

        Raises:
            msgspec.ValidationError: One of them is of another kind than it should be.
        """
        return msgspec.json.decode(self._text, type=kind)

    def redacted(self) -> str:
        """The message for the log: without its token, and cut."""
        if "token" not in self._fields:
            return printable(self._text, _LOGGED_CHARS)
        safe = {**self._fields, "token": Raw(b'"***"')}
        return printable(msgspec.json.encode(safe).decode(), _LOGGED_CHARS)


def parse(data: str | bytes) -> Message:
    """Read a message.

    The action is "" where there is none; :func:`error` can still repeat the id then.

    Raises:
        ProtocolError: It is not JSON (RFC 8259), or not an object.
    """
    try:
        text = data if isinstance(data, str) else data.decode()
        whole = bytes(msgspec.json.decode(text, type=Raw))
        if whole[:1] != b"{":
            raise ProtocolError(ErrorCode.INVALID_FORMAT, "Message must be a JSON object")
        return Message(text, msgspec.json.decode(whole, type=dict[str, Raw]))
    except (msgspec.DecodeError, UnicodeError, RecursionError):
        raise ProtocolError(ErrorCode.INVALID_JSON, "Message is not valid JSON") from None


def error(code: ErrorCode, message: str, action: str = "", request_id: RequestId | UnsetType = UNSET) -> ErrorReply:
    """The reply to a request that was not carried out."""
    return ErrorReply(
        id=request_id,
        error_code=code,
        error_message=message,
        timestamp=time.time(),
        request=printable(action, MAX_ECHO) if action else UNSET,
    )


def refusal(failure: SoundboardError, otherwise: ErrorCode, message: Message) -> ErrorReply:
    """The reply to a request that could not be carried out; ``otherwise`` is for what has no code of its own."""
    reply = error(failure.code or otherwise, str(failure), message.action, message.id)
    if failure.retry_after is not None:
        reply.retry_after = failure.retry_after
    if failure.details:
        reply.details = failure.details
    return reply


def explain(failure: msgspec.ValidationError) -> tuple[str, str]:
    """Which field of a request is wrong ("" where that is not known), and what is wrong with it, in words."""
    text = str(failure)
    if missing := re.fullmatch(r"Object missing required field `(\w+)`", text):
        return missing[1], f'"{missing[1]}" is missing'
    place = _PLACE.search(text)
    field = printable(re.sub(r"\W.*", "", place["field"]), MAX_ECHO) if place else ""
    what = printable(_PLACE.sub("", text).replace("`", ""), 300)
    return field, f'"{field}": {what}' if field else what


def encode(reply: Reply) -> bytes:
    """The reply as JSON in UTF-8."""
    return _encoder.encode(reply)


_encoder = msgspec.json.Encoder()


def _read_action(raw: Raw | None) -> str:
    try:
        return "" if raw is None else msgspec.json.decode(raw, type=str)
    except msgspec.ValidationError:
        return ""


def _read_id(raw: Raw | None) -> RequestId | UnsetType:
    try:
        value = UNSET if raw is None else msgspec.json.decode(raw, type=str | int)
    except msgspec.ValidationError:
        return UNSET
    if isinstance(value, str):
        return value if 1 <= len(value) <= MAX_ID_CHARS else UNSET
    return value if value is UNSET or abs(value) <= _MAX_EXACT_INTEGER else UNSET
