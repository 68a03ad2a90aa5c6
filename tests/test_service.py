"""What the soundboard does, whoever asks and whatever lies below it."""

import asyncio
from collections.abc import Awaitable, Collection
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from jeffbot.audio.clip import Clip
from jeffbot.errors import (
    NoSoundsError,
    NotPlayingError,
    NoVoiceChannelError,
    SoundNotFoundError,
    UnplayableSoundError,
    VoiceUnavailableError,
)
from jeffbot.events import EventHub
from jeffbot.models import (
    Caller,
    ChannelId,
    GuildId,
    LinkState,
    Mode,
    PlayOptions,
    Retrigger,
    Seconds,
    Sound,
    UserId,
    VoicePlace,
    VoiceReport,
)
from jeffbot.playback import Encoding, Playback
from jeffbot.service import SoundService
from jeffbot.service.diagnosis import OWN_VOLUME
from jeffbot.service.files import Files
from jeffbot.service.sound_service import RANDOM_TRIES
from jeffbot.store.values import Line

ALICE, BOB = UserId(1), UserId(2)
CAVE, TOWER = GuildId(81), GuildId(82)
GENERAL = VoicePlace(CAVE, ChannelId(810), "General")
LOFT = VoicePlace(TOWER, ChannelId(820), "Loft")


def make_sound(name: str) -> Sound:
    """A sound of this name."""
    return Sound(name, name, "/nowhere", 1, 1)


class FakeCatalog:
    """A library of these names, scanned or not."""

    version = 3

    def __init__(self, *names: str) -> None:
        self.there = tuple(make_sound(name) for name in names)
        self.ready = asyncio.Event()
        self.ready.set()
        self.changes = EventHub[Any]()

    async def wait_ready(self) -> None:
        await self.ready.wait()

    def sounds(self, _guild_id: GuildId | None = None) -> tuple[Sound, ...]:
        return self.there

    def count(self, _guild_id: GuildId | None = None) -> int:
        return len(self.there)

    def find(self, name: str, _guild_id: GuildId | None = None) -> Sound:
        for item in self.there:
            if item.name == name:
                return item
        raise SoundNotFoundError(name)

    def search(self, text: str, limit: int, _guild_id: GuildId | None, _preferred: Collection[int]) -> list[Sound]:
        return [item for item in self.there if text in item.name][:limit]


class FakeBank:
    """Has packets for all sounds but some; with ``held`` none until that is set."""

    version = 4

    def __init__(self) -> None:
        self.encoding = Encoding(3, 3)
        self.unplayable: set[str] = set()
        self.asked: list[str] = []
        self.held: asyncio.Event | None = None

    async def clip(self, sound: Sound) -> Clip:
        self.asked.append(sound.name)
        if self.held:
            await self.held.wait()
        if sound.name in self.unplayable:
            raise UnplayableSoundError(sound.name, "it has no audio in it")
        return Clip([sound.name.encode()])

    def duration(self, sound: Sound) -> Seconds | None:
        return 0.02 if sound.name in self.asked else None


class FakeStore:
    """Notes what is written, and keeps nothing."""

    def __init__(self) -> None:
        self.lines: list[Line] = []
        self.writes = 0
        self.later = self.lines.append

    async def write(self, _work: object) -> None:
        self.writes += 1


