"""What is heard of frames that are encrypted, in clear, or neither."""

import dave
import pytest

from jeffbot.sandbox.voice.dave import How, Listener, Op
from jeffbot.sandbox.voice.dave.listener import SILENCE, looks_encrypted

from .clients import OPUS, Bot, Call

ANN, JEFF, GEOFF = 1, 100, 101


@pytest.fixture
def call() -> Call:
    call = Call()
    call.add_listener(ANN)
    call.add_bot(JEFF)
    call.settle()
    return call


@pytest.fixture
def ann(call: Call) -> Listener:
    return call.listeners[ANN]


@pytest.fixture
def jeff(call: Call) -> Bot:
    return call.bots[JEFF]


def test_encrypted(ann: Listener, jeff: Bot) -> None:
    assert ann.decrypt(JEFF, jeff.encrypt()) == (How.ENCRYPTED, OPUS)


def test_clear(ann: Listener) -> None:
    """In an encrypted call nothing is heard in clear."""
    assert ann.decrypt(JEFF, OPUS) == (How.CLEAR, None)


def test_silence(ann: Listener) -> None:
    """But for the silence that servers insert."""
    assert ann.decrypt(JEFF, SILENCE) == (How.CLEAR, SILENCE)
    assert ann.decrypt(JEFF, SILENCE + b"\0") == (How.CLEAR, None)


def test_replayed(ann: Listener, jeff: Bot) -> None:
    """No frame is heard twice."""
    frame = jeff.encrypt()
    assert [ann.decrypt(JEFF, frame).how for _ in range(2)] == [How.ENCRYPTED, How.UNDECRYPTABLE]


def test_reordered(ann: Listener, jeff: Bot) -> None:
    """Frames may overtake one another."""
    frames = [jeff.encrypt() for _ in range(5)]
    assert {ann.decrypt(JEFF, frame).how for frame in reversed(frames)} == {How.ENCRYPTED}


def test_of_another(ann: Listener, jeff: Bot) -> None:
    """Each sender has a key of their own."""
    assert ann.decrypt(GEOFF, jeff.encrypt()) == (How.UNDECRYPTABLE, None)


def test_changed(ann: Listener, jeff: Bot) -> None:
    """A frame that was tampered with is not heard."""
    frame = bytearray(jeff.encrypt())
    frame[0] ^= 1
    assert ann.decrypt(JEFF, bytes(frame)) == (How.UNDECRYPTABLE, None)


def test_old_keys(call: Call, ann: Listener, jeff: Bot) -> None:
    """Frames of the last epoch are heard while the next one begins."""
    in_flight = [jeff.encrypt() for _ in range(2)]
    call.add_listener(2)
    assert ann.decrypt(JEFF, in_flight[0]) == (How.ENCRYPTED, OPUS)
    call.settle()
    assert ann.decrypt(JEFF, jeff.encrypt()) == (How.ENCRYPTED, OPUS)
    assert ann.decrypt(JEFF, in_flight[1]) == (How.ENCRYPTED, OPUS)


def test_old_keys_are_forgotten() -> None:
    """Later they are not."""
    call = Call()
    ann = call.add_listener(ANN, retention=0)
    jeff = call.add_bot(JEFF)
    call.settle()
    in_flight = jeff.encrypt()
    call.add_bot(GEOFF)
    call.settle()
    assert ann.decrypt(JEFF, in_flight) == (How.UNDECRYPTABLE, None)


def test_clear_after_an_upgrade(call: Call) -> None:
    """For a while frames in clear are heard, then they are not."""
    quick = call.add_listener(2, retention=0)
    call.settle()
    call.group.downgrade()
    call.settle()
    call.group.upgrade()
    call.settle()
    assert call.listeners[ANN].decrypt(JEFF, OPUS) == (How.CLEAR, OPUS)
    assert quick.decrypt(JEFF, OPUS) == (How.CLEAR, None)


def test_encrypted_after_a_downgrade(call: Call, ann: Listener) -> None:
    """Likewise frames that are still encrypted when encryption has ended."""
    quick = call.add_listener(2, retention=0)
    geoff = call.add_bot(GEOFF)
    call.settle()
    geoff.deaf_to = {Op.EXECUTE_TRANSITION}
    call.group.downgrade()
    call.settle()
    assert call.group.version == 0
    frames = [geoff.encrypt() for _ in range(2)]
    assert [listener.decrypt(GEOFF, frames[0]).how for listener in (ann, quick)] == [How.ENCRYPTED, How.UNDECRYPTABLE]
    geoff.deaf_to = set()
    call.group.upgrade()
    call.settle()
    assert quick.decrypt(GEOFF, geoff.encrypt()) == (How.ENCRYPTED, OPUS)


def test_who_left_hears_nothing(call: Call, ann: Listener, jeff: Bot) -> None:
    """New keys are not for those who have left."""
    call.add_listener(2)
    call.settle()
    call.remove(ANN)
    call.settle()
    frame = jeff.encrypt()
    assert call.listeners[2].decrypt(JEFF, frame).how == How.ENCRYPTED
    assert ann.decrypt(JEFF, frame) == (How.UNDECRYPTABLE, None)


def test_answers_of_who_left(call: Call) -> None:
    """A slow listener who has left does not answer any more."""
    slow = call.add_listener(2, delay=0.1)
    waiting = call.clock.waiting
    slow.leave()
    assert call.clock.waiting < waiting
    call.clock.advance(1)
    assert call.notes == []


@pytest.mark.parametrize(
    "frame", [b"", b"\xfa", b"\xfa\xfa", bytes(60) + b"\x0a\xfa\xfa", bytes(8) + b"\x0c\xfa\xfa", OPUS]
)
def test_not_encrypted(frame: bytes) -> None:
    """Without the marker and a fitting number of bytes before it, a frame is in clear."""
    assert not looks_encrypted(frame)


@pytest.mark.usefixtures("ann")
def test_looks_encrypted(jeff: Bot) -> None:
    """All that libdave encrypts does, however short."""
    assert all(looks_encrypted(jeff.encrypt(OPUS[:size])) for size in range(len(OPUS)))


def test_decryptor() -> None:
    """What is decided without libdave's decryptor is what that would say."""
    decryptor = dave.Decryptor()
    assert [decryptor.decrypt(dave.MediaType.audio, frame) for frame in (OPUS, SILENCE)] == [None, SILENCE]
