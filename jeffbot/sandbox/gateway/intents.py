"""Which events a bot has asked for (Discord: Gateway, "Gateway Intents")."""

import enum
import functools
import operator


class Intents(enum.IntFlag):
    """Every documented intent."""

    GUILDS = 1 << 0
    GUILD_MEMBERS = 1 << 1
    GUILD_MODERATION = 1 << 2
    GUILD_EXPRESSIONS = 1 << 3
    GUILD_INTEGRATIONS = 1 << 4
    GUILD_WEBHOOKS = 1 << 5
    GUILD_INVITES = 1 << 6
    GUILD_VOICE_STATES = 1 << 7
    GUILD_PRESENCES = 1 << 8
    GUILD_MESSAGES = 1 << 9
    GUILD_MESSAGE_REACTIONS = 1 << 10
    GUILD_MESSAGE_TYPING = 1 << 11
    DIRECT_MESSAGES = 1 << 12
    DIRECT_MESSAGE_REACTIONS = 1 << 13
    DIRECT_MESSAGE_TYPING = 1 << 14
    MESSAGE_CONTENT = 1 << 15
    GUILD_SCHEDULED_EVENTS = 1 << 16
    AUTO_MODERATION_CONFIGURATION = 1 << 20
    AUTO_MODERATION_EXECUTION = 1 << 21
    GUILD_MESSAGE_POLLS = 1 << 24
    DIRECT_MESSAGE_POLLS = 1 << 25


NO_INTENTS = Intents(0)
ALL_INTENTS = functools.reduce(operator.or_, Intents)
PRIVILEGED = Intents.GUILD_MEMBERS | Intents.GUILD_PRESENCES | Intents.MESSAGE_CONTENT
"""Those that an application must have been granted (Gateway, "Privileged Intents")."""

_MESSAGES = ("MESSAGE_CREATE", "MESSAGE_UPDATE", "MESSAGE_DELETE")
_REACTIONS = (
    "MESSAGE_REACTION_ADD",
    "MESSAGE_REACTION_REMOVE",
    "MESSAGE_REACTION_REMOVE_ALL",
    "MESSAGE_REACTION_REMOVE_EMOJI",
)
_IN_GUILDS = {
    Intents.GUILDS: (
        "GUILD_CREATE",
        "GUILD_UPDATE",
        "GUILD_DELETE",
        "GUILD_ROLE_CREATE",
        "GUILD_ROLE_UPDATE",
        "GUILD_ROLE_DELETE",
        "CHANNEL_CREATE",
        "CHANNEL_UPDATE",
        "CHANNEL_DELETE",
        "CHANNEL_PINS_UPDATE",
        "STAGE_INSTANCE_CREATE",
        "STAGE_INSTANCE_UPDATE",
        "STAGE_INSTANCE_DELETE",
        "VOICE_CHANNEL_STATUS_UPDATE",
    ),
    Intents.GUILD_MEMBERS: ("GUILD_MEMBER_ADD", "GUILD_MEMBER_UPDATE", "GUILD_MEMBER_REMOVE"),
    Intents.GUILD_MODERATION: ("GUILD_BAN_ADD", "GUILD_BAN_REMOVE"),
    Intents.GUILD_EXPRESSIONS: (
        "GUILD_SOUNDBOARD_SOUND_CREATE",
        "GUILD_SOUNDBOARD_SOUND_UPDATE",
        "GUILD_SOUNDBOARD_SOUND_DELETE",
    ),
    Intents.GUILD_VOICE_STATES: ("VOICE_CHANNEL_EFFECT_SEND", "VOICE_STATE_UPDATE"),
    Intents.GUILD_PRESENCES: ("PRESENCE_UPDATE",),
    Intents.GUILD_MESSAGES: (*_MESSAGES, "MESSAGE_DELETE_BULK"),
    Intents.GUILD_MESSAGE_REACTIONS: _REACTIONS,
    Intents.GUILD_MESSAGE_TYPING: ("TYPING_START",),
}
_IN_DIRECT_CHANNELS = {
    Intents.DIRECT_MESSAGES: (*_MESSAGES, "CHANNEL_PINS_UPDATE"),
    Intents.DIRECT_MESSAGE_REACTIONS: _REACTIONS,
    Intents.DIRECT_MESSAGE_TYPING: ("TYPING_START",),
}
_NEEDED = {
    direct: {event: intent for intent, events in table.items() for event in events}
    for direct, table in ((False, _IN_GUILDS), (True, _IN_DIRECT_CHANNELS))
}
_FLAGS = {
    Intents.GUILD_PRESENCES: (1 << 12, 1 << 13),
    Intents.GUILD_MEMBERS: (1 << 14, 1 << 15),
    Intents.MESSAGE_CONTENT: (1 << 18, 1 << 19),
}
"""The full and the limited one of each (Discord: Resources, Application, "Application Flags")."""


def needed(event: str, *, direct: bool) -> Intents:
    """The intent without which an event is not sent; none for those that always are ("List of Intents").

    Args:
        event: Its name.
        direct: It happened in a direct channel, or in no place at all.
    """
    return _NEEDED[direct].get(event, NO_INTENTS)


def flags_of(granted: Intents) -> int:
    """The flags of an application that was granted these intents, in less than 100 guilds."""
    return sum(limited for intent, (_, limited) in _FLAGS.items() if intent in granted)


def granted_by(flags: int) -> Intents:
    """The privileged intents that an application with these flags may use."""
    return functools.reduce(operator.or_, (i for i, pair in _FLAGS.items() if flags & sum(pair)), NO_INTENTS)
