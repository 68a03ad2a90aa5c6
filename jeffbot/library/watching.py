"""Tells of changes of the sounds folder, from a thread of its own."""

import logging
import os
import threading
import time
from collections.abc import Callable
from pathlib import Path

from ..models import Seconds

logger = logging.getLogger(__name__)

SETTLE: Seconds = 0.25
"""Changes that come within this time of one another are told together."""
LOOK_AGAIN: Seconds = 5.0
"""How often the folder itself is checked for having been replaced, which no watch reports."""
_MISSING_FOLDER_RETRY: Seconds = 1.0

type Report = Callable[[set[str] | None], object]
"""Told the paths that changed; None: anything may have."""


def watch(folder: Path, report: Report, ended: threading.Event) -> None:
    """Report bursts of changes until the event is set. Looks again for a folder that is gone or was replaced."""
    trouble = ""
    while not ended.is_set():
        try:
            _watch_one(folder, report, ended)
            trouble = ""
        except FileNotFoundError:
            ended.wait(_MISSING_FOLDER_RETRY)
        except (OSError, RuntimeError) as error:  # RuntimeError: watchfiles' own
            if str(error) != trouble:
                logger.warning("the sounds folder cannot be watched, but is looked at every few s: %s", error)
            trouble = str(error)
            ended.wait(LOOK_AGAIN)
        report(None)


def _watch_one(folder: Path, report: Report, ended: threading.Event) -> None:
    import watchfiles  # noqa: PLC0415 - ten milliseconds that only this thread needs to wait for

    logging.getLogger("watchfiles.main").setLevel(logging.WARNING)  # at INFO it tells the host of every change
    identity = _identity(folder)
    absolute = os.path.realpath(folder)
    looked, began = False, time.monotonic()
    for burst in watchfiles.watch(
        absolute,
        watch_filter=None,
        debounce=int(SETTLE * 1000),
        stop_event=ended,
        rust_timeout=int(LOOK_AGAIN * 1000),
        yield_on_timeout=True,
    ):
        if not looked and time.monotonic() - began >= LOOK_AGAIN:  # what came before the watch began
            looked = True
            report(None)
        if burst:
            report({os.path.join(folder, os.path.relpath(path, absolute)) for _, path in burst})  # noqa: PTH118
        if _identity(folder) != identity:
            return


def _identity(folder: Path) -> tuple[int, int]:
    stat = folder.stat()
    return stat.st_dev, stat.st_ino
