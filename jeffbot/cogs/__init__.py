"""The Nextcord extensions of this package."""
