"""What the bots in Python share: wishes come in as lines of JSON, each is answered by one. Standard library only."""

import asyncio
import inspect
import json
import os
import random
import resource
import sys
import time
import traceback
from collections.abc import Callable, Iterable, Mapping
from typing import Any

API = os.environ["BENCH_API"]
TOKEN = os.environ["BENCH_TOKEN"]


def tell(done: str, **fields: object) -> None:
    """Answer a wish."""
    sys.stdout.write(json.dumps({"done": done, **fields}) + "\n")
    sys.stdout.flush()


def raise_file_limit() -> int:
    """Let this process have as many files and sockets open as it may; how many those are."""
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
    return most


def held() -> dict[str, int]:
    """What this process holds: ``bytes`` of memory (resident, Linux), open ``files`` and sockets, ``tasks``."""
    with open("/proc/self/statm") as file:  # noqa: PTH123 - the standard library, without imports that others lack
        pages = int(file.read().split()[1])
    files = len(os.listdir("/proc/self/fd"))  # noqa: PTH208 - likewise
    return {"bytes": pages * resource.getpagesize(), "files": files, "tasks": len(asyncio.all_tasks())}


async def serve(wishes: Mapping[str, Callable[..., Any]]) -> None:
    """Carry out wishes, one after the other, until the end of standard input; what they return are fields to tell.

    ``cpu`` is known to all bots: seconds of processor time that the process has used.
    """
    reader = asyncio.StreamReader()
    await asyncio.get_running_loop().connect_read_pipe(lambda: asyncio.StreamReaderProtocol(reader), sys.stdin)
    known = {"cpu": lambda: {"seconds": time.process_time()}, **wishes}
    try:
        while line := await reader.readline():
            wish = json.loads(line)
            do = wish.pop("do")
            answer = known[do](**wish)
            if inspect.isawaitable(answer):
                answer = await answer
            tell(do, **(answer or {}))
    except Exception:  # noqa: BLE001 - a boundary: who wished sees the process end, and has the log
        traceback.print_exc()
        os._exit(1)
    os._exit(0)  # whatever its threads do


async def begin_each(starts: Iterable[Callable[[], object]], seconds: float) -> None:
    """Begin many sounds at moments that chance spreads over some seconds, the same at every run."""
    chance = random.Random(1)
    begun = time.monotonic()
    todo = [*starts]
    for moment, start in zip(sorted(chance.uniform(0, seconds) for _ in todo), todo, strict=True):
        await asyncio.sleep(max(0.0, begun + moment - time.monotonic()))
        start()
