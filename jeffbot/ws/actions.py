"""What remote clients can ask for: one table.

WebSocket, HTTP, ``describe``, the documents, and the typed client all read it.
"""

import enum
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any

from ..errors import ErrorCode
from . import replies, requests
from .desk import Call, Desk
from .handlers import about, people, playing, sounds
from .limits import Cost
from .listings import WholeListing
from .scopes import Scope

type Answer = replies.Reply | WholeListing
type Handler = Callable[[Desk, Call, Any], Awaitable[Answer]]


class Reach(enum.Enum):
    """Where a user has to be for what they ask."""

    NOWHERE = enum.auto()
    """It is about no guild."""
    VOICE = enum.auto()
    """In a voice channel of the guild they name."""
    GUILD = enum.auto()
    """A member of the guild they name."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Action:
    """How one action is read, allowed, carried out and refused."""

    name: str
    request: type[requests.Request]
    reply: type[replies.Reply]
    handler: Handler | None
    """None: the WebSocket connection does it itself, and HTTP has no such action."""
    scope: Scope | None
    """What the token has to carry; None: nothing, one need not have signed in."""
    change_scope: Scope | None = None
    """What it has to carry for a request that changes something, where others only read."""
    reach: Reach = Reach.NOWHERE
    cost: Cost = Cost.REQUEST
    trouble: ErrorCode = ErrorCode.ACTION_ERROR
    """The code of failures that have none of their own."""
    trouble_message: str = "Error executing the action"
    """What a client is told of a fault of ours."""
    bad_field: tuple[str, ErrorCode, str] | None = None
    """The field that the first protocol had, and what it says where that is wrong."""
    starts_sound: bool = False
    """Whether it waits for a sound to begin; others are not kept waiting by it."""
    is_immediate: bool = False
    """Whether it is answered ahead of answers that still wait for a sound to begin."""
    manages: bool = False
    """Whether the user's rights as a manager of the guild count."""

    @property
    def description(self) -> str:
        """What it does, in a sentence or two."""
        documented = self.handler or self.request
        return " ".join((documented.__doc__ or "").split())

    def needs(self, request: requests.Request) -> Scope | None:
        """What the token has to carry for this request."""
        return self.change_scope if self.change_scope and request.changes else self.scope

    def is_change(self, request: requests.Request) -> bool:
        """Whether it would change something."""
        return request.changes if self.change_scope else self.scope not in {None, Scope.READ}


