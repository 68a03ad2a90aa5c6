"""What can be done about that which plays in a guild."""

from collections.abc import Collection

from ..errors import NotPlayingError
from ..models import MAX_VOLUME, Caller, GuildId
from ..playback import Playback
from ..rooms import Session, Voice
from .audit import Audit
from .callers import caller_of, guild_of, may_manage, need_guild
from .entrances import Entrances
from .guilds import Guilds
from .starting import Starter


class Controls:
    """A part of :class:`~jeffbot.service.SoundService`. The guild is the one the caller is in voice in.

    For a caller in none it is the bot's only guild.
    """

    _voice: Voice
    _starter: Starter
    guilds: Guilds
    entrances: Entrances
    audit: Audit

    async def stop(self, caller: Caller | int, playback_id: str | None = None, *, mine: bool = False) -> None:
        """End what plays and waits in the caller's guild, and every press there that has not begun; or a part of it.

        Does nothing where the bot is in several guilds and the caller in voice in none, or nothing plays.

        Args:
            caller: Who asks.
            playback_id: That one alone.
            mine: What the caller pressed alone.
        """
        caller = caller_of(caller)
        guild_id = self._guild_of(caller)
        with self.audit.noted(caller, "stop", guild_id=guild_id, target=playback_id or ("mine" if mine else None)):
            if guild_id is None:
                return
            if playback_id is None and not mine:
                self.entrances.stop(guild_id)
            self._voice.session(guild_id).stop(playback_id, caller.user_id if mine else None)

    async def skip(self, caller: Caller | int) -> None:
        """End what sounds in the caller's guild, and go on with what waits.

        Raises:
            NotPlayingError: Nothing sounds there.
        """
        with self.audit.noted(caller_of(caller), "skip", guild_id=self._guild_of(caller_of(caller))):
            session = self._session_of(caller)
            if session is None or not session.skip():
                raise NotPlayingError

    async def pause(self, caller: Caller | int) -> None:
        """Let what plays in the caller's guild stand still until :meth:`resume`, or a press that does not wait.

        Raises:
            NotPlayingError: Nothing sounds there.
        """
        with self.audit.noted(caller_of(caller), "pause", guild_id=self._guild_of(caller_of(caller))):
            session = self._session_of(caller)
            if session is None or session.now_playing is None:
                raise NotPlayingError
            session.pause(paused=True)

    async def resume(self, caller: Caller | int) -> None:
        """Go on after a pause.

        Raises:
            NotPlayingError: Nothing stands still there.
        """
        with self.audit.noted(caller_of(caller), "resume", guild_id=self._guild_of(caller_of(caller))):
            session = self._session_of(caller)
            if session is None or not session.paused:
                raise NotPlayingError
            session.pause(paused=False)

    async def set_volume(self, caller: Caller | int, percent: float) -> None:
        """How loud all sounds are in the caller's guild, what plays now included, until the bot restarts.

        Said by who manages the guild, it is remembered.

        Raises:
            ValueError: It is not 0 to 200.
            NoVoiceChannelError: The caller is in no voice channel of a guild they may act on.
            LibopusMissingError: This machine cannot change it.
            StoreError: It is as loud now, but cannot be remembered.
        """
        if not 0 <= percent <= MAX_VOLUME:
            raise ValueError(f"volume must be 0 to {MAX_VOLUME:g} percent")
        caller = caller_of(caller)
        with self.audit.noted(caller, "volume", guild_id=self._guild_of(caller), target=f"{percent:g} %"):
            guild_id = need_guild(caller, self._voice)
            self._starter.set_volume(guild_id, percent)
            if may_manage(caller, guild_id, self._voice):
                await self.guilds.keep(guild_id, volume=float(percent))

    def queue(self, caller: Caller | int) -> tuple[Playback, ...]:
        """What waits in the caller's guild, the next one first."""
        session = self._session_of(caller)
        return session.queue if session else ()

    async def unqueue(self, caller: Caller | int, playback_ids: Collection[str] | None = None) -> None:
        """Take sounds out of those that wait, or with None all; those that do not wait are passed over."""
        caller = caller_of(caller)
        guild_id = self._guild_of(caller)
        target = "all" if playback_ids is None else " ".join(playback_ids)
        with self.audit.noted(caller, "queue", guild_id=guild_id, target=target[:1000]):
            session = self._session_of(caller)
            for playback in self.queue(caller):
                if session and (playback_ids is None or playback.id in playback_ids):
                    session.stop(playback.id)

    def guild_of(self, caller: Caller | int) -> GuildId | None:
        """The guild someone means: the one they may act on, the one they are in voice in, or the bot's only one."""
        return self._guild_of(caller_of(caller))

    def _session_of(self, caller: Caller | int) -> Session | None:
        guild_id = self._guild_of(caller_of(caller))
        return None if guild_id is None else self._voice.session(guild_id)

    def _guild_of(self, caller: Caller) -> GuildId | None:
        return guild_of(caller, self._voice)
