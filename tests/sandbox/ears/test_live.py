"""A live stream keeps time whatever comes when, and plays."""

import asyncio
import subprocess
from collections.abc import AsyncGenerator, Iterable

import numpy as np
import pytest

from jeffbot.sandbox.ears import Decoder, Pcm, live_ogg
from jeffbot.sandbox.ears.files import find_ffmpeg
from jeffbot.sandbox.ears.live import MAX_AHEAD, MAX_BEHIND, LiveStream
from jeffbot.sandbox.ears.ogg import PRE_SKIP
from jeffbot.sandbox.voice.rtp import SILENCE, Packet

from .hearing import FRAME, encoded, packet, sent, sine
from .test_ogg import pages_of

TONE = encoded(sine(440))
"""50 packets."""
LATEST = MAX_BEHIND + FRAME


def later(packets: Iterable[Packet], seconds: float) -> list[Packet]:
    return [item._replace(arrived=item.arrived + seconds) for item in packets]


class FakeClock:
    """Time that passes only while it is waited for."""

    def __init__(self) -> None:
        self.time = 100.0
        self.next = self.time
        """When something happens."""

    def now(self) -> float:
        return self.time

    async def wait(self, task: asyncio.Task[Packet | None], until: float) -> None:
        for _ in range(3):  # the task begins, its source yields, it ends
            await asyncio.sleep(0)
        if not task.done():
            self.time = min(until, max(self.time, self.next))


async def packets_by(clock: FakeClock, packets: list[Packet], end: float) -> AsyncGenerator[Packet]:
    """Packets that are there once the clock has reached their arrival, and an end at a time."""
    for item in packets:
        await reached(clock, item.arrived)
        yield item
    await reached(clock, end)


async def reached(clock: FakeClock, time: float) -> None:
    """Wait for a time."""
    clock.next = time
    while clock.time < time:
        await asyncio.sleep(0)


async def streamed(packets: list[Packet], seconds: float) -> bytes:
    """All of a stream, during which packets arrive as told from its beginning on."""
    clock = FakeClock()
    source = packets_by(clock, later(packets, clock.time), clock.time + seconds)
    return b"".join([part async for part in live_ogg(source, clock)])


def opus_of(pages: bytes) -> list[bytes]:
    return [opus for page in pages_of(pages) for opus in page.packets]


def played(stream: bytes) -> Pcm:
    """What ffmpeg plays of a stream, without a complaint."""
    command = [find_ffmpeg(), "-v", "error", "-c:a", "libopus", "-i", "pipe:0", "-f", "s16le", "pipe:1"]
    run = subprocess.run(command, input=stream, capture_output=True, check=True, timeout=60)
    assert run.stderr == b""
    return np.frombuffer(run.stdout, "<i2").reshape(-1, 2)


def loud_seconds(pcm: Pcm) -> tuple[float, float]:
    """When a sound begins and ends."""
    loud = np.flatnonzero(np.abs(pcm).max(axis=1) > 2000) / 48_000
    return float(loud[0]), float(loud[-1])


async def test_silence() -> None:
    """Where nothing is heard there is silence, as long as the time that passes."""
    pcm = played(await streamed([], 3.0))

    assert not pcm.any()
    assert len(pcm) / 48_000 == pytest.approx(3.0, abs=0.1)


async def test_sound() -> None:
    """A sound is whole, and where it was heard."""
    stream = await streamed(later(sent([*TONE, *[SILENCE] * 5]), 1.0), 3.0)
    start, end = loud_seconds(played(stream))

    assert [opus for opus in opus_of(stream) if opus in TONE] == TONE
    assert start == pytest.approx(1.0, abs=0.1)
    assert end - start == pytest.approx(1.0, abs=0.03)
    assert len(played(stream)) / 48_000 == pytest.approx(3.0, abs=0.1)


async def test_headers_at_once() -> None:
    """A player learns at once what it plays, and the stream ends as one."""
    parts = [part async for part in live_ogg(nothing(), FakeClock())]

    assert [opus[:8] for opus in opus_of(parts[0])[:2]] == [b"OpusHead", b"OpusTags"]
    assert pages_of(parts[-1])[-1].kind == 4
    assert pages_of(b"".join(parts))[0].granule == 0


