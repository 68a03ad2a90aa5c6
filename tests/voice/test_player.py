"""What is heard of one voice connection, and what is said of it: packet by packet, and by a clock."""

import asyncio
import threading
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from jeffbot.audio import libopus
from jeffbot.audio.clip import Clip, GrowingClip
from jeffbot.audio.opus import SILENCE
from jeffbot.errors import QueueFullError, UnloadedError
from jeffbot.models import EndReason, Mode, PlayOptions, Retrigger, Seconds
from jeffbot.voice.clock import Line, VoiceClock
from jeffbot.voice.player import MAX_QUEUED, TRAILING_SILENCE, Player, Track

PATIENCE = 10.0
QUIET = [SILENCE] * TRAILING_SILENCE
REPLACE, QUEUE, NEXT = (PlayOptions(mode) for mode in (Mode.REPLACE, Mode.QUEUE, Mode.NEXT))


class Hand:
    """A clock that beats when told to."""

    def __init__(self) -> None:
        self.line: Line | None = None
        self.now: Seconds = 0.0

    def start(self, line: Line) -> None:
        assert self.line is None, "it beats already"
        self.line = line
        self.step()

    def step(self) -> bool:
        """One beat, if there is anything to beat for."""
        if self.line:
            self.now += 0.02
            try:
                goes_on = self.line.beat(self.now)
            except RuntimeError:
                self.line.fail()
                goes_on = False
            if not goes_on:
                self.line = None
        return self.line is not None


class Output:
    """Takes the packets, or is not ready, or fails."""

    def __init__(self) -> None:
        self.sent: list[bytes] = []
        self.said: list[str] = []
        self.ready = True
        self.broken = False

    def send(self, frame: bytes, _at: Seconds) -> None:
        if self.broken:
            raise RuntimeError("broken")
        self.sent.append(frame)

    def speak(self) -> None:
        self.said.append("speak")

    def rest(self) -> None:
        self.said.append("rest")


class Room:
    """A player, its output, and what was said of its tracks."""

    def __init__(self, clock: Any) -> None:
        self.clock, self.output = clock, Output()
        self.player = Player(clock, self.output)
        self.said: dict[str, list[str]] = {}
        self.order: list[str] = []
        self.at_end: dict[str, Callable[[], None]] = {}
        """By track, what a listener does at once when it ends, before others hear of it."""
        self.changed = asyncio.Event()

    def track(self, name: str, length: int = 3, clip: Clip | None = None) -> Track:
        """A track whose packets tell whose they are; not started."""

        def say(word: str) -> None:
            if word in set(EndReason) and name in self.at_end:
                self.at_end[name]()
            said.append(word)
            self.order.append(f"{name} {word}")
            self.changed.set()

        said = self.said[name] = []
        clip = clip or Clip(f"{name}{number}".encode() for number in range(length))
        return Track(clip, name.rstrip("'"), 1.0, lambda: say("begun"), say)

    def press(self, name: str, length: int = 3, options: PlayOptions = REPLACE) -> Track:
        """Start a track."""
        return self.player.start(self.track(name, length), options)

    def play_out(self) -> None:
        """Beat until there is nothing more, and hear what was said of it."""
        while self.clock.step():
            pass
        self.hear()

    def hear(self) -> None:
        """Have told what beats by hand have left to tell: any call in the loop does."""
        self.player.end(Track(Clip(()), "", 1.0, lambda: None, lambda _: None))

    async def until(self, word: str) -> None:
        """Wait until something was said, such as "a finished"."""
        async with asyncio.timeout(PATIENCE):
            while word not in self.order:
                self.changed.clear()
                await self.changed.wait()


@pytest.fixture(autouse=True)
def _no_mixing(monkeypatch: pytest.MonkeyPatch) -> None:
    """The packets of these tests are none that could be decoded."""
    monkeypatch.setattr(libopus, "_library", lambda: None)


@pytest.fixture
async def room() -> Room:
    """Driven by hand."""
    return Room(Hand())


