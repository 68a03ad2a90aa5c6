"""What the bot does in one guild: one voice connection, one press after the other."""

import asyncio
import contextlib
import dataclasses
import logging
from collections.abc import Awaitable, Callable, Coroutine
from typing import Any, cast

import nextcord

from ..audio.clip import Clip
from ..errors import (
    PlaybackCancelledError,
    PlaybackError,
    PlaybackTimeoutError,
    VoiceUnavailableError,
    printable,
)
from ..models import (
    EndReason,
    GuildId,
    LinkState,
    Manners,
    Mode,
    NativeSound,
    PlayOptions,
    Seconds,
    Sound,
    UserId,
    VoicePlace,
    VoiceReport,
)
from ..news import PlayerChanged, Publish, QueueChanged, VoiceChanged
from ..playback import Playback, SoundEnded, SoundStarted
from ..tasks import start_now
from .clock import VoiceClock
from .directory import place_in
from .encryption import VocalChannel
from .link import PLAYING_HELD, VoiceLink, Ways
from .manners import Stay, check_taking_away, is_suppressed_for_nothing, take_the_stage, why_mute
from .native import NativeSoundboard
from .player import Player, Track

logger = logging.getLogger(__name__)


class GuildSession:
    """The sound of one guild. Presses are carried out in the order they came."""

    def __init__(
        self,
        guild_id: GuildId,
        guild: Callable[[], nextcord.Guild | None],
        ways: Ways,
        clock: VoiceClock,
        publish: Publish,
        *,
        native: NativeSoundboard,
        manners: Manners,
        play_timeout: Seconds,
    ) -> None:
        self._guild_id = guild_id
        self._guild = guild
        self._publish = publish
        self._native = native
        self._manners = manners
        self._play_timeout = play_timeout
        self._link = VoiceLink(
            ways,
            self._over,
            self._take_the_stage,
            moved=manners.moved,
            play_timeout=play_timeout,
            on_change=self.tell_voice,
        )
        self._player = Player(clock, self._link, self._tell_player)
        self._stay = Stay(manners)
        self._mute_since: Seconds | None = None
        self._leaving: asyncio.Task[None] | None = None
        self._presses: dict[asyncio.Task[Playback], UserId] = {}
        self._turn = asyncio.Lock()
        self._playbacks: dict[str, tuple[Playback, Track]] = {}
        """By id, all that sound or wait, in the order of their presses."""
        self._told_player = PlayerChanged(guild_id, self.paused, self.volume)
        self._told_queue = QueueChanged(guild_id, ())
        self._told_voice = self._link.outline()

    @property
    def channel(self) -> str | None:
        """The name of the voice channel the bot is connected to."""
        channel = self._link.channel
        return channel.name if channel else None

    @property
    def place(self) -> VoicePlace | None:
        """That channel."""
        return place_in(self._link.channel)

    @property
    def voice(self) -> VoiceReport:
        """How the voice connection is."""
        report = self._link.report()
        if report.state is LinkState.READY and self._player.sounding and not self._player.paused:
            return dataclasses.replace(report, state=LinkState.PLAYING)
        return report

    @property
    def now_playing(self) -> Playback | None:
        """What began last of all that is being heard."""
        return max(reversed(self._sounding()), key=lambda playback: playback.started_at or 0, default=None)

    @property
    def queue(self) -> tuple[Playback, ...]:
        """What waits, the next one first."""
        by_track = {track: playback for playback, track in self._playbacks.values()}
        return tuple(by_track[track] for track in self._player.queue)

    @property
    def paused(self) -> bool:
        """Whether what plays stands still."""
        return self._player.paused

    async def play(
        self, sound: Sound, user_id: UserId, place: VoicePlace, clip: Awaitable[Clip], options: PlayOptions
    ) -> Playback:
        """Play in its turn; returns when the first packet has left, or the sound waits. Cancelling takes it back.

        Raises:
            PlaybackCancelledError: ``stop`` came first.
            PlaybackTimeoutError: It did not begin in time.
            VoiceUnavailableError: The channel cannot be joined.
            QueueFullError: Too much waits already.
            LibopusMissingError: It would have to be mixed, and nothing can.
            UnplayableSoundError: From ``clip``.
        """
        playback = Playback(sound, user_id, place, counted=options.counted)
        return await self._pressed(self._press(playback, clip, options), playback)

    async def play_native(self, sound: Sound, user_id: UserId, place: VoicePlace, *, counted: bool = True) -> Playback:
        """Have Discord's own soundboard play a sound it has, in its turn; Discord does not tell when that ends.

        Raises:
            NativeSoundboardError: Discord does not play it.
            PlaybackCancelledError: As for :meth:`play`; or PlaybackTimeoutError, or VoiceUnavailableError.
        """
        playback = Playback(sound, user_id, place, counted=counted)
        return await self._pressed(self._press_natively(playback), playback)

    async def _pressed(self, work: Coroutine[Any, Any, Playback], playback: Playback) -> Playback:
        """Carry out a press, which ``stop`` takes back."""
        press = start_now(work, f"jeffbot press {playback.sound.name}")
        self._presses[press] = playback.user_id
        press.add_done_callback(self._press_ended)
        try:
            if not press.done():
                await asyncio.wait([press], timeout=self._play_timeout)
        except asyncio.CancelledError:
            press.cancel()
            raise
        if not press.done():
            press.cancel()
            raise self._link.trouble or PlaybackTimeoutError(self._play_timeout)
        if press.cancelled():
            raise PlaybackCancelledError
        return press.result()

    def _press_ended(self, press: "asyncio.Task[Playback]") -> None:
        self._presses.pop(press, None)
        if not press.cancelled():
            press.exception()  # seen: a press that came too late is awaited by nobody

    def stop(self, playback_id: str | None = None, user_id: UserId | None = None) -> None:
        """End one sound; or all, those that wait too, and take back every press that has not begun; or a user's alone.

        The bot stays in its channel, and a join goes on: were it to leave each time, presses and stops in quick
        succession would use up what the whole bot may send to Discord (Discord: Gateway, "Rate Limiting").
        """
        for press, presser in tuple(self._presses.items()):
            if playback_id is None and user_id in {None, presser}:
                press.cancel()
        if playback_id is None and user_id is None:
            self._player.stop()
            return
        for playback, track in tuple(self._playbacks.values()):
            if playback_id in {None, playback.id} and user_id in {None, playback.user_id}:
                self._player.end(track)

    def skip(self) -> bool:
        """End what sounds and go on with what waits; whether anything sounded."""
        return self._player.skip()

    def pause(self, *, paused: bool) -> None:
        """Let what plays stand still, or go on."""
        (self._player.pause if paused else self._player.resume)()

    @property
    def volume(self) -> float:
        """How loud all is, percent."""
        return round(self._player.volume * 100, 6)

    def set_volume(self, percent: float) -> None:
        """How loud all is, what plays now included, in percent.

        Raises:
            LibopusMissingError: Nothing on this machine can change it.
        """
        self._player.set_volume(percent / 100)

    async def refresh(self) -> None:
        """Deafen itself, or no more, as the guild has it now."""
        await self._link.refresh()

    def renew(self) -> None:
        """The bot's session with Discord is a new one: join anew what the old one had joined."""
        self._link.renew()

    def hurry(self) -> None:
        """Discord tells of the guild again: joining it anew has better prospects."""
        self._link.hurry()

    def tick(self, now: Seconds) -> None:
        """Look, each second, whether all is well, and whether it is time to leave; ``now`` is the monotonic clock's."""
        self._link.tick(now)
        self.tell_voice()
        self._watch_mute(now)
        if self._link.state is LinkState.IDLE and self._player.sounding:
            self._over(EndReason.FAILED)  # whatever came between: nothing is going to play it
        is_leaving = self._leaving is not None and not self._leaving.done()
        if not is_leaving and not self._presses and self._why_leave(now):
            self._leaving = start_now(self._leave_unless_asked(now), "jeffbot leave")

    def tell_voice(self) -> None:
        """Tell of the voice connection, where it is not as it was when that was last told."""
        outline = self._link.outline()
        if outline != self._told_voice:
            self._told_voice = outline
            self._publish(VoiceChanged(self._guild_id, self.voice, self.place))

    def _tell_player(self) -> None:
        """Tell what has changed of what waits, and of how all is played."""
        player = PlayerChanged(self._guild_id, self.paused, self.volume)
        if player != self._told_player:
            self._told_player = player
            self._publish(player)
        queue = QueueChanged(self._guild_id, self.queue)
        if queue != self._told_queue:
            self._told_queue = queue
            self._publish(queue)

    async def close(self) -> None:
        """Stop, and leave voice."""
        self.stop()
        await asyncio.gather(*self._presses, return_exceptions=True)
        try:
            await self._link.close()
            if self._leaving:
                await asyncio.wait([self._leaving])
        finally:
            self._player.close()

    def _over(self, reason: EndReason) -> None:
        """What plays can be heard no more."""
        self._stay.begin()
        self._player.stop(reason)

    def _watch_mute(self, now: Seconds) -> None:
        """What plays while nobody may hear the bot ends after a while, as it would without a connection."""
        why = why_mute(self._guild()) if self._player.sounding else None
        self._mute_since = None if why is None else self._mute_since or now
        if self._mute_since and now - self._mute_since > PLAYING_HELD:
            logger.info("guild %d: %s", self._guild_id, why)
            self._over(EndReason.FAILED)

    def _why_leave(self, now: Seconds) -> str | None:
        channel = self._link.channel
        if channel is None:
            return None
        return self._stay.why_leave(now, channel, playing=self._player.sounding and not self._player.paused)

    async def _leave_unless_asked(self, now: Seconds) -> None:
        async with self._turn:
            if why := self._why_leave(now):  # else a press came in between
                logger.info("leaving voice in guild %d: %s", self._guild_id, why)
                await self._link.leave()

    async def _press(self, playback: Playback, clip: Awaitable[Clip], options: PlayOptions) -> Playback:
        ready = await clip  # before its turn: others need not wait for its encoding
        with contextlib.ExitStack() as refused:
            refused.callback(ready.abandon)
            async with self._turn:
                await self._be_in(playback.place)
                track, begun = self._start(playback, ready, options)
                refused.pop_all()
                if options.mode is not Mode.OVERLAP:  # else who comes next may be heard with the same packet
                    return await _begun(self._player, track, begun)
        return await _begun(self._player, track, begun)

    async def _press_natively(self, playback: Playback) -> Playback:
        sound, place = playback.sound, playback.place
        assert sound.native_id is not None  # noqa: S101 - or Discord does not have it
        native = NativeSound(sound.native_id, sound.title, guild_id=sound.guild_id)
        async with self._turn:
            await self._be_in(place)
            await self._native.send(self._guild_id, place.channel_id, native)
        playback.begin()
        self._publish(SoundStarted(playback))
        playback.end(EndReason.FINISHED)
        self._publish(SoundEnded(playback))
        return playback

    async def _be_in(self, place: VoicePlace) -> None:
        channel = self._channel()
        if channel and channel.id != place.channel_id:
            check_taking_away(channel, self._manners.take_away, playing=self._player.sounding)
        self._stay.begin()
        if is_suppressed_for_nothing(self._guild()):
            await self._link.leave()
        await self._link.bring(place)
        await self._take_the_stage()
        if why := why_mute(self._guild()):
            raise VoiceUnavailableError(why)

    def _channel(self) -> VocalChannel | None:
        """Where the bot is, or is about to be again."""
        guild, goal = self._guild(), self._link.goal
        channel = guild.get_channel(goal.channel_id) if guild and goal else None
        return self._link.channel or cast("VocalChannel | None", channel)

    async def _take_the_stage(self) -> None:
        await take_the_stage(self._guild())

    def _start(self, playback: Playback, clip: Clip, options: PlayOptions) -> "tuple[Track, asyncio.Future[Playback]]":
        """Hand it to the player; the future is done when it has begun, or waits its turn."""
        begun: asyncio.Future[Playback] = asyncio.get_running_loop().create_future()

        def began() -> None:
            playback.begin()
            self._publish(SoundStarted(playback))
            if not begun.done():
                begun.set_result(playback)

        def ended(reason: EndReason) -> None:
            logger.debug("%s ended: %s", printable(playback.sound.name), reason)
            del self._playbacks[playback.id]
            clip.abandon()
            playback.end(reason)
            self._publish(SoundEnded(playback))
            if not begun.done():
                begun.set_exception(_not_begun(reason))
                begun.exception()  # seen: a sound that waits is awaited by nobody

        track = Track(clip, f"{playback.sound.folder}/{playback.sound.path}", options.factor, began, ended)
        playback.measure(lambda: clip.duration, lambda: track.position)
        self._playbacks[playback.id] = playback, track
        sounding = None
        try:
            sounding = self._player.start(track, options)
        finally:
            if sounding is not track:
                self._playbacks.pop(playback.id, None)
        if sounding is not track:
            clip.abandon()
            begun.set_result(next(other for other, its in self._playbacks.values() if its is sounding))
        elif track in self._player.queue:
            begun.set_result(playback)
        return track, begun

    def _sounding(self) -> list[Playback]:
        return [playback for playback, _ in self._playbacks.values() if playback.started_at is not None]


def _not_begun(reason: EndReason) -> PlaybackError:
    if reason in {EndReason.LEFT, EndReason.FAILED}:
        return VoiceUnavailableError("The voice connection was lost; try again")
    return PlaybackCancelledError()


async def _begun(player: Player, track: Track, begun: "asyncio.Future[Playback]") -> Playback:
    """Wait until it has; cancelled, it is taken back."""
    try:
        return await begun
    except asyncio.CancelledError:
        player.end(track)
        raise
