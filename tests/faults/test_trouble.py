"""Day after day of trouble: faults drawn by chance, on real sockets; only the waits between them are left out."""

import asyncio
import os
import random
import threading
import time
from collections import Counter
from collections.abc import Awaitable, Callable
from functools import partial
from pathlib import Path

import pytest

from faults import making
from faults.scene import Scene, open_scene
from faults.subjects import PressRefusedError
from jeffbot.sandbox import Order, Permission, UdpFaults

LONG = bool(os.environ.get("JEFFBOT_TEST_LONG"))
FAULTS = 10_000 if LONG else 60
SEED = int(os.environ.get("JEFFBOT_TEST_SEED", "0")) or (random.randrange(1, 1_000_000) if LONG else 1)
GUILDS = 8
WARM = 0.25
"""Share of the faults after which everything has been used that is ever needed."""
HEARD_PACKETS = 5
"""So many in a row, and a guild is not silent."""
STUCK_SECONDS = 10.0
"""A guild that is silent for so long, though somebody presses, is stuck."""
SLACK = 8
"""So many files, threads and tasks more than before are no leak: connections that are just being made or closed."""

LOOK_SECONDS = 0.15
"""How often it is looked whether a silent guild needs a press."""


class StuckError(Exception):
    """A guild stays silent."""


type Trouble = Callable[[Scene], Awaitable[None]]


# Troubles that the table has in another shape


async def blackout(scene: Scene) -> None:
    """No voice packet of this guild arrives for a moment."""
    voice = scene.voice
    voice.udp = UdpFaults(blackout=True)
    await scene.lasts(0.05)
    voice.udp = None


async def silenced(scene: Scene) -> None:
    """The permission to speak is taken away for a moment."""
    scene.guild.overwrite(scene.general, scene.app.user, deny=Permission.SPEAK)
    await scene.lasts(0.05)
    scene.guild.overwrite(scene.general, scene.app.user)


async def mute(scene: Scene) -> None:
    """A moderator mutes the bot for a moment."""
    scene.guild.change_member(scene.app.user, mute=True)
    await scene.lasts(0.05)
    scene.guild.change_member(scene.app.user, mute=False)


async def moved(scene: Scene) -> None:
    """A moderator drags the bot to the other channel."""
    await scene.bob.join(scene.other)
    await scene.app.move_voice(scene.other)


async def new_region(scene: Scene) -> None:
    """The channel's region is changed."""
    scene.discord.change_region(scene.general)


async def kicked(scene: Scene) -> None:
    """A moderator puts the bot out."""
    await scene.app.kick_from_voice(scene.guild)


async def pressed(scene: Scene) -> None:
    """Somebody presses right after a break."""
    scene.voice.abort()
    scene.begin_press()


LOCAL: list[Trouble] = [
    *(partial(making.close, code=code) for code in (1000, 4004, 4006, 4009, 4011, 4014, 4015, 4017, 4021, 4022)),
    *[making.cut] * 3,
    making.empties_and_refills,
    making.downgrade_and_back,
    making.invalid_commit,
    making.null_messages,
    making.deleted,
    blackout,
    silenced,
    mute,
    *[moved] * 2,
    *[new_region] * 2,
    *[kicked] * 2,
    pressed,
]
GLOBAL: list[Trouble] = [making.gateway_resumed, making.gateway_anew]
GLOBAL_SHARE = 0.05


class Days:
    """Guilds of one bot, and what happens to them."""

    def __init__(self, scenes: list[Scene], seed: int) -> None:
        self._scenes = scenes
        self._seed = seed
        self._chance = random.Random(seed)
        self.faults = self.healed = 0
        """How many there were, and after how many a guild was heard again without a press."""

    async def begin(self) -> None:
        """All guilds play."""
        for scene in self._scenes:
            scene.ear.lasting_packets = HEARD_PACKETS
        await asyncio.gather(*map(self._heard, self._scenes))

    async def pass_by(self, count: int) -> None:
        """So many faults, some at once."""
        until = self.faults + count
        while self.faults < until:
            discord = self._scenes[0].discord
            discord.options.order = self._chance.choice(list(Order))
            if self._chance.random() < GLOBAL_SHARE:
                troubles = [(self._scenes[0], self._chance.choice(GLOBAL))]
            else:
                troubles = [(scene, self._chance.choice(LOCAL)) for scene in self._scenes[: until - self.faults]]
            self.faults += len(troubles)
            await asyncio.gather(*(_happens(scene, trouble) for scene, trouble in troubles))
            try:
                await asyncio.gather(*map(self._heard, self._scenes))
            except StuckError as error:
                error.add_note(f"seed {self._seed}, fault {self.faults}, {discord.options.order}; the last were:")
                for scene, trouble in troubles:
                    error.add_note(f"  {scene.guild.name}: {trouble}")
                raise

    async def _heard(self, scene: Scene) -> None:
        """Wait until a guild is heard; somebody presses whenever the bot says that nothing plays."""
        moment, presses = time.monotonic(), 0
        while await scene.heard("low", moment, LOOK_SECONDS) is None:
            state = await scene.state()
            if time.monotonic() - moment > STUCK_SECONDS:
                raise StuckError(f"{scene.guild.name} is silent; {state}; {_seen(scene)}")
            if not state.playing:
                presses += 1
                await _press(scene)
        self.healed += not presses


