"""The voice side of one bot: who is where, and a session for each guild."""

import asyncio
import functools
from typing import Self

import nextcord

from ..models import GuildId, Seconds
from .client import SoundVoiceClient, VoiceConnector
from .directory import Directory
from .session import GuildSession, VocalChannel


class Switchboard:
    """All guild sessions. Use it as an async context manager: leaving it leaves every voice channel."""

    def __init__(self, client: nextcord.Client, *, play_timeout: Seconds) -> None:
        self._client = client
        self._play_timeout = play_timeout
        self._sessions: dict[GuildId, GuildSession] = {}
        self._connector = VoiceConnector(client)
        self.directory = Directory(client)
        self.place_of = self.directory.place_of

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        try:
            await asyncio.gather(*(session.close() for session in self._sessions.values()))
        finally:
            self._sessions.clear()
            await self._connector.close()

    def session(self, guild_id: GuildId) -> GuildSession:
        """The session of a guild, made when first asked for."""
        session = self._sessions.get(guild_id)
        if session is None:
            find_guild = functools.partial(self._client.get_guild, guild_id)
            session = GuildSession(find_guild, self._join, play_timeout=self._play_timeout)
            self._sessions[guild_id] = session
        return session

    def connected_guilds(self) -> list[GuildId]:
        """The guilds in which the bot is in voice or on its way."""
        return [guild_id for guild_id, session in self._sessions.items() if session.in_use]

    async def _join(self, channel: VocalChannel) -> SoundVoiceClient:
        cls = functools.partial(SoundVoiceClient, connector=self._connector)
        return await channel.connect(timeout=self._play_timeout, reconnect=False, cls=cls)
