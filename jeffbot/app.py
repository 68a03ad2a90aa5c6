"""Where everything is built and connected: started bottom up, stopped top down, in one place."""

import asyncio
import contextlib
import logging
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

import nextcord

from .audio.bank import SoundBank
from .audio.loudness import Level
from .errors import FFmpegMissingError, LibopusMissingError, StoreError, UnloadedError
from .events import EventHub
from .keeping import files_of
from .library.catalog import Catalog
from .models import PlayOptions, Seconds, Sound
from .news import News
from .service import SoundService
from .settings import Settings
from .store.store import FILE_NAME, Store
from .store.values import Kept, Measured
from .voice.switchboard import Switchboard
from .ws.access import read_access
from .ws.secret import Secret

if TYPE_CHECKING:
    from .ws.auth import Identity, Tokens
    from .ws.server import Server

logger = logging.getLogger(__name__)

SETTLE_EVERY: Seconds = 3600.0
"""How often the library is put in order: the bin emptied of what is too old."""
REVOKED_WITHIN: Seconds = 5.0
"""How long the remote control waits at its start to know which tokens are revoked."""


class Soundboard:
    """One soundboard for one bot. Building it starts nothing; :meth:`run` is its whole life.

    Raises:
        FFmpegMissingError: There is no ffmpeg on this machine.
        SettingsError: A setting of the remote control is not understood, or its certificate cannot be used.
    """

    def __init__(self, client: nextcord.Client, settings: Settings, secret: Secret) -> None:
        self._settings = settings
        self._secret = secret
        self._access = read_access(settings)
        self._store = Store(settings.data_dir, audit_days=settings.audit_days, plays_days=settings.plays_days)
        self._has_history = (settings.data_dir / FILE_NAME).exists()
        self._store_changed = asyncio.Event()
        self._store.subscribe(self._store_changed.set)
        self._bank = SoundBank.of(settings)
        self._bank.subscribe(self._keep_measured)
        self._catalog = Catalog(settings.sounds_dir, self._store, self._recall)
        self._library_changed = asyncio.Event()
        self._catalog.subscribe(self._library_changed.set)
        events = EventHub[News]()
        self.voice = Switchboard(
            client,
            events.publish,
            manners=settings.manners,
            play_timeout=settings.play_timeout,
            prefers_native=lambda guild_id: self.service.guilds.settings(guild_id).native,
        )
        self.service = SoundService(
            catalog=self._catalog,
            bank=self._bank,
            voice=self.voice,
            store=self._store,
            events=events,
            files=files_of(settings, self._catalog.folder, self._bank),
            defaults=PlayOptions(settings.mode, settings.retrigger, settings.volume),
        )
        self._began = asyncio.Event()

    async def run(self, until: asyncio.Event) -> None:
        """Serve until the event is set; then everything it started has ended."""
        loop = asyncio.get_running_loop()
        self._serving: asyncio.Future[Server] = loop.create_future()
        self._tokens: asyncio.Future[Tokens] = loop.create_future()
        self._began.set()
        async with contextlib.AsyncExitStack() as stack:
            await stack.enter_async_context(self._store)
            await stack.enter_async_context(self._catalog)
            await stack.enter_async_context(self._bank)
            await stack.enter_async_context(self.voice)
            tasks = await stack.enter_async_context(asyncio.TaskGroup())
            jobs = [
                tasks.create_task(self._keep_catalog(), name="jeffbot catalog"),
                tasks.create_task(self._keep_loaded(), name="jeffbot people"),
                tasks.create_task(self._keep_encoded(), name="jeffbot encoding"),
                tasks.create_task(self._serve(), name="jeffbot server"),
                tasks.create_task(_in_thread(_preload), name="jeffbot preload"),
            ]
            stack.callback(self._serving.cancel)
            stack.callback(self._tokens.cancel)
            stack.callback(self.service.entrances.close)
            stack.push_async_callback(self.service.wait_changed)
            await until.wait()
            for job in jobs:
                job.cancel()

    async def wait_serving(self) -> "Server":
        """The remote control, as soon as it listens.

        Raises:
            OSError: It cannot listen; or UnicodeError, where its address is no host name.
            asyncio.CancelledError: The soundboard ended first.
        """
        await self._began.wait()
        return await asyncio.shield(self._serving)

    async def wait_tokens(self) -> "Tokens":
        """What makes and checks tokens, as soon as it is there.

        Raises:
            UnloadedError: The soundboard ended first.
        """
        await self._began.wait()
        try:
            return await asyncio.shield(self._tokens)
        except asyncio.CancelledError:
            if self._tokens.cancelled():
                raise UnloadedError from None
            raise

    def _build_remote(self) -> "tuple[Tokens, Server]":
        """Build the remote control; in a thread, for what it imports takes a tenth of a second."""
        from .ws.auth import Tokens  # noqa: PLC0415

        hours = self._settings.token_hours
        tokens = Tokens(self._secret.accepted, hours=hours, is_revoked=self._is_revoked)
        return tokens, self._build_server(tokens)

    def _is_revoked(self, identity: "Identity") -> bool:
        return self.service.revocations.is_revoked(identity.user_id, identity.token_id, identity.issued_at)

    def _build_server(self, tokens: "Tokens") -> "Server":
        from .ws.building import build_server  # noqa: PLC0415

        return build_server(
            self.service, self._bank, self.voice, tokens=tokens, access=self._access, settings=self._settings
        )

    def _recall(self, kept: Kept) -> None:
        """Have the bank know what is known of a content; called in a thread."""
        if kept.content_hash and kept.length:
            self._bank.recall(kept.sound, kept.content_hash, kept.length)

    def _keep_measured(self, sound: Sound, content_hash: str, length: Seconds, level: Level | None) -> None:
        loudness = level.loudness if level else None
        if sound.id:
            self._store.later(Measured(sound.id, sound.size, sound.modified_ns, content_hash, length, loudness))

    async def _keep_catalog(self) -> None:
        with contextlib.suppress(StoreError):  # the store has told of it; presses go by what guilds and people have set
            await self.service.load()
        await self._catalog.open()
        await self._catalog.watch()

    async def _keep_loaded(self) -> None:
        """Have at hand what guilds and people have set, as it is in the store."""
        self._store_changed.set()
        settle_at = 0.0
        while True:
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._store_changed.wait(), SETTLE_EVERY)
            self._store_changed.clear()
            try:
                await self.service.load()
                if time.monotonic() >= settle_at:  # not after each change of others, who may be in the middle of one
                    await self.service.bin.settle()
                    settle_at = time.monotonic() + SETTLE_EVERY
            except StoreError as error:
                if self._store.trouble is None:  # else the store has told of it, and tells when it can be used again
                    logger.warning("the library could not be put in order: %s", error.reason)

    async def _keep_encoded(self) -> None:
        try:
            logger.info("encoding with %s", await self._bank.check_ffmpeg())
        except FFmpegMissingError as error:
            logger.error("sounds cannot be encoded: %s", error)
        while True:
            await self._library_changed.wait()
            self._library_changed.clear()
            await self._bank.prepare(await self._most_played_first())

    async def _most_played_first(self) -> list[Sound]:
        sounds = [*self._catalog.all_sounds]
        try:
            favoured = await self._store.read(lambda records: records.sounds.most_played())
        except StoreError:
            return sounds
        places = {sound_id: place for place, sound_id in enumerate(favoured)}
        others = len(places)
        return await _in_thread(lambda: sorted(sounds, key=lambda sound: places.get(sound.id, others)))

    async def _serve(self) -> None:
        settings = self._settings
        tokens, server = await _in_thread(self._build_remote)
        self._tokens.set_result(tokens)
        if self._has_history:  # else nothing can have been revoked
            with contextlib.suppress(StoreError, TimeoutError):  # they are known as soon as the store can be read
                await asyncio.wait_for(self.service.revocations.load(), REVOKED_WITHIN)
        try:
            async with server:
                self._serving.set_result(server)
                await asyncio.Event().wait()
        except (OSError, UnicodeError) as error:  # UnicodeError: the address is no host name
            self._serving.set_exception(error)
            self._serving.exception()  # seen, also when nobody waits for it
            logger.error(
                "the remote control cannot listen on %s port %d (%s): free it, or set JEFFBOT_WS_HOST and "
                "JEFFBOT_WS_PORT, then reload. The slash commands work without it.",
                settings.ws_host,
                settings.ws_port,
                getattr(error, "strerror", None) or error,
            )


async def _in_thread[T](work: Callable[[], T]) -> T:
    thread = ThreadPoolExecutor(1, "jeffbot-start")
    try:
        return await asyncio.get_running_loop().run_in_executor(thread, work)
    finally:
        thread.shutdown(wait=False)


def _preload() -> None:
    """Load what the first join and the first overlapping sounds need, lest the event loop wait for it then."""
    from .audio import mixer  # noqa: PLC0415 - numpy
    from .voice import rtp  # noqa: PLC0415 - cryptography

    rtp.preload()
    try:
        mixer.preload()
    except LibopusMissingError as error:
        logger.info("%s", error)
