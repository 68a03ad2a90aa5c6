"""The secret that signs tokens: configured, or made on first start and changed now and then. There is no default."""

import contextlib
import os
import secrets
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from ..errors import SettingsError
from ..files import sync
from ..settings import MIN_SECRET_BYTES, Settings

FILE_NAME = "secret"
PREVIOUS_FILE_NAME = "secret.previous"


@dataclass(frozen=True, slots=True)
class Secret:
    """The key that signs tokens, and where it came from."""

    text: str = field(repr=False)
    source: str
    made: bool = False
    previous: str | None = field(default=None, repr=False)
    """The one before, whose tokens are good as well."""

    @property
    def accepted(self) -> tuple[str, ...]:
        """All whose tokens are good; the first signs."""
        return (self.text,) if self.previous in (None, self.text) else (self.text, self.previous)


def load_secret(settings: Settings) -> Secret:
    """The configured secret, else the one kept in the data folder, made there when there is none.

    Raises:
        SettingsError: A kept secret is too short or cannot be read, or a new one cannot be written.
    """
    if settings.jwt_secret is not None:
        return Secret(settings.jwt_secret, "JEFFBOT_JWT_SECRET", previous=settings.jwt_secret_previous)
    file = settings.data_dir / FILE_NAME
    with _told(file):
        made = _make_secret(file)
        text = _read(file)
    return Secret(text, str(file), made, settings.jwt_secret_previous or _previous(file.with_name(PREVIOUS_FILE_NAME)))


def rotate_secret(settings: Settings) -> Secret:
    """Have a new secret kept in the data folder; tokens of the one before are good until :func:`finish_rotation`.

    Whenever this is interrupted, the secret and the one before are there. Whoever runs reads them at its next start.

    Raises:
        SettingsError: The secret is configured, not kept; or as for :func:`load_secret`.
    """
    if settings.jwt_secret is not None:
        raise SettingsError(
            "the secret is the one in JEFFBOT_JWT_SECRET: set a new one there, and the old one as "
            "JEFFBOT_JWT_SECRET_PREVIOUS for as long as its tokens are to be good"
        )
    secret = load_secret(settings)
    if secret.made:
        return secret
    file = settings.data_dir / FILE_NAME
    with _told(file):
        for target, text in ((file.with_name(PREVIOUS_FILE_NAME), secret.text), (file, _new())):
            with _written(file.parent, text) as temporary:
                temporary.replace(target)
            sync(file.parent)
    return load_secret(settings)


def finish_rotation(settings: Settings) -> bool:
    """Have the tokens of the secret before be good no more; whether one was kept.

    Raises:
        SettingsError: It cannot be removed.
    """
    file = settings.data_dir / PREVIOUS_FILE_NAME
    with _told(file):
        try:
            file.unlink()
        except FileNotFoundError:
            return False
        sync(file.parent)
    return True


@contextlib.contextmanager
def _told(file: Path) -> Iterator[None]:
    try:
        yield
    except (OSError, UnicodeDecodeError) as error:
        raise SettingsError(
            f"the secret {file} cannot be read or made ({error}); mend that, or set JEFFBOT_JWT_SECRET or "
            "JEFFBOT_DATA_DIR"
        ) from error


def _read(file: Path) -> str:
    text = file.read_text("ascii").strip()
    if len(text) < MIN_SECRET_BYTES:
        instead = "" if file.name == PREVIOUS_FILE_NAME else " to have a new one made, or set JEFFBOT_JWT_SECRET"
        raise SettingsError(f"the secret in {file} is shorter than {MIN_SECRET_BYTES} bytes; remove the file{instead}")
    return text


def _previous(file: Path) -> str | None:
    with _told(file), contextlib.suppress(FileNotFoundError):
        return _read(file)
    return None


def _make_secret(file: Path) -> bool:
    """Write a new secret where there is none; whether one was written. Two processes at once agree on one."""
    if file.exists():
        return False
    file.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    try:
        with _written(file.parent, _new()) as temporary:
            _move_if_missing(temporary, file)
    except FileExistsError:
        return False
    return True


def _new() -> str:
    return secrets.token_urlsafe(48)


@contextlib.contextmanager
def _written(folder: Path, text: str) -> Iterator[Path]:
    """A file with a secret in it, on disk, which only its owner can read; removed unless it is moved away."""
    handle, name = tempfile.mkstemp(prefix=".secret-", dir=folder)  # mode 0600
    try:
        with os.fdopen(handle, "w") as temporary:
            temporary.write(text + "\n")
            temporary.flush()
            os.fsync(temporary.fileno())
        yield Path(name)
    finally:
        Path(name).unlink(missing_ok=True)


def _move_if_missing(source: Path, target: Path) -> None:
    try:
        os.link(source, target)
    except FileExistsError:
        raise
    except OSError:  # a file system without hard links, where a rename has to do
        source.replace(target)
