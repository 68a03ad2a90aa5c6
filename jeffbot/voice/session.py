"""What the bot does in one guild: one voice connection, one press after the other."""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Coroutine
from typing import Any

import aiohttp
import nextcord

from ..audio.clip import Clip
from ..errors import (
    PlaybackCancelledError,
    PlaybackError,
    PlaybackTimeoutError,
    VoiceUnavailableError,
    printable,
)
from ..models import ChannelId, EndReason, Mode, PlayOptions, Seconds, Sound, UserId, VoicePlace
from ..playback import Playback, PlaybackEvent, SoundEnded, SoundStarted
from ..tasks import start_now
from .client import AUDIBLE_TIMEOUT, SoundVoiceClient, VocalChannel
from .player import Player, Track

logger = logging.getLogger(__name__)

type Join = Callable[[VocalChannel], Coroutine[Any, Any, SoundVoiceClient]]
type Publish = Callable[[PlaybackEvent], None]


class GuildSession:
    """The sound of one guild. Presses are carried out in the order they came."""

    def __init__(
        self, guild: Callable[[], nextcord.Guild | None], join: Join, publish: Publish, *, play_timeout: Seconds
    ) -> None:
        self._guild = guild
        self._join_channel = join
        self._publish = publish
        self._play_timeout = play_timeout
        self._client: SoundVoiceClient | None = None
        self._joining: tuple[ChannelId, asyncio.Task[SoundVoiceClient]] | None = None
        self._presses: set[asyncio.Task[Playback]] = set()
        self._turn = asyncio.Lock()
        self._playbacks: dict[str, tuple[Playback, Track]] = {}
        """By id, all that sound or wait, in the order of their presses."""
        self._volume = 100.0

    @property
    def channel(self) -> str | None:
        """The name of the voice channel the bot is connected to."""
        client = self._connected_client()
        return client.place.name if client and client.place else None

    @property
    def now_playing(self) -> Playback | None:
        """What began last of all that is being heard."""
        return max(self._sounding(), key=lambda playback: playback.started_at or 0, default=None)

    @property
    def queue(self) -> tuple[Playback, ...]:
        """What waits, the next one first."""
        by_track = {track: playback for playback, track in self._playbacks.values()}
        return tuple(by_track[track] for track in (self._client.player.queue if self._client else ()))

    @property
    def paused(self) -> bool:
        """Whether what plays stands still."""
        return self._client is not None and self._client.player.paused

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
        playback = Playback(sound, user_id, place)
        press = start_now(self._press(playback, clip, options), f"jeffbot press {sound.name}")
        self._presses.add(press)
        press.add_done_callback(self._press_ended)
        try:
            if not press.done():
                await asyncio.wait([press], timeout=self._play_timeout)
        except asyncio.CancelledError:
            press.cancel()
            raise
        if not press.done():
            press.cancel()
            raise PlaybackTimeoutError(self._play_timeout)
        if press.cancelled():
            raise PlaybackCancelledError
        return press.result()

    def _press_ended(self, press: "asyncio.Task[Playback]") -> None:
        self._presses.discard(press)
        if not press.cancelled():
            press.exception()  # seen: a press that came too late is awaited by nobody

    def stop(self, playback_id: str | None = None) -> None:
        """End one sound; or all, those that wait too, and take back every press that has not begun.

        The bot stays in its channel, and a join goes on: were it to leave each time, presses and stops in quick
        succession would use up what the whole bot may send to Discord (Discord: Gateway, "Rate Limiting").
        """
        if playback_id is not None:
            _, track = self._playbacks.get(playback_id, (None, None))
            if self._client and track:
                self._client.player.end(track)
            return
        for press in self._presses:
            press.cancel()
        if self._client:
            self._client.player.stop()

    def skip(self) -> bool:
        """End what sounds and go on with what waits; whether anything sounded."""
        return self._client is not None and self._client.player.skip()

    def pause(self, *, paused: bool) -> None:
        """Let what plays stand still, or go on."""
        if self._client:
            (self._client.player.pause if paused else self._client.player.resume)()

    def set_volume(self, percent: float) -> None:
        """How loud all is, what plays now included, in percent.

        Raises:
            LibopusMissingError: Something plays, and nothing can change it.
        """
        if self._client:
            self._client.player.set_volume(percent / 100)
        self._volume = percent

    async def close(self) -> None:
        """Stop, and leave voice."""
        self.stop()
        await asyncio.gather(*self._presses, return_exceptions=True)
        await self._leave()

    async def _press(self, playback: Playback, clip: Awaitable[Clip], options: PlayOptions) -> Playback:
        ready = await clip  # before its turn: others need not wait for its encoding
        async with self._turn:
            client = await self._client_in(playback.place)
            player, (track, begun) = client.player, self._start(client.player, playback, ready, options)
            if options.mode is not Mode.OVERLAP:  # else who comes next may be heard with the same packet
                return await _begun(player, track, begun)
        return await _begun(player, track, begun)

    def _start(
        self, player: Player, playback: Playback, clip: Clip, options: PlayOptions
    ) -> "tuple[Track, asyncio.Future[Playback]]":
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
            playback.end(reason)
            self._publish(SoundEnded(playback))
            if not begun.done():
                begun.set_exception(_not_begun(reason))
                begun.exception()  # seen: a sound that waits is awaited by nobody

        track = Track(clip, playback.sound.path, options.factor, began, ended)
        playback.measure(lambda: clip.duration, lambda: track.position)
        self._playbacks[playback.id] = playback, track
        sounding = None
        try:
            sounding = player.start(track, options)
        finally:
            if sounding is not track:
                self._playbacks.pop(playback.id, None)
        if sounding is not track:
            begun.set_result(next(other for other, its in self._playbacks.values() if its is sounding))
        elif track in player.queue:
            begun.set_result(playback)
        return track, begun

    def _sounding(self) -> list[Playback]:
        return [playback for playback, _ in self._playbacks.values() if playback.started_at is not None]

    def _connected_client(self) -> SoundVoiceClient | None:
        return self._client if self._client and self._client.is_connected() else None

    async def _client_in(self, place: VoicePlace) -> SoundVoiceClient:
        client = self._connected_client()
        if client is None or client.place is None or client.place.id != place.channel_id:
            client = await self._joined(place)
        await client.wait_audible(AUDIBLE_TIMEOUT)
        return client

    async def _joined(self, place: VoicePlace) -> SoundVoiceClient:
        if self._joining is None or self._joining[0] != place.channel_id:
            await self._leave()
            task = start_now(self._join(place), f"jeffbot join {place.channel}")
            self._joining = place.channel_id, task
            task.add_done_callback(self._join_ended)
        return await asyncio.shield(self._joining[1])

    def _join_ended(self, task: "asyncio.Task[SoundVoiceClient]") -> None:
        if self._joining and self._joining[1] is task:
            self._joining = None
        if not task.cancelled() and not task.exception():
            self._client = task.result()
            self._client.player.set_volume(self._volume / 100)

    async def _join(self, place: VoicePlace) -> SoundVoiceClient:
        guild = self._guild()
        channel = guild.get_channel(place.channel_id) if guild else None
        if guild is None or not isinstance(channel, nextcord.VoiceChannel | nextcord.StageChannel):
            raise VoiceUnavailableError("The voice channel is gone")
        _check_access(guild, channel)
        try:
            return await self._join_channel(channel)
        except TimeoutError:
            limit = f"within {self._play_timeout:g} s"
            raise VoiceUnavailableError(f"Discord did not let the bot into {channel.name} {limit}") from None
        except nextcord.ConnectionClosed as error:
            raise VoiceUnavailableError(f"Discord closed the voice connection (code {error.code})") from error
        except (nextcord.ClientException, aiohttp.ClientError, OSError) as error:
            raise VoiceUnavailableError(f"Discord's voice server could not be reached ({error})") from error

    async def _leave(self) -> None:
        if self._joining:
            task = self._joining[1]
            task.cancel()
            await asyncio.wait([task])
        if self._client:
            client, self._client = self._client, None
            await client.disconnect(force=True)


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


def _check_access(guild: nextcord.Guild, channel: VocalChannel) -> None:
    """Refuse what Discord would leave unanswered."""
    if guild.voice_client is not None:
        raise VoiceUnavailableError("Another part of this bot is using voice in this server")
    permissions = channel.permissions_for(guild.me)
    lacking = [name for name in ("view_channel", "connect", "speak") if not getattr(permissions, name)]
    if lacking:
        words = " and ".join(name.replace("_", " ") for name in lacking)
        raise VoiceUnavailableError(f"The bot lacks the permission to {words} in {channel.name}")
    full = channel.user_limit and len(channel.voice_states) >= channel.user_limit
    if full and not permissions.move_members:
        raise VoiceUnavailableError(f"{channel.name} is full")
