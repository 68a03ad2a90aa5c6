"""What the programs share, whichever library they use: where Discord is, what to play, and telling what happens."""

import asyncio
import io
import itertools
import json
import logging
import os
import signal
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

API = os.environ["PEER_API"]
TOKEN = os.environ["PEER_TOKEN"]
TONE = Path(os.environ["PEER_TONE"])
"""An Ogg Opus file."""
HEADER_PACKETS = 2
"""RFC 7845, section 3: the identification and the comment header come before the sound."""


def begin(library: str, bot: Any) -> None:
    """Say what runs, log to standard error, and log out at the end of standard input."""
    logging.basicConfig(level=logging.INFO)
    tell("started", library=library)
    threading.Thread(target=_stop_at_end_of_input, args=[bot], daemon=True).start()


def tell(event: str, **details: object) -> None:
    """Print what happened as a line of JSON."""
    sys.stdout.write(json.dumps({"event": event, **details}) + "\n")
    sys.stdout.flush()


def tone_packets(ogg_stream: Callable[[io.BytesIO], Any]) -> Iterator[bytes]:
    """The Opus packets of the tone, read by the library's ``OggStream``."""
    packets: Iterator[bytes] = ogg_stream(io.BytesIO(TONE.read_bytes())).iter_packets()
    return itertools.islice(packets, HEADER_PACKETS, None)


def _stop_at_end_of_input(bot: Any) -> None:
    sys.stdin.read()
    asyncio.run_coroutine_threadsafe(_stop(bot), bot.loop)


async def _stop(bot: Any) -> None:
    """Leave voice, and press Ctrl+C: with py-cord ``close`` waits in vain to have left, or loses a race with itself."""
    for voice in list(bot.voice_clients):
        await voice.disconnect(force=True)
    signal.raise_signal(signal.SIGINT)
