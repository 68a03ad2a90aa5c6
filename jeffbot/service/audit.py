"""Noting who did what: one line for each use case that changes something, whatever came of it."""

import asyncio
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from ..errors import SoundboardError
from ..models import Caller, GuildId, Sound
from ..store.store import Store
from ..store.values import Deed


@dataclass(slots=True)
class Entry:
    """What becomes known of a deed while it is done."""

    guild_id: GuildId | None = None
    target: str | None = None

    def about(self, sound: Sound) -> None:
        """It is about this sound."""
        self.guild_id = self.guild_id or sound.guild_id
        self.target = f"sound:{sound.id} {sound.path}"


class Audit:
    """Writes deeds behind: nobody waits for the database."""

    def __init__(self, store: Store) -> None:
        self._store = store

    @contextmanager
    def noted(
        self, caller: Caller, action: str, *, guild_id: GuildId | None = None, target: str | None = None
    ) -> Iterator[Entry]:
        """Note what is done inside, when it is over: ``ok``, ``cancelled``, or the code of the refusal."""
        entry = Entry(guild_id, target)
        result = "failed"
        try:
            yield entry
            result = "ok"
        except SoundboardError as error:
            result = str(error.code or result)
            raise
        except asyncio.CancelledError:
            result = "cancelled"
            raise
        finally:
            self.note(caller, action, result, guild_id=entry.guild_id, target=entry.target)

    def note(
        self, caller: Caller, action: str, result: str, *, guild_id: GuildId | None = None, target: str | None = None
    ) -> None:
        """Note a deed."""
        guild_id = caller.guild_id if guild_id is None else guild_id
        self._store.later(
            Deed(time.time(), action, result, caller.user_id, guild_id, target, caller.token_id, caller.address)
        )
