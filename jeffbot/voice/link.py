"""Keeps one guild's voice connection: joins, joins anew what broke, and says when it has given up.

Cost: nothing while all is well; at most one task while it joins or recovers.
"""

import asyncio
import contextlib
import logging
import random
import time
from collections.abc import AsyncIterator, Callable, Coroutine
from typing import Any

import aiohttp
import nextcord

from ..errors import VoiceUnavailableError
from ..models import ChannelId, EndReason, LinkState, Moved, Seconds, VoicePlace, VoiceReport
from ..tasks import start_now
from .client import AUDIBLE_TIMEOUT, OnLost, SoundVoiceClient, VocalChannel
from .closing import NO_KEY, RETURN, SESSION_GONE, Loss, Remedy, loss_of

logger = logging.getLogger(__name__)

type Join = Callable[[VoicePlace, OnLost], Coroutine[Any, Any, SoundVoiceClient]]
"""Joins a voice channel; raises VoiceUnavailableError, or what Nextcord and aiohttp raise."""

FIRST_RETRY: Seconds = 0.1
LAST_RETRY: Seconds = 5.0
"""Waits between tries to join anew: the first, and where doubling them ends. Each is cut by up to half, by chance."""
TRY_TIMEOUT: Seconds = 3.0
"""How long one of these tries may take: what was asked for may have been lost on the way."""
GIVE_UP: Seconds = 30.0
"""After how long of trying the bot stays away until the next press."""
PLAYING_HELD: Seconds = 10.0
"""How long what plays waits for a broken connection, and then ends as failed. Nextcord alone takes some 5 s to log in
anew."""
SPEAKING_HELD: Seconds = 2.0
"""How long after the last packet we still count as speaking, so that sounds in succession do not flicker."""
UNHEARD_TIMEOUT: Seconds = 6.0
"""How long a connection may be up with nobody able to hear; then it is joined anew, each time twice as patiently."""
RETURN_ONCE: Seconds = 30.0
"""Who is moved again within this time of having returned stays: a moderator means it."""


