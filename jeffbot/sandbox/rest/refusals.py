"""How Discord refuses: status, code and sentence of each error (Opcodes and Status Codes, "JSON Error Codes")."""

from typing import NamedTuple

from ..errors import ApiError


class Refusal(NamedTuple):
    """One of them."""

    status: int
    code: int
    message: str

    def error(self) -> ApiError:
        """The error to raise, a new one each time."""
        return ApiError(*self)


UNAUTHORIZED = Refusal(401, 0, "401: Unauthorized")
INVALID_VERSION = Refusal(400, 50041, "Invalid API version")
INVALID_JSON = Refusal(400, 50109, "The request body contains invalid JSON.")
TOO_LARGE = Refusal(413, 40005, "Request entity too large")

UNKNOWN_CHANNEL = Refusal(404, 10003, "Unknown Channel")
UNKNOWN_GUILD = Refusal(404, 10004, "Unknown Guild")
UNKNOWN_MEMBER = Refusal(404, 10007, "Unknown Member")
UNKNOWN_MESSAGE = Refusal(404, 10008, "Unknown Message")
UNKNOWN_OVERWRITE = Refusal(404, 10009, "Unknown Overwrite")
UNKNOWN_ROLE = Refusal(404, 10011, "Unknown Role")
UNKNOWN_USER = Refusal(404, 10013, "Unknown User")
UNKNOWN_EMOJI = Refusal(400, 10014, "Unknown Emoji")
UNKNOWN_WEBHOOK = Refusal(404, 10015, "Unknown Webhook")
UNKNOWN_BAN = Refusal(404, 10026, "Unknown Ban")
UNKNOWN_INTERACTION = Refusal(404, 10062, "Unknown interaction")
UNKNOWN_COMMAND = Refusal(404, 10063, "Unknown application command")
UNKNOWN_VOICE_STATE = Refusal(404, 10065, "Unknown Voice State")
UNKNOWN_COMMAND_PERMISSIONS = Refusal(404, 10066, "Unknown application command permissions")
UNKNOWN_STAGE = Refusal(404, 10067, "Unknown Stage Instance")
UNKNOWN_SOUND = Refusal(404, 10097, "Unknown sound")

NOT_FOR_BOTS = Refusal(403, 20001, "Bots cannot use this endpoint")
NOT_YOUR_APPLICATION = Refusal(403, 20012, "You are not authorized to perform this action on this application")
TOO_MANY_PINS = Refusal(400, 30003, "Maximum number of pins reached for the channel (250)")
TOO_MANY_ROLES = Refusal(400, 30005, "Maximum number of guild roles reached (250)")
TOO_MANY_REACTIONS = Refusal(400, 30010, "Maximum number of reactions reached (20)")
TOO_MANY_CHANNELS = Refusal(400, 30013, "Maximum number of guild channels reached (500)")
TOO_MANY_SOUNDS = Refusal(400, 30045, "Maximum number of soundboard sounds reached")

BANNED = Refusal(403, 40007, "The user is banned from this guild.")
ONE_PARENT_ONLY = Refusal(400, 40009, "Only one channel can have a parent_id modified at a time")
NOT_IN_VOICE = Refusal(400, 40032, "Target user is not connected to voice.")
ALREADY_ACKNOWLEDGED = Refusal(400, 40060, "Interaction has already been acknowledged.")

MISSING_ACCESS = Refusal(403, 50001, "Missing Access")
NOT_IN_DIRECT_MESSAGES = Refusal(403, 50003, "Cannot execute action on a DM channel")
NOT_YOUR_MESSAGE = Refusal(403, 50005, "Cannot edit a message authored by another user")
EMPTY_MESSAGE = Refusal(400, 50006, "Cannot send an empty message")
NOT_TEXTUAL = Refusal(400, 50008, "Cannot send messages in a non-text channel")
MISSING_PERMISSIONS = Refusal(403, 50013, "Missing Permissions")
WRONG_CHANNEL_TYPE = Refusal(400, 50024, "Cannot execute action on this channel type")
INVALID_WEBHOOK_TOKEN = Refusal(401, 50027, "Invalid Webhook Token")
INVALID_ACCESS_TOKEN = Refusal(403, 50025, "Invalid OAuth2 access token")
MISSING_SCOPE = Refusal(403, 50026, "Missing required OAuth2 scope")
INVALID_ROLE = Refusal(400, 50028, "Invalid Role")
INVALID_RECIPIENTS = Refusal(400, 50033, "Invalid Recipient(s)")
TOO_OLD_TO_BULK_DELETE = Refusal(400, 50034, "A message provided was too old to bulk delete")
FILE_TOO_LARGE = Refusal(400, 50045, "File uploaded exceeds the maximum size")
INVALID_GUILD = Refusal(400, 50055, "Invalid Guild")
CANNOT_SEND_VOICE_EFFECT = Refusal(
    403, 50167, "Cannot send voice effect when user is server muted, deafened, or suppressed"
)
NOT_IN_THAT_VOICE_CHANNEL = Refusal(403, 50168, "User must be in voice channel to send voice channel effect")
NO_MUTUAL_GUILD = Refusal(403, 50278, "Cannot send messages to this user due to having no mutual guilds")
STAGE_ALREADY_OPEN = Refusal(400, 150006, "The Stage is already open")
NO_HISTORY_TO_REPLY = Refusal(403, 160002, "Cannot reply without permission to read message history")
FAILED_TO_BAN = Refusal(400, 500000, "Failed to ban users")
