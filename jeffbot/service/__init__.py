"""The soundboard itself: every use case once, for both doors and for other cogs.

It knows neither Nextcord nor aiohttp. What it needs from the rooms below is named in ``rooms.py``; ``app.py`` hands it
the real ones.
"""

from .sound_service import SoundService

__all__ = ["SoundService"]
