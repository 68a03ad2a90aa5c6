"""What becomes of packets, and what is noted about them."""

import asyncio
import threading
import time
from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from jeffbot.sandbox import Kind, Permission, Protection, UdpFaults, VoiceConnection
from jeffbot.sandbox.ears import Recording
from jeffbot.sandbox.voice import call as call_module
from jeffbot.sandbox.voice.rtp import SILENCE

from ..clients import tone
from ..conftest import Cave
from ..probe import Fault, Probe, ProbeVoice
from ..probe.encryption import EXECUTE_TRANSITION


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


@pytest.mark.parametrize(("code", "heard"), [(4006, 8), (4015, 8), (None, 11)])
async def test_closed_by_discord(
    cave: Cave, voice: ProbeVoice, ear: VoiceConnection, code: int | None, heard: int
) -> None:
    """Once Discord has closed the connection nobody hears the client, before it knows; a broken one does no harm."""
    await voice.speak(tone(440, 3))
    if code:
        ear.close(code)
    else:
        ear.abort()
    await frames(voice)
    await voice.until(lambda: voice.close_code is not None)
    await cave.discord.until(lambda: not ear.stream.open_ended)

    assert len(ear.packets) == heard


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
        (lambda voice: frames(voice, sequence=7), Kind.SEQUENCE_NOT_COUNTED),
        (lambda voice: frames(voice, ssrc=31337), Kind.INVALID_SSRC),
        (lambda voice: voice.send(5, {"speaking": 1, "delay": 0, "ssrc": 31337}), Kind.INVALID_SSRC),
        (lambda voice: voice.send(5, {"speaking": 1, "delay": 5}), Kind.SPEAKING_DELAY),
    ],
)
async def test_findings(
    cave: Cave, voice: ProbeVoice, send: Callable[[ProbeVoice], Awaitable[None]], kind: Kind
) -> None:
    """What a good client does not do is noted."""
    await voice.send(5, {"speaking": 1, "delay": 0})
    await cave.discord.until(lambda: cave.discord.history(cave.guild, cave.app)[-1].speaking)
    assert cave.discord.findings == []
    await send(voice)
    await cave.discord.until(lambda: kind in cave.discord.findings.kinds())

    assert {finding.client for finding in cave.discord.findings} == {cave.app.user.name}


async def _nonces(voice: ProbeVoice, *nonces: int) -> None:
    for nonce in nonces:
        voice.send_frame(SILENCE, nonce=nonce)


async def _send(voice: ProbeVoice, frame: bytes) -> None:
    voice.send_frame(frame)


async def heartbeats_stop(cave: Cave, ear: VoiceConnection) -> None:
    """As when a heartbeat is missed."""
    assert cave
    ear.close(4009)


async def crash(cave: Cave, ear: VoiceConnection) -> None:
    """As of Discord's own server."""
    assert cave
    ear.close(4015)


async def cut(cave: Cave, ear: VoiceConnection) -> None:
    assert cave
    ear.abort()


async def change_region(cave: Cave, ear: VoiceConnection) -> None:
    cave.discord.change_region(ear.channel)


async def kick(cave: Cave, ear: VoiceConnection) -> None:
    assert ear
    await cave.app.kick_from_voice(cave.guild)


async def move(cave: Cave, ear: VoiceConnection) -> None:
    assert ear
    await cave.app.move_voice(cave.guild.add_voice_channel("Other"))


@pytest.mark.parametrize("interrupt", [heartbeats_stop, crash, cut, change_region, kick, move])
async def test_interrupted(
    cave: Cave,
    voice: ProbeVoice,
    ear: VoiceConnection,
    interrupt: Callable[[Cave, VoiceConnection], Awaitable[None]],
) -> None:
    """Whom Discord cuts off in the midst of a sound is not blamed for how the sound ended."""
    voice._faults.add(Fault.NO_SILENCE)
    await voice.speak(tone(440, 6))
    await cave.discord.until(lambda: len(ear.packets) == 6)
    await interrupt(cave, ear)
    await voice.until(lambda: voice.close_code is not None)
    await cave.discord.until(lambda: not ear.stream.open_ended)

    assert cave.discord.findings == []


async def test_left_without_silence(cave: Cave, voice: ProbeVoice, ear: VoiceConnection) -> None:
    """Who leaves in the midst of a sound is."""
    voice._faults.add(Fault.NO_SILENCE)
    await voice.speak(tone(440, 6))
    await voice._socket.close()
    await cave.discord.until(lambda: ear.ended)

    assert cave.discord.findings.kinds() == {Kind.NO_SILENCE}


