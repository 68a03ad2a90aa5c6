"""Finding sounds, and looking after them."""

import asyncio
import bisect
import time
from collections.abc import Sequence
from contextlib import suppress
from typing import Any

from msgspec import UNSET, Raw

from ...errors import BadDetailsError, SoundNotFoundError
from ...library.bin import KEPT
from ...library.names import fold
from ...models import Details, Sound
from .. import replies, requests
from ..desk import Call, Desk
from ..listings import WholeListing

SEARCHED = 1000
"""So many of the sounds that a query may mean are looked at for tags and further pages."""
MAX_SAID = 1000
"""Longer texts are not looked at: Unicode normalisation takes time that grows with their square."""


async def list_(desk: Desk, call: Call, request: requests.List) -> replies.Listing | WholeListing:
    """All sounds the user sees, by name; or a page of them."""
    await desk.service.wait_ready()
    sounds = desk.service.sounds(caller=call.caller)
    if request.limit is None and request.cursor is None:
        return await desk.listings.whole(sounds)
    start = bisect.bisect_right(sounds, request.cursor or "", key=lambda sound: sound.name)
    limit = min(request.limit or requests.MAX_PAGE, requests.MAX_PAGE)
    page = sounds[start : start + limit]
    more = start + limit < len(sounds)
    return replies.Listing(
        count=len(page),
        total=len(sounds),
        cursor=page[-1].name if more else UNSET,
        sounds=Raw(desk.listings.encode(page)),
    )


async def search(desk: Desk, call: Call, request: requests.Search) -> replies.Found:
    """Find sounds by what someone typed, the likeliest first: exact, prefix, beginning of a word, with slips."""
    await desk.service.wait_ready()
    start = _offset(request.cursor)
    enough = start + request.limit + 1
    service = desk.service
    sounds: Sequence[Sound]
    if request.query:
        most = SEARCHED if request.tags else enough
        sounds = service.sounds(request.query, min(most, SEARCHED), caller=call.caller)
    else:
        sounds = service.sounds(caller=call.caller)
    if request.tags:
        sounds = await asyncio.to_thread(_tagged, sounds, request.tags, enough)
    page = sounds[start : start + request.limit]
    more = len(sounds) > start + request.limit
    return replies.Found(
        sounds=tuple(map(desk.describe, page)),
        count=len(page),
        cursor=str(start + request.limit) if more else UNSET,
    )


async def upload(desk: Desk, call: Call, request: requests.Upload) -> replies.UploadTicket:
    """Announce a sound file; its body follows by HTTP PUT to the address in the reply, within a minute."""
    ticket = desk.uploads.issue(
        call.caller,
        request.filename,
        request.size,
        request.sha256,
        shared=request.shared,
        details=Details(**_said(request)),
    )
    return replies.UploadTicket(url=call.link(f"upload/{ticket.id}"), expires_at=ticket.expires_at)


async def edit(desk: Desk, call: Call, request: requests.Edit) -> replies.Edited:
    """Change what is said of a sound; its file stays as it is."""
    sound = await desk.service.library.edit(call.caller, request.filename, **_said(request))
    return replies.Edited(sound=desk.describe(sound))


async def delete(desk: Desk, call: Call, request: requests.Delete) -> replies.Deleted:
    """Take out a sound that someone added; it is kept in a bin for 30 days."""
    name = request.filename
    with suppress(SoundNotFoundError):  # deleting raises it, too, and has that noted
        name = desk.service.library.find(call.caller, name).name
    await desk.service.bin.delete(call.caller, request.filename)
    return replies.Deleted(filename=name, restorable_until=time.time() + KEPT)


def _said(request: requests.Described) -> dict[str, Any]:
    for text in (request.title, request.emoji):
        if text is not UNSET and len(text) > MAX_SAID:
            raise BadDetailsError(f"A title or an emoji of over {MAX_SAID} characters cannot be a sound's")
    return {name: value for name in requests.DETAILS if (value := getattr(request, name)) is not UNSET}


def _offset(cursor: str | None) -> int:
    if cursor is None:
        return 0
    if not cursor.isascii() or not cursor.isdecimal() or len(cursor) > 9:
        raise BadDetailsError("The cursor has to be that of the page before")
    return int(cursor)


def _tagged(sounds: Sequence[Sound], tags: Sequence[str], enough: int) -> list[Sound]:
    """In a thread: 100 000 sounds take a few tenths of a second, and so do 500 odd tags."""
    wanted = {fold(tag) for tag in tags}
    found = []
    for sound in sounds:
        if wanted <= {fold(tag) for tag in sound.tags}:
            found.append(sound)
            if len(found) == enough:
                break
    return found
