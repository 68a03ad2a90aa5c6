"""Keeps one guild's voice connection: joins, joins anew what broke, and says when it has given up.

Cost: nothing while all is well; at most one task while it joins or recovers.
"""

import asyncio
import contextlib
import logging
import random
import time
from collections.abc import Callable, Coroutine
from typing import Any, Protocol

import aiohttp
import nextcord

from ..errors import UnloadedError, VoiceTakenError, VoiceUnavailableError
from ..models import ChannelId, EndReason, GuildId, LinkState, Moved, Seconds, VoicePlace, VoiceReport
from ..tasks import run_until, start_now
from .client import LostError, OnLost, SoundVoiceClient
from .closing import RETURN, SESSION_GONE, STALE_TOKEN, UNHEARD, Loss, Remedy, loss_of
from .encryption import AUDIBLE_TIMEOUT, VocalChannel
from .speaking import Speaking

logger = logging.getLogger(__name__)

FIRST_RETRY: Seconds = 0.1
LAST_RETRY: Seconds = 5.0
"""Waits between tries to join: the first, and where doubling them ends. Each is cut by up to half, by chance."""
STEADY: Seconds = 10.0
"""A connection that lasted so long was well; what broke sooner is joined anew more slowly than the time before."""
GIVE_UP: Seconds = 30.0
"""After how long of trying to join anew the bot stays away until the next press."""
PLAYING_HELD: Seconds = 10.0
"""How long what plays waits for a broken connection, and then ends as failed. Nextcord alone takes some 5 s to log in
anew."""
UNHEARD_TIMEOUT: Seconds = 6.0
"""How long a connection may be up with nobody able to hear; then it is joined anew, each time twice as patiently."""
RETURN_ONCE: Seconds = 30.0
"""Who is moved again within this time of having returned stays: a moderator means it."""


class Ways(Protocol):
    """How channels are joined; see ``joiner.Joiner``."""

    def join(self, place: VoicePlace, on_lost: OnLost) -> Coroutine[Any, Any, SoundVoiceClient]:
        """Join a channel once."""
        ...

    async def wait_turn(self, guild_id: GuildId) -> None:
        """Wait until a join that nobody waits for may be tried."""
        ...

    def could_join(self, place: VoicePlace) -> bool:
        """Whether the bot would be let into a channel."""
        ...


