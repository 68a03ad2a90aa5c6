"""Playing sounds where people are."""

import asyncio
import logging
import secrets
import time
from collections.abc import Callable, Collection, Sequence
from typing import Any

from ..errors import (
    NoSoundsError,
    NoVoiceChannelError,
    UnplayableSoundError,
    printable,
)
from ..events import EventHub
from ..library.catalog import Catalog
from ..library.names import fold
from ..models import (
    Caller,
    GuildId,
    LinkState,
    Mode,
    PlayOptions,
    Retrigger,
    Seconds,
    Sound,
    VoiceReport,
)
from ..news import News
from ..playback import Encoding, Playback, SoundStarted, Status
from ..rooms import Bank, Members, Voice
from ..store.store import Store
from ..store.values import Played
from .audit import Audit
from .bin import BinService
from .callers import caller_of, place_of
from .changes import Changes
from .collections import Collections
from .controls import Controls
from .diagnosis import checked, silence
from .entrances import Entrances
from .files import Files
from .guilds import Guilds
from .library import LibraryService
from .numbers import Statistics
from .people import People
from .revocations import Revocations
from .starting import Starter

logger = logging.getLogger(__name__)

RANDOM_TRIES = 5
"""How many sounds ``random`` tries before it passes on that they cannot be played."""


