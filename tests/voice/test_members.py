"""What the bot knows of members and their rights, as the local Discord tells it."""

import asyncio
import datetime as dt
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass

import nextcord
import pytest
from nextcord.ext import commands

from jeffbot.errors import UnloadedError
from jeffbot.models import GuildId, UserId
from jeffbot.sandbox import Application, Channel, Guild, Permission, Person, Sandbox
from jeffbot.sandbox.gateway.intents import Intents, flags_of
from jeffbot.sandbox.nextcord_host import make_bot, running
from jeffbot.sandbox.world.values import ChannelType, Role
from jeffbot.voice import members as module
from jeffbot.voice.members import AT_ONCE, MAX_AGE, MAX_ASKED, GuildMembers, MembersUnknownError
from staging import PATIENCE

pytestmark = pytest.mark.discord(no_findings=True)
NOBODY = UserId(404)
NOWHERE = GuildId(404)


@dataclass
class Clock:
    """Seconds that pass when a test says so."""

    now: float = 1000.0

    def __call__(self) -> float:
        return self.now


@dataclass
class Scene:
    """A bot in a guild of which Alice is a member, not in voice."""

    discord: Sandbox
    bot: commands.Bot
    members: GuildMembers
    guild: Guild
    general: Channel
    alice: Person
    asked: list[int]
    """The guilds that Discord was asked about members of, in order."""
    clock: Clock

    @property
    def user_id(self) -> UserId:
        return UserId(self.alice.id)

    @property
    def guild_id(self) -> GuildId:
        return GuildId(self.guild.id)

    async def seen(self, condition: Callable[[nextcord.Guild], object]) -> None:
        """Wait until the bot has been told of something."""
        await told(self.bot, lambda: (guild := self.bot.get_guild(self.guild.id)) and condition(guild))

    async def role(self, role: Role) -> None:
        """Wait until the bot has been told of a role."""
        await self.seen(lambda guild: guild.get_role(role.id))

    async def join(self) -> None:
        """Let Alice come into voice."""
        await self.alice.join(self.general)
        await self.seen(lambda guild: guild.get_member(self.alice.id))


async def told(bot: commands.Bot, condition: Callable[[], object]) -> None:
    """Wait until a bot has been told of something; looked at again with whatever the gateway tells."""
    while not condition():
        await bot.wait_for("socket_event_type", timeout=PATIENCE)


async def never(*_: object) -> nextcord.Member:
    """Discord does not answer."""
    return await asyncio.Future()


@pytest.fixture
async def scene(discord: Sandbox, application: Application, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Scene]:
    alice = discord.add_user("alice")
    guild = discord.add_guild("Cave", members=[alice], applications=[application])
    general = guild.add_voice_channel("General")
    asked: list[int] = []
    fetch = nextcord.Guild.fetch_member

    async def counted(self: nextcord.Guild, user_id: int) -> nextcord.Member:
        asked.append(self.id)
        return await fetch(self, user_id)

    monkeypatch.setattr(nextcord.Guild, "fetch_member", counted)
    async with running(discord, application, make_bot(discord, guild_ready_timeout=0.05)) as bot:
        await told(bot, lambda: bot.get_guild(guild.id))
        clock = Clock()
        members = GuildMembers(bot, now=clock)
        yield Scene(discord, bot, members, guild, general, alice, asked, clock)
        await members.close()


# One guild


async def test_asked_and_remembered(scene: Scene) -> None:
    """Who is not in voice is asked for, and known for a minute."""
    assert scene.members.known(scene.user_id, scene.guild_id) is None
    role = scene.guild.add_role("DJ")
    scene.guild.give_role(scene.alice, role)
    await scene.role(role)

    found = await scene.members.of(scene.user_id, scene.guild_id)

    assert found == (scene.guild_id, False, frozenset({role.id}))
    scene.clock.now += MAX_AGE
    assert await scene.members.of(scene.user_id, scene.guild_id) == found
    assert scene.members.known(scene.user_id, scene.guild_id) == found
    assert len(scene.asked) == 1
    scene.clock.now += 0.001
    assert scene.members.known(scene.user_id, scene.guild_id) is None
    await scene.members.of(scene.user_id, scene.guild_id)
    assert len(scene.asked) == 2


