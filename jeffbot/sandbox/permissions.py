"""Permission flags (Discord: Topics, Permissions, "Bitwise Permission Flags")."""

import enum


class Permission(enum.IntFlag):
    """The permissions that the sandbox grants or looks at."""

    ADMINISTRATOR = 1 << 3
    MANAGE_GUILD = 1 << 5
    VIEW_CHANNEL = 1 << 10
    SEND_MESSAGES = 1 << 11
    EMBED_LINKS = 1 << 14
    ATTACH_FILES = 1 << 15
    READ_MESSAGE_HISTORY = 1 << 16
    CONNECT = 1 << 20
    SPEAK = 1 << 21
    MUTE_MEMBERS = 1 << 22
    MOVE_MEMBERS = 1 << 24
    USE_VAD = 1 << 25
    USE_APPLICATION_COMMANDS = 1 << 31


NO_PERMISSIONS = Permission(0)
ALL_PERMISSIONS = (1 << 53) - 1
"""Every flag Discord has given out so far; what an owner or administrator holds."""
EVERYONE = (
    Permission.VIEW_CHANNEL
    | Permission.SEND_MESSAGES
    | Permission.EMBED_LINKS
    | Permission.ATTACH_FILES
    | Permission.READ_MESSAGE_HISTORY
    | Permission.CONNECT
    | Permission.SPEAK
    | Permission.USE_VAD
    | Permission.USE_APPLICATION_COMMANDS
)
"""What the @everyone role of a new guild grants here."""
