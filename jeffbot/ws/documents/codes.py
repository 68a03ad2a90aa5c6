"""Every error code: in which situation it is sent, what to do about it, and which actions it comes from."""

from typing import NamedTuple

from ...errors import ErrorCode
from ..actions import Action, Reach
from ..limits import Cost


class Help(NamedTuple):
    """What a client's maker needs to know of a code."""

    situation: str
    advice: str


_FAULT = "Try again later; the server's log says what it was."

HELP: dict[ErrorCode, Help] = {
    ErrorCode.INVALID_JSON: Help("The message is not JSON.", "Mend the client; 20 of them within 10 s end in 4002."),
    ErrorCode.INVALID_FORMAT: Help("It is JSON, but no object.", "Send one object a message."),
    ErrorCode.MISSING_ACTION: Help("There is no `action`, or it is no text.", "Name one."),
    ErrorCode.NOT_AUTHENTICATED: Help(
        "Nobody has signed in, or the token has expired.", "Send `authenticate` with a good token."
    ),
    ErrorCode.AUTH_FAILED: Help(
        "The token is not good: `Token required`, `Token expired`, `Invalid token payload` or `Invalid token format`; "
        "the server's log says why. The identity before stays in force.",
        "Get a new token.",
    ),
    ErrorCode.AUTH_ERROR: Help("The token could not be checked: a fault of the server.", _FAULT),
    ErrorCode.UNKNOWN_ACTION: Help(
        "There is no such action, or over HTTP none.", "Look at `describe`; the server may be older than the client."
    ),
    ErrorCode.ACTION_ERROR: Help(
        "An action that has no code of its own for it failed; the message says why, where that is no fault of the "
        "server.",
        _FAULT,
    ),
    ErrorCode.MISSING_FILENAME: Help("`play` needs a `filename`, a text that is not empty.", "Name a sound."),
    ErrorCode.INVALID_FIELD: Help(
        "A field is of the wrong kind or out of bounds; the message says what is allowed, `details.field` which it is.",
        "Correct it.",
    ),
    ErrorCode.FORBIDDEN: Help(
        "The token lacks a scope (`details.required_scope`), or its user may not do that; the message says who may.",
        "Ask for a token with that scope, or leave it to others.",
    ),
    ErrorCode.ALREADY_EXISTS: Help("The very same sound is in the library.", "Play the one that is there."),
    ErrorCode.RATE_LIMITED: Help(
        "More was asked than the limits allow; nothing was carried out.", "Wait `retry_after` seconds."
    ),
    ErrorCode.BUSY: Help("Too much is under way at once.", "Wait for a reply, or `retry_after` seconds."),
    ErrorCode.TARGET_NOT_FOUND: Help(
        "There is no such guild, channel or ticket, or it is not the user's to act on: the same words for both.",
        "Have the user join the voice channel, or announce the upload again.",
    ),
    ErrorCode.NOT_PLAYING: Help("There is nothing to skip, pause or go on with.", "Nothing; what was wanted is so."),
    ErrorCode.TOO_LARGE: Help("A file or a request is larger than it may be; or a sound is longer.", "Send less."),
    ErrorCode.UNSUPPORTED_MEDIA: Help("A file is no sound, or none that can be played.", "Convert it first."),
    ErrorCode.TIMEOUT: Help("HTTP: the body of an upload did not come in time.", "Announce it again."),
    ErrorCode.SHUTTING_DOWN: Help("HTTP: the server is ending.", "Try again after a random 0 to 5 s."),
    ErrorCode.AUTH_TIMEOUT: Help("Reserved: a WebSocket is closed with 4001 instead.", "Sign in sooner."),
    ErrorCode.TOKEN_REVOKED: Help(
        "HTTP: the token was revoked; a WebSocket is closed with 4010 instead.", "Get a new token."
    ),
    ErrorCode.UNSUPPORTED_PROTOCOL: Help("Reserved for versions of this protocol to come.", "Upgrade the client."),
    ErrorCode.SOUND_NOT_FOUND: Help("The user sees no such sound.", "Look into `list` or `search`."),
    ErrorCode.NO_VOICE_CHANNEL: Help(
        "The user is in no voice channel that the bot can see, and named no guild.", "Have them join one."
    ),
    ErrorCode.NO_SOUNDS: Help("There is no sound to choose from.", "Add some, or drop the `tag`."),
    ErrorCode.LIST_ERROR: Help("`list` failed: a fault of the server.", _FAULT),
    ErrorCode.PLAY_ERROR: Help(
        "The sound cannot be played; the message says why: the file, a missing permission, a full channel, voice in "
        "use by another part of the bot, stopped before it began, too late.",
        "Show the message to the user.",
    ),
    ErrorCode.RANDOM_ERROR: Help("As `play_error`, of `random`.", "Show the message to the user."),
    ErrorCode.STOP_ERROR: Help("`stop` failed: a fault of the server.", _FAULT),
    ErrorCode.STATUS_ERROR: Help("`status` failed: a fault of the server.", _FAULT),
    ErrorCode.INTERNAL_ERROR: Help("A fault of the server outside any action.", _FAULT),
}

