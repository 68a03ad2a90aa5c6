"""A bot on disnake: /tone joins the caller's voice channel and plays there."""

# mypy: ignore-errors
import disnake
from disnake.ext import commands
from disnake.http import Route
from disnake.oggparse import OggStream
from driver import API, TOKEN, begin, tell, tone_packets

Route.BASE = API
bot = commands.InteractionBot(intents=disnake.Intents(guilds=True, voice_states=True))


class Tone(disnake.AudioSource):
    """The packets of the file as they are."""

    def __init__(self) -> None:
        self._packets = tone_packets(OggStream)

    def read(self) -> bytes:
        return next(self._packets, b"")

    def is_opus(self) -> bool:
        return True


@bot.slash_command()
async def tone(inter: disnake.ApplicationCommandInteraction) -> None:
    """Plays a tone."""
    await inter.response.defer()
    voice = inter.guild.voice_client or await inter.author.voice.channel.connect()
    voice.play(Tone(), after=lambda error: tell("played", error=error and repr(error)))
    await inter.followup.send("playing")


@bot.event
async def on_ready() -> None:
    tell("ready")


@bot.event
async def on_resumed() -> None:
    tell("resumed")


begin(f"disnake {disnake.__version__}", bot)
bot.run(TOKEN)
