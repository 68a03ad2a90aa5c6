"""How each fault is made in the local Discord, and ended."""

import asyncio
import signal
import time
from collections.abc import Awaitable, Callable
from functools import partial

from faults.scene import Scene
from jeffbot.sandbox import Order, Permission, UdpFaults

DISCORD_SECONDS = 5.0
"""How long a fault waits for the bot to do its part in it."""
READY_SECONDS = 10.0
"""Likewise for a new session; Nextcord waits for 5 s before it identifies anew."""
HEARTBEAT_SECONDS = 0.5
HEARTBEAT_PATIENCE = 0.8
"""In place of Discord's 13.75 s and Nextcord's 60 s, where heartbeats matter."""
SUPPRESSED_SECONDS = 13.0
"""How long at most a permission is away: as long as the bot hopes for it."""


# People


async def empties_and_refills(scene: Scene) -> None:
    """Who listens leaves, and comes back."""
    await scene.alice.leave()
    await scene.lasts(0.1)
    await scene.alice.join(scene.general)


async def joins_empty(scene: Scene) -> None:
    """Who has pressed leaves while the bot is on its way; somebody else comes when it is there."""
    scene.discord.options.join_delay = 0.1
    scene.begin_press()
    await scene.lasts(0.05)
    await scene.alice.leave()
    await scene.watch(lambda: scene.in_call and scene.voice.described, DISCORD_SECONDS)
    await scene.lasts(0.1)
    await scene.bob.join(scene.general)


async def three_presses(scene: Scene) -> None:
    """Three press at once while the bot is on its way."""
    scene.discord.options.join_delay = 0.1
    presses = [scene.begin_press() for _ in range(3)]
    await scene.lasts(0.05)
    await asyncio.wait(presses, timeout=DISCORD_SECONDS)


async def press_in_recovery(scene: Scene) -> None:
    """Somebody presses while the bot joins anew."""
    scene.discord.options.join_delay = 0.2
    scene.voice.close(4006)
    await scene.lasts(0.15)
    scene.begin_press("high")
    scene.discord.options.join_delay = 0.0


async def cancelled_join(scene: Scene) -> None:
    """A press is taken back while the bot is on its way."""
    scene.discord.options.join_delay = 0.3
    press = scene.begin_press()
    await scene.lasts(0.1)
    press.cancel()
    await asyncio.wait([press])
    scene.discord.options.join_delay = 0.0


# End-to-end encryption


async def downgrade_and_back(scene: Scene) -> None:
    """Somebody without it comes and goes, as it were."""
    group = scene.call.group
    group.downgrade()
    await scene.watch(lambda: group.version == 0 and group.settled, DISCORD_SECONDS)
    await scene.lasts(0.1)
    group.upgrade()


async def invalid_commit(scene: Scene) -> None:
    """The commit that lets Bob in reaches the bot truncated; only he listens then."""
    group = scene.call.group
    group.corrupt_next_commit(scene.app.id)
    await scene.bob.join(scene.general)
    await scene.alice.self_deafen()


# The voice gateway


async def close(scene: Scene, code: int) -> None:
    """The voice gateway closes with a code."""
    scene.voice.close(code)


async def cut(scene: Scene) -> None:
    """The voice gateway's TCP connection breaks."""
    scene.voice.abort()


async def unanswered_heartbeats(scene: Scene) -> None:
    """The voice gateway does not answer any more, until the bot connects to another."""
    voice = scene.voice
    resumes = voice.resumes
    scene.subject.heed_heartbeats(HEARTBEAT_PATIENCE)
    scene.discord.options.voice_acks = False
    await scene.watch(lambda: not voice.connected or voice.resumes > resumes, DISCORD_SECONDS)
    scene.discord.options.voice_acks = True


async def null_messages(scene: Scene) -> None:
    """Messages of the voice gateway have no data, and one is not known; then only Bob listens, who has just come."""
    for op in (9, 6, 18):
        scene.voice.send(op, None)
    await scene.bob.join(scene.general)
    await scene.alice.self_deafen()


# Places


async def moved(scene: Scene, order: Order) -> None:
    """A moderator drags the bot to where Bob is."""
    scene.discord.options.order = order
    await scene.bob.join(scene.other)
    await scene.app.move_voice(scene.other)


