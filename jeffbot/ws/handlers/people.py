"""People, guilds and their numbers; and the token itself."""

import asyncio
from collections.abc import Iterable, Sequence

from msgspec import UNSET

from ...community import Heard, Moment, SoundCount
from ...errors import ForbiddenError, NoVoiceChannelError
from ...models import Caller, Sound
from .. import replies, requests
from ..desk import Call, Desk


async def favourites(desk: Desk, call: Call, request: requests.Favourites) -> replies.FavouritesReply:
    """Tell the user's favourites; add some, take some out."""
    people = desk.service.people
    if request.changes:
        sounds = await people.change_favourites(call.caller, add=request.add, remove=request.remove)
    else:
        sounds = await people.favourites(call.caller)
    return replies.FavouritesReply(favourites=tuple(map(desk.describe, sounds)))


async def guilds(desk: Desk, call: Call, _request: requests.Request) -> replies.GuildsReply:
    """Tell the guilds that the user shares with the bot, their voice channels the user may join, and who is where."""
    views = await desk.service.members.guilds(call.caller.user_id)
    return replies.GuildsReply(
        guilds=tuple(
            replies.GuildInfo(
                id=str(view.id),
                name=view.name,
                icon=view.icon,
                manages=view.membership.manages,
                channels=tuple(
                    replies.ChannelInfo(
                        id=str(channel.id),
                        name=channel.name,
                        members=tuple(replies.PersonInfo(str(who.user_id), who.name) for who in channel.members),
                    )
                    for channel in view.channels
                ),
            )
            for view in views
        )
    )


async def recent(desk: Desk, call: Call, request: requests.Recent) -> replies.RecentReply:
    """Tell what the user, and everyone in the guild, played last."""
    people = desk.service.people
    mine, guild = await asyncio.gather(
        people.recent(call.caller, mine=True, limit=request.limit),
        people.recent(call.caller, mine=False, limit=request.limit),
    )
    return replies.RecentReply(mine=_heard(desk, call.caller, mine), guild=_heard(desk, call.caller, guild))


async def stats(desk: Desk, call: Call, request: requests.Stats) -> replies.StatsReply:
    """Tell what was played in the guild: by sound, person and hour."""
    numbers = await desk.service.numbers.numbers(call.caller, since=request.since, top=request.top)
    return replies.StatsReply(
        since=numbers.since,
        plays=numbers.plays,
        sounds=_counted(desk, call.caller, numbers.sounds),
        people=tuple(
            replies.CountedPerson(None if who.user_id is None else str(who.user_id), who.plays)
            for who in numbers.people
        ),
        hours=numbers.hours,
        first=_counted(desk, call.caller, numbers.first),
        forgotten=_counted(desk, call.caller, numbers.forgotten),
    )


async def entrance(desk: Desk, call: Call, request: requests.Entrance) -> replies.EntranceReply:
    """Tell or choose the user's own entrance and exit sounds in a guild."""
    service, caller = desk.service, call.caller
    for moment, sound in ((Moment.ENTRANCE, request.entrance), (Moment.EXIT, request.exit)):
        if sound is not UNSET:
            await service.entrances.set(caller, sound, moment)
    if request.greeted is not UNSET:
        await service.people.choose(caller, greeted=request.greeted)
    guild_id = service.guild_of(caller)
    if guild_id is None:
        raise NoVoiceChannelError
    chosen = {moment: service.entrances.own(caller, moment) for moment in Moment}
    return replies.EntranceReply(
        guild_id=str(guild_id),
        entrance=_described(desk, chosen[Moment.ENTRANCE]),
        exit=_described(desk, chosen[Moment.EXIT]),
        greeted=service.people.choices(caller.user_id).greeted,
        enabled=service.guilds.settings(guild_id).entrances,
    )


async def settings(desk: Desk, call: Call, request: requests.Settings) -> replies.SettingsReply:
    """Tell what the guild remembers; for who manages it, change it."""
    service, caller = desk.service, call.caller
    guild_id = service.guild_of(caller)
    if guild_id is None:
        raise NoVoiceChannelError
    if request.changes:
        changes = {name: value for name in requests.SETTINGS if (value := getattr(request, name)) is not UNSET}
        await service.guilds.change(caller, **changes)
    kept = service.guilds.settings(guild_id)
    info = replies.SettingsInfo(**{name: getattr(kept, name) for name in requests.SETTINGS})
    return replies.SettingsReply(guild_id=str(guild_id), settings=info)


async def refresh(desk: Desk, call: Call, _request: requests.Request) -> replies.Refreshed:
    """Give a fresh token in place of one that came from Discord itself; at most until 30 days after that."""
    if call.identity is None:
        raise ForbiddenError("Sign in first")
    token, expires_at = await asyncio.to_thread(desk.tokens.refresh, call.identity)
    return replies.Refreshed(token=token, expires_at=expires_at)


def _described(desk: Desk, sound: Sound | None) -> replies.SoundInfo | None:
    return None if sound is None else desk.describe(sound)


def _name(desk: Desk, caller: Caller, sound_id: int) -> str | None:
    sound = desk.service.library.by_id(caller, sound_id)
    return sound.name if sound else None


def _heard(desk: Desk, caller: Caller, heard: Iterable[Heard]) -> tuple[replies.HeardSound, ...]:
    return tuple(
        replies.HeardSound(
            _name(desk, caller, item.sound_id), item.title, None if item.user_id is None else str(item.user_id), item.at
        )
        for item in heard
    )


def _counted(desk: Desk, caller: Caller, counts: Sequence[SoundCount]) -> tuple[replies.CountedSound, ...]:
    return tuple(
        replies.CountedSound(_name(desk, caller, item.sound_id), item.title, item.plays, item.last_played)
        for item in counts
    )
