"""The voice side of one bot: who is where, and a session for each guild."""

import asyncio
import functools
import time
from collections import deque
from typing import Self

import nextcord

from ..errors import UnloadedError, VoiceUnavailableError
from ..models import GuildId, Manners, Seconds, UserId, VoicePlace
from .client import OnLost, SoundVoiceClient
from .clock import VoiceClock
from .connector import VoiceConnector
from .diagnosis import diagnose
from .directory import Directory
from .manners import check_access, take_the_stage
from .session import GuildSession, Publish

MAX_JOINS = 40
JOINS_WINDOW: Seconds = 60.0
"""So many voice channels may be joined within this time. A join costs two of the 120 messages that Discord takes from a
bot in a minute (Discord: Gateway, "Rate Limiting"), and the host needs some of them."""


TICK: Seconds = 1.0
"""How often sessions are looked after. Cost: O(guilds) of a few microseconds."""


class Switchboard:
    """All guild sessions. Use it as an async context manager: leaving it leaves every voice channel."""

    def __init__(self, client: nextcord.Client, publish: Publish, *, manners: Manners, play_timeout: Seconds) -> None:
        self._client = client
        self._publish = publish
        self._manners = manners
        self._play_timeout = play_timeout
        self._watching: asyncio.Task[None] | None = None
        self._clock = VoiceClock()
        self._sessions: dict[GuildId, GuildSession] = {}
        self._connector = VoiceConnector(client)
        self._closed = False
        self._joins: deque[float] = deque(maxlen=MAX_JOINS)
        self.directory = Directory(client)
        self.place_of = self.directory.place_of

    async def __aenter__(self) -> Self:
        self._watching = asyncio.create_task(self._watch(), name="jeffbot voice")
        return self

    async def __aexit__(self, *_: object) -> None:
        self.refuse()
        if self._watching:
            self._watching.cancel()
        try:
            await asyncio.gather(*(session.close() for session in self._sessions.values()), return_exceptions=True)
        finally:
            try:
                await self._connector.close()
            finally:
                self._clock.close()
                await asyncio.to_thread(self._clock.join)

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
            session = GuildSession(
                guild_id,
                find_guild,
                self._join,
                self._clock,
                self._publish,
                manners=self._manners,
                play_timeout=self._play_timeout,
            )
            self._sessions[guild_id] = session
        return session

    def only_guild(self) -> GuildId | None:
        """The bot's guild, where it is a member of just one."""
        guilds = self._client.guilds
        return GuildId(guilds[0].id) if len(guilds) == 1 else None

    def diagnose(self, user_id: UserId, guild_id: GuildId) -> tuple[str, ...]:
        """What of voice keeps a member of a guild from hearing the bot, in sentences; the most likely cause first.

        Raises:
            UnloadedError: As for :meth:`session`.
        """
        guild = self._client.get_guild(guild_id)
        if guild is None or guild.unavailable:
            return ("The bot is not in this server, or Discord has not told it about the server yet. Try again later.",)
        return diagnose(guild, user_id, self.session(guild_id).voice)

    def renew(self, shard_id: int | None = None) -> None:
        """The bot, or one of its shards, has a new session with Discord: join anew what the old one had joined.

        Mends: Nextcord forgets its voice clients then and lets them go on sending where nobody hears them.
        """
        for guild_id, session in self._sessions.items():
            guild = self._client.get_guild(guild_id)
            if shard_id is None or (guild and guild.shard_id == shard_id):
                session.renew()

    async def forget(self, guild_id: GuildId) -> None:
        """The bot is no longer in a guild."""
        if session := self._sessions.pop(guild_id, None):
            await session.close()

    async def _watch(self) -> None:
        while True:
            await asyncio.sleep(TICK)
            now = time.monotonic()
            for session in tuple(self._sessions.values()):
                session.tick(now)

    async def _join(self, place: VoicePlace, on_lost: OnLost) -> SoundVoiceClient:
        if self._closed:
            raise UnloadedError
        guild = self._client.get_guild(place.guild_id)
        channel = guild.get_channel(place.channel_id) if guild else None
        if guild is None or not isinstance(channel, nextcord.VoiceChannel | nextcord.StageChannel):
            raise VoiceUnavailableError("The voice channel is gone")
        check_access(guild, channel)
        self._spend_a_join()
        cls = functools.partial(SoundVoiceClient, connector=self._connector, on_lost=on_lost, deaf=self._manners.deaf)
        client = await channel.connect(timeout=self._play_timeout, reconnect=False, cls=cls)
        if isinstance(channel, nextcord.StageChannel):
            await take_the_stage(self._client, channel)
        return client

    def _spend_a_join(self) -> None:
        now = time.monotonic()
        if len(self._joins) == MAX_JOINS and now - self._joins[0] < JOINS_WINDOW:
            wait = JOINS_WINDOW - (now - self._joins[0])
            raise VoiceUnavailableError(f"The bot has changed voice channels too often; try again in {wait:.0f} s")
        self._joins.append(now)
