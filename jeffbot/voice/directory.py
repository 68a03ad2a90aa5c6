"""Who is in which voice channel.

Nextcord keeps every guild's voice states but no way from a user to a guild. This keeps one, fed by voice state
updates: O(1) for whoever has moved since the bot saw them; otherwise one pass over the guilds, O(guilds), some 50 ns
each.
"""

from collections.abc import Callable, Collection
from typing import cast

import nextcord

from ..models import ChannelId, GuildId, UserId, VoicePlace
from .encryption import VocalChannel


class Directory:
    """The voice channels of all users the bot can see.

    Args:
        client: The bot.
        on_moved: Told the guild, when the bot itself came, went or was moved there.
    """

    def __init__(self, client: nextcord.Client, on_moved: Callable[[GuildId], object] = lambda _: None) -> None:
        self._client = client
        self._on_moved = on_moved
        self._last_guild: dict[int, int] = {}

    def place_of(self, user_id: UserId, guild_id: GuildId | None) -> VoicePlace | None:
        """The voice channel a user is in: in that guild, or, without one, in the guild they joined last."""
        if guild_id is not None:
            return _place(self._client.get_guild(guild_id), user_id)
        known = self._last_guild.get(user_id)
        if known is not None and (place := _place(self._client.get_guild(known), user_id)):
            return place
        for guild in self._client.guilds:
            if place := _place(guild, user_id):
                self._last_guild[user_id] = guild.id
                return place
        self._last_guild.pop(user_id, None)
        return None

    def users_in(self, guild_id: GuildId) -> Collection[UserId]:
        """Who is in a voice channel of a guild, bots included; a live view, O(1) to get and to look somebody up in."""
        guild = self._client.get_guild(guild_id)
        return cast("Collection[UserId]", guild._voice_states.keys()) if guild else ()  # public only by channel

    async def on_voice_state_update(
        self, member: nextcord.Member, _before: nextcord.VoiceState, after: nextcord.VoiceState
    ) -> None:
        """Note where a member went; a listener of the bot's event of that name."""
        if after.channel is not None:
            self._last_guild[member.id] = member.guild.id
        elif self._last_guild.get(member.id) == member.guild.id:
            del self._last_guild[member.id]
        if self._client.user and member.id == self._client.user.id:
            self._on_moved(GuildId(member.guild.id))


def _place(guild: nextcord.Guild | None, user_id: int) -> VoicePlace | None:
    state = guild._voice_state_for(user_id) if guild else None  # public only by way of a cached member
    return place_in(state.channel) if state else None


def place_in(channel: VocalChannel | None) -> VoicePlace | None:
    """A voice channel's place; None of none."""
    return VoicePlace(GuildId(channel.guild.id), ChannelId(channel.id), channel.name) if channel else None
