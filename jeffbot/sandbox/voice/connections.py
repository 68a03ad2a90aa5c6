"""One stay of a bot in a voice channel: its numbered messages, its packets, and what was heard of them."""

import secrets
from collections import deque
from dataclasses import dataclass
from typing import Any

import msgspec

from ..connection import ABNORMAL_CLOSURE, Connection
from ..errors import ProtocolError
from ..options import UdpFaults
from ..world.guild import Guild
from ..world.payloads import Json
from ..world.values import Channel, User
from .opcodes import Op
from .rtp import CIPHERS, Opened, Packet
from .stream import Note, Stream

SESSION_INVALID = 4006
ENDING_CODES = frozenset({1000, 1001, 4004, 4006, 4009, 4011, 4012, 4014, 4016, 4017, 4020, 4021, 4022})
"""Close codes after which a session cannot be resumed (Opcodes and Status Codes, "Voice Close Event Codes")."""
BUFFERED_MESSAGES = 512
"""How many messages are kept to be sent again; Discord names no number."""
_SEQUENCES = 1 << 16
"""Numbers are 16 bits wide, as in binary messages (Voice, "Binary Websocket Messages")."""


@dataclass(frozen=True)
class Grant:
    """What VOICE_SERVER_UPDATE hands to a bot: the right to connect for this stay in this channel."""

    guild: Guild
    channel: Channel
    user: User
    session_id: str
    token: str


class VoiceConnection:
    """What came from one bot in one stay in a voice channel; lives on after it has ended."""

    def __init__(self, grant: Grant, ssrc: int, max_dave_version: int, connection: Connection, note: Note) -> None:
        self.guild = grant.guild
        self.channel = grant.channel
        self.user = grant.user
        self.grant = grant
        self.ssrc = ssrc
        self.mode: str | None = None
        self.max_version = max_dave_version
        """The newest version of end-to-end encryption the client speaks."""
        self.speaking = 0
        """Flags of the latest Speaking message; 1 is microphone."""
        self.speaking_history: list[int] = []
        self.seq_ack = -1
        """The last numbered message that a heartbeat of the client said it has."""
        self.packets: list[Packet] = []
        """All packets that arrived, in that order."""
        self.waiting: list[tuple[float, Opened]] = []
        """Packets that came ahead of the Speaking message, and when."""
        self.waiting_since = 0.0
        """When the first of those was taken, on the clock of the event loop."""
        self.resumes = 0
        """How often the client has resumed."""
        self.udp: UdpFaults | None = None
        """What happens to its packets; None: what ``Options.udp`` says."""
        self.stream = Stream(note)
        self.ended = False
        """It cannot be resumed any more."""
        self._connection = connection
        self.sent = 0
        """How many numbered messages there have been."""
        self._answered = 0
        """How many messages there were when the last heartbeat was answered."""
        self._buffer: deque[str | bytes] = deque(maxlen=BUFFERED_MESSAGES)

    @property
    def user_id(self) -> int:
        """Whose it is."""
        return self.user.id

    @property
    def self_deaf(self) -> bool:
        """Whether the bot is in voice with itself deafened."""
        state = self.guild.voice_states.get(self.user.id)
        return state is not None and state.self_deaf

    @property
    def connected(self) -> bool:
        """Whether the voice WebSocket is open."""
        return not self._connection.closing

    @property
    def left(self) -> bool:
        """Whether the client has closed for good, of its own accord."""
        return self._connection.closed_by_client and self.close_code in ENDING_CODES

    @property
    def close_code(self) -> int | None:
        """What the voice WebSocket was closed with, by either side; None while open."""
        return self._connection.close_code

    @property
    def deserted(self) -> bool:
        """Whether Discord has closed, rather than lost, the WebSocket: until it is resumed, nothing is forwarded."""
        return not self.connected and not self._connection.closed_by_client and self.close_code != ABNORMAL_CLOSURE

    @property
    def described(self) -> bool:
        """Whether the client has a key to send with."""
        return self.mode is not None

    @property
    def may_be_heard(self) -> bool:
        """Whether Discord forwards what it sends: speaking, neither muted nor suppressed, and still there."""
        state = self.guild.voice_states.get(self.user.id)
        there = state is not None and state.channel is self.channel
        return bool(self.speaking) and there and not (state.mute or state.suppress or state.self_mute)  # type: ignore[union-attr]

    def send(self, op: int, data: Json | None) -> None:
        """Send a numbered message (Voice, "Buffered Resume")."""
        number = self._number()
        self._say(msgspec.json.encode({"op": op, "d": data, "seq": number}).decode())

    def send_binary(self, op: int, payload: bytes) -> None:
        """Send a numbered binary message (Voice, "Binary Websocket Messages")."""
        number = self._number()
        self._say(number.to_bytes(2) + bytes([op]) + payload)

    def answer(self, op: int, data: Any) -> None:
        """Send a message that is not numbered, and not sent again."""
        self._connection.send({"op": op, "d": data})

    def close(self, code: int) -> None:
        """Close the voice WebSocket; whether the session can be resumed depends on the code."""
        self._connection.close(code)

    def abort(self) -> None:
        """Cut the voice WebSocket's TCP connection: 1006 for both sides."""
        self._connection.abort()

    def describe(self, mode: str, dave_version: int) -> None:
        """Settle on a mode and make a key."""
        key = secrets.token_bytes(32)
        self.mode = mode
        self.stream.new_key(CIPHERS[mode](key))
        self.send(
            Op.SESSION_DESCRIPTION, {"mode": mode, "secret_key": list(key), "dave_protocol_version": dave_version}
        )

    def acknowledge(self, seq_ack: int | None) -> bool:
        """Take note of what the client says in a heartbeat that it has; None is nothing.

        False if that cannot be: it was never sent, or the client had more by its last heartbeat's answer.
        """
        count = self._count(-1 if seq_ack is None else seq_ack)
        plausible = count is not None and count >= self._answered
        if plausible and seq_ack is not None:
            self.seq_ack = seq_ack
        self._answered = self.sent
        return plausible

    def resume(self, connection: Connection, seq_ack: int | None) -> None:
        """Go on with another WebSocket, and send what the client missed.

        Raises:
            ProtocolError: 4006, a message that it missed is not kept any more.
        """
        count = self._count(-1 if seq_ack is None else seq_ack)
        if count is None or self.sent - count > len(self._buffer):
            raise ProtocolError(SESSION_INVALID)
        missed = list(self._buffer)[len(self._buffer) - (self.sent - count) :]
        old, self._connection = self._connection, connection
        old.close(SESSION_INVALID)
        self._answered = count
        self.stream.cut()
        self.resumes += 1
        self.answer(Op.RESUMED, None)
        for message in missed:
            connection.send_raw(message)

    def _count(self, number: int) -> int | None:
        """How many messages there were up to that number; None if it was not among the latest 65 536."""
        if number == -1:
            return 0
        behind = (self.sent - 1 - number) % _SEQUENCES
        return self.sent - behind if 0 <= number < _SEQUENCES and behind < self.sent else None

    def _number(self) -> int:
        number = self.sent % _SEQUENCES
        self.sent += 1
        return number

    def _say(self, message: str | bytes) -> None:
        self._buffer.append(message)
        self._connection.send_raw(message)