@dataclass(eq=False)
class FakeSession:
    """Plays at once, and records it."""

    channel: str | None = None
    place: VoicePlace | None = None
    voice: VoiceReport = field(default_factory=lambda: VoiceReport(state=LinkState.IDLE))
    now_playing: Playback | None = None
    queue: tuple[Playback, ...] = ()
    paused: bool = False
    volume: float = 100.0
    played: list[tuple[str, UserId, PlayOptions]] = field(default_factory=list)
    packets: list[bytes] = field(default_factory=list)
    stops: int = 0
    refuse: bool = False

    async def play(
        self, sound: Sound, user_id: UserId, place: VoicePlace, clip: Awaitable[Clip], options: PlayOptions
    ) -> Playback:
        if self.refuse:
            raise VoiceUnavailableError("General is full")
        self.packets += (await clip).packets
        self.played.append((sound.name, user_id, options))
        self.channel = place.channel
        self.now_playing = Playback(sound, user_id, place)
        return self.now_playing

    async def play_native(self, sound: Sound, user_id: UserId, place: VoicePlace, *, counted: bool = True) -> Playback:
        raise NotImplementedError

    async def refresh(self) -> None:
        pass

    def stop(self, playback_id: str | None = None, _user_id: UserId | None = None) -> None:
        if self.now_playing and playback_id in (None, self.now_playing.id):
            self.now_playing = None
        self.stops += 1

    def skip(self) -> bool:
        skipped, self.now_playing = self.now_playing, None
        return skipped is not None

    def pause(self, *, paused: bool) -> None:
        self.paused = paused

    def set_volume(self, percent: float) -> None:
        self.volume = percent

    @property
    def names(self) -> list[str]:
        return [name for name, _, _ in self.played]


class FakeVoice:
    """Knows who is where, and a session for each guild."""

    native: Any = None

    def __init__(self) -> None:
        self.places: dict[UserId, VoicePlace] = {ALICE: GENERAL}
        self.sessions: dict[GuildId, FakeSession] = {}
        self.member_of = [CAVE, TOWER]
        self.findings: dict[UserId, tuple[str, ...]] = {}

    def place_of(self, user_id: UserId, guild_id: GuildId | None) -> VoicePlace | None:
        place = self.places.get(user_id)
        return place if place and guild_id in (None, place.guild_id) else None

    def session(self, guild_id: GuildId) -> FakeSession:
        return self.sessions.setdefault(guild_id, FakeSession())

    def only_guild(self) -> GuildId | None:
        return self.member_of[0] if len(self.member_of) == 1 else None

    def diagnose(self, user_id: UserId, _guild_id: GuildId) -> tuple[str, ...]:
        return self.findings.get(user_id, ())

    def connect(self, *guilds: GuildId) -> None:
        """Be in a voice channel of each of these guilds."""
        for guild_id in guilds:
            self.session(guild_id).channel = "somewhere"


class Rooms:
    """A soundboard with its fakes."""

    def __init__(self, *names: str, defaults: PlayOptions | None = None) -> None:
        self.catalog, self.bank, self.voice = FakeCatalog(*names), FakeBank(), FakeVoice()
        self.store = FakeStore()
        catalog: Any = self.catalog
        store: Any = self.store
        voice: Any = self.voice
        nothing: Any = None
        self.service = SoundService(
            catalog=catalog,
            bank=self.bank,
            voice=voice,
            store=store,
            events=EventHub(),
            files=Files(nothing, nothing, Path("nowhere")),
            defaults=defaults,
        )
        self.cave = self.voice.session(CAVE)


@pytest.fixture
async def rooms() -> Rooms:
    """A soundboard with three sounds, and Alice in the Cave's voice channel."""
    return Rooms("a.mp3", "b.mp3", "c.mp3")


# play


async def test_play(rooms: Rooms) -> None:
    """A press plays the sound's packets where the caller is."""
    playback = await rooms.service.play(ALICE, "b.mp3")

    assert rooms.cave.played == [("b.mp3", ALICE, PlayOptions())]
    assert rooms.cave.packets == [b"b.mp3"]
    assert (playback.sound.name, playback.place) == ("b.mp3", GENERAL)


async def test_unknown_sound(rooms: Rooms) -> None:
    """An unknown sound is refused and nothing plays."""
    with pytest.raises(SoundNotFoundError, match=r'Sound "nope\.mp3" not found'):
        await rooms.service.play(ALICE, "nope.mp3")
    assert (rooms.cave.played, rooms.bank.asked) == ([], [])


