"""From the body of a request to a message, and to what an edit makes of it (Discord: Resources, Message).

Bodies are as their forms have left them. What is made here is not posted yet.
"""

import re
import time
from collections.abc import Mapping
from typing import Any

from .attachments import Attachments, File
from .rest.components import finished
from .rest.forms.messages import MessageFlag, empty_message
from .world.payloads import Json, iso, users_in
from .world.permissions import Permission
from .world.values import Channel, Message, Place, User

REPLY, SLASH_COMMAND, MENU_COMMAND = 19, 20, 23
"""Message, "Message Types"."""
_ROLE_MENTION = re.compile(r"<@&(\d{1,20})>")
_FROM_FILES = "attachment://"
_DAY_HOURS = 24


class Composer:
    """Makes messages.

    Args:
        attachments: Where their files go.
    """

    def __init__(self, attachments: Attachments) -> None:
        self._attachments = attachments

    def compose(
        self,
        message_id: int,
        place: Place,
        author: User,
        body: Json,
        files: Mapping[str, File],
        *,
        reply_to: Message | None = None,
    ) -> Message:
        """A new message."""
        message = Message(message_id, place, author, flags=body.get("flags") or 0)
        if reply_to:
            message.kind, message.quoted = REPLY, reply_to
            message.extra["message_reference"] = reference_json(reply_to)
        for name, value in self._parts(message, {"content": None} | body, files).items():
            setattr(message, name, value)
        if body.get("tts"):
            message.extra["tts"] = True
        return message

    def revised(self, message: Message, body: Json, files: Mapping[str, File]) -> dict[str, Any]:
        """The fields of ``Message`` that an edit sets; what it does not name stays, what it nulls is emptied.

        Raises:
            ApiError: 50006, nothing would be left.
        """
        fields = self._parts(message, body, files)
        shown = {part: fields.get(part, getattr(message, part)) for part in ("content", "embeds", "components")}
        shown["attachments"] = fields.get("attachments", message.attachments)
        if error := empty_message(message.extra | shown):
            raise error
        if body.get("flags") is not None:
            fields["flags"] = message.flags & ~MessageFlag.SUPPRESS_EMBEDS | body["flags"]
        return fields

    def _parts(self, message: Message, body: Json, files: Mapping[str, File]) -> dict[str, Any]:
        parts: dict[str, Any] = {}
        if "attachments" in body or files:
            parts["attachments"] = self._attachments.of_body(
                message.place.id,
                body,
                files,
                present=message.attachments,
                **({"ephemeral": True} if message.ephemeral else {}),
            )
        shown = {file["filename"]: file for file in parts.get("attachments", message.attachments)}
        if "embeds" in body:
            parts["embeds"] = [_embed(embed, shown) for embed in body["embeds"] or ()]
        if "components" in body:
            parts["components"] = finished(body["components"] or (), shown)
        if "content" in body:
            parts["content"] = (body["content"] or "").strip()
            parts |= _mentions(message, parts["content"], body.get("allowed_mentions"))
        if body.get("poll"):
            parts["extra"] = parts.get("extra", message.extra) | {"poll": _poll(body["poll"])}
        return parts


def reference_json(message: Message) -> Json:
    """What refers to a message ("Message Reference Structure")."""
    place = message.place
    said: Json = {"type": 0, "message_id": str(message.id), "channel_id": str(place.id)}
    return said | ({"guild_id": str(place.guild.id)} if isinstance(place, Channel) else {})


def _embed(embed: Json, files: Mapping[str, Json]) -> Json:
    """An embed as it is shown; its pictures may be files of the message ("Using Attachments within Embeds")."""
    shown: Json = {name: value for name, value in embed.items() if value is not None} | {"type": "rich"}
    for name in ("image", "thumbnail"):
        url = (shown.get(name) or {}).get("url") or ""
        if url.startswith(_FROM_FILES) and (file := files.get(url.removeprefix(_FROM_FILES))):
            shown[name] |= {"url": file["url"], "proxy_url": file["proxy_url"]}
    if "fields" in shown:
        shown["fields"] = [{"inline": False} | field for field in shown["fields"]]
    return shown


def _poll(poll: Json) -> Json:
    """Resources, Poll, "Poll Object"."""
    hours = poll.get("duration") or _DAY_HOURS
    return {
        "question": poll["question"],
        "answers": [{"answer_id": number, **answer} for number, answer in enumerate(poll["answers"], 1)],
        "expiry": iso(time.time() + hours * 3600),
        "allow_multiselect": bool(poll.get("allow_multiselect")),
        "layout_type": poll.get("layout_type") or 1,
        "results": {"is_finalized": False, "answer_counts": []},
    }


def _mentions(message: Message, content: str, allowed: Json | None) -> dict[str, Any]:
    """The fields of ``Message`` that say who is mentioned; by default, all ("Allowed Mentions Object").

    So is who is replied to, unless that is their own message.
    """
    named = {"parse": ["users", "roles", "everyone"]} if allowed is None else allowed
    parse = named.get("parse") or ()
    place, users = message.place, users_in(message.place, content)
    may_all = isinstance(place, Channel) and place.guild.may(message.author, Permission.MENTION_EVERYONE, place)
    roles = place.guild.roles if isinstance(place, Channel) else []
    wanted = set(_ROLE_MENTION.findall(content))
    mentionable = [str(role.id) for role in roles if str(role.id) in wanted and (role.mentionable or may_all)]
    told: Json = {
        "mention_everyone": "everyone" in parse and may_all and ("@everyone" in content or "@here" in content),
        "mention_roles": [role for role in mentionable if "roles" in parse or role in (named.get("roles") or ())],
    }
    allowed_users = [user for user in users if "users" in parse or str(user.id) in (named.get("users") or ())]
    replied = message.quoted.author if message.kind == REPLY and message.quoted else message.author
    pinged = [replied] if replied is not message.author and (allowed is None or allowed.get("replied_user")) else []
    return {"mentions": list(dict.fromkeys([*allowed_users, *pinged])), "extra": message.extra | told}
