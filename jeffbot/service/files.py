"""What moves files into the library and out of it; ``keeping.py`` makes it as the settings have it."""

from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import NamedTuple, Protocol

from ..library.bin import Bin
from ..library.ingest import Ingest


class Fetched(Protocol):
    """A file that was fetched; whoever asked for it removes it."""

    @property
    def file(self) -> Path: ...  # noqa: D102
    @property
    def name(self) -> str: ...  # noqa: D102


type Fetch = Callable[[str], Awaitable[Fetched]]


class Files(NamedTuple):
    """What moves files."""

    ingest: Ingest
    bin: Bin
    scratch: Path
    """A folder for what is unpacked and packed."""
    fetch: Fetch | None = None
    """Fetches a file by a link; None: that is switched off."""
