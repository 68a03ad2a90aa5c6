"""The soundboard's news, as those hear it who have subscribed."""

import asyncio
import json
from collections.abc import AsyncIterator, Collection
from typing import Any

import msgspec
import pytest
from msgspec import Struct

from jeffbot.community import GuildSettings
from jeffbot.events import EventHub
from jeffbot.models import ChannelId, EndReason, GuildId, LinkState, Mode, Sound, UserId, VoicePlace, VoiceReport
from jeffbot.news import (
    EntrancesChanged,
    FavouritesChanged,
    GuildLeft,
    LibraryChanged,
    News,
    PlayerChanged,
    QueueChanged,
    SettingsChanged,
    VoiceChanged,
)
from jeffbot.playback import Encoding, Playback, SoundEnded, SoundStarted
from jeffbot.ws.bulletins import EVENTS, Bulletins
from jeffbot.ws.feed import Feed, Since, Topic

CAVE, TOWER = GuildId(81), GuildId(82)
ALICE, BOB = UserId(1), UserId(2)
GENERAL = VoicePlace(CAVE, ChannelId(810), "General")
LOFT = VoicePlace(TOWER, ChannelId(820), "Loft")
HORN, BELL = Sound("horn.wav", "loud/horn.wav", "/", 1, 2), Sound("bell.wav", "bell.wav", "/", 1, 2)
PATIENCE = 10.0


class Where:
    """Alice is in the Cave, Bob in the Tower."""

    def users_in(self, guild_id: GuildId) -> Collection[UserId]:
        return {ALICE} if guild_id == CAVE else {BOB}

    def guild_of(self, user_id: UserId) -> GuildId | None:
        return CAVE if user_id == ALICE else TOWER

    def only_guild(self) -> GuildId | None:
        return None


class Client:
    """A connection."""

    sees_all = False

    def __init__(self, user_id: UserId = ALICE) -> None:
        self.user_id = user_id
        self.events: list[dict[str, Any]] = []
        self.came = asyncio.Event()

    def deliver(self, data: bytes) -> None:
        self.events.append(json.loads(data))
        self.came.set()

    async def until(self, count: int) -> None:
        """Wait until so many events have come."""
        async with asyncio.timeout(PATIENCE):
            while len(self.events) < count:
                self.came.clear()
                await self.came.wait()


class Shown(Struct):
    """A sound as the test shows it."""

    name: str


class Room:
    """Bulletins, and what they are told."""

    def __init__(self) -> None:
        self.hub = EventHub[News]()
        self.feed = Feed(Where())
        self.encoding: Encoding | None = None
        self.bulletins = Bulletins(
            self.hub.subscribe,
            self.feed,
            describe=lambda sound: Shown(sound.name),
            total=lambda guild_id: 7 if guild_id is None else 9,
            encoding=lambda: self.encoding,
            every=0.01,
        )

    def hear(self, *topics: str, user_id: UserId = ALICE) -> Client:
        """A client that is subscribed."""
        client = Client(user_id)
        self.feed.subscribe(client, topics or ["*"])
        return client

    def told(self, *news: News, user_id: UserId = ALICE) -> list[dict[str, Any]]:
        """What someone is told of some news; all of it is as it is said to be."""
        client = self.hear(user_id=user_id)
        for item in news:
            self.hub.publish(item)
        for event in client.events:
            kind = EVENTS[event["event"]]
            assert event["topic"] == kind.topic
            msgspec.convert(event["data"], kind.data)
            assert event["data"].keys() == msgspec.to_builtins(msgspec.convert(event["data"], kind.data)).keys()
        return client.events


@pytest.fixture
async def room() -> AsyncIterator[Room]:
    """A room of its own."""
    room = Room()
    yield room
    room.bulletins.close()


def a_playback(place: VoicePlace = GENERAL, position: float = 0.02) -> Playback:
    """A sound that plays."""
    playback = Playback(HORN, BOB, place)
    playback.measure(lambda: 1.5, lambda: position)
    return playback


def test_every_kind_says_what_it_is() -> None:
    """Each kind of event has a topic that its name begins with, or one it belongs to, and a sentence about it."""
    assert {name for name, kind in EVENTS.items() if not kind.summary.strip().endswith(".")} == set()
    assert {kind.topic for kind in EVENTS.values()} == set(Topic)
    assert len({kind.data for kind in EVENTS.values()}) == len(EVENTS)


