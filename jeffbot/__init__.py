"""A soundboard for Discord bots.

What it offers is imported when it is asked for: whoever wants ``jeffbot.sandbox`` alone gets no soundboard with it.

The extension to load is ``jeffbot.cogs.sound``; it is never imported from here, because Nextcord replaces
an extension's modules on reload and everything outside must keep its identity.
"""

import importlib
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from .errors import ErrorCode, SoundboardError
    from .models import Caller, Sound
    from .playback import Playback, Status
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

_HOMES = {
    "Caller": "models",
    "ErrorCode": "errors",
    "Playback": "playback",
    "Sound": "models",
    "SoundService": "service",
    "SoundboardError": "errors",
    "Status": "playback",
}
"""By public name, the module that defines it."""


def __getattr__(name: str) -> object:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(importlib.import_module(f".{_HOMES[name]}", __name__), name)


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
