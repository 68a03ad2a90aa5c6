"""What a layout is: how one soundboard writes down what it knows of its sounds."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from .arrivals import Claim


@dataclass(frozen=True, slots=True, kw_only=True)
class Format:
    """How the files of one soundboard are read."""

    name: str
    """The soundboard's, for people."""
    extensions: frozenset[str]
    """Of the files that say something of sounds, in lower case."""
    load: Callable[[Path], Any]
    """Reads one; raises :class:`~jeffbot.library.layouts.source.UnreadableError`."""
    fits: Callable[[Any], bool]
    """Whether what was read is of this soundboard."""
    claims: Callable[[Any], Iterator[Claim]]
    """What it says."""
