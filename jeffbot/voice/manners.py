"""What a polite bot does in other people's voice channels."""

import asyncio
import logging
from dataclasses import dataclass

import aiohttp
import nextcord

from ..errors import BusyElsewhereError, VoiceTakenError, VoiceUnavailableError
from ..models import Manners, Seconds, TakeAway
from .encryption import VocalChannel

logger = logging.getLogger(__name__)

STAGE_TIMEOUT: Seconds = 2.0
"""How long Discord may take to make us a speaker."""
STAGE_LOOK: Seconds = 0.02
"""How often it is looked whether it has."""


def check_access(guild: nextcord.Guild, channel: VocalChannel) -> None:
    """Refuse a channel that could not be joined: Discord would leave the request unanswered.

    Raises:
        VoiceUnavailableError: Why; VoiceTakenError, where another cog was first.
    """
    if guild.voice_client is not None:
        raise VoiceTakenError
    if lacking := lacking_permissions(channel):
        raise VoiceUnavailableError(f"The bot lacks the permission to {lacking} in {channel.name}")
    if is_full(channel):
        raise VoiceUnavailableError(f"{channel.name} is full")


def lacking_permissions(channel: VocalChannel) -> str:
    """The permissions without which the bot is not heard in a channel, in words; stages have moderators for that."""
    permissions = channel.permissions_for(channel.guild.me)
    needed = ["view_channel", "connect", *(["speak"] if isinstance(channel, nextcord.VoiceChannel) else [])]
    return " and ".join(name.replace("_", " ") for name in needed if not getattr(permissions, name))


def is_full(channel: VocalChannel) -> bool:
    """Whether a channel takes nobody more, the bot included."""
    others = channel.voice_states.keys() - {channel.guild.me.id}
    full = bool(channel.user_limit) and len(others) >= channel.user_limit
    return full and not channel.permissions_for(channel.guild.me).move_members


def why_mute(guild: nextcord.Guild | None) -> str | None:
    """Why nobody would hear the bot in the channel it is in, in words; None: it may speak."""
    voice = _own_voice(guild)
    if voice is None:
        return None
    if voice.mute:
        return "The bot is muted in this server; a moderator has to unmute it"
    if voice.suppress and isinstance(voice.channel, nextcord.StageChannel):
        asked = " and has raised its hand" if voice.requested_to_speak_at else ""
        return f"The bot is in the audience of {voice.channel.name}{asked}; a moderator has to invite it to speak"
    if voice.suppress:
        return f"The bot lacks the permission to speak in {voice.channel}"
    return None


def is_suppressed_for_nothing(guild: nextcord.Guild | None) -> bool:
    """Whether Discord still suppresses the bot for a permission that it has again: joining anew helps."""
    voice = _own_voice(guild)
    if voice is None or not voice.suppress or not isinstance(voice.channel, nextcord.VoiceChannel):
        return False
    return not lacking_permissions(voice.channel)


def _own_voice(guild: nextcord.Guild | None) -> nextcord.VoiceState | None:
    """The bot's voice state, if it is in a channel; right after logging in Nextcord has guilds without members."""
    me: nextcord.Member | None = guild.me if guild else None
    voice = me.voice if me else None
    return voice if voice and voice.channel else None


def check_taking_away(channel: VocalChannel, policy: TakeAway, *, playing: bool) -> None:
    """Refuse to leave a channel where others listen, as far as the policy says.

    Raises:
        BusyElsewhereError: They keep the bot.
    """
    kept = policy is TakeAway.NEVER or (policy is TakeAway.IDLE and playing)
    if kept and people_in(channel):
        raise BusyElsewhereError(channel.name)


def people_in(channel: VocalChannel) -> int:
    """How many people are in a channel; who is not known to be a bot counts as one."""
    members = (channel.guild.get_member(user_id) for user_id in channel.voice_states)
    return sum(member is None or not member.bot for member in members)


async def take_the_stage(guild: nextcord.Guild | None) -> None:
    """On a stage, become a speaker, or raise the hand where that is for a moderator to decide."""
    voice = _own_voice(guild)
    if guild is None or voice is None or not voice.suppress or not isinstance(voice.channel, nextcord.StageChannel):
        return
    permissions = voice.channel.permissions_for(guild.me)
    try:
        async with asyncio.timeout(STAGE_TIMEOUT):
            if permissions.mute_members:
                await guild.me.edit(suppress=False)
                while (voice := _own_voice(guild)) and voice.suppress:  # noqa: ASYNC110 - nothing tells of it
                    await asyncio.sleep(STAGE_LOOK)
            elif permissions.request_to_speak and not voice.requested_to_speak_at:
                await guild.me.request_to_speak()
                while (voice := _own_voice(guild)) and not voice.requested_to_speak_at:  # noqa: ASYNC110
                    await asyncio.sleep(STAGE_LOOK)
    except (nextcord.HTTPException, aiohttp.ClientError, TimeoutError) as error:
        logger.warning("the bot could not ask to speak on a stage of guild %d: %r", guild.id, error)


@dataclass
class Stay:
    """Says when to leave a channel."""

    manners: Manners
    _alone_since: Seconds | None = None
    _idle_since: Seconds | None = None

    def why_leave(self, now: Seconds, channel: VocalChannel, *, playing: bool) -> str | None:
        """Why it is time to leave, in words; asked every now and then, by the monotonic clock."""
        self._alone_since = None if people_in(channel) else self._alone_since or now
        self._idle_since = None if playing else self._idle_since or now
        manners = self.manners
        if manners.alone_seconds and self._alone_since and now - self._alone_since >= manners.alone_seconds:
            return f"alone for {manners.alone_seconds:g} s"
        if manners.idle_seconds and self._idle_since and now - self._idle_since >= manners.idle_seconds:
            return f"nothing to play for {manners.idle_seconds:g} s"
        return None

    def begin(self) -> None:
        """A stay begins, or somebody asks for one: count from now on."""
        self._alone_since = self._idle_since = None