def _seen(scene: Scene) -> str:
    """What Discord sees of a bot."""
    if not scene.in_call:
        return f"{'in' if scene.in_channel else 'out of'} the channel, not connected to voice"
    voice, call = scene.voice, scene.discord.call(scene.voice.channel)
    became = Counter(packet.protection for packet in voice.packets[-50:])
    facts: dict[str, object] = {"speaking": voice.speaking, "sent": voice.stream.packets, "of late": dict(became)}
    facts |= {"there": [user.name for user in voice.channel.occupants], "state": scene.guild.voice_states[scene.app.id]}
    if call:
        facts |= {"group": call.group.member_ids, "version": call.group.version, "settled": call.group.settled}
    return f"connected to voice: {facts}"


async def _happens(scene: Scene, trouble: Trouble) -> None:
    """A trouble; afterwards one person is there, where the bot was last, and hears."""
    if scene.in_call:
        await trouble(scene)
    if trouble is moved:
        scene.general, scene.other = scene.other, scene.general
    if scene.general not in scene.guild.channels:
        scene.general, scene.other = scene.other, scene.guild.add_voice_channel("New")
    if scene.alice.channel is not scene.general:
        await scene.alice.join(scene.general)
    await scene.alice.self_deafen(deafened=False)
    await scene.bob.leave()


async def _press(scene: Scene) -> None:
    """Press; refused is as good, for somebody will press again."""
    try:
        await scene.press()
    except PressRefusedError:
        await scene.lasts(0.02)


def resources() -> dict[str, int]:
    """How many files, threads and tasks there are."""
    files = Path("/proc/self/fd")
    return {
        "files": sum(1 for _ in files.iterdir()) if files.exists() else 0,
        "threads": threading.active_count(),
        "tasks": len(asyncio.all_tasks()),
    }


@pytest.fixture
def _no_limits(monkeypatch: pytest.MonkeyPatch) -> None:
    """No waits for Discord's sake, and short ones for what does not come."""
    monkeypatch.setattr("nextcord.gateway.GatewayRatelimiter.get_delay", lambda _: 0.0)
    monkeypatch.setattr("nextcord.Client.before_identify_hook", _identify_at_once)
    monkeypatch.setattr("jeffbot.voice.joiner.JOINS_WINDOW", 0.0)
    monkeypatch.setattr("jeffbot.voice.client.MOVE_TIMEOUT", 0.1)
    monkeypatch.setattr("jeffbot.voice.client.RESUMES_WINDOW", 0.0)
    monkeypatch.setattr("jeffbot.voice.link.STEADY", 0.0)


async def _identify_at_once(*_: object, **__: object) -> None:
    """In place of Nextcord's 5 s before a new session."""


@pytest.mark.usefixtures("_no_limits")
async def test_trouble(tones: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Whatever happens, in whatever order, every guild is heard again, by itself or after a press; nothing leaks."""
    async with open_scene("jeffbot", tones, guilds=GUILDS, options={"gateway_rate_limit": 1_000_000}) as scene:
        days = Days([scene, *scene.neighbours], SEED)
        begun = time.monotonic()
        await days.begin()
        await days.pass_by(round(FAULTS * WARM))
        warm = resources()
        await days.pass_by(FAULTS - days.faults)
        seconds = time.monotonic() - begun
        leaks = {name: count - warm[name] for name, count in resources().items() if count > warm[name] + SLACK}

    pace = f"{days.faults} faults in {seconds:.0f} s, {days.faults / seconds:.1f} a second"
    with capsys.disabled():
        print(f"\n{pace}, {days.healed} healed without a press, seed {SEED}")  # noqa: T201
    assert leaks == {}
