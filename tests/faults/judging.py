"""Meeting a fault, and judging what came of it: the same for every bot."""

import asyncio
import threading
import time
from dataclasses import dataclass, field
from typing import NamedTuple

from faults.faults import REJOINED, Fault, Outcome
from faults.making import DISCORD_SECONDS
from faults.scene import Scene
from faults.subjects import PressRefusedError, State

UNDISTURBED_GAP = 0.025
"""The longest gap, seconds, with which a sound counts as undisturbed: a packet is 20 ms."""


class Patience(NamedTuple):
    """How long a bot is given, seconds."""

    heard: float
    """To be heard again."""
    settled: float
    """To be of one mind with Discord about where it is."""
    press: float
    """For the next press."""


@dataclass
class Verdict:
    """What came of a fault."""

    fault: Fault
    heard: float | None = None
    """Seconds from the fault's end until the sound was heard again, without another press."""
    reason: str | None = None
    """Why the sound ended, as the bot says; None: it has not."""
    refused: list[str] = field(default_factory=list[str])
    """Answers to presses during the fault that failed."""
    zombie: str = ""
    """How the bot's idea of itself, and what Discord and people notice, differ."""
    next_press: float | None = None
    """Seconds from the next press until it was heard."""
    next_refused: str = ""
    """The answer to that press, if it failed."""
    left: str = ""
    """What was left of a bot that has ended."""
    gap: float = 0.0
    """The longest gap in the sound, seconds, from the fault's begin on."""

    def wrong(self, gap: float = UNDISTURBED_GAP) -> list[str]:
        """What is not as it has to be; ``gap`` is what is allowed of a sound that nothing happens to."""
        match self.fault.outcome:
            case Outcome.GOES_ON:
                found = [self._late(self.heard, "heard again"), *self.refused]
            case Outcome.ASKED_AGAIN:
                silent = "" if self.reason or self.fault.cold else "the sound ended without a reason"
                uninvited = "" if self.heard is None else "it came back uninvited"
                found = [silent, uninvited, self._late(self.next_press, "next press heard"), self.next_refused]
            case Outcome.UNDISTURBED:
                broken = "" if self.gap <= gap else f"a gap of {1000 * self.gap:.1f} ms"
                found = [self._late(self.heard, "heard"), broken]
            case Outcome.GONE:
                silent = "" if self.reason or self.refused else "neither the sound nor the press ended"
                found = [silent, self.left]
        return [each for each in [*found, self.zombie] if each]

    def _late(self, seconds: float | None, what: str) -> str:
        if seconds is None:
            return f"not {what}"
        return f"{what} only after {seconds:.2f} s" if seconds > self.fault.within else ""


async def meet(fault: Fault, scene: Scene, patience: Patience) -> Verdict:
    """Have a bot meet a fault.

    Raises:
        RuntimeError: It does not even play before the fault.
    """
    verdict = Verdict(fault)
    for each in [scene, *scene.neighbours]:
        await _begin(fault, each)
    began = time.monotonic()
    await fault.make(scene)
    ended = time.monotonic()
    if fault.outcome is Outcome.GONE:
        await _see_gone(scene, verdict, patience)
    elif fault.outcome is Outcome.UNDISTURBED:
        verdict.heard = await scene.heard(fault.tone, ended, patience.heard)
        verdict.gap = scene.ear.largest_gap(began)
    else:
        await _see_heard(scene, verdict, patience, ended)
        verdict.gap = scene.ear.largest_gap(began)
    return verdict


async def _begin(fault: Fault, scene: Scene) -> None:
    if fault.cold:
        return
    moment = time.monotonic()
    await scene.press()
    if await scene.heard("low", moment, DISCORD_SECONDS) is None:
        raise RuntimeError("nothing is heard even before the fault")


async def _see_heard(scene: Scene, verdict: Verdict, patience: Patience, ended: float) -> None:
    fault = verdict.fault
    if fault.outcome is Outcome.GOES_ON:
        verdict.heard = await scene.heard(fault.tone, ended, patience.heard)
    is_heard, ends = verdict.heard is not None, fault.outcome is Outcome.ASKED_AGAIN and not fault.cold

    def settled(state: State) -> bool:
        return not _zombie(scene, state, is_heard=is_heard) and (not ends or state.reason is not None)

    state = await scene.watch_bot(settled, patience.settled)
    if fault.outcome is Outcome.ASKED_AGAIN:
        verdict.heard = scene.ear.lasting(fault.tone, ended)
    verdict.reason, verdict.refused = state.reason, scene.refusals()
    verdict.zombie = _zombie(scene, state, is_heard=verdict.heard is not None)
    if verdict.heard is None:
        await _press_again(scene, verdict, patience)


def _zombie(scene: Scene, state: State, *, is_heard: bool) -> str:
    facts = {"the bot": state.connected, "the main gateway": scene.in_channel, "the voice gateway": scene.in_call}
    if len(set(facts.values())) > 1:
        said = [f"{who} {'has' if connected else 'does not have'} it connected" for who, connected in facts.items()]
        return ", ".join(said)
    return "it says that it plays" if state.playing and not is_heard else ""


async def _press_again(scene: Scene, verdict: Verdict, patience: Patience) -> None:
    moment = time.monotonic()
    try:
        async with asyncio.timeout(patience.press):
            await scene.press("high")
            verdict.next_press = await scene.heard("high", moment, patience.press)
    except PressRefusedError as error:
        verdict.next_refused = str(error)
    except TimeoutError:
        verdict.next_refused = ""


async def _see_gone(scene: Scene, verdict: Verdict, patience: Patience) -> None:
    def left() -> str:
        threads = sorted(thread.name for thread in set(threading.enumerate()) - scene.threads if _counts(thread))
        pending = [press.get_name() for press in scene.presses if not press.done()]
        places = [place for place, there in (("a channel", scene.in_channel), ("a call", scene.in_call)) if there]
        return ", ".join([*places, *pending, *threads])

    await scene.watch_bot(lambda _: not left(), patience.settled)
    verdict.left = left()
    verdict.reason, verdict.refused = (await scene.state()).reason, scene.refusals()


def _counts(thread: threading.Thread) -> bool:
    return not thread.name.startswith("asyncio_")  # the loop's own pool


JEFFBOT_PATIENCE = Patience(heard=REJOINED + 0.5, settled=1.5, press=REJOINED + 0.5)
