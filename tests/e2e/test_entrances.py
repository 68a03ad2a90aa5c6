"""Sounds for who comes into a voice channel and who leaves it, as they are heard."""

import asyncio
import logging
import shutil
from collections.abc import Callable
from pathlib import Path
from time import monotonic

import pytest

from jeffbot.errors import ForbiddenError, SoundNotFoundError
from jeffbot.models import Caller, EndReason, GuildId, Standing, UserId
from jeffbot.playback import Playback, SoundStarted
from jeffbot.sandbox import Person, Sandbox
from jeffbot.sandbox.ears import Recording
from jeffbot.sandbox.nextcord_host import make_bot, running
from jeffbot.sandbox.world.values import User
from jeffbot.service import entrances
from jeffbot.service.entrances import SETTLE
from staging import EXTENSION, PATIENCE, MakeStage, Stage, write_tone

TONES = {"low.wav": 330, "middle.wav": 550, "high.wav": 880, "top.wav": 1320}
NEVER = 3600.0


@pytest.fixture
def sounds_dir(tmp_path: Path) -> Path:
    """Four tones of one second, and a long one."""
    for name, hertz in TONES.items():
        write_tone(tmp_path / "sounds" / name, hertz)
    write_tone(tmp_path / "sounds" / "long.wav", 220, seconds=5.0)
    return tmp_path / "sounds"


