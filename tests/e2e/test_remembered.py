"""What guilds and people have set, and what was counted, is the same after the extension was reloaded."""

import asyncio
from pathlib import Path

import pytest

from jeffbot.errors import ForbiddenError, SoundNotFoundError
from jeffbot.models import Caller, EndReason, GuildId, Mode, Standing, UserId
from jeffbot.sandbox import Guild, Person
from jeffbot.sandbox.ears import Recording
from staging import EXTENSION, PATIENCE, Stage, write_tone


async def reload(stage: Stage) -> None:
    """Reload the extension, and wait until it knows its sounds."""
    stage.bot.reload_extension(EXTENSION)
    await stage.service.wait_ready()


async def second_guild(stage: Stage) -> tuple[Guild, Person]:
    """Another guild of the bot's, and Bob in a voice channel of it."""
    bob = stage.discord.add_user("bob")
    tower = stage.discord.add_guild("Tower", members=[bob], applications=[stage.app])
    await stage.seen(bob.join(tower.add_voice_channel("Loft")))
    return tower, bob


def names(stage: Stage, who: Person) -> list[str]:
    """Of the sounds that someone sees."""
    return [sound.name for sound in stage.service.sounds(caller=who.id)]


async def encoded(stage: Stage) -> None:
    """Wait until all sounds have been encoded: those that have not may be a little louder or softer."""
    async with asyncio.timeout(PATIENCE):
        while any(stage.service.duration(sound) is None for sound in stage.service.sounds()):
            await asyncio.sleep(0.02)  # nothing tells of it


async def test_guild_library(stage: Stage, tmp_path: Path, sounds_dir: Path) -> None:
    """A sound that someone added to their guild is played there and seen in no other, also after a reload."""
    tower, bob = await second_guild(stage)
    added = await stage.service.library.add(bob.id, write_tone(tmp_path / "bells.wav", 1320), "bells")
    assert (added.guild_id, added.file.parent) == (tower.id, sounds_dir / f"guild-{tower.id}")
    for is_reloaded in (False, True):
        if is_reloaded:
            await reload(stage)
        assert "bells.wav" in names(stage, bob)
        assert "bells.wav" not in names(stage, stage.alice)
        with pytest.raises(SoundNotFoundError):
            await stage.service.play(stage.alice.id, "bells")
        await (await stage.service.play(bob.id, "bells")).wait_ended()
        packets = stage.discord.voice(tower, stage.app).packets  # type: ignore[union-attr]
        assert Recording(packets).without_silence.frequencies(1) == pytest.approx([1320], abs=3)

    assert stage.service.library.find(bob.id, "bells").id == added.id
    assert stage.service.library.find(bob.id, "bells").uploader_id == bob.id


async def test_guilds_own_sound_wins(stage: Stage, tmp_path: Path) -> None:
    """Of two sounds of one name a guild hears its own, and gets the shared one back when that is deleted."""
    _, bob = await second_guild(stage)
    shared = stage.service.library.find(stage.alice.id, "low")
    own = await stage.service.library.add(bob.id, write_tone(tmp_path / "low.wav", 1320), "low.wav")
    await reload(stage)
    assert stage.service.library.find(bob.id, "low").id == own.id
    assert stage.service.library.find(stage.alice.id, "low").id == shared.id

    await stage.service.bin.delete(bob.id, "low")
    await reload(stage)
    assert stage.service.library.find(bob.id, "low").id == shared.id
    assert [item.sound_id for item in await stage.service.bin.deleted(bob.id)] == [own.id]

    await stage.service.bin.restore(bob.id, own.id)
    await reload(stage)
    assert stage.service.library.find(bob.id, "low").id == own.id


async def test_who_may_change_a_guilds_library(stage: Stage, tmp_path: Path) -> None:
    """A member looks after what they brought; the rest is for managers, and the shared sounds for the operator."""
    tower, bob = await second_guild(stage)
    member = Caller(UserId(bob.id), GuildId(tower.id))
    other = Caller(UserId(stage.alice.id), GuildId(tower.id))
    manager = Caller(UserId(stage.alice.id), GuildId(tower.id), Standing.MANAGER)
    await stage.service.library.add(member, write_tone(tmp_path / "bells.wav", 1320), "bells")
    await stage.service.library.edit(member, "bells", title="Bells")
    with pytest.raises(ForbiddenError):
        await stage.service.library.edit(other, "bells", title="Mine")
    for stranger in (member, manager):
        with pytest.raises(ForbiddenError):
            await stage.service.library.edit(stranger, "low", title="Mine")
    await stage.service.library.edit(manager, "bells", emoji="🔔")
    await reload(stage)

    details = stage.service.library.find(member, "bells").details
    assert (details.title, details.emoji) == ("Bells", "🔔")


