"""The voice side of one bot: who is where, and a session for each guild."""

import asyncio
import functools
import logging
import time
from collections.abc import Callable
from typing import Self

import nextcord

from ..errors import UnloadedError
from ..models import ChannelId, GuildId, Manners, Seconds, UserId, VoicePlace
from ..news import GuildLeft, Publish
from .clock import VoiceClock
from .connector import VoiceConnector
from .diagnosis import diagnose
from .directory import Directory, place_in
from .joiner import Joiner
from .members import GuildMembers
from .native import NativeSoundboard
from .session import GuildSession

logger = logging.getLogger(__name__)

TICK: Seconds = 1.0
"""How often sessions are looked after. Cost: O(guilds) of a few microseconds."""


class Switchboard:
    """All guild sessions. Use it as an async context manager: leaving it leaves every voice channel."""

    def __init__(
        self,
        client: nextcord.Client,
        publish: Publish,
        *,
        manners: Manners,
        play_timeout: Seconds,
        prefers_native: Callable[[GuildId], bool] = lambda _: False,
    ) -> None:
        self._client = client
        self._publish = publish
        self._manners = manners
        self._play_timeout = play_timeout
        self._watching: asyncio.Task[None] | None = None
        self._clock = VoiceClock()
        self._sessions: dict[GuildId, GuildSession] = {}
        self._connector = VoiceConnector(client)
        self._prefers_native = prefers_native
        self._joiner = Joiner(client, self._connector, self._is_deaf)
        self.native = NativeSoundboard(client)
        self.members = GuildMembers(client)
        self._closed = False
        self.directory = Directory(client, self._moved)
        self.place_of = self.directory.place_of
        self.users_in = self.directory.users_in

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
                await self.members.close()
                self._clock.close()
                await asyncio.to_thread(self._clock.join)

    def refuse(self) -> None:
        """From now on give out no sessions; those there are go on until they are closed."""
        self._closed = True
        self._joiner.close()

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
                self._joiner,
                self._clock,
                self._publish,
                native=self.native,
                manners=self._manners,
                play_timeout=self._play_timeout,
            )
            self._sessions[guild_id] = session
        return session

    def _is_deaf(self, guild_id: GuildId) -> bool:
        return self._manners.deaf and not self._prefers_native(guild_id)

    def channel(self, channel_id: ChannelId) -> VoicePlace | None:
        """A voice channel of the bot's guilds."""
        channel = self._client.get_channel(channel_id)
        return place_in(channel) if isinstance(channel, nextcord.VoiceChannel | nextcord.StageChannel) else None

    def may_join(self, user_id: UserId, channel_id: ChannelId) -> bool:
        """Whether a user who is in voice in a guild may join another voice channel of it."""
        channel = self._client.get_channel(channel_id)
        if not isinstance(channel, nextcord.VoiceChannel | nextcord.StageChannel):
            return False
        member = channel.guild.get_member(user_id)
        if member is None:
            return False
        allowed = channel.permissions_for(member)
        return allowed.view_channel and allowed.connect

    def has_guild(self, guild_id: GuildId) -> bool:
        """Whether the bot is in a guild."""
        return self._client.get_guild(guild_id) is not None

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

    def hurry(self, guild_id: GuildId) -> None:
        """Discord tells of a guild again."""
        if session := self._sessions.get(guild_id):
            session.hurry()

    async def forget(self, guild_id: GuildId) -> None:
        """The bot is no longer in a guild."""
        if session := self._sessions.pop(guild_id, None):
            await session.close()
        self._publish(GuildLeft(guild_id))

    def _moved(self, guild_id: GuildId) -> None:
        """The bot is in another voice channel of a guild than it was, or in none."""
        if session := self._sessions.get(guild_id):
            session.tell_voice()

    async def _watch(self) -> None:
        while True:
            await asyncio.sleep(TICK)
            now = time.monotonic()
            for guild_id, session in tuple(self._sessions.items()):
                try:
                    session.tick(now)
                except Exception:  # a boundary: one guild's trouble must not leave the others unwatched
                    logger.exception("trouble with looking after voice in guild %d", guild_id)
