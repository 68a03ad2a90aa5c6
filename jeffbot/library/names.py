"""What names are compared by: without their extension, and without regard to case, Unicode form and punctuation.

Cost: O(characters) for ASCII; Unicode normalisation of the rest can take time that grows with their square.
"""

import re
import unicodedata

from ..models import Sound

EXTENSIONS = frozenset(
    ".aac .aif .aiff .flac .m4a .m4b .mka .mp3 .mp4 .oga .ogg .opus .wav .webm".split()  # noqa: SIM905 - reads better
)
"""Files with these extensions are sounds; whether they hold audio is found out when they are encoded."""

MAX_NAME_CHARS = 1024
"""Names longer than this are not looked for: Unicode normalisation takes time that grows with their square."""

_WORD = re.compile(r"[^\s\x00-/:-@\[-`{-\x7f]+")
"""Neither white space nor of ASCII anything but letters and digits."""


def fold(name: str) -> str:
    """The form in which names that differ only in case or Unicode form are equal (Unicode 15, D145)."""
    if name.isascii():
        return name.lower()
    return unicodedata.normalize("NFC", unicodedata.normalize("NFD", name).casefold())


def base_name(path: str) -> str:
    """The last part of a path with forward slashes."""
    return path.rpartition("/")[2]


def stem(name: str) -> str:
    """A name, or path, without its extension."""
    head, _, extension = name.rpartition(".")
    return head if head and "/" not in extension and head[-1] != "/" else name


def words(text: str) -> str:
    """What a search compares: folded, one space between words, no ASCII punctuation."""
    return " ".join(_WORD.findall(fold(text)))


def search_text(sound: Sound) -> str:
    r"""All that a sound is searched by, what people are shown first, each as :func:`words` has it.

    Returns:
        ``\ntitle\nfile name\nalias\n tag tag\n``, without what is empty: names begin after a line feed, tags do not.
    """
    *folders, base = sound.path.split("/")
    name, details = words(stem(base)), sound.details
    if not (folders or details.title or details.aliases or details.tags):
        return f"\n{name}\n"
    names = filter(None, (words(details.title), name, *map(words, details.aliases)))
    tags = "".join(f" {words(tag)}" for tag in dict.fromkeys((*folders, *details.tags)))
    return "\n".join(("", *dict.fromkeys(names), tags, "")) if tags else "\n".join(("", *dict.fromkeys(names), ""))
