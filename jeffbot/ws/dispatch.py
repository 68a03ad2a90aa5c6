"""From a message to a reply: the one place where a request is allowed or refused. WebSocket and HTTP go through it."""

import logging
from collections.abc import Callable, Collection
from dataclasses import dataclass
from typing import TYPE_CHECKING

import msgspec
from msgspec import UNSET

from ..errors import ErrorCode, RateLimitedError, SoundboardError, printable
from ..models import Caller, ChannelId, GuildId, Seconds, Standing, UserId
from . import protocol, replies
from .actions import ACTIONS, Action, Answer, Reach
from .auth import Identity, parse_snowflake
from .desk import Call, Desk
from .limits import Cost
from .listings import WholeListing, joined
from .protocol import Message, RefusedError
from .requests import Player, Request, Targeted
from .scopes import Scope

if TYPE_CHECKING:
    from ..service.targets import Targets

logger = logging.getLogger("discord.ws_server")

type Admit = Callable[[UserId | None, Cost], Seconds | None]


@dataclass(frozen=True, slots=True)
class Asker:
    """Who sends messages, and from where."""

    name: str
    """For the log."""
    identity: Identity | None
    address: str
    base_url: str
    """Where this server is for them."""
    admit: Admit
    """Asks the limits: None, or after how many seconds it may be tried again."""


@dataclass(frozen=True, slots=True)
class Job:
    """A request that may be carried out."""

    message: Message
    action: Action
    request: Request
    asker: Asker


