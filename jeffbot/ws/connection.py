"""One remote client: a reader that never waits for work, answers in order, one writer with a bounded queue."""

import asyncio
import logging
import time
from collections import deque
from collections.abc import Callable, Coroutine
from dataclasses import dataclass
from typing import Any, Protocol

import aiohttp
import msgspec
from aiohttp import web

from ..errors import ErrorCode, SoundboardError, printable
from ..models import Caller, Seconds
from . import protocol
from .actions import ACTIONS, AUTHENTICATE, IMMEDIATE, UNAUTHENTICATED, Action, Actions
from .auth import BAD_FORMAT, Identity, TokenError

logger = logging.getLogger("discord.ws_server")
"""The name the protocol promises to people who debug with it."""

MAX_PRESSES = 64
"""Presses of one client that may have yet to begin."""
MAX_WAITING = 256
"""Answers that may wait for those before them, or for the client to read; meanwhile nothing further of it is read."""
MAX_WAITING_BYTES = 1 << 20
"""Likewise for answers that the client has yet to read, together; a single answer may be longer."""
SEND_TIMEOUT: Seconds = 5.0
"""How long a client may take to read one answer, and to agree to a close."""
LOGGED_BYTES = 1000
MAX_FAILED_AUTHENTICATIONS = 5
MAX_UNDECODABLE = 20
UNDECODABLE_WINDOW: Seconds = 10.0


@dataclass(frozen=True, slots=True)
class Close:
    """How a connection is ended: a code of ``docs/api.md`` and at most 123 bytes of reason (RFC 6455, section 5.5)."""

    code: int
    reason: str


AUTH_TIMEOUT = Close(4001, "not authenticated in time")
NOT_OUR_PROTOCOL = Close(4002, "too many messages that are not JSON")
AUTH_FAILED = Close(4004, "too many failed authentications")
SHUTTING_DOWN = Close(1001, "shutting down")


GIVEN_UP = "Given up, because the connection signed in as someone else"


class TokenChecker(Protocol):
    """Tells whom a token speaks for."""

    def check(self, token: object) -> Identity:
        """The identity, or TokenError."""
        ...


@dataclass(frozen=True, slots=True)
class _Answer:
    """An answer in its place in the order: a reply, or, with a task, the reply if that is cancelled."""

    reply: protocol.Reply
    task: "asyncio.Task[protocol.Reply] | None" = None
    starts_sound: bool = False

    @property
    def is_press_under_way(self) -> bool:
        """Whether it waits for a sound to begin."""
        return self.starts_sound and self.task is not None and not self.task.done()


type Spawn = Callable[[Coroutine[Any, Any, protocol.Reply]], "asyncio.Task[protocol.Reply]"]


