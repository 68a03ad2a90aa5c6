"""Where someone acts, and what they may do there: made out of what a request names.

Nothing here waits for whoever just presses a sound; only looking after things asks Discord who someone is, and that is
remembered for a minute.
"""

import dataclasses

from ..errors import TargetNotFoundError
from ..models import Caller, ChannelId, GuildId, Standing
from ..rooms import Voice
from .callers import guild_of


class Targets:
    """Finds the guild and voice channel that a caller means."""

    def __init__(self, voice: Voice) -> None:
        self._voice = voice

    def heard(self, caller: Caller, guild_id: GuildId | None, channel_id: ChannelId | None) -> Caller:
        """The caller, acting on what plays there: where they are in voice themselves; who runs the bot, anywhere.

        Raises:
            TargetNotFoundError: There is no such place, or they are not in that guild's voice.
        """
        if guild_id is None and channel_id is None:
            return caller
        guild_id = self._named(guild_id, channel_id)
        own = self._voice.place_of(caller.user_id, guild_id)
        if caller.standing is not Standing.OPERATOR:
            if own is None:
                raise TargetNotFoundError
            if channel_id and channel_id != own.channel_id and not self._voice.may_join(caller.user_id, channel_id):
                raise TargetNotFoundError
        return dataclasses.replace(caller, guild_id=guild_id, channel_id=channel_id)

    async def kept(
        self, caller: Caller, guild_id: GuildId | None, channel_id: ChannelId | None, *, manages: bool
    ) -> Caller:
        """The caller, acting on what a guild keeps: one they are a member of; who runs the bot, any.

        Args:
            caller: Who asks.
            guild_id: The guild they named.
            channel_id: A voice channel of it that they named.
            manages: Whether their rights as a manager of it are to count, too.

        Raises:
            TargetNotFoundError: There is no such guild, or they are no member.
            MembersUnknownError: Discord does not tell.
        """
        named = guild_id is not None or channel_id is not None
        guild_id = self._named(guild_id, channel_id) if named else guild_of(caller, self._voice)
        if guild_id is None or (caller.standing is Standing.OPERATOR and not named):
            return caller
        standing = caller.standing
        is_here = self._voice.place_of(caller.user_id, guild_id) is not None
        if standing is not Standing.OPERATOR and (manages or (named and not is_here)):
            member = await self._voice.members.of(caller.user_id, guild_id)
            if member is None and not is_here:
                raise TargetNotFoundError
            if manages and member and member.manages:
                standing = Standing.MANAGER
        return dataclasses.replace(caller, guild_id=guild_id, standing=standing)

    def _named(self, guild_id: GuildId | None, channel_id: ChannelId | None) -> GuildId:
        """The guild of what was named."""
        if channel_id is not None:
            place = self._voice.channel(channel_id)
            if place is None or guild_id not in {None, place.guild_id}:
                raise TargetNotFoundError
            return place.guild_id
        if guild_id is None or not self._voice.has_guild(guild_id):
            raise TargetNotFoundError
        return guild_id
