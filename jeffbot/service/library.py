"""Looking after the sounds: what is said of them, adding, deleting, merging."""

import asyncio
import itertools
import logging
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any

import msgspec

from ..errors import AlreadyExistsError, BadDetailsError, ForbiddenError, SoundNotFoundError, printable
from ..library.catalog import Catalog
from ..library.details import MAX_ALIASES, MAX_TAG_CHARS, MAX_TAGS, MAX_TITLE_CHARS, clean
from ..library.ingest import Staged
from ..library.names import fold
from ..models import Caller, Details, GuildId, NativeSound, Sound
from ..rooms import Voice
from ..store.store import Store
from ..store.values import File, Story
from .audit import Audit
from .callers import caller_of, guild_of, kept, need_guild, need_manager, need_owner
from .changes import Changes
from .entrances import Entrances
from .files import Files

if TYPE_CHECKING:
    from ..store.records import Records

logger = logging.getLogger(__name__)

MAX_FETCHES = 2
"""So many links are followed at once."""
MAX_CHECKS = 2
"""So many files that were brought are decoded at once; the threads are those that host names are looked up in, too."""


class LibraryService:
    """Use cases about sounds. Every method that changes something is durable when it returns.

    Each takes the :class:`~jeffbot.models.Caller` who asks, and raises ForbiddenError where it is not theirs to do,
    SoundNotFoundError where there is no such sound, and StoreError where nothing can be kept now.
    """

    def __init__(
        self,
        *,
        catalog: Catalog,
        store: Store,
        voice: Voice,
        files: Files,
        changes: Changes,
        entrances: Entrances,
    ) -> None:
        self._catalog = catalog
        self._store = store
        self._audit = Audit(store)
        self._voice = voice
        self._changes = changes
        self._entrances = entrances
        self._ingest = files.ingest
        self._fetch = files.fetch
        self._fetching = asyncio.Semaphore(MAX_FETCHES)
        self._checking = asyncio.Semaphore(MAX_CHECKS)

    def find(self, caller: Caller | int, sound: str | int) -> Sound:
        """The sound of a name or number that the caller sees.

        Raises:
            SoundNotFoundError: There is none.
        """
        return self._catalog.pick(sound, guild_of(caller_of(caller), self._voice))

    def by_id(self, caller: Caller | int, sound_id: int) -> Sound | None:
        """The sound of a number, where it is there and the caller sees it."""
        return self._catalog.by_id(sound_id, guild_of(caller_of(caller), self._voice))

    def subscribe(self, listener: Callable[[], None]) -> Callable[[], None]:
        """Have a listener called in the event loop after each change of the sounds, or of what is said of them.

        What comes back ends that.
        """
        return self._catalog.subscribe(listener)

    async def story(self, caller: Caller | int, sound: str | int) -> Story:
        """The numbers of a sound: plays, first and last played, length, loudness, content hash.

        Asked from a guild, a shared sound's plays are those of that guild.
        """
        found = self._kept(caller, sound)
        guild_id = guild_of(caller_of(caller), self._voice)

        def work(records: "Records") -> Story:
            story = records.sounds.story(found.id)
            if guild_id is None or found.guild_id is not None:
                return story
            return story._replace(**records.plays.of_sound(found.id, guild_id))

        return await self._store.read(work)

    async def edit(self, caller: Caller | int, sound: str | int, **changes: Any) -> Sound:
        """Change what is said of a sound: for who brought it, and who manages its library.

        Args:
            caller: Who asks.
            sound: Its name or number.
            changes: Fields of :class:`~jeffbot.models.Details`: title, aliases, emoji, colour, tags, gain (dB),
                trim_start, trim_end (seconds), retrigger. The file stays as it is.

        Raises:
            BadDetailsError: A field, or its value, is not allowed; or a title or alias is another sound's name.
        """
        return await self._changes.carry_out(self._edit(caller_of(caller), sound, changes))

    async def _edit(self, caller: Caller, sound: str | int, changes: dict[str, Any]) -> Sound:
        with self._audit.noted(caller, "edit", target=printable(str(sound))) as entry:
            found = self._kept(caller, sound)
            entry.about(found)
            need_owner(caller, found, self._voice)
            details = clean(_changed(found.details, changes))
            self._check_names(details, found.guild_id, found)
            await self._store.write(lambda records: records.sounds.edit(found.id, details))
            await self._catalog.refresh([found.id])
        return self._catalog.by_id(found.id, found.guild_id) or found

    # Adding and deleting

    async def add(
        self,
        caller: Caller | int,
        file: Path,
        name: str,
        *,
        below: str = "",
        shared: bool = False,
        details: Details | None = None,
        twin: bool = False,
        namesake: bool = False,
        **more: Any,
    ) -> Sound:
        """Take a file into a library: the caller's guild's, or the shared one.

        Args:
            caller: Who brings it.
            file: A file on this machine; it is copied.
            name: What it is to be called, with or without extension.
            below: The folder of the library that it goes into, with forward slashes; none: the top.
            shared: Into the library of all guilds: for who runs the bot, or the managers of its only guild.
            details: What is said of it.
            twin: Also where the library has the same content already.
            namesake: Also where another sound is called what is said of this one.
            more: Columns of the store that are known from elsewhere, such as ``created_at`` or another ``uploader_id``.

        Raises:
            IngestError: It is no sound, too large, too long; or the folder takes no files.
            AlreadyExistsError: The library has its content.
            BadDetailsError: Something of the details is not allowed, or is another sound's name.
        """
        caller = caller_of(caller)
        guild_id = None if shared else guild_of(caller, self._voice)
        with self._audit.noted(caller, "add", guild_id=guild_id, target=printable(name)) as entry:
            if guild_id is None:
                need_manager(caller, None, self._voice)
            said = clean(details or Details())
            async with self._checking:
                staged = await asyncio.to_thread(self._ingest.stage, file, name, guild_id, below)
            known = {
                "uploader_id": caller.user_id,
                "content_hash": staged.sha256,
                "length": staged.checked.duration,
                "loudness": staged.checked.loudness,
            }
            placing = self._place(staged, guild_id, said, known | more, twin=twin, namesake=namesake)
            sound = await self._changes.carry_out(placing)
            entry.about(sound)
        return sound

    async def _place(
        self,
        staged: Staged,
        guild_id: GuildId | None,
        said: Details,
        known: dict[str, Any],
        *,
        twin: bool,
        namesake: bool,
    ) -> Sound:
        """Have a checked file in its library; it is gone if that fails."""
        path_of = self._catalog.folder.path_of
        try:
            if not namesake:
                self._check_names(said, guild_id)
            if not twin:
                await self._refuse_twin(staged.sha256, guild_id)
            staged = await asyncio.to_thread(staged.placed)  # others may have come since
            expected = File(guild_id, path_of(staged.path, guild_id), staged.size, staged.modified_ns)
            await self._store.write(
                lambda records: records.sounds.expect(expected, details=said, now=time.time(), **known)
            )
            place = await asyncio.to_thread(staged.commit)
        finally:
            await asyncio.to_thread(staged.discard)
        await self._catalog.look([str(place)])
        sound = self._catalog.at(guild_id, path_of(place, guild_id))
        if sound is None:  # whoever else works in the folder was quicker
            raise SoundNotFoundError(place.name)
        return sound

    async def add_by_link(self, caller: Caller | int, url: str, name: str = "", **said: Any) -> Sound:
        """Fetch a sound by a link that leads to the file itself, and take it in as :meth:`add` does.

        Args:
            caller: Who brings it.
            url: An http or https address on the public internet.
            name: What it is to be called; empty: as the link has it.
            said: As for :meth:`add`: shared, details, twin.

        Raises:
            ForbiddenError: Links are switched off; or as for :meth:`add`.
            DownloadError: It leads to no sound, is too large, takes too long, or leads to where it may not.
            IngestError: As for :meth:`add`.
        """
        if self._fetch is None:
            raise ForbiddenError("Adding by link is switched off here; JEFFBOT_DOWNLOADS=yes switches it on")
        async with self._fetching:
            fetched = await self._fetch(url)
        try:
            return await self.add(caller, fetched.file, name or fetched.name, **said)
        finally:
            await asyncio.to_thread(fetched.file.unlink, missing_ok=True)

    # Discord's own soundboard

    async def native_sounds(self, caller: Caller | int) -> tuple[NativeSound, ...]:
        """The sounds that the caller's guild has on Discord's own soundboard.

        Raises:
            NativeSoundboardError: Discord does not tell.
        """
        return await self._voice.native.list_sounds(need_guild(caller_of(caller), self._voice))

    async def add_native(self, caller: Caller | int, native_id: int) -> Sound:
        """Take a sound of the guild's own soundboard, Discord's, into its library: for its managers.

        Raises:
            SoundNotFoundError: The guild has no such sound there.
            NativeSoundboardError: Discord does not give it out.
            AlreadyExistsError: As for :meth:`add`.
        """
        caller = caller_of(caller)
        guild_id = need_guild(caller, self._voice)
        need_manager(caller, guild_id, self._voice)
        there = {sound.id: sound for sound in await self._voice.native.list_sounds(guild_id, refresh=True)}
        if native_id not in there:
            raise SoundNotFoundError(str(native_id))
        native = there[native_id]
        content = await self._voice.native.download(native)
        with await asyncio.to_thread(_written, content) as file:
            return await self.add(
                Caller(caller.user_id, guild_id, caller.standing),
                Path(file.name),
                native.name,
                details=Details(emoji=native.emoji),
                native_id=native.id,
            )

    # Duplicates

    async def duplicates(self, caller: Caller | int) -> list[list[Sound]]:
        """Sounds of one content, in the caller's guild's library and in the shared one; the oldest of each first."""
        guild_id = guild_of(caller_of(caller), self._voice)
        libraries = dict.fromkeys((guild_id, None))
        ids = await self._store.read(
            lambda records: [same for library in libraries for same in records.sounds.duplicates(library)]
        )
        sounds = ([self._catalog.by_id(sound_id, guild_id) for sound_id in same] for same in ids)
        there = ([sound for sound in same if sound] for same in sounds)
        return [same for same in there if len(same) > 1]

    async def merge(self, caller: Caller | int, keep: str | int, others: Sequence[str | int]) -> Sound:
        """Let one sound stand for others of the same content: it gets their plays, favourites, tags, and their names.

        Their files stay, but are not shown any more.

        Raises:
            BadDetailsError: They are of another library, or of another content.
        """
        return await self._changes.carry_out(self._merge(caller_of(caller), keep, others))

    async def _merge(self, caller: Caller, keep: str | int, others: Sequence[str | int]) -> Sound:
        with self._audit.noted(caller, "merge", target=printable(str(keep))) as entry:
            into = self._kept(caller, keep)
            entry.about(into)
            await self._merge_into(caller, into, others)
        return self._catalog.by_id(into.id, into.guild_id) or into

    async def _merge_into(self, caller: Caller, into: Sound, others: Sequence[str | int]) -> None:
        merged = [sound for other in others if (sound := self._kept(caller, other)).id != into.id]
        for sound in (into, *merged):
            need_owner(caller, sound, self._voice)
        ids = [sound.id for sound in merged]
        duplicates = await self._store.read(lambda records: records.sounds.duplicates(into.guild_id))
        if not any({into.id, *ids} <= {*same} for same in duplicates):
            raise BadDetailsError("Only sounds of one library that have the very same content can be merged")
        details = clean(_joined(into, merged))

        def work(records: "Records") -> None:
            records.sounds.edit(into.id, details)
            for sound_id in ids:
                records.sounds.merge(sound_id, into.id)

        await self._store.write(work)
        await self._catalog.refresh([into.id, *ids])
        await self._entrances.load()

    def _kept(self, caller: Caller | int, sound: str | int) -> Sound:
        return kept(self.find(caller, sound), self._store)

    def _check_names(self, details: Details, guild_id: GuildId | None, sound: Sound | None = None) -> None:
        """Refuse names by which another sound of the library is found."""
        had = {sound.details.title, *sound.details.aliases} if sound else set()
        for name in {details.title, *details.aliases} - {""} - had:
            other = self._catalog.named(name, guild_id)
            if other and (sound is None or other.id != sound.id):
                raise BadDetailsError(f'"{name}" is a name of another sound, {other.name}')

    async def _refuse_twin(self, content_hash: str, guild_id: GuildId | None) -> None:
        ids = await self._store.read(lambda records: records.sounds.same_content(content_hash, guild_id))
        if twin := next((sound for i in ids if (sound := self._catalog.by_id(i, guild_id))), None):
            raise AlreadyExistsError(twin.title, twin.id)


