"""The soundboard itself: every use case once, for both doors and for other cogs.

It knows neither Nextcord nor aiohttp. What it needs from the rooms below is named here; ``app.py`` hands it the real
ones.
"""

import logging
import secrets
import time
from collections.abc import Awaitable, Coroutine, Sequence
from typing import Any, Protocol

from .audio.bank import Packets
from .errors import NoSoundsError, NoVoiceChannelError, UnplayableSoundError
from .models import Caller, GuildId, Playback, Seconds, Sound, Status, UserId, VoicePlace
from .tasks import start_now

logger = logging.getLogger(__name__)

RANDOM_TRIES = 5
"""How many sounds ``random`` tries before it passes on that they cannot be played."""


class Catalog(Protocol):
    """Which sounds exist."""

    @property
    def sounds(self) -> tuple[Sound, ...]:
        """Every sound, sorted by name."""
        ...

    @property
    def version(self) -> int:
        """Grows with every change of the sounds."""
        ...

    async def wait_scanned(self) -> None:
        """Wait until the sounds are known."""
        ...

    def find(self, name: str) -> Sound:
        """The sound of this name, or SoundNotFoundError."""
        ...

    def search(self, text: str, limit: int) -> list[Sound]:
        """At most ``limit`` sounds whose name has the text in it, best first."""
        ...


class Bank(Protocol):
    """The packets of the sounds."""

    @property
    def version(self) -> int:
        """Grows with every duration that becomes known."""
        ...

    def packets(self, sound: Sound) -> Coroutine[Any, Any, Packets]:
        """The sound's Opus packets, or UnplayableSoundError."""
        ...

    def duration(self, sound: Sound) -> Seconds | None:
        """How long the sound is, where that is known."""
        ...


class Session(Protocol):
    """What the bot does in one guild."""

    @property
    def channel(self) -> str | None:
        """The name of the voice channel the bot is in."""
        ...

    @property
    def now_playing(self) -> Playback | None:
        """What is being heard."""
        ...

    async def play(self, sound: Sound, user_id: UserId, place: VoicePlace, packets: Awaitable[Packets]) -> Playback:
        """Play in its turn; returns when the first packet has left."""
        ...

    def stop(self) -> None:
        """End what plays and what waits to."""
        ...


class Voice(Protocol):
    """Who is where, and the guilds' sessions."""

    def place_of(self, user_id: UserId, guild_id: GuildId | None) -> VoicePlace | None:
        """The voice channel a user is in, in that guild or in any."""
        ...

    def session(self, guild_id: GuildId) -> Session:
        """The session of a guild, or UnloadedError."""
        ...

    def only_guild(self) -> GuildId | None:
        """The bot's guild, where it is a member of just one."""
        ...


