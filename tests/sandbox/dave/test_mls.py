"""What clients send, read: key packages, commits and welcomes of libdave, and what no library would send."""

from collections.abc import Callable
from typing import Any

import dave
import pytest
from cryptography.hazmat.primitives.serialization import PublicFormat
from hypothesis import given
from hypothesis import strategies as st

from jeffbot.sandbox.voice.dave.external_sender import ExternalSender, append
from jeffbot.sandbox.voice.dave.mls import (
    MAX_KEY_PACKAGE_BYTES,
    RefusedError,
    parse_commit_welcome,
    parse_key_package,
)
from jeffbot.sandbox.voice.dave.wire import MalformedError, vector

from .clients import CHANNEL_ID
from .forging import Forgery, point, private_key

GROUP_ID = CHANNEL_ID.to_bytes(8)
USER = 5
IDENTITY = USER.to_bytes(8)
GATEWAY = ExternalSender()


def make_session(user_id: int) -> dave.Session:
    session = dave.Session(lambda *_: None)
    session.init(1, CHANNEL_ID, str(user_id), dave.SignatureKeyPair.generate(1))
    session.set_external_sender(GATEWAY.package)
    return session


def key_package_of(session: dave.Session) -> bytes:
    package = session.get_marshalled_key_package()
    assert package is not None
    return package


def commit(session: dave.Session, *messages: bytes) -> bytes:
    commit_welcome = session.process_proposals(append(list(messages)), {"1", "2", "3", str(USER)})
    assert commit_welcome is not None
    return commit_welcome


CREATOR = make_session(1)
PACKAGES = [key_package_of(make_session(user_id)) for user_id in (2, 3)]
PROPOSALS = [GATEWAY.add(package, GROUP_ID, 0) for package in PACKAGES]
COMMIT_WELCOME = commit(CREATOR, *(proposal.message for proposal in PROPOSALS))


def test_key_package_of_libdave() -> None:
    """It passes, be it bare or in an ``MLSMessage``."""
    for prefix in (b"", b"\0\1\0\5"):
        package = parse_key_package(prefix + PACKAGES[0])
        package.check(2)
        assert package.data == PACKAGES[0]


def test_key_package_of_another() -> None:
    """A key package says whose it is."""
    with pytest.raises(RefusedError, match="credential"):
        parse_key_package(PACKAGES[0]).check(3)


def test_forgery() -> None:
    """What the cases below differ from is good, and a real session adds its owner."""
    package = Forgery(IDENTITY).package()
    parse_key_package(package).check(USER)
    assert commit(make_session(1), GATEWAY.add(package, GROUP_ID, 0).message)


@pytest.mark.parametrize(
    ("reason", "parts"),
    [
        ("credential", {"identity": IDENTITY + b"\0"}),
        ("credential", {"identity": IDENTITY[1:]}),
        ("lifetime", {"not_before": 1}),
        ("lifetime", {"not_after": 1_900_000_000}),
        ("lifetime", {"source": 2}),
        ("extensions", {"leaf_extensions": b"\0\7" + vector(b"x")}),
        ("extensions", {"package_extensions": b"\xff"}),
        ("capabilities", {"versions": []}),
        ("capabilities", {"suites": [1]}),
        ("capabilities", {"credentials": [2]}),
        ("uncompressed", {"init_key": point(private_key(), PublicFormat.CompressedPoint)}),
        ("uncompressed", {"encryption_key": b""}),
        ("point", {"encryption_key": b"\4" + bytes(64)}),
        ("LeafNodeTBS", {"signature_key": point(private_key())}),
    ],
)
def test_refused_key_package(reason: str, parts: dict[str, Any]) -> None:
    """What DAVE 1 does not allow, or a member would not commit, is refused."""
    package = parse_key_package(Forgery(**({"identity": IDENTITY} | parts)).package())
    with pytest.raises(RefusedError, match=reason):
        package.check(USER)


def test_key_used_twice() -> None:
    """The init key must not be the encryption key (RFC 9420, section 10.1)."""
    key = point(private_key())
    with pytest.raises(RefusedError, match="init key"):
        parse_key_package(Forgery(IDENTITY, init_key=key, encryption_key=key).package()).check(USER)


