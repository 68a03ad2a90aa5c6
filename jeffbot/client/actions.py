"""What a client can ask for: a method for each action, with the fields of :mod:`jeffbot.ws.requests`.

Every method raises as :meth:`Actions.request` does. Without ``guild_id`` and ``channel_id`` an action is about the
guild in whose voice channel the user is.
"""

import abc
from collections.abc import Mapping, Sequence
from typing import Any, Literal, TypedDict, Unpack

import msgspec

from ..models import Mode, Retrigger
from ..ws import replies
from ..ws.replies import Reply, SoundInfo

type ModeName = Mode | Literal["replace", "overlap", "queue", "next"]
type RetriggerName = Retrigger | Literal["restart", "overlap", "ignore"]


class Target(TypedDict, total=False):
    """Which guild."""

    guild_id: str | int
    channel_id: str | int


class RandomOptions(Target, total=False):
    """How any sound is to be played."""

    mode: ModeName
    volume: float
    tag: str


class PlayOptions(Target, total=False):
    """How a sound is to be played."""

    mode: ModeName
    retrigger: RetriggerName
    volume: float


class StopOptions(Target, total=False):
    """What else than all is to end."""

    mine: bool


class PlayerChanges(Target, total=False):
    """How what plays is to be."""

    paused: bool | Literal["toggle"]
    volume: float


class QueueChanges(Target, total=False):
    """What is to wait no more."""

    remove: Sequence[str]
    clear: bool


class SearchOptions(Target, total=False):
    """Which sounds are meant."""

    tags: Sequence[str]
    limit: int
    cursor: str


class FavouriteChanges(Target, total=False):
    """Which favourites are to come and go."""

    add: Sequence[str]
    remove: Sequence[str]


class Details(Target, total=False):
    """What is said of a sound."""

    title: str
    aliases: Sequence[str]
    emoji: str
    colour: int | None
    tags: Sequence[str]
    gain: float
    trim_start: float
    trim_end: float | None
    retrigger: RetriggerName | None


class UploadOptions(Details, total=False):
    """Where a new sound goes, and what is said of it."""

    filename: str
    shared: bool


class RecentOptions(Target, total=False):
    """How many."""

    limit: int


class StatsOptions(Target, total=False):
    """From when on, and how many of each."""

    since: float
    top: int


class EntranceChanges(Target, total=False):
    """Which sounds are to be played for the user; None takes one back."""

    entrance: str | None
    exit: str | None
    greeted: bool


class SettingChanges(Target, total=False):
    """What a guild is to remember; None: as the operator has it."""

    mode: ModeName | None
    retrigger: RetriggerName | None
    volume: float | None
    native: bool
    entrances: bool
    entrance_on_move: bool
    entrance_cooldown: float
    time_zone: str