async def test_whole_sound(room: Room) -> None:
    """A sound is heard from its first packet to its last, then five packets of silence; each is said once."""
    room.press("a")
    assert room.output.sent == [b"a0"]
    assert (room.said["a"], room.output.said) == (["begun"], ["speak"])
    room.play_out()

    assert room.output.sent == [b"a0", b"a1", b"a2", *QUIET]
    assert room.said["a"] == ["begun", "finished"]
    assert room.output.said == ["speak", "rest"]


async def test_replaced(room: Room) -> None:
    """A new sound takes the old one's place with the next packet; the old one's end is said before its beginning."""
    room.press("a", 50)
    room.clock.step()
    room.press("b")
    room.play_out()

    assert room.output.sent == [b"a0", b"a1", b"b0", b"b1", b"b2", *QUIET]
    assert room.order == ["a begun", "a replaced", "b begun", "b finished"]


async def test_queued(room: Room) -> None:
    """What waits follows without a gap, in its order; ``next`` goes ahead."""
    room.press("a", 2)
    for name, options in (("b", QUEUE), ("c", QUEUE), ("d", NEXT)):
        room.press(name, 1, options)
    assert [track.key for track in room.player.queue] == ["d", "b", "c"]
    room.play_out()

    assert room.output.sent == [b"a0", b"a1", b"d0", b"b0", b"c0", *QUIET]
    assert room.order == [f"{name} {word}" for name in "adbc" for word in ("begun", "finished")]


async def test_queued_while_nothing_plays(room: Room) -> None:
    """With nothing to wait for it begins at once."""
    room.press("a", 1, QUEUE)

    assert room.output.sent == [b"a0"]


async def test_queue_goes_on_after_a_replacement(room: Room) -> None:
    """Who replaces what plays leaves what waits in its place."""
    room.press("a", 50)
    room.press("b", 1, QUEUE)
    room.press("c", 1)
    room.play_out()

    assert room.output.sent == [b"a0", b"c0", b"b0", *QUIET]


async def test_queue_full(room: Room) -> None:
    """A queue has an end, and says so; what waits goes on waiting."""
    room.press("a", 50)
    for number in range(MAX_QUEUED):
        room.press(f"b{number}", 1, QUEUE)
    with pytest.raises(QueueFullError, match=str(MAX_QUEUED)):
        room.press("c", 1, QUEUE)

    assert len(room.player.queue) == MAX_QUEUED
    assert room.said["c"] == []


async def test_skip(room: Room) -> None:
    """Skipping goes on with what waits."""
    assert not room.player.skip()
    room.press("a", 50)
    room.press("b", 1, QUEUE)
    assert room.player.skip()
    room.play_out()

    assert room.output.sent == [b"a0", b"b0", *QUIET]
    assert room.order == ["a begun", "a skipped", "b begun", "b finished"]


async def test_pause(room: Room) -> None:
    """A pause is silent, takes nothing away, and lasts until it ends."""
    track = room.press("a", 3)
    room.player.pause()
    room.play_out()
    assert (room.output.sent, room.player.paused) == ([b"a0", *QUIET], True)
    assert track.position == pytest.approx(0.02)
    room.player.resume()
    room.play_out()

    assert room.output.sent == [b"a0", *QUIET, b"a1", b"a2", *QUIET]
    assert room.output.said == ["speak", "rest"] * 2


async def test_skip_while_paused(room: Room) -> None:
    """What waits is heard when what stands still is skipped."""
    room.press("a", 50)
    room.press("b", 1, QUEUE)
    room.player.pause()
    room.play_out()
    room.player.skip()
    room.play_out()

    assert room.output.sent == [b"a0", *QUIET, b"b0", *QUIET]


async def test_resumed_at_once(room: Room) -> None:
    """Who goes on before it was told that nothing plays counts as speaking in the end."""
    room.press("a", 3)
    room.player.pause()
    while room.clock.step():
        pass
    room.player.resume()

    assert room.output.said == ["speak", "rest", "speak"]


