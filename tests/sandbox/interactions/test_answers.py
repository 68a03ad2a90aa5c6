"""What may be answered when, and what is told of it."""

import asyncio
from typing import Any

import aiohttp
import pytest

from jeffbot.sandbox import NoReplyError, UnusableComponentError
from jeffbot.sandbox.world.payloads import Json

from ..clients import RawClient
from ..conftest import Cave
from .asking import PLAY, ready, register

BUTTON: Json = {"type": 1, "components": [{"type": 2, "style": 1, "label": "Go", "custom_id": "go"}]}
MODAL: Json = {
    "custom_id": "form",
    "title": "Form",
    "components": [{"type": 18, "label": "Text", "component": {"type": 4, "custom_id": "text", "style": 1}}],
}


async def test_payload(cave: Cave, raw: RawClient) -> None:
    """An interaction says who, where, and what both may do there."""
    bot = await ready(cave, raw)
    async with bot.asked(cave.alice.invoke(cave.app, cave.general, "play", sound="horn")) as (asked, _):
        said = asked.json

    assert (said["type"], said["version"], said["context"]) == (2, 1, 0)
    assert (said["guild_id"], said["channel_id"]) == (str(cave.guild.id), str(cave.general.id))
    assert (said["locale"], said["guild_locale"], said["entitlements"]) == ("en-US", "en-US", [])
    assert said["member"]["permissions"] == str(int(cave.guild.permissions_of(cave.alice, cave.general)))
    assert said["app_permissions"] == str(int(cave.guild.permissions_of(cave.app.user, cave.general)))
    assert said["authorizing_integration_owners"] == {"0": str(cave.guild.id)}
    assert said["attachment_size_limit"] == 10 << 20
    assert said["data"]["options"] == [{"name": "sound", "type": 3, "value": "horn"}]
    assert not said.keys() & {"message", "user"}


async def test_payload_in_a_private_channel(cave: Cave, raw: RawClient) -> None:
    """There is a user, and no guild; the permissions are those of private channels."""
    bot = await ready(cave, raw)
    async with bot.asked(cave.alice.invoke(cave.app, cave.alice.direct(cave.app), "play")) as (asked, _):
        said = asked.json

    assert (said["user"]["username"], said["context"]) == ("alice", 1)
    assert said["authorizing_integration_owners"] == {"0": "0"}
    assert said["app_permissions"] == str(1 << 14 | 1 << 15 | 1 << 17 | 1 << 18)
    assert not said.keys() & {"guild", "guild_id", "guild_locale", "member"}


async def test_boosted_guild(cave: Cave, raw: RawClient) -> None:
    """In a guild that has been boosted files may be larger."""
    cave.guild.change(premium_tier=2)
    bot = await ready(cave, raw)
    async with bot.asked(cave.alice.invoke(cave.app, cave.guild, "play")) as (asked, _):
        assert asked.json["attachment_size_limit"] == 50 << 20


@pytest.mark.parametrize("kind", [0, 1, 2, 3, 6, 7, 8, 10, 11, 13, "x", None])
async def test_answers_that_a_command_cannot_get(cave: Cave, raw: RawClient, kind: Any) -> None:
    """Of the types of answers each interaction takes but some; a refused one leaves it unanswered."""
    bot = await ready(cave, raw)
    async with bot.asked(cave.alice.invoke(cave.app, cave.guild, "play")) as (asked, reply):
        assert await asked.refusal("POST", asked.callback, {"type": kind, "data": {"content": "x"}}) == (400, 50035)
        assert await asked.answer(4, content="yes") == (204, None)
        assert (await reply).content == "yes"


async def test_answers_that_a_press_cannot_get(cave: Cave, raw: RawClient) -> None:
    """No choices; and an update may not leave nothing."""
    bot = await ready(cave, raw)
    async with bot.asked(cave.alice.invoke(cave.app, cave.guild, "play")) as (asked, reply):
        await asked.answer(4, content="board", components=[BUTTON])
        board = (await reply).message
    assert board is not None
    async with bot.asked(cave.alice.press(board, "go")) as (asked, reply):
        assert asked.json["message"]["id"] == str(board.id)
        assert asked.json["data"] == {"id": 2, "custom_id": "go", "component_type": 2}
        assert await asked.refusal("POST", asked.callback, {"type": 8, "data": {"choices": []}}) == (400, 50035)
        empty = {"type": 7, "data": {"content": None, "components": []}}
        assert await asked.refusal("POST", asked.callback, empty) == (400, 50006)
        assert await asked.answer(7, content="pressed", components=[]) == (204, None)
        await reply

    assert (board.content, board.components) == ("pressed", [])


