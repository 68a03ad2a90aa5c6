"""Who is in which voice channel.

Nextcord keeps every guild's voice states but no way from a user to a guild. This keeps one, fed by voice state
updates: O(1) for whoever has moved since the bot saw them; otherwise one pass over the guilds, O(guilds), some 50 ns
each.
"""

import nextcord

from ..models import ChannelId, GuildId, UserId, VoicePlace
from .encryption import VocalChannel


class Directory:
    """The voice channels of all users the bot can see."""

    def __init__(self, client: nextcord.Client) -> None:
        self._client = client
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

    async def on_voice_state_update(
        self, member: nextcord.Member, _before: nextcord.VoiceState, after: nextcord.VoiceState
    ) -> None:
        """Note where a member went; a listener of the bot's event of that name."""
        if after.channel is not None:
            self._last_guild[member.id] = member.guild.id
        elif self._last_guild.get(member.id) == member.guild.id:
            del self._last_guild[member.id]


def _place(guild: nextcord.Guild | None, user_id: int) -> VoicePlace | None:
    state = guild._voice_state_for(user_id) if guild else None  # public only by way of a cached member
    return place_in(state.channel) if state else None


def place_in(channel: VocalChannel | None) -> VoicePlace | None:
    """A voice channel's place; None of none."""
    return VoicePlace(GuildId(channel.guild.id), ChannelId(channel.id), channel.name) if channel else None
