"""Sounds as files for browsers: whole, in parts, or not again."""

import asyncio
import subprocess
from collections import Counter
from collections.abc import AsyncIterator
from pathlib import Path

import aiohttp
import msgspec
import pytest
from aiohttp import web

from jeffbot.audio.bank import SoundBank
from jeffbot.audio.clip import Clip
from jeffbot.audio.ffmpeg import find_ffmpeg
from jeffbot.audio.ogg import mux
from jeffbot.audio.opus import read_packets
from jeffbot.errors import UnplayableSoundError
from jeffbot.models import Details, Sound
from jeffbot.settings import Settings
from jeffbot.ws.previews import Previews
from staging import write_tone

PATIENCE = 20.0
HORN = Sound("horn.wav", "horn.wav", "/sounds", 100, 1)
PACKETS = (b"\xfc\xff\xfe", b"\xfc" * 200, b"\xfc" * 300)
WHOLE = mux(PACKETS)
SIZE = len(WHOLE)


class Clips:
    """Gives a clip of some packets for every sound, and counts how often it was asked."""

    def __init__(self) -> None:
        self.asked = Counter[str]()
        self.error: UnplayableSoundError | None = None

    async def clip(self, sound: Sound) -> Clip:
        self.asked[sound.name] += 1
        if self.error:
            raise self.error
        return Clip(PACKETS)


@pytest.fixture
def clips() -> Clips:
    return Clips()


@pytest.fixture
async def door(clips: Clips) -> AsyncIterator[aiohttp.ClientSession]:
    """A client of a server at whose every address the horn is."""
    previews = Previews(clips.clip)

    async def handle(request: web.Request) -> web.Response:
        return await previews.respond(request, HORN)

    app = web.Application()
    app.router.add_route("*", "/horn.ogg", handle)
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    async with aiohttp.ClientSession(f"http://127.0.0.1:{runner.addresses[0][1]}") as session:
        yield session
    await runner.cleanup()


async def get(door: aiohttp.ClientSession, method: str = "GET", **headers: str) -> tuple[aiohttp.ClientResponse, bytes]:
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    async with door.request(method, "/horn.ogg", headers=named) as response:
        return response, await response.read()


async def test_whole(door: aiohttp.ClientSession) -> None:
    """A browser gets a file of the sound's own packets, and is told what it is."""
    response, body = await get(door)

    assert (response.status, response.headers["Content-Type"]) == (200, "audio/ogg; codecs=opus")
    assert (response.headers["Accept-Ranges"], response.headers["Cache-Control"]) == ("bytes", "private, no-cache")
    assert read_packets(body) == PACKETS


async def test_head(door: aiohttp.ClientSession) -> None:
    """Who asks how large it is gets no body, whatever range they name."""
    response, body = await get(door, "HEAD", Range="bytes=0-1")

    assert (response.status, response.headers["Content-Length"], body) == (200, str(SIZE), b"")


@pytest.mark.parametrize(
    ("asked", "start", "stop"),
    [
        ("bytes=0-1", 0, 2),  # what Safari begins with
        ("bytes=0-", 0, SIZE),
        ("bytes=10-19", 10, 20),
        ("BYTES=10-10", 10, 11),
        (f"bytes={SIZE - 1}-", SIZE - 1, SIZE),
        ("bytes=5-999999999999999999", 5, SIZE),
        ("bytes=-5", SIZE - 5, SIZE),
        ("bytes=-999999", 0, SIZE),
    ],
)
async def test_range(door: aiohttp.ClientSession, asked: str, start: int, stop: int) -> None:
    """A part is given where one is asked for (RFC 9110, section 14)."""
    response, body = await get(door, Range=asked)

    assert (response.status, body) == (206, WHOLE[start:stop])
    assert response.headers["Content-Range"] == f"bytes {start}-{stop - 1}/{SIZE}"


@pytest.mark.parametrize("asked", [f"bytes={SIZE}-", "bytes=99999-100000", "bytes=-0"])
async def test_beyond_the_end(door: aiohttp.ClientSession, asked: str) -> None:
    """Where there is nothing of it, that is said, with how much there is."""
    response, body = await get(door, Range=asked)

    assert (response.status, response.headers["Content-Range"], body) == (416, f"bytes */{SIZE}", b"")


