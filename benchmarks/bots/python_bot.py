"""A bot on nextcord or discord.py, whichever ``BENCH_LIBRARY`` names, used as their own examples do."""

# mypy: ignore-errors
# ruff: noqa: ANN001, ANN201, ANN204, ASYNC240, D102 - two libraries in one program: no checker knows which
import asyncio
import importlib
import io
import itertools
import os
import platform
from pathlib import Path

from wishes import API, TOKEN, begin_each, serve, tell

NAME = os.environ["BENCH_LIBRARY"]
library = importlib.import_module(NAME)
importlib.import_module(f"{NAME}.http").Route.BASE = API
OggStream = importlib.import_module(f"{NAME}.oggparse").OggStream
library.opus.load_opus(os.environ["BENCH_LIBOPUS"])
FFMPEG = os.environ["BENCH_FFMPEG"]
UNLIMITED = 100_000
"""Messages to the gateway in a minute; the library's own limit would spread 200 joins over two of them."""
HEADER_PACKETS = 2
"""RFC 7845, section 3: the identification and the comment header come before the sound."""

Client = library.Client if NAME == "nextcord" else library.AutoShardedClient  # discord.py asks where for shards alone
bot = Client(intents=library.Intents(guilds=True, voice_states=True), guild_ready_timeout=0.1)
voices = []


class Packets(library.AudioSource):
    """Opus packets in memory: the best these libraries can do, for they bring no such source."""

    def __init__(self, packets):
        self._packets = iter(packets)

    def read(self):
        return next(self._packets, b"")

    def is_opus(self):
        return True


async def join(channels):
    """Join voice channels, beside those joined before."""
    if NAME == "nextcord":
        bot.ws._rate_limiter.remaining = bot.ws._rate_limiter.max = UNLIMITED
        bot.http._HTTPClient__session.connector._limit = (
            UNLIMITED  # aiohttp's default of 100 lets Nextcord's 100th join wait for ever
        )
    voices.extend([await bot.get_channel(channel).connect() for channel in channels])


async def leave():
    """Leave them all."""
    while voices:
        await voices.pop().disconnect(force=True)


def play(source, file):
    """Play a file in the channel joined first, in place of what plays there."""
    if voices[0].is_playing():
        voices[0].stop()
    kind = library.FFmpegPCMAudio if source == "FFmpegPCMAudio" else library.FFmpegOpusAudio
    voices[0].play(kind(file, executable=FFMPEG))


async def join_and_play(channel, source, file):
    """A first press: join, then play."""
    await join([channel])
    play(source, file)


def stop():
    """End what plays, everywhere."""
    for voice in voices:
        voice.stop()


async def start(file, streams, seconds):
    """Play an Ogg Opus file from memory in so many channels; they begin within some seconds."""
    stream = OggStream(io.BytesIO(Path(file).read_bytes()))
    packets = list(itertools.islice(stream.iter_packets(), HEADER_PACKETS, None))
    await begin_each([lambda voice=voice: voice.play(Packets(packets)) for voice in voices[:streams]], seconds)


@bot.event
async def on_ready():
    """Take wishes."""
    tell(
        "ready",
        versions=f"{NAME if NAME == 'nextcord' else 'discord.py'} {library.__version__}, "
        f"Python {platform.python_version()}",
    )
    bot.serving = asyncio.create_task(
        serve(
            {"join": join, "leave": leave, "join_and_play": join_and_play, "play": play, "stop": stop, "start": start}
        )
    )


bot.run(TOKEN)
