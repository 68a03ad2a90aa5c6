"""A bot with a soundboard: DISCORD_TOKEN=… python examples/host_bot.py."""

import os

import nextcord
from nextcord.ext import commands

from jeffbot import SoundboardError

bot = commands.Bot(intents=nextcord.Intents(guilds=True, voice_states=True))
bot.load_extension("jeffbot.cogs.sound")


@bot.slash_command(description="Play the airhorn where you are")
async def horn(interaction: nextcord.Interaction[commands.Bot]) -> None:
    """Any command of yours can play, too."""
    await interaction.response.defer(ephemeral=True)
    try:
        await bot.get_cog("Sound").service.play(interaction.user.id, "airhorn")
        await interaction.send("Toot!")
    except SoundboardError as error:
        await interaction.send(str(error))


bot.run(os.environ["DISCORD_TOKEN"])
