"""Modals: shown in answer to a command or a press, filled in, submitted."""

import asyncio
from typing import Any

import nextcord
import pytest
from nextcord import Interaction
from nextcord.ext import commands

from jeffbot.sandbox import File, InvalidOptionError, Modal, Reply
from jeffbot.sandbox.world.payloads import Json

from ..clients import RawClient, Socket, register, slash
from ..conftest import Cave

Ask = Interaction[commands.Bot]
COMMAND: Json = {"name": "form", "description": "Asks"}


class Form(nextcord.ui.Modal):
    def __init__(self) -> None:
        super().__init__("Name it", custom_id="form")
        self.name: nextcord.ui.TextInput[Any] = nextcord.ui.TextInput(
            "Name", custom_id="name", min_length=2, max_length=5
        )
        self.note: nextcord.ui.TextInput[Any] = nextcord.ui.TextInput(
            "Note", custom_id="note", required=False, default_value="none"
        )
        self.add_item(self.name)
        self.add_item(self.note)

    async def callback(self, interaction: Ask) -> None:
        await interaction.send(f"{self.name.value}, {self.note.value}")


async def opened(cave: Cave, bot: commands.Bot) -> Reply:
    """The reply to a command that shows the form."""

    @slash(bot, "Asks")
    async def ask(interaction: Ask) -> None:
        await interaction.response.send_modal(Form())

    await register(bot)
    return await cave.alice.invoke(cave.app, cave.guild, "ask")


async def test_submit(cave: Cave, bot: commands.Bot) -> None:
    """What is typed reaches the bot; what is left alone stays as it was preset."""
    modal = (await opened(cave, bot)).modal
    assert modal is not None
    submitted = await cave.alice.submit(modal, {"name": "horn"})

    assert (modal.title, submitted.content) == ("Name it", "horn, none")
    assert submitted.message is not None
    opener = submitted.message.extra["interaction_metadata"]["triggering_interaction_metadata"]
    assert opener["type"] == 2


@pytest.mark.parametrize("answers", [{}, {"name": "x"}, {"name": "too long"}, {"name": "horn", "other": "x"}])
async def test_what_cannot_be_submitted(cave: Cave, bot: commands.Bot, answers: dict[str, str]) -> None:
    """The client refuses too little, too much, and what is not asked for."""
    modal = (await opened(cave, bot)).modal
    assert modal is not None

    with pytest.raises(InvalidOptionError):
        await cave.alice.submit(modal, answers)


async def test_modal_of_a_button(cave: Cave, bot: commands.Bot) -> None:
    """A modal that a button has opened may change the button's message."""

    class Rename(Form):
        async def callback(self, interaction: Ask) -> None:
            await interaction.response.edit_message(content=self.name.value)

    class Board(nextcord.ui.View):
        @nextcord.ui.button(label="Rename", custom_id="rename")
        async def rename(self, _: nextcord.ui.Button["Board"], interaction: Ask) -> None:
            await interaction.response.send_modal(Rename())

    @slash(bot, "Shows")
    async def board(interaction: Ask) -> None:
        await interaction.send("board", view=Board())

    await register(bot)
    shown = await cave.alice.invoke(cave.app, cave.guild, "board")
    assert shown.message is not None
    pressed = await cave.alice.press(shown.message, "rename")
    assert pressed.modal is not None
    await cave.alice.submit(pressed.modal, {"name": "horn"})

    assert shown.content == "horn"


LABELLED: list[Json] = [
    {"type": 10, "content": "All of it"},
    {"type": 18, "label": "Text", "component": {"type": 4, "custom_id": "text", "style": 1, "required": False}},
    {"type": 18, "label": "Files", "component": {"type": 19, "custom_id": "files", "file_types": ["audio"]}},
    {"type": 18, "label": "Who", "component": {"type": 5, "custom_id": "who", "max_values": 2}},
]
CHOICES = [{"label": "One", "value": "1"}, {"label": "Two", "value": "2"}]
BOXES: list[Json] = [
    {"type": 18, "label": "Radio", "component": {"type": 21, "custom_id": "radio", "options": CHOICES}},
    {"type": 18, "label": "Boxes", "component": {"type": 22, "custom_id": "boxes", "options": CHOICES}},
    {"type": 18, "label": "Box", "component": {"type": 23, "custom_id": "box", "default": True}},
    {"type": 18, "label": "Menu", "component": {"type": 3, "custom_id": "menu", "options": CHOICES}},
]


async def raw_modal(cave: Cave, raw: RawClient, gateway: Socket, components: list[Json]) -> Modal:
    """A modal with these components, shown to Alice."""
    await raw.request("POST", f"/applications/{cave.app.id}/commands", COMMAND)
    waiting = asyncio.ensure_future(cave.alice.invoke(cave.app, cave.guild, "form"))
    opener = await gateway.until_event("INTERACTION_CREATE")
    body = {"type": 9, "data": {"custom_id": "all", "title": "All", "components": components}}
    status, _ = await raw.request("POST", f"/interactions/{opener['id']}/{opener['token']}/callback", body)
    assert status == 204
    modal = (await waiting).modal
    assert modal is not None
    return modal


async def submitted(cave: Cave, raw: RawClient, components: list[Json], answers: dict[str, Any]) -> Json:
    """What a client is sent when a modal with these components is submitted."""
    gateway = await raw.log_in()
    modal = await raw_modal(cave, raw, gateway, components)
    answering = asyncio.ensure_future(cave.alice.submit(modal, answers))
    interaction = await gateway.until_event("INTERACTION_CREATE")
    callback = f"/interactions/{interaction['id']}/{interaction['token']}/callback"
    await raw.request("POST", callback, {"type": 4, "data": {"content": "thanks"}})
    assert (await answering).content == "thanks"
    data: Json = interaction["data"]
    return data


async def test_files_and_people_in_modals(cave: Cave, raw: RawClient) -> None:
    """Uploaded files and chosen members come with ``resolved``; components have ids in order."""
    answers = {"files": File("horn.mp3", b"ID3"), "who": [cave.alice]}
    data = await submitted(cave, raw, LABELLED, answers)

    display, text, files, who = data["components"]
    assert (display, text["component"]["value"]) == ({"type": 10, "id": 1}, "")
    assert (text["id"], text["component"]["id"], files["id"]) == (2, 3, 4)
    attachment = data["resolved"]["attachments"][files["component"]["values"][0]]
    assert (attachment["filename"], attachment["content_type"]) == ("horn.mp3", "audio/mpeg")
    assert who["component"]["values"] == [str(cave.alice.id)]
    assert data["resolved"]["members"].keys() == data["resolved"]["users"].keys() == {str(cave.alice.id)}


async def test_boxes_in_modals(cave: Cave, raw: RawClient) -> None:
    """One of several, several, yes or no."""
    data = await submitted(cave, raw, BOXES, {"radio": "Two", "boxes": ["1", "2"], "menu": "1"})

    radio, boxes, box, menu = (label["component"] for label in data["components"])
    assert (radio["value"], boxes["values"], box["value"], menu["values"]) == ("2", ["1", "2"], True, ["1"])


async def test_wrong_files_in_modals(cave: Cave, raw: RawClient) -> None:
    """The client lets a person choose only files of the types that are asked for."""
    modal = await raw_modal(cave, raw, await raw.log_in(), LABELLED)

    with pytest.raises(InvalidOptionError):
        await cave.alice.submit(modal, {"files": File("horn.exe", b"MZ"), "who": cave.alice})
