"""Commands of every type, as Nextcord registers and hears them."""

import asyncio
import io
from collections.abc import Awaitable, Callable
from typing import Any

import nextcord
import pytest
from nextcord import Interaction
from nextcord.ext import commands

from jeffbot.sandbox import CommandHiddenError, File, InvalidOptionError, UnknownCommandError, UnusableComponentError
from jeffbot.sandbox.nextcord_host import make_bot, running

from ..clients import register, slash
from ..conftest import Cave

Ask = Interaction[commands.Bot]


def menu(bot: commands.Bot, kind: str, name: str) -> Callable[[Callable[..., Awaitable[None]]], object]:
    """``bot.user_command`` or ``bot.message_command``, with the types that Nextcord leaves out."""
    decorate: Any = getattr(bot, f"{kind}_command")(name=name)
    typed: Callable[[Callable[..., Awaitable[None]]], object] = decorate
    return typed


async def test_user_command(cave: Cave, bot: commands.Bot) -> None:
    """A command of a user's context menu gets the member it was used on."""

    @menu(bot, "user", "High Five")
    async def high_five(interaction: Ask, member: nextcord.Member) -> None:
        await interaction.send(f"{type(member).__name__} {member.name}")

    await register(bot)
    reply = await cave.alice.invoke_on(cave.app, cave.guild, "High Five", cave.alice)

    assert (reply.content, reply.message and reply.message.kind) == ("Member alice", 23)
    assert reply.message is not None
    assert reply.message.extra["interaction_metadata"]["target_user"]["id"] == str(cave.alice.id)
    with pytest.raises(UnknownCommandError):
        await cave.alice.invoke(cave.app, cave.guild, "High Five")


async def test_message_command(cave: Cave, bot: commands.Bot) -> None:
    """A command of a message's context menu gets the message, whose text it may see; the answer refers to it."""

    @menu(bot, "message", "Bookmark")
    async def bookmark(interaction: Ask, message: nextcord.Message) -> None:
        await interaction.send(f"{message.author.name}: {message.content}", ephemeral=True)

    await register(bot)
    said = await cave.alice.write(cave.guild, "hello")
    reply = await cave.alice.invoke_on(cave.app, cave.guild, "Bookmark", said)

    assert reply.content == "alice: hello"
    assert reply.message is not None
    assert reply.message.extra["message_reference"]["message_id"] == str(said.id)
    await cave.alice.delete(said)
    with pytest.raises(UnusableComponentError):
        await cave.alice.invoke_on(cave.app, cave.guild, "Bookmark", said)


async def test_attachment_option(cave: Cave, bot: commands.Bot) -> None:
    """The bot can fetch the file that a person hands it."""

    @slash(bot, "Adds a sound")
    async def add(interaction: Ask, sound: nextcord.Attachment) -> None:
        await interaction.send(f"{sound.filename} {sound.content_type} {(await sound.read()).decode()}")

    await register(bot)
    reply = await cave.alice.invoke(cave.app, cave.guild, "add", sound=File("my horn!.mp3", b"ID3 and so on"))

    assert reply.content == "my_horn_.mp3 audio/mpeg ID3 and so on"


async def test_mentionable_and_channel_options(cave: Cave, bot: commands.Bot) -> None:
    """Members, roles and channels come as what they are."""
    role = cave.guild.add_role("DJ")

    voice: Any = nextcord.SlashOption(channel_types=[nextcord.ChannelType.voice])

    @slash(bot, "Shows")
    async def show(interaction: Ask, who: nextcord.Mentionable, channel: nextcord.abc.GuildChannel = voice) -> None:
        await interaction.send(f"{type(channel).__name__} {type(who).__name__}")

    await register(bot)
    reply = await cave.alice.invoke(cave.app, cave.guild, "show", channel=cave.general, who=role)
    again = await cave.alice.invoke(cave.app, cave.guild, "show", channel=cave.general, who=cave.alice)

    assert (reply.content, again.content) == ("VoiceChannel Role", "VoiceChannel Member")
    with pytest.raises(InvalidOptionError):
        await cave.alice.invoke(cave.app, cave.guild, "show", channel=cave.guild.text_channel, who=role)


@pytest.mark.parametrize(
    "options",
    [{"times": 0}, {"times": 11}, {"times": True}, {"times": 1.5}, {"name": "x"}, {"name": "x" * 6}, {"share": 2.0}],
)
async def test_bounds(cave: Cave, bot: commands.Bot, options: dict[str, Any]) -> None:
    """The client keeps to the bounds of numbers and lengths."""

    @slash(bot, "Plays")
    async def play(
        interaction: Ask,
        times: int = nextcord.SlashOption(default=1, min_value=1, max_value=10),
        name: str = nextcord.SlashOption(default="horn", min_length=2, max_length=5),
        share: float = nextcord.SlashOption(default=1.0, max_value=1.0),
    ) -> None:
        await interaction.send(f"{times} {name} {share}")

    await register(bot)

    assert (await cave.alice.invoke(cave.app, cave.guild, "play", times=10, share=0)).content == "10 horn 0.0"
    with pytest.raises(InvalidOptionError):
        await cave.alice.invoke(cave.app, cave.guild, "play", **options)


