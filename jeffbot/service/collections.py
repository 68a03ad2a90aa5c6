"""Whole collections in and out: other soundboards', our own exports, backups.

Importing may be interrupted and begun again: what is there already is passed over, by its content.
"""

import asyncio
import contextlib
import itertools
import logging
import os
import time
from collections import Counter
from collections.abc import AsyncIterator, Iterable, Iterator
from collections.abc import Set as AbstractSet
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..community import Audience, Entrance, Moment
from ..errors import AlreadyExistsError, BadDetailsError, SoundNotFoundError
from ..files import hash_of
from ..library.archive import portable
from ..library.backup import Places, Tell, pack, unpack
from ..library.bin import FOLDER, Bin
from ..library.catalog import Catalog
from ..library.ingest import IngestError, remove_unfinished, unfinished
from ..library.layouts import Arrival, Collection, Writer, opened
from ..library.names import fold
from ..models import SOMEONE, Caller, GuildId, Sound, Standing, UserId
from ..store.store import Store
from ..store.values import Measured
from .callers import caller_of
from .library import LibraryService

if TYPE_CHECKING:
    from ..store.records import Records

logger = logging.getLogger(__name__)

_REFUSALS = (IngestError, BadDetailsError, SoundNotFoundError)
"""What is wrong with one sound only."""
AT_ONCE = min(os.cpu_count() or 1, 4)
"""How many sounds are taken in at once: each takes a core, to be encoded."""


@dataclass(slots=True)
class Imported:
    """What came of an import."""

    layout: str
    """Whose collection it was, for people."""
    added: list[Sound] = field(default_factory=list)
    known: int = 0
    """How many were there already."""
    refused: list[str] = field(default_factory=list)
    """What did not come in, and why, in sentences."""

    def note(self, arrival: Arrival, taken: Sound | BaseException) -> None:
        """Note what became of one sound; raises what is not wrong with that one alone."""
        if isinstance(taken, Sound):
            self.added.append(taken)
        elif isinstance(taken, AlreadyExistsError):
            self.known += 1
        elif isinstance(taken, _REFUSALS):
            self.refused.append(f"{arrival.path}: {taken}")
        else:
            raise taken


class Collections:
    """For who runs the bot: the paths are of this machine. Blocking work runs in threads."""

    def __init__(self, catalog: Catalog, store: Store, library: LibraryService, scratch: Path) -> None:
        self._catalog = catalog
        self._store = store
        self._library = library
        self._scratch = scratch

    async def take_in(
        self, source: Path, *, guild_id: GuildId | None = None, caller: Caller | int = 0, tell: Tell = lambda *_: None
    ) -> Imported:
        """Take a folder's or zip's sounds into a guild's library, or the shared one, with what is known of them.

        Args:
            source: The folder or zip; whose layout it has is recognised.
            guild_id: Whose library; None: the shared one.
            caller: Who asks, in the audit; 0: the command line.
            tell: Told how far it is.

        Raises:
            CollectionError: It cannot be read; or ArchiveError, where it is a zip that is not unpacked.
            StoreError: Nothing can be kept now; what came in before stays.
        """
        async with self._opened(source) as collection:
            await self.identify(await asyncio.to_thread(_sizes, collection.arrivals))
            came = Imported(collection.layout, refused=[*collection.troubles])
            asker, total = caller_of(caller).user_id, len(collection.arrivals)
            for start in range(0, total, AT_ONCE):
                batch = collection.arrivals[start : start + AT_ONCE]
                taking = (self._take_one(arrival, guild_id, asker) for arrival in batch)
                for arrival, taken in zip(batch, await asyncio.gather(*taking, return_exceptions=True), strict=True):
                    came.note(arrival, taken)
                tell(start + len(batch), total)
        return came

    async def export(self, destination: Path, *, guild_id: GuildId | None = None, tell: Tell = lambda *_: None) -> int:
        """Write a guild's own sounds, or the shared ones, with all that is known of them into a zip; how many.

        Raises:
            CollectionError: It cannot be written. What was there before stays then.
            StoreError: What is known cannot be read.
        """
        sounds = [sound for sound in self._catalog.all_sounds if sound.guild_id == guild_id]
        await self._store.catch_up()
        known = await self._store.read(lambda records: records.people.of_sounds(guild_id))
        plays = await self._store.read(lambda records: records.sounds.plays([sound.id for sound in sounds]))
        arrivals = (
            Arrival(
                file=sound.file,
                path=path,
                details=sound.details,
                plays=plays.get(sound.id, 0),
                uploader_id=sound.uploader_id,
                created_at=sound.created_at or None,
                favourite_of=known.favourites.get(sound.id, ()),
                entrance_of=known.greeted.get((sound.id, Moment.ENTRANCE), ()),
                exit_of=known.greeted.get((sound.id, Moment.EXIT), ()),
            )
            for path, sound in _by_place(sounds).items()
        )
        await asyncio.to_thread(remove_unfinished, destination.parent)
        await asyncio.to_thread(_write, destination, arrivals, len(sounds), tell)
        return len(sounds)

    async def back_up(self, destination: Path, *, tell: Tell = lambda *_: None) -> int:
        """Write everything, sounds, bin and database, into a zip, while all goes on; how many sounds. It has no secret.

        Raises:
            CollectionError: It cannot be written. What was there before stays then.
            StoreError: The database or the bin cannot be read.
        """
        with _scratch(self._scratch, ".db") as copy:
            await self._store.copy_to(copy)
            await asyncio.to_thread(remove_unfinished, destination.parent)
            return await asyncio.to_thread(pack, destination, self._places(copy), tell)

    async def restore(self, source: Path, *, tell: Tell = lambda *_: None) -> int:
        """Bring everything back as it is in a backup; how many sounds came back. They are shown when this returns.

        Sounds that came since stay; files that have changed since are put aside into the data folder. Deleted sounds
        can be restored as they could be then. What a kill interrupts is finished by restoring the backup once more.

        Raises:
            CollectionError: It is no backup, or cannot be read or written; the database has not changed then.
            StoreError: Its database cannot be used, or this one not be written, or the bin not be read.
        """
        aside = self._scratch / f"replaced-{time.strftime('%Y%m%d-%H%M%S')}"
        with _scratch(self._scratch, ".db") as copy:
            brought = await asyncio.to_thread(unpack, source, self._places(copy), aside, tell)
            await self._store.replace_with(copy)
        await self._catalog.load()
        return brought

    def _places(self, database: Path) -> Places:
        return Places(self._catalog.folder.root, Bin(self._scratch / FOLDER), database)

    async def identify(self, sizes: AbstractSet[int] | None = None) -> None:
        """Find out the content of sounds that are not encoded yet, so that duplicates are known as such.

        Args:
            sizes: Only of sounds of so many bytes; None: of those that are as large as another.

        Raises:
            StoreError: Nothing can be kept now.
        """
        kept = await self._store.read(lambda records: [*records.sounds.load(self._catalog.folder.of)])
        times = Counter(item.sound.size for item in kept)
        wanted = {size for size, count in times.items() if count > 1} if sizes is None else sizes
        unknown = [item.sound for item in kept if item.content_hash is None and item.sound.size in wanted]
        measured = await asyncio.to_thread(_measured, unknown)
        if measured:
            await self._store.write(lambda records: records.sounds.measure(measured))

    async def _take_one(self, arrival: Arrival, guild_id: GuildId | None, asker: UserId) -> Sound:
        caller = Caller(asker, guild_id, Standing.OPERATOR)
        below, _, name = arrival.path.rpartition("/")
        more: dict[str, Any] = {"created_at": arrival.created_at} if arrival.created_at else {}
        try:
            sound = await self._library.add(
                caller,
                arrival.file,
                name,
                below=below,
                shared=guild_id is None,
                details=arrival.details,
                namesake=True,
                uploader_id=arrival.uploader_id or SOMEONE,
                plays=arrival.plays,
                **more,
            )
        except AlreadyExistsError as error:
            await self._keep_people(error.sound_id, arrival, guild_id)
            raise
        await self._keep_people(sound.id, arrival, guild_id)
        return sound

    async def _keep_people(self, sound_id: int, arrival: Arrival, guild_id: GuildId | None) -> None:
        """Have a sound be whose it was; also where it came with an earlier try."""
        if arrival.favourite_of or arrival.entrance_of or arrival.exit_of:
            await self._store.write(lambda records: _keep_people(records, sound_id, arrival, guild_id))

    @asynccontextmanager
    async def _opened(self, source: Path) -> AsyncIterator[Collection]:
        collecting = opened(source, self._scratch)
        collection = await asyncio.to_thread(collecting.__enter__)
        try:
            yield collection
        finally:
            await asyncio.to_thread(collecting.__exit__, None, None, None)