async def test_no_member(scene: Scene) -> None:
    """Who is none, or no user at all, is remembered as such; of a guild that is not the bot's nobody is asked."""
    stranger = UserId(scene.discord.add_user("bob").id)
    for user_id in (stranger, NOBODY, stranger, NOBODY):
        assert await scene.members.of(user_id, scene.guild_id) is None
    assert len(scene.asked) == 2

    assert await scene.members.of(scene.user_id, NOWHERE) is None
    assert scene.members.known(scene.user_id, NOWHERE) is None
    assert len(scene.asked) == 2


async def test_thrown_out_meanwhile(scene: Scene) -> None:
    """Where Discord says that the guild is not the bot's, nobody is a member."""
    scene.discord.inject("GET", "/guilds/*/members/*", status=403, body={"code": 50001, "message": "Missing Access"})

    assert await scene.members.of(scene.user_id, scene.guild_id) is None


async def test_became_a_member(scene: Scene) -> None:
    """Who was no member and comes into voice is one at once."""
    bob = scene.discord.add_user("bob")
    assert await scene.members.of(UserId(bob.id), scene.guild_id) is None
    scene.guild.add_member(bob)
    await bob.join(scene.general)
    await scene.seen(lambda guild: guild.get_member(bob.id))

    assert scene.members.known(UserId(bob.id), scene.guild_id) is not None
    assert await scene.members.of(UserId(bob.id), scene.guild_id) is not None


async def test_in_voice(scene: Scene) -> None:
    """Who is in voice is known without asking; what they may do by the roles they came with, until Discord is asked."""
    role = scene.guild.add_role("staff", Permission.MANAGE_GUILD)
    scene.guild.give_role(scene.alice, role)
    await scene.role(role)
    await scene.join()
    assert scene.members.known(scene.user_id, scene.guild_id) == (scene.guild_id, True, frozenset({role.id}))
    assert scene.asked == []

    scene.guild.take_role(scene.alice, role)

    assert await scene.members.of(scene.user_id, scene.guild_id) == (scene.guild_id, False, frozenset())
    assert scene.members.known(scene.user_id, scene.guild_id) == (scene.guild_id, False, frozenset())


@pytest.mark.parametrize(
    ("permissions", "manages"),
    [
        (Permission.ADMINISTRATOR, True),
        (Permission.MANAGE_GUILD, True),
        (Permission.MANAGE_CHANNELS | Permission.MANAGE_ROLES, False),
    ],
)
async def test_a_role_changes(scene: Scene, permissions: Permission, *, manages: bool) -> None:
    """What a role may do counts as it is now, of those in voice and of those asked for, without asking again."""
    role = scene.guild.add_role("staff")
    scene.guild.give_role(scene.alice, role)
    await scene.role(role)
    before = await scene.members.of(scene.user_id, scene.guild_id)
    assert before
    assert not before.manages

    scene.guild.change_role(role, permissions=permissions)
    await scene.seen(lambda guild: (seen := guild.get_role(role.id)) and seen.permissions.value == permissions)

    after = await scene.members.of(scene.user_id, scene.guild_id)
    assert after
    assert after.manages is manages
    assert after == scene.members.known(scene.user_id, scene.guild_id)
    assert len(scene.asked) == 1


async def test_owner(scene: Scene) -> None:
    """Who owns the guild manages it."""
    owned = await scene.members.of(UserId(scene.guild.owner.id), scene.guild_id)
    assert owned
    assert owned.manages