@pytest.mark.parametrize("caller", [BOB, Caller(BOB), Caller(ALICE, TOWER)])
async def test_in_no_voice_channel(rooms: Rooms, caller: Caller | int) -> None:
    """Who is in no voice channel, or in none of the guild they may act on, cannot play."""
    with pytest.raises(NoVoiceChannelError):
        await rooms.service.play(caller, "a.mp3")
    with pytest.raises(NoVoiceChannelError):
        await rooms.service.random(caller)


async def test_press_before_the_first_scan(rooms: Rooms) -> None:
    """A press right after loading waits until the sounds are known."""
    rooms.catalog.ready.clear()
    press = asyncio.create_task(rooms.service.play(ALICE, "a.mp3"))
    rooms.catalog.ready.set()

    assert (await press).sound.name == "a.mp3"


async def test_cancelled_press(rooms: Rooms) -> None:
    """A press that is cancelled before its packets are there never plays."""
    rooms.bank.held = asyncio.Event()
    press = asyncio.create_task(rooms.service.play(ALICE, "a.mp3"))
    await asyncio.wait([press], timeout=0)
    press.cancel()

    with pytest.raises(asyncio.CancelledError):
        await press
    assert rooms.cave.played == []


async def test_refused_press_of_an_unplayable_sound(rooms: Rooms) -> None:
    """The channel's refusal is told, and the sound's own fault goes by without a word in the log."""
    rooms.cave.refuse = True
    rooms.bank.unplayable = {"a.mp3"}

    with pytest.raises(VoiceUnavailableError, match="full"):
        await rooms.service.play(ALICE, "a.mp3")


async def test_options() -> None:
    """What a press says of mode and volume reaches the guild; what it leaves out is as the settings say."""
    rooms = Rooms("a.mp3", "b.mp3", "c.mp3", defaults=PlayOptions(Mode.QUEUE, Retrigger.IGNORE, 50))
    await rooms.service.play(ALICE, "a.mp3")
    await rooms.service.play(ALICE, "b.mp3", mode="overlap", retrigger="restart", volume=120, gain=-6)
    await rooms.service.random(ALICE, mode=Mode.NEXT, volume=10)

    assert [options for _, _, options in rooms.cave.played] == [
        PlayOptions(Mode.QUEUE, Retrigger.IGNORE, 50),
        PlayOptions(Mode.OVERLAP, Retrigger.RESTART, 120, -6),
        PlayOptions(Mode.NEXT, Retrigger.IGNORE, 10),
    ]


@pytest.mark.parametrize(
    "options", [{"mode": "louder"}, {"retrigger": "no"}, {"volume": 201}, {"volume": -1}, {"gain": 25}]
)
async def test_wrong_options(rooms: Rooms, options: dict[str, Any]) -> None:
    """What cannot be is refused, and nothing plays."""
    with pytest.raises(ValueError, match=r"louder|no|volume|gain"):
        await rooms.service.play(ALICE, "a.mp3", **options)
    assert rooms.cave.played == []


# random


async def test_random_does_not_repeat() -> None:
    """The same sound never comes twice running in a guild, whoever presses."""
    rooms = Rooms("a.mp3", "b.mp3")
    rooms.voice.places[BOB] = GENERAL
    for turn in range(20):
        await rooms.service.random((ALICE, BOB)[turn % 2])

    assert all(one != next_one for one, next_one in zip(rooms.cave.names, rooms.cave.names[1:], strict=False))


async def test_random_does_not_repeat_a_chosen_sound() -> None:
    """Nor does it repeat a sound that someone asked for by name."""
    rooms = Rooms("a.mp3", "b.mp3")
    for _ in range(10):
        await rooms.service.play(ALICE, "a.mp3")
        assert (await rooms.service.random(ALICE)).sound.name == "b.mp3"


