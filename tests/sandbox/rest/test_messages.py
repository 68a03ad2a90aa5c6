"""Messages of channels: written, read, edited, pinned, reacted to, deleted."""

import asyncio
import io
import json
from typing import Any

import aiohttp
import pytest

from jeffbot.sandbox import Channel, Permission
from jeffbot.sandbox.gateway.intents import Intents, flags_of
from jeffbot.sandbox.world.values import ChannelType

from ..clients import RawClient
from ..conftest import Cave
from .conftest import Allow

THUMB = "%F0%9F%91%8D"
"""👍, as in a URL."""


def messages(channel: Channel) -> str:
    return f"/channels/{channel.id}/messages"


async def post(raw: RawClient, channel: Channel, content: str = "hello", **more: Any) -> dict[str, Any]:
    status, message = await raw.request("POST", messages(channel), {"content": content} | more)
    assert status == 200, message
    return dict(message)


# Writing


async def test_what_is_written_is_read(cave: Cave, raw: RawClient) -> None:
    """A message comes back as it is kept, with its embed, components and nonce; the gateway tells of it."""
    gateway = await raw.log_in(intents=Intents.GUILDS | Intents.GUILD_MESSAGES)
    button = {"type": 2, "style": 1, "label": "Horn", "custom_id": "horn"}
    sent = await post(
        raw,
        cave.guild.text_channel,
        f" hello <@{cave.alice.id}> ",
        nonce="7",
        embeds=[{"title": "Sounds"}],
        components=[{"type": 1, "components": [button]}],
    )

    assert (sent["content"], sent["nonce"], sent["embeds"]) == (
        f"hello <@{cave.alice.id}>",
        "7",
        [{"type": "rich", "title": "Sounds"}],
    )
    assert sent["components"][0]["components"][0].items() >= button.items()
    assert [user["username"] for user in sent["mentions"]] == ["alice"]
    assert (await gateway.until_event("MESSAGE_CREATE"))["id"] == sent["id"]
    _, read = await raw.request("GET", f"{messages(cave.guild.text_channel)}/{sent['id']}")
    assert read == sent


@pytest.mark.parametrize(
    ("allowed", "mentioned"), [(None, ["alice"]), ({"parse": []}, []), ({"parse": ["users"]}, ["alice"])]
)
async def test_allowed_mentions(
    cave: Cave, raw: RawClient, allowed: dict[str, Any] | None, mentioned: list[str]
) -> None:
    message = await post(raw, cave.guild.text_channel, f"<@{cave.alice.id}>", allowed_mentions=allowed)

    assert [user["username"] for user in message["mentions"]] == mentioned


async def test_mentioning_everyone_needs_a_permission(cave: Cave, raw: RawClient, allow: Allow) -> None:
    assert not (await post(raw, cave.guild.text_channel, "@everyone"))["mention_everyone"]
    allow(Permission.MENTION_EVERYONE)

    assert (await post(raw, cave.guild.text_channel, "@everyone"))["mention_everyone"]


async def test_the_same_nonce(cave: Cave, raw: RawClient) -> None:
    """With an enforced nonce nothing is said twice."""
    first = await post(raw, cave.guild.text_channel, nonce="7", enforce_nonce=True)
    again = await post(raw, cave.guild.text_channel, nonce="7", enforce_nonce=True)
    other = await post(raw, cave.guild.text_channel, nonce="7")

    assert first["id"] == again["id"] != other["id"]


async def test_reply(cave: Cave, raw: RawClient) -> None:
    """A reply shows what it replies to; what is not there can be ignored."""
    channel = cave.guild.text_channel
    first = await post(raw, channel)
    reply = await post(raw, channel, message_reference={"message_id": first["id"]})
    assert (reply["type"], reply["referenced_message"]["id"]) == (19, first["id"])
    assert reply["message_reference"]["guild_id"] == str(cave.guild.id)

    status, body = await raw.request(
        "POST", messages(channel), {"content": "x", "message_reference": {"message_id": 1}}
    )
    assert (status, "message_reference" in body["errors"]) == (400, True)
    ignored = {"message_id": "1", "fail_if_not_exists": False}
    assert (await post(raw, channel, message_reference=ignored))["type"] == 0


