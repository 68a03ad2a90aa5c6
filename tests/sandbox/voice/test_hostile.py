"""The voice gateway, with messages no library would send."""

import json
from typing import Any

import pytest
from aiohttp import WSServerHandshakeError
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from jeffbot.sandbox import AES_GCM, XCHACHA20

from ..clients import RawClient, tone
from ..conftest import Cave
from ..probe import Probe, ProbeVoice

FIELDS: dict[int, dict[str, Any]] = {
    0: {"server_id": "1", "user_id": "1", "session_id": "s", "token": "t", "max_dave_protocol_version": 1},
    1: {"protocol": "udp", "data": {"address": "127.0.0.1", "port": 1, "mode": "aead_aes256_gcm_rtpsize"}},
    3: {"t": 1, "seq_ack": 1},
    5: {"speaking": 1, "delay": 0, "ssrc": 1},
    7: {"server_id": "1", "session_id": "s", "token": "t", "seq_ack": 1},
    23: {"transition_id": 1},
    31: {"transition_id": 1},
}
"""By opcode: the data of a message that could be right."""
OPTIONAL = {"seq_ack", "max_dave_protocol_version", "delay", "ssrc"}
CODES = {4001, 4002, 4003, 4004, 4005, 4006, 4009, 4011, 4012, 4016, 4017, 4020}
WRONG: list[Any] = [None, "x" * 5000, "9" * 300, {}, [], -1, -1.5, 2**70, [[]]]
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=10), inner, max_size=3),
    max_leaves=8,
)


def broken_messages() -> list[tuple[int, Any]]:
    """Each op without a field, and with each field wrong."""
    messages: list[tuple[int, Any]] = []
    for op, fields in FIELDS.items():
        messages += [(op, None), (op, []), (op, "x"), (op, 7)]
        for name in fields.keys() - OPTIONAL:
            messages.append((op, {key: value for key, value in fields.items() if key != name}))
        messages += [(op, fields | {name: wrong}) for name in fields for wrong in WRONG]
    return messages


async def test_broken_messages(cave: Cave, raw: RawClient, caplog: pytest.LogCaptureFixture) -> None:
    """Whatever is missing, wrong or huge: it is tolerated or closed with a code of Discord's, and the server lives."""
    for number, (op, data) in enumerate(broken_messages()):
        if number % 50 == 0:  # a session of the main gateway takes 120 messages a minute
            gateway = await raw.log_in()
        voice = await raw.join(gateway, cave.general, max_dave_protocol_version=1)
        await voice.until_op(2)
        await voice.send(op, data)
        await voice.send(3, {"t": 77})
        closed = await answered(voice)
        assert closed is None or closed in CODES, (op, data)
        await voice.websocket.close()
        await cave.discord.until(lambda: cave.discord.voice(cave.guild, cave.app) is None)

    assert [record for record in caplog.records if record.name.startswith("jeffbot")] == []


@pytest.mark.parametrize(("place", "required"), [("voice", True), ("voice", False), ("stage", False)])
async def test_broken_identifications(
    cave: Cave, raw: RawClient, caplog: pytest.LogCaptureFixture, place: str, *, required: bool
) -> None:
    """Whoever is let in with a field wrong can go on into the call, and harms nobody in it."""
    cave.discord.options.dave_required = required
    channel = cave.general if place == "voice" else cave.guild.add_stage_channel("Stage")
    bob = cave.discord.add_user("bob")
    cave.guild.add_member(bob)
    await cave.alice.join(channel)
    gateway = await raw.log_in()
    for name in FIELDS[0]:
        for wrong in WRONG:
            voice = await raw.join(gateway, channel, **{name: wrong})
            await voice.send(1, FIELDS[1])
            await voice.send(3, {"t": 77})
            closed = await answered(voice)
            assert closed in CODES if name != "max_dave_protocol_version" else closed in {None, 4002, 4017}, (
                name,
                wrong,
            )
            await bob.join(channel)
            await bob.leave()
            await gateway.news()
            await voice.websocket.close()
            await cave.discord.until(lambda: cave.discord.voice(cave.guild, cave.app) is None)

    assert [record for record in caplog.records if record.name.startswith("jeffbot")] == []


@pytest.mark.parametrize("speaking", [-1, 8, 2**70, "9" * 300])
async def test_speaking(cave: Cave, probe: Probe, speaking: Any) -> None:
    """Flags that there are not are no message, and nobody is told of them."""
    voice = await probe.join(cave.general)
    await voice.send(5, {"speaking": speaking})
    await voice.until(lambda: voice.close_code is not None)

    assert voice.close_code == 4002
    assert cave.discord.history(cave.guild, cave.app)[-1].speaking_history == []


