"""A call grows, shrinks, empties, refills, and recovers; whoever is in it hears whom they should."""

from typing import Any

import pytest

from jeffbot.sandbox.voice.dave import How, Op
from jeffbot.sandbox.voice.dave.patience import PATIENCE

from .clients import CLIENTS_CONNECT, OPUS, SESSION_DESCRIPTION, Bot, Call

ANN, BEN, CAT = 1, 2, 3
JEFF, GEOFF = 100, 101
NETWORK = 0.05
"""Seconds; a listener this slow leaves the commit to bots."""


@pytest.fixture
def call() -> Call:
    return Call()


def binary(messages: list[tuple[int, Any]], op: int) -> list[bytes]:
    """The payloads of one kind in an inbox."""
    return [data for found, data in messages if found == op]


class TestJoining:
    def test_person_first(self, call: Call) -> None:
        """A bot that joins a person is welcomed by them."""
        call.add_listener(ANN)
        jeff = call.add_bot(JEFF)
        call.settle()
        call.assert_encrypted()
        assert call.group.member_ids == [ANN, JEFF]
        assert (jeff.received, jeff.sent) == (
            [SESSION_DESCRIPTION, CLIENTS_CONNECT, Op.EXTERNAL_SENDER, Op.PROPOSALS, Op.WELCOME],
            [Op.KEY_PACKAGE, Op.COMMIT_WELCOME],
        )

    def test_bot_first(self, call: Call) -> None:
        """A bot that is alone is told that there is nobody to wait for; it is heard once someone joins."""
        jeff = call.add_bot(JEFF)
        call.settle()
        assert (jeff.received[-1], jeff.version, call.group.version) == (Op.PREPARE_TRANSITION, 1, 1)
        assert not call.group.established
        call.add_listener(ANN)
        call.settle()
        call.assert_encrypted()

    def test_bot_commits(self, call: Call) -> None:
        """Listeners that answer later than the network leave the commit to the bot."""
        call.add_listener(ANN, delay=NETWORK)
        call.clock.advance(NETWORK)
        jeff = call.add_bot(JEFF)
        call.settle()
        assert call.group.member_ids == [JEFF, ANN]
        assert jeff.received[-1] == Op.ANNOUNCE_COMMIT
        call.clock.advance(NETWORK)
        call.assert_encrypted()
        call.add_listener(BEN, delay=NETWORK)
        for _ in range(3):
            call.clock.advance(NETWORK)
            call.settle()
        call.assert_encrypted()
        assert jeff.received[-1] == Op.EXECUTE_TRANSITION
        assert call.notes == []

    def test_grow_and_shrink(self, call: Call) -> None:
        """One after another comes, and then goes; all present are always heard by all present."""
        people = [JEFF, ANN, GEOFF, BEN, CAT]
        for user_id in people:
            add = call.add_bot if user_id in (JEFF, GEOFF) else call.add_listener
            add(user_id)
            call.settle()
            if len(call.group.user_ids) > 1:
                call.assert_encrypted()
        for user_id in (ANN, GEOFF, CAT):
            call.remove(user_id)
            call.settle()
            call.assert_encrypted()
        call.clock.advance(2 * PATIENCE)
        assert call.notes == []

    def test_same_keys(self, call: Call) -> None:
        """All who are in the group agree on its secret."""
        for user_id in (ANN, BEN, CAT):
            call.add_listener(user_id)
        assert len({listener.authenticator for listener in call.listeners.values()}) == 1
        assert call.listeners[ANN].authenticator is not None

    def test_late_joiner_gets_what_is_in_flight(self, call: Call) -> None:
        """Who joins before there is a group is told of those who wait already, in one message."""
        bots = [call.add_bot(user_id) for user_id in (JEFF, GEOFF)]
        for bot in bots:
            bot.mute_on = {Op.COMMIT_WELCOME}
        call.settle()
        late = call.add_bot(102)
        assert len(binary(list(late.inbox), Op.PROPOSALS)) == 1
        call.settle()
        call.add_listener(ANN)
        call.settle()
        call.assert_encrypted()
        assert call.group.member_ids[0] == 102, "the only one to commit created the group"

    def test_first_keys_at_once(self, call: Call) -> None:
        """The first group's keys are used at once, those of later ones when all are ready."""
        call.add_listener(ANN)
        jeff = call.add_bot(JEFF)
        call.settle()
        call.add_listener(BEN)
        transitions = [int.from_bytes(binary(list(jeff.inbox), Op.ANNOUNCE_COMMIT)[0][:2])]
        call.settle()
        assert transitions == [1]
        assert Op.EXECUTE_TRANSITION in jeff.received

    def test_welcome_is_for_one(self, call: Call) -> None:
        """Who is welcomed is sent the secrets for themselves only."""
        call.add_listener(ANN, delay=NETWORK)
        call.clock.advance(NETWORK)
        bots = [call.add_bot(user_id) for user_id in (JEFF, GEOFF)]
        call.settle()
        call.clock.advance(NETWORK)
        call.settle()
        call.assert_encrypted()
        assert sum(bot.received.count(Op.WELCOME) for bot in bots) == 1

    def test_again(self, call: Call) -> None:
        """Who joins anew without having left is another member than before."""
        for user_id in (ANN, BEN):
            call.add_listener(user_id)
        call.add_bot(JEFF)
        call.settle()
        call.enter(Bot(JEFF))
        assert JEFF not in call.group.member_ids
        call.settle()
        call.assert_encrypted()
        assert Op.PREPARE_EPOCH not in call.bots[JEFF].received

    def test_again_while_the_group_changes(self, call: Call) -> None:
        """Who leaves and comes back before their leaf could be removed is not taken for who they were."""
        call.add_listener(ANN)
        call.add_bot(GEOFF)
        call.add_bot(JEFF)
        call.settle()
        call.add_listener(BEN)  # the bots are not ready for this transition yet
        call.remove(JEFF)
        call.add_bot(JEFF)
        call.settle()
        call.assert_encrypted()