async def test_random_remembers_what_was_heard() -> None:
    """A press that failed does not count as heard."""
    rooms = Rooms("a.mp3", "b.mp3")
    await rooms.service.play(ALICE, "a.mp3")
    rooms.bank.unplayable = {"b.mp3"}
    with pytest.raises(UnplayableSoundError):
        await rooms.service.play(ALICE, "b.mp3")
    rooms.bank.unplayable = set()

    assert (await rooms.service.random(ALICE)).sound.name == "b.mp3"


async def test_random_of_one_sound() -> None:
    """A library of one sound plays it again."""
    rooms = Rooms("a.mp3")
    await rooms.service.random(ALICE)
    await rooms.service.random(ALICE)

    assert rooms.cave.names == ["a.mp3", "a.mp3"]


async def test_random_reaches_every_sound(rooms: Rooms) -> None:
    """Each sound comes in its time."""
    for _ in range(100):  # all three fail to come up with a chance of 10^-30
        await rooms.service.random(ALICE)

    assert set(rooms.cave.names) == {"a.mp3", "b.mp3", "c.mp3"}


async def test_random_without_sounds() -> None:
    """An empty library is told as such."""
    with pytest.raises(NoSoundsError):
        await Rooms().service.random(ALICE)


async def test_random_passes_over_unplayable_sounds(rooms: Rooms) -> None:
    """While some sound can be played, one is."""
    rooms.bank.unplayable = {"a.mp3", "c.mp3"}
    for _ in range(5):
        assert (await rooms.service.random(ALICE)).sound.name == "b.mp3"


async def test_random_of_unplayable_sounds() -> None:
    """After some unplayable sounds, each tried once, it gives up and says why."""
    rooms = Rooms(*(f"{number}.mp3" for number in range(20)))
    rooms.bank.unplayable = {item.name for item in rooms.catalog.there}

    with pytest.raises(UnplayableSoundError):
        await rooms.service.random(ALICE)
    assert len(rooms.bank.asked) == len(set(rooms.bank.asked)) == RANDOM_TRIES


async def test_random_gives_up_on_a_refusing_channel(rooms: Rooms) -> None:
    """What is not the sound's fault is not tried again with another."""
    rooms.cave.refuse = True
    with pytest.raises(VoiceUnavailableError):
        await rooms.service.random(ALICE)
    assert len(rooms.bank.asked) <= 1


# stop and status


@pytest.mark.parametrize(
    ("caller", "member_of", "meant"),
    [
        (ALICE, [CAVE], CAVE),
        (ALICE, [CAVE, TOWER], CAVE),
        (BOB, [], None),
        (BOB, [TOWER], TOWER),
        (BOB, [CAVE, TOWER], None),
        (Caller(BOB, TOWER), [CAVE, TOWER], TOWER),
        (Caller(ALICE, TOWER), [CAVE, TOWER], TOWER),
    ],
)
async def test_stop_and_status_choose_the_guild(
    rooms: Rooms, caller: Caller | int, member_of: list[GuildId], meant: GuildId | None
) -> None:
    """They mean the caller's guild, or else the bot's only one; never another than the caller may act on."""
    rooms.voice.member_of = member_of
    rooms.voice.connect(*member_of)
    status = rooms.service.status(caller)
    await rooms.service.stop(caller)

    stopped = [guild_id for guild_id, session in rooms.voice.sessions.items() if session.stops]
    assert stopped == ([] if meant is None else [meant])
    assert status.connected == (meant in member_of)


async def test_status(rooms: Rooms) -> None:
    """The status tells what plays, where, and how many sounds there are."""
    await rooms.service.play(ALICE, "a.mp3")
    status = rooms.service.status(ALICE)

    assert (status.connected, status.channel, status.sound_count) == (True, "General", 3)
    assert status.playing
    assert status.now_playing is not None
    assert status.now_playing.sound.name == "a.mp3"


