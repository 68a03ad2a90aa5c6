"""What the actions of the remote control work with."""

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from msgspec import UNSET

from ..models import Caller, Sound
from ..service import SoundService
from .listings import Listings
from .replies import SoundInfo

if TYPE_CHECKING:
    from .auth import Identity, Tokens
    from .uploads import Uploads


@dataclass(kw_only=True)
class Desk:
    """One soundboard's, for as long as it serves."""

    service: SoundService
    tokens: "Tokens"
    uploads: "Uploads"
    features: tuple[str, ...] = ()
    clock: Callable[[], float] = time.time
    listings: Listings = field(init=False)

    def __post_init__(self) -> None:
        self.listings = Listings(self.service, self.describe)

    def describe(self, sound: Sound) -> SoundInfo:
        """A sound as clients see it."""
        said = sound.details
        return SoundInfo(
            name=sound.name,
            path=sound.path,
            duration=self.service.duration(sound),
            tags=sound.tags,
            id=sound.id,
            title=said.title,
            aliases=said.aliases,
            emoji=said.emoji,
            colour=said.colour,
            gain=said.gain or UNSET,
            trim_start=said.trim_start or UNSET,
            trim_end=said.trim_end,
            retrigger=said.retrigger,
            guild_id=None if sound.guild_id is None else str(sound.guild_id),
            uploader_id=str(sound.uploader_id) if sound.uploader_id else None,
        )


@dataclass(frozen=True, slots=True)
class Call:
    """One request on its way: who asks, with what token, and how they reach this server."""

    caller: Caller
    identity: "Identity | None"
    """None: before signing in."""
    base_url: str
    """Where this server is for them, such as ``http://host:8765``."""

    def link(self, path: str) -> str:
        """The URL of a path of this server."""
        return f"{self.base_url}/{path}"
