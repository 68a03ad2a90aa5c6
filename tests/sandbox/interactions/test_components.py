"""Buttons and menus of Nextcord's views, as a person uses them."""

from collections.abc import Callable
from typing import Any

import nextcord
import pytest
from nextcord import Interaction
from nextcord.ext import commands

from jeffbot.sandbox import InvalidOptionError, Message, NoReplyError, UnusableComponentError

from ..clients import register, slash
from ..conftest import Cave

Ask = Interaction[commands.Bot]


async def show(cave: Cave, bot: commands.Bot, make_view: Callable[[], nextcord.ui.View], **options: Any) -> Message:
    """Have the bot answer a command with a view, and look at it."""

    @slash(bot, "Shows")
    async def board(interaction: Ask) -> None:
        await interaction.send("board", view=make_view(), **options)

    await register(bot)
    reply = await cave.alice.invoke(cave.app, cave.guild, "board")
    assert reply.message is not None
    return reply.message


class Buttons(nextcord.ui.View):
    def __init__(self) -> None:
        super().__init__()
        self.add_item(nextcord.ui.Button(label="Docs", url="https://example.com"))

    @nextcord.ui.button(label="Horn", custom_id="horn")
    async def horn(self, _: nextcord.ui.Button["Buttons"], interaction: Ask) -> None:
        await interaction.response.edit_message(content="pressed")

    @nextcord.ui.button(label="Off", custom_id="off", disabled=True)
    async def off(self, _: nextcord.ui.Button["Buttons"], interaction: Ask) -> None:
        raise NotImplementedError

    @nextcord.ui.button(label="Mine", custom_id="mine")
    async def mine(self, _: nextcord.ui.Button["Buttons"], interaction: Ask) -> None:
        await interaction.send("for you", ephemeral=True)

    @nextcord.ui.button(label="Later", custom_id="later")
    async def later(self, _: nextcord.ui.Button["Buttons"], interaction: Ask) -> None:
        await interaction.response.defer()
        await interaction.edit_original_message(content="later")


async def test_update(cave: Cave, bot: commands.Bot) -> None:
    """A press may change the message that the button is on; it can be named by what is written on it."""
    board = await show(cave, bot, Buttons)
    pressed = await cave.alice.press(board, "Horn")

    assert pressed.message is board
    assert (board.content, pressed.edits[0]["content"]) == ("pressed", "pressed")
    assert cave.discord.messages(cave.guild) == [board]


async def test_answer_to_a_press(cave: Cave, bot: commands.Bot) -> None:
    """An answer to a press is a message of its own that refers to the one with the button."""
    board = await show(cave, bot, Buttons)
    answered = await cave.alice.press(board, "mine")

    assert (answered.content, answered.ephemeral, board.content) == ("for you", True, "board")
    assert answered.message is not None
    assert answered.message.kind == 19
    assert answered.message.extra["message_reference"]["message_id"] == str(board.id)
    assert answered.message.extra["interaction_metadata"]["interacted_message_id"] == str(board.id)
    assert cave.discord.messages(cave.guild) == [board]


async def test_deferred_update(cave: Cave, bot: commands.Bot) -> None:
    """After a deferral without "… is thinking", editing the original changes the message with the button."""
    board = await show(cave, bot, Buttons)
    reply = await cave.alice.press(board, "later")
    await cave.discord.until(lambda: reply.edits)

    assert (reply.deferred, board.content) == (False, "later")


@pytest.mark.parametrize("button", ["off", "Docs", "nothing"])
async def test_dead_buttons(cave: Cave, bot: commands.Bot, button: str) -> None:
    """A disabled button, a link, and one that is not there send nothing."""
    board = await show(cave, bot, Buttons)

    with pytest.raises(UnusableComponentError):
        await cave.alice.press(board, button)


async def test_message_gone(cave: Cave, bot: commands.Bot) -> None:
    """The buttons of a deleted message are gone with it."""
    board = await show(cave, bot, Buttons)
    cave.discord.world.delete_message(board)

    with pytest.raises(UnusableComponentError):
        await cave.alice.press(board, "horn")