async def test_locale(cave: Cave, bot: commands.Bot) -> None:
    """Names are in the person's language, by which the command is found; the bot is told the language."""
    cave.alice.locale = "de"
    cave.guild.change(preferred_locale="fr")

    @slash(bot, "Greets", name_localizations={nextcord.Locale.de: "gruß"})
    async def greet(
        interaction: Ask,
        who: str = nextcord.SlashOption(name_localizations={nextcord.Locale.de: "wen"}),
    ) -> None:
        await interaction.send(f"{who} {interaction.locale} {interaction.guild_locale}")

    await register(bot)

    assert cave.alice.commands(cave.app, cave.guild) == ["gruß"]
    assert (await cave.alice.invoke(cave.app, cave.guild, "gruß", wen="bob")).content == "bob de fr"
    assert (await cave.alice.invoke(cave.app, cave.guild, "greet", who="bob")).content == "bob de fr"
    cave.alice.locale = "en-GB"
    assert cave.alice.commands(cave.app, cave.guild) == ["greet"]


async def test_chat_of_a_voice_channel(cave: Cave, bot: commands.Bot) -> None:
    """A command may be used in any channel; its public answer appears there."""

    @slash(bot, "Where")
    async def where(interaction: Ask) -> None:
        await interaction.send(str(interaction.channel))

    await register(bot)
    reply = await cave.alice.invoke(cave.app, cave.general, "where")

    assert reply.content == "General"
    assert cave.general.messages == [reply.message]


async def test_direct_message(cave: Cave, bot: commands.Bot) -> None:
    """In the private channel there is no guild and no member; commands of a guild, or for guilds only, are hidden."""

    @slash(bot, "Who")
    async def who(interaction: Ask) -> None:
        await interaction.send(f"{interaction.guild} {type(interaction.user).__name__}")

    @slash(bot, "Here", contexts=[nextcord.InteractionContextType.guild])
    async def here(interaction: Ask) -> None:
        raise NotImplementedError

    @slash(bot, "Ours", guild_ids=[cave.guild.id])
    async def ours(interaction: Ask) -> None:
        raise NotImplementedError

    await register(bot)
    direct = cave.alice.direct(cave.app)
    reply = await cave.alice.invoke(cave.app, direct, "who")

    assert (reply.content, direct.messages) == ("None User", [reply.message])
    assert cave.alice.commands(cave.app, direct) == ["who"]
    assert set(cave.alice.commands(cave.app, cave.guild)) == {"who", "here", "ours"}
    with pytest.raises(CommandHiddenError):
        await cave.alice.invoke(cave.app, direct, "here")
    with pytest.raises(UnknownCommandError):
        await cave.discord.add_user("stranger").invoke(cave.app, direct, "who")


async def test_files(cave: Cave, bot: commands.Bot) -> None:
    """Files in answers and follow-ups are kept; an edit says which of them stay."""

    def file(name: str) -> nextcord.File:
        return nextcord.File(io.BytesIO(name.encode()), filename=name, description=f"about {name}")

    @slash(bot, "Sends")
    async def send(interaction: Ask) -> None:
        message = await interaction.send("files", files=[file("a.txt"), file("b.txt")])
        await interaction.followup.send(file=file("c.txt"), ephemeral=True)
        shown = await interaction.original_message()
        await message.edit(attachments=[shown.attachments[1]], file=file("d.txt"))

    await register(bot)
    reply = await cave.alice.invoke(cave.app, cave.guild, "send")
    await cave.discord.until(lambda: reply.edits and reply.followups)

    assert [(each["filename"], each["description"]) for each in reply.attachments] == [
        ("b.txt", "about b.txt"),
        ("d.txt", "about d.txt"),
    ]
    assert [cave.discord.attachments.data(each) for each in reply.attachments] == [b"b.txt", b"d.txt"]
    (followup,) = reply.followups
    assert (followup.attachments[0]["ephemeral"], cave.discord.attachments.data(followup.attachments[0])) == (
        True,
        b"c.txt",
    )


async def test_picture_in_an_embed(cave: Cave, bot: commands.Bot) -> None:
    """An embed shows a file of its message by the file's address."""

    @slash(bot, "Shows")
    async def picture(interaction: Ask) -> None:
        embed = nextcord.Embed(title="look").set_image(url="attachment://a.png")
        await interaction.send(embed=embed, file=nextcord.File(io.BytesIO(b"PNG"), filename="a.png"))

    await register(bot)
    reply = await cave.alice.invoke(cave.app, cave.guild, "picture")

    assert reply.embeds[0]["image"]["url"] == reply.attachments[0]["url"]


