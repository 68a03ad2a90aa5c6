"""A library with everything that is kept about it, as the soundboard has it, but for the bot: nothing is heard."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from jeffbot.audio.formats import sniff
from jeffbot.errors import StoreError
from jeffbot.events import EventHub
from jeffbot.files import hash_of
from jeffbot.library.bin import Bin
from jeffbot.library.catalog import Catalog
from jeffbot.library.ingest import Checked, Ingest, IngestLimits
from jeffbot.models import (
    Caller,
    ChannelId,
    GuildId,
    PlayOptions,
    Sound,
    Standing,
    UserId,
    VoicePlace,
)
from jeffbot.news import News
from jeffbot.playback import Playback, SoundStarted
from jeffbot.service import SoundService
from jeffbot.service.files import Files
from jeffbot.store.store import Store
from jeffbot.store.values import Measured
from staging import write_tone

ALICE, BOB, CAROL, ADMIN = UserId(1), UserId(2), UserId(3), UserId(9)
CAVE, TOWER = GuildId(81), GuildId(82)
GENERAL = VoicePlace(CAVE, ChannelId(810), "General")
LOFT = VoicePlace(TOWER, ChannelId(820), "Loft")
MEMBER = Caller(ALICE, CAVE)
OTHER = Caller(BOB, CAVE)
MANAGER = Caller(CAROL, CAVE, Standing.MANAGER)
OPERATOR = Caller(ADMIN, CAVE, Standing.OPERATOR)
PATIENCE = 10.0
"""Seconds a test waits for what must come soon."""
MAX_BYTES = 100_000


def tone(file: Path, hertz: float = 440) -> Path:
    """A short WAV file; those of other frequencies are as large, but of other content."""
    return write_tone(file, hertz, 0.02)


@dataclass(eq=False)
class FakeSession:
    """A guild in which every press is heard at once."""

    events: EventHub[News]
    volume: float = 100.0
    refreshed: int = 0
    played: list[tuple[Sound, PlayOptions]] = field(default_factory=list)

    async def refresh(self) -> None:
        self.refreshed += 1

    def set_volume(self, percent: float) -> None:
        self.volume = percent

    async def play(self, sound: Sound, user_id: UserId, place: VoicePlace, _clip: object, options: Any) -> Playback:
        self.played.append((sound, options))
        playback = Playback(sound, user_id, place, counted=options.counted)
        playback.begin()
        self.events.publish(SoundStarted(playback))
        return playback


class FakeVoice:
    """Alice is in the Cave's voice channel; the bot is in two guilds."""

    def __init__(self, events: EventHub[News]) -> None:
        self.events = events
        self.places: dict[UserId, VoicePlace] = {ALICE: GENERAL}
        self.member_of = [CAVE, TOWER]
        self.sessions: dict[GuildId, FakeSession] = {}

    def place_of(self, user_id: UserId, guild_id: GuildId | None) -> VoicePlace | None:
        place = self.places.get(user_id)
        return place if place and guild_id in (None, place.guild_id) else None

    def session(self, guild_id: GuildId) -> FakeSession:
        return self.sessions.setdefault(guild_id, FakeSession(self.events))

    def only_guild(self) -> GuildId | None:
        return self.member_of[0] if len(self.member_of) == 1 else None


class FakeBank:
    """Has a clip of everything."""

    version = 0

    async def clip(self, _sound: Sound) -> None:
        """Nothing is heard."""


@dataclass
class Home:
    """What tests look at."""

    sounds: Path
    data: Path
    store: Store
    catalog: Catalog
    voice: FakeVoice
    events: EventHub[News]
    bin: Bin
    service: SoundService

    @property
    def names(self) -> list[str]:
        """The names of what the Cave sees."""
        return [sound.name for sound in self.catalog.sounds(CAVE)]

    @property
    def files(self) -> list[str]:
        """All files below the sounds folder, hidden ones included."""
        return sorted(file.relative_to(self.sounds).as_posix() for file in self.sounds.rglob("*") if file.is_file())

    async def drop(self, path: str, hertz: float = 440) -> Sound:
        """Have a file in the folder, put there by whoever runs the bot; its content is known, as after encoding."""
        file = tone(self.sounds / path, hertz)
        await self.catalog.look([str(file)])
        (sound,) = [sound for sound in self.catalog.all_sounds if sound.file == file]
        measured = Measured(sound.id, sound.size, sound.modified_ns, hash_of(file), 0.02, -20.0)
        await self.store.write(lambda records: records.sounds.measure([measured]))
        return sound

    async def add(self, caller: Caller | int, name: str, hertz: float = 440, **options: Any) -> Sound:
        """Have someone add a sound."""
        return await self.service.library.add(caller, tone(self.data / "came.wav", hertz), name, **options)

    async def play(self, user_id: UserId, sound: Sound, place: VoicePlace = GENERAL, *, counted: bool = True) -> None:
        """Have a sound heard, and that written down."""
        playback = Playback(sound, user_id, place, counted=counted)
        playback.begin()
        self.events.publish(SoundStarted(playback))
        await self.store.flush()

    async def until(self, condition: Callable[[], object]) -> None:
        """Wait until something is so, which changes of the library bring about."""
        changed = asyncio.Event()
        self.catalog.subscribe(changed.set)
        async with asyncio.timeout(PATIENCE):
            while not condition():
                await changed.wait()
                changed.clear()

    @contextlib.asynccontextmanager
    async def watching(self) -> AsyncIterator[None]:
        """The folder and the store are watched meanwhile, from before this begins."""
        watching = asyncio.create_task(self.catalog.watch())
        late = tone(self.sounds / "late.wav", 111)
        await self.until(lambda: "late.wav" in self.names)
        late.unlink()
        await self.until(lambda: "late.wav" not in self.names)
        try:
            yield
        finally:
            watching.cancel()
            await asyncio.wait([watching])


@contextlib.asynccontextmanager
async def at_home(sounds: Path, data: Path) -> AsyncIterator[Home]:
    """A soundboard on these folders, from its start to its end."""
    store, events = Store(data), EventHub[News]()
    catalog, voice = Catalog(sounds, store), FakeVoice(events)
    limits = IngestLimits(max_bytes=MAX_BYTES, max_seconds=5)
    ingest = Ingest(catalog.folder, sniff=sniff, check=lambda _: Checked(0.02, -20.0), limits=limits)
    rooms: dict[str, Any] = {"bank": FakeBank(), "voice": voice}
    files = Files(ingest, Bin(data / "bin"), data)
    service = SoundService(catalog=catalog, store=store, events=events, files=files, **rooms)
    async with store, catalog:
        await catalog.open()
        with contextlib.suppress(StoreError):
            await service.load()
        yield Home(sounds, data, store, catalog, voice, events, files.bin, service)