class TestLeaving:
    def test_leaf_is_reused(self, call: Call) -> None:
        """The next to come gets the leaf of the one who left."""
        for user_id in (ANN, BEN, CAT):
            call.add_listener(user_id)
        members = call.group.member_ids
        for leaver in members:
            call.remove(leaver)
            assert call.group.member_ids == [member for member in members if member != leaver]
            call.add_bot(leaver + 100)
            call.settle()
            members = [leaver + 100 if member == leaver else member for member in members]
            assert call.group.member_ids == members
            if call.listeners:
                call.assert_encrypted()

    def test_sole_member_reset(self, call: Call) -> None:
        """A bot left alone is told of a new group, and to use it; who comes then hears it."""
        call.add_listener(ANN)
        jeff = call.add_bot(JEFF)
        call.settle()
        call.remove(ANN)
        assert list(jeff.inbox)[-2:] == [
            (Op.PREPARE_EPOCH, {"protocol_version": 1, "epoch": 1}),
            (Op.PREPARE_TRANSITION, {"protocol_version": 1, "transition_id": 0}),
        ]
        assert not call.group.established
        call.settle()
        assert jeff.encrypt() == OPUS
        for user_id in (BEN, ANN):
            call.add_listener(user_id)
            call.settle()
            call.assert_encrypted()

    def test_empty(self, call: Call) -> None:
        """When all have left, nothing is left."""
        call.add_listener(ANN)
        call.add_bot(JEFF)
        call.settle()
        for user_id in (ANN, JEFF):
            call.remove(user_id)
        assert (call.group.user_ids, call.group.established, call.clock.waiting) == ([], False, 0)
        call.add_bot(GEOFF)
        call.add_listener(BEN)
        call.settle()
        call.assert_encrypted()

    def test_close(self, call: Call) -> None:
        """A call that ends tells nobody and leaves no timer."""
        bots = [call.add_bot(user_id) for user_id in (JEFF, GEOFF)]
        waiting = [len(bot.inbox) for bot in bots]
        call.group.close()
        assert (call.clock.waiting, call.group.user_ids) == (0, [])
        assert [len(bot.inbox) for bot in bots] == waiting

    def test_gone_before_added(self, call: Call) -> None:
        """The proposal to add someone who has left is revoked, and nobody commits it."""
        jeff = call.add_bot(JEFF)
        call.settle()
        geoff = call.add_bot(GEOFF)
        while not geoff.outbox:
            geoff.handle_one()
        call.deliver(geoff)
        call.remove(GEOFF)
        assert [payload[0] for payload in binary(list(jeff.inbox), Op.PROPOSALS)] == [0, 1]
        call.settle()
        assert not call.group.established
        call.add_listener(BEN)
        call.settle()
        call.assert_encrypted()
        assert call.notes == []

    def test_gone_between_two(self, call: Call) -> None:
        """A commit from before the revoked proposal is not accepted: its maker could not process it any more."""
        jeff = call.add_bot(JEFF)
        call.settle()
        call.add_listener(ANN, delay=NETWORK)
        call.clock.advance(NETWORK)
        jeff.handle_one()
        jeff.handle_one()
        call.add_listener(BEN, delay=NETWORK)
        call.clock.advance(NETWORK / 2)
        call.remove(BEN)
        call.settle()
        call.clock.advance(NETWORK)
        call.settle()
        call.assert_encrypted()
        assert Op.INVALID_COMMIT_WELCOME not in jeff.sent

    def test_committers_all_gone(self, call: Call) -> None:
        """When no member is left to add those who wait, all begin anew."""
        call.add_listener(ANN)
        jeff = call.add_bot(JEFF)
        call.settle()
        call.remove(ANN)
        call.settle()
        call.add_listener(BEN)
        call.settle()
        jeff.mute_on = {Op.TRANSITION_READY}
        late = call.add_bot(GEOFF)
        call.add_listener(CAT)
        for user_id in (JEFF, BEN):
            call.remove(user_id)
        call.settle()
        call.assert_encrypted()
        assert late.received.count(Op.PREPARE_EPOCH) <= 1


