"""How a request is refused: a status, a code to branch on, what is wrong, and what to do about it."""

import re

import msgspec

from ..errors import ApiError, LibopusMissingError, SandboxError


class RefusedError(Exception):
    """The answer to a request that is not done."""

    def __init__(self, status: int, code: str, message: str, help: str) -> None:  # noqa: A002 - the field's word
        super().__init__(message)
        self.status = status
        self.body = {"code": code, "message": message, "help": help}


def not_there(message: str) -> RefusedError:
    """Something is named that there is not."""
    return RefusedError(404, "not_there", message, "POST /control/state lists all there is, with its ids")


def refused(error: msgspec.MsgspecError | SandboxError | ApiError | TimeoutError, verb: str) -> RefusedError:
    """What reading or doing a verb has raised, as an answer."""
    match error:
        case msgspec.MsgspecError():
            return RefusedError(400, "invalid_parameters", str(error), f"GET /control/{verb} says what it takes")
        case ApiError():
            return RefusedError(400, "refused_by_discord", f"{error} (code {error.code})", "ask for what Discord takes")
        case TimeoutError():
            return RefusedError(409, "timeout", "it did not happen in time", "timeout, in seconds, can be set")
        case LibopusMissingError():
            return RefusedError(501, "libopus_missing", "what is heard cannot be decoded", str(error))
    return RefusedError(409, _code(error), str(error), _sentence(error))


def _code(error: Exception) -> str:
    """``JoinRefusedError`` is join_refused."""
    name = type(error).__name__.removesuffix("Error")
    return re.sub(r"(?<=[a-z])(?=[A-Z])", "_", name).lower()


def _sentence(error: Exception) -> str:
    """What the class of the error says that it means."""
    return re.sub(r"\s+", " ", type(error).__doc__ or "").strip()
