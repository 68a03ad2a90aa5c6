"""Where the files of deleted sounds wait, named by the sounds' numbers. All of it blocks: for threads."""

import contextlib
import errno
import os
import shutil
from collections.abc import Iterator
from pathlib import Path

from ..errors import StoreError
from ..files import sync
from ..models import Seconds
from .ingest import unfinished

FOLDER = "bin"
"""The bin's name in the data folder."""
KEPT: Seconds = 30 * 86_400.0
"""How long."""


class Bin:
    """A folder of deleted files."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def ids(self) -> dict[int, Path]:
        """The sounds whose files are here.

        Raises:
            StoreError: The folder cannot be read.
        """
        with _troubles():
            files = [*self.folder.iterdir()] if self.folder.exists() else []
        return {int(file.stem): file for file in files if file.stem.isdecimal()}

    def put(self, sound_id: int, file: Path) -> None:
        """Take a file in; nothing if it is here already.

        Raises:
            StoreError: It cannot be moved.
        """
        if sound_id in self.ids():
            return
        with _troubles():
            self.folder.mkdir(parents=True, exist_ok=True, mode=0o700)
            move(file, self.folder / f"{sound_id}{file.suffix.lower()}")

    def take(self, sound_id: int, to: Path) -> None:
        """Give a file back, to a place where there is none.

        Raises:
            StoreError: It is not here, or cannot be moved.
        """
        file = self.ids().get(sound_id)
        if file is None:
            raise StoreError("the file is not in the bin any more")
        with _troubles():
            to.parent.mkdir(parents=True, exist_ok=True)
            move(file, to)

    def remove(self, sound_id: int) -> None:
        """Remove a file for good; nothing if it is not here.

        Raises:
            StoreError: It cannot be removed.
        """
        if file := self.ids().get(sound_id):
            with _troubles():
                file.unlink(missing_ok=True)


def move(file: Path, to: Path) -> None:
    """Move a file to where there is none: all of it is at one place or the other, also after a crash.

    Raises:
        FileExistsError: There is a file.
        OSError: It cannot be moved.
    """
    try:
        os.link(file, to)
    except OSError as error:
        if error.errno not in {errno.EXDEV, errno.EPERM, errno.ENOTSUP, errno.EMLINK}:
            raise
        _copy(file, to)
    sync(to.parent)
    file.unlink()
    sync(file.parent)


def _copy(file: Path, to: Path) -> None:
    """What :func:`move` does where a file cannot have two names."""
    staged = unfinished(to.parent)
    try:
        shutil.copy2(file, staged)
        sync(staged)
        if to.exists():
            raise FileExistsError(errno.EEXIST, os.strerror(errno.EEXIST))
        staged.rename(to)
    finally:
        staged.unlink(missing_ok=True)


@contextlib.contextmanager
def _troubles() -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise StoreError(f"the bin of deleted sounds cannot be used ({error.strerror})") from error
