"""Files that come over HTTP: what becomes a sound, what is refused, and that nothing is left of the rest."""

import asyncio
import gzip
import hashlib
import json
import logging
import os
import re
import shutil
import subprocess
import sys
import threading
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Self

import aiohttp
import pytest
from aiohttp import web

from jeffbot.audio.bank import SoundBank
from jeffbot.errors import StoreError
from jeffbot.keeping import files_of
from jeffbot.models import Caller, Details, Sound
from jeffbot.service.changes import Changes
from jeffbot.service.library import LibraryService
from jeffbot.settings import Settings
from jeffbot.ws.replies import SoundInfo
from jeffbot.ws.tickets import TICKET_SECONDS, Ticket
from jeffbot.ws.uploads import PIECE_BYTES, Uploads
from service.home import ALICE, CAVE, MAX_BYTES, MEMBER, OTHER, Home, at_home
from staging import write_tone

PATIENCE = 20.0
TESTS = Path(__file__).parent.parent


def describe(sound: Sound) -> SoundInfo:
    return SoundInfo(sound.name, sound.path, None, sound.tags, id=sound.id)


class Reply:
    """An answer on a bare connection."""

    def __init__(self, head: str, body: bytes) -> None:
        self.status = int(head.split()[1])
        self.headers = dict(re.findall(r"^([\w-]+): (.*?)\r$", head, re.MULTILINE))
        self.json: dict[str, Any] = json.loads(body)


