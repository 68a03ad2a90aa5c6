"""What goes wrong in the sandbox: answers to a client, and refusals to a test."""

from typing import Any


class SandboxError(Exception):
    """A test asked the sandbox for something a person at Discord could not do or would not see."""


class UnknownCommandError(SandboxError):
    """The application has registered no command of this name, here or everywhere."""


class InvalidOptionError(SandboxError):
    """The Discord client would not let a person send these options."""


class CommandHiddenError(SandboxError):
    """Discord does not show the command to this person here: contexts, permissions, or an age limit."""


class UnusableComponentError(SandboxError):
    """The message has no such button or menu for this person: not there, disabled, a mere link, or deleted."""


class NotAllowedError(SandboxError):
    """The person lacks the permission for this, or there is nothing they could do it to."""


class NoReplyError(SandboxError):
    """The application did not answer in time: the person reads "The application did not respond"."""


class JoinRefusedError(SandboxError):
    """The channel is full, the member may not connect to it, or it is none to be in."""


class LibopusMissingError(SandboxError):
    """There is no libopus to decode with."""

    def __init__(self) -> None:
        super().__init__(
            "libopus was not found: install it with the system's packages (libopus0 on Debian, opus elsewhere) "
            "or with Python's (opuslib-next-bundled)"
        )


class OpusError(SandboxError):
    """Libopus refused a packet or a frame; carries its (negative) error code."""

    def __init__(self, doing: str, code: int) -> None:
        super().__init__(f"libopus: {doing} failed with code {code}")
        self.code = code


class ApiError(Exception):
    """A REST request is answered with this status and error body (Discord: Opcodes and Status Codes, JSON)."""

    def __init__(self, status: int, code: int, message: str, errors: dict[str, Any] | None = None) -> None:
        super().__init__(message)
        self.status = status
        self.code = code
        self.errors = errors

    @property
    def body(self) -> dict[str, Any]:
        """The JSON that is answered."""
        body: dict[str, Any] = {"message": str(self), "code": self.code}
        return body | {"errors": self.errors} if self.errors else body


class ProtocolError(Exception):
    """A WebSocket client broke the protocol; the connection is closed with this code."""

    def __init__(self, close_code: int, reason: str = "") -> None:
        super().__init__(f"closed with {close_code}: {reason}" if reason else f"closed with {close_code}")
        self.close_code = close_code
        self.reason = reason
        """What the close frame says beside the code; at most 123 bytes (RFC 6455, section 5.5)."""
