"""Ears."""
from .recording import Recording

__all__ = ["Recording"]
