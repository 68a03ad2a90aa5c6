"""The secret that signs tokens: where it comes from, and who can read it."""

import os
import stat
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from jeffbot.errors import SettingsError
from jeffbot.settings import Settings
from jeffbot.ws.secret import Secret, finish_rotation, load_secret, rotate_secret
from staging import SECRET


@pytest.fixture
def data_dir(tmp_path: Path) -> Path:
    """A data folder that does not exist yet, nor does the one above it."""
    return tmp_path / "new" / "data"


def load(data_dir: Path, jwt_secret: str | None = None) -> Secret:
    return load_secret(settings_of(data_dir, jwt_secret))


def settings_of(data_dir: Path, jwt_secret: str | None = None) -> Settings:
    return Settings.load({"data_dir": data_dir, "jwt_secret": jwt_secret})


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


@pytest.mark.parametrize("configured", [SECRET, None])
def test_configured_previous_secret(data_dir: Path, configured: str | None) -> None:
    """A configured secret of before is accepted beside a configured one and a kept one, and never signs."""
    other = "the secret of before, of thirty-two bytes"
    given = {"data_dir": data_dir, "jwt_secret": configured, "jwt_secret_previous": other}
    secret = load_secret(Settings.load(given))

    assert secret.accepted == (configured or (data_dir / "secret").read_text().strip(), other)


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


# Changed now and then


def modes(data_dir: Path) -> dict[str, int]:
    return {file.name: stat.S_IMODE(file.stat().st_mode) for file in data_dir.iterdir()}


def test_rotate(data_dir: Path) -> None:
    """A new secret signs, and the one before is accepted; both are their owner's alone, with nothing beside them."""
    before = load(data_dir)
    assert before.accepted == (before.text,)
    rotated = rotate_secret(settings_of(data_dir))

    assert rotated.accepted == (rotated.text, before.text)
    assert rotated.text != before.text
    assert len(rotated.text) >= 43
    assert load(data_dir) == rotated
    assert modes(data_dir) == {"secret": 0o600, "secret.previous": 0o600}


def test_rotate_twice(data_dir: Path) -> None:
    """Of two changes, the second takes the place of what the first left accepted."""
    first = load(data_dir)
    second = rotate_secret(settings_of(data_dir))
    third = rotate_secret(settings_of(data_dir))

    assert third.accepted == (third.text, second.text)
    assert first.text not in third.accepted


def test_finish_rotation(data_dir: Path) -> None:
    """At its end the new one alone is accepted; ending it again changes nothing."""
    load(data_dir)
    rotated = rotate_secret(settings_of(data_dir))

    assert finish_rotation(settings_of(data_dir))
    assert load(data_dir).accepted == (rotated.text,)
    assert not finish_rotation(settings_of(data_dir))
    assert modes(data_dir) == {"secret": 0o600}


def test_rotate_the_first(data_dir: Path) -> None:
    """Where there is no secret yet, one is made, and none was before."""
    assert not finish_rotation(settings_of(data_dir))
    secret = rotate_secret(settings_of(data_dir))

    assert (secret.made, secret.previous) == (True, None)
    assert modes(data_dir) == {"secret": 0o600}


def test_rotate_what_is_configured(data_dir: Path) -> None:
    """A configured secret is for its operator to change, who is told how."""
    with pytest.raises(SettingsError, match=r"JEFFBOT_JWT_SECRET.*JEFFBOT_JWT_SECRET_PREVIOUS"):
        rotate_secret(settings_of(data_dir, SECRET))
    assert not data_dir.exists()


@pytest.mark.parametrize("step", range(6))
def test_rotate_interrupted(data_dir: Path, monkeypatch: pytest.MonkeyPatch, step: int) -> None:
    """Wherever a change is interrupted, the old secret is accepted; and then it can be carried out."""
    before = load(data_dir)
    steps = 0

    def counted[**P, T](function: Callable[P, T]) -> Callable[P, T]:
        def call(*args: P.args, **kwargs: P.kwargs) -> T:
            nonlocal steps
            if steps == step:
                raise OSError(28, "No space left on device")
            steps += 1
            return function(*args, **kwargs)

        return call

    with monkeypatch.context() as patch:
        patch.setattr(Path, "replace", counted(Path.replace))
        patch.setattr(os, "fsync", counted(os.fsync))
        with pytest.raises(SettingsError, match="No space left"):
            rotate_secret(settings_of(data_dir))

    after = load(data_dir)
    assert before.text in after.accepted
    assert {*modes(data_dir)} <= {"secret", "secret.previous"}
    assert rotate_secret(settings_of(data_dir)).accepted[1:] == (after.text,)


def test_rotate_while_bots_start(data_dir: Path) -> None:
    """Whoever reads the secret at any moment of a change has the old one among those accepted."""
    before = load(data_dir)
    over = threading.Event()

    def read() -> list[Secret]:
        found = [load(data_dir)]
        while not over.is_set():
            found.append(load(data_dir))
        return found

    with ThreadPoolExecutor(2) as threads:
        reading = [threads.submit(read) for _ in range(2)]
        rotated = rotate_secret(settings_of(data_dir))
        over.set()
        found = [secret for future in reading for secret in future.result(20)]

    assert all(before.text in secret.accepted for secret in found)
    assert {secret.text for secret in found} <= {before.text, rotated.text}
    assert not any(secret.made for secret in found)


@pytest.mark.parametrize("content", [b"", b"x" * 31, b"\xff" * 40])
def test_bad_previous_secret(data_dir: Path, content: bytes) -> None:
    """One before that is too short, or no text, is refused with its name, and not shown."""
    keep(data_dir, SECRET.encode())
    (data_dir / "secret.previous").write_bytes(content)
    with pytest.raises(SettingsError, match=r"secret\.previous") as caught:
        load(data_dir)
    assert "x" * 31 not in str(caught.value)

    assert finish_rotation(settings_of(data_dir))
    assert load(data_dir).text == SECRET


def test_repr_hides_the_previous_secret(data_dir: Path) -> None:
    """Neither is in the repr."""
    before, rotated = load(data_dir), rotate_secret(settings_of(data_dir))
    assert before.text not in repr(rotated)
    assert rotated.text not in repr(rotated)
