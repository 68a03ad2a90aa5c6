"""One request as its handler sees it: who asks, about what, and whether they may."""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from ..attachments import Attachments, File
from ..composing import Composer
from ..findings import Findings
from ..gateway.gateway import Gateway
from ..interactions.answers import Answers
from ..interactions.applications import Application
from ..options import Options
from ..world.guild import Guild
from ..world.permissions import Permission
from ..world.values import Channel, DirectChannel, Member, Message, Place, Role, User
from ..world.world import World
from .grants import Grant, Grants
from .refusals import (
    MISSING_ACCESS,
    MISSING_PERMISSIONS,
    NOT_IN_DIRECT_MESSAGES,
    UNAUTHORIZED,
    UNKNOWN_CHANNEL,
    UNKNOWN_GUILD,
    UNKNOWN_MEMBER,
    UNKNOWN_MESSAGE,
    UNKNOWN_ROLE,
    UNKNOWN_USER,
)
from .schema import invalid_form


def snowflake(text: str) -> int | None:
    """An id as it is written; None: it is none."""
    return int(text) if re.fullmatch(r"[0-9]{1,20}", text) else None


@dataclass(frozen=True)
class Rooms:
    """What handlers work with."""

    world: World
    options: Options
    findings: Findings
    gateway: Gateway
    answers: Answers
    grants: Grants
    attachments: Attachments
    composer: Composer
    application: Callable[[int], Application | None]
    """Finds an application by its id."""


class Client(NamedTuple):
    """Who asks: a bot, or an application with a person's grant."""

    application: Application
    user: User
    grant: Grant | None = None


@dataclass
class Call:
    """A request. What is asked for that does not exist, or may not be seen, is refused by asking for it here."""

    rooms: Rooms
    client: Client | None
    path: Mapping[str, str]
    """The variable parts of the path, by name."""
    headers: Mapping[str, str]
    query: dict[str, Any] = field(default_factory=dict)
    body: Any = None
    """As the route's form has left it."""
    files: dict[str, File] = field(default_factory=dict)
    """The files that came with it, by the ``n`` of their ``files[n]``."""

    @property
    def world(self) -> World:
        """Where all this is."""
        return self.rooms.world

    @property
    def application(self) -> Application:
        """Whose request it is."""
        return self._known_client.application

    @property
    def user(self) -> User:
        """On whose behalf: the bot, or the person whose grant was shown."""
        return self._known_client.user

    @property
    def grant(self) -> Grant:
        """What the person has allowed."""
        if (grant := self._known_client.grant) is None:
            raise UNAUTHORIZED.error()
        return grant

    @property
    def _known_client(self) -> Client:
        if self.client is None:
            raise UNAUTHORIZED.error()
        return self.client

    # What the path names

    def id(self, name: str) -> int:
        """A snowflake of the path."""
        found = snowflake(self.path[name])
        if found is None:
            message = f'Value "{self.path[name][:100]}" is not snowflake.'
            raise invalid_form([((name,), "NUMBER_TYPE_COERCE", message)])
        return found

    def guild(self) -> Guild:
        """The guild, of which the asker is a member."""
        guild = self.world.guilds.get(self.id("guild_id"))
        if guild is None or self.user.id not in guild.members:
            raise UNKNOWN_GUILD.error()
        return guild

    def place(self) -> Place:
        """Where messages are: a channel that the asker can see, or one of their private ones."""
        return self.place_of(self.id("channel_id"))

    def place_of(self, channel_id: int) -> Place:
        """The same, by id."""
        direct = self.world.directs.get(channel_id)
        if direct is None:
            return self._seen(self.world.channels.get(channel_id))
        if self.user not in direct.users:
            raise MISSING_ACCESS.error()
        return direct

    def channel(self) -> Channel:
        """A channel of a guild that the asker can see."""
        place = self.place()
        if not isinstance(place, Channel):
            raise NOT_IN_DIRECT_MESSAGES.error()
        return place

    def message(self) -> Message:
        """A message of the place, whose history the asker may read."""
        place, message_id = self.place(), self.id("message_id")
        self.need(Permission.READ_MESSAGE_HISTORY, place)
        message = next((each for each in reversed(place.messages) if each.id == message_id), None)
        if message is None:
            raise UNKNOWN_MESSAGE.error()
        return message

    def member(self) -> Member:
        """A member of the guild."""
        return self.member_of(self.guild(), self.id("user_id"))

    def role(self) -> Role:
        """A role of the guild."""
        role_id = self.id("role_id")
        role = next((role for role in self.guild().roles if role.id == role_id), None)
        if role is None:
            raise UNKNOWN_ROLE.error()
        return role

    def find_user(self, user_id: int) -> User:
        """Any account."""
        if user := self.world.users.get(user_id):
            return user
        raise UNKNOWN_USER.error()

    def member_of(self, guild: Guild, user_id: int) -> Member:
        """A member by id."""
        if member := guild.members.get(user_id):
            return member
        self.find_user(user_id)
        raise UNKNOWN_MEMBER.error()

    def _seen(self, channel: Channel | None) -> Channel:
        if channel is None:
            raise UNKNOWN_CHANNEL.error()
        if not channel.guild.may(self.user, Permission.VIEW_CHANNEL, channel):
            raise MISSING_ACCESS.error()
        return channel

    # Whether it is allowed

    def may(self, needed: Permission, where: Guild | Place) -> bool:
        """Whether the asker holds all of these permissions there; in private channels everybody holds all."""
        if isinstance(where, Channel):
            return where.guild.may(self.user, needed, where)
        return isinstance(where, DirectChannel) or (isinstance(where, Guild) and where.may(self.user, needed))

    def need(self, needed: Permission, where: Guild | Place) -> None:
        """Refuse unless the asker may.

        Raises:
            ApiError: 50013.
        """
        if not self.may(needed, where):
            raise MISSING_PERMISSIONS.error()

    def outrank(self, guild: Guild, user: User) -> None:
        """Refuse unless the asker's highest role is above a member's (Permissions, "Permission Hierarchy")."""
        if user.id in guild.members and guild.rank(user) >= guild.rank(self.user):
            raise MISSING_PERMISSIONS.error()
