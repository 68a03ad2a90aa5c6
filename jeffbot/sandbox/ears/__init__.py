"""Ears: what the packets of a voice connection sound like, which sounds they are, and how to listen in."""

from .files import FFmpegMissingError, UnreadableFileError, read_pcm
from .fingerprint import Fingerprints, Match
from .live import live_ogg
from .loudness import integrated_lufs, true_peak_dbtp
from .ogg import OggOpusStream
from .opus import Decoder, Encoder, Pcm
from .recording import Heard, Recording

__all__ = [
    "Decoder",
    "Encoder",
    "FFmpegMissingError",
    "Fingerprints",
    "Heard",
    "Match",
    "OggOpusStream",
    "Pcm",
    "Recording",
    "UnreadableFileError",
    "integrated_lufs",
    "live_ogg",
    "read_pcm",
    "true_peak_dbtp",
]
