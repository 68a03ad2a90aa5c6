"""A soundboard for Discord bots.

The extension to load is ``jeffbot.cogs.sound``; it is never imported from here, because Nextcord replaces
an extension's modules on reload and everything outside must keep its identity.
"""

from .errors import ErrorCode, SoundboardError
from .models import Caller, Playback, Sound, Status
from .service import SoundService

__version__ = "0.1.0"

__all__ = [
    "Caller",
    "ErrorCode",
    "Playback",
    "Sound",
    "SoundService",
    "SoundboardError",
    "Status",
    "__version__",
]
