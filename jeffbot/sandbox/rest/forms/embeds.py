"""Embeds (Message, "Embed Object"); lengths are those of "Embed Limits", of addresses those of the OpenAPI document."""

from collections.abc import Mapping, Sequence
from typing import Any

from ..schema import Form, ListOf, Place, Required
from .fields import Flag, Ignored, Text, Whole
from .formats import Timestamp, Url

MOST_CHARACTERS = 6000
"""Of all texts that count, in all embeds of a message."""
COLOUR = Whole(0, 0xFFFFFF)
_PARTS = ("title", "description", "fields", "author", "footer", "image", "thumbnail")


class _Trimmed(Text):
    """A text whose white space at either end does not count."""

    def read(self, value: Any, place: Place) -> Any:
        """The text without it."""
        return super().read(value.strip() if isinstance(value, str) else value, place)


def _not_empty(embed: Mapping[str, Any], place: Place) -> None:
    if not any(embed.get(part) for part in _PARTS):
        (place / "description").refuse("BASE_TYPE_REQUIRED", "This field is required")


def _not_too_large(embeds: Sequence[Any], place: Place) -> None:
    if sum(_size(embed) for embed in embeds if isinstance(embed, dict)) > MOST_CHARACTERS:
        place.refuse("MAX_EMBED_SIZE_EXCEEDED", f"Embed size exceeds maximum size of {MOST_CHARACTERS}")


def _size(embed: Mapping[str, Any]) -> int:
    footer, author = embed.get("footer") or {}, embed.get("author") or {}
    texts = [embed.get("title"), embed.get("description"), footer.get("text"), author.get("name")]
    for field in embed.get("fields") or ():
        texts += [field.get("name"), field.get("value")] if isinstance(field, dict) else ()
    return sum(len(text) for text in texts if text)


_PAGE = Url("http", "https")
_MEDIA = Url("http", "https", "attachment")
_PICTURE = Form(
    url=_MEDIA,
    description=Text(0, 4096),
    proxy_url=Ignored(),
    height=Ignored(),
    width=Ignored(),
    content_type=Ignored(),
    placeholder=Ignored(),
    placeholder_version=Ignored(),
    flags=Ignored(),
)
_FIELD = Form(name=Required(_Trimmed(0, 256)), value=Required(_Trimmed(0, 1024)), inline=Flag())
_EMBED = Form(
    _not_empty,
    title=_Trimmed(0, 256),
    type=Ignored(),
    description=_Trimmed(0, 4096),
    url=_PAGE,
    timestamp=Timestamp(),
    color=COLOUR,
    footer=Form(text=_Trimmed(0, 2048), icon_url=_MEDIA, proxy_icon_url=Ignored()),
    image=_PICTURE,
    thumbnail=_PICTURE,
    video=Ignored(),
    provider=Ignored(),
    author=Form(name=_Trimmed(0, 256), url=_PAGE, icon_url=_MEDIA, proxy_icon_url=Ignored()),
    fields=ListOf(_FIELD, 0, 25),
    flags=Ignored(),
)
"""What is ignored is Discord's to set (Message, "Create Message", "Limitations")."""
EMBEDS = ListOf(_EMBED, 0, 10, _not_too_large)
"""Message, "Create Message"."""
