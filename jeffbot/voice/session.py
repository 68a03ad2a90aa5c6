"""What the bot does in one guild: one voice connection, one press after the other."""

import asyncio
import logging
import time
import uuid
from collections.abc import Awaitable, Callable, Coroutine
from typing import Any

import aiohttp
import nextcord

from ..audio.bank import Packets
from ..errors import PlaybackCancelledError, PlaybackTimeoutError, VoiceUnavailableError, printable
from ..models import ChannelId, EndReason, Playback, Seconds, Sound, UserId, VoicePlace, duration_of
from ..tasks import start_now
from .client import SoundVoiceClient, VocalChannel

logger = logging.getLogger(__name__)

AUDIBLE_TIMEOUT: Seconds = 2.0
"""How long a first sound waits for end-to-end encryption before it plays all the same."""

type Join = Callable[[VocalChannel], Coroutine[Any, Any, SoundVoiceClient]]


class GuildSession:
    """The sound of one guild. Presses begin in the order they came; each ends the one before it."""

    def __init__(self, guild: Callable[[], nextcord.Guild | None], join: Join, *, play_timeout: Seconds) -> None:
        self._guild = guild
        self._join_channel = join
        self._play_timeout = play_timeout
        self._client: SoundVoiceClient | None = None
        self._joining: tuple[ChannelId, asyncio.Task[SoundVoiceClient]] | None = None
        self._presses: set[asyncio.Task[Playback]] = set()
        self._turn = asyncio.Lock()
        self._now: Playback | None = None

    @property
    def channel(self) -> str | None:
        """The name of the voice channel the bot is connected to."""
        client = self._connected_client()
        return client.place.name if client and client.place else None

    @property
    def now_playing(self) -> Playback | None:
        """What is being heard."""
        return self._now

    async def play(self, sound: Sound, user_id: UserId, place: VoicePlace, packets: Awaitable[Packets]) -> Playback:
        """Play in its turn; returns when the first packet has left. Cancelling takes the press back.

        Raises:
            PlaybackCancelledError: ``stop`` came first.
            PlaybackTimeoutError: It did not begin in time.
            VoiceUnavailableError: The channel cannot be joined.
            UnplayableSoundError: From ``packets``.
        """
        press = start_now(self._press(sound, user_id, place, packets), f"jeffbot press {sound.name}")
        self._presses.add(press)
        press.add_done_callback(self._press_ended)
        try:
            done, _ = await asyncio.wait([press], timeout=self._play_timeout)
        except asyncio.CancelledError:
            press.cancel()
            raise
        if not done:
            press.cancel()
            raise PlaybackTimeoutError(self._play_timeout)
        if press.cancelled():
            raise PlaybackCancelledError
        return press.result()

    def _press_ended(self, press: "asyncio.Task[Playback]") -> None:
        self._presses.discard(press)
        if not press.cancelled():
            press.exception()  # seen: a press that came too late is awaited by nobody

    def stop(self) -> None:
        """End what plays and take back every press that has not begun.

        The bot stays in its channel, and a join goes on: were it to leave each time, presses and stops in quick
        succession would use up what the whole bot may send to Discord (Discord: Gateway, "Rate Limiting").
        """
        for press in self._presses:
            press.cancel()
        if self._client:
            self._client.speaker.stop()
        self._now = None

    async def close(self) -> None:
        """Stop, and leave voice."""
        self.stop()
        await asyncio.gather(*self._presses, return_exceptions=True)
        await self._leave()

    async def _press(self, sound: Sound, user_id: UserId, place: VoicePlace, packets: Awaitable[Packets]) -> Playback:
        async with self._turn:
            client = await self._client_in(place)
            return await self._begin(client, sound, user_id, place, await packets)

    async def _begin(
        self, client: SoundVoiceClient, sound: Sound, user_id: UserId, place: VoicePlace, packets: Packets
    ) -> Playback:
        loop = asyncio.get_running_loop()
        begun: asyncio.Future[Playback] = loop.create_future()
        playback_id = uuid.uuid4().hex

        def first_packet_left() -> None:
            playback = Playback(playback_id, sound, user_id, place, duration_of(packets), time.time())
            loop.call_soon_threadsafe(self._began, playback, begun)

        def ended(reason: EndReason) -> None:
            loop.call_soon_threadsafe(self._ended, playback_id, reason, begun)

        try:
            client.speaker.start(packets, first_packet_left, ended)
        except nextcord.ClientException as error:
            raise VoiceUnavailableError("The voice connection was lost; try again") from error
        try:
            return await begun
        except asyncio.CancelledError:
            client.speaker.stop()
            raise

    def _began(self, playback: Playback, begun: "asyncio.Future[Playback]") -> None:
        if not begun.done():  # else it was taken back
            self._now = playback
            begun.set_result(playback)

    def _ended(self, playback_id: str, reason: EndReason, begun: "asyncio.Future[Playback]") -> None:
        if self._now and self._now.id == playback_id:
            logger.debug("%s ended: %s", printable(self._now.sound.name), reason)
            self._now = None
        if not begun.done():
            begun.set_exception(VoiceUnavailableError(f"The voice connection was lost ({reason}); try again"))

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
