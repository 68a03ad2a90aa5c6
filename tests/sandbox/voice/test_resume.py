"""A voice connection that breaks, and goes on."""

from typing import Any

import pytest

from jeffbot.sandbox import Kind, VoiceConnection

from ..clients import tone
from ..conftest import Cave
from ..probe import Fault, Probe, ProbeVoice


def ear_of(cave: Cave) -> VoiceConnection:
    """The bot's latest voice connection."""
    return cave.discord.history(cave.guild, cave.app)[-1]


async def broken(cave: Cave, probe: Probe) -> ProbeVoice:
    """A voice connection that has just lost its WebSocket."""
    voice = await probe.join(cave.general)
    ear = ear_of(cave)
    await voice.abandon()
    await cave.discord.until(lambda: not ear.connected)
    return voice


async def test_resume(cave: Cave, probe: Probe) -> None:
    """After a resume the same stream goes on, and what was missed in between is sent again, in order."""
    await cave.alice.join(cave.general)
    voice = await broken(cave, probe)
    bob, carol = cave.discord.add_user("bob"), cave.discord.add_user("carol")
    for person in (bob, carol):
        cave.guild.add_member(person)
        await person.join(cave.general)
    already = voice.count(11)
    await voice.connect(resume=True)
    await voice.until(lambda: voice.count(11) == already + 2)

    missed = [message["d"]["user_ids"] for message in voice.received if message["op"] == 11]
    assert missed[-2:] == [[str(bob.id)], [str(carol.id)]]
    assert voice.numbers == list(range(len(voice.numbers)))
    ear = ear_of(cave)
    assert (ear.connected, ear.resumes, len(cave.discord.history(cave.guild, cave.app))) == (True, 1, 1)
    await voice.audible()
    await voice.speak(tone(440, 10))
    await cave.discord.until(lambda: sum(packet.opus is not None for packet in ear.packets) == 15)


async def test_answer_lost_with_the_connection(cave: Cave, probe: Probe) -> None:
    """Who resumes may acknowledge what it had by then, though more was sent before its last heartbeat was answered."""
    bob = cave.discord.add_user("bob")
    cave.guild.add_member(bob)
    probe.faults.add(Fault.NO_HEARTBEAT)  # but those that the test sends
    stage = cave.guild.add_stage_channel("Stage")
    voice = await probe.join(stage)
    had, beats = voice.seq_ack, voice.count(6)
    await bob.join(stage)
    await voice.heartbeat(seq_ack=had)
    await voice.until(lambda: voice.count(6) > beats)
    await voice.abandon()
    voice.seq_ack, beats = had, voice.count(6)
    await voice.connect(resume=True)
    await voice.heartbeat(seq_ack=had)
    await voice.until(lambda: voice.count(6) > beats)

    assert cave.discord.findings == []


async def test_resumed_comes_first(cave: Cave, probe: Probe) -> None:
    """HELLO, then op 9 without a number and with null, then what was missed."""
    voice = await broken(cave, probe)
    seen = len(voice.received)
    await voice.connect(resume=True)

    assert [message["op"] for message in voice.received[seen : seen + 2]] == [8, 9]
    assert voice.received[seen + 1] == {"op": 9, "d": None}


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"token": "wrong"}, 4004),
        ({"session_id": "wrong"}, 4006),
        ({"server_id": "1"}, 4011),
        ({"seq_ack": 9_999}, 4006),
        ({"seq_ack": "x"}, 4002),
        ({"server_id": None}, 4002),
    ],
)
async def test_no_such_session(cave: Cave, probe: Probe, changes: dict[str, Any], code: int) -> None:
    """A resume that names what there is not is refused with its code."""
    voice = await broken(cave, probe)
    identity = {key: voice._identity[key] for key in ("server_id", "session_id", "token")}
    voice._socket = await voice._session.ws_connect(f"wss://{voice._endpoint}/?v=8")
    await voice.send(7, {**identity, "seq_ack": voice.seq_ack, **changes})
    async for _ in voice._socket:
        pass

    assert voice._socket.close_code == code


async def test_missed_too_much(cave: Cave, probe: Probe) -> None:
    """What is not kept any more cannot be sent again: 4006."""
    bob = cave.discord.add_user("bob")
    cave.guild.add_member(bob)
    voice = await broken(cave, probe)
    for _ in range(300):
        await bob.join(cave.general)
        await bob.leave()
    await voice.connect(resume=True)

    assert voice.close_code == 4006


async def test_resumed_too_late(cave: Cave, probe: Probe) -> None:
    """After the window the session is over, and the bot has left the call."""
    cave.discord.options.voice_resume_window = 0.05
    voice = await broken(cave, probe)
    ear = ear_of(cave)
    await cave.discord.until(lambda: ear.ended)
    await voice.connect(resume=True)

    assert voice.close_code == 4006


@pytest.mark.parametrize(("code", "resumable"), [(4015, True), (4006, False), (4009, False), (4021, False)])
async def test_dropped_by_discord(cave: Cave, probe: Probe, code: int, *, resumable: bool) -> None:
    """A crashed voice server can be resumed; an invalid or timed-out session cannot."""
    voice = await probe.join(cave.general)
    ear_of(cave).close(code)
    await voice.until(lambda: voice.close_code is not None)
    assert voice.close_code == code
    await voice.connect(resume=True)

    assert (voice.close_code is None) == resumable


async def test_cut(cave: Cave, probe: Probe) -> None:
    """A cut connection ends without a close frame, and can be resumed."""
    voice = await probe.join(cave.general)
    ear_of(cave).abort()
    await voice.until(lambda: voice.close_code is not None)
    assert voice.close_code == 1006
    await voice.connect(resume=True)

    assert voice.close_code is None


async def test_heartbeats_stop(cave: Cave, probe: Probe) -> None:
    """A client that sends no heartbeat is closed with 4009."""
    voice = await probe.join(cave.general)
    cave.discord.options.voice_heartbeat = 0.05
    await voice.heartbeat()
    await voice.until(lambda: voice.close_code is not None)

    assert voice.close_code == 4009


async def test_frozen_heartbeats(cave: Cave, probe: Probe) -> None:
    """Heartbeats go unanswered when the test says so."""
    voice = await probe.join(cave.general)
    cave.discord.options.voice_acks = False
    await voice.heartbeat()
    acknowledged = voice.count(6)
    cave.discord.options.voice_acks = True
    await voice.send(3, {"t": 77, "seq_ack": voice.seq_ack})
    await voice.until(lambda: voice.count(6) > acknowledged)

    assert voice.received[-1] == {"op": 6, "d": {"t": 77}}


@pytest.mark.parametrize(
    ("changes", "kind"), [({"seq_ack": None}, Kind.SEQ_ACK_MISSING), ({"seq_ack": -1}, Kind.SEQ_ACK_STALE)]
)
async def test_not_acknowledged(cave: Cave, probe: Probe, changes: dict[str, Any], kind: Kind) -> None:
    """A heartbeat that acknowledges less than the client must have is noted, and tolerated."""
    voice = await probe.join(cave.general)
    await voice.heartbeat()
    await cave.discord.until(lambda: ear_of(cave).seq_ack == voice.seq_ack)
    assert cave.discord.findings.kinds() == set()
    await voice.heartbeat(**changes)
    await cave.discord.until(lambda: kind in cave.discord.findings.kinds())

    assert voice.close_code is None