async def test_libopus_plays_it() -> None:
    """Every packet of a stream with losses is one to libopus, too."""
    packets = later(sent(TONE), 0.5)
    del packets[10:13]
    decoder = Decoder()
    lengths = [len(decoder.decode(opus)) for opus in opus_of(await streamed(packets, 2.0))[2:]]

    assert set(lengths) == {960}


async def nothing() -> AsyncGenerator[Packet]:
    """No packets."""
    for item in sent([]):
        yield item


def test_jitter() -> None:
    """A packet that is late by less than 60 ms is awaited."""
    random = np.random.default_rng(4)
    stream = LiveStream(0.0, 1)
    stream.start()
    pages = b""
    for item in later(sent(TONE), 1.0):
        late = item.arrived + (random.uniform(0, 0.055) if item.sequence else 0.0)
        pages += stream.fill(late) + stream.heard(item._replace(arrived=late))

    sound = opus_of(pages)
    assert sound[sound.index(TONE[0]) :] == TONE


def test_begins_in_place() -> None:
    """After silence a sound begins when it was heard, so that all of the jitter allowed is before it."""
    stream = LiveStream(0.0, 1)
    stream.start()
    while stream.due <= 1.0:
        stream.fill(stream.due)
    stream.heard(packet(0, TONE[0], arrived=1.0))

    assert 1.0 < stream.position < 1.0 + FRAME + 1e-6


def test_dropout() -> None:
    """What is not there in time is replaced by silence; what comes afterwards all at once does not make it late."""
    stream = LiveStream(0.0, 1)
    stream.start()
    pages = b"".join(stream.heard(item) for item in sent(TONE[:10]))
    for n in range(50):
        pages += stream.fill(0.2 + n * FRAME)
        assert -LATEST <= stream.position - (0.2 + n * FRAME) <= MAX_AHEAD
    pages += b"".join(stream.heard(item._replace(arrived=1.2)) for item in sent(TONE[10:], 10))

    assert stream.position - 1.2 <= MAX_AHEAD + FRAME
    assert opus_of(pages).count(SILENCE) == pytest.approx(50, abs=5)


