"""One remote client: a reader that never waits for work, and answers in order, or by id as they come."""

import asyncio
import functools
import logging
import re
import time
from collections.abc import Callable, Coroutine
from dataclasses import dataclass
from typing import Any, Protocol

import aiohttp
import msgspec
from aiohttp import web
from msgspec import UNSET

from ..errors import BusyError, ErrorCode, RateLimitedError, SoundboardError, printable
from ..models import Seconds, UserId
from . import closes, protocol, replies
from .actions import Answer
from .auth import Identity, TokenError, Tokens
from .dispatch import Asker, Dispatcher, Job, encoded
from .feed import Feed, Since
from .handlers.about import server_info
from .limits import ConnectionLimits, Cost, Limits
from .outbox import MAX_WAITING, Outbox, Room
from .protocol import Message, RefusedError
from .requests import Authenticate, Subscribe, Unsubscribe
from .scopes import Scope

logger = logging.getLogger("discord.ws_server")
"""The name the protocol promises to people who debug with it."""

MAX_PRESSES = 64
"""Presses of one client without an id that may have yet to begin."""
MAX_AT_ONCE = 8
"""Requests with an id that are carried out at once."""
LOGGED_BYTES = 1000
MAX_FAILED_AUTHENTICATIONS = 5
MAX_UNDECODABLE = 20
UNDECODABLE_WINDOW: Seconds = 10.0
GRACE: Seconds = 60.0
"""How long after its token has expired a connection may renew it."""
GIVEN_UP = "Given up, because the connection signed in as someone else"


@dataclass(frozen=True, slots=True)
class _Pending:
    """An answer in its place in the order: something to send, or a task that brings it."""

    send: Callable[[], None] | None = None
    task: "asyncio.Task[Answer] | None" = None
    job: Job | None = None
    """Whose task it is."""

    @property
    def is_press_under_way(self) -> bool:
        """Whether it waits for a sound to begin."""
        return self.task is not None and not self.task.done() and bool(self.job and self.job.action.starts_sound)


class Host(Protocol):
    """What a connection needs of the server it is one of."""

    dispatcher: Dispatcher
    tokens: Tokens
    limits: Limits
    feed: Feed
    auth_timeout: Seconds

    def spawn(self, work: Coroutine[Any, Any, Answer]) -> "asyncio.Task[Answer]":
        """Run an action to its end, also when its client does not wait for it."""
        ...

    def sign_in(self, connection: "Connection", user_id: UserId) -> bool:
        """Note whose connection it is now; False: they have too many."""
        ...


