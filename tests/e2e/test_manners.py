"""How the bot behaves in other people's channels: when it leaves, where it goes, and whom it leaves alone."""

import asyncio
from typing import Any

import nextcord
import pytest

from jeffbot.errors import BusyElsewhereError, NoVoiceChannelError, VoiceUnavailableError
from jeffbot.models import EndReason, LinkState
from jeffbot.playback import Playback
from jeffbot.sandbox import Permission
from jeffbot.voice import switchboard
from staging import PATIENCE, MakeStage, Stage

SOON = 0.2


@pytest.fixture(autouse=True)
def _looks_often(monkeypatch: pytest.MonkeyPatch) -> None:
    """Who looks after voice each second does so all the time."""
    monkeypatch.setattr(switchboard, "TICK", 0.02)


async def press(stage: Stage, sound: str = "low", who: Any = None) -> Playback:
    await stage.service.wait_ready()
    return await stage.service.play((who or stage.alice).id, sound)


async def out_of_voice(stage: Stage) -> None:
    await stage.discord.until(lambda: stage.app.id not in stage.guild.voice_states, timeout=PATIENCE)


def channel_of(stage: Stage) -> str:
    return stage.guild.voice_states[stage.app.id].channel.name  # type: ignore[union-attr]


async def test_leaves_when_alone(make_stage: MakeStage) -> None:
    """Alone with bots in a channel it leaves after a while, though it plays; what plays ends."""
    async with make_stage(alone_seconds=SOON, idle_seconds=0) as stage:
        playback = await press(stage)
        await stage.seen(stage.alice.leave())
        await out_of_voice(stage)

        assert playback.reason is EndReason.LEFT
        assert stage.service.status(stage.alice.id).voice.state is LinkState.IDLE


async def test_leaves_when_idle(make_stage: MakeStage) -> None:
    """With nothing to play it leaves after a while, and a press brings it back."""
    async with make_stage(alone_seconds=0, idle_seconds=SOON) as stage:
        playback = await press(stage)
        await playback.wait_ended()
        await out_of_voice(stage)
        await press(stage)

        assert channel_of(stage) == "General"


async def test_stays_for_ever(make_stage: MakeStage) -> None:
    """Told to stay, it stays, alone and idle."""
    async with make_stage(alone_seconds=0, idle_seconds=0) as stage:
        playback = await press(stage)
        await stage.seen(stage.alice.leave())
        await playback.wait_ended()
        stage.soundboard.voice.session(playback.place.guild_id).tick(1e9)
        stage.soundboard.voice.session(playback.place.guild_id).tick(2e9)
        await asyncio.sleep(0)

        assert channel_of(stage) == "General"


@pytest.mark.parametrize(("moved", "where"), [("follow", "Attic"), ("return", "General")])
async def test_moved_by_a_moderator(make_stage: MakeStage, moved: str, where: str) -> None:
    """Moved by a moderator it stays there, or returns; what plays goes on either way."""
    async with make_stage(moved=moved) as stage:
        playback = await press(stage)
        attic = stage.guild.add_voice_channel("Attic")
        await stage.app.move_voice(attic)
        assert await playback.wait_ended() is EndReason.FINISHED

        assert channel_of(stage) == where
        await stage.discord.until(lambda: stage.service.status(stage.alice.id).channel == where, timeout=PATIENCE)


@pytest.mark.parametrize(
    ("policy", "playing", "taken"),
    [("idle", True, False), ("idle", False, True), ("always", True, True), ("never", False, False)],
)
async def test_press_from_another_channel(make_stage: MakeStage, policy: str, *, playing: bool, taken: bool) -> None:
    """Where others listen the bot is not taken away, save as the setting allows; who is refused is told why."""
    async with make_stage(take_away=policy) as stage:
        first = await press(stage)
        if not playing:
            await first.wait_ended()
        bob = stage.discord.add_user("bob")
        stage.guild.add_member(bob)
        attic = stage.guild.add_voice_channel("Attic")
        await stage.seen(bob.join(attic))
        if taken:
            await press(stage, "high", bob)
        else:
            with pytest.raises(BusyElsewhereError, match="playing for others in General; join them"):
                await press(stage, "high", bob)

        assert channel_of(stage) == ("Attic" if taken else "General")


