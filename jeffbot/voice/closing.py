"""Why voice connections end, and what to do about it (Discord: Opcodes and Status Codes, "Voice Close Event Codes")."""

import enum
from typing import NamedTuple


class Remedy(enum.Enum):
    """What mends a connection."""

    RESUME = enum.auto()
    """Go on with the session over another WebSocket; where that fails, as for ``REJOIN``."""
    REJOIN = enum.auto()
    """Leave the channel, and join it anew."""
    MOVE = enum.auto()
    """Go on with another voice server if Discord names one now; else we were put out, as for ``NONE``, or the bot's
    session with Discord has ended, as for ``REJOIN``."""
    NONE = enum.auto()
    """Trying again is no use, or not wanted; the next press may."""


class Loss(NamedTuple):
    """An end of a connection."""

    remedy: Remedy
    words: str
    """What happened, for people."""


_REMEDIES = {
    1000: Loss(Remedy.REJOIN, "the voice server ended the connection"),
    4001: Loss(Remedy.REJOIN, "the voice server did not know an opcode"),
    4002: Loss(Remedy.REJOIN, "the voice server could not decode a message"),
    4003: Loss(Remedy.REJOIN, "not authenticated with the voice server"),
    4004: Loss(Remedy.NONE, "the voice server refused the bot's token"),
    4005: Loss(Remedy.REJOIN, "authenticated twice with the voice server"),
    4006: Loss(Remedy.REJOIN, "the voice session is no longer valid"),
    4009: Loss(Remedy.REJOIN, "the voice session timed out"),
    4011: Loss(Remedy.REJOIN, "the voice server was not found"),
    4012: Loss(Remedy.NONE, "the voice server does not know the protocol"),
    4014: Loss(Remedy.MOVE, "disconnected from the channel"),
    4015: Loss(Remedy.RESUME, "the voice server crashed"),
    4016: Loss(Remedy.NONE, "the voice server does not know the encryption mode"),
    4017: Loss(Remedy.NONE, "the channel demands end-to-end encryption"),
    4020: Loss(Remedy.NONE, "the voice server refused a request as malformed"),
    4021: Loss(Remedy.NONE, "disconnected for sending too much"),
    4022: Loss(Remedy.MOVE, "the call was ended"),
}
STALE_TOKEN = 4004
"""While joining: Discord has named another voice server since, with another token."""
PUT_OUT = Loss(Remedy.NONE, "put out of the channel")
TOLD_TO_LEAVE = Loss(Remedy.NONE, "another part of the bot left the channel")
SESSION_GONE = Loss(Remedy.REJOIN, "the bot's session with Discord was made anew")
NONSENSE = Loss(Remedy.REJOIN, "the voice gateway sent what makes no sense")
UNHEARD = Loss(Remedy.REJOIN, "nothing of what was sent could be heard")
RETURN = Loss(Remedy.REJOIN, "moved to another channel")


def loss_of(code: int | None) -> Loss:
    """What a close code stands for; None, and any that Discord does not name: the connection broke."""
    known = _REMEDIES.get(code or 0)
    if known:
        return Loss(known.remedy, f"{known.words} (code {code})")
    return Loss(Remedy.RESUME, "the connection to the voice server broke")