class Wire:
    """A bare connection, on which anything can be sent."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader, self._writer = reader, writer

    async def put(self, ticket: Ticket, *headers: str, body: bytes = b"") -> Self:
        """Send the head of a request, and the beginning of its body."""
        head = [f"PUT /upload/{ticket.id} HTTP/1.1", "Host: localhost", *headers]
        self._writer.write("\r\n".join([*head, "", ""]).encode() + body)
        await self._writer.drain()
        return self

    async def send(self, piece: bytes) -> None:
        self._writer.write(piece)
        await self._writer.drain()

    async def reply(self) -> Reply:
        async with asyncio.timeout(PATIENCE):
            head = (await self._reader.readuntil(b"\r\n\r\n")).decode()
            length = re.search(r"Content-Length: (\d+)", head)
            assert length
            return Reply(head, await self._reader.readexactly(int(length[1])))

    def close(self) -> None:
        self._writer.close()


@dataclass
class Door:
    """A server that takes uploads for a library."""

    home: Home
    uploads: Uploads
    scratch: Path
    port: int
    session: aiohttp.ClientSession
    ended: asyncio.Queue[None] = field(default_factory=asyncio.Queue)
    """Has one thing in it for each request that is over."""
    wires: list[Wire] = field(default_factory=list)

    def issue(self, content: bytes, name: str = "horn.wav", caller: Caller = MEMBER, **more: Any) -> Ticket:
        return self.uploads.issue(caller, name, more.pop("size", len(content)), **more)

    async def put(self, ticket: Ticket, body: Any, **words: Any) -> tuple[int, Any]:
        """Send a file as a client does; status and answer."""
        url = f"http://127.0.0.1:{self.port}/upload/{ticket.id}"
        async with self.session.put(url, data=body, **words) as response:
            return response.status, await response.json()

    async def wire(self) -> Wire:
        """A bare connection."""
        wire = Wire(*await asyncio.open_connection("127.0.0.1", self.port))
        self.wires.append(wire)
        return wire

    async def over(self) -> None:
        """Wait until a request is over."""
        async with asyncio.timeout(PATIENCE):
            await self.ended.get()

    async def coming(self, count: int) -> None:
        """Wait until so many files are coming in, each with its first 64 KiB on disk."""
        async with asyncio.timeout(PATIENCE):
            while len(self.left) != count:
                await asyncio.sleep(0.001)

    @property
    def left(self) -> list[str]:
        """What is on its way, or was left over."""
        return [file.name for file in self.scratch.iterdir()]


type Open = Callable[..., Awaitable[Door]]


@asynccontextmanager
async def opened(home: Home, service: Any = None, **limits: Any) -> AsyncIterator[Door]:
    scratch = home.data / "uploads"
    uploads = Uploads(service or home.service, scratch, **{"max_bytes": MAX_BYTES, **limits})

    async def handle(request: web.Request) -> web.Response:
        try:
            return await uploads.handle(request, describe)
        finally:
            there.ended.put_nowait(None)

    app = web.Application()
    app.router.add_route("*", "/upload/{ticket}", handle)
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.1)
    async with uploads, aiohttp.ClientSession() as session:
        await runner.setup()
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        there = Door(home, uploads, scratch, int(runner.addresses[0][1]), session)
        try:
            yield there
        finally:
            await runner.cleanup()
            for wire in there.wires:
                wire.close()


@pytest.fixture
async def home(tmp_path: Path, migrated: Path) -> AsyncIterator[Home]:
    """A soundboard with no sounds, that takes every sound file as decodable."""
    sounds, data = tmp_path / "library", tmp_path / "data"
    sounds.mkdir()
    data.mkdir(mode=0o700)
    shutil.copy(migrated, data)
    async with at_home(sounds, data) as home:
        yield home


@pytest.fixture
async def open_door(home: Home) -> AsyncIterator[Open]:
    """Open a door; words are its limits."""
    async with AsyncExitStack() as stack:

        async def open_it(service: Any = None, **limits: Any) -> Door:
            return await stack.enter_async_context(opened(home, service, **limits))

        yield open_it


@pytest.fixture
async def door(open_door: Open) -> Door:
    """A door with the usual limits."""
    return await open_door()


@pytest.fixture
def horn(tmp_path: Path) -> bytes:
    """A sound file of more than one piece."""
    content = write_tone(tmp_path / "horn.wav", 440, 0.9).read_bytes()
    assert PIECE_BYTES < len(content) < MAX_BYTES
    return content


# What becomes a sound


async def test_upload(door: Door, horn: bytes) -> None:
    """What is sent is a sound of the guild's library when the answer comes, and nothing else is left of it."""
    sha256 = hashlib.sha256(horn).hexdigest().upper()
    ticket = door.issue(horn, "Air Horn.wav", sha256=sha256, details=Details(title="Horn"))

    status, reply = await door.put(ticket, horn)

    added = door.home.service.library.find(OTHER, "Horn")
    assert (added.guild_id, added.path, added.uploader_id) == (CAVE, "Air Horn.wav", ALICE)
    assert added.file.read_bytes() == horn
    assert (status, reply["action"], reply["sound"]["name"], reply["sound"]["id"]) == (
        201,
        "upload",
        "Air Horn.wav",
        added.id,
    )
    assert door.left == []


async def test_without_a_length(door: Door, horn: bytes) -> None:
    """A body in chunks, of which nobody said how long it is, is taken as well."""

    async def chunks() -> AsyncIterator[bytes]:
        for start in range(0, len(horn), 9000):
            yield horn[start : start + 9000]

    status, _ = await door.put(door.issue(horn), chunks())

    assert (status, door.home.files) == (201, ["guild-81/horn.wav"])


async def test_expect_continue(door: Door, horn: bytes) -> None:
    """Clients that ask first whether they may send the body are told to go on, as curl does with larger ones."""
    status, _ = await door.put(door.issue(horn), horn, expect100=True)

    assert status == 201


async def test_real_sounds(home: Home, tmp_path: Path) -> None:
    """With the real ffmpeg a sound is told its length, and what cannot be decoded is refused."""
    content = write_tone(tmp_path / "came.wav", 700, 0.5).read_bytes()
    settings = Settings(sounds_dir=home.sounds, data_dir=home.data)
    async with SoundBank.of(settings) as bank, opened(home, Decoding(home, settings, bank)) as door:
        refused, reply = await door.put(door.issue(content[:44]), content[:44])
        status, _ = await door.put(door.issue(content), content)

    story = await home.service.library.story(MEMBER, "horn")
    assert (refused, reply["error_code"]) == (415, "unsupported_media")
    assert "cannot be played" in reply["error_message"]
    assert status == 201
    assert story.length == pytest.approx(0.5, abs=0.02)
    assert (home.files, door.left) == (["guild-81/horn.wav"], [])


