"""The sounds as JSON, encoded once per change of the library.

Cost: O(sounds) per change, in a thread; as many listings are kept as there are libraries in use, up to a few. Putting
one into a reply copies it, which a thread does where it is large.
"""

import asyncio
import itertools
from collections import OrderedDict
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import msgspec
from msgspec import Raw

from ..models import Sound
from ..service import SoundService
from ..tasks import start_now
from . import protocol
from .replies import Listing, SoundInfo

_INLINE = 2000
"""More sounds than this are encoded in a thread: 2 000 take a few milliseconds."""
_PIECE = 500
"""So many at once, for no other thread runs meanwhile, that of the voice clock included."""
_KEPT = 4
"""How many listings are kept: guilds without sounds of their own share one."""
_LARGE = 1 << 20
"""Bytes from which on joining lets other threads run meanwhile (CPython: Objects/stringlib/join.h)."""

type _Version = tuple[int, int]


@dataclass(frozen=True, slots=True)
class WholeListing:
    """A reply whose sounds have been encoded already; its own ``sounds`` is 0."""

    reply: Listing
    sounds: bytes


class Listings:
    """What guilds see, encoded."""

    def __init__(self, service: SoundService, describe: Callable[[Sound], SoundInfo]) -> None:
        self._service = service
        self._describe = describe
        self._whole: OrderedDict[_Version, tuple[Sequence[Sound], asyncio.Task[bytes]]] = OrderedDict()
        """By the sounds' identity, which is theirs for as long as they are held here."""

    async def whole(self, sounds: Sequence[Sound]) -> WholeListing:
        """All of these."""
        version = id(sounds), self._service.library_version
        _, encoding = self._whole.get(version, (sounds, None))
        if encoding is None or (encoding.done() and (encoding.cancelled() or encoding.exception())):
            encoding = start_now(self._encoded(sounds), "jeffbot list")
            self._whole[version] = sounds, encoding
            while len(self._whole) > _KEPT:
                self._whole.popitem(last=False)
        self._whole.move_to_end(version)
        return WholeListing(Listing(count=len(sounds), sounds=Raw(b"0")), await asyncio.shield(encoding))

    async def _encoded(self, sounds: Sequence[Sound]) -> bytes:
        return await asyncio.to_thread(self.encode, sounds) if len(sounds) > _INLINE else self.encode(sounds)

    def encode(self, sounds: Sequence[Sound]) -> bytes:
        """Some sounds as a JSON array."""
        listed = map(self._describe, sounds)
        pieces = (msgspec.json.encode(piece)[1:-1] for piece in itertools.batched(listed, _PIECE))
        return b"[" + b",".join(pieces) + b"]"


async def joined(listing: WholeListing) -> bytes:
    """The reply as JSON."""
    head = protocol.encode(listing.reply)[: -len(b"0}")]  # "sounds" is the last field
    pieces = [head, listing.sounds, b"}"]
    return b"".join(pieces) if len(listing.sounds) < _LARGE else await asyncio.to_thread(b"".join, pieces)