async def test_timed_out(scene: Scene) -> None:
    """Who is timed out manages nothing for so long, but for administrators."""
    managing, all_of_it = Permission.MANAGE_GUILD, Permission.ADMINISTRATOR
    later = (dt.datetime.now(dt.UTC) + dt.timedelta(hours=1)).isoformat()
    for permissions in (managing, all_of_it):
        user = scene.discord.add_user(permissions.name or "")
        role = scene.guild.add_role(user.name, permissions)
        scene.guild.add_member(user, roles=(role,))
        scene.guild.change_member(user, timeout_until=later)
        await scene.role(role)

        found = await scene.members.of(UserId(user.id), scene.guild_id)
        assert found
        assert found.manages is (permissions is all_of_it)


async def test_asked_once(scene: Scene) -> None:
    """Those who want to know the same at the same time ask once, and one who gives up spoils it for none."""
    wanted = [asyncio.ensure_future(scene.members.of(scene.user_id, scene.guild_id)) for _ in range(5)]
    await asyncio.sleep(0)  # all have begun
    wanted[0].cancel()

    found = await asyncio.gather(*wanted[1:])

    assert wanted[0].cancelled()
    assert [member is not None for member in found] == [True] * 4
    assert len(scene.asked) == 1


@pytest.mark.discord(no_findings=False)
async def test_discord_fails(scene: Scene, monkeypatch: pytest.MonkeyPatch) -> None:
    """That Discord does not say is neither "no member" nor remembered, and all who wait are told."""
    scene.discord.inject("GET", "/guilds/*/members/*", status=403, body={"code": 0, "message": "Forbidden"})
    wanted = [asyncio.ensure_future(scene.members.of(scene.user_id, scene.guild_id)) for _ in range(2)]
    for failed in await asyncio.gather(*wanted, return_exceptions=True):
        assert isinstance(failed, MembersUnknownError)
        assert "try again" in str(failed)
    assert len(scene.asked) == 1
    assert await scene.members.of(scene.user_id, scene.guild_id) is not None

    monkeypatch.setattr(module, "ANSWER_TIMEOUT", 0.05)
    scene.clock.now += 2 * MAX_AGE
    monkeypatch.setattr(nextcord.Guild, "fetch_member", never)
    with pytest.raises(MembersUnknownError, match="try again"):
        await asyncio.wait_for(scene.members.of(scene.user_id, scene.guild_id), PATIENCE)


async def test_outage(scene: Scene) -> None:
    """Of a guild that Discord has lost sight of nothing is known, and it is not left out as if it were no guild."""
    await scene.members.of(scene.user_id, scene.guild_id)
    scene.guild.set_unavailable(True)
    await scene.seen(lambda guild: guild.unavailable)

    assert scene.members.known(scene.user_id, scene.guild_id) is None
    with pytest.raises(MembersUnknownError):
        await scene.members.of(scene.user_id, scene.guild_id)
    assert await scene.members.guilds(scene.user_id) == ()


async def test_new_session(scene: Scene, monkeypatch: pytest.MonkeyPatch) -> None:
    """After a new session with Discord what was remembered of the old one is asked anew."""

    async def at_once(*_: object, **__: object) -> None:
        """Nextcord would wait for five seconds."""

    monkeypatch.setattr(scene.bot, "before_identify_hook", at_once)
    await scene.members.of(scene.user_id, scene.guild_id)
    before = scene.bot.get_guild(scene.guild.id)
    scene.discord.drop_gateway(scene.discord.applications[0], resume=False)
    await scene.seen(lambda guild: guild is not before and not guild.unavailable)

    assert await scene.members.of(scene.user_id, scene.guild_id) is not None
    assert len(scene.asked) == 2


async def test_bounded(scene: Scene, monkeypatch: pytest.MonkeyPatch) -> None:
    """What has not been needed for longest is forgotten."""
    monkeypatch.setattr(module, "MAX_KEPT", 2)
    bob = UserId(scene.discord.add_user("bob").id)
    for user_id in (scene.user_id, bob, scene.user_id, NOBODY):
        await scene.members.of(user_id, scene.guild_id)
    scene.asked.clear()

    await scene.members.of(scene.user_id, scene.guild_id)
    assert scene.asked == []
    await scene.members.of(bob, scene.guild_id)
    assert len(scene.asked) == 1