class Decoding:
    """The library of a home, with real decoding."""

    def __init__(self, home: Home, settings: Settings, bank: SoundBank) -> None:
        voice: Any = home.voice
        self.library = LibraryService(
            catalog=home.catalog,
            store=home.store,
            voice=voice,
            files=files_of(settings, home.catalog.folder, bank),
            changes=Changes(),
            entrances=home.service.entrances,
        )


async def pieces(*content: bytes) -> AsyncIterator[bytes]:
    for piece in content:
        yield piece


# Tickets


async def test_a_ticket_is_good_once(door: Door, horn: bytes) -> None:
    """What was sent once is not taken again."""
    ticket = door.issue(horn)
    await door.put(ticket, horn)

    status, reply = await door.put(ticket, horn)

    assert (status, reply["action"], reply["error_code"]) == (404, "error", "target_not_found")
    assert reply["request"] == "upload"


async def test_two_at_once_with_one_ticket(open_door: Open, horn: bytes) -> None:
    """Of two who send with one ticket at the same time, one is taken."""
    door = await open_door()
    ticket = door.issue(horn)

    answers = await asyncio.gather(door.put(ticket, horn), door.put(ticket, horn))

    assert sorted(status for status, _ in answers) == [201, 404]


@pytest.mark.parametrize("later", [TICKET_SECONDS, 1e9])
async def test_old_ticket(open_door: Open, horn: bytes, later: float) -> None:
    """A ticket waits for a minute."""
    now = 1000.0
    door = await open_door(clock=lambda: now)
    ticket = door.issue(horn)
    assert ticket.expires_at == now + TICKET_SECONDS
    now += later

    status, reply = await door.put(ticket, horn)

    assert (status, reply["error_code"]) == (404, "target_not_found")


# What is refused


@pytest.mark.parametrize(
    ("cut", "more", "status", "code"),
    [(0, b"x", 413, "too_large"), (0, bytes(PIECE_BYTES), 413, "too_large"), (1, b"", 422, "invalid_field")],
)
@pytest.mark.parametrize("chunked", [True, False])
async def test_another_size(
    door: Door, horn: bytes, cut: int, more: bytes, status: int, code: str, *, chunked: bool
) -> None:
    """What is of another size than was announced is refused, whether that was said in advance or not."""
    body = horn[: len(horn) - cut] + more
    ticket = door.issue(horn)

    answer = await door.put(ticket, pieces(body) if chunked else body)

    assert (answer[0], answer[1]["error_code"]) == (status, code)
    assert (door.home.files, door.left) == ([], [])


async def test_nothing(door: Door, horn: bytes) -> None:
    """A body without anything in it is no file."""
    status, reply = await door.put(door.issue(horn), pieces())

    assert (status, reply["error_code"]) == (422, "invalid_field")


async def test_another_hash(door: Door, horn: bytes) -> None:
    """What was changed on its way is refused."""
    ticket = door.issue(horn, sha256=hashlib.sha256(horn).hexdigest())

    status, reply = await door.put(ticket, horn[:-1] + bytes([horn[-1] ^ 1]))

    assert (status, reply["error_code"], reply["details"]) == (422, "invalid_field", {"field": "sha256"})
    assert (door.home.files, door.left) == ([], [])


