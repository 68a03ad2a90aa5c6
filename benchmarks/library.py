"""What a large library costs: making its index, its memory and garbage collection, finding and searching.

The names are made here: many alike, English, German, Japanese and emoji, some in folders. CPU is this thread's.

    python benchmarks/library.py [--sounds 100000] [--json FILE]
"""

import argparse
import asyncio
import gc
import json
import os
import platform
import random
import subprocess
import sys
import tempfile
import time
import tracemalloc
from collections.abc import Callable, Iterable
from functools import partial
from importlib.metadata import version
from pathlib import Path
from typing import Any

from jeffbot.library.catalog import Catalog
from jeffbot.library.folder import SoundsFolder
from jeffbot.library.index import Index
from jeffbot.library.names import stem
from jeffbot.library.watching import LOOK_AGAIN
from jeffbot.models import Details, GuildId, Sound, UserId
from jeffbot.store.store import Store
from jeffbot.store.values import File, Played
from jeffbot.ws.desk import Desk
from jeffbot.ws.listings import joined

PLAIN = Details()
REPEATS = 5
QUERIES = 400
"""Of each kind."""
LIMIT = 25
"""As many as Discord shows (Application Commands, "Autocomplete")."""
SYLLABLES = [first + second for first in "bdfgklmnprstvz" for second in "aeiou"]
WORDS = {
    "English": """
        airhorn horn loud remix bass boost drum kick snare laugh evil clap cheer crowd siren police dog bark cat meow
        door slam glass break win lose fail sad violin trombone wow bruh vine boom thunder rain wind storm scream woman
        man child baby cry yes no okay nice epic gamer level up coin jump retro game over start stop intro outro theme
        song short long fast slow high low deep ultra mega super final edit version cut clean dirty original movie quote
        anime ending battle victory fanfare explosion gun shot footsteps car engine train ship bell alarm clock tick
        phone ring error shutdown""",
    "German": "tür knall lachen böse hupe größe schrei straße glocke übel gewitter regen hund katze überraschung",
    "Japanese": "ラッパ 爆発 笑い声 拍手 いいかげんにしろ 猫 犬 雷 雨 おはよう ございます 効果音 勝利 敗北 戦闘",
    "emoji": "🎺 💥 😂 🐶 🐱 🔔 🚨 🎉",
}
ENGLISH, GERMAN, JAPANESE, EMOJI = (words.split() for words in WORDS.values())


def make_names(count: int) -> list[str]:
    """File names of sounds, all different; always the same ones."""
    chance = random.Random(1)
    rare = ["".join(chance.choices(SYLLABLES, k=chance.randint(2, 4))) for _ in range(6000)]

    def english() -> str:
        words = [chance.choice(ENGLISH if chance.random() < 0.8 else rare) for _ in range(chance.randint(1, 3))]
        words += [
            str(chance.randint(1, 2000)),
            *(["loud"] * (chance.random() < 0.2)),
            *(["remix"] * (chance.random() < 0.2)),
        ]
        return chance.choice("  _-").join(word.capitalize() if chance.random() < 0.2 else word for word in words)

    def other() -> str:
        kind = chance.random()
        words = chance.choices(GERMAN if kind < 0.5 else JAPANESE if kind < 0.85 else [*EMOJI, *ENGLISH[:9]], k=3)
        return ("" if 0.5 <= kind < 0.85 else " ").join(words) + f" {chance.randint(1, 999)}"

    names: set[str] = set()
    while len(names) < count:
        folder = chance.choice(("", "", "", "memes/", "games/retro/", "Töne/"))
        names.add(
            folder + (english() if chance.random() < 0.8 else other()) + chance.choice((".mp3", ".mp3", ".ogg", ".wav"))
        )
    return sorted(names)


def make_sounds(count: int) -> list[Sound]:
    """Sounds of these names, one in ten with a title, an alias and a tag."""
    chance = random.Random(2)
    sounds = []
    for number, path in enumerate(make_names(count), 1):
        said = chance.random() < 0.1
        details = Details(title=f"The {stem(path)}", aliases=(f"a{number}",), tags=("best",)) if said else PLAIN
        name = path.rpartition("/")[2]
        sounds.append(Sound(name, path, "/sounds", number, 10**18 + number, id=number, details=details))
    return sounds


