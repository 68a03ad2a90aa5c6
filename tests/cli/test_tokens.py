"""The commands about tokens, as who runs a bot types them: beside a bot, or without one."""

import asyncio
import shutil
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from jeffbot.cli import app
from jeffbot.client import RemoteClient, RemoteError
from jeffbot.store.database import Database
from jeffbot.store.revocations import Revocation
from jeffbot.store.store import FILE_NAME
from jeffbot.ws.auth import TokenError, Tokens
from jeffbot.ws.scopes import Scope
from staging import PATIENCE, SECRET, Stage, token_for

ANNA, BEN = 80351110224678912, 80351110224678913
OTHER_SECRET = "another secret of thirty-two bytes"


@pytest.fixture(autouse=True)
def used(tmp_path: Path, migrated: Path) -> Path:
    """A data folder in which a bot has kept something before; commands are given in the folder above."""
    folder = tmp_path / ".jeffbot"
    folder.mkdir(mode=0o700)
    shutil.copy(migrated, folder)
    return folder


def jeffbot(*words: object, **environ: str) -> Result:
    """What comes of a command."""
    return CliRunner().invoke(app, [str(word) for word in words], env=environ)


def done(*words: object, **environ: str) -> str:
    """What a command that goes well says on stdout."""
    result = jeffbot(*words, **environ)
    assert result.exit_code == 0, result.output
    return result.stdout


def refused(*words: object, **environ: str) -> str:
    """What is said of a command that cannot be carried out."""
    result = jeffbot(*words, **environ)
    assert result.exit_code == 1, result.output
    assert "Traceback" not in result.output
    return result.output


def revoked(folder: Path) -> list[Revocation]:
    """What is kept as revoked."""
    database = Database(folder / FILE_NAME)
    try:
        with database.reading() as records:
            return [*records.revocations.all()]
    finally:
        database.close()


def kept(folder: Path, name: str = "secret") -> str:
    """A kept secret."""
    return (folder / name).read_text("ascii").strip()


# Made


@pytest.mark.parametrize("words", [["token", ANNA], ["token", "make", ANNA], ["token", "--scope", "read,play", ANNA]])
def test_make(used: Path, words: list[object]) -> None:
    """With or without the word ``make``, stdout is a token alone."""
    out = done(*words)

    assert out.count("\n") == 1
    identity = Tokens(kept(used), hours=1).check(out.strip())
    assert identity.user_id == ANNA
    assert identity.scopes == {Scope.READ, Scope.PLAY}


def test_make_with_scopes_and_hours() -> None:
    """What it is good for and how long may be said, before the id or behind it."""
    environ = {"JEFFBOT_JWT_SECRET": SECRET}
    for words in (["--scope", "admin", "--hours", 100, ANNA], [ANNA, "--hours", 100, "--scope", "admin"]):
        identity = Tokens(SECRET, hours=1).check(done("token", *words, **environ).strip())
        assert identity.scopes == frozenset(Scope)
        assert identity.issued_at is not None
        assert identity.expires_at - identity.issued_at == pytest.approx(360_000, abs=2)


@pytest.mark.parametrize(
    "words", [["jeff"], ["0"], [ANNA, "--scope", "root"], [ANNA, "--hours", "0"], [ANNA, BEN], ["revok", ANNA], []]
)
def test_make_of_wrong_words(used: Path, words: list[object]) -> None:
    """What cannot be is refused with exit code 2, and no secret is made."""
    result = jeffbot("token", *words)

    assert result.exit_code == 2
    assert "eyJ" not in result.stdout
    assert not (used / "secret").exists()


def test_help() -> None:
    """The help names all that can be done with tokens."""
    for words in (["token", "--help"], ["token", "revoke", "--help"]):
        assert "revoke" in done(*words)


# Revoked


def test_revoke_user(used: Path) -> None:
    """All tokens of a user."""
    said = done("token", "revoke", "--user", ANNA)

    assert f"Every token of {ANNA} that was made until now is revoked" in said
    (row,) = revoked(used)
    assert (row.user_id, row.token_id) == (ANNA, None)


def test_revoke_token(used: Path) -> None:
    """One token, whose id and user it says itself."""
    token, other = done("token", ANNA).strip(), done("token", ANNA).strip()
    identity = Tokens(kept(used), hours=1).check(token)
    assert f"That token of {ANNA} is revoked" in done("token", "revoke", "--token", token)

    (row,) = revoked(used)
    assert (row.user_id, row.token_id) == (ANNA, identity.token_id)
    assert Tokens(kept(used), hours=1).check(other).token_id != row.token_id