@pytest.mark.parametrize("coding", ["Deflate", "identity, x"])
async def test_compressed(door: Door, horn: bytes, coding: str) -> None:
    """A compressed body, which may become any size, is refused before it is read; the ticket stays good."""
    ticket = door.issue(horn)
    packed = gzip.compress(horn)
    wire = await door.wire()

    await wire.put(ticket, f"Content-Encoding: {coding}", f"Content-Length: {len(packed)}")
    reply = await wire.reply()

    assert (reply.status, reply.json["error_code"]) == (415, "unsupported_media")
    assert (await door.put(ticket, horn, headers={"Content-Encoding": "identity"}))[0] == 201


@pytest.mark.parametrize("method", ["GET", "POST"])
async def test_other_methods(door: Door, horn: bytes, method: str) -> None:
    """The address takes PUT alone, and says so."""
    ticket = door.issue(horn)
    async with door.session.request(method, f"http://127.0.0.1:{door.port}/upload/{ticket.id}") as response:
        assert (response.status, response.headers["Allow"]) == (405, "PUT")
        assert (await response.json())["action"] == "error"
    assert (await door.put(ticket, horn))[0] == 201


@pytest.mark.parametrize(
    ("content", "more", "status", "code"),
    [
        (b"no sound at all", {}, 415, "unsupported_media"),
        (None, {"shared": True}, 403, "forbidden"),
        (None, {"details": Details(title="there")}, 422, "invalid_field"),
    ],
)
async def test_not_for_the_library(
    door: Door, horn: bytes, content: bytes | None, more: dict[str, Any], status: int, code: str
) -> None:
    """What the library refuses is refused with its code and in its words."""
    await door.home.add(MEMBER, "there")
    body = content or horn

    answer = await door.put(door.issue(body, **more), body)

    assert (answer[0], answer[1]["error_code"]) == (status, code)
    assert (door.home.files, door.left) == (["guild-81/there.wav"], [])


async def test_twin(door: Door, horn: bytes) -> None:
    """The very same sound is not taken twice."""
    await door.put(door.issue(horn), horn)

    status, reply = await door.put(door.issue(horn, "other.wav"), horn)

    assert (status, reply["error_code"]) == (409, "already_exists")


async def test_store_in_trouble(open_door: Open, horn: bytes) -> None:
    """Where nothing can be kept now, that is no fault of the file's."""

    class Service:
        @property
        def library(self) -> Self:
            return self

        async def add(self, *_: object, **__: object) -> Sound:
            raise StoreError("locked")

    door = await open_door(Service())

    status, reply = await door.put(door.issue(horn), horn)

    assert (status, reply["error_code"], door.left) == (500, "action_error", [])


async def test_folder_gone(door: Door, horn: bytes, caplog: pytest.LogCaptureFixture) -> None:
    """Where the disk does not take the file it is said who can mend that."""
    shutil.rmtree(door.scratch)

    status, reply = await door.put(door.issue(horn), horn)

    assert (status, reply["error_code"]) == (503, "busy")
    assert "whoever runs the bot" in reply["error_message"]
    assert str(door.scratch) not in reply["error_message"]
    assert [record.levelname for record in caplog.records] == ["WARNING"]


# Abuse


async def test_too_much_is_refused_at_once(door: Door, horn: bytes) -> None:
    """More than was announced is not waited for to its end."""
    wire = await door.wire()
    body = chunk(horn + b"x")

    await wire.put(door.issue(horn), "Transfer-Encoding: chunked", body=body)
    reply = await wire.reply()

    assert (reply.status, reply.json["error_code"], reply.headers["Connection"]) == (413, "too_large", "close")
    assert (door.home.files, door.left) == ([], [])


async def test_too_great_a_length(door: Door, horn: bytes) -> None:
    """Nor is a body read that says itself that it is too large."""
    wire = await door.wire()

    await wire.put(door.issue(horn), f"Content-Length: {1 << 50}")

    assert (await wire.reply()).status == 413