def make_queries(sounds: list[Sound]) -> dict[str, list[str]]:
    """What people type, by kind."""
    chance = random.Random(3)
    names = [stem(sound.name) for sound in chance.sample(sounds, QUERIES)]
    pairs = [(name.replace("_", " ").replace("-", " ").split() * 2)[:2] for name in names]

    def misspell(word: str) -> str:
        at = chance.randrange(max(len(word) - 1, 1))
        return chance.choice(
            (word[:at] + word[at + 1 : at + 2] + word[at : at + 1] + word[at + 2 :], word[:at] + word[at + 1 :])
        )

    return {
        "one character": [name[0] for name in names],
        "two characters": [name[:2] for name in names],
        "as typed, letter by letter": [name[:length] for name in names[:40] for length in range(1, min(len(name), 20))],
        "inside of a name": [name[3:9] for name in names],
        "whole names": names,
        "two words, the other way round": [f"{second} {first}" for first, second in pairs],
        "misspelt": [misspell(name.split(" ")[0]) for name in names],
        "two words, one misspelt": [f"{second} {misspell(first)}" for first, second in pairs],
        "found nowhere": ["".join(chance.choices("qxjwzvkyp", k=chance.randint(3, 20))) for _ in names],
        "nothing typed": [""] * QUERIES,
    }


def times_of(calls: Iterable[Callable[[], object]]) -> list[float]:
    """Seconds of CPU that each takes, without the collector's."""
    gc.collect()
    gc.disable()
    times = []
    for call in calls:
        started = time.thread_time()
        call()
        times.append(time.thread_time() - started)
    gc.enable()
    return times


def measure_index(count: int) -> tuple[Index, dict[str, float]]:
    """Make the index; seconds and MiB."""
    gc.collect()
    tracemalloc.start()
    sounds = make_sounds(count)
    gc.collect()
    of_sounds = tracemalloc.get_traced_memory()[0]
    Index(sounds[:1])  # what is imported at the first
    before = tracemalloc.get_traced_memory()[0]
    index = Index(sounds)
    gc.collect()
    of_index = tracemalloc.get_traced_memory()[0] - before
    tracemalloc.stop()
    without = min(times_of([gc.collect] * REPEATS))
    made = min(times_of([lambda: Index(sounds)] * REPEATS))
    return index, {
        "index made, s": made,
        "memory of the sounds, MiB": of_sounds / 2**20,
        "memory of the index, MiB": of_index / 2**20,
        "full garbage collection, ms": without * 1e3,
    }


def measure_changes(index: Index) -> dict[str, list[float]]:
    """Each change's seconds: sounds that come, and go again."""
    new = [Sound(f"new airhorn {n}.mp3", f"new airhorn {n}.mp3", "/sounds", 1, 1) for n in range(10 * QUERIES)]
    return {
        "add": times_of([partial(index.add, sound) for sound in new]),
        "remove": times_of([partial(index.remove, sound.path) for sound in new]),
    }


def measure_lookups(index: Index) -> dict[str, list[float]]:
    """Each look-up's seconds, by kind."""
    sounds = random.Random(4).sample(index.sounds, QUERIES)
    preferred = {sound.id for sound in sounds[:100]}
    wanted = {
        "find by name": [sound.name for sound in sounds],
        "find without extension, in capitals": [stem(sound.name).upper() for sound in sounds],
        "find by title": [sound.title for sound in sounds],
        "find what there is not": [f"no {sound.name}" for sound in sounds],
    }
    figures = {kind: times_of([partial(index.find, name) for name in names]) for kind, names in wanted.items()}
    for kind, texts in make_queries(list(index.sounds)).items():
        figures[f"search: {kind}"] = times_of([partial(index.search, text, LIMIT, preferred) for text in texts])
    return figures


def machine() -> str:
    """What it ran on."""
    info = Path("/proc/cpuinfo")
    lines = info.read_text().splitlines() if info.exists() else []
    model = next((line.split(":")[1].strip() for line in lines if "model name" in line), platform.machine())
    return (
        f"{os.cpu_count()} x {model}, {platform.system()}, Python {platform.python_version()}; "
        f"rapidfuzz {version('rapidfuzz')}, msgspec {version('msgspec')}"
    )


