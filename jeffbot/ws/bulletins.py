"""The soundboard's news as events of the remote control.

Cost: O(1) an event, beside what it tells of: at most 100 sounds. While somebody is subscribed to progress there is one
timer, and each second costs O(guilds that play).
"""

import asyncio
from collections import defaultdict
from collections.abc import Callable
from typing import Any

import msgspec
from msgspec import Struct

from .. import news
from ..models import GuildId, Seconds, Sound, UserId
from ..playback import Encoding, Playback, SoundEnded, SoundStarted
from . import events
from .events import EVENTS, NAMES
from .feed import Feed, Topic

__all__ = ["EVENTS", "Bulletins"]

PROGRESS_EVERY: Seconds = 1.0

type Subscribe = Callable[[Callable[[news.News], object]], Callable[[], None]]


class Bulletins:
    """Tells the feed what the soundboard tells, from when it is made until it is closed.

    Args:
        subscribe: Has a listener told all news; :meth:`jeffbot.service.SoundService.subscribe`.
        feed: Where it goes.
        describe: How a sound is shown to clients.
        total: How many sounds a guild sees; of None: how many are shared.
        encoding: How far encoding ahead is; None: all has been encoded.
        every: How often progress is told.
    """

    def __init__(
        self,
        subscribe: Subscribe,
        feed: Feed,
        *,
        describe: Callable[[Sound], Struct],
        total: Callable[[GuildId | None], int],
        encoding: Callable[[], Encoding | None],
        every: Seconds = PROGRESS_EVERY,
    ) -> None:
        self._feed = feed
        self._describe = describe
        self._total = total
        self._encoding = encoding
        self._every = every
        self._sounding: defaultdict[GuildId, dict[str, Playback]] = defaultdict(dict)
        """By guild and id, what is being heard, in the order it began."""
        self._players: dict[GuildId, news.PlayerChanged] = {}
        """What was last told of them."""
        self._told_encoding: Encoding | None = None
        self._timer: asyncio.TimerHandle | None = None
        self._ends = subscribe(self._tell), feed.interest.subscribe(self._wind)
        self._wind(Topic.PROGRESS)

    def close(self) -> None:
        """Tell no more."""
        for end in self._ends:
            end()
        self._stop()

    def _publish(
        self,
        data: Struct,
        guild_id: GuildId | None = None,
        user_id: UserId | None = None,
        only_user: UserId | None = None,
    ) -> None:
        name = NAMES[type(data)]
        self._feed.publish(EVENTS[name].topic, name, data, guild_id=guild_id, user_id=user_id, only_user=only_user)

    def _tell(self, told: news.News) -> None:
        match told:
            case SoundStarted() | SoundEnded():
                self._tell_sound(told)
            case news.PlayerChanged():
                self._tell_player(told)
            case news.QueueChanged(guild_id, queue):
                self._publish(events.QueueNow(tuple(map(_queued, queue))), guild_id)
            case news.VoiceChanged(guild_id):
                self._publish(_voice(told), guild_id)
            case news.LibraryChanged(guild_id):
                self._publish(self._library(told), guild_id)
            case news.FavouritesChanged(user_id):
                self._publish(events.FavouritesNow(), user_id=user_id, only_user=user_id)
            case news.EntrancesChanged(guild_id, user_id):
                self._publish(events.EntranceNow(), guild_id, user_id)
            case news.SettingsChanged(guild_id, settings):
                full = events.FullSettings(**msgspec.structs.asdict(settings))
                self._publish(events.SettingsNow(full), guild_id)
            case news.GuildLeft(guild_id):
                self._forget(guild_id)

    def _tell_sound(self, told: SoundStarted | SoundEnded) -> None:
        playback, guild_id = told.playback, told.playback.place.guild_id
        sounding = self._sounding[guild_id]
        event: events.PlaybackStarted
        if isinstance(told, SoundStarted):
            sounding[playback.id] = playback
            event = _playback(events.PlaybackStarted, playback)
        else:
            sounding.pop(playback.id, None)
            event = _playback(events.PlaybackEnded, playback, reason=playback.reason)
        if not sounding:
            del self._sounding[guild_id]
        self._publish(event, guild_id, playback.user_id)

    def _tell_player(self, now: news.PlayerChanged) -> None:
        guild_id = now.guild_id
        before = self._players.get(guild_id) or news.PlayerChanged(guild_id, paused=False, volume=100.0)
        self._players[guild_id] = now
        if now.paused is not before.paused:
            self._publish(events.PlaybackPaused() if now.paused else events.PlaybackResumed(), guild_id)
        if now.volume != before.volume:
            self._publish(events.VolumeChanged(now.volume), guild_id)

    def _library(self, told: news.LibraryChanged) -> events.LibraryNow:
        return events.LibraryNow(
            added=tuple(map(self._describe, told.added)),
            changed=tuple(map(self._describe, told.changed)),
            removed=tuple(events.RemovedSound(sound.name, sound.path) for sound in told.removed),
            many=told.many,
            total=self._total(told.guild_id),
        )

    def _forget(self, guild_id: GuildId) -> None:
        self._sounding.pop(guild_id, None)
        self._players.pop(guild_id, None)
        self._feed.forget(guild_id)

    # Progress

    def _wind(self, topic: Topic) -> None:
        """Have the timer run while it is wanted."""
        if topic is Topic.PROGRESS:
            self._stop()
            if self._feed.has_subscribers(topic):
                self._start()

    def _start(self) -> None:
        self._timer = asyncio.get_running_loop().call_later(self._every, self._tick)

    def _stop(self) -> None:
        if self._timer:
            self._timer.cancel()
            self._timer = None

    def _tick(self) -> None:
        self._start()
        self._tell_encoding()
        for guild_id, playbacks in self._sounding.items():
            player = self._players.get(guild_id)
            if player is None or not player.paused:
                latest = next(reversed(playbacks.values()))
                self._publish(_progress(latest), guild_id, latest.user_id)

    def _tell_encoding(self) -> None:
        before, now = self._told_encoding, self._encoding()
        if now is not None and now != before:
            self._publish(events.EncodingNow(now.done, now.total))
        elif now is None and before is not None:
            self._publish(events.EncodingNow(before.total, before.total))
        self._told_encoding = now


def _playback[E: events.PlaybackStarted](kind: type[E], playback: Playback, **more: Any) -> E:
    return kind(
        playback_id=playback.id,
        filename=playback.sound.name,
        title=playback.title,
        channel=playback.place.channel,
        channel_id=str(playback.place.channel_id),
        duration=playback.duration,
        position=round(playback.position, 2),
        **more,
    )


def _queued(playback: Playback) -> events.Queued:
    return events.Queued(
        playback_id=playback.id,
        filename=playback.sound.name,
        title=playback.title,
        user_id=str(playback.user_id),
        duration=playback.duration,
    )


def _progress(playback: Playback) -> events.PlaybackProgress:
    return events.PlaybackProgress(
        playback_id=playback.id, position=round(playback.position, 2), duration=playback.duration
    )


def _voice(told: news.VoiceChanged) -> events.VoiceNow:
    report, place = told.report, told.place
    return events.VoiceNow(
        state=report.state,
        channel=place.channel if place else None,
        channel_id=str(place.channel_id) if place else None,
        encrypted=report.encrypted,
        decryptable=report.decryptable,
        listeners=report.listeners,
    )
