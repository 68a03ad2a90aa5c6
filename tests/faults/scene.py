"""Where faults happen: a bot that plays for somebody in a guild of the local Discord."""

import asyncio
import contextlib
import threading
import time
from collections.abc import AsyncIterator, Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from faults.listening import Ear
from faults.program import Apart, apart
from faults.subjects import SUBJECTS, PressRefusedError, Spot, State, Stock, Subject
from jeffbot.sandbox import Application, Channel, Guild, Options, Person, Sandbox, VoiceConnection
from jeffbot.sandbox.nextcord_host import make_bot, running
from jeffbot.sandbox.voice.call import Call

LOGIN_SECONDS = 30.0


@dataclass(eq=False)
class Scene:
    """One guild with the bot: Alice is in General, and nobody in Other; Bob is a member."""

    discord: Sandbox
    app: Application
    guild: Guild
    general: Channel
    other: Channel
    alice: Person
    bob: Person
    subject: Subject = field(init=False)
    neighbours: list["Scene"] = field(default_factory=list)
    """The same bot in other guilds."""
    presses: list["asyncio.Task[None]"] = field(default_factory=list)
    threads: frozenset[threading.Thread] = frozenset()
    """Those that were there before the bot."""

    def __post_init__(self) -> None:
        self.ear = Ear(lambda: self.discord.history(self.guild, self.app))

    @property
    def voice(self) -> VoiceConnection:
        """The bot's open voice connection."""
        voice = self.discord.voice(self.guild, self.app)
        assert voice, "the bot has no open voice connection"
        return voice

    @property
    def call(self) -> Call:
        """The call that the bot is in."""
        call = self.discord.call(self.voice.channel)
        assert call, "the bot is in no call"
        return call

    @property
    def in_channel(self) -> bool:
        """Whether Discord has the bot in a voice channel."""
        return self.app.id in self.guild.voice_states

    @property
    def in_call(self) -> bool:
        """Whether the bot has an open voice connection."""
        return self.discord.voice(self.guild, self.app) is not None

    async def state(self) -> State:
        """What the bot says of itself here."""
        return await self.subject.state(self.guild.id)

    async def press(self, tone: str = "low") -> None:
        """Alice presses, where she is; PressRefusedError."""
        channel = self.alice.channel or self.general
        await self.subject.press(Spot(self.guild.id, channel.id, self.alice.id), tone)

    def begin_press(self, tone: str = "low") -> "asyncio.Task[None]":
        """Alice presses, and something happens while the bot takes its time."""
        press = asyncio.create_task(self.press(tone), name=f"press {tone}")
        self.presses.append(press)
        return press

    def refusals(self) -> list[str]:
        """What presses of ``begin_press`` were answered that failed; those that were cancelled are left out."""
        done = [press for press in self.presses if press.done() and not press.cancelled()]
        errors = [error for press in done if (error := press.exception())]
        if bugs := [error for error in errors if not isinstance(error, PressRefusedError)]:
            raise ExceptionGroup("presses", [bug for bug in bugs if isinstance(bug, Exception)])
        return [str(error) for error in errors]

    async def end_presses(self) -> None:
        """Take back those of ``begin_press`` that are not answered yet."""
        for press in self.presses:
            press.cancel()
        if self.presses:
            await asyncio.wait(self.presses)

    async def heard(self, tone: str, since: float, within: float) -> float | None:
        """Wait until a tone is heard lastingly: seconds from a moment to its beginning; None: not in time."""
        try:
            await self.discord.until(lambda: self.ear.lasting(tone, since) is not None, timeout=within)
        except TimeoutError:
            return None
        return self.ear.lasting(tone, since)

    async def watch(self, condition: Callable[[], object], seconds: float) -> None:
        """Wait until something is so at Discord, but not for ever: not every bot brings it about."""
        with contextlib.suppress(TimeoutError):
            await self.discord.until(condition, timeout=seconds)

    async def watch_bot(self, condition: Callable[[State], object], seconds: float) -> State:
        """Likewise with what the bot says of itself; the last of it."""
        until = time.monotonic() + seconds
        while not condition(state := await self.state()) and time.monotonic() < until:
            await asyncio.sleep(0.01)  # nothing tells of it
        return state

    async def lasts(self, seconds: float) -> None:
        """Let a trouble last."""
        await asyncio.sleep(seconds)

    def own(self) -> Apart:
        """The bot's process."""
        assert isinstance(self.subject, Apart)
        return self.subject


def _add_guild(discord: Sandbox, app: Application, name: str) -> Scene:
    alice, bob = (discord.add_user(f"{person} of {name}") for person in ("Alice", "Bob"))
    guild = discord.add_guild(name, members=[alice, bob], applications=[app])
    general, other = (guild.add_voice_channel(channel) for channel in ("General", "Other"))
    guild.set_voice(alice, general)
    return Scene(discord, app, guild, general, other, alice, bob)


@contextlib.asynccontextmanager
async def open_scene(
    kind: str, folder: Path, *, guilds: int = 1, own_process: bool = False, options: Mapping[str, Any] | None = None
) -> AsyncIterator[Scene]:
    """A local Discord with a bot that can play at once.

    Args:
        kind: Of ``SUBJECTS``.
        folder: As of ``make_sounds``.
        guilds: In how many it is.
        own_process: It has a process of its own; else it is in this one.
        options: Fields of the local Discord's ``Options``.
    """
    threads = frozenset(threading.enumerate())
    async with contextlib.AsyncExitStack() as stack:
        discord = await stack.enter_async_context(Sandbox(options=Options(**options or {})))
        app = discord.add_application(kind)
        scenes = [_add_guild(discord, app, f"guild {number}") for number in range(guilds)]
        subject: Subject
        if own_process:
            subject = await stack.enter_async_context(apart(kind, discord, app, folder))
        else:
            bot = make_bot(discord, guild_ready_timeout=0.1)
            subject = SUBJECTS[kind](bot, folder)
            if isinstance(subject, Stock):
                stack.callback(subject.silence)
            await stack.enter_async_context(running(discord, app, bot))
        await subject.ready()
        for scene in scenes:
            scene.subject, scene.threads = subject, threads
        scenes[0].neighbours = scenes[1:]
        try:
            yield scenes[0]
        finally:
            for scene in scenes:
                await scene.end_presses()