_OWN: dict[str, tuple[ErrorCode, ...]] = {
    "authenticate": (ErrorCode.AUTH_FAILED,),
    "play": (ErrorCode.SOUND_NOT_FOUND, ErrorCode.NO_VOICE_CHANNEL),
    "random": (ErrorCode.NO_SOUNDS, ErrorCode.NO_VOICE_CHANNEL),
    "skip": (ErrorCode.NOT_PLAYING,),
    "player": (ErrorCode.NOT_PLAYING, ErrorCode.NO_VOICE_CHANNEL),
    "favourites": (ErrorCode.SOUND_NOT_FOUND,),
    "upload": (ErrorCode.TOO_LARGE, ErrorCode.UNSUPPORTED_MEDIA, ErrorCode.NO_VOICE_CHANNEL),
    "edit": (ErrorCode.SOUND_NOT_FOUND,),
    "delete": (ErrorCode.SOUND_NOT_FOUND,),
    "recent": (ErrorCode.NO_VOICE_CHANNEL,),
    "stats": (ErrorCode.NO_VOICE_CHANNEL,),
    "entrance": (ErrorCode.SOUND_NOT_FOUND, ErrorCode.NO_VOICE_CHANNEL),
    "settings": (ErrorCode.NO_VOICE_CHANNEL,),
}
"""What actions answer beside what their place in the table says."""

UPLOADING = (
    *(ErrorCode.TARGET_NOT_FOUND, ErrorCode.TOO_LARGE, ErrorCode.UNSUPPORTED_MEDIA, ErrorCode.INVALID_FIELD),
    *(ErrorCode.ALREADY_EXISTS, ErrorCode.FORBIDDEN, ErrorCode.TIMEOUT, ErrorCode.BUSY, ErrorCode.ACTION_ERROR),
)
"""What ``PUT /upload/{ticket}`` answers."""
PREVIEWING = (
    *(ErrorCode.NOT_AUTHENTICATED, ErrorCode.AUTH_FAILED, ErrorCode.TOKEN_REVOKED, ErrorCode.RATE_LIMITED),
    *(ErrorCode.SOUND_NOT_FOUND, ErrorCode.BUSY, ErrorCode.ACTION_ERROR),
)
"""What ``GET /sounds/{name}.ogg`` answers."""
OF_HTTP = (ErrorCode.INVALID_JSON, ErrorCode.INVALID_FORMAT, ErrorCode.AUTH_FAILED, ErrorCode.TOKEN_REVOKED)
"""What ``POST /api/{action}`` answers beside the action's own."""


def of_action(action: Action) -> tuple[ErrorCode, ...]:
    """What an action may answer."""
    found = dict.fromkeys(_OWN.get(action.name, ()))
    if action.bad_field:
        found[action.bad_field[1]] = None
    if action.reach is not Reach.NOWHERE:
        found[ErrorCode.TARGET_NOT_FOUND] = None
    if action.scope is not None:
        found |= dict.fromkeys((ErrorCode.NOT_AUTHENTICATED, ErrorCode.FORBIDDEN))
    if action.cost is not Cost.FREE:
        found[ErrorCode.RATE_LIMITED] = None
    if not action.is_immediate:
        found[ErrorCode.BUSY] = None
    return (*found, ErrorCode.INVALID_FIELD, action.trouble)
