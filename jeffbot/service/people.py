"""What people keep, choose and may know about themselves."""

import time
from collections.abc import Iterable
from typing import TYPE_CHECKING

from ..community import Choices, Heard, Privacy
from ..errors import ForbiddenError, StoreError
from ..library.catalog import Catalog
from ..models import Caller, Sound, Standing, UserId
from ..news import FavouritesChanged, Publish
from ..rooms import Voice
from ..store.store import Store
from .audit import Audit
from .callers import caller_of, guild_of, kept, need_guild
from .entrances import Entrances

if TYPE_CHECKING:
    from ..store.records import Records

MAX_FAVOURITES = 500
RECENT = 25


class People:
    """Use cases about people. Changes are durable when a method returns; StoreError: nothing can be kept now."""

    def __init__(self, catalog: Catalog, store: Store, voice: Voice, entrances: Entrances, publish: Publish) -> None:
        self._catalog = catalog
        self._store = store
        self._voice = voice
        self._entrances = entrances
        self._publish = publish
        self._audit = Audit(store)
        self._choices: dict[UserId, Choices] = {}

    async def load(self) -> None:
        """Read who opted out of what; what was known stays where the store cannot be read.

        Raises:
            StoreError: It cannot.
        """
        self._choices = await self._store.read(lambda records: records.people.all_choices())

    # Favourites and recent

    async def favourites(self, caller: Caller | int) -> tuple[Sound, ...]:
        """The caller's favourites of the sounds they see, in the order they were chosen."""
        caller = caller_of(caller)
        ids = await self._store.read(lambda records: records.people.favourites(caller.user_id))
        return self._seen(caller, ids)

    async def change_favourites(
        self, caller: Caller | int, *, add: Iterable[str | int] = (), remove: Iterable[str | int] = ()
    ) -> tuple[Sound, ...]:
        """Add to the caller's favourites and take from them; the full list.

        Raises:
            SoundNotFoundError: One of them is no sound they see.
            ForbiddenError: They would have more than 500.
        """
        caller = caller_of(caller)
        with self._audit.noted(caller, "favourites"):
            return await self._change_favourites(caller, add, remove)

    async def _change_favourites(
        self, caller: Caller, add: Iterable[str | int], remove: Iterable[str | int]
    ) -> tuple[Sound, ...]:
        added, removed = self._ids(caller, add), self._ids(caller, remove)

        def work(records: "Records") -> tuple[int, ...]:
            records.people.remove_favourites(caller.user_id, removed)
            records.people.add_favourites(caller.user_id, added, time.time())
            ids = records.people.favourites(caller.user_id)
            if len(ids) > MAX_FAVOURITES:
                raise ForbiddenError(f"{MAX_FAVOURITES} favourites are the most; take some out first")
            return ids

        ids = await self._store.write(work)
        self._publish(FavouritesChanged(caller.user_id))
        return self._seen(caller, ids)

    async def recent(self, caller: Caller | int, *, mine: bool = True, limit: int = RECENT) -> tuple[Heard, ...]:
        """What the caller, or everyone, played last in their guild; each sound once, the latest first."""
        caller = caller_of(caller)
        guild_id = need_guild(caller, self._voice)
        user_id = caller.user_id if mine else None
        await self._store.catch_up()
        return await self._store.read(lambda records: records.plays.recent(guild_id, user_id=user_id, limit=limit))

    # Choices and privacy

    def choices(self, user_id: UserId) -> Choices:
        """What someone opted out of."""
        return self._choices.get(user_id, Choices())

    async def choose(
        self, caller: Caller | int, *, counted: bool | None = None, greeted: bool | None = None
    ) -> Choices:
        """Opt out of being counted by name, or of entrance and exit sounds; or in again.

        Who does not want to be counted is not named in what they played before, either.
        """
        user_id = caller_of(caller).user_id
        before = self.choices(user_id)
        choices = Choices(
            before.counted if counted is None else counted,
            before.greeted if greeted is None else greeted,
        )
        self._choices = self._choices | {user_id: choices}  # first: what is played meanwhile is counted like that
        try:
            await self._store.flush()
            await self._store.write(lambda records: records.people.choose(user_id, choices))
        except StoreError:
            self._choices = self._choices | {user_id: before}
            raise
        return choices

    async def told(self, caller: Caller | int, user_id: UserId | None = None) -> Privacy:
        """Everything that is kept about the caller; or, asked by who runs the bot, about someone.

        Raises:
            ForbiddenError: It is about someone else.
        """
        about = _about(caller_of(caller), user_id)
        await self._store.catch_up()
        return await self._store.read(lambda records: records.people.told(about))

    async def erase(self, caller: Caller | int, user_id: UserId | None = None) -> int:
        """Erase what is kept about the caller, or about someone; how many entries that were.

        What they opted out of stays, and that their tokens were revoked, until those would have expired.

        Raises:
            ForbiddenError: It is about someone else.
        """
        about = _about(caller_of(caller), user_id)
        await self._store.flush()

        def work(records: "Records") -> tuple[int, list[int]]:
            uploads = [row["id"] for row in records.people.told(about).uploads]
            return records.people.erase(about), uploads

        erased, uploads = await self._store.write(work)
        self._publish(FavouritesChanged(about))
        await self._entrances.load()
        await self._catalog.refresh(uploads)
        return erased

    def _seen(self, caller: Caller, ids: Iterable[int]) -> tuple[Sound, ...]:
        guild_id = guild_of(caller, self._voice)
        return tuple(sound for sound_id in ids if (sound := self._catalog.by_id(sound_id, guild_id)))

    def _ids(self, caller: Caller, names: Iterable[str | int]) -> list[int]:
        guild_id = guild_of(caller, self._voice)
        return [kept(self._catalog.pick(name, guild_id), self._store).id for name in names]


def _about(caller: Caller, user_id: UserId | None) -> UserId:
    if user_id is None or user_id == caller.user_id:
        return caller.user_id
    if caller.standing is not Standing.OPERATOR:
        raise ForbiddenError("What is kept about others is not yours to know or to erase")
    return user_id