async def test_ephemeral_message(cave: Cave, bot: commands.Bot) -> None:
    """The buttons of an ephemeral message work, for the one person who sees it."""
    bob = cave.discord.add_user("bob")
    cave.guild.add_member(bob)
    board = await show(cave, bot, Buttons, ephemeral=True)

    with pytest.raises(UnusableComponentError):
        await bob.press(board, "horn")
    assert (await cave.alice.press(board, "horn")).ephemeral
    assert board.content == "pressed"
    assert cave.discord.messages(cave.guild) == []


async def test_unseen_message(cave: Cave, bot: commands.Bot) -> None:
    """Who is not in the guild sees none of its messages."""
    board = await show(cave, bot, Buttons)

    with pytest.raises(UnusableComponentError):
        await cave.discord.add_user("stranger").press(board, "horn")


async def test_unanswered_press(cave: Cave, bot: commands.Bot) -> None:
    """A button that the bot knows nothing of any more: "This interaction failed"."""
    cave.discord.options.interaction_deadline = 0.1

    def forgotten() -> nextcord.ui.View:
        view = Buttons()
        view.stop()
        return view

    board = await show(cave, bot, forgotten)

    with pytest.raises(NoReplyError):
        await cave.alice.press(board, "horn")


class Menus(nextcord.ui.View):
    @nextcord.ui.string_select(
        custom_id="sounds",
        placeholder="Which?",
        min_values=1,
        max_values=2,
        options=[nextcord.SelectOption(label=label, value=label.lower()) for label in ("Horn", "Drum", "Bell")],
    )
    async def sounds(self, menu: nextcord.ui.StringSelect["Menus"], interaction: Ask) -> None:
        await interaction.send(",".join(menu.values))

    @nextcord.ui.user_select(custom_id="users")
    async def users(self, menu: nextcord.ui.UserSelect["Menus"], interaction: Ask) -> None:
        await interaction.send(",".join(type(user).__name__ + user.name for user in menu.values))

    @nextcord.ui.role_select(custom_id="roles")
    async def roles(self, menu: nextcord.ui.RoleSelect["Menus"], interaction: Ask) -> None:
        await interaction.send(",".join(role.name for role in menu.values))

    @nextcord.ui.mentionable_select(custom_id="mentionables", max_values=2)
    async def mentionables(self, menu: nextcord.ui.MentionableSelect["Menus"], interaction: Ask) -> None:
        await interaction.send(",".join(sorted(thing.name for thing in menu.values)))

    @nextcord.ui.channel_select(custom_id="channels", channel_types=[nextcord.ChannelType.voice])
    async def channels(self, menu: nextcord.ui.ChannelSelect["Menus"], interaction: Ask) -> None:
        await interaction.send(",".join(channel.name for channel in menu.values))


async def test_selects(cave: Cave, bot: commands.Bot) -> None:
    """All five menus tell the bot what was chosen, by values, labels or as things of the guild."""
    board, role = await show(cave, bot, Menus), cave.guild.add_role("DJ")

    assert (await cave.alice.select(board, "sounds", "bell", "Drum")).content == "bell,drum"
    assert (await cave.alice.select(board, "Which?", "horn")).content == "horn"
    assert (await cave.alice.select(board, "users", cave.alice)).content == "Memberalice"
    assert (await cave.alice.select(board, "roles", role)).content == "DJ"
    assert (await cave.alice.select(board, "mentionables", role, cave.alice)).content == "DJ,alice"
    assert (await cave.alice.select(board, "channels", cave.general)).content == "General"


async def test_what_cannot_be_chosen(cave: Cave, bot: commands.Bot) -> None:
    """Too few, too many, or what is not offered is not sent."""
    board = await show(cave, bot, Menus)
    for menu, choices in (
        ("sounds", []),
        ("sounds", ["horn", "drum", "bell"]),
        ("sounds", ["gong"]),
        ("users", [cave.general]),
        ("roles", [cave.alice]),
        ("channels", [cave.guild.text_channel]),
    ):
        with pytest.raises(InvalidOptionError):
            await cave.alice.select(board, menu, *choices)
    with pytest.raises(UnusableComponentError):
        await cave.alice.select(board, "nothing", "horn")
    with pytest.raises(UnusableComponentError):
        await cave.alice.press(board, "sounds")


async def test_ids(cave: Cave, bot: commands.Bot) -> None:
    """Components that came without an id have been given one each."""
    board = await show(cave, bot, Buttons)
    row = board.components[0]

    assert [row["id"], *(button["id"] for button in row["components"])] == [1, 2, 3, 4, 5, 6]
