"""Numbers people like to look at: in words, as a picture, as files."""

import asyncio
from collections.abc import Mapping

from ..community import Numbers
from ..models import Caller
from ..rooms import Voice
from ..store.store import Store
from ..store.values import Deed
from .callers import caller_of, guild_of, need_guild, need_manager
from .guilds import Guilds


class Statistics:
    """What was played in a guild. Raises NoVoiceChannelError where the guild cannot be told, and StoreError."""

    def __init__(self, store: Store, voice: Voice, guilds: Guilds) -> None:
        self._store = store
        self._voice = voice
        self._guilds = guilds

    async def numbers(self, caller: Caller | int, *, since: float | None = None, top: int = 10) -> Numbers:
        """The numbers of the caller's guild: most played, by whom, when, first-time and forgotten sounds.

        Args:
            caller: Who asks.
            since: From when on, seconds since the epoch; None: ever.
            top: How many of each.
        """
        guild_id = need_guild(caller_of(caller), self._voice)
        zone = self._guilds.settings(guild_id).time_zone
        await self._store.catch_up()
        return await self._store.read(
            lambda records: records.plays.numbers(guild_id, since=since, time_zone=zone, top=top)
        )

    async def deeds(self, caller: Caller | int, limit: int = 100) -> tuple[Deed, ...]:
        """Who changed what in the caller's guild, or, for who runs the bot, anywhere: for managers.

        Raises:
            ForbiddenError: They are none.
        """
        caller = caller_of(caller)
        guild_id = guild_of(caller, self._voice)
        need_manager(caller, guild_id, self._voice)
        await self._store.catch_up()
        return await self._store.read(lambda records: records.audit.latest(limit, guild_id=guild_id))

    async def picture(self, numbers: Numbers, people: Mapping[int, str], title: str = "") -> bytes:
        """The numbers as a PNG; ``people`` are the names of those who may be named."""
        return await asyncio.to_thread(_draw, numbers, people, title)

    async def shown(self, numbers: Numbers, form: str) -> bytes:
        """The numbers as ``text``, ``csv`` or ``json`` in UTF-8, or as a ``png``."""
        return await asyncio.to_thread(_shown, numbers, form)


def _shown(numbers: Numbers, form: str) -> bytes:
    from .. import charts  # noqa: PLC0415 - Pillow, which only this thread needs to wait for

    match form:
        case "csv":
            return charts.to_csv(numbers).encode()
        case "json":
            return charts.to_json(numbers)
        case "png":
            return charts.draw(numbers)
    return "".join(f"{sentence}\n" for sentence in charts.sentences(numbers)).encode()


def _draw(numbers: Numbers, people: Mapping[int, str], title: str) -> bytes:
    from ..charts import draw  # noqa: PLC0415 - Pillow, which only this thread needs to wait for

    return draw(numbers, people=people, title=title)