class Connection:
    """A client, from the upgrade to the close. ``serve`` is its whole life."""

    def __init__(
        self,
        socket: web.WebSocketResponse,
        request: web.Request,
        *,
        number: int,
        actions: Actions,
        tokens: TokenChecker,
        spawn: Spawn,
        auth_timeout: Seconds,
    ) -> None:
        self._socket = socket
        self._transport = request.transport
        self._name = f"client {number}"
        self._peer = request.remote or "unknown"
        self._actions = actions
        self._tokens = tokens
        self._spawn = spawn
        self._auth_timeout = auth_timeout
        self._identity: Identity | None = None
        self._failed = 0
        self._undecodable: deque[float] = deque(maxlen=MAX_UNDECODABLE)
        self._pending: deque[_Answer] = deque()
        self._pending_changed = asyncio.Event()
        self._outgoing: deque[bytes] = deque()
        self._outgoing_bytes = 0
        self._outgoing_changed = asyncio.Event()
        self._room = asyncio.Event()
        self._close: Close | None = None
        self._over = False

    async def serve(self) -> None:
        """Greet the client and answer it until either side ends."""
        logger.info("%s connected from %s", self._name, self._peer)
        loop = asyncio.get_running_loop()
        tasks = [loop.create_task(self._write()), loop.create_task(self._answer_in_order())]
        auth_timer = loop.call_later(self._auth_timeout, self._auth_expired)
        try:
            self._send(protocol.Welcome(timestamp=time.time(), auth_timeout=self._auth_timeout))
            async for message in self._socket:
                if self._over:
                    break
                if self._close is None and message.type in (aiohttp.WSMsgType.TEXT, aiohttp.WSMsgType.BINARY):
                    await self._receive(message.data)
                    await self._until_room(lambda: len(self._pending) < MAX_WAITING)
            if self._close is not None:
                await asyncio.wait(tasks[:1], timeout=SEND_TIMEOUT)
        finally:
            auth_timer.cancel()
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
            logger.info("%s disconnected (code %s)", self._name, self._socket.close_code)

    def close(self, close: Close) -> None:
        """Send what waits to be sent, then close; at once, without waiting for it."""
        if self._close is None:
            self._close = close
            self._outgoing_changed.set()

    def abort(self) -> None:
        """Drop the connection without a word."""
        self._writing_is_over()
        if self._transport is not None:
            self._transport.abort()

    # Reading

    async def _receive(self, data: str | bytes) -> None:
        try:
            await self._handle(data)
        except Exception:  # the boundary of this transport: a bug must cost one answer, not the connection
            logger.exception("%s: trouble with a message", self._name)
            self._answer(protocol.error(ErrorCode.INTERNAL_ERROR, "Internal server error"))

    async def _handle(self, data: str | bytes) -> None:
        try:
            message = protocol.parse(data)
        except protocol.ProtocolError as error:
            logger.debug("%s: a message of %d bytes is refused: %s", self._name, len(data), error.code)
            self._answer(protocol.error(error.code, str(error)))
            if error.code is ErrorCode.INVALID_JSON:
                self._count_undecodable()
            return
        if logger.isEnabledFor(logging.DEBUG):
            logger.debug("%s: request %s", self._name, message.redacted())
        if not message.action:
            self._refuse(message, ErrorCode.MISSING_ACTION, 'Message missing required "action" field')
        elif message.action == AUTHENTICATE:
            self._authenticate(message)
        elif self._caller() is None and message.action not in UNAUTHENTICATED:
            self._refuse(message, ErrorCode.NOT_AUTHENTICATED, "Authentication required")
        elif (action := ACTIONS.get(message.action)) is None:
            name = printable(message.action, protocol.MAX_ECHO)
            self._refuse(message, ErrorCode.UNKNOWN_ACTION, f'Unknown action "{name}"')
        else:
            await self._carry_out(message, action)

    async def _carry_out(self, message: protocol.Message, action: Action) -> None:
        try:
            request = message.request(action.request)
            if isinstance(request, protocol.Play) and not request.filename:
                raise msgspec.ValidationError("empty")
        except msgspec.ValidationError as error:
            self._refuse(message, *action.refusal(error))
            return
        if message.action in IMMEDIATE:
            reply = await self._run(message, action, request)
            if any(answer.is_press_under_way for answer in self._pending):
                self._send(reply)
            else:
                self._answer(reply)
        elif action.starts_sound and sum(answer.is_press_under_way for answer in self._pending) >= MAX_PRESSES:
            text = f"{MAX_PRESSES} presses of this connection have yet to begin; wait for them"
            self._refuse(message, action.trouble, text)
        else:
            task = self._spawn(self._run(message, action, request))
            given_up = protocol.error(action.trouble, GIVEN_UP, message.action, message.id)
            self._answer(given_up, task, starts_sound=action.starts_sound)

    async def _run(self, message: protocol.Message, action: Action, request: protocol.Request) -> protocol.Reply:
        caller = self._caller()
        try:
            reply = await action.handler(self._actions, caller, request)  # type: ignore[arg-type]  # None: ping
        except SoundboardError as error:
            return protocol.error(error.code or action.trouble, str(error), message.action, message.id)
        except Exception:  # the same boundary: a bug in an action is that action's error
            logger.exception("%s: trouble with %s", self._name, message.action)
            return protocol.error(action.trouble, action.trouble_message, message.action, message.id)
        if isinstance(reply, protocol.Playing) and caller:
            title, channel = printable(reply.title), printable(reply.channel)
            logger.info("%s: user %d plays %s in %s", self._name, caller.user_id, title, channel)
        reply.id = message.id
        return reply

    def _authenticate(self, message: protocol.Message) -> None:
        try:
            identity = self._tokens.check(_token(message))
        except TokenError as error:
            logger.info("%s: authentication failed: %s (%s)", self._name, error, error.reason)
            self._refuse(message, ErrorCode.AUTH_FAILED, str(error))
            self._failed += 1
            if self._failed >= MAX_FAILED_AUTHENTICATIONS:
                self.close(AUTH_FAILED)
            return
        except Exception:  # the same boundary: a fault of ours must not look like a bad token
            logger.exception("%s: trouble with a token", self._name)
            self._refuse(message, ErrorCode.AUTH_ERROR, "Internal authentication error")
            return
        if self._identity and self._identity.user_id != identity.user_id:
            self._cancel_work()
        self._identity = identity
        self._failed = 0
        logger.info("%s: authenticated as user %d", self._name, identity.user_id)
        reply = protocol.AuthSuccess(user_id=str(identity.user_id), expires_at=identity.expires_at)
        reply.id = message.id
        self._answer(reply)

    def _caller(self) -> Caller | None:
        identity = self._identity
        return Caller(identity.user_id) if identity and identity.expires_at > time.time() else None

    def _refuse(self, message: protocol.Message, code: ErrorCode, text: str) -> None:
        self._answer(protocol.error(code, text, message.action, message.id))

    def _count_undecodable(self) -> None:
        now = time.monotonic()
        self._undecodable.append(now)
        if len(self._undecodable) == MAX_UNDECODABLE and now - self._undecodable[0] < UNDECODABLE_WINDOW:
            self.close(NOT_OUR_PROTOCOL)

    def _auth_expired(self) -> None:
        if self._identity is None:
            self.close(AUTH_TIMEOUT)

    def _cancel_work(self) -> None:
        for answer in self._pending:
            if answer.task:
                answer.task.cancel()

    # Answering

    def _answer(
        self,
        reply: protocol.Reply,
        task: "asyncio.Task[protocol.Reply] | None" = None,
        *,
        starts_sound: bool = False,
    ) -> None:
        """Send a reply, or that of the task, when all before it have been sent."""
        if task is None and not self._pending:
            self._send(reply)
        else:
            self._pending.append(_Answer(reply, task, starts_sound))
            self._pending_changed.set()

    async def _answer_in_order(self) -> None:
        while True:
            while self._pending:
                answer = self._pending[0]
                if answer.task:
                    await asyncio.wait([answer.task])
                await self._until_room()
                self._pending.popleft()
                self._room.set()
                done = answer.task if answer.task and not answer.task.cancelled() else None
                self._send(done.result() if done else answer.reply)
            self._pending_changed.clear()
            await self._pending_changed.wait()

    async def _until_room(self, more: Callable[[], bool] = lambda: True) -> None:
        """Let the writer have its turn, and wait while the client does not read what it is sent."""
        await asyncio.sleep(0)
        while not self._over and not (
            len(self._outgoing) < MAX_WAITING and self._outgoing_bytes < MAX_WAITING_BYTES and more()
        ):
            self._room.clear()
            await self._room.wait()

    def _send(self, reply: protocol.Reply) -> None:
        data = protocol.encode(reply)
        if logger.isEnabledFor(logging.DEBUG):
            logger.debug(
                "%s: reply %s", self._name, printable(data[:LOGGED_BYTES].decode(errors="replace"), LOGGED_BYTES)
            )
        self._outgoing.append(data)
        self._outgoing_bytes += len(data)
        self._outgoing_changed.set()

    async def _write(self) -> None:
        try:
            while True:
                while self._outgoing:
                    data = self._outgoing[0]
                    async with asyncio.timeout(SEND_TIMEOUT):
                        await self._socket.send_frame(data, aiohttp.WSMsgType.TEXT)
                    self._outgoing.popleft()
                    self._outgoing_bytes -= len(data)
                    self._room.set()
                if self._close is not None:
                    async with asyncio.timeout(SEND_TIMEOUT):
                        await self._socket.close(code=self._close.code, message=self._close.reason.encode()[:123])
                    return
                self._outgoing_changed.clear()
                await self._outgoing_changed.wait()
        except TimeoutError:
            logger.info("%s does not read its answers and is dropped", self._name)
            self.abort()
        except (ConnectionError, aiohttp.ClientError) as error:
            logger.debug("%s: could not be answered: %r", self._name, error)
        finally:
            self._writing_is_over()

    def _writing_is_over(self) -> None:
        self._over = True
        self._room.set()


def _token(message: protocol.Message) -> str | None:
    try:
        return message.request(protocol.Authenticate).token
    except msgspec.ValidationError:
        raise TokenError(BAD_FORMAT, "not text") from None
