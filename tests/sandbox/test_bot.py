"""Nextcord as it is: logging in, commands, answers."""

import asyncio
from typing import Any

import nextcord
import pytest
from nextcord import Interaction
from nextcord.ext import commands

from jeffbot.sandbox import (
    CommandHiddenError,
    Intents,
    InvalidOptionError,
    NoReplyError,
    Options,
    Sandbox,
    UnknownCommandError,
)
from jeffbot.sandbox.nextcord_host import make_bot, pointed_at, running

from .clients import register, slash
from .conftest import Cave


async def test_log_in(cave: Cave, bot: commands.Bot) -> None:
    """The bot is who the token says, and sees its guild with its channels."""
    assert bot.user is not None
    assert bot.user.id == cave.app.id
    assert [guild.name for guild in bot.guilds] == ["Cave"]
    assert bot.get_channel(cave.general.id) is not None


async def test_wrong_token(discord: Sandbox) -> None:
    """A token nobody was given is refused as at Discord."""
    bot = make_bot(discord)
    with pointed_at(discord), pytest.raises(nextcord.LoginFailure):
        await bot.start("wrong")
    await bot.close()


async def test_command(cave: Cave, bot: commands.Bot) -> None:
    """A command is registered, used with typed options, and answered for one person's eyes."""

    @slash(bot, "Greets")
    async def greet(interaction: Interaction[commands.Bot], who: nextcord.Member, times: int) -> None:
        await interaction.send(f"hello {who.name} {times}", ephemeral=True)

    await register(bot)
    reply = await cave.alice.invoke(cave.app, cave.guild, "greet", who=cave.alice, times=3)

    assert (reply.content, reply.ephemeral, reply.deferred) == ("hello alice 3", True, False)


async def test_subcommand_and_embed(cave: Cave, bot: commands.Bot) -> None:
    """A subcommand is reached by its words."""

    @slash(bot, "Sounds")
    async def sound(interaction: Interaction[commands.Bot]) -> None:
        raise NotImplementedError

    async def show(interaction: Interaction[commands.Bot]) -> None:
        await interaction.send(embed=nextcord.Embed(title="All sounds"))

    sound.subcommand(name="list", description="Lists")(show)
    await register(bot)

    assert (await cave.alice.invoke(cave.app, cave.guild, "sound list")).embeds[0]["title"] == "All sounds"
    with pytest.raises(UnknownCommandError):
        await cave.alice.invoke(cave.app, cave.guild, "sound")


async def test_guild_command(cave: Cave, bot: commands.Bot) -> None:
    """A command of one guild is unknown in another."""
    other = cave.discord.add_guild("Other", members=[cave.alice], applications=[cave.app])

    @slash(bot, "Here", guild_ids=[cave.guild.id])
    async def here(interaction: Interaction[commands.Bot]) -> None:
        await interaction.send("here")

    await register(bot)

    assert (await cave.alice.invoke(cave.app, cave.guild, "here")).content == "here"
    with pytest.raises(UnknownCommandError):
        await cave.alice.invoke(cave.app, other, "here")


async def test_autocomplete(cave: Cave, bot: commands.Bot) -> None:
    """What is typed reaches the bot, and its choices come back."""

    @slash(bot, "Plays")
    async def play(interaction: Interaction[commands.Bot], sound: str) -> None:
        raise NotImplementedError

    async def complete(interaction: Interaction[commands.Bot], sound: str) -> None:
        await interaction.response.send_autocomplete({f"{sound} horn": "airhorn.mp3"})

    play.on_autocomplete("sound")(complete)
    await register(bot)
    choices = await cave.alice.autocomplete(cave.app, cave.guild, "play", "sound", "air")

    assert choices == [{"name": "air horn", "value": "airhorn.mp3"}]


async def test_deferred(cave: Cave, bot: commands.Bot) -> None:
    """The first message after a deferral is the answer; further ones, and edits, are kept apart."""

    @slash(bot, "Thinks")
    async def think(interaction: Interaction[commands.Bot]) -> None:
        await interaction.response.defer(ephemeral=True)
        await interaction.send("thought")
        await interaction.followup.send("more")
        await interaction.edit_original_message(content="thought again")

    await register(bot)
    reply = await cave.alice.invoke(cave.app, cave.guild, "think")
    await cave.discord.until(lambda: reply.edits)

    assert (reply.deferred, reply.ephemeral, reply.content) == (True, True, "thought again")
    assert [message.content for message in reply.followups] == ["more"]


