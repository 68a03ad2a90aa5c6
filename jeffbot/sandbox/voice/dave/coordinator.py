"""The voice gateway's decisions in one call: who is to be in the MLS group, and when its keys or its version change."""

import time
from dataclasses import dataclass, field

from .delivery import Change, Delivery, LateError, Proposal
from .external_sender import append, revoke
from .mls import Commit, KeyPackage, RefusedError, Welcome
from .participant import CallLater, Note, Op, Participant
from .patience import Deadline, Expectations, Transition, Transitions

INITIAL_TRANSITION = 0
"""Executed at once, without ops 23 and 22 (protocol.md, "dave_protocol_prepare_transition (21)")."""
NEW_GROUP_EPOCH = 1
"""With which op 24 announces a new MLS group (protocol.md, "dave_protocol_prepare_epoch (24)")."""


@dataclass(slots=True)
class Member:
    """One who is in the call."""

    participant: Participant
    knows_sender: bool = False
    """Whether op 25 was sent."""
    welcome: int | None = None
    """The transition of a welcome that nothing followed yet."""


@dataclass(slots=True)
class Announcement:
    """The commit that made the present epoch."""

    transition_id: int
    committer: int
    receivers: set[int]
    refusers: set[int] = field(default_factory=set)


class Coordinator:
    """What ``Group`` guards: its methods are never called from within one another by a participant's answer."""

    def __init__(self, channel_id: int, call_later: CallLater, note: Note, version: int, patience: float) -> None:
        self.delivery = Delivery(channel_id)
        self.members: dict[int, Member] = {}
        self.transitions = Transitions(call_later, patience, note, self._execute)
        self.version = self.target = self.offered = version
        """What is in use; what will be, once the pending transition is executed; what is allowed at most."""
        self.changed_at = time.monotonic()
        """When keys or version last changed, on the clock of ``time.monotonic``."""
        self.to_corrupt: set[tuple[Op, int]] = set()
        """Ops 29 and 30 that are to be sent truncated, and to whom."""
        self._note = note
        self._expectations = Expectations(call_later, patience, note)
        self._commit = Deadline(call_later, patience, self._give_up_group)
        """By when one of the MLS group's members has to commit what is proposed."""
        self._nobody_has_keys = True
        """So that those of the first commit can be used at once."""
        self._announcement: Announcement | None = None
        self._corrupted: set[tuple[int, int]] = set()
        """Users and transitions, of which a complaint is no wonder."""
        self._packages: dict[int, KeyPackage] = {}
        """Of users who are to be added."""
        self._stale: set[int] = set()
        """Members who are to be removed, even if they are to be added anew."""
        self._barred: dict[int, str] = {}
        """Users whose commits do not count any more, and why."""

    def common_version(self, *more: int) -> int:
        """The highest that is allowed and that all, and these more, speak."""
        return min(self.offered, *more, *(member.participant.max_version for member in self.members.values()))

    @property
    def _alone(self) -> bool:
        return len(self.members) == 1

    @property
    def _standing(self) -> list[int]:
        """Who is in the MLS group, and should be."""
        return [user for user in self.delivery.members if user in self.members and user not in self._stale]

    @property
    def _audience(self) -> list[int]:
        """Who handles proposals: the group's members or, before there is a group, everyone."""
        return self._standing if self.delivery.established else list(self.members)

    def join(self, participant: Participant) -> None:
        """Let someone in, who then sends a key package if op 4 told a version above 0."""
        self.leave(participant.user_id)
        member = self.members[participant.user_id] = Member(participant)
        if self._alone:
            self.version = self.target = self.common_version()
        elif self._negotiate():
            return
        if self.target:
            self._introduce(member)
            if self._alone:
                self._initialise(member)
            elif not self.delivery.established:
                self._send_proposals(participant.user_id, self.delivery.proposals)

    def leave(self, user_id: int) -> None:
        """Let someone out, whom the others then remove."""
        if self.members.pop(user_id, None) is None:
            return
        self._barred.pop(user_id, None)
        self._expectations.forget_all(user_id)
        self._discard(user_id)
        self.transitions.forget(user_id)
        if not self.members:
            self.close()
        elif not self._negotiate() and self.target:
            self._change_group()

    def close(self) -> None:
        """Forget all who are in the call, without telling them."""
        self.members.clear()
        self._barred.clear()
        self._expectations.close()
        self._abandon_group()
        self.version = self.target = self.offered
        self._nobody_has_keys = True

    def offer(self, version: int) -> None:
        """Allow this version at most."""
        self.offered = version
        if self.members:
            self._negotiate()
        else:
            self.version = self.target = version

    def _negotiate(self) -> bool:
        """Move to the version that all speak; False if that is the present one."""
        if (common := self.common_version()) == self.target:
            return False
        self.target = common
        if common:
            self._begin_group()
        else:
            self._end_group()
        return True

    def take_key_package(self, user_id: int, package: KeyPackage) -> None:
        """Op 26. Each op 4, op 24 and op 31 is followed by one, and replaces those that were on their way before."""
        is_latest = self._expectations.met(user_id, Op.KEY_PACKAGE)
        if is_latest and user_id in self.members and self.target and user_id not in self._standing:
            self._discard(user_id)
            self._packages[user_id] = package
            self._change_group()

    def take_commit(self, user_id: int, commit: Commit, welcome: Welcome | None) -> None:
        """Op 28. The first valid one of an epoch wins (protocol.md, "Commit Ordering")."""
        self._expectations.forget(user_id, Op.COMMIT_WELCOME)
        if user_id not in self.members or not self.target:
            return
        try:
            if user_id in self._barred:
                raise RefusedError(self._barred[user_id])
            change = self.delivery.accept(user_id, commit, welcome)
        except LateError:
            return
        except RefusedError as error:
            self._note(user_id, f"its commit (op 28) is refused: {error}")
        else:
            self._announce(user_id, commit, welcome, change)

    def take_complaint(self, user_id: int, transition_id: int) -> None:
        """Op 31: this user could not process a commit or a welcome, and sends another key package.

        A welcome that was sent since then is of no use either: only the complaint about that counts.
        """
        if user_id not in self.members:
            return
        self._expectations.expect(user_id, Op.KEY_PACKAGE)
        member = self.members[user_id]
        if not self.target or member.welcome not in (None, transition_id):
            return
        member.welcome = None
        self._discard(user_id)
        if (user_id, transition_id) not in self._corrupted:
            self._note(user_id, f"calls transition {transition_id} invalid (op 31)")
            self._blame(user_id, transition_id)
        self.transitions.forget(user_id)
        self._change_group()

    def _blame(self, user_id: int, transition_id: int) -> None:
        """Bar the maker of a commit that none of several receivers could process.

        protocol.md, "Recovery from Invalid Commit or Welcome", allows it.
        """
        announced = self._announcement
        if announced and announced.transition_id == transition_id and user_id in announced.receivers:
            announced.refusers.add(user_id)
            if len(announced.receivers) > 1 and announced.refusers == announced.receivers:
                self._barred[announced.committer] = "nobody could process its last one"

    def _change_group(self) -> None:
        """Propose what is to change, or begin a new group if none is left who could commit it.

        No change is proposed before all have the keys of the last one: what a client says of those, and what it is
        told of the next, cannot cross.
        """
        if self.delivery.established and (self._alone or not set(self._standing) - self._barred.keys()):
            self._begin_group()
        elif not self.transitions.pending:
            stale = self._stale.intersection(self.delivery.members)
            self._stale -= stale
            proposals = [self.delivery.propose_remove(user_id) for user_id in sorted(stale)] + self._propose_adds()
            for user_id in self._audience:
                self._send_proposals(user_id, proposals)
            if proposals and self.delivery.established:
                self._commit.start()

    def _give_up_group(self) -> None:
        """No member has committed what is proposed: others make a new group (protocol.md, "Invalid Groups")."""
        if self.delivery.established and self.delivery.proposals:
            self._barred |= dict.fromkeys(self._standing, "it made none when one was due")
            self._begin_group()

    def _propose_adds(self) -> list[Proposal]:
        packages, self._packages = self._packages, {}
        proposals = list[Proposal]()
        for user_id, package in packages.items():
            try:
                proposals.append(self.delivery.propose_add(user_id, package))
            except RefusedError as error:
                self._note(user_id, f"its key package (op 26) is refused: {error}")
        return proposals

    def _send_proposals(self, user_id: int, proposals: list[Proposal]) -> None:
        owed = self.delivery.owed_by(user_id)
        if messages := [proposal.signed.message for proposal in proposals if proposal in owed]:
            self.members[user_id].participant.send_binary(Op.PROPOSALS, append(messages))
            self._expectations.expect(user_id, Op.COMMIT_WELCOME)

    def _discard(self, user_id: int) -> None:
        """Neither the key package nor the leaf of a user is of use any more."""
        self._packages.pop(user_id, None)
        if user_id in self.delivery.members:
            self._stale.add(user_id)
        if self.delivery.is_adding(user_id):
            told = {user: self.delivery.owed_by(user) for user in self._audience if user != user_id}
            self.delivery.withdraw_add(user_id)
            for user, proposals in told.items():
                payload = revoke([proposal.signed.reference for proposal in proposals])
                self.members[user].participant.send_binary(Op.PROPOSALS, payload)
                self._expectations.forget(user, Op.COMMIT_WELCOME)
                self._send_proposals(user, self.delivery.proposals)

    def _announce(self, committer: int, commit: Commit, welcome: Welcome | None, change: Change) -> None:
        self._commit.cancel()
        self.changed_at = time.monotonic()
        users = self._standing
        transition_id = INITIAL_TRANSITION
        if not self._nobody_has_keys:
            transition_id = self.transitions.begin(self.target, users)
        self._nobody_has_keys = False
        self._announcement = Announcement(transition_id, committer, set(users) - {committer})
        for user_id in users:
            if welcome and (package := change.welcomed.get(user_id)):
                self._send_change(user_id, Op.WELCOME, transition_id, welcome.only_for(package.reference))
            else:
                self._send_change(user_id, Op.ANNOUNCE_COMMIT, transition_id, commit.message)
        self._change_group()

    def _send_change(self, user_id: int, op: Op, transition_id: int, message: bytes) -> None:
        member = self.members[user_id]
        member.welcome = transition_id if op is Op.WELCOME else None
        if (op, user_id) in self.to_corrupt:
            self.to_corrupt.remove((op, user_id))
            self._corrupted.add((user_id, transition_id))
            message = message[:-1]
        member.participant.send_binary(op, transition_id.to_bytes(2) + message)

    def _introduce(self, member: Member) -> None:
        """Make the external sender known, once to each, and await a key package."""
        if not member.knows_sender:
            member.knows_sender = True
            member.participant.send_binary(Op.EXTERNAL_SENDER, self.delivery.sender.package)
        self._expectations.expect(member.participant.user_id, Op.KEY_PACKAGE)

    def _initialise(self, member: Member) -> None:
        """Tell who is alone that there is nobody to wait for (protocol.md, "Sole member reset")."""
        self.version = self.target
        data = {"protocol_version": self.target, "transition_id": INITIAL_TRANSITION}
        member.participant.send(Op.PREPARE_TRANSITION, data)

    def _begin_group(self) -> None:
        """Have all begin anew (protocol.md, "Initial Group Creation", "Sole member reset")."""
        self._abandon_group()
        if self.members.keys() <= self._barred.keys():
            self._barred.clear()  # else there would be nobody to make it
        self._nobody_has_keys = self._alone
        for member in self.members.values():
            data = {"protocol_version": self.target, "epoch": NEW_GROUP_EPOCH}
            member.participant.send(Op.PREPARE_EPOCH, data)
            self._introduce(member)
            if self._alone:
                self._initialise(member)

    def _end_group(self) -> None:
        """Have all end encryption (protocol.md, "Downgrade to Transport-Only Encryption")."""
        self._abandon_group()
        users = [user_id for user_id, member in self.members.items() if member.participant.max_version]
        transition_id = self.transitions.begin(self.target, users)
        for user_id in users:
            data = {"protocol_version": self.target, "transition_id": transition_id}
            self.members[user_id].participant.send(Op.PREPARE_TRANSITION, data)

    def _abandon_group(self) -> None:
        self._commit.cancel()
        self.changed_at = time.monotonic()
        self.transitions.cancel()
        self.delivery.reset()
        self._announcement = None
        self._packages.clear()
        self._stale.clear()
        for user_id, member in self.members.items():
            member.welcome = None
            self._expectations.forget(user_id, Op.COMMIT_WELCOME)

    def _execute(self, transition: Transition) -> None:
        self.version = transition.version
        self.changed_at = time.monotonic()
        for user_id in transition.users:
            if user_id in self.members:
                data = {"transition_id": transition.id}
                self.members[user_id].participant.send(Op.EXECUTE_TRANSITION, data)
        self._change_group()