async def test_sent_before_the_end(cave: Cave, voice: ProbeVoice, ear: VoiceConnection) -> None:
    """What had arrived when a stay in voice ended is heard, though nobody had looked at it by then."""
    await voice.send(5, {"speaking": 1, "delay": 0})
    await cave.discord.until(lambda: ear.speaking)
    await frames(voice, 3)
    cave.discord.change_region(cave.general)

    assert [packet.opus is not None for packet in ear.packets] == [True] * 3


async def test_busy_sandbox(cave: Cave, voice: ProbeVoice, ear: VoiceConnection) -> None:
    """A pause is one of the client, not of this process, however many packets wait meanwhile."""
    await voice.send(5, {"speaking": 1, "delay": 0})
    await cave.discord.until(lambda: ear.speaking)

    def send() -> None:
        for number, frame in enumerate([*tone(440, 250), *[SILENCE] * 5]):
            voice.send_frame(frame)
            if number == 0:
                begun.set()
            time.sleep(0.003)

    begun = threading.Event()
    sender = threading.Thread(target=send)
    sender.start()
    begun.wait()
    await cave.discord.until(lambda: ear.packets)
    time.sleep(0.7)  # noqa: ASYNC251 - a busy loop is the point
    await asyncio.to_thread(sender.join)
    await cave.discord.until(lambda: len(ear.packets) == 255 and not ear.stream.open_ended)

    assert Kind.NO_SILENCE not in cave.discord.findings.kinds()


async def test_busy_before_speaking(cave: Cave, voice: ProbeVoice, ear: VoiceConnection) -> None:
    """Nor is a Speaking message late that had arrived, but was not read."""
    await voice.speak(tone(440, 1))
    await voice.send(5, {"speaking": 0, "delay": 0})
    await cave.discord.until(lambda: ear.speaking_history == [1, 0])
    await voice.send(5, {"speaking": 1, "delay": 0})
    await frames(voice)
    time.sleep(0.4)  # noqa: ASYNC251 - likewise
    await cave.discord.until(lambda: len(ear.packets) == 9)

    assert Kind.NOT_SPEAKING not in cave.discord.findings.kinds()
    assert all(packet.opus for packet in ear.packets)


async def test_no_longer_speaking(cave: Cave, voice: ProbeVoice, ear: VoiceConnection) -> None:
    """What was sent before a client said that it no longer speaks is heard, whichever is read first."""
    await voice.send(5, {"speaking": 1, "delay": 0})
    await cave.discord.until(lambda: ear.speaking)
    await voice.send(5, {"speaking": 0, "delay": 0})
    await frames(voice, 100)
    await cave.discord.until(lambda: len(ear.packets) == 100)

    assert all(packet.opus for packet in ear.packets)


async def test_packets_after_the_end(cave: Cave, voice: ProbeVoice, ear: VoiceConnection) -> None:
    """Who goes on sending for a moment after having been kicked is no stranger."""
    await cave.app.kick_from_voice(cave.guild)
    await voice.until(lambda: voice.close_code is not None)
    await frames(voice)
    voice.send_frame(SILENCE, ssrc=31337)  # which is, and comes after them
    await cave.discord.until(lambda: cave.discord.findings)

    assert ear.packets == []
    assert [(finding.kind, finding.client) for finding in cave.discord.findings] == [(Kind.INVALID_SSRC, "127.0.0.1")]


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


async def test_same_seed(voice: ProbeVoice, cave: Cave, ear: VoiceConnection) -> None:
    """The same faults with the same seed lose the same packets, be they new or the seed set again."""
    losses = []
    for seed in (1, 1, 2):
        ear.udp = UdpFaults(loss=0.5, seed=seed)
        losses.append(await heard_of(cave, voice, ear))
    ear.udp.seed = 1  # type: ignore[union-attr]
    losses.append(await heard_of(cave, voice, ear))

    assert losses[0] == losses[1] == losses[3] != losses[2]


async def heard_of(cave: Cave, voice: ProbeVoice, ear: VoiceConnection) -> list[int]:
    """Which of the packets of a short sound are heard, by their place in it."""
    sent, first, heard = ear.stream.packets, voice._sequence, len(ear.packets)
    await voice.speak(tone(440, 30), pace=0.001)
    await cave.discord.until(lambda: ear.stream.packets == sent + 35)
    return [packet.sequence - first for packet in ear.packets[heard:]]


