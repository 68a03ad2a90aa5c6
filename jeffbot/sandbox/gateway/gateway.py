"""The main gateway, versions 9 and 10 (Discord: Events, Gateway): who connects, and who is told what."""

import asyncio
import functools
import math
from collections.abc import Callable

import msgspec
from aiohttp import web

from ..connection import GOING_AWAY, Connection
from ..findings import Findings
from ..interactions.applications import Application
from ..options import Options, Order
from ..world.events import Change, Event, GuildOutage, MemberChanged, VoiceStateChanged
from ..world.guild import Guild
from ..world.payloads import Json
from ..world.world import World
from .client import Client
from .compression import UnknownCompressionError, transport
from .dispatches import dispatches
from .intents import needed
from .opcodes import CloseCode
from .requests import Requests
from .session import Session
from .sessions import Sessions
from .welcome import show

VERSIONS = ("10", "9")
"""Those that Discord calls available; 8, 7 and 6 are deprecated (Discord: Reference, "API Versions")."""
GUILDS_PER_RECOMMENDED_SHARD = 1000
"""Discord recommends about a shard for so many guilds, and names no rule."""


class Gateway:
    """Sessions, their clients, and the news of the world.

    Args:
        world: What the sessions are told about.
        options: Times and numbers.
        findings: Told what clients should not do.
        application_of: Finds the application that a bot token belongs to.
    """

    def __init__(
        self,
        world: World,
        options: Options,
        findings: Findings,
        application_of: Callable[[str], Application | None],
    ) -> None:
        self._world = world
        self._options = options
        self._sessions = Sessions(world, options, findings, application_of)
        self._requests = Requests(world, options)
        self._clients: list[Client] = []
        self._timers: set[asyncio.TimerHandle] = set()
        self._closed = False
        world.subscribe(self._tell)

    @property
    def url(self) -> str:
        """Where it is."""
        return self._sessions.url

    @url.setter
    def url(self, url: str) -> None:
        self._sessions.url = url

    async def serve(self, request: web.Request) -> web.WebSocketResponse:
        """A client connects.

        Raises:
            web.HTTPServiceUnavailable: Discord is going away.
        """
        if self._closed:
            raise web.HTTPServiceUnavailable
        connection = Connection()
        try:
            client = self._admit(connection, request)
        except UnknownCompressionError as error:
            connection.close(CloseCode.INVALID_API_VERSION, str(error))
            client = None
        if client is None:
            return await connection.serve(request, lambda _: None)
        self._clients.append(client)
        try:
            return await connection.serve(request, client.receive)
        finally:
            self._clients.remove(client)
            client.end()
            self._world.touch()

    def sessions_of(self, application: Application) -> list[Session]:
        """This application's sessions, connected or resumable, oldest first."""
        return self._sessions.of(application)

    def describe(self, application: Application) -> Json:
        """What Get Gateway Bot answers."""
        guilds = sum(1 for _ in self._world.guilds_of(application.user))
        return {
            "url": self.url,
            "shards": max(1, math.ceil(guilds / GUILDS_PER_RECOMMENDED_SHARD)),
            "session_start_limit": self._sessions.limits.describe(application),
        }

    def dispatch(self, application: Application, guild: Guild | None, event: str, data: Json) -> None:
        """Send an event that needs no intent to an application: where it sees the guild, or None, to shard 0."""
        encoded = msgspec.json.encode(data)
        for session in self._sessions.of(application):
            if session.sees(guild):
                session.dispatch(event, encoded)

    # What may happen to connections

    def drop(self, application: Application, *, resume: bool, code: int | None) -> None:
        """Close an application's connections with a code, or cut them; with ``resume`` its sessions go on."""
        for client in self._clients_of(application):
            if code is None:
                client.abort()
            else:
                client.close(code)
        if not resume:
            for session in self._sessions.of(application):
                self._sessions.end(session)

    def ask_reconnect(self, application: Application) -> None:
        """Send RECONNECT."""
        for client in self._clients_of(application):
            client.ask_reconnect()

    def ask_heartbeat(self, application: Application) -> None:
        """Ask for heartbeats now."""
        for client in self._clients_of(application):
            client.ask_heartbeat()

    def invalidate(self, application: Application, *, resumable: bool) -> None:
        """Send INVALID_SESSION."""
        for client in self._clients_of(application):
            client.invalidate(resumable=resumable)

    def disconnect_all(self) -> None:
        """Close every connection: Discord goes away."""
        self._closed = True
        for timer in self._timers:
            timer.cancel()
        self._sessions.close()
        for client in self._clients:
            client.close(GOING_AWAY)

    def _clients_of(self, application: Application) -> list[Client]:
        return [client for client in self._clients if client.is_of(application)]

    # Connections

    def _admit(self, connection: Connection, request: web.Request) -> Client | None:
        """Look at what a connection asks for (Gateway, "Gateway URL Query String Params"); None: it is closed."""
        version, encoding = request.query.get("v"), request.query.get("encoding", "json")
        if version not in VERSIONS or encoding != "json":
            reason = f"v={' and v='.join(VERSIONS)} with encoding=json are spoken here"
            connection.close(CloseCode.INVALID_API_VERSION, reason)
            return None
        if compress := request.query.get("compress"):
            connection.encode = transport(compress)
        return Client(connection, self._sessions, self._requests, int(version))

    # News

    def _tell(self, event: Event) -> None:
        """Tell at once; a little later if a bot is out of voice and its voice WebSocket is to be closed first."""
        if not self._sessions.all:
            return
        self._show_guilds(event)
        late = self._options.order is Order.CLOSE_FIRST and _has_left(event)
        for dispatch in dispatches(event):
            if told := [session for session in self._sessions.all if dispatch.reaches(session)]:
                send = functools.partial(_send, told, dispatch.event, msgspec.json.encode(dispatch.data()))
                if late:
                    self._later(self._options.order_gap, send)
                else:
                    send()

    def _later(self, seconds: float, do: Callable[[], None]) -> None:
        def run() -> None:
            self._timers.discard(timer)
            do()

        timer = asyncio.get_running_loop().call_later(seconds, run)
        self._timers.add(timer)

    def _show_guilds(self, event: Event) -> None:
        """Tell bots whose guilds come, go or were out of sight."""
        match event:
            case MemberChanged(guild, member, Change.CREATED):
                for session in self._concerned(guild):
                    if session.user is member.user:
                        show(session, guild, known=False)
            case MemberChanged(guild, member, Change.DELETED):
                left = msgspec.json.encode({"id": str(guild.id)})
                for session in self._sessions.all:
                    is_told = session.user is member.user and session.handles(guild)
                    if is_told and session.wants(needed("GUILD_DELETE", direct=False)):
                        session.dispatch("GUILD_DELETE", left)
            case GuildOutage(guild):
                for session in self._concerned(guild):
                    show(session, guild, known=True)

    def _concerned(self, guild: Guild) -> list[Session]:
        return [session for session in self._sessions.all if session.belongs(guild)]


def _send(sessions: list[Session], event: str, data: bytes) -> None:
    for session in sessions:
        session.dispatch(event, data)


def _has_left(event: Event) -> bool:
    """Whether a bot is out of the voice channel it was in."""
    match event:
        case VoiceStateChanged(_, state, previous):
            return state.user.bot and previous is not None and previous is not state.channel
    return False
