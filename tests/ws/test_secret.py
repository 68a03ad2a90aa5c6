"""The secret that signs tokens: where it comes from, and who can read it."""

import stat
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from jeffbot.errors import SettingsError
from jeffbot.settings import Settings
from jeffbot.ws.secret import Secret, load_secret
from staging import SECRET


@pytest.fixture
def data_dir(tmp_path: Path) -> Path:
    """A data folder that does not exist yet, nor does the one above it."""
    return tmp_path / "new" / "data"


def load(data_dir: Path, jwt_secret: str | None = None) -> Secret:
    return load_secret(Settings.load({"data_dir": data_dir, "jwt_secret": jwt_secret}))


def keep(data_dir: Path, content: bytes) -> Path:
    """A secret kept by an earlier start."""
    data_dir.mkdir(parents=True)
    (data_dir / "secret").write_bytes(content)
    return data_dir / "secret"


def test_first_start(data_dir: Path) -> None:
    """The first start makes a long secret that only its owner can read, and leaves nothing beside it."""
    secret = load(data_dir)
    file = data_dir / "secret"

    assert (secret.made, secret.source) == (True, str(file))
    assert len(secret.text) >= 43  # 256 bits in Base64
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert stat.S_IMODE(data_dir.stat().st_mode) == 0o700
    assert list(data_dir.iterdir()) == [file]


def test_next_start(data_dir: Path) -> None:
    """Later starts use the same; another folder has another."""
    first, second, other = load(data_dir), load(data_dir), load(data_dir.with_name("other"))

    assert (first.text, second.made) == (second.text, False)
    assert other.text != first.text


@pytest.mark.parametrize("_round", range(10))
def test_starts_at_once(data_dir: Path, _round: int) -> None:
    """Starts at the same moment agree on one secret, which one of them has made."""
    barrier = threading.Barrier(4)

    def start() -> Secret:
        barrier.wait(20)
        return load(data_dir)

    with ThreadPoolExecutor(4) as threads:
        secrets = [future.result(20) for future in [threads.submit(start) for _ in range(4)]]

    assert len({secret.text for secret in secrets}) == 1
    assert [secret.made for secret in secrets].count(True) == 1
    assert len(list(data_dir.iterdir())) == 1


def test_configured_secret_wins(data_dir: Path) -> None:
    """A configured secret is used in place of a kept one, and then none is made."""
    assert load(data_dir, SECRET) == Secret(SECRET, "JEFFBOT_JWT_SECRET", made=False)
    assert not data_dir.exists()
    keep(data_dir, b"k" * 40)
    assert load(data_dir, SECRET).text == SECRET


def test_kept_by_hand(data_dir: Path) -> None:
    """A secret that an operator has written into the file is used without the line's end."""
    keep(data_dir, SECRET.encode() + b"\r\n")

    assert load(data_dir).text == SECRET


@pytest.mark.parametrize("content", [b"", b"\n", b"hunter" * 2, b" " * 40, b"x" * 31])
def test_short_kept_secret(data_dir: Path, content: bytes) -> None:
    """A kept secret that is too short is refused with what to do, and neither shown nor replaced."""
    file = keep(data_dir, content)
    with pytest.raises(SettingsError, match=r"shorter than 32 bytes.*JEFFBOT_JWT_SECRET") as caught:
        load(data_dir)

    assert str(file) in str(caught.value)
    assert "hunterhunter" not in str(caught.value).replace(str(data_dir), "")
    assert file.read_bytes() == content


def test_unreadable_kept_secret(data_dir: Path) -> None:
    """So is one that is no text."""
    keep(data_dir, b"\xff" * 40)
    with pytest.raises(SettingsError, match=r"cannot be read or made.*JEFFBOT_DATA_DIR"):
        load(data_dir)


def test_data_folder_is_a_file(tmp_path: Path) -> None:
    """Where none can be made, the settings that help are named."""
    (tmp_path / "data").touch()
    with pytest.raises(SettingsError, match=r"JEFFBOT_JWT_SECRET or JEFFBOT_DATA_DIR"):
        load(tmp_path / "data")


def test_repr_hides_the_secret() -> None:
    """The secret is not in its repr."""
    assert SECRET not in repr(Secret(SECRET, "JEFFBOT_JWT_SECRET"))
