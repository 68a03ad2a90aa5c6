"""A call with a clock that is moved by hand, and a bot whose messages are on their way until they are delivered."""

import heapq
import itertools
from collections import deque
from collections.abc import Callable
from typing import Any

import dave

from jeffbot.sandbox.voice.dave import Group, How, Listener, Op

CHANNEL_ID = 810
OPUS = b"\xfc" + bytes(range(60))
SSRC = 4242
CLIENTS_CONNECT, CLIENT_DISCONNECT, SESSION_DESCRIPTION = 11, 13, 4


class Alarm:
    def __init__(self) -> None:
        self.cancelled = False

    def cancel(self) -> None:
        self.cancelled = True


class Clock:
    """What ``loop.call_later`` would do, when told that time has passed."""

    def __init__(self) -> None:
        self.now = 0.0
        self._calls: list[tuple[float, int, Alarm, Callable[[], None]]] = []
        self._order = itertools.count()

    def call_later(self, seconds: float, callback: Callable[[], None]) -> Alarm:
        alarm = Alarm()
        heapq.heappush(self._calls, (self.now + seconds, next(self._order), alarm, callback))
        return alarm

    def advance(self, seconds: float) -> None:
        end = self.now + seconds
        while self._calls and self._calls[0][0] <= end:
            self.now, _, alarm, callback = heapq.heappop(self._calls)
            if not alarm.cancelled:
                callback()
        self.now = end

    @property
    def waiting(self) -> int:
        """How many calls are to come."""
        return sum(not alarm.cancelled for _, _, alarm, _ in self._calls)


class Bot:
    """A client across the network, which follows protocol.md with libdave; ``deaf_to`` names the ops it ignores.

    Messages to it are in ``inbox`` until it handles them, those from it in ``outbox`` until they arrive.
    """

    def __init__(self, user_id: int, *, max_version: int = 1, deaf_to: set[int] | None = None) -> None:
        self.user_id = user_id
        self.max_version = max_version
        self.deaf_to = deaf_to or set()
        self.mute_on: set[int] = set()
        """The ops it does not send."""
        self.inbox: deque[tuple[int, Any]] = deque()
        self.outbox: deque[tuple[int, Any]] = deque()
        self.received: list[int] = []
        self.sent: list[int] = []
        self.kept: list[bytes] = []
        """The commits it made."""
        self.version = 0
        self.failures: list[str] = []
        self.session = dave.Session(lambda source, reason: self.failures.append(f"{source}: {reason}"))
        self.key = dave.SignatureKeyPair.generate(1)
        self.encryptor = dave.Encryptor()
        self.encryptor.assign_ssrc_to_codec(SSRC, dave.Codec.opus)
        self.recognised = {str(user_id)}
        self.prepared: dict[int, int] = {}

    def send(self, op: int, data: dict[str, Any]) -> None:
        self.inbox.append((op, data))

    def send_binary(self, op: int, payload: bytes) -> None:
        self.inbox.append((op, payload))

    def encrypt(self, opus: bytes = OPUS) -> bytes:
        """A frame as it would be sent now."""
        if self.version == 0 or not self.encryptor.has_key_ratchet():
            return opus
        encrypted = self.encryptor.encrypt(dave.MediaType.audio, SSRC, opus)
        assert encrypted is not None
        return encrypted

    def handle_one(self) -> None:
        """Take the next message from the inbox."""
        op, data = self.inbox.popleft()
        self.received.append(op)
        if op not in self.deaf_to:
            self._handle(op, data)

    def _handle(self, op: int, data: Any) -> None:
        if isinstance(data, bytes):
            self._handle_binary(op, data)
        elif op == SESSION_DESCRIPTION:
            self.version = data["dave_protocol_version"]
            if self.version:
                self._begin(self.version)
        elif op == CLIENTS_CONNECT:
            self.recognised |= set(data["user_ids"])
        elif op == CLIENT_DISCONNECT:
            self.recognised.discard(data["user_id"])
        elif op == Op.PREPARE_TRANSITION:
            self._prepare(data["transition_id"], data["protocol_version"])
        elif op == Op.EXECUTE_TRANSITION:
            self._execute(data["transition_id"])
        elif op == Op.PREPARE_EPOCH:
            self._begin(data["protocol_version"])

    def _handle_binary(self, op: int, data: bytes) -> None:
        if op == Op.EXTERNAL_SENDER:
            self.session.set_external_sender(data)
        elif op == Op.PROPOSALS:
            if commit_welcome := self.session.process_proposals(data, self.recognised):
                self._say(Op.COMMIT_WELCOME, commit_welcome)
        elif op == Op.ANNOUNCE_COMMIT:
            roster = self.session.process_commit(data[2:])
            if roster is not dave.RejectType.ignored:
                self._join_epoch(int.from_bytes(data[:2]), valid=roster is not dave.RejectType.failed)
        elif op == Op.WELCOME:
            members = self.session.process_welcome(data[2:], self.recognised)
            self._join_epoch(int.from_bytes(data[:2]), valid=members is not None)

    def _begin(self, version: int) -> None:
        self.session.init(version, CHANNEL_ID, str(self.user_id), self.key)
        self._say(Op.KEY_PACKAGE, self.session.get_marshalled_key_package())

    def _join_epoch(self, transition_id: int, *, valid: bool) -> None:
        version = self.session.get_protocol_version()
        if valid:
            self._prepare(transition_id, version)
        else:
            self._say(Op.INVALID_COMMIT_WELCOME, {"transition_id": transition_id})
            self._begin(version)

    def _prepare(self, transition_id: int, version: int) -> None:
        self.prepared[transition_id] = version
        if transition_id == 0:
            self._execute(0)
        else:
            self._say(Op.TRANSITION_READY, {"transition_id": transition_id})

    def _execute(self, transition_id: int) -> None:
        version = self.prepared.pop(transition_id, None)
        if version is None:
            return
        self.version = version
        if version == 0:
            self.session.reset()
        elif self.session.has_established_group():
            self.encryptor.set_key_ratchet(self.session.get_key_ratchet(str(self.user_id)))
        else:
            self.encryptor.set_key_ratchet(None)

    def _say(self, op: int, data: Any) -> None:
        self.sent.append(op)
        if op == Op.COMMIT_WELCOME:
            self.kept.append(data)
        if op not in self.mute_on:
            self.outbox.append((op, data))