def test_other_init_key() -> None:
    """The whole must be signed, not only its leaf."""
    forgery = Forgery(IDENTITY)
    package = forgery.package().replace(forgery.init_key, point(private_key()))
    with pytest.raises(RefusedError, match="KeyPackageTBS"):
        parse_key_package(package).check(USER)


@pytest.mark.parametrize("parts", [{"version": 2}, {"suite": 1}, {"credential": 2}, {"source": 9}])
def test_not_dave_1(parts: dict[str, int]) -> None:
    """Another version, cipher suite or kind of credential is not DAVE 1's."""
    with pytest.raises(MalformedError):
        parse_key_package(Forgery(IDENTITY, **parts).package())  # type: ignore[arg-type]


def test_huge_key_package() -> None:
    with pytest.raises(MalformedError, match="longer"):
        parse_key_package(bytes(MAX_KEY_PACKAGE_BYTES + 1))


def test_commit_and_welcome() -> None:
    """Op 28 comes apart where the commit ends."""
    commit, welcome = parse_commit_welcome(COMMIT_WELCOME)
    assert (commit.group_id, commit.epoch, commit.sender) == (GROUP_ID, 0, 0)
    assert commit.references == [proposal.reference for proposal in PROPOSALS]
    assert not commit.has_inline
    assert welcome is not None
    assert welcome.secrets.keys() == {parse_key_package(package).reference for package in PACKAGES}
    rest = COMMIT_WELCOME[len(commit.message) :]
    assert rest == b"\0\2" + vector(b"".join(welcome.secrets.values())) + vector(welcome.group_info)


def test_welcome_for_one() -> None:
    """Each new member can enter with what is for them, and nobody else can."""
    first, second, creator = make_session(2), make_session(3), make_session(1)
    packages = [parse_key_package(key_package_of(session)) for session in (first, second)]
    messages = [GATEWAY.add(package.data, GROUP_ID, 0).message for package in packages]
    _, welcome = parse_commit_welcome(commit(creator, *messages))
    assert welcome is not None
    only_first = welcome.only_for(packages[0].reference)
    assert first.process_welcome(only_first, {"1", "2", "3"})
    assert second.process_welcome(only_first, {"1", "2", "3"}) is None


def test_commit_with_path() -> None:
    """A commit that removes carries the committer's new leaf, and no welcome."""
    creator, other = make_session(1), make_session(2)
    proposal = GATEWAY.add(key_package_of(other), GROUP_ID, 0)
    created, _ = parse_commit_welcome(commit(creator, proposal.message))
    creator.process_commit(created.message)

    removal, welcome = parse_commit_welcome(commit(creator, GATEWAY.remove(1, GROUP_ID, 1).message))
    assert welcome is None
    assert removal.epoch == 1
    assert removal.leaf is not None
    assert removal.leaf.credential == (1, (1).to_bytes(8))


@given(st.binary(max_size=600))
def test_anything(payload: bytes) -> None:
    """Whatever a client sends is read or refused in one way."""
    for parse in (parse_key_package, parse_commit_welcome):
        with pytest.raises(MalformedError):
            parse(payload)


@given(data=st.data())
def test_almost(data: st.DataObject) -> None:
    """So is what was right before it was cut, changed or prolonged."""
    parse: Callable[[bytes], Any]
    parse, check = data.draw(
        st.sampled_from([(parse_key_package, PACKAGES[0]), (parse_commit_welcome, COMMIT_WELCOME)]), "message"
    )
    payload = bytearray(check)
    for _ in range(data.draw(st.integers(1, 4))):
        payload[data.draw(st.integers(0, len(payload) - 1))] = data.draw(st.integers(0, 255))
    payload = payload[: data.draw(st.integers(0, len(payload)))] + data.draw(st.binary(max_size=4))
    try:
        parsed: Any = parse(bytes(payload))
    except MalformedError:
        return
    if not isinstance(parsed, tuple) and bytes(payload) != check:
        with pytest.raises(RefusedError):
            parsed.check(2)
