"""Presses against voice: joins that are slow, refused or taken back, several presses, several guilds."""

import asyncio
import contextlib
import time
from collections import deque
from typing import Any

import nextcord
import pytest

from jeffbot.client import RemoteClient, RemoteError
from jeffbot.errors import PlaybackCancelledError, UnloadedError
from jeffbot.sandbox import AES_GCM, XCHACHA20, Permission
from jeffbot.sandbox.ears import Recording
from jeffbot.sandbox.ears.opus import SAMPLE_RATE
from jeffbot.voice.joiner import MAX_JOINS
from staging import EXTENSION, PATIENCE, TONES, Connect, MakeStage, Stage, Wire

pytestmark = pytest.mark.play


async def test_slow_join_delays_no_status_and_no_ping(stage: Stage, wire: Wire) -> None:
    """While a play waits for Discord, the same client's status and ping are answered."""
    stage.discord.options.join_delay = 1.0
    await wire.send({"action": "play", "filename": "low"})
    await wire.send({"action": "status"})
    await wire.send({"action": "ping"})

    actions = [(await wire.receive())["action"] for _ in range(3)]
    assert actions == ["status", "pong", "playing"]


async def test_answers_keep_their_order(stage: Stage, wire: Wire) -> None:
    """Other answers wait for the play before them."""
    stage.discord.options.join_delay = 0.5
    await wire.send({"action": "play", "filename": "low"})
    await wire.send({"action": "list"})
    await wire.send("no json")

    replies = [await wire.receive() for _ in range(3)]
    assert [reply["action"] for reply in replies] == ["playing", "list", "error"]


async def test_stop_takes_back_presses_that_join(stage: Stage, wire: Wire) -> None:
    """Stop cancels the press that is joining and those behind it; they are never heard, and the next one is."""
    stage.discord.options.join_delay = 1.0
    await wire.send({"action": "play", "filename": "low"})
    await wire.send({"action": "play", "filename": "high"})
    await wire.send({"action": "stop"})

    replies = [await wire.receive() for _ in range(3)]
    assert replies[0]["action"] == "stopped"
    assert [reply["error_code"] for reply in replies[1:]] == ["play_error", "play_error"]

    assert (await wire.ask({"action": "status"}))["now_playing"] is None
    assert (await wire.ask({"action": "play", "filename": "middle"}))["action"] == "playing"
    await stage.discord.until(lambda: len(stage.ear.packets) >= 40, timeout=PATIENCE)
    assert Recording(stage.ear.packets).without_silence.strongest_frequency_hz == pytest.approx(550, abs=5)


async def test_presses_begin_in_order_and_replace_each_other(wire: Wire) -> None:
    """Each of several presses begins, in the order they came, and the last one plays on."""
    names = ["low", "high", "middle", "low", "high"]
    for name in names:
        await wire.send({"action": "play", "filename": name})
    replies = [await wire.receive() for _ in names]

    assert [reply["filename"] for reply in replies] == names
    assert all(reply["action"] == "playing" for reply in replies)
    assert (await wire.ask({"action": "status"}))["now_playing"]["filename"] == "high.wav"


async def test_play_that_cannot_begin_in_time(make_stage: MakeStage, connect: Connect) -> None:
    """A play that takes too long is given up with a play_error that says so."""
    async with make_stage(play_timeout=0.3) as stage:
        stage.discord.options.join_delay = 5.0
        wire = await connect(stage)
        await wire.sign_in(stage.alice)

        reply = await wire.ask({"action": "play", "filename": "low"})
        assert reply["error_code"] == "play_error"
        assert "0.3 s" in reply["error_message"]
        assert stage.ear is None


async def test_closed_channel(stage: Stage, remote: RemoteClient) -> None:
    """A channel the bot may not connect to is refused at once, with the permission's name."""
    locked = stage.guild.add_voice_channel("Locked", denied=Permission.CONNECT)

    async def be_dragged() -> None:
        stage.guild.set_voice(stage.alice, locked)

    await stage.seen(be_dragged())

    with pytest.raises(RemoteError, match="permission to connect") as caught:
        await remote.play("low")
    assert caught.value.code == "play_error"


async def test_full_channel(stage: Stage, remote: RemoteClient) -> None:
    """A full channel is refused in words."""
    small = stage.guild.add_voice_channel("Small", user_limit=1)
    await stage.seen(stage.alice.join(small))

    with pytest.raises(RemoteError, match="Small is full"):
        await remote.play("low")


