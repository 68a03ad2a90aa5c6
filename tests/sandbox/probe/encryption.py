"""The client's side of end-to-end encryption, by dave.py (the DAVE protocol's whitepaper, "Voice Gateway Opcodes")."""

from collections.abc import Awaitable, Callable
from typing import Any

import dave

PREPARE_TRANSITION, EXECUTE_TRANSITION, TRANSITION_READY, PREPARE_EPOCH = range(21, 25)
EXTERNAL_SENDER, KEY_PACKAGE, PROPOSALS, COMMIT_WELCOME, ANNOUNCE_COMMIT, WELCOME, INVALID = range(25, 32)

type SendText = Callable[[int, Any], Awaitable[None]]
type SendBinary = Callable[[int, bytes], Awaitable[None]]


class Encryption:
    """One client's session, group and key."""

    def __init__(self, user_id: int, channel_id: int, ssrc: int, send: SendText, send_binary: SendBinary) -> None:
        self.version = 0
        """What is sent now: 0 in clear."""
        self.recovered = 0
        """How many commits or welcomes could not be processed."""
        self.deaf_to: set[int] = set()
        """Which of ops 21, 22 and 24 it ignores."""
        self._user_id, self._channel_id, self._ssrc = user_id, channel_id, ssrc
        self._send, self._send_binary = send, send_binary
        self._session = dave.Session(lambda *_: None)
        self._encryptor = self._make_encryptor()
        self._pending: dict[int, int] = {}
        self.others: set[int] = set()
        """Who else is in the call, by ops 11 and 13."""

    @property
    def ready(self) -> bool:
        """Whether what is sent can be heard."""
        return self.version == 0 or self._encryptor.has_key_ratchet()

    def seal(self, frame: bytes) -> bytes:
        """An Opus frame as it goes out."""
        if self.version == 0 or not self._encryptor.has_key_ratchet():
            return frame
        sealed = self._encryptor.encrypt(dave.MediaType.audio, self._ssrc, frame)
        assert sealed is not None
        return sealed

    async def begin(self, version: int) -> None:
        """The session is described with this version: whatever was before is over."""
        self.version = version
        self._encryptor = self._make_encryptor()
        if version:
            await self._new_group(version)

    async def text(self, op: int, data: dict[str, Any]) -> None:
        """Handle op 21, 22 or 24."""
        if op in self.deaf_to:
            return
        if op == PREPARE_TRANSITION:
            await self._prepared(data["transition_id"], data["protocol_version"])
        elif op == EXECUTE_TRANSITION:
            self._execute(data["transition_id"])
        elif op == PREPARE_EPOCH and data["epoch"] == 1:
            await self._new_group(data["protocol_version"])

    async def binary(self, op: int, payload: bytes) -> None:
        """Handle ops 25, 27, 29 and 30."""
        known = {str(user) for user in (*self.others, self._user_id)}
        if op == EXTERNAL_SENDER:
            self._session.set_external_sender(payload)
        elif op == PROPOSALS:
            if answer := self._session.process_proposals(payload, known):
                await self._send_binary(COMMIT_WELCOME, answer)
        elif op in (ANNOUNCE_COMMIT, WELCOME):
            transition = int.from_bytes(payload[:2])
            if op == WELCOME:
                outcome: Any = self._session.process_welcome(payload[2:], known)
            else:
                outcome = self._session.process_commit(payload[2:])
            if outcome is dave.RejectType.ignored:
                return
            if outcome is None or outcome is dave.RejectType.failed:
                self.recovered += 1
                await self._send(INVALID, {"transition_id": transition})
                await self._new_group(self._session.get_protocol_version())
                return
            await self._prepared(transition, self._session.get_protocol_version())

    def _make_encryptor(self) -> dave.Encryptor:
        encryptor = dave.Encryptor()
        encryptor.assign_ssrc_to_codec(self._ssrc, dave.Codec.opus)
        return encryptor

    async def _new_group(self, version: int) -> None:
        self._session.init(version, self._channel_id, str(self._user_id), None)
        key_package = self._session.get_marshalled_key_package()
        assert key_package is not None
        await self._send_binary(KEY_PACKAGE, key_package)

    async def _prepared(self, transition: int, version: int) -> None:
        self._pending[transition] = version
        if transition == 0:
            self._execute(0)
        else:
            await self._send(TRANSITION_READY, {"transition_id": transition})

    def _execute(self, transition: int) -> None:
        version = self._pending.pop(transition, None)
        if version is None:
            return
        self.version = version
        if version and self._session.has_established_group():
            self._encryptor.set_key_ratchet(self._session.get_key_ratchet(str(self._user_id)))
