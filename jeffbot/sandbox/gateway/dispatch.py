"""One event on its way to sessions, and who of them is told."""

from collections.abc import Callable
from dataclasses import dataclass

from ..world.guild import Guild
from ..world.payloads import Json
from ..world.permissions import Permission
from ..world.values import Channel, DirectChannel, Place, User
from .intents import needed
from .session import Session

type Audience = Callable[[Session], bool]


def everybody(_: Session) -> bool:
    """Who sees the guild at all."""
    return True


def viewers(place: Place) -> Audience:
    """Those who may look into a channel."""
    match place:
        case Channel():
            return lambda session: place.guild.may(session.user, Permission.VIEW_CHANNEL, place)
        case DirectChannel():
            return lambda session: session.user in place.users
        case _:
            return lambda _: False


def only(user: User) -> Audience:
    """One bot."""
    return lambda session: session.user is user


def all_but(user: User) -> Audience:
    """Everybody else."""
    return lambda session: session.user is not user


@dataclass(frozen=True)
class Dispatch:
    """One event for all sessions that see the guild, have the intent and are in the audience."""

    event: str
    data: Callable[[], Json]
    guild: Guild | None = None
    """Where it happened; None: in a direct channel, or in no place."""
    audience: Audience = everybody
    always: bool = False
    """It is sent without the intent that it takes otherwise."""

    def reaches(self, session: Session) -> bool:
        """Whether this session is told."""
        if not session.sees(self.guild):
            return False
        wanted = self.always or session.wants(needed(self.event, direct=self.guild is None))
        return wanted and self.audience(session)