class TestVersions:
    def test_offered(self) -> None:
        """All speak the highest version that all speak; an old client has none."""
        call = Call()
        assert [call.group.version_with(version) for version in (0, 1, 7)] == [0, 1, 1]
        call.add_bot(JEFF, max_version=0)
        assert [call.group.version_with(version) for version in (0, 1)] == [0, 0]
        assert call.group.version == 0
        assert Call(max_version=0).group.version_with(1) == 0

    def test_without_encryption(self) -> None:
        """In a stage channel nothing of DAVE is sent, and all is heard in clear."""
        call = Call(max_version=0)
        call.add_listener(ANN)
        jeff = call.add_bot(JEFF)
        call.settle()
        assert jeff.received == [SESSION_DESCRIPTION, CLIENTS_CONNECT]
        assert call.hearing(jeff) == {How.CLEAR}
        assert call.listeners[ANN].decrypt(JEFF, OPUS).opus == OPUS

    def test_downgrade_and_upgrade_while_playing(self, call: Call) -> None:
        """Not one frame is lost when encryption ends and begins again."""
        call.add_listener(ANN)
        call.add_listener(BEN)
        jeff, geoff = call.add_bot(JEFF), call.add_bot(GEOFF)
        call.settle()
        heard: list[How] = []

        def play_on() -> None:
            while steps := call.steps():
                steps[0]()
                for bot in (jeff, geoff):
                    frame = bot.encrypt()
                    results = [listener.decrypt(bot.user_id, frame) for listener in call.listeners.values()]
                    assert {result.opus for result in results} == {OPUS}
                    heard.extend(result.how for result in results)

        call.group.downgrade()
        assert call.group.version == 1
        play_on()
        assert (call.group.version, heard[-1]) == (0, How.CLEAR)
        call.group.upgrade()
        play_on()
        assert (call.group.version, heard[-1]) == (1, How.ENCRYPTED)
        call.assert_encrypted()
        assert Op.PREPARE_EPOCH in jeff.received
        assert call.notes == []

    def test_old_client(self, call: Call) -> None:
        """Encryption ends when one joins who cannot, of which that one hears nothing, and begins when they leave."""
        call.add_listener(ANN)
        jeff = call.add_bot(JEFF)
        call.settle()
        old = call.add_bot(GEOFF, max_version=0)
        call.settle()
        assert (old.received, call.group.version) == ([SESSION_DESCRIPTION, CLIENTS_CONNECT], 0)
        assert call.hearing(jeff) == {How.CLEAR}
        young = call.add_bot(102)
        call.settle()
        assert young.received == [SESSION_DESCRIPTION, CLIENTS_CONNECT], "the external sender waits for the upgrade"
        call.remove(GEOFF)
        call.settle()
        call.assert_encrypted()
        assert young.received[3:5] == [Op.PREPARE_EPOCH, Op.EXTERNAL_SENDER]

    def test_alone_after_old_client(self, call: Call) -> None:
        """Who remains alone after a downgrade begins a new group as a sole member does."""
        jeff = call.add_bot(JEFF)
        call.add_bot(GEOFF, max_version=0)
        call.settle()
        assert jeff.version == 0
        call.remove(GEOFF)
        call.settle()
        assert (jeff.version, call.group.version) == (1, 1)
        call.add_listener(ANN)
        call.settle()
        call.assert_encrypted()

    def test_upgrade_before_all_have_downgraded(self, call: Call) -> None:
        """A change of mind in the midst of a transition does no harm."""
        call.add_listener(ANN)
        call.add_bot(JEFF)
        call.settle()
        call.group.downgrade()
        call.group.upgrade()
        call.settle()
        call.assert_encrypted()
        call.clock.advance(2 * PATIENCE)
        call.assert_encrypted()

    def test_empty_call(self, call: Call) -> None:
        """A downgraded call stays so when everyone has left."""
        call.group.downgrade()
        call.add_listener(ANN)
        jeff = call.add_bot(JEFF)
        call.settle()
        assert call.hearing(jeff) == {How.CLEAR}
        call.group.upgrade()
        call.settle()
        call.assert_encrypted()


