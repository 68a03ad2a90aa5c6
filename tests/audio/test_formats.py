"""A file's kind by its first bytes, whatever its name."""

from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from audio.samples import convert
from jeffbot.audio.formats import FORMATS, sniff
from jeffbot.files import NotRegularError, open_regular
from staging import write_tone

KINDS = {
    "mp3": "mp3",
    "mp2": "mp3",
    "wav": "wav",
    "ogg": "ogg",
    "opus": "ogg",
    "flac": "flac",
    "m4a": "mov",
    "mov": "mov",
    "aac": "aac",
    "webm": "matroska",
    "mka": "matroska",
    "aiff": "aiff",
}
"""Demuxers by extension."""
TAG = b"ID3\4\0\0\0\0\2\1" + bytes(257)
"""An ID3 tag of 257 bytes beyond its header."""


def make(folder: Path, extension: str, *options: str) -> Path:
    """Half a second of tone in some format."""
    write_tone(folder / "tone.wav", 440, seconds=0.5)
    convert("-i", "tone.wav", *options, f"sound.{extension}", folder=folder)
    return folder / f"sound.{extension}"


@pytest.mark.parametrize("extension", KINDS)
def test_every_format(tmp_path: Path, extension: str) -> None:
    """Each format is known by its bytes under any name."""
    file = make(tmp_path, extension)

    assert sniff(file.rename(tmp_path / "sound.txt")) == KINDS[extension]


@pytest.mark.parametrize("version", ["0", "3", "4"])
@pytest.mark.parametrize("rate", ["8000", "16000", "44100"])
def test_mp3(tmp_path: Path, version: str, rate: str) -> None:
    """An MP3 is known with a tag and without, at every MPEG version."""
    file = make(tmp_path, "mp3", "-write_xing", "0", "-ar", rate, "-id3v2_version", version)

    assert file.read_bytes().startswith(b"ID3") == (version != "0")
    assert sniff(file) == "mp3"


@pytest.mark.parametrize("extension", ["aac", "mp3", "flac", "wav"])
def test_what_follows_a_tag(tmp_path: Path, extension: str) -> None:
    """Of a file with an ID3 tag before it, what follows counts."""
    file = make(tmp_path, extension)
    file.write_bytes(TAG + file.read_bytes())

    assert sniff(file) == KINDS[extension]


def test_large_wave(tmp_path: Path) -> None:
    """A WAV file with lengths of 64 bits is one too."""
    assert sniff(make(tmp_path, "wav", "-rf64", "always")) == "wav"


@pytest.mark.parametrize(
    "content", [b"", b"I", b"#EXTM3U\n", b"ffconcat version 1.0\n", b"<svg>", b"RIFF\0\0\0\0AVI LIST", b"\x89PNG\r\n"]
)
def test_no_sound(tmp_path: Path, content: bytes) -> None:
    """What is no sound by its first bytes is not taken for one."""
    (tmp_path / "sound.mp3").write_bytes(content)

    assert sniff(tmp_path / "sound.mp3") is None


@settings(deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.sampled_from([b"", b"ID3", b"ID3\4\0\0\xff\xff\xff\xff", TAG]), st.binary(max_size=80))
def test_any_bytes(tmp_path: Path, start: bytes, rest: bytes) -> None:
    """Any bytes give an allowed demuxer or none."""
    (tmp_path / "any").write_bytes(start + rest)

    assert sniff(tmp_path / "any") in {None, *FORMATS.split(",")}


def test_folder_is_no_file(tmp_path: Path) -> None:
    """A folder is refused as what it is."""
    with pytest.raises(NotRegularError):
        open_regular(tmp_path)