async def test_status_of_encoding(rooms: Rooms) -> None:
    """While sounds are encoded ahead the status tells how many of them have been; then nothing."""
    assert rooms.service.status(ALICE).encoding is None
    rooms.bank.encoding = Encoding(1, 3)

    assert rooms.service.status(ALICE).encoding == Encoding(1, 3)


async def test_status_of_nothing(rooms: Rooms) -> None:
    """Not connected is told with nothing in every place."""
    status = rooms.service.status(BOB)

    assert (status.connected, status.channel, status.playing, status.now_playing) == (False, None, False, None)


async def test_status_of_voice(rooms: Rooms) -> None:
    """The status has the session's report on voice; who is in no guild gets one of no voice at all."""
    rooms.cave.voice = VoiceReport(state=LinkState.RECOVERING, last_close="it crashed")

    assert rooms.service.status(ALICE).voice is rooms.cave.voice
    assert rooms.service.status(BOB).voice == VoiceReport(state=LinkState.IDLE)


# diagnose


async def test_diagnosis_of_nothing(rooms: Rooms) -> None:
    """Where all is well, what was looked at is told, and then what only the member can see."""
    await rooms.service.play(ALICE, "a.mp3")
    rooms.cave.voice = VoiceReport(
        state=LinkState.PLAYING, encrypted=True, listeners=2, packets_sent=50, packets_late=3
    )
    checked, hint = rooms.service.diagnose(ALICE)

    assert "in General" in checked
    assert "50 packets have left, 3 of them late, end-to-end encrypted, for 2 who can listen" in checked
    assert hint == OWN_VOLUME


async def test_diagnosis_before_anything_was_pressed(rooms: Rooms) -> None:
    """A bot that nobody has called needs no more than a press."""
    assert rooms.service.diagnose(ALICE) == ("Nothing is playing. Press a sound.",)


async def test_diagnosis_begins_with_voice(rooms: Rooms) -> None:
    """What voice finds comes first, and then a member need not look at their own volume."""
    rooms.voice.findings[ALICE] = ("You are deafened.", "The bot is joining.")

    assert rooms.service.diagnose(ALICE) == (
        "You are deafened.",
        "The bot is joining.",
        "Nothing is playing. Press a sound.",
    )


async def test_diagnosis_of_a_stranger(rooms: Rooms) -> None:
    """Who is in no voice channel, and may mean any guild, is told to join one."""
    (finding,) = rooms.service.diagnose(BOB)
    assert finding.startswith("You are in no voice channel")


async def test_diagnosis_of_an_empty_library() -> None:
    """That there are no sounds comes before that none plays."""
    missing, idle = Rooms().service.diagnose(ALICE)

    assert missing.startswith("There are no sounds.")
    assert idle.startswith("Nothing is playing.")


async def test_diagnosis_of_encoding(rooms: Rooms) -> None:
    """While nothing plays, how far encoding is may be why."""
    rooms.bank.encoding = Encoding(1, 3)
    assert "Of 3 sounds 1 are prepared" in " ".join(rooms.service.diagnose(ALICE))

    await rooms.service.play(ALICE, "a.mp3")
    assert "prepared" not in " ".join(rooms.service.diagnose(ALICE))


async def test_diagnosis_of_a_pause(rooms: Rooms) -> None:
    """What is paused is told as such, and not as nothing."""
    await rooms.service.play(ALICE, "a.mp3")
    await rooms.service.pause(ALICE)

    assert rooms.service.diagnose(ALICE)[0].startswith("What plays has been paused.")


async def test_diagnosis_of_volume(rooms: Rooms) -> None:
    """A volume of 0 is told, of the guild or of the settings, until it is turned up."""
    await rooms.service.set_volume(ALICE, 0)
    assert rooms.service.diagnose(ALICE)[0].startswith("The volume is 0.")
    await rooms.service.set_volume(ALICE, 10)
    assert not rooms.service.diagnose(ALICE)[0].startswith("The volume is 0.")

    rooms = Rooms("a.mp3", defaults=PlayOptions(volume=0))
    assert rooms.service.diagnose(ALICE)[0].startswith("The volume is 0.")