async def test_nobody_left_behind(make_stage: MakeStage) -> None:
    """From a channel with nobody but bots in it, it may be called away, whatever plays."""
    async with make_stage(take_away="never") as stage:
        await press(stage)
        attic = stage.guild.add_voice_channel("Attic")
        await stage.seen(stage.alice.join(attic))
        await press(stage, "high")

        assert channel_of(stage) == "Attic"


@pytest.mark.parametrize("deaf", [True, False])
async def test_deafened(make_stage: MakeStage, *, deaf: bool) -> None:
    """It deafens itself, unless the guild's own soundboard is to be used."""
    async with make_stage(deaf=deaf) as stage:
        await press(stage)

        assert stage.ear.self_deaf is deaf


async def test_stage_of_a_moderator(make_stage: MakeStage) -> None:
    """Where the bot may speak on a stage it does; it is heard."""
    async with make_stage() as stage:
        hall = stage.guild.add_stage_channel("Hall")
        stage.guild.overwrite(hall, stage.app.user, allow=Permission.MUTE_MEMBERS)
        await stage.seen(stage.alice.join(hall))
        await press(stage)

        assert not stage.guild.voice_states[stage.app.id].suppress
        await stage.discord.until(lambda: len(stage.ear.packets) >= 10, timeout=PATIENCE)


async def test_stage_where_it_has_to_ask(make_stage: MakeStage) -> None:
    """Elsewhere it raises its hand, says so, and is heard once it is invited."""
    async with make_stage() as stage:
        hall = stage.guild.add_stage_channel("Hall")
        await stage.seen(stage.alice.join(hall))
        with pytest.raises(VoiceUnavailableError, match="audience of Hall and has raised its hand"):
            await press(stage)
        assert stage.guild.voice_states[stage.app.id].request_to_speak
        stage.guild.change_voice(stage.app.user, suppress=False, request_to_speak=None)
        async with asyncio.timeout(PATIENCE):
            while (guild := stage.bot.get_guild(stage.guild.id)) is None or guild.me.voice.suppress:  # type: ignore[union-attr]
                await asyncio.sleep(0.01)  # nothing tells of it
        await press(stage)


async def test_muted(stage: Stage) -> None:
    """A press while the bot is muted is refused in words; unmuted, it is heard."""
    await press(stage)
    await stage.seen(mute(stage, muted=True))
    with pytest.raises(VoiceUnavailableError, match="muted in this server"):
        await press(stage, "high")
    await stage.seen(mute(stage, muted=False))
    await press(stage, "high")


async def mute(stage: Stage, *, muted: bool) -> None:
    stage.guild.change_member(stage.app.user, mute=muted)


async def test_yields_to_another_cog(stage: Stage) -> None:
    """A voice client of the host's own is left alone while it is there; afterwards the bot plays."""
    channel = stage.bot.get_channel(stage.general.id)
    assert isinstance(channel, nextcord.VoiceChannel)
    theirs: nextcord.VoiceClient = await channel.connect()
    with pytest.raises(VoiceUnavailableError, match="Another part of this bot"):
        await press(stage)
    assert theirs.is_connected()
    await theirs.disconnect(force=True)
    await press(stage)


async def test_disconnected_by_another_cog(stage: Stage) -> None:
    """Another cog may end the bot's stay; what plays ends, and the next press joins again."""
    playback = await press(stage)
    guild = stage.bot.get_guild(stage.guild.id)
    assert guild is not None
    assert guild.voice_client is not None
    await guild.voice_client.disconnect(force=True)

    assert playback.reason is EndReason.LEFT
    assert stage.service.status(stage.alice.id).voice.last_close == "another part of the bot left the channel"
    await press(stage)


async def test_put_out_of_the_guild(stage: Stage) -> None:
    """Put out of a guild, the bot forgets it: what plays ends."""
    playback = await press(stage)
    stage.guild.remove_member(stage.app.user)

    assert await playback.wait_ended() is EndReason.LEFT
    with pytest.raises(NoVoiceChannelError):
        await press(stage)