async def test_replies_mention(cave: Cave, raw: RawClient) -> None:
    """A reply mentions whom it replies to, unless the mentions that are allowed leave them out."""
    channel = cave.guild.text_channel
    reference = {"message_id": str((await cave.alice.write(channel, "hello")).id)}
    replies = [
        await post(raw, channel, message_reference=reference, **more)
        for more in (
            {},
            {"allowed_mentions": {"replied_user": True}},
            {"allowed_mentions": {"parse": ["users"]}},
            {"allowed_mentions": {"parse": [], "replied_user": False}},
        )
    ]
    bare = await post(raw, channel, "", message_reference=reference, embeds=[{"title": "x"}])
    own = await post(raw, channel, message_reference={"message_id": replies[0]["id"]})

    assert [len(reply["mentions"]) for reply in replies] == [1, 1, 0, 0]
    assert [user["username"] for user in bare["mentions"]] == ["alice"]
    assert own["mentions"] == []


async def test_what_is_quoted_and_forwarded(cave: Cave, raw: RawClient) -> None:
    """Without the MESSAGE_CONTENT intent a bot sees no poll, and no words of others that are quoted or forwarded."""
    channel, other = cave.guild.text_channel, cave.discord.add_application("other")
    cave.guild.add_member(other.user)
    secret = await cave.alice.write(channel, "secret")
    poll = {"question": {"text": "secret?"}, "answers": [{"poll_media": {"text": "yes"}}]}
    forward = {"type": 1, "message_id": str(secret.id), "channel_id": str(channel.id)}
    for body in (
        {"content": "hm", "message_reference": {"message_id": str(secret.id)}},
        {"poll": poll},
        {"message_reference": forward},
    ):
        status, _ = await raw.request("POST", messages(channel), body, token=other.token)
        assert status == 200
    mine = await post(raw, channel, "mine", message_reference={"message_id": str(secret.id)})
    _, (_, forwarded, polled, reply, _) = await raw.request("GET", messages(channel))

    assert (reply["content"], reply["referenced_message"]["content"]) == ("", "")
    assert reply["referenced_message"]["id"] == str(secret.id)
    assert "poll" not in polled
    assert forwarded["message_snapshots"][0]["message"]["content"] == ""
    assert (mine["content"], mine["referenced_message"]["content"]) == ("mine", "")
    cave.app.flags = flags_of(Intents.MESSAGE_CONTENT)
    _, (_, forwarded, polled, reply, _) = await raw.request("GET", messages(channel))
    assert (reply["content"], reply["referenced_message"]["content"]) == ("hm", "secret")
    assert polled["poll"]["question"] == poll["question"]
    assert forwarded["message_snapshots"][0]["message"]["content"] == "secret"


async def test_a_deleted_message_is_quoted_as_nothing(cave: Cave, raw: RawClient) -> None:
    """Of a message that was deleted a reply shows that it was one."""
    first = await cave.alice.write(cave.guild, "hello")
    reply = await post(raw, cave.guild.text_channel, message_reference={"message_id": str(first.id)})
    await cave.alice.delete(first)
    _, read = await raw.request("GET", f"{messages(cave.guild.text_channel)}/{reply['id']}")

    assert (read["referenced_message"], read["message_reference"]["message_id"]) == (None, str(first.id))


async def test_forward(cave: Cave, raw: RawClient) -> None:
    """A forwarded message is a snapshot, and needs no words of one's own."""
    first = await post(raw, cave.guild.text_channel, "news")
    other = cave.guild.add_text_channel("other")
    reference = {"type": 1, "message_id": first["id"], "channel_id": first["channel_id"]}
    status, forwarded = await raw.request("POST", messages(other), {"message_reference": reference})

    assert status == 200
    assert forwarded["message_snapshots"][0]["message"]["content"] == "news"


@pytest.mark.parametrize(
    ("denied", "body"),
    [
        (Permission.SEND_MESSAGES, {"content": "x"}),
        (Permission.EMBED_LINKS, {"embeds": [{"title": "x"}]}),
        (Permission(0), {"content": "x", "tts": True}),
        (Permission.SEND_POLLS, {"poll": {"question": {"text": "?"}, "answers": [{"poll_media": {"text": "!"}}]}}),
    ],
)
async def test_writing_needs_permissions(cave: Cave, raw: RawClient, denied: Permission, body: Any) -> None:
    channel = cave.guild.add_text_channel("strict", denied=denied)

    assert await raw.refusal("POST", messages(channel), body) == 50013