@pytest.mark.parametrize("sent", [0, 1, PIECE_BYTES + 1000])
async def test_early_close(door: Door, horn: bytes, sent: int, caplog: pytest.LogCaptureFixture) -> None:
    """Who goes away leaves nothing behind, and is no error of ours."""
    wire = await door.wire()
    await wire.put(door.issue(horn), f"Content-Length: {len(horn)}", body=horn[:sent])
    await door.coming(sent > PIECE_BYTES)

    wire.close()
    await door.over()

    assert (door.home.files, door.left) == ([], [])
    assert not [record for record in caplog.records if record.levelno >= logging.WARNING]


async def test_bad_chunks(open_door: Open, horn: bytes) -> None:
    """What is no HTTP any more ends like silence, of which aiohttp makes it."""
    door = await open_door(idle=0.5)
    wire = await door.wire()
    await wire.put(door.issue(horn), "Transfer-Encoding: chunked", body=chunk(horn))
    await door.coming(1)
    await wire.send(b"no length\r\n")

    assert (await wire.reply()).status == 408

    assert (door.home.files, door.left) == ([], [])


@pytest.mark.parametrize("sent", [0, PIECE_BYTES + 1000])
async def test_silence(open_door: Open, horn: bytes, sent: int) -> None:
    """Who stops sending is not waited for."""
    door = await open_door(idle=0.05)
    wire = await door.wire()

    await wire.put(door.issue(horn), f"Content-Length: {len(horn)}", body=horn[:sent])
    reply = await wire.reply()

    assert (reply.status, reply.json["error_code"]) == (408, "timeout")
    assert "nothing came for 0.05 s" in reply.json["error_message"]
    assert (door.home.files, door.left) == ([], [])


async def test_trickle(open_door: Open, horn: bytes) -> None:
    """Who sends byte by byte has their time, too, and no more."""
    door = await open_door(total=0.2)
    wire = await door.wire()
    await wire.put(door.issue(horn), f"Content-Length: {len(horn)}")

    async def trickle() -> None:
        while True:
            await wire.send(b"R")
            await asyncio.sleep(0.01)

    trickling = asyncio.create_task(trickle())
    reply = await wire.reply()
    trickling.cancel()
    await asyncio.wait([trickling])

    assert (reply.status, reply.json["error_code"]) == (408, "timeout")
    assert "it took over 0.2 s" in reply.json["error_message"]
    assert (door.home.files, door.left) == ([], [])


@pytest.mark.parametrize(("limits", "other"), [({"per_user": 2}, MEMBER), ({"at_once": 2, "per_user": 3}, OTHER)])
async def test_many_at_once(open_door: Open, horn: bytes, limits: dict[str, int], other: Caller) -> None:
    """No more files come in at once than may; who is told to come again can, with the same ticket."""
    door = await open_door(**limits)
    wires = [await door.wire(), await door.wire()]
    for wire in wires:
        await wire.put(door.issue(horn), f"Content-Length: {len(horn)}", body=horn[:-1])
    await door.coming(2)
    ticket = door.issue(horn, caller=other)
    waiting = await door.wire()
    await waiting.put(ticket, f"Content-Length: {len(horn)}", body=horn)

    refused = await waiting.reply()
    wires[0].close()
    await door.coming(1)
    status, _ = await door.put(ticket, horn)

    assert (refused.status, refused.json["error_code"], refused.headers["Retry-After"]) == (503, "busy", "5")
    assert refused.json["retry_after"] == 5
    assert status == 201


async def test_others_are_not_held_up(open_door: Open, horn: bytes) -> None:
    """One user's files do not take the places of others."""
    door = await open_door()
    for _ in range(2):
        wire = await door.wire()
        await wire.put(door.issue(horn), f"Content-Length: {len(horn)}", body=horn[:-1])
    await door.coming(2)

    status, _ = await door.put(door.issue(horn, caller=OTHER), horn)

    assert status == 201


def chunk(content: bytes) -> bytes:
    """A chunk as HTTP has it (RFC 9112, section 7.1)."""
    return f"{len(content):x}\r\n".encode() + content + b"\r\n"


# Ends