def _written(content: bytes) -> IO[bytes]:
    """A temporary file with this in it."""
    file = tempfile.NamedTemporaryFile()  # noqa: SIM115 - who asked closes it
    file.write(content)
    file.flush()
    return file


def _changed(details: Details, changes: dict[str, Any]) -> Details:
    """Raises BadDetailsError where a field is unknown or a value of the wrong kind."""
    values = msgspec.structs.asdict(details) | changes
    if unknown := changes.keys() - msgspec.structs.asdict(details).keys():
        raise BadDetailsError(f"A sound has no {min(unknown)}; it has {', '.join(Details.__struct_fields__)}")
    try:
        return msgspec.convert(values, Details, str_keys=True)
    except msgspec.ValidationError as error:
        raise BadDetailsError(f"That is not how a sound can be described: {error}") from error


def _joined(into: Sound, merged: Sequence[Sound]) -> Details:
    """What is said of a sound and those that are merged into it; what is too much of it is left out."""
    names = itertools.chain.from_iterable(
        (*sound.details.aliases, sound.details.title, Path(sound.path).stem) for sound in merged
    )
    known = {fold(name) for name in (into.title, into.name, Path(into.path).stem, *into.details.aliases)}
    aliases = [*into.details.aliases]
    for name in names:
        if name and fold(name) not in known and len(name) <= MAX_TITLE_CHARS:
            known.add(fold(name))
            aliases.append(name)
    tags = dict.fromkeys(itertools.chain(into.details.tags, *(sound.tags for sound in merged)))
    fitting = [tag for tag in tags if len(tag) <= MAX_TAG_CHARS and tag not in Path(into.path).parts[:-1]]
    return msgspec.structs.replace(into.details, aliases=tuple(aliases[:MAX_ALIASES]), tags=tuple(fitting[:MAX_TAGS]))
