"""A bot's voice, from another language: joining, being heard, and trouble."""

import base64
import io
import wave
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest

from jeffbot.sandbox.ears import Encoder, Fingerprints, read_pcm
from jeffbot.sandbox.ears.opus import SAMPLE_RATE
from jeffbot.sandbox.ears.spectrum import strongest_frequencies
from jeffbot.sandbox.voice.dave import Op

from ..clients import tone
from ..conftest import Cave
from ..probe import Probe, ProbeVoice
from .conftest import Remote

HERTZ = 440
PACKETS = 25
SILENCE_FRAMES = 5


@dataclass
class Scene:
    """A bot that has said a tone to Alice."""

    remote: Remote
    probe: Probe
    voice: ProbeVoice
    channel: str
    guild: str
    application: str

    @property
    def bot(self) -> dict[str, str]:
        """Which bot, and where."""
        return {"guild": self.guild, "application": self.application}

    async def speak(self) -> int:
        """Say the tone, and have it heard; how many packets there are after it."""
        before = (await self.remote.do("packets", **self.bot, limit=1))["total"]
        await self.voice.speak(tone(HERTZ, PACKETS))
        await self.remote.do("until_heard", **self.bot, packets=PACKETS + SILENCE_FRAMES, since=before)
        total: int = (await self.remote.do("until_silent", **self.bot))["total"]
        return total


@pytest.fixture
async def scene(remote: Remote, cave: Cave) -> AsyncIterator[Scene]:
    application, channel = str(cave.app.id), str(cave.general.id)
    await remote.do("join", user=str(cave.alice.id), channel=channel)
    async with Probe(cave.discord, cave.app) as probe:
        await remote.do("until_bot_ready", application=application)
        voice = await probe.join(cave.general)
        await voice.audible()
        there = await remote.do("until_audible", application=application, channel=channel)
        assert there["connected"]
        scene = Scene(remote, probe, voice, channel, str(cave.guild.id), application)
        assert await scene.speak() == PACKETS + SILENCE_FRAMES
        yield scene


async def test_heard(scene: Scene) -> None:
    """What was heard: how many packets, encrypted, and how they sound."""
    heard = await scene.remote.do("heard", **scene.bot)

    assert heard["packets"] == PACKETS + SILENCE_FRAMES
    assert heard["protections"] == {"encrypted": PACKETS + SILENCE_FRAMES}
    assert heard["sound"]["packets"] == PACKETS
    assert heard["sound"]["strongest_hz"] == pytest.approx(HERTZ, abs=5)
    assert -25 < heard["sound"]["lufs"] < -10
    assert heard["sound"]["matches"] == []
    await scene.speak()
    assert (await scene.remote.do("heard", **scene.bot))["packets"] == 2 * heard["packets"]
    later = await scene.remote.do("heard", **scene.bot, since=2 * heard["packets"])
    assert (later["packets"], later["sound"]["lufs"]) == (0, None)


async def test_recognised(scene: Scene, cave: Cave) -> None:
    """A sound of the library that the sandbox was given is recognised."""
    time = np.arange(SAMPLE_RATE) / SAMPLE_RATE
    sweep = (8000 * np.sin(2 * np.pi * (300 + 900 * time) * time)).astype(np.int16)
    pcm = np.column_stack([sweep, sweep])
    encoder = Encoder()
    cave.discord.control.fingerprints = Fingerprints()
    cave.discord.control.fingerprints.add("sweep", pcm)
    await scene.voice.speak([encoder.encode(frame) for frame in np.split(pcm, 50)])
    await scene.remote.do("until_silent", **scene.bot)

    heard = await scene.remote.do("heard", **scene.bot)
    assert [match["name"] for match in heard["sound"]["matches"]] == ["sweep"]


async def test_packets(scene: Scene) -> None:
    """Every packet can be had, some at a time."""
    answer = await scene.remote.do("packets", **scene.bot, since=1, limit=2)

    first, second = answer["packets"]
    assert answer["total"] == PACKETS + SILENCE_FRAMES
    assert second["sequence"] - first["sequence"] == 1
    assert second["timestamp"] - first["timestamp"] == 960
    assert second["arrived"] > first["arrived"]
    assert first["protection"] == "encrypted"
    assert base64.b64decode(first["opus"])


async def test_voice(scene: Scene, cave: Cave) -> None:
    """A connection says how it is, and how it ended."""
    (voice,) = (await scene.remote.do("voice", **scene.bot))["connections"]
    assert (voice["connected"], voice["close_code"], voice["channel_id"]) == (True, None, str(cave.general.id))
    assert voice["dave"]["version"] == 1
    assert set(voice["dave"]["members"]) == {str(cave.alice.id), str(cave.app.id)}
    await scene.remote.do("until_audible", application=scene.application, channel=voice["channel_id"])

    await scene.remote.do("kick_from_voice", guild=scene.guild, user=scene.application)
    await scene.remote.do("until_out_of_voice", **scene.bot)
    (voice,) = (await scene.remote.do("voice", **scene.bot))["connections"]
    assert (voice["connected"], voice["close_code"], voice["dave"]) == (False, 4014, None)