async def test_voice_in_use_by_another_cog(stage: Stage, remote: RemoteClient) -> None:
    """A voice client of the host's own is left alone, and the press refused in words."""
    channel = stage.bot.get_channel(stage.general.id)
    assert isinstance(channel, nextcord.VoiceChannel)
    theirs: nextcord.VoiceClient = await channel.connect()
    try:
        with pytest.raises(RemoteError, match="Another part of this bot"):
            await remote.play("low")
        assert theirs.is_connected()
    finally:
        await theirs.disconnect(force=True)


async def test_follows_to_another_channel(stage: Stage, remote: RemoteClient) -> None:
    """A press from another channel of the guild is heard there."""
    await remote.play("low")
    other = stage.guild.add_voice_channel("Other")
    await stage.seen(stage.alice.join(other))

    assert (await remote.play("high")).channel == "Other"
    assert (await remote.status()).channel == "Other"
    await stage.discord.until(lambda: len(stage.ear.packets) >= 40, timeout=PATIENCE)
    recording = Recording(stage.ear.packets).without_silence
    assert recording.strongest_frequency_hz == pytest.approx(TONES["high.wav"], abs=5)


async def test_joins_again_after_a_kick(stage: Stage, remote: RemoteClient) -> None:
    """A moderator's kick ends the sound; status says so, and the next press joins anew."""
    await remote.play("low")
    await stage.app.kick_from_voice(stage.guild)
    async with asyncio.timeout(PATIENCE):
        while (await remote.status()).connected:
            pass

    assert (await remote.status()).now_playing is None
    assert (await remote.play("high")).title == "high.wav"


async def test_two_guilds_do_not_disturb_each_other(stage: Stage, remote: RemoteClient) -> None:
    """Sounds of two guilds play side by side; stopping one leaves the other."""
    bob = stage.discord.add_user("bob")
    attic = stage.discord.add_guild("Attic", members=[bob], applications=[stage.app])
    await stage.seen(bob.join(attic.add_voice_channel("Loft")))
    async with await stage.remote(bob) as theirs:
        await asyncio.gather(remote.play("low"), theirs.play("high"))
        await remote.stop()

        assert (await theirs.status()).channel == "Loft"
        assert (await theirs.status()).playing
        assert not (await remote.status()).playing
        ear = stage.discord.voice(attic, stage.app)
        assert ear is not None
        await stage.discord.until(lambda: len(ear.packets) >= 40, timeout=PATIENCE)
        heard = Recording(ear.packets).without_silence
        assert heard.strongest_frequency_hz == pytest.approx(TONES["high.wav"], abs=5)


async def test_user_in_no_channel_means_the_only_guild(stage: Stage, remote: RemoteClient) -> None:
    """Status and stop of someone in no channel mean the guild the bot is in, where that is one."""
    await remote.play("low")
    bob = stage.discord.add_user("bob")
    async with await stage.remote(bob) as theirs:
        assert (await theirs.status()).channel == "General"
        await theirs.stop()
        assert not (await remote.status()).playing


async def test_user_in_no_channel_means_nothing_in_two_guilds(stage: Stage, remote: RemoteClient) -> None:
    """Where the bot is a member of two guilds, someone in no channel stops nothing and is told of nothing."""
    joined = asyncio.create_task(stage.bot.wait_for("guild_join", timeout=PATIENCE))
    await asyncio.sleep(0)  # it listens from now on
    stage.discord.add_guild("Attic", applications=[stage.app])
    await joined
    await remote.play("low")
    async with await stage.remote(stage.discord.add_user("eve")) as eve:
        await eve.stop()

        assert not (await eve.status()).connected
        assert (await remote.status()).playing


async def test_packets_are_what_discord_wants(stage: Stage, remote: RemoteClient) -> None:
    """The bot is deaf, announces that it speaks, and ends a sound with five packets of silence; all decrypt."""
    await remote.play("low")
    ear = stage.ear
    await stage.discord.until(lambda: ear.speaking_history[-1] == 0 and len(ear.speaking_history) > 2, timeout=PATIENCE)

    assert ear.self_deaf
    assert 1 in ear.speaking_history
    assert all(packet.opus is not None for packet in ear.packets)
    assert [packet.opus for packet in ear.packets[-5:]] == [b"\xf8\xff\xfe"] * 5
    sequences = [packet.sequence for packet in ear.packets]
    assert sequences == list(range(sequences[0], sequences[0] + len(sequences)))
    assert len(Recording(ear.packets).without_silence.pcm) == pytest.approx(SAMPLE_RATE, rel=0.05)