async def test_sound(room: Room) -> None:
    """A sound begins and ends with what is needed to show it, and with who pressed."""
    playback = a_playback()
    playback.end(EndReason.SKIPPED)
    started, ended = room.told(SoundStarted(playback), SoundEnded(playback))

    shown = {
        "playback_id": playback.id,
        "filename": "horn.wav",
        "title": "horn.wav",
        "channel": "General",
        "channel_id": "810",
        "duration": 1.5,
        "position": 0.02,
    }
    assert (started["event"], started["data"]) == ("playback.started", shown)
    assert (ended["event"], ended["data"]) == ("playback.ended", shown | {"reason": "skipped"})
    assert {(event["guild_id"], event["user_id"]) for event in (started, ended)} == {("81", "2")}


async def test_player(room: Room) -> None:
    """Of a player that which changed is told: pauses, their end, the volume; of each guild by itself."""
    events = room.told(
        PlayerChanged(CAVE, paused=True, volume=100.0),
        PlayerChanged(CAVE, paused=True, volume=50.0),
        PlayerChanged(TOWER, paused=True, volume=100.0),
        PlayerChanged(CAVE, paused=False, volume=50.0),
        PlayerChanged(CAVE, paused=True, volume=80.0),
    )

    assert [(event["event"], event["data"]) for event in events] == [
        ("playback.paused", {}),
        ("playback.volume", {"volume": 50.0}),
        ("playback.resumed", {}),
        ("playback.paused", {}),
        ("playback.volume", {"volume": 80.0}),
    ]


async def test_queue(room: Room) -> None:
    """The whole queue is told, the next one first."""
    first, second = a_playback(), Playback(BELL, ALICE, GENERAL)
    (event,) = room.told(QueueChanged(CAVE, (first, second)))

    assert event["event"] == "queue.changed"
    assert event["data"]["queue"] == [
        {"playback_id": first.id, "filename": "horn.wav", "title": "horn.wav", "user_id": "2", "duration": 1.5},
        {"playback_id": second.id, "filename": "bell.wav", "title": "bell.wav", "user_id": "1", "duration": None},
    ]


async def test_voice(room: Room) -> None:
    """The bot's place is told, and how it is there; or that it is nowhere."""
    report = VoiceReport(state=LinkState.READY, channel="General", encrypted=True, listeners=3, packets_sent=9)
    there, nowhere = room.told(
        VoiceChanged(CAVE, report, GENERAL), VoiceChanged(CAVE, VoiceReport(state=LinkState.IDLE), None)
    )

    assert there["event"] == nowhere["event"] == "voice.changed"
    assert there["data"] == {
        "state": "ready",
        "channel": "General",
        "channel_id": "810",
        "encrypted": True,
        "decryptable": True,
        "listeners": 3,
    }
    assert (nowhere["data"]["state"], nowhere["data"]["channel"], nowhere["data"]["channel_id"]) == ("idle", None, None)


async def test_library(room: Room) -> None:
    """Sounds are told as they are shown, those that are gone by name and path; shared ones to everybody."""
    own = LibraryChanged(CAVE, added=(BELL,), removed=(HORN,))
    mine, shared = room.told(own, LibraryChanged(None, many=True))
    theirs = room.told(own, LibraryChanged(None, changed=(BELL,)), user_id=BOB)

    assert (mine["event"], mine["guild_id"], shared["guild_id"]) == ("library.changed", "81", None)
    assert mine["data"] == {
        "added": [{"name": "bell.wav"}],
        "changed": [],
        "removed": [{"name": "horn.wav", "path": "loud/horn.wav"}],
        "many": False,
        "total": 9,
    }
    assert shared["data"] == {"added": [], "changed": [], "removed": [], "many": True, "total": 7}
    assert [event["data"]["changed"] for event in theirs] == [[{"name": "bell.wav"}]]


