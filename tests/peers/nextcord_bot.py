"""A bot on nextcord: /tone joins the caller's voice channel and plays there."""

# mypy: ignore-errors
import nextcord
from driver import API, TOKEN, begin, tell, tone_packets
from nextcord.ext import commands
from nextcord.http import Route
from nextcord.oggparse import OggStream

Route.BASE = API
bot = commands.Bot(intents=nextcord.Intents(guilds=True, voice_states=True))


class Tone(nextcord.AudioSource):
    """The packets of the file as they are."""

    def __init__(self) -> None:
        self._packets = tone_packets(OggStream)

    def read(self) -> bytes:
        return next(self._packets, b"")

    def is_opus(self) -> bool:
        return True


@bot.slash_command()
async def tone(interaction: nextcord.Interaction) -> None:
    """Plays a tone."""
    await interaction.response.defer()
    voice = interaction.guild.voice_client or await interaction.user.voice.channel.connect()
    voice.play(Tone(), after=lambda error: tell("played", error=error and repr(error)))
    await interaction.followup.send("playing")


@bot.event
async def on_ready() -> None:
    tell("ready")


@bot.event
async def on_resumed() -> None:
    tell("resumed")


begin(f"nextcord {nextcord.__version__}", bot)
bot.run(TOKEN)