@pytest.mark.parametrize(
    ("offered", "mode"), [((XCHACHA20, AES_GCM), AES_GCM), ((AES_GCM,), AES_GCM), ((XCHACHA20,), XCHACHA20)]
)
async def test_transport_encryption(stage: Stage, remote: RemoteClient, offered: tuple[Any, ...], mode: str) -> None:
    """What is sent decrypts in the mode the voice server and the client agree on, AES-256-GCM where it is offered."""
    stage.discord.options.voice_modes = offered
    await remote.play("low")
    await stage.discord.until(lambda: len(stage.ear.packets) >= 5, timeout=PATIENCE)

    assert stage.ear.mode == mode
    assert all(packet.opus is not None for packet in stage.ear.packets)


async def test_service_is_public(stage: Stage) -> None:
    """Another cog plays with a bare user id, sees what plays, and gets errors as exceptions."""
    playback = await stage.service.play(stage.alice.id, "low")

    assert (playback.sound.name, playback.place.channel) == ("low.wav", "General")
    assert stage.service.status(stage.alice.id).now_playing == playback
    await stage.service.stop(stage.alice.id)
    assert stage.service.status(stage.alice.id).now_playing is None


async def test_cancelling_a_press_takes_it_back(stage: Stage) -> None:
    """A cog that cancels its press while the bot joins leaves nothing behind, and the next press is heard."""
    stage.discord.options.join_delay = 0.5
    press = asyncio.create_task(stage.service.play(stage.alice.id, "low"))
    await asyncio.sleep(0)  # it has begun
    press.cancel()
    with pytest.raises(asyncio.CancelledError):
        await press

    assert (await stage.service.play(stage.alice.id, "high")).sound.name == "high.wav"


async def test_stop_while_joining_reaches_the_presser(stage: Stage) -> None:
    """A cog whose press is stopped while the bot joins gets PlaybackCancelledError."""
    stage.discord.options.join_delay = 5.0
    press = asyncio.create_task(stage.service.play(stage.alice.id, "low"))
    await asyncio.sleep(0)  # it has begun
    await stage.service.stop(stage.alice.id)

    with pytest.raises(PlaybackCancelledError):
        await press


async def test_press_and_stop_in_quick_succession_spare_the_gateway(stage: Stage, wire: Wire) -> None:
    """However often someone presses and stops while the bot joins, it asks Discord for the channel once."""
    stage.discord.options.join_delay = 0.5
    for _ in range(50):
        await wire.send({"action": "play", "filename": "low"})
        await wire.send({"action": "stop"})
    for _ in range(100):
        await wire.receive()

    assert (await wire.ask({"action": "play", "filename": "high"}))["action"] == "playing"
    assert len(stage.discord.history(stage.guild, stage.app)) == 1


async def test_too_many_joins_are_refused(stage: Stage, remote: RemoteClient, monkeypatch: pytest.MonkeyPatch) -> None:
    """The bot changes channels only so often in a minute, for the host's sake, and says so."""
    monkeypatch.setattr(
        stage.soundboard.voice._joiner, "_joins", deque([time.monotonic()] * MAX_JOINS, maxlen=MAX_JOINS)
    )

    with pytest.raises(RemoteError, match="too often"):
        await remote.play("low")


async def test_press_right_after_a_kick(stage: Stage, remote: RemoteClient) -> None:
    """A press that comes while the bot is being thrown out joins again, or says that the connection was lost."""
    for _ in range(5):
        await remote.play("low")
        await stage.app.kick_from_voice(stage.guild)
        try:
            await remote.play("high")
        except RemoteError as error:
            assert "connection was lost" in str(error)  # noqa: PT017 - one of two good outcomes
    async with asyncio.timeout(PATIENCE):
        while not (await remote.status()).connected:
            with contextlib.suppress(RemoteError):
                await remote.play("low")


async def test_unloaded_service_plays_no_more(stage: Stage) -> None:
    """A cog that has kept the service of an unloaded soundboard gets an error, and the bot stays out of voice."""
    service, cog = stage.service, stage.cog
    await service.play(stage.alice.id, "low")
    stage.bot.unload_extension(EXTENSION)
    with pytest.raises(UnloadedError):
        await service.play(stage.alice.id, "low")
    await cog.wait_closed()
    with pytest.raises(UnloadedError):
        await service.play(stage.alice.id, "low")
    assert stage.bot.voice_clients == []


async def test_two_random_presses_at_once_differ(stage: Stage) -> None:
    """Two who press random at the same moment get different sounds."""
    for _ in range(10):
        first, second = await asyncio.gather(stage.service.random(stage.alice.id), stage.service.random(stage.alice.id))
        assert first.sound != second.sound
