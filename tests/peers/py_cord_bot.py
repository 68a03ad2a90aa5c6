"""A bot on py-cord: /tone joins the caller's voice channel and plays there."""

# mypy: ignore-errors
import discord
from discord.http import Route
from discord.oggparse import OggStream
from driver import API, TOKEN, begin, tell, tone_packets

Route.API_BASE_URL = API
bot = discord.Bot(intents=discord.Intents(guilds=True, voice_states=True))


class Tone(discord.AudioSource):
    """The packets of the file as they are."""

    def __init__(self) -> None:
        self._packets = tone_packets(OggStream)

    def read(self) -> bytes:
        return next(self._packets, b"")

    def is_opus(self) -> bool:
        return True


@bot.slash_command()
async def tone(ctx: discord.ApplicationContext) -> None:
    """Plays a tone."""
    await ctx.defer()
    voice = ctx.voice_client or await ctx.author.voice.channel.connect()
    voice.play(Tone(), after=lambda error: tell("played", error=error and repr(error)))
    await ctx.followup.send("playing")


@bot.event
async def on_ready() -> None:
    tell("ready")


@bot.event
async def on_resumed() -> None:
    tell("resumed")


begin(f"py-cord {discord.__version__}", bot)
bot.run(TOKEN)
