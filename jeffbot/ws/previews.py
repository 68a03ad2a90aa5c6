"""Sounds as files that a browser plays. Cost: O(bytes), in a thread, where it is none of those asked for last."""

import asyncio
import hashlib
import re
from collections import OrderedDict
from collections.abc import Awaitable, Callable, Sequence
from typing import NamedTuple

from aiohttp import hdrs, web

from ..audio.clip import Clip
from ..audio.ogg import MEDIA_TYPE, mux
from ..models import Sound

MAX_KEPT_BYTES = 16 << 20

_RANGE = re.compile("bytes=([0-9]{0,18})-([0-9]{0,18})", re.IGNORECASE)
"""A single range (RFC 9110, section 14.1.2); others may be passed over (section 14.2)."""


class Preview(NamedTuple):
    """A sound as a file."""

    body: bytes
    """Ogg with Opus in it."""
    tag: str
    """The opaque tag of its ETag, which tells it from all others (RFC 9110, section 8.8.3)."""


class Previews:
    """Makes previews, and keeps those asked for last.

    Args:
        clip: Gives the packets of a sound, all of them, as :meth:`SoundBank.whole` does.
        max_kept_bytes: How much is kept.
    """

    def __init__(self, clip: Callable[[Sound], Awaitable[Clip]], max_kept_bytes: int = MAX_KEPT_BYTES) -> None:
        self._clip = clip
        self._max_kept_bytes = max_kept_bytes
        self._kept: OrderedDict[Sound, Preview] = OrderedDict()  # what was asked for last is last
        self._kept_bytes = 0

    async def respond(self, request: web.Request, sound: Sound) -> web.Response:
        """Answer ``GET`` or ``HEAD`` of a sound: whole, or the one range that is asked for.

        Raises:
            UnplayableSoundError: As for :meth:`preview`.
        """
        preview = await self.preview(sound)
        size, headers = (
            len(preview.body),
            {
                "ETag": f'"{preview.tag}"',
                "Cache-Control": "private, no-cache",  # kept, but asked about: a name may come to mean another sound
                "Accept-Ranges": "bytes",
            },
        )
        if any(known.value in {"*", preview.tag} for known in request.if_none_match or ()):
            return web.Response(status=304, headers=headers)
        part = _range(request, preview)
        if part is None:
            return web.Response(body=preview.body, headers={**headers, "Content-Type": MEDIA_TYPE})
        if not part:
            return web.Response(status=416, headers={**headers, "Content-Range": f"bytes */{size}"})
        headers |= {"Content-Type": MEDIA_TYPE, "Content-Range": f"bytes {part.start}-{part.stop - 1}/{size}"}
        return web.Response(status=206, body=preview.body[part.start : part.stop], headers=headers)

    async def preview(self, sound: Sound) -> Preview:
        """A sound as people hear it, its own gain included.

        Raises:
            UnplayableSoundError: It cannot be played.
        """
        preview = self._kept.get(sound) or await self._make(sound)
        self._keep(sound, preview)
        return preview

    async def _make(self, sound: Sound) -> Preview:
        clip = await self._clip(sound)
        return await asyncio.to_thread(_made, clip.packets, sound.details.gain)

    def _keep(self, sound: Sound, preview: Preview) -> None:
        if sound not in self._kept:
            self._kept[sound] = preview
            self._kept_bytes += len(preview.body)
        self._kept.move_to_end(sound)
        while self._kept_bytes > self._max_kept_bytes:
            _, dropped = self._kept.popitem(last=False)
            self._kept_bytes -= len(dropped.body)


def _made(packets: Sequence[bytes], gain: float) -> Preview:
    body = mux(packets, gain)
    return Preview(body, hashlib.sha256(body).hexdigest()[:32])


def _range(request: web.Request, preview: Preview) -> range | None:
    """Which bytes are asked for, empty where the file has none of them; None: all (RFC 9110, sections 14.2, 13.1.5)."""
    asked = request.method == hdrs.METH_GET and _RANGE.fullmatch(request.headers.get(hdrs.RANGE, ""))
    if not asked or request.headers.get(hdrs.IF_RANGE, f'"{preview.tag}"') != f'"{preview.tag}"':
        return None
    first, last = asked.groups()
    size = len(preview.body)
    if not first:
        return range(max(0, size - int(last)), size) if last else None
    if last and int(last) < int(first):
        return None
    return range(int(first), min(int(last) + 1, size) if last else size)
