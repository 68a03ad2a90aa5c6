"""Discord's own soundboard, played by the bot beside its own sounds."""

import asyncio
import subprocess
from collections.abc import Awaitable, Callable
from pathlib import Path

import nextcord
import pytest

from jeffbot.errors import (
    AlreadyExistsError,
    ForbiddenError,
    NativeSoundboardError,
    PlaybackCancelledError,
    PlaybackError,
    SoundNotFoundError,
)
from jeffbot.models import Caller, ChannelId, EndReason, GuildId, LinkState, Sound, UserId
from jeffbot.news import News
from jeffbot.playback import Playback, SoundStarted
from jeffbot.sandbox import Permission
from jeffbot.sandbox.ears import Recording
from jeffbot.sandbox.ears.files import find_ffmpeg
from jeffbot.sandbox.world.events import SoundboardPlayed
from jeffbot.service import entrances
from jeffbot.voice.native import NativeSoundboard
from staging import EXTENSION, PATIENCE, MakeStage, Stage, write_tone

HORN = b"OggS of a horn"

pytestmark = pytest.mark.discord(no_findings=True)


def hear(stage: Stage) -> list[SoundboardPlayed]:
    """What is played by Discord's own soundboard, from now on."""
    heard: list[SoundboardPlayed] = []
    stage.discord.world.subscribe(lambda event: heard.append(event) if isinstance(event, SoundboardPlayed) else None)
    return heard


async def press(stage: Stage) -> Playback:
    await stage.service.wait_ready()
    return await stage.service.play(stage.alice.id, "low")


def sender(stage: Stage) -> Callable[[], Awaitable[None]]:
    """Plays the guild's horn in General."""
    stage.guild.add_sound("horn", HORN, volume=0.5, emoji_name="📯")
    board, guild_id = NativeSoundboard(stage.bot), GuildId(stage.guild.id)

    async def send() -> None:
        (horn,) = await board.list_sounds(guild_id)
        await board.send(guild_id, ChannelId(stage.general.id), horn)

    return send


async def test_listed_fetched_and_played(make_stage: MakeStage, monkeypatch: pytest.MonkeyPatch) -> None:
    """What a guild uploaded is listed, fetched byte for byte, and heard where the bot is; its own sound goes on."""
    async with make_stage(deaf=False) as stage:
        monkeypatch.setattr(nextcord.Asset, "BASE", stage.discord.api_base.removesuffix("/api/v10"))
        stage.guild.add_voice_channel("Attic")
        send, heard, playback = sender(stage), hear(stage), await press(stage)
        await send()
        (horn,) = stage.guild.sounds.values()
        board = NativeSoundboard(stage.bot)
        (listed,) = await board.list_sounds(GuildId(stage.guild.id))

        assert (listed.id, listed.name, listed.volume, listed.emoji) == (horn.id, "horn", 0.5, "📯")
        assert await board.download(listed) == HORN
        assert [(effect.channel, effect.user) for effect in heard] == [(stage.general, stage.app.user)]
        assert heard[0].effect["sound_id"] == str(horn.id)
        assert await playback.wait_ended() is EndReason.FINISHED


async def test_deafened(stage: Stage) -> None:
    """A bot that has deafened itself is refused; undeafened where it is, it plays, and its own sound goes on."""
    send, heard, playback = sender(stage), hear(stage), await press(stage)
    with pytest.raises(NativeSoundboardError, match="has deafened itself"):
        await send()
    assert not heard

    guild = stage.bot.get_guild(stage.guild.id)
    assert guild
    told = asyncio.create_task(stage.bot.wait_for("voice_state_update", timeout=PATIENCE))
    await asyncio.sleep(0)  # it listens from now on
    await guild.change_voice_state(channel=guild.me.voice.channel, self_deaf=False)  # type: ignore[union-attr]
    await told
    await send()

    assert [effect.channel for effect in heard] == [stage.general]
    assert await playback.wait_ended() is EndReason.FINISHED
    assert len(stage.discord.history(stage.guild, stage.app)) == 1


# A guild that prefers it

SEND = "/channels/*/send-soundboard-sound"


