"""Messages that applications send (Discord: Resources, Message)."""

from typing import Any

from aiohttp import web

from .command_rules import Problem, invalid_form
from .errors import ApiError
from .payloads import Json, now, user_json
from .world import Channel, User

EPHEMERAL = 1 << 6
MAX_CONTENT = 2000
MAX_EMBEDS = 10
_PARTS = ("content", "embeds", "components", "attachments")


def check_message(body: Json) -> None:
    """Refuse what Discord would.

    Raises:
        ApiError: 50006 for an empty message, 50035 for one that is too long.
    """
    problems: list[Problem] = []
    content, embeds = body.get("content"), body.get("embeds")
    if content is not None and (not isinstance(content, str) or len(content) > MAX_CONTENT):
        problems.append(("content", "BASE_TYPE_MAX_LENGTH", f"Must be {MAX_CONTENT} or fewer in length."))
    if embeds is not None and (not isinstance(embeds, list) or len(embeds) > MAX_EMBEDS):
        problems.append(("embeds", "BASE_TYPE_MAX_LENGTH", f"Must be {MAX_EMBEDS} or fewer in length."))
    if problems:
        raise invalid_form(problems)
    if not any(body.get(part) for part in (*_PARTS, "sticker_ids", "poll")):
        raise ApiError(400, 50006, "Cannot send an empty message")


def new_message(message_id: int, channel: Channel, author: User, body: Json) -> Json:
    """The message that a request's body makes."""
    return {
        "id": str(message_id),
        "channel_id": str(channel.id),
        "author": user_json(author),
        "content": body.get("content") or "",
        "timestamp": now(),
        "edited_timestamp": None,
        "tts": bool(body.get("tts")),
        "mention_everyone": False,
        "mentions": [],
        "mention_roles": [],
        "attachments": body.get("attachments") or [],
        "embeds": body.get("embeds") or [],
        "components": body.get("components") or [],
        "flags": body.get("flags") or 0,
        "pinned": False,
        "type": 0,
    }


def edit_message(message: Json, body: Json) -> None:
    """Change a message in place; parts that the body does not name stay."""
    empty: dict[str, Any] = {"content": ""}
    for part in _PARTS:
        if part in body:
            message[part] = body[part] or empty.get(part, [])
    message["edited_timestamp"] = now()


def attach(body: Json, files: list[web.FileField]) -> None:
    """Name the uploaded files in a request's body; what they contain is not kept."""
    holder = body.get("data", body)
    holder["attachments"] = [
        {
            "id": str(index),
            "filename": file.filename,
            "content_type": file.content_type,
            "size": len(file.file.read()),
            "url": f"attachment://{file.filename}",
            "proxy_url": f"attachment://{file.filename}",
        }
        for index, file in enumerate(files)
    ]
    for file in files:
        file.file.close()