async def test_where_nothing_is_written(cave: Cave, raw: RawClient) -> None:
    category = cave.guild.add_channel("all", ChannelType.CATEGORY)

    assert await raw.refusal("POST", messages(category), {"content": "x"}) == 50008
    assert await raw.refusal("POST", messages(cave.guild.text_channel), {"content": " "}) == 50006
    assert (await raw.request("GET", messages(category))) == (200, [])


# Reading


async def test_pages(cave: Cave, raw: RawClient) -> None:
    """Messages come newest first: before, after or around one."""
    base = messages(cave.guild.text_channel)
    ids = [(await post(raw, cave.guild.text_channel, str(number)))["id"] for number in range(6)]
    for query, expected in (
        ("limit=2", "54"),
        (f"before={ids[3]}&limit=2", "21"),
        (f"after={ids[3]}", "54"),
        (f"after={ids[0]}&limit=2", "21"),
        (f"around={ids[3]}&limit=3", "432"),
    ):
        _, page = await raw.request("GET", f"{base}?{query}")
        assert "".join(message["content"] for message in page) == expected, query
    assert await raw.refusal("GET", f"{base}?limit=101") == 50035


async def test_no_history(cave: Cave, raw: RawClient) -> None:
    """Without READ_MESSAGE_HISTORY the list is empty, and a message out of reach."""
    channel = cave.guild.add_text_channel("short", denied=Permission.READ_MESSAGE_HISTORY)
    message = await post(raw, channel)

    assert (await raw.request("GET", messages(channel)))[1] == []
    assert await raw.refusal("GET", f"{messages(channel)}/{message['id']}") == 50013
    assert (
        await raw.refusal("POST", messages(channel), {"content": "x", "message_reference": {"message_id": 1}}) == 160002
    )


async def test_what_others_say(cave: Cave, raw: RawClient) -> None:
    """Without the privileged intent a bot reads only what concerns it."""
    base = messages(cave.guild.text_channel)
    for content in ("secret", f"hey <@{cave.app.id}>"):
        await cave.alice.write(cave.guild.text_channel, content)
    await post(raw, cave.guild.text_channel, "mine")
    assert [message["content"] for message in (await raw.request("GET", base))[1]] == [
        "mine",
        f"hey <@{cave.app.id}>",
        "",
    ]

    cave.app.flags = flags_of(Intents.MESSAGE_CONTENT)
    assert (await raw.request("GET", base))[1][-1]["content"] == "secret"


# Changing


async def test_edit(cave: Cave, raw: RawClient) -> None:
    """What the body names is changed, the rest stays; nothing may be left of nothing."""
    sent = await post(raw, cave.guild.text_channel, embeds=[{"title": "Sounds"}])
    path = f"{messages(cave.guild.text_channel)}/{sent['id']}"
    status, edited = await raw.request("PATCH", path, {"content": "bye", "flags": 4})

    assert (status, edited["content"], edited["flags"], edited["embeds"]) == (200, "bye", 4, sent["embeds"])
    assert edited["edited_timestamp"] is not None
    assert (await raw.request("PATCH", path, {"content": None}))[1]["content"] == ""
    assert await raw.refusal("PATCH", path, {"embeds": []}) == 50006


async def test_others_messages(cave: Cave, raw: RawClient, allow: Allow) -> None:
    """What others wrote is not edited, and deleted only with MANAGE_MESSAGES."""
    await cave.alice.write(cave.guild.text_channel, "mine")
    path = f"{messages(cave.guild.text_channel)}/{cave.guild.text_channel.messages[0].id}"
    assert await raw.refusal("PATCH", path, {"content": "yours"}) == 50005
    assert await raw.refusal("DELETE", path) == 50013
    allow(Permission.MANAGE_MESSAGES)

    assert (await raw.request("PATCH", path, {"flags": 4}))[1]["flags"] == 4
    assert (await raw.request("DELETE", path))[0] == 204
    assert await raw.refusal("DELETE", path) == 10008