async def test_shutdown(home: Home, horn: bytes, caplog: pytest.LogCaptureFixture) -> None:
    """An upload under way when the server ends leaves nothing behind."""
    async with opened(home) as door:
        wire = await door.wire()
        await wire.put(door.issue(horn), f"Content-Length: {len(horn)}", body=horn[:-1])
        await door.coming(1)

    assert (home.files, door.left, door.ended.qsize()) == ([], [], 1)
    assert not [record for record in caplog.records if record.levelno >= logging.WARNING]


@asynccontextmanager
async def under_way(home: Home, horn: bytes) -> AsyncIterator[tuple[Uploads, asyncio.Task[Sound]]]:
    """An upload that is on disk, but for its last byte; in the end nothing may be left of it."""
    written = asyncio.Event()

    async def chunks() -> AsyncIterator[bytes]:
        yield horn[:-1]
        written.set()
        await asyncio.Event().wait()

    async with Uploads(home.service, home.data / "uploads", max_bytes=MAX_BYTES) as uploads:
        ticket = uploads.issue(MEMBER, "horn", len(horn))
        receiving = asyncio.create_task(uploads.receive(ticket.id, None, chunks()))
        await written.wait()
        yield uploads, receiving
    assert receiving.cancelled()
    assert [*(home.data / "uploads").iterdir()] == []


async def test_end(home: Home, horn: bytes) -> None:
    """What is under way at the end is given up."""
    async with asyncio.timeout(PATIENCE), under_way(home, horn):
        assert len([*(home.data / "uploads").iterdir()]) == 1


async def test_cancelled_twice(home: Home, horn: bytes) -> None:
    """Nor is anything left where the disk is slow and somebody impatient."""
    disk = threading.Event()
    async with under_way(home, horn) as (uploads, receiving):
        uploads._disk.submit(disk.wait)
        receiving.cancel()
        await asyncio.sleep(0)  # it is to be removed now
        receiving.cancel()
        await asyncio.wait([receiving])
        disk.set()


async def test_start(home: Home) -> None:
    """What an earlier process left is removed; the folder is nobody else's."""
    scratch = home.data / "uploads"
    scratch.mkdir()
    for name in (".jeffbot-0123", "odd"):
        (scratch / name).write_bytes(b"left over")

    async with Uploads(home.service, scratch, max_bytes=MAX_BYTES):
        assert [*scratch.iterdir()] == []


PROGRAM = """
import asyncio, sys
from pathlib import Path
from jeffbot.ws.uploads import Uploads
from service.home import MEMBER, at_home

sounds, data = map(Path, sys.argv[1:])

async def main():
    async def chunks():
        yield bytes(99_999)
        print("written", flush=True)
        await asyncio.Event().wait()

    async with at_home(sounds, data) as home, Uploads(home.service, data / "uploads", max_bytes=100_000) as uploads:
        await uploads.receive(uploads.issue(MEMBER, "horn.wav", 100_000).id, 100_000, chunks())

asyncio.run(main())
"""


async def test_killed(tmp_path: Path, migrated: Path) -> None:
    """A process killed in the middle leaves nothing in the library; the next one removes what it had written."""
    sounds, data = tmp_path / "library", tmp_path / "data"
    sounds.mkdir()
    data.mkdir(mode=0o700)
    shutil.copy(migrated, data)
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-c", PROGRAM, sounds, data),
        env={**os.environ, "PYTHONPATH": f"{TESTS}:{TESTS.parent}"},
        stdout=subprocess.PIPE,
    )
    assert process.stdout
    async with asyncio.timeout(PATIENCE):
        assert await process.stdout.readline() == b"written\n"
        process.kill()
        await process.wait()
    assert len([*(data / "uploads").iterdir()]) == 1

    async with at_home(sounds, data) as home, Uploads(home.service, data / "uploads", max_bytes=MAX_BYTES):
        assert (home.files, home.names, [*(data / "uploads").iterdir()]) == ([], [], [])
