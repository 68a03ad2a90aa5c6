"""What people do besides using commands, and what bots are told of it."""

from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from jeffbot.sandbox import File, JoinRefusedError, NotAllowedError, Permission
from jeffbot.sandbox.errors import ApiError
from jeffbot.sandbox.world.values import ChannelType

from ..clients import RawClient, Socket
from ..conftest import Cave

NON_PRIVILEGED = 1 << 0 | 1 << 7 | 1 << 9 | 1 << 10 | 1 << 11 | 1 << 12


@pytest.fixture
async def gateway(raw: RawClient) -> Socket:
    """A bot that asked for nearly everything, and has been told of its guild."""
    gateway = await raw.log_in(NON_PRIVILEGED)
    await gateway.news()
    return gateway


async def test_messages(cave: Cave, gateway: Socket) -> None:
    """What they write, edit, react to and delete; text is for bots that it mentions."""
    first = await cave.alice.write(cave.guild, f"hello <@{cave.app.id}>")
    second = await cave.alice.write(cave.general, "hello all", reply_to=first)
    await cave.alice.edit(first, "bye")
    await cave.alice.react(second, "👍")
    await cave.alice.unreact(second, "👍")
    await cave.alice.type(cave.guild)
    await cave.alice.delete(first)
    news = await gateway.news()

    assert [name for name, _ in news] == [
        "MESSAGE_CREATE",
        "MESSAGE_CREATE",
        "MESSAGE_UPDATE",
        "MESSAGE_REACTION_ADD",
        "MESSAGE_REACTION_REMOVE",
        "TYPING_START",
        "MESSAGE_DELETE",
    ]
    assert [data["content"] for _, data in news[:3]] == [f"hello <@{cave.app.id}>", "", ""]
    assert (news[1][1]["type"], news[1][1]["message_reference"]["message_id"]) == (19, str(first.id))
    assert news[2][1]["edited_timestamp"] is not None
    assert cave.discord.messages(cave.guild) == [second]


async def test_files(cave: Cave, gateway: Socket, raw: RawClient) -> None:
    """A bot that is mentioned gets the file."""
    await cave.alice.write(cave.guild, f"<@{cave.app.id}>", files=[File("horn.mp3", b"ID3")])
    ((_, message),) = await gateway.news()

    assert (await raw.exchange("GET", message["attachments"][0]["url"])).body == b"ID3"


async def test_private_channel(cave: Cave, gateway: Socket) -> None:
    """A message to the bot itself is told to the shard for private channels, with its text."""
    await cave.alice.write(cave.alice.direct(cave.app), "psst")
    name, message = (await gateway.news())[-1]

    assert (name, message["content"], "guild_id" in message) == ("MESSAGE_CREATE", "psst", False)


async def test_voice(cave: Cave, gateway: Socket) -> None:
    """They mute and deafen themselves, and ask to speak on a stage."""
    stage = cave.guild.add_stage_channel("Stage")
    await gateway.news()
    await cave.alice.join(cave.general)
    await cave.alice.self_mute()
    await cave.alice.self_deafen()
    await cave.alice.self_mute(muted=False)
    await cave.alice.join(stage)
    await cave.alice.raise_hand()
    await cave.alice.raise_hand(raised=False)
    states = [data for name, data in await gateway.news() if name == "VOICE_STATE_UPDATE"]

    assert [(state["self_mute"], state["self_deaf"]) for state in states[:4]] == [
        (False, False),
        (True, False),
        (True, True),
        (False, True),
    ]
    assert [bool(state["request_to_speak_timestamp"]) for state in states[4:]] == [False, True, False]


async def test_soundboard(cave: Cave, gateway: Socket) -> None:
    """A sound of Discord's own soundboard is told to the bot that is in the channel."""
    sound = cave.guild.add_sound("horn", emoji_name="📯", volume=0.5)
    await cave.alice.join(cave.general)
    join = {"guild_id": str(cave.guild.id), "channel_id": str(cave.general.id), "self_mute": False, "self_deaf": False}
    await gateway.send(4, join)
    await cave.discord.until(lambda: cave.app.user in cave.general.occupants)
    await gateway.news()
    await cave.alice.play_soundboard(sound)
    ((name, effect),) = await gateway.news()

    assert (name, effect["sound_id"], effect["sound_volume"]) == ("VOICE_CHANNEL_EFFECT_SEND", str(sound.id), 0.5)
    assert (effect["user_id"], effect["emoji"]["name"]) == (str(cave.alice.id), "📯")


async def test_presence(cave: Cave) -> None:
    """They come online, in whatever mood, and go."""
    await cave.alice.go_online("dnd", [{"name": "chess", "type": 0}])
    assert cave.alice.presence == {"status": "dnd", "activities": [{"name": "chess", "type": 0}]}

    await cave.alice.go_offline()
    assert cave.alice.presence["status"] == "offline"


async def write_to_chat(cave: Cave) -> None:
    await cave.alice.write(cave.guild, "x")


async def write_to_category(cave: Cave) -> None:
    await cave.alice.write(cave.guild.add_channel("Things", ChannelType.CATEGORY), "x")


async def send_a_file(cave: Cave) -> None:
    await cave.alice.write(cave.guild, files=[File("a", b"")])


async def type_in_chat(cave: Cave) -> None:
    await cave.alice.type(cave.guild)


async def raise_a_hand(cave: Cave) -> None:
    await cave.alice.raise_hand()


async def mute_outside(cave: Cave) -> None:
    await cave.alice.self_mute()