async def test_answers_that_a_modal_cannot_get(cave: Cave, raw: RawClient) -> None:
    """No second modal; and no update where there is no message to update."""
    bot = await ready(cave, raw)
    async with bot.asked(cave.alice.invoke(cave.app, cave.guild, "play")) as (asked, reply):
        assert (await asked.answer(9, **MODAL))[0] == 204
        modal = (await reply).modal
    assert modal is not None
    async with bot.asked(cave.alice.submit(modal, {"text": "hello"})) as (asked, reply):
        assert asked.json["type"] == 5
        for kind, data in ((9, MODAL), (6, {}), (7, {"content": "x"})):
            assert await asked.refusal("POST", asked.callback, {"type": kind, "data": data}) == (400, 50035)
        await asked.answer(4, content="thanks")
        assert (await reply).content == "thanks"


async def test_too_late(cave: Cave, raw: RawClient) -> None:
    """After the deadline the interaction is unknown, and stays unanswered for the person."""
    cave.discord.options.interaction_deadline = 0.1
    bot = await ready(cave, raw)
    async with bot.asked(cave.alice.invoke(cave.app, cave.guild, "play")) as (asked, reply):
        with pytest.raises(NoReplyError):
            await reply
        assert await asked.refusal("POST", asked.callback, {"type": 4, "data": {"content": "late"}}) == (404, 10062)
        assert await asked.refusal("POST", asked.webhook, {"content": "late"}) == (404, 10015)


async def test_deferred_for_ever(cave: Cave, raw: RawClient) -> None:
    """After a deferral the person waits, but not for ever."""
    bot = await ready(cave, raw)
    deed = cave.alice.invoke(cave.app, cave.guild, "play", reply_timeout=0.05)
    async with bot.asked(deed) as (asked, reply):
        await asked.answer(5)
        with pytest.raises(NoReplyError):
            await reply


async def test_second_answer(cave: Cave, raw: RawClient) -> None:
    """The second first answer is refused; so is one to an interaction that never was."""
    bot = await ready(cave, raw)
    async with bot.asked(cave.alice.invoke(cave.app, cave.guild, "play")) as (asked, _):
        stranger = asked.callback.replace(asked.json["id"], "1")
        assert await asked.refusal("POST", stranger, {"type": 5}) == (404, 10062)
        await asked.answer(5)
        assert await asked.refusal("POST", asked.callback, {"type": 5}) == (400, 40060)


async def test_tokens(cave: Cave, raw: RawClient) -> None:
    """A token is good for 15 minutes, for its own application, and not before the first answer."""
    bot = await ready(cave, raw)
    async with bot.asked(cave.alice.invoke(cave.app, cave.guild, "play")) as (asked, reply):
        assert await asked.refusal("POST", asked.webhook, {"content": "early"}) == (404, 10015)
        await asked.answer(4, content="yes")
        await reply
        original = f"{asked.webhook}/messages/@original"
        assert (await raw.request("GET", original))[1]["content"] == "yes"
        other = original.replace(str(cave.app.id), "1")
        assert await asked.refusal("GET", other) == (401, 50027)
        assert await asked.refusal("GET", original.replace(asked.json["token"], "x")) == (401, 50027)
        cave.discord.options.interaction_lifetime = 0
        for method, path in (("GET", original), ("PATCH", original), ("DELETE", original), ("POST", asked.webhook)):
            assert await asked.refusal(method, path, {"content": "late"}) == (401, 50027)


