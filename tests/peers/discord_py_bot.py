"""A bot on discord.py: /tone joins the caller's voice channel and plays there."""

# mypy: ignore-errors
import discord
from discord.ext import commands
from discord.http import Route
from discord.oggparse import OggStream
from driver import API, TOKEN, begin, tell, tone_packets

Route.BASE = API
bot = commands.AutoShardedBot(commands.when_mentioned, intents=discord.Intents(guilds=True, voice_states=True))


class Tone(discord.AudioSource):
    """The packets of the file as they are."""

    def __init__(self) -> None:
        self._packets = tone_packets(OggStream)

    def read(self) -> bytes:
        return next(self._packets, b"")

    def is_opus(self) -> bool:
        return True


@bot.tree.command()
async def tone(interaction: discord.Interaction) -> None:
    """Plays a tone."""
    await interaction.response.defer()
    voice = interaction.guild.voice_client or await interaction.user.voice.channel.connect()
    voice.play(Tone(), after=lambda error: tell("played", error=error and repr(error)))
    await interaction.followup.send("playing")


@bot.event
async def setup_hook() -> None:
    await bot.tree.sync()


@bot.event
async def on_ready() -> None:
    tell("ready")


@bot.event
async def on_resumed() -> None:
    tell("resumed")


begin(f"discord.py {discord.__version__}", bot)
bot.run(TOKEN, log_handler=None)
