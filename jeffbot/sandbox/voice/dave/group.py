"""One call's end-to-end encryption: the door through which the voice gateway, listeners and tests reach it."""

from collections import deque
from collections.abc import Callable
from functools import partial
from typing import Any

from .coordinator import Coordinator
from .messages import parse_binary, parse_text
from .mls import KeyPackage
from .participant import DAVE_VERSION, CallLater, Note, Op, Participant
from .patience import PATIENCE


class Group:
    """The call in one voice channel.

    Participants are told synchronously, and may answer from within ``send``: one message is handled after the other.

    Args:
        channel_id: Also the MLS group's ID.
        call_later: The clock.
        note: Told of what a client does not do as it should.
        max_version: The highest version allowed; 0 where there is no encryption, as in a stage channel.
        patience: Seconds to wait for a client.
    """

    def __init__(
        self,
        channel_id: int,
        call_later: CallLater,
        note: Note,
        *,
        max_version: int = DAVE_VERSION,
        patience: float = PATIENCE,
    ) -> None:
        self.channel_id = channel_id
        self._max_version = max_version
        self._note = note
        self._coordinator = Coordinator(channel_id, self._in_turn(call_later), note, max_version, patience)
        self._events: deque[Callable[[], None]] = deque()
        self._handling = False

    @property
    def version(self) -> int:
        """The version of the protocol in use; 0: frames are not end-to-end encrypted."""
        return self._coordinator.version

    @property
    def epoch(self) -> int:
        """The MLS group's; 0 before there is one."""
        return self._coordinator.delivery.epoch

    @property
    def established(self) -> bool:
        """Whether there is an MLS group."""
        return self._coordinator.delivery.established

    @property
    def user_ids(self) -> list[int]:
        """Who is in the call, in the order in which they joined."""
        return list(self._coordinator.members)

    @property
    def member_ids(self) -> list[int]:
        """Who is in the MLS group and to stay there, by leaf."""
        return self._coordinator.delivery.members

    @property
    def settled(self) -> bool:
        """Whether nothing is under way: no proposal awaits a commit, no transition its execution."""
        return not self._coordinator.delivery.proposals and not self._coordinator.transitions.pending

    @property
    def changed_at(self) -> float:
        """When keys or version last changed, on the clock of ``time.monotonic``."""
        return self._coordinator.changed_at

    def version_with(self, max_version: int) -> int:
        """What op 4 tells one who joins: the highest version that all speak, 0 if one speaks none."""
        return self._coordinator.common_version(max_version)

    def join(self, participant: Participant) -> None:
        """Someone enters the call, who was sent op 4; if they are in it already, they leave first."""
        self._handle(partial(self._coordinator.join, participant))

    def leave(self, user_id: int) -> None:
        """Someone leaves the call, if they are in it."""
        self._handle(partial(self._coordinator.leave, user_id))

    def close(self) -> None:
        """The call ends: nobody is in it, nobody is told, and nothing happens later."""
        self._handle(self._coordinator.close)

    def downgrade(self) -> None:
        """Have the call end its encryption, as if someone had joined who does not speak DAVE."""
        self._handle(partial(self._coordinator.offer, 0))

    def upgrade(self) -> None:
        """Undo ``downgrade``."""
        self._handle(partial(self._coordinator.offer, self._max_version))

    def corrupt_next_commit(self, user_id: int) -> None:
        """Send this user the next commit (op 29) truncated: it must recover by op 31."""
        self._coordinator.to_corrupt.add((Op.ANNOUNCE_COMMIT, user_id))

    def corrupt_next_welcome(self, user_id: int) -> None:
        """Send this user the next welcome (op 30) truncated: it must recover by op 31."""
        self._coordinator.to_corrupt.add((Op.WELCOME, user_id))

    def receive(self, user_id: int, op: int, data: Any) -> None:
        """Handle a JSON message, op 23 or 31, of one in the call; ``data`` is its ``d``.

        Raises:
            ProtocolError: 4001 for another opcode, 4002 if it does not say which transition.
        """
        transition_id = parse_text(op, data)
        take = self._coordinator.transitions.ready if op == Op.TRANSITION_READY else self._coordinator.take_complaint
        self._handle(partial(take, user_id, transition_id))

    def receive_binary(self, user_id: int, op: int, payload: bytes) -> None:
        """Handle a binary message, op 26 or 28, of one in the call; ``payload`` is what follows the opcode.

        Raises:
            ProtocolError: 4001 for another opcode, 4002 if it is not the MLS message that it should be,
                4020 for a key package that this user may not send.
        """
        message = parse_binary(user_id, op, payload, self._note)
        if isinstance(message, KeyPackage):
            self._handle(partial(self._coordinator.take_key_package, user_id, message))
        else:
            self._handle(partial(self._coordinator.take_commit, user_id, *message))

    def _in_turn(self, call_later: CallLater) -> CallLater:
        """The same clock, whose calls do not fall into the midst of others."""
        return lambda seconds, callback: call_later(seconds, partial(self._handle, callback))

    def _handle(self, event: Callable[[], None]) -> None:
        self._events.append(event)
        if self._handling:
            return
        self._handling = True
        try:
            while self._events:
                self._events.popleft()()
        finally:
            self._handling = False
