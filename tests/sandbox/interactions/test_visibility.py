"""Which commands people are shown."""

import datetime as dt

import pytest

from jeffbot.sandbox import CommandHiddenError, Permission
from jeffbot.sandbox.world.payloads import Json

from ..clients import RawClient
from ..conftest import Cave
from .asking import PLAY, register

ROLE, USER, CHANNEL = 1, 2, 3
MANAGE = str(int(Permission.MANAGE_GUILD))


def shown(cave: Cave) -> list[str]:
    """What Alice is shown in the guild's first text channel."""
    return cave.alice.commands(cave.app, cave.guild)


@pytest.mark.parametrize(
    "command",
    [
        PLAY | {"default_member_permissions": MANAGE},
        PLAY | {"default_member_permissions": "0"},
        PLAY | {"contexts": [1]},
        PLAY | {"integration_types": [1]},
        PLAY | {"nsfw": True},
    ],
)
async def test_hidden(cave: Cave, raw: RawClient, command: Json) -> None:
    """By default permissions, contexts, installation or an age limit."""
    await register(cave, raw, command, PLAY | {"name": "stop"})

    assert shown(cave) == ["stop"]
    with pytest.raises(CommandHiddenError):
        await cave.alice.invoke(cave.app, cave.guild, "play")


async def test_default_permissions(cave: Cave, raw: RawClient) -> None:
    """Who holds the permissions is shown the command; with none named, administrators are."""
    role = cave.guild.add_role("moderator", Permission.MANAGE_GUILD)
    cave.guild.give_role(cave.alice, role)
    await register(
        cave,
        raw,
        PLAY | {"default_member_permissions": MANAGE},
        PLAY | {"name": "stop", "default_member_permissions": "0"},
    )

    assert shown(cave) == ["play"]
    cave.guild.change_role(role, permissions=Permission.ADMINISTRATOR)
    assert shown(cave) == ["play", "stop"]


async def test_age_restricted_channel(cave: Cave, raw: RawClient) -> None:
    """A command with an age limit is shown in channels with one."""
    await register(cave, raw, PLAY | {"nsfw": True})
    cave.guild.change_channel(cave.general, nsfw=True)

    assert cave.alice.commands(cave.app, cave.general) == ["play"]


@pytest.mark.parametrize("denied", [Permission.USE_APPLICATION_COMMANDS, Permission.VIEW_CHANNEL])
async def test_channel_permissions(cave: Cave, raw: RawClient, denied: Permission) -> None:
    """No commands where one may not use any, or does not see the channel."""
    await register(cave, raw, PLAY)
    cave.guild.overwrite(cave.guild.text_channel, cave.alice, deny=denied)

    assert (shown(cave), cave.alice.commands(cave.app, cave.general)) == ([], ["play"])


async def test_user_commands_need_to_write(cave: Cave, raw: RawClient) -> None:
    """A command of a user's menu is for those who may write in the channel; a slash command for others as well."""
    await register(cave, raw, PLAY, {"type": 2, "name": "High Five"})
    assert shown(cave) == ["play", "High Five"]
    cave.guild.overwrite(cave.guild.text_channel, cave.alice, deny=Permission.SEND_MESSAGES)

    assert shown(cave) == ["play"]


async def test_timed_out(cave: Cave, raw: RawClient) -> None:
    """Who is timed out uses no commands until it is over."""
    await register(cave, raw, PLAY)
    now = dt.datetime.now(dt.UTC)
    cave.guild.change_member(cave.alice, timeout_until=(now + dt.timedelta(hours=1)).isoformat())
    assert shown(cave) == []
    cave.guild.change_member(cave.alice, timeout_until=(now - dt.timedelta(hours=1)).isoformat())

    assert shown(cave) == ["play"]


async def test_who_is_not_there(cave: Cave, raw: RawClient) -> None:
    """Strangers see nothing, and members nothing of a bot that has left."""
    await register(cave, raw, PLAY)

    assert cave.discord.add_user("stranger").commands(cave.app, cave.guild) == []
    cave.guild.remove_member(cave.app.user)
    assert shown(cave) == []


@pytest.mark.parametrize(
    ("default", "said", "names"),
    [
        ("0", [], []),
        ("0", [(USER, "alice", True)], ["play"]),
        ("0", [(ROLE, "dj", True)], ["play"]),
        ("0", [(ROLE, "guild", True)], ["play"]),
        (None, [(ROLE, "guild", False)], []),
        (None, [(ROLE, "guild", False), (ROLE, "dj", True)], ["play"]),
        (None, [(ROLE, "dj", False), (ROLE, "fan", True)], ["play"]),
        (None, [(ROLE, "dj", True), (USER, "alice", False)], []),
        (None, [(CHANNEL, "chat", False)], []),
        (None, [(CHANNEL, "all", False)], []),
        (None, [(CHANNEL, "all", False), (CHANNEL, "chat", True)], ["play"]),
        (None, [(USER, "alice", True), (CHANNEL, "chat", False)], []),
    ],
)
@pytest.mark.parametrize("what", ["command", "application"])
async def test_permissions_set_by_moderators(
    cave: Cave, raw: RawClient, default: str | None, said: list[tuple[int, str, bool]], names: list[str], what: str
) -> None:
    """A member's own word counts before their roles', that before everyone's, that before the default; channels too."""
    roles = [cave.guild.add_role("dj"), cave.guild.add_role("fan")]
    for role in roles:
        cave.guild.give_role(cave.alice, role)
    await register(cave, raw, PLAY | {"default_member_permissions": default})
    (command,) = cave.app.commands.everywhere()
    ids = {
        "alice": cave.alice.id,
        "guild": cave.guild.id,
        "chat": cave.guild.text_channel.id,
        "all": cave.guild.id - 1,
        **{role.name: role.id for role in roles},
    }
    subject = int(command["id"]) if what == "command" else cave.app.id
    cave.app.commands.permissions[cave.guild.id, subject] = [
        {"type": kind, "id": str(ids[whose]), "permission": allowed} for kind, whose, allowed in said
    ]

    assert shown(cave) == names


async def test_command_permissions_replace_those_for_all(cave: Cave, raw: RawClient) -> None:
    """What is said of one command counts instead of what is said of all, not on top of it."""
    await register(cave, raw, PLAY, PLAY | {"name": "stop"})
    play, _ = cave.app.commands.everywhere()
    everyone: Json = {"type": ROLE, "id": str(cave.guild.id)}
    cave.app.commands.permissions[cave.guild.id, cave.app.id] = [everyone | {"permission": False}]
    cave.app.commands.permissions[cave.guild.id, int(play["id"])] = [everyone | {"permission": True}]

    assert shown(cave) == ["play"]
