"""Who is a member of which guild, and what they may do there.

Without a privileged intent the gateway tells of a member only when they come into voice: with the roles they have then,
which Nextcord keeps, whatever changes, until they leave. All else is asked of Discord (Discord: Guild, "Get Guild
Member") and remembered for MAX_AGE. Cost: memory for MAX_KEPT answers, a kilobyte each; a listing of someone's guilds
is O(guilds), and O(channels, roles and members in voice) for each that it shows.
"""

import asyncio
import contextlib
import time
from collections import OrderedDict
from collections.abc import Callable, Iterable
from typing import NamedTuple

import aiohttp
import nextcord

from ..community import ChannelView, GuildView, Membership, Person
from ..errors import SoundboardError, UnloadedError
from ..models import ChannelId, GuildId, Seconds, UserId
from .encryption import VocalChannel

MAX_AGE: Seconds = 60.0
"""How old an answer may be, also where it is "no member"."""
MAX_KEPT = 10_000
"""How many answers are remembered; those not needed for longest go."""
ANSWER_TIMEOUT: Seconds = 5.0
"""How long Discord may take, waiting for its rate limits included."""
MAX_ASKED = 20
"""How many guilds a listing of someone's guilds asks Discord about."""
AT_ONCE = 5
"""How many of those at the same time."""
MAX_MET = 100
"""Of how many in voice names are asked for at once (Discord: Gateway Events, "Request Guild Members")."""

_NO_MEMBER = frozenset({10004, 10007, 10013})
"""Unknown Guild, Member, User (Discord: Opcodes and Status Codes, "JSON")."""
_MISSING_ACCESS = 50001
"""Likewise: what Discord says of guilds that are not the bot's."""


class MembersUnknownError(SoundboardError):
    """Discord does not tell whether someone is a member; ``str(error)`` says what to do."""


class _Answer(NamedTuple):
    """What Discord said of someone in a guild."""

    member: nextcord.Member | None
    at: Seconds


type _Key = tuple[int, int]
"""A guild's and a user's id."""


class GuildMembers:
    """The members of one bot's guilds. Close it, lest it go on asking.

    Args:
        client: The bot.
        now: A clock that only goes forward, seconds.
    """

    def __init__(self, client: nextcord.Client, *, now: Callable[[], Seconds] = time.monotonic) -> None:
        self._client = client
        self._now = now
        self._answers: OrderedDict[_Key, _Answer] = OrderedDict()
        self._asking: dict[_Key, asyncio.Task[nextcord.Member | None]] = {}
        self._closed = False

    def known(self, user_id: UserId, guild_id: GuildId) -> Membership | None:
        """What someone may do in a guild, as far as that is known without asking Discord; None: it is not.

        Of who is in voice the roles may be those with which they came there; rights of a role are those of now.
        """
        guild = self._client.get_guild(guild_id)
        member = self._known(guild, user_id) if guild and not guild.unavailable else None
        return _membership(member) if member else None

    async def of(self, user_id: UserId, guild_id: GuildId) -> Membership | None:
        """What someone may do in a guild, at most MAX_AGE old; None: they are no member, or the bot is not.

        Raises:
            MembersUnknownError: Discord does not tell.
            UnloadedError: Discord would have to be asked, but this has been closed.
        """
        guild = self._client.get_guild(guild_id)
        if guild is None:
            return None
        if guild.unavailable:
            raise MembersUnknownError("Discord has lost sight of this server for now; try again in a few minutes")
        member = await self._of(guild, user_id)
        return _membership(member) if member else None

    async def guilds(self, user_id: UserId) -> tuple[GuildView, ...]:
        """The guilds that someone shares with the bot: those they are in voice in first, then what else is known.

        After that come those that Discord names when asked, at most MAX_ASKED in ANSWER_TIMEOUT; the next call asks
        about others. Where Discord does not tell, a guild is left out, or who is in its voice channels.
        """
        guilds = [guild for guild in self._client.guilds if not guild.unavailable]
        shared = {guild: member for guild in guilds if (member := self._known(guild, user_id))}
        unknown = [guild for guild in guilds if guild not in shared and not self._answer(guild, user_id)]
        unknown.sort(key=lambda guild: self._hope(guild, user_id))
        asked = unknown[:MAX_ASKED]
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(ANSWER_TIMEOUT):
                await self._ask_all(asked, user_id)
                await asyncio.gather(*(_meet(guild) for guild in guilds if self._known(guild, user_id)))
        found = {guild: member for guild in asked if (member := self._known(guild, user_id))}
        places = sorted(shared, key=lambda guild: guild._voice_state_for(user_id) is None)
        return tuple(_view(guild, (shared | found)[guild]) for guild in (*places, *found))

    async def close(self) -> None:
        """Ask no more; who still waits for an answer gets an UnloadedError."""
        self._closed = True
        asking = [*self._asking.values()]
        for task in asking:
            task.cancel()
        if asking:
            await asyncio.wait(asking)

    def _known(self, guild: nextcord.Guild, user_id: int) -> nextcord.Member | None:
        answer = self._answer(guild, user_id)
        return (answer.member if answer else None) or guild.get_member(user_id)

    def _answer(self, guild: nextcord.Guild, user_id: int) -> _Answer | None:
        """What Discord said, where that still holds."""
        answer = self._answers.get((guild.id, user_id))
        if answer is None or self._now() - answer.at > MAX_AGE:
            return None
        # A guild is another object after a new session; and who is in voice has become a member since.
        if answer.member.guild is not guild if answer.member else guild.get_member(user_id):
            return None
        self._answers.move_to_end((guild.id, user_id))
        return answer

    async def _of(self, guild: nextcord.Guild, user_id: int) -> nextcord.Member | None:
        if self._client.intents.members and (told := guild.get_member(user_id)):
            return told  # and of every change
        answer = self._answer(guild, user_id)
        return answer.member if answer else await self._ask(guild, user_id)

    async def _ask(self, guild: nextcord.Guild, user_id: int) -> nextcord.Member | None:
        """Ask Discord, or wait with whoever has asked."""
        key = guild.id, user_id
        task = self._asking.get(key)
        if task is None:
            if self._closed:
                raise UnloadedError
            task = self._asking[key] = asyncio.create_task(self._fetch(guild, user_id), name="jeffbot member")
            task.add_done_callback(lambda task: self._asked(key, task))
        await asyncio.wait([task])
        if task.cancelled():
            raise UnloadedError
        return task.result()

    def _asked(self, key: _Key, task: "asyncio.Task[nextcord.Member | None]") -> None:
        del self._asking[key]
        if not task.cancelled() and task.exception() is None:
            self._answers[key] = _Answer(task.result(), self._now())
            self._answers.move_to_end(key)
            if len(self._answers) > MAX_KEPT:
                self._answers.popitem(last=False)

    async def _fetch(self, guild: nextcord.Guild, user_id: int) -> nextcord.Member | None:
        try:
            async with asyncio.timeout(ANSWER_TIMEOUT):
                return await guild.fetch_member(user_id)
        except nextcord.HTTPException as error:
            if error.code in _NO_MEMBER or error.code == _MISSING_ACCESS:
                return None
            raise MembersUnknownError(
                f"Discord does not say who is in the server ({error.status}); try again"
            ) from error
        except (TimeoutError, aiohttp.ClientError, OSError) as error:
            raise MembersUnknownError("Discord does not answer who is in the server; try again in a minute") from error

    async def _ask_all(self, guilds: Iterable[nextcord.Guild], user_id: int) -> None:
        """Have what Discord says of someone in these guilds remembered, as far as it says it."""
        gate = asyncio.Semaphore(AT_ONCE)

        async def ask(guild: nextcord.Guild) -> None:
            async with gate:
                with contextlib.suppress(MembersUnknownError, UnloadedError):
                    await self._ask(guild, user_id)

        await asyncio.gather(*map(ask, guilds))

    def _hope(self, guild: nextcord.Guild, user_id: int) -> int:
        """Whom to ask about first: where they were a member, then where nothing is known."""
        last = self._answers.get((guild.id, user_id))
        if last is None:
            return 1
        return 0 if last.member else 2