@pytest.fixture
def horn_file(tmp_path: Path) -> bytes:
    """A tone of one second of 1320 Hz, as it is on Discord's soundboard."""
    tone, horn = write_tone(tmp_path / "horn.wav", 1320), tmp_path / "horn.ogg"
    subprocess.run([find_ffmpeg(), "-v", "error", "-i", tone, "-c:a", "libopus", horn], check=True)
    return horn.read_bytes()


@pytest.fixture
async def horn(stage: Stage, horn_file: bytes, monkeypatch: pytest.MonkeyPatch) -> Sound:
    """The guild's horn, taken into its library; the guild prefers Discord's own soundboard."""
    monkeypatch.setattr(nextcord.Asset, "BASE", stage.discord.api_base.removesuffix("/api/v10"))
    sound = stage.guild.add_sound("Big Horn!", horn_file, emoji_name="📯")
    await stage.service.guilds.change(stage.alice.id, native=True)
    return await stage.service.library.add_native(stage.alice.id, sound.id)


def is_deaf(stage: Stage) -> bool:
    """Whether the bot has deafened itself, as Discord has it."""
    return stage.guild.voice_states[stage.app.id].self_deaf


async def until(condition: Callable[[], object]) -> None:
    """Wait until something is so of which nothing tells."""
    async with asyncio.timeout(PATIENCE):
        while not condition():
            await asyncio.sleep(0.01)


async def until_deaf(stage: Stage, *, deaf: bool) -> None:
    """Wait until the bot has been told by Discord that it is so."""
    guild = stage.bot.get_guild(stage.guild.id)
    assert guild
    await until(lambda: guild.me.voice and guild.me.voice.self_deaf is deaf)


async def until_joining(stage: Stage) -> None:
    """Wait until the bot is about to join."""
    await until(lambda: stage.service.status(stage.alice.id).voice.state is LinkState.JOINING)


async def test_taken_into_the_library(stage: Stage, horn: Sound) -> None:
    """A sound of the guild's soundboard becomes one of its own library, with its name and emoji; once."""
    (native,) = stage.guild.sounds.values()
    assert (Path(horn.path).stem, horn.details.emoji, horn.guild_id) == ("Big Horn!", "📯", stage.guild.id)
    assert (horn.native_id, horn.uploader_id) == (native.id, stage.alice.id)
    with pytest.raises(AlreadyExistsError):
        await stage.service.library.add_native(stage.alice.id, native.id)
    with pytest.raises(SoundNotFoundError):
        await stage.service.library.add_native(stage.alice.id, 5)
    with pytest.raises(ForbiddenError):
        await stage.service.library.add_native(Caller(UserId(stage.alice.id), GuildId(stage.guild.id)), native.id)


async def test_played_by_discord(stage: Stage, horn: Sound) -> None:
    """Discord plays what it has, where the caller is, and the bot plays the rest; each is counted once."""
    heard = hear(stage)
    playback = await stage.service.play(stage.alice.id, horn.name)
    assert [(effect.channel, effect.effect["sound_id"]) for effect in heard] == [(stage.general, str(horn.native_id))]
    assert playback.reason is EndReason.FINISHED
    assert not stage.ear.packets
    assert not is_deaf(stage)

    await (await stage.service.play(stage.alice.id, "low")).wait_ended()
    assert Recording(stage.ear.packets).without_silence.frequencies(1) == pytest.approx([330], abs=3)
    assert len(heard) == 1
    numbers = await stage.service.numbers.numbers(stage.alice.id)
    assert {count.title: count.plays for count in numbers.sounds} == {horn.title: 1, "low.wav": 1}


async def test_not_where_the_guild_does_not_prefer_it(stage: Stage, horn: Sound) -> None:
    """Where the guild has taken that back, the bot plays the sound, deafened."""
    await stage.service.guilds.change(stage.alice.id, native=False)
    heard = hear(stage)
    await (await stage.service.play(stage.alice.id, horn.name)).wait_ended()

    assert Recording(stage.ear.packets).without_silence.frequencies(1) == pytest.approx([1320], abs=3)
    assert not heard
    assert is_deaf(stage)