class SoundService:
    """Play sounds where people are.

    Every method takes the :class:`~jeffbot.models.Caller` who asks; a bare user id stands for one without limits.
    """

    def __init__(self, catalog: Catalog, bank: Bank, voice: Voice) -> None:
        self._catalog = catalog
        self._bank = bank
        self._voice = voice
        self._last: dict[GuildId, Sound] = {}

    async def play(self, caller: Caller | int, filename: str) -> Playback:
        """Play a sound in the voice channel the caller is in; returns when its first packet has left.

        Presses of one guild are carried out in order; each begins, and ends the one before it. Cancelling takes the
        press back while it has not begun.

        Raises:
            SoundNotFoundError: The library has no such sound.
            NoVoiceChannelError: The caller is in no voice channel (of the guild they may act on).
            PlaybackError: The sound cannot be played, or the channel not joined; its subclasses say which. One of them
                is UnloadedError, of a soundboard that was unloaded: ``bot.get_cog("Sound").service`` is the new one.
        """
        await self._catalog.wait_scanned()
        caller = _caller(caller)
        sound = self._catalog.find(filename)
        return await self._start(sound, caller.user_id, self._place_of(caller))

    async def random(self, caller: Caller | int) -> Playback:
        """Play any sound, but not the one played last in that guild while there is another.

        Raises:
            NoSoundsError: The library is empty.
            NoVoiceChannelError: As for :meth:`play`.
            PlaybackError: As for :meth:`play`; sounds that turn out unplayable are passed over a few times.
        """
        await self._catalog.wait_scanned()
        caller = _caller(caller)
        sounds = self._catalog.sounds
        if not sounds:
            raise NoSoundsError
        place = self._place_of(caller)
        unplayable: set[str] = set()
        while True:
            sound = self._pick(sounds, place.guild_id, unplayable)
            try:
                return await self._start(sound, caller.user_id, place)
            except UnplayableSoundError:
                unplayable.add(sound.path)
                if len(unplayable) >= min(RANDOM_TRIES, len(sounds)):
                    raise

    async def stop(self, caller: Caller | int) -> None:
        """End what plays in the caller's guild, and every press there that has not begun.

        The guild is the one they are in voice in; for a caller in none the bot's only guild. Does nothing where the
        bot is in several, or nothing plays.
        """
        guild_id = self._guild_of(_caller(caller))
        if guild_id is not None:
            self._voice.session(guild_id).stop()

    def sounds(self, search: str = "", limit: int | None = None) -> Sequence[Sound]:
        """All sounds by name, or at most ``limit`` of those whose name has ``search`` in it, best first."""
        if not search and limit is None:
            return self._catalog.sounds
        return self._catalog.search(search, len(self._catalog.sounds) if limit is None else limit)

    async def wait_ready(self) -> None:
        """Wait until the sounds are known, right after loading; later it returns at once."""
        await self._catalog.wait_scanned()

    @property
    def library_version(self) -> int:
        """Grows whenever the sounds, or what is known of them, change."""
        return self._catalog.version + self._bank.version

    def duration(self, sound: Sound) -> Seconds | None:
        """How long a sound is; None while it has not been encoded."""
        return self._bank.duration(sound)

    def status(self, caller: Caller | int) -> Status:
        """What the bot does in the caller's guild, chosen as for :meth:`stop`."""
        guild_id = self._guild_of(_caller(caller))
        session = None if guild_id is None else self._voice.session(guild_id)
        channel = session.channel if session else None
        return Status(
            connected=channel is not None,
            channel=channel,
            now_playing=session.now_playing if session else None,
            sound_count=len(self._catalog.sounds),
            server_time=time.time(),
        )

    async def _start(self, sound: Sound, user_id: UserId, place: VoicePlace) -> Playback:
        before = self._last.get(place.guild_id)
        self._last[place.guild_id] = sound  # before it has begun: presses begin in the order they are made
        packets = start_now(self._bank.packets(sound), f"jeffbot packets {sound.name}")  # while the channel is joined
        try:
            return await self._voice.session(place.guild_id).play(sound, user_id, place, packets)
        except BaseException:  # a press taken back is a cancellation: it was not heard either; raised on
            if before and self._last[place.guild_id] is sound:
                self._last[place.guild_id] = before
            raise
        finally:
            if not packets.cancel() and not packets.cancelled():
                packets.exception()  # seen: a press that ended otherwise need not have awaited it

    def _place_of(self, caller: Caller) -> VoicePlace:
        place = self._voice.place_of(caller.user_id, caller.guild_id)
        if place is None:
            raise NoVoiceChannelError
        return place

    def _guild_of(self, caller: Caller) -> GuildId | None:
        if place := self._voice.place_of(caller.user_id, caller.guild_id):
            return place.guild_id
        return self._voice.only_guild() if caller.guild_id is None else caller.guild_id

    def _pick(self, sounds: Sequence[Sound], guild_id: GuildId, unplayable: set[str]) -> Sound:
        last = self._last.get(guild_id)
        fresh = [sound for sound in sounds if sound.path not in unplayable]
        others = [sound for sound in fresh if last is None or sound.path != last.path]
        return secrets.choice(others or fresh)


def _caller(caller: Caller | int) -> Caller:
    return caller if isinstance(caller, Caller) else Caller(UserId(caller))
