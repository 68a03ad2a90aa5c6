"""The MLS delivery service: what one group's epoch is, who has which leaf, what was proposed, which commit is valid."""

from dataclasses import dataclass
from typing import NamedTuple

from .external_sender import ExternalSender, SignedProposal
from .mls import BASIC_CREDENTIAL, Commit, KeyPackage, LeafNode, RefusedError, Welcome


class LateError(Exception):
    """A commit is for another epoch or other proposals than the present ones: others were faster, which is no fault."""


class Leaf(NamedTuple):
    """A member's place in the ratchet tree."""

    user_id: int
    node: LeafNode | None
    """None: the member created the group, and its key package was never seen."""


@dataclass(frozen=True, slots=True)
class Proposal:
    """An add or a remove that was proposed in the present epoch."""

    user_id: int
    signed: SignedProposal
    key_package: KeyPackage | None
    """What is to be added; None: the user is to be removed."""


class Change(NamedTuple):
    """What a commit did."""

    welcomed: dict[int, KeyPackage]
    """The users who are members now."""
    creates: bool
    """Whether there was no group before."""


class Delivery:
    """One MLS group after another, all with one ID and one external sender (protocol.md, "Delivery Service").

    Args:
        channel_id: The group's ID.
    """

    def __init__(self, channel_id: int) -> None:
        self.sender = ExternalSender()
        self._group_id = channel_id.to_bytes(8)
        self._ever_proposed: set[bytes] = set()
        self.reset()

    def reset(self) -> None:
        """Begin with a new group, which is not established."""
        self.epoch = 0
        self.proposals: list[Proposal] = []
        """Those to be committed in this epoch."""
        self._leaves: dict[int, Leaf] = {}

    @property
    def established(self) -> bool:
        """Whether there is a group with an epoch above 0."""
        return self.epoch > 0

    @property
    def members(self) -> list[int]:
        """The users with a leaf that is not proposed to be removed, by leaf."""
        leaving = {proposal.user_id for proposal in self.proposals if proposal.key_package is None}
        return [leaf.user_id for _, leaf in sorted(self._leaves.items()) if leaf.user_id not in leaving]

    def is_adding(self, user_id: int) -> bool:
        """Whether this user is proposed to be added."""
        return any(proposal.user_id == user_id and proposal.key_package for proposal in self.proposals)

    def owed_by(self, user_id: int) -> list[Proposal]:
        """What a commit of this user must contain: all, but in a group of its own making not to add itself."""
        return [proposal for proposal in self.proposals if self.established or proposal.user_id != user_id]

    def propose_add(self, user_id: int, key_package: KeyPackage) -> Proposal:
        """Propose to add a user.

        Raises:
            RefusedError: Another user has one of these keys (RFC 9420, section 7.3): no member would commit.
        """
        nodes = [leaf.node for leaf in self._leaves.values() if leaf.node and leaf.user_id != user_id]
        nodes += [p.key_package.leaf for p in self.proposals if p.key_package and p.user_id != user_id]
        taken = {key for node in nodes for key in (node.encryption_key, node.signature_key)}
        if taken & {key_package.leaf.encryption_key, key_package.leaf.signature_key}:
            raise RefusedError("another member has its key")
        return self._propose(user_id, self.sender.add(key_package.data, self._group_id, self.epoch), key_package)

    def propose_remove(self, user_id: int) -> Proposal:
        """Propose to remove one of ``members``."""
        index = next(index for index, leaf in self._leaves.items() if leaf.user_id == user_id)
        return self._propose(user_id, self.sender.remove(index, self._group_id, self.epoch), None)

    def withdraw_add(self, user_id: int) -> None:
        """Revoke the proposal to add a user, and renew all others.

        Else a commit for what is left may have been made before the revoked one was proposed, and its maker, who has
        made another since, could not process it any more.
        """
        left = [proposal for proposal in self.proposals if proposal.user_id != user_id or proposal.key_package is None]
        self.proposals = []
        for proposal in left:
            if proposal.key_package:
                self.propose_add(proposal.user_id, proposal.key_package)
            else:
                self.propose_remove(proposal.user_id)

    def _propose(self, user_id: int, signed: SignedProposal, key_package: KeyPackage | None) -> Proposal:
        proposal = Proposal(user_id, signed, key_package)
        self._ever_proposed.add(signed.reference)
        self.proposals.append(proposal)
        return proposal

    def accept(self, user_id: int, commit: Commit, welcome: Welcome | None) -> Change:
        """Move to the next epoch, if this commit is valid (protocol.md, "Voice Gateway Commit Validity").

        Raises:
            LateError: It is not for what is proposed now.
            RefusedError: It never was valid.
        """
        if commit.group_id != self._group_id:
            raise RefusedError("it is for another group")
        if commit.has_inline:
            raise RefusedError("it contains a proposal instead of a reference to one")
        if not self._ever_proposed.issuperset(commit.references):
            raise RefusedError("it refers to a proposal that was never made")
        owed = {proposal.signed.reference: proposal for proposal in self.owed_by(user_id)}
        if commit.epoch != self.epoch or not owed or owed.keys() != set(commit.references):
            raise LateError
        if len(owed) < len(commit.references):
            raise RefusedError("it refers to a proposal twice")
        chosen = [owed[ref] for ref in commit.references]
        welcomed = {p.user_id: p.key_package for p in chosen if p.key_package}
        self._check_sender(user_id, commit, may_lack_path=len(welcomed) == len(chosen))
        self._check_welcome(welcomed, welcome)
        return self._apply(user_id, commit, welcomed)

    def _check_sender(self, user_id: int, commit: Commit, *, may_lack_path: bool) -> None:
        """The sender must be who it says, and stay so (RFC 9420, section 12.4: a path may lack if it only adds)."""
        own = self._leaves.get(commit.sender) if self.established else Leaf(user_id, None)
        if own is None or own.user_id != user_id or (self.established and user_id not in self.members):
            raise RefusedError("it is not sent by the member that made it")
        if not self.established and commit.sender:
            raise RefusedError("it creates a group, but not with its sender as the first member")
        if commit.leaf is None:
            if not may_lack_path:
                raise RefusedError("it removes a member but has no path")
        elif commit.leaf.credential != (BASIC_CREDENTIAL, user_id.to_bytes(8)):
            raise RefusedError("it changes the member's credential")
        elif own.node and commit.leaf.signature_key != own.node.signature_key:
            raise RefusedError("it changes the member's signature key")

    def _check_welcome(self, welcomed: dict[int, KeyPackage], welcome: Welcome | None) -> None:
        if {package.reference for package in welcomed.values()} != (welcome.secrets.keys() if welcome else set()):
            raise RefusedError("its welcome is not for those whom it adds")

    def _apply(self, user_id: int, commit: Commit, welcomed: dict[int, KeyPackage]) -> Change:
        creates = not self.established
        removed = {proposal.user_id for proposal in self.proposals if proposal.key_package is None}
        own = commit.sender
        if creates:
            self._leaves = {own: Leaf(user_id, commit.leaf)}
        elif commit.leaf:
            self._leaves[own] = Leaf(user_id, commit.leaf)
        self._leaves = {index: leaf for index, leaf in self._leaves.items() if leaf.user_id not in removed}
        for added, package in welcomed.items():
            self._leaves[self._free_leaf()] = Leaf(added, package.leaf)
        self.epoch += 1
        self.proposals = []
        return Change(welcomed, creates)

    def _free_leaf(self) -> int:
        """The leftmost blank leaf, or one at the right end (RFC 9420, section 12.1.1)."""
        index = 0
        while index in self._leaves:
            index += 1
        return index
