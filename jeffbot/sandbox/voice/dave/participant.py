"""What a call and those in it know of each other."""

import enum
from collections.abc import Callable
from typing import Any, Protocol

DAVE_VERSION = 1
"""The highest protocol version there is (protocol.md, "MLS Parameters")."""


class Op(enum.IntEnum):
    """Voice gateway opcodes of DAVE (Discord: Opcodes and Status Codes, "Voice Opcodes")."""

    PREPARE_TRANSITION = 21
    EXECUTE_TRANSITION = 22
    TRANSITION_READY = 23
    """From the client."""
    PREPARE_EPOCH = 24
    EXTERNAL_SENDER = 25
    """Binary."""
    KEY_PACKAGE = 26
    """Binary, from the client."""
    PROPOSALS = 27
    """Binary."""
    COMMIT_WELCOME = 28
    """Binary, from the client."""
    ANNOUNCE_COMMIT = 29
    """Binary."""
    WELCOME = 30
    """Binary."""
    INVALID_COMMIT_WELCOME = 31
    """From the client."""


class Participant(Protocol):
    """One who is in a call: a bot's connection, or a listener."""

    @property
    def user_id(self) -> int:
        """Whose it is."""
        ...

    @property
    def max_version(self) -> int:
        """The highest version of DAVE it speaks, as it said in Identify; 0: none."""
        ...

    def send(self, op: int, data: dict[str, Any]) -> None:
        """Receive a JSON message; ``data`` is its ``d``."""
        ...

    def send_binary(self, op: int, payload: bytes) -> None:
        """Receive a binary message; ``payload`` is what follows the sequence number and the opcode."""
        ...


class Timer(Protocol):
    """Something that will happen."""

    def cancel(self) -> None:
        """It shall not."""
        ...


type CallLater = Callable[[float, Callable[[], None]], Timer]
"""``call_later`` of an event loop: after so many seconds, call this."""
type Note = Callable[[int, str], None]
"""Told what a client does not do as it should: user ID and a sentence without subject."""