async def _meet(guild: nextcord.Guild) -> None:
    """Have Nextcord know who is in voice: of those who were there before the bot it has kept the ids alone."""
    strangers = [user_id for user_id in guild._voice_states if not guild.get_member(user_id)]
    if strangers:
        with contextlib.suppress(RuntimeError, OSError, aiohttp.ClientError):  # no connection now: the next time
            await guild.query_members(user_ids=strangers[:MAX_MET])


def _membership(member: nextcord.Member) -> Membership:
    """What a member may do (Discord: Permissions, with "Permissions For Timed Out Members")."""
    allowed = member.guild_permissions
    manages = allowed.administrator or (allowed.manage_guild and member.communication_disabled_until is None)
    roles = frozenset(role.id for role in member.roles if not role.is_default())
    return Membership(GuildId(member.guild.id), manages, roles)


def _view(guild: nextcord.Guild, member: nextcord.Member) -> GuildView:
    vocal: list[VocalChannel] = sorted([*guild.voice_channels, *guild.stage_channels], key=_place_in_list)
    occupants: dict[int, list[Person]] = {}
    for user_id, state in guild._voice_states.items():  # public only by channel
        if state.channel and (occupant := guild.get_member(user_id)):
            occupants.setdefault(state.channel.id, []).append(Person(UserId(user_id), occupant.display_name))
    channels = (
        ChannelView(
            ChannelId(channel.id),
            channel.name,
            tuple(sorted(occupants.get(channel.id, ()), key=lambda person: person.name.casefold())),
        )
        for channel in vocal
        if _may_join(member, channel)
    )
    icon = guild.icon.url if guild.icon else None
    return GuildView(GuildId(guild.id), guild.name, icon, _membership(member), tuple(channels))


def _may_join(member: nextcord.Member, channel: VocalChannel) -> bool:
    allowed = channel.permissions_for(member)
    return allowed.view_channel and allowed.connect


def _place_in_list(channel: VocalChannel) -> tuple[tuple[int, int], int, int]:
    """Where Discord lists a channel: those without a category first, then by their categories."""
    category = channel.category
    above = (category.position, category.id) if category else (-1, -1)
    return above, channel.position, channel.id
