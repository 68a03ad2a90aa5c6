"""Sounds for who comes into a voice channel, and for who leaves it.

Cost: of someone who moves, O(roles); at most MAX_AT_ONCE tasks for each guild.
"""

import asyncio
import dataclasses
import functools
import logging
import time
from collections import defaultdict
from collections.abc import Awaitable, Callable, Collection, Coroutine
from typing import Any

from ..community import Audience, Entrance, Moment
from ..errors import ForbiddenError, LibopusMissingError, PlaybackError, printable
from ..library.catalog import Catalog
from ..models import Caller, GuildId, Mode, PlayOptions, Retrigger, Seconds, Sound, UserId, VoicePlace
from ..news import EntrancesChanged, Publish
from ..playback import Playback
from ..rooms import Voice
from ..store.store import Store
from .audit import Audit
from .callers import caller_of, kept, may_manage, need_guild
from .guilds import Guilds

logger = logging.getLogger(__name__)

SETTLE: Seconds = 0.5
"""How long after someone came their sound begins: their own client has to be able to hear, too."""
MAX_AT_ONCE = 8
"""So many greetings wait or sound in a guild; more would crowd out what plays (16 sounds are mixed at most)."""
_FORGET_AT = 10_000
"""So many moments of earlier greetings are remembered at most."""

type _Who = tuple[GuildId, UserId]
type Play = Callable[[Sound, UserId, VoicePlace, PlayOptions], Awaitable[Playback]]


