"""A bot with a soundboard: DISCORD_TOKEN=… python examples/host_bot.py."""

import logging
import os

import nextcord
from nextcord.ext import commands

logging.basicConfig(level=logging.INFO)

bot = commands.Bot(intents=nextcord.Intents(guilds=True, voice_states=True))
bot.load_extension("jeffbot.cogs.sound")


@bot.slash_command(description="Play the airhorn where you are")
async def horn(interaction: nextcord.Interaction[commands.Bot]) -> None:
    """Any cog or command of yours can play, too."""
    await bot.get_cog("Sound").service.play(interaction.user.id, "airhorn")
    await interaction.send("Toot!", ephemeral=True)


bot.run(os.environ["DISCORD_TOKEN"])