async def test_bulk_delete(cave: Cave, raw: RawClient, allow: Allow) -> None:
    """Many at once, with one event; not what is older than two weeks, not fewer than two, not twice the same."""
    path = f"{messages(cave.guild.text_channel)}/bulk-delete"
    ids = [(await post(raw, cave.guild.text_channel))["id"] for _ in range(3)]
    assert await raw.refusal("POST", path, {"messages": ids}) == 50013
    allow(Permission.MANAGE_MESSAGES)
    gateway = await raw.log_in(intents=Intents.GUILDS | Intents.GUILD_MESSAGES)

    assert (await raw.request("POST", path, {"messages": ids[:2]}))[0] == 204
    assert (await gateway.until_event("MESSAGE_DELETE_BULK"))["ids"] == ids[:2]
    assert [str(message.id) for message in cave.guild.text_channel.messages] == ids[2:]
    assert await raw.refusal("POST", path, {"messages": [*ids, "1"]}) == 50034
    assert await raw.refusal("POST", path, {"messages": ids[:1]}) == 50035
    assert await raw.refusal("POST", path, {"messages": [ids[0], ids[0]]}) == 50035


# Reactions and pins


async def test_reactions(cave: Cave, raw: RawClient, allow: Allow) -> None:
    """A reaction is added, listed and removed; all of them are cleared with MANAGE_MESSAGES."""
    sent = await post(raw, cave.guild.text_channel)
    path = f"{messages(cave.guild.text_channel)}/{sent['id']}/reactions"
    gateway = await raw.log_in(intents=Intents.GUILDS | Intents.GUILD_MESSAGE_REACTIONS)
    assert (await raw.request("PUT", f"{path}/{THUMB}/@me"))[0] == 204
    assert (await gateway.until_event("MESSAGE_REACTION_ADD"))["emoji"]["name"] == "👍"
    await cave.alice.react(cave.guild.text_channel.messages[0], "👍")
    _, users = await raw.request("GET", f"{path}/{THUMB}")
    assert {user["username"] for user in users} == {"jeffbot", "alice"}

    assert await raw.refusal("DELETE", f"{path}/{THUMB}/{cave.alice.id}") == 50013
    assert (await raw.request("DELETE", f"{path}/{THUMB}/@me"))[0] == 204
    assert await raw.refusal("DELETE", path) == 50013
    allow(Permission.MANAGE_MESSAGES)
    assert (await raw.request("DELETE", path))[0] == 204
    assert cave.guild.text_channel.messages[0].reactions == {}


@pytest.mark.parametrize("emoji", ["x", "horn:123", "é", "1", "%F0%9F%91%8Dx"])
async def test_no_emoji(cave: Cave, raw: RawClient, emoji: str) -> None:
    sent = await post(raw, cave.guild.text_channel)

    path = f"{messages(cave.guild.text_channel)}/{sent['id']}/reactions/{emoji}/@me"
    assert await raw.refusal("PUT", path) == 10014


async def test_reacting_needs_a_permission(cave: Cave, raw: RawClient) -> None:
    """Unless somebody else has reacted like this."""
    channel = cave.guild.add_text_channel("cold", denied=Permission.ADD_REACTIONS)
    sent = await post(raw, channel)
    path = f"{messages(channel)}/{sent['id']}/reactions/{THUMB}/@me"
    assert await raw.refusal("PUT", path) == 50013
    cave.discord.world.react(channel.messages[0], cave.alice, "👍", added=True)

    assert (await raw.request("PUT", path))[0] == 204


@pytest.mark.parametrize("route", ["messages/pins", "pins"])
async def test_pins(cave: Cave, raw: RawClient, allow: Allow, route: str) -> None:
    """A message is pinned and unpinned by the present and by the deprecated routes; the channel is told."""
    channel = cave.guild.text_channel
    sent = await post(raw, channel)
    path = f"/channels/{channel.id}/{route}/{sent['id']}"
    assert await raw.refusal("PUT", path) == 50013
    allow(Permission.PIN_MESSAGES)
    gateway = await raw.log_in()

    assert (await raw.request("PUT", path))[0] == 204
    assert (await gateway.until_event("CHANNEL_PINS_UPDATE"))["channel_id"] == str(channel.id)
    assert channel.messages[-1].kind == 6
    _, pins = await raw.request("GET", f"/channels/{channel.id}/messages/pins")
    assert ([pin["message"]["id"] for pin in pins["items"]], pins["has_more"]) == ([sent["id"]], False)
    assert [pin["id"] for pin in (await raw.request("GET", f"/channels/{channel.id}/pins"))[1]] == [sent["id"]]
    assert (await raw.request("DELETE", path))[0] == 204
    assert (await raw.request("GET", f"/channels/{channel.id}/pins"))[1] == []


# Files