async def test_public_answer(cave: Cave, bot: commands.Bot) -> None:
    """What all can see is in the channel; what one person sees is not."""

    @slash(bot, "Answers")
    async def answer(interaction: Ask, eyes: str) -> None:
        await interaction.send(eyes, ephemeral=eyes == "mine")

    await register(bot)
    hidden = await cave.alice.invoke(cave.app, cave.guild, "answer", eyes="mine")
    shown = await cave.alice.invoke(cave.app, cave.guild, "answer", eyes="all")

    assert (hidden.content, shown.content) == ("mine", "all")
    assert cave.discord.messages(cave.guild) == [shown.message]
    assert shown.message is not None
    assert shown.message.extra["interaction"]["name"] == "answer"


async def test_own_ephemeral_answer(cave: Cave) -> None:
    """A bot is told of what it said to one person alone as of a direct message, and when that is deleted."""
    told: asyncio.Queue[str] = asyncio.Queue()
    intents = nextcord.Intents(guilds=True, dm_messages=True)
    async with running(cave.discord, cave.app, make_bot(cave.discord, intents=intents)) as bot:

        @bot.listen("on_message")
        async def on_message(message: nextcord.Message) -> None:
            told.put_nowait(message.content)

        @bot.listen("on_raw_message_delete")
        async def on_raw_message_delete(_: nextcord.RawMessageDeleteEvent) -> None:
            told.put_nowait("gone")

        @slash(bot, "Answers")
        async def answer(interaction: Ask) -> None:
            await (await interaction.send("psst", ephemeral=True)).delete()

        await register(bot)
        await cave.alice.invoke(cave.app, cave.guild, "answer")
        async with asyncio.timeout(5):
            assert [await told.get(), await told.get()] == ["psst", "gone"]


async def test_deferral(cave: Cave, bot: commands.Bot) -> None:
    """While it thinks there is a message that is loading; it becomes the answer without being marked as edited."""
    go_on = asyncio.Event()

    @slash(bot, "Thinks")
    async def think(interaction: Ask) -> None:
        await interaction.response.defer()
        await go_on.wait()
        await interaction.edit_original_message(content="thought")

    await register(bot)
    waiting = asyncio.ensure_future(cave.alice.invoke(cave.app, cave.guild, "think"))
    (loading,) = await cave.discord.until(lambda: cave.discord.messages(cave.guild))
    assert (loading.flags, loading.content) == (128, "")
    go_on.set()
    reply = await waiting

    assert reply.message is loading
    assert (reply.content, loading.flags, loading.edited) == ("thought", 0, None)


async def test_deferral_taken_back(cave: Cave, bot: commands.Bot) -> None:
    """A bot may delete its "… is thinking" instead of answering: then there is nothing to wait for."""

    @slash(bot, "Thinks")
    async def think(interaction: Ask) -> None:
        await interaction.response.defer()
        await interaction.delete_original_message()

    await register(bot)
    reply = await cave.alice.invoke(cave.app, cave.guild, "think")

    assert (reply.deferred, reply.message, cave.discord.messages(cave.guild)) == (True, None, [])


async def test_deferred_ephemerally(cave: Cave, bot: commands.Bot) -> None:
    """What follows a deferral is for the eyes that the deferral has chosen, whatever it says itself."""

    @slash(bot, "Thinks")
    async def think(interaction: Ask, eyes: str) -> None:
        await interaction.response.defer(ephemeral=eyes == "mine")
        await interaction.followup.send("thought", ephemeral=eyes == "all")

    await register(bot)
    for eyes, hidden in (("mine", True), ("all", False)):
        reply = await cave.alice.invoke(cave.app, cave.guild, "think", eyes=eyes)
        assert reply.message is not None
        assert (reply.ephemeral, bool(reply.message.flags & 64)) == (hidden, hidden)
    assert cave.discord.messages(cave.guild) == [reply.message]


async def test_commands_are_left_alone(cave: Cave, bot: commands.Bot) -> None:
    """What Nextcord finds registered as it would register it, it does not register again."""

    @slash(bot, "Plays", name_localizations={nextcord.Locale.de: "spiele"}, nsfw=False)
    async def play(
        interaction: Ask, sound: str, times: int = nextcord.SlashOption(required=False, min_value=1, choices=[1, 2])
    ) -> None:
        raise NotImplementedError

    await register(bot)
    (before,) = cave.app.commands.everywhere()
    await bot.sync_all_application_commands()

    assert cave.app.commands.everywhere() == [before]