async def test_closed(scene: Scene) -> None:
    """Who waits when it is closed is told so, and nobody is asked from then on."""
    waiting = asyncio.ensure_future(scene.members.of(scene.user_id, scene.guild_id))
    await asyncio.sleep(0)  # it has begun
    await scene.members.close()

    with pytest.raises(UnloadedError):
        await waiting
    with pytest.raises(UnloadedError):
        await scene.members.of(scene.user_id, scene.guild_id)


async def test_all_members_intent(discord: Sandbox, application: Application) -> None:
    """A bot that is told of all members and their changes asks for none."""
    application.flags = flags_of(Intents.GUILD_MEMBERS)
    alice = discord.add_user("alice")
    guild = discord.add_guild("Cave", members=[alice], applications=[application])
    intents = nextcord.Intents(guilds=True, voice_states=True, members=True)
    discord.inject("GET", "/guilds/*/members/*", status=403, times=99)
    async with running(discord, application, make_bot(discord, intents=intents, guild_ready_timeout=0.05)) as bot:
        await told(bot, lambda: (seen := bot.get_guild(guild.id)) and seen.get_member(alice.id))
        members = GuildMembers(bot)
        assert await members.of(UserId(alice.id), GuildId(guild.id)) == (guild.id, False, frozenset())


# All guilds


async def test_views(scene: Scene) -> None:
    """Of a guild that is shared the voice channels are told that one may join, in Discord's order, and who is there."""
    guild, bob = scene.guild, scene.discord.add_user("bob")
    guild.add_member(bob)
    guild.change_member(bob, nick="aaron")
    guild.change_member(scene.alice, nick="Bea")
    upstairs = guild.add_channel("Upstairs", ChannelType.CATEGORY)
    attic = guild.add_channel("Attic", ChannelType.VOICE, parent_id=upstairs.id)
    stage = guild.add_stage_channel("Stage")
    guild.add_voice_channel("Hidden", denied=Permission.VIEW_CHANNEL)
    unseen = guild.add_voice_channel("Unseen", denied=Permission.VIEW_CHANNEL)
    guild.add_voice_channel("Locked", denied=Permission.CONNECT)
    guild.overwrite(unseen, scene.alice, allow=Permission.VIEW_CHANNEL)
    await bob.join(scene.general)
    await scene.alice.join(scene.general)
    await scene.seen(lambda seen: seen.get_member(scene.alice.id) and seen.get_channel(unseen.id).overwrites)  # type: ignore[union-attr]

    (view,) = await scene.members.guilds(scene.user_id)

    assert (view.id, view.name, view.icon, view.membership.manages) == (guild.id, "Cave", None, False)
    assert [channel.id for channel in view.channels] == [scene.general.id, stage.id, unseen.id, attic.id]
    assert view.channels[0].members == ((bob.id, "aaron"), (scene.alice.id, "Bea"))
    assert scene.asked == []


async def test_icon(scene: Scene) -> None:
    """A guild's picture comes along."""
    scene.guild.change(icon="0123456789abcdef")
    await scene.join()
    await scene.seen(lambda guild: guild.icon)

    (view,) = await scene.members.guilds(scene.user_id)
    assert view.icon
    assert f"/icons/{scene.guild.id}/0123456789abcdef" in view.icon


async def more_guilds(scene: Scene, count: int, *, shared: Callable[[int], bool] = lambda _: True) -> list[Guild]:
    """Further guilds of the bot's, in the order in which it knows them."""
    application = scene.discord.applications[0]
    guilds = [
        scene.discord.add_guild(str(n), members=[scene.alice] if shared(n) else [], applications=[application])
        for n in range(count)
    ]
    await told(scene.bot, lambda: len(scene.bot.guilds) == count + 1)
    return guilds


