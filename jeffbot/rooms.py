"""What the service needs from the rooms below it."""

from collections.abc import Awaitable, Collection, Coroutine
from typing import Any, Protocol

from .audio.clip import Clip
from .community import GuildView, Membership
from .models import ChannelId, GuildId, NativeSound, PlayOptions, Seconds, Sound, UserId, VoicePlace, VoiceReport
from .playback import Playback


class Progress(Protocol):
    """How many of so many have been seen to."""

    @property
    def done(self) -> int: ...  # noqa: D102
    @property
    def total(self) -> int: ...  # noqa: D102


class Bank(Protocol):
    """The packets of the sounds."""

    @property
    def version(self) -> int:
        """Grows with every duration that becomes known."""
        ...

    def clip(self, sound: Sound) -> Coroutine[Any, Any, Clip]:
        """The sound's Opus packets, or the first of them; or UnplayableSoundError."""
        ...

    def duration(self, sound: Sound) -> Seconds | None:
        """How long the sound is, where that is known."""
        ...

    @property
    def encoding(self) -> Progress:
        """How far encoding ahead is."""
        ...


class Session(Protocol):
    """What the bot does in one guild."""

    @property
    def channel(self) -> str | None:
        """The name of the voice channel the bot is in."""
        ...

    @property
    def place(self) -> VoicePlace | None:
        """That channel."""
        ...

    @property
    def voice(self) -> VoiceReport:
        """How the voice connection is."""
        ...

    @property
    def now_playing(self) -> Playback | None:
        """What is being heard."""
        ...

    @property
    def queue(self) -> tuple[Playback, ...]:
        """What waits, the next one first."""
        ...

    @property
    def paused(self) -> bool:
        """Whether what plays stands still."""
        ...

    async def play(
        self, sound: Sound, user_id: UserId, place: VoicePlace, clip: Awaitable[Clip], options: PlayOptions
    ) -> Playback:
        """Play in its turn; returns when the first packet has left, or the sound waits."""
        ...

    async def play_native(self, sound: Sound, user_id: UserId, place: VoicePlace, *, counted: bool = True) -> Playback:
        """Have Discord's own soundboard play a sound it has, or VoiceUnavailableError."""
        ...

    async def refresh(self) -> None:
        """Deafen itself, or no more, as the guild has it now."""
        ...

    def stop(self, playback_id: str | None = None, user_id: UserId | None = None) -> None:
        """End one sound; or all, and what waits to begin; or what one user pressed alone."""
        ...

    def skip(self) -> bool:
        """End what sounds and go on with what waits; whether anything sounded."""
        ...

    def pause(self, *, paused: bool) -> None:
        """Let what plays stand still, or go on."""
        ...

    @property
    def volume(self) -> float:
        """How loud all is, percent."""
        ...

    def set_volume(self, percent: float) -> None:
        """How loud all is, or LibopusMissingError."""
        ...


class Native(Protocol):
    """Discord's own soundboard."""

    async def list_sounds(self, guild_id: GuildId, *, refresh: bool = False) -> tuple[NativeSound, ...]:
        """The sounds of a guild, or NativeSoundboardError."""
        ...

    async def download(self, sound: NativeSound) -> bytes:
        """A sound's file, or NativeSoundboardError."""
        ...


class Members(Protocol):
    """Who is a member of the bot's guilds."""

    def known(self, user_id: UserId, guild_id: GuildId) -> Membership | None:
        """What someone may do in a guild, as far as that is known without asking Discord; None: it is not."""
        ...

    async def of(self, user_id: UserId, guild_id: GuildId) -> Membership | None:
        """What someone may do in a guild, at most a minute old; None: no member, or none of the bot's guilds.

        Raises a SoundboardError where Discord does not tell.
        """
        ...

    async def guilds(self, user_id: UserId) -> tuple[GuildView, ...]:
        """The guilds that someone shares with the bot; those about which Discord does not tell are left out."""
        ...


class Voice(Protocol):
    """Who is where, and the guilds' sessions."""

    @property
    def native(self) -> Native:
        """Discord's own soundboard."""
        ...

    @property
    def members(self) -> Members:
        """Who is a member of which guild."""
        ...

    def place_of(self, user_id: UserId, guild_id: GuildId | None) -> VoicePlace | None:
        """The voice channel a user is in, in that guild or in any."""
        ...

    def users_in(self, guild_id: GuildId) -> Collection[UserId]:
        """Who is in a voice channel of a guild, at this moment; O(1) to get."""
        ...

    def channel(self, channel_id: ChannelId) -> VoicePlace | None:
        """A voice channel of the bot's guilds."""
        ...

    def may_join(self, user_id: UserId, channel_id: ChannelId) -> bool:
        """Whether a user who is in voice in a guild may join another voice channel of it."""
        ...

    def has_guild(self, guild_id: GuildId) -> bool:
        """Whether the bot is in a guild."""
        ...

    def session(self, guild_id: GuildId) -> Session:
        """The session of a guild, or UnloadedError."""
        ...

    def only_guild(self) -> GuildId | None:
        """The bot's guild, where it is a member of just one."""
        ...

    def diagnose(self, user_id: UserId, guild_id: GuildId) -> tuple[str, ...]:
        """What of voice keeps a member from hearing the bot, in sentences; the most likely cause first."""
        ...
