"""What is heard of a bot in a guild, to take away: a recording of all so far, and a stream of all to come."""

import asyncio
import contextlib
import math
import tempfile
from collections.abc import AsyncGenerator, Sequence
from pathlib import Path

from aiohttp import hdrs, web

from ..ears import Recording, live_ogg
from ..interactions.applications import Application
from ..voice.rtp import Packet
from ..world.guild import Guild
from .control import Control
from .reading import packets_of


async def recording(control: Control, guild: Guild, application: Application) -> web.StreamResponse:
    """A WAV file, 48 kHz stereo.

    Raises:
        LibopusMissingError: There is nothing to decode with.
    """
    packets = packets_of(control, guild, application)
    return web.Response(body=await asyncio.to_thread(_wav, packets), content_type="audio/wav")


async def listen(control: Control, guild: Guild, application: Application, request: web.Request) -> web.StreamResponse:
    """An endless Ogg/Opus stream that a browser plays, also while the bot is in no voice channel."""
    response = web.StreamResponse(headers={hdrs.CONTENT_TYPE: "audio/ogg", hdrs.CACHE_CONTROL: "no-store"})
    await response.prepare(request)
    with contextlib.suppress(ConnectionError):  # the listener has gone
        async with contextlib.aclosing(live_ogg(_arriving(control, guild, application))) as stream:
            async for part in stream:
                await response.write(part)
    return response


async def _arriving(control: Control, guild: Guild, application: Application) -> AsyncGenerator[Packet]:
    """The packets of a bot from now on, over all its connections."""
    taken = {voice: len(voice.packets) for voice in control.discord.history(guild, application)}

    def new() -> list[Packet]:
        history = control.discord.history(guild, application)
        return [packet for voice in history for packet in voice.packets[taken.get(voice, 0) :]]

    while True:
        packets = await control.discord.until(new, timeout=math.inf)
        taken = {voice: len(voice.packets) for voice in control.discord.history(guild, application)}
        for packet in packets:
            yield packet


def _wav(packets: Sequence[Packet]) -> bytes:
    with tempfile.TemporaryDirectory(prefix="jeffbot-sandbox-") as folder:
        file = Path(folder) / "recording.wav"
        Recording(packets).write_wav(file)
        return file.read_bytes()
