"""The sounds as JSON, encoded once per change of the library.

Cost: O(sounds) per change, in a thread; as many listings are kept as there are libraries in use, up to a few.
"""

import asyncio
import itertools
from collections import OrderedDict
from collections.abc import Sequence

import msgspec
from msgspec import Raw

from ..models import Sound
from ..service import SoundService
from ..tasks import start_now
from . import protocol

_INLINE = 2000
"""More sounds than this are encoded in a thread: 2 000 take about a millisecond."""
_PIECE = 500
"""So many at once, for no other thread runs meanwhile, that of the voice clock included."""
_KEPT = 4
"""How many listings are kept: guilds without sounds of their own share one."""

type _Version = tuple[int, int]


class Listings:
    """What guilds see, encoded."""

    def __init__(self, service: SoundService) -> None:
        self._service = service
        self._whole: OrderedDict[_Version, tuple[Sequence[Sound], asyncio.Task[Raw]]] = OrderedDict()
        """By the sounds' identity, which is theirs for as long as they are held here."""

    async def whole(self, sounds: Sequence[Sound]) -> Raw:
        """All of these, as JSON."""
        version = id(sounds), self._service.library_version
        _, encoding = self._whole.get(version, (sounds, None))
        if encoding is None or (encoding.done() and (encoding.cancelled() or encoding.exception())):
            encoding = start_now(self._encoded(sounds), "jeffbot list")
            self._whole[version] = sounds, encoding
            while len(self._whole) > _KEPT:
                self._whole.popitem(last=False)
        self._whole.move_to_end(version)
        return await asyncio.shield(encoding)

    async def _encoded(self, sounds: Sequence[Sound]) -> Raw:
        return await asyncio.to_thread(self.encode, sounds) if len(sounds) > _INLINE else self.encode(sounds)

    def encode(self, sounds: Sequence[Sound]) -> Raw:
        """Some sounds as JSON."""
        duration = self._service.duration
        listed = (protocol.ListedSound(item.name, item.path, duration(item), item.tags) for item in sounds)
        pieces = (msgspec.json.encode(piece)[1:-1] for piece in itertools.batched(listed, _PIECE))
        return Raw(b"[" + b",".join(pieces) + b"]")
