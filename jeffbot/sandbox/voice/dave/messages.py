"""What a client says of end-to-end encryption, taken apart; whether it says so at the right time is another matter."""

from typing import Annotated, Any

import msgspec

from ...errors import ProtocolError
from .mls import Commit, KeyPackage, RefusedError, Welcome, parse_commit_welcome, parse_key_package
from .participant import Note, Op
from .wire import MalformedError

UNKNOWN_OPCODE, DECODE_ERROR, BAD_REQUEST = 4001, 4002, 4020
"""Discord: Opcodes and Status Codes, "Voice Close Event Codes"."""


class TransitionMessage(msgspec.Struct):
    """What ops 23 and 31 carry; the ID is a ``uint16`` in the binary messages that announce it."""

    transition_id: Annotated[int, msgspec.Meta(ge=0, le=0xFFFF)]


def parse_text(op: int, data: Any) -> int:
    """The transition that a JSON message, op 23 or 31, is about; ``data`` is its ``d``.

    Raises:
        ProtocolError: 4001 for another opcode, 4002 if it does not say which transition.
    """
    if op not in (Op.TRANSITION_READY, Op.INVALID_COMMIT_WELCOME):
        raise ProtocolError(UNKNOWN_OPCODE)
    try:
        return msgspec.convert(data, TransitionMessage, strict=False).transition_id
    except msgspec.ValidationError as error:
        raise ProtocolError(DECODE_ERROR) from error


def parse_binary(user_id: int, op: int, payload: bytes, note: Note) -> KeyPackage | tuple[Commit, Welcome | None]:
    """What is in a binary message, op 26 or 28, of this user; ``payload`` is what follows the opcode.

    Raises:
        ProtocolError: 4001 for another opcode, 4002 if it is not the MLS message that it should be,
            4020 for a key package that this user may not send; the latter two are noted.
    """
    try:
        if op == Op.COMMIT_WELCOME:
            return parse_commit_welcome(payload)
        if op == Op.KEY_PACKAGE:
            package = parse_key_package(payload)
            package.check(user_id)
            return package
    except MalformedError as error:
        note(user_id, f"sent what cannot be read (op {op}): {error}")
        raise ProtocolError(DECODE_ERROR) from error
    except RefusedError as error:
        note(user_id, f"its key package (op {op}) is refused: {error}")
        raise ProtocolError(BAD_REQUEST) from error
    raise ProtocolError(UNKNOWN_OPCODE)
