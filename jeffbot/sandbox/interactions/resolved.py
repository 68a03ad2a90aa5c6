"""The users, roles, channels, messages and files that an interaction's data names by their ids."""

from ..attachments import Attachments, File
from ..world.payloads import Json, channel_json, member_json, message_json, role_json, user_json
from ..world.values import Channel, Message, Role, User
from .interaction import Scene, permissions

_OF_CHANNEL = frozenset(
    {"id", "name", "type", "last_message_id", "last_pin_timestamp", "nsfw", "parent_id", "guild_id", "flags"}
    | {"rate_limit_per_user", "topic", "position"}
)
"""Receiving and Responding, "Resolved Data Structure"."""
_NOT_OF_MEMBER = ("user", "deaf", "mute")
"""Ibid."""

type Thing = User | Role | Channel | Message | File


class Resolved:
    """Collects them ("Resolved Data Structure").

    Args:
        scene: From where they are seen.
        attachments: Where files go.
    """

    def __init__(self, scene: Scene, attachments: Attachments) -> None:
        self._scene = scene
        self._attachments = attachments
        self._json: Json = {}

    @property
    def locale(self) -> str:
        """The language of who names them."""
        return self._scene.user.locale

    def add(self, thing: Thing) -> str:
        """Name something; its id."""
        match thing:
            case User():
                self._put("users", thing.id, user_json(thing))
                self._add_member(thing)
            case Role():
                guild = self._scene.guild
                self._put("roles", thing.id, role_json(thing, guild.roles.index(thing) if guild else 0))
            case Channel():
                self._put("channels", thing.id, self._channel_json(thing))
            case Message():
                self._put("messages", thing.id, message_json(thing))
            case File():
                attachment = self._attachments.add(self._scene.place.id, thing, ephemeral=True)
                self._put("attachments", int(attachment["id"]), attachment)
                return str(attachment["id"])
        return str(thing.id)

    def json(self) -> Json:
        """The ``resolved`` field, left out if there is nothing in it."""
        return {"resolved": self._json} if self._json else {}

    def _put(self, kind: str, thing_id: int, payload: Json) -> None:
        self._json.setdefault(kind, {})[str(thing_id)] = payload

    def _add_member(self, user: User) -> None:
        guild = self._scene.guild
        if guild and (member := guild.members.get(user.id)):
            partial = {key: value for key, value in member_json(member).items() if key not in _NOT_OF_MEMBER}
            held = str(int(permissions(guild, user, self._scene.place)))
            self._put("members", user.id, partial | {"permissions": held})

    def _channel_json(self, channel: Channel) -> Json:
        whole, bot = channel_json(channel), self._scene.application.user
        return {name: value for name, value in whole.items() if name in _OF_CHANNEL} | {
            "permissions": str(int(permissions(channel.guild, self._scene.user, channel))),
            "app_permissions": str(int(permissions(channel.guild, bot, channel))),
        }
