"""The sounds folder as the disk has it: the shared library, and in folders named ``guild-<id>`` those of guilds.

Cost: a scan is O(files), some 10 microseconds each; a look O(the paths it is about). All of it blocks: for threads.
"""

import logging
import os
import re
import shutil
import stat
import tempfile
from collections.abc import Iterable, Iterator
from pathlib import Path, PurePosixPath
from typing import NamedTuple

from ..errors import printable
from ..models import GuildId
from ..store.values import SHARED, File, Key
from .names import EXTENSIONS

logger = logging.getLogger(__name__)

_GUILD = re.compile(r"guild-([1-9][0-9]{0,18})")
"""A snowflake has 64 bits, of which the first is 0 (Discord: Reference, "Snowflakes")."""
MAX_LOOKS = 1_000
"""More changed paths than this are taken in by a scan."""


class Looked(NamedTuple):
    """What became of some paths."""

    files: list[File]
    """Those that are there."""
    gone: list[Key]
    """Those that are not."""


class SoundsFolder:
    """One folder of sounds."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self._root = os.fspath(root)

    def of(self, guild_id: GuildId | None) -> str:
        """Where the files of a guild's library lie, or of the shared one."""
        return self._root if guild_id is None else os.path.join(self._root, f"guild-{guild_id}")  # noqa: PTH118

    def path_of(self, place: Path, guild_id: GuildId | None) -> str:
        """Where below the folder of its library a file lies."""
        return place.relative_to(self.of(guild_id)).as_posix()

    def walk(self) -> Iterator[File]:
        """All its files; what of them cannot be read is left out and logged.

        Raises:
            OSError: The folder itself cannot be read.
        """
        return self._walk(self._root, "", None, frozenset())

    def folders(self) -> Iterator[Path]:
        """It and the folders in it that are not hidden."""
        for folder, inside, _ in os.walk(self._root):
            inside[:] = [name for name in inside if not name.startswith(".")]
            yield Path(folder)

    def look(self, paths: Iterable[str]) -> Looked | None:
        """What became of paths on this machine that have changed; None: only a scan can tell."""
        found = Looked([], [])
        paths = [*paths]
        if len(paths) > MAX_LOOKS:
            return None
        for path in paths:
            parts = PurePosixPath(Path(path).relative_to(self._root).as_posix()).parts
            if any(part.startswith(".") for part in parts):
                continue
            if not parts or not is_sound(parts[-1]):
                return None  # perhaps a folder
            if not self._look(path, *_library_of(parts), found):
                return None
        return found

    def _look(self, path: str, guild_id: GuildId | None, below: str, found: Looked) -> bool:
        try:
            status = os.stat(path)  # noqa: PTH116
        except OSError:
            found.gone.append((guild_id or SHARED, below))
            return True
        if stat.S_ISDIR(status.st_mode):
            return False
        if stat.S_ISREG(status.st_mode) and _is_utf8(below):
            found.files.append(File(guild_id, below, status.st_size, status.st_mtime_ns))
        return True

    def _walk(self, folder: str, below: str, guild_id: GuildId | None, above: frozenset[str]) -> Iterator[File]:
        real = os.path.realpath(folder)
        if real in above:  # a link that leads back to a folder above
            return
        folders: list[str] = []
        with os.scandir(folder) as entries:
            for entry in entries:
                name = entry.name
                if name.startswith("."):
                    continue
                try:
                    if is_sound(name) and entry.is_file():
                        if _is_utf8(below + name):
                            status = entry.stat()
                            yield File(guild_id, below + name, status.st_size, status.st_mtime_ns)
                    elif entry.is_dir():
                        folders.append(name)
                except OSError as error:
                    logger.warning("left out %s: %s", printable(below + name), error.strerror)
        for name in folders:
            inside, place = (guild_id, below + name + "/") if above else _inside(name)
            try:
                yield from self._walk(f"{folder}{os.sep}{name}", place, inside, above | {real})
            except OSError as error:
                logger.warning("left out the folder %s: %s", printable(below + name), error.strerror)


def _inside(name: str) -> tuple[GuildId | None, str]:
    """Whose library a folder at the top belongs to, and what paths in it begin with there."""
    guild = _GUILD.fullmatch(name)
    is_snowflake = guild is not None and int(guild[1]) < 1 << 63
    return (GuildId(int(guild[1])), "") if guild and is_snowflake else (None, name + "/")


def _library_of(parts: tuple[str, ...]) -> tuple[GuildId | None, str]:
    if len(parts) == 1:
        return None, parts[0]
    guild_id, start = _inside(parts[0])
    return guild_id, start + "/".join(parts[1:])


def is_sound(name: str) -> bool:
    """Whether a file of this name is taken for a sound."""
    return os.path.splitext(name)[1].lower() in EXTENSIONS  # noqa: PTH122 - asked for each file of a scan


def _is_utf8(path: str) -> bool:
    if path.isascii():
        return True
    try:
        path.encode()
    except UnicodeEncodeError:
        logger.warning("a file name is not UTF-8 and is left out: %r", os.fsencode(path))
        return False
    return True


def fill_if_missing(folder: Path) -> None:
    """Make the sounds folder with the shipped sounds in it where there is none; an existing one is left alone.

    Raises:
        OSError: The folder cannot be made.
    """
    if folder.exists():
        return
    folder.parent.mkdir(parents=True, exist_ok=True)
    staging = Path(tempfile.mkdtemp(prefix=f".{folder.name}-", dir=folder.parent))
    try:
        staging.chmod(0o755)
        for sound in sorted(shipped_sounds().iterdir()):
            if is_sound(sound.name):
                shutil.copyfile(sound, staging / sound.name)
        staging.rename(folder)
    finally:
        shutil.rmtree(staging, ignore_errors=True)  # it has its own name by now, or is half-filled
    logger.info("made the sounds folder %s with the shipped sounds in it", folder)


def shipped_sounds() -> Path:
    """The folder of the sounds that come with the package: beside the code when installed, above it in a checkout."""
    package = Path(__file__).parents[1]
    installed = package / "shipped_sounds"
    return installed if installed.is_dir() else package.parent / "sounds"