class TestRecovery:
    @pytest.mark.parametrize("delay", [0, NETWORK])
    def test_invalid_commit(self, call: Call, delay: float) -> None:
        """A client that cannot process a commit says so, and is removed and added anew."""
        call.add_listener(ANN, delay=delay)
        jeff = call.add_bot(JEFF)
        self._wait(call)
        call.group.corrupt_next_commit(JEFF)
        call.add_listener(BEN, delay=delay)
        self._wait(call)
        assert Op.INVALID_COMMIT_WELCOME in jeff.sent
        call.assert_encrypted()
        call.clock.advance(2 * PATIENCE)
        assert call.notes == [], "the complaint was called for"

    @pytest.mark.parametrize("first", [True, False])
    def test_invalid_welcome(self, call: Call, first: bool) -> None:  # noqa: FBT001 - a case
        """The same when it cannot process its welcome, be it into the first group or a later one."""
        call.add_listener(ANN)
        if not first:
            call.add_listener(BEN)
        call.group.corrupt_next_welcome(JEFF)
        jeff = call.add_bot(JEFF)
        self._wait(call)
        assert jeff.sent.count(Op.KEY_PACKAGE) == 2
        call.assert_encrypted()

    def test_invalid_for_a_listener(self, call: Call) -> None:
        """A listener recovers likewise."""
        call.add_listener(ANN)
        call.add_bot(JEFF)
        self._wait(call)
        for corrupt in (call.group.corrupt_next_commit, call.group.corrupt_next_welcome):
            corrupt(ANN)
        call.add_listener(BEN)
        self._wait(call)
        call.assert_encrypted()
        assert call.listeners[ANN].failures

    def test_uncalled_for_complaint(self, call: Call) -> None:
        """A client that flags what was valid is added anew, and it is noted."""
        call.add_listener(ANN)
        jeff = call.add_bot(JEFF)
        self._wait(call)
        call.group.receive(JEFF, Op.INVALID_COMMIT_WELCOME, {"transition_id": 0})
        jeff._begin(1)
        self._wait(call)
        call.assert_encrypted()
        assert call.notes == [(JEFF, "calls transition 0 invalid (op 31)")]

    def test_package_from_before(self, call: Call) -> None:
        """A key package that was on its way when a new group was announced is not used: it was replaced since."""
        call.add_listener(ANN)
        call.add_bot(JEFF)
        call.settle()
        geoff = call.add_bot(GEOFF)
        geoff.handle_one()
        for user_id in (ANN, JEFF):
            call.remove(user_id)
        call.add_listener(BEN)
        assert geoff.sent == [Op.KEY_PACKAGE]
        call.deliver(geoff)
        self._wait(call)
        call.assert_encrypted()
        assert geoff.sent.count(Op.KEY_PACKAGE) == 2
        assert Op.INVALID_COMMIT_WELCOME not in geoff.sent

    def test_two_complaints(self, call: Call) -> None:
        """A complaint that was on its way when the complaining member was welcomed anew does not count."""
        call.add_listener(ANN)
        call.group.corrupt_next_welcome(JEFF)
        jeff = call.add_bot(JEFF)
        jeff.handle_one()
        call.deliver(jeff)
        call.add_listener(BEN)  # who joins before the welcome is known to be invalid
        while jeff.inbox:
            jeff.handle_one()
        assert jeff.sent.count(Op.INVALID_COMMIT_WELCOME) == 2
        self._wait(call)
        call.assert_encrypted()
        assert jeff.sent.count(Op.INVALID_COMMIT_WELCOME) == 3

    def test_all_members_complain(self, call: Call) -> None:
        """When no member is left who could add the others anew, there is a new group."""
        jeff, geoff = call.add_bot(JEFF), call.add_bot(GEOFF)
        call.settle()
        call.group.corrupt_next_commit(JEFF)
        call.group.corrupt_next_commit(GEOFF)
        call.add_listener(ANN)
        self._wait(call)
        call.assert_encrypted()
        for bot in (jeff, geoff):
            assert Op.INVALID_COMMIT_WELCOME in bot.sent

    def test_poisoned_commit(self, call: Call) -> None:
        """Who makes a commit that nobody can process makes no other, and the others go on."""

        class Poisoner(Bot):
            def _say(self, op: int, data: Any) -> None:
                super()._say(op, data[:-1] + bytes([data[-1] ^ 1]) if op == Op.COMMIT_WELCOME else data)

        for user_id in (ANN, BEN):
            call.add_listener(user_id)
        call.add_bot(JEFF)
        self._wait(call)
        poisoner = call.enter(Poisoner(GEOFF))
        self._wait(call)
        poisoner.deaf_to = {Op.ANNOUNCE_COMMIT}  # it could not process it either, and would say so
        for listener in call.listeners.values():
            listener._delay = NETWORK
            listener._call_later = call.clock.call_later
        call.remove(JEFF)
        self._wait(call)
        poisoner.deaf_to = set()
        self._wait(call)
        call.assert_encrypted()
        call.add_bot(JEFF)
        self._wait(call)
        call.assert_encrypted()
        assert (GEOFF, "its commit (op 28) is refused: nobody could process its last one") in call.notes

    def _wait(self, call: Call) -> None:
        for _ in range(6):
            call.settle()
            call.clock.advance(NETWORK)
        call.settle()


