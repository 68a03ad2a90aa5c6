"""The news of a real bot, as another cog hears it: of what plays and waits, of the player, of the voice connection."""

import asyncio
from pathlib import Path

import pytest

from jeffbot.models import EndReason, LinkState
from jeffbot.news import GuildLeft, News, PlayerChanged, QueueChanged, SettingsChanged, VoiceChanged
from jeffbot.playback import SoundEnded, SoundStarted
from jeffbot.voice import switchboard
from staging import PATIENCE, Stage, write_tone


@pytest.fixture(autouse=True)
def _looks_never(monkeypatch: pytest.MonkeyPatch) -> None:
    """Who looks after voice each second does not: what is told is told when it happens."""
    monkeypatch.setattr(switchboard, "TICK", 3600.0)


@pytest.fixture
def sounds_dir(tmp_path: Path) -> Path:
    """Two short tones, and a long one."""
    for number, name in enumerate(("low", "high")):
        write_tone(tmp_path / "sounds" / f"{name}.wav", 330 * (1 + number), seconds=0.1)
    write_tone(tmp_path / "sounds" / "long.wav", 220, seconds=20)
    return tmp_path / "sounds"


class Ears:
    """What another cog is told from when this is made."""

    def __init__(self, stage: Stage) -> None:
        self.told: list[News] = []
        self._came = asyncio.Event()
        stage.service.subscribe(self._note)

    def _note(self, news: News) -> None:
        self.told.append(news)
        self._came.set()

    def of[T: News](self, kind: type[T]) -> list[T]:
        """What was told of this kind."""
        return [news for news in self.told if isinstance(news, kind)]

    async def until(self, count: int, kind: type[News]) -> None:
        """Wait until so many of a kind have been told."""
        async with asyncio.timeout(PATIENCE):
            while len(self.of(kind)) < count:
                self._came.clear()
                await self._came.wait()

    @property
    def voice(self) -> list[tuple[LinkState, str | None]]:
        """What was told of the connection: its state, and the channel's name."""
        return [(news.report.state, news.place.channel if news.place else None) for news in self.of(VoiceChanged)]


@pytest.fixture
def ears(stage: Stage) -> Ears:
    """Another cog's."""
    return Ears(stage)


async def test_queue(stage: Stage, ears: Ears) -> None:
    """Each change of what waits is told, with all that waits then; what begins no longer waits when that is told."""
    play = stage.service.play
    long = await play(stage.alice.id, "long")
    low = await play(stage.alice.id, "low", mode="queue")
    high = await play(stage.alice.id, "high", mode="next")
    await stage.service.stop(stage.alice.id, low.id)
    await stage.service.skip(stage.alice.id)
    await high.wait_ended()

    told = [
        (type(news).__name__, news.queue if isinstance(news, QueueChanged) else news.playback)
        for news in ears.told
        if isinstance(news, QueueChanged | SoundStarted | SoundEnded)
    ]
    assert told == [
        ("SoundStarted", long),
        ("QueueChanged", (low,)),
        ("QueueChanged", (high, low)),
        ("SoundEnded", low),
        ("QueueChanged", (high,)),
        ("SoundEnded", long),
        ("QueueChanged", ()),
        ("SoundStarted", high),
        ("SoundEnded", high),
    ]
    assert not ears.of(PlayerChanged)


async def test_queue_emptied(stage: Stage, ears: Ears) -> None:
    """Where all is stopped it is told once that nothing waits."""
    await stage.service.play(stage.alice.id, "long")
    for name in ("low", "high"):
        await stage.service.play(stage.alice.id, name, mode="queue")
    await stage.service.stop(stage.alice.id)

    assert [len(news.queue) for news in ears.of(QueueChanged)] == [1, 2, 0]
    assert {news.playback.reason for news in ears.of(SoundEnded)} == {EndReason.STOPPED}


async def test_player(stage: Stage, ears: Ears) -> None:
    """Pauses, their end and the volume are told when they change, also where a press or a stop ends a pause."""
    service, alice = stage.service, stage.alice.id
    await service.play(alice, "long")
    assert not ears.of(PlayerChanged)
    await service.pause(alice)
    await service.pause(alice)
    await service.resume(alice)
    await service.set_volume(alice, 57)
    await service.set_volume(alice, 57)
    await service.pause(alice)
    await service.play(alice, "long")
    await service.pause(alice)
    await service.stop(alice)

    assert [(news.paused, news.volume) for news in ears.of(PlayerChanged)] == [
        (True, 100),
        (False, 100),
        (False, 57),
        (True, 57),
        (False, 57),
        (True, 57),
        (False, 57),
    ]
    assert [news.settings.volume for news in ears.of(SettingsChanged)] == [57]
    assert not ears.of(QueueChanged)


async def test_voice(stage: Stage, ears: Ears) -> None:
    """Joining, being moved and being put out is told, each once and in order with the sounds; nothing else is."""
    await stage.service.play(stage.alice.id, "long")
    attic = stage.guild.add_voice_channel("Attic")
    joined = len(ears.of(VoiceChanged))
    await stage.app.move_voice(attic)
    await ears.until(joined + 1, VoiceChanged)
    await stage.app.kick_from_voice(stage.guild)
    await ears.until(1, SoundEnded)
    await ears.until(joined + 2, VoiceChanged)

    states = list(dict.fromkeys(ears.voice))
    assert states[0] == (LinkState.JOINING, None)
    assert states[1][1] == "General"
    assert [channel for _, channel in states[-2:]] == ["Attic", None]
    assert states[-1] == (LinkState.IDLE, None)
    order = [type(news) for news in ears.told]
    assert order.index(SoundStarted) > 1
    assert all(place.guild_id == stage.guild.id for news in ears.of(VoiceChanged) if (place := news.place))


async def test_lost_and_regained(stage: Stage, ears: Ears) -> None:
    """A connection that breaks and is made anew is told as such; what plays goes on."""
    playback = await stage.service.play(stage.alice.id, "long")
    before = len(ears.of(VoiceChanged))
    stage.ear.close(4006)
    await ears.until(before + 2, VoiceChanged)

    assert ears.voice[before] == (LinkState.RECOVERING, None)
    assert ears.voice[before + 1][1] == "General"
    assert playback.reason is None


async def test_guild_left(stage: Stage, ears: Ears) -> None:
    """When the bot is put out of a guild, that is the last that is told of it."""
    await stage.service.play(stage.alice.id, "long")
    stage.guild.remove_member(stage.app.user)
    await ears.until(1, GuildLeft)

    assert ears.told[-1] == GuildLeft(stage.guild.id)  # type: ignore[arg-type]
    assert ears.voice[-1] == (LinkState.GONE, None)
    assert len(ears.of(SoundEnded)) == 1
