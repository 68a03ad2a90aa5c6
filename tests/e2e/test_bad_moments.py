"""Things that happen in the worst moment: while the bot is joining, half-way, or twice at once."""

import asyncio
from collections.abc import Callable
from typing import Any
from urllib.parse import urlsplit

import aiohttp
import pytest

from jeffbot.errors import VoiceUnavailableError
from jeffbot.models import EndReason, GuildId, LinkState
from jeffbot.playback import Playback
from jeffbot.sandbox import Order, Permission, UdpFaults
from jeffbot.voice import link as link_module
from jeffbot.voice import switchboard
from jeffbot.voice.connector import VoiceConnector
from staging import PATIENCE, MakeStage, Stage, write_tone

OPENING = 0.2
"""Seconds that opening a WebSocket to a voice gateway takes where a test wants something to happen meanwhile."""
BLACKOUT = UdpFaults(blackout=True)


@pytest.fixture
def slow_opening(monkeypatch: pytest.MonkeyPatch) -> None:
    """It takes its time to open a WebSocket to a voice gateway."""
    connect = VoiceConnector.connect

    async def slowly(self: VoiceConnector, url: str) -> aiohttp.ClientWebSocketResponse:
        await asyncio.sleep(OPENING)
        return await connect(self, url)

    monkeypatch.setattr(VoiceConnector, "connect", slowly)


def press(stage: Stage, sound: str = "low") -> "asyncio.Task[Playback]":
    return asyncio.create_task(stage.service.play(stage.alice.id, sound))


async def until(condition: Callable[[], object]) -> None:
    async with asyncio.timeout(PATIENCE):
        while not condition():
            await asyncio.sleep(0.005)  # nothing tells of it


def is_in(stage: Stage) -> str | None:
    state = stage.guild.voice_states.get(stage.app.id)
    return state.channel.name if state and state.channel else None


def state_of(stage: Stage) -> LinkState:
    return stage.service.status(stage.alice.id).voice.state


async def heard(stage: Stage) -> None:
    """Wait until what is sent is heard."""
    await until(lambda: stage.ear is not None)
    count = len(stage.ear.packets)
    await stage.discord.until(lambda: len(stage.ear.packets) >= count + 10, timeout=PATIENCE)


@pytest.mark.usefixtures("slow_opening")
async def test_put_out_while_joining(stage: Stage) -> None:
    """Put out while it joins, the bot stays away, says so, and closes what it was opening."""
    await stage.service.wait_ready()
    playing = press(stage)
    await until(lambda: is_in(stage) == "General")
    await asyncio.sleep(OPENING / 2)  # the WebSocket is being opened
    await stage.app.kick_from_voice(stage.guild)
    with pytest.raises(VoiceUnavailableError, match="could not stay in General"):
        await playing

    assert (state_of(stage), is_in(stage)) == (LinkState.IDLE, None)
    assert all(not voice.connected for voice in stage.discord.history(stage.guild, stage.app))
    await press(stage)


@pytest.mark.usefixtures("slow_opening")
async def test_another_server_while_joining(stage: Stage, caplog: pytest.LogCaptureFixture) -> None:
    """Discord may name another voice server while the bot connects to the first; it goes there."""
    await stage.service.wait_ready()
    playing = press(stage)
    await until(lambda: is_in(stage) == "General")
    await asyncio.sleep(OPENING / 2)
    stage.discord.change_region(stage.general)
    await playing
    await heard(stage)

    assert "Traceback" not in caplog.text


@pytest.mark.parametrize("put_out", [False, True])
@pytest.mark.discord(udp=BLACKOUT)
async def test_socket_in_use(stage: Stage, *, put_out: bool) -> None:
    """A server that changes, or a kick, while the bot waits for its address breaks no other connection of the host."""
    await stage.service.wait_ready()
    playing = press(stage)
    await until(lambda: stage.ear is not None)
    await asyncio.sleep(0.1)  # it waits for the answer to its datagram
    if put_out:
        await stage.app.kick_from_voice(stage.guild)
    else:
        stage.discord.change_region(stage.general)
    stage.discord.options.udp = UdpFaults()
    address = urlsplit(stage.discord.api_base)
    for _ in range(5):
        _, writer = await asyncio.open_connection(address.hostname, address.port)
        writer.close()
        await writer.wait_closed()
    if put_out:
        with pytest.raises(VoiceUnavailableError, match="could not stay"):
            await playing
    else:
        await playing


@pytest.mark.parametrize("order", list(Order))
@pytest.mark.usefixtures("slow_opening")
async def test_moved_while_joining(stage: Stage, order: Order) -> None:
    """Moved while it joins, the bot knows where it is, and is heard there."""
    await stage.service.wait_ready()
    stage.discord.options.order = order
    attic = stage.guild.add_voice_channel("Attic")
    bob = stage.discord.add_user("bob")
    stage.guild.add_member(bob)
    await stage.seen(bob.join(attic))
    playing = press(stage)
    await until(lambda: is_in(stage) == "General")
    await asyncio.sleep(OPENING / 2)
    await stage.app.move_voice(attic)
    await playing

    await until(lambda: stage.service.status(stage.alice.id).channel == "Attic")
    await heard(stage)


