"""The slash commands, as members of a guild use them."""

import asyncio
from pathlib import Path

import pytest

from jeffbot.client import RemoteClient
from jeffbot.models import LinkState
from jeffbot.sandbox import Permission
from jeffbot.sandbox.ears import Recording
from staging import COMMANDS, PATIENCE, TONES, MakeStage, Stage, write_tone

pytestmark = pytest.mark.play


async def test_commands_are_registered(stage: Stage) -> None:
    """All commands are there."""
    await stage.discord.bot_ready(stage.app, *COMMANDS)


async def test_play(stage: Stage) -> None:
    """/play is heard, and answered to the member alone."""
    reply = await stage.invoke("play", sound="high")

    assert (reply.content, reply.ephemeral) == ("Playing **high.wav** in **General**.", True)
    await stage.discord.until(lambda: len(stage.ear.packets) >= 40, timeout=PATIENCE)
    heard = Recording(stage.ear.packets).without_silence
    assert heard.strongest_frequency_hz == pytest.approx(TONES["high.wav"], abs=5)


async def test_play_that_joins_slowly(stage: Stage) -> None:
    """A join that takes longer than Discord waits for an answer is bridged."""
    stage.discord.options.join_delay = 3.5
    reply = await stage.invoke("play", sound="high")

    assert reply.deferred
    assert reply.content == "Playing **high.wav** in **General**."


async def test_random_stop_and_status(stage: Stage) -> None:
    """/random plays, /status tells it, /stop ends it."""
    assert "Playing" in (await stage.invoke("random")).content
    assert "playing **" in (await stage.invoke("status")).content
    assert (await stage.invoke("stop")).content == "Stopped."
    scene, voice = (await stage.invoke("status")).content.split("\n")
    assert scene.startswith("In **General**, playing nothing. 3 sounds in the library")
    assert voice.startswith("Voice: 1 listening, end-to-end encrypted (key ")


async def test_status_of_voice(stage: Stage, remote: RemoteClient) -> None:
    """Both doors tell how voice is: nothing before it is there, then cipher, encryption, packets, and why it ended."""
    (scene,) = (await stage.invoke("status")).content.split("\n")
    assert scene.startswith("In no voice channel, playing nothing. 3 sounds in the library")
    await remote.play("low")
    await stage.discord.until(lambda: len(stage.ear.packets) >= 10, timeout=PATIENCE)
    voice = (await remote.status()).voice

    assert (voice.state, voice.channel, voice.encrypted, voice.listeners) == (LinkState.PLAYING, "General", True, 1)
    assert voice.packets_sent >= 10
    assert voice.epoch >= 1
    assert "Cipher on the way to Discord: AES-256-GCM." in (await stage.invoke("status")).content

    await stage.seen(stage.app.kick_from_voice(stage.guild))
    async with asyncio.timeout(PATIENCE):
        while (await remote.status()).connected:
            pass
    assert "Last trouble with voice: " in (await stage.invoke("status")).content


async def test_diagnose(stage: Stage, remote: RemoteClient) -> None:
    """Both doors say why a member hears nothing, and say so, too, when nothing is wrong."""
    await (await stage.service.play(stage.alice.id, "low")).wait_ended()
    well = (await remote.request("diagnose"))["findings"]
    assert well[0].startswith("Nothing is playing.")
    assert well[-2].startswith("Voice is well: the bot is with you in General")
    assert "user volume" in well[-1]

    await stage.seen(stage.alice.self_deafen())
    assert (await remote.request("diagnose"))["findings"][0].startswith("You have deafened yourself")
    reply = await stage.invoke("diagnose")
    assert reply.content.startswith("- You have deafened yourself in Discord.")
    assert reply.ephemeral


async def test_diagnose_a_closed_channel(stage: Stage) -> None:
    """A member in a channel that is closed to the bot is told which permission it lacks."""
    locked = stage.guild.add_voice_channel("Locked", denied=Permission.SPEAK)
    await stage.seen(stage.alice.join(locked))

    assert "lacks the permission to speak in Locked" in (await stage.invoke("diagnose")).content


