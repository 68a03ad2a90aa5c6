"""The remote control's messages: text in, requests out; replies in, bytes out. No I/O.

The shapes are those of ``docs/api.md``. Keys are only ever added to replies; unknown keys of requests are ignored.
"""

import time
from typing import Annotated

import msgspec
from msgspec import UNSET, Raw, Struct, UnsetType

from ..errors import ErrorCode, printable
from ..models import MAX_VOLUME, Mode, Retrigger, VoiceReport

MAX_MESSAGE_BYTES = 65_536
PROTOCOL_VERSION = 1
MAX_ECHO = 100
"""Characters of a client's text that an error repeats."""
_MAX_EXACT_INTEGER = 2**53
"""The integers that every JSON reader holds exactly (RFC 8259, section 6)."""
_LOGGED_CHARS = 1000

type RequestId = str | int


class ProtocolError(Exception):
    """A message is no request; ``code`` and ``str(error)`` are the reply."""

    def __init__(self, code: ErrorCode, message: str) -> None:
        super().__init__(message)
        self.code = code


# Requests. ``action`` has been read by then, and unknown keys are passed over.


class Request(Struct):
    """A request without fields of its own."""


class Authenticate(Request):
    """Sign in, or renew the token."""

    token: str | None = None


class List(Request):
    """All sounds, or a page of them."""

    limit: int | None = None
    cursor: str | None = None


type Volume = Annotated[float, msgspec.Meta(ge=0, le=MAX_VOLUME)]
"""Percent of amplitude."""


class Random(Request):
    """Play any sound."""

    mode: Mode | None = None
    volume: Volume | None = None


class Play(Random):
    """Play one sound."""

    filename: str = ""
    retrigger: Retrigger | None = None


PLAY_FIELDS = ("mode", "retrigger", "volume")
"""How a sound is to be played; an error in one of them says what is allowed."""


class Stop(Request):
    """End all that plays and waits, or one sound."""

    playback_id: str | None = None


# Replies.


class Reply(Struct, tag_field="action"):
    """What answers a request; ``id`` repeats the request's where it had one."""

    id: RequestId | UnsetType = msgspec.field(default=UNSET, name="id")


class Welcome(Reply, tag="welcome", kw_only=True):
    """Sent once, when a client has connected."""

    message: str = "Connected to Jeff Bot WebSocket server"
    timestamp: float
    protocol: int = PROTOCOL_VERSION
    min_protocol: int = PROTOCOL_VERSION
    auth_timeout: float
    max_message_bytes: int = MAX_MESSAGE_BYTES


class AuthSuccess(Reply, tag="auth_success", kw_only=True):
    """The token is good."""

    message: str = "Authentication successful"
    user_id: str
    expires_at: float


class ListedSound(Struct):
    """One sound of a list."""

    name: str
    path: str
    duration: float | None
    tags: tuple[str, ...]


class Listing(Reply, tag="list", kw_only=True):
    """The sounds; ``total`` and ``cursor`` where a page was asked for and more follow."""

    sounds: Raw
    count: int
    total: int | UnsetType = UNSET
    cursor: str | UnsetType = UNSET


class Playing(Reply, tag="playing", kw_only=True):
    """A sound has begun: its first packet has left."""

    filename: str
    title: str
    channel: str
    playback_id: str
    duration: float | None
    queued: bool | UnsetType = UNSET
    random: bool | UnsetType = UNSET


class Stopped(Reply, tag="stopped", kw_only=True):
    """Nothing plays any more."""

    message: str = "Audio playback stopped"


class NowPlaying(Struct):
    """What is being heard. Times in seconds, ``started_at`` since the epoch."""

    title: str
    filename: str
    user_id: str
    playback_id: str
    started_at: float
    position: float
    duration: float | None


class EncodingProgress(Struct):
    """How many of so many sounds have been encoded ahead."""

    done: int
    total: int


class StatusReport(Reply, tag="status", kw_only=True):
    """What the bot does in the caller's guild."""

    connected: bool
    playing: bool
    now_playing: NowPlaying | None
    sound_count: int
    server_time: float
    channel: str | None
    paused: bool
    encoding: EncodingProgress | None
    voice: VoiceReport


class Diagnosis(Reply, tag="diagnose", kw_only=True):
    """Why the caller hears nothing: sentences, the most likely cause first."""

    findings: tuple[str, ...]


class Pong(Reply, tag="pong", kw_only=True):
    """The answer to ``ping``."""

    server_time: float


class ErrorReply(Reply, tag="error", kw_only=True):
    """A request was not carried out."""

    error_code: ErrorCode
    error_message: str
    timestamp: float
    request: str | UnsetType = UNSET


class Message:
    """One message of a client, as far as it could be read: an object with an action."""

    __slots__ = ("_fields", "_text", "action", "id")

    def __init__(self, text: str, fields: dict[str, Raw]) -> None:
        self._text = text
        self._fields = fields
        self.id: RequestId | UnsetType = _read_id(fields.get("id"))
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


encode = msgspec.json.Encoder().encode


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
        return value if 1 <= len(value) <= 64 else UNSET
    return value if value is UNSET or abs(value) <= _MAX_EXACT_INTEGER else UNSET
