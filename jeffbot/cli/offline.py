"""A soundboard without a bot: the library and what is kept, for the command line, also beside a running bot."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any, Never

from ..audio.bank import SoundBank
from ..errors import NativeSoundboardError, SettingsError, StoreError, UnloadedError
from ..events import EventHub
from ..keeping import files_of
from ..library.catalog import Catalog
from ..models import GuildId, NativeSound, UserId
from ..service import SoundService
from ..settings import Settings
from ..store.store import Store


class _Nowhere:
    """No voice, no Discord: nobody is anywhere."""

    @property
    def native(self) -> "_Nowhere":
        return self

    async def list_sounds(self, _guild_id: GuildId, *, refresh: bool = False) -> tuple[NativeSound, ...]:  # noqa: ARG002
        raise NativeSoundboardError("Only a running bot can ask Discord")

    async def download(self, _sound: NativeSound) -> bytes:
        raise NativeSoundboardError("Only a running bot can ask Discord")

    def place_of(self, _user_id: UserId, _guild_id: GuildId | None) -> None:
        return None

    def only_guild(self) -> None:
        return None

    def session(self, _guild_id: GuildId) -> Never:
        raise UnloadedError

    def diagnose(self, _user_id: UserId, _guild_id: GuildId) -> tuple[str, ...]:
        return ()


@asynccontextmanager
async def offline(settings: Settings) -> AsyncIterator[SoundService]:
    """The soundboard's library and people, as they are kept in the settings' folders.

    Raises:
        StoreError: What is kept cannot be used.
        FFmpegMissingError: There is no ffmpeg on this machine.
        SettingsError: The sounds folder cannot be made.
    """
    try:
        settings.sounds_dir.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise SettingsError(f"the sounds folder (JEFFBOT_SOUNDS_DIR) cannot be made: {error.strerror}") from error
    voice: Any = _Nowhere()
    async with (
        Store(settings.data_dir, serving=False) as store,
        Catalog(settings.sounds_dir, store) as catalog,
        SoundBank.of(settings) as bank,
    ):
        service = SoundService(
            catalog=catalog,
            bank=bank,
            voice=voice,
            store=store,
            events=EventHub(),
            files=files_of(settings, catalog.folder, bank),
        )
        await service.load()  # or tell why not
        await catalog.load()
        yield service
        if store.trouble:
            raise StoreError(store.trouble.reason)