async def test_new_session_in_many_guilds(make_stage: MakeStage, monkeypatch: pytest.MonkeyPatch) -> None:
    """A new session with Discord while many guilds play: all go on, and presses are not refused for it."""
    monkeypatch.setattr("nextcord.Client.before_identify_hook", _at_once)
    async with make_stage() as stage:
        write_tone(stage.soundboard.service.sounds()[0].file.with_name("long.wav"), 440, seconds=30)
        await until(lambda: any(sound.name == "long.wav" for sound in stage.service.sounds()))
        people = [stage.discord.add_user(f"user {number}") for number in range(10)]
        guilds = []
        for person in people:
            guild = stage.discord.add_guild(f"of {person.name}", members=[person], applications=[stage.app])
            guilds.append(guild)
            await stage.seen(person.join(guild.add_voice_channel("Room")))
        playing = [await stage.service.play(person.id, "long") for person in people]
        stage.discord.drop_gateway(stage.app, resume=False)
        await until(
            lambda: all(stage.service.status(person.id).voice.state is LinkState.RECOVERING for person in people)
        )
        await until(lambda: all(stage.service.status(person.id).voice.state is LinkState.PLAYING for person in people))

        assert [playback.reason for playback in playing] == [None] * len(people)
        await stage.service.play(stage.alice.id, "low")


async def _at_once(*_: object, **__: object) -> None:
    """In place of Nextcord's 5 s before a new session."""


async def test_sick_guild_takes_nothing_from_others(stage: Stage) -> None:
    """A guild whose connections break as soon as they are made is joined ever more seldom."""
    await stage.service.wait_ready()
    await press(stage)

    def stays() -> int:
        return len(stage.discord.history(stage.guild, stage.app))

    while stays() < 5:
        if stage.ear is not None and stage.ear.connected:
            stage.ear.close(4006)
        await asyncio.sleep(0.005)  # nothing tells of it
    session: Any = stage.soundboard.voice.session(GuildId(stage.guild.id))

    assert session._link._wait >= link_module.FIRST_RETRY * 8


async def test_watched_before_the_guild_is_told_of(
    stage: Stage, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """After a new session Nextcord knows a guild by its id alone for a moment; voice is looked after all the same."""
    await stage.service.wait_ready()
    await press(stage)
    session = stage.soundboard.voice.session(GuildId(stage.guild.id))
    guild = stage.bot.get_guild(stage.guild.id)
    assert guild is not None
    monkeypatch.setattr(type(guild), "me", None)
    session.tick(1e9)

    assert "trouble" not in caplog.text


async def test_one_guild_fails_the_watch(
    stage: Stage, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """A fault of ours in one guild leaves the others looked after."""
    monkeypatch.setattr(switchboard, "TICK", 0.01)
    ticks: list[GuildId] = []
    voice = stage.soundboard.voice

    def fail(_now: float) -> None:
        raise KeyError("a bug")

    monkeypatch.setattr(voice.session(GuildId(1)), "tick", fail)
    monkeypatch.setattr(voice.session(GuildId(2)), "tick", lambda _now: ticks.append(GuildId(2)))
    await until(lambda: len(ticks) > 2)

    assert "trouble with looking after voice in guild 1" in caplog.text


async def test_full_with_us(stage: Stage) -> None:
    """The bot's own place in a channel for two is its own, also right after it was lost."""
    stage.guild.change_channel(stage.general, user_limit=2)
    await stage.service.wait_ready()
    playback = await press(stage)
    stage.ear.close(4006)
    await heard(stage)

    assert playback.reason in (None, EndReason.FINISHED)


async def test_moved_to_a_stage(stage: Stage) -> None:
    """Moved to a stage on which it may speak, the bot does so at the next press."""
    await stage.service.wait_ready()
    await press(stage)
    hall = stage.guild.add_stage_channel("Hall")
    stage.guild.overwrite(hall, stage.app.user, allow=Permission.MUTE_MEMBERS)
    await stage.seen(stage.alice.join(hall))
    await stage.seen(stage.app.move_voice(hall))
    await press(stage)
    await heard(stage)


async def test_stage_without_a_hand(stage: Stage) -> None:
    """Where it may not even raise its hand, the bot does not say that it has."""
    hall = stage.guild.add_stage_channel("Hall", denied=Permission.REQUEST_TO_SPEAK)
    await stage.seen(stage.alice.join(hall))
    await stage.service.wait_ready()
    with pytest.raises(VoiceUnavailableError, match="audience of Hall; a moderator"):
        await press(stage)


async def test_server_that_is_never_well(stage: Stage) -> None:
    """A voice server that takes each resume and crashes again is left after some of them."""
    await stage.service.wait_ready()
    await press(stage)
    async with asyncio.timeout(PATIENCE):
        while len(stage.discord.history(stage.guild, stage.app)) == 1:
            if stage.ear and stage.ear.connected:
                stage.ear.close(4015)
            await asyncio.sleep(0.01)

    assert 1 <= stage.discord.history(stage.guild, stage.app)[0].resumes <= 5