class Entrances:
    """Who is greeted with what, and greeting them."""

    def __init__(
        self,
        *,
        catalog: Catalog,
        store: Store,
        voice: Voice,
        guilds: Guilds,
        is_greeted: Callable[[UserId], bool],
        play: Play,
        publish: Publish,
    ) -> None:
        self._catalog = catalog
        self._store = store
        self._voice = voice
        self._guilds = guilds
        self._is_greeted = is_greeted
        self._play = play
        self._publish = publish
        self._audit = Audit(store)
        self._sounds: dict[tuple[GuildId, Audience, int, Moment], int] = {}
        self._loaded = False
        self._greeted: dict[_Who, Seconds] = {}
        """When, by the monotonic clock, someone last got a sound."""
        self._greetings: defaultdict[GuildId, set[asyncio.Task[None]]] = defaultdict(set)
        """Each until its sound has ended."""
        self._waiting: dict[_Who, asyncio.Task[None]] = {}
        """Those of them that have not begun."""
        self._closed = False

    async def load(self) -> None:
        """Read them all, and tell what has changed; what was known stays where the store cannot be read.

        Raises:
            StoreError: It cannot.
        """
        entrances = await self._store.read(lambda records: records.people.entrances())
        before = self._sounds
        self._sounds = {
            (item.guild_id, item.audience, item.subject_id, item.moment): item.sound_id for item in entrances
        }
        changed = before.items() ^ self._sounds.items() if self._loaded else ()
        self._loaded = True
        for news in {
            EntrancesChanged(guild_id, _user(audience, subject)) for (guild_id, audience, subject, _), _ in changed
        }:
            self._publish(news)

    def close(self) -> None:
        """Greet nobody more."""
        self._closed = True
        for guild_id in self._greetings:
            self.stop(guild_id)

    # Choosing

    def all(self, caller: Caller | int) -> tuple[tuple[Entrance, Sound], ...]:
        """The entrance and exit sounds of the caller's guild that are there."""
        guild_id = need_guild(caller_of(caller), self._voice)
        mine = (Entrance(*key, sound_id) for key, sound_id in self._sounds.items() if key[0] == guild_id)
        return tuple((item, sound) for item in mine if (sound := self._catalog.by_id(item.sound_id, guild_id)))

    async def set(
        self,
        caller: Caller | int,
        sound: str | int | None,
        moment: Moment | str = Moment.ENTRANCE,
        *,
        user_id: UserId | None = None,
        role_id: int | None = None,
        everyone: bool = False,
    ) -> Sound | None:
        """Choose, or with None take back, the caller's own sound in their guild; durable when this returns.

        Args:
            caller: Who asks.
            sound: Its name or number.
            moment: ``entrance`` or ``exit``.
            user_id: Somebody else's: for who manages the guild.
            role_id: That of everyone with this role who has none of their own: likewise.
            everyone: That of everybody else: likewise.

        Raises:
            ForbiddenError: It is for managers.
            SoundNotFoundError: There is no such sound.
            StoreError: Nothing can be kept now.
        """
        caller, moment = caller_of(caller), Moment(moment)
        guild_id = need_guild(caller, self._voice)
        audience, subject = _subject(caller, user_id, role_id, everyone=everyone)
        target = f"{audience}:{subject} {moment} {'-' if sound is None else printable(str(sound))}"
        with self._audit.noted(caller, "entrance", guild_id=guild_id, target=target):
            if (audience, subject) != (Audience.USER, caller.user_id) and not may_manage(caller, guild_id, self._voice):
                raise ForbiddenError("You may choose your own sound; those of others are for who manages the server")
            found = None if sound is None else kept(self._catalog.pick(sound, guild_id), self._store)
            await self._keep(Entrance(guild_id, audience, subject, moment, found.id if found else 0))
        return found

    async def _keep(self, entrance: Entrance) -> None:
        if entrance.sound_id:
            await self._store.write(lambda records: records.people.set_entrance(entrance))
            self._sounds[entrance[:4]] = entrance.sound_id
        else:
            await self._store.write(lambda records: records.people.clear_entrance(entrance))
            self._sounds.pop(entrance[:4], None)
        self._publish(EntrancesChanged(entrance.guild_id, _user(entrance.audience, entrance.subject_id)))

    def own(self, caller: Caller | int, moment: Moment) -> Sound | None:
        """The caller's own sound in their guild; None: they have chosen none, or it is not there."""
        caller = caller_of(caller)
        guild_id = need_guild(caller, self._voice)
        sound_id = self._sounds.get((guild_id, Audience.USER, caller.user_id, moment))
        return None if sound_id is None else self._catalog.by_id(sound_id, guild_id)

    def of(self, guild_id: GuildId, user_id: UserId, roles: Collection[int], moment: Moment) -> Sound | None:
        """What is played for someone: their own sound, else their highest role's that has one, else everyone's.

        Args:
            guild_id: The guild.
            user_id: Who.
            roles: The ids of their roles, the highest first.
            moment: When.
        """
        subjects = [(Audience.USER, user_id), *((Audience.ROLE, role) for role in roles), (Audience.EVERYONE, 0)]
        for audience, subject in subjects:
            sound_id = self._sounds.get((guild_id, audience, subject, moment))
            if sound_id and (sound := self._catalog.by_id(sound_id, guild_id)):
                return sound
        return None

    # Greeting

    def moved(
        self, user_id: UserId, roles: Collection[int], before: VoicePlace | None, after: VoicePlace | None
    ) -> None:
        """Someone, not a bot, came into a voice channel, left it, or went from one to another of the same guild."""
        place = after or before
        if place is None or before == after or self._closed:
            return
        settings = self._guilds.settings(place.guild_id)
        if before and after and not settings.entrance_on_move:
            return
        who = place.guild_id, user_id
        if waiting := self._waiting.pop(who, None):
            waiting.cancel()
            if after is None:  # who has not been greeted is not seen off
                return
        moment = Moment.ENTRANCE if after else Moment.EXIT
        sound = self.of(place.guild_id, user_id, roles, moment) if settings.entrances else None
        if sound and self._is_greeted(user_id) and not self._is_cooling(who, settings.entrance_cooldown):
            self._begin(who, self._greet(sound, user_id, place, moment), moment)

    def stop(self, guild_id: GuildId) -> None:
        """Greet nobody of those who wait for it in a guild."""
        for greeting in self._greetings.get(guild_id, ()):
            greeting.cancel()

    def _is_cooling(self, who: _Who, cooldown: Seconds) -> bool:
        return time.monotonic() - self._greeted.get(who, float("-inf")) < cooldown

    def _begin(self, who: _Who, work: Coroutine[Any, Any, None], moment: Moment) -> None:
        greetings = self._greetings[who[0]]
        if len(greetings) >= MAX_AT_ONCE:
            work.close()
            return
        greeting = asyncio.get_running_loop().create_task(work, name=f"jeffbot {moment} of {who[1]}")
        greetings.add(greeting)
        self._waiting[who] = greeting
        greeting.add_done_callback(functools.partial(self._ended, who))

    def _ended(self, who: _Who, greeting: "asyncio.Task[None]") -> None:
        self._greetings[who[0]].discard(greeting)
        if self._waiting.get(who) is greeting:
            del self._waiting[who]

    async def _greet(self, sound: Sound, user_id: UserId, place: VoicePlace, moment: Moment) -> None:
        try:
            where = await self._where(user_id, place, moment)
            if where is None:
                return
            self._take_turn((where.guild_id, user_id))
            playback = await self._play_over(sound, user_id, where)
        except PlaybackError as error:
            logger.info("no %s sound in guild %d: %s", moment, place.guild_id, error)
            return
        self._waiting.pop((where.guild_id, user_id), None)
        await playback.wait_ended()

    async def _where(self, user_id: UserId, place: VoicePlace, moment: Moment) -> VoicePlace | None:
        """Where someone's sound is to be heard: where they are by now, or where others stay; None: nowhere."""
        if moment is Moment.ENTRANCE:
            await asyncio.sleep(SETTLE)
            return self._voice.place_of(user_id, place.guild_id)
        session = self._voice.session(place.guild_id)
        return place if session.place == place else None

    def _take_turn(self, who: _Who) -> None:
        self._greeted.pop(who, None)
        self._greeted[who] = time.monotonic()
        if len(self._greeted) > _FORGET_AT:
            del self._greeted[next(iter(self._greeted))]

    async def _play_over(self, sound: Sound, user_id: UserId, place: VoicePlace) -> Playback:
        """Play over what plays; where the same sound plays already, that is heard by who came, too."""
        given = {"mode": Mode.OVERLAP, "retrigger": Retrigger.IGNORE}
        options = dataclasses.replace(self._guilds.options(place.guild_id, sound, given), counted=False)
        try:
            return await self._play(sound, user_id, place, options)
        except LibopusMissingError:
            return await self._play(sound, user_id, place, PlayOptions(Mode.QUEUE, counted=False))


def _user(audience: Audience, subject: int) -> UserId | None:
    return UserId(subject) if audience is Audience.USER else None


def _subject(caller: Caller, user_id: UserId | None, role_id: int | None, *, everyone: bool) -> tuple[Audience, int]:
    if everyone:
        return Audience.EVERYONE, 0
    if role_id is not None:
        return Audience.ROLE, role_id
    return Audience.USER, caller.user_id if user_id is None else user_id