async def play_outside(cave: Cave) -> None:
    await cave.alice.play_soundboard(cave.guild.add_sound("horn"))


@pytest.mark.parametrize(
    ("denied", "deed"),
    [
        (Permission.SEND_MESSAGES, write_to_chat),
        (Permission.VIEW_CHANNEL, write_to_chat),
        (Permission.ATTACH_FILES, send_a_file),
        (Permission.SEND_MESSAGES, type_in_chat),
        (Permission(0), write_to_category),
        (Permission(0), raise_a_hand),
        (Permission(0), mute_outside),
        (Permission(0), play_outside),
    ],
)
async def test_not_allowed(cave: Cave, denied: Permission, deed: Callable[[Cave], Awaitable[None]]) -> None:
    """What Discord would not let them do fails, and does nothing."""
    cave.guild.overwrite(cave.guild.text_channel, cave.alice, deny=denied)

    with pytest.raises(NotAllowedError):
        await deed(cave)
    assert cave.discord.messages(cave.guild) == []


async def test_others_messages(cave: Cave) -> None:
    """Another's message is for moderators to delete, and for nobody to edit."""
    bob = cave.discord.add_user("bob")
    cave.guild.add_member(bob)
    message = await bob.write(cave.guild, "hello")

    for deed in (cave.alice.edit(message, "bye"), cave.alice.delete(message)):
        with pytest.raises(NotAllowedError):
            await deed
    cave.guild.give_role(cave.alice, cave.guild.add_role("moderator", Permission.MANAGE_MESSAGES))
    await cave.alice.delete(message)
    assert cave.discord.messages(cave.guild) == []


@pytest.mark.parametrize(("content", "files"), [("", 0), ("  ", 0), ("x" * 2001, 0), ("x" * 2001, 1), ("x", 11)])
async def test_refused_messages(cave: Cave, content: str, files: int) -> None:
    """What is empty, too long or brings too many files is not posted, nor does a message become it."""
    with pytest.raises(ApiError):
        await cave.alice.write(cave.guild, content, files=[File("a", b"")] * files)
    assert cave.discord.messages(cave.guild) == []
    message = await cave.alice.write(cave.guild, "hello")
    if not files:
        with pytest.raises(ApiError):
            await cave.alice.edit(message, content)

    assert message.content == "hello"


async def test_longest_message(cave: Cave) -> None:
    """2000 characters and ten files are taken; files need no words."""
    longest = await cave.alice.write(cave.guild, "x" * 2000, files=[File("a", b"")] * 10)
    wordless = await cave.alice.write(cave.guild, files=[File("a", b"")])

    assert (len(longest.content), len(longest.attachments), wordless.content) == (2000, 10, "")


@pytest.mark.parametrize("emoji", ["nonsense!", "x", "horn:123", ""])
async def test_no_emoji(cave: Cave, emoji: str) -> None:
    """They react with emojis only; what nobody has reacted with is not taken back either."""
    message = await cave.alice.write(cave.guild, "hello")
    with pytest.raises(ApiError):
        await cave.alice.react(message, emoji)
    await cave.alice.unreact(message, emoji)

    assert message.reactions == {}


async def test_no_voice_channel(cave: Cave) -> None:
    """One is in voice in voice channels."""
    with pytest.raises(JoinRefusedError):
        await cave.alice.join(cave.guild.text_channel)

    assert cave.alice.channel is None


async def test_guild_without_text(cave: Cave) -> None:
    """A guild stands for its first text channel; without one it stands for nothing."""
    cave.guild.remove_channel(cave.guild.text_channel)

    for deed in (
        cave.alice.write(cave.guild, "x"),
        cave.alice.type(cave.guild),
        cave.alice.invoke(cave.app, cave.guild, "x"),
    ):
        with pytest.raises(NotAllowedError, match="no text channel"):
            await deed


async def test_first_reaction(cave: Cave) -> None:
    """Without the permission to add reactions one may only join those that are there."""
    message = await cave.alice.write(cave.guild, "hello")
    cave.guild.overwrite(cave.guild.text_channel, cave.guild.everyone, deny=Permission.ADD_REACTIONS)
    with pytest.raises(NotAllowedError):
        await cave.alice.react(message, "👍")
    cave.discord.world.react(message, cave.app.user, "👍", added=True)
    await cave.alice.react(message, "👍")

    assert message.reactions == {"👍": [cave.app.user, cave.alice]}


@pytest.mark.parametrize("muted", [{"mute": True}, {"deaf": True}])
async def test_muted_soundboard(cave: Cave, muted: dict[str, Any]) -> None:
    """Whom a moderator has muted or deafened plays no sounds."""
    await cave.alice.join(cave.general)
    cave.guild.change_member(cave.alice, **muted)

    with pytest.raises(NotAllowedError):
        await cave.alice.play_soundboard(cave.guild.add_sound("horn"))


async def test_foreign_sounds(cave: Cave) -> None:
    """A sound of another guild needs a permission of its own."""
    elsewhere = cave.discord.add_guild("Elsewhere", members=[cave.alice])
    sound = elsewhere.add_sound("horn")
    await cave.alice.join(cave.general)
    await cave.alice.play_soundboard(sound)
    cave.guild.overwrite(cave.general, cave.alice, deny=Permission.USE_EXTERNAL_SOUNDS)

    with pytest.raises(NotAllowedError):
        await cave.alice.play_soundboard(sound)
    await cave.alice.play_soundboard(cave.guild.add_sound("own"))