async def test_button(cave: Cave, bot: commands.Bot) -> None:
    """A pressed button changes the message it is on."""

    class Board(nextcord.ui.View):
        @nextcord.ui.button(label="Horn", custom_id="horn")
        async def press(self, _: nextcord.ui.Button["Board"], interaction: Interaction[commands.Bot]) -> None:
            await interaction.response.edit_message(content="pressed")

    @slash(bot, "Shows")
    async def board(interaction: Interaction[commands.Bot]) -> None:
        await interaction.send("board", view=Board())

    await register(bot)
    shown = await cave.alice.invoke(cave.app, cave.guild, "board")
    assert shown.message is not None
    pressed = await cave.alice.press(shown.message, "horn")

    assert (shown.content, pressed.content) == ("pressed", "pressed")


async def test_no_answer(cave: Cave, bot: commands.Bot) -> None:
    """A bot that is too slow has not answered, and is told that the interaction is unknown."""
    cave.discord.options.interaction_deadline = 0.1
    refused: asyncio.Future[int] = asyncio.get_running_loop().create_future()
    waited = asyncio.Event()

    @slash(bot, "Sleeps")
    async def sleep(interaction: Interaction[commands.Bot]) -> None:
        await waited.wait()
        try:
            await interaction.send("late")
        except nextcord.NotFound as error:
            refused.set_result(error.code)

    await register(bot)
    with pytest.raises(NoReplyError):
        await cave.alice.invoke(cave.app, cave.guild, "sleep")
    waited.set()

    assert await asyncio.wait_for(refused, 5) == 10062


async def test_client_side_refusals(cave: Cave, bot: commands.Bot) -> None:
    """What a person's Discord would not send is not sent."""

    @slash(bot, "Plays")
    async def play(
        interaction: Interaction[commands.Bot], sound: str, mode: str = nextcord.SlashOption(choices=["now", "later"])
    ) -> None:
        raise NotImplementedError

    @slash(bot, "Rules", default_member_permissions=nextcord.Permissions(manage_guild=True))
    async def rule(interaction: Interaction[commands.Bot]) -> None:
        await interaction.send("ruled")

    await register(bot)
    wrong: list[dict[str, Any]] = [{}, {"sound": 1}, {"sound": "a", "volume": 1}, {"sound": "a", "mode": "never"}]
    for options in wrong:
        with pytest.raises(InvalidOptionError):
            await cave.alice.invoke(cave.app, cave.guild, "play", **options)
    with pytest.raises(CommandHiddenError):
        await cave.alice.invoke(cave.app, cave.guild, "rule")


async def test_posts(cave: Cave, bot: commands.Bot) -> None:
    """What a bot posts by itself is kept."""
    channel = bot.get_channel(cave.guild.text_channel.id)
    assert isinstance(channel, nextcord.TextChannel)
    await channel.send("good morning")

    assert [message.content for message in cave.discord.messages(cave.guild)] == ["good morning"]


async def test_guild_joined_later(cave: Cave, bot: commands.Bot) -> None:
    """A guild, and a channel in it, that come to be after the login are shown to the bot."""
    joined = bot.wait_for("guild_join", timeout=5)
    made = bot.wait_for("guild_channel_create", timeout=5)
    guild = cave.discord.add_guild("New", applications=[cave.app])
    guild.add_voice_channel("Deep")

    assert (await joined).id == guild.id
    assert (await made).name == "Deep"


async def test_members_come_and_go(cave: Cave, bot: commands.Bot) -> None:
    """The bot sees who is in voice: before it logged in, and as they move."""
    below = cave.guild.add_voice_channel("Below")
    seen: asyncio.Queue[str | None] = asyncio.Queue()

    @bot.listen()
    async def on_voice_state_update(_: object, __: object, after: nextcord.VoiceState) -> None:
        await seen.put(after.channel.name if after.channel else None)

    await cave.alice.join(cave.general)
    await cave.alice.join(below)
    await cave.alice.leave()

    assert [await asyncio.wait_for(seen.get(), 5) for _ in range(3)] == ["General", "Below", None]


async def test_members_already_in_voice(cave: Cave) -> None:
    """Who was in voice before the bot came is in GUILD_CREATE."""
    await cave.alice.join(cave.general)
    bot = make_bot(cave.discord, guild_ready_timeout=0.05)
    async with running(cave.discord, cave.app, bot):
        channel = bot.get_channel(cave.general.id)
        assert isinstance(channel, nextcord.VoiceChannel)
        assert list(channel.voice_states) == [cave.alice.id]


async def test_member_chunks() -> None:
    """With the members intent Nextcord asks for all members, and gets them."""
    async with Sandbox(options=Options()) as discord:
        app = discord.add_application("jeffbot", privileged=Intents.GUILD_MEMBERS)
        discord.add_guild("Cave", members=[discord.add_user("bob")], applications=[app])
        bot = make_bot(discord, intents=nextcord.Intents(guilds=True, members=True), guild_ready_timeout=0.05)
        async with running(discord, app, bot):
            assert {member.name for member in bot.guilds[0].members} == {"bob", "jeffbot", "owner of Cave"}