async def new_region(scene: Scene, order: Order) -> None:
    """The channel's region is changed."""
    scene.discord.options.order = order
    scene.discord.change_region(scene.general)


async def kicked(scene: Scene, order: Order) -> None:
    """A moderator puts the bot out."""
    scene.discord.options.order = order
    await scene.app.kick_from_voice(scene.guild)


async def deleted(scene: Scene) -> None:
    """The channel is deleted; who was there goes elsewhere."""
    scene.guild.remove_channel(scene.general)
    await scene.alice.join(scene.other)


async def silenced(scene: Scene) -> None:
    """The permission to speak is taken away until the sound has ended, and given back; the bot is told of both."""
    scene.guild.overwrite(scene.general, scene.app.user, deny=Permission.SPEAK)
    await scene.watch_bot(lambda state: state.reason, SUPPRESSED_SECONDS)
    scene.guild.overwrite(scene.general, scene.app.user)
    await scene.lasts(0.1)


async def server_mute(scene: Scene) -> None:
    """A moderator mutes the bot, and unmutes it."""
    scene.guild.change_member(scene.app.user, mute=True)
    await scene.lasts(0.3)
    scene.guild.change_member(scene.app.user, mute=False)


# The main gateway, the network, the machine


async def gateway_resumed(scene: Scene) -> None:
    """The main gateway's connection breaks; its session goes on."""
    scene.discord.drop_gateway(scene.app)
    await scene.watch(lambda: any(session.resumes for session in scene.discord.sessions(scene.app)), DISCORD_SECONDS)


async def gateway_anew(scene: Scene) -> None:
    """The main gateway's session is lost, with it the place in voice, and the bot begins another."""
    scene.discord.drop_gateway(scene.app, resume=False)
    await scene.watch(lambda: any(session.connected for session in scene.discord.sessions(scene.app)), READY_SECONDS)


async def blackout(scene: Scene, seconds: float) -> None:
    """No voice packet arrives."""
    scene.discord.options.udp = UdpFaults(blackout=True)
    await scene.lasts(seconds)
    scene.discord.options.udp = UdpFaults()


async def blackout_from_the_start(scene: Scene) -> None:
    """No packet arrives while the bot joins, not even the one that asks for its address."""
    scene.discord.options.udp = UdpFaults(blackout=True)
    scene.begin_press()
    await scene.lasts(1.0)
    scene.discord.options.udp = UdpFaults()


async def stopped_process(scene: Scene) -> None:
    """The bot's process stands still for 2 s."""
    scene.own().send_signal(signal.SIGSTOP)
    await scene.lasts(2.0)
    scene.own().send_signal(signal.SIGCONT)


async def clock_jumps(scene: Scene) -> None:
    """The machine's wall clock jumps an hour on, and back."""
    scene.own().send_signal(signal.SIGUSR1)
    await scene.lasts(0.3)
    scene.own().send_signal(signal.SIGUSR2)


async def neighbours_fail(scene: Scene) -> None:
    """Two other guilds meet one fault after the other."""
    troubles: list[Callable[[Scene], Awaitable[None]]] = [
        partial(close, code=4006),
        cut,
        partial(new_region, order=Order.TOGETHER),
        partial(kicked, order=Order.TOGETHER),
    ]
    for trouble in troubles:
        await asyncio.gather(*(_fails_and_recovers(each, trouble) for each in scene.neighbours))


async def _fails_and_recovers(scene: Scene, trouble: Callable[[Scene], Awaitable[None]]) -> None:
    if scene.in_call:
        await trouble(scene)
    moment = time.monotonic()
    if await scene.heard("low", moment, 0.6) is None:
        await asyncio.wait([scene.begin_press()], timeout=DISCORD_SECONDS)


# The end of the bot


async def ended_joining(scene: Scene) -> None:
    """The bot is closed while it is on its way to the channel."""
    scene.discord.options.join_delay = 0.3
    scene.begin_press()
    await scene.lasts(0.1)
    await scene.subject.close()


async def ended_playing(scene: Scene) -> None:
    """The bot is closed while it plays."""
    await scene.subject.close()


async def ended_recovering(scene: Scene) -> None:
    """The bot is closed while it joins anew."""
    scene.discord.options.join_delay = 0.3
    scene.voice.close(4006)
    await scene.lasts(0.2)
    await scene.subject.close()
