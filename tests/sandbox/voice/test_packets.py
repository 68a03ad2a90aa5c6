"""What becomes of packets, and what is noted about them."""

import asyncio
from collections.abc import Awaitable, Callable

import pytest

from jeffbot.sandbox import Kind, Permission, Protection, UdpFaults, VoiceConnection
from jeffbot.sandbox.ears import Recording
from jeffbot.sandbox.voice.rtp import SILENCE

from ..clients import tone
from ..conftest import Cave
from ..probe import Probe, ProbeVoice


@pytest.fixture
async def voice(cave: Cave, probe: Probe) -> ProbeVoice:
    """The probe, heard by Alice."""
    await cave.alice.join(cave.general)
    voice = await probe.join(cave.general)
    await voice.audible()
    return voice


@pytest.fixture
def ear(cave: Cave, voice: ProbeVoice) -> VoiceConnection:
    """What is heard of the probe."""
    assert voice
    return cave.discord.history(cave.guild, cave.app)[-1]


async def test_well_made(cave: Cave, voice: ProbeVoice, ear: VoiceConnection) -> None:
    """A tone is heard end-to-end encrypted, and there is nothing to find fault with."""
    await voice.speak(tone(440, 10))
    await asyncio.sleep(0.25)  # a pause is what is tried
    await voice.speak(tone(440, 10))
    await cave.discord.until(lambda: len(ear.packets) == 30 and not ear.stream.open_ended)

    assert [packet.sequence for packet in ear.packets] == list(range(30))
    assert {packet.protection for packet in ear.packets if packet.opus != SILENCE} == {Protection.ENCRYPTED}
    assert Recording(ear.packets).without_silence.strongest_frequency_hz == pytest.approx(440, abs=3)
    assert cave.discord.findings == []


async def frames(voice: ProbeVoice, count: int = 3, **changes: int) -> None:
    """Send some frames at once."""
    for packet in tone(440, count):
        voice.send_frame(packet, **changes)


async def stuck_timestamp(voice: ProbeVoice) -> None:
    await voice.speak(tone(440, 3))
    await asyncio.sleep(0.3)  # a pause is what is tried
    voice.send_frame(SILENCE)


@pytest.mark.parametrize(
    ("send", "kind"),
    [
        (lambda voice: frames(voice, nonce=7), Kind.NONCE_REPEATED),
        (lambda voice: _nonces(voice, 1, 3), Kind.NONCE_NOT_COUNTED),
        (lambda voice: frames(voice, payload_type=0x60), Kind.PAYLOAD_TYPE),
        (lambda voice: frames(voice, 10), Kind.BURST),
        (stuck_timestamp, Kind.TIMESTAMP_STUCK),
        (lambda voice: frames(voice, 6), Kind.NO_SILENCE),
        (lambda voice: _send(voice, b"OpusHead\x01\x02"), Kind.NOT_OPUS),
    ],
)
async def test_findings(
    cave: Cave, voice: ProbeVoice, send: Callable[[ProbeVoice], Awaitable[None]], kind: Kind
) -> None:
    """What a good client does not do is noted."""
    await voice.send(5, {"speaking": 1, "delay": 0, "ssrc": 1})
    await cave.discord.until(lambda: cave.discord.history(cave.guild, cave.app)[-1].speaking)
    await send(voice)
    await cave.discord.until(lambda: kind in cave.discord.findings.kinds())


async def _nonces(voice: ProbeVoice, *nonces: int) -> None:
    for nonce in nonces:
        voice.send_frame(SILENCE, nonce=nonce)


async def _send(voice: ProbeVoice, frame: bytes) -> None:
    voice.send_frame(frame)


async def test_not_speaking(cave: Cave, voice: ProbeVoice, ear: VoiceConnection) -> None:
    """Who has not said that they speak is not heard."""
    await frames(voice)
    await cave.discord.until(lambda: len(ear.packets) == 3)

    assert {packet.protection for packet in ear.packets} == {Protection.UNHEARD}
    assert Kind.NOT_SPEAKING in cave.discord.findings.kinds()