class VoiceLink:
    """One guild's way into voice, and the output of its player.

    Args:
        ways: How channels are joined.
        on_over: Told, with the reason, when what plays can be heard no more.
        on_back: Awaited when the channel has been joined anew.
        moved: What to do when a moderator moves the bot.
        play_timeout: How long a first join may take.
        on_change: Told when its state may be another.
    """

    def __init__(
        self,
        ways: Ways,
        on_over: Callable[[EndReason], None],
        on_back: Callable[[], Coroutine[Any, Any, None]],
        *,
        moved: Moved,
        play_timeout: Seconds,
        on_change: Callable[[], None] = lambda: None,
    ) -> None:
        self._ways = ways
        self._on_change = on_change
        self._on_over = on_over
        self._on_back = on_back
        self._moved = moved
        self._play_timeout = play_timeout
        self._client: SoundVoiceClient | None = None
        self._joined_at: Seconds = 0.0
        self._past: SoundVoiceClient | None = None
        """The connection before, which may still be on its way out."""
        self.goal: VoicePlace | None = None
        """The channel it was asked into; None while it is asked into none."""
        self._work: asyncio.Task[None] | None = None
        """Joining the goal, for the first time or anew."""
        self._lost_at: Seconds | None = None
        """When the connection broke that is being joined anew, on the monotonic clock."""
        self.trouble: VoiceUnavailableError | None = None
        """Why the goal could not be joined yet."""
        self._wait = FIRST_RETRY
        self._hurry = asyncio.Event()
        """Trying again has better prospects than it had."""
        self._renewed = asyncio.Event()
        """What a join waits for will not come."""
        self._unheard_since: Seconds | None = None
        self._patience = UNHEARD_TIMEOUT
        self._returned_at = float("-inf")
        self._last_close: str | None = None
        self._speaking = Speaking(self._say_speaking)
        self.speak, self.rest = self._speaking.begin, self._speaking.rest
        self._refreshes = False
        """Whether it is wanted otherwise than the join under way may have asked."""
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

    def outline(self) -> tuple[object, ...]:
        """What of how it is does not change by itself from one moment to the next."""
        client, channel = self._client, self.channel
        encryption = (client.encrypted, client.decryptable) if client else ()
        return self.state, channel and channel.id, *encryption

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
            decryptable=client.decryptable,
            epoch=client.epoch,
            listeners=client.listeners,
            last_close=client.last_close or self._last_close,
            packets_leave=client.packets_leave,
            packets_sent=client.packets_sent,
            packets_late=client.packets_late,
        )

    async def refresh(self) -> None:
        """Deafen itself, or no more, as is wanted now; who is joining does so afterwards."""
        self._refreshes = self._client is None
        if self._client and self._client.place:
            try:
                await self._client.voice_connect()
            except (nextcord.ConnectionClosed, aiohttp.ClientError, OSError) as error:
                logger.info("Discord could not be told whether the bot hears; the next join tells it: %s", error)

    # Being somewhere

    async def bring(self, place: VoicePlace) -> None:
        """Be in a channel, able to be heard; waits for a recovery under way.

        Raises:
            VoiceUnavailableError: It cannot be joined, or was lost at once.
        """
        work = self._work
        if work is None or self.goal is None or self.goal.channel_id != place.channel_id:
            if not self._is_in(place):
                await self.leave()
                self.goal = place
                work = self._start(self._join_first(place), f"jeffbot join {place.channel}")
            self.goal = place
        if work:
            self._hurry.set()
            await asyncio.shield(work)
        if self._client:
            await self._client.wait_audible(AUDIBLE_TIMEOUT)
        if self._client is None and self._work is None:
            raise VoiceUnavailableError("The voice connection was lost; try again")

    async def leave(self) -> None:
        """Leave voice; what plays ends."""
        self.goal = None
        work, client = self._work, self._take_client()
        if work or client:
            self._on_over(EndReason.LEFT)
        if work:
            work.cancel()
            await asyncio.wait([work])
            self._take_client()  # it may have come to its end before
        self._on_change()
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
        self._speaking.close()
        await self.leave()

    def _is_in(self, place: VoicePlace) -> bool:
        return self.channel is not None and self.channel.id == place.channel_id

    # Joining

    def _start(self, work: Coroutine[Any, Any, None], name: str) -> "asyncio.Task[None]":
        task = self._work = start_now(work, name)
        if task.done():
            self._ended(task)
        else:
            self._on_change()
            task.add_done_callback(self._ended)
        return task

    def _ended(self, work: "asyncio.Task[None]") -> None:
        if self._work is work:
            self._work = self._lost_at = self.trouble = None
            self._on_change()
        if not work.cancelled():
            work.exception()  # seen: a recovery need not be awaited by anybody

    async def _join_first(self, place: VoicePlace) -> None:
        """Join for a press: what is refused is refused at once, what breaks is tried again while the press waits."""
        try:
            async with asyncio.timeout(self._play_timeout):
                while True:
                    try:
                        return await self._try(place)
                    except VoiceUnavailableError as error:
                        if error.__cause__ is None or _is_final(error):
                            raise
                    await self._pause()
        except TimeoutError:
            limit = f"within {self._play_timeout:g} s"
            raise self.trouble or VoiceUnavailableError(
                f"Discord did not let the bot into {place.channel} {limit}"
            ) from None

    async def _try(self, place: VoicePlace) -> None:
        """Join once; cut short when the bot's session with Discord is a new one."""
        await self._see_off()
        self._renewed.clear()
        joining = await run_until(self._renewed, self._joined(place), f"jeffbot try {place.channel}")
        try:
            if joining.cancelled():
                raise VoiceUnavailableError("The bot had to log in to Discord anew") from ConnectionError("renewed")
            joining.result()
        except VoiceUnavailableError as error:
            self.trouble = error
            raise

    async def _joined(self, place: VoicePlace) -> None:
        self._refreshes = False
        try:
            client = await self._ways.join(place, self._lost)
            if client.loss:
                raise LostError(client.loss)
        except LostError as error:
            self._last_close = error.loss.words
            raise VoiceUnavailableError(f"The bot could not stay in {place.channel}: {error}") from error
        except TimeoutError as error:
            raise VoiceUnavailableError(f"Discord did not let the bot into {place.channel}") from error
        except nextcord.ConnectionClosed as error:
            self._last_close = loss_of(error.code).words
            raise VoiceUnavailableError(f"Discord refused the voice connection: {self._last_close}") from error
        except (nextcord.ClientException, aiohttp.ClientError, OSError) as error:
            raise VoiceUnavailableError(f"Discord's voice server could not be reached ({error})") from error
        self._client, self._joined_at = client, time.monotonic()
        if self._speaking.wanted:
            client.speak(speaking=True)
        if self._refreshes:
            await self.refresh()

    async def _pause(self) -> Seconds:
        """Wait before the next try, ever longer; how long that was."""
        began = time.monotonic()
        self._hurry.clear()
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(self._wait * random.uniform(0.5, 1)):  # noqa: S311 - many guilds come at once
                await self._hurry.wait()
        self._wait = min(2 * self._wait, LAST_RETRY)
        return time.monotonic() - began

    # Recovering

    def _lost(self, client: SoundVoiceClient, loss: Loss) -> None:
        """A connection is over that was not told to end here."""
        if client is not self._client:
            return
        if self._moved is Moved.FOLLOW:
            self._settle()
        self._take_client()
        self._last_close = loss.words
        if loss.remedy is Remedy.NONE or self.goal is None:
            logger.warning("out of voice until asked again: %s", loss.words)
            self.goal = None
            self._on_over(EndReason.LEFT)
            self._on_change()
            return
        logger.warning("joining voice anew: %s", loss.words)
        self._lost_at = time.monotonic()
        if self._lost_at - self._joined_at >= STEADY:
            self._wait = FIRST_RETRY
        self._start(self._recover(self.goal), "jeffbot recover")

    def renew(self) -> None:
        """Join anew, now: the session with Discord, which the connection belonged to, is another one."""
        if self._client:
            self._lost(self._client, SESSION_GONE)
        self._renewed.set()
        self.hurry()

    def hurry(self) -> None:
        """Do not wait with the next try, if there is to be one."""
        self._wait = FIRST_RETRY
        self._hurry.set()

    async def _recover(self, place: VoicePlace) -> None:
        try:
            error = await self._try_again(place)
        except UnloadedError as unloaded:
            error = VoiceUnavailableError(str(unloaded))
        except Exception:  # a boundary: whatever it is, the guild must not stay silent without a word
            logger.exception("trouble with joining voice anew")
            error = VoiceUnavailableError("The voice connection was lost by a fault of the soundboard; try again")
        if error is None:
            logger.info("back in voice")
            await self._on_back()
            return
        logger.warning("out of voice until asked again: %s", error)
        self.goal = None
        self._on_over(EndReason.FAILED)
        raise error

    async def _try_again(self, place: VoicePlace) -> VoiceUnavailableError | None:
        """Try until it is joined, or why that is given up."""
        trying: Seconds = 0.0
        while True:
            trying += await self._pause()
            await self._ways.wait_turn(place.guild_id)
            began = time.monotonic()
            try:
                await self._try(place)
            except VoiceUnavailableError as error:
                trying += time.monotonic() - began
                if _is_final(error) or trying > GIVE_UP:
                    return error
                logger.info("voice could not be joined anew yet: %s", error)
            else:
                return None

    # Being watched

    def tick(self, now: Seconds) -> None:
        """Look, each second, whether all is well; the time is the monotonic clock's."""
        if self._lost_at is not None and now - self._lost_at > PLAYING_HELD:
            self._on_over(EndReason.FAILED)
        client = self._client
        if client is None or self._work is not None or client.heard:
            self._unheard_since = None
            if client and client.heard:
                self._patience = UNHEARD_TIMEOUT
        elif self._unheard_since is None:
            self._unheard_since = now
        elif now - self._unheard_since > self._patience:
            self._unheard_since, self._patience = None, 2 * self._patience
            self._lost(client, UNHEARD)
        self._watch_place(now)

    def _watch_place(self, now: Seconds) -> None:
        if not self._client or not self.goal or not self._is_elsewhere():
            return
        returns = self._moved is Moved.RETURN and now - self._returned_at > RETURN_ONCE
        if returns and self._ways.could_join(self.goal):
            self._returned_at = now
            self._lost(self._client, RETURN)
        else:
            self._settle()

    def _is_elsewhere(self) -> bool:
        """Whether it has been moved away from where it was asked to be."""
        return self.goal is not None and self.channel is not None and self.channel.id != self.goal.channel_id

    def _settle(self) -> None:
        """Stay where it has been moved to."""
        if self._is_elsewhere() and self.goal and (channel := self.channel):
            self.goal = VoicePlace(self.goal.guild_id, ChannelId(channel.id), channel.name)

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

    def _say_speaking(self, speaking: bool) -> None:
        if self._client:
            self._client.speak(speaking=speaking)


def _is_final(error: VoiceUnavailableError) -> bool:
    """Whether trying again soon would end the same way."""
    if isinstance(error, VoiceTakenError):
        return True
    cause = error.__cause__
    if isinstance(cause, LostError):
        return cause.loss.remedy is Remedy.NONE
    if isinstance(cause, nextcord.ConnectionClosed):
        return cause.code != STALE_TOKEN and loss_of(cause.code).remedy is Remedy.NONE
    return False