class VoiceLink:
    """One guild's way into voice, and the output of its player.

    Args:
        join: Joins a channel once.
        on_over: Told, with the reason, when what plays can be heard no more.
        moved: What to do when a moderator moves the bot.
        play_timeout: How long a first join may take.
    """

    def __init__(
        self, join: Join, on_over: Callable[[EndReason], None], *, moved: Moved, play_timeout: Seconds
    ) -> None:
        self._join = join
        self._on_over = on_over
        self._moved = moved
        self._play_timeout = play_timeout
        self._client: SoundVoiceClient | None = None
        self._past: SoundVoiceClient | None = None
        """The connection before, which may still be on its way out."""
        self._goal: VoicePlace | None = None
        """The channel it was asked into; None while it is asked into none."""
        self._work: asyncio.Task[None] | None = None
        """Joining the goal, for the first time or anew."""
        self._lost_at: Seconds | None = None
        """When the connection broke that is being joined anew, on the monotonic clock."""
        self._hurry = asyncio.Event()
        """Trying again has better prospects than it had."""
        self._unheard_since: Seconds | None = None
        self._patience = UNHEARD_TIMEOUT
        self._returned_at = float("-inf")
        self._last_close: str | None = None
        self._speaking = False
        self._resting: asyncio.TimerHandle | None = None
        self._closed = False

    @property
    def state(self) -> LinkState:
        """What it is doing."""
        if self._closed:
            return LinkState.GONE
        if self._work:
            return LinkState.JOINING if self._lost_at is None else LinkState.RECOVERING
        return LinkState.READY if self._client else LinkState.IDLE

    @property
    def channel(self) -> VocalChannel | None:
        """The voice channel it is connected to."""
        return self._client.place if self._client else None

    def report(self) -> VoiceReport:
        """How it is."""
        client = self._client
        if client is None:
            return VoiceReport(state=self.state, last_close=self._last_close)
        return VoiceReport(
            state=self.state,
            channel=client.place.name if client.place else None,
            cipher=client.mode or None,
            encrypted=client.encrypted,
            decryptable=client.heard,
            epoch=client.epoch,
            listeners=client.listeners,
            last_close=client.last_close or self._last_close,
            packets_sent=client.packets_sent,
            packets_late=client.packets_late,
        )

    # Being somewhere

    async def bring(self, place: VoicePlace) -> None:
        """Be in a channel, able to be heard; waits for a recovery under way.

        Raises:
            VoiceUnavailableError: It cannot be joined.
        """
        work = self._work
        if work is None or self._goal is None or self._goal.channel_id != place.channel_id:
            if not self._is_in(place):
                await self.leave()
                work = self._start(self._join_once(place), f"jeffbot join {place.channel}")
            self._goal = place
        if work:
            await asyncio.shield(work)
        if self._client:
            await self._client.wait_audible(AUDIBLE_TIMEOUT)

    async def leave(self) -> None:
        """Leave voice; what plays ends."""
        self._goal = None
        work, client = self._work, self._take_client()
        if work:
            work.cancel()
            await asyncio.wait([work])
        if client or work:
            self._on_over(EndReason.LEFT)
        await self._see_off()

    def _take_client(self) -> SoundVoiceClient | None:
        """The connection, which is no longer in use."""
        client, self._client = self._client, None
        self._past = client or self._past
        return client

    async def _see_off(self) -> None:
        """Wait until the connection before has ended; Nextcord allows one at a time in a guild."""
        if self._past:
            await self._past.disconnect(force=True)
            self._past = None

    async def close(self) -> None:
        """Leave for good."""
        self._closed = True
        self._forget_resting()
        await self.leave()

    def _is_in(self, place: VoicePlace) -> bool:
        channel = self._client.place if self._client else None
        return channel is not None and channel.id == place.channel_id

    def _start(self, work: Coroutine[Any, Any, None], name: str) -> "asyncio.Task[None]":
        task = self._work = start_now(work, name)
        if task.done():
            self._ended(task)
        else:
            task.add_done_callback(self._ended)
        return task

    def _ended(self, work: "asyncio.Task[None]") -> None:
        if self._work is work:
            self._work, self._lost_at = None, None
        if not work.cancelled():
            work.exception()  # seen: a recovery need not be awaited by anybody

    async def _join_once(self, place: VoicePlace) -> None:
        await self._see_off()
        try:
            client = await self._join(place, self._lost)
        except TimeoutError:
            limit = f"within {self._play_timeout:g} s"
            raise VoiceUnavailableError(f"Discord did not let the bot into {place.channel} {limit}") from None
        except nextcord.ConnectionClosed as error:
            self._last_close = loss_of(error.code).words
            raise VoiceUnavailableError(f"Discord refused the voice connection: {self._last_close}") from error
        except (nextcord.ClientException, aiohttp.ClientError, OSError) as error:
            raise VoiceUnavailableError(f"Discord's voice server could not be reached ({error})") from error
        self._client = client
        if self._speaking:
            client.speak(speaking=True)

    # Recovering

    def _lost(self, client: SoundVoiceClient, loss: Loss) -> None:
        """A connection is over that was not told to end here."""
        if client is not self._client:
            return
        if self._moved is Moved.FOLLOW:
            self._settle()
        self._take_client()
        self._last_close = loss.words
        if loss.remedy is Remedy.NONE or self._goal is None:
            logger.warning("out of voice until asked again: %s", loss.words)
            self._goal = None
            self._on_over(EndReason.LEFT)
            return
        logger.warning("joining voice anew: %s", loss.words)
        self._lost_at = time.monotonic()
        self._start(self._recover(self._goal), "jeffbot recover")

    def renew(self) -> None:
        """Join anew, now: the session with Discord, which the connection belonged to, is another one."""
        self._break(SESSION_GONE)
        self._hurry.set()

    def _break(self, loss: Loss) -> None:
        if self._client:
            self._lost(self._client, loss)

    async def _recover(self, place: VoicePlace) -> None:
        trouble: VoiceUnavailableError | None = None
        try:
            async with asyncio.timeout(GIVE_UP):
                async for _ in self._tries():
                    try:
                        async with asyncio.timeout(TRY_TIMEOUT):
                            await self._join_once(place)
                    except TimeoutError:
                        trouble = VoiceUnavailableError(f"Discord does not let the bot into {place.channel}")
                    except VoiceUnavailableError as error:
                        trouble = error
                        if _is_final(error):
                            break
                    else:
                        logger.info("back in voice")
                        return
                    logger.info("voice could not be joined anew yet: %s", trouble)
        except TimeoutError:
            logger.warning("out of voice until asked again: %s", trouble)
        self._goal = None
        self._on_over(EndReason.FAILED)
        raise trouble or VoiceUnavailableError("The voice connection was lost; try again")

    async def _tries(self) -> AsyncIterator[None]:
        """Waits ever longer between tries."""
        wait = FIRST_RETRY
        self._hurry.clear()
        while True:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(wait * random.uniform(0.5, 1)):  # noqa: S311 - many guilds come at once
                    await self._hurry.wait()
                    self._hurry.clear()
                    wait = FIRST_RETRY
            yield
            wait = min(2 * wait, LAST_RETRY)

    # Being watched

    def tick(self, now: Seconds) -> None:
        """Look, each second, whether all is well; the time is the monotonic clock's."""
        if self._lost_at is not None and now - self._lost_at > PLAYING_HELD:
            self._on_over(EndReason.FAILED)
        if self._client is None or self._work is not None or self._client.heard:
            self._unheard_since = None
            if self._client and self._client.heard:
                self._patience = UNHEARD_TIMEOUT
        elif self._unheard_since is None:
            self._unheard_since = now
        elif now - self._unheard_since > self._patience:
            self._unheard_since, self._patience = None, 2 * self._patience
            self._break(NO_KEY)
        self._watch_place(now)

    def _watch_place(self, now: Seconds) -> None:
        if not self._is_elsewhere():
            return
        if self._moved is Moved.RETURN and now - self._returned_at > RETURN_ONCE:
            self._returned_at = now
            self._break(RETURN)
        else:
            self._settle()

    def _is_elsewhere(self) -> bool:
        """Whether it has been moved away from where it was asked to be."""
        channel = self.channel
        return channel is not None and self._goal is not None and channel.id != self._goal.channel_id

    def _settle(self) -> None:
        """Stay where it has been moved to."""
        if self._is_elsewhere() and self._goal and (channel := self.channel):
            self._goal = VoicePlace(self._goal.guild_id, ChannelId(channel.id), channel.name)

    # The player's output

    @property
    def ready(self) -> bool:
        """Whether what is sent now can be heard; while it is not, what plays stands still."""
        client = self._client
        return client is not None and client.ready

    def send(self, frame: bytes, at: Seconds) -> None:
        """Send 20 ms of Opus, due at this time of the monotonic clock."""
        client = self._client
        if client is not None:
            client.send(frame, at)

    def speak(self) -> None:
        """Say that we speak, ahead of the first packet."""
        if self._forget_resting() or self._speaking:
            return
        self._speaking = True
        self._say_speaking()

    def rest(self) -> None:
        """Say that we do not speak, unless we do within SPEAKING_HELD."""
        if self._resting is None and self._speaking and not self._closed:
            self._resting = asyncio.get_running_loop().call_later(SPEAKING_HELD, self._stop_speaking)

    def _forget_resting(self) -> bool:
        if self._resting is None:
            return False
        self._resting.cancel()
        self._resting = None
        return True

    def _stop_speaking(self) -> None:
        self._resting, self._speaking = None, False
        self._say_speaking()

    def _say_speaking(self) -> None:
        if self._client:
            self._client.speak(speaking=self._speaking)


def _is_final(error: VoiceUnavailableError) -> bool:
    """Whether trying again soon would end the same way."""
    cause = error.__cause__
    return isinstance(cause, nextcord.ConnectionClosed) and loss_of(cause.code).remedy is Remedy.NONE