class Connection:
    """A client, from the upgrade to the close. ``serve`` is its whole life."""

    def __init__(
        self,
        socket: web.WebSocketResponse,
        transport: asyncio.Transport | None,
        *,
        number: int,
        address: str,
        base_url: str,
        host: Host,
    ) -> None:
        self._base_url = base_url
        self._socket = socket
        self._host = host
        self._address = address
        self._name = f"client {number}"
        self._limits: ConnectionLimits = host.limits.connection()
        self._identity: Identity | None = None
        self._timer: asyncio.TimerHandle | None = None
        self._failed = 0
        self._undecodable: list[float] = []
        self._pending: list[_Pending] = []
        self._answering: asyncio.Task[None] | None = None
        self._pending_room = Room()
        self._by_id: dict[replies.RequestId, asyncio.Task[Answer] | None] = {}
        """Requests with an id that are being carried out."""
        self._outbox = Outbox(socket, transport, self._name)
        self.close = self._outbox.close
        self.abort = self._outbox.abort

    async def serve(self) -> None:
        """Greet the client and answer it until either side ends."""
        logger.info("%s connected from %s", self._name, printable(self._address))
        timeout = self._host.auth_timeout
        self._timer = asyncio.get_running_loop().call_later(timeout, self._auth_expired)
        try:
            self._send(replies.Welcome(timestamp=time.time(), auth_timeout=timeout))
            async for message in self._socket:
                if self._outbox.is_over:
                    break
                await self._take(message)
            if self._outbox.is_closing:
                await self._outbox.wait_closed()
        finally:
            self._host.feed.drop(self)
            self._timer.cancel()
            if self._answering is not None:
                self._answering.cancel()
                await asyncio.gather(self._answering, return_exceptions=True)
            self._outbox.end()
            logger.info("%s disconnected (code %s)", self._name, self._socket.close_code)

    # What the feed and the server ask of it

    @property
    def user_id(self) -> UserId:
        """Who has signed in; 0: nobody."""
        return self._identity.user_id if self._identity else UserId(0)

    @property
    def sees_all(self) -> bool:
        """Whether events of all guilds are for it."""
        return bool(self._identity and Scope.ADMIN in self._identity.scopes)

    def deliver(self, data: bytes) -> None:
        """Send an event."""
        if self._signed_in() is not None:
            self._outbox.deliver(data)

    def check_token(self) -> None:
        """Close the connection where its token is good no more."""
        if self._identity is not None and self._host.tokens.is_revoked(self._identity):
            self._host.feed.drop(self)
            self._cancel_work()
            self.close(closes.TOKEN_REVOKED)

    # Reading

    async def _take(self, message: aiohttp.WSMessage) -> None:
        if message.type is aiohttp.WSMsgType.PING:
            self._outbox.pong(message.data)
        elif message.type in (aiohttp.WSMsgType.TEXT, aiohttp.WSMsgType.BINARY) and not self._outbox.is_closing:
            await self._receive(message.data)
        await self._until_room()

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
            self._refuse_undecodable(error)
            return
        if logger.isEnabledFor(logging.DEBUG):
            logger.debug("%s: request %s", self._name, message.redacted())
        asker = Asker(self._name, self._signed_in(), self._address, self._base_url, self._limits.admit)
        try:
            job = self._host.dispatcher.check(message, asker)
            self._reserve(job)
        except SoundboardError as error:
            self._refuse(message, error)
            return
        match request := job.request:
            case Authenticate() if request.protocol != replies.PROTOCOL_VERSION:
                self.close(closes.UNSUPPORTED)
            case Authenticate():
                self._authenticate(message, _token(request))
            case Subscribe() | Unsubscribe():
                self._in_turn(message, functools.partial(self._hear, message, request, self.user_id))
            case _:
                await self._carry_out(job)

    def _reserve(self, job: Job) -> None:
        """Refuse more at once than a connection may have under way."""
        request_id = job.message.id
        if request_id is UNSET:
            under_way = sum(answer.is_press_under_way for answer in self._pending)
            if job.action.starts_sound and under_way >= MAX_PRESSES:
                raise BusyError(f"{MAX_PRESSES} presses of this connection have yet to begin; wait for them")
        elif request_id in self._by_id:
            raise RefusedError(
                ErrorCode.INVALID_FIELD, "A request with this id is still being carried out", {"field": "id"}
            )
        elif not job.action.is_immediate and len(self._by_id) >= MAX_AT_ONCE:
            raise BusyError(f"{MAX_AT_ONCE} requests with an id are being carried out; wait for one of them")

    async def _carry_out(self, job: Job) -> None:
        dispatcher, message = self._host.dispatcher, job.message
        if job.action.is_immediate:
            answer = await dispatcher.run(job)
            assert isinstance(answer, replies.Reply)  # noqa: S101 - no list is immediate
            if message.id is not UNSET or any(pending.is_press_under_way for pending in self._pending):
                self._send(answer)
            else:
                self._answer(answer)
            return
        if message.id is UNSET:
            task = self._host.spawn(dispatcher.run(job))
            self._queue(_Pending(task=task, job=job))
            return
        self._by_id[message.id] = None
        task = self._host.spawn(self._run_by_id(job, message.id))
        if message.id in self._by_id:
            self._by_id[message.id] = task

    async def _run_by_id(self, job: Job, request_id: replies.RequestId) -> Answer:
        try:
            answer = await self._host.dispatcher.run(job)
        except asyncio.CancelledError:
            self._send(_given_up(job))
            raise
        finally:
            del self._by_id[request_id]
        data = await encoded(answer)
        await self._outbox.until_room()
        self._put(data)
        return answer

    def _hear(self, message: Message, request: Subscribe | Unsubscribe, user_id: UserId) -> None:
        """Subscribe or unsubscribe, when its turn to be answered has come: the reply, then what was missed."""
        feed = self._host.feed
        if self.user_id != user_id:
            self._send(protocol.error(ErrorCode.ACTION_ERROR, GIVEN_UP, message.action, message.id))
            return
        if self._signed_in() is None:
            self._send(
                protocol.error(ErrorCode.NOT_AUTHENTICATED, "Authentication required", message.action, message.id)
            )
            return
        try:
            if isinstance(request, Unsubscribe):
                left = feed.unsubscribe(self, request.topics)
                self._send(replies.Unsubscribed(id=message.id, topics=left.topics))
                return
            since = Since(request.since.epoch, request.since.seq) if request.since else None
            heard = feed.subscribe(self, request.topics, since)
        except ValueError as error:
            refusal = RefusedError(ErrorCode.INVALID_FIELD, str(error), {"field": "topics"})
            self._send(self._host.dispatcher.refuse(refusal, message))
            return
        self._send(
            replies.Subscribed(
                id=message.id, topics=heard.topics, epoch=heard.epoch, seq=heard.seq, resync=heard.resync
            )
        )
        for data in heard.missed:
            self._outbox.send(data)

    # Signing in

    def _authenticate(self, message: Message, token: object) -> None:
        try:
            identity = self._host.tokens.check(token)
        except TokenError as error:
            self._failed_authentication(message, error)
            return
        except Exception:  # the same boundary: a fault of ours must not look like a bad token
            logger.exception("%s: trouble with a token", self._name)
            self._answer(
                protocol.error(ErrorCode.AUTH_ERROR, "Internal authentication error", message.action, message.id)
            )
            return
        if not self._host.sign_in(self, identity.user_id):
            self.close(closes.TOO_MANY)
            return
        self._be(identity)
        self._failed = 0
        self._expect_renewal(identity)
        logger.info("%s: authenticated as user %d", self._name, identity.user_id)
        self._answer(
            replies.AuthSuccess(
                id=message.id,
                user_id=str(identity.user_id),
                expires_at=identity.expires_at,
                scopes=tuple(scope for scope in Scope if scope in identity.scopes),
                features=self._host.dispatcher.desk.features,
                server=server_info(),
            )
        )

    def _be(self, identity: Identity) -> None:
        """Speak for this identity from now on; what another user had asked for ends."""
        before, feed = self._identity, self._host.feed
        if before is None:
            self._identity = identity
            return
        topics = feed.unsubscribe(self, ()).topics
        feed.drop(self)
        self._identity = identity
        if before.user_id != identity.user_id:
            self._cancel_work()
        elif topics and Scope.READ in identity.scopes:
            feed.subscribe(self, topics)

    def _failed_authentication(self, message: Message, error: TokenError) -> None:
        wait = self._host.limits.failed(self._address)
        level = logging.INFO if wait is None else logging.DEBUG
        logger.log(level, "%s: authentication failed: %s (%s)", self._name, error, error.reason)
        if wait is None:
            self._answer(protocol.error(ErrorCode.AUTH_FAILED, str(error), message.action, message.id))
        else:
            self._refuse(message, RateLimitedError(wait, "failed authentications"))
        self._failed += 1
        if self._failed >= MAX_FAILED_AUTHENTICATIONS:
            self.close(closes.AUTH_FAILED)

    def _signed_in(self) -> Identity | None:
        identity = self._identity
        return identity if identity and identity.expires_at > time.time() else None

    def _auth_expired(self) -> None:
        if self._identity is None:
            self.close(closes.AUTH_TIMEOUT)

    def _expect_renewal(self, identity: Identity) -> None:
        """Close the connection a while after its token has expired, unless it is renewed."""
        if self._timer is not None:
            self._timer.cancel()
        left = min(identity.expires_at + GRACE - time.time(), _FAR)
        self._timer = asyncio.get_running_loop().call_later(max(left, 0.0), self._token_expired, identity)

    def _token_expired(self, identity: Identity) -> None:
        if identity.expires_at + GRACE > time.time():  # the clock was set, or it was too far ahead for a timer
            self._expect_renewal(identity)
        else:
            self.close(closes.TOKEN_EXPIRED)

    def _cancel_work(self) -> None:
        for task in (*(pending.task for pending in self._pending), *self._by_id.values()):
            if task:
                task.cancel()

    # Answering

    def _refuse(self, message: Message, error: SoundboardError) -> None:
        self._answer(self._host.dispatcher.refuse(error, message))
        if error.code is ErrorCode.RATE_LIMITED and self._limits.refused():
            self.close(closes.ABUSIVE_RATE)

    def _refuse_undecodable(self, error: protocol.ProtocolError) -> None:
        """Answer what is no request; it counts as one."""
        wait = self._limits.admit(self.user_id or None, Cost.REQUEST)
        if wait is None:
            self._answer(protocol.error(error.code, str(error)))
        else:
            refused = RateLimitedError(wait)
            reply = protocol.error(ErrorCode.RATE_LIMITED, str(refused))
            reply.retry_after = refused.retry_after or UNSET
            self._answer(reply)
            if self._limits.refused():
                self.close(closes.ABUSIVE_RATE)
        if error.code is ErrorCode.INVALID_JSON:
            self._count_undecodable()

    def _count_undecodable(self) -> None:
        now = time.monotonic()
        self._undecodable.append(now)
        del self._undecodable[:-MAX_UNDECODABLE]
        if len(self._undecodable) == MAX_UNDECODABLE and now - self._undecodable[0] < UNDECODABLE_WINDOW:
            self.close(closes.NOT_OUR_PROTOCOL)

    def _answer(self, reply: replies.Reply) -> None:
        """Send a reply: one with an id at once, others when all before them have been sent."""
        if reply.id is not UNSET or not self._pending:
            self._send(reply)
        else:
            self._queue(_Pending(send=lambda: self._send(reply)))

    def _in_turn(self, message: Message, send: Callable[[], None]) -> None:
        if message.id is not UNSET or not self._pending:
            send()
        else:
            self._queue(_Pending(send=send))

    def _queue(self, pending: _Pending) -> None:
        self._pending.append(pending)
        if self._answering is None or self._answering.done():
            self._answering = asyncio.get_running_loop().create_task(self._answer_in_order(), name="jeffbot answers")

    async def _answer_in_order(self) -> None:
        while self._pending:
            try:
                await self._answer_one(self._pending[0])
            except Exception:  # the same boundary: it costs this answer, not those behind it
                logger.exception("%s: trouble with an answer", self._name)
                self._send(protocol.error(ErrorCode.INTERNAL_ERROR, "Internal server error"))
            del self._pending[0]
            self._pending_room.tell()

    async def _answer_one(self, pending: _Pending) -> None:
        if pending.task:
            await asyncio.wait([pending.task])
            data = await encoded(_result(pending))
            await self._outbox.until_room()
            self._put(data)
        elif pending.send:
            await self._outbox.until_room()
            pending.send()

    async def _until_room(self) -> None:
        """Let others have their turn, and wait while the client has too much unanswered or unread."""
        await asyncio.sleep(0)
        await self._outbox.until_room()
        while len(self._pending) >= MAX_WAITING and not self._outbox.is_over:
            await self._pending_room.wait()

    def _send(self, reply: replies.Reply) -> None:
        self._put(protocol.encode(reply))

    def _put(self, data: bytes) -> None:
        if logger.isEnabledFor(logging.DEBUG):
            safe = _SECRET.sub(rb"\1***", data[:LOGGED_BYTES])
            shown = printable(safe.decode(errors="replace"), LOGGED_BYTES)
            logger.debug("%s: reply %s", self._name, shown)
        self._outbox.send(data)


_SECRET = re.compile(rb'("(?:token|url)":")[^"]*')
"""What replies carry that lets its bearer in."""
_FAR: Seconds = 86_400.0
"""Timers are set for no longer than this: the clock of the day and that of timers drift apart."""


def _token(request: Authenticate) -> object:
    """What was given as a token."""
    if request.token is UNSET:
        return None
    try:
        return msgspec.json.decode(request.token, type=str | None)
    except msgspec.DecodeError:
        return request.token  # which is none


def _given_up(job: Job) -> replies.ErrorReply:
    return protocol.error(job.action.trouble, GIVEN_UP, job.message.action, job.message.id)


def _result(pending: _Pending) -> Answer:
    assert pending.task is not None  # noqa: S101 - asked only of those
    assert pending.job is not None  # noqa: S101 - likewise
    return _given_up(pending.job) if pending.task.cancelled() else pending.task.result()
