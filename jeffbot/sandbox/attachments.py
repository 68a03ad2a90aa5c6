"""Files that came with messages and options, and the addresses they are fetched from."""

import mimetypes
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any
from urllib.parse import quote

type Json = dict[str, Any]

ROUTE = "/attachments/{channel_id}/{attachment_id}/{filename}"
"""Where the files are, on the sandbox's own origin; Discord has a host of its own for them."""
SIZE_LIMIT = 10 << 20
"""Bytes of one file, without Nitro and boosts (Discord: Reference, "Uploading Files")."""

_ENDINGS = {
    "image": (".png", ".gif", ".jpg", ".jpeg", ".jfif", ".webp", ".avif"),
    "video": (".mp4", ".mov", ".qt", ".webm"),
    "audio": (".mp3", ".m4a", ".wav", ".ogg", ".opus", ".flac"),
}
"""Reference, "File Type Filtering"."""


@dataclass(frozen=True)
class File:
    """A file that is handed in, or kept."""

    name: str
    data: bytes = field(repr=False)
    content_type: str | None = None
    """None: what its name says."""

    def is_of(self, types: list[str] | None) -> bool:
        """Whether its name ends as one of these types says (Discord: Reference, "File Type Filtering"); None: any."""
        if not types:
            return True
        endings = tuple(ending for kind in types for ending in _ENDINGS.get(kind, (kind.lower(),)))
        return self.name.lower().endswith(endings)


class Attachments:
    """All files there are.

    Args:
        next_id: Makes snowflakes.
    """

    def __init__(self, next_id: Callable[[], int]) -> None:
        self.origin = ""
        """Scheme and authority of the sandbox, known once it listens."""
        self._next_id = next_id
        self._files: dict[int, File] = {}

    def find(self, attachment_id: int) -> File | None:
        """A file by its attachment's id; what the route serves."""
        return self._files.get(attachment_id)

    def data(self, attachment: Json) -> bytes:
        """What is in the file of an attachment of a message."""
        return self._files[int(attachment["id"])].data

    def add(self, channel_id: int, file: File, **fields: Any) -> Json:
        """Keep a file.

        Args:
            channel_id: Where it is shown.
            file: Its name loses what Discord takes out of names.
            fields: Further fields of the attachment, such as ``description`` and ``ephemeral``.

        Returns:
            Discord: Resources, Message, "Attachment Object".
        """
        attachment_id = self._next_id()
        name = _shown(file.name)
        kind = file.content_type or mimetypes.guess_type(name)[0] or "application/octet-stream"
        self._files[attachment_id] = File(name, file.data, kind)
        path = ROUTE.format(channel_id=channel_id, attachment_id=attachment_id, filename=quote(name))
        url = f"{self.origin}{path}"
        return {
            "id": str(attachment_id),
            "filename": name,
            "size": len(file.data),
            "content_type": kind,
            "url": url,
            "proxy_url": url,
            **fields,
        }

    def of_body(
        self, channel_id: int, body: Json, files: Mapping[str, File], *, present: list[Json], **fields: Any
    ) -> list[Json]:
        """The attachments of a message after a request (Discord: Message, "Edit Message").

        Args:
            channel_id: Where the message is.
            body: Its ``attachments`` name all that shall be there after it; without them what is there stays.
            files: The uploaded files, by the ``n`` of ``files[n]``.
            present: What the message has so far.
            fields: Further fields of each new attachment, such as ``ephemeral``.
        """
        wanted = body.get("attachments")
        if wanted is None:
            return present + [self.add(channel_id, file, **fields) for file in files.values()]
        known = {attachment["id"]: attachment for attachment in present}
        found: list[Json] = []
        for partial in wanted:
            key = str(partial["id"])
            said = {name: partial[name] for name in ("title", "description", "is_spoiler") if partial.get(name)}
            if key in known:
                found.append(known[key] | said)
            elif file := files.get(key):
                renamed = replace(file, name=partial.get("filename") or file.name)
                found.append(self.add(channel_id, renamed, **said, **fields))
        return found


def _shown(name: str) -> str:
    """A file's name as Discord shows it: what is no letter, digit, dot, dash or underscore becomes an underscore."""
    return re.sub(r"[^\w.\-]", "_", name).strip("_") or "unknown"