class SoundService(Controls):
    """Play sounds where people are.

    Every method takes the :class:`~jeffbot.models.Caller` who asks; a bare user id stands for one without limits.
    """

    def __init__(
        self,
        *,
        catalog: Catalog,
        bank: Bank,
        voice: Voice,
        store: Store,
        events: EventHub[News],
        files: Files,
        defaults: PlayOptions | None = None,
    ) -> None:
        self._catalog = catalog
        self._bank = bank
        self._voice = voice
        self._store = store
        self._events = events
        self._defaults = defaults or PlayOptions()
        self.guilds = Guilds(store, voice, self._defaults, events.publish)
        """What guilds remember."""
        self.audit = Audit(store)
        """Who did what."""
        self._starter = Starter(bank, voice, self.guilds)
        self.entrances = Entrances(
            catalog=catalog,
            store=store,
            voice=voice,
            guilds=self.guilds,
            is_greeted=lambda user_id: self.people.choices(user_id).greeted,
            play=self._starter.start,
            publish=events.publish,
        )
        """Sounds for who comes and goes."""
        self.people = People(catalog, store, voice, self.entrances, events.publish)
        """Favourites, choices, privacy."""
        self._changes = changes = Changes()
        self.library = LibraryService(
            catalog=catalog, store=store, voice=voice, files=files, changes=changes, entrances=self.entrances
        )
        """Looking after the sounds."""
        self.bin = BinService(catalog, store, voice, files, changes)
        """Deleting them, and bringing them back."""
        self.collections = Collections(catalog, store, self.library, files.scratch)
        """Whole collections in and out."""
        self.numbers = Statistics(store, voice, self.guilds)
        """What was played."""
        self.revocations = Revocations(store)
        """Tokens that are good no more."""
        events.subscribe(self._count)
        catalog.changes.subscribe(events.publish)

    async def load(self) -> None:
        """Read what guilds and people have set; to be called when the store was opened, or changed by others.

        Raises:
            StoreError: It cannot be read.
        """
        await self.guilds.load()
        await self.people.load()
        await self.entrances.load()
        await self.revocations.load()

    async def wait_changed(self) -> None:
        """Wait until the changes under way have been carried out."""
        await self._changes.wait()
        await self.revocations.wait_changed()

    @property
    def members(self) -> Members:
        """Who is a member of which guild."""
        return self._voice.members

    def subscribe(self, listener: Callable[[News], object]) -> Callable[[], None]:
        """Have a listener called in the event loop with all news, in the order it happens; see :mod:`jeffbot.news`.

        Beginnings and ends of sounds (SoundStarted, SoundEnded) are among it. What comes back ends that.
        """
        return self._events.subscribe(listener)

    async def play(
        self,
        caller: Caller | int,
        filename: str,
        *,
        mode: Mode | str | None = None,
        retrigger: Retrigger | str | None = None,
        volume: float | None = None,
        gain: float | None = None,
    ) -> Playback:
        """Play a sound in the voice channel the caller is in; returns when its first packet has left, or it waits.

        Presses of one guild are carried out in order, and each begins. Cancelling takes the press back while it has
        not begun.

        Args:
            caller: Who asks.
            filename: The sound's name, with or without extension.
            mode: ``replace``, ``overlap``, ``queue`` or ``next``: what it does to what plays already.
            retrigger: ``restart``, ``overlap`` or ``ignore``: what it does where the same sound plays.
            volume: Percent of amplitude, 0 to 200.
            gain: Decibels beside it, -24 to 24. What is left out is as the settings say.

        Raises:
            ValueError: There is no such mode, or a number is out of bounds.
            SoundNotFoundError: The library has no such sound.
            NoVoiceChannelError: The caller is in no voice channel (of the guild they may act on).
            PlaybackError: The sound cannot be played, or the channel not joined; its subclasses say which. One of them
                is UnloadedError, of a soundboard that was unloaded: ``bot.get_cog("Sound").service`` is the new one.
        """
        await self._catalog.wait_ready()
        caller = caller_of(caller)
        given = _given(mode, retrigger, volume, gain)
        place = place_of(caller, self._voice)
        guild_id = place.guild_id if place else self._guild_of(caller)
        with self.audit.noted(caller, "play", guild_id=guild_id, target=printable(filename)) as entry:
            sound = self._catalog.find(filename, guild_id)
            entry.about(sound)
            if place is None:
                raise NoVoiceChannelError
            options = self.guilds.options(place.guild_id, sound, given)
            return await self._starter.start(sound, caller.user_id, place, options)

    async def random(
        self,
        caller: Caller | int,
        *,
        mode: Mode | str | None = None,
        volume: float | None = None,
        tag: str | None = None,
    ) -> Playback:
        """Play any sound, or any with a tag, but not the one played last in that guild while there is another.

        Raises:
            ValueError: As for :meth:`play`.
            NoSoundsError: The library is empty.
            NoVoiceChannelError: As for :meth:`play`.
            PlaybackError: As for :meth:`play`; sounds that turn out unplayable are passed over a few times.
        """
        await self._catalog.wait_ready()
        caller = caller_of(caller)
        given = _given(mode, None, volume, None)
        place = place_of(caller, self._voice)
        guild_id = place.guild_id if place else self._guild_of(caller)
        with self.audit.noted(caller, "random", guild_id=guild_id) as entry:
            sounds: Sequence[Sound] = self._catalog.sounds(guild_id)
            if tag is not None:
                sounds = await asyncio.to_thread(_tagged, sounds, fold(tag))
            if not sounds:
                raise NoSoundsError
            if place is None:
                raise NoVoiceChannelError
            unplayable: set[Sound] = set()
            while True:
                sound = self._pick(sounds, place.guild_id, unplayable)
                entry.about(sound)
                options = self.guilds.options(place.guild_id, sound, given)
                try:
                    return await self._starter.start(sound, caller.user_id, place, options)
                except UnplayableSoundError:
                    unplayable.add(sound)
                    if len(unplayable) >= min(RANDOM_TRIES, len(sounds)):
                        raise

    def sounds(
        self,
        search: str = "",
        limit: int | None = None,
        *,
        caller: Caller | int | None = None,
        preferred: Collection[int] = (),
    ) -> Sequence[Sound]:
        """All sounds by name, or at most ``limit`` of those that ``search`` may mean, best first.

        Args:
            search: What someone typed: part of a name, title, alias or tag; slips are forgiven.
            limit: How many at most.
            caller: Who asks, and sees their guild's sounds, too; None: only those that all guilds share.
            preferred: Numbers of sounds that come first of those that fit as well, such as favourites.
        """
        guild_id = None if caller is None else self._guild_of(caller_of(caller))
        if not search and limit is None:
            return self._catalog.sounds(guild_id)
        most = self._catalog.count(guild_id) if limit is None else limit
        return self._catalog.search(search, most, guild_id, preferred)

    async def wait_ready(self) -> None:
        """Wait until the sounds are known, right after loading; later it returns at once."""
        await self._catalog.wait_ready()

    @property
    def library_version(self) -> int:
        """Grows whenever the sounds, or what is known of them, change."""
        return self._catalog.version + self._bank.version

    def duration(self, sound: Sound) -> Seconds | None:
        """How long a sound is; None while it has not been encoded."""
        return self._bank.duration(sound)

    def status(self, caller: Caller | int) -> Status:
        """What the bot does in the caller's guild, chosen as for :meth:`stop`."""
        guild_id = self._guild_of(caller_of(caller))
        session = None if guild_id is None else self._voice.session(guild_id)
        channel = session.channel if session else None
        return Status(
            guild_id=guild_id,
            connected=channel is not None,
            channel=channel,
            now_playing=session.now_playing if session else None,
            queue=session.queue if session else (),
            paused=session.paused if session else False,
            encoding=self.encoding,
            sound_count=self._catalog.count(guild_id),
            server_time=time.time(),
            volume=session.volume if session else self._defaults.volume,
            voice=session.voice if session else VoiceReport(state=LinkState.IDLE),
        )

    def diagnose(self, caller: Caller | int) -> tuple[str, ...]:
        """Why the caller may hear nothing: sentences for them, the most likely cause first, each with what to do.

        The guild is chosen as for :meth:`stop`. Nothing is asked of Discord.

        Raises:
            UnloadedError: As for :meth:`play`.
        """
        caller = caller_of(caller)
        status, guild_id = self.status(caller), self._guild_of(caller)
        if guild_id is None:
            return ("You are in no voice channel that the bot can see. Join one, then press a sound.",)
        causes = self._voice.diagnose(caller.user_id, guild_id)
        volume = min(self._voice.session(guild_id).volume, self._defaults.volume)
        silent = silence(status, volume=volume, refusal=self._starter.refusals.get(guild_id))
        return (*causes, *silent) if causes else (*silent, *checked(status))

    def count(self, guild_id: GuildId | None) -> int:
        """How many sounds a guild sees; None: how many all guilds share."""
        return self._catalog.count(guild_id)

    @property
    def encoding(self) -> Encoding | None:
        """How far encoding ahead is; None when all that can be has been encoded."""
        progress = self._bank.encoding
        return Encoding(progress.done, progress.total) if progress.done < progress.total else None

    def _count(self, event: News) -> None:
        """Have a press counted when it begins to be heard."""
        if isinstance(event, SoundStarted) and (playback := event.playback).counted and playback.sound.id:
            user_id = playback.user_id if self.people.choices(playback.user_id).counted else None
            at = playback.started_at or time.time()
            self._store.later(Played(playback.sound.id, playback.place.guild_id, user_id, at))

    def _pick(self, sounds: Sequence[Sound], guild_id: GuildId, unplayable: Collection[Sound]) -> Sound:
        last = self._starter.last.get(guild_id)
        fresh = [sound for sound in sounds if sound not in unplayable] if unplayable else sounds
        if last is None or len(fresh) == 1:
            return secrets.choice(fresh)
        while (sound := secrets.choice(fresh)).file == last.file:
            pass
        return sound


def _tagged(sounds: Sequence[Sound], tag: str) -> list[Sound]:
    """Those with a tag, in a thread: 100 000 take a few tenths of a second."""
    return [sound for sound in sounds if tag in map(fold, sound.tags)]


def _given(
    mode: Mode | str | None, retrigger: Retrigger | str | None, volume: float | None, gain: float | None
) -> dict[str, Any]:
    """What was asked for; raises ValueError as PlayOptions does."""
    given = {
        "mode": None if mode is None else Mode(mode),
        "retrigger": None if retrigger is None else Retrigger(retrigger),
        "volume": volume,
        "gain": gain,
    }
    chosen: Any = {name: value for name, value in given.items() if value is not None}
    PlayOptions(**chosen)
    return given