class TestPatience:
    def test_not_ready(self, call: Call) -> None:
        """A client that never says it is ready is not waited for beyond patience, and is named."""
        call.add_listener(ANN)
        call.add_listener(BEN)
        jeff = call.add_bot(JEFF)
        jeff.mute_on = {Op.TRANSITION_READY}
        call.settle()
        assert Op.EXECUTE_TRANSITION not in jeff.received
        call.clock.advance(PATIENCE)
        call.settle()
        assert Op.EXECUTE_TRANSITION in jeff.received
        call.assert_encrypted()
        assert call.notes == [(JEFF, "was not ready for transition 1 (op 23) within 2 s")]

    def test_changes_wait_for_readiness(self, call: Call) -> None:
        """Before all are ready, the group does not change again; then all that waits does at once."""
        call.add_listener(ANN)
        jeff = call.add_bot(JEFF)
        call.settle()
        call.add_listener(BEN)
        call.add_listener(CAT)
        assert call.group.member_ids == [ANN, JEFF, BEN]
        assert len(binary(list(jeff.inbox), Op.PROPOSALS)) == 1
        call.settle()
        call.assert_encrypted()
        assert call.group.epoch == 3

    def test_leaver_is_not_waited_for(self, call: Call) -> None:
        """Who has left need not be ready."""
        call.add_listener(ANN)
        call.add_bot(JEFF)
        call.settle()
        call.add_listener(BEN)
        assert not call.group.settled
        call.remove(JEFF)
        assert call.group.settled
        assert call.clock.waiting == 0

    def test_no_key_package(self, call: Call) -> None:
        """A client that sends no key package does not come into the group, and is named."""
        for user_id in (ANN, BEN):
            call.add_listener(user_id)
        jeff = Bot(JEFF)
        jeff.mute_on = {Op.KEY_PACKAGE}
        call.enter(jeff)
        call.settle()
        call.clock.advance(PATIENCE)
        assert call.notes == [(JEFF, "sent no key package (op 26) within 2 s")]
        call.add_listener(CAT)
        assert JEFF not in call.group.member_ids

    def test_no_commit(self, call: Call) -> None:
        """Where the silent client is the only one to commit, nothing happens, but it is named."""
        jeff = Bot(JEFF)
        jeff.mute_on = {Op.COMMIT_WELCOME, Op.KEY_PACKAGE}
        call.enter(jeff)
        call.add_listener(ANN)
        call.settle()
        call.clock.advance(PATIENCE)
        assert not call.group.established
        assert (JEFF, "sent no commit welcome (op 28) within 2 s") in call.notes

    @pytest.mark.parametrize("stale", [False, True])
    def test_no_commit_any_more(self, call: Call, stale: bool) -> None:  # noqa: FBT001 - a case
        """Where the only member makes no commit, or none but old ones, the others make another group; it makes none."""
        geoff = call.add_bot(GEOFF)
        call.settle()
        jeff = call.add_bot(JEFF)
        jeff.mute_on = {Op.COMMIT_WELCOME}
        call.settle()
        geoff.mute_on, jeff.mute_on = {Op.COMMIT_WELCOME}, set()
        call.group.receive(JEFF, Op.INVALID_COMMIT_WELCOME, {"transition_id": 0})
        jeff._begin(1)
        call.add_listener(ANN)
        call.settle()
        assert call.group.member_ids == [GEOFF]
        for _ in range(40):
            if stale:
                call.group.receive_binary(GEOFF, Op.COMMIT_WELCOME, geoff.kept[0])
            call.clock.advance(PATIENCE / 20)
            call.settle()
        call.assert_encrypted()
        geoff.mute_on = set()
        call.add_listener(BEN)
        call.settle()
        call.assert_encrypted()
        assert (GEOFF, "its commit (op 28) is refused: it made none when one was due") in call.notes

    def test_no_commit_of_any(self, call: Call) -> None:
        """Where nobody made a commit, all may make another group."""
        bots = [call.add_bot(user_id) for user_id in (JEFF, GEOFF, 102)]
        call.settle()
        for bot in bots:
            bot.mute_on = {Op.COMMIT_WELCOME}
        call.remove(102)
        call.settle()
        for bot in bots:
            bot.mute_on = set()
        call.clock.advance(PATIENCE)
        call.settle()
        assert (sorted(call.group.member_ids), call.group.settled) == ([JEFF, GEOFF], True)
        call.add_listener(ANN)
        call.settle()
        call.assert_encrypted()

    def test_new_group_is_ignored(self, call: Call) -> None:
        """A client deaf to op 24 is never heard again once it was alone, and is named."""
        call.add_listener(ANN)
        jeff = call.add_bot(JEFF, deaf_to={Op.PREPARE_EPOCH})
        call.settle()
        call.assert_encrypted()
        call.remove(ANN)
        call.settle()
        call.add_listener(BEN)
        call.settle()
        assert call.hearing(jeff) == {How.UNDECRYPTABLE}
        call.clock.advance(PATIENCE)
        assert (JEFF, "sent no key package (op 26) within 2 s") in call.notes

    def test_patience_is_asked_for(self) -> None:
        """Another patience can be had."""
        call = Call(patience=0.5)
        jeff = Bot(JEFF)
        jeff.mute_on = {Op.KEY_PACKAGE}
        call.enter(jeff)
        call.settle()
        call.clock.advance(0.5)
        assert call.notes == [(JEFF, "sent no key package (op 26) within 0.5 s")]
