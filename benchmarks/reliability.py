"""Every fault of the table (tests/faults), met by jeffbot and by the voice client of stock Nextcord, as a page.

Both play a tone for somebody in a local Discord, end-to-end encrypted, and are judged alike: by what that person's
client decrypts. The stock client is used as bots commonly do: connect, stop, play. Each fault has a fresh Discord and a
process of its own. jeffbot meets each several times, and the slowest counts; the stock client, given longer, meets it
once.

    python benchmarks/reliability.py [--write docs/reliability.md] [--runs 3] [--only TEXT] [--quick]
"""

import argparse
import asyncio
import dataclasses
import json
import logging
import subprocess
import sys
import tempfile
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import report

sys.path.insert(0, str(Path(__file__).parent.parent / "tests"))
from faults.faults import AT_ONCE, FAULTS, REJOINED, Fault, Outcome
from faults.judging import JEFFBOT_PATIENCE, UNDISTURBED_GAP, Patience, Verdict, meet
from faults.scene import open_scene
from faults.subjects import make_sounds

STOCK_PATIENCE = Patience(heard=6.0, settled=3.0, press=4.0)
"""Longer than jeffbot's where it matters: Nextcord waits up to 2 s before it joins anew."""
ROW_SECONDS = 60.0
"""After so long a bot's process is ended, whatever it does."""
PREFACE = """# What it survives

`make reliability` writes this page: every fault below is made in the local Discord, with end-to-end encryption, while
a tone plays for somebody whose client decrypts it. A time is that from the end of the fault, or from the press, to the
first packet of a lasting tone. It may be {at_once:g} s, or {rejoined:g} s where the channel has to be joined anew; a
sound in whose guild nothing happens may have no gap over {gap:g} ms. A *zombie* is a bot that is silent and says that
it plays, or whose idea of being connected is not Discord's. Stock Nextcord is its own voice client as bots commonly use
it: connect, stop, play. It is given longer. Each fault has a fresh Discord and a process of its own; jeffbot meets each
several times, and the slowest counts.
"""
WHOLE_GAP = 0.06
"""A shorter gap, seconds, is made up for by people's clients: nobody hears it."""
NAMES = {"jeffbot": "jeffbot", "nextcord": "stock Nextcord"}


async def meet_one(kind: str, fault: Fault, folder: Path) -> Verdict:
    """One bot, one fault."""
    patience = JEFFBOT_PATIENCE if kind == "jeffbot" else STOCK_PATIENCE
    async with open_scene(
        kind, folder, guilds=fault.guilds, own_process=fault.own_process, options=fault.options
    ) as scene:
        return await meet(fault, scene, patience)


def in_own_process(kind: str, fault: Fault, folder: Path) -> Verdict:
    """The same in a process of its own, which may hang."""
    command = [sys.executable, __file__, "--meet", kind, fault.name, str(folder)]
    try:
        done = subprocess.run(command, check=True, timeout=ROW_SECONDS, capture_output=True)
    except subprocess.TimeoutExpired:
        return Verdict(fault, zombie="its process hangs")
    except subprocess.CalledProcessError as error:
        raise RuntimeError(f"{kind}: {fault.name}: {error.stderr.decode()[-2000:]}") from error
    return Verdict(fault, **json.loads(done.stdout.splitlines()[-1]))


def slowest(verdicts: Iterable[Verdict]) -> Verdict:
    """The worst of several meetings."""
    return max(verdicts, key=lambda each: (len(each.wrong()), each.heard or each.next_press or 0, each.gap))


def told(verdict: Verdict) -> str:
    """What came of it, in words."""
    match verdict.fault.outcome:
        case Outcome.UNDISTURBED:
            return f"longest gap {1000 * verdict.gap:.0f} ms"
        case Outcome.GONE:
            return f"left behind: {verdict.left}" if verdict.left else "nothing is left"
    return "; ".join(filter(None, [_first(verdict), _refused(verdict), _next(verdict)]))


