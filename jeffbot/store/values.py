"""What goes into the store and comes out of it. Frozen values, importable without a database."""

from typing import NamedTuple

from ..models import GuildId, Seconds, Sound, UserId

SHARED = 0
"""Stands for the library that all guilds share, where the id of a guild is asked for."""

type Key = tuple[int, str]
"""What tells a file from the others: the guild's id (or SHARED) and the path in its library."""


class File(NamedTuple):
    """A file as the folder has it."""

    guild_id: GuildId | None
    path: str
    size: int
    """Bytes."""
    modified_ns: int

    @property
    def key(self) -> Key:
        """What tells it from the other files."""
        return self.guild_id or SHARED, self.path


class Kept(NamedTuple):
    """A sound as it is kept; ``sound.name`` is its file's, though it may have twins."""

    sound: Sound
    content_hash: str | None
    """SHA-256 of the file, hexadecimal; None: not known yet."""
    length: Seconds | None
    loudness: float | None
    """LUFS, before levelling."""
    merged_into: int | None
    """The sound that it was found to be the same as."""

    @classmethod
    def of(cls, file: File, folder: str) -> "Kept":
        """A file that nothing is known of."""
        name = file.path.rpartition("/")[2]
        return cls(Sound(name, file.path, folder, file.size, file.modified_ns, file.guild_id), None, None, None, None)


class Story(NamedTuple):
    """The numbers of one sound."""

    plays: int
    first_played_at: float | None
    last_played_at: float | None
    content_hash: str | None
    length: Seconds | None
    loudness: float | None


class Deleted(NamedTuple):
    """A sound whose file is in the bin."""

    sound_id: int
    guild_id: GuildId | None
    path: str
    """Where it was."""
    size: int
    modified_ns: int
    deleted_at: float


class Measured(NamedTuple):
    """What became known of a file's content."""

    sound_id: int
    size: int
    modified_ns: int
    content_hash: str
    length: Seconds | None
    loudness: float | None


class Played(NamedTuple):
    """One sound was heard."""

    sound_id: int
    guild_id: GuildId
    user_id: UserId | None
    """None: someone who does not want to be counted by name."""
    at: float


class Deed(NamedTuple):
    """Someone changed something, or tried to."""

    at: float
    action: str
    """What they asked for, such as ``edit``."""
    result: str
    """``ok``, or the code of the refusal."""
    user_id: UserId | None = None
    guild_id: GuildId | None = None
    target: str | None = None
    """What it was about, such as ``sound:17``."""
    token_id: str | None = None
    """The ``jti`` of the token (RFC 7519, section 4.1.7); None: it came from Discord."""
    address: str | None = None


type Line = Measured | Played | Deed
"""What is written behind."""
