"""A session of a bot: begun by IDENTIFY, it outlives its connection and keeps what was missed."""

import asyncio
import secrets
from collections import deque
from collections.abc import Callable

from ..connection import Connection
from ..interactions.applications import Application
from ..world.guild import Guild
from ..world.values import User
from .intents import Intents
from .opcodes import CloseCode, Op


class Session:
    """Numbers events and sends them, or keeps them until its client is back.

    Args:
        application: Whose it is.
        intents: What it wants to be told.
        shard: The number of this shard, and how many there are (Discord: Gateway, "Sharding").
        connection: Where events go.
        large_threshold: Guilds of more members are large (Discord: Gateway Events, "Identify").
        buffered: How many events are kept to be sent again.
    """

    def __init__(
        self,
        application: Application,
        intents: Intents,
        shard: tuple[int, int],
        connection: Connection,
        *,
        large_threshold: int,
        buffered: int,
    ) -> None:
        self.id = secrets.token_hex(16)
        self.application = application
        self.intents = intents
        self.shard = shard
        self.large_threshold = large_threshold
        self.resumes = 0
        """How often its client has resumed."""
        self.joins: dict[int, asyncio.TimerHandle] = {}
        """Wishes to join voice that are not granted yet, by guild."""
        self._sequence = 0
        self._events: deque[bytes] = deque(maxlen=buffered)
        self._connection = connection
        self._sent_before_loss = 0
        self._expiry: asyncio.TimerHandle | None = None

    @property
    def user(self) -> User:
        """The bot's account."""
        return self.application.user

    @property
    def connected(self) -> bool:
        """Whether it has an open connection."""
        return not self._connection.closing

    @property
    def could_resume(self) -> bool:
        """Whether its client, which is gone, would have been let back; Discord's 4009 says to begin anew."""
        whole = self._sequence - self._sent_before_loss <= len(self._events)
        return not self.connected and whole and self._connection.close_code != CloseCode.SESSION_TIMED_OUT

    def is_on(self, connection: Connection) -> bool:
        """Whether this is its connection, rather than one that it had."""
        return self._connection is connection

    # What it is told

    def wants(self, needed: Intents) -> bool:
        """Whether the bot asked for events that need this intent, or none."""
        return not needed or bool(self.intents & needed)

    def handles(self, guild: Guild | None) -> bool:
        """Whether this is the guild's shard, or the one for what happens in none ("Sharding")."""
        number, count = self.shard
        return (guild.id >> 22) % count == number if guild else number == 0

    def belongs(self, guild: Guild) -> bool:
        """Whether the guild is one of those that READY would list."""
        return self.user.id in guild.members and self.handles(guild)

    def sees(self, guild: Guild | None) -> bool:
        """Whether it is told what happens in a guild, or in none; not during an outage."""
        return self.handles(None) if guild is None else not guild.unavailable and self.belongs(guild)

    def dispatch(self, event: str, data: bytes) -> None:
        """Send an event, whose data is JSON; or keep it for later."""
        self._sequence += 1
        message = b'{"t":"%b","s":%d,"op":%d,"d":%b}' % (event.encode(), self._sequence, Op.DISPATCH, data)
        self._events.append(message)
        self._connection.send_json(message)

    # Connections

    def lose(self, window: float, expire: Callable[[], None]) -> None:
        """The connection is gone: wait ``window`` seconds for another."""
        self._sent_before_loss = self._sequence
        self._expiry = asyncio.get_running_loop().call_later(window, expire)

    def resume(self, connection: Connection, sequence: int) -> bool:
        """Go on with another connection, first with what was missed; False if not all of it is there any more.

        Raises:
            ProtocolError: 4007, the client cannot have received so much.
        """
        missed = self._sequence - sequence
        if sequence < 0 or missed < 0:
            raise CloseCode.INVALID_SEQ.error()
        if missed > len(self._events):
            return False
        self.stop_waiting()
        if self._connection is not connection:
            self._connection.close(CloseCode.UNKNOWN_ERROR, "The session was resumed elsewhere.")
        self._connection = connection
        for message in list(self._events)[len(self._events) - missed :]:
            connection.send_json(message)
        self.resumes += 1
        self.dispatch("RESUMED", b'{"_trace":[]}')
        return True

    def stop_waiting(self) -> None:
        """Do not expire."""
        if self._expiry:
            self._expiry.cancel()
            self._expiry = None

    def end(self) -> None:
        """Nothing is to happen any more."""
        self.stop_waiting()
        for timer in self.joins.values():
            timer.cancel()
        self.joins.clear()