async def test_people(room: Room) -> None:
    """Favourites are told to whose they are alone; entrances to the guild, with whose they are."""
    mine, own, everyone = room.told(
        FavouritesChanged(ALICE), FavouritesChanged(BOB), EntrancesChanged(CAVE, BOB), EntrancesChanged(CAVE, None)
    )

    assert (mine["event"], mine["user_id"], mine["guild_id"]) == ("favourites.changed", "1", None)
    assert (own["event"], own["topic"], own["user_id"], own["guild_id"]) == ("entrance.changed", "settings", "2", "81")
    assert everyone["user_id"] is None


async def test_settings(room: Room) -> None:
    """All settings of a guild are told, those that are as by default, too."""
    (event,) = room.told(SettingsChanged(CAVE, GuildSettings(mode=Mode.QUEUE)))

    assert event["event"] == "settings.changed"
    assert event["data"]["settings"] == {
        "mode": "queue",
        "retrigger": None,
        "volume": None,
        "native": False,
        "entrances": True,
        "entrance_on_move": False,
        "entrance_cooldown": 60.0,
        "time_zone": "UTC",
    }


async def test_guild_left(room: Room) -> None:
    """Of a guild that the bot has left nothing is kept."""
    room.told(PlayerChanged(CAVE, paused=True, volume=100.0), GuildLeft(CAVE))
    epoch = room.feed.epoch

    assert room.feed.subscribe(Client(), ["*"], Since(epoch, 0)).resync
    assert [event["event"] for event in room.told(PlayerChanged(CAVE, paused=True, volume=100.0))] == [
        "playback.paused"
    ]


async def test_progress(room: Room) -> None:
    """While somebody wants it, it is told how far the latest sound of each guild is; not of what stands still."""
    for playback in (first := a_playback(), latest := a_playback(position=0.512)):
        room.hub.publish(SoundStarted(playback))
    room.hub.publish(SoundStarted(a_playback(LOFT)))
    client, other = room.hear("progress"), room.hear("progress", user_id=BOB)
    await client.until(1)
    assert client.events[0]["event"] == "playback.progress"
    assert client.events[0]["data"] == {"playback_id": latest.id, "position": 0.51, "duration": 1.5}
    latest.end(EndReason.FINISHED)
    room.hub.publish(SoundEnded(latest))
    told = len(client.events)
    await client.until(told + 1)
    assert client.events[told]["data"]["playback_id"] == first.id

    room.hub.publish(PlayerChanged(CAVE, paused=True, volume=100.0))
    told = len(client.events)
    await other.until(len(other.events) + 2)
    assert len(client.events) == told
    room.hub.publish(PlayerChanged(CAVE, paused=False, volume=100.0))
    await client.until(told + 1)


async def test_encoding(room: Room) -> None:
    """How far encoding is is told when it has changed, and once that it is done."""
    client = room.hear("progress")
    room.encoding = Encoding(1, 3)
    await client.until(1)
    room.encoding = Encoding(2, 3)
    await client.until(2)
    room.encoding = None
    await client.until(3)
    room.hub.publish(SoundStarted(a_playback()))
    await client.until(4)

    told = [(event["event"], event["data"]) for event in client.events[:3]]
    assert told == [("library.encoding", {"done": done, "total": 3}) for done in (1, 2, 3)]
    assert client.events[3]["event"] == "playback.progress"


async def test_no_timer_for_nobody(room: Room, monkeypatch: pytest.MonkeyPatch) -> None:
    """One timer runs while somebody is subscribed to progress, and none otherwise, nor after closing."""
    timers: list[asyncio.TimerHandle] = []
    loop = asyncio.get_running_loop()
    call_later = loop.call_later

    def noted(*args: Any, **kwargs: Any) -> asyncio.TimerHandle:
        timers.append(call_later(*args, **kwargs))
        return timers[-1]

    def running() -> int:
        return sum(not timer.cancelled() for timer in timers)

    monkeypatch.setattr(loop, "call_later", noted)
    room.hear()
    assert running() == 0
    one, other = room.hear("progress"), room.hear("progress")
    assert running() == 1
    room.feed.drop(one)
    assert running() == 1
    room.feed.drop(other)
    assert running() == 0
    room.hear("progress")
    assert running() == 1
    room.bulletins.close()
    assert running() == 0


async def test_closed(room: Room) -> None:
    """What was closed tells no more."""
    room.bulletins.close()

    assert not room.told(FavouritesChanged(ALICE))
