"""Voice channels, stages and regions, as a bot is let in, moved and thrown out."""

import asyncio
from typing import Any

import pytest

from jeffbot.sandbox import XCHACHA20, Kind, Options, Order, Protection, Sandbox
from jeffbot.sandbox.voice.rtp import SILENCE

from ..clients import RawClient, tone
from ..conftest import Cave
from ..probe import Probe


async def test_stage(cave: Cave, probe: Probe) -> None:
    """In a stage channel the bot is in the audience, unencrypted end to end; on stage it is heard."""
    stage = cave.guild.add_stage_channel("Stage")
    await cave.alice.join(stage)
    voice = await probe.join(stage)
    ear = cave.discord.history(cave.guild, cave.app)[-1]
    state = cave.guild.voice_states[cave.app.id]
    assert (state.suppress, (await voice.op(4))["dave_protocol_version"]) == (True, 0)
    await voice.speak(tone(440, 3))
    cave.guild.change_voice(cave.app.user, suppress=False)
    await voice.speak(tone(440, 3))
    await cave.discord.until(lambda: len(ear.packets) == 16)

    assert [packet.protection for packet in ear.packets] == [Protection.UNHEARD] * 8 + [Protection.CLEAR] * 8
    assert ear.packets[-1].opus is not None


async def test_both_modes(cave: Cave, probe: Probe) -> None:
    """XChaCha20 is heard as well."""
    await cave.alice.join(cave.general)
    voice = await probe.join(cave.general, mode=XCHACHA20)
    await voice.audible()
    ear = cave.discord.history(cave.guild, cave.app)[-1]
    await voice.speak(tone(440, 3))
    await cave.discord.until(lambda: len(ear.packets) == 8)

    assert all(packet.opus for packet in ear.packets)


@pytest.mark.parametrize("order", list(Order))
async def test_region(cave: Cave, probe: Probe, order: Order) -> None:
    """At a change of region the bot is closed with 4022, and offered another server, in the order asked for."""
    cave.discord.options.order = order
    await cave.alice.join(cave.general)
    voice = await probe.join(cave.general)
    first, events = await probe.event("VOICE_SERVER_UPDATE"), len(probe.events)
    log: list[str] = []
    closed = asyncio.create_task(voice.until(lambda: voice.close_code is not None))
    closed.add_done_callback(lambda _: log.append("close"))
    offered = asyncio.create_task(probe.until(lambda: len(probe.events) > events))
    offered.add_done_callback(lambda _: log.append("event"))
    cave.discord.change_region(cave.general)
    await asyncio.gather(closed, offered)
    second = await probe.event("VOICE_SERVER_UPDATE")

    assert voice.close_code == 4022
    assert second["endpoint"] != first["endpoint"]
    if order is not Order.TOGETHER:
        assert log == (["close", "event"] if order is Order.CLOSE_FIRST else ["event", "close"])
    state = await probe.event("VOICE_STATE_UPDATE", user_id=str(cave.app.id))
    again = await probe.connect_voice(cave.general, state, second)
    await again.audible()


@pytest.mark.parametrize("order", list(Order))
async def test_kick(cave: Cave, probe: Probe, order: Order) -> None:
    """A kick is 4014 and a voice state without a channel, in the order asked for."""
    cave.discord.options.order = order
    voice = await probe.join(cave.general)
    log: list[str] = []
    closed = asyncio.create_task(voice.until(lambda: voice.close_code is not None))
    closed.add_done_callback(lambda _: log.append("close"))
    told = asyncio.create_task(probe.event("VOICE_STATE_UPDATE", user_id=str(cave.app.id), channel_id=None))
    told.add_done_callback(lambda _: log.append("event"))
    await cave.app.kick_from_voice(cave.guild)
    await asyncio.gather(closed, told)

    assert voice.close_code == 4014
    if order is not Order.TOGETHER:
        assert log == (["close", "event"] if order is Order.CLOSE_FIRST else ["event", "close"])