async def test_sounds(stage: Stage) -> None:
    """/sounds shows them all, or those with a word in their name."""
    assert {line.split()[0] for line in (await stage.invoke("sounds")).content.splitlines()} == set(TONES)
    assert (await stage.invoke("sounds", search="hi")).content.startswith("high.wav")
    assert (await stage.invoke("sounds", search="zzz")).content == "No sounds found."


async def test_many_sounds(stage: Stage, sounds_dir: Path) -> None:
    """A library that does not fit into a message is cut, and says so."""
    for number in range(200):
        (sounds_dir / f"sound number {number:03}.mp3").write_bytes(b"")
    while len(stage.service.sounds()) < 203:
        await stage.invoke("status")

    content = (await stage.invoke("sounds")).content
    assert len(content) <= 2000
    assert "more: /play suggests them as you type" in content


async def test_autocomplete(stage: Stage) -> None:
    """Typing suggests sounds by what their names begin with, and answers also when there are none."""
    choices = await stage.alice.autocomplete(stage.app, stage.guild, "play", "sound", "hi")
    assert choices == [{"name": "high.wav", "value": "high.wav"}]
    assert len(await stage.alice.autocomplete(stage.app, stage.guild, "play", "sound", "")) == 3
    assert await stage.alice.autocomplete(stage.app, stage.guild, "play", "sound", "zzz") == []


async def test_autocomplete_of_a_name_too_long_for_discord(make_stage: MakeStage, sounds_dir: Path) -> None:
    """A name of more than 100 characters can be picked, too."""
    long = "an endless name " * 10 + ".wav"
    write_tone(sounds_dir / long, 440)
    async with make_stage() as stage:
        await stage.service.wait_ready()
        choice = (await stage.alice.autocomplete(stage.app, stage.guild, "play", "sound", "an endless"))[0]

        assert len(choice["value"]) == 100
        assert "Playing" in (await stage.invoke("play", sound=choice["value"])).content


@pytest.mark.parametrize("command", ["play", "random"])
async def test_member_in_no_channel(stage: Stage, command: str) -> None:
    """Whoever is in no voice channel is told that they must be."""
    await stage.seen(stage.alice.leave())
    reply = await stage.invoke(command, **({"sound": "low"} if command == "play" else {}))

    assert (reply.content, reply.ephemeral) == ("User must be in a voice channel", True)


async def test_member_in_a_channel_of_another_guild(stage: Stage) -> None:
    """A command plays in the guild it is used in, or not at all."""
    joined = asyncio.create_task(stage.bot.wait_for("guild_join", timeout=PATIENCE))
    await asyncio.sleep(0)  # it listens from now on
    attic = stage.discord.add_guild("Attic", members=[stage.alice], applications=[stage.app])
    await joined

    reply = await stage.alice.invoke(stage.app, attic, "play", sound="low")
    assert reply.content == "User must be in a voice channel"


async def test_unknown_sound(stage: Stage) -> None:
    """An unknown sound is refused by name."""
    assert (await stage.invoke("play", sound="nope")).content == 'Sound "nope" not found'


async def test_fault_inside(stage: Stage, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture) -> None:
    """A fault of ours is answered in a sentence, and its story is in the log alone."""

    def fail(*_: object) -> None:
        raise RuntimeError("the secret inside")

    monkeypatch.setattr(stage.service, "random", fail)
    reply = await stage.invoke("random")

    assert "Something went wrong" in reply.content
    assert "secret" not in reply.content
    assert "the secret inside" in caplog.text


async def test_commands_in_a_group(make_stage: MakeStage) -> None:
    """With a group set, all commands are below it, autocomplete included."""
    async with make_stage(command_group="sound") as stage:
        await stage.discord.bot_ready(stage.app, "sound")
        await stage.service.wait_ready()

        assert "Playing" in (await stage.invoke("sound play", sound="low.wav")).content
        choices = await stage.alice.autocomplete(stage.app, stage.guild, "sound play", "sound", "lo")
        assert choices == [{"name": "low.wav", "value": "low.wav"}]
