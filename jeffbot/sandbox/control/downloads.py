"""What is heard of a bot, to take away: a recording of all so far."""

import asyncio
import tempfile
from collections.abc import Sequence
from pathlib import Path

from ..ears import Recording
from ..voice.rtp import Packet


async def wav(packets: Sequence[Packet]) -> bytes:
    """A WAV file, 48 kHz stereo.

    Raises:
        LibopusMissingError: There is nothing to decode with.
        OpusError: A packet is no Opus.
    """
    return await asyncio.to_thread(_wav, list(packets))


def _wav(packets: list[Packet]) -> bytes:
    with tempfile.TemporaryDirectory(prefix="jeffbot-sandbox-") as folder:
        file = Path(folder) / "recording.wav"
        Recording(packets).write_wav(file)
        return file.read_bytes()
