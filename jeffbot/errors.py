"""What can go wrong, in one tree, and the codes remote clients see, in one table.

Inner layers raise; each door translates once: the WebSocket replies ``code`` and ``str(error)``, the cog says
``str(error)`` to the member alone.

::

    SoundboardError
    ├── SoundNotFoundError      sound_not_found
    ├── NoSoundsError           no_sounds
    ├── NoVoiceChannelError     no_voice_channel
    ├── ForbiddenError          forbidden
    ├── BadDetailsError         invalid_field
    ├── AlreadyExistsError      already_exists
    ├── TargetNotFoundError     target_not_found
    ├── RateLimitedError        rate_limited
    ├── BusyError               busy
    ├── StoreError
    └── PlaybackError           the action's own: play_error, random_error
        ├── UnplayableSoundError
        ├── LibopusMissingError
        ├── VoiceUnavailableError
        │   ├── BusyElsewhereError
        │   ├── NativeSoundboardError
        │   └── VoiceTakenError
        ├── PlaybackCancelledError
        ├── PlaybackTimeoutError
        ├── QueueFullError
        ├── NotPlayingError     not_playing
        └── UnloadedError
    SettingsError
    ├── CommandClashError
    └── FFmpegMissingError
"""

import enum


class ErrorCode(enum.StrEnum):
    """Every ``error_code`` a remote client can receive."""

    INVALID_JSON = "invalid_json"
    INVALID_FORMAT = "invalid_format"  # JSON, but no object
    MISSING_ACTION = "missing_action"
    NOT_AUTHENTICATED = "not_authenticated"
    AUTH_FAILED = "auth_failed"  # the token is not good
    AUTH_ERROR = "auth_error"  # a token could not be checked: a bug or fault of ours
    UNKNOWN_ACTION = "unknown_action"
    ACTION_ERROR = "action_error"
    MISSING_FILENAME = "missing_filename"
    INVALID_FIELD = "invalid_field"  # of those that the first protocol did not have
    FORBIDDEN = "forbidden"
    ALREADY_EXISTS = "already_exists"
    RATE_LIMITED = "rate_limited"
    BUSY = "busy"  # too much at once
    TARGET_NOT_FOUND = "target_not_found"  # no such guild or channel, or not theirs to act on
    NOT_PLAYING = "not_playing"
    TOO_LARGE = "too_large"
    UNSUPPORTED_MEDIA = "unsupported_media"  # no sound, or none that can be played
    TIMEOUT = "timeout"  # HTTP: a body that did not come
    SHUTTING_DOWN = "shutting_down"  # HTTP, as the next three
    AUTH_TIMEOUT = "auth_timeout"
    TOKEN_REVOKED = "token_revoked"  # noqa: S105 - no password
    UNSUPPORTED_PROTOCOL = "unsupported_protocol"
    SOUND_NOT_FOUND = "sound_not_found"
    NO_VOICE_CHANNEL = "no_voice_channel"
    NO_SOUNDS = "no_sounds"
    LIST_ERROR = "list_error"
    PLAY_ERROR = "play_error"
    RANDOM_ERROR = "random_error"
    STOP_ERROR = "stop_error"
    STATUS_ERROR = "status_error"
    INTERNAL_ERROR = "internal_error"  # trouble outside any action; logged with its traceback, never described


MAX_NAME = 100
"""Characters of a name given by someone that an error repeats."""


def printable(text: str, limit: int = MAX_NAME) -> str:
    """Someone's text, safe to show: cut, and with everything unprintable escaped."""
    cut = text if len(text) <= limit else text[:limit] + "…"
    return "".join(char if char.isprintable() else char.encode("unicode_escape").decode() for char in cut)


class SoundboardError(Exception):
    """Something a person asked for cannot be done; ``str(error)`` is the sentence for that person."""

    code: ErrorCode | None = None
    """None: the code of the action that failed, such as ``play_error``."""
    retry_after: float | None = None
    """After how many seconds it may be tried again, where that is known."""

    @property
    def details(self) -> dict[str, str]:
        """What programs may want to know beside the code."""
        return {}


class SoundNotFoundError(SoundboardError):
    """The library has no sound with this name."""

    code = ErrorCode.SOUND_NOT_FOUND

    def __init__(self, name: str) -> None:
        super().__init__(f'Sound "{printable(name)}" not found')
        self.name = name


class NoSoundsError(SoundboardError):
    """The library is empty."""

    code = ErrorCode.NO_SOUNDS

    def __init__(self) -> None:
        super().__init__("No sound files available")


class NoVoiceChannelError(SoundboardError):
    """The person who pressed is in no voice channel that this bot can see."""

    code = ErrorCode.NO_VOICE_CHANNEL

    def __init__(self) -> None:
        super().__init__("User must be in a voice channel")


class ForbiddenError(SoundboardError):
    """Someone asked for what is for others to do; the sentence says for whom."""

    code = ErrorCode.FORBIDDEN