def test_revoke_token_of_the_secret_before(used: Path) -> None:
    """A token of the secret before is good, and so it can be revoked."""
    token = done("token", ANNA).strip()
    done("token", "rotate")

    assert "is revoked" in done("token", "revoke", "--token", token)
    assert len(revoked(used)) == 1


def test_revoke_what_is_no_good_token(used: Path) -> None:
    """A token that is not good is refused with the reason, and nothing is revoked."""
    environ = {"JEFFBOT_JWT_SECRET": SECRET}
    foreign = Tokens(OTHER_SECRET, hours=1).make(ANNA)
    expired = Tokens(SECRET, hours=1, clock=lambda: 1_000_000_000).make(ANNA)

    assert "Invalid token format" in refused("token", "revoke", "--token", foreign, **environ)
    assert "Token expired" in refused("token", "revoke", "--token", expired, **environ)
    assert "Token required" in refused("token", "revoke", "--token", "", **environ)
    assert revoked(used) == []


def test_revoke_token_without_an_id(used: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A token with no id of its own can be revoked only with all others, and that is said."""
    monkeypatch.setattr("uuid.UUID.hex", None)
    token = Tokens(SECRET, hours=1).make(ANNA)

    assert f"jeffbot token revoke --user {ANNA}" in refused(
        "token", "revoke", "--token", token, JEFFBOT_JWT_SECRET=SECRET
    )
    assert revoked(used) == []


@pytest.mark.parametrize("words", [[], ["--user", ANNA, "--token", "x"], [ANNA]])
def test_revoke_of_wrong_words(used: Path, words: list[object]) -> None:
    """A user or a token is to be given, and not both."""
    assert jeffbot("token", "revoke", *words).exit_code == 2
    assert revoked(used) == []


@pytest.mark.parametrize("user", ["jeff", "0", "-1", 2**63])
def test_revoke_nobody(used: Path, user: object) -> None:
    """What is no Discord id is refused in words."""
    assert "Discord id" in refused("token", "revoke", "--user", user)
    assert revoked(used) == []


def test_store_that_cannot_be_used(used: Path) -> None:
    """Where nothing can be kept, that is said with what to do, and the command has failed."""
    (used / FILE_NAME).write_bytes(b"no database at all" * 100)

    assert "restore a backup" in refused("token", "revoke", "--user", ANNA)


async def test_revoke_beside_a_bot(stage: Stage, extras: dict[str, object]) -> None:
    """A bot that runs refuses the token soon, and those of others not."""
    token = token_for(stage.alice)
    async with RemoteClient(await stage.url(), token) as remote:
        await remote.status()
    heard = asyncio.Event()
    stage.service.revocations.subscribe(heard.set)
    environ = {"JEFFBOT_DATA_DIR": str(extras["data_dir"])}
    await asyncio.to_thread(done, "token", "revoke", "--user", stage.alice.id, **environ)
    async with asyncio.timeout(PATIENCE):
        await heard.wait()

    with pytest.raises(RemoteError, match="Token revoked"):
        async with RemoteClient(await stage.url(), token):
            pass
    async with await stage.remote(stage.discord.add_user("bob")) as remote:
        await remote.status()


# The secret


def test_rotate(used: Path) -> None:
    """A new secret signs, the one before is accepted until that is ended; and it is said when a bot knows."""
    before = done("token", ANNA).strip()
    said = done("token", "rotate")
    assert "until `jeffbot token rotate --finish`" in said
    assert "starts or reloads" in said
    after = done("token", ANNA).strip()
    old, new = kept(used, "secret.previous"), kept(used)
    assert old not in said
    assert new not in said

    for token in (before, after):
        assert Tokens([new, old], hours=1).check(token).user_id == ANNA
    assert "removed" in done("token", "rotate", "--finish")
    assert not (used / "secret.previous").exists()
    with pytest.raises(TokenError):
        Tokens(kept(used), hours=1).check(before)
    assert "no secret before" in done("token", "rotate", "--finish")


def test_rotate_the_first(used: Path) -> None:
    """Where there is none yet, one is made, and that is said."""
    assert "There was no secret to change" in done("token", "rotate")
    assert kept(used)
    assert not (used / "secret.previous").exists()


def test_rotate_what_is_configured() -> None:
    """A configured secret is not ours to change."""
    assert "JEFFBOT_JWT_SECRET_PREVIOUS" in refused("token", "rotate", JEFFBOT_JWT_SECRET=SECRET)