class Call:
    """A group, who is in it, and what the voice gateway around it does."""

    def __init__(self, **options: Any) -> None:
        self.clock = Clock()
        self.notes: list[tuple[int, str]] = []
        self.group = Group(CHANNEL_ID, self.clock.call_later, lambda *note: self.notes.append(note), **options)
        self.bots: dict[int, Bot] = {}
        self.listeners: dict[int, Listener] = {}

    def enter(self, bot: Bot) -> Bot:
        """A bot has selected its protocol."""
        others = self.group.user_ids
        bot.send(SESSION_DESCRIPTION, {"dave_protocol_version": self.group.version_with(bot.max_version)})
        bot.send(CLIENTS_CONNECT, {"user_ids": [str(user_id) for user_id in others]})
        self._tell(CLIENTS_CONNECT, {"user_ids": [str(bot.user_id)]})
        self.bots[bot.user_id] = bot
        self.group.join(bot)
        return bot

    def add_bot(self, user_id: int, **options: Any) -> Bot:
        return self.enter(Bot(user_id, **options))

    def add_listener(self, user_id: int, **options: float) -> Listener:
        listener = self.listeners[user_id] = Listener(user_id, self.group, self.clock.call_later, **options)
        self._tell(CLIENTS_CONNECT, {"user_ids": [str(user_id)]})
        listener.join()
        return listener

    def remove(self, user_id: int) -> None:
        bot, listener = self.bots.pop(user_id, None), self.listeners.pop(user_id, None)
        self._tell(CLIENT_DISCONNECT, {"user_id": str(user_id)})
        if listener:
            listener.leave()
        elif bot:
            bot.inbox.clear()
            bot.outbox.clear()
            self.group.leave(user_id)

    def _tell(self, op: int, data: dict[str, Any]) -> None:
        for bot in self.bots.values():
            bot.send(op, data)

    def deliver(self, bot: Bot) -> None:
        """Let the next message of a bot arrive."""
        op, data = bot.outbox.popleft()
        if isinstance(data, bytes):
            self.group.receive_binary(bot.user_id, op, data)
        else:
            self.group.receive(bot.user_id, op, data)

    def steps(self) -> list[Callable[[], None]]:
        """All messages that could arrive next."""
        steps: list[Callable[[], None]] = [bot.handle_one for bot in self.bots.values() if bot.inbox]
        return steps + [lambda bot=bot: self.deliver(bot) for bot in self.bots.values() if bot.outbox]

    def settle(self, choose: Callable[[list[Any]], Any] = lambda steps: steps[0]) -> None:
        """Let all messages arrive, in an order that may be chosen."""
        for _ in range(1000):
            if not (steps := self.steps()):
                return
            choose(steps)()
        raise AssertionError("the call does not settle")

    def hearing(self, bot: Bot) -> set[How]:
        """How the listeners hear this bot's next frame; all that is heard must be what was sent."""
        frame = bot.encrypt()
        heard = [listener.decrypt(bot.user_id, frame) for listener in self.listeners.values()]
        assert all(opus in (OPUS, None) for _, opus in heard)
        return {how for how, _ in heard}

    def assert_encrypted(self) -> None:
        """Everyone is in the group, and every listener decrypts every bot's next frame."""
        assert self.group.version == 1
        assert sorted(self.group.member_ids) == sorted(self.group.user_ids)
        assert self.group.settled
        for bot in self.bots.values():
            assert self.hearing(bot) == {How.ENCRYPTED}, bot.user_id
