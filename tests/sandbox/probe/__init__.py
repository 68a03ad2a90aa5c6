"""A client of our own that does everything right, and any one thing wrong when told to."""

from .client import Probe
from .voice import Fault, ProbeVoice

__all__ = ["Fault", "Probe", "ProbeVoice"]