def _first(verdict: Verdict) -> str:
    is_asked = verdict.fault.outcome is Outcome.ASKED_AGAIN
    if verdict.heard is not None and not is_asked:
        whole = not verdict.fault.cold and verdict.gap < WHOLE_GAP
        heard = "goes on without a break" if whole else f"heard after {verdict.heard:.2f} s"
        return f"{heard}, but a **zombie**: {verdict.zombie}" if verdict.zombie else heard
    if verdict.zombie:
        return f"**zombie**: {verdict.zombie}"
    if verdict.heard is not None:
        return "goes on uninvited"
    if verdict.reason:
        return f"the sound ends ({verdict.reason})"
    return "nothing plays" if verdict.fault.cold and is_asked else "silent, and gives no reason"


def _refused(verdict: Verdict) -> str:
    return f"{len(verdict.refused)} refused" if verdict.refused else ""


def _next(verdict: Verdict) -> str:
    if verdict.heard is not None:
        return ""
    if verdict.next_press is not None:
        return f"next press heard after {verdict.next_press:.2f} s"
    return f"next press refused ({verdict.next_refused})" if verdict.next_refused else "next press not heard"


def page(found: dict[str, list[Verdict]]) -> str:
    """The page, Markdown."""
    kinds = list(found)
    limits = {"at_once": AT_ONCE, "rejoined": REJOINED, "gap": 1000 * UNDISTURBED_GAP}
    lines = [
        PREFACE.format(**limits),
        f"Measured on {report.machine()}; {report.load()}.",
        "",
        "; ".join(f"{NAMES[kind]}: {_good(found[kind])} of {len(found[kind])} as it has to be" for kind in kinds) + ".",
        "",
        f"| fault | what has to come of it | {' | '.join(NAMES[kind] for kind in kinds)} |",
        f"| --- | --- | {' | '.join('---' for _ in kinds)} |",
    ]
    for verdicts in zip(*found.values(), strict=True):
        fault = verdicts[0].fault
        lines.append(f"| {fault.name} | {fault.outcome.value} | {' | '.join(map(_cell, verdicts))} |")
    return "\n".join([*lines, ""])


def _cell(verdict: Verdict) -> str:
    return f"{'✓' if not verdict.wrong() else '✗'} {told(verdict)}".replace("|", "\\|").replace("\n", " ")


def _good(verdicts: Iterable[Verdict]) -> int:
    return sum(not verdict.wrong() for verdict in verdicts)


def measure(faults: list[Fault], runs: int) -> dict[str, list[Verdict]]:
    """Have both meet all of these."""
    found: dict[str, list[Verdict]] = {"jeffbot": [], "nextcord": []}
    with tempfile.TemporaryDirectory() as folder:
        make_sounds(Path(folder))
        for fault in faults:
            for kind, verdicts in found.items():
                times = runs if kind == "jeffbot" and not fault.is_long else 1
                verdicts.append(slowest([in_own_process(kind, fault, Path(folder)) for _ in range(times)]))
                print(f"{fault.name} | {NAMES[kind]} | {_cell(verdicts[-1])}", flush=True)
    return found


def as_json(verdict: Verdict) -> str:
    """All but the fault."""
    facts: dict[str, Any] = {field.name: getattr(verdict, field.name) for field in dataclasses.fields(verdict)[1:]}
    return json.dumps(facts)


def main() -> None:
    """Measure, print, write."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--write", type=Path, help="write the page to this file")
    parser.add_argument("--runs", type=int, default=3, help="how often jeffbot meets each fault (default 3)")
    parser.add_argument("--only", default="", help="faults whose name has this text in it")
    parser.add_argument("--quick", action="store_true", help="once, and without those that take long")
    parser.add_argument("--meet", nargs=3, metavar=("BOT", "FAULT", "FOLDER"), help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.meet:
        logging.disable()
        kind, name, folder = arguments.meet
        fault = next(fault for fault in FAULTS if fault.name == name)
        print(as_json(asyncio.run(meet_one(kind, fault, Path(folder)))))
        return
    faults = [fault for fault in FAULTS if arguments.only in fault.name and not (arguments.quick and fault.is_long)]
    text = page(measure(faults, 1 if arguments.quick else arguments.runs))
    print(text)
    if arguments.write:
        arguments.write.write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