@pytest.mark.parametrize("why", ["permission", "muted", "gone", "trouble"])
async def test_refused_by_discord(stage: Stage, horn: Sound, why: str) -> None:
    """What Discord does not play the bot plays itself."""
    match why:
        case "permission":
            stage.guild.overwrite(stage.general, stage.guild.everyone, deny=Permission.USE_SOUNDBOARD)
        case "muted":
            stage.discord.inject("POST", SEND, status=400, body={"code": 50167, "message": "muted"})
        case "gone":
            stage.guild.remove_sound(next(iter(stage.guild.sounds.values())))
        case "trouble":
            stage.discord.inject("POST", SEND, status=None)
    heard = hear(stage)
    playback = await stage.service.play(stage.alice.id, horn.name)

    assert await playback.wait_ended() is EndReason.FINISHED
    assert Recording(stage.ear.packets).without_silence.frequencies(1) == pytest.approx([1320], abs=3)
    assert not heard


async def test_changed_in_mid_play(stage: Stage, horn: Sound) -> None:
    """The bot hears, or no more, as soon as the guild wants it; what plays goes on over one connection."""
    await stage.service.guilds.change(stage.alice.id, native=False)
    playback = await press(stage)
    assert is_deaf(stage)
    await stage.service.guilds.change(stage.alice.id, native=True)
    await until_deaf(stage, deaf=False)
    heard = hear(stage)
    await stage.service.play(stage.alice.id, horn.name)
    assert len(heard) == 1
    await stage.service.guilds.change(stage.alice.id, native=False)
    await until_deaf(stage, deaf=True)

    assert await playback.wait_ended() is EndReason.FINISHED
    whole = Recording(stage.ear.packets).without_silence
    assert whole.seconds == pytest.approx(1.0, abs=0.05)
    assert whole.largest_gap < 0.2
    assert len(stage.discord.history(stage.guild, stage.app)) == 1


async def test_in_that_guild_only(stage: Stage, horn: Sound) -> None:
    """In other guilds the bot stays deafened."""
    bob = stage.discord.add_user("bob")
    tower = stage.discord.add_guild("Tower", members=[bob], applications=[stage.app])
    await stage.seen(bob.join(tower.add_voice_channel("Loft")))
    await stage.service.play(stage.alice.id, horn.name)
    await stage.service.play(bob.id, "low")

    assert not is_deaf(stage)
    assert tower.voice_states[stage.app.id].self_deaf


@pytest.mark.parametrize("native", [True, False])
async def test_changed_while_it_joins(stage: Stage, *, native: bool) -> None:
    """A change that comes when the bot has already asked for the channel is in force once it is there."""
    await stage.service.guilds.change(stage.alice.id, native=not native)
    stage.discord.options.join_delay = 0.5
    joining = asyncio.create_task(press(stage))
    await until_joining(stage)
    await stage.service.guilds.change(stage.alice.id, native=native)
    assert not joining.done()
    await joining
    await until_deaf(stage, deaf=not native)

    assert await joining.result().wait_ended() is EndReason.FINISHED
    assert len(stage.discord.history(stage.guild, stage.app)) == 1


@pytest.mark.parametrize("ended_by", ["stop", "unload"])
async def test_taken_back_while_it_joins(stage: Stage, horn: Sound, ended_by: str) -> None:
    """A press for Discord's soundboard is taken back as any other is, and says so."""
    stage.discord.options.join_delay = 0.5
    heard, cog = hear(stage), stage.cog
    pressing = asyncio.create_task(stage.service.play(stage.alice.id, horn.name))
    await until_joining(stage)
    if ended_by == "stop":
        await stage.service.stop(stage.alice.id)
        with pytest.raises(PlaybackCancelledError):
            await pressing
    else:
        stage.bot.unload_extension(EXTENSION)
        await cog.wait_closed()
        with pytest.raises(PlaybackError):
            await pressing

    assert not heard


async def test_greeting_by_discord(stage: Stage, horn: Sound, monkeypatch: pytest.MonkeyPatch) -> None:
    """Discord plays an entrance sound it has; that is not counted, either."""
    monkeypatch.setattr(entrances, "SETTLE", 0.01)
    bob = stage.discord.add_user("bob")
    stage.guild.add_member(bob)
    await stage.service.entrances.set(bob.id, horn.id)
    heard = hear(stage)
    begun: list[News] = []
    stage.service.subscribe(lambda event: begun.append(event) if isinstance(event, SoundStarted) else None)
    await stage.seen(bob.join(stage.general))
    await until(lambda: begun)
    numbers = await stage.service.numbers.numbers(stage.alice.id)

    assert len(heard) == 1
    assert numbers.plays == 0