class Actions(abc.ABC):
    """A method for each action."""

    @abc.abstractmethod
    async def send(self, action: str, fields: Mapping[str, object]) -> str:
        """Send a request; its reply, as JSON."""

    async def request(self, action: str, **fields: object) -> dict[str, Any]:
        """Send any request; its reply as it comes.

        Raises:
            RemoteError: The server refused it.
            ConnectionEndedError: The connection ended first; whether it was carried out is not known, and it is not
                sent again.
            TimeoutError: No reply came in time; likewise.
            ValueError: It is longer than the server takes.
        """
        reply: dict[str, Any] = msgspec.json.decode(await self.send(action, fields))
        return reply

    async def _ask[R: Reply](self, kind: type[R], action: str, fields: Mapping[str, object]) -> R:
        return msgspec.json.decode(await self.send(action, fields), type=kind)

    # Playing

    async def play(self, filename: str, **options: Unpack[PlayOptions]) -> replies.Playing:
        """Play a sound; returns when it has begun, or waits in the queue."""
        return await self._ask(replies.Playing, "play", {"filename": filename, **options})

    async def random(self, **options: Unpack[RandomOptions]) -> replies.Playing:
        """Play any sound; returns when it has begun, or waits in the queue."""
        return await self._ask(replies.Playing, "random", options)

    async def stop(self, playback_id: str | None = None, **options: Unpack[StopOptions]) -> replies.Stopped:
        """End what plays and waits; or one sound, or the user's own."""
        return await self._ask(replies.Stopped, "stop", {"playback_id": playback_id, **options})

    async def skip(self, **target: Unpack[Target]) -> replies.Skipped:
        """End what sounds, and go on with what waits."""
        return await self._ask(replies.Skipped, "skip", target)

    async def player(self, **changes: Unpack[PlayerChanges]) -> replies.PlayerState:
        """How the player is; after it was paused, or made louder, where that is asked for."""
        return (await self._ask(replies.PlayerReply, "player", changes)).player

    async def queue(self, **changes: Unpack[QueueChanges]) -> Sequence[replies.QueuedSound]:
        """What waits, the next one first; after some was taken out, where that is asked for."""
        return (await self._ask(replies.QueueReply, "queue", changes)).queue

    async def status(self, **target: Unpack[Target]) -> replies.StatusReport:
        """What the bot does."""
        return await self._ask(replies.StatusReport, "status", target)

    async def diagnose(self, **target: Unpack[Target]) -> Sequence[str]:
        """Why the user hears nothing: sentences, the likeliest cause first."""
        return (await self._ask(replies.Diagnosis, "diagnose", target)).findings

    # Sounds

    async def sounds(self, **target: Unpack[Target]) -> Sequence[SoundInfo]:
        """All sounds by name: the action ``list``."""
        listing = await self._ask(replies.Listing, "list", target)
        return msgspec.json.decode(listing.sounds, type=list[SoundInfo])

    async def search(self, query: str = "", **options: Unpack[SearchOptions]) -> replies.Found:
        """The sounds that may be meant, the likeliest first; ``cursor`` where more follow."""
        return await self._ask(replies.Found, "search", {"query": query, **options})

    async def edit(self, filename: str, **details: Unpack[Details]) -> SoundInfo:
        """Change what is said of a sound; the sound as it is now. Needs the scope ``manage``."""
        return (await self._ask(replies.Edited, "edit", {"filename": filename, **details})).sound

    async def delete(self, filename: str, **target: Unpack[Target]) -> replies.Deleted:
        """Take out a sound that someone added. Needs the scope ``manage``."""
        return await self._ask(replies.Deleted, "delete", {"filename": filename, **target})

    # People and guilds

    async def favourites(self, **changes: Unpack[FavouriteChanges]) -> Sequence[SoundInfo]:
        """The user's favourites; after the changes where some are asked for."""
        return (await self._ask(replies.FavouritesReply, "favourites", changes)).favourites

    async def guilds(self) -> Sequence[replies.GuildInfo]:
        """The guilds that the user shares with the bot, and who is in their voice channels."""
        return (await self._ask(replies.GuildsReply, "guilds", {})).guilds

    async def recent(self, **options: Unpack[RecentOptions]) -> replies.RecentReply:
        """What the user, and everyone in the guild, played last."""
        return await self._ask(replies.RecentReply, "recent", options)

    async def stats(self, **options: Unpack[StatsOptions]) -> replies.StatsReply:
        """What was played in the guild: by sound, person and hour."""
        return await self._ask(replies.StatsReply, "stats", options)

    async def entrance(self, **changes: Unpack[EntranceChanges]) -> replies.EntranceReply:
        """The user's own entrance and exit sounds; after the changes where some are asked for."""
        return await self._ask(replies.EntranceReply, "entrance", changes)

    async def settings(self, **changes: Unpack[SettingChanges]) -> replies.SettingsInfo:
        """What the guild remembers; after the changes, which need the scope ``manage``."""
        return (await self._ask(replies.SettingsReply, "settings", changes)).settings

    # The server

    async def refresh(self) -> replies.Refreshed:
        """A new token for the same user, where theirs came from Discord."""
        return await self._ask(replies.Refreshed, "refresh", {})

    async def describe(self) -> replies.Description:
        """What this server can do."""
        return await self._ask(replies.Description, "describe", {})

    async def ping(self) -> float:
        """The server's time, seconds since the epoch."""
        return (await self._ask(replies.Pong, "ping", {})).server_time