async def test_settings(stage: Stage) -> None:
    """A guild's volume and mode hold for the first press after a reload, and in no other guild."""
    await encoded(stage)
    tower, bob = await second_guild(stage)
    await (await stage.service.play(stage.alice.id, "low")).wait_ended()
    full = Recording(stage.ear.packets).without_silence.level_dbfs
    await stage.service.set_volume(stage.alice.id, 50)
    await stage.service.guilds.change(stage.alice.id, mode="queue", time_zone="Europe/Berlin")
    await reload(stage)
    first = await stage.service.play(stage.alice.id, "low")
    second = await stage.service.play(stage.alice.id, "high")
    assert first.reason is None
    assert await first.wait_ended() is EndReason.FINISHED
    half = Recording(stage.ear.packets[:45]).level_dbfs
    assert half - full == pytest.approx(-6, abs=1)
    await second.wait_ended()

    settings = stage.service.guilds.settings(GuildId(stage.guild.id))
    assert (settings.volume, settings.mode, settings.time_zone) == (50.0, Mode.QUEUE, "Europe/Berlin")
    assert stage.service.guilds.settings(GuildId(tower.id)).mode is None
    await (await stage.service.play(bob.id, "low")).wait_ended()
    elsewhere = stage.discord.voice(tower, stage.app).packets  # type: ignore[union-attr]
    assert Recording(elsewhere).without_silence.level_dbfs == pytest.approx(full, abs=1)


async def test_counted(stage: Stage) -> None:
    """Each press that is heard is counted once, that of the moment of a reload, too; what is not heard is not."""
    service, alice = stage.service, stage.alice
    await service.play(alice.id, "low")
    waits = await service.play(alice.id, "high", mode="queue")
    await service.stop(alice.id)
    assert waits.started_at is None
    with pytest.raises(SoundNotFoundError):
        await service.play(alice.id, "none such")
    await service.play(alice.id, "low")
    await reload(stage)
    await stage.service.play(alice.id, "middle")
    numbers = await stage.service.numbers.numbers(alice.id)

    assert {count.title: count.plays for count in numbers.sounds} == {"low.wav": 2, "middle.wav": 1}
    assert [(count.user_id, count.plays) for count in numbers.people] == [(alice.id, 3)]
    assert [heard.title for heard in await stage.service.people.recent(alice.id)] == ["middle.wav", "low.wav"]


async def test_counted_in_their_guild(stage: Stage) -> None:
    """What was played in one guild is in no other's numbers."""
    _, bob = await second_guild(stage)
    await asyncio.gather(stage.service.play(stage.alice.id, "low"), stage.service.play(bob.id, "high"))
    numbers = [await stage.service.numbers.numbers(who.id) for who in (stage.alice, bob)]

    assert [[count.title for count in each.sounds] for each in numbers] == [["low.wav"], ["high.wav"]]


async def test_opted_out_of_being_counted(stage: Stage) -> None:
    """Who opts out is named neither for what they played before nor for what they play after a reload."""
    await stage.service.play(stage.alice.id, "low")
    await stage.service.people.choose(stage.alice.id, counted=False)
    await reload(stage)
    assert not stage.service.people.choices(UserId(stage.alice.id)).counted
    await stage.service.play(stage.alice.id, "low")
    numbers = await stage.service.numbers.numbers(stage.alice.id)
    assert [(count.user_id, count.plays) for count in numbers.people] == [(None, 2)]
    assert await stage.service.people.recent(stage.alice.id) == ()

    await stage.service.people.choose(stage.alice.id, counted=True)
    await stage.service.play(stage.alice.id, "low")
    numbers = await stage.service.numbers.numbers(stage.alice.id)
    assert {(count.user_id, count.plays) for count in numbers.people} == {(None, 2), (stage.alice.id, 1)}


async def test_erased(stage: Stage) -> None:
    """What someone had erased does not come back; what they opted out of they stay out of."""
    me = stage.alice.id
    await stage.service.people.change_favourites(me, add=["low"])
    await stage.service.people.change_favourites(me, add=["high"])
    await stage.service.entrances.set(me, "low")
    await stage.service.people.choose(me, greeted=False)
    await reload(stage)
    assert [sound.name for sound in await stage.service.people.favourites(me)] == ["low.wav", "high.wav"]
    assert len(stage.service.entrances.all(me)) == 1
    await stage.service.people.erase(me)
    await reload(stage)

    assert await stage.service.people.favourites(me) == ()
    assert stage.service.entrances.all(me) == ()
    assert not stage.service.people.choices(UserId(me)).greeted