SCHEDULES = {
    "all at once": [packet(n, TONE[n % 50], arrived=0.0) for n in range(500)],
    "too fast": [packet(n, TONE[n % 50], arrived=n * FRAME * 0.9) for n in range(500)],
    "too slow": [packet(n, TONE[n % 50], arrived=n * FRAME * 1.1) for n in range(500)],
    "in bursts": [packet(n, TONE[n % 50], arrived=n // 25 * 0.5) for n in range(500)],
    "silence at twice the speed": [packet(n, SILENCE, arrived=n * FRAME / 2) for n in range(500)],
    "heard by nobody": [packet(n, None) for n in range(500)],
    "half of them lost": [packet(n, TONE[n % 50]) for n in range(0, 1000, 2)],
    "no Opus": [packet(n, b"\xff") for n in range(500)],
}


@pytest.mark.parametrize("schedule", SCHEDULES)
def test_keeps_time(schedule: str) -> None:
    """However packets come, the stream is never far from the clock."""
    stream = LiveStream(0.0, 1)
    stream.start()
    queue, furthest = list(SCHEDULES[schedule]), 0.0
    for tick in range(2400):  # of 5 ms
        now = tick * 0.005
        while queue and queue[0].arrived <= now:
            stream.heard(queue.pop(0))
        if now >= stream.due:
            stream.fill(now)
        furthest = max(furthest, abs(stream.position - now))

    assert furthest <= MAX_AHEAD + FRAME + 0.005


def test_lost_packets_are_concealed() -> None:
    """A player is told to make up for what was lost: by empty frames of the same kind (RFC 7845, section 4.1)."""
    stream = LiveStream(0.0, 1)
    stream.start()
    packets = sent(TONE[:20])
    del packets[10:12]
    sound = opus_of(b"".join(stream.heard(item) for item in packets))
    sound = sound[sound.index(TONE[0]) :]

    assert sound == [*TONE[:10], *[bytes([TONE[9][0] & 0xFC])] * 2, *TONE[12:20]]


def test_loss_before_silence() -> None:
    """What was lost at the end of a sound leaves the stream whole."""
    stream = LiveStream(0.0, 1)
    pages = stream.start()
    packets = sent([*TONE[:10], *[SILENCE] * 5, *TONE[:10]])
    del packets[9:11]
    pages += b"".join(stream.heard(item) for item in packets)

    assert [page.number for page in pages_of(pages)] == list(range(len(pages_of(pages))))


def test_late_and_doubled_packets_are_left_out() -> None:
    stream = LiveStream(0.0, 1)
    stream.start()
    packets = sent(TONE[:6])
    order = [0, 1, 3, 2, 3, 4, 5]
    pages = b"".join(stream.heard(packets[n]._replace(arrived=place * FRAME)) for place, n in enumerate(order))

    assert [opus for opus in opus_of(pages) if opus in TONE] == [TONE[n] for n in (0, 1, 3, 4, 5)]


def test_another_connection() -> None:
    """A connection made anew, whose numbers begin again, is heard."""
    stream = LiveStream(0.0, 1)
    stream.start()
    pages = b"".join(stream.heard(item) for item in [*sent(TONE[:20]), *later(sent(TONE[:20]), 2.0)])

    assert [opus for opus in opus_of(pages) if opus in TONE] == TONE[:20] * 2


def test_slow_listener() -> None:
    """Who fetches late gets all that was heard meanwhile, each where it was."""
    stream = LiveStream(0.0, 1)
    stream.start()
    pages = b"".join(stream.heard(item) for item in [*later(sent(TONE), 1.0), *later(sent(TONE, 50), 2.0)])

    assert stream.position == pytest.approx(4.0, abs=0.05)
    assert len([opus for opus in opus_of(pages) if opus in TONE]) == 100


@pytest.mark.parametrize("after", [1, 3])
async def test_closed(after: int) -> None:
    """Who stops listening leaves nothing behind: the source is closed."""

    async def endless() -> AsyncGenerator[Packet]:
        for item in sent(TONE):
            yield item
        await asyncio.Event().wait()

    source = endless()
    stream = live_ogg(source)
    for _ in range(after):
        await anext(stream)
    await stream.aclose()

    with pytest.raises(StopAsyncIteration):
        await anext(source)
    assert len(asyncio.all_tasks()) == 1


async def test_cancelled() -> None:
    """A listener that is cancelled while nothing is heard ends, and so does the source."""
    waiting, closed = asyncio.Event(), asyncio.Event()

    async def endless() -> AsyncGenerator[Packet]:
        try:
            waiting.set()
            await asyncio.Event().wait()
            yield packet(0, SILENCE)
        finally:
            closed.set()

    async def listen() -> None:
        async for _ in live_ogg(endless()):
            pass

    listener = asyncio.create_task(listen())
    await asyncio.wait_for(waiting.wait(), 5)
    listener.cancel()
    await asyncio.wait([listener], timeout=5)

    assert listener.cancelled()
    assert closed.is_set()
    assert len(asyncio.all_tasks()) == 1


async def test_source_that_fails() -> None:
    """What goes wrong in the source is the listener's to know."""

    async def failing() -> AsyncGenerator[Packet]:
        yield packet(0, TONE[0])
        raise OSError("gone")

    with pytest.raises(OSError, match="gone"):
        async for _ in live_ogg(failing()):
            pass


async def test_real_time() -> None:
    """By the machine's clock, silence comes as fast as it plays."""
    loop = asyncio.get_running_loop()
    began, size = loop.time(), 0
    stream = live_ogg(endless_silence())
    async for part in stream:
        size += len([page for page in pages_of(part) if page.granule])
        if size >= PRE_SKIP // 960 + 10:
            break
    await stream.aclose()

    assert loop.time() - began >= 10 * FRAME


async def endless_silence() -> AsyncGenerator[Packet]:
    """A source from which nothing comes."""
    await asyncio.Event().wait()
    yield packet(0, SILENCE)
