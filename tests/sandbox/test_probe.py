"""The probe passes through all that a bot meets in voice; with any one thing left out it does not."""

import asyncio

import pytest

from jeffbot.sandbox import Kind, Protection, VoiceConnection
from jeffbot.sandbox.ears import Recording
from jeffbot.sandbox.voice.rtp import SILENCE

from .clients import tone
from .conftest import Cave
from .probe import Fault, Probe, ProbeVoice

HEARTBEAT = 0.2


async def visit(cave: Cave, probe: Probe) -> list[str]:
    """Join, speak, be left alone, speak to who returns, lose both gateways and resume; what went wrong."""
    await cave.alice.join(cave.general)
    voice = await probe.join(cave.general)
    ear = cave.discord.history(cave.guild, cave.app)[-1]
    await voice.audible()
    wrong = await heard_wrongly(cave, voice, ear, 440)
    await cave.alice.leave()
    await cave.alice.join(cave.general)
    await group_settles(cave, voice, ear)
    wrong += await heard_wrongly(cave, voice, ear, 550)
    await probe.lose()
    await probe.connect(resume=True)
    await voice.abandon()
    await voice.connect(resume=True)
    wrong += await heard_wrongly(cave, voice, ear, 660)
    await two_heartbeats(cave, voice, ear)
    if not probe.resumed or not ear.resumes:
        wrong.append("not resumed")
    if probe.close_code or voice.close_code:
        wrong.append(f"closed with {probe.close_code} and {voice.close_code}")
    return wrong + [finding.kind for finding in cave.discord.findings]


async def heard_wrongly(cave: Cave, voice: ProbeVoice, ear: VoiceConnection, hertz: int) -> list[str]:
    """Say a tone, and see whether Alice hears it, encrypted."""
    start = len(ear.packets)
    await voice.speak(tone(hertz, 10))
    await cave.discord.until(lambda: len(ear.packets) >= start + 10 and not ear.stream.open_ended)
    sound = [packet for packet in ear.packets[start:] if packet.opus != SILENCE]
    if {packet.protection for packet in sound} != {Protection.ENCRYPTED}:
        return [f"{hertz} Hz: {sorted({packet.protection for packet in sound})}"]
    assert Recording(sound).strongest_frequency_hz == pytest.approx(hertz, abs=5)
    return []


async def group_settles(cave: Cave, voice: ProbeVoice, ear: VoiceConnection) -> None:
    """Wait until the bot has answered all that the voice gateway asked; one that will not is not waited for."""
    await _settled(cave, ear)
    await voice.until(lambda: len(voice.numbers) == ear.sent or voice.close_code is not None)


async def _settled(cave: Cave, ear: VoiceConnection) -> None:
    call = cave.discord.call(ear.channel)
    if call is None:
        return
    try:
        await asyncio.wait_for(cave.discord.until(lambda: call.group.established and call.group.settled), 1)
    except TimeoutError:
        assert cave.discord.findings or not call.group.established


async def two_heartbeats(cave: Cave, voice: ProbeVoice, ear: VoiceConnection) -> None:
    """Wait until two more heartbeats have been answered, or the connection is closed."""
    count = voice.count(6) + 2
    await voice.until(lambda: voice.count(6) >= count or voice.close_code is not None)
    assert ear.seq_ack >= 0 or cave.discord.findings or voice.close_code


@pytest.fixture(autouse=True)
def _quick_heartbeats(cave: Cave) -> None:
    cave.discord.options.gateway_heartbeat = cave.discord.options.voice_heartbeat = HEARTBEAT


async def test_probe_passes(cave: Cave) -> None:
    """A client that does everything right is heard throughout, and nothing is noted."""
    async with Probe(cave.discord, cave.app) as probe:
        assert await visit(cave, probe) == []
    assert cave.discord.unknown_routes == []


@pytest.mark.parametrize("fault", list(Fault))
async def test_probe_fails(cave: Cave, fault: Fault) -> None:
    """With any one thing left out it is not heard, is closed, or is found fault with."""
    async with Probe(cave.discord, cave.app, {fault}) as probe:
        try:
            wrong = await visit(cave, probe)
        except (TimeoutError, ConnectionError) as error:
            wrong = [repr(error)]

    assert wrong


@pytest.mark.parametrize(
    ("fault", "kind"), [(Fault.NO_SILENCE, Kind.NO_SILENCE), (Fault.NO_SEQ_ACK, Kind.SEQ_ACK_MISSING)]
)
async def test_probe_is_told(cave: Cave, fault: Fault, kind: Kind) -> None:
    """What is tolerated is noted by its name."""
    async with Probe(cave.discord, cave.app, {fault}) as probe:
        assert kind in await visit(cave, probe)
