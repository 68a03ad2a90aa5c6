"""The secret that signs tokens: configured, or made on first start. There is no default."""

import os
import secrets
import tempfile
from dataclasses import dataclass, field
from pathlib import Path

from ..errors import SettingsError
from ..settings import MIN_SECRET_BYTES, Settings


@dataclass(frozen=True, slots=True)
class Secret:
    """The key that signs tokens, and where it came from."""

    text: str = field(repr=False)
    source: str
    made: bool = False


def load_secret(settings: Settings) -> Secret:
    """The configured secret, else the one kept in the data folder, made there when there is none.

    Raises:
        SettingsError: The kept secret is too short or cannot be read, or a new one cannot be written.
    """
    if settings.jwt_secret is not None:
        return Secret(settings.jwt_secret, "JEFFBOT_JWT_SECRET")
    file = settings.data_dir / "secret"
    try:
        made = _make_secret(file)
        text = file.read_text("ascii").strip()
    except (OSError, UnicodeDecodeError) as error:
        raise SettingsError(
            f"the secret {file} cannot be read or made ({error}); mend that, or set JEFFBOT_JWT_SECRET or "
            "JEFFBOT_DATA_DIR"
        ) from error
    if len(text) < MIN_SECRET_BYTES:
        raise SettingsError(
            f"the secret in {file} is shorter than {MIN_SECRET_BYTES} bytes; remove the file to have a new one made, "
            "or set JEFFBOT_JWT_SECRET"
        )
    return Secret(text, str(file), made)


def _make_secret(file: Path) -> bool:
    """Write a new secret where there is none; whether one was written. Two processes at once agree on one."""
    if file.exists():
        return False
    file.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    handle, name = tempfile.mkstemp(prefix=".secret-", dir=file.parent)  # mode 0600
    try:
        with os.fdopen(handle, "w") as temporary:
            temporary.write(secrets.token_urlsafe(48) + "\n")
            temporary.flush()
            os.fsync(temporary.fileno())
        _move_if_missing(Path(name), file)
    except FileExistsError:
        return False
    finally:
        Path(name).unlink(missing_ok=True)
    return True


def _move_if_missing(source: Path, target: Path) -> None:
    try:
        os.link(source, target)
    except FileExistsError:
        raise
    except OSError:  # a file system without hard links, where a rename has to do
        source.replace(target)
