"""A person in a call, who hears what a Discord client would let them hear."""

import enum
import math
import time
from collections import deque
from collections.abc import Callable
from functools import partial
from typing import Any, NamedTuple

import dave

from .coordinator import INITIAL_TRANSITION, NEW_GROUP_EPOCH
from .group import Group
from .participant import DAVE_VERSION, CallLater, Op, Timer

RETENTION = 10.0
"""Seconds for which old keys, and frames in clear, are accepted after a transition (protocol.md, "Commit Handling")."""
SILENCE = b"\xf8\xff\xfe"
"""Heard in clear also in an encrypted call (protocol.md, "Silence Packets")."""
MARKER = b"\xfa\xfa"
"""Ends an encrypted frame (protocol.md, "Magic Marker")."""
MIN_SUPPLEMENT = 11
"""Bytes after an encrypted frame's data, at least: tag, their number, marker (protocol.md, "Payload Format")."""


class How(enum.StrEnum):
    """How a frame arrived."""

    ENCRYPTED = "encrypted"
    CLEAR = "clear"
    UNDECRYPTABLE = "undecryptable"


class Decrypted(NamedTuple):
    """What became of a frame."""

    how: How
    opus: bytes | None
    """The Opus packet that is heard; None: nothing is."""


_UNHEARD = Decrypted(How.CLEAR, None)
_UNDECRYPTABLE = Decrypted(How.UNDECRYPTABLE, None)