def upload(files: dict[str, bytes], payload: Any = None, **fields: str) -> aiohttp.FormData:
    form = aiohttp.FormData(fields)
    for name, content in files.items():
        form.add_field(name, io.BytesIO(content), filename=f"{name}.txt", content_type="text/plain")
    if payload is not None:
        form.add_field("payload_json", json.dumps(payload), content_type="application/json")
    return form


async def test_files(cave: Cave, raw: RawClient) -> None:
    """Files are named by their ``n``, described in the JSON, and fetched from where the message says."""
    payload = {
        "content": "look",
        "attachments": [{"id": 1, "filename": "horn.txt", "description": "a horn"}],
        "embeds": [{"image": {"url": "attachment://horn.txt"}}],
    }
    data = upload({"files[1]": b"12345"}, payload)
    status, message, _ = await raw.exchange("POST", messages(cave.guild.text_channel), data=data)
    (attachment,) = message["attachments"]

    assert status == 200
    assert (attachment["filename"], attachment["description"], attachment["size"]) == ("horn.txt", "a horn", 5)
    assert message["embeds"][0]["image"]["url"] == attachment["url"]
    fetched = await raw.exchange("GET", attachment["url"], authorization="")
    assert (fetched.status, fetched.body, fetched.headers["Content-Type"]) == (200, b"12345", "text/plain")
    assert (await raw.exchange("GET", attachment["url"] + "x", authorization="")).status == 404


async def test_files_without_json(cave: Cave, raw: RawClient) -> None:
    data = upload({"files[0]": b"1"}, content="plain", tts="false")
    status, message, _ = await raw.exchange("POST", messages(cave.guild.text_channel), data=data)

    assert (status, message["content"], len(message["attachments"])) == (200, "plain", 1)


async def test_files_after_an_edit(cave: Cave, raw: RawClient) -> None:
    """An edit adds files, and keeps of the old ones those that it lists."""
    channel = messages(cave.guild.text_channel)
    _, first, _ = await raw.exchange("POST", channel, data=upload({"files[0]": b"1", "files[1]": b"2"}))
    kept = first["attachments"][1]
    listed = {"attachments": [{"id": kept["id"]}, {"id": "0"}]}
    data = upload({"files[0]": b"3"}, listed)
    _, edited, _ = await raw.exchange("PATCH", f"{channel}/{first['id']}", data=data)

    assert [file["size"] for file in edited["attachments"]] == [1, 1]
    assert edited["attachments"][0]["id"] == kept["id"]
    _, none, _ = await raw.exchange("PATCH", f"{channel}/{first['id']}", json={"attachments": [], "content": "x"})
    assert none["attachments"] == []


async def test_too_many_files(cave: Cave, raw: RawClient) -> None:
    """Ten files are taken, eleven refused, in a new message and in an edit."""
    channel = messages(cave.guild.text_channel)
    ten = {f"files[{n}]": b"x" for n in range(10)}
    status, message, _ = await raw.exchange("POST", channel, data=upload(ten))
    assert (status, len(message["attachments"])) == (200, 10)

    for method, path in (("POST", channel), ("PATCH", f"{channel}/{message['id']}")):
        answer = await raw.exchange(method, path, data=upload(ten | {"files[10]": b"x"}))
        assert (answer.status, list(answer.body["errors"])) == (400, ["attachments"])
    assert len(cave.guild.text_channel.messages[0].attachments) == 10


async def test_too_large(cave: Cave, raw: RawClient) -> None:
    """A file of more than 10 MiB, and a request of more than 25 MiB, are refused as such."""
    for files in ({"files[0]": b"x" * ((10 << 20) + 1)}, {f"files[{n}]": b"x" * (9 << 20) for n in range(3)}):
        answer = await raw.exchange("POST", messages(cave.guild.text_channel), data=upload(files))
        assert (answer.status, answer.body["code"]) == (413, 40005)


async def test_files_need_a_permission(cave: Cave, raw: RawClient) -> None:
    channel = cave.guild.add_text_channel("plain", denied=Permission.ATTACH_FILES)
    answer = await raw.exchange("POST", messages(channel), data=upload({"files[0]": b"1"}))

    assert (answer.status, answer.body["code"]) == (403, 50013)


async def test_many_at_once(cave: Cave, raw: RawClient) -> None:
    """Requests of one client do not disturb each other."""
    await asyncio.gather(*(post(raw, cave.guild.text_channel, str(number)) for number in range(40)))

    assert {message.content for message in cave.guild.text_channel.messages} == {str(number) for number in range(40)}
