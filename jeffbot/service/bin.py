"""Deleted sounds: into the bin, out of it again, and gone for good after 30 days."""

import asyncio
import logging
import time
from collections.abc import Collection, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from ..errors import ForbiddenError, SoundNotFoundError, StoreError, printable
from ..files import hash_of
from ..library.bin import KEPT, Bin
from ..library.catalog import Catalog
from ..library.folder import SoundsFolder
from ..library.ingest import free_place, remove_unfinished
from ..models import Caller, Sound
from ..rooms import Voice
from ..steadiness import Clock
from ..store.store import Store
from ..store.values import Deleted, File, Kept
from .audit import Audit
from .callers import caller_of, guild_of, kept, need_owner
from .changes import Changes
from .files import Files

if TYPE_CHECKING:
    from ..store.records import Records

logger = logging.getLogger(__name__)

REPLACED = "replaced-bin"
"""The folder in the data folder for deleted files that no sound is known for any more."""


class BinService:
    """Use cases about deleting. What has changed is durable when a method returns.

    Raises ForbiddenError where it is not the caller's to do, SoundNotFoundError where there is no such sound, and
    StoreError where nothing can be kept now, or a file cannot be moved.
    """

    def __init__(self, catalog: Catalog, store: Store, voice: Voice, files: Files, changes: Changes) -> None:
        self._catalog = catalog
        self._store = store
        self._audit = Audit(store)
        self._voice = voice
        self._changes = changes
        self._bin: Bin = files.bin
        self._scratch = files.scratch
        self._clock = Clock()

    async def delete(self, caller: Caller | int, sound: str | int) -> None:
        """Take out a sound that someone added; for 30 days it can be restored.

        Raises:
            ForbiddenError: It is not theirs; or its file was put into the folder, and is taken out there.
        """
        await self._changes.carry_out(self._delete(caller_of(caller), sound))

    async def _delete(self, caller: Caller, sound: str | int) -> None:
        with self._audit.noted(caller, "delete", target=printable(str(sound))) as entry:
            found = kept(self._catalog.pick(sound, guild_of(caller, self._voice)), self._store)
            entry.about(found)
            need_owner(caller, found, self._voice)
            if found.uploader_id is None:
                raise ForbiddenError(
                    f'"{found.title}" was put into the sounds folder; whoever runs the bot has to take it out there'
                )
            await self._store.write(lambda records: records.sounds.delete(found.id, time.time()))
            try:
                await asyncio.to_thread(self._bin.put, found.id, found.file)
            except StoreError:
                await self._store.write(lambda records: _take_back(records, found, self._catalog.folder))
                raise
            finally:
                merged = self._catalog.merged_into(found.id)
                await self._catalog.look([str(found.file)])
                await self._catalog.refresh(
                    merged
                )  # they stand for themselves again, also where it could not be deleted

    async def deleted(self, caller: Caller | int) -> tuple[Deleted, ...]:
        """What can be restored in the caller's guild, and of the shared sounds; the latest first."""
        guild_id = guild_of(caller_of(caller), self._voice)
        deleted = await self._store.read(lambda records: records.sounds.deleted())
        return tuple(item for item in deleted if item.guild_id in {None, guild_id})

    async def restore(self, caller: Caller | int, sound_id: int) -> Sound:
        """Bring a deleted sound back, to its place or one beside it: for who brought it, and managers."""
        return await self._changes.carry_out(self._restore(caller_of(caller), sound_id))

    async def _restore(self, caller: Caller, sound_id: int) -> Sound:
        with self._audit.noted(caller, "restore", target=f"sound:{sound_id}") as entry:
            if sound_id not in {item.sound_id for item in await self.deleted(caller)}:
                raise SoundNotFoundError(str(sound_id))
            known = await self._store.read(lambda records: records.sounds.get([sound_id], self._catalog.folder.of))
            sound = known[0].sound
            entry.about(sound)
            need_owner(caller, sound, self._voice)
            place = await asyncio.to_thread(_free_place, sound.file)
            file = File(
                sound.guild_id, self._catalog.folder.path_of(place, sound.guild_id), sound.size, sound.modified_ns
            )
            await self._store.write(lambda records: records.sounds.undelete(sound_id, file, time.time()))
            await asyncio.to_thread(self._bin.take, sound_id, place)
            await self._catalog.look([str(place)])
            return self._catalog.by_id(sound_id, sound.guild_id) or sound

    async def settle(self) -> None:
        """Finish what a crash interrupted, remove what it left, and empty the bin of what has been in it for 30 days.

        Raises:
            StoreError: The store cannot be used.
        """
        await self._changes.carry_out(self._settle())
        await asyncio.to_thread(self._remove_unfinished)

    async def _settle(self) -> None:
        deleted = await self._store.read(lambda records: records.sounds.deleted())
        here = await self._put_strange_aside(await asyncio.to_thread(self._bin.ids))
        await self._finish_deleting(deleted, here.keys())
        await self._finish_restoring(here)

    def _remove_unfinished(self) -> None:
        for folder in (self._bin.folder, self._scratch, *self._catalog.folder.folders()):
            remove_unfinished(folder)

    async def _put_strange_aside(self, here: Mapping[int, Path]) -> Mapping[int, Path]:
        """Take out of the bin what is no sound's: numbers mean others once a backup was restored. What stays."""
        known = await self._store.read(lambda records: records.sounds.get(here, self._catalog.folder.of))
        ours = await asyncio.to_thread(lambda: {i.sound.id for i in known if _is_of(i, here[i.sound.id])})
        for sound_id in here.keys() - ours:
            logger.warning("a file in the bin is no sound's: %s is put into %s", here[sound_id].name, REPLACED)
            await asyncio.to_thread(self._put_aside, sound_id, here[sound_id].name)
        return {sound_id: here[sound_id] for sound_id in ours}

    def _put_aside(self, sound_id: int, name: str) -> None:
        self._bin.take(sound_id, _free_place(self._scratch / REPLACED / name))

    async def _finish_deleting(self, deleted: Sequence[Deleted], here: Collection[int]) -> None:
        now = time.time()
        buried = []
        for item in deleted:
            if now - item.deleted_at > KEPT and self._clock.is_steady:
                await asyncio.to_thread(self._bin.remove, item.sound_id)
                buried.append(item.sound_id)
            elif not await asyncio.to_thread(self._put, item, is_here=item.sound_id in here):
                buried.append(item.sound_id)
        if buried:
            await self._store.write(lambda records: records.sounds.bury(buried, now))
        if deleted:
            await self._catalog.look([str(self._place(item)) for item in deleted])

    def _put(self, item: Deleted, *, is_here: bool) -> bool:
        """Whether the file of a deleted sound is in the bin now."""
        file = self._place(item)
        if _stamp(file) != (item.size, item.modified_ns):
            return is_here
        if is_here:
            self._bin.remove(item.sound_id)
        self._bin.put(item.sound_id, file)
        return True

    async def _finish_restoring(self, here: Mapping[int, Path]) -> None:
        def restored(records: "Records") -> list[Kept]:
            deleted = {item.sound_id for item in records.sounds.deleted()}
            return records.sounds.get(here.keys() - deleted, self._catalog.folder.of)

        for item in await self._store.read(restored):
            place = await asyncio.to_thread(self._take, item.sound, here[item.sound.id])
            await self._catalog.look([str(place)])

    def _take(self, sound: Sound, waiting: Path) -> Path:
        """Where the file of a restored sound is now: at its place, or beside what has come there meanwhile."""
        if _stamp(sound.file) == _stamp(waiting):
            self._bin.remove(sound.id)
            return sound.file
        place = _free_place(sound.file)
        self._bin.take(sound.id, place)
        return place

    def _place(self, item: Deleted) -> Path:
        return Path(self._catalog.folder.of(item.guild_id), item.path)


def _take_back(records: "Records", sound: Sound, folder: SoundsFolder) -> None:
    """Have a sound that was to be deleted be there again, where it has stayed."""
    file = File(sound.guild_id, sound.path, sound.size, sound.modified_ns)
    now = time.time()
    records.sounds.undelete(sound.id, file, now)
    records.sounds.take_in([file], (), hash_of=lambda _: None, folder_of=folder.of, now=now)


def _is_of(item: Kept, file: Path) -> bool:
    """Whether a file in the bin is that sound's; a disk that counts time more coarsely may have changed its time."""
    stamp = _stamp(file)
    if stamp is None or stamp[0] != item.sound.size:
        return False
    return stamp[1] == item.sound.modified_ns or item.content_hash in {None, hash_of(file)}


def _free_place(file: Path) -> Path:
    try:
        return free_place(file)
    except OSError as error:
        raise StoreError(f"the sounds folder cannot be read ({error.strerror})") from error


def _stamp(file: Path) -> tuple[int, int] | None:
    """Bytes and time of last change; None: it is not there."""
    try:
        stat = file.stat()
    except OSError:
        return None
    return stat.st_size, stat.st_mtime_ns
