"""Joins voice channels, no oftener than Discord allows the whole bot."""

import asyncio
import functools
import random
import time
from collections import deque
from collections.abc import Callable
from typing import Any

import nextcord

from ..errors import UnloadedError, VoiceUnavailableError
from ..models import GuildId, Seconds, VoicePlace
from .client import OnLost, SoundVoiceClient
from .connector import VoiceConnector
from .encryption import VocalChannel
from .manners import check_access, is_full, lacking_permissions

MAX_JOINS = 40
JOINS_WINDOW: Seconds = 60.0
"""So many voice channels may be joined within this time. A join costs two of the 120 messages that Discord takes from a
bot in a minute (Discord: Gateway, "Rate Limiting"), and the host needs some of them."""
RESERVED = 10
"""So many of them are kept for presses, whatever has to be joined anew."""
TRY_TIMEOUT: Seconds = 4.0
"""How long one join may take: what was asked for may have been lost on the way."""
LOOK_AGAIN: Seconds = 0.25
"""How often it is looked whether the main gateway is back."""


class Joiner:
    """One bot's way into voice channels."""

    def __init__(self, client: nextcord.Client, connector: VoiceConnector, is_deaf: Callable[[GuildId], bool]) -> None:
        self._client = client
        self._connector = connector
        self._is_deaf = is_deaf
        self._closed = False
        self._joins: deque[float] = deque(maxlen=MAX_JOINS)

    def close(self) -> None:
        """Join no more."""
        self._closed = True

    async def join(self, place: VoicePlace, on_lost: OnLost) -> SoundVoiceClient:
        """Join a channel, once.

        Raises:
            UnloadedError: The soundboard is being unloaded.
            VoiceUnavailableError: It may not be joined; or, with a cause, it cannot be joined at present.
            TimeoutError: It took longer than TRY_TIMEOUT.
            nextcord.ConnectionClosed: The voice gateway refused it.
            aiohttp.ClientError: The voice gateway cannot be reached; or OSError.
        """
        if self._closed:
            raise UnloadedError
        if not self._is_connected(place.guild_id):
            raise VoiceUnavailableError("The bot is not connected to Discord") from ConnectionError()
        channel = self._channel(place)
        if channel is None:
            guild = self._client.get_guild(place.guild_id)
            if guild is None or guild.unavailable:
                raise VoiceUnavailableError("Discord has not told the bot about the server yet") from ConnectionError()
            raise VoiceUnavailableError("The voice channel is gone")
        check_access(channel.guild, channel)
        self._spend_a_join()
        is_deaf = functools.partial(self._is_deaf, place.guild_id)
        cls = functools.partial(SoundVoiceClient, connector=self._connector, on_lost=on_lost, is_deaf=is_deaf)
        return await channel.connect(timeout=TRY_TIMEOUT, reconnect=False, cls=cls)

    async def wait_turn(self, guild_id: GuildId) -> None:
        """Wait until a join that nobody waits for may be tried: for the main gateway, and for others to go first."""
        while not self._closed:
            if not self._is_connected(guild_id):
                await asyncio.sleep(LOOK_AGAIN)
            elif wait := self._wait_for(MAX_JOINS - RESERVED):
                await asyncio.sleep(wait + random.random())  # noqa: S311 - many guilds wait for the same moment
            else:
                return

    def could_join(self, place: VoicePlace) -> bool:
        """Whether the bot would be let into a channel."""
        channel = self._channel(place)
        return channel is not None and not lacking_permissions(channel) and not is_full(channel)

    def _channel(self, place: VoicePlace) -> VocalChannel | None:
        guild = self._client.get_guild(place.guild_id)
        channel = guild.get_channel(place.channel_id) if guild else None
        return channel if isinstance(channel, nextcord.VoiceChannel | nextcord.StageChannel) else None

    def _is_connected(self, guild_id: GuildId) -> bool:
        gateway: Any = self._client._connection._get_websocket(guild_id)
        return gateway is not None and bool(gateway.open)

    def _wait_for(self, most: int) -> Seconds:
        """How long until fewer than so many joins lie within the window; 0: they do."""
        if len(self._joins) < most:
            return 0.0
        return max(0.0, self._joins[-most] + JOINS_WINDOW - time.monotonic())

    def _spend_a_join(self) -> None:
        if wait := self._wait_for(MAX_JOINS):
            raise VoiceUnavailableError(f"The bot has changed voice channels too often; try again in {wait:.0f} s")
        self._joins.append(time.monotonic())
