"""Which audio formats are let in, told by a file's first bytes and never by its name."""

import re
from pathlib import Path

from ..files import open_regular

FORMATS = "aac,aiff,flac,matroska,mov,mp3,ogg,wav"
"""Demuxers that may open a sound (``ffmpeg -demuxers``); none of them follows references to other files."""

_HEAD_BYTES = 64
_ID3_HEADER_BYTES = 10
_MAGIC = (
    (rb"(RIFF|RF64|BW64|FFIR).{4}WAVE", "wav"),
    (rb"OggS", "ogg"),
    (rb"fLaC", "flac"),
    (rb".{4}(ftyp|moov|mdat|wide|free|skip)", "mov"),
    (rb"\x1aE\xdf\xa3", "matroska"),
    (rb"FORM.{4}AIF[FC]", "aiff"),
    (rb"ADIF|\xff[\xf0\xf1\xf8\xf9]", "aac"),  # ADTS (ISO 13818-7, 6.2): twelve ones, layer 0
    (rb"\xff[\xe2-\xe7\xf2-\xf7\xfa-\xff][\x00-\xef]", "mp3"),  # eleven ones, layer not 0 (ISO 11172-3, 2.4.2.3)
)


def sniff(file: Path) -> str | None:
    """The demuxer for a file by its first bytes; None where they do not tell.

    Left to guess, ffmpeg takes a playlist for a sound, and some tones in a WAV file for a television stream.

    Raises:
        OSError: As for :func:`~jeffbot.files.open_regular`.
    """
    with open_regular(file) as opened:
        head = opened.read(_HEAD_BYTES)
        tagged = head.startswith(b"ID3") and len(head) >= _ID3_HEADER_BYTES
        if tagged:
            opened.seek(_ID3_HEADER_BYTES + _synchsafe(head[6:10]))
            head = opened.read(_HEAD_BYTES)
    for magic, container in _MAGIC:
        if re.match(magic, head, re.DOTALL):
            return container
    return "mp3" if tagged else None


def _synchsafe(size: bytes) -> int:
    """A number of seven bits a byte (ID3v2.4 structure, section 6.2)."""
    number = 0
    for byte in size:
        number = number << 7 | byte & 0x7F
    return number