async def test_diagnosis_of_a_refused_press(rooms: Rooms) -> None:
    """Why the last press of the guild was refused is told, until one is heard."""
    rooms.cave.refuse = True
    with pytest.raises(VoiceUnavailableError):
        await rooms.service.play(ALICE, "a.mp3")
    assert rooms.service.diagnose(ALICE)[0].startswith("The last press was not heard: General is full.")

    rooms.cave.refuse = False
    await rooms.service.play(ALICE, "a.mp3")
    await rooms.service.stop(ALICE)
    assert rooms.service.diagnose(ALICE)[0] == "Nothing is playing. Press a sound."


# skip, pause, volume


async def test_nothing_to_skip_or_pause(rooms: Rooms) -> None:
    """Without anything playing that is told."""
    for ask in (rooms.service.skip, rooms.service.pause, rooms.service.resume):
        with pytest.raises(NotPlayingError):
            await ask(ALICE)


async def test_pause_and_skip(rooms: Rooms) -> None:
    """What plays can be paused, gone on with, and skipped."""
    await rooms.service.play(ALICE, "a.mp3")
    await rooms.service.pause(ALICE)
    assert rooms.service.status(ALICE).paused
    await rooms.service.resume(ALICE)
    assert not rooms.service.status(ALICE).paused
    await rooms.service.skip(ALICE)

    assert not rooms.service.status(ALICE).playing


async def test_stop_one(rooms: Rooms) -> None:
    """One sound can be stopped alone."""
    playback = await rooms.service.play(ALICE, "a.mp3")
    await rooms.service.stop(ALICE, "another")
    assert rooms.service.status(ALICE).playing
    await rooms.service.stop(ALICE, playback.id)

    assert not rooms.service.status(ALICE).playing


async def test_volume(rooms: Rooms) -> None:
    """The volume of a guild is changed by those who are in it, within bounds."""
    await rooms.service.set_volume(ALICE, 30)
    with pytest.raises(ValueError, match="0 to 200"):
        await rooms.service.set_volume(ALICE, 300)
    with pytest.raises(NoVoiceChannelError):
        await rooms.service.set_volume(BOB, 30)

    assert rooms.cave.volume == 30


# sounds


async def test_sounds(rooms: Rooms) -> None:
    """All sounds, or some of those that a search finds."""
    assert [item.name for item in rooms.service.sounds()] == ["a.mp3", "b.mp3", "c.mp3"]
    assert [item.name for item in rooms.service.sounds(limit=2)] == ["a.mp3", "b.mp3"]
    assert [item.name for item in rooms.service.sounds("mp3", limit=1)] == ["a.mp3"]
    assert [item.name for item in rooms.service.sounds("c.")] == ["c.mp3"]


async def test_durations(rooms: Rooms) -> None:
    """A duration is known once the sound has been encoded, and the library's version grows with what is known."""
    first = rooms.catalog.there[0]
    assert rooms.service.duration(first) is None
    await rooms.service.play(ALICE, first.name)

    assert rooms.service.duration(first) == 0.02
    assert rooms.service.library_version == rooms.catalog.version + rooms.bank.version


async def test_random_with_a_tag(rooms: Rooms) -> None:
    """Asked for a tag, or for what lies in a folder, only such a sound is played; where none has it, that is said."""
    meme = Sound("b.mp3", "Memes/b.mp3", "/nowhere", 1, 1)
    rooms.catalog.there = (*rooms.catalog.there, meme)
    for _ in range(5):
        assert (await rooms.service.random(ALICE, tag="memes")).sound is meme
    with pytest.raises(NoSoundsError):
        await rooms.service.random(ALICE, tag="nobody's")