@pytest.fixture(autouse=True)
def _settles_soon(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nobody's client needs time to hear, but where a test says so."""
    monkeypatch.setattr(entrances, "SETTLE", 0.01)


def person(stage: Stage, name: str = "bob") -> Person:
    """Somebody else in the guild."""
    someone = stage.discord.add_user(name)
    stage.guild.add_member(someone)
    return someone


def begun(stage: Stage) -> list[Playback]:
    """What begins to be heard from now on."""
    playbacks: list[Playback] = []
    stage.service.subscribe(lambda event: playbacks.append(event.playback) if isinstance(event, SoundStarted) else None)
    return playbacks


def names(playbacks: list[Playback]) -> list[str]:
    return [playback.sound.name for playback in playbacks]


def greetings() -> list[asyncio.Task[object]]:
    """Those that wait or sound."""
    return [task for task in asyncio.all_tasks() if task.get_name().startswith(("jeffbot entrance", "jeffbot exit"))]


async def over() -> None:
    """Wait until nobody is being greeted any more."""
    async with asyncio.timeout(PATIENCE):
        while greetings():
            await asyncio.sleep(0.01)  # nothing tells of it


async def until(condition: Callable[[], object]) -> None:
    """Wait until something is so."""
    async with asyncio.timeout(PATIENCE):
        while not condition():
            await asyncio.sleep(0.01)  # nothing tells of it


async def encoded(stage: Stage) -> None:
    """Wait until all sounds have been encoded."""
    await until(lambda: all(stage.service.duration(sound) is not None for sound in stage.service.sounds()))


def frequencies(stage: Stage, count: int = 1) -> list[float]:
    """The strongest that were heard so far, in order."""
    return sorted(Recording(stage.ear.packets).without_silence.frequencies(count))


# Who is greeted, with what


@pytest.mark.parametrize("deaf", ["alice", "bob"])
async def test_heard_by_others_and_by_themselves(stage: Stage, monkeypatch: pytest.MonkeyPatch, deaf: str) -> None:
    """The idle bot joins, and half a second after Bob came both Alice and he hear his own sound."""
    monkeypatch.setattr(entrances, "SETTLE", SETTLE)
    bob = person(stage)
    await stage.service.entrances.set(bob.id, "high")
    came = monotonic()
    await stage.seen(bob.join(stage.general))
    await (stage.alice if deaf == "alice" else bob).self_deafen()  # so that what is heard the other hears
    await over()

    assert frequencies(stage) == pytest.approx([880], abs=3)
    assert stage.ear.packets[0].arrived - came >= SETTLE
    assert Recording(stage.ear.packets).without_silence.seconds == pytest.approx(1.0, abs=0.2)


async def test_whose_sound(stage: Stage) -> None:
    """Their own sound wins over their roles', the highest role's over a lower one's, and any over everyone's."""
    service, heard = stage.service.entrances, begun(stage)
    higher, lower = stage.guild.add_role("higher"), stage.guild.add_role("lower")
    stage.guild.move_roles({lower: 1, higher: 2})
    own, ranked, plain = person(stage, "own"), person(stage, "ranked"), person(stage, "plain")
    for someone in (own, ranked):
        stage.guild.give_role(someone, lower)
        stage.guild.give_role(someone, higher)
    await service.set(stage.alice.id, "low", everyone=True)
    await service.set(stage.alice.id, "middle", role_id=lower.id)
    await service.set(stage.alice.id, "high", role_id=higher.id)
    await service.set(own.id, "top")
    for someone in (own, ranked, plain):
        await stage.seen(someone.join(stage.general))
    await over()

    assert {(playback.user_id, playback.sound.name) for playback in heard} == {
        (own.id, "top.wav"), (ranked.id, "high.wav"), (plain.id, "low.wav"),
    }  # fmt: skip
    assert len(service.all(stage.alice.id)) == 4


async def test_only_managers_choose_for_others(stage: Stage) -> None:
    """A member chooses and takes back their own sound; those of others are for who manages the guild."""
    service, guild_id = stage.service.entrances, GuildId(stage.guild.id)
    bob = person(stage)
    member = Caller(UserId(bob.id), guild_id)
    manager = Caller(UserId(bob.id), guild_id, Standing.MANAGER)
    for other in ({"user_id": stage.alice.id}, {"role_id": 1}, {"everyone": True}):
        with pytest.raises(ForbiddenError, match="your own"):
            await service.set(member, "low", **other)
    with pytest.raises(SoundNotFoundError):
        await service.set(member, "none such")
    await service.set(member, "low")
    await service.set(manager, "high", "exit", user_id=UserId(stage.alice.id))
    assert {(item.subject_id, sound.name) for item, sound in service.all(member)} == {
        (bob.id, "low.wav"), (stage.alice.id, "high.wav"),
    }  # fmt: skip
    await service.set(member, None)

    assert [item.subject_id for item, _ in service.all(member)] == [stage.alice.id]


@pytest.mark.parametrize("why", ["opted out", "not in this guild", "a bot", "taken back"])
async def test_not_greeted(stage: Stage, why: str) -> None:
    """Who does not want it, whose guild does not, and bots get no sound."""
    heard, bob = begun(stage), person(stage)
    await stage.service.entrances.set(stage.alice.id, "low", everyone=True)
    match why:
        case "opted out":
            await stage.service.people.choose(bob.id, greeted=False)
        case "not in this guild":
            await stage.service.guilds.change(stage.alice.id, entrances=False)
        case "taken back":
            await stage.service.entrances.set(stage.alice.id, None, everyone=True)
    if why == "a bot":
        other = stage.discord.add_application("other").user
        stage.guild.add_member(other)
        await stage.seen(_put(stage, other))
    else:
        await stage.seen(bob.join(stage.general))
    await over()

    assert not heard
    assert stage.ear is None


async def _put(stage: Stage, user: User) -> None:
    stage.guild.set_voice(user, stage.general)


# When


async def test_exit(stage: Stage) -> None:
    """Who leaves the channel that the bot is in is heard leaving by who stays."""
    bob = person(stage)
    await stage.service.entrances.set(bob.id, "high", "exit")
    await stage.seen(bob.join(stage.general))
    await (await stage.service.play(stage.alice.id, "low")).wait_ended()
    heard, packets = begun(stage), len(stage.ear.packets)
    await stage.seen(bob.leave())
    await over()

    assert names(heard) == ["high.wav"]
    assert Recording(stage.ear.packets[packets:]).without_silence.frequencies(1) == pytest.approx([880], abs=3)


@pytest.mark.parametrize("bot_is", ["in no channel", "in another channel"])
async def test_no_exit_where_the_bot_is_not(stage: Stage, bot_is: str) -> None:
    """For an exit sound the bot goes nowhere."""
    bob, attic = person(stage), stage.guild.add_voice_channel("Attic")
    await stage.service.entrances.set(bob.id, "high", "exit")
    await stage.seen(bob.join(attic))
    if bot_is == "in another channel":
        await (await stage.service.play(stage.alice.id, "low")).wait_ended()
    heard = begun(stage)
    await stage.seen(bob.leave())
    await over()

    assert not heard
    assert (stage.ear is None) == (bot_is == "in no channel")


@pytest.mark.parametrize("on_move", [False, True])
async def test_from_another_channel(stage: Stage, *, on_move: bool) -> None:
    """Who comes from another channel of the guild is greeted only where the guild wants it."""
    bob, attic = person(stage), stage.guild.add_voice_channel("Attic")
    await stage.seen(bob.join(attic))
    await stage.service.guilds.change(stage.alice.id, entrance_on_move=on_move)
    await stage.service.entrances.set(bob.id, "high")
    heard = begun(stage)
    await stage.seen(bob.join(stage.general))
    await over()

    assert names(heard) == ["high.wav"] * on_move


@pytest.mark.parametrize(("cooldown", "times"), [(60.0, 1), (0.0, 2)])
async def test_cooldown(stage: Stage, cooldown: float, times: int) -> None:
    """Who comes again soon is not greeted again, but where the guild wants it."""
    heard, bob = begun(stage), person(stage)
    await stage.service.guilds.change(stage.alice.id, entrance_cooldown=cooldown)
    await stage.service.entrances.set(bob.id, "high")
    for _ in range(2):
        await stage.seen(bob.join(stage.general))
        await over()
        await stage.seen(bob.leave())

    assert len(heard) == times


async def test_left_again_before_it_began(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    """Who leaves before their sound began is neither greeted nor seen off; coming back at once they are greeted."""
    heard, bob = begun(stage), person(stage)
    await (await stage.service.play(stage.alice.id, "low")).wait_ended()
    await stage.service.entrances.set(bob.id, "high")
    await stage.service.entrances.set(bob.id, "top", "exit")
    monkeypatch.setattr(entrances, "SETTLE", NEVER)
    await stage.seen(bob.join(stage.general))
    assert len(greetings()) == 1
    await stage.seen(bob.leave())
    await over()
    assert names(heard) == ["low.wav"]

    monkeypatch.setattr(entrances, "SETTLE", 0.01)
    await stage.seen(bob.join(stage.general))
    await over()
    assert names(heard) == ["low.wav", "high.wav"]


async def test_moved_on_before_it_began(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    """Who is moved on at once, as by a bot that makes channels, is greeted once, where they are then."""
    heard, bob, attic = begun(stage), person(stage), stage.guild.add_voice_channel("Attic")
    monkeypatch.setattr(entrances, "SETTLE", 0.2)
    await stage.service.entrances.set(bob.id, "high")
    await stage.seen(bob.join(stage.general))
    await stage.seen(bob.join(attic))
    await over()

    assert [(playback.sound.name, playback.place.channel) for playback in heard] == [("high.wav", "Attic")]


# Beside other sounds


async def test_over_what_plays(stage: Stage) -> None:
    """A greeting is heard with what plays, which goes on; also where it is the very same sound."""
    await encoded(stage)
    bob, carol = person(stage), person(stage, "carol")
    await stage.service.entrances.set(bob.id, "high")
    await stage.service.entrances.set(carol.id, "long")
    long = await stage.service.play(stage.alice.id, "long")
    heard = begun(stage)
    await stage.seen(carol.join(stage.general))
    await stage.seen(bob.join(stage.general))
    await until(lambda: heard)
    await heard[0].wait_ended()
    both = Recording(stage.ear.packets[-60:-20]).frequencies(2)

    assert sorted(both) == pytest.approx([220, 880], abs=5)
    assert names(heard) == ["high.wav"]
    assert await long.wait_ended() is EndReason.FINISHED
    assert Recording(stage.ear.packets).without_silence.seconds == pytest.approx(5.0, abs=0.2)


async def test_as_loud_as_presses(make_stage: MakeStage) -> None:
    """The operator's volume is that of greetings, too."""
    async with make_stage(volume=25) as stage:
        await stage.service.wait_ready()
        await encoded(stage)
        bob = person(stage)
        await stage.service.entrances.set(bob.id, "low")
        await (await stage.service.play(stage.alice.id, "low")).wait_ended()
        packets = len(stage.ear.packets)
        await stage.seen(bob.join(stage.general))
        await over()

        press, greeting = Recording(stage.ear.packets[:packets]), Recording(stage.ear.packets[packets:])
        assert greeting.without_silence.level_dbfs == pytest.approx(press.without_silence.level_dbfs, abs=1)


async def test_not_counted(stage: Stage) -> None:
    """Greetings are in no numbers."""
    bob = person(stage)
    await stage.service.entrances.set(bob.id, "high")
    await stage.seen(bob.join(stage.general))
    await over()
    await stage.service.play(stage.alice.id, "low")
    numbers = await stage.service.numbers.numbers(stage.alice.id)

    assert [(count.title, count.plays) for count in numbers.sounds] == [("low.wav", 1)]


async def test_does_not_leave_listeners(stage: Stage, caplog: pytest.LogCaptureFixture) -> None:
    """From where it plays for others the bot is not taken away by who comes elsewhere; the log says so in a line."""
    bob, attic = person(stage), stage.guild.add_voice_channel("Attic")
    await stage.service.entrances.set(bob.id, "high")
    long = await stage.service.play(stage.alice.id, "long")
    caplog.set_level(logging.INFO, "jeffbot")
    caplog.clear()
    await stage.seen(bob.join(attic))
    await over()

    assert stage.ear.connected
    assert long.reason is None
    told = [record for record in caplog.records if record.name.startswith("jeffbot")]
    assert [(record.levelname, "no entrance sound" in record.getMessage()) for record in told] == [("INFO", True)]


async def test_stopped_while_it_waits(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    """Stop takes back a greeting that has not begun."""
    heard, bob = begun(stage), person(stage)
    monkeypatch.setattr(entrances, "SETTLE", NEVER)
    await stage.service.entrances.set(bob.id, "high")
    await stage.seen(bob.join(stage.general))
    await stage.service.stop(stage.alice.id)
    await over()

    assert not heard


async def test_stopped_while_it_plays(stage: Stage) -> None:
    """Stop ends a greeting that is heard."""
    heard, bob = begun(stage), person(stage)
    await stage.service.entrances.set(bob.id, "long")
    await stage.seen(bob.join(stage.general))
    await until(lambda: heard)
    await stage.service.stop(stage.alice.id)

    assert await heard[0].wait_ended() is EndReason.STOPPED
    await over()


# A crowd


@pytest.mark.discord(dave_version=0)  # fifty listeners that decrypt would be most of the work
async def test_storm(make_stage: MakeStage, sounds_dir: Path) -> None:
    """Fifty people at once are greeted by some sounds, and what plays goes on over one connection."""
    bells = [Path(shutil.copy(sounds_dir / "top.wav", sounds_dir / f"bell {number}.wav")) for number in range(25)]
    async with make_stage() as stage:
        await stage.service.wait_ready()
        await encoded(stage)
        people = [person(stage, f"guest {number}") for number in range(50)]
        for someone, bell in zip(people, bells * 2, strict=True):
            await stage.service.entrances.set(someone.id, bell.name)
        long = await stage.service.play(stage.alice.id, "long")
        heard = begun(stage)
        for someone in people:
            await someone.join(stage.general)
        await stage.discord.until(lambda: len(stage.bot.get_channel(stage.general.id).voice_states) == 52)  # type: ignore[union-attr]
        assert 0 < len(greetings()) <= 8
        await over()

        assert 0 < len(heard) <= 8
        assert long.reason in {None, EndReason.FINISHED}
        assert len(stage.discord.history(stage.guild, stage.app)) == 1


# Life


async def test_unloaded_with_greetings_under_way(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    """Unloading while one greeting sounds and another waits leaves no task of ours."""
    heard, bob, carol, cog = begun(stage), person(stage), person(stage, "carol"), stage.cog
    await stage.service.entrances.set(bob.id, "long")
    await stage.service.entrances.set(carol.id, "high")
    await stage.seen(bob.join(stage.general))
    await until(lambda: heard)
    monkeypatch.setattr(entrances, "SETTLE", NEVER)
    await stage.seen(carol.join(stage.general))
    assert len(greetings()) == 2
    stage.bot.unload_extension(EXTENSION)
    await cog.wait_closed()

    assert not [task.get_name() for task in asyncio.all_tasks() if task.get_name().startswith("jeffbot")]
    assert names(heard) == ["long.wav"]


async def test_outlives_a_reload(stage: Stage) -> None:
    """What was chosen is played after the extension was reloaded."""
    bob = person(stage)
    await stage.service.entrances.set(bob.id, "high")
    stage.bot.reload_extension(EXTENSION)
    await stage.service.wait_ready()
    heard = begun(stage)
    await until(lambda: stage.service.entrances.all(stage.alice.id))
    await stage.seen(bob.join(stage.general))
    await over()

    assert names(heard) == ["high.wav"]


async def test_outlives_a_restart(discord: Sandbox, extras: dict[str, object]) -> None:
    """What was chosen is played by a new bot on the same data folder."""
    app, alice, bob = discord.add_application("jeffbot"), discord.add_user("alice"), discord.add_user("bob")
    guild = discord.add_guild("Cave", members=[alice, bob], applications=[app])
    general = guild.add_voice_channel("General")
    await alice.join(general)
    heard: list[Playback] = []
    for is_first in (True, False):
        bot = make_bot(discord, guild_ready_timeout=0.1)
        bot.load_extension(EXTENSION, extras=extras)
        async with running(discord, app, bot):
            stage = Stage(discord, app, bot, guild, general, alice)
            await stage.service.wait_ready()
            if is_first:
                await stage.service.entrances.set(bob.id, "high")
            else:
                heard = begun(stage)
                await until(lambda: stage.service.entrances.all(alice.id))  # noqa: B023 - awaited here
                await stage.seen(bob.join(general))
                await over()
            cog = stage.cog
        await cog.wait_closed()

    assert names(heard) == ["high.wav"]