class Listener:
    """One participant with an MLS session of its own, who sends nothing.

    Args:
        user_id: Whose client it is.
        group: The call.
        call_later: The clock; only needed for a delay.
        delay: Seconds that each answer takes. With 0 it is there before any that comes over a network: the
            listeners make the commits, not the bots.
        retention: Whole seconds for which old keys are kept.
    """

    max_version = DAVE_VERSION

    def __init__(
        self,
        user_id: int,
        group: Group,
        call_later: CallLater | None = None,
        *,
        delay: float = 0,
        retention: float = RETENTION,
    ) -> None:
        self.user_id = user_id
        self.failures: list[str] = []
        """What the MLS session could not do."""
        self._group = group
        self._call_later = call_later
        self._delay = delay
        self._retention = float(retention)
        self._session = dave.Session(lambda source, reason: self.failures.append(f"{source}: {reason}"))
        self._key = dave.SignatureKeyPair.generate(DAVE_VERSION)
        self._package: bytes | None = None
        """What is to be sent in answer to op 4, when the external sender is known."""
        self._answers: deque[Timer] = deque()
        self._begin(0)

    @property
    def version(self) -> int:
        """Of the protocol; 0: frames in clear are heard."""
        return self._version

    @property
    def authenticator(self) -> bytes | None:
        """The same for all who are in the same epoch of the same group (protocol.md, "Epoch Authenticator")."""
        return self._session.get_last_epoch_authenticator() if self._session.has_established_group() else None

    def join(self) -> None:
        """Enter the call."""
        self._begin(self._group.version_with(self.max_version))
        self._group.join(self)

    def leave(self) -> None:
        """Leave the call."""
        self.close()
        self._group.leave(self.user_id)

    def close(self) -> None:
        """Send none of the answers that are to come."""
        while self._answers:
            self._answers.popleft().cancel()

    def decrypt(self, sender_id: int, frame: bytes) -> Decrypted:
        """What is heard of a frame that just arrived from this user.

        Keys and counters follow one another: frames must come in the order, and about the time, of their arrival.
        """
        in_clear = not looks_encrypted(frame)
        if in_clear and frame != SILENCE and time.monotonic() > self._clear_until:
            return _UNHEARD  # as the decryptor would say, which also logs it
        if not in_clear and time.monotonic() > self._encrypted_until:
            return _UNDECRYPTABLE
        decryptor = self._decryptors.get(sender_id) or self._add_decryptor(sender_id)
        plain = decryptor.decrypt(dave.MediaType.audio, frame)
        if in_clear:
            return Decrypted(How.CLEAR, plain)
        return _UNDECRYPTABLE if plain is None else Decrypted(How.ENCRYPTED, plain)

    def send(self, op: int, data: dict[str, Any]) -> None:
        """Receive a JSON message, and answer."""
        if op == Op.PREPARE_TRANSITION:
            self._prepare(data["transition_id"], data["protocol_version"])
        elif op == Op.EXECUTE_TRANSITION:
            self._execute(data["transition_id"])
        elif op == Op.PREPARE_EPOCH and data["epoch"] == NEW_GROUP_EPOCH:
            self._init_session(data["protocol_version"])
            self._send_key_package()

    def send_binary(self, op: int, payload: bytes) -> None:
        """Receive a binary message, and answer."""
        if op == Op.EXTERNAL_SENDER:
            self._session.set_external_sender(payload)
            self._send_key_package()
        elif op == Op.PROPOSALS:
            if commit_welcome := self._session.process_proposals(payload, self._recognised()):
                self._answer(partial(self._group.receive_binary, self.user_id, Op.COMMIT_WELCOME, commit_welcome))
        elif op == Op.ANNOUNCE_COMMIT:
            roster = self._session.process_commit(payload[2:])
            if roster is not dave.RejectType.ignored:
                self._change_keys(int.from_bytes(payload[:2]), valid=roster is not dave.RejectType.failed)
        elif op == Op.WELCOME:
            members = self._session.process_welcome(payload[2:], self._recognised())
            self._change_keys(int.from_bytes(payload[:2]), valid=members is not None)

    def _begin(self, version: int) -> None:
        """As after op 4."""
        self._version = version
        self._clear_until = -math.inf if version else math.inf
        """Until when frames in clear are heard, on the clock of ``time.monotonic``."""
        self._encrypted_until = math.inf
        """Until when encrypted frames are heard, likewise."""
        self._prepared: dict[int, int] = {}
        """By transition, the protocol version."""
        self._decryptors: dict[int, dave.Decryptor] = {}
        if version:
            self._init_session(version)

    def _init_session(self, version: int) -> None:
        self._session.init(version, self._group.channel_id, str(self.user_id), self._key)
        self._package = self._session.get_marshalled_key_package()

    def _recognised(self) -> set[str]:
        """Whom ops 11 and 13 would have told of."""
        return {str(user_id) for user_id in self._group.user_ids}

    def _send_key_package(self) -> None:
        """Once after each new session."""
        package, self._package = self._package, None
        if package:
            self._answer(partial(self._group.receive_binary, self.user_id, Op.KEY_PACKAGE, package))

    def _change_keys(self, transition_id: int, *, valid: bool) -> None:
        """Be ready to hear the new epoch, or ask to be added anew (protocol.md, "Recovery from Invalid Commit …")."""
        version = self._session.get_protocol_version()
        if not valid:
            data = {"transition_id": transition_id}
            self._answer(partial(self._group.receive, self.user_id, Op.INVALID_COMMIT_WELCOME, data))
            self._init_session(version)
            self._send_key_package()
            return
        present = {user_id: self._decryptors.get(user_id) for user_id in self._group.user_ids}
        self._decryptors = {user_id: decryptor for user_id, decryptor in present.items() if decryptor}
        for user_id, decryptor in self._decryptors.items():
            self._add_ratchet(user_id, decryptor)
        for user_id in present.keys() - self._decryptors.keys() - {self.user_id}:
            self._add_decryptor(user_id)
        self._prepare(transition_id, version)

    def _add_decryptor(self, sender_id: int) -> dave.Decryptor:
        decryptor = self._decryptors[sender_id] = dave.Decryptor()
        decryptor.transition_to_passthrough_mode(self._clear_until == math.inf)
        self._add_ratchet(sender_id, decryptor)
        return decryptor

    def _add_ratchet(self, sender_id: int, decryptor: dave.Decryptor) -> None:
        if self._session.has_established_group() and (ratchet := self._session.get_key_ratchet(str(sender_id))):
            decryptor.transition_to_key_ratchet(ratchet, self._retention)

    def _prepare(self, transition_id: int, version: int) -> None:
        self._prepared[transition_id] = version
        if version == 0:
            self._clear_until = math.inf
            for decryptor in self._decryptors.values():
                decryptor.transition_to_passthrough_mode(True)  # noqa: FBT003 - the library's signature
        if transition_id == INITIAL_TRANSITION:
            self._execute(transition_id)
        else:
            data = {"transition_id": transition_id}
            self._answer(partial(self._group.receive, self.user_id, Op.TRANSITION_READY, data))

    def _execute(self, transition_id: int) -> None:
        if transition_id not in self._prepared:
            return
        self._version = self._prepared.pop(transition_id)
        if self._version == 0:
            self._session.reset()
            self._encrypted_until = time.monotonic() + self._retention
            return
        self._encrypted_until = math.inf
        self._clear_until = min(self._clear_until, time.monotonic() + self._retention)
        for decryptor in self._decryptors.values():
            decryptor.transition_to_passthrough_mode(False, self._retention)  # noqa: FBT003 - likewise

    def _answer(self, answer: Callable[[], None]) -> None:
        """Send now or, with a delay, later, unless it has left by then."""
        if not self._delay or self._call_later is None:
            answer()
            return

        def deliver() -> None:
            self._answers.popleft()
            answer()

        self._answers.append(self._call_later(self._delay, deliver))


def looks_encrypted(frame: bytes) -> bool:
    """Whether a frame passes for an encrypted one (protocol.md, "Protocol Frame Check", without nonce and ranges)."""
    return frame[-2:] == MARKER and len(frame) >= MIN_SUPPLEMENT and MIN_SUPPLEMENT <= frame[-3] <= len(frame)