@pytest.mark.parametrize("count", [5, 6])
async def test_all_overtaken(cave: Cave, voice: ProbeVoice, ear: VoiceConnection, count: int) -> None:
    """Each packet arrives after its successor, and no earlier; the last arrives without one. None is blamed for it."""
    ear.udp = UdpFaults(reorder=1.0)
    await voice.speak(tone(440, count))
    await cave.discord.until(lambda: len(ear.packets) == count + 5 and not ear.stream.open_ended)
    arrived = [packet.arrived for packet in ear.packets]

    assert [packet.sequence for packet in ear.packets[:4]] == [1, 0, 3, 2]
    assert arrived == sorted(arrived)
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


async def test_keep_alive_in_the_dark(voice: ProbeVoice, ear: VoiceConnection) -> None:
    """In the dark of one connection its keep-alives do not come back either."""
    ear.udp = UdpFaults(blackout=True)
    waiting = asyncio.create_task(voice.keep_alive(5))
    done, _ = await asyncio.wait([waiting], timeout=0.2)
    assert not done
    ear.udp = None
    voice._udp.send((6).to_bytes(8))

    assert await waiting == (6).to_bytes(8)


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


@pytest.fixture
def _impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """A client has to follow a change of keys within 0.2 s."""
    monkeypatch.setattr(call_module, "KEY_PATIENCE", 0.2)


async def person(cave: Cave, name: str) -> Any:
    """Someone else, who joins."""
    user = cave.discord.add_user(name)
    cave.guild.add_member(user)
    await user.join(cave.general)
    return user


def dave_trouble(cave: Cave) -> str:
    """What was noted about end-to-end encryption; a busy machine may have noted other things."""
    return "; ".join(finding.text for finding in cave.discord.findings if finding.kind is Kind.DAVE)


@pytest.mark.usefixtures("_impatient")
async def test_downgrade_ignored(cave: Cave, voice: ProbeVoice, ear: VoiceConnection) -> None:
    """Who goes on encrypting is heard for a while, by those who still have the keys, but named."""
    assert voice.encryption
    voice.encryption.deaf_to = {EXECUTE_TRANSITION}
    call = cave.discord.call(cave.general)
    assert call
    call.group.downgrade()
    await voice.until(lambda: voice.count(EXECUTE_TRANSITION))
    await voice.speak(tone(440, 15))
    await cave.discord.until(lambda: len(ear.packets) == 20)

    assert Protection.ENCRYPTED in {packet.protection for packet in ear.packets}
    assert "goes on encrypting" in dave_trouble(cave)


async def keep_the_old_key(cave: Cave, voice: ProbeVoice, ear: VoiceConnection, *, frames: int) -> None:
    """Speak on with the key from before another came."""
    assert voice.encryption
    voice.encryption.deaf_to = {EXECUTE_TRANSITION}
    await person(cave, "bob")
    await voice.until(lambda: voice.count(EXECUTE_TRANSITION))
    await voice.speak(tone(440, frames))
    await cave.discord.until(lambda: len(ear.packets) == frames + 5)


@pytest.mark.usefixtures("_impatient")
async def test_keys_not_changed(cave: Cave, voice: ProbeVoice, ear: VoiceConnection) -> None:
    """Who is heard by those alone who keep old keys is named."""
    await keep_the_old_key(cave, voice, ear, frames=15)

    assert {packet.protection for packet in ear.packets if packet.opus != SILENCE} == {Protection.ENCRYPTED}
    assert "1 of 2 listeners cannot decrypt" in dave_trouble(cave)


async def test_keys_not_changed_yet(cave: Cave, voice: ProbeVoice, ear: VoiceConnection) -> None:
    """For a moment that is nobody's fault: the message may be on its way."""
    await keep_the_old_key(cave, voice, ear, frames=5)

    assert dave_trouble(cave) == ""


@pytest.mark.usefixtures("_impatient")
async def test_keys_changed(cave: Cave, voice: ProbeVoice, ear: VoiceConnection) -> None:
    """Who changes keys in the midst of a sound, when people come and go and encryption ends and returns, is not."""
    call = cave.discord.call(cave.general)
    assert call
    speech = asyncio.create_task(voice.speak(tone(440, 60)))
    await person(cave, "bob")
    await cave.discord.until(lambda: len(ear.packets) > 20)
    call.group.downgrade()
    await cave.discord.until(lambda: len(ear.packets) > 40)
    call.group.upgrade()
    await speech
    await cave.discord.until(lambda: len(ear.packets) == 65)

    assert call.group.version == 1
    assert dave_trouble(cave) == ""