def row(name: str, times: list[float]) -> str:
    """Median, 99th percentile and maximum."""
    ordered = sorted(times)
    figures = ordered[len(ordered) // 2], ordered[int(len(ordered) * 0.99)], ordered[-1]
    return f"{name:44}" + "".join(f"{figure * 1e6:10.1f}" for figure in figures)


def measure_starts(folder: Path, count: int) -> dict[str, float]:
    """A folder of so many files: taken in for the first time, and at a later start; each in a process of its own."""
    make_files(folder / "sounds", count)
    figures: dict[str, float] = {}
    for start in ("first", "later"):
        ran = subprocess.run(
            [sys.executable, __file__, "--start", start, "--folder", folder], capture_output=True, check=True
        )
        figures |= json.loads(ran.stdout)
    return figures


async def measure_start(folder: Path, start: str) -> dict[str, float]:
    """One start with the files of this folder, and after a later one what goes on then."""
    root = folder / "sounds"
    started = time.perf_counter()
    files = sum(1 for _ in SoundsFolder(root).walk())
    figures = {"folder looked through, files/s": files / (time.perf_counter() - started)}
    async with Store(folder / "data") as store:
        await store.read(lambda records: records.revision)  # what is imported once per process is there now
    gc.collect()
    before = memory_mib()
    async with Store(folder / "data") as store, Catalog(root, store) as catalog:
        started = time.perf_counter()
        opening = asyncio.create_task(catalog.open())
        await catalog.wait_ready()
        catalog.find("airhorn 7")
        figures[f"{start} start: first press, s"] = time.perf_counter() - started
        await opening
        figures[f"{start} start: complete, s"] = time.perf_counter() - started
        gc.collect()
        figures[f"{start} start: memory, MiB"] = memory_mib() - before
        if start == "later":
            figures |= await measure_additions(catalog, root)
            figures |= await measure_listing(catalog)
            figures |= await measure_holds(catalog, root)
    return figures


def make_files(root: Path, count: int) -> None:
    """Small files, 2 500 to a folder: what is in them does not matter before they are encoded."""
    for number in range(count):
        if number % 2500 == 0:
            below = root / f"pack {number // 2500}"
            below.mkdir(parents=True)
        (below / f"airhorn {number} loud remix.mp3").write_bytes(b"%d" % number)
    (root / "airhorn 7.mp3").write_bytes(b"seven")


async def measure_additions(catalog: Catalog, root: Path) -> dict[str, float]:
    """From a file's appearance to its being found, in a folder that is being watched."""
    watching = asyncio.create_task(catalog.watch())
    news = asyncio.Event()
    catalog.subscribe(news.set)
    await asyncio.sleep(2 * LOOK_AGAIN)  # so that what came before the watch has been looked for
    times = []
    for number in range(10):
        started = time.perf_counter()
        (root / f"new {number}.mp3").write_bytes(b"new")
        while catalog.named(f"new {number}") is None:
            news.clear()
            await news.wait()
        times.append(time.perf_counter() - started)
    watching.cancel()
    await asyncio.wait([watching])
    return {"added file found, median, s": sorted(times)[len(times) // 2], "added file found, max, s": max(times)}


async def measure_holds(catalog: Catalog, root: Path) -> dict[str, float]:
    """CPU of the event loop in one go, at most, while a file is added and guilds see it; without the collector's."""
    guilds = [GuildId(number) for number in (1, 2, 3)]
    for guild in guilds:
        below = root / f"guild-{guild}"
        below.mkdir()
        for number in range(1000):
            (below / f"airhorn {number * 7} own {number}.mp3").write_bytes(b"own")
    await catalog.scan()
    gc.collect()
    gc.disable()
    figures = {}
    for words, below in (("a guild's own", root / "guild-1"), ("shared", root)):
        held = []
        for number in range(40):
            file = below / f"airhorn {number} held up.mp3"
            file.write_bytes(b"held")
            looking = asyncio.create_task(look_and_see(catalog, file, guilds))
            held.append(await longest_hold(looking))
        held.sort()
        figures[f"{words} file added: event loop held up, p50, ms"] = held[len(held) // 2] * 1000
        figures[f"{words} file added: event loop held up, max, ms"] = held[-1] * 1000
    gc.enable()
    return figures


async def look_and_see(catalog: Catalog, file: Path, guilds: Iterable[GuildId]) -> None:
    """Take in a file, and see it as each guild does."""
    await catalog.look([str(file)])
    for guild in guilds:
        await asyncio.sleep(0)
        assert catalog.sounds(guild)[catalog.count(guild) // 2] is not None
        await asyncio.sleep(0)
        assert catalog.named(file.name, guild) or guild > 1
        await asyncio.sleep(0)
        catalog.search("hold up", LIMIT, guild)


async def longest_hold(task: "asyncio.Task[None]") -> float:
    """Seconds of CPU between two turns of the event loop, at most, until the task is done."""
    longest, before = 0.0, time.thread_time()
    while not task.done():
        await asyncio.sleep(0)
        now = time.thread_time()
        longest, before = max(longest, now - before), now
    await task
    return longest


async def measure_listing(catalog: Catalog) -> dict[str, float]:
    """What a reply with all sounds costs: once per change, and for each client; both in a thread."""
    service: Any = ListingOf(catalog)
    unused: Any = None
    started = time.perf_counter()
    whole = await Desk(service=service, tokens=unused, uploads=unused).listings.whole(catalog.sounds())
    figures = {"listing encoded in a thread, s": time.perf_counter() - started}
    started = time.perf_counter()
    reply = await joined(whole)
    figures["listing put into a reply, ms"] = (time.perf_counter() - started) * 1000
    return figures | {"listing, MiB": len(reply) / (1 << 20)}


class ListingOf:
    """What encoding a listing asks of a service."""

    library_version = 1

    def __init__(self, catalog: Catalog) -> None:
        self.sounds = catalog.sounds

    def duration(self, _sound: Sound) -> float:
        """All of one length."""
        return 1.5


async def measure_counting(folder: Path, per_second: int, seconds: float) -> dict[str, float]:
    """How late the event loop is while so many plays are counted each second, and while none is."""
    figures = {}
    async with Store(folder / "counting") as store:
        files = [File(None, f"{number}.mp3", 1, 1) for number in range(1000)]
        await store.write(
            lambda records: records.sounds.take_in(
                files, (), hash_of=lambda _: None, folder_of=lambda _: "", now=time.time()
            )
        )
        for words, rate in (("idle", 0), ("counting", per_second)):
            lags, began, due = [], time.perf_counter(), 0.0
            while (now := time.perf_counter() - began) < seconds:
                while due < now * rate:
                    store.later(Played(1 + int(due) % 1000, GuildId(5), UserId(7), time.time()))
                    due += 1
                await asyncio.sleep(0.001)
                lags.append(time.perf_counter() - began - now - 0.001)
            lags.sort()
            figures[f"{words}: event loop late, p99, ms"] = lags[int(len(lags) * 0.99)] * 1000
            figures[f"{words}: event loop late, max, ms"] = lags[-1] * 1000
        await store.flush()
        counted = await store.read(lambda records: records.plays.numbers(GuildId(5)).plays)
        figures["plays counted"] = counted
        figures["plays counted, per second"] = counted / seconds
    return figures


def memory_mib() -> float:
    """The process's resident memory."""
    return int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE") / (1 << 20)


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--sounds", type=int, default=100_000, help="in the library (default 100000)")
    parser.add_argument("--json", type=Path, help="write every figure to this file")
    parser.add_argument("--start", choices=("first", "later"), help=argparse.SUPPRESS)
    parser.add_argument("--folder", type=Path, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.start:
        print(json.dumps(asyncio.run(measure_start(arguments.folder, arguments.start))))
        return
    print(machine())
    index, figures = measure_index(arguments.sounds)
    print(f"{len(index)} sounds")
    for name, figure in figures.items():
        print(f"{name:44}{figure:10.2f}")
    shown = len(figures)
    lookups = measure_lookups(index) | measure_changes(index)
    print(f"{'microseconds of CPU':44}{'median':>10}{'p99':>10}{'max':>10}")
    for name, times in lookups.items():
        print(row(name, times))
    with tempfile.TemporaryDirectory() as folder:
        figures |= measure_starts(Path(folder), arguments.sounds)
        figures |= asyncio.run(measure_counting(Path(folder), 1000, 5.0))
    for name in list(figures)[shown:]:
        print(f"{name:44}{figures[name]:10.2f}")
    if arguments.json:
        arguments.json.write_text(json.dumps(figures | lookups))


if __name__ == "__main__":
    main()
