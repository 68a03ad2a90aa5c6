"""One interaction: where it happens, what the application is told, and what the person sees of its answer."""

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, NamedTuple

from ..attachments import SIZE_LIMIT
from ..rest.forms.interactions import COMPONENT
from ..world.guild import Guild
from ..world.payloads import Json, bare_member_json, channel_json, member_json, message_json, user_json
from ..world.permissions import Permission
from ..world.values import LOADING, Channel, Message, Place, User
from .registry import GUILD_INSTALL, IN_BOT_DM, IN_GUILD

if TYPE_CHECKING:
    from .applications import Application

IN_DIRECT_MESSAGES = (
    Permission.ATTACH_FILES | Permission.EMBED_LINKS | Permission.MENTION_EVERYONE | Permission.USE_EXTERNAL_EMOJIS
)
"""What an application may do in the private channel of its bot (Receiving and Responding, "Interaction Structure")."""
_BOOSTED = {2: 50 << 20, 3: 100 << 20}
"""Bytes of one file, by the guild's ``premium_tier`` (Discord's help page on server boosting)."""


class Scene(NamedTuple):
    """Who interacts with which application, and where."""

    user: User
    application: "Application"
    place: Place

    @property
    def guild(self) -> Guild | None:
        """None in a private channel."""
        return self.place.guild if isinstance(self.place, Channel) else None

    @property
    def owners(self) -> dict[str, str]:
        """By whom the application was installed ("Authorizing Integration Owners Object")."""
        return {str(GUILD_INSTALL): str(self.guild.id) if self.guild else "0"}

    def json(self) -> Json:
        """The fields of an interaction that say where it happens ("Interaction Structure")."""
        payload: Json = {
            "channel_id": str(self.place.id),
            "locale": self.user.locale,
            "entitlements": [],
            "authorizing_integration_owners": self.owners,
        }
        return payload | (self._in_guild(self.guild) if self.guild else self._in_direct_channel())

    def _in_guild(self, guild: Guild) -> Json:
        locale = guild.extra.get("preferred_locale", "en-US")
        held = str(int(permissions(guild, self.user, self.place)))
        return {
            "guild": {"id": str(guild.id), "features": guild.extra.get("features", []), "locale": locale},
            "guild_id": str(guild.id),
            "guild_locale": locale,
            "channel": channel_json(self.place) | {"permissions": held},
            "member": member_json(guild.members[self.user.id]) | {"permissions": held},
            "app_permissions": str(int(permissions(guild, self.application.user, self.place))),
            "context": IN_GUILD,
            "attachment_size_limit": _BOOSTED.get(guild.extra.get("premium_tier", 0), SIZE_LIMIT),
        }

    def _in_direct_channel(self) -> Json:
        return {
            "channel": channel_json(self.place),
            "user": user_json(self.user),
            "app_permissions": str(int(IN_DIRECT_MESSAGES)),
            "context": IN_BOT_DM,
            "attachment_size_limit": SIZE_LIMIT,
        }


def permissions(guild: Guild, user: User, place: Place) -> int:
    """A user's permissions in a channel of a guild; none for who is no member."""
    if user.id not in guild.members or not isinstance(place, Channel):
        return 0
    return guild.permissions_of(user, place)


@dataclass(frozen=True, eq=False)
class Modal:
    """A form that an application has a person fill in."""

    opener: "Interaction" = field(repr=False)
    """The interaction that was answered with it."""
    custom_id: str
    title: str
    components: list[Json]


@dataclass(eq=False)
class Reply:
    """What a person sees of the answer; it keeps up as the application edits it."""

    deferred: bool = False
    """It began with "… is thinking"."""
    ephemeral: bool = False
    """Only the person who asked sees it."""
    original: Message | None = None
    """The original response, also while it is "… is thinking"; None: there is none, or it is deleted."""
    modal: Modal | None = None
    """A form to fill in, with ``Person.submit``."""
    edits: list[Json] = field(default_factory=list)
    """The bodies of all edits, oldest first."""
    followups: list[Message] = field(default_factory=list)
    """Further messages, oldest first."""

    @property
    def thinking(self) -> bool:
        """Whether it is still "… is thinking"."""
        return self.original is not None and bool(self.original.flags & LOADING) and self.original.is_there

    @property
    def message(self) -> Message | None:
        """The original response; None while thinking, or deleted."""
        return None if self.original is None or self.thinking or not self.original.is_there else self.original

    @property
    def content(self) -> str:
        """Text of the original response as it is now."""
        return self.message.content if self.message else ""

    @property
    def embeds(self) -> list[Json]:
        """Embeds of the original response as it is now."""
        return self.message.embeds if self.message else []

    @property
    def components(self) -> list[Json]:
        """Buttons and the like of the original response as it is now."""
        return self.message.components if self.message else []

    @property
    def attachments(self) -> list[Json]:
        """Files of the original response as it is now; ``Attachments.data`` has what is in them."""
        return self.message.attachments if self.message else []


@dataclass(eq=False)
class Interaction:
    """One use of a command, a component, an autocompleted option or a modal."""

    id: int
    token: str = field(repr=False)
    kind: int
    """Receiving and Responding, "Interaction Type"."""
    scene: Scene
    data: Json
    created: float
    """By the event loop's clock."""
    source: Message | None = None
    """The message whose component was used, also for the modal that it opened."""
    opener: "Interaction | None" = None
    """Of a modal: the interaction that was answered with it."""
    target: User | Message | None = None
    """Of a command in a context menu: what it was used on."""
    answer: int | None = None
    """Type of the first answer; None: not answered yet."""
    reply: Reply = field(default_factory=Reply)
    choices: list[Json] = field(default_factory=list)

    def json(self) -> Json:
        """INTERACTION_CREATE."""
        payload: Json = {
            "id": str(self.id),
            "application_id": str(self.scene.application.id),
            "type": self.kind,
            "data": self.data,
            "token": self.token,
            "version": 1,
            **self.scene.json(),
        }
        return payload | ({"message": message_json(self.source)} if self.source else {})

    def metadata(self) -> Json:
        """What its messages tell of it (Discord: Message, "Message Interaction Metadata Object")."""
        said: Json = {
            "id": str(self.id),
            "type": self.kind,
            "user": user_json(self.scene.user),
            "authorizing_integration_owners": self.scene.owners,
        }
        if isinstance(self.target, User):
            said["target_user"] = user_json(self.target)
        elif self.target:
            said["target_message_id"] = str(self.target.id)
        if self.kind == COMPONENT and self.source:
            said["interacted_message_id"] = str(self.source.id)
        if self.opener:
            said["triggering_interaction_metadata"] = self.opener.metadata()
        return said

    def named(self) -> Json:
        """What the messages of a command told of it before ("Message Interaction Object")."""
        words, options = [self.data["name"]], self.data.get("options") or []
        while options and "options" in options[0]:
            words.append(options[0]["name"])
            options = options[0]["options"]
        said = {"id": str(self.id), "type": self.kind, "name": " ".join(words), "user": user_json(self.scene.user)}
        guild = self.scene.guild
        if guild and (member := guild.members.get(self.scene.user.id)):
            said["member"] = bare_member_json(member)
        return said