async def test_listener_acts_at_once(room: Room) -> None:
    """What a listener does at the news is told after what came before it, to all."""
    room.press("a", 50)
    room.at_end["a"] = room.player.stop
    room.press("b", 50)

    assert room.order == ["a begun", "a replaced", "b stopped"]


async def test_ended_while_paused(room: Room) -> None:
    """Nor does what stands still keep others waiting when it is ended alone."""
    paused = room.press("a", 50)
    room.press("b", 1, QUEUE)
    room.player.pause()
    room.play_out()
    room.player.end(paused)
    room.play_out()

    assert room.output.sent == [b"a0", *QUIET, b"b0", *QUIET]
    assert not room.player.paused


async def test_press_while_paused(room: Room) -> None:
    """A press is heard, whatever stands still."""
    room.press("a", 50)
    room.player.pause()
    room.play_out()
    room.press("b", 1)

    assert room.output.sent == [b"a0", *QUIET, b"b0"]
    assert not room.player.paused


@pytest.mark.parametrize(
    ("retrigger", "sent", "order"),
    [
        (Retrigger.RESTART, [b"a0", b"a0", b"a1"], ["a begun", "a replaced", "a' begun"]),
        (Retrigger.IGNORE, [b"a0", b"a1", b"a2"], ["a begun"]),
    ],
)
async def test_retrigger(room: Room, retrigger: Retrigger, sent: list[bytes], order: list[str]) -> None:
    """The same sound pressed again begins anew, or goes on as if nothing had been pressed."""
    first = room.press("a", 50)
    again = room.track("a'", clip=first.clip)
    sounding = room.player.start(again, PlayOptions(retrigger=retrigger))
    room.clock.step()
    room.clock.step()
    room.hear()

    assert (room.output.sent, room.order) == (sent, order)
    assert sounding is (first if retrigger is Retrigger.IGNORE else again)


async def test_stopped(room: Room) -> None:
    """Stopping ends what plays and what waits, with five packets of silence; stopping again changes nothing."""
    room.player.stop()
    room.press("a", 50)
    room.press("b", 1, QUEUE)
    room.player.stop()
    room.player.stop()
    room.play_out()

    assert room.output.sent == [b"a0", *QUIET]
    assert room.order == ["a begun", "a stopped", "b stopped"]


async def test_one_ended(room: Room) -> None:
    """One sound can be ended alone: what waits is taken from the queue, what plays makes room for it."""
    playing = room.press("a", 50)
    waiting = room.press("b", 1, QUEUE)
    room.press("c", 1, QUEUE)
    room.player.end(waiting)
    room.player.end(playing)
    room.play_out()

    assert room.output.sent == [b"a0", b"c0", *QUIET]
    assert (room.said["a"], room.said["b"]) == (["begun", "stopped"], ["stopped"])


async def test_closed(room: Room) -> None:
    """Closing ends all, nothing more is sent, and a press is refused."""
    room.press("a", 50)
    room.press("b", 1, QUEUE)
    room.player.close()
    room.player.close()
    room.play_out()
    with pytest.raises(UnloadedError):
        room.press("c")

    assert room.output.sent == [b"a0"]
    assert (room.said["a"], room.said["b"], room.said["c"]) == (["begun", "left"], ["left"], [])


async def test_not_ready(room: Room) -> None:
    """While nobody could hear it nothing is sent, and nothing is lost."""
    room.output.ready = False
    room.press("a", 2)
    room.clock.step()
    assert (room.output.sent, room.said["a"]) == ([], [])
    room.output.ready = True
    room.play_out()

    assert room.output.sent == [b"a0", b"a1", *QUIET]


async def test_trouble(room: Room) -> None:
    """Trouble in sending ends what plays as failed, and the next press is heard."""
    room.press("a", 50)
    room.output.broken = True
    room.clock.step()
    room.output.broken = False
    room.press("b", 1)

    assert room.said["a"] == ["begun", "failed"]
    assert room.output.said == ["speak", "rest", "speak"]
    assert room.output.sent == [b"a0", b"b0"]