@pytest.mark.parametrize(
    "asked",
    [
        *("bytes=0-1,4-5", "bytes=-", "bytes=5-4", "lines=0-1", "bytes=a-b", "bytes=٣-٤"),
        *(f"bytes=0-{'9' * 5000}", f"bytes={'9' * 5000}-"),
    ],
)
async def test_odd_ranges(door: aiohttp.ClientSession, asked: str) -> None:
    """Several ranges at once, and what is none, are passed over."""
    response, body = await get(door, Range=asked)

    assert (response.status, body) == (200, WHOLE)


async def test_known(door: aiohttp.ClientSession) -> None:
    """Who has it already is told so, and parts of what they have are parts of it."""
    tag = (await get(door))[0].headers["ETag"]

    response, body = await get(door, If_None_Match=f'"other", {tag}')
    same, part = await get(door, If_Range=tag, Range="bytes=0-1")
    other, whole = await get(door, If_Range='"other"', Range="bytes=0-1")

    assert (response.status, response.headers["ETag"], body) == (304, tag, b"")
    assert (same.status, part) == (206, WHOLE[:2])
    assert (other.status, whole) == (200, WHOLE)


async def test_another_sound_has_another_tag(clips: Clips) -> None:
    """Tags tell sounds apart, also by how loud they are."""
    previews = Previews(clips.clip)
    louder = msgspec.structs.replace(HORN, details=Details(gain=6.0))

    plain, loud = await previews.preview(HORN), await previews.preview(louder)

    assert plain.tag != loud.tag
    assert loud.body == mux(PACKETS, 6.0)


async def test_kept(clips: Clips) -> None:
    """What was asked for last is kept, as far as there is room; what was asked for longest ago goes first."""
    previews = Previews(clips.clip, max_kept_bytes=2 * SIZE + 1)
    first, second, third = (msgspec.structs.replace(HORN, name=name) for name in ("1", "2", "3"))

    for sound in (first, second, first, third, first, second):
        await previews.preview(sound)

    assert clips.asked == {"1": 1, "2": 2, "3": 1}


async def test_too_large_to_keep(clips: Clips) -> None:
    """What is larger than the room for it is given all the same."""
    previews = Previews(clips.clip, max_kept_bytes=SIZE - 1)

    assert [(await previews.preview(HORN)).body for _ in range(2)] == [WHOLE, WHOLE]
    assert clips.asked == {HORN.name: 2}


async def test_together(clips: Clips) -> None:
    """Several who ask at once do not count twice."""
    previews = Previews(clips.clip, max_kept_bytes=2 * SIZE)

    await asyncio.gather(*(previews.preview(HORN) for _ in range(3)))
    await previews.preview(msgspec.structs.replace(HORN, name="other"))
    before = clips.asked.copy()
    await previews.preview(HORN)

    assert clips.asked == before


async def test_unplayable(clips: Clips) -> None:
    """What cannot be played has no preview."""
    clips.error = UnplayableSoundError("horn.wav", "it is silent")

    with pytest.raises(UnplayableSoundError):
        await Previews(clips.clip).preview(HORN)


async def test_real_sound(tmp_path: Path) -> None:
    """The preview of a real sound, never encoded before, is decoded without a warning, and is as long as the sound."""
    file = write_tone(tmp_path / "sounds" / "tone.wav", 440, 0.5)
    stat = file.stat()
    sound = Sound(file.name, file.name, str(file.parent), stat.st_size, stat.st_mtime_ns)
    async with SoundBank.of(Settings(sounds_dir=file.parent, data_dir=tmp_path / "data")) as bank:
        preview = await Previews(bank.whole).preview(sound)
        seconds = bank.duration(sound)

    assert played(preview.body) == pytest.approx(seconds, abs=0.02)


def played(ogg: bytes) -> float:
    """How long it plays, seconds; ffmpeg has nothing to say against it."""
    kind = ["-f", "s16le", "-ar", "48000", "-ac", "2"]
    command = [str(find_ffmpeg(None)), "-v", "warning", "-i", "pipe:0", *kind, "pipe:1"]
    run = subprocess.run(command, input=ogg, capture_output=True, check=True, timeout=PATIENCE)
    assert run.stderr == b""
    return len(run.stdout) / 4 / 48_000
