"""Which commit is valid, and which leaf is whose."""

from dataclasses import replace

import pytest

from jeffbot.sandbox.voice.dave.delivery import Delivery, LateError
from jeffbot.sandbox.voice.dave.mls import Commit, KeyPackage, LeafNode, RefusedError, Welcome, parse_key_package

from .clients import CHANNEL_ID
from .forging import Forgery, point, private_key

KEYS = {user_id: private_key() for user_id in range(1, 6)}
OTHER_REFERENCE = bytes(32)


def package_of(user_id: int) -> KeyPackage:
    return parse_key_package(Forgery(user_id.to_bytes(8), signer=KEYS[user_id]).package())


def leaf_of(user_id: int) -> LeafNode:
    """As a path has it."""
    return package_of(user_id).leaf


def commit(delivery: Delivery, user_id: int) -> tuple[Commit, Welcome | None]:
    """What a good client would answer to all proposals."""
    owed = delivery.owed_by(user_id)
    references = [proposal.signed.reference for proposal in owed]
    sender = next((index for index, leaf in delivery._leaves.items() if leaf.user_id == user_id), 0)
    secrets = {p.key_package.reference: b"secret" for p in owed if p.key_package}
    leaf = None if len(secrets) == len(owed) else leaf_of(user_id)
    made = Commit(b"commit", CHANNEL_ID.to_bytes(8), delivery.epoch, sender, references, has_inline=False, leaf=leaf)
    return made, Welcome(secrets, b"info") if secrets else None


@pytest.fixture
def delivery() -> Delivery:
    """A group of 1, 2 and 3, in which 4 is to be added and 2 to be removed."""
    delivery = Delivery(CHANNEL_ID)
    for user_id in (2, 3):
        delivery.propose_add(user_id, package_of(user_id))
    delivery.accept(1, *commit(delivery, 1))
    assert delivery.members == [1, 2, 3]
    delivery.propose_add(4, package_of(4))
    delivery.propose_remove(2)
    return delivery


def test_valid(delivery: Delivery) -> None:
    """The leaf that a commit frees is given to whom the same commit adds."""
    change = delivery.accept(1, *commit(delivery, 1))
    assert (change.creates, list(change.welcomed)) == (False, [4])
    assert (delivery.epoch, delivery.members, delivery.proposals) == (2, [1, 4, 3], [])


def test_leaves_are_reused_from_the_left() -> None:
    """A new member gets the leftmost free leaf, or one at the right end."""
    delivery = Delivery(CHANNEL_ID)
    for user_id in (2, 3, 4):
        delivery.propose_add(user_id, package_of(user_id))
    delivery.accept(1, *commit(delivery, 1))
    for user_id in (4, 2):
        delivery.propose_remove(user_id)
    delivery.accept(3, *commit(delivery, 3))
    delivery.propose_add(5, package_of(5))
    delivery.propose_add(2, package_of(2))
    delivery.accept(1, *commit(delivery, 1))
    assert delivery.members == [1, 5, 3, 2]


def test_own_add_is_not_owed() -> None:
    """Who creates the group adds all but itself; who is in one commits everything."""
    delivery = Delivery(CHANNEL_ID)
    for user_id in (1, 2):
        delivery.propose_add(user_id, package_of(user_id))
    assert [proposal.user_id for proposal in delivery.owed_by(1)] == [2]
    assert [proposal.user_id for proposal in delivery.owed_by(3)] == [1, 2]


@pytest.mark.parametrize(
    ("reason", "changes"),
    [
        ("another group", {"group_id": b"other"}),
        ("instead of a reference", {"has_inline": True}),
        ("never made", {"references": [OTHER_REFERENCE]}),
        ("not sent by the member", {"sender": 2}),
        ("not sent by the member", {"sender": 9}),
        ("no path", {"leaf": None}),
        ("credential", {"leaf": leaf_of(3)}),
        ("signature key", {"leaf": replace(leaf_of(1), signature_key=point(KEYS[3]))}),
    ],
)
def test_refused(delivery: Delivery, reason: str, changes: dict[str, object]) -> None:
    """A commit that never was valid is told why, and changes nothing."""
    made, welcome = commit(delivery, 1)
    delivery._leaves[0] = delivery._leaves[0]._replace(node=leaf_of(1))
    with pytest.raises(RefusedError, match=reason):
        delivery.accept(1, replace(made, **changes), welcome)  # type: ignore[arg-type]
    assert delivery.epoch == 1


def test_refused_twice(delivery: Delivery) -> None:
    """No proposal is committed twice."""
    made, welcome = commit(delivery, 1)
    with pytest.raises(RefusedError, match="twice"):
        delivery.accept(1, replace(made, references=[*made.references, made.references[0]]), welcome)


def test_refused_from_who_is_removed(delivery: Delivery) -> None:
    """A member cannot commit its own removal (RFC 9420, section 12.2)."""
    made, welcome = commit(delivery, 1)
    with pytest.raises(RefusedError, match="not sent by the member"):
        delivery.accept(2, replace(made, sender=1), welcome)


def test_refused_creator(delivery: Delivery) -> None:
    """Who creates a group is its first member."""
    delivery.reset()
    delivery.propose_add(2, package_of(2))
    made, welcome = commit(delivery, 1)
    with pytest.raises(RefusedError, match="first member"):
        delivery.accept(1, replace(made, sender=1), welcome)


@pytest.mark.parametrize("welcome", [None, Welcome({OTHER_REFERENCE: b"secret"}, b"info")])
def test_refused_welcome(delivery: Delivery, welcome: Welcome | None) -> None:
    """All who are added must be welcomed, and nobody else."""
    made, _ = commit(delivery, 1)
    with pytest.raises(RefusedError, match="welcome"):
        delivery.accept(1, made, welcome)


def test_late(delivery: Delivery) -> None:
    """A commit for another epoch, or for fewer proposals than there are by now, is late, which is no fault."""
    first, welcome = commit(delivery, 1)
    delivery.propose_add(5, package_of(5))
    with pytest.raises(LateError):
        delivery.accept(1, first, welcome)
    second, welcome = commit(delivery, 3)
    delivery.accept(3, second, welcome)
    with pytest.raises(LateError):
        delivery.accept(1, replace(second, sender=0), welcome)


def test_late_after_revocation(delivery: Delivery) -> None:
    """When one proposal is revoked, a commit for the others that was made before it existed does not count."""
    made, welcome = commit(delivery, 1)
    delivery.propose_add(5, package_of(5))
    delivery.withdraw_add(5)
    assert [proposal.user_id for proposal in delivery.proposals] == [4, 2]
    with pytest.raises(LateError):
        delivery.accept(1, made, welcome)


def test_empty(delivery: Delivery) -> None:
    """With nothing left to commit, libdave commits nothing, which does not count."""
    delivery.reset()
    made, _ = commit(delivery, 1)
    with pytest.raises(LateError):
        delivery.accept(1, made, None)


def test_stolen_key(delivery: Delivery) -> None:
    """Another member's key in a key package would keep all from committing: it is refused."""
    stolen = delivery._leaves[2].node
    assert stolen is not None
    package = parse_key_package(Forgery((5).to_bytes(8), encryption_key=stolen.encryption_key).package())
    with pytest.raises(RefusedError, match="another member"):
        delivery.propose_add(5, package)