@pytest.mark.parametrize(("failed", "end"), [(False, "finished"), (True, "failed")])
async def test_still_being_encoded(room: Room, end: str, *, failed: bool) -> None:
    """A sound whose packets come in while it plays waits for them, quietly, and is heard whole."""
    clip = GrowingClip()
    clip.add(b"a0")
    track = room.player.start(room.track("a", clip=clip), REPLACE)
    assert clip.duration is None
    for _ in range(7):
        room.clock.step()
    assert room.output.sent == [b"a0", *QUIET]
    assert track.position == pytest.approx(0.02)
    clip.add(b"a1")
    clip.finish(failed=failed)
    room.play_out()

    assert room.output.sent == [b"a0", *QUIET, b"a1", *QUIET]
    assert room.said["a"] == ["begun", end]
    assert clip.duration == pytest.approx(0.04)


ACTIONS = st.lists(
    st.one_of(
        st.sampled_from(["stop", "step", "skip", "pause", "resume"]),
        st.tuples(st.sampled_from("abc"), st.integers(1, 4), st.sampled_from([REPLACE, QUEUE, NEXT])),
    ),
    max_size=40,
)


@settings(deadline=None)
@given(ACTIONS, st.booleans())
async def test_said_once(actions: list[Any], leave: bool) -> None:  # noqa: FBT001 - by Hypothesis
    """In any order of presses, stops and packets, each sound begins at most once and then ends exactly once."""
    room = Room(Hand())
    for number, action in enumerate(actions):
        if isinstance(action, str):
            room.clock.step() if action == "step" else getattr(room.player, action)()
        else:
            name, length, options = action
            room.press(f"{number}{name}", length, options)
    room.player.close() if leave else room.player.resume()
    room.play_out()

    ends = set(EndReason)
    assert all(said[-1] in ends and said[:-1] in ([], ["begun"]) for said in room.said.values())
    assert leave or room.output.sent[-5:] in ([], QUIET)
    assert room.output.said.count("rest") == (0 if leave else room.output.said.count("speak")) or leave


@settings(deadline=None)
@given(st.integers(0, 7))
async def test_last_press_is_heard(silent_packets: int) -> None:
    """However far the silence after a sound has come, a press then is heard whole and from its first packet."""
    room = Room(Hand())
    room.press("a", 1)
    for _ in range(silent_packets):
        room.clock.step()
    room.press("b", 3)
    room.play_out()

    assert [frame for frame in room.output.sent if frame != SILENCE] == [b"a0", b"b0", b"b1", b"b2"]
    assert room.output.sent[-8:] == [b"b0", b"b1", b"b2", *QUIET]


# By a clock


@pytest.fixture
def clock() -> Iterator[VoiceClock]:
    """A running clock."""
    clock = VoiceClock()
    yield clock
    clock.close()
    clock.join()
    assert not any(thread.name == "jeffbot-clock" for thread in threading.enumerate())


async def test_by_the_clock(clock: VoiceClock) -> None:
    """The first packet leaves before the press returns, the others follow in the clock's thread."""
    room = Room(clock)
    room.press("a")
    assert (room.output.sent, room.said["a"]) == ([b"a0"], ["begun"])
    await room.until("a finished")

    assert room.output.sent[:3] == [b"a0", b"a1", b"a2"]


async def test_presses_race_the_clock(clock: VoiceClock) -> None:
    """However presses fall between packets, none is lost and each ends once, in order."""
    room = Room(clock)
    for number in range(300):
        room.press(f"{number}:", 1 + number % 3)
        if number % 7 == 0:
            await asyncio.sleep(0.005)  # so that packets fall between presses
    await room.until("299: finished")

    assert all(said in (["replaced"], ["begun", "replaced"], ["begun", "finished"]) for said in room.said.values())
    assert room.order[-2:] == ["299: begun", "299: finished"]
