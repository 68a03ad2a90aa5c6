"""The voice side of one bot: who is where, and a session for each guild."""

import asyncio
import functools
import time
from collections import deque
from typing import Self

import nextcord

from ..errors import UnloadedError, VoiceUnavailableError
from ..models import GuildId, Seconds
from .client import SoundVoiceClient, VocalChannel
from .clock import VoiceClock
from .connector import VoiceConnector
from .directory import Directory
from .session import GuildSession, Publish

MAX_JOINS = 40
JOINS_WINDOW: Seconds = 60.0
"""So many voice channels may be joined within this time. A join costs two of the 120 messages that Discord takes from a
bot in a minute (Discord: Gateway, "Rate Limiting"), and the host needs some of them."""


class Switchboard:
    """All guild sessions. Use it as an async context manager: leaving it leaves every voice channel."""

    def __init__(self, client: nextcord.Client, publish: Publish, *, play_timeout: Seconds) -> None:
        self._client = client
        self._publish = publish
        self._play_timeout = play_timeout
        self._clock = VoiceClock()
        self._sessions: dict[GuildId, GuildSession] = {}
        self._connector = VoiceConnector(client)
        self._closed = False
        self._joins: deque[float] = deque(maxlen=MAX_JOINS)
        self.directory = Directory(client)
        self.place_of = self.directory.place_of

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        self.refuse()
        try:
            await asyncio.gather(*(session.close() for session in self._sessions.values()), return_exceptions=True)
        finally:
            try:
                await self._connector.close()
            finally:
                await asyncio.to_thread(self._clock.close)

    def refuse(self) -> None:
        """From now on give out no sessions; those there are go on until they are closed."""
        self._closed = True

    def session(self, guild_id: GuildId) -> GuildSession:
        """The session of a guild, made when first asked for.

        Raises:
            UnloadedError: The soundboard is being unloaded, or has been.
        """
        if self._closed:
            raise UnloadedError
        session = self._sessions.get(guild_id)
        if session is None:
            find_guild = functools.partial(self._client.get_guild, guild_id)
            session = GuildSession(find_guild, self._join, self._publish, play_timeout=self._play_timeout)
            self._sessions[guild_id] = session
        return session

    def only_guild(self) -> GuildId | None:
        """The bot's guild, where it is a member of just one."""
        guilds = self._client.guilds
        return GuildId(guilds[0].id) if len(guilds) == 1 else None

    async def _join(self, channel: VocalChannel) -> SoundVoiceClient:
        if self._closed:
            raise UnloadedError
        self._spend_a_join()
        cls = functools.partial(SoundVoiceClient, connector=self._connector, clock=self._clock)
        return await channel.connect(timeout=self._play_timeout, reconnect=False, cls=cls)

    def _spend_a_join(self) -> None:
        now = time.monotonic()
        if len(self._joins) == MAX_JOINS and now - self._joins[0] < JOINS_WINDOW:
            wait = JOINS_WINDOW - (now - self._joins[0])
            raise VoiceUnavailableError(f"The bot has changed voice channels too often; try again in {wait:.0f} s")
        self._joins.append(now)
