"""Files that come over HTTP become sounds. Cost: O(bytes) of disk while one comes in, some 100 KiB of memory."""

import asyncio
import hashlib
import logging
import time
from collections.abc import AsyncIterator, Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Self

from aiohttp import hdrs, web

from ..errors import BusyError, ErrorCode, SoundboardError, printable
from ..library.ingest import disk_trouble, remove, unfinished
from ..models import Seconds, Sound, UserId
from ..service import SoundService
from . import protocol
from .http import respond
from .protocol import RefusedError
from .replies import SoundInfo, Uploaded
from .tickets import Ticket, Tickets

logger = logging.getLogger(__name__)

RETRY_AFTER: Seconds = 5.0
"""When to try again where too many files come in at once."""
PIECE_BYTES = 1 << 16
"""So much is written at a time."""

_REQUEST = protocol.parse('{"action": "upload"}')
"""What replies name as the request."""


class Uploads:
    """Takes files in. Use it as an async context manager that is left after the server's.

    Args:
        service: Whose library they are for.
        scratch: A folder of its own, for files on their way; what is in it at the start is removed.
        max_bytes: The largest file.
        idle: How long nothing may come.
        total: How long a file may take to come.
        at_once: How many may come in at once.
        per_user: How many of one user.
        clock: Seconds since the epoch.
    """

    def __init__(
        self,
        service: SoundService,
        scratch: Path,
        *,
        max_bytes: int,
        idle: Seconds = 30.0,
        total: Seconds = 600.0,
        at_once: int = 4,
        per_user: int = 2,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._service = service
        self._scratch = scratch
        self._tickets = Tickets(max_bytes=max_bytes, clock=clock)
        self.issue = self._tickets.issue
        self._idle = idle
        self._total = total
        self._at_once = at_once
        self._per_user = per_user
        self._coming: dict[asyncio.Task[object], UserId] = {}
        self._disk = ThreadPoolExecutor(1, "jeffbot-upload")  # in turn: nothing is written that was removed

    async def __aenter__(self) -> Self:
        await self._on_disk(_empty, self._scratch)
        return self

    async def __aexit__(self, *_: object) -> None:
        for task in self._coming:  # aiohttp does not wait for those it cancels
            task.cancel()
        if self._coming:
            await asyncio.wait([*self._coming])
        await asyncio.to_thread(self._disk.shutdown)

    async def handle(self, request: web.Request, describe: Callable[[Sound], SoundInfo]) -> web.Response:
        """Answer ``PUT /upload/{ticket}``; ``describe`` makes what is told of the sound."""
        if request.method != hdrs.METH_PUT:
            response = _refusal(RefusedError(ErrorCode.UNKNOWN_ACTION, "Send the file with PUT"))
            response.set_status(405)
            response.headers[hdrs.ALLOW] = hdrs.METH_PUT
            return response
        try:
            _refuse_compressed(request)
            chunks = aiter(request.content.iter_chunked(PIECE_BYTES))
            sound = await self.receive(request.match_info["ticket"], request.content_length, chunks)
        except SoundboardError as error:
            return _refusal(error)
        except (ConnectionError, web.RequestPayloadError):  # aiohttp's; perhaps nobody is there to hear of it
            said = "The file breaks off, or is not sent as HTTP has it: announce the file again"
            return _refusal(RefusedError(ErrorCode.INVALID_FIELD, said))
        reply = Uploaded(sound=describe(sound))
        response = respond(reply, protocol.encode(reply))
        response.set_status(201)
        return response

    async def receive(self, ticket_id: str, content_length: int | None, chunks: AsyncIterator[bytes]) -> Sound:
        """Take a file in; whatever happens, nothing is left of it but the sound.

        The ticket is spent when the file begins to come in.

        Args:
            ticket_id: Of :meth:`Tickets.issue`.
            content_length: How many bytes are to come, where that was said.
            chunks: The file; what it raises is passed on.

        Raises:
            RefusedError: ``target_not_found``: the ticket is not good, or no more; ``too_large``, ``invalid_field``:
                what comes is not what was announced; ``timeout``: it comes too slowly.
            BusyError: Too many files come in at once, and the ticket stays good; or the disk refuses.
            SoundboardError: As :meth:`LibraryService.add` has it.
        """
        ticket = self._tickets.find(ticket_id)
        if content_length is not None:
            ticket.check_size(content_length)
        with self._place(ticket.caller.user_id):
            self._tickets.spend(ticket)
            file = unfinished(self._scratch)
            try:
                await self._write(ticket, chunks, file)
                sound = await self._service.library.add(
                    ticket.caller, file, ticket.filename, shared=ticket.shared, details=ticket.details
                )
            finally:
                removing = asyncio.get_running_loop().run_in_executor(self._disk, remove, file)
                await asyncio.wait([removing])  # which goes on when this is cancelled
        logger.info("user %d uploaded %s", ticket.caller.user_id, printable(sound.name))
        return sound

    @contextmanager
    def _place(self, user_id: UserId) -> Iterator[None]:
        """One of the places for files that come in at once.

        Raises:
            BusyError: There is none.
        """
        if len(self._coming) >= self._at_once or [*self._coming.values()].count(user_id) >= self._per_user:
            busy = BusyError("Too many files are being uploaded at once: try again when one is done")
            busy.retry_after = RETRY_AFTER
            raise busy
        task = asyncio.current_task()
        assert task  # noqa: S101 - it is called in one
        self._coming[task] = user_id
        try:
            yield
        finally:
            del self._coming[task]

    async def _write(self, ticket: Ticket, chunks: AsyncIterator[bytes], file: Path) -> None:
        """Write what comes to a file, and compare it with what was announced."""
        digest, size, piece = hashlib.sha256(), 0, bytearray()
        end = time.monotonic() + self._total
        while chunk := await self._next(chunks, end):
            size += len(chunk)
            if size > ticket.size:
                ticket.check_size(size)
            piece += chunk
            if len(piece) >= PIECE_BYTES:
                await self._on_disk(_append, file, bytes(piece), digest)
                piece.clear()
        ticket.check_size(size)
        await self._on_disk(_append, file, bytes(piece), digest)
        if ticket.sha256 not in (None, digest.hexdigest()):
            said = "What came is not what was announced, its SHA-256 is another: announce the file again"
            raise RefusedError(ErrorCode.INVALID_FIELD, said, {"field": "sha256"})

    async def _next(self, chunks: AsyncIterator[bytes], end: float) -> bytes:
        """What comes next; nothing: that was all.

        Raises:
            RefusedError: ``timeout``: it does not come in time.
        """
        left = end - time.monotonic()
        try:
            async with asyncio.timeout(min(self._idle, left)):
                return await anext(chunks, b"")
        except TimeoutError as error:
            why = f"nothing came for {self._idle:g} s" if self._idle < left else f"it took over {self._total:g} s"
            said = f"The upload was given up, for {why}: announce the file again"
            raise RefusedError(ErrorCode.TIMEOUT, said) from error

    async def _on_disk[*Args](self, work: Callable[[*Args], object], *args: *Args) -> None:
        """Do something in the thread for it.

        Raises:
            BusyError: The disk refuses.
        """
        try:
            await asyncio.get_running_loop().run_in_executor(self._disk, work, *args)
        except OSError as error:
            logger.warning("an upload cannot be written: %s", error)
            raise BusyError(disk_trouble(error, "folder for uploads")) from error


def _append(file: Path, piece: bytes, digest: "hashlib._Hash") -> None:
    digest.update(piece)
    with file.open("ab") as out:
        out.write(piece)


def _empty(folder: Path) -> None:
    """Make a folder, and remove the files in it."""
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    except OSError as error:
        logger.warning("there is no folder for uploads: %s", error)
    for file in folder.glob("*"):
        remove(file)


def _refuse_compressed(request: web.Request) -> None:
    codings = {coding.strip().lower() for coding in request.headers.getall(hdrs.CONTENT_ENCODING, ())}
    if codings - {"identity"}:
        raise RefusedError(ErrorCode.UNSUPPORTED_MEDIA, "Send the file as it is, without Content-Encoding")


def _refusal(error: SoundboardError) -> web.Response:
    """What is answered in place of a sound; the connection is closed after it, for more may be on its way."""
    reply = protocol.refusal(error, ErrorCode.ACTION_ERROR, _REQUEST)
    response = respond(reply, protocol.encode(reply))
    response.force_close()
    return response
