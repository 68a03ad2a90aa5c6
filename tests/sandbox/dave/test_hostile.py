"""What a bot must not send: it is closed with Discord's code or named, and the others' call goes on."""

import math
from typing import Any

import dave
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from jeffbot.sandbox.errors import ProtocolError
from jeffbot.sandbox.voice.dave import How, Op

from .clients import CHANNEL_ID, Bot, Call
from .forging import FOREVER, Forgery

ANN, BEN, JEFF, EVIL = 1, 2, 100, 666
UNKNOWN_OPCODE, DECODE_ERROR, BAD_REQUEST = 4001, 4002, 4020


@pytest.fixture
def call() -> Call:
    """A call of two listeners and two bots."""
    call = Call()
    for user_id in (ANN, BEN):
        call.add_listener(user_id)
    for user_id in (JEFF, EVIL):
        call.add_bot(user_id)
    call.settle()
    call.assert_encrypted()
    return call


def refusal(call: Call, op: int, message: Any, *, user_id: int = EVIL) -> int:
    """The close code that answers a message."""
    receive = call.group.receive_binary if isinstance(message, bytes) else call.group.receive
    with pytest.raises(ProtocolError) as caught:
        receive(user_id, op, message)
    return caught.value.close_code


@pytest.mark.parametrize("op", [Op.TRANSITION_READY, Op.INVALID_COMMIT_WELCOME])
@pytest.mark.parametrize(
    "data",
    [
        None,
        [],
        "7",
        7,
        {},
        {"transition": 7},
        {"transition_id": None},
        {"transition_id": "seven"},
        {"transition_id": []},
        {"transition_id": {}},
        {"transition_id": -1},
        {"transition_id": 1 << 16},
        {"transition_id": 1 << 80},
        {"transition_id": 0.5},
        {"transition_id": math.inf},
    ],
)
def test_undecodable(call: Call, op: Op, data: Any) -> None:
    """Ops 23 and 31 must say which transition they are about."""
    assert refusal(call, op, data) == DECODE_ERROR
    call.assert_encrypted()


@pytest.mark.parametrize("op", [Op.KEY_PACKAGE, Op.COMMIT_WELCOME])
@pytest.mark.parametrize("payload", [b"", b"\0", bytes(100), b"\0\1\0\1" + bytes(90), b"\xff" * 70_000])
def test_garbage(call: Call, op: Op, payload: bytes) -> None:
    """Ops 26 and 28 must be MLS."""
    assert refusal(call, op, payload) == DECODE_ERROR
    assert call.notes[0][0] == EVIL
    call.assert_encrypted()


@pytest.mark.parametrize("op", [0, Op.PREPARE_TRANSITION, Op.PROPOSALS, Op.WELCOME, 255])
def test_other_opcodes(call: Call, op: int) -> None:
    """The group understands no others, and none in the wrong form."""
    assert refusal(call, op, {"transition_id": 0}) == UNKNOWN_OPCODE
    assert refusal(call, op, b"") == UNKNOWN_OPCODE
    assert refusal(call, Op.KEY_PACKAGE, {}) == UNKNOWN_OPCODE
    assert refusal(call, Op.TRANSITION_READY, b"") == UNKNOWN_OPCODE


def test_key_package_of_another(call: Call) -> None:
    """Nobody brings someone else into the group."""
    package = Forgery(JEFF.to_bytes(8)).package()
    assert refusal(call, Op.KEY_PACKAGE, package) == BAD_REQUEST
    assert call.notes == [(EVIL, "its key package (op 26) is refused: its credential is not the user's ID")]
    call.assert_encrypted()


def test_key_package_with_a_lifetime(call: Call) -> None:
    """What Discord does not accept is refused."""
    package = Forgery(EVIL.to_bytes(8), not_after=FOREVER - 1).package()
    assert refusal(call, Op.KEY_PACKAGE, package) == BAD_REQUEST


def test_key_package_for_nothing(call: Call) -> None:
    """A member's key package changes nothing."""
    for _ in range(3):
        call.group.receive_binary(EVIL, Op.KEY_PACKAGE, Forgery(EVIL.to_bytes(8)).package())
    call.settle()
    call.assert_encrypted()