async def test_server_first(cave: Cave, probe: Probe) -> None:
    """VOICE_SERVER_UPDATE can come before VOICE_STATE_UPDATE."""
    cave.discord.options.server_first = True
    await probe.join(cave.general)

    names = [event["t"] for event in probe.events if event["t"].startswith("VOICE")]
    assert names == ["VOICE_SERVER_UPDATE", "VOICE_STATE_UPDATE"]


async def test_channel_deleted(cave: Cave, probe: Probe) -> None:
    """When its channel is deleted the bot is out of voice."""
    voice = await probe.join(cave.general)
    cave.guild.remove_channel(cave.general)
    await voice.until(lambda: voice.close_code is not None)
    await probe.event("VOICE_STATE_UPDATE", user_id=str(cave.app.id), channel_id=None)

    assert voice.close_code == 4022


@pytest.mark.parametrize(
    ("required", "version", "code"),
    [(True, 0, 4017), (True, None, 4017), (False, 0, None), (True, "x", 4002), (False, -1, 4002)],
)
async def test_client_without_encryption(
    cave: Cave, raw: RawClient, version: Any, code: int | None, *, required: bool
) -> None:
    """Who cannot encrypt end to end is closed with 4017, if that is demanded."""
    cave.discord.options.dave_required = required
    voice = await raw.join(await raw.log_in(), cave.general, max_dave_protocol_version=version)
    if code is None:
        assert (await voice.until_op(2))["d"]["ssrc"]
    else:
        assert await voice.close_code() == code


async def test_selected_again(cave: Cave, probe: Probe) -> None:
    """A client that selects its protocol once more begins anew in the call, and is heard as before."""
    await cave.alice.join(cave.general)
    voice = await probe.join(cave.general)
    await voice.audible()
    await voice.select()
    await voice.audible()
    ear = cave.discord.history(cave.guild, cave.app)[-1]
    await voice.speak(tone(440, 3))
    await cave.discord.until(lambda: len(ear.packets) == 8)

    assert {packet.protection for packet in ear.packets if packet.opus != SILENCE} == {Protection.ENCRYPTED}
    assert Kind.DAVE not in cave.discord.findings.kinds()


async def test_no_timer_is_left() -> None:
    """What slow listeners would have answered is not waited for when the sandbox is closed."""
    async with Sandbox(options=Options(listener_delay=60)) as discord:
        app, alice = discord.add_application("jeffbot"), discord.add_user("alice")
        guild = discord.add_guild("Cave", members=[alice], applications=[app])
        channel = guild.add_voice_channel("General")
        await alice.join(channel)
        async with Probe(discord, app) as probe:
            await probe.join(channel)
            assert timers("Listener")

    assert timers("Listener") == []


def timers(of: str) -> list[str]:
    """What the event loop is still to call."""
    loop: Any = asyncio.get_running_loop()
    return [repr(handle) for handle in loop._scheduled if not handle.cancelled() and of in repr(handle)]


async def test_another_bot(cave: Cave, probe: Probe) -> None:
    """Bots in one channel are told of one another, and each is heard."""
    await cave.alice.join(cave.general)
    other = cave.discord.add_application("other")
    cave.guild.add_member(other.user)
    voice = await probe.join(cave.general)
    async with Probe(cave.discord, other) as second:
        theirs = await second.join(cave.general)
        await voice.audible()
        await theirs.audible()
        ears = [cave.discord.history(cave.guild, app)[-1] for app in (cave.app, other)]
        for each in (voice, theirs):
            await each.speak(tone(440, 3))
        await cave.discord.until(lambda: all(len(ear.packets) == 8 for ear in ears))

        assert str(other.id) in [user for m in voice.received if m["op"] == 11 for user in m["d"]["user_ids"]]
        assert all(packet.opus for ear in ears for packet in ear.packets)
        assert (await voice.op(5))["user_id"] == str(other.id)