async def test_with_response(cave: Cave, raw: RawClient) -> None:
    """Asked for, the answer tells what has become of the message."""
    bot = await ready(cave, raw)
    for kind, loading in ((4, False), (5, True)):
        async with bot.asked(cave.alice.invoke(cave.app, cave.guild, "play")) as (asked, _):
            body = {"type": kind, "data": {"content": "yes", "flags": 64} if kind == 4 else {"flags": 64}}
            status, told = await raw.request("POST", f"{asked.callback}?with_response=true", body)
            interaction, resource = told["interaction"], told["resource"]
            assert (status, interaction["id"], interaction["type"]) == (200, asked.json["id"], 2)
            assert (interaction["response_message_loading"], "message" in resource) == (loading, not loading)
            assert (interaction["response_message_ephemeral"], resource["type"]) == (True, kind)


async def test_life_of_the_messages(cave: Cave, raw: RawClient) -> None:
    """Follow-ups and the original are read, changed and deleted by their ids."""
    bot = await ready(cave, raw)
    async with bot.asked(cave.alice.invoke(cave.app, cave.guild, "play")) as (asked, waiting):
        await asked.answer(4, content="first")
        reply = await waiting
        assert reply.message is not None
        _, second = await raw.request("POST", asked.webhook, {"content": "second"})
        path = f"{asked.webhook}/messages/{second['id']}"
        assert second["interaction_metadata"]["original_response_message_id"] == str(reply.message.id)
        assert (second["type"], second["message_reference"]["message_id"]) == (19, str(reply.message.id))
        assert (await raw.request("PATCH", path, {"content": "2nd"}))[1]["content"] == "2nd"
        assert (await raw.request("GET", path))[1]["content"] == "2nd"
        assert await asked.refusal("PATCH", path, {"content": ""}) == (400, 50006)
        assert await asked.refusal("PATCH", path, {"content": "x" * 2001}) == (400, 50035)
        assert (await raw.request("DELETE", f"{asked.webhook}/messages/{reply.message.id}"))[0] == 204
        assert await asked.refusal("GET", f"{asked.webhook}/messages/@original") == (404, 10008)

    assert reply.message is None
    assert cave.discord.messages(cave.guild) == reply.followups


async def test_what_bots_are_told(cave: Cave, raw: RawClient) -> None:
    """Public answers and their changes are events; what only one person sees is not."""
    bot = await ready(cave, raw)
    async with bot.asked(cave.alice.invoke(cave.app, cave.guild, "play")) as (asked, _):
        await asked.answer(5)
        await raw.request("PATCH", f"{asked.webhook}/messages/@original", {"content": "thought"})
        _, hidden = await raw.request("POST", asked.webhook, {"content": "psst", "flags": 64})
        await raw.request("PATCH", f"{asked.webhook}/messages/{hidden['id']}", {"content": "psst!"})
        await raw.request("DELETE", f"{asked.webhook}/messages/{hidden['id']}")
        await raw.request("DELETE", f"{asked.webhook}/messages/@original")
        news = await bot.gateway.news()

    created, updated, deleted = news
    assert [name for name, _ in news] == ["MESSAGE_CREATE", "MESSAGE_UPDATE", "MESSAGE_DELETE"]
    assert (created[1]["flags"], updated[1]["flags"], updated[1]["content"]) == (128, 0, "thought")
    assert updated[1]["edited_timestamp"] is None
    assert created[1]["id"] == updated[1]["id"] == deleted[1]["id"]
    assert created[1]["application_id"] == created[1]["webhook_id"] == str(cave.app.id)
    assert (hidden["flags"], cave.discord.messages(cave.guild)) == (64, [])


async def test_choices(cave: Cave, raw: RawClient) -> None:
    """Choices must fit the option; what is typed is a string, and other options come along."""
    number = {"type": 4, "name": "times", "description": "How often", "autocomplete": True}
    other = {"type": 3, "name": "sound", "description": "Which"}
    bot = await ready(cave, raw)
    await register(cave, raw, PLAY | {"options": [number, other]})
    typing = asyncio.create_task(cave.alice.autocomplete(cave.app, cave.guild, "play", "times", 1, sound="horn"))
    interaction = await bot.gateway.until_event("INTERACTION_CREATE")
    callback = f"/interactions/{interaction['id']}/{interaction['token']}/callback"

    assert interaction["type"] == 4
    assert {"name": "times", "type": 4, "value": "1", "focused": True} in interaction["data"]["options"]
    assert {"name": "sound", "type": 3, "value": "horn"} in interaction["data"]["options"]
    for wrong in ([{"name": "One", "value": "1"}], [{"name": "", "value": 1}], [{"name": "One", "value": 1}] * 26):
        status, answer = await raw.request("POST", callback, {"type": 8, "data": {"choices": wrong}})
        assert (status, answer["code"]) == (400, 50035)
    status, _ = await raw.request("POST", callback, {"type": 8, "data": {"choices": [{"name": "One", "value": 1}]}})
    assert (status, await typing) == (204, [{"name": "One", "value": 1}])


