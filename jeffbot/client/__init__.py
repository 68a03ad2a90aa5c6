"""A typed asyncio client of the remote control."""

from .errors import ConnectionEndedError, NotFoundError, RemoteError, ThrottledError, TokenRefusedError
from .events import Event, Events, Resync
from .remote import DEFAULT_URL, RemoteClient

__all__ = [
    "DEFAULT_URL",
    "ConnectionEndedError",
    "Event",
    "Events",
    "NotFoundError",
    "RemoteClient",
    "RemoteError",
    "Resync",
    "ThrottledError",
    "TokenRefusedError",
]
