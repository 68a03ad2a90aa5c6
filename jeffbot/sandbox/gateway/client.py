"""One WebSocket of a bot at the main gateway, from HELLO on."""

import asyncio
from collections import deque
from typing import Any

import msgspec

from ..connection import GOING_AWAY, NORMAL_CLOSURE, Connection, Message
from ..findings import Kind
from ..interactions.applications import Application
from . import compression
from .forms import Identify, Resume
from .heartbeat import Pulse
from .opcodes import CloseCode, Op
from .requests import Requests
from .session import Session
from .sessions import Sessions

MAX_MESSAGE_BYTES = 4096
"""Longer messages from a client are not decoded (Discord: Gateway, "Sending Events")."""
RATE_SECONDS = 60.0
"""In which ``Options.gateway_rate_limit`` counts (Discord: Gateway, "Rate Limiting")."""


class Client:
    """It has a session once it has identified or resumed.

    Args:
        connection: Its WebSocket.
        sessions: Where sessions begin and end.
        requests: What identified clients ask for.
        version: Of the gateway.
    """

    def __init__(self, connection: Connection, sessions: Sessions, requests: Requests, version: int) -> None:
        self.session: Session | None = None
        self._connection = connection
        self._sessions = sessions
        self._requests = requests
        self._options = sessions.options
        self._version = version
        self._received: deque[float] = deque()
        interval = self._options.gateway_heartbeat
        self._pulse = Pulse(interval, lambda: self.close(CloseCode.SESSION_TIMED_OUT), self._note_silence)
        self._say(Op.HELLO, {"heartbeat_interval": round(interval * 1000), "_trace": []})

    def is_of(self, application: Application) -> bool:
        """Whether this application has identified here."""
        return self.session is not None and self.session.application is application

    # Discord's doing

    def ask_heartbeat(self) -> None:
        """Ask for a heartbeat (Gateway, "Heartbeat Requests")."""
        self._say(Op.HEARTBEAT)
        self._pulse.ask()

    def ask_reconnect(self) -> None:
        """Ask to reconnect and resume (Gateway Events, "Reconnect")."""
        self._say(Op.RECONNECT)

    def invalidate(self, *, resumable: bool) -> None:
        """Say that the session is over, or has to be resumed (Gateway Events, "Invalid Session")."""
        session, self.session = self.session, None
        self._say(Op.INVALID_SESSION, d=resumable)
        if session:
            (self._sessions.lose if resumable else self._sessions.end)(session)

    def close(self, code: int) -> None:
        """Close the WebSocket."""
        self._connection.close(code, CloseCode(code).reason if code in CloseCode else "")

    def abort(self) -> None:
        """Cut the TCP connection."""
        self._connection.abort()

    # The client's doing

    def receive(self, data: str | bytes) -> None:
        """Handle one message; binary ones hold JSON, too.

        Raises:
            ProtocolError: The connection is to be closed.
            msgspec.MsgspecError: Likewise, with 4002.
        """
        self._limit_rate()
        raw = data.encode() if isinstance(data, str) else data
        if len(raw) > MAX_MESSAGE_BYTES:
            raise CloseCode.DECODE_ERROR.error()
        message = msgspec.json.decode(raw, type=Message)
        match message.op:
            case Op.HEARTBEAT:
                self._heartbeat(message.d)
            case Op.IDENTIFY:
                self._identify(msgspec.convert(message.d, Identify))
            case Op.RESUME:
                self._resume(msgspec.convert(message.d, Resume))
            case op if not self._requests.knows(op):
                raise CloseCode.UNKNOWN_OPCODE.error()
            case op if self.session:
                self._requests.handle(self.session, op, message.d)
            case _:
                raise CloseCode.NOT_AUTHENTICATED.error()

    def end(self) -> None:
        """The WebSocket is closed; only a client that closes it with 1000 or 1001 takes leave for good."""
        self._pulse.end()
        if self.session is None or not self.session.is_on(self._connection):
            return
        if self._connection.closed_by_client and self._connection.close_code in (NORMAL_CLOSURE, GOING_AWAY):
            self._sessions.end(self.session)
        else:
            self._sessions.lose(self.session)

    def _limit_rate(self) -> None:
        now = asyncio.get_running_loop().time()
        while self._received and now - self._received[0] >= RATE_SECONDS:
            self._received.popleft()
        if len(self._received) >= self._options.gateway_rate_limit:
            raise CloseCode.RATE_LIMITED.error()
        self._received.append(now)

    def _heartbeat(self, sequence: Any) -> None:
        msgspec.convert(sequence, int | None)
        self._pulse.beat()
        if self._options.gateway_acks:
            self._say(Op.HEARTBEAT_ACK)

    def _identify(self, identify: Identify) -> None:
        if self.session:
            raise CloseCode.ALREADY_AUTHENTICATED.error()
        if identify.compress and self._connection.encode is bytes.decode:
            self._connection.encode = compression.payload
        self.session = self._sessions.begin(identify, self._connection, self._version)
        if self.session is None:
            self._say(Op.INVALID_SESSION, d=False)

    def _resume(self, resume: Resume) -> None:
        if self.session:
            raise CloseCode.ALREADY_AUTHENTICATED.error()
        self.session = self._sessions.resume(resume, self._connection)
        if self.session is None:
            self._say(Op.INVALID_SESSION, d=False)

    def _note_silence(self) -> None:
        if self.session:
            text = "a heartbeat that the gateway asked for did not come"
            self._sessions.findings.note(Kind.HEARTBEAT_UNANSWERED, self.session.user.name, text)

    def _say(self, op: Op, d: object = None) -> None:
        self._connection.send({"t": None, "s": None, "op": op, "d": d})