async def test_order(scene: Scene) -> None:
    """First the guild one is in voice in, then those that are known, then those that Discord names."""
    first, second, third = await more_guilds(scene, 3, shared=lambda n: n < 2)
    attic = second.add_voice_channel("Attic")
    await scene.members.of(scene.user_id, scene.guild_id)
    await scene.alice.join(attic)
    await told(scene.bot, lambda: (seen := scene.bot.get_guild(second.id)) and seen.get_member(scene.alice.id))
    scene.asked.clear()

    views = await scene.members.guilds(scene.user_id)

    assert [view.id for view in views] == [second.id, scene.guild.id, first.id]
    assert sorted(scene.asked) == sorted([first.id, third.id])


@pytest.mark.discord(no_findings=False)
async def test_guilds_that_fail(scene: Scene) -> None:
    """A guild about which Discord does not tell is left out, this time."""
    (other,) = await more_guilds(scene, 1)
    failing = {"status": 403, "body": {"code": 0, "message": "Forbidden"}}
    scene.discord.inject("GET", f"/guilds/{other.id}/members/*", **failing)  # type: ignore[arg-type]

    assert [view.id for view in await scene.members.guilds(scene.user_id)] == [scene.guild.id]
    assert {view.id for view in await scene.members.guilds(scene.user_id)} == {scene.guild.id, other.id}


async def test_many_guilds(scene: Scene, monkeypatch: pytest.MonkeyPatch) -> None:
    """Of many guilds some are asked about, few at once; the next time others, and first those that were shared."""
    running_now, most = 0, 0
    fetch = nextcord.Guild.fetch_member

    async def slow(self: nextcord.Guild, user_id: int) -> nextcord.Member:
        nonlocal running_now, most
        running_now += 1
        most = max(most, running_now)
        await asyncio.sleep(0)  # others have their turn
        try:
            return await fetch(self, user_id)
        finally:
            running_now -= 1

    monkeypatch.setattr(nextcord.Guild, "fetch_member", slow)
    count = MAX_ASKED + 4
    guilds = await more_guilds(scene, count, shared=lambda n: n == count - 1)

    await scene.members.guilds(scene.user_id)
    assert (len(scene.asked), most) == (MAX_ASKED, AT_ONCE)
    assert {view.id for view in await scene.members.guilds(scene.user_id)} == {scene.guild.id, guilds[-1].id}
    assert len(scene.asked) == len({*scene.asked}) == count + 1

    scene.clock.now += 2 * MAX_AGE
    assert {view.id for view in await scene.members.guilds(scene.user_id)} == {scene.guild.id, guilds[-1].id}


async def test_slow_discord(scene: Scene, monkeypatch: pytest.MonkeyPatch) -> None:
    """What Discord does not say in time is left out; it is not waited for guild by guild."""
    await more_guilds(scene, AT_ONCE + 1)
    await scene.join()
    begun = 0

    async def counted(*_: object) -> nextcord.Member:
        nonlocal begun
        begun += 1
        return await never()

    monkeypatch.setattr(nextcord.Guild, "fetch_member", counted)
    monkeypatch.setattr(module, "ANSWER_TIMEOUT", 0.05)

    assert [view.id for view in await scene.members.guilds(scene.user_id)] == [scene.guild.id]
    assert begun == AT_ONCE


async def test_in_voice_before_the_bot(scene: Scene, monkeypatch: pytest.MonkeyPatch) -> None:
    """Who came into voice while the bot was away is shown by name, too; if Discord names them."""
    bob = scene.discord.add_user("bob")
    before = scene.discord.add_guild("Before", members=[scene.alice, bob], owner=bob)
    attic = before.add_voice_channel("Attic")
    await bob.join(attic)
    before.add_member(scene.discord.applications[0].user)
    await told(scene.bot, lambda: scene.bot.get_guild(before.id))

    async def unheard(*_: object, **__: object) -> None:
        raise ConnectionResetError

    with monkeypatch.context() as patch:
        patch.setattr(nextcord.Guild, "query_members", unheard)
        (_, view) = await scene.members.guilds(scene.user_id)
        assert view.channels[0].members == ()

    (view,) = [view for view in await scene.members.guilds(scene.user_id) if view.id == before.id]
    assert view.channels[0].members == ((bob.id, "bob"),)