async def test_recording(scene: Scene) -> None:
    """The recording can be downloaded."""
    path = f"/voice/{scene.guild}/{scene.application}/recording.wav"
    async with scene.remote.session.get(scene.remote.url + path) as response:
        assert (response.status, response.content_type) == (200, "audio/wav")
        recording = io.BytesIO(await response.read())
    with wave.open(recording) as file:
        assert (file.getframerate(), file.getnchannels()) == (SAMPLE_RATE, 2)
        sound = file.readframes(file.getnframes())
    samples = np.frombuffer(sound, "<i2").reshape(-1, 2)[:, 0]
    spectrum = np.abs(np.fft.rfft(samples))

    assert np.argmax(spectrum) * SAMPLE_RATE / len(samples) == pytest.approx(HERTZ, abs=5)


async def test_listening(scene: Scene, cave: Cave, tmp_path: Path) -> None:
    """Whoever listens hears the bot, in whatever connection, and silence before and between."""
    await scene.voice.close()
    path = f"/voice/{scene.guild}/{scene.application}/listen.ogg"
    async with scene.remote.session.get(scene.remote.url + path) as response:
        assert (response.status, response.content_type) == (200, "audio/ogg")
        stream = await response.content.readuntil(b"OpusTags")
        scene.voice = await scene.probe.join(cave.general)
        await scene.voice.audible()
        await scene.speak()
        while stream.count(b"OggS") < 100:
            stream += await response.content.readany()
    file = tmp_path / "heard.ogg"
    file.write_bytes(stream)
    pcm = read_pcm(file)

    assert strongest_frequencies(pcm, 1)[0] == pytest.approx(HERTZ, abs=5)


async def test_encryption(scene: Scene, cave: Cave) -> None:
    """A call's encryption ends and comes back, and a broken commit is recovered from: the bot is heard throughout."""
    channel = {"channel": scene.channel}
    assert scene.voice.encryption is not None
    await scene.remote.do("downgrade", **channel)
    await scene.voice.until(lambda: scene.voice.encryption and scene.voice.encryption.version == 0)
    await scene.remote.do("until_audible", application=scene.application, **channel)
    clear = await scene.speak()
    await scene.remote.do("upgrade", **channel)
    await scene.voice.audible()
    await scene.remote.do("until_audible", application=scene.application, **channel)
    await scene.speak()
    whole = await scene.remote.do("heard", **scene.bot)
    last = await scene.remote.do("heard", **scene.bot, since=clear)

    size = PACKETS + SILENCE_FRAMES
    assert whole["protections"] == {"clear": size, "encrypted": 2 * size}
    assert last["protections"] == {"encrypted": size}
    assert cave.discord.findings == []


async def test_spoilt_messages(scene: Scene, cave: Cave) -> None:
    """A bot's next commit and welcome are to be spoilt."""
    await scene.remote.do("corrupt", channel=scene.channel, user=scene.application, message="commit")
    await scene.remote.do("corrupt", channel=scene.channel, user=scene.application, message="welcome")

    call = cave.discord.call(cave.general)
    assert call is not None
    assert call.group._coordinator.to_corrupt == {(op, cave.app.id) for op in (Op.ANNOUNCE_COMMIT, Op.WELCOME)}


async def test_lost_packets(scene: Scene) -> None:
    """Packets of one connection are lost on request."""
    await scene.remote.do("set_udp", **scene.bot, udp={"loss": 1})
    await scene.voice.speak(tone(HERTZ, 5))
    assert (await scene.remote.do("until_silent", **scene.bot))["total"] == PACKETS + SILENCE_FRAMES


async def test_dropped(scene: Scene) -> None:
    """A connection is closed with a code, or cut; what is not there cannot be."""
    await scene.remote.do("drop_voice", **scene.bot)
    await scene.voice.until(lambda: scene.voice.close_code == 1006)
    await scene.voice.connect(resume=True)
    assert (await scene.remote.do("voice", **scene.bot))["connections"][0]["resumes"] == 1
    await scene.remote.do("drop_voice", **scene.bot, code=4014)
    await scene.voice.until(lambda: scene.voice.close_code == 4014)
    assert await scene.remote.refused("drop_voice", **scene.bot) == (404, "not_there")


async def test_other_region(scene: Scene) -> None:
    """Bots of a channel are sent to another voice server."""
    await scene.remote.do("change_region", channel=scene.channel)
    await scene.voice.until(lambda: scene.voice.close_code == 4022)


async def test_channel_vanishes(scene: Scene) -> None:
    """A channel is deleted under a bot."""
    await scene.remote.do("remove_channel", channel=scene.channel)
    await scene.voice.until(lambda: scene.voice.close_code == 4022)
    await scene.remote.do("until_out_of_voice", **scene.bot)
    assert await scene.remote.refused("downgrade", channel=scene.channel) == (404, "not_there")
