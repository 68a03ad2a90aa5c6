"""What people may say of a sound."""

import math
import re
import unicodedata
from collections.abc import Iterable

from ..errors import BadDetailsError, printable
from ..models import MAX_GAIN, Details, Seconds
from .names import fold

MAX_TITLE_CHARS = 100
"""Of a title or alias: as long as a choice of Discord's (Discord: Application Commands, "Option Choice Structure")."""
MAX_TAG_CHARS = 32
MAX_ALIASES = 20
MAX_TAGS = 20
MAX_COLOUR = 0xFFFFFF
MIN_PLAYED: Seconds = 0.02
"""What trimming leaves at least: a packet."""
MAX_EMOJI_CHARS = 16
"""Code points of the longest emoji there are, families and flags of regions (Unicode TR 51), and some room."""
_DISCORD_EMOJI = re.compile(r"<a?:\w{2,32}:[0-9]{1,20}>", re.ASCII)
"""Discord: Reference, "Message Formatting"."""
_SPACE = re.compile(r"\s+")


def clean(details: Details) -> Details:
    """What someone says of a sound, tidied: without surplus spaces, control characters and repetitions.

    Raises:
        BadDetailsError: Something of it is not allowed.
    """
    if not math.isfinite(details.gain) or abs(details.gain) > MAX_GAIN:
        raise BadDetailsError(f"The gain has to be -{MAX_GAIN:g} to {MAX_GAIN:g} dB")
    if details.colour is not None and not 0 <= details.colour <= MAX_COLOUR:
        raise BadDetailsError("A colour has to be from 000000 to FFFFFF")
    if len(details.aliases) > MAX_ALIASES or len(details.tags) > MAX_TAGS:
        raise BadDetailsError(f"A sound may have {MAX_ALIASES} aliases and {MAX_TAGS} tags")
    _check_trim(details.trim_start, details.trim_end)
    return Details(
        title=_line(details.title, "title", MAX_TITLE_CHARS) if details.title else "",
        aliases=_lines(details.aliases, "alias", MAX_TITLE_CHARS),
        emoji=_emoji(details.emoji),
        colour=details.colour,
        tags=_lines(details.tags, "tag", MAX_TAG_CHARS),
        gain=float(details.gain),
        trim_start=float(details.trim_start),
        trim_end=None if details.trim_end is None else float(details.trim_end),
        retrigger=details.retrigger,
    )


def _check_trim(start: Seconds, end: Seconds | None) -> None:
    last = math.inf if end is None else end
    if not (math.isfinite(start) and start >= 0 and last - start >= MIN_PLAYED and (end is None or math.isfinite(end))):
        raise BadDetailsError(f"Trimming takes a start of 0 s or more, and an end at least {MIN_PLAYED:g} s after it")


def _lines(texts: Iterable[str], what: str, most: int) -> tuple[str, ...]:
    by_fold = {fold(line): line for line in (_line(text, what, most) for text in texts)}
    return tuple(by_fold.values())


def _line(text: str, what: str, most: int) -> str:
    kept = "".join(char for char in unicodedata.normalize("NFC", text) if _is_shown(char))
    line = _SPACE.sub(" ", kept).strip()
    if not 1 <= len(line) <= most:
        raise BadDetailsError(f'"{printable(text)}" cannot be the {what} of a sound: it takes 1 to {most} characters')
    return line


def _is_shown(char: str) -> bool:
    """Whether a character belongs in a line: no control, no direction override, no lone surrogate.

    Format characters stay that emoji and some scripts are joined with (Unicode 15, section 23.2).
    """
    return char in "\u200c\u200d\n\t" or unicodedata.category(char) not in {"Cc", "Cf", "Cs", "Co", "Cn"}


def _emoji(text: str) -> str:
    text = text.strip()
    if not text or _DISCORD_EMOJI.fullmatch(text):
        return text
    marks = [char for char in text if unicodedata.category(char) in {"So", "Sk"} or char in "#*0123456789©®‼⁉™"]
    if not marks or len(text) > MAX_EMOJI_CHARS or any(char.isalpha() or char.isspace() for char in text):
        raise BadDetailsError(f'"{printable(text)}" is no emoji: give one, or one of the server\'s as <:name:id>')
    return text
