"""What the bot knows of members, with the soundboard at work."""

import pytest

from jeffbot.models import GuildId, UserId
from jeffbot.sandbox import Permission
from jeffbot.voice.members import GuildMembers
from staging import Stage

pytestmark = [pytest.mark.play, pytest.mark.discord(no_findings=True)]


async def test_who_is_where(stage: Stage) -> None:
    """Who plays a sound sees the channel they are in, with the bot; who is not in voice, what they may join."""
    bob = stage.discord.add_user("bob")
    role = stage.guild.add_role("staff", Permission.MANAGE_GUILD)
    stage.guild.add_member(bob, roles=(role,))
    await stage.service.play(stage.alice.id, "low")
    members = GuildMembers(stage.bot)

    (alices,) = await members.guilds(UserId(stage.alice.id))
    (bobs,) = await members.guilds(UserId(bob.id))

    (general,) = alices.channels
    assert general.id == stage.general.id
    assert {person.name for person in general.members} == {"alice", "jeffbot"}
    assert bobs.channels == alices.channels
    assert (alices.membership.manages, bobs.membership.manages) == (False, True)
    assert members.known(UserId(bob.id), GuildId(stage.guild.id)) == bobs.membership
    await members.close()