class Dispatcher:
    """Allows requests and carries them out."""

    def __init__(self, desk: Desk, targets: "Targets") -> None:
        self.desk = desk
        self._targets = targets

    def check(self, message: Message, asker: Asker) -> Job:
        """What is to be done about a message.

        Raises:
            SoundboardError: It is refused; :meth:`refuse` makes a reply of it.
        """
        action = ACTIONS.get(message.action)
        identity = asker.identity
        known = action if action and (identity or action.scope is None) else None
        wait = asker.admit(identity.user_id if identity else None, known.cost if known else Cost.REQUEST)
        if wait is not None:
            raise RateLimitedError(wait, "presses" if known and known.cost is Cost.PRESS else "requests")
        if not message.action:
            raise RefusedError(ErrorCode.MISSING_ACTION, 'Message missing required "action" field')
        if identity is None and known is None:
            raise RefusedError(ErrorCode.NOT_AUTHENTICATED, "Authentication required")
        if action is None:
            name = printable(message.action, protocol.MAX_ECHO)
            raise RefusedError(ErrorCode.UNKNOWN_ACTION, f'Unknown action "{name}"')
        if message.has_bad_id:
            raise RefusedError(
                ErrorCode.INVALID_FIELD,
                '"id" has to be a text of 1 to 64 characters, or an integer within ±2^53',
                {"field": "id"},
            )
        job = Job(message, action, self._read(message, action), asker)
        self._allow(job)
        return job

    async def run(self, job: Job) -> Answer:
        """The reply to a request: what it asked for, or why that could not be done."""
        action, message = job.action, job.message
        assert action.handler is not None  # noqa: S101 - those without one are not run here
        try:
            call = Call(await self._caller(job), job.asker.identity, job.asker.base_url)
            answer = await action.handler(self.desk, call, job.request)
        except SoundboardError as error:
            return protocol.refusal(error, action.trouble, message)
        except Exception:  # the boundary of the doors: a bug in an action is that action's error
            logger.exception("%s: trouble with %s", job.asker.name, action.name)
            return protocol.error(action.trouble, action.trouble_message, message.action, message.id)
        reply = answer.reply if isinstance(answer, WholeListing) else answer
        if isinstance(reply, replies.Playing):
            user_id, title, channel = call.caller.user_id, printable(reply.title), printable(reply.channel)
            logger.info("%s: user %d plays %s in %s", job.asker.name, user_id, title, channel)
        reply.id = message.id
        return answer

    def refuse(self, error: SoundboardError, message: Message) -> replies.ErrorReply:
        """The reply to a message that :meth:`check` refused."""
        action = ACTIONS.get(message.action)
        return protocol.refusal(error, action.trouble if action else ErrorCode.ACTION_ERROR, message)

    def _read(self, message: Message, action: Action) -> Request:
        try:
            request = message.request(action.request)
        except msgspec.ValidationError as error:
            field, what = protocol.explain(error)
            raise _bad_field(action, field, what) from None
        if action.bad_field and not getattr(request, action.bad_field[0]):
            raise _bad_field(action, action.bad_field[0], "empty")
        return request

    def _allow(self, job: Job) -> None:
        """Refuse what the token does not allow."""
        needed, identity = job.action.needs(job.request), job.asker.identity
        if needed is None or (identity and needed in identity.scopes):
            return
        if identity:
            self._note_refusal(job, self.caller(identity, job.asker.address), ErrorCode.FORBIDDEN)
        raise RefusedError(
            ErrorCode.FORBIDDEN,
            f'This token may not do that: it lacks the scope "{needed}"',
            {"required_scope": str(needed)},
        )

    async def _caller(self, job: Job) -> Caller:
        """Who asks, where they mean, and what they may do there.

        Raises:
            TargetNotFoundError: They may not act there.
        """
        identity = job.asker.identity
        if identity is None:
            return Caller(UserId(0))
        caller = self.caller(identity, job.asker.address)
        if not isinstance(job.request, Targeted):
            return caller
        try:
            return await self._placed(caller, job.action, job.request, identity.scopes)
        except SoundboardError as error:
            self._note_refusal(job, caller, error.code)
            raise

    async def _placed(self, caller: Caller, action: Action, request: Targeted, scopes: Collection[Scope]) -> Caller:
        guild_id = None if request.guild_id is None else GuildId(_snowflake(request.guild_id, "guild_id"))
        channel_id = None if request.channel_id is None else ChannelId(_snowflake(request.channel_id, "channel_id"))
        if action.reach is Reach.VOICE:
            caller = self._targets.heard(caller, guild_id, channel_id)
            if not (isinstance(request, Player) and request.volume is not UNSET):
                return caller  # a manager's volume is remembered; all else here is everybody's to do
            guild_id, channel_id = caller.guild_id, None
        manages = action.manages and Scope.MANAGE in scopes
        return await self._targets.kept(caller, guild_id, channel_id, manages=manages)

    def _note_refusal(self, job: Job, caller: Caller, code: ErrorCode | None) -> None:
        """Have it in the audit where it would have changed something; what is carried out is noted by the service."""
        if job.action.is_change(job.request):
            self.desk.service.audit.note(caller, job.action.name, code or "failed", target=_target(job.request))

    def caller(self, identity: Identity, address: str) -> Caller:
        """Whom a token speaks for, wherever they are."""
        standing = Standing.OPERATOR if Scope.ADMIN in identity.scopes else Standing.MEMBER
        return Caller(identity.user_id, standing=standing, token_id=identity.token_id, address=address)

    async def of_guild(self, caller: Caller, guild_id: str | None) -> Caller:
        """The caller, acting on what a guild keeps that they are a member of.

        Raises:
            TargetNotFoundError: They are not, or there is no such guild.
        """
        named = None if guild_id is None else GuildId(_snowflake(guild_id, "guild_id"))
        return await self._targets.kept(caller, named, None, manages=False)


async def encoded(answer: Answer) -> bytes:
    """An answer as JSON; a long list is put together where nobody waits for it."""
    return await joined(answer) if isinstance(answer, WholeListing) else protocol.encode(answer)


def _bad_field(action: Action, field: str, what: str) -> RefusedError:
    if action.bad_field and field in {action.bad_field[0], ""}:
        _, code, message = action.bad_field
        return RefusedError(code, message)
    return RefusedError(ErrorCode.INVALID_FIELD, what, {"field": field} if field else {})


def _target(request: Request) -> str | None:
    """What a request names, for the audit."""
    named = {name: getattr(request, name, None) for name in ("filename", "guild_id", "channel_id")}
    return printable(" ".join(f"{name}:{value}" for name, value in named.items() if value is not None)) or None


def _snowflake(value: str | int, field: str) -> int:
    try:
        return parse_snowflake(value)
    except ValueError as error:
        raise RefusedError(ErrorCode.INVALID_FIELD, f'"{field}": {error}', {"field": field}) from None
