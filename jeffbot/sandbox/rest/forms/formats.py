"""Texts of a format: times, addresses, files written as data URIs."""

import base64
import binascii
import datetime as dt
import re
import unicodedata
from typing import Any
from urllib.parse import urlsplit

from ...findings import Kind
from ..schema import INVALID, Place, Rule, shown
from .fields import Text

_LONGEST_EMOJI = 20
"""Code points; flags of regions and families are the longest sequences of Unicode (UTS #51)."""
_EMOJI_CATEGORIES = frozenset({"So", "Sm", "Me"})
"""Unicode's general categories of which at least one character of an emoji is."""


def is_emoji(text: str) -> bool:
    """Whether a text is an emoji of Unicode; guilds here have none of their own."""
    is_symbol = any(unicodedata.category(character) in _EMOJI_CATEGORIES for character in text)
    is_word = text.isascii() or any(map(str.isalpha, text))
    return is_symbol and not is_word and len(text) <= _LONGEST_EMOJI


class Timestamp:
    """A date and time (Reference, "ISO8601 Date/Time"), in UTC unless it names a zone; it becomes UTC."""

    def __init__(self, *rules: Rule) -> None:
        self._rules = rules

    def read(self, value: Any, place: Place) -> Any:
        """Code: DATE_TIME_TYPE_PARSE. The rules get an aware ``datetime``."""
        moment = _moment(value)
        if moment is None:
            place.refuse("DATE_TIME_TYPE_PARSE", f"Could not parse {shown(value)}. Should be ISO8601.")
            return INVALID
        for rule in self._rules:
            rule(moment, place)
        return moment.isoformat()


class Url:
    """An address of one of these schemes; all but attachments need a host."""

    def __init__(self, *schemes: str, longest: int = 2048) -> None:
        self._schemes = schemes
        self._text = Text(0, longest)

    def read(self, value: Any, place: Place) -> Any:
        """Codes: URL_TYPE_INVALID_SCHEME, URL_TYPE_INVALID_URL, and those of a text."""
        text = self._text.read(value, place)
        if text is INVALID:
            return INVALID
        scheme, host = _split(text)
        if scheme not in self._schemes:
            message = f'Scheme "{shown(scheme)}" is not supported. Scheme must be one of {self._schemes}.'
            place.refuse("URL_TYPE_INVALID_SCHEME", message)
        if not host:
            place.refuse("URL_TYPE_INVALID_URL", "Not a well formed URL.")
        return text if host and scheme in self._schemes else INVALID


class ImageData:
    """A picture in a data URI (Reference, "Image Data"). Discord takes any other text as well, and changes nothing."""

    def read(self, value: Any, place: Place) -> Any:
        """Codes: those of a text."""
        text = Text().read(value, place)
        if text is not INVALID and not _is_data(text, r"image/(png|jpe?g|gif|webp|avif)"):
            place.note(Kind.UNKNOWN_FIELD, "not a data URI with a picture: nothing is changed")
            return INVALID
        return text


class SoundData:
    """A sound in a data URI (Soundboard, "Create Guild Soundboard Sound"): MP3 or Ogg."""

    def read(self, value: Any, place: Place) -> Any:
        """Code: STRING_TYPE_REGEX, and those of a text."""
        text = Text().read(value, place)
        if text is not INVALID and not _is_data(text, r"audio/(mpeg|mp3|ogg)|application/ogg"):
            place.refuse("STRING_TYPE_REGEX", "String value did not match validation regex.")
            return INVALID
        return text


def _moment(value: Any) -> dt.datetime | None:
    try:
        moment = dt.datetime.fromisoformat(value)
        return moment.astimezone(dt.UTC) if moment.tzinfo else moment.replace(tzinfo=dt.UTC)
    except (TypeError, ValueError, OverflowError):  # the last: in UTC it is before the year 1, or after 9999
        return None


def _split(url: str) -> tuple[str, str]:
    try:
        parts = urlsplit(url)
    except ValueError:
        return url.partition(":")[0], ""
    return parts.scheme, parts.netloc


def _is_data(uri: str, kinds: str) -> bool:
    head, _, data = uri.partition(";base64,")
    if not data or not re.fullmatch(rf"data:({kinds})", head, re.IGNORECASE):
        return False
    try:
        base64.b64decode(data, validate=True)
    except (binascii.Error, ValueError):
        return False
    return True
