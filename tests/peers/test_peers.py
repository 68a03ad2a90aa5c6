"""Unmodified libraries take the sandbox for Discord: only API base and trusted certificate differ."""

import pytest

from jeffbot.sandbox import Packet, Protection
from jeffbot.sandbox.ears.recording import Recording

from .conftest import PATIENCE, TONE_HERTZ, Cave

HEARD_SECONDS = 1.0
"""Enough of the tone to know it by; a library may begin before the encryption of a new call is agreed."""


async def play(cave: Cave) -> None:
    """Alice asks for the tone, is answered, and hears it in her channel, end-to-end encrypted."""
    began, times = len(packets(cave)), cave.program.times("played")
    reply = await cave.alice.invoke(cave.app, cave.guild, "tone", reply_timeout=PATIENCE)
    assert reply.content == "playing"

    await cave.program.told("played", times=times + 1)
    await cave.discord.until(lambda: heard(packets(cave)[began:]).seconds >= HEARD_SECONDS, timeout=PATIENCE)
    assert heard(packets(cave)[began:]).strongest_frequency_hz == pytest.approx(TONE_HERTZ, abs=3)
    assert [told["error"] for told in cave.program.events if told["event"] == "played"] == [None] * (times + 1)


def packets(cave: Cave) -> list[Packet]:
    """All that the bot has sent in its present stay in voice."""
    voice = cave.discord.voice(cave.guild, cave.app)
    return voice.packets if voice else []


def heard(packets: list[Packet]) -> Recording:
    """What Alice decrypted of these packets, without silence."""
    return Recording(packet for packet in packets if packet.protection is Protection.ENCRYPTED).without_silence


async def test_tone(cave: Cave) -> None:
    """The library logs in, registers a command and answers it, joins voice, and its tone is heard there."""
    await play(cave)

    assert cave.general.occupants == [cave.alice, cave.app.user]


async def test_resume(cave: Cave) -> None:
    """After its gateway connection is lost the library resumes, stays in voice, and plays on as before."""
    await play(cave)
    sessions = list(cave.discord.sessions(cave.app))
    cave.discord.drop_gateway(cave.app, resume=True)
    await cave.program.told("resumed")
    await play(cave)

    assert cave.program.times("ready") == 1
    assert list(cave.discord.sessions(cave.app)) == sessions
    assert len(cave.discord.history(cave.guild, cave.app)) == 1