class TargetNotFoundError(SoundboardError):
    """A guild or voice channel is none of the bot's, or not theirs to act on: the same words for both."""

    code = ErrorCode.TARGET_NOT_FOUND

    def __init__(self) -> None:
        super().__init__("There is no such server or voice channel for you here; join its voice channel first")


class RateLimitedError(SoundboardError):
    """Someone asks more often than the limits allow."""

    code = ErrorCode.RATE_LIMITED

    def __init__(self, retry_after: float, what: str = "requests") -> None:
        super().__init__(f"Too many {what}; try again in {retry_after:.1f} s")
        self.retry_after = retry_after


class BusyError(SoundboardError):
    """Too much is under way at once; the sentence says of what."""

    code = ErrorCode.BUSY


class BadDetailsError(SoundboardError):
    """What someone wants a sound, a guild or an entrance to be like is not allowed; the sentence says what is."""

    code = ErrorCode.INVALID_FIELD


class AlreadyExistsError(SoundboardError):
    """The library has a sound of the very same content."""

    code = ErrorCode.ALREADY_EXISTS

    def __init__(self, title: str, sound_id: int) -> None:
        super().__init__(f'The very same sound is here already: "{printable(title)}"')
        self.title = title
        self.sound_id = sound_id


class StoreError(SoundboardError):
    """What is kept in the database cannot be read or changed now."""

    def __init__(self, reason: str) -> None:
        super().__init__(f"What is kept cannot be used now: {reason}")
        self.reason = reason


class PlaybackError(SoundboardError):
    """A sound exists and someone would hear it, but it cannot be played."""


class UnplayableSoundError(PlaybackError):
    """The sound's file gives no audio; ``reason`` says why, without the file's place on this machine."""

    def __init__(self, name: str, reason: str) -> None:
        super().__init__(f'Cannot play "{printable(name)}": {reason}')
        self.name = name
        self.reason = reason


class LibopusMissingError(PlaybackError):
    """Sounds cannot be mixed or turned up and down, for no libopus was found."""

    def __init__(self) -> None:
        super().__init__(
            "Overlapping sounds and volume need libopus, which is not on the bot's machine. Install it (Debian, "
            "Ubuntu: apt install libopus0; macOS: brew install opus), or `pip install jeffbot[bundled]`."
        )


class VoiceUnavailableError(PlaybackError):
    """The voice channel cannot be joined or spoken in."""


class BusyElsewhereError(VoiceUnavailableError):
    """The bot is with others in another channel, who keep it."""

    def __init__(self, channel: str) -> None:
        super().__init__(f"The bot is playing for others in {channel}; join them, or try again later")
        self.channel = channel


class VoiceTakenError(VoiceUnavailableError):
    """A voice client of the host's own is in the guild; Nextcord allows one."""

    def __init__(self) -> None:
        super().__init__("Another part of this bot is using voice in this server")


class NativeSoundboardError(VoiceUnavailableError):
    """Discord's own soundboard cannot be read or played; ``str(error)`` says why."""


class PlaybackCancelledError(PlaybackError):
    """Someone stopped playback before this sound began."""

    def __init__(self) -> None:
        super().__init__("Stopped before the sound began")


class PlaybackTimeoutError(PlaybackError):
    """The sound did not begin in time."""

    def __init__(self, limit: float) -> None:
        super().__init__(f"The sound did not begin within {limit:g} s")
        self.limit = limit


class QueueFullError(PlaybackError):
    """Too many sounds wait their turn."""

    def __init__(self, limit: int) -> None:
        super().__init__(f"{limit} sounds wait already; try again when some have been heard")
        self.limit = limit


class NotPlayingError(PlaybackError):
    """There is nothing to skip, pause or go on with."""

    code = ErrorCode.NOT_PLAYING

    def __init__(self) -> None:
        super().__init__("Nothing is playing")


class UnloadedError(PlaybackError):
    """The soundboard this was asked of has been unloaded."""

    def __init__(self) -> None:
        super().__init__("The soundboard has been unloaded")


class SettingsError(ValueError):
    """A setting, or what the machine has, does not allow loading; the sentence says what to change."""


class CommandClashError(SettingsError):
    """The host bot has a slash command of the same name."""

    def __init__(self, name: str, owner: str) -> None:
        super().__init__(
            f"this bot already has the slash command /{name} (from {owner}), and it keeps it. Put jeffbot's "
            f'commands into a group of their own: JEFFBOT_COMMAND_GROUP=sound, or extras={{"command_group": '
            f'"sound"}} in load_extension, gives /sound play, /sound random and so on.'
        )
        self.name = name
        self.owner = owner


class FFmpegMissingError(SettingsError):
    """No usable ffmpeg was found."""

    def __init__(self, reason: str) -> None:
        super().__init__(
            f"{reason}. Install ffmpeg (Debian, Ubuntu: apt install ffmpeg; macOS: brew install ffmpeg; Windows: "
            "winget install ffmpeg), or `pip install jeffbot[bundled]`, or set JEFFBOT_FFMPEG to its path."
        )