def _by_place(sounds: Iterable[Sound]) -> dict[str, Sound]:
    """Sounds by a path each that every system takes: their own, wherever it is such a one."""
    placed: dict[str, Sound] = {}
    taken: set[str] = set()
    for sound in sorted(sounds, key=lambda sound: portable(sound.path) != sound.path):
        folders, _, name = portable(sound.path).rpartition("/")
        below = f"{folders}/" if folders else ""
        stem, ending = os.path.splitext(name)  # noqa: PTH122 - it is text
        numbered = (portable(f"{below}{stem} ({number}){ending}") for number in itertools.count(2))
        place = next(place for place in itertools.chain([below + name], numbered) if fold(place) not in taken)
        taken.add(fold(place))
        placed[place] = sound
    return placed


def _sizes(arrivals: Iterable[Arrival]) -> set[int]:
    sizes = set()
    for arrival in arrivals:
        with contextlib.suppress(OSError):  # it is refused when its turn comes
            sizes.add(arrival.file.stat().st_size)
    return sizes


def _measured(sounds: Iterable[Sound]) -> list[Measured]:
    """The contents of sounds; of how long and loud they are, nothing."""
    measured = []
    for sound in sounds:
        with contextlib.suppress(OSError):  # gone meanwhile, or not to be read: it is nobody's duplicate
            measured.append(Measured(sound.id, sound.size, sound.modified_ns, hash_of(sound.file), None, None))
    return measured


def _keep_people(records: "Records", sound_id: int, arrival: Arrival, guild_id: GuildId | None) -> None:
    now = time.time()
    for user_id in arrival.favourite_of:
        records.people.add_favourites(user_id, [sound_id], now)
    greeted = itertools.chain(
        ((user_id, Moment.ENTRANCE) for user_id in arrival.entrance_of),
        ((user_id, Moment.EXIT) for user_id in arrival.exit_of),
    )
    for user_id, moment in greeted:
        if guild_id is not None:  # whom the sound of which guild greets is not said of shared ones
            records.people.set_entrance(Entrance(guild_id, Audience.USER, user_id, moment, sound_id))


def _write(destination: Path, arrivals: Iterator[Arrival], total: int, tell: Tell) -> None:
    with Writer(destination) as writer:
        for number, arrival in enumerate(arrivals, 1):
            writer.add(arrival)
            tell(number, total)


@contextmanager
def _scratch(folder: Path, suffix: str) -> Iterator[Path]:
    file = unfinished(folder).with_suffix(suffix)
    try:
        yield file
    finally:
        for leftover in folder.glob(f"{file.name}*"):  # SQLite keeps files beside a database
            leftover.unlink(missing_ok=True)