@pytest.mark.parametrize(
    ("message", "code"),
    [
        (b"\xff\x00", 4001),
        (b"\x1a\x00", 4002),
        (b"\x1c\x00", 4002),
        ('{"op": 23, "d": {"transition_id": "x"}}', 4002),
        ('{"op": 31, "d": null}', 4002),
    ],
)
async def test_before_the_protocol_is_selected(cave: Cave, raw: RawClient, message: str | bytes, code: int) -> None:
    """Nonsense is nonsense also before there is a call that it could disturb."""
    voice = await raw.join(await raw.log_in(), cave.general, max_dave_protocol_version=1)
    await voice.until_op(2)
    await voice.send(23, {"transition_id": 1})
    if isinstance(message, str):
        await voice.websocket.send_str(message)
    else:
        await voice.websocket.send_bytes(message)

    assert await voice.close_code() == code


@pytest.mark.parametrize("query", ["", "?v=", "?v=3", "?v=4", "?v=7", "?v=9", "?v=08"])
async def test_versions(cave: Cave, raw: RawClient, query: str) -> None:
    """A version that is not spoken is refused at once, instead of being answered in another."""
    endpoint = cave.discord._voice.endpoints[1]
    with pytest.raises(WSServerHandshakeError) as refused:
        await raw._connect(f"wss://{endpoint}/{query}")

    assert refused.value.status == 400


async def answered(voice: Any) -> int | None:
    """Wait for the answer to a heartbeat, None, or for a close code."""
    async for message in voice.websocket:
        if message.type.name == "TEXT" and json.loads(message.data) == {"op": 6, "d": {"t": 77}}:
            return None
    code: int | None = voice.websocket.close_code
    return code


@pytest.mark.parametrize("op", [26, 28, 25, 0, 255])
@pytest.mark.parametrize("payload", [b"", b"\0", b"\xff" * 40, bytes(70_000)])
async def test_binary(cave: Cave, probe: Probe, op: int, payload: bytes) -> None:
    """Binary messages that are none are closed with a code of Discord's; others in the call are not disturbed."""
    await cave.alice.join(cave.general)
    voice = await probe.join(cave.general)
    await voice.audible()
    await voice._send_binary(op, payload)
    await voice.heartbeat()
    beats = voice.count(6)
    await voice.until(lambda: voice.close_code is not None or voice.count(6) > beats)

    assert voice.close_code in {None, 4001, 4002, 4020}
    again: ProbeVoice = await probe.join(cave.general)
    await again.audible()


@pytest.fixture
async def voice(cave: Cave, probe: Probe, request: pytest.FixtureRequest) -> ProbeVoice:
    """The probe, heard by Alice, with the transport encryption that is asked for."""
    await cave.alice.join(cave.general)
    voice = await probe.join(cave.general, mode=request.param)
    await voice.audible()
    return voice


@pytest.mark.parametrize("voice", [AES_GCM, XCHACHA20], indirect=True)
@settings(max_examples=100, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(flags=st.integers(0x80, 0xBF), rest=st.binary(min_size=31, max_size=120))
async def test_any_datagram(cave: Cave, voice: ProbeVoice, flags: int, rest: bytes) -> None:
    """Whatever passes for RTP, however long its header says to be, is taken, and does not open."""
    ear = cave.discord.history(cave.guild, cave.app)[-1]
    count, heard = ear.stream.packets, len(ear.packets)
    voice.send_datagram(bytes([flags]) + rest)
    await cave.discord.until(lambda: ear.stream.packets == count + 1)

    assert {packet.opus for packet in ear.packets[heard:]} <= {None}


@pytest.mark.parametrize("voice", [AES_GCM, XCHACHA20], indirect=True)
@pytest.mark.parametrize("flags", [0x8F, 0x90])
async def test_header_longer_than_the_packet(cave: Cave, voice: ProbeVoice, flags: int) -> None:
    """A packet that ends in its own header is no packet; the next one is heard."""
    ear = cave.discord.history(cave.guild, cave.app)[-1]
    voice.send_datagram(bytes([flags, 0x78]) + bytes(30))
    await voice.speak(tone(440, 1))
    await cave.discord.until(lambda: ear.stream.packets == 7)

    assert sum(packet.opus is not None for packet in ear.packets) == 6


@settings(max_examples=50, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(op=st.integers(-5, 40), data=JSON)
async def test_any_message(cave: Cave, raw: RawClient, op: int, data: Any) -> None:
    """Any message at all before identifying is answered by a code or not at all."""
    endpoint = cave.discord._voice.endpoints[1]
    voice = await raw.voice(endpoint)
    await voice.send(op, data)
    await voice.send(3, {"t": 77})
    closed = await answered(voice)
    await voice.websocket.close()

    assert closed is None or closed in CODES