def test_key_package_nobody_can_use() -> None:
    """What its owner cannot use gets its owner into the group, where it hears nothing, and disturbs nobody."""
    call = Call()
    for user_id in (ANN, BEN):
        call.add_listener(user_id)
    evil = Bot(EVIL)
    evil.mute_on = {Op.KEY_PACKAGE}
    call.enter(evil)
    call.settle()
    call.group.receive_binary(EVIL, Op.KEY_PACKAGE, Forgery(EVIL.to_bytes(8)).package())
    call.settle()
    jeff = call.add_bot(JEFF)
    for _ in range(3):
        call.settle()
        call.clock.advance(5)
    assert call.hearing(jeff) == {How.ENCRYPTED}


def test_stolen_encryption_key(call: Call) -> None:
    """A key package with another member's key, which nobody would commit, is not proposed."""
    evil = call.add_bot(667)
    evil.mute_on = {Op.KEY_PACKAGE}
    call.settle()
    victim = call.group._coordinator.delivery._leaves[1].node
    assert victim is not None
    package = Forgery((667).to_bytes(8), encryption_key=victim.encryption_key).package()
    call.group.receive_binary(667, Op.KEY_PACKAGE, package)
    call.settle()
    assert (667, "its key package (op 26) is refused: another member has its key") in call.notes
    call.remove(667)
    call.add_bot(101)
    call.settle()
    call.assert_encrypted()


def test_not_in_the_call(call: Call) -> None:
    """Who is not in the call is not listened to."""
    stranger = dave.Session(lambda *_: None)
    stranger.init(1, CHANNEL_ID, "9", dave.SignatureKeyPair.generate(1))
    package = stranger.get_marshalled_key_package()
    assert package is not None
    call.group.receive_binary(9, Op.KEY_PACKAGE, package)
    call.group.receive(9, Op.INVALID_COMMIT_WELCOME, {"transition_id": 1})
    call.group.receive(9, Op.TRANSITION_READY, {"transition_id": 1})
    call.assert_encrypted()
    assert call.clock.waiting == 0


def test_unknown_transitions(call: Call) -> None:
    """To be ready for what was never announced means nothing."""
    for transition_id in (0, 99, 0xFFFF):
        call.group.receive(EVIL, Op.TRANSITION_READY, {"transition_id": transition_id})
    call.assert_encrypted()


def test_ready_for_others(call: Call) -> None:
    """Nobody is ready in another's stead."""
    call.add_bot(101)
    for bot in call.bots.values():
        bot.mute_on = {Op.TRANSITION_READY}
    call.settle()
    assert not call.group.settled
    for _ in range(9):
        call.group.receive(EVIL, Op.TRANSITION_READY, {"transition_id": call.group._coordinator.transitions._last_id})
    assert not call.group.settled


def test_complaints_without_end(call: Call) -> None:
    """Who complains and sends no key package is out, and named; the others go on."""
    for transition_id in range(20):
        call.group.receive(EVIL, Op.INVALID_COMMIT_WELCOME, {"transition_id": transition_id})
        call.settle()
    assert sorted(call.group.member_ids) == [ANN, BEN, JEFF]
    assert call.hearing(call.bots[JEFF]) == {How.ENCRYPTED}
    call.clock.advance(5)
    assert (EVIL, "sent no key package (op 26) within 2 s") in call.notes


def test_stale_commit(call: Call) -> None:
    """An old commit, sent again and again, is late."""
    evil = call.bots[EVIL]
    call.add_bot(101)
    call.settle()
    assert Op.COMMIT_WELCOME in evil.sent
    call.add_listener(3)
    for commit_welcome in evil.kept:
        call.group.receive_binary(EVIL, Op.COMMIT_WELCOME, commit_welcome)
    call.settle()
    call.assert_encrypted()


@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(op=st.sampled_from([23, 26, 28, 31]), data=st.data())
def test_anything(call: Call, op: int, data: st.DataObject) -> None:
    """Whatever arrives is refused with a code or without effect; the listeners hear on."""
    anything = st.none() | st.booleans() | st.integers() | st.floats() | st.text()
    message: Any = data.draw(
        st.binary(max_size=300)
        if op in (Op.KEY_PACKAGE, Op.COMMIT_WELCOME)
        else st.recursive(anything, lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner), max_leaves=5)
        | st.dictionaries(st.just("transition_id"), anything)
    )
    code = None
    try:
        (call.group.receive_binary if isinstance(message, bytes) else call.group.receive)(EVIL, op, message)
    except ProtocolError as error:
        code = error.close_code
    assert code in (None, DECODE_ERROR, BAD_REQUEST)
    call.settle()
    assert call.hearing(call.bots[JEFF]) == {How.ENCRYPTED}