_ALL = (
    Action(
        name="authenticate",
        request=requests.Authenticate,
        reply=replies.AuthSuccess,
        handler=None,
        scope=None,
        trouble=ErrorCode.AUTH_ERROR,
        trouble_message="Internal authentication error",
    ),
    Action(
        name="ping",
        request=requests.Request,
        reply=replies.Pong,
        handler=playing.ping,
        scope=None,
        is_immediate=True,
    ),
    Action(
        name="list",
        request=requests.List,
        reply=replies.Listing,
        handler=sounds.list_,
        scope=Scope.READ,
        reach=Reach.GUILD,
        trouble=ErrorCode.LIST_ERROR,
        trouble_message="Error retrieving sound list",
    ),
    Action(
        name="search",
        request=requests.Search,
        reply=replies.Found,
        handler=sounds.search,
        scope=Scope.READ,
        reach=Reach.GUILD,
    ),
    Action(
        name="play",
        request=requests.Play,
        reply=replies.Playing,
        handler=playing.play,
        scope=Scope.PLAY,
        reach=Reach.VOICE,
        cost=Cost.PRESS,
        trouble=ErrorCode.PLAY_ERROR,
        trouble_message="Error playing sound",
        bad_field=("filename", ErrorCode.MISSING_FILENAME, "Filename required"),
        starts_sound=True,
    ),
    Action(
        name="random",
        request=requests.Random,
        reply=replies.Playing,
        handler=playing.random,
        scope=Scope.PLAY,
        reach=Reach.VOICE,
        cost=Cost.PRESS,
        trouble=ErrorCode.RANDOM_ERROR,
        trouble_message="Error playing random sound",
        starts_sound=True,
    ),
    Action(
        name="stop",
        request=requests.Stop,
        reply=replies.Stopped,
        handler=playing.stop,
        scope=Scope.PLAY,
        reach=Reach.VOICE,
        trouble=ErrorCode.STOP_ERROR,
        trouble_message="Error stopping playback",
        is_immediate=True,
    ),
    Action(
        name="skip",
        request=requests.Targeted,
        reply=replies.Skipped,
        handler=playing.skip,
        scope=Scope.PLAY,
        reach=Reach.VOICE,
        cost=Cost.PRESS,
    ),
    Action(
        name="player",
        request=requests.Player,
        reply=replies.PlayerReply,
        handler=playing.player,
        scope=Scope.READ,
        change_scope=Scope.PLAY,
        reach=Reach.VOICE,
        manages=True,
    ),
    Action(
        name="queue",
        request=requests.Queue,
        reply=replies.QueueReply,
        handler=playing.queue,
        scope=Scope.READ,
        change_scope=Scope.PLAY,
        reach=Reach.VOICE,
    ),
    Action(
        name="status",
        request=requests.Targeted,
        reply=replies.StatusReport,
        handler=playing.status,
        scope=Scope.READ,
        reach=Reach.VOICE,
        trouble=ErrorCode.STATUS_ERROR,
        trouble_message="Error retrieving status",
        is_immediate=True,
    ),
    Action(
        name="diagnose",
        request=requests.Targeted,
        reply=replies.Diagnosis,
        handler=playing.diagnose,
        scope=Scope.READ,
        reach=Reach.VOICE,
        trouble_message="Error looking for the cause",
        is_immediate=True,
    ),
    Action(
        name="favourites",
        request=requests.Favourites,
        reply=replies.FavouritesReply,
        handler=people.favourites,
        scope=Scope.READ,
        change_scope=Scope.PLAY,
        reach=Reach.GUILD,
    ),
    Action(
        name="guilds",
        request=requests.Request,
        reply=replies.GuildsReply,
        handler=people.guilds,
        scope=Scope.READ,
    ),
    Action(
        name="upload",
        request=requests.Upload,
        reply=replies.UploadTicket,
        handler=sounds.upload,
        scope=Scope.MANAGE,
        reach=Reach.GUILD,
        manages=True,
    ),
    Action(
        name="edit",
        request=requests.Edit,
        reply=replies.Edited,
        handler=sounds.edit,
        scope=Scope.MANAGE,
        reach=Reach.GUILD,
        manages=True,
    ),
    Action(
        name="delete",
        request=requests.Delete,
        reply=replies.Deleted,
        handler=sounds.delete,
        scope=Scope.MANAGE,
        reach=Reach.GUILD,
        manages=True,
    ),
    Action(
        name="recent",
        request=requests.Recent,
        reply=replies.RecentReply,
        handler=people.recent,
        scope=Scope.READ,
        reach=Reach.GUILD,
    ),
    Action(
        name="stats",
        request=requests.Stats,
        reply=replies.StatsReply,
        handler=people.stats,
        scope=Scope.READ,
        reach=Reach.GUILD,
    ),
    Action(
        name="entrance",
        request=requests.Entrance,
        reply=replies.EntranceReply,
        handler=people.entrance,
        scope=Scope.READ,
        change_scope=Scope.PLAY,
        reach=Reach.GUILD,
    ),
    Action(
        name="settings",
        request=requests.Settings,
        reply=replies.SettingsReply,
        handler=people.settings,
        scope=Scope.READ,
        change_scope=Scope.MANAGE,
        reach=Reach.GUILD,
        manages=True,
    ),
    Action(
        name="refresh",
        request=requests.Request,
        reply=replies.Refreshed,
        handler=people.refresh,
        scope=Scope.READ,
    ),
    Action(
        name="subscribe",
        request=requests.Subscribe,
        reply=replies.Subscribed,
        handler=None,
        scope=Scope.READ,
    ),
    Action(
        name="unsubscribe",
        request=requests.Unsubscribe,
        reply=replies.Unsubscribed,
        handler=None,
        scope=Scope.READ,
    ),
    Action(
        name="describe",
        request=requests.Request,
        reply=replies.Description,
        handler=about.describe,
        scope=Scope.READ,
    ),
)

ACTIONS: dict[str, Action] = {action.name: action for action in _ALL}