async def test_uploaded_answer(cave: Cave, raw: RawClient) -> None:
    """A first answer may come with files; they are fetched from where it says, without authorization."""
    bot = await ready(cave, raw)
    async with bot.asked(cave.alice.invoke(cave.app, cave.guild, "play")) as (asked, waiting):
        form = aiohttp.FormData()
        data = '{"type": 4, "data": {"attachments": [{"id": 0, "description": "a horn"}]}}'
        form.add_field("payload_json", data, content_type="application/json")
        form.add_field("files[0]", b"ID3", filename="horn.mp3", content_type="audio/mpeg")
        assert (await raw.exchange("POST", asked.callback, authorization="", data=form)).status == 204
        (attachment,) = (await waiting).attachments

    file = await raw.exchange("GET", attachment["url"], authorization="")
    assert (file.body, file.headers["Content-Type"]) == (b"ID3", "audio/mpeg")
    assert (attachment["filename"], attachment["size"], attachment["description"]) == ("horn.mp3", 3, "a horn")


async def test_deleted_by_a_moderator(cave: Cave, raw: RawClient) -> None:
    """An answer that somebody has deleted is unknown from then on."""
    bot = await ready(cave, raw)
    async with bot.asked(cave.alice.invoke(cave.app, cave.guild, "play")) as (asked, waiting):
        await asked.answer(4, content="board", components=[BUTTON])
        reply = await waiting
        board = reply.message
        assert board is not None
        async with bot.asked(cave.alice.press(board, "go")) as (pressed, _):
            cave.discord.world.delete_message(board)
            body = {"type": 7, "data": {"content": "pressed"}}
            assert await pressed.refusal("POST", pressed.callback, body) == (404, 10008)
        assert await asked.refusal("GET", f"{asked.webhook}/messages/@original") == (404, 10008)

    assert reply.message is None


async def test_thought_taken_away(cave: Cave, raw: RawClient) -> None:
    """Whoever deletes "… is thinking", there is nothing left to wait for; what follows is a message of its own."""
    bot = await ready(cave, raw)
    async with bot.asked(cave.alice.invoke(cave.app, cave.guild, "play")) as (asked, waiting):
        await asked.answer(5)
        cave.discord.world.delete_message(cave.discord.messages(cave.guild)[0])
        reply = await waiting
        await raw.request("POST", asked.webhook, {"content": "thought"})

    assert (reply.message, [message.content for message in reply.followups]) == (None, ["thought"])


async def test_asked_and_gone(cave: Cave, raw: RawClient) -> None:
    """Who leaves the guild is answered all the same, but fills in no forms any more."""
    bot = await ready(cave, raw)
    async with bot.asked(cave.alice.invoke(cave.app, cave.guild, "play")) as (asked, waiting):
        await asked.answer(9, **MODAL)
        modal = (await waiting).modal
    assert modal is not None
    async with bot.asked(cave.alice.invoke(cave.app, cave.guild, "play")) as (asked, waiting):
        cave.guild.remove_member(cave.alice)
        assert await asked.answer(4, content="bye") == (204, None)
        assert (await waiting).content == "bye"

    with pytest.raises(UnusableComponentError):
        await cave.alice.submit(modal, {"text": "hello"})


async def test_activity(cave: Cave, raw: RawClient) -> None:
    """An activity that is launched has an instance, and there is no message."""
    bot = await ready(cave, raw)
    async with bot.asked(cave.alice.invoke(cave.app, cave.guild, "play")) as (asked, waiting):
        _, told = await raw.request("POST", f"{asked.callback}?with_response=true", {"type": 12})
        reply = await waiting

    assert told["resource"]["activity_instance"]["id"] == told["interaction"]["activity_instance_id"]
    assert reply.message is None
