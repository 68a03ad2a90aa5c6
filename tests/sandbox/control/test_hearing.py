"""A bot's voice, from another language: joining, being heard, and trouble."""

import asyncio
import base64
import io
import wave

import numpy as np
import pytest
from nextcord.ext import commands

from jeffbot.sandbox.ears.opus import SAMPLE_RATE

from ..conftest import Cave
from .conftest import HERTZ, PACKETS, Remote


@pytest.fixture
async def scene(remote: Remote, cave: Cave, player: commands.Bot) -> dict[str, str]:
    """The bot has joined Alice and played its tone; how to ask for it."""
    await remote.do("join", user=str(cave.alice.id), channel=str(cave.general.id))
    scene = {"guild": str(cave.guild.id), "application": str(cave.app.id)}
    asked = {"user": str(cave.alice.id), "application": scene["application"], "where": scene["guild"]}
    assert (await remote.do("invoke", **asked, command="tone"))["content"] == "playing"
    await remote.do("until_in_voice", application=scene["application"], channel=str(cave.general.id))
    await remote.do("until_heard", **scene, packets=PACKETS)
    await remote.do("until_silent", **scene)
    return scene


async def test_heard(remote: Remote, scene: dict[str, str]) -> None:
    """What was heard: how many packets, encrypted, and how they sound."""
    heard = await remote.do("heard", **scene)

    assert heard["packets"] >= PACKETS
    assert heard["protections"] == {"encrypted": PACKETS, "clear": heard["packets"] - PACKETS}
    assert heard["sound"]["packets"] == PACKETS
    assert heard["sound"]["strongest_hz"] == pytest.approx(HERTZ, abs=5)
    assert -25 < heard["sound"]["lufs"] < -10
    assert heard["sound"]["matches"] == []
    later = await remote.do("heard", **scene, since=heard["packets"])
    assert (later["packets"], later["sound"]["lufs"]) == (0, None)


async def test_packets(remote: Remote, scene: dict[str, str]) -> None:
    """Every packet can be had, some at a time."""
    answer = await remote.do("packets", **scene, since=1, limit=2)

    first, second = answer["packets"]
    assert answer["total"] >= PACKETS
    assert second["sequence"] - first["sequence"] == 1
    assert second["timestamp"] - first["timestamp"] == 960
    assert second["arrived"] > first["arrived"]
    assert first["protection"] == "encrypted"
    assert base64.b64decode(first["opus"])


async def test_voice(remote: Remote, scene: dict[str, str], cave: Cave) -> None:
    """A connection says how it is, and how it ended."""
    (voice,) = (await remote.do("voice", **scene))["connections"]
    assert (voice["connected"], voice["close_code"], voice["channel_id"]) == (True, None, str(cave.general.id))
    assert voice["dave"]["version"] == 1
    assert set(voice["dave"]["members"]) == {str(cave.alice.id), str(cave.app.id)}
    await remote.do("until_audible", application=scene["application"], channel=voice["channel_id"])

    await remote.do("kick_from_voice", guild=scene["guild"], user=scene["application"])
    await remote.do("until_out_of_voice", **scene)
    (voice,) = (await remote.do("voice", **scene))["connections"]
    assert (voice["connected"], voice["close_code"], voice["dave"]) == (False, 4014, None)


async def test_recording(remote: Remote, scene: dict[str, str]) -> None:
    """The recording can be downloaded."""
    path = f"/voice/{scene['guild']}/{scene['application']}/recording.wav"
    async with remote.session.get(remote.url + path) as response:
        assert (response.status, response.content_type) == (200, "audio/wav")
        file = wave.open(io.BytesIO(await response.read()))
    samples = np.frombuffer(file.readframes(file.getnframes()), "<i2").reshape(-1, 2)[:, 0]
    spectrum = np.abs(np.fft.rfft(samples))

    assert (file.getframerate(), file.getnchannels()) == (SAMPLE_RATE, 2)
    assert np.argmax(spectrum) * SAMPLE_RATE / len(samples) == pytest.approx(HERTZ, abs=5)


async def test_trouble(remote: Remote, scene: dict[str, str], cave: Cave) -> None:
    """Encryption goes and comes back, regions change, connections drop, channels vanish."""
    channel = {"channel": str(cave.general.id)}
    call = cave.discord.call(cave.general)
    assert call is not None
    await remote.do("downgrade", **channel)
    await cave.discord.until(lambda: call.group.version == 0 and call.group.settled)
    await remote.do("until_audible", application=scene["application"], **channel)
    await remote.do("upgrade", **channel)
    await cave.discord.until(lambda: call.group.version == 1 and call.group.settled)
    await remote.do("corrupt", **channel, user=scene["application"], message="commit")
    await remote.do("set_udp", **scene, udp={"loss": 0.5})
    voice = cave.discord.voice(cave.guild, cave.app)
    assert voice is not None
    assert voice.udp is not None
    assert voice.udp.loss == 0.5
    await remote.do("change_region", **channel)
    await cave.discord.until(lambda: voice.close_code == 4022)
    await remote.do("until_in_voice", application=scene["application"], **channel, timeout=10)
    await remote.do("drop_voice", **scene, code=4014)
    assert await remote.refused("drop_voice", **scene) == (404, "not_there")
    await remote.do("remove_channel", **channel)
    assert await remote.refused("downgrade", **channel) == (404, "not_there")