async def test_in_clear(cave: Cave, voice: ProbeVoice, ear: VoiceConnection) -> None:
    """In an encrypted call nobody hears what is sent in clear."""
    assert voice.encryption
    voice.encryption.version = 0
    await voice.speak(tone(440, 5))
    await cave.discord.until(lambda: len(ear.packets) == 10)

    assert [packet.opus is None for packet in ear.packets] == [True] * 5 + [False] * 5
    assert {packet.protection for packet in ear.packets} == {Protection.CLEAR}
    assert Kind.IN_CLEAR in cave.discord.findings.kinds()


async def test_muted(cave: Cave, voice: ProbeVoice, ear: VoiceConnection) -> None:
    """Muted by a moderator the bot is not heard, and afterwards it is."""
    cave.guild.change_member(cave.app.user, mute=True)
    await voice.speak(tone(440, 3))
    await cave.discord.until(lambda: len(ear.packets) == 8)
    cave.guild.change_member(cave.app.user, mute=False)
    await voice.speak(tone(440, 3))
    await cave.discord.until(lambda: len(ear.packets) == 16)

    assert [packet.opus is None for packet in ear.packets] == [True] * 8 + [False] * 8


async def test_permission_taken(cave: Cave, voice: ProbeVoice, ear: VoiceConnection) -> None:
    """Without the permission to speak the bot is suppressed at once, and is not heard."""
    cave.guild.overwrite(cave.general, cave.guild.everyone, deny=Permission.SPEAK)
    await voice.speak(tone(440, 3))
    await cave.discord.until(lambda: len(ear.packets) == 8)

    assert {packet.protection for packet in ear.packets} == {Protection.UNHEARD}


async def test_deaf_listener(cave: Cave, voice: ProbeVoice, ear: VoiceConnection) -> None:
    """Whom a moderator has deafened hears nothing."""
    cave.guild.change_member(cave.alice, deaf=True)
    await voice.speak(tone(440, 3))
    await cave.discord.until(lambda: len(ear.packets) == 8)

    assert {packet.protection for packet in ear.packets} == {Protection.UNHEARD}


async def test_loss(cave: Cave, voice: ProbeVoice, ear: VoiceConnection) -> None:
    """Of many packets about the asked share is lost; the client is not blamed."""
    ear.udp = UdpFaults(loss=0.5)
    await voice.speak(tone(440, 50))
    await cave.discord.until(lambda: ear.stream.packets == 55)

    assert 10 < len(ear.packets) < 45
    assert cave.discord.findings == []


async def test_reordered_and_twice(cave: Cave, voice: ProbeVoice, ear: VoiceConnection) -> None:
    """Packets arrive in another order, or twice."""
    ear.udp = UdpFaults(reorder=0.3, duplicate=0.3)
    await voice.speak(tone(440, 50))
    await cave.discord.until(lambda: ear.stream.packets == 55)
    sequence = [packet.sequence for packet in ear.packets]

    assert sequence != sorted(sequence)
    assert len(sequence) > len(set(sequence))
    assert cave.discord.findings == []


async def test_blackout(cave: Cave, voice: ProbeVoice, ear: VoiceConnection) -> None:
    """In the dark nothing arrives, and afterwards it does."""
    ear.udp = UdpFaults(blackout=True)
    await voice.speak(tone(440, 3))
    await cave.discord.until(lambda: ear.stream.packets == 8)
    assert ear.packets == []
    ear.udp = None
    await voice.speak(tone(440, 3))
    await cave.discord.until(lambda: len(ear.packets) == 8)


async def test_no_discovery_in_the_dark(cave: Cave, probe: Probe) -> None:
    """A blackout from the start leaves IP discovery unanswered."""
    cave.discord.options.udp = UdpFaults(blackout=True)
    join = asyncio.create_task(probe.join(cave.general))
    await cave.discord.until(lambda: cave.discord.history(cave.guild, cave.app))
    done, _ = await asyncio.wait([join], timeout=0.2)
    join.cancel()
    await asyncio.wait([join])

    assert not done


async def test_keep_alive(voice: ProbeVoice) -> None:
    """A keep-alive comes back as it was."""
    assert await voice.keep_alive(5) == (5).to_bytes(8)
