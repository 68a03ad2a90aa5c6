"""What guilds remember, at hand without waiting."""

import asyncio
import dataclasses
import logging
import zoneinfo
from typing import Any

import msgspec

from ..community import GuildSettings
from ..errors import BadDetailsError, LibopusMissingError, UnloadedError
from ..models import MAX_VOLUME, Caller, GuildId, PlayOptions, Sound
from ..news import Publish, SettingsChanged
from ..rooms import Voice
from ..store.store import Store
from .audit import Audit
from .callers import caller_of, need_guild, need_manager

logger = logging.getLogger(__name__)

MAX_COOLDOWN = 86_400.0


class Guilds:
    """The settings of all guilds that changed some. Read in the event loop; kept in the store."""

    def __init__(self, store: Store, voice: Voice, defaults: PlayOptions, publish: Publish) -> None:
        self._store = store
        self._voice = voice
        self._defaults = defaults
        self._publish = publish
        self._audit = Audit(store)
        self._settings: dict[GuildId, GuildSettings] = {}
        self._loaded = False
        self._changing = asyncio.Lock()

    async def load(self) -> None:
        """Read them all, and tell what others have changed; what was known stays where the store cannot be read.

        Raises:
            StoreError: It cannot.
        """
        before, self._settings = self._settings, await self._store.read(lambda records: records.guilds.all())
        tells, self._loaded = self._loaded, True
        for guild_id in before.keys() | self._settings.keys():
            await self._apply(guild_id, before.get(guild_id, _UNCHANGED), tells=tells)

    def settings(self, guild_id: GuildId) -> GuildSettings:
        """Those of a guild."""
        return self._settings.get(guild_id, _UNCHANGED)

    async def change(self, caller: Caller | int, **changes: Any) -> GuildSettings:
        """Change settings of the caller's guild: for who manages it; durable when this returns.

        Args:
            caller: Who asks.
            changes: Fields of :class:`~jeffbot.community.GuildSettings`.

        Raises:
            ForbiddenError: They do not manage it.
            BadDetailsError: There is no such setting, or its value is not allowed.
            StoreError: Nothing can be kept now.
        """
        caller = caller_of(caller)
        guild_id = need_guild(caller, self._voice)
        with self._audit.noted(caller, "settings", guild_id=guild_id, target=", ".join(changes)):
            need_manager(caller, guild_id, self._voice)
            return await self.keep(guild_id, **changes)

    async def keep(self, guild_id: GuildId, **changes: Any) -> GuildSettings:
        """Change them whoever asks; otherwise as :meth:`change`."""
        async with self._changing:
            before = self.settings(guild_id)
            settings = _changed(before, changes)
            await self._store.write(lambda records: records.guilds.set(guild_id, settings))
            self._settings = self._settings | {guild_id: settings}
        await self._apply(guild_id, before)
        return settings

    async def _apply(self, guild_id: GuildId, before: GuildSettings, *, tells: bool = True) -> None:
        """Tell of a guild's settings, and have its session be like that, where they have changed."""
        settings = self.settings(guild_id)
        if settings != before and tells:
            self._publish(SettingsChanged(guild_id, settings))
        try:
            if settings.native != before.native:
                await self._voice.session(guild_id).refresh()
            if settings.volume is not None and settings.volume != before.volume:
                self._voice.session(guild_id).set_volume(settings.volume)
        except UnloadedError:
            logger.debug("there is no voice that could be as guild %d has it", guild_id)
        except LibopusMissingError as error:
            logger.warning("guild %d is not as loud as it has been set: %s", guild_id, error)

    def options(self, guild_id: GuildId, sound: Sound, given: dict[str, Any]) -> PlayOptions:
        """How a sound is to be played: as was asked, else as the sound, else the guild, else the operator has it."""
        guild = self.settings(guild_id)
        remembered: dict[str, Any] = {
            "mode": guild.mode,
            "retrigger": sound.details.retrigger or guild.retrigger,
            "gain": sound.details.gain or None,
        }
        levels = remembered, given
        chosen = {name: value for level in levels for name, value in level.items() if value is not None}
        return dataclasses.replace(self._defaults, **chosen) if chosen else self._defaults


_UNCHANGED = GuildSettings()


def _changed(settings: GuildSettings, changes: dict[str, Any]) -> GuildSettings:
    if unknown := changes.keys() - set(GuildSettings.__struct_fields__):
        known = ", ".join(GuildSettings.__struct_fields__)
        raise BadDetailsError(f"There is no setting {min(unknown)}; there are {known}")
    try:
        changed = msgspec.convert(msgspec.structs.asdict(settings) | changes, GuildSettings)
    except msgspec.ValidationError as error:
        raise BadDetailsError(f"A setting cannot be like that: {error}") from error
    if changed.volume is not None and not 0 <= changed.volume <= MAX_VOLUME:
        raise BadDetailsError(f"The volume has to be 0 to {MAX_VOLUME:g} percent")
    if not 0 <= changed.entrance_cooldown <= MAX_COOLDOWN:
        raise BadDetailsError(f"The cooldown has to be 0 to {MAX_COOLDOWN:g} seconds")
    if changed.time_zone != settings.time_zone:
        _check_time_zone(changed.time_zone)
    return changed


def _check_time_zone(name: str) -> None:
    try:
        zoneinfo.ZoneInfo(name)
    except (KeyError, ValueError, OSError) as error:
        raise BadDetailsError("The time zone has to be a name as Europe/Berlin or UTC (IANA)") from error
